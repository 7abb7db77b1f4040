//! Saved plans, and the check that they still apply.
//!
//! A saved plan holds the options that it was made with, and for each output the file that was there, the recorded
//! state and the planned one, file by file. That is enough to report what changed since. It is JSON, without times, and
//! without paths of the machine other than those in the options.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize, Serializer};

use super::reason::{self, Reason};
use super::{Action, ExistingFile, Plan, PlannedChange, capture};
use crate::content::SourceKey;
use crate::digest::{Digest, Digests};
use crate::error::{Error, Result};
use crate::merge_conflict;
use crate::record::{Record, RecordedCapture, RecordedFile, RecordedMedium};
use crate::target::{self, Target};

/// Newest version of the file that is read, and the one that is written.
const PLAN_VERSION: u32 = 2;

/// Saved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SavedPlan {
    plan_version: u32,
    /// Names of the sites that were requested; empty for all sites.
    pub sites: Vec<String>,
    /// Paths of the template value files, as given.
    pub vars_files: Vec<Utf8PathBuf>,
    /// Template values given one by one.
    pub vars: Vec<(String, String)>,
    /// `true` if media are rebuilt rather than patched.
    pub no_patch: bool,
    /// Manifests and their planned changes.
    pub manifests: Vec<SavedManifest>,
}

/// Planned changes of one manifest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "SavedLists<PlannedMedium, PlannedCapture>")]
pub struct SavedManifest {
    /// Path of the manifest, as given.
    pub manifest: Utf8PathBuf,
    /// Planned change of each target.
    pub targets: Vec<Planned>,
    /// Changes with their reasons and sizes, for reviewers only; empty in version 1.
    pub changes: Vec<PlannedChange>,
}

/// Serialised form of a manifest's changes, with separate lists for media and captures. Generic so that it can be
/// written from references: media list all their files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedLists<M, C> {
    manifest: Utf8PathBuf,
    outputs: Vec<M>,
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    captures: Vec<C>,
    #[serde(default)]
    changes: Vec<PlannedChange>,
}

impl Serialize for SavedManifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut lists = SavedLists {
            manifest: self.manifest.clone(),
            outputs: Vec::new(),
            captures: Vec::new(),
            changes: self.changes.clone(),
        };
        for planned in &self.targets {
            match planned {
                Planned::Medium(medium) => lists.outputs.push(medium),
                Planned::Capture(capture) => lists.captures.push(capture),
            }
        }
        lists.serialize(serializer)
    }
}

impl From<SavedLists<PlannedMedium, PlannedCapture>> for SavedManifest {
    fn from(lists: SavedLists<PlannedMedium, PlannedCapture>) -> Self {
        let SavedLists { manifest, outputs, captures, changes } = lists;
        let media = outputs.into_iter().map(|planned| Planned::Medium(Box::new(planned)));
        let targets = media.chain(captures.into_iter().map(Planned::Capture)).collect();
        Self { manifest, targets, changes }
    }
}

/// Planned change of a target, with the state that it is based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// Change of a medium.
    Medium(Box<PlannedMedium>),
    /// Change of a captured WIM file.
    Capture(PlannedCapture),
}

impl Planned {
    /// Name of the target, as in the manifest.
    pub fn name(&self) -> &str {
        match self {
            Self::Medium(medium) => &medium.name,
            Self::Capture(capture) => &capture.name,
        }
    }
}

/// Planned change of a captured WIM file, with the state that it is based on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCapture {
    /// Name of the WIM file, as in the manifest.
    pub name: String,
    /// Action to take.
    pub action: Action,
    /// Record of the capture after the change. `None` for a deletion.
    pub wanted: Option<RecordedCapture>,
}

/// Planned change of a medium, with the state that it is based on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedMedium {
    /// Name of the medium, as in the manifest.
    pub name: String,
    /// Action to take.
    pub action: Action,
    /// File that had its name.
    pub existing: ExistingFile,
    /// Identity of the recorded medium.
    pub recorded: Option<Digest>,
    /// Record of the medium after the change. `None` for a deletion.
    pub wanted: Option<WantedMedium>,
}

/// Record of a medium after a planned change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedMedium {
    /// Everything but the files.
    pub summary: RecordedMedium,
    /// Files of the medium.
    pub files: Vec<RecordedFile>,
}

/// Target for which a saved plan is out of date, with the reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleTarget {
    /// Name of the target.
    pub name: String,
    /// Planned action. `None` if the target was not planned.
    pub planned: Option<Action>,
    /// Action that a new plan would take, if the target is part of it.
    pub now: Option<Action>,
    /// File under the target's name, then and now, if it changed.
    pub existing: Option<(ExistingFile, ExistingFile)>,
    /// `true` if another medium is recorded now.
    pub is_recorded_anew: bool,
    /// Differences between the planned result and the current one.
    pub inputs: Vec<Reason>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SavedVersion {
    plan_version: u32,
}

impl SavedPlan {
    /// Creates a plan to save.
    pub fn new(
        sites: Vec<String>,
        vars_files: Vec<Utf8PathBuf>,
        vars: Vec<(String, String)>,
        no_patch: bool,
        manifests: Vec<SavedManifest>,
    ) -> Self {
        Self { plan_version: PLAN_VERSION, sites, vars_files, vars, no_patch, manifests }
    }

    /// Returns the planned changes for review. `None` in version 1, which has no reasons.
    pub fn plan(&self) -> Option<Plan> {
        let changes = self.manifests.iter().flat_map(|planned| planned.changes.iter().cloned()).collect();
        (self.plan_version > 1).then_some(Plan { changes })
    }

    /// Returns `true` if a text looks like a saved plan. No manifest starts like one.
    pub fn looks_like_one(text: &[u8]) -> bool {
        text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
    }

    /// Parses a saved plan. `path` is named in errors.
    pub fn parse(text: &str, path: &Utf8Path) -> Result<Self> {
        if !merge_conflict::find(text).is_empty() {
            return Err(Error::new(format!("the saved plan `{path}` has an unresolved merge conflict"))
                .help("save the plan again with `tsmedia plan --out FILE`"));
        }
        let damaged = |error: serde_json::Error| {
            Error::new(format!("the saved plan `{path}` is damaged"))
                .because(error)
                .help("save the plan again with `tsmedia plan --out FILE`")
        };
        let SavedVersion { plan_version } = match serde_json::from_str(text) {
            Ok(version) => version,
            Err(error) if !error.is_data() => return Err(damaged(error)),
            Err(_) => {
                return Err(Error::new(format!("`{path}` is neither a manifest nor a saved plan"))
                    .help("save a plan with `tsmedia plan --out FILE`"));
            }
        };
        if plan_version > PLAN_VERSION {
            return Err(Error::new(format!(
                "`{path}` is a saved plan of version {plan_version}, but this tsmedia reads versions up to {PLAN_VERSION}"
            ))
            .help("use the tsmedia that saved it, or save the plan again with `tsmedia plan --out FILE`"));
        }
        serde_json::from_str(text).map_err(damaged)
    }

    /// Formats the plan as JSON.
    ///
    /// # Errors
    ///
    /// If a value can't be represented in JSON.
    pub fn to_json(&self) -> Result<String> {
        let failed = |error: serde_json::Error| Error::new("writing the plan").because(error);
        Ok(serde_json::to_string_pretty(self).map_err(failed)? + "\n")
    }
}

/// Current state, to compare with a saved plan.
pub struct CurrentState<'a> {
    /// New plan.
    pub plan: &'a Plan,
    /// Targets of the manifest.
    pub targets: &'a [Target],
    /// Digests of sources, all of which must be known.
    pub digests: &'a dyn Fn(&SourceKey) -> Option<Digests>,
    /// Record of the manifest.
    pub record: &'a Record,
    /// File that has the name of a target.
    pub existing: &'a dyn Fn(&str) -> ExistingFile,
}

impl CurrentState<'_> {
    fn action(&self, name: &str) -> Option<Action> {
        self.plan.changes.iter().find(|change| change.name == name).map(|change| change.action)
    }
}

/// Lists the targets for which a saved plan is out of date.
///
/// A target that is already in its planned state does not count. It was done by someone else or by an interrupted run,
/// and applying the plan does the rest.
pub fn find_stale(planned: &[Planned], now: &CurrentState) -> Result<Vec<StaleTarget>> {
    let mut all = Vec::new();
    for planned in planned {
        all.extend(match planned {
            Planned::Medium(planned) => check_medium(planned, now)?,
            Planned::Capture(planned) => check_capture(planned, now),
        });
    }
    let is_planned = |name: &str| planned.iter().any(|planned| planned.name() == name);
    let unplanned = now.plan.changes.iter().filter(|change| change.action != Action::Keep && !is_planned(&change.name));
    all.extend(unplanned.map(|change| StaleTarget {
        name: change.name.clone(),
        planned: None,
        now: Some(change.action),
        existing: None,
        is_recorded_anew: false,
        inputs: Vec::new(),
    }));
    Ok(all)
}

fn check_medium(planned: &PlannedMedium, now: &CurrentState) -> Result<Option<StaleTarget>> {
    let target = target::find(now.targets, &planned.name).and_then(|target| Some((target, target.medium()?)));
    let existing = (now.existing)(&planned.name);
    let recorded = now.record.medium(&planned.name).map(|recorded| recorded.id);
    let mut differences = Vec::new();
    let is_done = match (&planned.wanted, target) {
        (Some(WantedMedium { summary, files }), Some((target, output))) => {
            let identity = output.identity(now.digests)?;
            let secrets = output.recorded_secrets();
            differences.extend(reason::secret_changes(summary.secrets.as_ref(), secrets.as_ref(), planned.existing));
            if identity.id != Some(summary.id) {
                differences.extend(reason::differences(target, output, &identity, summary, files));
            }
            let secrets = summary.secrets.as_ref().map(|secrets| secrets.digest);
            existing == ExistingFile::Medium { id: summary.id, secrets, len: summary.len }
        }
        // A deleted target is no longer recorded, but its file may have been left alone.
        (None, None) => recorded.is_none(),
        (Some(_), None) | (None, Some(_)) => false,
    };
    let is_wanted_as_planned = planned.wanted.is_some() == target.is_some() && differences.is_empty();
    let is_as_it_was = existing == planned.existing && recorded == planned.recorded;
    if is_wanted_as_planned && (is_done || is_as_it_was) {
        return Ok(None);
    }
    Ok(Some(StaleTarget {
        name: planned.name.clone(),
        planned: Some(planned.action),
        now: now.action(&planned.name),
        existing: (existing != planned.existing).then_some((planned.existing, existing)),
        is_recorded_anew: recorded != planned.recorded,
        inputs: differences,
    }))
}

/// Checks a planned capture. The file under its name may change, as the planned change replaces it anyway; only the
/// action counts.
fn check_capture(planned: &PlannedCapture, now: &CurrentState) -> Option<StaleTarget> {
    let action = now.action(&planned.name);
    let target = target::find(now.targets, &planned.name).and_then(|target| Some((target, target.capture()?)));
    let inputs = match (target, &planned.wanted) {
        (Some((target, request)), Some(wanted)) => capture::differences(target, request, wanted),
        _ => Vec::new(),
    };
    let is_the_same = target.is_some() == planned.wanted.is_some() && inputs.is_empty();
    // The capture may have been made in the meantime.
    let is_done = matches!(action, Some(Action::Keep) | None);
    if is_the_same && (is_done || action == Some(planned.action)) {
        return None;
    }
    Some(StaleTarget {
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
    fn damaged_and_newer_plans_are_distinguished_from_other_files() {
        let saved = SavedPlan::new(vec!["BER".into()], Vec::new(), vec![("a".into(), "b c".into())], true, Vec::new());
        let text = saved.to_json().unwrap();
        assert_eq!(SavedPlan::parse(&text, "ci.plan".into()).unwrap(), saved);
        assert!(
            SavedPlan::looks_like_one(text.as_bytes())
                && SavedPlan::looks_like_one(b" \n{")
                && !SavedPlan::looks_like_one(b"[media]\n{}")
        );
        let refused = |text: &str| SavedPlan::parse(text, "ci.plan".into()).unwrap_err().to_string();
        for cut in 1..text.trim_end().len() {
            assert_eq!(refused(&text[..cut]), "the saved plan `ci.plan` is damaged", "{cut}");
        }
        assert_eq!(refused("{\"plan-version\": 1}"), "the saved plan `ci.plan` is damaged");
        assert_eq!(refused("{\"record-version\": 1}"), "`ci.plan` is neither a manifest nor a saved plan");
        let newer = refused("{\"plan-version\": 3, \"else\": 1}");
        assert_eq!(newer, "`ci.plan` is a saved plan of version 3, but this tsmedia reads versions up to 2");
    }
}
