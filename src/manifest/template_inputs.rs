//! Finds the template values that a medium depends on: those that its templates name, and those
//! that these values name in turn.
//!
//! Names are read from the templates, not observed during rendering, so both branches of an `if`
//! count. For entries excluded by `when`, only the `when` itself counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::output::TemplateValue;

use authoring::spanned::{Node, Table, Value};
use authoring::template::Templates;

/// Namespace of values in templates.
const SPACE: &str = "vars";

/// Returns the values by name. `written` is the manifest merged with its profiles, `taken` are
/// library entries before rendering, `rendered` is the manifest for one site, and `vars` are the
/// values of that site before rendering.
pub fn template_inputs(
    (written, taken): (&Node, &[Node]),
    rendered: &Node,
    vars: &Table,
    templates: &Templates,
) -> Vec<TemplateValue> {
    let mut waiting: BTreeSet<_> = taken.iter().flat_map(|entry| templates.names_in(entry)).collect();
    for entry in written.as_table().iter().flat_map(|root| &root.0) {
        // Values only count if they are named; the site code is recorded separately.
        if ![SPACE, "sites"].contains(&entry.name.as_str()) {
            let rendered = rendered.as_table().and_then(|root| root.get(&entry.name));
            collect_names(&entry.node, rendered, templates, &mut waiting);
        }
    }
    let rendered = rendered.as_table().and_then(|root| root.get(SPACE)).and_then(Node::as_table);
    let mut values = BTreeMap::new();
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop_first() {
        // Values may name each other in a circle, which is reported elsewhere.
        if !seen.insert(name.clone()) {
            continue;
        }
        let Some(path) = name.strip_prefix(SPACE).filter(|path| path.is_empty() || path.starts_with('.')) else {
            continue;
        };
        if path.is_empty() {
            // A template uses `vars` as a whole.
            waiting.extend(vars.0.iter().map(|entry| format!("{SPACE}.{}", entry.name)));
            continue;
        }
        if let Some((_, node)) = find_value(vars, &path[1..]) {
            waiting.extend(templates.names_in(node));
        }
        if let Some((name, node)) = rendered.and_then(|vars| find_value(vars, &path[1..])) {
            values.insert(name, node.to_json());
        }
    }
    // `vars.net` includes `vars.net.dns`, so list only the outermost values.
    let is_part = |name: &str| name.match_indices('.').any(|(at, _)| values.contains_key(&name[..at]));
    let whole = values.iter().filter(|(name, _)| !is_part(name));
    whole.map(|(name, value)| TemplateValue { name: name.clone(), value: value.clone() }).collect()
}

/// Collects the names in all templates of a tree, except entries excluded by `when`.
fn collect_names(node: &Node, rendered: Option<&Node>, templates: &Templates, names: &mut BTreeSet<String>) {
    match (&node.value, rendered.map(|rendered| &rendered.value)) {
        (Value::Array(nodes), Some(Value::Array(rendered))) => {
            for (node, rendered) in nodes.iter().zip(rendered) {
                collect_names(node, Some(rendered), templates, names);
            }
        }
        (Value::Table(table), Some(Value::Table(rendered))) => {
            let when = rendered.get("when").map(|when| &when.value);
            let is_out = matches!(when, Some(Value::Boolean(false)));
            for entry in table.0.iter().filter(|entry| !is_out || entry.name == "when") {
                collect_names(&entry.node, rendered.get(&entry.name), templates, names);
            }
        }
        _ => names.extend(templates.names_in(node)),
    }
}

/// Returns the value at a dotted path, or the deepest existing one on the way: for `net.dns is
/// defined` it may be `net`.
fn find_value<'a>(vars: &'a Table, path: &str) -> Option<(String, &'a Node)> {
    let mut parts = path.split('.');
    let mut name = parts.next()?.to_owned();
    let mut node = vars.get(&name)?;
    for part in parts {
        let Some(below) = node.as_table().and_then(|table| table.get(part)) else { break };
        node = below;
        name = format!("{name}.{part}");
    }
    Some((name, node))
}

#[cfg(test)]
mod tests {
    use crate::manifest::{Options, load};
    use crate::problem::Problems;

    /// Returns the values of each site, as `name=value`.
    fn values(body: &str, options: &Options) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::try_from(folder.path().join("media.toml")).unwrap();
        let head =
            "manifest-version = 1\n[output]\npath = 'out/{{ site.code }}.iso'\n[boot]\nimage = { file = 'b.wim' }\n";
        std::fs::write(&path, format!("{head}{body}")).unwrap();
        let mut problems = Problems::default();
        let rendered = load(&path, options, &mut problems).unwrap();
        assert!(!problems.has_errors(), "{problems:?}");
        let shown = |value: &crate::output::TemplateValue| format!("{}={}", value.name, value.value);
        rendered.iter().map(|rendered| rendered.values().iter().map(shown).collect::<Vec<_>>().join(" ")).collect()
    }

    const MEDIA: &str = "[media]\nname = 'x'\nkind = 'stand-alone'\n[[package]]\nid = 'BER00001'\nsource = 'p'\n";

    #[test]
    fn values_count_that_a_template_names_and_those_that_they_name() {
        let body = format!(
            "{MEDIA}when = \"{{{{ vars.with == 'vpn' }}}}\"\n\
             [vars]\nwith = 'vpn'\nunused = 'u'\nlanguage = '{{{{ vars.country }}}}-X'\ncountry = 'de'\n\
             [[sites]]\ncode = 'BER'\n[[sites]]\ncode = 'PAR'\nvars = {{ country = 'fr' }}\n\
             [[file]]\nsource = 'readme-{{{{ vars.language | lower if site.code else vars.never.there }}}}.txt'\npath \
             = 'a'\n"
        );
        assert_eq!(
            values(&body, &Options::default()),
            [r#"country="de" language="de-X" with="vpn""#, r#"country="fr" language="fr-X" with="vpn""#]
        );
        let given = Options { vars: vec![("country".into(), "at".into())], ..Options::default() };
        assert!(values(&body, &given).iter().all(|values| values.starts_with(r#"country="at" language="at-X""#)));
    }

    #[test]
    fn values_that_are_named_in_brackets_are_rendered_before_they_are_used() {
        let body = format!(
            "{MEDIA}[vars]\nfirst = \"{{{{ vars['second-one'] }}}}\"\nsecond-one = '{{{{ vars.third }}}}'\nthird = \
             'x'\n\
             [[sites]]\ncode = 'BER'\n[[file]]\nsource = '{{{{ vars.first }}}}'\npath = 'a'\n"
        );
        assert_eq!(values(&body, &Options::default()), [r#"first="x" second-one="x" third="x""#]);
    }

    #[test]
    fn of_an_entry_that_is_left_out_only_the_condition_counts() {
        let body = format!(
            "{MEDIA}[vars]\nwith = false\nlab = 'l'\n[[sites]]\ncode = 'BER'\n\
             [[file]]\nsource = '{{{{ vars.lab }}}}'\npath = 'a'\nwhen = '{{{{ vars.with }}}}'\n"
        );
        assert_eq!(values(&body, &Options::default()), ["with=false"]);
        let given = Options { vars: vec![("with".into(), "true".into())], ..Options::default() };
        assert_eq!(values(&body, &given), [r#"lab="l" with=true"#]);
    }

    #[test]
    fn of_a_table_the_part_counts_that_is_named_and_all_of_it_where_all_is_gone_through() {
        let body = |source: &str| {
            format!(
                "{MEDIA}[vars]\nnet = {{ dns = ['a', 'b'], gateway = 'g' }}\nother = 1\n[[sites]]\ncode = 'BER'\n\
                 [[file]]\nsource = \"{source}\"\npath = 'a'\n"
            )
        };
        let values = |source: &str| values(&body(source), &Options::default());
        assert_eq!(values("{{ vars.net.gateway }}"), [r#"net.gateway="g""#]);
        assert_eq!(values("{{ vars.net.gateway }}{{ vars.net }}"), [r#"net={"dns":["a","b"],"gateway":"g"}"#]);
        assert_eq!(values("{{ vars.other.deep is defined }}x"), ["other=1"]);
        assert_eq!(values("x{{ vars['other'] }}"), ["other=1"]);
        assert_eq!(
            values("{{ vars['net']['gateway'] }}{{ vars.net['dns'] }}"),
            [r#"net.dns=["a","b"] net.gateway="g""#]
        );
        assert_eq!(values("{{ vars['o' ~ 'ther'] }}x"), [r#"net={"dns":["a","b"],"gateway":"g"} other=1"#]);
        assert_eq!(values("{% set dns = vars.net.dns %}{{ dns | join }}"), [r#"net.dns=["a","b"]"#]);
    }
}
