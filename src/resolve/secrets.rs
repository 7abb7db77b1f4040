//! Fetches the secrets that manifests refer to, each once per run (per round of `watch`).
//!
//! The environment is passed in; only `cli` reads it. Values only ever leave as [`Secret`]. Of a
//! command, only standard output is read, and standard input is empty.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;

use camino::Utf8PathBuf;

use crate::digest::Digest;
use crate::git_lfs;
use crate::limits;
use crate::secret::Secret;
use authoring::file::is_lfs_pointer;

/// Reads an environment variable.
pub type ReadVariable = dyn Fn(&str) -> Option<OsString>;

/// The secrets of a run.
#[derive(Clone, Default)]
pub struct Secrets {
    environment: Option<Rc<ReadVariable>>,
    mode: SecretsMode,
    fetched: HashMap<SecretOrigin, FetchedSecret>,
}

/// Treatment of secrets.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum SecretsMode {
    /// Fetch every secret, and report missing ones.
    #[default]
    Required,
    /// Skip missing secrets, and never run commands.
    OnlyPresent,
    /// Read no secret.
    Withheld,
}

/// Source of a secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum SecretOrigin {
    Env(String),
    File(Utf8PathBuf),
    /// Working folder, and the program with its arguments.
    Command(Utf8PathBuf, Vec<String>),
}

/// Result of fetching a secret.
#[derive(Clone)]
pub(super) enum FetchedSecret {
    Value(Arc<Secret>),
    /// The secret was not read; a text that stands in for it where it is only written to the medium.
    Withheld(Arc<Secret>),
    /// The secret was not checked; the text is the reason.
    Skipped(String),
    /// The secret is missing or unusable; the texts are message and help.
    Missing(String, String),
}

impl Secrets {
    /// Creates a store that reports every missing secret.
    pub fn new(environment: impl Fn(&str) -> Option<OsString> + 'static) -> Self {
        Self { environment: Some(Rc::new(environment)), ..Self::default() }
    }

    /// Makes missing secrets optional, and disables commands.
    pub fn only_present(self) -> Self {
        Self { mode: SecretsMode::OnlyPresent, ..self }
    }

    /// Reads no secret from now on. Texts that depend only on the names of secrets stand in for them.
    pub fn withheld(self) -> Self {
        Self { mode: SecretsMode::Withheld, ..self }
    }

    /// Forgets secrets from files, which are read again in the next round. Results of commands are
    /// kept.
    pub fn forget_files(&mut self) {
        self.fetched.retain(|origin, _| !matches!(origin, SecretOrigin::File(_)));
    }

    /// Returns `true` if the cache must not get a new fingerprint key: for `check`, and without
    /// secrets.
    pub(super) fn are_incomplete(&self) -> bool {
        self.mode != SecretsMode::Required
    }

    /// Returns `true` if no secret is read.
    pub(super) fn are_withheld(&self) -> bool {
        self.mode == SecretsMode::Withheld
    }

    pub(super) fn fetch(&mut self, origin: SecretOrigin) -> FetchedSecret {
        // Failures are kept as well, so that a command that fails runs only once.
        if let Some(fetched) = self.fetched.get(&origin) {
            return fetched.clone();
        }
        let fetched = match self.look_up(&origin) {
            FetchedSecret::Value(value) if value.is_empty() => {
                let what = match &origin {
                    SecretOrigin::Env(name) => format!("the environment variable `{name}` is empty"),
                    SecretOrigin::File(path) => format!("`{path}` is empty"),
                    SecretOrigin::Command(_, words) => format!("`{}` printed nothing", words.join(" ")),
                };
                FetchedSecret::Missing(what, "provide a value: secrets can't be empty".into())
            }
            fetched => fetched,
        };
        self.fetched.insert(origin, fetched.clone());
        fetched
    }

    fn look_up(&self, origin: &SecretOrigin) -> FetchedSecret {
        let only_present = self.mode == SecretsMode::OnlyPresent;
        match origin {
            _ if self.are_withheld() => FetchedSecret::Withheld(Arc::new(stand_in(origin))),
            SecretOrigin::Env(name) => match self.environment.as_ref().and_then(|environment| environment(name)) {
                Some(value) => FetchedSecret::Value(Arc::new(Secret::new(value.into_encoded_bytes()))),
                None if only_present => FetchedSecret::Skipped(format!("the environment variable `{name}` is not set")),
                None => {
                    let help = format!("set it for this run; in a CI pipeline, define a masked variable `{name}`");
                    FetchedSecret::Missing(format!("the environment variable `{name}` is not set"), help)
                }
            },
            SecretOrigin::File(path) if is_lfs_pointer(path).unwrap_or(false) => {
                let error = git_lfs::error(path);
                FetchedSecret::Missing(error.to_string(), error.advice().unwrap_or_default().to_owned())
            }
            SecretOrigin::File(path) => {
                match limits::open_within(path, limits::MAX_SECRET_LEN as u64).and_then(Secret::read) {
                    Ok(value) => FetchedSecret::Value(Arc::new(value.without_line_break())),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => match only_present {
                        true => FetchedSecret::Skipped(format!("`{path}` does not exist")),
                        false => {
                            let help = "paths are relative to the file they are written in";
                            FetchedSecret::Missing(format!("`{path}` does not exist"), help.into())
                        }
                    },
                    Err(error) => {
                        FetchedSecret::Missing(format!("`{path}` can't be read: {error}"), "make it readable".into())
                    }
                }
            }
            SecretOrigin::Command(..) if only_present => FetchedSecret::Skipped("`check` does not run commands".into()),
            SecretOrigin::Command(folder, words) => run_command(folder, words),
        }
    }
}

/// Returns a text in place of a secret. Folders don't count, so that a secret has the same stand-in
/// in two checkouts. It is long enough for any rule on the strength of passwords.
fn stand_in(origin: &SecretOrigin) -> Secret {
    let name = match origin {
        SecretOrigin::Env(name) => format!("env {name}"),
        SecretOrigin::File(path) => format!("file {}", path.file_name().unwrap_or_default()),
        SecretOrigin::Command(_, words) => format!("command {}", words.join("\0")),
    };
    Secret::from(format!("withheld-{}", Digest::hash(name.as_bytes())))
}

/// Runs a command, and returns its standard output. Its standard error is passed through.
fn run_command(folder: &Utf8PathBuf, words: &[String]) -> FetchedSecret {
    let (said, help) = (words.join(" "), "run the command in the folder of the manifest to see its error");
    let failed = |why: String| FetchedSecret::Missing(format!("`{said}` {why}"), help.into());
    let Some((program, arguments)) = words.split_first() else { return failed("has no program".into()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    if *folder != "" {
        command.current_dir(folder);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return failed(format!("can't be started: {error}")),
    };
    let read = child.stdout.take().map_or_else(|| Err(io::ErrorKind::BrokenPipe.into()), Secret::read);
    if read.is_err() {
        // Output over the limit may be endless.
        let _ = child.kill();
    }
    match (child.wait(), read) {
        (Ok(status), Ok(value)) if status.success() => FetchedSecret::Value(Arc::new(value.without_line_break())),
        (Ok(status), Ok(_)) => failed(format!("failed with {status}")),
        (Err(error), _) | (_, Err(error)) => failed(format!("failed while its output was read: {error}")),
    }
}
