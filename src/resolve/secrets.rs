//! Fetches the secrets that manifests refer to, each once in a run (in a round of `watch`).
//!
//! The environment is handed in: only `cli` reads it. A secret goes nowhere but into the [`Secret`] that is handed
//! out; of a command nothing but its output is taken, and nothing is handed to it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;

use camino::Utf8PathBuf;

use crate::git_lfs;
use crate::limits;
use crate::secret::Secret;
use authoring::file::is_lfs_pointer;

/// Reads an environment variable.
pub type Environment = dyn Fn(&str) -> Option<OsString>;

/// The secrets of a run.
#[derive(Clone, Default)]
pub struct Secrets {
    environment: Option<Rc<Environment>>,
    /// Whether only those are looked at that are there, and no command is run.
    only_present: bool,
    fetched: HashMap<Origin, Fetched>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    Env(String),
    File(Utf8PathBuf),
    /// The folder in which it runs, the program and its arguments.
    Command(Utf8PathBuf, Vec<String>),
}

/// What came of looking for a secret.
#[derive(Clone)]
pub(super) enum Fetched {
    Value(Arc<Secret>),
    /// It was not looked at; why.
    Left(String),
    /// It is not there; what is wrong, and what would be right.
    Missing(String, String),
}

impl Secrets {
    /// Secrets that all have to be there.
    pub fn new(environment: impl Fn(&str) -> Option<OsString> + 'static) -> Self {
        Self { environment: Some(Rc::new(environment)), only_present: false, fetched: HashMap::new() }
    }

    /// Secrets that are looked at where they are there; commands are never run.
    pub fn only_present(self) -> Self {
        Self { only_present: true, ..self }
    }

    /// Forgets what stood in files, which are read again, before the same is resolved once more: commands are not run again for
    /// that.
    pub fn forget_files(&mut self) {
        self.fetched.retain(|origin, _| !matches!(origin, Origin::File(_)));
    }

    pub(super) fn are_only_present(&self) -> bool {
        self.only_present
    }

    pub(super) fn fetch(&mut self, origin: Origin) -> Fetched {
        if let Some(fetched) = self.fetched.get(&origin) {
            return fetched.clone();
        }
        let fetched = match self.value(&origin) {
            Fetched::Value(value) if value.is_empty() => {
                let what = match &origin {
                    Origin::Env(name) => format!("the environment variable `{name}` is empty"),
                    Origin::File(path) => format!("`{path}` is empty"),
                    Origin::Command(_, words) => format!("`{}` prints nothing", words.join(" ")),
                };
                Fetched::Missing(what, "a secret has a value".into())
            }
            fetched => fetched,
        };
        self.fetched.insert(origin, fetched.clone());
        fetched
    }

    fn value(&self, origin: &Origin) -> Fetched {
        match origin {
            Origin::Env(name) => match self.environment.as_ref().and_then(|environment| environment(name)) {
                Some(value) => Fetched::Value(Arc::new(Secret::new(value.into_encoded_bytes()))),
                None if self.only_present => Fetched::Left(format!("the environment variable `{name}` is not set")),
                None => {
                    let help = format!("set it for this run; in a pipeline, make it a masked variable `{name}`");
                    Fetched::Missing(format!("the environment variable `{name}` is not set"), help)
                }
            },
            Origin::File(path) if is_lfs_pointer(path).unwrap_or(false) => {
                let error = git_lfs::error(path);
                Fetched::Missing(error.to_string(), error.advice().unwrap_or_default().to_owned())
            }
            Origin::File(path) => match limits::open_within(path, limits::MAX_SECRET_LEN as u64).and_then(Secret::read)
            {
                Ok(value) => Fetched::Value(Arc::new(value.without_line_break())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => match self.only_present {
                    true => Fetched::Left(format!("`{path}` does not exist")),
                    false => {
                        let help = "paths are relative to the file that they are written in";
                        Fetched::Missing(format!("`{path}` does not exist"), help.into())
                    }
                },
                Err(error) => Fetched::Missing(format!("`{path}` can't be read: {error}"), "make it readable".into()),
            },
            Origin::Command(..) if self.only_present => Fetched::Left("commands are not run to check".into()),
            Origin::Command(folder, words) => run(folder, words),
        }
    }
}

/// Runs a command, and takes what it prints. What it has to say besides goes where our own messages go.
fn run(folder: &Utf8PathBuf, words: &[String]) -> Fetched {
    let (said, help) = (words.join(" "), "run it by hand in the folder of the manifest, and see what it says");
    let failed = |why: String| Fetched::Missing(format!("`{said}` {why}"), help.into());
    let Some((program, arguments)) = words.split_first() else { return failed("names no program".into()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    if *folder != "" {
        command.current_dir(folder);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return failed(format!("can't be run: {error}")),
    };
    let read = child.stdout.take().map_or_else(|| Err(io::ErrorKind::BrokenPipe.into()), Secret::read);
    if read.is_err() {
        // It may go on printing for ever.
        let _ = child.kill();
    }
    match (child.wait(), read) {
        (Ok(status), Ok(value)) if status.success() => Fetched::Value(Arc::new(value.without_line_break())),
        (Ok(status), Ok(_)) => failed(format!("failed: {status}")),
        (Err(error), _) | (_, Err(error)) => failed(format!("can't be read from: {error}")),
    }
}
