//! A plan that is kept, to be looked at and then done, and whether what it was decided from is still as it was.
//!
//! A saved plan holds what it was asked with, and of each output what was there, what was recorded and what is to
//! be, file by file: enough to say what has moved since. It is JSON without times and without paths of the machine but
//! those that it was asked with.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize, Serializer};

use super::reason::{self, Reason};
use super::{Action, Existing, Plan, capture};
use crate::content::SourceKey;
use crate::digest::{Digest, Digests};
use crate::error::{Error, Result};
use crate::merge_conflict;
use crate::record::{Record, RecordedCapture, RecordedFile, RecordedMedium};
use crate::target::{self, Target};

/// The version of the file that is written here, and the newest that is read.
const PLAN_VERSION: u32 = 1;

/// A saved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Saved {
    plan_version: u32,
    /// The sites that were asked for; all of them if none is here.
    pub sites: Vec<String>,
    /// The files of template values, as they were named.
    pub vars_files: Vec<Utf8PathBuf>,
    /// Single template values.
    pub vars: Vec<(String, String)>,
    /// Whether media are built anew rather than patched.
    pub no_patch: bool,
    /// The manifests, as they were named, each with what is to be done for it.
    pub manifests: Vec<SavedManifest>,
}

/// What is to be done for one manifest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Lists<PlannedMedium, PlannedCapture>")]
pub struct SavedManifest {
    /// The manifest, as it was named.
    pub manifest: Utf8PathBuf,
    /// What is to be done with each target.
    pub targets: Vec<Planned>,
}

/// A saved manifest as the file has it: media and captures in lists of their own. Written from references, since media
/// list all their files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists<M, C> {
    manifest: Utf8PathBuf,
    outputs: Vec<M>,
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    captures: Vec<C>,
}

impl Serialize for SavedManifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut lists = Lists { manifest: self.manifest.clone(), outputs: Vec::new(), captures: Vec::new() };
        for planned in &self.targets {
            match planned {
                Planned::Medium(medium) => lists.outputs.push(medium),
                Planned::Capture(capture) => lists.captures.push(capture),
            }
        }
        lists.serialize(serializer)
    }
}

impl From<Lists<PlannedMedium, PlannedCapture>> for SavedManifest {
    fn from(Lists { manifest, outputs, captures }: Lists<PlannedMedium, PlannedCapture>) -> Self {
        let media = outputs.into_iter().map(|planned| Planned::Medium(Box::new(planned)));
        Self { manifest, targets: media.chain(captures.into_iter().map(Planned::Capture)).collect() }
    }
}

/// What is to be done with a target, and what that was decided from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// A medium.
    Medium(Box<PlannedMedium>),
    /// A WIM file that is captured.
    Capture(PlannedCapture),
}

impl Planned {
    /// The target, as its author sees it.
    pub fn name(&self) -> &str {
        match self {
            Self::Medium(medium) => &medium.name,
            Self::Capture(capture) => &capture.name,
        }
    }
}

/// What is to be done with a WIM file that is captured, and what that was decided from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCapture {
    /// The WIM file, as its author sees it.
    pub name: String,
    /// What to do.
    pub action: Action,
    /// What it is to be, as the record will have it; nothing for one that is to be deleted.
    pub wanted: Option<RecordedCapture>,
}

/// What is to be done with a medium, and what that was decided from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedMedium {
    /// The medium, as its author sees it.
    pub name: String,
    /// What to do.
    pub action: Action,
    /// What there was under its name.
    pub existing: Existing,
    /// The medium that was recorded.
    pub recorded: Option<Digest>,
    /// What it is to be; nothing for one that is to be deleted.
    pub wanted: Option<WantedMedium>,
}

/// What a medium is to be: what the record will say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedMedium {
    /// All of it but its files.
    pub summary: RecordedMedium,
    /// Its files.
    pub files: Vec<RecordedFile>,
}

/// A target for which a saved plan holds no more, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The output.
    pub name: String,
    /// What was to be done, if it was planned.
    pub planned: Option<Action>,
    /// What would be done now, if there is anything to say of it.
    pub now: Option<Action>,
    /// What there was and what there is under its name, if that is not the same.
    pub existing: Option<(Existing, Existing)>,
    /// Whether another medium is recorded than was.
    pub is_recorded_anew: bool,
    /// In what it would come out other than planned.
    pub inputs: Vec<Reason>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Version {
    plan_version: u32,
}

impl Saved {
    /// A plan to save.
    pub fn new(
        sites: Vec<String>,
        vars_files: Vec<Utf8PathBuf>,
        vars: Vec<(String, String)>,
        no_patch: bool,
        manifests: Vec<SavedManifest>,
    ) -> Self {
        Self { plan_version: PLAN_VERSION, sites, vars_files, vars, no_patch, manifests }
    }

    /// Whether a text is meant to be a saved plan. No manifest starts like this.
    pub fn is_meant(text: &[u8]) -> bool {
        text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
    }

    /// Reads a saved plan; `path` is where it came from.
    pub fn parse(text: &str, path: &Utf8Path) -> Result<Self> {
        if !merge_conflict::find(text).is_empty() {
            return Err(Error::new(format!("the saved plan `{path}` has an unresolved merge conflict"))
                .help("save it again with `tsmedia plan --out`"));
        }
        let damaged = |error: serde_json::Error| {
            Error::new(format!("the saved plan `{path}` is damaged")).because(error).help("save it again")
        };
        let Version { plan_version } = match serde_json::from_str(text) {
            Ok(version) => version,
            Err(error) if !error.is_data() => return Err(damaged(error)),
            Err(_) => {
                return Err(Error::new(format!("`{path}` is neither a manifest nor a saved plan"))
                    .help("a saved plan is what `tsmedia plan --out FILE` writes"));
            }
        };
        if plan_version > PLAN_VERSION {
            return Err(Error::new(format!(
                "`{path}` is a saved plan of version {plan_version}, and this tsmedia reads up to {PLAN_VERSION}"
            ))
            .help("use the tsmedia that wrote it, or save it again with this one"));
        }
        serde_json::from_str(text).map_err(damaged)
    }

    /// Returns the text of the file.
    ///
    /// # Errors
    ///
    /// Something of it can't be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        let failed = |error: serde_json::Error| Error::new("writing the plan").because(error);
        Ok(serde_json::to_string_pretty(self).map_err(failed)? + "\n")
    }
}

/// How everything is now that a saved plan was decided from.
pub struct Now<'a> {
    /// What would be done.
    pub plan: &'a Plan,
    /// What the manifest makes.
    pub targets: &'a [Target],
    /// The digests of sources: all have to be known.
    pub digests: &'a dyn Fn(&SourceKey) -> Option<Digests>,
    /// What was built.
    pub record: &'a Record,
    /// What there is under a name.
    pub existing: &'a dyn Fn(&str) -> Existing,
}

impl Now<'_> {
    fn action(&self, name: &str) -> Option<Action> {
        self.plan.changes.iter().find(|change| change.name == name).map(|change| change.action)
    }
}

/// The targets for which a saved plan holds no more.
///
/// A target that is as it was planned to be already is no reason to refuse: then somebody did it, and doing the plan
/// again does the rest.
pub fn moved(planned: &[Planned], now: &Now) -> Result<Vec<Moved>> {
    let mut all = Vec::new();
    for planned in planned {
        all.extend(match planned {
            Planned::Medium(planned) => moved_medium(planned, now)?,
            Planned::Capture(planned) => moved_capture(planned, now),
        });
    }
    let is_planned = |name: &str| planned.iter().any(|planned| planned.name() == name);
    let unplanned = now.plan.changes.iter().filter(|change| change.action != Action::Keep && !is_planned(&change.name));
    all.extend(unplanned.map(|change| Moved {
        name: change.name.clone(),
        planned: None,
        now: Some(change.action),
        existing: None,
        is_recorded_anew: false,
        inputs: Vec::new(),
    }));
    Ok(all)
}

fn moved_medium(planned: &PlannedMedium, now: &Now) -> Result<Option<Moved>> {
    let target = target::named(now.targets, &planned.name).and_then(|target| Some((target, target.medium()?)));
    let existing = (now.existing)(&planned.name);
    let recorded = now.record.medium(&planned.name).map(|recorded| recorded.id);
    let mut differences = Vec::new();
    let is_done = match (&planned.wanted, target) {
        (Some(WantedMedium { summary, files }), Some((target, output))) => {
            let identity = output.identity(now.digests)?;
            let secrets = output.kept_secrets();
            differences.extend(reason::secret_changes(summary.secrets.as_ref(), secrets.as_ref(), planned.existing));
            if identity.id != Some(summary.id) {
                differences.extend(reason::differences(target, output, &identity, summary, files));
            }
            let secrets = summary.secrets.as_ref().map(|secrets| secrets.digest);
            existing == Existing::Medium { id: summary.id, secrets, len: summary.len }
        }
        // Deleting is also forgetting, and a file that was left alone may still be there.
        (None, None) => recorded.is_none(),
        (Some(_), None) | (None, Some(_)) => false,
    };
    let is_wanted_as_planned = planned.wanted.is_some() == target.is_some() && differences.is_empty();
    let is_as_it_was = existing == planned.existing && recorded == planned.recorded;
    if is_wanted_as_planned && (is_done || is_as_it_was) {
        return Ok(None);
    }
    Ok(Some(Moved {
        name: planned.name.clone(),
        planned: Some(planned.action),
        now: now.action(&planned.name),
        existing: (existing != planned.existing).then_some((planned.existing, existing)),
        is_recorded_anew: recorded != planned.recorded,
        inputs: differences,
    }))
}

/// What there is under the name of a capture may have changed: that is what the plan was about, and only what was to be
/// done with it counts.
fn moved_capture(planned: &PlannedCapture, now: &Now) -> Option<Moved> {
    let action = now.action(&planned.name);
    let target = target::named(now.targets, &planned.name).and_then(|target| Some((target, target.capture()?)));
    let inputs = match (target, &planned.wanted) {
        (Some((target, request)), Some(wanted)) => capture::differences(target, request, wanted),
        _ => Vec::new(),
    };
    let is_the_same = target.is_some() == planned.wanted.is_some() && inputs.is_empty();
    // Somebody may have done it already.
    let is_done = matches!(action, Some(Action::Keep) | None);
    if is_the_same && (is_done || action == Some(planned.action)) {
        return None;
    }
    Some(Moved {
        name: planned.name.clone(),
        planned: Some(planned.action),
        now: action,
        existing: None,
        is_recorded_anew: false,
        inputs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_saved_plan_is_told_from_one_that_is_damaged_or_newer() {
        let saved = Saved::new(vec!["BER".into()], Vec::new(), vec![("a".into(), "b c".into())], true, Vec::new());
        let text = saved.to_json().unwrap();
        assert_eq!(Saved::parse(&text, "ci.plan".into()).unwrap(), saved);
        assert!(Saved::is_meant(text.as_bytes()) && Saved::is_meant(b" \n{") && !Saved::is_meant(b"[media]\n{}"));
        let refused = |text: &str| Saved::parse(text, "ci.plan".into()).unwrap_err().to_string();
        for cut in 1..text.trim_end().len() {
            assert_eq!(refused(&text[..cut]), "the saved plan `ci.plan` is damaged", "{cut}");
        }
        assert_eq!(refused("{\"plan-version\": 1}"), "the saved plan `ci.plan` is damaged");
        assert_eq!(refused("{\"record-version\": 1}"), "`ci.plan` is neither a manifest nor a saved plan");
        let newer = refused("{\"plan-version\": 2, \"else\": 1}");
        assert_eq!(newer, "`ci.plan` is a saved plan of version 2, and this tsmedia reads up to 1");
    }
}
