//! Fresh clones with the cache of an earlier clone: files that are read again, and digests that are believed.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::fixtures::git::git;
use crate::fixtures::sandbox::{MANIFEST, Sandbox, wimlib};

/// Length of the file in Git LFS.
const LARGE_LEN: usize = 8 << 20;
/// Filter that leaves the length of a file, in both directions.
const ROT: &str = "tr a-z n-za-m";
/// Settings that `git lfs install` makes.
const LFS: [&str; 4] = ["-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.required=true"];

/// A folder with the repository `origin`, which has many small files, a boot image, and a large file in Git LFS.
fn origin() -> Sandbox {
    let sandbox = Sandbox::in_folder("origin");
    let large = "[[file]]\nsource = \"large.bin\"\npath = \"large.bin\"\n\n\
                 [[boot.file]]\nsource = \"readme.txt\"\npath = \"readme.txt\"\n\n[[file]]";
    sandbox.put("media.toml", MANIFEST.replace("[[file]]", large));
    sandbox.put("large.bin", (0..LARGE_LEN).map(|n| (n / 4_096) as u8).collect::<Vec<_>>());
    // The boot image, to which a file is added, is assembled from its file and new bytes.
    let [tree, image] = ["tree", "images/boot.wim"].map(|path| sandbox.path(path));
    sandbox.put("tree/Windows/System32/winpeshl.exe", [7; 5_000]);
    sandbox.put("tree/Windows/large.bin", (0..1 << 20).map(|n| (n / 1_000) as u8).collect::<Vec<_>>());
    fs::remove_file(&image).unwrap();
    wimlib(&["capture", tree.as_str(), image.as_str(), "Stand-in", "--boot"]);
    let properties = ["WINDOWS/ARCH=9", "WINDOWS/VERSION/MAJOR=10", "WINDOWS/VERSION/BUILD=26100"];
    let properties: Vec<_> = properties.iter().flat_map(|property| ["--image-property", property]).collect();
    wimlib(&[&["info", image.as_str(), "1"], &properties[..]].concat());
    for n in 0..200 {
        sandbox.put(&format!("packages/vpn/{n}.txt"), format!("file {n:>3}\n").repeat(20 * (n + 1)));
    }
    sandbox.put("packages/vpn/secret.rot", "hello\n");
    sandbox.put(".gitignore", "out/\n*.record.json\n.tsmedia/\n");
    sandbox.put(".gitattributes", "large.bin filter=lfs diff=lfs merge=lfs -text\n*.rot filter=rot\n");
    git(&sandbox, &["init", "--quiet"]);
    let clean = format!("filter.rot.clean={ROT}");
    let rot = ["-c", &clean];
    git(&sandbox, &[&LFS[..], &rot, &["add", "--all"]].concat());
    git(&sandbox, &["commit", "--quiet", "--message", "first"]);
    sandbox.above()
}

/// Returns `true` if Git LFS is installed.
fn has_git_lfs() -> bool {
    let is_installed = Command::new("git-lfs").arg("version").output().is_ok();
    assert!(is_installed || std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "git-lfs is not installed");
    is_installed
}

/// Clones the repository. No file is as new as the index, as in a clone that takes longer.
fn clone(sandbox: &Sandbox, name: &str, rot: &str) {
    let url = format!("file://{}/origin", sandbox.root);
    let [smudge, clean] = ["smudge", "clean"].map(|kind| format!("filter.rot.{kind}={rot}"));
    let filters = [&LFS[..], &["-c", &smudge, "-c", &clean]].concat();
    git(sandbox, &[&filters[..], &["clone", "--quiet", &url, name]].concat());
    std::thread::sleep(Duration::from_millis(30));
    sandbox.put(&format!("{name}/notes.txt"), "");
    git(sandbox, &[&filters[..], &["-C", name, "add", "notes.txt"]].concat());
}

/// Copies the finished media and the record of a clone into another one.
fn copy_media(sandbox: &Sandbox, from: &str, to: &str) {
    for name in ["out", "media.record.json"] {
        sandbox.run_other("cp", &["-r", &format!("{from}/{name}"), &format!("{to}/{name}")]);
    }
}

fn tsmedia(sandbox: &Sandbox, command: &str, clone: &str) -> String {
    let manifest = format!("{clone}/media.toml");
    sandbox.done(&[command, "--cache-dir", "cache", &manifest])
}

/// Creates a repository and two clones: `one` has built its media, which `two` has as well.
fn origin_and_clones() -> Sandbox {
    let sandbox = origin();
    clone(&sandbox, "one", ROT);
    tsmedia(&sandbox, "apply", "one");
    clone(&sandbox, "two", ROT);
    copy_media(&sandbox, "one", "two");
    sandbox
}

/// Runs `plan` for a clone. Returns what it printed, and the number of bytes that it and Git read.
fn plan_and_count(sandbox: &Sandbox, clone: &str, cache: &str) -> (String, u64) {
    let mut command = Command::new("sh");
    let script = "\"$0\" plan --cache-dir \"$2\" \"$1\" && cat /proc/$$/io >&2";
    command.args(["-c", script, env!("CARGO_BIN_EXE_tsmedia"), &format!("{clone}/media.toml"), cache]);
    let ran = command.current_dir(&sandbox.root).output().unwrap();
    let (printed, counted) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    let n_read = counted.lines().find_map(|line| line.strip_prefix("rchar: "));
    (printed, n_read.unwrap_or_else(|| panic!("{counted}")).parse().unwrap())
}

#[test]
fn a_fresh_clone_reads_nothing_that_git_says_is_the_same() {
    if !has_git_lfs() {
        return;
    }
    let sandbox = origin_and_clones();
    let (printed, n_read) = plan_and_count(&sandbox, "two", "cache");
    assert!(printed.starts_with("nothing to do"), "{printed}");
    // Both plans read parts of the finished media, and one of them the content: the large file, the boot image, and
    // 3.6 MB of small files.
    let (printed, n_read_all) = plan_and_count(&sandbox, "two", "empty-cache");
    assert!(printed.starts_with("nothing to do"), "{printed}");
    let n_content = LARGE_LEN as u64 + (1 << 20) + 3_600_000;
    assert!(n_read + n_content < n_read_all + 400_000, "{n_read} bytes were read, {n_read_all} without a cache");

    // A change that leaves the length shows, and so does one that only another filter makes.
    let changed = |clone: &str, path: &str| {
        let plan = tsmedia(&sandbox, "plan", clone);
        assert!(plan.contains(&format!("`{path}` changed")) && plan.contains("to patch"), "{clone}: {plan}");
    };
    sandbox.put("two/packages/vpn/7.txt", "FILE   7\n".repeat(20 * 8));
    changed("two", "7.txt");
    clone(&sandbox, "three", "cat");
    copy_media(&sandbox, "one", "three");
    changed("three", "secret.rot");
}

#[test]
fn apply_reads_what_the_index_says_before_it_builds() {
    if !has_git_lfs() {
        return;
    }
    let sandbox = origin_and_clones();
    // An index that lies: Git is told that other bytes have the same pointer.
    let pointer = git(&sandbox, &["-C", "origin", "cat-file", "blob", "HEAD:large.bin"]);
    sandbox.put("pointer", format!("{pointer}\n"));
    sandbox.put("two/large.bin", vec![9; LARGE_LEN]);
    std::thread::sleep(Duration::from_millis(30));
    let clean = format!("filter.lfs.clean=cat {}", sandbox.path("pointer"));
    git(&sandbox, &["-C", "two", "-c", &clean, "add", "large.bin", "notes.txt"]);
    assert!(tsmedia(&sandbox, "plan", "two").starts_with("nothing to do"), "the index was not believed");
    sandbox.put("two/packages/vpn/7.txt", "changed\n");
    tsmedia(&sandbox, "apply", "two");
    let verify = ["verify", "two/out/win11-BER.iso", "--manifest", "two/media.toml", "--site", "BER"];
    sandbox.done(&[&verify[..], &["--cache-dir", "cache"]].concat());
    let iso = fs::read(sandbox.path("two/out/win11-BER.iso")).unwrap();
    assert!(iso.windows(4_096).step_by(2_048).any(|block| block == [9; 4_096]), "the medium has the old bytes");
}
