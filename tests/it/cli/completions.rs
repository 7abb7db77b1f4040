//! Completion in shells. Bash, zsh and fish run their scripts; for shells that can't be installed from Debian's packages,
//! tsmedia is asked as their scripts ask it.

use std::process::Command;

use crate::fixtures::repository;
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

/// Runs a shell that completes the last word of a command line. Returns its candidates, sorted.
fn in_shell(sandbox: &Sandbox, arguments: &[&str], line: &str) -> Vec<String> {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_tsmedia")).parent().unwrap().to_owned();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new(arguments[0]);
    shell.args(&arguments[1..]).arg(line).current_dir(&sandbox.root).env("PATH", path);
    let ran = shell.env("HOME", &sandbox.root).env("TERM", "dumb").output();
    let ran = ran.unwrap_or_else(|error| panic!("{} is needed for this test: {error}", arguments[0]));
    assert!(ran.status.success() && ran.stderr.is_empty(), "{line}: {ran:?}");
    let mut found: Vec<_> = String::from_utf8(ran.stdout).unwrap().lines().map(str::to_owned).collect();
    found.sort();
    found
}

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
    in_shell(sandbox, &["bash", "-c", script, "bash"], line)
}

/// Candidates of an interactive zsh.
fn in_zsh(sandbox: &Sandbox, line: &str) -> Vec<String> {
    let script = repository::root().join("tests/it/cli/complete.zsh");
    in_shell(sandbox, &["zsh", "-f", script.to_str().unwrap()], line)
}

/// Candidates of fish, without their descriptions.
fn in_fish(sandbox: &Sandbox, line: &str) -> Vec<String> {
    let script = "tsmedia completions fish | source; complete --do-complete $argv[1]";
    let found = in_shell(sandbox, &["fish", "--no-config", "-c", script], line);
    found.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
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

/// Returns `true` if a shell is installed.
fn is_installed(shell: &str) -> bool {
    let is_installed = Command::new(shell).arg("--version").output().is_ok();
    assert!(is_installed || std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "{shell} is not installed");
    is_installed
}

#[test]
fn zsh_and_fish_complete_commands_options_files_and_values() {
    let sandbox = sandbox();
    for (name, complete) in [("zsh", in_zsh as fn(&Sandbox, &str) -> Vec<String>), ("fish", in_fish)] {
        if !is_installed(name) {
            continue;
        }
        let complete = |line: &str| complete(&sandbox, line);
        assert_eq!(complete("tsmedia ch"), ["check"], "{name}");
        assert_eq!(complete("tsmedia plan --det"), ["--detailed-exitcode"], "{name}");
        assert_eq!(complete("tsmedia plan --site "), ["BER", "HAM"], "{name}");
        assert_eq!(complete("tsmedia plan --site H"), ["HAM"], "{name}");
        assert_eq!(complete("tsmedia plan media/kiosk.toml --site "), ["BER", "MUC"], "{name}");
        assert_eq!(complete("tsmedia render --var w"), ["words="], "{name}");
        assert_eq!(complete("tsmedia check --explain weak-p"), ["weak-password"], "{name}");
        assert_eq!(complete("tsmedia check --color "), ["always", "auto", "never"], "{name}");
        assert_eq!(complete("tsmedia inspect images/b"), ["images/boot.wim"], "{name}");
    }
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
