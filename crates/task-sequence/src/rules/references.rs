//! Content that a sequence needs from its medium (R29), and the context that the medium provides
//! for checks.

use super::super::{Action, Value, is_package, text};
use super::{Rules, at_key};
use crate::MediaKind;
use authoring::problem::{Place, Problem};
use authoring::rule::Rule;

/// Medium that a sequence is checked for.
#[derive(Debug, Clone, Default)]
pub struct MediumContext {
    /// Kind of medium; `None` if unknown.
    pub kind: Option<MediaKind>,
    /// Place in the manifest that sets the kind; `None` without a manifest.
    pub kind_place: Option<Place>,
    /// Content of the medium; `None` if unknown.
    pub carried: Option<Vec<CarriedContent>>,
    /// Defers the check of the boot image to [`super::check_boot_image`].
    pub has_boot_image: bool,
    /// IDs of missing content that was already reported.
    pub reported: Vec<String>,
}

/// Content that a medium carries.
#[derive(Debug, Clone)]
pub struct CarriedContent {
    /// Table of the manifest that lists the content; `None` for content of a base, whose type is
    /// unknown.
    pub table: Option<&'static str>,
    /// ID in the manifest.
    pub id: String,
    /// Name of the application at the site, which task sequences use.
    pub model_name: Option<String>,
    /// Index of the image to use and the place that sets it.
    pub index: Option<(i64, Place)>,
    /// Place of the ID.
    pub place: Place,
}

/// References of steps: type of step, key, table of the manifest, noun.
const REFERENCES: [(&str, &str, &str, &str); 16] = [
    ("apply-operating-system", "image", "operating-system", "operating system image"),
    ("apply-operating-system", "upgrade-package", "package", "package"),
    ("apply-operating-system", "answer-package", "package", "package"),
    ("apply-data-image", "image", "operating-system", "image"),
    ("upgrade-operating-system", "package", "package", "package"),
    ("upgrade-operating-system", "driver-package", "driver-package", "driver package"),
    ("apply-driver-package", "package", "driver-package", "driver package"),
    ("setup-windows", "client-package", "package", "package"),
    ("setup-windows", "pre-production-package", "package", "package"),
    ("install-package", "package", "package", "package"),
    ("install-deployment-tools", "package", "package", "package"),
    ("run-command-line", "package", "package", "package"),
    ("run-powershell-script", "package", "package", "package"),
    ("capture-user-state", "package", "package", "package"),
    ("restore-user-state", "package", "package", "package"),
    ("run-task-sequence", "task-sequence", "", "task sequence"),
];

/// Returns the references of a step: key, ID, table of the manifest (empty for another task
/// sequence), noun.
pub fn step_references(action: &Action) -> Vec<(&'static str, &str, &'static str, &'static str)> {
    let of_kind = REFERENCES.iter().filter(|row| action.is(row.0));
    of_kind.filter_map(|(_, key, table, what)| Some((*key, action.text(key)?, *table, *what))).collect()
}

/// Requirement of a step: content, or another task sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Key of the step with the reference, such as `package` or `applications/0/id`.
    pub key: String,
    /// ID; for an application also its name at the site.
    pub id: String,
    /// Table of a manifest or library that may list it; `None` if any may.
    pub table: Option<&'static str>,
    /// Noun, such as `driver package`.
    pub what: &'static str,
}

/// Returns all requirements of a step, in the order of its keys.
pub fn requirements(action: &Action) -> Vec<Requirement> {
    let mut found = Vec::new();
    for (key, id, table, what) in step_references(action) {
        let table = if table.is_empty() { "task-sequence" } else { table };
        found.push(Requirement { key: key.to_owned(), id: id.to_owned(), table: Some(table), what });
    }
    for (index, application) in action.tables("applications").iter().enumerate() {
        let Some(id) = text(application, "id") else { continue };
        let key = format!("applications/{index}/id");
        found.push(Requirement { key, id: id.to_owned(), table: Some("application"), what: "application" });
    }
    if let (true, Some(Value::Texts(packages))) = (action.is("download-package-content"), action.values.get("packages"))
    {
        found.extend(packages.iter().enumerate().map(|(index, id)| Requirement {
            key: format!("packages/{index}"),
            id: id.clone(),
            table: None,
            what: "package",
        }));
    }
    found
}

pub fn check(rules: &mut Rules<'_>) {
    check_indexes(rules);
    let Some(carried) = rules.medium.carried.as_ref().filter(|_| rules.without_site().is_some()) else { return };
    let is_capture = rules.medium.kind == Some(MediaKind::Capture);
    let mut reported = rules.medium.reported.clone();
    // Content of a base is known by its content ID, but steps refer to applications by model name.
    let has_unknown_applications = carried.iter().any(|one| one.table.is_none() && !is_package(&one.id));
    for at in rules.steps.clone() {
        let (Some(action), true) = (at.action(), at.reached.may_run()) else { continue };
        // The pre-production client has a rule of its own.
        let has_own_rule = |key: &str| key == "pre-production-package";
        for (key, id, table, what) in step_references(action).into_iter().filter(|row| !has_own_rule(row.0)) {
            if reported.iter().any(|other| other == id) {
                continue;
            }
            let here = carried.iter().find(|one| one.id == id);
            // Content of a base has no table, so it counts as any type.
            if here.is_some_and(|one| one.table.is_none_or(|own| own == table)) {
                continue;
            }
            reported.push(id.to_owned());
            let problem = match here {
                _ if table.is_empty() => {
                    let message = format!(
                        "the child task sequence `{id}` is not on the medium, which can carry only one task sequence"
                    );
                    let help = "write its steps to a file and include it: `type = \"include\"`, `file = \"…\"`";
                    at_key(Problem::new(Rule::MissingContent, message), at.step, key, "").help(help)
                }
                Some(one) => {
                    let own = one.table.unwrap_or_default();
                    let message = format!("`{id}` has to be {} {what}, but is listed as `{own}`", article(what));
                    let problem = at_key(Problem::new(Rule::MissingContent, message), at.step, key, "required here");
                    let problem = problem.at(one.place.clone(), "listed here");
                    problem.help(format!("move it to `[[{table}]]`, or change the ID"))
                }
                None if is_capture => {
                    let message = format!("the {what} `{id}` is missing: capture media carry no content");
                    let help = "remove the step, or put its files on the medium with `[[file]]`";
                    at_key(Problem::new(Rule::MissingContent, message), at.step, key, "required here").help(help)
                }
                None => {
                    let message = format!("the {what} `{id}` is not on the medium");
                    let source = if table == "operating-system" { "file = \"…\"" } else { "source = \"…\"" };
                    let help = format!("add `[[{table}]]` with `id = \"{id}\"` and `{source}` to the manifest");
                    at_key(Problem::new(Rule::MissingContent, message), at.step, key, "required here").help(help)
                }
            };
            let problem = rules.at_media_kind(problem);
            rules.add(problem);
        }
        if let Some(Value::Tables(applications)) = action.values.get("applications") {
            for (index, application) in applications.iter().enumerate() {
                let Some(id) = text(application, "id").filter(|id| !reported.iter().any(|other| other == id)) else {
                    continue;
                };
                let is_other = |one: &CarriedContent| {
                    one.table != Some("application") || !matches_content(&one.id, one.model_name.as_deref(), id)
                };
                if has_unknown_applications || !carried.iter().all(is_other) {
                    continue;
                }
                reported.push(id.to_owned());
                let name = text(application, "name").unwrap_or(id);
                let problem =
                    Problem::new(Rule::MissingContent, format!("the application `{name}` is not on the medium"));
                let problem = at_key(problem, at.step, &format!("applications/{index}/id"), "required here");
                let problem = rules.at_media_kind(problem);
                rules.add(problem.help(match is_capture {
                    true => "remove the step; capture media carry no content".to_owned(),
                    false => format!(
                        "add `[[application]]` with the `id` of its content, `model-name = \"{id}\"` and \
                         `source = \"…\"` to the manifest"
                    ),
                }));
            }
        }
    }
}

/// Checks that a step applies the image that the manifest selects (R27, R152).
fn check_indexes(rules: &mut Rules<'_>) {
    let mut problems = Vec::new();
    for one in rules.medium.carried.iter().flatten() {
        let Some((index, place)) = &one.index else { continue };
        let applies =
            |at: &&super::PlacedStep<'_>| at.action().and_then(|action| action.text("image")) == Some(one.id.as_str());
        let applied = rules.running("apply-operating-system").into_iter().chain(rules.running("apply-data-image"));
        let applied: Vec<_> = applied.filter(|at| applies(&at)).collect();
        let given: Vec<_> = applied.iter().map(|at| at.action().and_then(|action| action.integer("index"))).collect();
        let Some(Some(other)) = given.first().filter(|_| !given.contains(&None) && !given.contains(&Some(*index)))
        else {
            continue;
        };
        let message =
            format!("the manifest selects image {index} of `{}`, but the task sequence applies image {other}", one.id);
        let problem = Problem::new(Rule::UnappliedImage, message).at(place.clone(), "never applied");
        let problem = at_key(problem, applied[0].step, "index", "applied");
        problems.push(problem.help("use the same `index` in both"));
    }
    rules.problems.append(&mut problems);
}

fn article(what: &str) -> &'static str {
    if what.starts_with(['a', 'i', 'o']) { "an" } else { "a" }
}

/// Returns `true` if `id` refers to content with the ID `own` or the model name `model_name`.
pub fn matches_content(own: &str, model_name: Option<&str>, id: &str) -> bool {
    let id = without_revision(id);
    own.eq_ignore_ascii_case(id) || model_name.is_some_and(|name| without_revision(name).eq_ignore_ascii_case(id))
}

/// Returns the model name of an application without its revision, a number after the last of
/// several `/`.
pub fn without_revision(name: &str) -> &str {
    match name.rsplit_once('/') {
        Some((rest, last)) if rest.contains('/') && last.bytes().all(|c| c.is_ascii_digit()) => rest,
        _ => name,
    }
}
