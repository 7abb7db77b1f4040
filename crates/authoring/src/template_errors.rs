//! What is said of a template that comes to nothing: which bytes of it are to blame, and what would be right.

use minijinja::ErrorKind;
use serde_json::Value as Json;

use crate::limits::{MAX_TEMPLATE_STEPS, MAX_TEMPLATE_WORK};

use super::suggestions::{nearest, one_of};
use super::values::Context;

/// Instructions that a template may take: fewer for a long text, which each of them could repeat.
pub fn max_steps(text: &str) -> u64 {
    MAX_TEMPLATE_STEPS.min(4 * MAX_TEMPLATE_WORK / (text.len() as u64).max(1))
}

/// Why a template came to nothing, and which bytes of it are to blame.
pub struct Failure {
    pub message: String,
    pub help: Option<String>,
    pub range: Option<std::ops::Range<usize>>,
}

/// What the engine says, in the words of the author's file.
pub fn failure(
    error: &minijinja::Error,
    range: Option<std::ops::Range<usize>>,
    text: &str,
    names: &[String],
    context: &Context,
) -> Failure {
    let detail = error.detail().unwrap_or_default();
    let simple = |message: String, help: Option<String>| Failure { message, help, range: range.clone() };
    let unknown = |what: &str, known: &[&str], list: &str| {
        // The detail reads "filter upcase is unknown" or "now is unknown".
        let name =
            detail.strip_suffix(" is unknown").and_then(|detail| detail.split(' ').next_back()).unwrap_or_default();
        let help = match nearest(name, known.iter().copied()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => list.to_owned(),
        };
        let range = range.clone().and_then(|range| word_in(text, name, range)).or(range.clone());
        Failure { message: format!("templates have no {what} `{name}`"), help: Some(help), range }
    };
    match error.kind() {
        ErrorKind::UndefinedError => undefined(range, text, names, context),
        ErrorKind::SyntaxError => {
            let is_assignment = range.clone().and_then(|range| text.get(range)).is_some_and(|part| part == "=");
            let help = match is_assignment {
                true => "values are compared by `==`",
                false => "a template is `{{ expression }}`, or `{% if … %} … {% endif %}`",
            };
            simple(format!("the template cannot be read: {detail}"), Some(help.into()))
        }
        ErrorKind::UnknownFilter => unknown("filter", &FILTERS, "such as `upper`, `lower`, `replace` or `default`"),
        ErrorKind::UnknownTest => unknown("test", &TESTS, "such as `defined`, `string` or `number`"),
        ErrorKind::UnknownFunction => unknown("function", &FUNCTIONS, "a template can call `range` and `dict`"),
        ErrorKind::TemplateNotFound | ErrorKind::BadInclude => simple(
            "a template cannot include a file".into(),
            Some("manifests share what they have in common through `media.profile`".into()),
        ),
        ErrorKind::OutOfFuel => simple(
            "the template does not end".into(),
            Some(format!("a template may take {} steps; this one takes more", max_steps(text))),
        ),
        kind => {
            let detail = if detail.is_empty() { kind.to_string() } else { detail.to_owned() };
            let help = match detail.contains("unsupported types") {
                true => "`| int` makes a number of text, and `| string` makes text of a number",
                false => "try the parts of the template one by one with `tsmedia render`",
            };
            simple(format!("the template fails: {detail}"), Some(help.into()))
        }
    }
}

/// A name that nothing is known by.
pub fn undefined(range: Option<std::ops::Range<usize>>, text: &str, names: &[String], context: &Context) -> Failure {
    let range = range.unwrap_or(0..text.len());
    let missing = |name: &&String| !context.has(name) && !FUNCTIONS.contains(&name.as_str());
    let found = names.iter().filter(missing).find_map(|name| {
        word_in(text, name, range.clone()).or_else(|| word_in(text, name, 0..text.len())).map(|at| (name, at))
    });
    let Some((name, at)) = found else {
        return Failure {
            message: "the template uses a name that is not known".into(),
            help: None,
            range: Some(range),
        };
    };
    Failure { message: format!("`{name}` is not known"), help: Some(known(name, context)), range: Some(at) }
}

/// What could have been meant by a name.
fn known(name: &str, context: &Context) -> String {
    let keys =
        |json: &Json| -> Vec<String> { json.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default() };
    let (first, _) = name.split_once('.').unwrap_or((name, ""));
    if first == "site" && context.json.get("site").is_none() {
        return context.no_site.to_owned();
    }
    if first == "media" && context.json.get("media").is_none() {
        return context.no_media.to_owned();
    }
    let vars = keys(&context.json["vars"]);
    if context.json.get(first).is_none() {
        return match (nearest(first, vars.iter().map(String::as_str)), nearest(first, ["media", "site", "vars"])) {
            (Some(var), _) => format!("did you mean `vars.{var}`?"),
            (None, Some(space)) => format!("did you mean `{}`?", name.replacen(first, space, 1)),
            (None, None) => "templates know `media`, `site` and `vars`; text stands in quotes of its own".into(),
        };
    }
    let mut parent = first.to_owned();
    let mut json = &context.json[first];
    for part in name.split('.').skip(1) {
        match json.get(part) {
            Some(inner) => {
                json = inner;
                parent = format!("{parent}.{part}");
            }
            None => {
                let keys = keys(json);
                let names: Vec<_> = keys.iter().map(|key| format!("{parent}.{key}")).collect();
                return match nearest(part, keys.iter().map(String::as_str)) {
                    Some(key) => format!("did you mean `{parent}.{key}`?"),
                    None if parent == "vars" => format!("set it under `[vars]`, or with `--var {part}=VALUE`"),
                    None if json.is_object() && !names.is_empty() => {
                        format!("there is {}", one_of(names.iter().map(String::as_str)).replace(" or ", " and "))
                    }
                    None => format!("`{parent}` has no parts"),
                };
            }
        }
    }
    format!("`{name}` is known by now; report this")
}

/// Where a name stands within a range of a text, as a whole word.
fn word_in(text: &str, word: &str, range: std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
    let part = text.get(range.clone())?;
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    part.match_indices(word)
        .find(|(at, _)| {
            !part[..*at].ends_with(is_name) && !part[at + word.len()..].starts_with(|c| is_name(c) && c != '.')
        })
        .map(|(at, _)| range.start + at..range.start + at + word.len())
}

/// The engine does not list what it has.
const FILTERS: [&str; 37] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "replace",
    "reverse",
    "round",
    "select",
    "sort",
    "split",
    "string",
    "title",
    "trim",
    "unique",
    "upper",
];
const TESTS: [&str; 17] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "false",
    "in",
    "integer",
    "lower",
    "none",
    "number",
    "odd",
    "startingwith",
    "string",
    "true",
    "undefined",
];
const FUNCTIONS: [&str; 2] = ["dict", "range"];
