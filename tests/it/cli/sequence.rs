//! `sequence import`, `export` and `show`, and the sequences that `init` writes.

use std::io::Write;
use std::process::Command;

use crate::fixtures::sandbox::Sandbox;
use test_fixtures::archive::zip;

/// A sequence after the grammar of exports, written for these tests.
const DOCUMENT: &str = include_str!("../../../crates/task-sequence/src/xml/tests/document.xml");

/// The object that holds a sequence, as the console writes it.
fn object(name: &str, xml: &str) -> String {
    let property = |name: &str, value: &str| {
        format!("  <PROPERTY NAME=\"{name}\" TYPE=\"string\">\r\n    <VALUE>{value}</VALUE>\r\n  </PROPERTY>\r\n")
    };
    format!(
        "\u{feff}<INSTANCE CLASSNAME=\"SMS_TaskSequencePackage\">\r\n{}{}{}</INSTANCE>",
        property("BootImageID", "BER00005"),
        property("Name", name),
        property("Sequence", &format!("<![CDATA[{xml}]]>")),
    )
}

/// Entry of the console for one referenced package.
fn referred(id: &str, name: &str, kind: u32) -> String {
    let instance = format!(
        "<INSTANCE><PROPERTY NAME=\"ReferenceName\"><VALUE>{name}</VALUE></PROPERTY><PROPERTY NAME=\"ReferencePackageID\">\
         <VALUE>{id}</VALUE></PROPERTY><PROPERTY NAME=\"ReferencePackageType\"><VALUE>{kind}</VALUE></PROPERTY></INSTANCE>"
    );
    format!("<string>{}</string>", instance.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

const FOLDER: &str = "SMS_TaskSequencePackage/BER00100";

fn export() -> Vec<u8> {
    let references = [
        referred("BER00005", "Boot image (x64)", 258),
        referred("BER00010", "Windows 11", 257),
        referred("BER00003", "Client", 0),
    ];
    let list = format!("<ArrayOfString>{}</ArrayOfString>", references.concat());
    zip(&[
        (&format!("{FOLDER}/object.xml"), object("Deploy Windows 11", DOCUMENT.trim_end()).as_bytes()),
        (&format!("{FOLDER}/ReferencesInfo.xml"), list.as_bytes()),
        ("[Content_Types].xml", b"<Types/>"),
    ])
}

#[test]
fn an_export_of_the_console_becomes_a_file_and_the_same_xml_again() {
    let sandbox = Sandbox::empty();
    sandbox.put("Deploy.zip", export());
    let mut seen = sandbox.see("sequence import Deploy.zip -o deploy.toml");
    // Existing files stay, and no file is left half written.
    seen += &sandbox.see("sequence import Deploy.zip -o deploy.toml");
    assert_eq!(sandbox.list("."), ["Deploy.zip", "deploy.toml"]);
    seen += &String::from_utf8(sandbox.get("deploy.toml")).unwrap();
    seen += "\n";
    seen += &sandbox.see("sequence export deploy.toml -o deploy.xml");
    assert_eq!(String::from_utf8(sandbox.get("deploy.xml")).unwrap(), DOCUMENT.trim_end());
    seen += &sandbox.see("sequence import deploy.xml -o deploy.toml --force");
    seen += &sandbox.see("sequence import Deploy.zip --json -o again.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn templates_of_a_sequence_are_rendered_for_a_site_before_it_becomes_xml() {
    let sandbox = Sandbox::empty();
    sandbox.put(
        "deploy.toml",
        "sequence-version = 1\nname = \"x\"\n[[steps]]\ntype = \"set-variable\"\nname = \"Language\"\n\
         variable = \"Language\"\nvalue = \"{{ vars.language }} in {{ site.code }}\"\n",
    );
    let xml = sandbox.done(&["sequence", "export", "deploy.toml", "--site", "BER", "--var", "language=de-DE"]);
    assert!(xml.contains("<action>tsenv.exe \"Language=de-DE in BER\" /hiddenflag:False</action>"), "{xml}");
    insta::assert_snapshot!(sandbox.see("sequence export deploy.toml"), @r#"
    $ tsmedia sequence export deploy.toml
    !   × unknown name `site.code`
    !    ╭─[deploy.toml:7:36]
    !  6 │ variable = "Language"
    !  7 │ value = "{{ vars.language }} in {{ site.code }}"
    !    ·                                    ─────────
    !    ╰────
    !   help: name a site with `--site CODE`
    !
    ! 1 error
    = 1
    "#);
}

#[test]
fn what_is_no_export_is_refused_with_the_reason() {
    let sandbox = Sandbox::empty();
    sandbox.put("version.xml", "<sequence version=\"4.00\"></sequence>");
    sandbox.put("other.xml", "<Deployment/>");
    sandbox.put("encoding.xml", "<?xml version=\"1.0\" encoding=\"klingon\"?><sequence version=\"3.10\"/>");
    sandbox.put("entity.xml", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><sequence>&b;</sequence>");
    sandbox.put("broken.zip", &export()[..400]);
    sandbox.put("empty.zip", zip(&[("readme.txt", b"x")]));
    sandbox.put("path.zip", zip(&[("../object.xml", b"x")]));
    sandbox.put("binary", [0xff, 0x00, 0x80]);
    let two = object("x", DOCUMENT);
    let other = "SMS_TaskSequencePackage/BER00101/object.xml";
    sandbox.put("two.zip", zip(&[(&format!("{FOLDER}/object.xml"), two.as_bytes()), (other, two.as_bytes())]));
    let files = [
        "version.xml",
        "other.xml",
        "encoding.xml",
        "entity.xml",
        "broken.zip",
        "empty.zip",
        "path.zip",
        "binary",
        "two.zip",
        "none.zip",
    ];
    let seen = files.map(|file| sandbox.see(&format!("sequence import {file}"))).concat();
    insta::assert_snapshot!(seen);
    sandbox.done(&["sequence", "import", "two.zip", "-o", "sequences"]);
}

#[test]
fn the_sequences_of_an_archive_that_can_be_read_are_imported_beside_the_others() {
    let sandbox = Sandbox::empty();
    let simple =
        |name: &str| format!("<sequence version=\"3.10\"><group name=\"{name}\" description=\"\"></group></sequence>");
    let wrong = object("Wrong", "<sequence version=\"9.00\"></sequence>");
    let right = object("Déploiement", &simple("Tâches"));
    let inner = |content: &str| zip(&[(&format!("{FOLDER}/object.xml"), content.as_bytes())]);
    sandbox.put(
        "exports.zip",
        zip(&[
            ("toolkit/Module 1.zip", &inner(&object("Module", &simple("One")))),
            ("toolkit/Module 2.zip", &inner(&object("Module", &simple("Two")))),
            ("toolkit/Module 3.ZIP", &inner(&wrong)),
            ("toolkit/damaged.zip", b"PK\x03\x04"),
            ("toolkit/notes.zip", &zip(&[("readme.txt", b"x")])),
            (&format!("unpacked/{FOLDER}/object.xml"), right.as_bytes()),
        ]),
    );
    let mut seen = sandbox.see("sequence import exports.zip");
    assert_eq!(sandbox.list("."), ["exports.zip"]);
    sandbox.put("all/module.toml", "mine");
    seen += &sandbox.see("sequence import exports.zip -o all");
    // Nothing is written beside a file that is there.
    assert_eq!(sandbox.list("all"), ["module.toml"]);
    seen += &sandbox.see("sequence import exports.zip -o all --force");
    seen += &format!("{:?}\n\n", sandbox.list("all"));
    seen += &sandbox.see("sequence import exports.zip -o all --force --json");
    sandbox.put("wrong.zip", inner(&wrong));
    seen += &sandbox.see("sequence import wrong.zip");
    insta::assert_snapshot!(seen);
}

#[test]
fn steps_of_the_toolkits_integration_are_kept_with_one_warning() {
    let sandbox = Sandbox::empty();
    let step = |class: &str, name: &str, action: &str| {
        format!(
            "<step type=\"{class}\" name=\"{name}\" description=\"\" runIn=\"WinPEandFullOS\" successCodeList=\"0\" \
             retryCount=\"0\" runFromNet=\"false\"><action>{action}</action></step>"
        )
    };
    let steps = [
        step("BDD_UsePackage", "Use Toolkit Package", "smsswd.exe /run:BER00070 cscript.exe Scripts\\ZTISCCM.wsf"),
        step("BDD_Gather", "Gather", "smsswd.exe /run: cscript.exe \"%DeployRoot%\\Scripts\\ZTIGather.wsf\""),
    ];
    let xml = format!("<sequence version=\"3.00\">{}</sequence>", steps.concat());
    sandbox.put("mixed.xml", &xml);
    let mut seen = sandbox.see("sequence import mixed.xml -o mixed.toml");
    seen += &String::from_utf8(sandbox.get("mixed.toml")).unwrap();
    seen += "\n";
    assert_eq!(sandbox.done(&["sequence", "export", "mixed.toml"]).trim_end(), xml);
    let latin: Vec<u8> =
        xml.replace("Gather\"", "Größe\"").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    sandbox.put("latin.xml", latin);
    seen += &sandbox.see("sequence import latin.xml -o latin.toml");
    insta::assert_snapshot!(seen);
}

/// Deflates the only file of an archive, which says that it has `len` bytes.
fn deflated(name: &str, content: &[u8], len: u32) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    let mut bytes = zip(&[(name, &encoder.finish().unwrap())]);
    let directory = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    for method in [8, directory + 10] {
        bytes[method] = 8;
    }
    bytes[directory + 24..directory + 28].copy_from_slice(&len.to_le_bytes());
    bytes
}

/// Small files that would be large, or take for ever: refused at once, with 600 MB of addresses (most of them the
/// program's own).
#[test]
fn bombs_are_refused_in_little_time_and_memory() {
    let sandbox = Sandbox::empty();
    let object = format!("{FOLDER}/object.xml");
    let zeros = vec![b' '; 40 << 20];
    sandbox.put("unpacks-to-more.zip", deflated(&object, &zeros, 1000));
    sandbox.put("says-a-gigabyte.zip", deflated(&object, &zeros, 1 << 30));
    sandbox.put("spaces.zip", deflated(&object, &zeros[..16 << 20], 16 << 20));
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    sandbox.put("laughs.xml", format!("<!DOCTYPE s [<!ENTITY l0 \"ha\">{laughs}]><sequence>&l9;</sequence>"));
    sandbox
        .put("external.xml", "<!DOCTYPE s SYSTEM \"http://example.com/s.dtd\"><sequence version=\"3.10\"></sequence>");
    sandbox.put("undeclared.xml", "<sequence version=\"3.10\"><group name=\"&l9;\"></group></sequence>");
    sandbox.put("deep.xml", "<group>".repeat(1 << 20));
    sandbox.put("wide.xml", format!("<sequence version=\"3.10\">{}</sequence>", "<step/>".repeat(1 << 20)));
    let attributes: String = (0..1 << 20).map(|n| format!("a{n}=\"\" ")).collect();
    sandbox.put("attributes.xml", format!("<sequence {attributes}></sequence>"));
    let variables = "<variable name=\"a\" property=\"a\">b</variable>".repeat(80_000);
    let step = "<step type=\"SMS_TaskSequence_SetVariableAction\" name=\"a\">";
    sandbox.put(
        "variables.xml",
        format!("<sequence version=\"3.10\">{step}<defaultVarList>{variables}</defaultVarList></step></sequence>"),
    );
    // Archives in an archive: each is small, and together they are more than is unpacked.
    let nested = deflated(&object, &zeros[..16 << 20], 16 << 20);
    let names: Vec<_> = (0..20).map(|number| format!("{number}.zip")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), nested.as_slice())).collect();
    sandbox.put("nested.zip", zip(&members));
    sandbox.put("nested-twice.zip", zip(&[("1.zip", &zip(&[("2.zip", &nested)]))]));
    sandbox.put("long.xml", "<sequence version=\"3.10\">".to_owned() + &" ".repeat(17 << 20));
    let files = [
        "unpacks-to-more.zip",
        "says-a-gigabyte.zip",
        "spaces.zip",
        "nested.zip",
        "nested-twice.zip",
        "laughs.xml",
        "external.xml",
        "undeclared.xml",
        "deep.xml",
        "wide.xml",
        "attributes.xml",
        "variables.xml",
        "long.xml",
    ];
    let mut seen = String::new();
    for file in files {
        let begun = std::time::Instant::now();
        let mut shell = Command::new("sh");
        let line = "ulimit -v 600000; exec \"$0\" sequence import \"$1\"";
        shell.args(["-c", line, env!("CARGO_BIN_EXE_tsmedia"), file]).current_dir(&sandbox.root);
        seen += &sandbox.see_ran(&format!("sequence import {file}"), &shell.output().unwrap());
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{file} takes {:?}", begun.elapsed());
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn what_is_exported_is_valid_by_the_schema_of_the_grammar() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sequences/sequence.xsd");
    if Command::new("xmllint").arg("--version").output().is_err() {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "xmllint is needed: see tests/run");
        return;
    }
    let sandbox = Sandbox::empty();
    let valid = |name: &str| {
        let checked =
            Command::new("xmllint").args(["--noout", "--schema", schema]).arg(sandbox.path(name)).output().unwrap();
        (checked.status.success(), String::from_utf8_lossy(&checked.stderr).into_owned())
    };
    // The grammar has no elements of tomorrow.
    let known = DOCUMENT.replace("<condition><osConditionGroup type=\"or\"><osExpressionGroup Name=\"x\"></osExpressionGroup></osConditionGroup></condition>", "");
    let at = known.find("<subtasksequence").unwrap();
    sandbox.put("known.xml", format!("{}</sequence>", &known[..at]));
    sandbox.done(&["sequence", "import", "known.xml", "-o", "known.toml"]);
    sandbox.done(&["sequence", "export", "known.toml", "-o", "out.xml"]);
    assert_eq!(valid("out.xml"), (true, format!("{} validates\n", sandbox.path("out.xml"))));
    sandbox.put("wrong.xml", known[..at].replace("runIn=\"WinPE\"", "runIn=\"Windows\"") + "</sequence>");
    assert!(!valid("wrong.xml").0);
}

#[test]
fn templates_pass_check_untouched_and_are_drawn_and_compared() {
    let sandbox = Sandbox::empty();
    let names = ["build-and-capture", "install-existing-image", "capture-only", "refresh"];
    let mut seen = String::new();
    for name in names {
        seen += &sandbox.see(&format!("init --template {name}"));
        let said = sandbox.see(&format!("check {name}.toml"));
        assert!(said.contains(&format!("`{name}.toml`: a task sequence with")), "{said}");
        // What is said in comments can be said: it may contradict what is there, but nothing else is wrong with it.
        let text = String::from_utf8(sandbox.get(&format!("{name}.toml"))).unwrap();
        let is_key = |line: &&str| line.split(" = ").next().is_some_and(|key| !key.is_empty() && !key.contains(' '));
        let own =
            |line: &str| line.strip_prefix("# ").filter(is_key).filter(|rest| rest.contains(" = ")).map(str::to_owned);
        let all: Vec<_> = text.lines().map(|line| own(line).unwrap_or_else(|| line.to_owned())).collect();
        sandbox.put("all.toml", all.join("\n"));
        let said = sandbox.see("check all.toml");
        assert!(!said.contains("has no key") && !said.contains("must be"), "{said}");
    }
    seen += &sandbox.see("sequence show build-and-capture.toml");
    seen += &sandbox.see("sequence show capture-only.toml --json");
    seen += &sandbox.see("sequence show capture-only.toml --mermaid");
    seen += &sandbox.see("sequence show capture-only.toml --svg");
    seen += &sandbox.see("diff capture-only.toml build-and-capture.toml");
    insta::assert_snapshot!(seen);
}
