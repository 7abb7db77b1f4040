//! Everything read from outside is bounded: devices, texts without end, templates and files that claim to be huge take
//! neither the memory nor the stack of the machine.

use std::fs;
use std::process::{Command, Output};

use crate::fixtures::sandbox::{MANIFEST, Sandbox};

/// Runs the program with at most 1 GB of address space and for at most five minutes.
fn run(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["300", "sh", "-c", "ulimit -v 1000000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_tsmedia")]);
    command.args(arguments).current_dir(&sandbox.root).env("NO_COLOR", "1").output().unwrap()
}

/// Runs a command that must be refused, and returns its message in one line.
fn refusal(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let output = run(sandbox, arguments);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn mkfifo(sandbox: &Sandbox, path: &str) {
    assert!(Command::new("mkfifo").arg(sandbox.path(path)).status().unwrap().success());
}

#[test]
fn a_device_or_fifo_is_no_text() {
    let sandbox = Sandbox::new();
    mkfifo(&sandbox, "fifo");
    std::os::unix::fs::symlink("/dev/zero", sandbox.path("zero.toml")).unwrap();
    fs::File::create(sandbox.path("huge.toml")).unwrap().set_len(1 << 40).unwrap();
    for (path, why) in [
        ("/dev/zero", "it is a device, not a regular file"),
        ("zero.toml", "it is a device, not a regular file"),
        ("fifo", "it is a FIFO, not a regular file"),
        ("huge.toml", "it has 1099511627776 bytes (1.10 TB); the limit is"),
    ] {
        let said = |arguments: &[&str]| {
            let said = refusal(&sandbox, arguments);
            assert!(said.contains(why), "{path}, {arguments:?}: {said}");
        };
        said(&["check", path]);
        said(&["check", "media.toml", "--vars", path]);
        said(&["simulate", "media.toml", "--facts", path]);
        said(&["sequence", "show", path]);
        for (key, line) in [
            ("profile", format!("label = \"M\"\nprofile = \"{path}\"")),
            ("sequence", format!("label = \"M\"\n\n[task-sequence]\nfile = \"{path}\"")),
            ("password", format!("label = \"M\"\n\n[security]\npassword = {{ file = \"{path}\" }}")),
        ] {
            let manifest = MANIFEST.replace("label = \"WIN11 {{ site.code }}\"", &line);
            // The keys after the table that was put in belong to it otherwise.
            let manifest = manifest.replace("source-date = 2026-01-01\n", "");
            sandbox.put(&format!("{key}.toml"), manifest);
            said(&["plan", &format!("{key}.toml")]);
        }
        sandbox.put("recorded.toml", MANIFEST);
        let record = sandbox.path("recorded.record.json");
        let _ = fs::remove_file(&record);
        std::os::unix::fs::symlink(if path.starts_with('/') { path.into() } else { sandbox.path(path) }, &record)
            .unwrap();
        said(&["plan", "recorded.toml"]);
    }
}

/// Each of these took all memory, or the whole stack.
#[test]
fn templates_take_no_more_than_their_share() {
    let sandbox = Sandbox::new();
    let many = |part: &str| part.repeat(3_000);
    for (template, why) in [
        ("{{ '%9999999999d'|format(1) }}".into(), "creates a value of more than"),
        ("{{ '%*d'|format(9999999999, 1) }}".into(), "creates a value of more than"),
        ("{{ 'a'|indent(9999999999) }}".into(), "creates a value of more than"),
        ("{{ 'a'|indent(width=9999999999) }}".into(), "creates a value of more than"),
        ("{{ [1]|batch(99999999999,'x')|list|length }}".into(), "creates a value of more than"),
        ("{{ [1]|slice(99999999999)|list|length }}".into(), "creates a value of more than"),
        ("{{ 'a' * 99999999 }}".into(), "multiplies a text or list"),
        ("{{ [1] * 99999999 }}".into(), "multiplies a text or list"),
        ("{{ media.name * 99999999 }}".into(), "creates a value of more than"),
        ("{{ ('a' * 9999)|replace('a', 'a' * 9999)|length }}".into(), "creates a value of more than"),
        ("{{ range(9999)|join('a' * 9999)|length }}".into(), "creates a value of more than"),
        ("{{ range(9999)|map('replace', '', 'a' * 99999)|list|length }}".into(), "creates a value of more than"),
        (
            "{% set x = [0] %}".to_owned() + &"{% set x = [x, x] %}".repeat(40) + "{{ x }}",
            "creates a value of more than",
        ),
        (
            "{% set x = 'a' %}".to_owned() + &"{% set x = x ~ x %}".repeat(40) + "{{ x }}",
            "creates a value of more than",
        ),
        (
            "{% set x = 'a' %}".to_owned() + &"{% set x = x + x %}".repeat(40) + "{{ x }}",
            "creates a value of more than",
        ),
        ("{% set x = {'a': 0} %}".to_owned() + &"{% set x = {'a': x, 'b': x} %}".repeat(40), "creates a value of more"),
        ("{% for a in range(9999) %}{{ 'a' * 9999 }}{% endfor %}".into(), "more than 65536 bytes"),
        ("{% set x %}{% for a in range(9999) %}aaaa{% endfor %}{% endset %}".into(), "set a value to a block of text"),
        ("{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('x') }}".into(), "templates can't use `macro`"),
        ("{% for a in [[1]] recursive %}{{ loop(a) }}{% endfor %}".into(), "templates can't use `recursive`"),
        (format!("{{{{ {}1 }}}}", many("-")), "more than 250 operators"),
        (format!("{{{{ {}1 }}}}", many("not ")), "more than 250 operators"),
        (format!("{{{{ 1{} }}}}", many("|string")), "more than 250 operators"),
        (format!("{{{{ 1{} }}}}", many(" is string")), "more than 250 operators"),
        (format!("{{{{ {}1 }}}}", many("1 if 1 else ")), "more than 250 operators"),
        (format!("{{{{ media{} }}}}", many(".a")), "more than 250 operators"),
        (format!("{{{{ media{} }}}}", many("[0]")), "more than 250 operators"),
        (format!("{{{{ {}1{} }}}}", many("("), many(")")), "more than 250 operators"),
        (format!("{{{{ {}1{} }}}}", many("["), many("]")), "more than 250 operators"),
        (format!("{{{{ 1{} }}}}", many(" + 1")), "more than 250 operators"),
        (format!("{{% if 1 %}}{}{{% endif %}}", many("{% elif 1 %}")), "more than 250 operators"),
        (format!("{{{{ 1 }}}}{}", "a".repeat(100_000)), "at most 65536 are allowed"),
    ] {
        sandbox.put("media.toml", MANIFEST.replace("WIN11 {{ site.code }}", &template));
        let said = refusal(&sandbox, &["check"]);
        let shown: String = template.chars().take(60).collect();
        assert!(said.contains(why) && said.contains("media.toml:6:"), "{shown}: {said}");
    }
}

#[test]
fn templates_of_a_whole_manifest_share_a_budget() {
    let sandbox = Sandbox::new();
    let value = "a = \"{{ 'x' * 60000 }}{{ 'y' }}\"\n";
    let lines: String = (0..1_500).map(|n| value.replacen('a', &format!("a{n}"), 1)).collect();
    sandbox.put("media.toml", format!("{MANIFEST}\n[vars]\n{lines}"));
    let said = refusal(&sandbox, &["check"]);
    assert!(said.contains("templates of this manifest"), "{}", &said[..said.len().min(2_000)]);
    // The templates that follow fail for the same reason, which is reported once.
    assert!(said.ends_with(" 1 error"), "{}", &said[said.len().saturating_sub(2_000)..]);
}

#[test]
fn sites_multiply_what_a_manifest_may_hold() {
    let sandbox = Sandbox::new();
    let sites: String = (0..5_000).map(|n| format!("[[sites]]\ncode = \"S{n}\"\n")).collect();
    let vars: String = (0..2_000).map(|n| format!("v{n} = 1\n")).collect();
    let base = MANIFEST.split("[[sites]]").next().unwrap();
    sandbox.put("media.toml", format!("{base}[vars]\n{vars}{sites}"));
    let said = refusal(&sandbox, &["check"]);
    assert!(said.contains("5000 sites with 20"), "{}", &said[..said.len().min(2_000)]);
    assert!(said.contains("build fewer sites at once: `--site CODE`"), "{}", &said[..said.len().min(2_000)]);
}

#[test]
fn usual_templates_give_what_they_always_gave() {
    let sandbox = Sandbox::new();
    for (template, value) in [
        ("{{ 'a' ~ 1 ~ 'b' }}", "a1b"),
        ("{{ 1 + 2 }}{{ 'a' + 'b' }}", "3ab"),
        ("{{ 2 * 3 }}{{ '-' * 3 }}", "6---"),
        ("{{ [1, 2] + [3] }}", "[1, 2, 3]"),
        ("{{ ['a', 'b']|join('-')|upper }}", "A-B"),
        ("{% for a, b in [(1, 2)] %}{{ a }}:{{ b }}{% endfor %}", "1:2"),
        ("{{ {'a': 'x'}.a }}{{ dict(b='y').b }}", "xy"),
        ("{{ nothing|default('d') }}{{ vars.none|default(1) }}", "d1"),
        ("{{ '%05.1f %s'|format(1.25, 'x') }}", "001.2 x"),
        ("{{ 'a-b'|replace('-', '+') }}", "a+b"),
        ("{% set x = site.code %}{{ x|title }}", "Ber"),
        ("{{ range(3)|map('string')|list|length }}", "3"),
        ("{{ {'recursive': 1}.recursive }}{% for r in [{'recursive': 2}] %}{{ r.recursive }}{% endfor %}", "12"),
        ("{{ 'x' if site.code is string else 'y' }}", "x"),
    ] {
        sandbox.put("media.toml", format!("{MANIFEST}\n[vars]\nvalue = \"<{template}>\"\n"));
        let output = sandbox.run(&["render", "--site", "BER"]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(&format!("value = \"<{value}>\"")), "{template}: {said}");
    }
}

#[test]
fn a_fifo_or_endless_device_is_no_medium() {
    let sandbox = Sandbox::new();
    mkfifo(&sandbox, "fifo");
    for path in ["fifo", "/dev/zero"] {
        for command in [&["inspect", path][..], &["inspect", path, "--layout"], &["verify", path]] {
            let said = refusal(&sandbox, command);
            assert!(said.contains("not a regular file"), "{command:?}: {said}");
        }
        sandbox.put("media.toml", MANIFEST.replace("images/boot.wim", path));
        refusal(&sandbox, &["check"]);
    }
}

#[test]
fn texts_that_multiply_come_to_an_end() {
    let sandbox = Sandbox::new();
    let header = "[media]\nprofile = [\"NEXT\", \"NEXT\", \"NEXT\"]\n";
    for n in 0..40 {
        sandbox.put(&format!("p{n}.toml"), header.replace("NEXT", &format!("p{}.toml", n + 1)));
    }
    sandbox.put("p40.toml", "[media]\n");
    sandbox.put("media.toml", MANIFEST.replace("[media]\n", "[media]\nprofile = \"p0.toml\"\n"));
    let said = refusal(&sandbox, &["check"]);
    assert!(said.contains("the manifest inherits from more than 100 profiles"), "{said}");
}

#[test]
fn toml_without_end_is_refused_at_the_place_where_it_ends() {
    let sandbox = Sandbox::new();
    let deep_keys = format!("{}a", "a.".repeat(50));
    let deep_tables = format!("{deep_keys} = {{ ").repeat(60) + &"}".repeat(60);
    let wide_keys: String = (0..20_000).map(|n| format!("k{n} = 1\n")).collect();
    let long_key = format!("{} = {{ {} }}", "k".repeat(100_000), {
        let keys: Vec<_> = (0..1_500).map(|n| format!("k{n} = 1")).collect();
        keys.join(", ")
    });
    let many_errors = "=\n".repeat(30_000);
    for (text, why) in [
        (format!("{}a = 1", "a.".repeat(100_000)), "nested more than 64 levels deep"),
        (format!("[{}a]", "a.".repeat(100_000)), "nested more than 64 levels deep"),
        (format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000)), "nested more than 64 levels deep"),
        (deep_tables, "nested more than 64 levels deep"),
        (wide_keys, "has 20000 keys; at most 4096 are allowed"),
        (format!("a = [{}]", "1,".repeat(200_000)), "has 200000 values; at most 10000 are allowed"),
        (long_key, "the keys on the paths to all values have more than"),
        (many_errors, "error"),
    ] {
        sandbox.put("media.toml", format!("{MANIFEST}\n[vars]\n{text}\n"));
        let said = refusal(&sandbox, &["check"]);
        assert!(said.contains(why), "{}: {}", &text[..20], &said[..said.len().min(2_000)]);
    }
}

/// A medium of a few kilobytes whose file claims to be a terabyte further on.
#[test]
fn a_wim_medium_that_claims_a_terabyte_is_refused() {
    let sandbox = Sandbox::new();
    let mut image = sandbox.get("images/boot.wim");
    let header = tsmedia::format::wim::header::WimHeader::parse(&image).unwrap();
    let at = header.table.offset as usize;
    let mut table = image[at..at + header.table.len as usize].to_vec();
    for entry in table.chunks_exact_mut(50).filter(|entry| entry[7] & 2 == 0) {
        entry[8..16].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    }
    image[at..at + table.len()].copy_from_slice(&table);
    sandbox.put("claims.wim", image);
    let said = refusal(&sandbox, &["inspect", "claims.wim", "--layout", "--svg", "map.svg"]);
    assert!(said.contains("should be at bytes 1099511627776"), "{said}");
    assert!(!sandbox.path("map.svg").exists());
}
