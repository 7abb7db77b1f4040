//! `tsmedia sequence import`: converts exported task sequences to TOML files.

use std::io::{BufReader, Read};

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;

use super::manifest_entries::{manifest_entries, package_names};
use super::{refuse_existing, write_file};
use crate::cli::Outcome;
use crate::cli::file_kind::{self, FileKind};
use crate::cli::screen::Screen;
use crate::error::{Error, Result};
use crate::foreign_text;
use crate::inputs::Inputs;
use crate::limits::{self, MAX_EXPORT_LEN};
use crate::project::refuse_input;
use crate::report::{self, Page};
use crate::sequence::export::{self, Export, ExportedSequence};
use crate::sequence::share::DeploymentShare;
use crate::sequence::{self, Body, Sequence, Step, Value};
use crate::write::open;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Exported `.zip`, archive of several, XML of one task sequence, or a deployment share.
    #[arg(value_name = "EXPORT")]
    export: Utf8PathBuf,
    /// Deployment share with the applications and images that `ts.xml` refers to.
    #[arg(long, value_name = "FOLDER")]
    share: Option<Utf8PathBuf>,
    /// File to write; for several task sequences, the folder of their files.
    #[arg(short, long, value_name = "FILE")]
    out: Option<Utf8PathBuf>,
    /// Replace existing files.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let kinds = [FileKind::Xml, FileKind::Zip, FileKind::Folder];
    file_kind::expect(&arguments.export, &kinds, "a task sequence that the console exported")?;
    let is_folder = arguments.export.is_dir();
    let folder = if is_folder { Some(&arguments.export) } else { arguments.share.as_ref() };
    let mut share = folder.map(|folder| DeploymentShare::open(folder)).transpose()?;
    let export = match &mut share {
        Some(share) if is_folder => share.sequences(),
        share => read(&arguments.export, share.as_mut())?,
    };
    let all = &export.sequences;
    let paths = output_paths(arguments, &export)?;
    let mut inputs = Inputs::default();
    inputs.note(&arguments.export);
    let texts: Vec<_> = all
        .iter()
        .map(|one| foreign_text::toml(&sequence::write(&one.sequence, &package_names(one))).into_owned())
        .collect();
    // Check all files before the first one is written.
    for path in &paths {
        refuse_input(path, &inputs)?;
        refuse_existing(path, arguments.force)?;
    }
    for (path, text) in paths.iter().zip(&texts) {
        if let Some(folder) = path.parent().filter(|folder| *folder != "") {
            open::create_folders(folder).map_err(|error| Error::io("making", folder, error))?;
        }
        write_file(path, text, arguments.force)?;
    }
    let lists = share.iter().flat_map(|share| &share.unreadable);
    let unreadable: Vec<_> = lists.chain(&export.unreadable).collect();
    unreadable.iter().for_each(|one| screen.print_error(&one.error));
    match screen.json {
        true => {
            let described =
                all.iter().enumerate().map(|(index, one)| imported_json(one, paths.get(index), &texts[index]));
            screen.print_json(&json!({ "sequences": described.collect::<Vec<_>>() }))?;
        }
        false => {
            for (index, one) in all.iter().enumerate() {
                print_imported(one, paths.get(index), screen);
            }
            let entries = manifest_entries(all, &paths, share.as_ref());
            if paths.is_empty() && !all.is_empty() {
                let mut page = Page::default();
                entries.lines().for_each(|line| page.line(line));
                screen.status_page(&page);
                screen.print_document(&texts.concat())?;
            } else {
                screen.print_document(&entries)?;
            }
        }
    }
    Ok(if unreadable.is_empty() { Outcome::Done } else { Outcome::ProblemsFound })
}

/// Reads a ZIP archive or XML, detected by its first bytes.
fn read(path: &Utf8Path, share: Option<&mut DeploymentShare>) -> Result<Export> {
    let failed = |error| Error::new(format!("`{path}` can't be imported")).because(error);
    let io = |error| Error::io("reading", path, error);
    let mut file = limits::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    (&mut file).take(4).read_to_end(&mut bytes).map_err(io)?;
    if bytes.starts_with(b"PK") {
        return export::read_zip(BufReader::new(file)).map_err(failed);
    }
    (&mut file).take(MAX_EXPORT_LEN).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 >= MAX_EXPORT_LEN {
        return Err(failed(Error::new(format!(
            "the file is larger than {MAX_EXPORT_LEN} bytes, the limit for a task sequence"
        ))));
    }
    let name = path.file_stem().unwrap_or("sequence");
    match share {
        Some(share) => export::read_document_with_share(&bytes, name, &mut share.share).map_err(failed),
        None => export::read_document(&bytes, name).map_err(failed),
    }
}

/// Returns the files to write; none for standard output.
fn output_paths(arguments: &Arguments, export: &Export) -> Result<Vec<Utf8PathBuf>> {
    match &arguments.out {
        None if export.len() == 1 || export.sequences.is_empty() => Ok(Vec::new()),
        None => {
            let readable = export.sequences.iter().map(|one| &one.sequence.name);
            let all = readable.chain(export.unreadable.iter().map(|one| &one.name));
            let names: Vec<_> = all.map(|name| format!("`{name}`")).collect();
            let count = export.len();
            Err(Error::new(format!("`{}` contains {count} task sequences: {}", arguments.export, names.join(", ")))
                .help("choose a folder for their files: `-o sequences`"))
        }
        // A deployment share always gets a folder, even if it happens to have one task sequence.
        Some(path) if export.len() == 1 && !path.is_dir() && !arguments.export.is_dir() => Ok(vec![path.clone()]),
        Some(folder) => {
            let mut paths: Vec<Utf8PathBuf> = Vec::new();
            for one in &export.sequences {
                let name = export::file_name(&one.sequence.name);
                let id = one.id.as_deref().map(|id| format!("{name}-{}", id.to_lowercase()));
                let numbered = (2..).map(|number| format!("{name}-{number}"));
                // Task sequences may have the same name: add the ID, or else a number.
                let mut candidates = std::iter::once(name.clone()).chain(id).chain(numbered);
                let path = candidates.find_map(|name| {
                    let path = folder.join(format!("{name}.toml"));
                    (!paths.contains(&path)).then_some(path)
                });
                paths.extend(path);
            }
            Ok(paths)
        }
    }
}

/// Returns the names of steps that contain XML without a key in the catalog.
fn steps_with_kept_xml(sequence: &Sequence) -> Vec<String> {
    let keeps = |(_, step): &(Vec<&Step>, &Step)| sequence::xml::has_unmapped_parts(step);
    sequence.walk().into_iter().filter(keeps).map(|(_, step)| step.name.clone()).collect()
}

/// Returns the names of steps of the Microsoft Deployment Toolkit integration.
fn toolkit_steps(sequence: &Sequence) -> Vec<String> {
    let is_one = |step: &Step| matches!(&step.body, Body::Foreign(foreign) if foreign.class.starts_with("BDD_"));
    sequence.walk().into_iter().filter(|(_, step)| is_one(step)).map(|(_, step)| step.name.clone()).collect()
}

/// Returns the steps and keys whose secrets an export leaves out.
fn missing_secrets(sequence: &Sequence) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for (_, step) in sequence.walk() {
        let values = step.action().into_iter().flat_map(|action| &action.values);
        found.extend(
            values.filter(|(_, value)| matches!(value, Value::Secret(_))).map(|(key, _)| (step.name.clone(), *key)),
        );
    }
    found
}

/// Returns the IDs of child task sequences.
fn child_sequences(sequence: &Sequence) -> Vec<String> {
    let of_step = |step: &Step| step.action()?.text("task-sequence").map(str::to_owned);
    sequence.walk().into_iter().filter_map(|(_, step)| of_step(step)).collect()
}

fn quote_list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn print_imported(one: &ExportedSequence, path: Option<&Utf8PathBuf>, screen: &Screen) {
    let sequence = &one.sequence;
    let steps = sequence.walk();
    let n_steps = sequence.n_steps();
    let groups = report::counted(steps.len() - n_steps, "group");
    let size = format!("{} in {groups}", report::counted(n_steps, "step"));
    match path {
        Some(path) => screen.status(&format!("wrote `{path}`: `{}`, {size}", sequence.name)),
        None => screen.status(&format!("`{}`: {size}", sequence.name)),
    }
    if let Some(why) = &one.assumed_encoding {
        let error = Error::new(format!("`{}` was read as windows-1252: {why}", sequence.name));
        screen.print_warning(
            &error.help("check letters such as `é`; if they are wrong, save the file as UTF-8 and import it again"),
        );
    }
    if let Some(conversion) = &one.conversion {
        screen.status_page(&report::conversion(conversion));
    }
    let of_toolkit = toolkit_steps(sequence);
    if !of_toolkit.is_empty() && one.conversion.is_none() {
        let count = report::counted(of_toolkit.len(), "step");
        let needs = if of_toolkit.len() == 1 { "needs" } else { "need" };
        let message = format!("{count} {needs} files of the Microsoft Deployment Toolkit: {}", quote_list(&of_toolkit));
        screen.print_warning(
            &Error::new(message)
                .help("keep the toolkit's packages, or replace the steps; the toolkit was retired in January 2026"),
        );
    }
    let kept = steps_with_kept_xml(sequence);
    if !kept.is_empty() && one.conversion.is_none() {
        screen.status(&format!("kept as exported XML, for lack of a key: parts of {}", quote_list(&kept)));
    }
    for (step, key) in missing_secrets(sequence) {
        if one.conversion.is_none() {
            screen.status(&format!(
                "add `{key}` to the step `{step}`: exports contain no secrets (missing-exported-secret)"
            ));
        }
    }
    let children = child_sequences(sequence);
    if !children.is_empty() {
        screen.status(&format!("it runs other task sequences; import them too: {}", quote_list(&children)));
    }
}

fn imported_json(one: &ExportedSequence, path: Option<&Utf8PathBuf>, text: &str) -> serde_json::Value {
    let steps = one.sequence.walk();
    let n_steps = one.sequence.n_steps();
    let secrets: Vec<_> =
        missing_secrets(&one.sequence).iter().map(|(step, key)| json!({ "step": step, "key": key })).collect();
    let names = package_names(one);
    let references = sequence::xml::packages(&one.sequence);
    let references: Vec<_> = references.iter().map(|id| json!({ "id": id, "name": names.get(id) })).collect();
    json!({
        "id": one.id,
        "name": one.sequence.name,
        "file": path,
        "steps": n_steps,
        "groups": steps.len() - n_steps,
        "kept": steps_with_kept_xml(&one.sequence),
        "toolkit-steps": toolkit_steps(&one.sequence),
        "assumed-encoding": one.assumed_encoding.as_ref().map(|_| "windows-1252"),
        "secrets": secrets,
        "references": references,
        "task-sequences": child_sequences(&one.sequence),
        "conversion": one.conversion.as_ref().map(report::conversion_json),
        "toml": if path.is_none() { Some(text) } else { None },
    })
}
