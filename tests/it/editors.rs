//! What an author sees while writing: the committed schemas, of manifests and of task sequences, in the real language
//! servers taplo and tombi, over their own protocol. Every key and every enum value completes with its documentation,
//! hovering shows it, mistakes are marked, and templates draw no complaint.
//!
//! `tests/install-tools` installs both. Without them the test says so and passes, unless `TSMEDIA_REQUIRE_TOOLS=1`.

mod server;

use std::fs;
use std::io::Write;

use self::server::Server;
use serde_json::Value as Json;

const SERVERS: [(&str, &[&str]); 2] = [("taplo", &["lsp", "stdio"]), ("tombi", &["lsp", "--offline"])];

/// Runs a claim on the schema of manifests against both servers.
fn with_each(claim: fn(&mut Server)) {
    with_each_on("media", claim);
}

/// Runs a claim on a schema against both servers.
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

/// The schema itself or the part of it that is not a template.
fn plain(schema: &Json) -> &Json {
    schema["anyOf"].as_array().map_or(schema, |any| &any[0])
}

/// The tables of the manifest with headers: the header, and the schema of what stands below it.
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

/// Enough of a description to tell that it is the one shown; servers render the rest as they like.
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

/// Every key that has values with names: the header, what stands before the value and after it, and the schema.
fn enums(schema: &Json) -> Vec<(String, String, &'static str, Vec<Json>)> {
    let mut enums = Vec::new();
    for (header, table) in tables(schema) {
        for (key, property) in table["properties"].as_object().unwrap() {
            let property = plain(property);
            let (before, after, property) = match property["items"].is_object() {
                true => (format!("{key} = ["), "]", plain(&property["items"])),
                false => (format!("{key} = \""), "\"", property),
            };
            // Names stand directly, or beside another way to write the value.
            let values = property["oneOf"].as_array().or_else(|| property["anyOf"][0]["oneOf"].as_array());
            if let Some(values) = values.or_else(|| property["oneOf"].as_array()) {
                enums.push((header.clone(), before, after, values.clone()));
            }
        }
    }
    enums
}

#[test]
fn every_enum_value_completes_with_its_documentation() {
    with_each(|server| {
        let mut n_values = 0;
        for (header, before, after, values) in enums(&schema()) {
            let items = server.complete(&format!("{header}{before}"), after);
            for value in values {
                let name = value["const"].as_str().map_or_else(|| value["const"].to_string(), str::to_owned);
                let item = items.iter().find(|item| item.label.trim_matches('"') == name);
                let labels: Vec<_> = items.iter().map(|item| &item.label).collect();
                let item = item.unwrap_or_else(|| panic!("{}: {before}{name} is not among {labels:?}", server.name));
                let documented = beginning(&value["description"]);
                assert!(item.text.contains(&documented), "{}: {name}: {documented:?} in {:?}", server.name, item.text);
                n_values += 1;
            }
        }
        // kind 4, profile 6, format 3, large files 2, partition table 2, capacity 5, firmware 2, certificate authority 2,
        // device affinity 3, encryption 2, mode 2, kind of a site 2, boot store 2, compression of a capture 4, placeholders 3, code pages 18
        assert_eq!(n_values, 62);
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
        for name in ["bootable", "stand-alone-sites", "profiles/media", "profiles/shared/base", "vars/media"] {
            let text = fs::read_to_string(format!("tests/manifests/good/{name}.toml")).unwrap();
            let complaints = server.check(&text);
            assert!(complaints.is_empty(), "{}: {name}: {complaints:#?}", server.name);
        }
        for (name, text) in tsmedia::manifest::built_in_profiles() {
            let complaints = server.check(text);
            assert!(complaints.is_empty(), "{}: {name}: {complaints:#?}", server.name);
        }
    });
}

#[test]
fn mistakes_are_marked_on_their_lines() {
    with_each(|server| {
        for (name, line) in [
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
        ] {
            let text = fs::read_to_string(format!("tests/{name}.toml")).unwrap();
            let complaints = server.check(&text);
            // Servers may mark the whole table that lacks a key.
            let marks = |complaint: &server::Complaint| (complaint.first..=complaint.last).contains(&line);
            assert!(complaints.iter().any(marks), "{}: {name}: {complaints:#?}", server.name);
        }
    });
}

/// A step as far as it is written, and what else is there.
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
        for (key, documented) in [("target", "What is started"), ("message-timeout", "How many seconds the message")] {
            let named: Vec<_> = items.iter().filter(|item| item.label == key).collect();
            let labels: Vec<_> = items.iter().map(|item| &item.label).collect();
            assert!(!named.is_empty(), "{}: {key} is not among {labels:?}", server.name);
            // taplo 0.10 shows the words of the first value in place of the key's own, where values have names.
            let is_documented = named.iter().any(|item| item.text.contains(documented));
            assert!(is_documented || (server.name == "taplo" && key == "target"), "{}: {key}: {named:?}", server.name);
        }
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
        assert!(shown.contains("What is started"), "{}: {shown}", server.name);
    });
}

#[test]
fn good_sequences_draw_no_complaint_and_mistakes_are_marked_on_their_lines() {
    with_each_on("sequence", |server| {
        for name in ["build-and-capture", "deploy-stand-alone"] {
            let text = fs::read_to_string(format!("tests/sequences/good/{name}.toml")).unwrap();
            let complaints = server.check(&text);
            assert!(complaints.is_empty(), "{}: {name}: {complaints:#?}", server.name);
        }
        let right = "type = \"restart-computer\"\nname = \"y\"\ntarget = \"windows-pe\"\n";
        let wrong = [
            right.replace("restart-computer", "restart-computr"),
            right.replace("windows-pe", "windows"),
            format!("{right}mesage = \"x\"\n"),
            format!("{right}timeout = 1000\n"),
            format!("{right}condition = {{ variable = \"A\", file = \"b\" }}\n"),
            right.replace("target = \"windows-pe\"\n", ""),
        ];
        let steps: Vec<_> = wrong.iter().map(|step| format!("[[steps]]\n{step}")).collect();
        let complaints = server.check(&SEQUENCE.replace("[[steps]]\n", &steps.concat()));
        let mut first = 4;
        for step in &steps {
            // Servers may mark the whole step, of which they know only that it is none of the types.
            let last = first + step.matches('\n').count() as u64 - 1;
            let marks = |complaint: &server::Complaint| complaint.first <= last && complaint.last >= first;
            assert!(complaints.iter().any(marks), "{}: {step}: {complaints:#?}", server.name);
            first = last + 1;
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
        for name in ["laptop", "old-tower"] {
            let text = fs::read_to_string(format!("examples/stand-alone/facts/{name}.toml")).unwrap();
            let text = text.split_once('\n').unwrap().1;
            let complaints = server.check(text);
            assert!(complaints.is_empty(), "{}: {name}: {complaints:#?}", server.name);
        }
        let complaints = server.check("facts-version = 1\nfirmware = \"efi\"\n");
        assert!(complaints.iter().any(|complaint| complaint.first == 2), "{}: {complaints:#?}", server.name);
    });
}
