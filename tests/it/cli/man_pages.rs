//! `man`: man pages, as groff formats them.

use std::process::Command;

use crate::fixtures::sandbox::Sandbox;

/// Formats a page as a terminal shows it. Fails for any warning of groff.
fn formatted(sandbox: &Sandbox, page: &str, n_columns: usize) -> String {
    let arguments = ["-man", "-ww", "-Tutf8", "-P-cbou", &format!("-rLL={n_columns}n"), page];
    let ran = Command::new("groff").args(arguments).current_dir(&sandbox.root).output().unwrap();
    let warnings = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success() && warnings.is_empty(), "{page}: {warnings}");
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn every_command_has_a_man_page() {
    if Command::new("groff").arg("--version").output().is_err() {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "groff is not installed");
        return;
    }
    let sandbox = Sandbox::empty();
    let mut seen = sandbox.see("man share/man1");
    // A newer version replaces them.
    sandbox.done(&["man", "share/man1"]);
    let pages = sandbox.list("share/man1");
    seen += &format!("{pages:#?}\n");
    for page in &pages {
        for n_columns in [80, 120] {
            let text = formatted(&sandbox, &format!("share/man1/{page}"), n_columns);
            for line in text.lines() {
                assert!(line.chars().count() <= n_columns, "{page}: {line}");
            }
            let is_shown =
                ["tsmedia.1", "tsmedia-apply.1", "tsmedia-sequence.1", "tsmedia-check.1"].contains(&page.as_str());
            if is_shown && n_columns == 80 {
                seen += &format!("\n==== {page}\n{text}");
            }
            // Examples are lines of their own.
            assert!(page == "tsmedia.1" || text.lines().any(|line| line.trim().starts_with("tsmedia ")), "{text}");
        }
    }
    insta::assert_snapshot!(seen.replace(env!("CARGO_PKG_VERSION"), "<version>"));
}
