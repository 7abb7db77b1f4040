//! Keeps a folder of media up to date with the tags of a repository.
//!
//! `.tsmedia-sync.json` in the folder notes the digest of each tag and the metadata of its file, so that a run without
//! changes asks for one digest per tag and reads no medium.

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::artifact::{MEDIUM_TYPE, TITLE};
use super::attachments::is_file_name;
use super::pull::{PullAction, PullOptions, Pulled, pull};
use super::reference::{RemoteReference, RemoteVersion};
use super::repository::Repository;
use crate::content::Stat;
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::limits::MAX_REMOTE_MANIFEST_LEN;
use crate::progress::Progress;
use crate::store::Store;
use crate::write::{DiskOps, IfBusy, Temporary, open, replace};

/// Options of a run.
#[derive(Clone, Debug, Default)]
pub struct SyncOptions {
    /// Options for fetching.
    pub pull: PullOptions,
    /// Tags to fetch; all if empty.
    pub tags: Vec<String>,
    /// `true` to delete media whose tags are gone.
    pub deletes: bool,
}

/// Medium of the folder.
#[derive(Debug)]
pub struct SyncedMedium {
    /// Tag in the repository.
    pub tag: String,
    /// Path of the file.
    pub path: Utf8PathBuf,
    /// Outcome of this run.
    pub outcome: SyncOutcome,
}

/// Outcome for one medium.
#[derive(Debug)]
pub enum SyncOutcome {
    /// The file is the published medium.
    UpToDate,
    /// The medium was fetched.
    Pulled(Box<Pulled>),
    /// The tag is gone and the file was deleted.
    Deleted,
    /// The tag is gone; the file stays.
    Orphaned,
    /// Fetching failed; an older file is as before.
    Failed(Error),
}

/// Name of the state in the folder.
const STATE: &str = ".tsmedia-sync.json";
/// Version of the state.
const FORMAT: u32 = 1;
/// Extensions that files may have, from the title of the medium.
const EXTENSIONS: [&str; 3] = ["iso", "img", "wim"];

/// State of a folder.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SyncState {
    format: u32,
    /// Media by repository and tag.
    media: BTreeMap<String, BTreeMap<String, SyncEntry>>,
}

/// Medium in the state.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SyncEntry {
    digest: Sha256,
    /// Name in the folder.
    file: String,
    stat: Stat,
}

/// Brings a folder up to date with a repository. A medium that fails is reported, and the others are fetched all the same.
///
/// # Errors
///
/// If the tags can't be read, a wanted tag does not exist, or the folder can't be used.
pub fn sync(
    from: &RemoteReference,
    folder: &Utf8Path,
    store: &Store,
    options: &SyncOptions,
    progress: &Progress,
) -> Result<Vec<SyncedMedium>> {
    if from.version.is_some() {
        return Err(Error::new(format!("`{from}` names one medium, not a repository"))
            .help(format!("write `{}`, and choose tags with `--tag`", from.place)));
    }
    let disk = &options.pull.write.disk;
    let repository = Repository::open(&from.place, &options.pull.access, disk)?;
    let tags = repository.tags()?;
    if let Some(missing) = options.tags.iter().find(|tag| !tags.contains(tag)) {
        return Err(Error::new(format!("`{from}` has no tag `{missing}`")));
    }
    // Holding a file of its own keeps a second run out of the folder.
    let _lock = Temporary::create(disk, &folder.join(".tsmedia-sync"), IfBusy::Fail)?;
    let mut state = SyncState::load(folder)?;
    let mut known = state.media.remove(&from.place.to_string()).unwrap_or_default();
    let mut synced = Vec::new();
    // Registries without a list of referrers keep it under such a tag.
    let is_wanted = |tag: &&String| match options.tags.is_empty() {
        true => !tag.starts_with("sha256-"),
        false => options.tags.contains(tag),
    };
    for tag in tags.iter().filter(is_wanted) {
        progress.check_cancelled()?;
        progress.set_subject(tag);
        let run = SyncRun { from: &from.with_tag(tag), tag, folder, repository: &repository, store, options, progress };
        let outcome = match run.update(&mut known) {
            Ok(None) => continue,
            Ok(Some(outcome)) => outcome,
            Err(error) if error.kind() == crate::error::ErrorKind::Interrupted => return Err(error),
            Err(error) => SyncOutcome::Failed(error),
        };
        let file = known.get(tag).map_or_else(|| format!("{}-{tag}", from.place.name()), |entry| entry.file.clone());
        synced.push(SyncedMedium { tag: tag.clone(), path: folder.join(file), outcome });
        state.media.insert(from.place.to_string(), known.clone());
        state.save(folder, disk)?;
    }
    for (tag, entry) in known.clone().into_iter().filter(|(tag, _)| !tags.contains(tag)) {
        let path = folder.join(&entry.file);
        let is_unchanged = stat_of(&path) == Some(entry.stat);
        let outcome = if options.deletes && is_unchanged {
            disk.remove(&path).map_err(|error| Error::io("removing", &path, error))?;
            known.remove(&tag);
            SyncOutcome::Deleted
        } else {
            SyncOutcome::Orphaned
        };
        synced.push(SyncedMedium { tag, path, outcome });
    }
    state.media.insert(from.place.to_string(), known);
    state.save(folder, disk)?;
    Ok(synced)
}

/// Update of one medium.
struct SyncRun<'a> {
    from: &'a RemoteReference,
    tag: &'a str,
    folder: &'a Utf8Path,
    repository: &'a Repository,
    store: &'a Store,
    options: &'a SyncOptions,
    progress: &'a Progress,
}

impl SyncRun<'_> {
    /// Fetches the medium if it has changed. `None` if the tag is not that of a medium.
    fn update(&self, known: &mut BTreeMap<String, SyncEntry>) -> Result<Option<SyncOutcome>> {
        let version = RemoteVersion::Tag(self.tag.to_owned());
        let digest = self.repository.resolve(&version)?;
        if let Some(entry) = known.get(self.tag)
            && Some(entry.digest) == digest
            && stat_of(&self.folder.join(&entry.file)) == Some(entry.stat)
        {
            return Ok(Some(SyncOutcome::UpToDate));
        }
        let file = match known.get(self.tag) {
            Some(entry) => entry.file.clone(),
            None => match self.file_name(&version)? {
                Some(file) => file,
                None => return Ok(None),
            },
        };
        let path = self.folder.join(&file);
        let pulled = pull(self.from, &path, false, self.store, &self.options.pull, self.progress)?;
        known.insert(self.tag.to_owned(), SyncEntry { digest: pulled.digest, file, stat: pulled.stat });
        Ok(Some(match pulled.action {
            PullAction::Keep => SyncOutcome::UpToDate,
            _ => SyncOutcome::Pulled(Box::new(pulled)),
        }))
    }

    /// Name of a new file: repository, tag, and the extension of the medium's title.
    fn file_name(&self, version: &RemoteVersion) -> Result<Option<String>> {
        let Some(stored) = self.repository.manifest(version)? else { return Ok(None) };
        if stored.manifest.artifact_type != MEDIUM_TYPE {
            return Ok(None);
        }
        let title = stored.manifest.annotations.get(TITLE).map(Utf8Path::new);
        let extension = title.and_then(Utf8Path::extension).filter(|extension| EXTENSIONS.contains(extension));
        Ok(Some(format!("{}-{}.{}", self.from.place.name(), self.tag, extension.unwrap_or("img"))))
    }
}

impl SyncState {
    fn load(folder: &Utf8Path) -> Result<Self> {
        let path = folder.join(STATE);
        let bytes = match open::read_own(&path, MAX_REMOTE_MANIFEST_LEN) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { format: FORMAT, ..Self::default() });
            }
            bytes => bytes.map_err(|error| open::failed("reading", &path, error))?,
        };
        // A state that can't be read costs a comparison of all media, no more.
        let mut state: Self = serde_json::from_slice(&bytes).unwrap_or_default();
        if state.format != FORMAT {
            state = Self { format: FORMAT, ..Self::default() };
        }
        for media in state.media.values_mut() {
            media.retain(|_, entry| is_file_name(&entry.file));
        }
        Ok(state)
    }

    fn save(&self, folder: &Utf8Path, disk: &DiskOps) -> Result<()> {
        let text =
            serde_json::to_vec_pretty(self).map_err(|error| Error::new("formatting the state").because(error))?;
        replace(disk, &folder.join(STATE), &text)
    }
}

fn stat_of(path: &Utf8Path) -> Option<Stat> {
    fs::symlink_metadata(path).ok().map(|metadata| Stat::from_metadata(&metadata))
}
