//! Resolves a rendered manifest to the [`Media`] it describes: finds every file, and reports
//! everything that prevents the build.
//!
//! Content is listed (folders, WIM headers) but not read. Mistakes become problems at the line that
//! names the content. Only the cache of WIM facts is written.
//!
//! Each step is a function of an immutable [`MediumRequest`] and returns its part of the medium.
//! [`assemble`] puts the parts together, and [`CHECKS`] run over the result.

mod assemble;
mod authority;
mod base;
pub mod boot;
mod boot_files;
mod boot_image;
mod boot_image_checks;
mod boot_policy;
mod boot_store_checks;
mod capacity;
mod capture;
mod checks;
mod clock;
mod content;
mod drivers;
mod exclusions;
mod expiry;
mod foreign_medium;
mod images;
mod lfs_pointers;
mod manifest_pointers;
mod media_data;
mod medium_path;
mod password_strength;
mod placement;
mod policies;
mod prestart;
mod programs;
mod request;
mod scratch_space;
mod secret_refs;
pub mod secrets;
mod secure_boot;
mod self_inclusion;
mod site;
mod sources;
mod stick;
mod supplied;
mod tree;
mod volume_tree;
pub mod wim;
mod wim_parts;
mod windows_pe;
mod written_paths;

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::date::Date;
use crate::file_identity::FileIdentity;
use crate::format::certificate::Certificate;
use crate::format::partitions::PartitionScheme;
use crate::inputs::Inputs;
use crate::manifest::{Capacity, LargeFiles, Manifest, OutputFormat, PartitionTable, Rendered};
use crate::media::Media;
use crate::media::data::MediaData;
use crate::output::{Form, Prompt, SecretContent, lists};
use crate::problem::{Problem, Problems};
use crate::progress::ProgressReporter;
use crate::secret::FingerprintKey;
use crate::store::Cache;
use crate::target::Expiry;

pub use clock::Clock;
pub use foreign_medium::ForeignMedium;
pub use supplied::SuppliedByBase;

use assemble::{AssembledMedium, assemble};
use checks::CHECKS;
use content::ContentOrigins;
use media_data::DataFiles;
use request::{MediumRequest, Notes};
use secrets::Secrets;
use sources::SourceIndex;
use stick::split_large_files;
use written_paths::WrittenPaths;

/// Finds the files, secrets and images that manifests name. Content shared by several sites is read
/// once.
#[derive(Default)]
pub struct Resolver {
    sources: SourceIndex,
    notes: Notes,
    clock: Option<Clock>,
    /// Lays out every medium, to report those that exceed a limit of their format.
    lays_out: bool,
}

impl Resolver {
    /// Creates a resolver that fetches secrets from `secrets`.
    pub fn new(secrets: Secrets) -> Self {
        Self { sources: SourceIndex::new(secrets), ..Self::default() }
    }

    /// Returns the secrets, including those fetched so far.
    pub fn into_secrets(self) -> Secrets {
        self.sources.secrets.into_inner()
    }

    /// Resolves a rendered manifest to its medium; `None` if any error was reported.
    ///
    /// `date` applies to media whose manifest has no date.
    pub fn resolve(&mut self, rendered: &Rendered, date: Date, problems: &mut Problems) -> Option<Media> {
        resolve(&self.request(rendered, date), problems)
    }

    /// Returns what the base of a manifest supplies; `None` if it has no base.
    ///
    /// # Errors
    ///
    /// The problems found if the base can't be read or its password is not available. They are
    /// returned, not added to `problems`, which only provides the sources of the manifest.
    pub fn supplied(
        &mut self,
        rendered: &Rendered,
        problems: &mut Problems,
    ) -> Option<std::result::Result<SuppliedByBase, Vec<Problem>>> {
        rendered.manifest.base()?;
        let request = self.request(rendered, Date::EARLIEST);
        let before = problems.mark();
        let base = base::open(&request, problems);
        let supplied = base.and_then(|base| media_data::build(&request, Some(&base), problems).supplied);
        let found = problems.take_since(before);
        Some(supplied.ok_or(found))
    }

    /// Returns the certificate that a medium presents to management points. `None` if it has none,
    /// or if an error was added to `problems`.
    pub fn certificate(&mut self, rendered: &Rendered, date: Date, problems: &mut Problems) -> Option<Certificate> {
        let request = self.request(rendered, date);
        let base = base::open(&request, problems);
        if base.is_none() && rendered.manifest.base().is_some() {
            return None;
        }
        let media = &rendered.manifest.media;
        let mut data = MediaData::new(media.kind, &media.name, rendered.site.as_deref());
        base.and_then(|base| base.data).iter().for_each(|base| data.inherit(base));
        site::add_site(&request, &mut data, problems).map(|(certificate, _)| certificate)
    }

    fn request<'a>(&'a mut self, rendered: &'a Rendered, date: Date) -> MediumRequest<'a> {
        let manifest = &rendered.manifest;
        // Outputs are relative to the manifest, even if a profile sets their path.
        let output = rendered.path.with_file_name(&manifest.output.path);
        self.notes.inputs.get_mut().note_output(&output);
        MediumRequest {
            rendered,
            sources: &self.sources,
            notes: &self.notes,
            written_paths: WrittenPaths::new(&rendered.path, &output),
            output,
            date: manifest.media.date().unwrap_or(date),
            used_exclusions: Default::default(),
            clock: self.clock,
            lays_out: self.lays_out,
        }
    }

    /// Notes that a manifest captures `file`, so that media that need the file wait for it.
    pub fn expect_capture(&mut self, file: &Utf8Path, manifest: &Utf8Path) {
        self.notes.captures.insert(FileIdentity::of(file), manifest.to_owned());
    }

    /// Returns the captures that media resolved since the last call are waiting for.
    pub fn take_awaited(&mut self) -> BTreeSet<Utf8PathBuf> {
        self.notes.awaited.take()
    }

    /// Returns the certificates and media that expire, of the media resolved since the last call.
    pub fn take_expiries(&mut self) -> Vec<Expiry> {
        self.notes.expiries.take()
    }

    /// Sets the cache for manifests resolved from now on.
    pub fn use_cache(&mut self, cache: &Cache) {
        self.sources.cache = Some(cache.objects());
        let secrets = self.sources.secrets.get_mut();
        // `check` must not write, so it never creates a key.
        let may_write = !secrets.are_incomplete();
        // Fingerprints of texts that stand in for secrets are only compared with each other.
        let key = secrets.are_withheld().then(|| Arc::new(FingerprintKey::new([0; FingerprintKey::LEN])));
        self.sources.key_folder = may_write.then(|| cache.folder().clone());
        self.sources.fingerprint_key.replace(key);
    }

    /// Reports long-running work of later calls to `reporter`.
    pub fn use_reporter(&mut self, reporter: ProgressReporter) {
        self.sources.reporter = reporter;
    }

    /// Returns the files and folders examined so far, existing or not, and the outputs.
    pub fn inputs(&self) -> Inputs {
        self.notes.inputs.borrow().clone()
    }

    /// Lays out every medium resolved from now on, to report those that exceed a limit of their
    /// format.
    pub fn lay_out(&mut self) {
        self.lays_out = true;
    }

    /// Sets the time used for expiry checks; without it they are skipped.
    pub fn use_clock(&mut self, clock: Clock) {
        self.clock = Some(clock);
    }

    /// Writes new facts about WIM files to the cache.
    pub fn remember(&self) {
        self.sources.remember();
    }
}

/// Resolves one medium. Each step returns its part and reports the problems of that part.
fn resolve(request: &MediumRequest<'_>, problems: &mut Problems) -> Option<Media> {
    let n_errors = problems.n_errors_added();
    let base = base::open(request, problems);
    if base.is_none() && request.rendered.manifest.base().is_some() {
        // Don't report as missing what the base would have supplied.
        return None;
    }
    let boot_image = boot_image::prepare(request, problems);
    let windows_pe = boot_image.as_ref().and_then(|image| image.windows_pe.as_ref());
    let start = boot_files::find(request, windows_pe, problems);
    let content = content::collect(request, windows_pe, problems);
    exclusions::report_unused(request, problems);
    let DataFiles { files, secret_content, supplied } = media_data::build(request, base.as_ref(), problems);
    if let (Some(base), Some(supplied)) = (&base, supplied) {
        let problem = Problem::note(supplied.summary()).at(request.place(&base.pointer), "");
        problems.add(problem.help(supplied.details().join("; ")));
    }
    let mut medium = assemble(request, boot_image, start, content, files, base.as_ref(), problems);
    split_large_files(request, &mut medium, problems);
    for check in CHECKS {
        check(request, &medium, problems);
    }
    let is_wrong = |problems: &Problems| problems.n_errors_added() > n_errors;
    // A pending capture makes the content incomplete, so stop even without an error.
    if is_wrong(problems) || !request.notes.awaited.borrow().is_empty() {
        return None;
    }
    let origins = mem::take(&mut medium.origins);
    let mut media = to_media(request, medium, &origins, secret_content);
    capacity::fit_capacity(request, &origins, &mut media, problems);
    if !is_wrong(problems) {
        capacity::check_layout(request, &origins, &media, problems);
    }
    (!is_wrong(problems)).then_some(media)
}

/// Combines the assembled medium with the settings of its manifest.
fn to_media(
    request: &MediumRequest<'_>,
    medium: AssembledMedium,
    origins: &ContentOrigins,
    secret_content: Option<SecretContent>,
) -> Media {
    let rendered = request.rendered;
    let manifest = &rendered.manifest;
    let description = descriptive_entries(manifest, medium.prompt());
    Media {
        name: manifest.media.name.clone(),
        kind: manifest.media.kind,
        site: rendered.site.clone(),
        form: Form::from(manifest),
        label: medium.label,
        description,
        date: request.date,
        autorun: manifest.media.autorun,
        // The size is unknown while a re-exported WIM file is pending.
        capacity: if medium.is_pending { Capacity::Unlimited } else { manifest.output.capacity },
        path: request.output.clone(),
        path_as_written: manifest.output.path.clone(),
        root: medium.root,
        boot: medium.start.entries,
        entries: origins.entries(),
        values: rendered.values().to_vec(),
        secret_content,
        discs: Vec::new(),
    }
}

impl From<&Manifest> for Form {
    fn from(manifest: &Manifest) -> Self {
        match manifest.format() {
            OutputFormat::Iso => Self::Disc,
            OutputFormat::Wim => Self::Wim,
            OutputFormat::Usb => {
                let scheme = match manifest.output.partition_table {
                    PartitionTable::Mbr => PartitionScheme::Mbr,
                    PartitionTable::Gpt => PartitionScheme::Gpt,
                };
                match manifest.output.large_files {
                    None | Some(LargeFiles::Split) => Self::Stick(scheme),
                    Some(LargeFiles::Ntfs) => Self::StickWithNtfs(scheme),
                }
            }
        }
    }
}

/// Returns the optional descriptive entries of the medium, by their keys in its lists.
fn descriptive_entries(manifest: &Manifest, prompt: Option<Prompt>) -> Vec<(&'static str, String)> {
    let media = &manifest.media;
    let words = [
        (lists::CREATED_BY, &media.created_by),
        (lists::VERSION, &media.version),
        (lists::COMMENT, &media.comment),
        (lists::VALID_FROM, &media.valid_from),
        (lists::EXPIRES, &media.expires),
    ];
    let words = words.into_iter().filter_map(|(key, word)| Some((key, word.clone()?)));
    let prestart = manifest.prestart.as_ref().and_then(|prestart| prestart.package_on_medium());
    let prestart = prestart.map(|package| (lists::PRESTART, prestart::windows_folder(package)));
    words.chain(prestart).chain(prompt.map(|prompt| (lists::PROMPT, prompt.as_str().to_owned()))).collect()
}
