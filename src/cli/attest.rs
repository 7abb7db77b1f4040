//! `tsmedia attest`: describes finished media, and states their origin.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::{Value as Json, json};

use super::file_kind;
use super::project;
use super::screen::Screen;
use super::verify::find_output;
use super::{ManifestArguments, Outcome, parse_var};
use crate::attestation::provenance::{self, LOCAL_BUILDER, Provenance};
use crate::attestation::statement::statement;
use crate::attestation::{AttestationKind, Inventory, cyclonedx, spdx, to_text};
use crate::error::Result;
use crate::inputs::Inputs;
use crate::plan::{Action, Plan};
use crate::problem::Problems;
use crate::project::{Project, origin};
use crate::report;
use crate::resolve::secrets::Secrets;
use crate::verify::Verified;
use crate::write::{DiskOps, open, replace};

/// Heading of the options for the origin of a medium.
const PROVENANCE: &str = "Provenance";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Medium.
    #[arg(required = true, value_name = "MEDIUM")]
    media: Vec<Utf8PathBuf>,
    /// Also state which inputs the medium was built from: those of this manifest.
    #[arg(long, value_name = "MANIFEST", help_heading = PROVENANCE)]
    manifest: Option<Utf8PathBuf>,
    /// URI of the builder in the provenance.
    #[arg(long, value_name = "URI", requires = "manifest", default_value = LOCAL_BUILDER, value_parser = parse_builder,
        help_heading = PROVENANCE)]
    builder: String,
    /// Site of the manifest, if not the one the medium names.
    #[arg(long, value_name = "CODE", requires = "manifest", help_heading = PROVENANCE)]
    site: Option<String>,
    /// TOML file with template values; repeat for several.
    #[arg(long = "vars", value_name = "FILE", requires = "manifest", help_heading = PROVENANCE)]
    vars_files: Vec<Utf8PathBuf>,
    /// Template value; takes precedence over files.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var, requires = "manifest", help_heading = PROVENANCE)]
    vars: Vec<(String, String)>,
}

/// Checks that a builder is a URI (RFC 3986, 3), which SLSA requires.
pub(super) fn parse_builder(text: &str) -> std::result::Result<String, String> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let is_uri_character = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
    match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) && !rest.is_empty() && rest.chars().all(is_uri_character) => {
            Ok(text.to_owned())
        }
        _ => Err("write a URI, such as `https://ci.example.com/media`".into()),
    }
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    arguments.media.iter().try_for_each(|path| file_kind::expect_medium(path))?;
    let manifest = arguments.manifest.as_ref().map(|manifest| ManifestArguments {
        manifests: vec![manifest.clone()],
        sites: arguments.site.iter().cloned().collect(),
        vars_files: arguments.vars_files.clone(),
        vars: arguments.vars.clone(),
    });
    let mut secrets = project::secrets();
    let mut attested = Vec::new();
    for path in &arguments.media {
        let manifest = manifest.as_ref().map(|manifest| (manifest, arguments.builder.as_str()));
        match attest(path, manifest, &mut secrets, screen)? {
            Some(json) => attested.push(json),
            None => return Ok(Outcome::ProblemsFound),
        }
    }
    if screen.json { screen.print_json(&json!({ "media": attested })) } else { Ok(Outcome::Done) }
}

/// Writes the documents about the media that a run built, and about kept ones that have none. Returns `false` if a
/// manifest now has errors, which were reported.
pub(super) fn attest_built<'a>(
    projects: impl Iterator<Item = &'a Project>,
    plan: &Plan,
    arguments: &ManifestArguments,
    builder: &str,
    screen: &Screen,
) -> Result<bool> {
    let mut secrets = project::secrets();
    for project in projects {
        let manifest = ManifestArguments { manifests: vec![project.manifest().to_owned()], ..arguments.clone() };
        for (target, _) in project.media() {
            let is_kept = plan.changes.iter().any(|change| {
                let is_same = change.name == target.name && change.manifest == project.manifest();
                is_same && change.action == Action::Keep
            });
            let mut documents = AttestationKind::ALL.iter().map(|kind| kind.document_path(&target.path));
            if is_kept && documents.all(|path| path.is_file()) {
                continue;
            }
            if attest(&target.path, Some((&manifest, builder)), &mut secrets, screen)?.is_none() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Writes the documents about a medium, and returns them as JSON. With a manifest and the URI of the builder, its origin is
/// one of them. Returns `None` if the manifest has errors, which were reported.
fn attest(
    path: &Utf8Path,
    manifest: Option<(&ManifestArguments, &str)>,
    secrets: &mut Secrets,
    screen: &Screen,
) -> Result<Option<Json>> {
    let doing = format!("describing {path}");
    let (inventory, verified) = screen.with_progress(&doing, |progress| Inventory::read(path, progress))?;
    let mut documents = vec![
        (AttestationKind::Spdx, spdx::document(&inventory)),
        (AttestationKind::CycloneDx, cyclonedx::document(&inventory)),
    ];
    if let Some((manifest, builder)) = manifest {
        let Some(origin) = find_origin(&verified, manifest, secrets, screen)? else { return Ok(None) };
        let predicate = provenance::predicate(&Provenance { builder: builder.to_owned(), ..origin });
        let kind = AttestationKind::Provenance;
        documents.push((kind, statement(&inventory.name, &inventory.sha256, kind, &predicate)));
    }
    let mut written = Vec::new();
    for (kind, document) in &documents {
        let target = kind.document_path(path);
        open::refuse_link(&target)?;
        replace(&DiskOps::default(), &target, to_text(document).as_bytes())?;
        screen.status(&format!("wrote `{target}`"));
        written.push((*kind, target));
    }
    Ok(Some(report::attested_json(path, &inventory, &written)))
}

/// Returns the origin of a medium: the inputs of a manifest for its site. Returns `None` if the manifest has errors.
fn find_origin(
    verified: &Verified,
    arguments: &ManifestArguments,
    secrets: &mut Secrets,
    screen: &Screen,
) -> Result<Option<Provenance>> {
    let mut arguments = arguments.clone();
    let description = verified.medium.iter().flat_map(|medium| &medium.description);
    let of_medium = description.filter(|(key, _)| key == "site").map(|(_, site)| site.clone());
    // The inputs of other sites are none of this medium.
    if arguments.sites.len() != 1 {
        arguments.sites = of_medium.collect();
    }
    let (mut problems, mut inputs) = (Problems::default(), Inputs::default());
    let projects = project::resolve_with_inputs(&arguments, secrets, &mut problems, &mut inputs, screen)?;
    let is_usable = project::report_problems(&mut problems, screen);
    let Some(project) = projects.first().filter(|_| is_usable) else { return Ok(None) };
    project.refuse_captures("only media have a provenance")?;
    let outputs: Vec<_> = project.media().map(|(_, output)| output).collect();
    let output = find_output(verified, &outputs)?;
    let Some((target, output)) = project.media().find(|(_, other)| std::ptr::eq(*other, output)) else {
        return Ok(None);
    };
    screen.with_progress(&project.reading(), |progress| {
        origin(project, target, output, verified, &inputs, progress).map(Some)
    })
}
