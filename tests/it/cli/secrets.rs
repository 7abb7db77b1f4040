//! Secrets: where their values are found afterwards (nowhere), and what is said of those that changed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::{Command, Output, Stdio};

use crate::fixtures::sandbox::Sandbox;

/// Values that nothing else holds.
const PASSWORD: &str = "Zq7-password-by-env-81x";
const BY_FILE: &str = "Zq7-value-by-file-52y";
const BY_COMMAND: &str = "Zq7-value-by-command-93z";
const OF_STEP: &str = "Zq7-value-of-a-step-17<k";

const SEQUENCE: &str = r#"sequence-version = 1
name = "Upgrade"

[[steps]]
type = "set-variable"
name = "Send no status"
variable = "SMSTSDisableStatusRetry"
value = "true"

[[steps]]
type = "upgrade-operating-system"
name = "Upgrade"
package = "BER00021"

[[steps]]
type = "set-variable"
name = "Keep the key"
variable = "OwnKey"
secret-value = { file = "step.txt" }
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit(
        "\n[[package]]",
        r#"
[security]
password = { env = "PLANTED_PASSWORD" }

[variables]
OSDRegisteredOrgName = "Example"
JoinPassword = { file = "join-{{ site.code }}.txt" }
ProductKey = { command = ["sh", "key.sh"] }

[task-sequence]
file = "sequences/upgrade.toml"

[[package]]"#,
    );
    sandbox.put("sequences/upgrade.toml", SEQUENCE);
    sandbox.put("sequences/step.txt", format!("{OF_STEP}\n"));
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.put("join-BER.txt", format!("{BY_FILE}\n"));
    // It also notes how it and its parent were started.
    sandbox.put("key.sh", "tr '\\0' ' ' < /proc/$PPID/cmdline > seen.log; cat key.txt\n");
    sandbox.put("key.txt", format!("{BY_COMMAND}\r\n"));
    sandbox
}

fn command(sandbox: &Sandbox, arguments: &[&str], password: &str) -> Command {
    let mut command = sandbox.command(arguments);
    command.env("PLANTED_PASSWORD", password);
    command
}

fn run(sandbox: &Sandbox, line: &str) -> Output {
    command(sandbox, &line.split(' ').collect::<Vec<_>>(), PASSWORD).output().unwrap()
}

/// The ways in which a value might be written.
fn written(value: &str) -> Vec<Vec<u8>> {
    let wide: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut all = vec![value.as_bytes().to_vec(), wide.clone()];
    for bytes in [value.as_bytes(), &wide] {
        all.extend([hex(bytes).into_bytes(), hex(bytes).to_uppercase().into_bytes()]);
        // In base64 by its place, of which there are three; what is around it leaves the middle alone.
        for skip in 0..3 {
            let middle = &bytes[skip..];
            all.push(base64(&middle[..middle.len() / 3 * 3]).into_bytes());
        }
    }
    all
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let three = |three: &[u8]| u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
    let digits = bytes.chunks_exact(3).map(three).flat_map(|bits| [18, 12, 6, 0].map(|at| (bits >> at & 63) as usize));
    digits.map(|digit| char::from(DIGITS[digit])).collect()
}

fn holds(bytes: &[u8], value: &str) -> bool {
    written(value).iter().any(|written| bytes.windows(written.len()).any(|window| window == written))
}

#[test]
fn values_are_found_in_nothing_that_is_left_said_or_listed() {
    let sandbox = sandbox();
    let mut said = Vec::new();
    for line in [
        "check",
        "check --json",
        "render",
        "render --json",
        "plan",
        "plan --out kept.plan",
        "apply",
        "plan --json",
        "apply --json",
        "diff media.record.json media.toml",
        "diff out/win11-BER.iso media.toml --verbose",
        "verify out/win11-BER.iso --manifest media.toml",
        "inspect out/win11-BER.iso",
        "inspect out/win11-BER.iso --json",
        "cache --json",
    ] {
        let ran = run(&sandbox, line);
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        said.push((line.to_owned(), [ran.stdout, ran.stderr].concat()));
    }
    let plan = run(&sandbox, "plan");
    assert!(String::from_utf8(plan.stdout).unwrap().starts_with("nothing to do"));
    let mut folders = vec![sandbox.root.clone()];
    let mut n_files = 0;
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            let name = path.file_name().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if !["join-BER.txt", "key.txt", "step.txt"].contains(&name) {
                said.push((path.to_string(), fs::read(&path).unwrap()));
                n_files += 1;
            }
        }
    }
    assert!(n_files > 12 && said.iter().any(|(path, _)| path.ends_with("seen.log")));
    for (what, bytes) in &said {
        for value in [PASSWORD, BY_FILE, BY_COMMAND, OF_STEP] {
            assert!(!holds(bytes, value), "{what} holds {value}");
        }
    }
    // The digests in the open have to be of something else than what the medium lists: those test guesses.
    let list = Command::new("7z")
        .args(["e", "-so", "out/win11-BER.iso", "tsmedia/BLAKE3SUMS"])
        .current_dir(&sandbox.root)
        .output();
    let list = String::from_utf8(list.unwrap().stdout).unwrap();
    for name in ["Variables.dat", "Policy.xml"] {
        let end = format!("  SMS/data/{name}");
        let digest = list.lines().find_map(|line| line.strip_suffix(end.as_str())).unwrap().to_owned();
        for (what, bytes) in said.iter().filter(|(what, _)| !what.ends_with(".iso")) {
            assert!(!holds_text(bytes, &digest), "{what} holds the digest of {name}");
        }
    }
    let mode = fs::metadata(sandbox.path(".tsmedia/veil")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

fn holds_text(bytes: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(text)
}

#[test]
fn a_secret_that_changed_is_named_and_patched() {
    let sandbox = sandbox();
    assert!(run(&sandbox, "apply").status.success());
    let mut seen = String::new();
    let plan = |sandbox: &Sandbox, password: &str| {
        sandbox.see_ran("plan", &command(sandbox, &["plan"], password).output().unwrap())
    };
    seen += &plan(&sandbox, "Other-7-password-Xk2!");
    sandbox.put("join-BER.txt", "other value of the same len\n");
    sandbox.put("key.txt", "another");
    seen += &plan(&sandbox, PASSWORD);
    seen += &sandbox.see_ran("apply", &run(&sandbox, "apply"));
    seen += &plan(&sandbox, PASSWORD);
    // What a patch leaves is what a clean build makes.
    let patched = sandbox.get("out/win11-BER.iso");
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    // Another clone has another key: it sees by the medium that nothing changed, and otherwise can't tell.
    seen += &plan(&sandbox, PASSWORD);
    seen += &plan(&sandbox, "Other-7-password-Xk2!");
    sandbox.edit("JoinPassword = { file = \"join-{{ site.code }}.txt\" }\n", "");
    sandbox.edit("ProductKey = { command = [\"sh\", \"key.sh\"] }\n", "");
    sandbox.edit("password = { env = \"PLANTED_PASSWORD\" }\n", "");
    seen += &plan(&sandbox, PASSWORD);
    insta::assert_snapshot!(seen);
    let sandbox_again = self::sandbox();
    sandbox_again.put("join-BER.txt", "other value of the same len\n");
    sandbox_again.put("key.txt", "another");
    assert!(run(&sandbox_again, "apply").status.success());
    assert!(sandbox_again.get("out/win11-BER.iso") == patched);
}

#[test]
fn secrets_that_are_not_there_are_told_at_their_lines() {
    let sandbox = sandbox();
    fs::remove_file(sandbox.path("join-BER.txt")).unwrap();
    sandbox.put("key.sh", "echo the key is not here >&2; exit 3\n");
    let mut seen = sandbox.see("check");
    seen += &sandbox.see("plan");
    sandbox.put("join-BER.txt", "");
    sandbox.put("key.sh", "exit 0\n");
    seen += &sandbox.see_ran("plan", &command(&sandbox, &["plan"], "Winter2026!").output().unwrap());
    sandbox.edit("password = { env = \"PLANTED_PASSWORD\" }", "password = \"hunter2-literal\"");
    seen += &sandbox.see("check");
    assert!(!seen.contains("hunter2"));
    insta::assert_snapshot!(seen);
}

/// Values that are in a program's memory, with the parts of it in which they are.
fn values_in_memory(process: u32, values: &[&str]) -> Vec<String> {
    let folder = format!("/proc/{process}");
    let maps = fs::read_to_string(format!("{folder}/maps")).unwrap();
    let memory = fs::File::open(format!("{folder}/mem")).unwrap();
    let mut n_read = 0;
    let mut found = Vec::new();
    for map in maps.lines().filter(|map| map.contains(" rw-p ")) {
        let (start, end) = map.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [start, end] = [start, end].map(|at| u64::from_str_radix(at, 16).unwrap());
        let mut bytes = vec![0; (end - start) as usize];
        let Ok(len) = memory.read_at(&mut bytes, start) else { continue };
        n_read += len;
        for value in values {
            let wide: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
            for written in [value.as_bytes(), &wide] {
                let is_there = bytes[..len].windows(written.len()).any(|window| window == written);
                found.extend(is_there.then(|| format!("{value} in {map}")));
            }
        }
    }
    assert!(n_read > 100_000, "{n_read}");
    found
}

/// Values that came by file and by command, in the memory of a program that waits; the environment is the system's.
#[test]
fn values_are_wiped_from_memory() {
    let sandbox = sandbox();
    let watching = command(&sandbox, &["watch", "--json"], PASSWORD);
    expect_wiped(watching, &[BY_FILE, BY_COMMAND, OF_STEP, "Zq7-value-of-a-step-17&lt;k"]);
}

/// Runs `watch` until it has made something, and looks for values in its memory while it waits.
pub fn expect_wiped(mut watching: Command, values: &[&str]) {
    let mut child = watching.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // It says what it did when it is done.
    let made = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("\"create\"")));
    assert!(made.is_some());
    // It is still at work for a moment when it has said that.
    let mut found = Vec::new();
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(300));
        found = values_in_memory(child.id(), values);
        if found.is_empty() {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(found.is_empty(), "{found:?}");
}
