//! Solid WIM files: re-exported once where they start or are split, and left alone elsewhere.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixtures::desk::{Desk, wimlib};

/// Bytes that hardly compress.
fn noise(len: usize, mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Makes a solid WIM file of a usual one.
fn solid(desk: &Desk, from: &str, to: &str, options: &[&str]) {
    let (from, to) = (desk.path(from), desk.path(to));
    wimlib(&[&["export", from.as_str(), "all", to.as_str(), "--solid"], options].concat());
}

/// Waits until a change of what is there by now shows, by the clock of the file system.
fn settle() {
    std::thread::sleep(Duration::from_millis(30));
}

/// A bootable medium whose boot image is solid, and so is what it carries.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    solid(&desk, "images/boot.wim", "images/boot.esd", &[]);
    desk.edit("images/boot.wim", "images/boot.esd");
    settle();
    desk
}

fn run(desk: &Desk, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(&desk.root).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Takes the boot image off the medium, and what is in it.
fn taken_off(desk: &Desk) -> String {
    let _ = (fs::remove_dir_all(desk.path("taken")), fs::remove_dir_all(desk.path("applied")));
    run(desk, "7z", &["e", "-bso0", "-bsp0", "-otaken", "out/win11-BER.iso", "sources/boot.wim"]);
    run(desk, "7z", &["t", "-bso0", "-bsp0", "taken/boot.wim"]);
    run(desk, "wimlib-imagex", &["verify", "taken/boot.wim"]);
    run(desk, "wimlib-imagex", &["apply", "taken/boot.wim", "applied"]);
    run(desk, "wimlib-imagex", &["info", "taken/boot.wim"])
}

fn exports(desk: &Desk) -> Vec<String> {
    let there = desk.path(".tsmedia/objects/wim-exports");
    if there.exists() { desk.list(".tsmedia/objects/wim-exports") } else { Vec::new() }
}

#[test]
fn a_solid_boot_image_is_re_exported_once_and_never_again() {
    let desk = desk();
    let mut seen = desk.see("check");
    assert!(!desk.path(".tsmedia").exists(), "check wrote something");
    seen += &(desk.see("plan") + &desk.see("check"));
    seen += &(desk.see("apply") + &desk.see("plan --detailed-exitcode") + &desk.see("apply"));
    insta::assert_snapshot!(seen);
    let info = taken_off(&desk);
    for line in ["Compression:    LZX", "Chunk Size:     32768 bytes", "Boot Index:     1", "Version:        68864"] {
        assert!(info.contains(line), "{line}: {info}");
    }
    assert!(desk.done(&["cache"]).contains("wim-exports"));
    assert_eq!(desk.get("applied/Windows/System32/winpeshl.exe"), [7; 5_000]);
    desk.done(&["verify", "out/win11-BER.iso", "--manifest", "media.toml"]);

    // The same images elsewhere, or at another time, are the same images.
    let made = exports(&desk);
    assert_eq!(made.len(), 2, "{made:?}");
    fs::copy(desk.path("images/boot.esd"), desk.path("images/copied.esd")).unwrap();
    desk.edit("images/boot.esd", "images/copied.esd");
    assert!(desk.done(&["plan"]).starts_with("nothing to do"));
    assert_eq!(exports(&desk), made);

    // Whatever is in the cache, the same bytes come out.
    let medium = desk.get("out/win11-BER.iso");
    fs::remove_dir_all(desk.path("out")).unwrap();
    desk.done(&["cache", "--clear"]);
    settle();
    desk.done(&["apply"]);
    assert!(desk.get("out/win11-BER.iso") == medium, "a clean build is another");
}

#[test]
fn an_image_of_a_solid_wim_file_is_taken_out_and_files_put_into_it() {
    let desk = desk();
    let path = |name: &str| desk.path(name).into_string();
    desk.put("tree/Windows/setup.txt", "second");
    wimlib(&["append", &path("tree"), &path("images/boot.wim"), "Setup"]);
    wimlib(&["info", &path("images/boot.wim"), "2", "--image-property", "WINDOWS/ARCH=9"]);
    fs::remove_file(desk.path("images/boot.esd")).unwrap();
    solid(&desk, "images/boot.wim", "images/boot.esd", &["--check"]);
    desk.put("winpe/startnet.cmd", "wpeinit\r\n");
    desk.put("winpe/more/startnet.cmd", "wpeinit\r\n");
    let file = "[[boot.file]]\nsource = \"winpe/startnet.cmd\"\npath = \"Windows/setup.txt/startnet.cmd\"\n\
        [[boot.file]]\nsource = \"winpe/more\"\npath = \"Windows\"\n";
    desk.edit("images/boot.esd\" }", "images/boot.esd\", index = 2 }");
    desk.edit("prompt = false\n", &format!("prompt = false\n\n{file}"));
    settle();
    // What is wrong is told before anything is made.
    let mut seen = desk.see("check") + &desk.see("plan");
    assert_eq!(exports(&desk), [""; 0]);
    desk.edit("Windows/setup.txt/startnet.cmd", "Windows/System32/startnet.cmd");
    seen += &desk.see("check");
    insta::assert_snapshot!(seen);
    desk.done(&["apply"]);
    assert!(desk.done(&["plan"]).starts_with("nothing to do"));
    let info = taken_off(&desk);
    let image = ["Image Count:    1", "Boot Index:     1", "Name:                   Setup", "Integrity info"];
    assert!(image.iter().all(|line| info.contains(line)), "{info}");
    assert_eq!(desk.get("applied/Windows/setup.txt"), b"second");
    assert_eq!(desk.get("applied/Windows/System32/startnet.cmd"), b"wpeinit\r\n");
    assert!(!desk.path("applied/Windows/System32/winpeshl.exe").exists());

    // The image was made once, whatever is put into it.
    desk.put("winpe/startnet.cmd", "wpeinit\r\nstart\r\n");
    settle();
    let ran = desk.run(&["apply"]);
    assert!(ran.status.success() && !String::from_utf8_lossy(&ran.stderr).contains("re-exporting"), "{ran:?}");
    taken_off(&desk);
    assert_eq!(desk.get("applied/Windows/System32/startnet.cmd"), b"wpeinit\r\nstart\r\n");
}

#[test]
fn a_solid_operating_system_image_stays_solid_until_it_has_to_be_split() {
    let desk = Desk::new();
    desk.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    let entry = "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.esd\"\nindex = 2\n\n[[package]]";
    desk.edit("[[package]]", entry);
    for n in 0..6u64 {
        desk.put(&format!("tree/Windows/{n}.dll"), noise(400_000, n));
        desk.put(&format!("other/Windows/{n}.dll"), noise(400_000, n / 2 * 2));
    }
    let path = |name: &str| desk.path(name).into_string();
    wimlib(&["capture", &path("tree"), &path("images/install.wim"), "One", "--check"]);
    wimlib(&["append", &path("other"), &path("images/install.wim"), "Two"]);
    solid(&desk, "images/install.wim", "images/install.esd", &["--check"]);
    settle();
    desk.done(&["apply"]);
    assert_eq!(exports(&desk), [""; 0]);
    run(&desk, "7z", &["e", "-bso0", "-bsp0", "-otaken", "out/win11-BER.iso", "SMS/PKG/BER00010/install.esd"]);
    assert!(desk.get("taken/install.esd") == desk.get("images/install.esd"));

    // On discs that don't hold it, its parts are.
    desk.edit("[output]\n", "[output]\ncapacity = \"2 MB\"\n");
    let seen = desk.see("check") + &desk.see("plan") + &desk.see("check");
    // How well noise compresses is up to wimlib, and so is what is on which disc.
    let said: Vec<_> = seen.lines().filter(|line| !line.contains('|')).collect();
    insta::assert_snapshot!(said.join("\n"));
    desk.done(&["apply"]);
    assert!(desk.done(&["plan"]).starts_with("nothing to do"));
    let mut parts = Vec::new();
    for disc in desk.list("out").into_iter().filter(|name| name.ends_with(".iso") && name != "win11-BER.iso") {
        let disc = desk.path("out").join(disc);
        run(&desk, "7z", &["e", "-bso0", "-bsp0", "-aoa", "-oparts", disc.as_str(), "SMS/PKG/BER00010"]);
    }
    parts.extend(desk.list("parts").into_iter().filter(|name| name.ends_with(".swm")));
    assert!(parts.len() > 1, "{parts:?}");
    let parts: Vec<_> = parts.iter().map(|part| path(&format!("parts/{part}"))).collect();
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    wimlib(&[&["join", &path("joined.wim")], &parts[..]].concat());
    wimlib(&["verify", &path("joined.wim")]);
    for (index, tree) in [("1", "tree"), ("2", "other")] {
        wimlib(&["apply", &path("joined.wim"), index, &path("applied")]);
        run(&desk, "diff", &["-r", tree, "applied"]);
        fs::remove_dir_all(desk.path("applied")).unwrap();
    }

    // And on a stick whose file system holds no file of its length, which a hole at the end gives it.
    desk.edit("capacity = \"2 MB\"\n", "format = \"usb\"\nlarge-files = \"split\"\n");
    desk.edit("{{ site.code }}.iso", "{{ site.code }}.img");
    desk.edit("prompt = false\n", "");
    File::options().write(true).open(desk.path("images/install.esd")).unwrap().set_len(5 << 30).unwrap();
    settle();
    desk.done(&["check"]);
    desk.done(&["apply"]);
    assert_eq!(exports(&desk).len(), 2, "it holds the same images");
    run(&desk, "mcopy", &["-i", "out/win11-BER.img@@1M", "::SMS/PKG/BER00010/install000.swm", "."]);
    wimlib(&["verify", &path("install000.swm")]);
}

#[test]
fn an_export_that_is_stopped_or_fails_leaves_nothing_under_its_name() {
    let desk = desk();
    desk.put("tree/Windows/noise.bin", noise(3 << 20, 1));
    let path = |name: &str| desk.path(name).into_string();
    wimlib(&["capture", &path("tree"), &path("images/whole.wim"), "PE", "--boot"]);
    wimlib(&["info", &path("images/whole.wim"), "1", "--image-property", "WINDOWS/ARCH=9"]);
    fs::remove_file(desk.path("images/boot.esd")).unwrap();
    solid(&desk, "images/whole.wim", "images/boot.esd", &["--compress=XPRESS"]);
    settle();
    let begin = || {
        let child = desk.command(&["plan"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        while exports(&desk).is_empty() {
            assert!(start.elapsed() < Duration::from_secs(60), "it never began");
            std::thread::sleep(Duration::from_millis(1));
        }
        child
    };
    let child = begin();
    let interrupt = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(interrupt.success());
    let ran = child.wait_with_output().unwrap();
    assert_eq!(exports(&desk), [""; 0]);
    let mut seen = desk.see_ran("plan", &ran);

    let mut child = begin();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(exports(&desk).iter().all(|name| name.ends_with(".tsmedia-part")), "{:?}", exports(&desk));

    let whole = desk.get("images/boot.esd");
    let mut damaged = whole.clone();
    damaged[100_000] ^= 1;
    desk.put("images/boot.esd", &damaged);
    seen += &desk.see("plan");
    assert_eq!(exports(&desk), [""; 0]);
    insta::assert_snapshot!(seen);
    desk.put("images/boot.esd", &whole);
    desk.done(&["plan"]);
    assert_eq!(exports(&desk).len(), 2);
    assert!(fs::metadata(desk.path("images/boot.esd")).unwrap().size() > 3 << 20);
}
