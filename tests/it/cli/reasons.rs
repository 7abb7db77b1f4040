//! Why something has to be done: values, folders as a whole, and more than a screen holds.

use std::fs;

use crate::fixtures::sandbox::{MANIFEST, Sandbox};

/// A manifest whose templates use values of all sorts.
fn with_values() -> Sandbox {
    let sandbox = Sandbox::new();
    let file = "\n[[file]]\nsource = \"{{ vars.language }}.txt\"\npath = \"{{ vars.readme.path }}\"\n";
    let vars = "\n[vars]\nlanguage = \"de-DE\"\nunused = 1\nwith-vpn = true\nreadme = { path = \"lies-mich.txt\" }\n";
    let manifest =
        MANIFEST.replace("source = \"packages/vpn\"", "source = \"packages/vpn\"\nwhen = \"{{ vars['with-vpn'] }}\"");
    sandbox.put("media.toml", format!("{manifest}{file}{vars}"));
    sandbox.put("de-DE.txt", "Hallo\n");
    sandbox.put("fr-FR.txt", "Salut\n");
    sandbox
}

#[test]
fn values_that_changed_are_named_where_their_templates_are_used() {
    let sandbox = with_values();
    let mut seen = sandbox.see("apply --site BER");
    seen += &sandbox.see("plan --site BER --var language=fr-FR");
    seen += &sandbox.see("plan --site BER --var language=fr-FR --var with-vpn=false --var readme.path=lisez-moi.txt");
    sandbox.edit("when = \"{{ vars['with-vpn'] }}\"", "when = true");
    sandbox.edit("{{ vars.language }}.txt", "fr-FR.txt");
    seen += &sandbox.see("plan --site BER --json");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_value_that_changes_no_byte_changes_nothing_and_is_renewed_in_the_record() {
    let sandbox = with_values();
    sandbox.put("en-US.txt", "Hallo\n");
    sandbox.done(&["apply", "--site", "BER"]);
    let recorded = |sandbox: &Sandbox| {
        let record: serde_json::Value = serde_json::from_slice(&sandbox.get("media.record.json")).unwrap();
        record["outputs"][0]["summary"]["values"].clone()
    };
    let language = |value: &str| serde_json::json!({ "name": "language", "value": value });
    assert_eq!(recorded(&sandbox).as_array().unwrap().len(), 3);
    assert_eq!(recorded(&sandbox)[0], language("de-DE"));
    let built = sandbox.get("out/win11-BER.iso");
    let mut seen = sandbox.see("plan --site BER --var language=en-US");
    assert_eq!(recorded(&sandbox)[0], language("de-DE"));
    seen += &sandbox.see("apply --site BER --var language=en-US");
    assert_eq!(recorded(&sandbox)[0], language("en-US"));
    assert_eq!(sandbox.get("out/win11-BER.iso"), built);
    insta::assert_snapshot!(seen, @"
    $ tsmedia plan --site BER --var language=en-US
    | nothing to do: the output is up to date
    |
    | keep     out/win11-BER.iso (1.13 MB)
    = 0

    $ tsmedia apply --site BER --var language=en-US
    ! kept      out/win11-BER.iso (1.13 MB)
    = 0
    ");
}

#[test]
fn more_than_a_screen_is_cut_unless_all_of_it_is_asked_for() {
    let sandbox = Sandbox::new();
    let mut packages = String::new();
    for n in 0..9 {
        packages += &format!("\n[[package]]\nid = \"BER0010{n}\"\nsource = \"packages/{n}\"\n");
        for file in 0..=n {
            sandbox.put(&format!("packages/{n}/data/{file}.cab"), [n; 1_000]);
        }
    }
    sandbox.put("media.toml", format!("{MANIFEST}{packages}"));
    sandbox.done(&["apply"]);
    for n in 0..9u8 {
        match n {
            0 => fs::rename(sandbox.path("packages/0/data"), sandbox.path("packages/0/cabs")).unwrap(),
            1 | 2 => {}
            3 => sandbox.put("packages/3/one more.cab", [3; 20]),
            _ => (0..=n).for_each(|file| sandbox.put(&format!("packages/{n}/data/{file}.cab"), [0; 1_200])),
        }
    }
    sandbox.edit("id = \"BER00101\"", "id = \"BER00111\"");
    sandbox.edit("WIN11 {{", "W11 {{");
    let seen = sandbox.see("plan");
    let n_lines = seen.lines().filter(|line| line.starts_with('|')).count();
    assert!(n_lines <= 24, "{n_lines} lines:\n{seen}");
    insta::assert_snapshot!(seen + &sandbox.see("plan -v"));
}

#[test]
fn what_many_sites_have_in_common_is_said_once() {
    let sandbox = Sandbox::new();
    let sites: String = (10..50).map(|n| format!("[[sites]]\ncode = \"S{n}\"\n")).collect();
    sandbox.edit("[[sites]]\ncode = \"HAM\"\n", &sites);
    sandbox.done(&["apply"]);
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    fs::remove_file(sandbox.path("out/win11-S42.iso")).unwrap();
    let seen = sandbox.see("plan") + &sandbox.see("plan --site S10 --site S11");
    insta::assert_snapshot!(seen);
}
