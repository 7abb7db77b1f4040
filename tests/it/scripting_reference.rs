//! Pages for scripts: every field of JSON output, record and saved plan is documented with its type, and so is every
//! environment variable.

use std::collections::BTreeSet;
use std::fs::File;

use serde_json::Value as Json;

use crate::fixtures::reference_tables::{Field, below, fields};
use crate::fixtures::repository::{files_below, read};
use crate::fixtures::sandbox::{MANIFEST, Sandbox};

const JSON_PAGE: &str = "docs/reference/json.md";
const RECORD_PAGE: &str = "docs/reference/record.md";

/// Returns the keys of all paths.
fn keys(fields: &[Field]) -> BTreeSet<String> {
    let keys = fields.iter().flat_map(|field| field.path.split('.'));
    keys.map(|key| key.trim_end_matches("[]").to_owned()).filter(|key| !key.is_empty() && key != "*").collect()
}

/// Reads the sources below a folder, without their tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    let paths = files_below(folder, "rs").into_iter().map(|path| path.to_str().unwrap().to_owned());
    let paths = paths.filter(|path| !path.ends_with("tests.rs") && !path.contains("/tests/"));
    paths.map(|path| (path.clone(), read(path).split("#[cfg(test)]").next().unwrap_or_default().to_owned())).collect()
}

/// Returns the string literals of a source with the text before and after each, quotes excluded.
fn literals(source: &str) -> Vec<(&str, &str, &str)> {
    let (mut literals, mut at) = (Vec::new(), 0);
    while let Some(start) = source[at..].find('"').map(|start| at + start + 1) {
        let Some(end) = source[start..].find('"').map(|end| start + end) else { break };
        literals.push((&source[..start - 1], &source[start..end], &source[end + 1..]));
        // A quote in a character or an escape would swap inside and outside: go on right after the opening one.
        at = if is_word(&source[start..end], '-') { end + 1 } else { start };
    }
    literals
}

/// Returns `true` for a word of letters of one case, digits and a separator.
fn is_word(text: &str, separator: char) -> bool {
    let is_upper = separator == '_';
    let is_letter = |c: char| if is_upper { c.is_ascii_uppercase() } else { c.is_ascii_lowercase() };
    text.starts_with(is_letter) && text.chars().all(|c| is_letter(c) || c.is_ascii_digit() || c == separator)
}

/// Returns the keys of JSON objects that a source builds: `"key": value` and `object["key"] = value`.
fn built_keys(source: &str) -> BTreeSet<String> {
    let is_key = |(before, word, after): &(&str, &str, &str)| {
        is_word(word, '-') && (after.starts_with(':') || before.ends_with('[') && after.starts_with("] = "))
    };
    literals(source).into_iter().filter(is_key).map(|(_, word, _)| word.to_owned()).collect()
}

/// Returns the names of fields in the types of a source that serde writes or reads, or in some of them.
fn serde_names(source: &str, types: Option<&[&str]>) -> BTreeSet<String> {
    let (mut names, mut n_types) = (BTreeSet::new(), 0);
    let (mut attributes, mut lines) = (String::new(), source.lines());
    while let Some(line) = lines.next() {
        let declaration = without_visibility(line);
        let name = declaration.strip_prefix("struct ").or_else(|| declaration.strip_prefix("enum "));
        let Some(name) = name.and_then(|rest| rest.split(|c: char| !c.is_alphanumeric()).next()) else {
            match line {
                attribute if attribute.starts_with("#[") => attributes += attribute,
                comment if comment.starts_with("//") => {}
                _ => attributes.clear(),
            }
            continue;
        };
        let attributes = std::mem::take(&mut attributes);
        // A type that is written as another one has no fields of its own.
        let is_written = attributes.contains("erialize") && !attributes.contains("serde(from");
        if is_written && line.ends_with('{') && types.is_none_or(|types| types.contains(&name)) {
            n_types += 1;
            let tag = attribute(&attributes, "tag");
            let body = lines.by_ref().take_while(|line| *line != "}").map(str::trim);
            names.extend(field_names(body, tag.is_some()));
            names.extend(tag);
        }
    }
    assert_eq!(n_types, types.map_or(n_types.max(1), <[_]>::len), "types {types:?}");
    names
}

/// Returns the names of the fields of a type, and those of variants with fields unless a tag names them.
fn field_names<'a>(body: impl Iterator<Item = &'a str>, is_tagged: bool) -> BTreeSet<String> {
    let (mut names, mut attributes) = (BTreeSet::new(), String::new());
    for line in body.filter(|line| !line.starts_with("//")) {
        if line.starts_with("#[") {
            attributes += line;
            continue;
        }
        let attributes = std::mem::take(&mut attributes);
        let field = without_visibility(line).split_once(": ").map(|(field, _)| field);
        let variant = line.strip_suffix(" {").filter(|_| !is_tagged);
        if let Some(name) = field.or(variant) {
            names.insert(attribute(&attributes, "rename").unwrap_or_else(|| kebab_case(name)));
        }
    }
    names
}

/// Removes `pub` or `pub(…)`.
fn without_visibility(line: &str) -> &str {
    line.strip_prefix("pub").and_then(|rest| rest.split_once(' ')).map_or(line, |(_, rest)| rest)
}

/// Returns the value of `key = "…"` in attributes.
fn attribute(attributes: &str, key: &str) -> Option<String> {
    let (_, rest) = attributes.split_once(&format!("{key} = \""))?;
    Some(rest.split('"').next().unwrap_or_default().to_owned())
}

fn kebab_case(name: &str) -> String {
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(if c == '_' { '-' } else { c.to_ascii_lowercase() });
    }
    kebab
}

fn assert_same(documented: &BTreeSet<String>, real: &BTreeSet<String>, page: &str) {
    let missing: Vec<_> = real.difference(documented).collect();
    assert!(missing.is_empty(), "{page} lacks fields with the keys {missing:?}");
    let gone: Vec<_> = documented.difference(real).collect();
    assert!(gone.is_empty(), "{page} has fields with keys that the program does not write: {gone:?}");
}

#[test]
fn every_key_of_the_json_is_documented() {
    let mut real = BTreeSet::new();
    let all = sources("src/report").into_iter().chain(sources("src/cli"));
    // Keys of schemas, and of formats of others.
    let others = ["src/report/reference", "src/report/findings", "src/report/matrix.rs"];
    for (_, source) in all.filter(|(path, _)| !others.iter().any(|other| path.starts_with(other))) {
        real.extend(built_keys(&source));
    }
    // Properties of policies, with their keys in the last column.
    let policy = read("src/report/policy.rs");
    let (_, table) = policy.split_once("const SHOWN").unwrap();
    for row in table.split_once("];").unwrap().0.lines().filter(|line| line.trim().starts_with("(\"")) {
        real.insert(row.split('"').nth(5).unwrap().to_owned());
    }
    for (path, name) in [
        ("src/format/wim/compatibility.rs", "Incompatibility"),
        ("src/format/wim/missing.rs", "MissingContents"),
        ("src/plan.rs", "ExistingFile"),
    ] {
        real.extend(serde_names(&read(path), Some(&[name])));
    }
    assert!(real.len() > 150, "{} keys", real.len());
    assert_same(&keys(&fields(JSON_PAGE)), &real, JSON_PAGE);
}

#[test]
fn every_field_of_the_record_and_the_saved_plan_is_documented() {
    let mut real = BTreeSet::new();
    for path in ["src/record.rs", "src/record/recorded.rs", "src/plan/saved.rs", "src/output/secret_fingerprint.rs"] {
        real.extend(serde_names(&read(path), None));
    }
    real.extend(serde_names(&read("src/output.rs"), Some(&["TemplateValue"])));
    real.extend(serde_names(&read("src/plan.rs"), Some(&["ExistingFile"])));
    assert!(real.len() > 30, "{real:?}");
    assert_same(&keys(&fields(RECORD_PAGE)), &real, RECORD_PAGE);
}

/// Reports values whose path is not documented, or with another type.
fn undocumented(value: &Json, path: &str, fields: &[Field], wrong: &mut BTreeSet<String>) {
    let is_at = |field: &Field| {
        let (own, parts) = (path.split('.'), field.path.split('.'));
        own.clone().count() == parts.clone().count() && own.zip(parts).all(|(own, part)| own == part || part == "*")
    };
    let is_below =
        |field: &Field| field.path.starts_with(&format!("{path}.")) || field.path.starts_with(&format!("{path}[]"));
    let mut require = |word: &str| {
        let is_right = |field: &&Field| field.types.contains(word) || field.types.contains("any");
        if !fields.iter().filter(|field| is_at(field)).any(|field| is_right(&field)) {
            wrong.insert(format!("`{path}` ({word})"));
        }
    };
    if fields.iter().any(|field| is_at(field) && field.types == "any") {
        return;
    }
    match value {
        Json::Null => require("null"),
        Json::Bool(_) => require("boolean"),
        Json::Number(_) => require("integer"),
        Json::String(_) => require("string"),
        Json::Array(elements) if elements.is_empty() => {
            if !fields.iter().any(|field| is_at(field) || is_below(field)) {
                wrong.insert(format!("`{path}` (array)"));
            }
        }
        Json::Array(elements) => {
            elements.iter().for_each(|element| undocumented(element, &format!("{path}[]"), fields, wrong));
        }
        Json::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                undocumented(value, &path, fields, wrong);
            }
        }
    }
}

fn assert_documented(value: &Json, fields: &[Field], what: &str) {
    let mut wrong = BTreeSet::new();
    undocumented(value, "", fields, &mut wrong);
    assert!(wrong.is_empty(), "{what} has fields that are not documented like this: {wrong:#?}\nin {value:#}");
}

/// A project that was built, and whose content, label and certificates changed since.
fn changed() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put(
        "media.toml",
        MANIFEST.replace("label = \"WIN11", "label = \"{{ vars.name }}") + "\n[vars]\nname = 'WIN'\n",
    );
    sandbox.done(&["apply"]);
    sandbox.done(&["plan", "--out", "old.plan"]);
    sandbox.put("packages/vpn/new.txt", "new\n");
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    sandbox.edit("'WIN'", "'W'");
    sandbox
}

/// A task sequence of which it depends on the computer what runs.
const SEQUENCE: &str = "
sequence-version = 1
name = 'Install VPN'
[[steps]]
type = 'set-variable'
name = 'Remember'
variable = 'Where'
value = 'a'
[[steps]]
type = 'group'
name = 'Programs'
[[steps.steps]]
type = 'run-command-line'
name = 'Install VPN'
command-line = 'vpn.exe /q'
package = 'BER00021'
condition = { wmi = 'SELECT * FROM Win32_Battery WHERE Voltage > 1' }
";

#[test]
fn commands_print_documents_of_their_schemas() {
    let sandbox = changed();
    let wrong = MANIFEST.replace("packages/vpn", "packages/vpm").replace("kind = ", "kinds = ");
    sandbox.put("wrong.toml", &wrong);
    let stick = MANIFEST.replace("{{ media.name }}-{{ site.code }}.iso\"", "win11.img\"\nformat = \"usb\"");
    sandbox.put("stick.toml", stick.replace("prompt = false\n", ""));
    sandbox.done(&["apply", "stick.toml", "--site", "BER"]);
    File::create(sandbox.path("stick.img")).unwrap().set_len(1 << 30).unwrap();
    sandbox.put("vpn.toml", SEQUENCE);
    sandbox.put("new.toml", SEQUENCE.replace("Install VPN", "Install the VPN").replace("'a'", "'b'"));
    sandbox.done(&["sequence", "export", "vpn.toml", "-o", "vpn.xml"]);
    sandbox.put("laptop.toml", "facts-version = 1\nmedia = 'bootable'\n[expect]\nresult = 'failure'\n");
    for (line, is_success) in [
        ("check wrong.toml", false),
        ("plan", true),
        ("plan --site BER --no-patch", true),
        ("apply old.plan", false),
        ("diff media.record.json media.toml --site BER", true),
        ("diff out/win11-BER.iso out/win11-HAM.iso", true),
        ("inspect out/win11-BER.iso", true),
        ("inspect images/boot.wim", true),
        ("inspect --layout out/win11-BER.iso", true),
        ("inspect --layout out/win11-BER.iso out/win11-HAM.iso", true),
        ("verify out/win11-BER.iso", true),
        ("verify out/win11-BER.iso --manifest media.toml", false),
        ("verify out/win11-BER.iso out/win11-HAM.iso", true),
        ("apply", true),
        ("check --explain", true),
        ("cache", true),
        ("capture packages -o packages.wim", true),
        ("write out/win11.img stick.img --dry-run", true),
        ("write out/win11.img stick.img", true),
        ("write out/win11.img out/win11-BER.iso", false),
        ("inspect out/win11.img", true),
        ("sequence show vpn.toml", true),
        ("sequence import vpn.xml", true),
        ("diff vpn.toml new.toml", true),
        ("simulate vpn.toml --facts laptop.toml", false),
    ] {
        let arguments: Vec<_> = line.split(' ').chain(["--json"]).collect();
        let ran = sandbox.run(&arguments);
        let message = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.success(), is_success, "{line}: {message}");
        let value: Json = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{line}: {message}"));
        let problems = value["problems"].as_array().unwrap();
        assert!(
            problems.iter().all(|problem| problem["severity"] != "error") || line.starts_with("check") || !is_success,
            "{line}"
        );
        assert!(value.as_object().unwrap().len() > 3, "{line} has no result");
    }
}

#[test]
fn every_field_in_records_and_saved_plans_is_documented_with_its_type() {
    let all = fields(RECORD_PAGE);
    let record = below(&all, &[("", "Fields of the record")]);
    let moved = |from: &str, to: &str| -> Vec<Field> {
        let moved = record.iter().filter_map(|field| {
            let path = format!("{to}{}", field.path.strip_prefix(from)?);
            Some(Field { path, ..field.clone() })
        });
        moved.collect()
    };
    let mut plan = below(&all, &[("", "Fields of the saved plan")]);
    plan.extend(moved("outputs[].summary.", "manifests[].outputs[].wanted.summary."));
    plan.extend(moved("outputs[].files[].", "manifests[].outputs[].wanted.files[]."));
    plan.extend(moved("captures[].", "manifests[].captures[].wanted."));

    let sandbox = Sandbox::new();
    let secret = "[security]\npassword = { env = \"MEDIA_PASSWORD\" }\n[vars]\nname = 'x'\n";
    sandbox.put("media.toml", MANIFEST.replace("label = \"WIN11", "label = \"{{ vars.name }}") + secret);
    sandbox.put("capture.toml", "manifest-version = 1\n[capture]\npath = 'a.wim'\nsource = [{ path = 'packages' }]\n");
    sandbox.put("values.toml", "name = 'z'\n");
    let run = |line: &str| {
        let mut command = sandbox.command(&line.split(' ').collect::<Vec<_>>());
        let ran = command.env("MEDIA_PASSWORD", "bP7-qX2_mK9.vR4+tW6").output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    run("apply media.toml");
    run("apply capture.toml");
    run("plan media.toml --site BER --vars values.toml --var name=y --out some.plan");
    run("plan media.toml capture.toml --out new.plan");
    let parse = |path: &str| serde_json::from_slice::<Json>(&sandbox.get(path)).unwrap();
    let of_media = parse("media.record.json");
    assert!(of_media.pointer("/outputs/0/summary/secrets/values/0").is_some(), "{of_media:#}");
    assert_documented(&of_media, &record, "the record of media");
    assert_documented(&parse("capture.record.json"), &record, "the record of a capture");
    assert_documented(&parse("some.plan"), &plan, "a saved plan");
    assert_documented(&parse("new.plan"), &plan, "a saved plan");
}

#[test]
fn every_environment_variable_that_is_read_is_documented() {
    let page = read("docs/reference/environment.md");
    let mut names = BTreeSet::new();
    for (_, source) in sources("src").iter().filter(|(_, source)| source.contains("env::var")) {
        names.extend(
            literals(source).into_iter().filter(|(_, word, _)| is_word(word, '_')).map(|(_, word, _)| word.to_owned()),
        );
    }
    assert!(names.contains("SOURCE_DATE_EPOCH") && names.contains("TERM"), "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !page.contains(&format!("\n| `{name}` |"))).collect();
    assert!(missing.is_empty(), "docs/reference/environment.md lacks {missing:?}");
}
