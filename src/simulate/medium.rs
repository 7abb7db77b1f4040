//! What a run starts from: the medium that a manifest makes for a site, or what a fact file says by itself.

use super::facts::{FactFile, Launch, Started};
use crate::manifest::{Kind, OutputFormat, Rendered, VariableValue};
use crate::problem::{Problem, Problems};
use crate::sequence::rules::is_content;

/// What a run starts from.
#[derive(Clone, Debug)]
pub struct Medium {
    /// What it is.
    pub started: Started,
    /// What carries it.
    pub launch: Launch,
    /// What it tells the client: names and values; of a secret no value.
    pub variables: Vec<(String, Option<String>)>,
    content: Content,
}

/// What a medium carries.
#[derive(Clone, Debug)]
enum Content {
    /// All that is asked for.
    All,
    /// Nothing.
    None,
    /// What bears these names.
    Named(Vec<String>),
    /// What a manifest says: IDs, each with what else task sequences call it.
    Carried(Vec<(String, Option<String>)>),
}

impl From<Kind> for Started {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Bootable => Self::Bootable,
            Kind::Prestaged => Self::Prestaged,
            Kind::StandAlone => Self::StandAlone,
            Kind::Capture => Self::Capture,
        }
    }
}

impl Medium {
    /// What a fact file says by itself. What it lacks goes to `problems`.
    pub fn of_facts(file: &FactFile, problems: &mut Problems) -> Option<Self> {
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
        Some(Self { started, launch: facts.launch.unwrap_or(Launch::Dvd), variables: Vec::new(), content })
    }

    /// The medium of a manifest for a site. Where a fact file says something else of it goes to `problems`.
    pub fn of_manifest(rendered: &Rendered, file: &FactFile, problems: &mut Problems) -> Option<Self> {
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
        let told = manifest.told().into_iter().map(|(name, value)| (name.to_owned(), Some(value)));
        let own = manifest.variables.iter().map(|(name, value)| match value {
            VariableValue::Text(text) => (name.clone(), Some(text.clone())),
            VariableValue::Secret(_) => (name.clone(), None),
        });
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
        Some(Self {
            started,
            launch: file.facts.launch.unwrap_or(carrier),
            variables: told.chain(own).collect(),
            content: Content::Carried(content),
        })
    }

    /// Whether it carries what a step calls so.
    pub fn carries(&self, id: &str) -> bool {
        match &self.content {
            Content::All => true,
            Content::None => false,
            Content::Named(names) => names.iter().any(|name| name.eq_ignore_ascii_case(id)),
            Content::Carried(content) => content.iter().any(|(own, name)| is_content(own, name.as_deref(), id)),
        }
    }
}

/// What a fact file starts from, if that is something else.
fn facts_other(file: &FactFile, started: Started) -> Option<Started> {
    file.facts.media.filter(|other| *other != started)
}
