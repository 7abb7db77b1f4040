//! `tsmedia verify`: every byte of a medium against the digests that it carries, and against its manifest.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::file_kind;
use super::project;
use super::screen::Screen;
use super::{ManifestArguments, Outcome, parse_var};
use crate::device;
use crate::error::{Error, ErrorKind, Result};
use crate::format::revocations::Revocations;
use crate::limits;
use crate::output::lists::{DiscOfSet, MediumToml};
use crate::output::{Listing, Output, ParsedMedium};
use crate::project::Project;
use crate::report;
use crate::verify::programs;
use crate::verify::set::{self, SetFault};
use crate::verify::{self, Verified, verify};
use crate::write::{self, WriteOptions};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The medium, or the discs of a set.
    #[arg(required = true, value_name = "MEDIUM")]
    media: Vec<Utf8PathBuf>,
    /// Check it against this manifest as well.
    #[arg(long, value_name = "MANIFEST")]
    manifest: Option<Utf8PathBuf>,
    /// A revocation list of Secure Boot: boot programs that it names are faults.
    #[arg(long, value_name = "FILE")]
    dbx: Option<Utf8PathBuf>,
    /// Which site of the manifest, if not the one that the medium names.
    #[arg(long, value_name = "CODE", requires = "manifest")]
    site: Option<String>,
    /// A TOML file of template values.
    #[arg(long = "vars", value_name = "FILE", requires = "manifest")]
    vars_files: Vec<Utf8PathBuf>,
    /// A template value, nearer than those of any file.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var, requires = "manifest")]
    vars: Vec<(String, String)>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let project = match &arguments.manifest {
        None => None,
        Some(manifest) => match project::load(&of_manifest(arguments, manifest), screen)? {
            None => return Ok(Outcome::Wrong),
            Some(projects) => {
                for project in &projects {
                    project.refuse_captures("only media are checked against their manifest")?;
                }
                projects.into_iter().next()
            }
        },
    };
    arguments.media.iter().try_for_each(|path| file_kind::expect_medium(path))?;
    let revocations = revocations(arguments.dbx.as_deref())?;
    let mut all = Vec::new();
    for path in &arguments.media {
        let mut verified = read(path, &revocations, screen)?;
        if let Some(project) = &project {
            compare(&mut verified, project, screen)?;
        }
        if !screen.json {
            for fault in &verified.faults {
                screen.data(&report::fault(fault))?;
            }
            say(&verified, path, arguments.manifest.as_deref(), screen);
        }
        all.push((path.to_string(), verified));
    }
    let mut is_sound = all.iter().all(|(_, verified)| verified.faults.is_empty());
    match &all[..] {
        [(_, verified)] if screen.json => return ended(is_sound, screen.json(&report::verified_json(verified))),
        [_] => {}
        several => {
            let faults =
                set::check(&several.iter().map(|(path, it)| (path.clone(), said_disc(it))).collect::<Vec<_>>());
            is_sound &= faults.is_empty();
            if screen.json {
                let media: Vec<_> = several.iter().map(|(path, verified)| (path.clone(), verified)).collect();
                return ended(is_sound, screen.json(&report::set_json(&media, &faults)));
            }
            say_of_sets(&all, &faults, screen)?;
        }
    }
    Ok(if is_sound { Outcome::Done } else { Outcome::Wrong })
}

fn ended(is_sound: bool, said: Result<Outcome>) -> Result<Outcome> {
    said.map(|said| if is_sound { said } else { Outcome::Wrong })
}

/// The revocation list in a file; nothing is revoked where there is none.
fn revocations(dbx: Option<&Utf8Path>) -> Result<Revocations> {
    let Some(path) = dbx else { return Ok(Revocations::default()) };
    let bytes = limits::read(path, limits::MAX_REVOCATIONS_LEN).map_err(|error| Error::io("reading", path, error))?;
    Revocations::parse(&bytes).map_err(|why| {
        Error::new(format!("`{path}` is no revocation list of Secure Boot: {why}"))
            .help("name a `DBXUpdate.bin` of Microsoft's `secureboot_objects`, or the variable `dbx` of a computer")
    })
}

fn read(path: &Utf8Path, revocations: &Revocations, screen: &Screen) -> Result<Verified> {
    let mut image = device::open(path)?;
    screen.tell_of_journal(path);
    let failed = |error| Error::io("looking at", path, error);
    let before = image.version().map_err(failed)?;
    let verified: Result<Verified> = screen.watch(&format!("verifying {path}"), |progress| {
        let parsed = ParsedMedium::read(&mut image)?;
        let mut verified = verify(&mut image, &Listing::from(&parsed), progress)?;
        programs::add(&mut verified, &mut image, &parsed, revocations);
        Ok(verified)
    });
    // What was read of a medium that is being patched is neither the old one nor the new one.
    if image.version().map_err(failed)? != before {
        let doing = if write::has_journal(path) { "patched" } else { "written" };
        return Err(Error::new(format!(
            "`{path}` is being {doing} by another process: it changed while it was verified"
        ))
        .of_kind(ErrorKind::Stale)
        .help("verify it again when that process is done"));
    }
    verified.map_err(|error| Error::new(format!("verifying `{path}`")).because(error))
}

fn said_disc(verified: &Verified) -> Option<DiscOfSet> {
    verified.medium.as_ref().and_then(MediumToml::disc)
}

fn of_manifest(arguments: &Arguments, manifest: &Utf8Path) -> ManifestArguments {
    ManifestArguments {
        manifests: vec![manifest.to_owned()],
        sites: arguments.site.iter().cloned().collect(),
        vars_files: arguments.vars_files.clone(),
        vars: arguments.vars.clone(),
    }
}

/// Adds the faults that the medium has by its manifest.
fn compare(verified: &mut Verified, project: &Project, screen: &Screen) -> Result<()> {
    let outputs: Vec<_> = project.media().map(|(_, output)| output).collect();
    let output = meant(verified, &outputs)?;
    let mut store = project.open_store()?;
    let options = WriteOptions::default();
    let wanted = screen.watch(&project.reading(), |progress| verify::wanted(output, &mut store, &options, progress))?;
    // The verdict is none the worse for a cache that can't be written.
    let _ = store.save(&options.disk);
    let faults = verify::compare(verified, output, &wanted);
    verified.faults.extend(faults);
    Ok(())
}

/// The output that a medium should be: the only one, or that of its site and with its number.
fn meant<'a>(verified: &Verified, outputs: &[&'a Output]) -> Result<&'a Output> {
    fn site<'a>(mut said: impl Iterator<Item = (&'a str, &'a str)>) -> Option<&'a str> {
        said.find(|(key, _)| *key == "site").map(|(_, value)| value)
    }
    if let [output] = outputs {
        return Ok(output);
    }
    let said = verified.medium.iter().flat_map(|medium| &medium.description);
    let of_medium = site(said.map(|(key, value)| (key.as_str(), value.as_str())));
    let of_output = |output: &Output| -> Option<String> {
        site(output.description.iter().map(|(key, value)| (*key, value.as_str()))).map(str::to_owned)
    };
    let of_site: Vec<_> = outputs.iter().filter(|output| of_output(output).as_deref() == of_medium).collect();
    let number = said_disc(verified).map(|disc| disc.number);
    let number_of = |output: &Output| output.disc.as_ref().map(|disc| disc.number);
    if let Some(found) = of_site.iter().find(|output| number_of(output) == number || of_site.len() == 1) {
        return Ok(found);
    }
    if let Some(last) = of_site.iter().filter_map(|output| number_of(output)).max() {
        let medium = match number {
            Some(number) => format!("the medium says that it is disc {number}"),
            None => "the medium does not say that it is a disc of a set".into(),
        };
        let help = "build the set anew with `tsmedia apply`";
        return Err(Error::new(format!("{medium}, and the manifest makes a set of {last} discs")).help(help));
    }
    let sites: Vec<_> = outputs.iter().copied().filter_map(of_output).map(|site| format!("`{site}`")).collect();
    let medium = match of_medium {
        Some(site) => format!("the medium says that it is for the site `{site}`"),
        None => "the medium does not say for which site it is".into(),
    };
    Err(Error::new(format!("{medium}, and the manifest is for {}", sites.join(", ")))
        .help("say which one is meant, with `--site`"))
}

fn say(verified: &Verified, path: &Utf8Path, manifest: Option<&Utf8Path>, screen: &Screen) {
    for program in &verified.programs {
        screen.say(&report::program_line(program));
    }
    let files = report::counted(verified.files.len(), "file");
    let disc = match said_disc(verified) {
        Some(DiscOfSet { set, number, n_discs: None }) => format!(", disc {number} of the set {set}"),
        Some(DiscOfSet { set, number, .. }) => format!(", disc {number} of the set {set}, the last"),
        None => String::new(),
    };
    let n_differences = verified.faults.iter().filter(|fault| fault.is_difference()).count();
    let verdict = match verified.faults.len() - n_differences {
        0 => format!("sound: all of {files} on `{path}` ({}){disc}", verified.label),
        n => format!("not sound: {} with the {files} on `{path}`", report::counted(n, "fault")),
    };
    screen.say(&match (manifest, n_differences) {
        (None, _) => verdict,
        (Some(_), 0) if !verified.faults.is_empty() => verdict,
        (Some(manifest), 0) => format!("{verdict}, as `{manifest}` has it"),
        (Some(manifest), n) => format!("{verdict}; not as `{manifest}` has it: {}", report::counted(n, "difference")),
    });
}

/// What is wrong with the sets that media are, or which of them are whole.
fn say_of_sets(all: &[(String, Verified)], faults: &[SetFault], screen: &Screen) -> Result<()> {
    for fault in faults {
        screen.data(&report::set_fault(fault))?;
    }
    let discs: Vec<_> = all.iter().filter_map(|(_, verified)| said_disc(verified)).collect();
    if faults.is_empty() {
        for DiscOfSet { set, n_discs, .. } in discs.iter().filter(|disc| disc.n_discs.is_some()) {
            screen.say(&format!("whole: {} of the set {set}", report::counted(n_discs.unwrap_or(0), "disc")));
        }
    } else {
        screen.say(&format!("not a whole set: {}", report::counted(faults.len(), "fault")));
    }
    Ok(())
}
