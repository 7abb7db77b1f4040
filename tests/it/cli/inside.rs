//! Content, boot image, operating systems and boot files read from a disc or stick without extracting it.

use std::fs;

use crate::fixtures::sandbox::{Sandbox, wimlib};

const MANIFEST: &str = r#"manifest-version = 1

[media]
name = "win11"
kind = "stand-alone"
source-date = 2026-01-01

[output]
path = "out/win11.iso"

[boot]
image = { file = "disc/sources/boot.wim" }
files = "disc"
prompt = false

[[boot.file]]
source = "disc/extras/winpe"
path = "winpe"

[prestart]
command = "cmd /c ask.cmd"
files = "disc/extras/prestart"

[[operating-system]]
id = "BER00010"
file = "disc/sources/install.wim"

[[operating-system]]
id = "BER00011"
file = "disc/sources/install.esd"

[[package]]
id = "BER00021"
source = "disc/packages/vpn"

[[application]]
id = "APP1"
source = "disc/packages/vpn"

[[driver-package]]
id = "BER00031"
source = "disc/drivers"

[[file]]
source = "disc/extras/readme.txt"
path = "readme.txt"
"#;

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// A folder with all that a manifest names, in `disc`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::rename(sandbox.path("boot-files"), sandbox.path("disc")).unwrap();
    fs::create_dir(sandbox.path("disc/sources")).unwrap();
    fs::rename(sandbox.path("images/boot.wim"), sandbox.path("disc/sources/boot.wim")).unwrap();
    sandbox.put("disc/packages/vpn/setup.cmd", "rem installs the client\r\n");
    sandbox.put("disc/extras/winpe/startnet.cmd", "wpeinit\r\n");
    sandbox.put("disc/extras/prestart/ask.cmd", "rem asks\r\n");
    sandbox.put("disc/extras/readme.txt", "Moin\n");
    sandbox.put("disc/drivers/net.inf", "[Version]\r\nClass=Net\r\n");
    sandbox.put("tree/Windows/System32/kernel.txt", vec![7; 100_000]);
    let path = |name: &str| sandbox.path(name).into_string();
    wimlib(&["capture", &path("tree"), &path("disc/sources/install.wim"), "Windows"]);
    wimlib(&["info", &path("disc/sources/install.wim"), "1", "--image-property", "WINDOWS/ARCH=9"]);
    wimlib(&["export", &path("disc/sources/install.wim"), "1", &path("disc/sources/install.esd"), "--solid"]);
    sandbox.put("media.toml", MANIFEST);
    sandbox
}

/// Makes the medium of the folder, and returns its bytes.
fn of_folder(sandbox: &Sandbox) -> Vec<u8> {
    sandbox.done(&["apply"]);
    let bytes = sandbox.get("out/win11.iso");
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    bytes
}

/// Takes everything from a medium in place of the folder.
fn take_from(sandbox: &Sandbox, medium: &str) {
    let manifest = MANIFEST.replace("files = \"disc\"", &format!("files = \"{medium}!\""));
    sandbox.put("media.toml", manifest.replace("\"disc/", &format!("\"{medium}!/")));
}

/// A disc as Microsoft makes them: the files are in UDF, and ISO 9660 has another one.
fn windows_iso(sandbox: &Sandbox, name: &str) {
    sandbox.put("disc/README.TXT", "This disc contains a UDF file system.\n");
    let hidden = ["boot", "efi", "sources", "packages", "extras", "drivers", "bootmgr"];
    let hidden = hidden.iter().flat_map(|name| ["-hide", name]);
    let arguments = ["-quiet", "-udf", "-iso-level", "3", "-V", "WIN11", "-o", name];
    sandbox.run_other("genisoimage", &[&arguments[..], &hidden.collect::<Vec<_>>(), &["disc"]].concat());
    fs::remove_file(sandbox.path("disc/README.TXT")).unwrap();
}

#[test]
fn a_medium_made_from_an_iso_has_the_bytes_of_one_made_from_its_folder() {
    let sandbox = sandbox();
    let expected = of_folder(&sandbox);
    windows_iso(&sandbox, "Win11.iso");
    sandbox.run_other("xorriso", &["-as", "mkisofs", "-quiet", "-J", "-joliet-long", "-o", "joliet.iso", "disc"]);
    sandbox.run_other("mkfs.fat", &["-C", "-F", "16", "-n", "WIN11", "fat.img", "16384"]);
    for entry in sandbox.list("disc") {
        sandbox.run_other("mcopy", &["-s", "-i", "fat.img", &format!("disc/{entry}"), "::/"]);
    }
    fs::rename(sandbox.path("disc"), sandbox.path("gone")).unwrap();
    for medium in ["Win11.iso", "joliet.iso", "fat.img"] {
        take_from(&sandbox, medium);
        sandbox.done(&["apply"]);
        assert!(sandbox.get("out/win11.iso") == expected, "{medium} gives another medium");
        assert!(sandbox.done(&["plan"]).starts_with("nothing to do"), "{medium}");
        fs::remove_dir_all(sandbox.path("out")).unwrap();
    }
    // Tables mean the same.
    let table = |path: &str| format!("{{ medium = \"Win11.iso\", path = \"{path}\" }}");
    let mut manifest = MANIFEST.replace("\"disc\"", &table(""));
    for path in [
        "sources/boot.wim",
        "SOURCES/install.wim",
        "sources/install.esd",
        "packages/vpn",
        "drivers",
        "extras/winpe",
        "extras/prestart",
        "extras/readme.txt",
    ] {
        manifest = manifest.replace(&format!("\"disc/{}\"", path.replace("SOURCES", "sources")), &table(path));
    }
    assert!(!manifest.contains("disc/"), "{manifest}");
    sandbox.put("media.toml", manifest);
    sandbox.done(&["apply"]);
    assert!(sandbox.get("out/win11.iso") == expected, "tables give another medium");
}

#[test]
fn our_own_disc_is_a_source_and_its_change_is_a_reason() {
    let sandbox = sandbox();
    let (head, _) = MANIFEST.replace("out/win11.iso", "source.iso").split_once("[[boot.file]]").map(owned).unwrap();
    let file = |path: &str| format!("[[file]]\nsource = \"disc/{path}\"\npath = \"{path}\"\n\n");
    let files = ["packages", "drivers", "extras", "sources/install.wim", "sources/install.esd"];
    sandbox.put("source.toml", head + &files.map(file).concat());
    sandbox.done(&["apply", "source.toml"]);
    take_from(&sandbox, "source.iso");
    sandbox.done(&["apply"]);
    sandbox.put("disc/packages/vpn/setup.cmd", "rem installs another client\r\n");
    std::thread::sleep(std::time::Duration::from_millis(30));
    sandbox.done(&["apply", "source.toml"]);
    insta::assert_snapshot!(sandbox.see("plan"), @"
    $ tsmedia plan
    | 1 to patch; 123 kB to write
    |
    | patch    out/win11.iso (1.28 MB, 123 kB to write, 133 kB kept)
    |   package `BER00021`: `setup.cmd` changed, 25 B → 29 B
    |   application `APP1`: `setup.cmd` changed, 25 B → 29 B
    |   boots without a key prompt
    = 0
    ");
}

#[test]
fn an_esd_on_a_disc_starts_and_is_copied_to_the_cache_only_to_be_re_exported() {
    let sandbox = sandbox();
    let path = |name: &str| sandbox.path(name).into_string();
    wimlib(&["export", &path("disc/sources/boot.wim"), "1", &path("disc/sources/boot.esd"), "--solid"]);
    let solid = MANIFEST.replace("sources/boot.wim", "sources/boot.esd");
    sandbox.put("media.toml", &solid);
    let expected = of_folder(&sandbox);
    windows_iso(&sandbox, "Win11.iso");
    take_from(&sandbox, "Win11.iso");
    sandbox.edit("sources/boot.wim", "sources/boot.esd");
    // What was made of the folder's file is found by the images in it.
    sandbox.done(&["apply"]);
    assert!(sandbox.get("out/win11.iso") == expected);
    assert!(!sandbox.path(".tsmedia/objects/medium-files").exists());
    sandbox.done(&["cache", "--clear"]);
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    sandbox.done(&["apply"]);
    assert!(sandbox.get("out/win11.iso") == expected);
    assert_eq!(sandbox.list(".tsmedia/objects/medium-files").len(), 2);
}

#[test]
fn a_file_whose_name_looks_like_a_path_on_a_medium_comes_first() {
    let sandbox = sandbox();
    windows_iso(&sandbox, "Win11.iso");
    sandbox.put("media.toml", MANIFEST.replace("disc/extras/readme.txt", "Win11.iso!/extras/readme.txt"));
    sandbox.done(&["apply"]);
    assert!(!String::from_utf8_lossy(&sandbox.get("out/win11.iso")).contains("literal"));
    fs::rename(sandbox.path("Win11.iso"), sandbox.path("Windows.iso")).unwrap();
    sandbox.put("Win11.iso!/extras/readme.txt", "literal\n");
    fs::rename(sandbox.path("Windows.iso"), sandbox.path("Win11.iso")).unwrap();
    sandbox.done(&["apply"]);
    assert!(String::from_utf8_lossy(&sandbox.get("out/win11.iso")).contains("literal"));
}

#[test]
fn wrong_paths_on_media_are_told_by_medium_and_path() {
    let sandbox = sandbox();
    windows_iso(&sandbox, "Win11.iso");
    sandbox.put("text.iso", "not a disc");
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "4d".repeat(32));
    sandbox.put("pointer.iso", pointer);
    let mut seen = String::new();
    for (old, new) in [
        ("disc/sources/install.wim", "Win11.iso!/sources/instal.wim"),
        ("disc/sources/install.wim", "Win11.iso!/sources/none/install.wim"),
        ("disc/sources/install.wim", "Win11.iso!/sources"),
        ("disc/sources/install.wim", "Win11.iso!/bootmgr"),
        ("disc/sources/install.wim", "Win12.iso!/sources/install.wim"),
        ("disc/sources/install.wim", "disc!/sources/install.wim"),
        ("disc/sources/install.wim", "text.iso!/sources/install.wim"),
        ("disc/sources/install.wim", "pointer.iso!/sources/install.wim"),
        ("disc/sources/install.wim", "disc/sources/install.wim!/a"),
        ("disc/packages/vpn", "Win11.iso!/package"),
        ("files = \"disc\"", "files = \"Win11.iso!/boot\""),
        ("files = \"disc\"", "files = \"Win11.iso!/bootmgr\""),
        ("out/win11.iso", "Win11.iso"),
        ("\"disc/extras/readme.txt\"", "{ medium = \"Win11.iso\", path = \"extras/readm.txt\" }"),
        ("\"disc/extras/readme.txt\"", "{ medium = \"Win12.iso\", path = \"extras/readme.txt\" }"),
        ("\"disc/extras/readme.txt\"", "{ medium = \"Win11.iso\" }"),
        ("\"disc/extras/readme.txt\"", "{ medium = \"Win11.iso\", path = 'extras\\readme.txt' }"),
        ("\"disc/extras/readme.txt\"", "5"),
    ] {
        let mut manifest = MANIFEST.replacen(old, new, 1);
        if old == "out/win11.iso" {
            manifest = manifest.replace("disc/extras/readme.txt", "Win11.iso!/extras/readme.txt");
        }
        sandbox.put("media.toml", manifest);
        let ran = sandbox.run(&["check", "--json"]);
        let said: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        seen += &format!("{new}\n");
        for problem in said["problems"].as_array().into_iter().flatten().filter(|it| it["severity"] == "error") {
            let text = |key: &str| problem[key].as_str().unwrap_or_default().replace(sandbox.root.as_str(), "<folder>");
            seen += &format!("  {}\n    help: {}\n", text("message"), text("help"));
        }
    }
    insta::assert_snapshot!(seen);
}
