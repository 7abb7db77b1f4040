//! What a sequence needs from the medium that carries it (R29), and what is known of that medium.

use super::super::{Action, Value, is_package, text};
use super::{Rules, at_key};
use crate::MediaKind;
use authoring::problem::{Place, Problem};
use authoring::rule::Rule;

/// What is known of the medium that a sequence is for.
#[derive(Debug, Clone, Default)]
pub struct Medium {
    /// Its kind, if that is known.
    pub kind: Option<MediaKind>,
    /// Where the manifest says the kind, if there is one.
    pub kind_place: Option<Place>,
    /// What it carries, if that is known.
    pub carried: Option<Vec<Carried>>,
    /// Whether it has a boot image that is looked into later: [`super::check_boot_image`] is asked then.
    pub has_boot_image: bool,
    /// IDs of content that is missing and was reported already.
    pub reported: Vec<String>,
}

/// Content that a medium carries.
#[derive(Debug, Clone)]
pub struct Carried {
    /// The table of the manifest that it stands in; `None` for content of a base, which does not say what it is.
    pub table: Option<&'static str>,
    /// Its ID there.
    pub id: String,
    /// What else task sequences call it.
    pub model_name: Option<String>,
    /// Which image of it is meant, and where that is written.
    pub index: Option<(i64, Place)>,
    /// Where the ID is written.
    pub place: Place,
}

/// What keys of steps refer to: type of step, key, table of the manifest, what it is called.
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

/// What a step refers to: by which key, what, the table of the manifest that has such things (empty for another task
/// sequence), and what they are called.
pub fn referred(action: &Action) -> Vec<(&'static str, &str, &'static str, &'static str)> {
    let of_kind = REFERENCES.iter().filter(|row| action.is(row.0));
    of_kind.filter_map(|(_, key, table, what)| Some((*key, action.text(key)?, *table, *what))).collect()
}

/// Something that a step needs beside it: content, or another task sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Key of the step that names it, such as `package` or `applications/0/id`.
    pub key: String,
    /// Its ID; of an application also its name at the site.
    pub id: String,
    /// Table of a manifest or library that has such things; `None` if it may be in any.
    pub table: Option<&'static str>,
    /// Noun for it, such as `driver package`.
    pub what: &'static str,
}

/// Returns everything that a step needs, in the order of its keys.
pub fn needs(action: &Action) -> Vec<Need> {
    let mut needs = Vec::new();
    for (key, id, table, what) in referred(action) {
        let table = if table.is_empty() { "task-sequence" } else { table };
        needs.push(Need { key: key.to_owned(), id: id.to_owned(), table: Some(table), what });
    }
    for (index, application) in action.tables("applications").iter().enumerate() {
        let Some(id) = text(application, "id") else { continue };
        let key = format!("applications/{index}/id");
        needs.push(Need { key, id: id.to_owned(), table: Some("application"), what: "application" });
    }
    if let (true, Some(Value::Texts(packages))) = (action.is("download-package-content"), action.values.get("packages"))
    {
        needs.extend(packages.iter().enumerate().map(|(index, id)| Need {
            key: format!("packages/{index}"),
            id: id.clone(),
            table: None,
            what: "package",
        }));
    }
    needs
}

pub fn check(rules: &mut Rules<'_>) {
    indexes(rules);
    let Some(carried) = rules.medium.carried.as_ref().filter(|_| rules.without_site().is_some()) else { return };
    let is_capture = rules.medium.kind == Some(MediaKind::Capture);
    let mut told = rules.medium.reported.clone();
    // The folders of a base have IDs of content, and steps know applications by another one.
    let has_unknown_applications = carried.iter().any(|one| one.table.is_none() && !is_package(&one.id));
    for at in rules.steps.clone() {
        let (Some(action), true) = (at.action(), at.reached.may_run()) else { continue };
        // What has a rule of its own is not told twice.
        let is_told = |key: &str| key == "pre-production-package";
        for (key, id, table, what) in referred(action).into_iter().filter(|row| !is_told(row.0)) {
            if told.iter().any(|other| other == id) {
                continue;
            }
            let here = carried.iter().find(|one| one.id == id);
            if here.is_some_and(|one| one.table.is_none_or(|own| own == table)) {
                continue;
            }
            told.push(id.to_owned());
            let problem = match here {
                _ if table.is_empty() => {
                    let message = format!("the task sequence `{id}` is not on the medium, which carries one");
                    let help = "put its steps into a file and include it: `type = \"include\"`, `file = \"…\"`";
                    at_key(Problem::new(Rule::MissingContent, message), at.step, key, "").help(help)
                }
                Some(one) => {
                    let own = one.table.unwrap_or_default();
                    let message = format!("`{id}` is wanted as {} {what}, and is a `{own}`", article(what));
                    let problem = at_key(Problem::new(Rule::MissingContent, message), at.step, key, "wanted here");
                    let problem = problem.at(one.place.clone(), "carried here");
                    problem.help(format!("write it as `[[{table}]]`, or name another one"))
                }
                None if is_capture => {
                    let message = format!("the {what} `{id}` is not on the medium: capture media carry no content");
                    let help = "leave the step out, or put its files on the medium with `[[file]]`";
                    at_key(Problem::new(Rule::MissingContent, message), at.step, key, "wanted here").help(help)
                }
                None => {
                    let message = format!("the {what} `{id}` is not on the medium");
                    let source = if table == "operating-system" { "file = \"…\"" } else { "source = \"…\"" };
                    let help = format!("add `[[{table}]]` with `id = \"{id}\"` and `{source}` to the manifest");
                    at_key(Problem::new(Rule::MissingContent, message), at.step, key, "wanted here").help(help)
                }
            };
            let problem = rules.on_medium(problem);
            rules.add(problem);
        }
        if let Some(Value::Tables(applications)) = action.values.get("applications") {
            for (index, application) in applications.iter().enumerate() {
                let Some(id) = text(application, "id").filter(|id| !told.iter().any(|other| other == id)) else {
                    continue;
                };
                let is_other = |one: &Carried| {
                    one.table != Some("application") || !is_content(&one.id, one.model_name.as_deref(), id)
                };
                if has_unknown_applications || !carried.iter().all(is_other) {
                    continue;
                }
                told.push(id.to_owned());
                let name = text(application, "name").unwrap_or(id);
                let problem =
                    Problem::new(Rule::MissingContent, format!("the application `{name}` is not on the medium"));
                let problem = at_key(problem, at.step, &format!("applications/{index}/id"), "wanted here");
                let problem = rules.on_medium(problem);
                rules.add(problem.help(match is_capture {
                    true => "leave the step out: capture media carry no content".to_owned(),
                    false => format!(
                        "add `[[application]]` with the `id` of its content, `model-name = \"{id}\"` and \
                         `source = \"…\"` to the manifest"
                    ),
                }));
            }
        }
    }
}

/// The image that the manifest means is one that a step applies (R27).
fn indexes(rules: &mut Rules<'_>) {
    let mut problems = Vec::new();
    for one in rules.medium.carried.iter().flatten() {
        let Some((index, place)) = &one.index else { continue };
        let applies =
            |at: &&super::At<'_>| at.action().and_then(|action| action.text("image")) == Some(one.id.as_str());
        let applied = rules.running("apply-operating-system").into_iter().chain(rules.running("apply-data-image"));
        let applied: Vec<_> = applied.filter(|at| applies(&at)).collect();
        let said: Vec<_> = applied.iter().map(|at| at.action().and_then(|action| action.integer("index"))).collect();
        let Some(Some(other)) = said.first().filter(|_| !said.contains(&None) && !said.contains(&Some(*index))) else {
            continue;
        };
        let message =
            format!("the manifest means image {index} of `{}`, and the sequence applies image {other}", one.id);
        let problem = Problem::new(Rule::UnappliedImage, message).at(place.clone(), "never applied");
        let problem = at_key(problem, applied[0].step, "index", "applied");
        problems.push(problem.help("write the same `index` in both"));
    }
    rules.problems.append(&mut problems);
}

fn article(what: &str) -> &'static str {
    if what.starts_with(['a', 'i', 'o']) { "an" } else { "a" }
}

/// Returns `true` if a step means content of this ID, or of this name at the site, by `id`.
pub fn is_content(own: &str, model_name: Option<&str>, id: &str) -> bool {
    let id = without_revision(id);
    own.eq_ignore_ascii_case(id) || model_name.is_some_and(|name| without_revision(name).eq_ignore_ascii_case(id))
}

/// Returns the name of an application at the site without its revision, a number after the last of several `/`.
pub fn without_revision(name: &str) -> &str {
    match name.rsplit_once('/') {
        Some((rest, last)) if rest.contains('/') && last.bytes().all(|c| c.is_ascii_digit()) => rest,
        _ => name,
    }
}
