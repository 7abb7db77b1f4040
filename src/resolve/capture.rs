//! Resolves a manifest with `[capture]` to its [`Target`]. Sources are found and examined, but not
//! read.

use std::fs;
use std::os::unix::fs::FileTypeExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::Resolver;
use super::lfs_pointers;
use super::request::unreadable;
use super::written_paths::WrittenPaths;
use crate::date::Date;
use crate::digest::Digest;
use crate::error::Error;
use crate::format::fat::CodePage;
use crate::format::partitions::Selection;
use crate::format::wim::Wim;
use crate::format::wim::capture::ContentCompression;
use crate::git_lfs;
use crate::limits;
use crate::manifest::{CaptureCompression, CaptureManifest, NONE, Placeholders, Rendered, WINDOWS};
use crate::problem::{Problem, Problems, Severity};
use crate::target::{CaptureRequest, CaptureSource, ExclusionList, Recipe, SourceSnapshot, Target, TargetFacts};
use authoring::file::is_lfs_pointer;

const PATH: &str = "/capture/path";

impl Resolver {
    /// Resolves a rendered manifest to its capture; `None` if any error was reported.
    ///
    /// `date` applies to images whose manifest has no date.
    pub fn resolve_capture(
        &mut self,
        rendered: &Rendered<CaptureManifest>,
        date: Date,
        problems: &mut Problems,
    ) -> Option<Target> {
        let n_errors = problems.n_errors_added();
        let table = &rendered.manifest.capture;
        // Outputs are relative to the manifest, even if a profile sets their path.
        let path = rendered.path.with_file_name(&table.path);
        self.notes.inputs.get_mut().note_output(&path);
        if path.is_dir() {
            let message = format!("`{}` can't be made: a folder has that name", table.path);
            let problem = Problem::error(message).at(rendered.place(PATH), "");
            problems.add(problem.help("choose another `path` in `[capture]`, or move the folder"));
        }
        let written_paths = WrittenPaths::new(&rendered.path, &path);
        let mut sources = Vec::new();
        for (at, source) in table.source.iter().enumerate().filter(|(_, source)| source.when) {
            let pointer = format!("/capture/source/{at}/path");
            let place = rendered.path_at(&pointer, &source.path);
            self.notes.inputs.get_mut().note_at(&place, rendered.place(&pointer));
            let title = format!("source `{}`", source.path);
            let allowed = source.allow_references.iter().enumerate();
            let allowed =
                allowed.map(|(n, path)| rendered.path_at(&format!("/capture/source/{at}/allow-references/{n}"), path));
            let references: Vec<_> = allowed.collect();
            references.iter().for_each(|path| self.notes.inputs.get_mut().note(path));
            if let Some((seen, named)) =
                inspect_source(rendered, &place, &references, &pointer, &written_paths, problems)
            {
                named.iter().for_each(|path| self.notes.inputs.get_mut().note(path));
                let partitions = Selection::new(&source.partitions, &source.skip_partitions);
                sources.push(CaptureSource {
                    title,
                    path: place,
                    name: source.name.clone(),
                    partitions,
                    references,
                    seen,
                });
            }
        }
        let exclusions = self.read_exclusions(rendered, problems);
        let update_from = self.find_update_source(rendered, &written_paths, problems);
        if problems.n_errors_added() > n_errors {
            return None;
        }
        let (exclusions, exclusions_said) = exclusions?;
        let mut description: Vec<(&str, String)> = vec![
            ("kind", "capture".into()),
            ("compression", table.compression.as_str().into()),
            ("exclusions", exclusions_said),
            ("check", table.check.to_string()),
        ];
        description.extend(table.strict.then(|| ("strict", "true".into())));
        if table.placeholders != Placeholders::default() {
            description.push(("placeholders", table.placeholders.as_str().into()));
        }
        if table.oem_code_page != CodePage::default().number() {
            description.push(("oem-code-page", table.oem_code_page.to_string()));
        }
        description.extend(rendered.site.clone().map(|site| ("site", site)));
        for (key, value) in
            [("description", &table.description), ("created-by", &table.created_by), ("version", &table.version)]
        {
            description.extend(value.clone().map(|value| (key, value)));
        }
        // Names and partitions are part of the images, but not of the table, so describe them by
        // source.
        let of_source = |source: &CaptureSource| {
            let name = source.name.clone().map(|name| (format!("name of {}", source.title), name));
            let has_choice = source.partitions != Selection::All;
            let chosen = has_choice.then(|| (format!("partitions of {}", source.title), source.partitions.to_string()));
            [name, chosen]
        };
        let names: Vec<_> = sources.iter().flat_map(of_source).flatten().collect();
        let request = CaptureRequest {
            sources,
            table: table.clone(),
            packing: match table.compression {
                CaptureCompression::None => ContentCompression::None,
                CaptureCompression::Xpress => ContentCompression::Xpress,
                CaptureCompression::Lzx => ContentCompression::Lzx,
                CaptureCompression::Solid => ContentCompression::Solid,
            },
            exclusions,
            update_from,
            date: table.date().unwrap_or(date),
            description: description.into_iter().map(|(key, value)| (key.to_owned(), value)).chain(names).collect(),
        };
        let (name, values) = (table.path.clone(), rendered.values().to_vec());
        Some(Target { path, name, values, recipe: Recipe::Capture(Box::new(request)), facts: TargetFacts::default() })
    }

    /// Returns the exclusions, and a description that changes whenever the list does.
    fn read_exclusions(
        &mut self,
        rendered: &Rendered<CaptureManifest>,
        problems: &mut Problems,
    ) -> Option<(ExclusionList, String)> {
        const POINTER: &str = "/capture/exclusions";
        let written = rendered.manifest.capture.exclusions.as_str();
        match written {
            WINDOWS => return Some((ExclusionList::Windows, WINDOWS.into())),
            NONE => return Some((ExclusionList::Nothing, NONE.into())),
            _ => {}
        }
        let path = rendered.path_at(POINTER, written);
        self.notes.inputs.get_mut().note_at(&path, rendered.place(POINTER));
        if is_lfs_pointer(&path).unwrap_or(false) {
            problems.add(problem_from(&git_lfs::error(&path)).at(rendered.place(POINTER), "named here"));
            return None;
        }
        match limits::read(&path, limits::MAX_EXCLUSIONS_LEN) {
            Ok(list) => {
                let said = format!("{written} ({})", &Digest::hash(&list).to_string()[..16]);
                Some((ExclusionList::Listed(path), said))
            }
            Err(error) => {
                let problem = unreadable(rendered, &path, &error, POINTER);
                problems.add(problem.help("write `windows`, `none`, or the path of a file with a list of exclusions"));
                None
            }
        }
    }

    fn find_update_source(
        &mut self,
        rendered: &Rendered<CaptureManifest>,
        written_paths: &WrittenPaths,
        problems: &mut Problems,
    ) -> Option<CaptureSource> {
        const POINTER: &str = "/capture/update-from";
        let written = rendered.manifest.capture.update_from.as_deref()?;
        let path = rendered.path_at(POINTER, written);
        self.notes.inputs.get_mut().note_at(&path, rendered.place(POINTER));
        let mut wrong = |message: String, help: &str| {
            problems.add(Problem::error(message).at(rendered.place(POINTER), "").help(help));
        };
        if written_paths.is_output(&path) {
            wrong(
                format!("`{written}` is also the output, so it would change with each run"),
                "name a WIM file of an earlier capture with another name, or remove `update-from`",
            );
            return None;
        }
        if let Err(error) = fs::metadata(&path) {
            problems.add(unreadable(rendered, &path, &error, POINTER));
            return None;
        }
        match SourceSnapshot::take(&path, &[]) {
            Err(error) => {
                problems.add(problem_from(&error).at(rendered.place(POINTER), ""));
                None
            }
            Ok((seen, _)) => {
                if let Err(error) = Wim::open(&path).and_then(|wim| wim.check_finished()) {
                    wrong(error.to_string(), error.advice().unwrap_or("name the WIM file of an earlier capture"));
                    return None;
                }
                Some(CaptureSource {
                    title: format!("update from `{written}`"),
                    path,
                    name: None,
                    partitions: Selection::All,
                    references: Vec::new(),
                    seen,
                })
            }
        }
    }
}

/// Examines a source. Returns its snapshot, and the files that a virtual disk refers to.
fn inspect_source(
    rendered: &Rendered<CaptureManifest>,
    path: &Utf8Path,
    references: &[Utf8PathBuf],
    pointer: &str,
    written_paths: &WrittenPaths,
    problems: &mut Problems,
) -> Option<(SourceSnapshot, Vec<Utf8PathBuf>)> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            problems.add(unreadable(rendered, path, &error, pointer));
            return None;
        }
    };
    let kind = metadata.file_type();
    let mut wrong = |message: String, help: &str| {
        problems.add(Problem::error(message).at(rendered.place(pointer), "").help(help));
        None
    };
    if !kind.is_dir() && !kind.is_file() && !kind.is_block_device() {
        let help = "name a folder, an image file or a block device";
        return wrong(format!("`{path}` is not a folder, an image file or a block device"), help);
    }
    if written_paths.output_is_in(path) {
        let help = "choose a `path` in `[capture]` outside of this source";
        return wrong(format!("`{path}` is or contains the output of this capture"), help);
    }
    if written_paths.folder_is_in(path) {
        let what = "contains the folder of the manifest, where tsmedia keeps its record and its cache";
        return wrong(
            format!("`{path}` {what}: it would change with each capture"),
            "move the manifest to a folder outside",
        );
    }
    let mut files = references.iter().map(Utf8PathBuf::as_path).chain([path]);
    if let Some(found) = files.find(|path| is_lfs_pointer(path).unwrap_or(false)) {
        problems.add(problem_from(&git_lfs::error(found)).at(rendered.place(pointer), "named here"));
        return None;
    }
    match SourceSnapshot::take(path, references) {
        Ok((seen, mut related)) => {
            related.pointer_sized.sort();
            if let Some(error) = lfs_pointers::error_for(path, &lfs_pointers::filter_pointers(&related.pointer_sized)) {
                let mut problem = problem_from(&error).at(rendered.place(pointer), "named here");
                // A custom exclusion list may exclude the pointers.
                if ![WINDOWS, NONE].contains(&rendered.manifest.capture.exclusions.as_str()) {
                    problem.severity = Severity::Warning;
                }
                problems.add(problem);
            }
            Some((seen, related.referenced))
        }
        Err(error) if kind.is_dir() => {
            let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            wrong(format!("`{path}` can't be read completely: {why}"), "make all its files and folders readable")
        }
        Err(error) => {
            problems.add(problem_from(&error).at(rendered.place(pointer), ""));
            None
        }
    }
}

/// Converts an error to a problem without a place.
fn problem_from(error: &Error) -> Problem {
    let problem = Problem::error(error.with_causes());
    match error.advice() {
        Some(help) => problem.help(help),
        None => problem,
    }
}
