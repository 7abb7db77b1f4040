//! Help for values of the wrong type: how to write the probably intended value.

use serde_json::Value as Json;

use super::template::is_template;

/// Returns help for a value of the wrong type if its source text `raw` shows the intended value.
/// `wanted` are the JSON types allowed for `key`.
pub fn conversion_help(key: &str, wanted: &[&str], value: &Json, raw: &str) -> Option<String> {
    let inner = raw.trim_matches(['"', '\'']).strip_prefix("{{").and_then(|raw| raw.strip_suffix("}}"));
    let filtered = |filter: &str| inner.map(|inner| format!("write `\"{{{{ {} | {filter} }}}}\"`", inner.trim()));
    match value {
        Json::String(_) if is_template(raw) && wanted.contains(&"boolean") => Some(
            "write a single `{{ … }}` without other text, which keeps its type, such as `\"{{ site.code == 'BER' }}\"`"
                .into(),
        ),
        Json::String(text) if is_template(raw) && wanted.contains(&"integer") => match text.trim().parse::<i64>() {
            Ok(_) => filtered("int"),
            Err(_) => Some(format!("the template renders to `{text}`, which is not an integer")),
        },
        Json::String(text) if wanted.contains(&"boolean") => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(format!("write `{key} = true`")),
            "false" | "no" | "off" | "0" => Some(format!("write `{key} = false`")),
            _ => Some("write `true`, `false` or a single `{{ … }}` in quotes".into()),
        },
        Json::String(text) if wanted.contains(&"integer") && text.trim().parse::<i64>().is_ok() => {
            Some(format!("remove the quotes: `{key} = {}`", text.trim()))
        }
        Json::Number(_) | Json::Bool(_) if wanted == ["string"] && is_template(raw) => filtered("string"),
        Json::Number(_) | Json::Bool(_) if wanted == ["string"] => Some(format!("add quotes: `{key} = \"{raw}\"`")),
        _ => None,
    }
}
