//! Reader of sequence files: TOML that is rendered for a site like a manifest, and checked against
//! the catalog of steps.
//!
//! Formal mistakes are reported here, at their lines; the rules check the meaning. A step of type
//! `include` is replaced by the steps of another file.

pub(super) mod conditions;
pub(super) mod table;
pub(super) mod values;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Result;
use authoring::file::read_text;
use authoring::inputs::Inputs;
use authoring::limits::MAX_TOML_LEN;

use crate::limits::{MAX_SEQUENCE_DEPTH, MAX_SEQUENCE_STEPS};
use authoring::problem::{Problem, Problems};
use authoring::rule::Rule;
use authoring::spanned::{Node, Value as Raw};
use authoring::suggestions::{nearest, one_of, similar_path};
use authoring::template::Templates;
use authoring::toml::parse;
use authoring::values::Context;

use super::catalog::common::{ACTION_KEYS, COMMON_KEYS, FOREIGN_KEYS, SEQUENCE_KEYS};
use super::catalog::{self, Environment};
use super::{Action, Body, Foreign, Places, Sequence, Step, Variable, xml};

use table::TableReader;

/// Version of the file format.
pub const VERSION: i64 = 1;

/// Reads a sequence file, rendered with the values of `context`.
///
/// Mistakes of the author are added to `problems`, and there is then no sequence. Every file that
/// is read, or would be if it existed, is added to `inputs`.
///
/// # Errors
///
/// Fails if the file can't be read at all.
pub fn read(
    path: &Utf8Path,
    context: &Context,
    problems: &mut Problems,
    inputs: &mut Inputs,
) -> Result<Option<Sequence>> {
    inputs.note(path);
    let n_errors = problems.n_errors_added();
    let (templates, len_left) = (Templates::new(), MAX_TOML_LEN);
    let mut reader = Reader { context, templates, problems, inputs, above: Vec::new(), n_steps: 0, len_left };
    let text = reader.text(path)?;
    let sequence = reader.sequence(path, &text);
    Ok(sequence.filter(|_| reader.problems.n_errors_added() == n_errors))
}

/// Returns `true` if a text is a sequence file, judging by its top-level keys.
pub fn is_sequence_text(text: &str) -> bool {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split('=').next())
        .any(|key| key.trim().trim_matches(['"', '\'']) == "sequence-version")
}

/// Returns `true` if a file is a sequence file; `false` if it can't be read.
pub fn is_sequence_file(path: &Utf8Path) -> bool {
    read_text(path, MAX_TOML_LEN).is_ok_and(|text| is_sequence_text(&text))
}

struct Reader<'a> {
    context: &'a Context,
    templates: Templates,
    problems: &'a mut Problems,
    inputs: &'a mut Inputs,
    /// Files that are being read, outermost first.
    above: Vec<Utf8PathBuf>,
    /// Number of steps, groups and included files read so far.
    n_steps: usize,
    /// Number of bytes that may still be read.
    len_left: u64,
}

impl Reader<'_> {
    fn text(&mut self, path: &Utf8Path) -> Result<String> {
        let text = read_text(path, self.len_left).map_err(|error| authoring::Error::read(path, error))?;
        self.len_left -= text.len() as u64;
        Ok(text)
    }

    /// Parses and renders a text; `None` if it is not valid TOML.
    fn tree(&mut self, path: &Utf8Path, text: &str) -> Option<Node> {
        let source = self.problems.add_source_once(path.as_str(), text);
        let n_errors = self.problems.n_errors_added();
        let tree = parse(source, text, self.problems);
        if self.problems.n_errors_added() > n_errors {
            return None;
        }
        let mut found = Vec::new();
        let tree = self.templates.render(&tree, self.context, self.problems, &mut found);
        found.into_iter().for_each(|problem| self.problems.add(problem));
        Some(tree)
    }

    fn sequence(&mut self, path: &Utf8Path, text: &str) -> Option<Sequence> {
        let tree = self.tree(path, text)?;
        self.above.push(path.to_owned());
        let mut places = Places::default();
        let mut table = TableReader::new(&tree, "the task sequence", &mut places, self.problems)?;
        match table.integer("sequence-version", (VERSION, VERSION)) {
            Some(_) => {}
            None if table.has("sequence-version") => {}
            None => table.add_missing("sequence-version", "1", "the version of the file format"),
        }
        table.rule = Some(Rule::InvalidSequenceName);
        let name = table.required_text("name", 50, "\"Deploy Windows\"");
        let description = table.text("description", 512).unwrap_or_default();
        table.rule = None;
        let boot_image = table.package("boot-image");
        let steps = table.list("steps");
        let mut kept = values::values(&mut table, &SEQUENCE_KEYS);
        let own = ["sequence-version", "name", "description", "boot-image", "steps"].into_iter();
        table.finish(&own.chain(SEQUENCE_KEYS.iter().map(|key| key.name)).collect::<Vec<_>>());
        let steps = self.steps(&steps, 0);
        self.above.pop();
        let variables = variables(kept.remove("variables"));
        let Ok(references) = texts(kept.remove("references")).iter().map(|text| text.parse()).collect();
        let omitted = texts(kept.remove("omitted"));
        let xml_version =
            super::text(&kept, "xml-version").filter(|version| *version != xml::VERSION).map(str::to_owned);
        let name = name?;
        Some(Sequence { name, description, boot_image, xml_version, steps, references, variables, omitted, places })
    }

    fn steps(&mut self, nodes: &[Node], depth: usize) -> Vec<Step> {
        nodes.iter().flat_map(|node| self.step(node, depth)).collect()
    }

    /// Reads a step. An include yields all steps of its file; a step that `when` excludes yields
    /// none.
    fn step(&mut self, node: &Node, depth: usize) -> Vec<Step> {
        if depth > MAX_SEQUENCE_DEPTH {
            let message = format!("groups and included files are nested deeper than {MAX_SEQUENCE_DEPTH} levels");
            let help = "move the innermost steps to a group at a higher level";
            self.problems.add(Problem::error(message).at(node.place.clone(), "").help(help));
            return Vec::new();
        }
        self.n_steps += 1;
        if self.n_steps > MAX_SEQUENCE_STEPS {
            // Report once, not for each further step.
            if self.n_steps == MAX_SEQUENCE_STEPS + 1 {
                let message = format!(
                    "the task sequence has more than {MAX_SEQUENCE_STEPS} steps and groups, too many for a site"
                );
                let problem =
                    Problem::new(Rule::LargeTaskSequence, message).at(node.place.clone(), "first one over the limit");
                self.problems.add(problem.help("check which files are included, and how often"));
            }
            return Vec::new();
        }
        let mut places = Places::default();
        let kinds = self.type_of(node);
        let what = kinds.as_deref().map_or("a step".to_owned(), |kind| match kind {
            "group" => "a group".into(),
            kind => format!("a step of type `{kind}`"),
        });
        let Some(mut table) = TableReader::new(node, &what, &mut places, self.problems) else { return Vec::new() };
        let Some(kind) = kinds else {
            if !table.has("type") {
                table.add_missing("type", "\"run-command-line\"", "type of the step");
                table.report_missing();
            }
            return Vec::new();
        };
        let is_wanted = table.boolean("when").unwrap_or(true);
        if kind == "include" {
            let file = table.required_text("file", 4096, "\"shared/drivers.toml\"");
            table.finish(&["type", "when", "file"]);
            return match file.filter(|_| is_wanted) {
                Some(file) => self.included(node, &file, depth),
                None => Vec::new(),
            };
        }
        table.rule = Some(Rule::InvalidStepName);
        let name = table.required_text("name", 100, "\"Restart in Windows PE\"").unwrap_or_default();
        let description = table.text("description", 255).unwrap_or_default();
        table.rule = None;
        let is_disabled = table.boolean("disabled").unwrap_or(false);
        let continues_on_error = table.boolean("continue-on-error").unwrap_or(false);
        let condition = conditions::condition(&mut table, "condition");
        let attributes = table.map("attributes").unwrap_or_default().into_iter().collect();
        let common = COMMON_KEYS.map(|(name, _)| name);
        let body = match kind.as_str() {
            "group" => {
                let steps = table.list("steps");
                table.finish(&[&common[..], &["steps"]].concat());
                Body::Group(self.steps(&steps, depth + 1))
            }
            "foreign" => {
                let mut values = values::values(&mut table, &FOREIGN_KEYS);
                let keys: Vec<_> = FOREIGN_KEYS.iter().map(|key| key.name).collect();
                table.finish(&[&common[..], &keys].concat());
                let text = |key| super::text(&values, key).unwrap_or_default().to_owned();
                let (class, command, runs_in) = (text("class"), text("command"), text("runs-in"));
                let xml = super::text(&values, "xml").map(str::to_owned);
                if class.is_empty() && xml.is_none() {
                    let problem = Problem::error("a step of type `foreign` needs `class` or `xml`");
                    let help = "add `class = \"SMS_TaskSequence_…Action\"`, as in an export";
                    self.problems.add(problem.at(node.place.clone(), "").help(help));
                }
                let environment = match runs_in.as_str() {
                    "windows-pe" => Environment::WindowsPe,
                    "full-os" => Environment::FullOs,
                    _ => Environment::Any,
                };
                let variables = values.remove("variables").map(|list| variables(Some(list)));
                Body::Foreign(Box::new(Foreign { class, xml, command, environment, variables }))
            }
            kind => {
                // `type_of` only returns types of the catalog.
                let Some(kind) = catalog::find(kind) else { return Vec::new() };
                let values = values::values(&mut table, kind.keys);
                // These include the imported variables and omissions, which excuse missing required keys below.
                let mut of_action = values::values(&mut table, &ACTION_KEYS);
                table.allow_missing(&kept_keys(kind, &of_action));
                let own = kind.keys.iter().chain(&ACTION_KEYS).map(|key| key.name);
                table.finish(&common.into_iter().chain(own).collect::<Vec<_>>());
                let mut integer = |key| match of_action.remove(key) {
                    Some(super::Value::Integer(number)) => Some(number),
                    _ => None,
                };
                let (timeout, retries) = (integer("timeout"), integer("retries"));
                let command = super::text(&of_action, "command").map(str::to_owned);
                let success_codes = match of_action.remove("success-codes") {
                    Some(super::Value::Integers(codes)) => Some(codes),
                    _ => None,
                };
                let variables = variables(of_action.remove("variables"));
                let omitted = texts(of_action.remove("omitted"));
                Body::Action(Box::new(Action {
                    kind,
                    values,
                    timeout,
                    success_codes,
                    retries,
                    command,
                    variables,
                    omitted,
                }))
            }
        };
        match is_wanted {
            true => {
                vec![Step { name, description, is_disabled, continues_on_error, condition, body, attributes, places }]
            }
            false => Vec::new(),
        }
    }

    /// Returns the type of a step. An unknown type is reported.
    fn type_of(&mut self, node: &Node) -> Option<String> {
        let kind = node.as_table()?.get("type")?;
        let name = kind.as_str()?;
        let known = || catalog::kinds().map(|kind| kind.name).chain(["group", "include", "foreign"]);
        if known().any(|known| known == name) {
            return Some(name.to_owned());
        }
        let help = match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known types are {}", one_of(known()).replace(" or ", " and ")),
        };
        let problem = Problem::error(format!("unknown step type `{name}`")).at(kind.place.clone(), "");
        self.problems.add(problem.help(help));
        None
    }

    fn included(&mut self, node: &Node, file: &str, depth: usize) -> Vec<Step> {
        let place = node.as_table().and_then(|table| table.get("file")).map_or(&node.place, |file| &file.place);
        let folder = self.above.last().and_then(|path| path.parent()).unwrap_or(Utf8Path::new(""));
        let path = folder.join(file);
        self.inputs.note(&path);
        // Compare canonical paths, since a file can include itself under another name.
        let same =
            |above: &Utf8PathBuf| above.canonicalize().ok().is_some_and(|it| path.canonicalize().ok() == Some(it));
        if self.above.iter().any(same) {
            let problem = Problem::error(format!("`{file}` includes itself")).at(place.clone(), "");
            self.problems
                .add(problem.help("remove it; the steps of an included file are inserted in place of the include"));
            return Vec::new();
        }
        let text = match self.text(&path) {
            Ok(text) => text,
            Err(error) => {
                let problem = Problem::error(match std::error::Error::source(&error) {
                    // A missing file is the most common mistake, and gets a message without the system's error.
                    _ if !path.exists() => format!("the included file `{file}` does not exist"),
                    Some(cause) => format!("the included file `{file}` can't be read: {cause}"),
                    None => format!("the included file `{file}` can't be read: {error}"),
                });
                let help = match similar_path(&path, file).filter(|_| !path.exists()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("paths are relative to the including file; expected `{path}`"),
                };
                self.problems.add(problem.at(place.clone(), "").help(help));
                return Vec::new();
            }
        };
        let Some(tree) = self.tree(&path, &text) else { return Vec::new() };
        let mut places = Places::default();
        let what = "an included file";
        let Some(mut table) = TableReader::new(&tree, what, &mut places, self.problems) else { return Vec::new() };
        let steps = table.list("steps");
        table.finish(&["steps"]);
        self.above.push(path);
        let steps = self.steps(&steps, depth + 1);
        self.above.pop();
        steps
    }
}

fn texts(value: Option<super::Value>) -> Vec<String> {
    match value {
        Some(super::Value::Texts(texts)) => texts,
        _ => Vec::new(),
    }
}

/// Returns the keys of an imported step whose variables it does not have, or has in a form that no
/// key can hold.
fn kept_keys(kind: &'static catalog::StepKind, of_action: &super::Values) -> Vec<&'static str> {
    let kept = variables(of_action.get("variables").cloned());
    let omitted = texts(of_action.get("omitted").cloned());
    let is_kept = |name: &str| kept.iter().any(|one| one.name == name) || omitted.iter().any(|one| one == name);
    kind.keys.iter().filter(|key| is_kept(key.variable())).map(|key| key.name).collect()
}

fn variables(value: Option<super::Value>) -> Vec<Variable> {
    let Some(super::Value::Tables(tables)) = value else { return Vec::new() };
    let variable = |values: &super::Values| {
        let text = |key| super::text(values, key).unwrap_or_default().to_owned();
        let is_hidden = values.get("hidden") == Some(&super::Value::Boolean(true));
        Variable { name: text("name"), property: text("property"), is_hidden, value: text("value") }
    };
    tables.iter().map(variable).collect()
}

/// Returns `true` for a value that failed to render. The error was already reported.
fn has_failed(node: &Node) -> bool {
    matches!(node.value, Raw::Failed)
}

#[cfg(test)]
mod tests;
