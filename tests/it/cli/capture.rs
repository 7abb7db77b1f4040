//! `capture`: folders, volumes and disks that other tools made, and what other tools read out of the WIM files.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixtures::sandbox::Sandbox;

/// Runs a tool in the folder of a sandbox, and returns what it printed.
pub fn tool(sandbox: &Sandbox, name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name).args(arguments).current_dir(&sandbox.root).env("MTOOLS_SKIP_CHECK", "1").output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name} {arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

pub fn sparse(sandbox: &Sandbox, name: &str, len: u64) {
    fs::File::create(sandbox.path(name)).unwrap().set_len(len).unwrap();
}

/// Bytes that nothing compresses.
pub fn noise(len: usize, mut state: u64) -> Vec<u8> {
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A folder with what Windows has and what is awkward.
fn put_tree(sandbox: &Sandbox) {
    sandbox.put("tree/Windows/System32/noise.dll", noise(300_000, 7));
    sandbox.put("tree/Windows/System32/zeros.dll", vec![0; 200_000]);
    sandbox.put("tree/Windows/CSC/cache", "left out");
    sandbox.put("tree/pagefile.sys", "left out");
    sandbox.put("tree/docs/a.txt", "hello\n");
    sandbox.put("tree/docs/A rather long name, with größe.text", "long\n");
    sandbox.put("tree/docs/empty", "");
    fs::hard_link(sandbox.path("tree/docs/a.txt"), sandbox.path("tree/docs/b.txt")).unwrap();
    symlink("a.txt", sandbox.path("tree/docs/link")).unwrap();
    sparse(sandbox, "tree/docs/sparse", 8 << 20);
}

/// An NTFS volume with all that a folder can't have too: streams, short names, security descriptors.
pub fn put_ntfs(sandbox: &Sandbox, name: &str, len: u64) {
    if !sandbox.path("tree").exists() {
        put_tree(sandbox);
    }
    sparse(sandbox, name, len);
    tool(sandbox, "mkntfs", &["-F", "-Q", "-T", "-q", "-L", "Windows", name]);
    tool(sandbox, "wimlib-imagex", &["capture", "tree", "tree.wim", "--no-acls", "--norpfix", "--compress=none"]);
    tool(sandbox, "wimlib-imagex", &["apply", "tree.wim", "1", name]);
    sandbox.put("stream", "[ZoneTransfer]\r\nZoneId=3\r\n");
    tool(sandbox, "ntfscp", &["-q", "-N", "Zone.Identifier", name, "stream", "docs/a.txt"]);
    fs::remove_file(sandbox.path("stream")).unwrap();
    fs::remove_file(sandbox.path("tree.wim")).unwrap();
}

fn put_fat(sandbox: &Sandbox, name: &str, len: u64, width: &str) {
    sparse(sandbox, name, len);
    tool(sandbox, "mkfs.fat", &["-F", width, "-n", "SYSTEM", name]);
    sandbox.put("bcd", "store");
    tool(sandbox, "mmd", &["-i", name, "::EFI", "::EFI/Microsoft"]);
    tool(sandbox, "mcopy", &["-m", "-i", name, "bcd", "::EFI/Microsoft/BCD"]);
    tool(sandbox, "mcopy", &["-m", "-i", name, "bcd", "::EFI/A rather long name.größe"]);
    tool(sandbox, "mattrib", &["-i", name, "-a", "+h", "+s", "+r", "::EFI/Microsoft/BCD"]);
    fs::remove_file(sandbox.path("bcd")).unwrap();
}

/// Copies a volume into a disk.
pub fn put_into(sandbox: &Sandbox, volume: &str, disk: &str, sector: u64) {
    let bytes = sandbox.get(volume);
    let disk = fs::File::options().write(true).open(sandbox.path(disk)).unwrap();
    disk.write_all_at(&bytes, sector * 512).unwrap();
    fs::remove_file(sandbox.path(volume)).unwrap();
}

pub fn partition(sandbox: &Sandbox, disk: &str, script: &str) {
    let mut command = Command::new("sfdisk");
    command.args(["--quiet", disk]).current_dir(&sandbox.root).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{script}");
}

/// A GPT disk with volumes of every kind.
pub fn put_disk(sandbox: &Sandbox) {
    const SCRIPT: &str = "label: gpt
start=2048, size=8192, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start=10240, size=2048, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE
start=12288, size=65536, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
start=77824, size=8192, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
start=86016, size=8192, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
start=94208, size=2048, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F
";
    sparse(sandbox, "disk.img", 64 << 20);
    partition(sandbox, "disk.img", SCRIPT);
    put_fat(sandbox, "volume", 8192 * 512, "12");
    put_into(sandbox, "volume", "disk.img", 2048);
    put_ntfs(sandbox, "volume", 65536 * 512);
    put_into(sandbox, "volume", "disk.img", 12288);
    sandbox.put("volume", b"\xeb\x58\x90-FVE-FS-");
    put_into(sandbox, "volume", "disk.img", 77824);
    sparse(sandbox, "volume", 8192 * 512);
    tool(sandbox, "mke2fs", &["-q", "-t", "ext4", "volume"]);
    put_into(sandbox, "volume", "disk.img", 86016);
    sparse(sandbox, "volume", 2048 * 512);
    tool(sandbox, "mkswap", &["-q", "volume"]);
    put_into(sandbox, "volume", "disk.img", 94208);
}

/// All that wimlib-imagex says of every file in an image, but for where it is in the WIM file.
fn details(sandbox: &Sandbox, wim: &str, image: &str) -> String {
    let places = ["Compressed size", "Offset in WIM", "Raw compressed", "Raw uncomp", "Reference Count", "Flags"];
    let is_kept = |line: &&str| !places.iter().any(|place| line.trim_start().starts_with(place));
    let said = tool(sandbox, "wimlib-imagex", &["dir", wim, image, "--detailed"]);
    said.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

pub fn is_whole(sandbox: &Sandbox, wim: &str) {
    tool(sandbox, "wimlib-imagex", &["verify", wim]);
    tool(sandbox, "7z", &["t", wim]);
}

#[test]
fn an_ntfs_volume_is_captured_as_wimcapture_does_it() {
    let sandbox = Sandbox::empty();
    put_ntfs(&sandbox, "volume.img", 32 << 20);
    sandbox.done(&["capture", "volume.img", "-o", "ours.wim", "--check"]);
    is_whole(&sandbox, "ours.wim");
    tool(&sandbox, "wimlib-imagex", &["capture", "volume.img", "theirs.wim"]);
    let ours = details(&sandbox, "ours.wim", "1");
    assert_eq!(ours, details(&sandbox, "theirs.wim", "1"));
    for expected in ["Zone.Identifier", "Link Count          = 2", "REPARSE_POINT", "SPARSE", "Security Descriptor"] {
        assert!(ours.contains(expected), "{expected} is not in\n{ours}");
    }
    // A volume of what comes back from there, and from a FAT volume, which has short names.
    put_fat(&sandbox, "fat.img", 2 << 20, "12");
    sandbox.done(&["capture", "fat.img", "-o", "ours.wim", "--append"]);
    for (image, expected) in [("1", "Zone.Identifier"), ("2", "~1.")] {
        sparse(&sandbox, "back.img", 32 << 20);
        tool(&sandbox, "mkntfs", &["-F", "-Q", "-T", "-q", "back.img"]);
        tool(&sandbox, "wimlib-imagex", &["apply", "ours.wim", image, "back.img"]);
        sandbox.done(&["capture", "back.img", "-o", "back.wim", "--force"]);
        tool(&sandbox, "wimlib-imagex", &["capture", "back.img", "theirs.wim"]);
        let back = details(&sandbox, "back.wim", "1");
        assert_eq!(back, details(&sandbox, "theirs.wim", "1"));
        assert!(back.contains(expected), "{expected} is not in\n{back}");
        fs::remove_file(sandbox.path("back.img")).unwrap();
    }
}

#[test]
fn the_volumes_of_a_disk_become_images_and_the_others_are_named() {
    let sandbox = Sandbox::empty();
    put_disk(&sandbox);
    let mut seen = sandbox.see("capture disk.img -o out/win11.wim --name Reference --description Test --created-by IT");
    seen += &sandbox.see("inspect out/win11.wim");
    seen += &sandbox.see("capture --json disk.img -o out/json.wim --compression none --no-exclusions");
    insta::assert_snapshot!(seen);
    is_whole(&sandbox, "out/win11.wim");
    let xml = tool(&sandbox, "wimlib-imagex", &["info", "out/win11.wim", "--extract-xml=/dev/stdout"]);
    let xml: String = xml.chars().filter(|c| *c != '\0').collect();
    assert!(xml.contains("<DESCRIPTION>Test</DESCRIPTION>") && xml.contains("<CREATEDBY>IT</CREATEDBY>"), "{xml}");

    // The same disk in another form gives the same images, and no tool is needed for that.
    for (name, options) in [
        ("disk.qcow2", "qcow2"),
        ("disk.vhd", "vpc"),
        ("disk.vhdx", "vhdx"),
        ("disk.vdi", "vdi"),
        ("disk.vmdk", "vmdk"),
        ("flat.vmdk", "vmdk -o subformat=monolithicFlat"),
        ("split.vmdk", "vmdk -o subformat=twoGbMaxExtentSparse"),
    ] {
        let line = format!("convert -f raw disk.img {name} -O {options}");
        tool(&sandbox, "qemu-img", &line.split(' ').collect::<Vec<_>>());
        let words = ["--name", "Reference", "--description", "Test", "--created-by", "IT"];
        let mut command = sandbox.command(&[&["capture", name, "-o", "out/other.wim", "--force"], &words[..]].concat());
        let ran = command.env("PATH", "/nowhere").output().unwrap();
        assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
        assert!(sandbox.get("out/other.wim") == sandbox.get("out/win11.wim"), "{name}");
        assert_eq!(sandbox.list("out"), ["json.wim", "other.wim", "win11.wim"]);
    }
}

#[test]
fn a_disk_that_is_made_of_other_files_is_captured_when_they_are_allowed() {
    let sandbox = Sandbox::empty();
    put_disk(&sandbox);
    tool(&sandbox, "qemu-img", &["convert", "-f", "raw", "-O", "qcow2", "disk.img", "base.qcow2"]);
    tool(&sandbox, "qemu-img", &["create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "clone.qcow2"]);
    sandbox.put("text.vmdk", "# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\nRW 4 FLAT \"/etc/hostname\" 0\n");
    sandbox.put("lone.vmdk", "# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\nRW 4 FLAT \"lone-flat.vmdk\" 0\n");
    let mut seen = String::new();
    for line in [
        "capture clone.qcow2 -o out.wim",
        "capture clone.qcow2 -o out.wim --allow-reference disk.img",
        "capture text.vmdk -o out.wim",
        "capture lone.vmdk -o out.wim",
        "capture nbd:127.0.0.1:1 -o out.wim",
    ] {
        seen += &sandbox.see(line);
        assert!(!sandbox.path("out.wim").exists(), "{line}");
    }
    seen += &sandbox.see("capture clone.qcow2 -o out.wim --allow-reference base.qcow2");
    insta::assert_snapshot!(seen);
    is_whole(&sandbox, "out.wim");
}

#[test]
fn partitions_are_chosen_by_number_and_volumes_that_cannot_be_read_are_left_out() {
    let sandbox = Sandbox::empty();
    put_disk(&sandbox);
    let mut seen = String::new();
    for line in [
        "capture disk.img -o one.wim --partition 3",
        "capture disk.img -o two.wim --skip-partition 1 --skip-partition 4",
        "capture disk.img -o none.wim --partition 9",
        "capture disk.img -o none.wim --partition 3 --partition 4",
        "capture disk.img -o none.wim --skip-partition 1 --skip-partition 3",
        "capture disk.img -o none.wim --partition 1 --skip-partition 3",
        "capture tree -o none.wim --partition 1",
    ] {
        seen += &sandbox.see(line);
    }
    // What ntfsfix leaves is to be checked by Windows.
    put_ntfs(&sandbox, "volume", 65536 * 512);
    tool(&sandbox, "ntfsfix", &["volume"]);
    put_into(&sandbox, "volume", "disk.img", 12288);
    for line in [
        "capture disk.img -o none.wim --strict",
        "capture disk.img -o none.wim --partition 3",
        "capture disk.img -o left.wim --compression none",
        "capture disk.img -o left.wim --compression none --force --json",
        "capture disk.img -o none.wim --skip-partition 1",
    ] {
        seen += &sandbox.see(line);
    }
    assert!(!sandbox.path("none.wim").exists());
    insta::assert_snapshot!(seen);
    for wim in ["one.wim", "two.wim", "left.wim"] {
        is_whole(&sandbox, wim);
    }
}

#[test]
fn a_volume_on_which_windows_sleeps_does_not_stop_the_next_one() {
    let sandbox = Sandbox::empty();
    sparse(&sandbox, "disk.img", 68 << 20);
    partition(&sandbox, "disk.img", "label: dos\nstart=2048, size=65536, type=7\nstart=67584, size=65536, type=7\n");
    put_ntfs(&sandbox, "volume", 65536 * 512);
    sandbox.put("hiberfil.sys", [b"hibr".as_slice(), &[0; 4096]].concat());
    tool(&sandbox, "ntfscp", &["-q", "volume", "hiberfil.sys", "hiberfil.sys"]);
    put_into(&sandbox, "volume", "disk.img", 2048);
    put_ntfs(&sandbox, "volume", 65536 * 512);
    put_into(&sandbox, "volume", "disk.img", 67584);
    insta::assert_snapshot!(sandbox.see("capture disk.img -o out.wim --compression none"), @"
    $ tsmedia capture disk.img -o out.wim --compression none
    ! captured  disk.img, partition 2 as image 1, `disk (partition 2)` (NTFS)
    ! warning: `disk.img, partition 1` was left out: reading `disk.img, partition 1`: Windows is hibernated on this volume (`hiberfil.sys` is in use)
    !   help: start Windows, shut it down with `shutdown /s /t 0`, and capture again
    ! created   out.wim (8.90 MB)
    = 0
    ");
    is_whole(&sandbox, "out.wim");
    assert!(details(&sandbox, "out.wim", "1").contains("Zone.Identifier"));
}

#[test]
fn a_disk_of_4096_byte_sectors_is_captured_by_its_mbr() {
    let sandbox = Sandbox::empty();
    sparse(&sandbox, "volume", 32 << 20);
    tool(&sandbox, "mkntfs", &["-F", "-Q", "-T", "-q", "-s", "4096", "volume"]);
    sandbox.put("letter", "Moin\n");
    tool(&sandbox, "ntfscp", &["-q", "volume", "letter", "letter.txt"]);
    sparse(&sandbox, "disk.img", 40 << 20);
    let mut record = vec![0; 512];
    record[446 + 4] = 7;
    record[446 + 8..446 + 12].copy_from_slice(&256u32.to_le_bytes());
    record[446 + 12..446 + 16].copy_from_slice(&8192u32.to_le_bytes());
    record[510..].copy_from_slice(&[0x55, 0xaa]);
    fs::File::options().write(true).open(sandbox.path("disk.img")).unwrap().write_all_at(&record, 0).unwrap();
    put_into(&sandbox, "volume", "disk.img", 2048);
    sandbox.done(&["capture", "disk.img", "-o", "out.wim"]);
    assert!(tool(&sandbox, "wimlib-imagex", &["dir", "out.wim", "1"]).contains("/letter.txt"));
}

#[test]
fn a_wim_file_has_the_name_of_one() {
    let sandbox = Sandbox::empty();
    put_tree(&sandbox);
    let mut seen = String::new();
    for line in [
        "capture tree -o out.img",
        "capture tree -o out/disk",
        "capture tree -o out.esd",
        "capture tree -o .wim",
        "capture tree -o OUT.WIM",
        "capture tree -o out.esd --compression solid",
    ] {
        seen += &sandbox.see(line);
    }
    // What is added to has a name already.
    fs::rename(sandbox.path("OUT.WIM"), sandbox.path("images")).unwrap();
    sandbox.done(&["capture", "tree", "-o", "images", "--append", "--name", "two"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn logical_partitions_of_an_mbr_are_captured() {
    let sandbox = Sandbox::empty();
    sparse(&sandbox, "disk.img", 48 << 20);
    partition(
        &sandbox,
        "disk.img",
        "label: dos\nstart=2048, size=2048, type=83\nstart=4096, size=81920, type=f\nstart=8192, size=65536, type=7\n",
    );
    put_ntfs(&sandbox, "volume", 65536 * 512);
    put_into(&sandbox, "volume", "disk.img", 8192);
    insta::assert_snapshot!(sandbox.see("capture disk.img -o win7.wim"), @"
    $ tsmedia capture disk.img -o win7.wim
    ! captured  disk.img, partition 5 as image 1, `disk` (NTFS)
    ! skipped   disk.img, partition 1: it holds no file system (Linux)
    ! created   win7.wim (324 kB)
    = 0
    ");
    is_whole(&sandbox, "win7.wim");
}

#[test]
fn a_fat_volume_keeps_attributes_short_names_and_times() {
    for (width, len) in [("12", 2 << 20), ("16", 16 << 20), ("32", 64 << 20)] {
        let sandbox = Sandbox::empty();
        put_fat(&sandbox, "volume.img", len, width);
        sandbox.done(&["capture", "volume.img", "-o", "out.wim", "--check"]);
        is_whole(&sandbox, "out.wim");
        assert_eq!(sandbox.list("."), ["out.wim", "volume.img"]);
        let said = details(&sandbox, "out.wim", "1");
        let of = |path: &str| {
            let at =
                said.find(&format!("Full Path           = \"{path}\"")).unwrap_or_else(|| panic!("{path}: {said}"));
            said[at..].split("-----").next().unwrap().to_owned()
        };
        assert!(of("/EFI/Microsoft/BCD").contains("Attributes          = 0x00000007"), "{said}");
        assert!(of("/EFI/Microsoft/BCD").contains("Short Name          = \"\""), "{said}");
        let long = of("/EFI/A rather long name.größe");
        assert!(long.contains("~1.") && long.contains("Attributes          = 0x00000020"), "{long}");
        // The times are those that mtools shows, to the two seconds that FAT knows.
        let shown = tool(&sandbox, "mdir", &["-i", "volume.img", "-f", "-a", "::EFI/Microsoft"]);
        let time = shown.lines().find(|line| line.starts_with("BCD")).unwrap().split_whitespace().last().unwrap();
        let written = of("/EFI/Microsoft/BCD");
        let written = written.lines().find(|line| line.starts_with("Last Write Time")).unwrap();
        let (hour, minute) = time.trim_end_matches(['a', 'p']).split_once(':').unwrap();
        let hour = hour.parse::<u32>().unwrap() % 12 + if time.ends_with('p') { 12 } else { 0 };
        assert!(!time.ends_with(['a', 'p']) || written.contains(&format!("{hour:02}:{minute}:")), "{written}: {time}");
    }
}

#[test]
fn the_same_source_gives_the_same_bytes_whenever_it_was_read() {
    let sandbox = Sandbox::empty();
    put_tree(&sandbox);
    for compression in ["none", "xpress", "lzx", "solid"] {
        let capture = |target: &str, threads: &str| {
            let common = ["capture", "tree", "-o", target, "--compression", compression, "--check", "--date"];
            sandbox.done(&[&common[..], &["1800000000", "--threads", threads]].concat());
            sandbox.get(target)
        };
        let first = capture(&format!("{compression}-1.wim"), "1");
        tool(&sandbox, "touch", &["-a", "-d", "2001-01-01", "tree/docs/a.txt", "tree/docs"]);
        let second = capture(&format!("{compression}-2.wim"), "2");
        assert!(first == second, "{compression}");
        is_whole(&sandbox, &format!("{compression}-1.wim"));
    }
    let said = details(&sandbox, "lzx-1.wim", "1");
    assert!(said.contains("Link Count          = 2") && !said.contains("pagefile") && !said.contains("2001"), "{said}");
}

#[test]
fn images_are_added_to_a_file_and_what_is_unchanged_is_taken_from_another() {
    let sandbox = Sandbox::empty();
    put_tree(&sandbox);
    sandbox.put("tree/Windows/System32/large.dll", noise(2_000_000, 9));
    let mut seen = sandbox.see("capture tree -o base.wim --name one");
    let before = sandbox.get("base.wim");
    sandbox.put("more/new.txt", "new\n");
    seen += &sandbox.see("capture more -o base.wim");
    seen += &sandbox.see("capture more -o base.wim --append --name one");
    assert_eq!(sandbox.get("base.wim"), before);
    seen += &sandbox.see("capture more -o base.wim --append --name two --check");
    is_whole(&sandbox, "base.wim");
    seen += &sandbox.see("inspect base.wim");
    // What has the same size and time is not read: wrong bytes are taken for the right ones, as the help says.
    let path = sandbox.path("tree/Windows/System32/large.dll");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"changed", 0).unwrap();
    file.set_modified(time).unwrap();
    sandbox.put("tree/docs/a.txt", "changed\n");
    seen += &sandbox.see("capture tree -o base.wim --name one --update-from base.wim --force");
    is_whole(&sandbox, "base.wim");
    insta::assert_snapshot!(seen);
    tool(
        &sandbox,
        "wimlib-imagex",
        &["extract", "base.wim", "1", "Windows/System32/large.dll", "--dest-dir=extracted"],
    );
    assert!(
        sandbox.get("extracted/large.dll") == noise(2_000_000, 9) && fs::read(&path).unwrap() != noise(2_000_000, 9)
    );
    tool(&sandbox, "wimlib-imagex", &["extract", "base.wim", "1", "docs/a.txt", "--dest-dir=extracted", "--no-acls"]);
    assert_eq!(sandbox.get("extracted/a.txt"), b"changed\n");
}

#[test]
fn exclusions_can_be_others_or_none() {
    let sandbox = Sandbox::empty();
    put_tree(&sandbox);
    sandbox.put("own.ini", "[ExclusionList]\n\\docs\n*.dll\n\n[ExclusionException]\n\\docs\\a.txt\n");
    let mut seen = sandbox.see("capture tree -o own.wim --config own.ini --compression none");
    seen += &sandbox.see("capture tree -o all.wim --no-exclusions --compression none");
    sandbox.put("own.ini", "[ExclusionList]\ndocs\\a.txt\n");
    seen += &sandbox.see("capture tree -o wrong.wim --config own.ini");
    seen += &sandbox.see("capture tree -o wrong.wim --config missing.ini");
    insta::assert_snapshot!(seen);
    let said = tool(&sandbox, "wimlib-imagex", &["dir", "own.wim", "1"]);
    assert!(!said.contains(".dll") && said.contains("pagefile.sys"), "{said}");
}

#[test]
fn what_cannot_be_captured_is_an_error_that_says_what_to_do() {
    let sandbox = Sandbox::empty();
    put_ntfs(&sandbox, "volume.img", 32 << 20);
    put_fat(&sandbox, "fat.img", 2 << 20, "12");
    sandbox.put("nothing.img", vec![0; 1 << 20]);
    fs::copy(sandbox.path("volume.img"), sandbox.path("itself.wim")).unwrap();
    sandbox.put("text.img", "hello\n");
    sandbox.put("locked.img", b"\xeb\x58\x90-FVE-FS-");
    fs::write(sandbox.path("cut.img"), &sandbox.get("volume.img")[..20 << 20]).unwrap();
    // Where a hibernated Windows has its memory, with the mark that it is in use.
    fs::copy(sandbox.path("volume.img"), sandbox.path("asleep.img")).unwrap();
    sandbox.put("hiberfil.sys", [b"hibr".as_slice(), &[0; 4096]].concat());
    tool(&sandbox, "ntfscp", &["-q", "asleep.img", "hiberfil.sys", "hiberfil.sys"]);
    // What ntfsfix leaves is to be checked by Windows.
    fs::copy(sandbox.path("volume.img"), sandbox.path("dirty.img")).unwrap();
    tool(&sandbox, "ntfsfix", &["dirty.img"]);
    let mut seen = String::new();
    for line in [
        "capture missing.img -o out.wim",
        "capture nothing.img -o out.wim",
        "capture text.img -o out.wim",
        "capture locked.img -o out.wim",
        "capture cut.img -o out.wim",
        "capture asleep.img -o out.wim",
        "capture dirty.img -o out.wim",
        "capture tree -o tree/out.wim",
        "capture volume.img -o volume.img --force",
        "capture itself.wim -o itself.wim --force",
        "capture tree tree -o out.wim",
        "capture tree tree -o out.wim --name one",
        "capture tree -o out.wim --append",
        "capture tree -o out.wim --update-from text.img",
        "capture tree -o out.wim --image-version 1/2",
        "capture tree -o out.wim --append --force",
        "capture tree -o out.wim --append --compression lzx",
        "capture tree",
        "capture /dev/null -o out.wim",
    ] {
        seen += &sandbox.see(line);
        assert!(!sandbox.path("out.wim").exists() && !sandbox.path(".out.wim.tsmedia-part").exists(), "{line}");
    }
    let long = "x".repeat(256);
    seen += &sandbox.see(&format!("capture tree -o out.wim --description {long}")).replace(&long, "xxx…");
    insta::assert_snapshot!(seen);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let sandbox = Sandbox::empty();
    sandbox.put("tree/secret/a.txt", "secret\n");
    sandbox.put("other/a.txt", "secret\n");
    tool(&sandbox, "chmod", &["000", "tree/secret", "other/a.txt"]);
    let mut seen = String::new();
    for folder in ["tree", "other"] {
        let line = format!("capture {folder} -o out.wim");
        let words: Vec<_> = line.split(' ').collect();
        seen += &sandbox.see_ran(&line, &sandbox.command_of_somebody(&words).output().unwrap());
        assert!(!sandbox.path("out.wim").exists());
    }
    tool(&sandbox, "chmod", &["755", "tree/secret", "other/a.txt"]);
    insta::assert_snapshot!(seen, @"
    $ tsmedia capture tree -o out.wim
    ! error: reading `tree`: `tree/secret` can't be read: `tree/secret`: Can't open directory: Permission denied
    !   help: make it readable, or exclude it under `[ExclusionList]` in a file for `--config` (`exclusions` in a manifest)
    = 1

    $ tsmedia capture other -o out.wim
    ! error: capturing: can't open `other/a.txt`: Permission denied
    !   help: make it readable, or exclude it under `[ExclusionList]` in a file for `--config` (`exclusions` in a manifest)
    = 1
    ");
}

#[test]
fn a_killed_capture_leaves_what_was_there_and_the_next_one_uses_up_the_rest() {
    let sandbox = Sandbox::empty();
    put_ntfs(&sandbox, "volume.img", 32 << 20);
    put_fat(&sandbox, "fat.img", 16 << 20, "16");
    sparse(&sandbox, "tree/docs/large", 2 << 30);
    fs::create_dir(sandbox.path("out")).unwrap();
    sandbox.put("out/out.wim", "what was there");
    let line = ["capture", "volume.img", "fat.img", "tree", "-o", "out/out.wim", "--force"];
    for signal in ["INT", "KILL"] {
        let mut child = sandbox.command(&line).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        // The header is written first, so there is something half-made by then.
        while fs::metadata(sandbox.path("out/.out.wim.tsmedia-part")).map_or(0, |part| part.len()) < 100_000 {
            assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none(), "it never began");
            std::thread::sleep(Duration::from_millis(2));
        }
        tool(&sandbox, "sh", &["-c", &format!("kill -{signal} {}", child.id())]);
        let status = child.wait().unwrap();
        assert_eq!(sandbox.get("out/out.wim"), b"what was there");
        match signal {
            "INT" => assert_eq!((status.code(), sandbox.list("out")), (Some(130), vec!["out.wim".to_owned()])),
            _ => {
                assert_eq!(sandbox.list("out").len(), 3, "{:?}", sandbox.list("out"));
                // Other users can't read the files taken out of the volume.
                let folder = sandbox.list("out").into_iter().find(|name| name.contains("-fat")).unwrap();
                let mode = fs::metadata(sandbox.path(&format!("out/{folder}"))).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o700);
            }
        }
    }
    fs::remove_file(sandbox.path("tree/docs/large")).unwrap();
    sandbox.done(&line);
    is_whole(&sandbox, "out/out.wim");
    assert_eq!(sandbox.list("out"), ["out.wim"]);
}
