//! `tsmedia sequence`: task sequences of the console as files of a repository, and back.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};
use serde_json::json;

use super::file_kind::{self, FileKind};
use super::screen::Screen;
use super::{Outcome, parse_var};
use crate::error::{Error, Result};
use crate::foreign_text;
use crate::inputs::Inputs;
use crate::limits::{self, MAX_EXPORT_LEN};
use crate::manifest::{self, task_sequence};
use crate::problem::Problems;
use crate::project::refuse_input;
use crate::report::{self, Page};
use crate::sequence::export::{self, Exported};
use crate::sequence::{self, Sequence, Value};
use crate::write::{Disk, open, replace};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make files of task sequences that the console exported.
    Import(ImportArguments),
    /// Make Configuration Manager's XML of a task sequence file.
    Export(ExportArguments),
    /// Draw a task sequence: a tree, or a picture for a review.
    Show(ShowArguments),
}

#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// The `.zip` that the console exported, or the XML of one sequence.
    #[arg(value_name = "EXPORT")]
    export: Utf8PathBuf,
    /// The file to write; for several sequences, the folder of their files.
    #[arg(short, long, value_name = "FILE")]
    out: Option<Utf8PathBuf>,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    file: FileArguments,
    /// The file to write.
    #[arg(short, long, value_name = "OUT.XML")]
    out: Option<Utf8PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Draw it as a picture (SVG).
    #[arg(long, conflicts_with = "mermaid")]
    svg: bool,
    /// Draw it as a flow chart in the language of Mermaid.
    #[arg(long)]
    mermaid: bool,
}

/// A task sequence file, and what its templates know.
#[derive(Debug, Args)]
pub(super) struct FileArguments {
    /// The task sequence file.
    #[arg(value_name = "FILE")]
    pub file: Utf8PathBuf,
    /// The site that templates are rendered for.
    #[arg(long, value_name = "CODE")]
    pub site: Option<String>,
    /// A TOML file of template values.
    #[arg(long = "vars", value_name = "FILE")]
    pub vars_files: Vec<Utf8PathBuf>,
    /// A template value, nearer than those of any file.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    pub vars: Vec<(String, String)>,
}

pub(super) fn run(command: &Command, screen: &Screen) -> Result<Outcome> {
    match command {
        Command::Import(arguments) => import(arguments, screen),
        Command::Export(arguments) => export(arguments, screen),
        Command::Show(arguments) => show(arguments, screen),
    }
}

fn import(arguments: &ImportArguments, screen: &Screen) -> Result<Outcome> {
    file_kind::expect(&arguments.export, &[FileKind::Xml, FileKind::Zip], "a task sequence that the console exported")?;
    let all = read_export(&arguments.export)?;
    let paths = paths(arguments, &all)?;
    let mut inputs = Inputs::default();
    inputs.note(&arguments.export);
    let texts: Vec<_> =
        all.iter().map(|one| foreign_text::toml(&sequence::write(&one.sequence, &names(one))).into_owned()).collect();
    for (path, text) in paths.iter().zip(&texts) {
        refuse_input(path, &inputs)?;
        put(path, text, arguments.force)?;
    }
    if screen.json {
        let described = all.iter().enumerate().map(|(index, one)| describe(one, paths.get(index), &texts[index]));
        return screen.json(&described.collect());
    }
    for (index, one) in all.iter().enumerate() {
        tell(one, paths.get(index), screen);
    }
    let entries = entries(&all, &paths);
    match paths.is_empty() {
        true => {
            let mut page = Page::default();
            entries.lines().for_each(|line| page.line(line));
            screen.say_page(&page);
            screen.document(&texts.concat())
        }
        false => screen.document(&entries),
    }
}

/// Reads a `.zip` or XML, told apart by how it begins.
fn read_export(path: &Utf8Path) -> Result<Vec<Exported>> {
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
        return Err(failed(Error::new(format!("it has more than {MAX_EXPORT_LEN} bytes, and no task sequence has"))));
    }
    let text = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => {
            let units: Vec<_> = rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        _ => String::from_utf8(bytes).ok(),
    };
    let Some(text) = text else { return Err(failed(Error::new("it is neither a ZIP archive nor text"))) };
    let mut exported = export::read_xml(&text).map_err(failed)?;
    exported.sequence.name = path.file_stem().unwrap_or("sequence").chars().take(50).collect();
    Ok(vec![exported])
}

/// The files to write: none for standard output.
fn paths(arguments: &ImportArguments, all: &[Exported]) -> Result<Vec<Utf8PathBuf>> {
    match (&arguments.out, all) {
        (None, [_]) => Ok(Vec::new()),
        (None, _) => {
            let names: Vec<_> = all.iter().map(|one| format!("`{}`", one.sequence.name)).collect();
            Err(Error::new(format!("`{}` holds {} task sequences: {}", arguments.export, all.len(), names.join(", ")))
                .help("name a folder for their files: `-o sequences`"))
        }
        (Some(path), [_]) if !path.is_dir() => Ok(vec![path.clone()]),
        (Some(folder), all) => {
            open::create_folders(folder).map_err(|error| Error::io("making", folder, error))?;
            let mut paths: Vec<Utf8PathBuf> = Vec::new();
            for one in all {
                let mut path = folder.join(format!("{}.toml", file_name(&one.sequence.name)));
                if paths.contains(&path) {
                    let id = one.id.as_deref().unwrap_or_default().to_lowercase();
                    path = folder.join(format!("{}-{id}.toml", file_name(&one.sequence.name)));
                }
                paths.push(path);
            }
            Ok(paths)
        }
    }
}

/// The name of a sequence as that of a file.
fn file_name(name: &str) -> String {
    let lower: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let parts: Vec<_> = lower.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "sequence".into() } else { parts.join("-") }
}

/// Writes a file whole or not at all. What is there stays, unless it may be replaced.
fn put(path: &Utf8Path, text: &str, force: bool) -> Result<()> {
    open::refuse_link(path)?;
    if !force && path.symlink_metadata().is_ok() {
        return Err(Error::new(format!("`{path}` is there already")).help("move it away, or replace it with `--force`"));
    }
    replace(&Disk::default(), path, text.as_bytes())
}

/// The names that the console gives of packages.
fn names(one: &Exported) -> BTreeMap<String, String> {
    let named = one.referred.iter().filter(|referred| !referred.name.is_empty());
    named.map(|referred| (referred.id.clone(), foreign_text::line(&referred.name).into_owned())).collect()
}

/// The names of steps that hold something which no key of the catalog says.
fn kept(sequence: &Sequence) -> Vec<String> {
    let keeps = |(_, step): &(Vec<&sequence::Step>, &sequence::Step)| sequence::xml::keeps_something(step);
    sequence.walk().into_iter().filter(keeps).map(|(_, step)| step.name.clone()).collect()
}

/// Steps that need a secret which was not exported, each with the key.
fn secrets(sequence: &Sequence) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for (_, step) in sequence.walk() {
        let values = step.action().into_iter().flat_map(|action| &action.values);
        found.extend(
            values.filter(|(_, value)| matches!(value, Value::Secret(_))).map(|(key, _)| (step.name.clone(), *key)),
        );
    }
    found
}

/// The task sequences that a sequence runs.
fn children(sequence: &Sequence) -> Vec<String> {
    let of_step = |step: &sequence::Step| step.action()?.text("task-sequence").map(str::to_owned);
    sequence.walk().into_iter().filter_map(|(_, step)| of_step(step)).collect()
}

fn tell(one: &Exported, path: Option<&Utf8PathBuf>, screen: &Screen) {
    let sequence = &one.sequence;
    let steps = sequence.walk();
    let n_steps = sequence.n_steps();
    let groups = report::counted(steps.len() - n_steps, "group");
    let size = format!("{} in {groups}", report::counted(n_steps, "step"));
    match path {
        Some(path) => screen.say(&format!("wrote `{path}`: `{}`, {size}", sequence.name)),
        None => screen.say(&format!("`{}`: {size}", sequence.name)),
    }
    let list = |names: Vec<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let kept = kept(sequence);
    if !kept.is_empty() {
        screen.say(&format!("kept as it was exported, since no key says it: something of {}", list(kept)));
    }
    for (step, key) in secrets(sequence) {
        screen.say(&format!("to fill in: `{key}` of `{step}`; an export carries no secrets (missing-exported-secret)"));
    }
    let children = children(sequence);
    if !children.is_empty() {
        screen.say(&format!("it runs other task sequences, which are imported by themselves: {}", list(children)));
    }
}

fn describe(one: &Exported, path: Option<&Utf8PathBuf>, text: &str) -> serde_json::Value {
    let steps = one.sequence.walk();
    let n_steps = one.sequence.n_steps();
    let secrets: Vec<_> =
        secrets(&one.sequence).iter().map(|(step, key)| json!({ "step": step, "key": key })).collect();
    let names = names(one);
    let references = sequence::xml::references(&one.sequence);
    let references: Vec<_> = references.iter().map(|id| json!({ "id": id, "name": names.get(id) })).collect();
    json!({
        "id": one.id,
        "name": one.sequence.name,
        "file": path,
        "steps": n_steps,
        "groups": steps.len() - n_steps,
        "kept": kept(&one.sequence),
        "secrets": secrets,
        "references": references,
        "task-sequences": children(&one.sequence),
        "toml": if path.is_none() { Some(text) } else { None },
    })
}

/// The entries of a manifest for all that sequences refer to, to be filled in.
fn entries(all: &[Exported], paths: &[Utf8PathBuf]) -> String {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    if let ([one], [path]) = (all, paths) {
        let path = toml::Value::String(path.to_string());
        let image = one.sequence.boot_image.as_ref().map_or(String::new(), |id| {
            let name = names(one).get(id).map_or(String::new(), |name| format!(" ({})", foreign_text::line(name)));
            format!(" # its boot image, for `[boot]`, is {id}{name}")
        });
        found.insert(String::new(), format!("[task-sequence]{image}\nfile = {path}\n"));
    }
    for one in all {
        let names = names(one);
        for id in sequence::xml::references(&one.sequence) {
            // What the site says counts; else what the step takes it for.
            let kind = one.referred.iter().find(|referred| referred.id == id).map(|referred| referred.kind);
            let of_step = table_of(&one.sequence, &id);
            let table = match (kind, of_step) {
                (Some(258), _) => continue,
                (Some(257), _) => "operating-system",
                (Some(3), _) => "driver-package",
                (_, of_step) => of_step,
            };
            let name = names.get(&id).map(|name| format!(" # {}", foreign_text::line(name))).unwrap_or_default();
            let (key, place) = match table {
                "operating-system" => ("file", format!("images/{id}.wim")),
                "driver-package" => ("source", format!("drivers/{id}")),
                _ => ("source", format!("packages/{id}")),
            };
            let [place, shown] = [&place, &id].map(|text| toml::Value::from(text.as_str()));
            found.entry(id.clone()).or_insert(format!("[[{table}]]\nid = {shown}{name}\n{key} = {place}\n"));
        }
        for (id, name) in applications(&one.sequence) {
            let name = if name.is_empty() { id.clone() } else { foreign_text::line(&name).into_owned() };
            let model_name = toml::Value::String(id.clone());
            let entry = format!(
                "[[application]]\nid = \"Content_…\" # its content ID: {name}\nmodel-name = {model_name}\nsource = \"applications/…\"\n",
            );
            found.entry(format!("~{id}")).or_insert(entry);
        }
    }
    if found.is_empty() {
        return String::new();
    }
    let entries: Vec<_> = found.into_values().collect();
    format!("# for the manifest: put in your own paths\n\n{}", entries.join("\n"))
}

/// The table of a manifest for a package, by the key that names it.
fn table_of(sequence: &Sequence, id: &str) -> &'static str {
    let steps = sequence.walk();
    let mut named = steps.iter().filter_map(|(_, step)| step.action()).flat_map(sequence::rules::referred);
    named.find(|(_, named, table, _)| *named == id && !table.is_empty()).map_or("package", |(_, _, table, _)| table)
}

/// The applications that a sequence installs: identity and name.
fn applications(sequence: &Sequence) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (_, step) in sequence.walk() {
        for application in step.action().map(|action| action.tables("applications")).unwrap_or_default() {
            let text = |key| sequence::text(application, key).unwrap_or_default().to_owned();
            found.push((text("id"), text("name")));
        }
    }
    found
}

/// Reads a task sequence file. Nothing if something is wrong with it, which has been said.
pub(super) fn read(arguments: &FileArguments, screen: &Screen) -> Result<Option<Sequence>> {
    read_noting(arguments, &mut Inputs::default(), screen)
}

fn read_noting(arguments: &FileArguments, inputs: &mut Inputs, screen: &Screen) -> Result<Option<Sequence>> {
    file_kind::expect_sequence(&arguments.file)?;
    let mut problems = Problems::default();
    let options = manifest::Options {
        vars_files: arguments.vars_files.clone(),
        vars: arguments.vars.clone(),
        sites: arguments.site.iter().cloned().collect(),
        ..manifest::Options::default()
    };
    let sequence = task_sequence::read_alone(&arguments.file, &options, &mut problems, inputs)?;
    manifest::warn_of_unused(&options, &mut problems);
    if problems.has_errors() && screen.json {
        screen.json(&report::json(&problems))?;
    } else {
        screen.problems(&problems);
    }
    Ok(sequence)
}

fn show(arguments: &ShowArguments, screen: &Screen) -> Result<Outcome> {
    let Some(sequence) = read(&arguments.file, screen)? else { return Ok(Outcome::Wrong) };
    match (arguments.svg, arguments.mermaid) {
        (true, _) => screen.document(&report::sequence::svg(&sequence)),
        (_, true) => screen.document(&report::sequence::mermaid(&sequence)),
        _ if screen.json => screen.json(&report::sequence::tree_json(&sequence)),
        _ => screen.data(&report::sequence::tree(&sequence)),
    }
}

fn export(arguments: &ExportArguments, screen: &Screen) -> Result<Outcome> {
    let mut inputs = Inputs::default();
    let Some(sequence) = read_noting(&arguments.file, &mut inputs, screen)? else { return Ok(Outcome::Wrong) };
    let xml = sequence::xml::write(&sequence)?;
    let xml = foreign_text::xml(&xml);
    match &arguments.out {
        Some(path) => {
            refuse_input(path, &inputs)?;
            put(path, &xml, arguments.force)?;
            screen.say(&format!("wrote `{path}`: `{}`, {} bytes", sequence.name, xml.len()));
            Ok(Outcome::Done)
        }
        None => screen.document(&format!("{xml}\n")),
    }
}
