//! `tsmedia diff`: compares two media, each given as a manifest, a record or a finished medium; or two task sequences.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::{Value as Json, json};

use super::file_kind::{self, FileKind};
use super::help::MANIFEST;
use super::project;
use super::screen::Screen;
use super::sequence;
use super::{ManifestArguments, Outcome, parse_var};
use crate::diff::{MediumContents, diff};
use crate::error::{Error, Result};
use crate::gather::{self, FinishedMedium};
use crate::output::lists::MediumToml;
use crate::project::{DEFAULT_MANIFEST, Project};
use crate::record::Record;
use crate::report;
use crate::sequence::difference::differences;
use crate::write::WriteOptions;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Manifest, record, finished medium or task sequence.
    old: Utf8PathBuf,
    /// Manifest, record, finished medium or task sequence to compare with.
    #[arg(default_value = DEFAULT_MANIFEST)]
    new: Utf8PathBuf,
    /// Site, if a manifest or record has several.
    #[arg(long, value_name = "CODE", help_heading = MANIFEST)]
    site: Option<String>,
    /// TOML file with template values; repeat for several.
    #[arg(long = "vars", value_name = "FILE", help_heading = MANIFEST)]
    vars_files: Vec<Utf8PathBuf>,
    /// Template value; takes precedence over files.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var, help_heading = MANIFEST)]
    vars: Vec<(String, String)>,
    /// List every file with its digests.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    // Loading a side reports files that can't be read.
    let is_sequence = |path: &Utf8PathBuf| path.extension() == Some("toml") && crate::sequence::is_sequence_file(path);
    match [&arguments.old, &arguments.new].map(is_sequence) {
        [true, true] => return sequences(arguments, screen),
        [false, false] => {}
        _ => {
            let [old, new] =
                [&arguments.old, &arguments.new].map(|path| (path, FileKind::from_path(path).description()));
            let message = format!("`{}` is {}, and `{}` is {}", old.0, old.1, new.0, new.1);
            return Err(Error::new(message).help("compare a task sequence with another task sequence"));
        }
    }
    screen.warn_of_journal(&arguments.old);
    screen.warn_of_journal(&arguments.new);
    let Some(old) = ComparedSide::load(&arguments.old, arguments, screen)? else { return Ok(Outcome::ProblemsFound) };
    let Some(new) = ComparedSide::load(&arguments.new, arguments, screen)? else { return Ok(Outcome::ProblemsFound) };
    let chosen = choose_outputs([&old, &new])?;
    let [old, new] = [(old, &chosen[0]), (new, &chosen[1])].map(|(mut side, chosen)| -> Result<_> {
        let contents: Result<Vec<_>> = chosen.iter().map(|candidate| side.contents(candidate, screen)).collect();
        Ok::<_, Error>((side.title(chosen), side.json(chosen), MediumContents::from_discs(contents?)))
    });
    let ((old_title, old_json, old), (new_title, new_json, new)) = (old?, new?);
    let diff = diff(&old, &new);
    if screen.json {
        screen.print_json(&report::diff::json(&diff, [old_json, new_json]))
    } else {
        screen.print_page(&report::diff::text(&diff, [&old_title, &new_title], arguments.verbose))
    }
}

/// Compares two task sequences step by step.
fn sequences(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let read = |path: &Utf8PathBuf| {
        let (file, site) = (path.clone(), arguments.site.clone());
        let (vars_files, vars) = (arguments.vars_files.clone(), arguments.vars.clone());
        sequence::read(&sequence::FileArguments { file, site, vars_files, vars }, screen)
    };
    let (Some(old), Some(new)) = (read(&arguments.old)?, read(&arguments.new)?) else {
        return Ok(Outcome::ProblemsFound);
    };
    let found = differences(&old, &new);
    if screen.json {
        return screen.print_json(&report::sequence::differences_json(&found));
    }
    if found.is_empty() {
        screen.status("the task sequences are equal");
    }
    screen.print_page(&report::sequence::differences(&found))
}

/// One of the two things to compare.
struct ComparedSide {
    path: Utf8PathBuf,
    kind: SideSource,
    candidates: Vec<Candidate>,
}

/// Source of the contents of a side.
enum SideSource {
    Manifest(Project),
    Record(Record),
    Medium(Box<FinishedMedium>),
}

/// Output of a side that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    /// Path as written in the manifest or record.
    name: String,
    /// Path relative to the current folder.
    path: Utf8PathBuf,
    site: Option<String>,
    /// Number of the disc, if the output is one of a media set.
    disc: Option<usize>,
}

impl ComparedSide {
    /// Loads a side; `None` if it is a manifest with errors, which were printed.
    fn load(path: &Utf8Path, arguments: &Arguments, screen: &Screen) -> Result<Option<Self>> {
        let kinds = [
            FileKind::Manifest,
            FileKind::OtherToml,
            FileKind::Record,
            FileKind::DiscImage,
            FileKind::DiskImage,
            FileKind::Wim,
        ];
        file_kind::expect(path, &kinds, "a manifest, a record or a finished medium")?;
        let extension = match FileKind::from_path(path) {
            FileKind::Manifest | FileKind::OtherToml => Some("toml"),
            FileKind::Record => Some("json"),
            FileKind::DiscImage | FileKind::DiskImage | FileKind::Wim => None,
            _ => path.extension(),
        };
        let (kind, mut candidates) = match extension {
            Some("toml") => {
                let Some(project) = load_manifest(path, arguments, screen)? else { return Ok(None) };
                project.refuse_captures("only media can be compared")?;
                let candidates = project.media().map(|(target, output)| Candidate {
                    name: target.name.clone(),
                    path: target.path.clone(),
                    site: site(output.description.iter().map(|(key, value)| (*key, value.as_str()))),
                    disc: output.disc.as_ref().map(|disc| disc.number),
                });
                let candidates = candidates.collect();
                (SideSource::Manifest(project), candidates)
            }
            Some("json") => {
                // `Record::load` returns an empty record if the file does not exist: right for a build, an error here.
                fs::metadata(path).map_err(|error| Error::io("opening", path, error))?;
                let record = Record::load(path)?;
                if record.media().next().is_none() && record.targets().len() > 0 {
                    return Err(Error::new(format!("`{path}` is the record of a capture; only media can be compared"))
                        .help("run `tsmedia plan` to see what changed since the capture"));
                }
                let candidates = record.media().map(|recorded| Candidate {
                    name: recorded.name.clone(),
                    path: path.parent().unwrap_or(Utf8Path::new("")).join(&recorded.name),
                    site: recorded.description.get("site").cloned(),
                    disc: recorded.description.get("disc").and_then(|number| number.parse().ok()),
                });
                let candidates = candidates.collect();
                (SideSource::Record(record), candidates)
            }
            _ => {
                let medium = gather::open(path)?;
                let description = medium.medium.iter().flat_map(|medium| &medium.description);
                let site = site(description.map(|(key, value)| (key.as_str(), value.as_str())));
                let disc = medium.medium.as_ref().and_then(MediumToml::disc).map(|disc| disc.number);
                let candidate = Candidate { name: path.to_string(), path: path.to_owned(), site, disc };
                (SideSource::Medium(Box::new(medium)), vec![candidate])
            }
        };
        if let (SideSource::Record(_), Some(code)) = (&kind, &arguments.site) {
            let sites = list_sites(&candidates);
            candidates.retain(|candidate| candidate.site.as_ref() == Some(code));
            if candidates.is_empty() {
                return Err(Error::new(format!("`{path}` has no output for the site `{code}`"))
                    .help(format!("its outputs: {sites}")));
            }
        }
        if candidates.is_empty() {
            return Err(
                Error::new(format!("`{path}` has no outputs")).help("build and record them with `tsmedia apply`")
            );
        }
        Ok(Some(Self { path: path.to_owned(), kind, candidates }))
    }

    fn contents(&mut self, candidate: &Candidate, screen: &Screen) -> Result<MediumContents> {
        let missing = || Error::new(format!("`{}` has no output `{}`", self.path, candidate.name));
        match &mut self.kind {
            SideSource::Manifest(project) => {
                let mut media = project.media();
                let (target, output) = media.find(|(target, _)| target.name == candidate.name).ok_or_else(missing)?;
                let mut store = project.open_store();
                screen.with_progress(&project.reading(), |progress| {
                    gather::output(target, output, &mut store, &WriteOptions::default(), progress)
                })
            }
            SideSource::Record(record) => {
                let recorded = record.medium(&candidate.name).ok_or_else(missing)?;
                Ok(MediumContents::from_record(recorded, record.files(&candidate.name)?))
            }
            SideSource::Medium(medium) => {
                screen.with_progress(&format!("reading {}", self.path), |progress| medium.contents(progress))
            }
        }
    }

    fn title(&self, chosen: &[Candidate]) -> String {
        let path = &self.path;
        let name = match chosen {
            [first, .., last] => format!("{} to {}", first.name, last.name),
            _ => chosen.iter().map(|one| one.name.as_str()).collect(),
        };
        match self.kind {
            SideSource::Manifest(_) => format!("{name}, from {path}"),
            SideSource::Record(_) => format!("{name}, from {path}"),
            SideSource::Medium(_) => path.to_string(),
        }
    }

    fn json(&self, chosen: &[Candidate]) -> Json {
        let outputs = match chosen {
            [one] => json!(one.name),
            several => json!(several.iter().map(|one| &one.name).collect::<Vec<_>>()),
        };
        let (kind, output) = match self.kind {
            SideSource::Manifest(_) => ("manifest", outputs),
            SideSource::Record(_) => ("record", outputs),
            SideSource::Medium(_) => ("medium", Json::Null),
        };
        json!({ "kind": kind, "path": self.path, "output": output })
    }
}

fn load_manifest(path: &Utf8Path, arguments: &Arguments, screen: &Screen) -> Result<Option<Project>> {
    let arguments = ManifestArguments {
        manifests: vec![path.to_owned()],
        sites: arguments.site.iter().cloned().collect(),
        vars_files: arguments.vars_files.clone(),
        vars: arguments.vars.clone(),
    };
    Ok(project::load(&arguments, screen)?.and_then(|projects| projects.into_iter().next()))
}

fn site<'a>(mut description: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    description.find(|(key, _)| *key == "site").map(|(_, value)| value.to_owned())
}

/// Chooses the outputs to compare.
///
/// Tries in turn: the only output of both sides, outputs at the same path, of the same name, for the same site with the
/// same number. The first way that finds exactly one pair is taken. Otherwise, if all outputs of either side are the
/// discs of one media set, compares the sets.
fn choose_outputs(sides: [&ComparedSide; 2]) -> Result<[Vec<Candidate>; 2]> {
    let [old, new] = sides.map(|side| &side.candidates);
    let pairs: Vec<_> = old.iter().flat_map(|old| new.iter().map(move |new| (old, new))).collect();
    let place = |path: &Utf8Path| path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
    let is_pair = |way: u8, old: &Candidate, new: &Candidate| match way {
        0 => true,
        1 => place(&old.path) == place(&new.path),
        2 => old.name == new.name,
        _ => (old.site.is_some() || old.disc.is_some()) && (&old.site, old.disc) == (&new.site, new.disc),
    };
    for way in 0..4 {
        let mut found = pairs.iter().filter(|(old, new)| is_pair(way, old, new));
        if let (Some((old, new)), None) = (found.next(), found.next()) {
            return Ok([vec![(*old).clone()], vec![(*new).clone()]]);
        }
    }
    if let [Some(old), Some(new)] = sides.map(|side| as_disc_set(&side.candidates)) {
        return Ok([old, new]);
    }
    let several = sides.into_iter().find(|side| side.candidates.len() > 1).unwrap_or(sides[0]);
    Err(Error::new(format!("`{}` has several outputs, and none matches the other side", several.path))
        .help(format!("choose one with `--site`: {}", list_sites(&several.candidates))))
}

/// Returns all candidates in the order of their numbers, if they are the discs of one media set or a single medium.
fn as_disc_set(candidates: &[Candidate]) -> Option<Vec<Candidate>> {
    let mut discs = candidates.to_vec();
    discs.sort_by_key(|candidate| candidate.disc);
    let is_next = |(number, disc): (usize, &Candidate)| disc.disc == Some(number) && disc.site == candidates[0].site;
    (candidates.len() == 1 || (1..).zip(&discs).all(is_next)).then_some(discs)
}

/// Lists outputs with their sites for a message.
fn list_sites(candidates: &[Candidate]) -> String {
    const MAX: usize = 10;
    let one = |candidate: &Candidate| match &candidate.site {
        Some(site) => format!("`{site}` ({})", candidate.name),
        None => format!("{} (no site)", candidate.name),
    };
    let mut listed: Vec<_> = candidates.iter().take(MAX).map(one).collect();
    if candidates.len() > MAX {
        listed.push(format!("and {} more", candidates.len() - MAX));
    }
    listed.join(", ")
}
