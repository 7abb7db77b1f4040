//! `tsmedia verify`: checks media against the digests they carry, and against their manifest.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::file_kind;
use super::project;
use super::screen::Screen;
use super::sign::read_public_key;
use super::{ManifestArguments, Outcome, parse_var};
use crate::attestation::check::{self, AttestationFault, CheckedAttestation};
use crate::device;
use crate::error::{Error, ErrorKind, Result};
use crate::format::revocations::Revocations;
use crate::format::signing_key::VerificationKey;
use crate::limits;
use crate::output::lists::{DiscOfSet, MediumToml};
use crate::output::{Listing, Output, ParsedMedium};
use crate::project::Project;
use crate::report::{self, Page, VerifiedMedium};
use crate::verify::programs;
use crate::verify::set::{self, SetFault};
use crate::verify::{self, MediumFault, Verified, verify};
use crate::write::{self, WriteOptions};

/// Heading of the options for comparing with a manifest.
const COMPARISON: &str = "Comparison with a manifest";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Medium, or the discs of a media set.
    #[arg(required = true, value_name = "MEDIUM")]
    media: Vec<Utf8PathBuf>,
    /// Also compare the medium with this manifest.
    #[arg(long, value_name = "MANIFEST", help_heading = COMPARISON)]
    manifest: Option<Utf8PathBuf>,
    /// Public key in PEM; the statements beside the medium have to be signed with it.
    #[arg(long, value_name = "FILE")]
    key: Option<Utf8PathBuf>,
    /// Secure Boot revocation list (DBX); boot programs on it are faults.
    #[arg(long, value_name = "FILE")]
    dbx: Option<Utf8PathBuf>,
    /// Site of the manifest, if not the one the medium names.
    #[arg(long, value_name = "CODE", requires = "manifest", help_heading = COMPARISON)]
    site: Option<String>,
    /// TOML file with template values; repeat for several.
    #[arg(long = "vars", value_name = "FILE", requires = "manifest", help_heading = COMPARISON)]
    vars_files: Vec<Utf8PathBuf>,
    /// Template value; takes precedence over files.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var, requires = "manifest", help_heading = COMPARISON)]
    vars: Vec<(String, String)>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let project = match &arguments.manifest {
        None => None,
        Some(manifest) => match project::load(&manifest_arguments(arguments, manifest), screen)? {
            None => return Ok(Outcome::ProblemsFound),
            Some(projects) => {
                for project in &projects {
                    project.refuse_captures("only media can be verified against a manifest")?;
                }
                projects.into_iter().next()
            }
        },
    };
    arguments.media.iter().try_for_each(|path| file_kind::expect_medium(path))?;
    let revocations = revocations(arguments.dbx.as_deref())?;
    let key = arguments.key.as_ref().map(|path| read_public_key(path)).transpose()?;
    let mut all = Vec::new();
    for path in &arguments.media {
        let (mut verified, attestations) = read(path, &revocations, key.as_ref(), screen)?;
        if let Some(project) = &project {
            compare(&mut verified, project, screen)?;
        }
        if !screen.json {
            for fault in &verified.faults {
                screen.print_page(&report::fault(fault))?;
            }
            print_verdict(&verified, path, arguments.manifest.as_deref(), screen);
            attestations.iter().flatten().for_each(|checked| screen.status(&report::attestation_line(checked)));
        }
        all.push(VerifiedMedium { path: path.to_string(), verified, attestations });
    }
    let mut is_sound = all.iter().all(|medium| medium.verified.faults.is_empty());
    let faults = match &all[..] {
        [_] => Vec::new(),
        several => {
            let discs = several.iter().map(|medium| (medium.path.clone(), disc_of_set(&medium.verified)));
            set::check(&discs.collect::<Vec<_>>())
        }
    };
    is_sound &= faults.is_empty();
    if screen.json {
        screen.print_json(&report::verified_json(&all, &faults))?;
    } else if all.len() > 1 {
        print_sets(&all, &faults, screen)?;
    }
    Ok(if is_sound { Outcome::Done } else { Outcome::ProblemsFound })
}

/// Reads the revocation list; an empty one if no file is given.
fn revocations(dbx: Option<&Utf8Path>) -> Result<Revocations> {
    let Some(path) = dbx else { return Ok(Revocations::default()) };
    let bytes = limits::read(path, limits::MAX_REVOCATIONS_LEN).map_err(|error| Error::io("reading", path, error))?;
    Revocations::parse(&bytes).map_err(|why| {
        Error::new(format!("`{path}` is not a Secure Boot revocation list: {why}"))
            .help("name a `DBXUpdate.bin` from Microsoft's `secureboot_objects`, or the `dbx` variable of a computer")
    })
}

/// Verifies a medium, and with a key also the statements beside it.
fn read(
    path: &Utf8Path,
    revocations: &Revocations,
    key: Option<&VerificationKey>,
    screen: &Screen,
) -> Result<(Verified, Option<Vec<CheckedAttestation>>)> {
    let mut image = device::open(path)?;
    screen.warn_of_journal(path);
    let failed = |error| Error::io("reading", path, error);
    let before = image.version().map_err(failed)?;
    let verified: Result<_> = screen.with_progress(&format!("verifying {path}"), |progress| {
        let parsed = ParsedMedium::read(&mut image)?;
        let mut verified = verify(&mut image, &Listing::from(&parsed), progress)?;
        programs::add(&mut verified, &mut image, &parsed, revocations);
        let Some(key) = key else { return Ok((verified, None)) };
        let (checked, faults) = check::check(path, &mut image, key, progress)?;
        let faults = faults.into_iter().map(|AttestationFault { path, why }| MediumFault::Attestation { path, why });
        verified.faults.extend(faults);
        Ok((verified, Some(checked)))
    });
    // While a medium is patched, reading it gives neither the old nor the new one, so faults would be wrong.
    if image.version().map_err(failed)? != before {
        let doing = if write::has_journal(path) { "patched" } else { "wrote to" };
        return Err(Error::new(format!("another process {doing} `{path}` while it was being verified"))
            .with_kind(ErrorKind::Stale)
            .help("verify it again when that process has finished"));
    }
    verified.map_err(|error| Error::new(format!("verifying `{path}`")).because(error))
}

fn disc_of_set(verified: &Verified) -> Option<DiscOfSet> {
    verified.medium.as_ref().and_then(MediumToml::disc)
}

fn manifest_arguments(arguments: &Arguments, manifest: &Utf8Path) -> ManifestArguments {
    ManifestArguments {
        manifests: vec![manifest.to_owned()],
        sites: arguments.site.iter().cloned().collect(),
        vars_files: arguments.vars_files.clone(),
        vars: arguments.vars.clone(),
    }
}

/// Adds the differences between the medium and its manifest to the faults.
fn compare(verified: &mut Verified, project: &Project, screen: &Screen) -> Result<()> {
    let outputs: Vec<_> = project.media().map(|(_, output)| output).collect();
    let output = find_output(verified, &outputs)?;
    let mut store = project.open_store();
    let options = WriteOptions::default();
    let wanted =
        screen.with_progress(&project.reading(), |progress| verify::wanted(output, &mut store, &options, progress))?;
    // Best effort: the result does not depend on the cache.
    let _ = store.save(&options.disk);
    let faults = verify::compare(verified, output, &wanted);
    verified.faults.extend(faults);
    Ok(())
}

/// Finds the output of the manifest for a medium: the only one, or the one with its site and disc number.
pub(super) fn find_output<'a>(verified: &Verified, outputs: &[&'a Output]) -> Result<&'a Output> {
    fn site<'a>(mut description: impl Iterator<Item = (&'a str, &'a str)>) -> Option<&'a str> {
        description.find(|(key, _)| *key == "site").map(|(_, value)| value)
    }
    if let [output] = outputs {
        return Ok(output);
    }
    let description = verified.medium.iter().flat_map(|medium| &medium.description);
    let of_medium = site(description.map(|(key, value)| (key.as_str(), value.as_str())));
    let of_output = |output: &Output| -> Option<String> {
        site(output.description.iter().map(|(key, value)| (*key, value.as_str()))).map(str::to_owned)
    };
    let of_site: Vec<_> = outputs.iter().filter(|output| of_output(output).as_deref() == of_medium).collect();
    let number = disc_of_set(verified).map(|disc| disc.number);
    let number_of = |output: &Output| output.disc.as_ref().map(|disc| disc.number);
    if let Some(found) = of_site.iter().find(|output| number_of(output) == number || of_site.len() == 1) {
        return Ok(found);
    }
    // The site matches, so the number of the disc does not.
    if let Some(last) = of_site.iter().filter_map(|output| number_of(output)).max() {
        let medium = match number {
            Some(number) => format!("the medium is disc {number} of its set"),
            None => "the medium is not a disc of a set".into(),
        };
        let help = "rebuild the set with `tsmedia apply`";
        return Err(Error::new(format!("{medium}, but the manifest builds a set of {last} discs")).help(help));
    }
    let sites: Vec<_> = outputs.iter().copied().filter_map(of_output).map(|site| format!("`{site}`")).collect();
    let medium = match of_medium {
        Some(site) => format!("the medium is for the site `{site}`"),
        None => "the medium does not name its site".into(),
    };
    Err(Error::new(format!("{medium}, but the manifest is for {}", sites.join(", ")))
        .help("choose a site with `--site`"))
}

fn print_verdict(verified: &Verified, path: &Utf8Path, manifest: Option<&Utf8Path>, screen: &Screen) {
    for program in &verified.programs {
        screen.status(&report::program_line(program));
    }
    let files = report::counted(verified.files.len(), "file");
    let disc = match disc_of_set(verified) {
        Some(DiscOfSet { set, number, n_discs: None }) => format!(", disc {number} of the set {set}"),
        Some(DiscOfSet { set, number, .. }) => format!(", disc {number} of the set {set}, the last"),
        None => String::new(),
    };
    let n_differences = verified.faults.iter().filter(|fault| fault.is_difference()).count();
    let verdict = match verified.faults.len() - n_differences {
        0 => format!("sound: `{path}` ({}), {files}{disc}", verified.label),
        n => format!("not sound: `{path}`, {} in {files}", report::counted(n, "fault")),
    };
    let line = Page::of_line(match (manifest, n_differences) {
        (None, _) => verdict,
        (Some(_), 0) if !verified.faults.is_empty() => verdict,
        (Some(manifest), 0) => format!("{verdict}; matches `{manifest}`"),
        (Some(manifest), n) => format!("{verdict}; differs from `{manifest}`: {}", report::counted(n, "difference")),
    });
    match verified.faults.is_empty() {
        true => screen.status_page(&line),
        false => screen.error_page(&line),
    }
}

/// Prints the faults of media sets, or the sets that are complete.
fn print_sets(all: &[VerifiedMedium], faults: &[SetFault], screen: &Screen) -> Result<()> {
    for fault in faults {
        screen.print_page(&report::set_fault(fault))?;
    }
    let discs: Vec<_> = all.iter().filter_map(|medium| disc_of_set(&medium.verified)).collect();
    if faults.is_empty() {
        for DiscOfSet { set, n_discs, .. } in discs.iter().filter(|disc| disc.n_discs.is_some()) {
            screen.status(&format!("complete: {} of the set {set}", report::counted(n_discs.unwrap_or(0), "disc")));
        }
    } else {
        screen.error_page(&Page::of_line(format!("incomplete set: {}", report::counted(faults.len(), "fault"))));
    }
    Ok(())
}
