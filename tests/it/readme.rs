//! Every command in the README and in the guides does what it says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What stands in the README's blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    blocks_of("README.md", language)
}

/// The blocks of one language in a page.
fn blocks_of(page: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(page)).expect("the page");
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().expect("an end").to_owned()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true if ["images", "out"].iter().any(|made| entry.file_name() == *made) => {}
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

/// The repository's examples with their images, elsewhere.
fn clone() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().to_owned();
    copy(&Path::new(ROOT).join("examples"), &root.join("examples"));
    copy(&Path::new(ROOT).join("schemas"), &root.join("schemas"));
    let mut make = Command::new("bash");
    make.args(["examples/boot/make", "examples/images", "x64", "arm64"]).current_dir(&root);
    assert!(make.status().expect("bash").success(), "examples/boot/make failed");
    (folder, root)
}

/// Runs the tsmedia commands of a page in a folder, and returns how many there are.
fn run_commands(page: &str, root: &Path) -> usize {
    let commands: Vec<_> = blocks_of(page, "console").join("\n").lines().map(str::to_owned).collect();
    let mut n_commands = 0;
    for line in commands.iter().filter(|line| line.starts_with("tsmedia ")) {
        // Lines may send the output to a file.
        let script = format!("\"$0\" {}", line.trim_start_matches("tsmedia "));
        let mut shell = Command::new("sh");
        let ran = shell.args(["-c", &script, env!("CARGO_BIN_EXE_tsmedia")]).current_dir(root).output();
        let ran = ran.expect("tsmedia");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "`{line}` ended with {}:\n{said}", ran.status);
        n_commands += 1;
    }
    n_commands
}

#[test]
fn every_tsmedia_command_of_the_readme_does_its_work() {
    let (_folder, root) = clone();
    let n_commands = run_commands("README.md", &root);
    assert!(n_commands > 10, "only {n_commands} commands found");
}

#[test]
fn every_tsmedia_command_of_a_guide_does_its_work() {
    let guides = fs::read_dir(Path::new(ROOT).join("docs/guides")).expect("the guides");
    for guide in guides {
        let (_folder, root) = clone();
        put_manifest_with_certificate(&root);
        let name = guide.expect("a guide").file_name();
        let page = Path::new("docs/guides").join(name);
        run_commands(page.to_str().expect("a name"), &root);
    }
    assert!(blocks_of("docs/guides/mdt.md", "console").len() > 3);
}

/// Writes the manifest and the key that the guide of sites works with.
fn put_manifest_with_certificate(folder: &Path) {
    let manifest = fs::read_to_string(Path::new(ROOT).join("examples/site-data/media.toml")).expect("the example");
    let manifest = manifest.replace("sites/BER.json", "examples/site-data/sites/BER.json");
    let manifest = manifest.replace("{ env = \"MEDIA_KEY\" }", "{ file = \"media.key\" }");
    fs::write(folder.join("media.toml"), manifest).expect("a file");
    let mut openssl = Command::new("openssl");
    openssl.args("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out media.key".split(' ')).current_dir(folder);
    assert!(openssl.output().expect("openssl").status.success());
}

#[test]
fn the_site_file_of_the_guide_is_that_of_the_example_and_follows_the_schema() {
    let [sample] = <[String; 1]>::try_from(blocks_of("docs/guides/sites.md", "json")).expect("one site file");
    let schema = fs::read_to_string(Path::new(ROOT).join("schemas/site.schema.json")).expect("the schema");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let site: serde_json::Value = serde_json::from_str(&sample).expect("JSON");
    let validator = jsonschema::draft7::new(&schema).expect("a schema");
    let wrong: Vec<_> = validator.iter_errors(&site).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let example = fs::read_to_string(Path::new(ROOT).join("examples/site-data/sites/BER.json")).expect("the example");
    assert_eq!(example.replace("../../../schemas/site.schema.json", "site.schema.json"), sample);
}

#[test]
fn the_export_script_writes_keys_of_the_schema_alone() {
    let script = fs::read_to_string(Path::new(ROOT).join("docs/guides/Export-TsmediaSite.ps1")).expect("the script");
    let schema = fs::read_to_string(Path::new(ROOT).join("schemas/site.schema.json")).expect("the schema");
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    let keys = |pointer: &str| -> Vec<String> {
        let keys = schema.pointer(pointer).and_then(|keys| keys.as_object()).expect("an object");
        keys.keys().cloned().collect()
    };
    let quoted = |start: &str, end: &str| -> Vec<String> {
        let parts = script.split(start).skip(1);
        parts.map(|part| part.split(end).next().expect("an end").to_owned()).collect()
    };
    let mut written = quoted("$site['", "']");
    written.extend(["site-version", "code"].map(str::to_owned));
    written.sort();
    written.dedup();
    let mut known = keys("/properties");
    // Editors add the one by themselves, and no source of the other is known.
    known.retain(|key| !["$schema", "use-first-certificate"].contains(&key.as_str()));
    known.sort();
    assert_eq!(written, known);
    let entries = ["boot-images", "packages", "applications"];
    let known: Vec<_> = entries.iter().flat_map(|list| keys(&format!("/properties/{list}/items/properties"))).collect();
    for key in quoted("$entry['", "']").into_iter().chain(quoted("Add-Value $entry '", "'")) {
        assert!(known.contains(&key), "{key}");
    }
    // There is no PowerShell here that could parse it: brackets that do not match are found all the same.
    let mut open = Vec::new();
    for c in code_of(&script).chars() {
        match c {
            '(' | '[' | '{' => open.push(c),
            ')' => assert_eq!(open.pop(), Some('(')),
            ']' => assert_eq!(open.pop(), Some('[')),
            '}' => assert_eq!(open.pop(), Some('{')),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// PowerShell without its comments and the text in its strings.
fn code_of(script: &str) -> String {
    let (mut code, mut rest) = (String::new(), script);
    while let Some(c) = rest.chars().next() {
        let end = match c {
            _ if rest.starts_with("<#") => rest.find("#>").map(|at| at + 2),
            '#' => rest.find('\n'),
            '\'' | '"' => rest[1..].find(c).map(|at| at + 2),
            c => {
                code.push(c);
                Some(c.len_utf8())
            }
        };
        rest = &rest[end.expect("an end")..];
    }
    code
}

#[test]
fn the_two_set_up_commands_are_run_by_ci() {
    let ci = fs::read_to_string(Path::new(ROOT).join(".ci/run")).expect(".ci/run");
    for block in blocks("console") {
        for line in block.lines().filter(|line| line.starts_with("bash ")) {
            assert!(ci.lines().any(|run| run == line), "`{line}` is not in .ci/run");
        }
    }
}

#[test]
fn the_manifest_of_the_readme_is_a_manifest() {
    let (_folder, root) = clone();
    let manifest = blocks("toml").remove(0);
    let folder = root.join("mine");
    fs::create_dir_all(folder.join("packages/vpn")).expect("a folder");
    fs::write(folder.join("packages/vpn/setup.cmd"), "rem\n").expect("a file");
    fs::create_dir_all(folder.join("images")).expect("a folder");
    fs::copy(root.join("examples/images/x64/boot.wim"), folder.join("images/boot.wim")).expect("a copy");
    fs::write(folder.join("media.toml"), manifest).expect("a file");
    for command in ["check", "apply"] {
        let ran = Command::new(env!("CARGO_BIN_EXE_tsmedia")).arg(command).current_dir(&folder).output();
        let ran = ran.expect("tsmedia");
        assert!(ran.status.success(), "{command}:\n{}", String::from_utf8_lossy(&ran.stderr));
    }
    assert!(folder.join("out/win11-BER.iso").exists());
}
