//! `tsmedia diff`: compares two media, each given as a manifest, a record or a finished medium; or two task sequences.

mod pairs;

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use pairs::{Candidate, OutputPair, Pairing, list_sites, pair_outputs};

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
use crate::report::diff::{ComparedMedium, DiffSide, SideKind, Unpaired};
use crate::sequence::difference::differences;
use crate::write::WriteOptions;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Manifest, record, finished medium or task sequence.
    old: Utf8PathBuf,
    /// Manifest, record, finished medium or task sequence to compare with.
    #[arg(default_value = DEFAULT_MANIFEST)]
    new: Utf8PathBuf,
    /// Only this site of manifests and records.
    #[arg(long, value_name = "CODE", help_heading = MANIFEST)]
    site: Option<String>,
    /// TOML file with template values; repeat for several.
    #[arg(long = "vars", value_name = "FILE", help_heading = MANIFEST)]
    vars_files: Vec<Utf8PathBuf>,
    /// Template value; takes precedence over files.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var, help_heading = MANIFEST)]
    vars: Vec<(String, String)>,
    /// Exit with 2 if there are differences.
    #[arg(long)]
    detailed_exitcode: bool,
    /// List every file with its digests.
    #[arg(short, long)]
    verbose: bool,
}

impl Arguments {
    fn outcome(&self, is_same: bool) -> Outcome {
        if is_same || !self.detailed_exitcode { Outcome::Done } else { Outcome::ChangesPending }
    }
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
    let mut sides = Vec::new();
    for path in [&arguments.old, &arguments.new] {
        match ComparedSide::load(path, arguments, screen)? {
            Some(side) => sides.push(side),
            None => return Ok(Outcome::ProblemsFound),
        }
    }
    let candidates = [(&*sides[0].path, &sides[0].candidates[..]), (&*sides[1].path, &sides[1].candidates[..])];
    // A finished medium names what it is compared with.
    let has_medium = sides.iter().any(|side| matches!(side.kind, SideSource::Medium(_)));
    let Pairing { pairs, only } = pair_outputs(candidates, !has_medium)?;
    let only: Vec<_> = only
        .into_iter()
        .map(|(at, one)| Unpaired { is_old: at == 0, path: sides[at].path.clone(), site: one.site, output: one.name })
        .collect();
    let mut compared = Vec::new();
    for OutputPair { site, outputs } in pairs {
        let mut both = Vec::new();
        for (side, chosen) in sides.iter_mut().zip(&outputs) {
            let contents: Result<Vec<_>> = chosen.iter().map(|candidate| side.contents(candidate, screen)).collect();
            both.push((side.compared(chosen), MediumContents::from_discs(contents?)));
        }
        let [(old_side, old), (new_side, new)] = &both[..] else { continue };
        let kind = new.description.get("kind").or(old.description.get("kind")).cloned();
        let sides = [old_side.clone(), new_side.clone()];
        compared.push(ComparedMedium { site, kind, sides, diff: diff(old, new) });
    }
    if screen.json {
        screen.print_json(&report::diff::json(&compared, &only))?;
    } else {
        screen.print_page(&report::diff::text(&compared, &only, arguments.verbose))?;
    }
    let is_same = only.is_empty() && compared.iter().all(|one| one.diff.is_empty());
    Ok(arguments.outcome(is_same))
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
        screen.print_json(&report::sequence::differences_json(&found))?;
    } else {
        if found.is_empty() {
            screen.status("the task sequences are equal");
        }
        screen.print_page(&report::sequence::differences(&found))?;
    }
    Ok(arguments.outcome(found.is_empty()))
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

    /// Describes the outputs of this side that are compared.
    fn compared(&self, chosen: &[Candidate]) -> DiffSide {
        let kind = match self.kind {
            SideSource::Manifest(_) => SideKind::Manifest,
            SideSource::Record(_) => SideKind::Record,
            SideSource::Medium(_) => SideKind::Medium,
        };
        let outputs = chosen.iter().filter(|_| kind != SideKind::Medium).map(|one| one.name.clone()).collect();
        DiffSide { kind, path: self.path.clone(), outputs }
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
