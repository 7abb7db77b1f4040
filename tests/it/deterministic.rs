//! Equal inputs give equal bytes for any user, folder, time and number of processors, with and without the cache.
//! Media and records are compared; a failure tells where they differ.

use std::fs;
use std::process::Command;

use crate::fixtures::sandbox::Sandbox;
use camino::Utf8Path;

/// A disc and a stick.
const MEDIA: [&str; 2] = ["out/win11-BER.iso", "out/win11-HAM.img"];

/// Makes enough folders and files to keep several threads busy, with names that are not in alphabetical order.
fn put_content(sandbox: &Sandbox, is_reversed: bool) {
    let mut files: Vec<_> = (0..400u64).map(|n| (n * 7_919 % 400, n)).collect();
    if is_reversed {
        files.reverse();
    }
    for (n, seed) in files {
        let bytes: Vec<_> = (0..n * 61 % 9_000).map(|i| ((i * seed) >> 3) as u8).collect();
        sandbox.put(&format!("packages/vpn/{}/Datei {n} – ä.bin", n % 23), bytes);
    }
}

/// Makes a project with a disc and a stick.
fn with_stick(sandbox: Sandbox) -> Sandbox {
    let format = "{{ 'usb' if site.code == 'HAM' else 'iso' }}";
    let path = "out/{{ media.name }}-{{ site.code }}.{{ 'img' if site.code == 'HAM' else 'iso' }}";
    let old = "path = \"out/{{ media.name }}-{{ site.code }}.iso\"";
    sandbox.edit(old, &format!("format = \"{format}\"\npath = \"{path}\""));
    sandbox
}

fn sandbox_in(folder: &str, is_reversed: bool) -> Sandbox {
    let sandbox = Sandbox::in_folder(folder);
    put_content(&sandbox, is_reversed);
    with_stick(sandbox)
}

fn apply(sandbox: &Sandbox, command: &mut Command) {
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(sandbox.list("out"), ["win11-BER.iso", "win11-HAM.img"]);
}

/// Runs `tsmedia apply` through another program.
fn by_way_of(sandbox: &Sandbox, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).args([env!("CARGO_BIN_EXE_tsmedia"), "apply"]).current_dir(&sandbox.root);
    command.env_remove("SOURCE_DATE_EPOCH");
    command
}

fn assert_same(what: &str, one: &Sandbox, other: &Sandbox) {
    for path in MEDIA {
        let (one, other) = (one.path(path), other.path(path));
        if let Some(difference) = difference(&one, &other) {
            panic!("{what}: {path} has other bytes: {difference}\n{}", explained(&one, &other));
        }
    }
    let (one, other) = (one.get("media.record.json"), other.get("media.record.json"));
    assert_eq!(String::from_utf8(one).unwrap(), String::from_utf8(other).unwrap(), "{what}: another record");
}

/// Describes the first difference of two media: the offset, and the file or structure there.
fn difference(one: &Utf8Path, other: &Utf8Path) -> Option<String> {
    let (first, second) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    if first == second {
        return None;
    }
    let at = first.iter().zip(&second).position(|(a, b)| a != b).unwrap_or(first.len().min(second.len()));
    let mut inspect = Command::new(env!("CARGO_BIN_EXE_tsmedia"));
    let seen = inspect.args(["inspect", "--json", one.as_str()]).output().unwrap().stdout;
    let seen: serde_json::Value = serde_json::from_slice(&seen).unwrap_or_default();
    let is_hit = |file: &&serde_json::Value| {
        file["extents"].as_array().is_some_and(|extents| {
            extents.iter().any(|extent| {
                let (start, len) = (extent[0].as_u64().unwrap(), extent[1].as_u64().unwrap());
                (start..start + len).contains(&(at as u64))
            })
        })
    };
    let file = seen["file"]["files"].as_array().and_then(|files| files.iter().find(is_hit));
    let place = file.map_or("no file: directories, boot programs or what is between files".into(), |file| {
        format!("`{}`", file["path"].as_str().unwrap_or_default())
    });
    Some(format!("{} and {} bytes; byte {at} is the first, in {place}", first.len(), second.len()))
}

/// Output of diffoscope for two media, if it is installed.
fn explained(one: &Utf8Path, other: &Utf8Path) -> String {
    let ran = Command::new("diffoscope").args(["--max-report-size", "20000", one.as_str(), other.as_str()]).output();
    ran.map_or_else(|_| String::new(), |ran| String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[test]
fn neither_place_nor_time_nor_surroundings_reach_a_medium() {
    let first = sandbox_in(".", false);
    apply(&first, &mut first.command(&["apply"]));

    let sandbox = sandbox_in("a much longer path/to another – place", false);
    apply(&sandbox, &mut sandbox.command(&["apply"]));
    assert_same("another folder", &first, &sandbox);

    let sandbox = sandbox_in(".", true);
    apply(&sandbox, &mut sandbox.command(&["apply"]));
    assert_same("another order of making the files", &first, &sandbox);

    let sandbox = sandbox_in(".", false);
    let script = "find . -exec touch -d '1999-05-06 07:08:09' {} + && chmod -R go-rwx,u+x .";
    assert!(Command::new("sh").args(["-c", script]).current_dir(&sandbox.root).status().unwrap().success());
    apply(&sandbox, &mut by_way_of(&sandbox, "sh", &["-c", "umask 077; exec \"$@\"", "sh"]));
    assert_same("other times, permissions and umask", &first, &sandbox);

    let sandbox = sandbox_in(".", false);
    let mut command = sandbox.command(&["apply"]);
    command.env("TZ", "Pacific/Kiritimati").env("LANG", "tr_TR.UTF-8").env("LC_ALL", "tr_TR.UTF-8");
    command.env("HOME", "/nonexistent").env("USER", "somebody").env("SOURCE_DATE_EPOCH", "1000000000");
    apply(&sandbox, &mut command);
    assert_same("other surroundings, and a date that the manifest overrides", &first, &sandbox);

    let sandbox = sandbox_in(".", false);
    apply(&sandbox, &mut by_way_of(&sandbox, "taskset", &["-c", "0"]));
    assert_same("one processor", &first, &sandbox);

    let sandbox = sandbox_in(".", false);
    apply(&sandbox, &mut sandbox.command_of_somebody(&["apply"]));
    assert_same("another user", &first, &sandbox);
}

#[test]
fn the_cache_and_the_way_there_do_not_reach_a_medium() {
    let first = sandbox_in(".", false);
    apply(&first, &mut first.command(&["apply"]));

    let sandbox = sandbox_in(".", false);
    sandbox.done(&["apply", "--site", "HAM"]);
    apply(&sandbox, &mut sandbox.command(&["apply", "--site", "BER"]));
    assert_same("one site after the other", &first, &sandbox);

    let sandbox = sandbox_in(".", false);
    sandbox.put("packages/vpn/too many.bin", [1; 70_000]);
    sandbox.edit("2026-01-01", "2025-01-01");
    apply(&sandbox, &mut sandbox.command(&["apply"]));
    sandbox.edit("2025-01-01", "2026-01-01");
    fs::remove_file(sandbox.path("packages/vpn/too many.bin")).unwrap();
    apply(&sandbox, &mut sandbox.command(&["apply"]));
    assert_same("built over another one, with its cache", &first, &sandbox);

    fs::remove_dir_all(sandbox.path("out")).unwrap();
    apply(&sandbox, &mut sandbox.command(&["apply"]));
    assert_same("every digest known", &first, &sandbox);
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    apply(&sandbox, &mut sandbox.command(&["apply"]));
    assert_same("no cache", &first, &sandbox);
}

#[test]
fn the_date_comes_from_the_manifest_or_from_the_environment_and_never_from_the_clock() {
    let dated = |epoch: Option<&str>| {
        let sandbox = with_stick(Sandbox::new());
        sandbox.edit("source-date = 2026-01-01\n", "");
        let mut command = sandbox.command(&["apply"]);
        if let Some(epoch) = epoch {
            command.env("SOURCE_DATE_EPOCH", epoch);
        }
        apply(&sandbox, &mut command);
        sandbox
    };
    let of_manifest = with_stick(Sandbox::new());
    apply(&of_manifest, &mut of_manifest.command(&["apply"]));
    assert_same("the same date from the environment", &of_manifest, &dated(Some("1767225600")));
    let none = dated(None);
    assert_same("no date", &none, &dated(None));
    assert!(difference(&of_manifest.path(MEDIA[0]), &none.path(MEDIA[0])).is_some());
}

#[test]
fn a_difference_is_told_with_what_it_is_in() {
    let sandbox = with_stick(Sandbox::new());
    apply(&sandbox, &mut sandbox.command(&["apply"]));
    let whole = sandbox.get(MEDIA[0]);
    let at = whole.windows(9).position(|bytes| bytes == b"installs ").unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        sandbox.put("other.iso", bytes);
        difference(&sandbox.path(MEDIA[0]), &sandbox.path("other.iso")).unwrap()
    };
    let told = flipped(at);
    assert!(told.contains(&format!("byte {at} is the first, in `SMS/PKG/BER00021/setup.cmd`")), "{told}");
    assert!(flipped(20).contains("byte 20 is the first, in no file"));
}
