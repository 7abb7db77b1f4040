//! `tsmedia push`, `pull` and `sync`: publishes media in registries and folders, and fetches them.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::screen::Screen;
use super::{Outcome, credential_files, project};
use crate::error::{Error, Result};
use crate::limits::{self, MAX_REMOTE_ATTACHMENT_LEN};
use crate::remote::{
    self, Attachment, PullAction, PullOptions, Pulled, PushOptions, RemoteAccess, RemoteReference, SyncOptions,
    SyncOutcome,
};
use crate::report;
use crate::size::Size;
use crate::store::{CacheFolder, Store};
use crate::write::{self, DiskOps, WriteOptions};

#[derive(Debug, Args)]
pub(super) struct AccessArguments {
    /// Allow HTTP without TLS; hosts on this machine always use it.
    #[arg(long)]
    plain_http: bool,
}

#[derive(Debug, Args)]
pub(super) struct PushArguments {
    /// Finished medium.
    #[arg(value_name = "MEDIUM")]
    medium: Utf8PathBuf,
    /// Name with a tag: `oci://HOST/REPOSITORY:TAG` or `file:///FOLDER:TAG`.
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// Attach a statement, such as a bill of materials; repeat for several.
    #[arg(long = "attach", value_name = "TYPE=FILE", value_parser = parse_attachment)]
    attachments: Vec<(String, Utf8PathBuf)>,
    #[command(flatten)]
    access: AccessArguments,
}

#[derive(Debug, Args)]
pub(super) struct PullArguments {
    /// Name with a tag or digest: `oci://HOST/REPOSITORY:TAG` or `file:///FOLDER:TAG`.
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// File to create or update.
    #[arg(value_name = "MEDIUM")]
    medium: Utf8PathBuf,
    /// Replace a file that is not a medium.
    #[arg(long)]
    force: bool,
    /// Rebuild instead of patching an existing medium.
    #[arg(long)]
    no_patch: bool,
    /// Write the statements about the medium to this folder.
    #[arg(long, value_name = "FOLDER")]
    attachments: Option<Utf8PathBuf>,
    #[command(flatten)]
    access: AccessArguments,
}

#[derive(Debug, Args)]
pub(super) struct SyncArguments {
    /// Repository without a tag: `oci://HOST/REPOSITORY` or `file:///FOLDER`.
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    /// Folder of the media.
    #[arg(value_name = "FOLDER")]
    folder: Utf8PathBuf,
    /// Only this tag; repeat for several.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Delete media whose tags are gone.
    #[arg(long, conflicts_with = "tags")]
    delete: bool,
    /// Rebuild instead of patching existing media.
    #[arg(long)]
    no_patch: bool,
    #[command(flatten)]
    access: AccessArguments,
}

fn parse_attachment(text: &str) -> std::result::Result<(String, Utf8PathBuf), String> {
    let is_type = |text: &str| {
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
        };
        text.split_once('/').is_some_and(|(kind, name)| is_part(kind) && is_part(name))
    };
    match text.split_once('=') {
        Some((media_type, path)) if is_type(media_type) && !path.is_empty() => Ok((media_type.into(), path.into())),
        _ => Err("write it as TYPE=FILE, such as `application/spdx+json=win11.spdx.json`".into()),
    }
}

pub(super) fn push(arguments: &PushArguments, screen: &Screen) -> Result<Outcome> {
    let reference = RemoteReference::parse(&arguments.reference)?;
    let attachments = arguments.attachments.iter().map(|(media_type, path)| read_attachment(media_type, path));
    let options = PushOptions {
        access: access(&arguments.access),
        disk: DiskOps::default(),
        attachments: attachments.collect::<Result<_>>()?,
    };
    screen.warn_of_journal(&arguments.medium);
    let doing = format!("publishing {}", arguments.medium);
    let pushed =
        screen.with_progress(&doing, |progress| remote::push(&arguments.medium, &reference, &options, progress))?;
    if screen.json {
        return screen.print_json(&report::pushed_json(&reference, &arguments.medium, &pushed));
    }
    screen.status(&format!(
        "published `{reference}`: {} of {}, {} sent",
        report::counted(pushed.n_sent, "new chunk"),
        pushed.n_chunks,
        Size(pushed.sent_len)
    ));
    screen.print_document(&format!("sha256:{}\n", pushed.digest))
}

pub(super) fn pull(arguments: &PullArguments, screen: &Screen) -> Result<Outcome> {
    let reference = RemoteReference::parse(&arguments.reference)?;
    let target = &arguments.medium;
    let options = PullOptions {
        access: access(&arguments.access),
        write: WriteOptions::default(),
        force: arguments.force,
        no_patch: arguments.no_patch,
    };
    let wants_attachments = arguments.attachments.is_some();
    let store = open_store(target);
    let pulled = screen.with_progress(&format!("fetching {reference}"), |progress| {
        remote::pull(&reference, target, wants_attachments, &store, &options, progress)
    })?;
    for attachment in
        arguments.attachments.iter().flat_map(|folder| pulled.attachments.iter().map(move |it| (folder, it)))
    {
        let (folder, Attachment { name, bytes, .. }) = attachment;
        let path = folder.join(name);
        write::open::refuse_link(&path)?;
        write::replace(&options.write.disk, &path, bytes)?;
    }
    if screen.json {
        return screen.print_json(&report::pulled_json(&reference, target, &pulled));
    }
    screen.status(&line(target, &pulled));
    Ok(Outcome::Done)
}

pub(super) fn sync(arguments: &SyncArguments, screen: &Screen) -> Result<Outcome> {
    let reference = RemoteReference::parse(&arguments.repository)?;
    let folder = &arguments.folder;
    let pull = PullOptions {
        access: access(&arguments.access),
        write: WriteOptions::default(),
        force: false,
        no_patch: arguments.no_patch,
    };
    let options = SyncOptions { pull, tags: arguments.tags.clone(), deletes: arguments.delete };
    let store = open_store(&folder.join("media.toml"));
    let synced = screen.with_progress(&format!("updating {folder}"), |progress| {
        remote::sync(&reference, folder, &store, &options, progress)
    })?;
    for medium in &synced {
        match &medium.outcome {
            SyncOutcome::Failed(error) => screen.print_error(error),
            SyncOutcome::UpToDate => screen.status(&format!("kept      `{}`", medium.path)),
            SyncOutcome::Deleted => screen.status(&format!("deleted   `{}`", medium.path)),
            SyncOutcome::Orphaned => {
                screen.status(&format!("unlisted  `{}`: its tag is gone; `--delete` removes it", medium.path));
            }
            SyncOutcome::Pulled(pulled) => screen.status(&line(&medium.path, pulled)),
        }
    }
    if screen.json {
        screen.print_json(&report::synced_json(&reference, &synced))?;
    }
    let has_failed = synced.iter().any(|medium| matches!(medium.outcome, SyncOutcome::Failed(_)));
    Ok(if has_failed { Outcome::ProblemsFound } else { Outcome::Done })
}

/// One line about a fetched medium.
fn line(path: &Utf8Path, pulled: &Pulled) -> String {
    let done = match pulled.action {
        PullAction::Keep => return format!("kept      `{path}`"),
        PullAction::Create => "created",
        PullAction::Patch => "patched",
        PullAction::Rebuild => "rebuilt",
    };
    let Pulled { n_fetched, n_chunks, fetched_len, .. } = pulled;
    format!("{done:9} `{path}`: {n_fetched} of {} fetched, {}", report::counted(*n_chunks, "chunk"), Size(*fetched_len))
}

/// Opens the cache for a file that no manifest makes: it has the keys of journals.
fn open_store(file: &Utf8Path) -> Store {
    Store::open(CacheFolder::find(file, project::cache_dir().as_deref()).path())
}

fn read_attachment(media_type: &str, path: &Utf8Path) -> Result<Attachment> {
    let bytes = limits::read(path, MAX_REMOTE_ATTACHMENT_LEN).map_err(|error| Error::io("reading", path, error))?;
    let name = path.file_name().unwrap_or_default();
    if !remote::is_file_name(name) {
        return Err(Error::new(format!("`{name}` can't be the name of an attachment"))
            .help("use letters, digits, spaces and `.`, `_`, `-`, `+`, and start with a letter or digit"));
    }
    Ok(Attachment { media_type: media_type.to_owned(), name: name.to_owned(), bytes })
}

fn access(arguments: &AccessArguments) -> RemoteAccess {
    RemoteAccess { plain_http: arguments.plain_http, credential_files: credential_files::find() }
}
