//! Finds strings that were meant as templates but aren't, such as `${site.code}`.
//!
//! Only names known to templates, followed by a dot, are considered: `%TEMP%` and `$(Get-Date)` are
//! meant for other programs.

use std::ops::Range;

use crate::problem::{Place, Problem, Problems};

use super::toml::place_within;

/// Delimiters around names in other languages.
const SIGNS: [(&str, &str); 6] = [("${", "}"), ("$(", ")"), ("{", "}"), ("%", "%"), ("<%=", "%>"), ("@@", "@@")];
/// Namespaces of templates.
const SPACES: [&str; 3] = ["site.", "vars.", "media."];

/// Returns a warning for each name in the delimiters of another language.
pub fn find(text: &str, place: &Place, sources: &Problems) -> Vec<Problem> {
    let problem = |(range, name): (Range<usize>, &str)| {
        let message = format!("`{}` is not a template, so it stays unchanged", &text[range.clone()]);
        let at = place_within(text, range, place, sources).unwrap_or_else(|| place.clone());
        Problem::warning(message).at(at, "").help(format!("write `{{{{ {name} }}}}`"))
    };
    near_misses(text).into_iter().map(problem).collect()
}

/// Returns the ranges of such names including their delimiters, with the names.
fn near_misses(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    for space in SPACES {
        for (at, _) in text.match_indices(space) {
            let rest = &text[at..];
            let len = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.')).unwrap_or(rest.len());
            let name = rest[..len].trim_end_matches('.');
            let before = text[..at].trim_end_matches(' ');
            let behind = text[at + name.len()..].trim_start_matches(' ');
            // `before` and `behind` exclude spaces, which all these languages allow around names.
            let signs = SIGNS.iter().find(|(open, close)| before.ends_with(open) && behind.starts_with(close));
            let Some((open, close)) = signs else { continue };
            let start = before.len() - open.len();
            let end = text.len() - behind.len() + close.len();
            // Double braces are a template, and single braces inside of it are not.
            let is_template = *open == "{" && (text[..start].ends_with(['{', '$']) || text[end..].starts_with('}'));
            let is_within = text[..start].rfind("{{").is_some_and(|open| text[open..start].find("}}").is_none())
                || text[..start].rfind("{%").is_some_and(|open| text[open..start].find("%}").is_none());
            if !is_template && !is_within && name.len() > space.len() {
                found.push((start..end, name));
            }
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_signs_of_other_languages_are_found() {
        let found =
            |text: &'static str| near_misses(text).iter().map(|(range, _)| &text[range.clone()]).collect::<Vec<_>>();
        assert_eq!(found("out/${site.code}.iso"), ["${site.code}"]);
        assert_eq!(
            found("$(vars.language) { site.code } %media.name%"),
            ["$(vars.language)", "{ site.code }", "%media.name%"]
        );
        for text in [
            "{{ site.code }}",
            "{{ {'a': site.code} }}",
            "{% if site.code %}",
            "%TEMP%\\site.log",
            "cmd /c echo ${x} $(Get-Date) {site} website.code",
            "see site.code",
            "${env.site}",
            "{{ site.code }",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }
}
