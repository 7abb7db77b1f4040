//! Solid WIM files: re-exported once where they start or are split, and left alone elsewhere.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixtures::sandbox::{Sandbox, wimlib};

/// Bytes that hardly compress.
fn noise(len: usize, mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Makes a solid WIM file of a usual one.
fn solid(sandbox: &Sandbox, from: &str, to: &str, options: &[&str]) {
    let (from, to) = (sandbox.path(from), sandbox.path(to));
    wimlib(&[&["export", from.as_str(), "all", to.as_str(), "--solid"], options].concat());
}

/// Waits until a change of what is there by now shows, by the clock of the file system.
fn settle() {
    std::thread::sleep(Duration::from_millis(30));
}

/// A bootable medium whose boot image is solid, and so is what it carries.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    solid(&sandbox, "images/boot.wim", "images/boot.esd", &[]);
    sandbox.edit("images/boot.wim", "images/boot.esd");
    settle();
    sandbox
}

fn run(sandbox: &Sandbox, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(&sandbox.root).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Takes the boot image off the medium, and what is in it.
fn taken_off(sandbox: &Sandbox) -> String {
    let _ = (fs::remove_dir_all(sandbox.path("taken")), fs::remove_dir_all(sandbox.path("applied")));
    run(sandbox, "7z", &["e", "-bso0", "-bsp0", "-otaken", "out/win11-BER.iso", "sources/boot.wim"]);
    run(sandbox, "7z", &["t", "-bso0", "-bsp0", "taken/boot.wim"]);
    run(sandbox, "wimlib-imagex", &["verify", "taken/boot.wim"]);
    run(sandbox, "wimlib-imagex", &["apply", "taken/boot.wim", "applied"]);
    run(sandbox, "wimlib-imagex", &["info", "taken/boot.wim"])
}

fn exports(sandbox: &Sandbox) -> Vec<String> {
    let there = sandbox.path(".tsmedia/objects/wim-exports");
    if there.exists() { sandbox.list(".tsmedia/objects/wim-exports") } else { Vec::new() }
}

#[test]
fn a_solid_boot_image_is_re_exported_once_and_never_again() {
    let sandbox = sandbox();
    let mut seen = sandbox.see("check");
    assert!(!sandbox.path(".tsmedia").exists(), "check wrote something");
    seen += &(sandbox.see("plan") + &sandbox.see("check"));
    seen += &(sandbox.see("apply") + &sandbox.see("plan --detailed-exitcode") + &sandbox.see("apply"));
    insta::assert_snapshot!(seen);
    let info = taken_off(&sandbox);
    for line in ["Compression:    LZX", "Chunk Size:     32768 bytes", "Boot Index:     1", "Version:        68864"] {
        assert!(info.contains(line), "{line}: {info}");
    }
    assert!(sandbox.done(&["cache"]).contains("wim-exports"));
    assert_eq!(sandbox.get("applied/Windows/System32/winpeshl.exe"), [7; 5_000]);
    sandbox.done(&["verify", "out/win11-BER.iso", "--manifest", "media.toml"]);

    // The same images elsewhere, or at another time, are the same images.
    let made = exports(&sandbox);
    assert_eq!(made.len(), 2, "{made:?}");
    fs::copy(sandbox.path("images/boot.esd"), sandbox.path("images/copied.esd")).unwrap();
    sandbox.edit("images/boot.esd", "images/copied.esd");
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    assert_eq!(exports(&sandbox), made);

    // Whatever is in the cache, the same bytes come out.
    let medium = sandbox.get("out/win11-BER.iso");
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    sandbox.done(&["cache", "--clear"]);
    settle();
    sandbox.done(&["apply"]);
    assert!(sandbox.get("out/win11-BER.iso") == medium, "a clean build is another");
}

#[test]
fn an_image_of_a_solid_wim_file_is_taken_out_and_files_put_into_it() {
    let sandbox = sandbox();
    let path = |name: &str| sandbox.path(name).into_string();
    sandbox.put("tree/Windows/setup.txt", "second");
    wimlib(&["append", &path("tree"), &path("images/boot.wim"), "Setup"]);
    wimlib(&["info", &path("images/boot.wim"), "2", "--image-property", "WINDOWS/ARCH=9"]);
    fs::remove_file(sandbox.path("images/boot.esd")).unwrap();
    solid(&sandbox, "images/boot.wim", "images/boot.esd", &["--check"]);
    sandbox.put("winpe/startnet.cmd", "wpeinit\r\n");
    sandbox.put("winpe/more/startnet.cmd", "wpeinit\r\n");
    let file = "[[boot.file]]\nsource = \"winpe/startnet.cmd\"\npath = \"Windows/setup.txt/startnet.cmd\"\n\
        [[boot.file]]\nsource = \"winpe/more\"\npath = \"Windows\"\n";
    sandbox.edit("images/boot.esd\" }", "images/boot.esd\", index = 2 }");
    sandbox.edit("prompt = false\n", &format!("prompt = false\n\n{file}"));
    settle();
    // What is wrong is told before anything is made.
    let mut seen = sandbox.see("check") + &sandbox.see("plan");
    assert_eq!(exports(&sandbox), [""; 0]);
    sandbox.edit("Windows/setup.txt/startnet.cmd", "Windows/System32/startnet.cmd");
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
    sandbox.done(&["apply"]);
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    let info = taken_off(&sandbox);
    let image = ["Image Count:    1", "Boot Index:     1", "Name:                   Setup", "Integrity info"];
    assert!(image.iter().all(|line| info.contains(line)), "{info}");
    assert_eq!(sandbox.get("applied/Windows/setup.txt"), b"second");
    assert_eq!(sandbox.get("applied/Windows/System32/startnet.cmd"), b"wpeinit\r\n");
    assert!(!sandbox.path("applied/Windows/System32/winpeshl.exe").exists());

    // The image was made once, whatever is put into it.
    sandbox.put("winpe/startnet.cmd", "wpeinit\r\nstart\r\n");
    settle();
    let ran = sandbox.run(&["apply"]);
    assert!(ran.status.success() && !String::from_utf8_lossy(&ran.stderr).contains("re-exporting"), "{ran:?}");
    taken_off(&sandbox);
    assert_eq!(sandbox.get("applied/Windows/System32/startnet.cmd"), b"wpeinit\r\nstart\r\n");
}

#[test]
fn a_solid_operating_system_image_stays_solid_until_it_has_to_be_split() {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    let entry = "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.esd\"\nindex = 2\n\n[[package]]";
    sandbox.edit("[[package]]", entry);
    for n in 0..6u64 {
        sandbox.put(&format!("tree/Windows/{n}.dll"), noise(400_000, n));
        sandbox.put(&format!("other/Windows/{n}.dll"), noise(400_000, n / 2 * 2));
    }
    let path = |name: &str| sandbox.path(name).into_string();
    wimlib(&["capture", &path("tree"), &path("images/install.wim"), "One", "--check"]);
    wimlib(&["append", &path("other"), &path("images/install.wim"), "Two"]);
    solid(&sandbox, "images/install.wim", "images/install.esd", &["--check"]);
    settle();
    sandbox.done(&["apply"]);
    assert_eq!(exports(&sandbox), [""; 0]);
    run(&sandbox, "7z", &["e", "-bso0", "-bsp0", "-otaken", "out/win11-BER.iso", "SMS/PKG/BER00010/install.esd"]);
    assert!(sandbox.get("taken/install.esd") == sandbox.get("images/install.esd"));

    // On discs that don't hold it, its parts are.
    sandbox.edit("[output]\n", "[output]\ncapacity = \"2 MB\"\n");
    let seen = sandbox.see("check") + &sandbox.see("plan") + &sandbox.see("check");
    // How well noise compresses is up to wimlib, and so is what is on which disc.
    let said: Vec<_> = seen.lines().filter(|line| !line.contains('|')).collect();
    insta::assert_snapshot!(said.join("\n"));
    sandbox.done(&["apply"]);
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    let mut parts = Vec::new();
    for disc in sandbox.list("out").into_iter().filter(|name| name.ends_with(".iso") && name != "win11-BER.iso") {
        let disc = sandbox.path("out").join(disc);
        run(&sandbox, "7z", &["e", "-bso0", "-bsp0", "-aoa", "-oparts", disc.as_str(), "SMS/PKG/BER00010"]);
    }
    parts.extend(sandbox.list("parts").into_iter().filter(|name| name.ends_with(".swm")));
    assert!(parts.len() > 1, "{parts:?}");
    let parts: Vec<_> = parts.iter().map(|part| path(&format!("parts/{part}"))).collect();
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    wimlib(&[&["join", &path("joined.wim")], &parts[..]].concat());
    wimlib(&["verify", &path("joined.wim")]);
    for (index, tree) in [("1", "tree"), ("2", "other")] {
        wimlib(&["apply", &path("joined.wim"), index, &path("applied")]);
        run(&sandbox, "diff", &["-r", tree, "applied"]);
        fs::remove_dir_all(sandbox.path("applied")).unwrap();
    }

    // And on a stick whose file system holds no file of its length, which a hole at the end gives it.
    sandbox.edit("capacity = \"2 MB\"\n", "format = \"usb\"\nlarge-files = \"split\"\n");
    sandbox.edit("{{ site.code }}.iso", "{{ site.code }}.img");
    sandbox.edit("prompt = false\n", "");
    File::options().write(true).open(sandbox.path("images/install.esd")).unwrap().set_len(5 << 30).unwrap();
    settle();
    sandbox.done(&["check"]);
    sandbox.done(&["apply"]);
    assert_eq!(exports(&sandbox).len(), 2, "it holds the same images");
    run(&sandbox, "mcopy", &["-i", "out/win11-BER.img@@1M", "::SMS/PKG/BER00010/install000.swm", "."]);
    wimlib(&["verify", &path("install000.swm")]);
}

#[test]
fn an_export_that_is_stopped_or_fails_leaves_nothing_under_its_name() {
    let sandbox = sandbox();
    sandbox.put("tree/Windows/noise.bin", noise(3 << 20, 1));
    let path = |name: &str| sandbox.path(name).into_string();
    wimlib(&["capture", &path("tree"), &path("images/whole.wim"), "PE", "--boot"]);
    wimlib(&["info", &path("images/whole.wim"), "1", "--image-property", "WINDOWS/ARCH=9"]);
    fs::remove_file(sandbox.path("images/boot.esd")).unwrap();
    solid(&sandbox, "images/whole.wim", "images/boot.esd", &["--compress=XPRESS"]);
    settle();
    let begin = || {
        let child = sandbox.command(&["plan"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        while exports(&sandbox).is_empty() {
            assert!(start.elapsed() < Duration::from_secs(60), "it never began");
            std::thread::sleep(Duration::from_millis(1));
        }
        child
    };
    let child = begin();
    let interrupt = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(interrupt.success());
    let ran = child.wait_with_output().unwrap();
    assert_eq!(exports(&sandbox), [""; 0]);
    let mut seen = sandbox.see_ran("plan", &ran);

    let mut child = begin();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(exports(&sandbox).iter().all(|name| name.ends_with(".tsmedia-part")), "{:?}", exports(&sandbox));

    let whole = sandbox.get("images/boot.esd");
    let mut damaged = whole.clone();
    damaged[100_000] ^= 1;
    sandbox.put("images/boot.esd", &damaged);
    seen += &sandbox.see("plan");
    assert_eq!(exports(&sandbox), [""; 0]);
    insta::assert_snapshot!(seen, @r#"
    $ tsmedia plan
    ! re-exporting `images/boot.esd`, which is solid
    ! error: interrupted
    = 130

    $ tsmedia plan
    ! re-exporting `images/boot.esd`, which is solid
    !   × `images/boot.esd` is damaged: the SHA-1 message digest of a WIM resource did not match the
    !   │ expected value
    !     ╭─[media.toml:13:18]
    !  12 │ [boot]
    !  13 │ image = { file = "images/boot.esd" }
    !     ·                  ────────┬────────
    !     ·                          ╰── named here
    !  14 │ files = "boot-files"
    !     ╰────
    !   help: copy the file again, or check it with `wimlib-imagex verify images/boot.esd`
    !
    ! 1 error
    = 1
    "#);
    sandbox.put("images/boot.esd", &whole);
    sandbox.done(&["plan"]);
    assert_eq!(exports(&sandbox).len(), 2);
    assert!(fs::metadata(sandbox.path("images/boot.esd")).unwrap().size() > 3 << 20);
}
