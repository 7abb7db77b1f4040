//! `tsmedia verify`: every byte of a medium against the digests that it carries, and against its manifest.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::project::{self, Project};
use super::screen::Screen;
use super::{ManifestArguments, Outcome, parse_var};
use crate::device::Original;
use crate::error::{Error, Result};
use crate::output::{self, Output};
use crate::report;
use crate::verify::{self, Verified, verify};
use crate::write::{self, Means};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The medium.
    medium: Utf8PathBuf,
    /// Check it against this manifest as well.
    #[arg(long, value_name = "MANIFEST")]
    manifest: Option<Utf8PathBuf>,
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
    let path = &arguments.medium;
    let project = match &arguments.manifest {
        None => None,
        Some(manifest) => match project::load(&of_manifest(arguments, manifest), screen)? {
            None => return Ok(Outcome::Wrong),
            Some(projects) => projects.into_iter().next(),
        },
    };
    // On a stick that is larger than the medium there is more than the medium.
    let image = Original::find(write::open(path)?);
    let mut image = image.map_err(|error| Error::io("reading", path, error))?;
    let verified = screen.watch("verifying", |progress| {
        let listing = output::read(&mut image)?;
        verify(&mut image, &listing, progress)
    });
    let mut verified = verified.map_err(|error| Error::new(format!("verifying `{path}`")).because(error))?;
    if let Some(project) = &project {
        compare(&mut verified, project, screen)?;
    }
    if screen.json {
        screen.json(&report::verified_json(&verified))?;
    } else {
        for fault in &verified.faults {
            screen.data(&format!("{}\n", report::fault(fault)))?;
        }
        say(&verified, path, arguments.manifest.as_deref(), screen);
    }
    Ok(if verified.faults.is_empty() { Outcome::Done } else { Outcome::Wrong })
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
    let output = meant(verified, project.outputs())?;
    let mut store = project.open_store()?;
    let means = Means::default();
    let wanted = screen.watch("reading", |progress| verify::wanted(output, &mut store, &means, progress))?;
    // The verdict is none the worse for a cache that can't be written.
    let _ = store.save(&means.disk);
    let faults = verify::compare(verified, output, &wanted);
    verified.faults.extend(faults);
    Ok(())
}

/// The output that a medium should be: the only one, or that of its site.
fn meant<'a>(verified: &Verified, outputs: &'a [Output]) -> Result<&'a Output> {
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
    let found = outputs.iter().find(|output| of_medium.is_some() && of_output(output).as_deref() == of_medium);
    found.ok_or_else(|| {
        let sites: Vec<_> = outputs.iter().filter_map(of_output).map(|site| format!("`{site}`")).collect();
        let medium = match of_medium {
            Some(site) => format!("the medium says that it is for the site `{site}`"),
            None => "the medium does not say for which site it is".into(),
        };
        Error::new(format!("{medium}, and the manifest is for {}", sites.join(", ")))
            .help("say which one is meant, with `--site`")
    })
}

fn say(verified: &Verified, path: &Utf8Path, manifest: Option<&Utf8Path>, screen: &Screen) {
    let files = report::counted(verified.files.len(), "file");
    let n_differences = verified.faults.iter().filter(|fault| fault.is_difference()).count();
    let verdict = match verified.faults.len() - n_differences {
        0 => format!("sound: all of {files} on `{path}` ({})", verified.label),
        n => format!("not sound: {} with the {files} on `{path}`", report::counted(n, "fault")),
    };
    screen.say(&match (manifest, n_differences) {
        (None, _) => verdict,
        (Some(_), 0) if !verified.faults.is_empty() => verdict,
        (Some(manifest), 0) => format!("{verdict}, as `{manifest}` has it"),
        (Some(manifest), n) => format!("{verdict}; not as `{manifest}` has it: {}", report::counted(n, "difference")),
    });
}
