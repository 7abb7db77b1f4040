//! The committed schemas in the language servers taplo and tombi, over their protocol. Every key and enum value is
//! completed with its documentation and shows it on hover, mistakes are marked, and templates cause no diagnostics.
//!
//! `tests/install-tools` installs both. Without them the test prints a notice and passes, unless
//! `TSMEDIA_REQUIRE_TOOLS=1`.

mod server;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

use self::server::Server;
use serde_json::Value as Json;
use tsmedia::rule::Rule;

const SERVERS: [(&str, &[&str]); 2] = [("taplo", &["lsp", "stdio"]), ("tombi", &["lsp", "--offline"])];

/// Runs checks of the schema of manifests with both servers.
fn with_each(claim: fn(&mut Server)) {
    with_each_on("media", claim);
}

/// Runs checks of a schema with both servers.
fn with_each_on(schema: &'static str, claim: fn(&mut Server)) {
    for (program, arguments) in SERVERS {
        match Server::start(program, arguments, schema) {
            Some(mut server) => claim(&mut server),
            None if std::env::var("TSMEDIA_REQUIRE_TOOLS").is_ok_and(|value| value == "1") => {
                panic!("{program} is needed and not installed: see tests/install-tools")
            }
            None => {
                // Written past the test harness, which would keep it to itself.
                let line = format!("skipped: {program} is not installed (see tests/install-tools)\n");
                std::io::stderr().write_all(line.as_bytes()).unwrap();
            }
        }
    }
}

fn schema() -> Json {
    serde_json::from_str(&fs::read_to_string("schemas/media.schema.json").unwrap()).unwrap()
}

/// Returns the part of a schema that is not a template, or the schema itself.
fn plain(schema: &Json) -> &Json {
    schema["anyOf"].as_array().map_or(schema, |any| &any[0])
}

/// Returns the tables of the manifest with their headers and the schemas of their content.
fn tables(schema: &Json) -> Vec<(String, Json)> {
    let mut tables = vec![(String::new(), schema.clone())];
    for (name, property) in schema["properties"].as_object().unwrap() {
        if property["properties"].is_object() {
            tables.push((format!("[{name}]\n"), property.clone()));
        } else if property["items"]["properties"].is_object() {
            tables.push((format!("[[{name}]]\n"), property["items"].clone()));
        }
    }
    tables
}

/// Returns the start of a description, which is enough to identify it, since servers render the rest differently.
fn beginning(description: &Json) -> String {
    description.as_str().unwrap().split(['`', '\n']).next().unwrap().trim().chars().take(30).collect()
}

#[test]
fn every_key_completes_with_its_documentation() {
    with_each(|server| {
        let mut n_keys = 0;
        for (header, schema) in tables(&schema()) {
            let items = server.complete(&header, "");
            for (key, property) in schema["properties"].as_object().unwrap() {
                let documented = beginning(&property["description"]);
                let named: Vec<_> = items.iter().filter(|item| item.label == *key).collect();
                // taplo offers a key once for each way to write its value; one of them has the words.
                let item = named.iter().find(|item| item.text.contains(&documented)).or(named.first());
                let labels: Vec<_> = items.iter().map(|item| &item.label).collect();
                let item = item.unwrap_or_else(|| panic!("{}: {header}{key} is not among {labels:?}", server.name));
                assert!(item.text.contains(&documented), "{}: {key}: {documented:?} in {:?}", server.name, item.text);
                n_keys += 1;
            }
        }
        assert!(n_keys > 35, "{n_keys}");
    });
}

/// Key whose values are names.
struct NamedValues {
    header: String,
    /// Text before and after the value.
    around: (String, &'static str),
    values: Vec<(Json, String)>,
}

/// Returns all keys whose values are names.
fn named_values(schema: &Json) -> Vec<NamedValues> {
    let mut found = Vec::new();
    for (header, table) in tables(schema) {
        for (key, property) in table["properties"].as_object().unwrap() {
            let property = plain(property);
            let (around, property) = match property["items"].is_object() {
                true => ((format!("{key} = ["), "]"), plain(&property["items"])),
                false => ((format!("{key} = \""), "\""), property),
            };
            // Names stand directly, or beside another way to write the value.
            let named = if property["enum"].is_array() { property } else { plain(property) };
            if let Some(values) = named["enum"].as_array() {
                let docs = named["x-taplo"]["docs"]["enumValues"].as_array().unwrap();
                let values = values.iter().cloned().zip(docs.iter().map(beginning)).collect();
                found.push(NamedValues { header: header.clone(), around, values });
            }
        }
    }
    found
}

#[test]
fn every_enum_value_completes_with_its_documentation() {
    with_each(|server| {
        let mut n_values = 0;
        for NamedValues { header, around: (before, after), values } in named_values(&schema()) {
            let items = server.complete(&format!("{header}{before}"), after);
            for (value, documented) in values {
                let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let item = items.iter().find(|item| item.label.trim_matches('"') == name);
                let labels: Vec<_> = items.iter().map(|item| &item.label).collect();
                let item = item.unwrap_or_else(|| panic!("{}: {before}{name} is not among {labels:?}", server.name));
                assert!(item.text.contains(&documented), "{}: {name}: {documented:?} in {:?}", server.name, item.text);
                n_values += 1;
            }
        }
        // kind 4, profile 6, format 3, large files 2, partition table 2, capacity 5, firmware 2, certificate authority 2,
        // device affinity 3, encryption 2, mode 2, kind of a site 2, boot store 2, content of a library 2, compression of a capture 4,
        // placeholders 3, code pages 18, place of prestart files 2, scratch space 5, all entries of a merged list 6
        let n_accepted =
            Rule::all().into_iter().filter(|rule| rule.is_acceptable() && rule.unchecked().is_none()).count();
        assert_eq!(n_values, 77 + n_accepted);
    });
}

#[test]
fn hovering_over_a_key_shows_its_documentation() {
    with_each(|server| {
        for (header, table) in tables(&schema()).into_iter().skip(1) {
            if server.name == "taplo" && header.starts_with("[[") {
                // taplo 0.10 shows nothing over the keys of arrays of tables, whatever the schema.
                continue;
            }
            for (key, property) in table["properties"].as_object().unwrap() {
                let kind = &property["type"];
                let value = match kind.as_str().or_else(|| kind[0].as_str()) {
                    Some("boolean") => "true",
                    Some("integer") => "1",
                    Some("object") => "{}",
                    Some("array") => "[]",
                    _ => "\"{{ vars.x }}\"",
                };
                let shown = server.hover(&header, &format!("{key} = {value}\n"));
                let documented = beginning(&property["description"]);
                assert!(shown.contains(&documented), "{}: {key}: {documented:?} in {shown:?}", server.name);
            }
        }
    });
}

#[test]
fn good_manifests_and_their_templates_draw_no_complaint() {
    with_each(|server| {
        let mut files: Vec<_> =
            ["bootable", "stand-alone-sites", "profiles/media", "profiles/shared/base", "vars/media"]
                .map(|name| (name, fs::read_to_string(format!("tests/manifests/good/{name}.toml")).unwrap()))
                .into();
        files.extend(tsmedia::manifest::built_in_profiles().iter().map(|(name, text)| (*name, (*text).to_owned())));
        let all_complaints = server.check_each(files.iter().map(|(_, text)| text.as_str()));
        for ((name, _), complaints) in files.iter().zip(all_complaints) {
            assert!(complaints.is_empty(), "{}: {name}: {complaints:#?}", server.name);
        }
    });
}

#[test]
fn mistakes_are_marked_on_their_lines() {
    with_each(|server| {
        let mistakes = [
            ("manifests/bad/key-typo", 6),
            ("manifests/bad/key-underscore", 12),
            ("manifests/bad/kind-typo", 5),
            ("manifests/bad/firmware-typo", 12),
            ("rules/R007-unknown-capacity/media", 9),
            ("manifests/bad/package-id", 18),
            ("manifests/bad/type-boolean-in-quotes", 12),
            ("manifests/bad/index-zero", 11),
            ("manifests/bad/missing-key-in-list", 17),
            ("manifests/bad/toml-1-1-escape", 19),
        ];
        let texts = mistakes.map(|(name, _)| fs::read_to_string(format!("tests/{name}.toml")).unwrap());
        let all_complaints = server.check_each(texts.iter().map(String::as_str));
        for ((name, line), complaints) in mistakes.into_iter().zip(all_complaints) {
            // Servers may mark the whole table that lacks a key.
            let marks = |complaint: &server::Complaint| (complaint.first..=complaint.last).contains(&line);
            assert!(complaints.iter().any(marks), "{}: {name}: {complaints:#?}", server.name);
        }
    });
}

/// An incomplete step, and the keys and values that the server should offer.
const SEQUENCE: &str = "sequence-version = 1\nname = \"x\"\n\n[[steps]]\n";

#[test]
fn types_of_steps_and_their_keys_complete_with_their_documentation() {
    with_each_on("sequence", |server| {
        let items = server.complete(&format!("{SEQUENCE}name = \"y\"\ntype = \""), "\"");
        for kind in tsmedia::sequence::catalog::kinds() {
            let item = items.iter().find(|item| item.label.trim_matches('"') == kind.name);
            let labels: Vec<_> = items.iter().map(|item| &item.label).collect();
            let item = item.unwrap_or_else(|| panic!("{}: {} is not among {labels:?}", server.name, kind.name));
            let documented = beginning(&kind.doc.into());
            assert!(
                item.text.contains(&documented),
                "{}: {}: {documented:?} in {:?}",
                server.name,
                kind.name,
                item.text
            );
        }
        let items = server.complete(&format!("{SEQUENCE}type = \"restart-computer\"\nname = \"y\"\n"), "");
        for (key, documented) in
            [("target", "System to start."), ("message-timeout", "Seconds that the message is shown")]
        {
            let named: Vec<_> = items.iter().filter(|item| item.label == key).collect();
            let labels: Vec<_> = items.iter().map(|item| &item.label).collect();
            assert!(!named.is_empty(), "{}: {key} is not among {labels:?}", server.name);
            let is_documented = named.iter().any(|item| item.text.contains(documented));
            assert!(is_documented, "{}: {key}: {named:?}", server.name);
        }
        // taplo offers a key once for each way to write its value; with a schema for each type of step, that was 311
        // times for 188 keys.
        let n_keys = items.iter().map(|item| &item.label).collect::<BTreeSet<_>>().len();
        assert!(items.len() <= n_keys * 5 / 4, "{}: {} items for {n_keys} keys", server.name, items.len());
    });
}

#[test]
fn hovering_over_a_key_of_a_step_shows_its_documentation() {
    with_each_on("sequence", |server| {
        if server.name == "taplo" {
            // It shows nothing over the keys of arrays of tables, whatever the schema.
            return;
        }
        let step = format!("{SEQUENCE}type = \"restart-computer\"\nname = \"y\"\n");
        let shown = server.hover(&step, "target = \"windows-pe\"\n");
        assert!(shown.contains("System to start."), "{}: {shown}", server.name);
    });
}

#[test]
fn good_sequences_draw_no_complaint() {
    with_each_on("sequence", |server| {
        let names = ["build-and-capture", "deploy-stand-alone"];
        let texts = names.map(|name| fs::read_to_string(format!("tests/sequences/good/{name}.toml")).unwrap());
        let all_complaints = server.check_each(texts.iter().map(String::as_str));
        for (name, complaints) in names.into_iter().zip(all_complaints) {
            assert!(complaints.is_empty(), "{}: {name}: {complaints:#?}", server.name);
        }
    });
}

#[test]
fn a_mistake_in_a_step_marks_its_line_alone_with_a_short_message() {
    with_each_on("sequence", |server| {
        let right = "type = \"restart-computer\"\nname = \"y\"\ntarget = \"windows-pe\"\n";
        // Each with the line of the step that is marked.
        let wrong = [
            (right.replace("restart-computer", "restart-computr"), 1),
            (right.replace("windows-pe", "windows"), 3),
            (format!("{right}mesage = \"x\"\n"), 4),
            (format!("{right}timeout = 1000\n"), 4),
            (format!("{right}command-line = \"x\"\n"), 4),
            (format!("{right}condition = {{ variable = \"A\", file = \"b\" }}\n"), 4),
            (format!("{right}condition = {{ variable = \"A\", vlaue = \"b\" }}\n"), 4),
            (format!("{right}condition = {{ any = [{{ varable = \"A\" }}] }}\n"), 4),
        ];
        let mut text = SEQUENCE.replace("[[steps]]\n", "");
        let mut lines = Vec::new();
        for (step, line) in &wrong {
            lines.push(text.matches('\n').count() as u64 + 1 + line);
            text += &format!("[[steps]]\n{step}");
        }
        let missing = text.matches('\n').count() as u64 + 1;
        text += &format!("[[steps]]\n{}", right.replace("target = \"windows-pe\"\n", ""));
        let mut complaints = server.check(&text);
        complaints.sort_by_key(|complaint| complaint.first);
        let of_missing = complaints.pop().unwrap();
        // Where a key is missing, servers mark the step.
        assert!(
            of_missing.first >= missing && of_missing.message.contains("target"),
            "{}: {of_missing:?}",
            server.name
        );
        let marked: Vec<_> = complaints.iter().map(|complaint| (complaint.first, complaint.last)).collect();
        let expected: Vec<_> = lines.iter().map(|line| (*line, *line)).collect();
        assert_eq!(marked, expected, "{}: {complaints:#?}", server.name);
        for complaint in &complaints {
            // That of an unknown type lists all types.
            let at_most = if complaint.message.contains("restart-computr") { 1200 } else { 100 };
            assert!(complaint.message.len() <= at_most, "{}: {complaint:?}", server.name);
        }
    });
}

#[test]
fn keys_that_the_kind_of_medium_does_not_have_are_marked_on_their_lines() {
    with_each(|server| {
        let manifests = [
            ("[media]\nkind = \"bootable\"\nvalid-from = \"2026-01-01\"\n[policy]\nfile = \"x\"\n", vec![3, 4]),
            ("[media]\nkind = \"stand-alone\"\npreferred-advertisement = \"BER20005\"\n", vec![3]),
            ("[media]\nkind = \"capture\"\nlanguage = 1031\n[policy]\nfile = \"x\"\n", vec![3, 4]),
            ("[capture]\npath = \"x\"\n[boot]\nprompt = true\n", vec![3]),
            ("[media]\nkind = \"stand-alone\"\nvalid-from = \"2026-01-01\"\nlable = \"x\"\n", vec![4]),
            // A profile may be laid under media of any kind.
            ("[media]\nvalid-from = \"2026-01-01\"\nlanguage = 1031\n[policy]\nfile = \"x\"\n", vec![]),
        ];
        let all_complaints = server.check_each(manifests.iter().map(|(text, _)| *text));
        for ((text, lines), complaints) in manifests.into_iter().zip(all_complaints) {
            let mut marked: Vec<_> = complaints.iter().map(|complaint| complaint.first).collect();
            marked.sort_unstable();
            assert_eq!(marked, lines, "{}: {text}: {complaints:#?}", server.name);
        }
    });
}

#[test]
fn keys_of_fact_files_complete_and_good_ones_draw_no_complaint() {
    with_each_on("facts", |server| {
        let items = server.complete("facts-version = 1\n", "");
        let labels: Vec<_> = items.iter().map(|item| item.label.as_str()).collect();
        for key in ["firmware", "media", "variables", "domain-member"] {
            assert!(labels.contains(&key), "{}: {key} is not among {labels:?}", server.name);
        }
        let names = ["laptop", "old-tower"];
        let texts = names.map(|name| {
            let text = fs::read_to_string(format!("examples/stand-alone/facts/{name}.toml")).unwrap();
            text.split_once('\n').unwrap().1.to_owned()
        });
        let wrong = "facts-version = 1\nfirmware = \"efi\"\n";
        let mut all_complaints = server.check_each(texts.iter().map(String::as_str).chain([wrong]));
        let complaints = all_complaints.pop().unwrap();
        for (name, complaints) in names.iter().zip(all_complaints) {
            assert!(complaints.is_empty(), "{}: {name}: {complaints:#?}", server.name);
        }
        assert!(complaints.iter().any(|complaint| complaint.first == 2), "{}: {complaints:#?}", server.name);
    });
}
