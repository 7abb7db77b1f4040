//! Media, folders, archives and lists whose names control terminals, reorder lines or can't be seen: whatever a command
//! says of them, in whatever form, is safe to print.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use tsmedia::date::Date;
use tsmedia::firmware::Firmware;
use tsmedia::foreign_text::is_printed;
use tsmedia::format::bcd::{self, WindowsPeBoot};

use crate::fixtures::authority::{key, openssl};
use crate::fixtures::sandbox::{Sandbox, wimlib};
use test_fixtures::archive::zip;

/// Hostile file name on Linux: it clears the screen, returns the carriage, begins a line of its own, turns the
/// direction of writing and hides letters.
const NAME: &str =
    "a\x1b[2J\x07\r\nINJECTED \u{9b}31m\u{85}\u{202e}b\u{2066}\u{200b}\u{feff}\u{2028}\u{e0041}\x7f`\"<c>";

/// Hostile text as far as XML allows it, with what ends strings, tags and labels of other languages.
const XML_NAME: &str =
    "a\r\nINJECTED \u{9b}31m\u{85}\u{202e}b\u{2066}\u{200b}\u{feff}\u{2028}\u{e0041}\x7f`\"]--></text>%%{init}%%";

/// A name of as many letters as [`OF_DISC`].
const PLACEHOLDER: &str = "HOSTILENAME0";
/// Form of the name on a disc, in either of its two encodings.
const OF_DISC: [u16; 12] = [0x1b, 0x5b, 0x32, 0x4a, 0x0d, 0x0a, 0x49, 0x4e, 0x4a, 0x45, 0x9b, 0x7f];
const OF_JOLIET: [u16; 12] = [0x1b, 0x5b, 0x32, 0x4a, 0x0a, 0x49, 0x4e, 0x4a, 0x202e, 0x2066, 0x200b, 0xd800];

/// Runs the program and fails if anything that it says, or a file that it writes, is not safe.
struct Runs {
    sandbox: Sandbox,
    /// The commands that ran.
    seen: BTreeSet<String>,
    /// Counts hostile names in the output, all of which must be escaped.
    n_escapes: usize,
}

impl Runs {
    /// A run whose output is text for people: no foreign text begins a line of it.
    fn text(&mut self, arguments: &[&str]) -> Output {
        let ran = self.data(arguments);
        for said in [&ran.stdout, &ran.stderr] {
            let said = String::from_utf8_lossy(said);
            assert!(!said.lines().any(|line| line.trim_start().starts_with("INJ")), "{arguments:?}: {said}");
        }
        ran
    }

    /// A run whose output may be in a language in which texts have several lines.
    fn data(&mut self, arguments: &[&str]) -> Output {
        let ran = self.sandbox.command(arguments).output().unwrap();
        for said in [&ran.stdout, &ran.stderr] {
            self.n_escapes += said_safely(said, arguments);
        }
        assert!(ran.status.code().is_some_and(|code| code != 101), "{arguments:?}: {ran:?}");
        let n_words = if arguments[0] == "sequence" { 2 } else { 1 };
        self.seen.insert(arguments.iter().copied().take(n_words).collect::<Vec<_>>().join(" "));
        ran
    }

    /// Output of a command as text and as JSON, which must be well-formed.
    fn both(&mut self, arguments: &[&str]) {
        self.text(arguments);
        let ran = self.data(&[arguments, &["--json"]].concat());
        let values = serde_json::Deserializer::from_slice(&ran.stdout).into_iter::<serde_json::Value>();
        values.for_each(|value| assert!(value.is_ok(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stdout)));
    }
}

/// Fails for text that is not safe, and counts its escapes.
fn said_safely(said: &[u8], arguments: &[&str]) -> usize {
    let text = std::str::from_utf8(said).unwrap_or_else(|_| panic!("{arguments:?}: {}", said.escape_ascii()));
    for line in text.split('\n') {
        let bad = line.chars().find(|c| !is_printed(*c) && *c != '\t');
        assert_eq!(bad, None, "{arguments:?}: {}", line.escape_debug());
    }
    // TOML that tsmedia writes has escapes in upper case.
    let text = text.to_lowercase();
    ["\\x1b", "\\x0a", "\\u{", "\\u202e", "&#x"].iter().map(|escape| text.matches(escape).count()).sum()
}

fn sequence(name: &str) -> String {
    let name = toml::Value::from(name);
    format!(
        "sequence-version = 1\nname = {name}\n[[steps]]\ntype = 'group'\nname = {name}\ncondition = {{ variable = {name}, \
         value = {name} }}\n[[steps.steps]]\ntype = 'set-variable'\nname = {name}\nvariable = 'V'\nvalue = {name}\n\
         [[steps]]\ntype = 'run-command-line'\nname = {name}\ncommand-line = {name}\n"
    )
}

/// The XML of a sequence with these names, as the console exports it.
fn exported() -> Vec<u8> {
    let name = XML_NAME.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\r', "&#xD;");
    let sequence = format!(
        "<sequence version=\"3.10\"><group name=\"{name}\" description=\"{name}\"><step type=\"SMS_Of{}\" name=\"{name}\" \
         description=\"{name}\"><action>{name}</action><defaultVarList><variable name=\"{name}\" property=\"{name}\">{name}\
         </variable></defaultVarList></step></group><referenceList><reference package=\"{name}\"/></referenceList></sequence>",
        "Others"
    );
    let property = |key: &str, value: &str| format!("<PROPERTY NAME=\"{key}\"><VALUE>{value}</VALUE></PROPERTY>");
    let sequence = sequence.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let object = format!(
        "<INSTANCE CLASSNAME=\"SMS_TaskSequencePackage\">{}{}{}</INSTANCE>",
        property("BootImageID", &name),
        property("Name", &name),
        property("Sequence", &sequence)
    );
    zip(&[("SMS_TaskSequencePackage/BER00100/object.xml", object.as_bytes())])
}

/// A disc that others made: its label, the names on it, and what it says of itself.
fn put_disc(sandbox: &Sandbox) {
    let digits = "0".repeat(64);
    let name: String = NAME.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let sums = format!("{digits}  {name}\n{digits}  tsmedia/medium.toml\n{name}\n");
    let said = toml::Value::from(NAME);
    sandbox.put("tree/tsmedia/BLAKE3SUMS", &sums);
    sandbox.put("tree/tsmedia/SHA256SUMS", &sums);
    sandbox.put(
        "tree/tsmedia/medium.toml",
        format!("format-version = 1\nlabel = {said}\nid = \"{digits}\"\nsite = {said}\nname = {said}\nset = {said}\ndisc = '1'\n{said} = {said}\n"),
    );
    let path = format!(r"\sources\{NAME}");
    let store = bcd::windows_pe_store(&WindowsPeBoot { firmware: Firmware::Bios, boot_image: &path, boot_sdi: &path });
    sandbox.put("tree/boot/bcd", store.to_bytes(Date::EARLIEST).unwrap());
    sandbox.put(&format!("tree/{PLACEHOLDER}/{PLACEHOLDER}"), "content");
    for (name, more) in [("joliet.iso", &["-J"][..]), ("udf.iso", &["-J", "-udf"])] {
        let mut make = Command::new("genisoimage");
        make.args(["-quiet", "-V", PLACEHOLDER, "-o", name]).args(more).arg("tree").current_dir(&sandbox.root);
        assert!(make.status().unwrap().success());
    }
    let mut disc = sandbox.get("joliet.iso");
    let ascii: Vec<u8> = OF_DISC.iter().map(|unit| *unit as u8).collect();
    let wide: Vec<u8> = PLACEHOLDER.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let hostile: Vec<u8> = OF_JOLIET.iter().copied().flat_map(u16::to_be_bytes).collect();
    let n_replaced = replaced(&mut disc, PLACEHOLDER.as_bytes(), &ascii) + replaced(&mut disc, &wide, &hostile);
    assert!(n_replaced >= 6, "{n_replaced}");
    sandbox.put("joliet.iso", disc);
}

fn replaced(bytes: &mut [u8], old: &[u8], new: &[u8]) -> usize {
    let places: Vec<_> = (0..bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    places.iter().for_each(|at| bytes[*at..*at + new.len()].copy_from_slice(new));
    places.len()
}

/// A WIM file whose images and files have such names.
fn put_wim(sandbox: &Sandbox) {
    let name: String = XML_NAME.chars().filter(|c| *c != '\r').collect();
    sandbox.put(&format!("captured/{}", NAME.replace('\n', "")), "content");
    wimlib(&["capture", sandbox.path("captured").as_str(), sandbox.path("hostile.wim").as_str(), &name, &name]);
}

/// Every command over everything hostile that it reads.
#[test]
fn whatever_is_foreign_is_said_safely_by_every_command() {
    let sandbox = Sandbox::new();
    put_disc(&sandbox);
    put_wim(&sandbox);
    let manifest = format!("media{NAME}.toml");
    let text = String::from_utf8(sandbox.get("media.toml")).unwrap();
    sandbox.put(&manifest, text.replace("packages/vpn", "packages/none"));
    sandbox.put(&format!("packages/vpn/{NAME}"), "content");
    sandbox.put("deploy.toml", sequence(NAME));
    sandbox.put("other.toml", sequence("other"));
    sandbox.put("broken.toml", "sequence-version = 1\nname = 'a\u{202e}b\u{9b}'\n[[steps]]\ntype = 'x\u{202e}'\n");
    sandbox.put("deploy.zip", exported());
    let said = toml::Value::from(NAME);
    sandbox.put(
        "facts.toml",
        format!(
            "facts-version = 1\nname = {said}\nmedia = 'client'\nvariables = {{ {said} = {said}, A = {said} }}\n[computer]\n\
             make = {said}\n[expect]\nruns = [{said}]\nvariables = {{ A = 'other', {said} = 'other' }}\n"
        ),
    );
    let json = serde_json::json!(NAME);
    sandbox.put("bad.record.json", format!("{{ {json}: {json} }}"));
    sandbox.put("bad.plan", format!("{{ \"plan-version\": 1, {json}: {json} }}"));
    let subject = format!("/CN={}", NAME.replace(['/', '\n'], ""));
    let certificate = sandbox.path("root.pem");
    let made =
        ["req", "-x509", "-new", "-utf8", "-days", "30", "-subj", &subject, "-out", certificate.as_str(), "-key"];
    openssl(&[&made[..], &[key("client").as_str()]].concat());
    let site = "[[sites]]\ncode = \"BER\"\nmanagement-points = [\"https://mp1.example.com\"]\nroot-ca = ";
    sandbox.put(
        "bootable.toml",
        text.replace("stand-alone", "bootable")
            .replace("[[sites]]\ncode = \"BER\"\n", &format!("{site}'{certificate}'\n")),
    );

    let key_reference = format!("file:{}", key("client"));
    let repository = format!("file://{}", sandbox.path("repository"));
    sandbox.put("repository/oci-layout", "{ \"imageLayoutVersion\": \"1.0.0\" }");
    let tag = |tag: &str| {
        let annotations = serde_json::json!({ "org.opencontainers.image.ref.name": tag });
        serde_json::json!({ "mediaType": NAME, "digest": NAME, "size": 1, "annotations": annotations })
    };
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [tag(NAME), tag("hostile")] });
    sandbox.put("repository/index.json", index.to_string());
    let mut runs = Runs { sandbox, seen: BTreeSet::new(), n_escapes: 0 };
    for path in ["joliet.iso", "udf.iso", "hostile.wim", "tree/boot/bcd", &manifest] {
        runs.both(&["inspect", path]);
        runs.text(&["inspect", path, "--files"]);
        runs.both(&["inspect", path, "--layout"]);
        runs.both(&["inspect", path, "udf.iso", "--layout", "--svg", "layout.svg"]);
        runs.both(&["verify", path]);
        runs.both(&["verify", path, "joliet.iso", "udf.iso"]);
        runs.both(&["diff", path, "udf.iso"]);
        runs.both(&["diff", path, "joliet.iso", "--verbose"]);
        runs.both(&["diff", path]);
        runs.both(&["write", path, "stick.img"]);
        runs.both(&["write", path, "stick.img", "--dry-run"]);
        runs.both(&["capture", path, "-o", "again.wim"]);
        runs.both(&["import", path, "-o", "imported"]);
        runs.both(&["attest", path]);
        runs.both(&["sign", path, "--key-from", &key_reference]);
        runs.both(&["push", path, &format!("{repository}:hostile")]);
        runs.both(&["pull", &format!("{repository}:hostile"), path]);
    }
    runs.both(&["pull", &format!("{repository}:{NAME}"), "pulled.iso"]);
    runs.both(&["sync", &repository, "pulled", "--tag", NAME]);
    runs.both(&["sync", &repository, "pulled"]);
    runs.both(&["inspect", "joliet.iso", "--layout", "--svg", "layout.svg"]);
    let svg = fs::read(runs.sandbox.path("layout.svg")).unwrap();
    assert!(said_safely(&svg, &["layout.svg"]) > 0);
    runs.both(&["capture", "captured", "-o", &format!("{NAME}.wim"), "--name", NAME, "--no-exclusions"]);
    for manifest in
        [manifest.as_str(), "media.toml", "bootable.toml", "deploy.toml", "broken.toml", "bad.record.json", "bad.plan"]
    {
        for command in ["check", "plan", "apply", "diff"] {
            runs.both(&[command, manifest]);
            runs.both(&[command, manifest, "--site", NAME]);
        }
        runs.both(&["plan", manifest, "--out", NAME]);
        runs.both(&["show", NAME]);
        for format in ["github", "gitlab", "sarif", "junit"] {
            runs.data(&["check", manifest, "--format", format]);
        }
        runs.data(&["plan", manifest, "--matrix", "gitlab"]);
        runs.data(&["render", manifest]);
        runs.data(&["render", manifest, "--json"]);
        runs.both(&["certificate", manifest]);
        runs.both(&["verify", "joliet.iso", "--manifest", manifest]);
        runs.both(&["cache", manifest]);
        runs.both(&["destroy", manifest]);
        runs.both(&["destroy", manifest, "--site", NAME]);
        runs.both(&["lock", manifest, "--min-size", "1B"]);
        runs.both(&["lock", "--check"]);
        let _ = fs::remove_file(runs.sandbox.path("tsmedia.lock"));
        runs.both(&["simulate", manifest, "--facts", "facts.toml"]);
        runs.both(&["simulate", manifest, "--facts", "facts.toml", "--matrix"]);
    }
    runs.data(&["render", "media.toml", "--var", &format!("a={NAME}")]);
    runs.both(&["diff", "deploy.toml", "other.toml"]);
    runs.both(&["diff", "other.toml", "deploy.toml"]);
    runs.both(&["init", &format!("new{NAME}")]);
    runs.text(&["init", "--kind", NAME]);
    runs.text(&[NAME]);
    runs.text(&["plan", &format!("--{NAME}")]);
    runs.text(&["check", "--explain", NAME]);
    runs.text(&["schema", "manifest"]);
    runs.text(&["completions", "bash"]);
    runs.text(&["completions", NAME]);
    runs.text(&["man", &format!("man{NAME}")]);

    runs.data(&["sequence", "import", "deploy.zip", "-o", "imported.toml"]);
    let imported = fs::read(runs.sandbox.path("imported.toml")).unwrap();
    assert!(said_safely(&imported, &["imported.toml"]) > 0);
    for export in ["deploy.zip", "joliet.iso", &manifest] {
        runs.data(&["sequence", "import", export]);
        runs.data(&["sequence", "import", export, "--json"]);
    }
    for file in ["imported.toml", "deploy.toml", "broken.toml", &manifest] {
        runs.both(&["sequence", "show", file]);
        runs.text(&["sequence", "show", file, "--svg"]);
        runs.text(&["sequence", "show", file, "--mermaid"]);
        runs.data(&["sequence", "export", file]);
        runs.both(&["check", file]);
    }
    assert!(runs.n_escapes > 500, "hostile names were said only {} times", runs.n_escapes);

    // A command that is new has to be tried as well. `watch` and `lsp` go on until they are ended, and say what
    // `plan`, `apply` and `check` do.
    let names = |command: &clap::Command, before: &str| {
        let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
        shown.map(|command| format!("{before}{}", command.get_name())).collect::<BTreeSet<_>>()
    };
    let command = tsmedia::cli::command();
    let all = &names(&command, "") | &names(command.find_subcommand("sequence").unwrap(), "sequence ");
    let missing: Vec<_> = all.iter().filter(|name| !runs.seen.contains(*name)).map(String::as_str).collect();
    assert_eq!(missing, ["lsp", "sequence", "watch"]);
}
