//! The language server over standard input and output. The snapshots contain complete answers.

mod client;

use std::fs;
use std::process::Command;

use serde_json::{Value as Json, json};

use self::client::Client;
use crate::fixtures::sandbox::{MANIFEST, Sandbox};

const SEQUENCE: &str = r#"sequence-version = 1
name = "Größe 🙂"

[[steps]]
type = "set-variable"
name = "Name"
variable = "Prefix"
value = "PC"

[[steps]]
type = "run-command-line"
name = "Client"
command-line = "setup.cmd %Prefix%"
package = "BER00021"
condition = { variable = "prefix", operator = "exists" }
"#;

/// Makes a project whose manifest refers to a task sequence and a profile.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put("sequences/deploy.toml", SEQUENCE);
    sandbox.put("profiles/common.toml", "# Common.\n[media]\nlabel = \"Common\"\n");
    sandbox.edit("kind = \"stand-alone\"\n", "kind = \"stand-alone\"\nprofile = \"profiles/common.toml\"\n");
    sandbox.edit("source-date = 2026-01-01", "source-date = 2026-01-01\nrules = { nothing-deployed = \"off\" }");
    sandbox.edit("[[package]]", "[task-sequence]\nfile = \"sequences/deploy.toml\"\n\n[[package]]");
    sandbox
}

fn text(sandbox: &Sandbox, path: &str) -> String {
    String::from_utf8(sandbox.get(path)).unwrap()
}

/// Returns the line and the UTF-16 column of the end of `needle` in a text.
fn after(text: &str, needle: &str) -> (usize, usize) {
    let at = text.find(needle).unwrap_or_else(|| panic!("{needle:?} in {text}")) + needle.len();
    let line = text[..at].rsplit('\n').next().unwrap();
    (text[..at].matches('\n').count(), line.encode_utf16().count())
}

/// Returns the labels and documentation of completion items.
fn items(found: &Json) -> String {
    let line = |item: &Json| {
        let doc = item["documentation"]["value"].as_str().unwrap_or_default().replace('\n', " ");
        format!("{} -> {:?}  {doc}\n", item["label"].as_str().unwrap(), item["textEdit"]["newText"].as_str().unwrap())
    };
    found.as_array().unwrap().iter().map(line).collect()
}

#[test]
fn mistakes_are_marked_while_they_are_typed_and_a_fix_makes_a_manifest_that_passes_check() {
    let sandbox = sandbox();
    let good = text(&sandbox, "media.toml");
    let mut client = Client::open_session(&sandbox);
    client.open("media.toml", &good);
    let before = client.published["media.toml"].clone();
    let errors = |found: &Json| found.as_array().unwrap().iter().filter(|one| one["severity"] == 1).count();
    assert_eq!(errors(&before), 0, "{before}");
    // `label` becomes `lable` in two changes of one notification.
    let (line, column) = after(&good, "\nlabel");
    let at = |from: usize, to: usize| [line as u32, (column - from) as u32, line as u32, (column - to) as u32];
    client.change("media.toml", 2, &[(at(2, 0), ""), (at(2, 2), "le")]);
    let marked = client.published["media.toml"].clone();
    insta::assert_snapshot!("mistyped_key", client.shown(&marked));
    let range = json!({ "start": { "line": line, "character": 1 }, "end": { "line": line, "character": 1 } });
    let document = json!({ "uri": client.uri("media.toml") });
    let params = json!({ "textDocument": document, "range": range, "context": { "diagnostics": [] } });
    let actions = client.request("textDocument/codeAction", params);
    insta::assert_snapshot!("fix_of_a_mistyped_key", client.shown(&actions));
    let mut lines: Vec<_> = good.lines().map(str::to_owned).collect();
    let edit = &actions[0]["edit"]["changes"][client.uri("media.toml")][0];
    let ends = ["start", "end"].map(|end| edit["range"][end]["character"].as_u64().unwrap() as usize);
    lines[line] = lines[line].replacen("label", "lable", 1);
    sandbox.put("media.toml", lines.join("\n"));
    assert!(!sandbox.command(&["check"]).output().unwrap().status.success());
    lines[line].replace_range(ends[0]..ends[1], edit["newText"].as_str().unwrap());
    sandbox.put("media.toml", lines.join("\n"));
    let checked = sandbox.command(&["check"]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    // Right again, in the buffer too.
    client.change("media.toml", 3, &[(at(5, 0), "label")]);
    assert_eq!(client.published["media.toml"], before);
}

#[test]
fn what_is_wrong_in_a_sequence_or_a_profile_is_marked_there() {
    let sandbox = sandbox();
    let mut client = Client::open_session(&sandbox);
    client.open("media.toml", &text(&sandbox, "media.toml"));
    // Neither is on disk like that.
    client.open("sequences/deploy.toml", &SEQUENCE.replace("BER00021", "BER00022"));
    client.open("profiles/common.toml", "[media]\nlabel = \"Common\"\nlanguage = \"German\"\n");
    let shown = json!(client.published);
    insta::assert_snapshot!("of_several_files", client.shown(&shown));
    // A buffer that is closed counts as the file again.
    client.notify("textDocument/didClose", json!({ "textDocument": { "uri": client.uri("profiles/common.toml") } }));
    client.wait_for_next("profiles/common.toml");
    assert_eq!(client.published["profiles/common.toml"], json!([]));
    assert!(!text(&sandbox, "profiles/common.toml").contains("German"));
}

#[test]
fn deleted_and_foreign_files_are_no_reason_to_fail() {
    let sandbox = sandbox();
    let other = tempfile::tempdir().unwrap();
    let alone = format!("file://{}/alone.toml", other.path().canonicalize().unwrap().display());
    let mut client = Client::open_session(&sandbox);
    client.open("media.toml", &text(&sandbox, "media.toml"));
    fs::remove_file(sandbox.path("sequences/deploy.toml")).unwrap();
    let changes = json!({ "changes": [{ "uri": client.uri("sequences/deploy.toml"), "type": 3 }] });
    client.notify("workspace/didChangeWatchedFiles", changes);
    client.wait_for_next("media.toml");
    insta::assert_snapshot!("deleted_sequence", client.shown(&client.published["media.toml"]));
    // Outside of the workspace, and never saved.
    let document = json!({ "uri": alone, "version": 7, "text": "sequence-version = 1\nname = \"x\"\n[[steps]]\ntype = \"group\"\n" });
    client.notify("textDocument/didOpen", json!({ "textDocument": document }));
    client.wait_for_next(&alone);
    assert!(
        client.published[&alone][0]["message"].as_str().unwrap().contains("needs `name`"),
        "{:?}",
        client.published
    );
    for uri in ["untitled:Untitled-1", "file:///no/such/file.toml", "file://%ff"] {
        let document = json!({ "uri": uri, "version": 1, "text": "a = " });
        client.notify("textDocument/didOpen", json!({ "textDocument": document }));
        let params = json!({ "textDocument": { "uri": uri }, "position": { "line": 5, "character": 5 } });
        for method in ["hover", "completion", "definition", "references"] {
            client.request(&format!("textDocument/{method}"), params.clone());
        }
    }
}

#[test]
fn keys_values_ids_variables_and_sites_complete() {
    let sandbox = sandbox();
    let mut client = Client::open_session(&sandbox);
    let mut seen = String::new();
    let mut version = 0;
    let mut complete = |path: &str, before: &str, rest: &str| {
        version += 1;
        let text = format!("{before}{rest}");
        let document = json!({ "uri": client.uri(path), "version": version, "text": text });
        client.notify("textDocument/didOpen", json!({ "textDocument": document }));
        let found = client.ask("completion", path, after(&text, before));
        let line = before.lines().next_back().unwrap_or_default();
        seen += &format!("## {path}: {line}|\n{}\n", items(&found));
    };
    let step = "sequence-version = 1\nname = \"x\"\n\n[[steps]]\ntype = \"restart-computer\"\nname = \"y\"\n";
    complete("sequences/new.toml", &format!("{step}me"), "");
    complete("sequences/new.toml", &format!("{step}target = \""), "");
    complete("sequences/new.toml", &format!("{step}condition = {{ variable = \"A\", operator = \""), "\" }\n");
    complete("sequences/new.toml", &format!("{step}condition = {{ registry = \"A\", "), "}\n");
    let step = step.replace("restart-computer", "run-command-line");
    complete("sequences/new.toml", &format!("{step}package = \""), "\"\n[[steps]\n");
    complete("sequences/new.toml", &format!("{step}when = \"{{{{ site.code == '"), "' }}\"\n");
    complete("sequences/new.toml", &format!("{step}when = \"{{{{ "), "");
    complete("media.toml", "manifest-version = 1\n[media]\nkind = \"boot", "\n");
    complete("media.toml", "manifest-version = 1\n[media]\nkind = \"stand-alone\"\nunknown", "\n");
    complete("media.toml", "manifest-version = 1\n[media.rules]\ndynamic-list-on-stand-alone = ", "\n");
    complete("media.toml", "manifest-version = 1\n[sec", "]\n");
    complete("facts.toml", "facts-version = 1\nfirmware = ", "\n");
    complete("facts.toml", "# no com", "\n");
    insta::assert_snapshot!("completions", seen);
    let document = json!({ "uri": client.uri("sequences/new.toml"), "version": 99, "text": format!("{step}command-line = \"a %Pre") });
    client.notify("textDocument/didOpen", json!({ "textDocument": document }));
    let found = client.ask("completion", "sequences/new.toml", (6, 100));
    let labels: Vec<_> = found.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect();
    for label in ["Prefix", "_SMSTSInWinPE", "OSDDomainName"] {
        assert!(labels.contains(&label), "{label} in {labels:?}");
    }
}

#[test]
fn hovers_document_what_is_under_the_cursor() {
    let sandbox = sandbox();
    let manifest = text(&sandbox, "media.toml");
    let mut client = Client::open_session(&sandbox);
    client.open("sequences/deploy.toml", SEQUENCE);
    let mut seen = String::new();
    for (path, text, needle) in [
        ("sequences/deploy.toml", SEQUENCE, "type = \"set-"),
        ("sequences/deploy.toml", SEQUENCE, "oper"),
        ("sequences/deploy.toml", SEQUENCE, "\"exi"),
        ("sequences/deploy.toml", SEQUENCE, "BER0"),
        ("sequences/deploy.toml", SEQUENCE, "%Pre"),
        ("sequences/deploy.toml", SEQUENCE, "pack"),
        ("sequences/deploy.toml", SEQUENCE, "condi"),
        ("media.toml", &manifest, "kin"),
        ("media.toml", &manifest, "stand-"),
        ("media.toml", &manifest, "nothing-dep"),
        ("media.toml", &manifest, "code = \"BE"),
        ("media.toml", &manifest, "site.code == 'HA"),
    ] {
        let found = client.ask("hover", path, after(text, needle));
        seen += &format!("## {path}: {needle}|\n{}\n\n", found["contents"]["value"].as_str().unwrap_or("nothing"));
    }
    insta::assert_snapshot!("hovers", seen);
}

#[test]
fn hovers_link_to_the_manual_if_its_address_is_given() {
    let sandbox = sandbox();
    let manifest = text(&sandbox, "media.toml");
    let mut client = Client::start_with(&sandbox, &["--manual", "https://intranet.example.com/tsmedia/"], &[]);
    client.initialize();
    let found = client.ask("hover", "media.toml", after(&manifest, "kin"));
    let words = found["contents"]["value"].as_str().unwrap();
    let last = words.lines().last().unwrap();
    assert_eq!(last, "[Manual](https://intranet.example.com/tsmedia/reference/manifest.html#mediakind)");
    assert_eq!(words.matches("[Manual]").count(), 1, "{words}");
}

#[test]
fn names_lead_to_where_they_are_defined_and_used() {
    let sandbox = sandbox();
    let manifest = text(&sandbox, "media.toml");
    let mut client = Client::open_session(&sandbox);
    client.open("sequences/deploy.toml", SEQUENCE);
    let mut seen = String::new();
    for (method, path, text, needle) in [
        ("definition", "sequences/deploy.toml", SEQUENCE, "BER0"),
        ("definition", "sequences/deploy.toml", SEQUENCE, "%Pre"),
        ("definition", "sequences/deploy.toml", SEQUENCE, "variable = \"pre"),
        ("definition", "media.toml", &manifest, "sequences/dep"),
        ("definition", "media.toml", &manifest, "profiles/com"),
        ("definition", "media.toml", &manifest, "site.code == 'HA"),
        ("references", "media.toml", &manifest, "BER0"),
        ("references", "sequences/deploy.toml", SEQUENCE, "variable = \"Pre"),
        ("definition", "media.toml", &manifest, "kind = \"stand"),
    ] {
        let found = client.ask(method, path, after(text, needle));
        let line = |place: &Json| {
            let (start, end) = (&place["range"]["start"], &place["range"]["end"]);
            format!(
                "{} {}:{}-{}\n",
                place["uri"].as_str().unwrap(),
                start["line"],
                start["character"],
                end["character"]
            )
        };
        let places: String = found.as_array().unwrap().iter().map(line).collect();
        seen += &format!("## {method} {path}: {needle}|\n{places}\n");
    }
    insta::assert_snapshot!("places", client.shown(&json!(seen)).replace("\\n", "\n").replace("\\\"", "\""));
}

/// A library is checked with the manifests that refer to it, and names are completed and resolved in it as in them.
#[test]
fn a_content_library_is_a_file_of_the_author_too() {
    let sandbox = sandbox();
    sandbox
        .edit("[task-sequence]", "[library]\nfiles = [\"library.toml\"]\ncontent = \"referenced\"\n\n[task-sequence]");
    sandbox.edit("[[package]]\nid = \"BER00021\"\nsource = \"packages/vpn\"\n\n", "");
    let library = "library-version = 1\n\n[[package]]\nid = \"BER00021\"\nsource = \"packages/vpm\"\n\n\n[[package]]\n";
    sandbox.put("library.toml", library.trim_end_matches("[[package]]\n"));
    let mut client = Client::open_session(&sandbox);
    client.open("sequences/deploy.toml", SEQUENCE);
    let found = client.ask("definition", "sequences/deploy.toml", after(SEQUENCE, "BER0"));
    let mut seen = format!("## definition\n{}\n", client.shown(&found));
    seen += &format!("## library.toml\n{}\n", client.shown(&client.published["library.toml"].clone()));
    client.open("library.toml", library);
    let keys = client.ask("completion", "library.toml", after(library, "vpm\"\n\n\n[[package]]\n"));
    seen += &format!("## completion\n{}", items(&keys));
    insta::assert_snapshot!("content_library", seen);
}

#[test]
fn columns_are_utf_16_in_files_with_a_byte_order_mark_and_both_line_ends() {
    let sandbox = Sandbox::empty();
    let text = "\u{feff}sequence-version = 1\r\nname = \"🙂ö\"\r\n[[steps]]\r\ntype = \"group\"\r\nname = \"🙂\"\r\nsteps = [{ name = \"🙂\", type = \"set-varable\" }]\r\n";
    let mut client = Client::open_session(&sandbox);
    client.open("a b/größe.toml", text);
    let (path, found) = client.published.iter().next().unwrap();
    let (path, found) = (path.clone(), found.clone());
    let document = json!({ "uri": client.uri(&path) });
    let params = json!({ "textDocument": document, "range": found[0]["range"], "context": { "diagnostics": [] } });
    let actions = client.request("textDocument/codeAction", params);
    insta::assert_snapshot!(
        "utf_16",
        format!("{path}\n{}\n{}", client.shown(&found), client.shown(&actions[0]["edit"]))
    );
}

#[test]
fn no_secret_is_ever_shown() {
    let sandbox = sandbox();
    let manifest = text(&sandbox, "media.toml").replace(
        "[[package]]",
        "[security]\npassword = \"hunter2hunter2\"\n\n[variables]\nJoinPassword = \"hunter2hunter2\"\nPlain = \"open\"\n\n[[package]]",
    );
    let sequence = format!(
        "{SEQUENCE}\n[[steps]]\ntype = \"set-variable\"\nname = \"S\"\nvariable = \"JoinPassword\"\nvalue = \"hunter2hunter2\"\n"
    );
    let mut client = Client::start_with(&sandbox, &[], &[("MEDIA_PASSWORD", "swordfish")]);
    client.initialize();
    client.open("media.toml", &manifest);
    client.open("sequences/deploy.toml", &sequence);
    let mut seen = json!(client.published).to_string();
    for (path, text) in [("media.toml", &manifest), ("sequences/deploy.toml", &sequence)] {
        for (line, content) in text.lines().enumerate() {
            for column in [1, content.len() / 2, content.len().saturating_sub(2)] {
                seen += &client.ask("hover", path, (line, column)).to_string();
                seen += &client.ask("completion", path, (line, column)).to_string();
            }
        }
    }
    assert!(seen.contains("JoinPassword") && !seen.contains("unter2") && !seen.contains("swordfish"), "{seen}");
}

#[test]
fn the_session_follows_the_protocol() {
    let sandbox = Sandbox::new();
    let mut client = Client::start(&sandbox);
    let mut seen = String::new();
    let mut note = |what: &str, response: &Json| seen += &format!("## {what}\n{response:#}\n\n");
    note("before the session", &client.respond("textDocument/hover", json!({})));
    note("initialize", &client.initialize());
    note("again", &client.respond("initialize", json!({})));
    note("unknown", &client.respond("textDocument/rename", json!({})));
    note(
        "without a position",
        &client.respond("textDocument/hover", json!({ "textDocument": { "uri": "file:///a" } })),
    );
    note("without a document", &client.respond("textDocument/codeAction", json!({})));
    client.notify("$/setTrace", json!({ "value": "off" }));
    client.notify("textDocument/didChange", json!({ "textDocument": { "uri": client.uri("never-opened.toml") } }));
    client.send_raw("{ no json");
    note("no JSON", &client.next_answer());
    client.send_raw("[1]");
    note("no object", &client.next_answer());
    note("shutdown", &client.respond("shutdown", Json::Null));
    note("after the session", &client.respond("textDocument/hover", json!({})));
    insta::assert_snapshot!("session", seen);
    client.notify("exit", Json::Null);
    assert_eq!(client.end(), Some(0));
    for ends_by in ["exit", ""] {
        let mut client = Client::open_session(&sandbox);
        if !ends_by.is_empty() {
            client.notify(ends_by, Json::Null);
        }
        assert_eq!(client.end(), Some(1), "{ends_by:?}");
    }
}

#[test]
fn nothing_is_written() {
    let sandbox = sandbox();
    let listing = || {
        Command::new("find").args([".", "-printf", "%p %s %T@\n"]).current_dir(&sandbox.root).output().unwrap().stdout
    };
    let before = listing();
    let mut client = Client::open_session(&sandbox);
    client.open("media.toml", &MANIFEST.replace("BER00021", "BER0002"));
    client.open("sequences/deploy.toml", SEQUENCE);
    drop(client);
    assert_eq!(listing(), before);
}

#[test]
fn half_written_files_are_no_reason_to_fail() {
    let sandbox = sandbox();
    let mut client = Client::open_session(&sandbox);
    client.open("sequences/deploy.toml", "");
    let ends: Vec<_> = SEQUENCE.char_indices().map(|(at, _)| at).step_by(7).collect();
    for (version, end) in ends.into_iter().enumerate() {
        let text = &SEQUENCE[..end];
        let document = json!({ "uri": client.uri("sequences/deploy.toml"), "version": version + 2 });
        let params = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
        client.notify("textDocument/didChange", params);
        let end = after(text, text);
        for method in ["completion", "hover", "definition"] {
            client.ask(method, "sequences/deploy.toml", end);
        }
    }
}

/// Returns the code blocks of the page on editors in one language.
fn blocks(language: &str) -> Vec<String> {
    let page = fs::read_to_string("docs/guides/editors.md").unwrap();
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_page_on_editors_starts_the_server_and_its_commands_do_their_work() {
    let sandbox = Sandbox::new();
    let lines: Vec<_> = blocks("console").join("\n").lines().map(str::to_owned).collect();
    let commands: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("tsmedia ")).collect();
    assert!(!commands.is_empty());
    for command in commands {
        let script = format!("{} {command}", env!("CARGO_BIN_EXE_tsmedia"));
        let ran = Command::new("sh").args(["-c", &script]).current_dir(&sandbox.root).output().unwrap();
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    // Neovim and Helix are told the command; the one for Helix is TOML.
    let [helix] = <[String; 1]>::try_from(blocks("toml")).unwrap();
    let helix: toml::Table = toml::from_str(&helix).unwrap();
    assert_eq!(helix["language-server"]["tsmedia"]["command"].as_str(), Some("tsmedia"));
    assert_eq!(helix["language-server"]["tsmedia"]["args"][0].as_str(), Some("lsp"));
    assert!(blocks("lua").concat().contains("cmd = { \"tsmedia\", \"lsp\" }"));
}
