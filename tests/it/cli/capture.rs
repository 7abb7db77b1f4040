//! `capture`: folders, volumes and disks that other tools made, and what other tools read out of the WIM files.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixtures::desk::Desk;

/// Runs a tool in the folder of a desk, and returns what it printed.
pub fn tool(desk: &Desk, name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name).args(arguments).current_dir(&desk.root).env("MTOOLS_SKIP_CHECK", "1").output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name} {arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

pub fn sparse(desk: &Desk, name: &str, len: u64) {
    fs::File::create(desk.path(name)).unwrap().set_len(len).unwrap();
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
fn put_tree(desk: &Desk) {
    desk.put("tree/Windows/System32/noise.dll", noise(300_000, 7));
    desk.put("tree/Windows/System32/zeros.dll", vec![0; 200_000]);
    desk.put("tree/Windows/CSC/cache", "left out");
    desk.put("tree/pagefile.sys", "left out");
    desk.put("tree/docs/a.txt", "hello\n");
    desk.put("tree/docs/A rather long name, with größe.text", "long\n");
    desk.put("tree/docs/empty", "");
    fs::hard_link(desk.path("tree/docs/a.txt"), desk.path("tree/docs/b.txt")).unwrap();
    symlink("a.txt", desk.path("tree/docs/link")).unwrap();
    sparse(desk, "tree/docs/sparse", 8 << 20);
}

/// An NTFS volume with all that a folder can't have too: streams, short names, security descriptors.
pub fn put_ntfs(desk: &Desk, name: &str, len: u64) {
    if !desk.path("tree").exists() {
        put_tree(desk);
    }
    sparse(desk, name, len);
    tool(desk, "mkntfs", &["-F", "-Q", "-T", "-q", "-L", "Windows", name]);
    tool(desk, "wimlib-imagex", &["capture", "tree", "tree.wim", "--no-acls", "--norpfix", "--compress=none"]);
    tool(desk, "wimlib-imagex", &["apply", "tree.wim", "1", name]);
    desk.put("stream", "[ZoneTransfer]\r\nZoneId=3\r\n");
    tool(desk, "ntfscp", &["-q", "-N", "Zone.Identifier", name, "stream", "docs/a.txt"]);
    fs::remove_file(desk.path("stream")).unwrap();
    fs::remove_file(desk.path("tree.wim")).unwrap();
}

fn put_fat(desk: &Desk, name: &str, len: u64, width: &str) {
    sparse(desk, name, len);
    tool(desk, "mkfs.fat", &["-F", width, "-n", "SYSTEM", name]);
    desk.put("bcd", "store");
    tool(desk, "mmd", &["-i", name, "::EFI", "::EFI/Microsoft"]);
    tool(desk, "mcopy", &["-m", "-i", name, "bcd", "::EFI/Microsoft/BCD"]);
    tool(desk, "mcopy", &["-m", "-i", name, "bcd", "::EFI/A rather long name.größe"]);
    tool(desk, "mattrib", &["-i", name, "-a", "+h", "+s", "+r", "::EFI/Microsoft/BCD"]);
    fs::remove_file(desk.path("bcd")).unwrap();
}

/// Copies a volume into a disk.
pub fn put_into(desk: &Desk, volume: &str, disk: &str, sector: u64) {
    let bytes = desk.get(volume);
    let disk = fs::File::options().write(true).open(desk.path(disk)).unwrap();
    disk.write_all_at(&bytes, sector * 512).unwrap();
    fs::remove_file(desk.path(volume)).unwrap();
}

pub fn partition(desk: &Desk, disk: &str, script: &str) {
    let mut command = Command::new("sfdisk");
    command.args(["--quiet", disk]).current_dir(&desk.root).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{script}");
}

/// A GPT disk with volumes of every kind.
pub fn put_disk(desk: &Desk) {
    const SCRIPT: &str = "label: gpt
start=2048, size=8192, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start=10240, size=2048, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE
start=12288, size=65536, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
start=77824, size=8192, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
start=86016, size=8192, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
start=94208, size=2048, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F
";
    sparse(desk, "disk.img", 64 << 20);
    partition(desk, "disk.img", SCRIPT);
    put_fat(desk, "volume", 8192 * 512, "12");
    put_into(desk, "volume", "disk.img", 2048);
    put_ntfs(desk, "volume", 65536 * 512);
    put_into(desk, "volume", "disk.img", 12288);
    desk.put("volume", b"\xeb\x58\x90-FVE-FS-");
    put_into(desk, "volume", "disk.img", 77824);
    sparse(desk, "volume", 8192 * 512);
    tool(desk, "mke2fs", &["-q", "-t", "ext4", "volume"]);
    put_into(desk, "volume", "disk.img", 86016);
    sparse(desk, "volume", 2048 * 512);
    tool(desk, "mkswap", &["-q", "volume"]);
    put_into(desk, "volume", "disk.img", 94208);
}

/// All that wimlib-imagex says of every file in an image, but for where it is in the WIM file.
fn details(desk: &Desk, wim: &str, image: &str) -> String {
    let places = ["Compressed size", "Offset in WIM", "Raw compressed", "Raw uncomp", "Reference Count", "Flags"];
    let is_kept = |line: &&str| !places.iter().any(|place| line.trim_start().starts_with(place));
    let said = tool(desk, "wimlib-imagex", &["dir", wim, image, "--detailed"]);
    said.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

pub fn is_whole(desk: &Desk, wim: &str) {
    tool(desk, "wimlib-imagex", &["verify", wim]);
    tool(desk, "7z", &["t", wim]);
}

#[test]
fn an_ntfs_volume_is_captured_as_wimcapture_does_it() {
    let desk = Desk::empty();
    put_ntfs(&desk, "volume.img", 32 << 20);
    desk.done(&["capture", "volume.img", "-o", "ours.wim", "--check"]);
    is_whole(&desk, "ours.wim");
    tool(&desk, "wimlib-imagex", &["capture", "volume.img", "theirs.wim"]);
    let ours = details(&desk, "ours.wim", "1");
    assert_eq!(ours, details(&desk, "theirs.wim", "1"));
    for expected in ["Zone.Identifier", "Link Count          = 2", "REPARSE_POINT", "SPARSE", "Security Descriptor"] {
        assert!(ours.contains(expected), "{expected} is not in\n{ours}");
    }
    // A volume of what comes back from there, and from a FAT volume, which has short names.
    put_fat(&desk, "fat.img", 2 << 20, "12");
    desk.done(&["capture", "fat.img", "-o", "ours.wim", "--append"]);
    for (image, expected) in [("1", "Zone.Identifier"), ("2", "~1.")] {
        sparse(&desk, "back.img", 32 << 20);
        tool(&desk, "mkntfs", &["-F", "-Q", "-T", "-q", "back.img"]);
        tool(&desk, "wimlib-imagex", &["apply", "ours.wim", image, "back.img"]);
        desk.done(&["capture", "back.img", "-o", "back.wim", "--force"]);
        tool(&desk, "wimlib-imagex", &["capture", "back.img", "theirs.wim"]);
        let back = details(&desk, "back.wim", "1");
        assert_eq!(back, details(&desk, "theirs.wim", "1"));
        assert!(back.contains(expected), "{expected} is not in\n{back}");
        fs::remove_file(desk.path("back.img")).unwrap();
    }
}

#[test]
fn the_volumes_of_a_disk_become_images_and_the_others_are_named() {
    let desk = Desk::empty();
    put_disk(&desk);
    let mut seen = desk.see("capture disk.img -o out/win11.wim --name Reference --description Test --created-by IT");
    seen += &desk.see("inspect out/win11.wim");
    seen += &desk.see("capture --json disk.img -o out/json.wim --compression none --no-exclusions");
    insta::assert_snapshot!(seen);
    is_whole(&desk, "out/win11.wim");
    let xml = tool(&desk, "wimlib-imagex", &["info", "out/win11.wim", "--extract-xml=/dev/stdout"]);
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
        tool(&desk, "qemu-img", &line.split(' ').collect::<Vec<_>>());
        let words = ["--name", "Reference", "--description", "Test", "--created-by", "IT"];
        let mut command = desk.command(&[&["capture", name, "-o", "out/other.wim", "--force"], &words[..]].concat());
        let ran = command.env("PATH", "/nowhere").output().unwrap();
        assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
        assert!(desk.get("out/other.wim") == desk.get("out/win11.wim"), "{name}");
        assert_eq!(desk.list("out"), ["json.wim", "other.wim", "win11.wim"]);
    }
}

#[test]
fn a_disk_that_is_made_of_other_files_is_captured_when_they_are_allowed() {
    let desk = Desk::empty();
    put_disk(&desk);
    tool(&desk, "qemu-img", &["convert", "-f", "raw", "-O", "qcow2", "disk.img", "base.qcow2"]);
    tool(&desk, "qemu-img", &["create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "clone.qcow2"]);
    desk.put("text.vmdk", "# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\nRW 4 FLAT \"/etc/hostname\" 0\n");
    desk.put("lone.vmdk", "# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\nRW 4 FLAT \"lone-flat.vmdk\" 0\n");
    let mut seen = String::new();
    for line in [
        "capture clone.qcow2 -o out.wim",
        "capture clone.qcow2 -o out.wim --allow-reference disk.img",
        "capture text.vmdk -o out.wim",
        "capture lone.vmdk -o out.wim",
        "capture nbd:127.0.0.1:1 -o out.wim",
    ] {
        seen += &desk.see(line);
        assert!(!desk.path("out.wim").exists(), "{line}");
    }
    seen += &desk.see("capture clone.qcow2 -o out.wim --allow-reference base.qcow2");
    insta::assert_snapshot!(seen);
    is_whole(&desk, "out.wim");
}

#[test]
fn partitions_are_chosen_by_number_and_volumes_that_cannot_be_read_are_left_out() {
    let desk = Desk::empty();
    put_disk(&desk);
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
        seen += &desk.see(line);
    }
    // What ntfsfix leaves is to be checked by Windows.
    put_ntfs(&desk, "volume", 65536 * 512);
    tool(&desk, "ntfsfix", &["volume"]);
    put_into(&desk, "volume", "disk.img", 12288);
    for line in [
        "capture disk.img -o none.wim --strict",
        "capture disk.img -o none.wim --partition 3",
        "capture disk.img -o left.wim --compression none",
        "capture disk.img -o left.wim --compression none --force --json",
        "capture disk.img -o none.wim --skip-partition 1",
    ] {
        seen += &desk.see(line);
    }
    assert!(!desk.path("none.wim").exists());
    insta::assert_snapshot!(seen);
    for wim in ["one.wim", "two.wim", "left.wim"] {
        is_whole(&desk, wim);
    }
}

#[test]
fn a_volume_on_which_windows_sleeps_does_not_stop_the_next_one() {
    let desk = Desk::empty();
    sparse(&desk, "disk.img", 68 << 20);
    partition(&desk, "disk.img", "label: dos\nstart=2048, size=65536, type=7\nstart=67584, size=65536, type=7\n");
    put_ntfs(&desk, "volume", 65536 * 512);
    desk.put("hiberfil.sys", [b"hibr".as_slice(), &[0; 4096]].concat());
    tool(&desk, "ntfscp", &["-q", "volume", "hiberfil.sys", "hiberfil.sys"]);
    put_into(&desk, "volume", "disk.img", 2048);
    put_ntfs(&desk, "volume", 65536 * 512);
    put_into(&desk, "volume", "disk.img", 67584);
    insta::assert_snapshot!(desk.see("capture disk.img -o out.wim --compression none"));
    is_whole(&desk, "out.wim");
    assert!(details(&desk, "out.wim", "1").contains("Zone.Identifier"));
}

#[test]
fn a_disk_of_4096_byte_sectors_is_captured_by_its_mbr() {
    let desk = Desk::empty();
    sparse(&desk, "volume", 32 << 20);
    tool(&desk, "mkntfs", &["-F", "-Q", "-T", "-q", "-s", "4096", "volume"]);
    desk.put("letter", "Moin\n");
    tool(&desk, "ntfscp", &["-q", "volume", "letter", "letter.txt"]);
    sparse(&desk, "disk.img", 40 << 20);
    let mut record = vec![0; 512];
    record[446 + 4] = 7;
    record[446 + 8..446 + 12].copy_from_slice(&256u32.to_le_bytes());
    record[446 + 12..446 + 16].copy_from_slice(&8192u32.to_le_bytes());
    record[510..].copy_from_slice(&[0x55, 0xaa]);
    fs::File::options().write(true).open(desk.path("disk.img")).unwrap().write_all_at(&record, 0).unwrap();
    put_into(&desk, "volume", "disk.img", 2048);
    desk.done(&["capture", "disk.img", "-o", "out.wim"]);
    assert!(tool(&desk, "wimlib-imagex", &["dir", "out.wim", "1"]).contains("/letter.txt"));
}

#[test]
fn a_wim_file_has_the_name_of_one() {
    let desk = Desk::empty();
    put_tree(&desk);
    let mut seen = String::new();
    for line in [
        "capture tree -o out.img",
        "capture tree -o out/disk",
        "capture tree -o out.esd",
        "capture tree -o .wim",
        "capture tree -o OUT.WIM",
        "capture tree -o out.esd --compression solid",
    ] {
        seen += &desk.see(line);
    }
    // What is added to has a name already.
    fs::rename(desk.path("OUT.WIM"), desk.path("images")).unwrap();
    desk.done(&["capture", "tree", "-o", "images", "--append", "--name", "two"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn logical_partitions_of_an_mbr_are_captured() {
    let desk = Desk::empty();
    sparse(&desk, "disk.img", 48 << 20);
    partition(
        &desk,
        "disk.img",
        "label: dos\nstart=2048, size=2048, type=83\nstart=4096, size=81920, type=f\nstart=8192, size=65536, type=7\n",
    );
    put_ntfs(&desk, "volume", 65536 * 512);
    put_into(&desk, "volume", "disk.img", 8192);
    insta::assert_snapshot!(desk.see("capture disk.img -o win7.wim"));
    is_whole(&desk, "win7.wim");
}

#[test]
fn a_fat_volume_keeps_attributes_short_names_and_times() {
    for (width, len) in [("12", 2 << 20), ("16", 16 << 20), ("32", 64 << 20)] {
        let desk = Desk::empty();
        put_fat(&desk, "volume.img", len, width);
        desk.done(&["capture", "volume.img", "-o", "out.wim", "--check"]);
        is_whole(&desk, "out.wim");
        assert_eq!(desk.list("."), ["out.wim", "volume.img"]);
        let said = details(&desk, "out.wim", "1");
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
        let shown = tool(&desk, "mdir", &["-i", "volume.img", "-f", "-a", "::EFI/Microsoft"]);
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
    let desk = Desk::empty();
    put_tree(&desk);
    for compression in ["none", "xpress", "lzx", "solid"] {
        let capture = |target: &str, threads: &str| {
            let common = ["capture", "tree", "-o", target, "--compression", compression, "--check", "--date"];
            desk.done(&[&common[..], &["1800000000", "--threads", threads]].concat());
            desk.get(target)
        };
        let first = capture(&format!("{compression}-1.wim"), "1");
        tool(&desk, "touch", &["-a", "-d", "2001-01-01", "tree/docs/a.txt", "tree/docs"]);
        let second = capture(&format!("{compression}-2.wim"), "2");
        assert!(first == second, "{compression}");
        is_whole(&desk, &format!("{compression}-1.wim"));
    }
    let said = details(&desk, "lzx-1.wim", "1");
    assert!(said.contains("Link Count          = 2") && !said.contains("pagefile") && !said.contains("2001"), "{said}");
}

#[test]
fn images_are_added_to_a_file_and_what_is_unchanged_is_taken_from_another() {
    let desk = Desk::empty();
    put_tree(&desk);
    desk.put("tree/Windows/System32/large.dll", noise(2_000_000, 9));
    let mut seen = desk.see("capture tree -o base.wim --name one");
    let before = desk.get("base.wim");
    desk.put("more/new.txt", "new\n");
    seen += &desk.see("capture more -o base.wim");
    seen += &desk.see("capture more -o base.wim --append --name one");
    assert_eq!(desk.get("base.wim"), before);
    seen += &desk.see("capture more -o base.wim --append --name two --check");
    is_whole(&desk, "base.wim");
    seen += &desk.see("inspect base.wim");
    // What has the same size and time is not read: wrong bytes are taken for the right ones, as the help says.
    let path = desk.path("tree/Windows/System32/large.dll");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"changed", 0).unwrap();
    file.set_modified(time).unwrap();
    desk.put("tree/docs/a.txt", "changed\n");
    seen += &desk.see("capture tree -o base.wim --name one --update-from base.wim --force");
    is_whole(&desk, "base.wim");
    insta::assert_snapshot!(seen);
    tool(&desk, "wimlib-imagex", &["extract", "base.wim", "1", "Windows/System32/large.dll", "--dest-dir=extracted"]);
    assert!(desk.get("extracted/large.dll") == noise(2_000_000, 9) && fs::read(&path).unwrap() != noise(2_000_000, 9));
    tool(&desk, "wimlib-imagex", &["extract", "base.wim", "1", "docs/a.txt", "--dest-dir=extracted", "--no-acls"]);
    assert_eq!(desk.get("extracted/a.txt"), b"changed\n");
}

#[test]
fn exclusions_can_be_others_or_none() {
    let desk = Desk::empty();
    put_tree(&desk);
    desk.put("own.ini", "[ExclusionList]\n\\docs\n*.dll\n\n[ExclusionException]\n\\docs\\a.txt\n");
    let mut seen = desk.see("capture tree -o own.wim --config own.ini --compression none");
    seen += &desk.see("capture tree -o all.wim --no-exclusions --compression none");
    desk.put("own.ini", "[ExclusionList]\ndocs\\a.txt\n");
    seen += &desk.see("capture tree -o wrong.wim --config own.ini");
    seen += &desk.see("capture tree -o wrong.wim --config missing.ini");
    insta::assert_snapshot!(seen);
    let said = tool(&desk, "wimlib-imagex", &["dir", "own.wim", "1"]);
    assert!(!said.contains(".dll") && said.contains("pagefile.sys"), "{said}");
}

#[test]
fn what_cannot_be_captured_is_an_error_that_says_what_to_do() {
    let desk = Desk::empty();
    put_ntfs(&desk, "volume.img", 32 << 20);
    put_fat(&desk, "fat.img", 2 << 20, "12");
    desk.put("nothing.img", vec![0; 1 << 20]);
    fs::copy(desk.path("volume.img"), desk.path("itself.wim")).unwrap();
    desk.put("text.img", "hello\n");
    desk.put("locked.img", b"\xeb\x58\x90-FVE-FS-");
    fs::write(desk.path("cut.img"), &desk.get("volume.img")[..20 << 20]).unwrap();
    // Where a hibernated Windows has its memory, with the mark that it is in use.
    fs::copy(desk.path("volume.img"), desk.path("asleep.img")).unwrap();
    desk.put("hiberfil.sys", [b"hibr".as_slice(), &[0; 4096]].concat());
    tool(&desk, "ntfscp", &["-q", "asleep.img", "hiberfil.sys", "hiberfil.sys"]);
    // What ntfsfix leaves is to be checked by Windows.
    fs::copy(desk.path("volume.img"), desk.path("dirty.img")).unwrap();
    tool(&desk, "ntfsfix", &["dirty.img"]);
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
        seen += &desk.see(line);
        assert!(!desk.path("out.wim").exists() && !desk.path(".out.wim.tsmedia-part").exists(), "{line}");
    }
    let long = "x".repeat(256);
    seen += &desk.see(&format!("capture tree -o out.wim --description {long}")).replace(&long, "xxx…");
    insta::assert_snapshot!(seen);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let desk = Desk::empty();
    desk.put("tree/secret/a.txt", "secret\n");
    desk.put("other/a.txt", "secret\n");
    tool(&desk, "chmod", &["000", "tree/secret", "other/a.txt"]);
    let mut seen = String::new();
    for folder in ["tree", "other"] {
        let line = format!("capture {folder} -o out.wim");
        let words: Vec<_> = line.split(' ').collect();
        seen += &desk.see_ran(&line, &desk.command_of_somebody(&words).output().unwrap());
        assert!(!desk.path("out.wim").exists());
    }
    tool(&desk, "chmod", &["755", "tree/secret", "other/a.txt"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_killed_capture_leaves_what_was_there_and_the_next_one_uses_up_the_rest() {
    let desk = Desk::empty();
    put_ntfs(&desk, "volume.img", 32 << 20);
    put_fat(&desk, "fat.img", 16 << 20, "16");
    sparse(&desk, "tree/docs/large", 2 << 30);
    fs::create_dir(desk.path("out")).unwrap();
    desk.put("out/out.wim", "what was there");
    let line = ["capture", "volume.img", "fat.img", "tree", "-o", "out/out.wim", "--force"];
    for signal in ["INT", "KILL"] {
        let mut child = desk.command(&line).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        // The header is written first, so there is something half-made by then.
        while fs::metadata(desk.path("out/.out.wim.tsmedia-part")).map_or(0, |part| part.len()) < 100_000 {
            assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none(), "it never began");
            std::thread::sleep(Duration::from_millis(2));
        }
        tool(&desk, "sh", &["-c", &format!("kill -{signal} {}", child.id())]);
        let status = child.wait().unwrap();
        assert_eq!(desk.get("out/out.wim"), b"what was there");
        match signal {
            "INT" => assert_eq!((status.code(), desk.list("out")), (Some(130), vec!["out.wim".to_owned()])),
            _ => {
                assert_eq!(desk.list("out").len(), 3, "{:?}", desk.list("out"));
                // Nobody else can read what was taken out of the volume.
                let folder = desk.list("out").into_iter().find(|name| name.contains("-fat")).unwrap();
                let mode = fs::metadata(desk.path(&format!("out/{folder}"))).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o700);
            }
        }
    }
    fs::remove_file(desk.path("tree/docs/large")).unwrap();
    desk.done(&line);
    is_whole(&desk, "out/out.wim");
    assert_eq!(desk.list("out"), ["out.wim"]);
}
