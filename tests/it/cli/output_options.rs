//! `--quiet` and `--color`, and the variables that decide about colours.

use crate::fixtures::sandbox::Sandbox;

#[test]
fn quiet_prints_only_data_and_errors() {
    let sandbox = Sandbox::new();
    let mut seen = String::new();
    sandbox.edit("source-date", "autorun = true\nsource-date");
    std::fs::create_dir(sandbox.path("packages/empty")).unwrap();
    sandbox.edit("[[file]]", "[[package]]\nid = \"BER00022\"\nsource = \"packages/empty\"\n\n[[file]]");
    // A warning and notes.
    assert!(sandbox.see("check").contains("2 warnings"), "{}", sandbox.see("check"));
    for line in
        ["check -q", "apply --quiet", "plan -q --site BER", "inspect -q images/boot.wim", "-q verify out/win11-BER.iso"]
    {
        seen += &sandbox.see(line);
    }
    sandbox.edit("packages/vpn", "packages/vpm");
    seen += &sandbox.see("apply -q");
    seen += &sandbox.see("apply -q nothing.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn colours_follow_the_option_then_the_environment() {
    let sandbox = Sandbox::new();
    sandbox.edit("packages/vpn", "packages/vpm");
    let is_coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = sandbox.command(arguments);
        command.envs(variables.iter().copied());
        String::from_utf8(command.output().unwrap().stderr).unwrap().contains('\x1b')
    };
    // Standard error is a pipe here.
    assert!(!is_coloured(&["check"], &[]));
    assert!(!is_coloured(&["check", "--color", "auto"], &[("CLICOLOR", "1")]));
    assert!(is_coloured(&["check", "--color", "always"], &[("NO_COLOR", "1"), ("TERM", "dumb")]));
    assert!(is_coloured(&["--color=always", "check"], &[]));
    assert!(is_coloured(&["check"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&["check"], &[("CLICOLOR_FORCE", "0")]));
    assert!(!is_coloured(&["check"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!is_coloured(&["check", "--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    // Errors and help of the parser itself.
    assert!(is_coloured(&["biuld", "--color", "always"], &[]));
    assert!(!is_coloured(&["biuld"], &[]));
    assert!(!is_coloured(&["biuld", "--color=never"], &[("CLICOLOR_FORCE", "1")]));
    let help = sandbox.command(&["--color=always", "--help"]).output().unwrap().stdout;
    assert!(String::from_utf8_lossy(&help).contains('\x1b'));
    // Data has no colours.
    let json = sandbox.command(&["check", "--json", "--color", "always"]).output().unwrap().stdout;
    assert!(!String::from_utf8_lossy(&json).contains('\x1b'));
    insta::assert_snapshot!(sandbox.see("check --color sometimes"), @"
    $ tsmedia check --color sometimes
    ! error: invalid value 'sometimes' for '--color <WHEN>'
    !   [possible values: auto, always, never]
    !
    ! For more information, try '--help'.
    = 64
    ");
}
