//! Boot images that are made of others: files put into them, and an image taken out of several.

use std::fs;
use std::process::Command;

use crate::fixtures::sandbox::{Sandbox, wimlib};

/// Takes the boot image off the medium, and what is in it.
fn taken_off(sandbox: &Sandbox) {
    let _ = (fs::remove_dir_all(sandbox.path("taken")), fs::remove_dir_all(sandbox.path("applied")));
    sandbox.run_other("7z", &["e", "-bso0", "-bsp0", "-otaken", "out/win11-BER.iso", "sources/boot.wim"]);
    sandbox.run_other("7z", &["t", "-bso0", "-bsp0", "taken/boot.wim"]);
    sandbox.run_other("wimlib-imagex", &["verify", "taken/boot.wim"]);
    sandbox.run_other("wimlib-imagex", &["apply", "taken/boot.wim", "applied"]);
}

const FILES: &str = "prompt = false\n\n[[boot.file]]\nsource = \"winpe/startnet.cmd\"\n\
    path = \"Windows/System32/startnet.cmd\"\n\n[[boot.file]]\nsource = \"winpe/tools\"\npath = \"tools\"\n\
    when = \"{{ site.code == 'BER' }}\"\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put("winpe/startnet.cmd", "wpeinit\r\n");
    sandbox.put("winpe/tools/x64/tool.exe", [9; 70_000]);
    sandbox.edit("prompt = false\n", FILES);
    // The change of a file shows when it is in another tick of the clock than the build.
    std::thread::sleep(std::time::Duration::from_millis(30));
    sandbox
}

#[test]
fn files_are_put_into_the_boot_image_and_a_change_of_one_is_patched_in() {
    let sandbox = sandbox();
    let mut seen = sandbox.see("plan --site BER --detailed-exitcode");
    sandbox.done(&["apply"]);
    taken_off(&sandbox);
    assert_eq!(sandbox.get("applied/Windows/System32/startnet.cmd"), b"wpeinit\r\n");
    assert_eq!(sandbox.get("applied/tools/x64/tool.exe"), [9; 70_000]);
    assert_eq!(sandbox.get("applied/Windows/System32/winpeshl.exe"), [7; 5_000]);
    sandbox.done(&["verify", "out/win11-BER.iso"]);
    sandbox.done(&["verify", "out/win11-BER.iso", "--manifest", "media.toml"]);
    seen += &sandbox.see("plan --detailed-exitcode");
    sandbox.put("winpe/startnet.cmd", "wpeinit\r\nstart\r\n");
    std::thread::sleep(std::time::Duration::from_millis(30));
    // Digests hang on the boot image, which has a random identity.
    let differs = sandbox.done(&["diff", "media.toml", "out/win11-BER.iso", "--site", "BER"]);
    assert!(differs.contains("~ sources/boot.wim") && differs.contains("files: 1 changed"), "{differs}");
    sandbox.done(&["apply"]);
    let patched = sandbox.get("out/win11-BER.iso");
    taken_off(&sandbox);
    assert_eq!(sandbox.get("applied/Windows/System32/startnet.cmd"), b"wpeinit\r\nstart\r\n");
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    sandbox.done(&["apply"]);
    assert!(sandbox.get("out/win11-BER.iso") == patched, "a clean build is another");
    insta::assert_snapshot!(seen, @"
    $ tsmedia plan --site BER --detailed-exitcode
    | 1 to create; 155 kB to write
    |
    | create   out/win11-BER.iso (1.19 MB, 155 kB to write)
    |   not built yet
    |   boots without a key prompt
    |   contents: 110 kB in 13 files
    |     boot image: 77.4 kB in 1 file
    |     package `BER00021`: 50 B in 2 files
    |     files of the medium itself: 32.5 kB in 10 files
    = 2

    $ tsmedia plan --detailed-exitcode
    | nothing to do: all 2 outputs are up to date
    |
    | keep     out/win11-BER.iso (1.19 MB)
    | keep     out/win11-HAM.iso (1.13 MB)
    = 0
    ");
}

#[test]
fn an_image_that_is_not_marked_to_start_is_taken_out_and_marked() {
    let sandbox = sandbox();
    let path = |name: &str| sandbox.path(name).into_string();
    sandbox.put("tree/setup.txt", "second");
    wimlib(&["append", &path("tree"), &path("images/boot.wim"), "Setup"]);
    wimlib(&["info", &path("images/boot.wim"), "2", "--image-property", "WINDOWS/ARCH=9"]);
    sandbox.edit("images/boot.wim\" }", "images/boot.wim\", index = 2 }");
    sandbox.done(&["apply", "--site", "BER"]);
    taken_off(&sandbox);
    assert_eq!(sandbox.get("applied/setup.txt"), b"second");
    assert!(
        sandbox.path("applied/tools/x64/tool.exe").exists()
            && !sandbox.path("applied/Windows/System32/winpeshl.exe").exists()
    );
    let info =
        Command::new("wimlib-imagex").args(["info", "taken/boot.wim"]).current_dir(&sandbox.root).output().unwrap();
    let info = String::from_utf8_lossy(&info.stdout).into_owned();
    assert!(info.contains("Image Count:    1") && info.contains("Boot Index:     1"), "{info}");
}

#[test]
fn what_can_not_be_put_into_the_boot_image_is_told() {
    let sandbox = sandbox();
    sandbox.put("images/whole.wim", sandbox.get("images/boot.wim"));
    sandbox.edit("path = \"tools\"", "path = \"windows/system32/WINPESHL.exe\"");
    let mut seen = sandbox.see("check --site BER");
    sandbox.edit("path = \"windows/system32/WINPESHL.exe\"", "path = \"Windows/System32/startnet.cmd\"");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("path = \"Windows/System32/startnet.cmd\"\nwhen", "path = 'X:\\tools'\nwhen");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("path = 'X:\\tools'\n", "path = \"tools\"\n");
    sandbox.edit("winpe/tools", "winpe/tool");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("\"winpe/tool\"", "\"winpe/tools\"");
    sandbox.edit("images/boot.wim", "images/solid.wim");
    let path = |name: &str| sandbox.path(name).into_string();
    wimlib(&["export", &path("images/whole.wim"), "1", &path("images/solid.wim"), "--solid", "--boot"]);
    seen += &sandbox.see("check --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_prestart_command_of_the_boot_image_is_not_replaced_in_silence() {
    let sandbox = Sandbox::new();
    sandbox.put("TSConfig.INI", "[CustomHook]\r\nCommandLine=cmd /c theirs.cmd\r\nSource=SMS10000\r\n");
    let (image, file) = (sandbox.path("images/boot.wim"), sandbox.path("TSConfig.INI"));
    wimlib(&["update", image.as_str(), "1", &format!("--command=add '{file}' /TSConfig.INI")]);
    let without = sandbox.see("check --site BER");
    assert!(!without.contains("theirs.cmd"), "{without}");
    sandbox.edit("\n[[package]]", "\n[prestart]\ncommand = \"cmd /c ours.cmd\"\n\n[[package]]");
    insta::assert_snapshot!(sandbox.see("check --site BER"));
}

#[test]
fn a_background_image_takes_the_place_of_that_of_windows_pe() {
    let sandbox = sandbox();
    sandbox.edit("prompt = false\n", "prompt = false\nbackground = \"winpe/logo.jpg\"\n");
    let mut seen = sandbox.see("check --site BER");
    sandbox.put("winpe/logo.jpg", b"\x89PNG\r\n\x1a\n");
    seen += &sandbox.see("check --site BER");
    insta::assert_snapshot!(seen);
    let image = [b"\xff\xd8\xff\xe0".as_slice(), &[5; 3_000]].concat();
    sandbox.put("winpe/logo.jpg", &image);
    sandbox.done(&["apply", "--site", "BER"]);
    taken_off(&sandbox);
    assert!(sandbox.get("applied/Windows/System32/winpe.jpg") == image);
}
