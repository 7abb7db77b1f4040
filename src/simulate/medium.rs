//! Medium that a run starts from: that of a manifest and site, or one described by a fact file.

use super::facts::FactFile;
use crate::manifest::{OutputFormat, Rendered, VariableValue};
use crate::problem::{Problem, Problems};
use crate::resolve::SuppliedByBase;
use crate::sequence::engine::{LaunchDevice, Medium, MediumContent, StartSource};

/// Returns the medium that a fact file describes. Missing facts are added to `problems`.
pub fn medium_of_facts(file: &FactFile, problems: &mut Problems) -> Option<Medium> {
    let facts = &file.facts;
    let Some(started) = facts.media else {
        let problem = Problem::error("the fact file has no `media`, and there is no manifest to determine it");
        let help = "add `media`, such as `media = \"stand-alone\"`, or simulate a manifest";
        problems.add(problem.at(file.start.clone(), "").help(help));
        return None;
    };
    let content = match (&facts.content, started) {
        (Some(names), _) => MediumContent::Named(names.clone()),
        (None, StartSource::StandAlone) => MediumContent::All,
        (None, _) => MediumContent::None,
    };
    Some(Medium { source: started, launch: facts.launch.unwrap_or(LaunchDevice::Dvd), variables: Vec::new(), content })
}

/// Returns the medium of a manifest for a site, with the content that its base supplies.
/// Contradictions in the fact file are added to `problems`.
pub fn medium_of_manifest(
    rendered: &Rendered,
    supplied: Option<&SuppliedByBase>,
    file: &FactFile,
    problems: &mut Problems,
) -> Option<Medium> {
    let manifest = &rendered.manifest;
    let started = StartSource::from(manifest.media.kind);
    let kind = || rendered.place("/media/kind");
    if let (Some(other), Some(place)) = (contradicting_source(file, started), &file.media) {
        let problem = Problem::error(format!(
            "the fact file starts from {}, but the manifest builds {}",
            other.description(),
            started.description()
        ));
        let problem = problem.at(place.clone(), "").at(kind(), "the kind of the medium");
        problems.add(problem.help("remove `media`; the manifest determines it"));
        return None;
    }
    if let Some(place) = &file.content {
        let problem = Problem::warning("`content` is ignored, since the manifest determines the content of the medium");
        problems.add(problem.at(place.clone(), "").help("remove it"));
    }
    if let Some(prestart) = &manifest.prestart {
        let place =
            prestart.package_on_medium().map_or_else(String::new, |package| format!(" from `SMS\\PKG\\{package}`"));
        let message = format!("the prestart command, which runs{place} before the task sequence, is not simulated");
        let problem = Problem::note(message).at(rendered.place("/prestart/command"), "");
        problems.add(problem.help("add the variables that it sets to `[variables]` of the fact file"));
    }
    let manifest_variables = manifest.media_variables().into_iter().map(|(name, value)| (name.to_owned(), Some(value)));
    let own = manifest.reserved_variables.iter().chain(&manifest.variables).map(|(name, value)| match value {
        VariableValue::Text(text) => (name.clone(), Some(text.clone())),
        VariableValue::Secret(_) => (name.clone(), None),
    });
    // Only the names of variables of a base are known.
    let of_base = supplied.into_iter().flat_map(|supplied| &supplied.kept).map(|name| (name.clone(), None));
    let site = rendered.site.iter().map(|code| ("_SMSTSSiteCode".to_owned(), Some(code.clone())));
    let device = if manifest.format() == OutputFormat::Usb { LaunchDevice::Usb } else { LaunchDevice::Dvd };
    let mut content: Vec<(String, Option<String>)> = Vec::new();
    let mut carry = |id: &String, name: Option<&String>, is_there: bool| {
        if is_there {
            content.push((id.clone(), name.cloned()));
        }
    };
    manifest.operating_system.iter().for_each(|one| carry(&one.id, None, one.when));
    manifest.package.iter().chain(&manifest.driver_package).for_each(|one| carry(&one.id, None, one.when));
    manifest.application.iter().for_each(|one| carry(&one.id, one.model_name.as_ref(), one.when));
    supplied.into_iter().flat_map(|supplied| &supplied.content).for_each(|id| carry(id, None, true));
    Some(Medium {
        source: started,
        launch: file.facts.launch.unwrap_or(device),
        variables: of_base.chain(site).chain(manifest_variables).chain(own).collect(),
        content: MediumContent::Carried(content),
    })
}

/// Returns the source in the fact file if it differs from that of the manifest.
fn contradicting_source(file: &FactFile, started: StartSource) -> Option<StartSource> {
    file.facts.media.filter(|other| *other != started)
}
