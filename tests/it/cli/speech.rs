//! Help, wrong usage, colours, and what goes where.

use std::process::{Command, Stdio};

use crate::fixtures::sandbox::Sandbox;

/// Returns the arguments of every command and subcommand, those without any first.
fn all_commands() -> Vec<Vec<String>> {
    fn below(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
        found.push(path.to_vec());
        for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            below(command, &[path, &[command.get_name().to_owned()]].concat(), found);
        }
    }
    let mut found = Vec::new();
    below(&tsmedia::cli::command(), &[], &mut found);
    found
}

#[test]
fn help_fits_80_columns_and_every_command_has_an_example() {
    let sandbox = Sandbox::empty();
    let mut seen = String::new();
    for path in all_commands() {
        let line = path.iter().map(|word| format!("{word} ")).collect::<String>();
        let help = sandbox.see(&format!("{line}--help"));
        for line in help.lines().filter(|line| line.starts_with('|')) {
            // The transcript puts two characters before each line.
            assert!(line.chars().count() <= 82, "over 80 columns: {line}");
        }
        assert!(help.contains("\n| Examples:\n"), "no example:\n{help}");
        seen += &help;
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn the_summary_of_a_command_fits_a_screen() {
    let sandbox = Sandbox::empty();
    for path in all_commands() {
        let arguments: Vec<_> = path.iter().map(String::as_str).chain(["-h"]).collect();
        let help = sandbox.done(&arguments);
        assert!(help.lines().count() <= 50, "{path:?}: {} lines", help.lines().count());
    }
    let listed = sandbox.done(&["-h"]);
    let is_listed = |path: &Vec<String>| path.len() != 1 || listed.contains(&format!("\n  {} ", path[0]));
    assert!(all_commands().iter().all(is_listed), "{listed}");
    insta::assert_snapshot!(listed);
}

#[test]
fn every_example_of_the_help_is_a_command_line() {
    let sandbox = Sandbox::empty();
    for path in all_commands() {
        let arguments: Vec<_> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let help = sandbox.done(&arguments);
        let examples: Vec<_> = help.lines().filter(|line| line.starts_with("  tsmedia ")).collect();
        let own = ["tsmedia"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        assert!(examples.iter().any(|line| line.trim().starts_with(&own)), "{path:?}: no example of its own");
        for example in examples {
            let words = example.split('>').next().unwrap().split_whitespace();
            let parsed = tsmedia::cli::command().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
        }
    }
}

#[test]
fn wrong_usage_ends_with_64_and_says_what_is_right() {
    let sandbox = Sandbox::empty();
    let lines =
        ["", "biuld", "plan --sites BER", "inspect", "init --kind usb", "completions bosh", "verify a.iso --site BER"];
    insta::assert_snapshot!(lines.map(|line| sandbox.see(line)).concat());
}

#[test]
fn data_goes_to_standard_output_and_nothing_else_does() {
    let sandbox = Sandbox::new();
    for (arguments, has_data) in [
        (&["check"][..], false),
        (&["render"], true),
        (&["plan"], true),
        (&["apply"], false),
        (&["schema"], true),
        (&["completions", "bash"], true),
        (&["inspect", "out/win11-BER.iso"], true),
        (&["diff", "out/win11-BER.iso"], true),
        (&["inspect", "--layout", "out/win11-BER.iso"], true),
        (&["verify", "out/win11-BER.iso"], false),
    ] {
        let ran = sandbox.run(arguments);
        assert!(ran.status.success(), "{arguments:?}");
        assert_eq!(!ran.stdout.is_empty(), has_data, "{arguments:?}: {}", String::from_utf8_lossy(&ran.stdout));
        assert_eq!(ran.stderr.is_empty(), has_data, "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    for arguments in [&["check"][..], &["render"], &["plan"], &["inspect", "out/win11-BER.iso"], &["schema"]] {
        let text = sandbox.done(&[arguments, &["--json"]].concat());
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{arguments:?}: {text}");
    }
}

#[test]
fn lines_are_broken_between_words_where_columns_are_few() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    let words =
        |said: &[u8]| -> Vec<String> { String::from_utf8_lossy(said).split_whitespace().map(str::to_owned).collect() };
    for line in [
        "inspect out/win11-BER.iso --layout",
        "inspect out/win11-BER.iso out/win11-HAM.iso --layout",
        "inspect images/boot.wim --layout",
        "diff out/win11-BER.iso out/win11-HAM.iso --verbose",
        "diff media.toml out/nothing-is-here.iso",
        "check --explain R131",
        "verify readme.txt",
    ] {
        let arguments: Vec<_> = line.split(' ').collect();
        let whole = sandbox.run(&arguments);
        for n_columns in [80, 60] {
            let ran = sandbox.command(&arguments).env("COLUMNS", n_columns.to_string()).output().unwrap();
            for (said, whole) in [(&ran.stdout, &whole.stdout), (&ran.stderr, &whole.stderr)] {
                assert_eq!(words(said), words(whole), "{line}");
                for said in String::from_utf8_lossy(said).lines() {
                    let is_a_word = !said.trim().contains(' ') || said.trim().matches('`').count() > 1;
                    assert!(said.chars().count() <= n_columns || is_a_word, "{line}: {said}");
                }
            }
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let sandbox = Sandbox::new();
    for arguments in [&["schema"][..], &["plan"], &["render"], &["completions", "zsh"], &["--help"]] {
        let mut child = sandbox.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = child.wait_with_output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        assert!(ran.stderr.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn a_terminal_gets_colours_unless_it_asks_for_none() {
    let sandbox = Sandbox::new();
    sandbox.edit("packages/vpn", "packages/vpm");
    // `script` gives the program a terminal.
    let on_terminal = |setting: &str| {
        let line = format!("env {setting} {} check", env!("CARGO_BIN_EXE_tsmedia"));
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(&sandbox.root).env_remove("NO_COLOR");
        let said = script.stdin(Stdio::null()).output().unwrap();
        String::from_utf8(said.stdout).unwrap()
    };
    assert!(on_terminal("TERM=xterm").contains("\u{1b}["));
    assert!(!on_terminal("TERM=xterm NO_COLOR=1").contains('\u{1b}'));
    let dumb = on_terminal("TERM=dumb");
    assert!(dumb.is_ascii(), "{dumb}");
    assert!(!String::from_utf8(sandbox.run(&["check"]).stderr).unwrap().contains('\u{1b}'));
}
