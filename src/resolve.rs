//! From a rendered manifest to the [`Media`] it means: finds every file, and every reason why it can't be built.
//!
//! This is where content is looked at (folders listed, WIM headers read) but not yet read. What is wrong becomes a
//! problem at the line that names the content; nothing is written but what the cache remembers of WIM files.

mod authority;
pub mod boot;
mod capacity;
mod capture;
mod content;
mod data;
mod drivers;
mod expiry;
mod fit;
mod images;
mod itself;
mod parts;
mod pointers;
mod programs;
mod request;
pub mod secrets;
mod secure_boot;
mod site;
mod sources;
mod start;
mod stick;
mod stores;
mod strength;
mod tree;
pub mod wim;

use std::collections::BTreeSet;
use std::io;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::Content;
use crate::date::Date;
use crate::file_identity::FileIdentity;
use crate::firmware::Firmware;
use crate::format::partitions::Scheme;
use crate::format::wim::{Architecture, WindowsVersion};
use crate::inputs::Inputs;
use crate::manifest::{
    Capacity, ExtraFile, Kind, LargeFiles, Manifest, MediaTable, OutputFormat, PartitionTable, Rendered,
};
use crate::media::{self, Media};
use crate::output::{Entry, Form, Prompt, lists};
use crate::problem::{Place, Problem, Problems};
use crate::progress::Audience;
use crate::store::Objects;
use crate::volume::{BootEntry, Folder, Misplaced, Node};

pub use expiry::Clock;

use boot::BOOTFIX;
use itself::OwnPlaces;
use request::{Notes, Request};
use secrets::Secrets;
use sources::SourceIndex;
use stores::Stores;

/// Finds what manifests name. Content that several sites share is looked at once.
#[derive(Default)]
pub struct Resolver {
    sources: SourceIndex,
    notes: Notes,
    clock: Option<Clock>,
    /// Set to lay every medium out to see that it can be.
    lays_out: bool,
}

impl Resolver {
    /// A resolver that finds secrets in `secrets`.
    pub fn new(secrets: Secrets) -> Self {
        Self { sources: SourceIndex::new(secrets), ..Self::default() }
    }

    /// Returns the secrets, as far as they were fetched.
    pub fn into_secrets(self) -> Secrets {
        self.sources.secrets.into_inner()
    }

    /// Returns the medium that a rendered manifest means, unless something is wrong with it.
    ///
    /// `date` is that of media whose manifest gives none.
    pub fn resolve(&mut self, rendered: &Rendered, date: Date, problems: &mut Problems) -> Option<Media> {
        let n_errors = problems.n_errors_told();
        let manifest = &rendered.manifest;
        // Outputs belong to the manifest, wherever their path was written.
        let path = rendered.path.with_file_name(&manifest.output.path);
        self.notes.inputs.get_mut().note_output(&path);
        let request = Request {
            rendered,
            sources: &self.sources,
            notes: &self.notes,
            own_places: OwnPlaces::of(&rendered.path, &path),
            date: manifest.media.date().unwrap_or(date),
            clock: self.clock,
        };
        let date = request.date;
        let mut draft = Draft {
            rendered,
            request: &request,
            problems,
            root: Folder::default(),
            whole: "on the medium",
            entries: Vec::new(),
            pointers: Vec::new(),
            architecture: None,
            windows_pe: None,
            stores: Stores::default(),
            prompts_under_uefi: false,
            is_unsure: false,
        };
        let boot = draft.add_boot(date);
        // Nothing but boot files is on the medium yet.
        let is_boot_file = draft.has_boot_policy();
        draft.add_content();
        let veiled = draft.add_data();
        draft.add_own_files();
        draft.check_stores();
        draft.check_boot_policy(is_boot_file);
        let prompt = draft.prompt(&boot);
        draft.check_stick();
        draft.check_path(&path, &manifest.output.path);
        if draft.problems.n_errors_told() > n_errors || !request.notes.awaited.borrow().is_empty() {
            return None;
        }
        let mut media = Media {
            name: manifest.media.name.clone(),
            kind: manifest.media.kind,
            site: rendered.site.clone(),
            form: Form::from(manifest),
            label: manifest.label().to_owned(),
            words: words(&manifest.media, prompt),
            date,
            autorun: manifest.media.autorun,
            capacity: manifest.output.capacity,
            path,
            path_as_written: manifest.output.path.clone(),
            root: mem::take(&mut draft.root),
            boot,
            entries: draft.entries.clone(),
            values: rendered.values().to_vec(),
            veiled,
            discs: Vec::new(),
        };
        if draft.is_unsure {
            // How much it will be is not known yet.
            media.capacity = Capacity::Unlimited;
        }
        draft.fit(&mut media);
        if draft.problems.n_errors_told() == n_errors {
            draft.check_layout(&media, self.lays_out);
        }
        (draft.problems.n_errors_told() == n_errors).then_some(media)
    }

    /// Notes that a file will be captured for a manifest: media that need it wait for it.
    pub fn expect(&mut self, file: &Utf8Path, manifest: &Utf8Path) {
        self.notes.captures.insert(FileIdentity::of(file), manifest.to_owned());
    }

    /// Returns the files that media resolved since the last call wait for.
    pub fn take_awaited(&mut self) -> BTreeSet<Utf8PathBuf> {
        self.notes.awaited.take()
    }

    /// Sets the cache for manifests resolved from now on.
    pub fn use_cache(&mut self, cache: Objects) {
        self.sources.cache = Some(Rc::new(cache));
    }

    /// Reports long-running work to `audience` from now on.
    pub fn use_audience(&mut self, audience: Audience) {
        self.sources.audience = audience;
    }

    /// Sets the cache folder whose key is used for fingerprints of secrets from now on.
    pub fn use_veil_of(&mut self, cache: &Utf8Path) {
        // To check is to write nothing.
        let is_kept = !self.sources.secrets.get_mut().are_only_present();
        self.sources.veil_folder = is_kept.then(|| cache.to_owned());
        self.sources.veil.take();
    }

    /// Returns the files and folders that were looked at, there or not; outputs too.
    pub fn inputs(&self) -> Inputs {
        self.notes.inputs.borrow().clone()
    }

    /// Lays out every medium that is resolved from now on, to report what no medium holds.
    pub fn lay_out(&mut self) {
        self.lays_out = true;
    }

    /// Sets the time used for expiry checks; without it they are skipped.
    pub fn use_clock(&mut self, clock: Clock) {
        self.clock = Some(clock);
    }

    /// Writes what was learnt of WIM files to the caches.
    pub fn remember(&self) {
        self.sources.remember();
    }
}

/// How many faults of one folder are told one by one.
const MAX_FAULTS: usize = 10;

/// A medium that is being put together, and what is wrong with it so far.
struct Draft<'a> {
    rendered: &'a Rendered,
    request: &'a Request<'a>,
    problems: &'a mut Problems,
    root: Folder,
    /// Where what is added goes, in words: on the medium, or in the boot image.
    whole: &'static str,
    entries: Vec<Entry>,
    /// Of each entry: where the manifest says what it is.
    pointers: Vec<String>,
    /// The processors that the boot image says it is for.
    architecture: Option<Architecture>,
    /// The version of Windows PE in it, if that is known.
    windows_pe: Option<WindowsVersion>,
    /// The boot stores that were brought.
    stores: Stores,
    /// `true` if the EFI boot image of a disc waits for a key.
    prompts_under_uefi: bool,
    /// Whether something on it has to be made first, and nothing may be written now: then neither its length is known
    /// nor what becomes of it.
    is_unsure: bool,
}

impl Draft<'_> {
    /// Adds what the medium carries of its own accord, last, so that the complaint is about the author's file.
    fn add_own_files(&mut self) {
        let media = &self.rendered.manifest.media;
        if self.root.get(lists::FOLDER).is_some() {
            let message = format!("the folder `{}` of a medium is for its own lists", lists::FOLDER);
            let problem = Problem::error(message).at(self.place(&self.pointer_into(lists::FOLDER)), "puts files there");
            self.problems.add(problem.help("give your files another path on the medium"));
        }
        if media.kind == Kind::Prestaged {
            // It has no label, and nobody puts it in.
            return;
        }
        for (path, content) in media::own_files(&media.label, media.autorun, &self.root) {
            if self.root.insert(path, content).is_ok() {
                continue;
            }
            let message = format!("`{path}` is already on the medium, and tsmedia writes it");
            let problem = Problem::error(message).at(self.place(&self.pointer_into(path)), "puts it there");
            let help = match path {
                media::AUTORUN_FILE => "leave out your own file, or `autorun = true`",
                _ => "leave out your own file: its text comes from `label`",
            };
            self.problems.add(problem.help(help));
        }
    }

    /// Returns the firmware under which the disc will ask for a key; `None` if it is not started as a disc.
    fn prompt(&mut self, boot: &[BootEntry]) -> Option<Prompt> {
        let is_bios = boot.iter().any(|entry| entry.firmware == Firmware::Bios);
        let bios = is_bios && matches!(self.root.get(BOOTFIX), Some(Node::File(_)));
        if let (true, false, Some(pointer)) = (bios, self.rendered.manifest.prompt(), self.pointer_of(BOOTFIX)) {
            let message = format!("BIOS will wait for a key, because of `{BOOTFIX}`");
            let problem = Problem::warning(message).at(self.place(&pointer), "brings it");
            self.problems.add(problem.help("leave the file out, or write `prompt = true` in `[boot]`"));
        }
        (!boot.is_empty()).then_some(Prompt { bios, uefi: self.prompts_under_uefi })
    }

    /// The output has to be a file, and what it goes into a folder.
    fn check_path(&mut self, path: &Utf8Path, written: &str) {
        let in_the_way = path.ancestors().skip(1).find(|above| above.is_file());
        let message = match in_the_way {
            Some(above) => format!("the output `{written}` can't be made: `{above}` is a file"),
            None if path.is_dir() => format!("the output `{written}` can't be made: there is a folder of that name"),
            None => return,
        };
        let problem = Problem::error(message).at(self.place("/output/path"), "");
        self.problems.add(problem.help("choose another `path` in `[output]`, or move what is in the way"));
    }

    /// Puts a file on the medium for the value at `pointer`.
    fn insert(&mut self, path: &str, content: Content, pointer: &str) {
        if let Err(misplaced) = self.root.insert(path, content) {
            self.misplaced(path, &misplaced, pointer);
        }
    }

    /// Puts a folder's files on the medium for the value at `pointer`. A file that is in its place already, as boot
    /// files are when the whole of an extracted Windows ISO follows them, is left there.
    fn merge(&mut self, path: &str, folder: &Arc<Folder>, pointer: &str) {
        let refused = match self.root.merge(path, Arc::clone(folder)) {
            Ok(refused) => refused,
            Err(misplaced) => return self.misplaced(path, &misplaced, pointer),
        };
        let is_there = |at: &str| {
            let within = at.strip_prefix(path).and_then(|at| at.strip_prefix('/')).unwrap_or(at);
            is_same_source(self.root.get(at), folder.get(within))
        };
        let refused: Vec<_> = refused.into_iter().filter(|(at, _)| !is_there(at)).collect();
        for (path, misplaced) in refused.iter().take(MAX_FAULTS) {
            self.misplaced(path, misplaced, pointer);
        }
        if let Some(n_more) = refused.len().checked_sub(MAX_FAULTS).filter(|n_more| *n_more > 0) {
            let problem = Problem::error(format!("{n_more} more files find their places {} taken", self.whole));
            self.problems.add(problem.at(self.place(pointer), "wanted here"));
        }
    }

    fn misplaced(&mut self, path: &str, misplaced: &Misplaced, pointer: &str) {
        let problem = match misplaced {
            Misplaced::BadName(bad) => {
                Problem::error(format!("`{path}` can't be {}: {bad}", self.whole)).help("rename it")
            }
            Misplaced::Taken(taken) => {
                let there = match self.root.get(taken) {
                    Some(Node::File(Content::Source(file))) => {
                        format!("`{taken}`, which comes from `{}`,", file.path())
                    }
                    Some(Node::Folder(_)) => format!("the folder `{taken}`"),
                    _ => format!("`{taken}`"),
                };
                Problem::error(format!("`{path}` finds its place {} taken: {there} is there already", self.whole))
                    .help("leave one of them out, or give it another path; names that differ only in case are one name")
            }
        };
        self.problems.add(problem.at(self.place(pointer), "wanted here"));
    }

    fn unreadable(&mut self, path: &Utf8Path, error: &io::Error, pointer: &str) {
        self.request.unreadable(path, error, pointer, self.problems);
    }

    fn input(&mut self, pointer: &str, path: &str) -> Utf8PathBuf {
        self.request.input(pointer, path)
    }

    /// The loose files or folder of the manifest that brought what bears a name at the root of the medium.
    fn pointer_into(&self, name: &str) -> String {
        let starts_there =
            |path: &str| path == "." || path.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case(name));
        let brought_it = |(_, file): &(usize, &ExtraFile)| file.when && starts_there(&file.path);
        match self.rendered.manifest.file.iter().enumerate().rfind(brought_it) {
            Some((at, _)) => format!("/file/{at}/path"),
            None => "/media".into(),
        }
    }

    fn place(&self, pointer: &str) -> Place {
        self.rendered.place(pointer)
    }
}

impl From<&Manifest> for Form {
    fn from(manifest: &Manifest) -> Self {
        match manifest.format() {
            OutputFormat::Iso => Self::Disc,
            OutputFormat::Wim => Self::Wim,
            OutputFormat::Usb => {
                let scheme = match manifest.output.partition_table {
                    PartitionTable::Mbr => Scheme::Mbr,
                    PartitionTable::Gpt => Scheme::Gpt,
                };
                match manifest.output.large_files {
                    None | Some(LargeFiles::Split) => Self::Stick(scheme),
                    Some(LargeFiles::Ntfs) => Self::StickWithNtfs(scheme),
                }
            }
        }
    }
}

/// What a medium says of itself beside what every one does.
fn words(media: &MediaTable, prompt: Option<Prompt>) -> Vec<(&'static str, String)> {
    let words = [
        (lists::CREATED_BY, &media.created_by),
        (lists::VERSION, &media.version),
        (lists::COMMENT, &media.comment),
        (lists::VALID_FROM, &media.valid_from),
        (lists::EXPIRES, &media.expires),
    ];
    let words = words.into_iter().filter_map(|(key, word)| Some((key, word.clone()?)));
    words.chain(prompt.map(|prompt| (lists::PROMPT, prompt.as_str().to_owned()))).collect()
}

/// Whether two files are one file on disk, or are made of one alike.
fn is_same_source(one: Option<&Node>, other: Option<&Node>) -> bool {
    match (one, other) {
        (Some(Node::File(Content::Source(one))), Some(Node::File(Content::Source(other)))) => one.key() == other.key(),
        _ => false,
    }
}
