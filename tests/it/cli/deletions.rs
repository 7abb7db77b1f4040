//! Deleting finished files: asked for at a terminal, refused elsewhere without `--yes`, and `destroy`.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::fixtures::sandbox::{MANIFEST, Sandbox};

/// A medium for each of two sites, one of which is gone from the manifest, and a changed package.
fn one_site_less() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    sandbox
}

#[test]
fn without_a_terminal_a_deletion_needs_yes() {
    let sandbox = one_site_less();
    let before = sandbox.get("out/win11-BER.iso");
    let mut seen = sandbox.see("apply");
    assert_eq!(sandbox.list("out"), ["win11-BER.iso", "win11-HAM.iso"]);
    assert!(sandbox.get("out/win11-BER.iso") == before, "something was written");
    // Other sites delete nothing.
    seen += &sandbox.see("apply --site BER");
    assert_eq!(sandbox.list("out"), ["win11-BER.iso", "win11-HAM.iso"]);
    seen += &sandbox.see("apply --yes");
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
    seen += &sandbox.see("apply");
    insta::assert_snapshot!(seen, @"
    $ tsmedia apply
    ! error: the finished file `out/win11-HAM.iso` would be deleted without confirmation; nothing was changed
    !   help: give `--yes` to delete without a question, or apply a saved plan that was reviewed
    = 1

    $ tsmedia apply --site BER
    ! rebuilt   out/win11-BER.iso (1.13 MB)
    = 0

    $ tsmedia apply --yes
    ! kept      out/win11-BER.iso (1.13 MB)
    ! deleted   out/win11-HAM.iso (1.13 MB)
    ! 1 deleted, 1 kept; 0 B written
    = 0

    $ tsmedia apply
    ! kept      out/win11-BER.iso (1.13 MB)
    = 0
    ");
}

/// Runs tsmedia at a terminal of its own, with an answer, and returns what the terminal shows.
fn at_terminal(sandbox: &Sandbox, line: &str, answer: &str) -> String {
    let line = format!("stty cols 80 -echo; {} {line}; echo \"= $?\"", env!("CARGO_BIN_EXE_tsmedia"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(&sandbox.root).env("NO_COLOR", "1").env("TERM", "dumb");
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script");
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "\n").replace("\x1b[K", "");
    // Progress bars come and go, and the terminal may repeat the answer.
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.contains("reading the inputs"));
    let lines = lines.filter(|line| line.trim() != answer.trim());
    lines
        .filter(|line| !line.starts_with("building") && !line.contains('\x1b'))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn at_a_terminal_the_files_are_named_and_somebody_is_asked() {
    let sandbox = one_site_less();
    let mut seen = at_terminal(&sandbox, "apply", "n\n");
    assert_eq!(sandbox.list("out"), ["win11-BER.iso", "win11-HAM.iso"]);
    seen += &at_terminal(&sandbox, "destroy", "\n");
    // The end of the input is a no.
    assert!(at_terminal(&sandbox, "apply", "\x04").contains("declined"));
    seen += &at_terminal(&sandbox, "apply", "yes\n");
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
    insta::assert_snapshot!(seen, @"
    1 finished file will be deleted:
      out/win11-HAM.iso (1.13 MB)
    Delete them? [y/N] error: 1 finished file would be deleted, which was declined; nothing was changed
      help: to keep a file, move it to another folder, or put it back into the manifest
    = 1
    2 finished files to delete; 2.26 MB to be freed
    delete   out/win11-BER.iso (1.13 MB)
    delete   out/win11-HAM.iso (1.13 MB)
    Delete them? [y/N] error: 2 finished files would be deleted, which was declined; nothing was changed
      help: to keep a file, move it to another folder, or put it back into the manifest
    = 1
    1 finished file will be deleted:
      out/win11-HAM.iso (1.13 MB)
    Delete them? [y/N] rebuilt   out/win11-BER.iso (1.13 MB)
    deleted   out/win11-HAM.iso (1.13 MB)
    1 rebuilt, 1 deleted; 84.6 kB written
    = 0
    ");
}

#[test]
fn destroy_deletes_what_was_built_here_and_forgets_the_rest() {
    let sandbox = Sandbox::new();
    sandbox.put("kiosk.toml", MANIFEST.replace("win11", "kiosk"));
    sandbox.put("source/a.txt", "a");
    let capture = "manifest-version = 1\n[capture]\npath = \"a.wim\"\n[[capture.source]]\npath = \"source\"\n";
    sandbox.put("capture.toml", capture);
    sandbox.done(&["apply", "media.toml", "kiosk.toml", "capture.toml"]);
    let mut seen = sandbox.see("destroy media.toml --site BRE");
    seen += &sandbox.see("destroy media.toml --site HAM");
    seen += &sandbox.see("destroy media.toml --site HAM --yes");
    assert_eq!(sandbox.list("out"), ["kiosk-BER.iso", "kiosk-HAM.iso", "win11-BER.iso"]);
    seen += &sandbox.see("plan");
    // A manifest that is gone, a file that is another one, and one that is gone.
    fs::remove_file(sandbox.path("kiosk.toml")).unwrap();
    sandbox.put("out/kiosk-BER.iso", "mine");
    fs::remove_file(sandbox.path("out/win11-BER.iso")).unwrap();
    seen += &sandbox.see("destroy media.toml kiosk.toml capture.toml");
    seen += &sandbox.see("destroy media.toml kiosk.toml capture.toml --yes");
    assert_eq!(sandbox.list("out"), ["kiosk-BER.iso"]);
    assert!(sandbox.path("a.wim").exists());
    seen += &sandbox.see("destroy --yes");
    seen += &sandbox.see("destroy nothing.toml");
    insta::assert_snapshot!(seen);
}
