//! Data for the client on media, read by independent readers.

use std::collections::BTreeSet;
use std::process::Command;

use crate::fixtures::sandbox::Sandbox;

/// The password of media that are given none.
pub const DEFAULT_PASSWORD: &str = "{BAC6E688-DE21-4ABE-B7FB-C9F54E6DB664}";

/// Takes what a disc tells the client out of it, into a folder.
pub fn extract(sandbox: &Sandbox, medium: &str, folder: &str) {
    let folder = format!("-o{folder}");
    let mut command = Command::new("7z");
    let ran =
        command.args(["e", "-y", "-bso0", "-bsp0", &folder, medium, "SMS/data/*"]).current_dir(&sandbox.root).output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{medium}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Output of the Python port of the public readers for these files.
pub fn read(sandbox: &Sandbox, password: &str, files: &[String]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cli/read_variables.py");
    let ran = Command::new("python3").args([script, password]).args(files).current_dir(&sandbox.root).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

/// The GUID of the medium, in the XML of its variables.
pub fn guid_in(variables: &str) -> String {
    let (_, after) = variables.split_once("<var name=\"_SMSMediaGuid\"><![CDATA[").unwrap();
    after.split_once("]]>").unwrap().0.to_owned()
}

#[test]
fn public_readers_read_variables_and_policy_of_every_padding_and_both_algorithms() {
    let sandbox = Sandbox::new();
    sandbox.edit(
        "\n[[package]]",
        "\n[policy]\nfile = \"policy.xml\"\n\n[variables]\nA = \"{{ 'ä' * vars.n }}]]>\"\nB = 7\n\n[[package]]",
    );
    sandbox.edit("\n[[sites]]\ncode = \"BER\"\n\n[[sites]]\ncode = \"HAM\"\n", "");
    let sites: String = (1..=8).map(|n| format!("[[sites]]\ncode = \"S0{n}\"\nvars = {{ n = {n} }}\n\n")).collect();
    sandbox.edit("[policy]", &format!("{sites}[policy]"));
    sandbox.put("policy.xml", "\u{feff}<?xml version=\"1.0\"?>\r\n<Policy>\u{a0}ü</Policy>\r\n");
    sandbox.put("password.txt", "mQ7vX2pL9sWk\n");
    let mut seen = sandbox.see("check --site S01");
    for (security, password, cipher) in [
        ("", DEFAULT_PASSWORD, "aes-128-cbc"),
        (
            "[security]\nencryption = \"aes-256\"\npassword = { file = \"password.txt\" }\n\n",
            "mQ7vX2pL9sWk",
            "aes-256-cbc",
        ),
    ] {
        sandbox.edit("[policy]", &format!("{security}[policy]"));
        sandbox.done(&["apply"]);
        let folder = |n: usize| format!("{cipher}/{n}");
        (1..=8).for_each(|n| extract(&sandbox, &format!("out/win11-S0{n}.iso"), &folder(n)));
        let files: Vec<_> = (1..=8).map(|n| folder(n) + "/Variables.dat").collect();
        let said = read(&sandbox, password, &files);
        let mut paddings = BTreeSet::new();
        for (n, said) in (1..=8).zip(said.split("--\n").skip(1)) {
            let lines: Vec<_> = said.lines().collect();
            let (algorithm, padding) = lines[0].split_once(" padding ").unwrap();
            assert_eq!(algorithm, cipher);
            paddings.insert(padding.to_owned());
            let wanted = format!("<var name=\"A\"><![CDATA[{}]]]]><![CDATA[>]]></var>", "ä".repeat(n));
            assert!(lines.contains(&wanted.as_str()), "{said}");
            assert!(lines.contains(&"<var name=\"B\"><![CDATA[7]]></var>"), "{said}");
            if n > 1 {
                continue;
            }
            // Without a password the GUID of the medium is that of its policy.
            let guid = guid_in(said);
            let has_password = password != DEFAULT_PASSWORD;
            let policy = read(&sandbox, if has_password { password } else { &guid }, &[folder(n) + "/Policy.xml"]);
            assert!(policy.ends_with("<?xml version=\"1.0\"?>\r\n<Policy>\u{a0}ü</Policy>\r\n\n"), "{policy}");
            assert_eq!(
                String::from_utf8(sandbox.get(&(folder(n) + "/TsmBootstrap.ini"))).unwrap(),
                format!(
                    "[MediaInfo]\r\nMediaType=FullMedia\r\nPasswordRequired={has_password}\r\nUnattended=false\r\n"
                )
            );
        }
        // Texts have whole units of two bytes.
        let all: Vec<_> = (1..=8).map(|n| (2 * n).to_string()).collect();
        assert_eq!(paddings, all.into_iter().collect::<BTreeSet<_>>());
    }
    seen += &sandbox.see("inspect out/win11-S01.iso");
    seen += &sandbox.see("inspect aes-128-cbc/1/Variables.dat --values");
    seen += &sandbox.see("inspect aes-256-cbc/1/Variables.dat");
    seen += &sandbox.see("inspect aes-256-cbc/1/Variables.dat --password-from file:password.txt");
    seen += &sandbox.see("inspect aes-256-cbc/1/Variables.dat --password-from file:password.txt --json");
    seen += &sandbox.see("inspect aes-256-cbc/1/Variables.dat --password-from file:policy.xml");
    seen += &sandbox.see("inspect aes-256-cbc/1/Variables.dat --password-from hunter2");
    insta::assert_snapshot!(seen);
}
