//! Converts template failures to messages: the bytes that cause them, and help.

use minijinja::value::ValueKind;
use minijinja::{ErrorKind, Value};

use crate::limits::{MAX_TEMPLATE_STEPS, MAX_TEMPLATE_WORK};

use super::suggestions::{nearest, one_of};
use super::values::{Context, value_at};

/// Returns the maximum number of instructions of a template: fewer for long texts, which each
/// instruction could repeat.
pub fn max_steps(text: &str) -> u64 {
    MAX_TEMPLATE_STEPS.min(4 * MAX_TEMPLATE_WORK / (text.len() as u64).max(1))
}

/// A template that failed, with the bytes that cause it.
pub struct TemplateFailure {
    pub message: String,
    pub help: Option<String>,
    pub range: Option<std::ops::Range<usize>>,
}

/// Converts an error of the engine to a message about the author's file.
pub fn engine_failure(
    error: &minijinja::Error,
    range: Option<std::ops::Range<usize>>,
    text: &str,
    names: &[String],
    context: &Context,
) -> TemplateFailure {
    let detail = error.detail().unwrap_or_default();
    let simple = |message: String, help: Option<String>| TemplateFailure { message, help, range: range.clone() };
    let unknown = |what: &str, known: &[&str], list: &str| {
        // The detail reads "filter upcase is unknown" or "now is unknown".
        let name =
            detail.strip_suffix(" is unknown").and_then(|detail| detail.split(' ').next_back()).unwrap_or_default();
        let help = match nearest(name, known.iter().copied()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => list.to_owned(),
        };
        let range = range.clone().and_then(|range| find_word(text, name, range)).or(range.clone());
        TemplateFailure { message: format!("unknown {what} `{name}` in a template"), help: Some(help), range }
    };
    match error.kind() {
        ErrorKind::UndefinedError => undefined_name(range, text, names, context),
        ErrorKind::SyntaxError => {
            let is_assignment = range.clone().and_then(|range| text.get(range)).is_some_and(|part| part == "=");
            let help = match is_assignment {
                true => "compare values with `==`",
                false => "write `{{ expression }}` or `{% if … %} … {% endif %}`",
            };
            simple(format!("the template has a syntax error: {detail}"), Some(help.into()))
        }
        ErrorKind::UnknownFilter => {
            unknown("filter", &FILTERS, "use a filter such as `upper`, `lower`, `replace` or `default`")
        }
        ErrorKind::UnknownTest => unknown("test", &TESTS, "use a test such as `defined`, `string` or `number`"),
        ErrorKind::UnknownFunction => {
            unknown("function", &FUNCTIONS, "use `range` or `dict`; templates have no other functions")
        }
        ErrorKind::TemplateNotFound | ErrorKind::BadInclude => simple(
            "a template can't include a file".into(),
            Some("share common parts between manifests with `media.profile`".into()),
        ),
        ErrorKind::OutOfFuel => simple(
            "the template takes too many steps".into(),
            Some(format!("reduce its loops; at most {} steps are allowed", max_steps(text))),
        ),
        kind => {
            let detail = if detail.is_empty() { kind.to_string() } else { detail.to_owned() };
            let help = match detail.contains("unsupported types") {
                true => "convert text to a number with `| int`, or a number to text with `| string`",
                false => "test the parts of the template one by one with `tsmedia render`",
            };
            simple(format!("the template fails: {detail}"), Some(help.into()))
        }
    }
}

/// Returns the failure of a template that uses an unknown name.
pub fn undefined_name(
    range: Option<std::ops::Range<usize>>,
    text: &str,
    names: &[String],
    context: &Context,
) -> TemplateFailure {
    let range = range.unwrap_or(0..text.len());
    let missing = |name: &&String| !context.has(name) && !FUNCTIONS.contains(&name.as_str());
    let found = names.iter().filter(missing).find_map(|name| {
        find_word(text, name, range.clone()).or_else(|| find_word(text, name, 0..text.len())).map(|at| (name, at))
    });
    let Some((name, at)) = found else {
        return TemplateFailure { message: "the template uses an unknown name".into(), help: None, range: Some(range) };
    };
    TemplateFailure {
        message: format!("unknown name `{name}`"),
        help: Some(suggest_name(name, context)),
        range: Some(at),
    }
}

/// Returns help for an unknown name.
fn suggest_name(name: &str, context: &Context) -> String {
    let known = context.to_value();
    let (first, _) = name.split_once('.').unwrap_or((name, ""));
    if first == "site" && value_at(&known, "site").is_none() {
        return context.no_site.to_owned();
    }
    if first == "media" && value_at(&known, "media").is_none() {
        return context.no_media.to_owned();
    }
    let Some(mut value) = value_at(&known, first) else {
        let vars = value_at(&known, "vars").map(|vars| keys(&vars)).unwrap_or_default();
        return match (nearest(first, vars.iter().map(String::as_str)), nearest(first, ["media", "site", "vars"])) {
            (Some(var), _) => format!("did you mean `vars.{var}`?"),
            (None, Some(space)) => format!("did you mean `{}`?", name.replacen(first, space, 1)),
            (None, None) => "use `media`, `site` or `vars`; write text in quotes".into(),
        };
    };
    let mut parent = first.to_owned();
    for part in name.split('.').skip(1) {
        match value_at(&value, part) {
            Some(inner) => {
                value = inner;
                parent = format!("{parent}.{part}");
            }
            None => {
                let keys = keys(&value);
                let names: Vec<_> = keys.iter().map(|key| format!("{parent}.{key}")).collect();
                return match nearest(part, keys.iter().map(String::as_str)) {
                    Some(key) => format!("did you mean `{parent}.{key}`?"),
                    None if parent == "vars" => format!("set it under `[vars]` or with `--var {part}=VALUE`"),
                    None if !names.is_empty() => {
                        format!("known names: {}", one_of(names.iter().map(String::as_str)).replace(" or ", " and "))
                    }
                    None => format!("use `{parent}`, which has no keys"),
                };
            }
        }
    }
    format!("`{name}` is defined; please report this as a bug")
}

/// Returns the keys of a table; none for other values.
fn keys(value: &Value) -> Vec<String> {
    let keys = value.try_iter().ok().filter(|_| value.kind() == ValueKind::Map);
    keys.into_iter().flatten().map(|key| key.to_string()).collect()
}

/// Finds a name as a whole word within a range of a text.
fn find_word(text: &str, word: &str, range: std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
    let part = text.get(range.clone())?;
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    part.match_indices(word)
        .find(|(at, _)| {
            !part[..*at].ends_with(is_name) && !part[at + word.len()..].starts_with(|c| is_name(c) && c != '.')
        })
        .map(|(at, _)| range.start + at..range.start + at + word.len())
}

/// Built-in filters, since the engine can't list them.
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
