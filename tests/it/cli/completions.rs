//! Completion in shells. Bash runs its script; for shells that are not installed, tsmedia is asked as their scripts ask it.

use std::process::Command;

use crate::fixtures::sandbox::Sandbox;

/// A manifest with a profile, whose templates use values of both.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("name = \"win11\"", "name = \"win11\"\nprofile = \"common.toml\"");
    sandbox.put("common.toml", "[vars]\nring = \"lab\"\n\n[media]\nlabel = \"{{ vars.ring }}\"\n");
    sandbox.edit("label = \"WIN11 {{ site.code }}\"\n", "");
    sandbox.edit("[[file]]", "[vars]\nwords = \"readme.txt\"\n\n[[file]]");
    sandbox.edit("source = \"readme.txt\"", "source = \"{{ vars.words }}\"");
    sandbox.put("media/kiosk.toml", sandbox.get("media.toml"));
    let text = String::from_utf8(sandbox.get("media/kiosk.toml")).unwrap();
    sandbox.put("media/kiosk.toml", text.replace("\"HAM\"", "\"MUC\"").replace("common.toml", "../common.toml"));
    sandbox
}

/// Candidates that Bash has for the last word of a command line, sorted.
fn in_bash(sandbox: &Sandbox, line: &str) -> Vec<String> {
    let script = r#"
        source <(tsmedia completions bash)
        read -ra COMP_WORDS <<< "$1"
        [[ $1 == *' ' ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_TYPE=9
        complete -p tsmedia > /dev/null || exit 3
        _clap_complete_tsmedia tsmedia "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_tsmedia")).parent().unwrap().to_owned();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash", line]).current_dir(&sandbox.root).env("PATH", path);
    let ran = bash.output().unwrap();
    assert!(ran.status.success() && ran.stderr.is_empty(), "{line}: {ran:?}");
    let mut found: Vec<_> = String::from_utf8(ran.stdout).unwrap().lines().map(str::to_owned).collect();
    found.sort();
    found
}

#[test]
fn bash_completes_commands_options_files_and_values() {
    let sandbox = sandbox();
    let complete = |line: &str| in_bash(&sandbox, line);
    assert_eq!(complete("tsmedia ch"), ["check"]);
    assert_eq!(complete("tsmedia plan --det"), ["--detailed-exitcode"]);
    assert_eq!(complete("tsmedia plan --site "), ["BER", "HAM"]);
    assert_eq!(complete("tsmedia plan --site H"), ["HAM"]);
    assert_eq!(complete("tsmedia plan media/kiosk.toml --site "), ["BER", "MUC"]);
    assert_eq!(complete("tsmedia apply media.toml media/kiosk.toml --site "), ["BER", "HAM", "MUC"]);
    assert_eq!(complete("tsmedia render --var "), ["ring=", "words="]);
    assert_eq!(complete("tsmedia render --var w"), ["words="]);
    assert_eq!(complete("tsmedia check --explain weak-p"), ["weak-password"]);
    assert_eq!(complete("tsmedia check --color "), ["always", "auto", "never"]);
    assert_eq!(complete("tsmedia plan med"), ["media.toml", "media/"]);
    assert_eq!(complete("tsmedia inspect images/b"), ["images/boot.wim"]);
    // Neither a mistake in the manifest nor a missing one is in the way.
    sandbox.edit("packages/vpn", "packages/vpm");
    assert_eq!(complete("tsmedia plan --site B"), ["BER"]);
    sandbox.put("media.toml", "manifest-version = ");
    assert_eq!(complete("tsmedia plan --site "), [""]);
    std::fs::remove_file(sandbox.path("media.toml")).unwrap();
    assert_eq!(complete("tsmedia plan --site "), [""]);
}

#[test]
fn other_shells_ask_in_their_own_way() {
    let sandbox = sandbox();
    let mut seen = String::new();
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        for words in [&["plan", "--site", ""][..], &["render", "--var", "w"], &["check", "--explain", "weak"]] {
            let words = [&["--", "tsmedia"], words].concat();
            let mut command = sandbox.command(&words);
            command.env("TSMEDIA_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", (words.len() - 2).to_string());
            let ran = command.env("_CLAP_IFS", "\n").output().unwrap();
            seen += &format!("# {shell}\n{}", sandbox.see_ran(&words[2..].join(" "), &ran));
        }
        let script = sandbox.done(&["completions", shell]);
        assert!(script.contains("TSMEDIA_COMPLETE") && script.contains("tsmedia"), "{script}");
    }
    assert!(sandbox.done(&["completions", "zsh"]).starts_with("#compdef tsmedia\n"));
    insta::assert_snapshot!(seen);
}
