//! What a run starts from: the medium that a manifest makes for a site, or what a fact file says by itself.

use super::facts::FactFile;
use crate::manifest::{OutputFormat, Rendered, VariableValue};
use crate::problem::{Problem, Problems};
use crate::resolve::SuppliedByBase;
use crate::sequence::engine::{Content, Launch, Medium, Started};

/// What a fact file says by itself. What it lacks goes to `problems`.
pub fn medium_of_facts(file: &FactFile, problems: &mut Problems) -> Option<Medium> {
    let facts = &file.facts;
    let Some(started) = facts.media else {
        let problem = Problem::error("the fact file has no `media`, and no manifest says what the sequence is on");
        let help = "add what it is started from, such as `media = \"stand-alone\"`, or simulate the manifest";
        problems.add(problem.at(file.start.clone(), "").help(help));
        return None;
    };
    let content = match (&facts.content, started) {
        (Some(names), _) => Content::Named(names.clone()),
        (None, Started::StandAlone) => Content::All,
        (None, _) => Content::None,
    };
    Some(Medium { started, launch: facts.launch.unwrap_or(Launch::Dvd), variables: Vec::new(), content })
}

/// The medium of a manifest for a site, with what its base supplies. Where a fact file says something else of it goes to
/// `problems`.
pub fn medium_of_manifest(
    rendered: &Rendered,
    supplied: Option<&SuppliedByBase>,
    file: &FactFile,
    problems: &mut Problems,
) -> Option<Medium> {
    let manifest = &rendered.manifest;
    let started = Started::from(manifest.media.kind);
    let kind = || rendered.place("/media/kind");
    if let (Some(other), Some(place)) = (facts_other(file, started), &file.media) {
        let problem = Problem::error(format!(
            "the fact file starts from {}, and the manifest makes {}",
            other.words(),
            started.words()
        ));
        let problem = problem.at(place.clone(), "").at(kind(), "the kind of the medium");
        problems.add(problem.help("leave out `media`: the manifest says it"));
        return None;
    }
    if let Some(place) = &file.content {
        let problem = Problem::warning("the manifest says what the medium carries, and `content` is not looked at");
        problems.add(problem.at(place.clone(), "").help("leave it out"));
    }
    if let Some(prestart) = &manifest.prestart {
        let place =
            prestart.package_on_medium().map_or_else(String::new, |package| format!(" from `SMS\\PKG\\{package}`"));
        let message = format!("the prestart command runs{place} before the sequence, and is not simulated");
        let problem = Problem::note(message).at(rendered.place("/prestart/command"), "");
        problems.add(problem.help("write the variables that it sets into `[variables]` of the fact file"));
    }
    let told = manifest.media_variables().into_iter().map(|(name, value)| (name.to_owned(), Some(value)));
    let own = manifest.reserved_variables.iter().chain(&manifest.variables).map(|(name, value)| match value {
        VariableValue::Text(text) => (name.clone(), Some(text.clone())),
        VariableValue::Secret(_) => (name.clone(), None),
    });
    // Of a base only the names are told.
    let of_base = supplied.into_iter().flat_map(|supplied| &supplied.kept).map(|name| (name.clone(), None));
    let site = rendered.site.iter().map(|code| ("_SMSTSSiteCode".to_owned(), Some(code.clone())));
    let carrier = if manifest.format() == OutputFormat::Usb { Launch::Usb } else { Launch::Dvd };
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
        started,
        launch: file.facts.launch.unwrap_or(carrier),
        variables: of_base.chain(site).chain(told).chain(own).collect(),
        content: Content::Carried(content),
    })
}

/// What a fact file starts from, if that is something else.
fn facts_other(file: &FactFile, started: Started) -> Option<Started> {
    file.facts.media.filter(|other| *other != started)
}
