//! Content, boot image, operating systems and boot files read from a disc or stick without extracting it.

use std::fs;

use crate::fixtures::desk::{Desk, wimlib};

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
fn desk() -> Desk {
    let desk = Desk::new();
    fs::rename(desk.path("boot-files"), desk.path("disc")).unwrap();
    fs::create_dir(desk.path("disc/sources")).unwrap();
    fs::rename(desk.path("images/boot.wim"), desk.path("disc/sources/boot.wim")).unwrap();
    desk.put("disc/packages/vpn/setup.cmd", "rem installs the client\r\n");
    desk.put("disc/extras/winpe/startnet.cmd", "wpeinit\r\n");
    desk.put("disc/extras/prestart/ask.cmd", "rem asks\r\n");
    desk.put("disc/extras/readme.txt", "Moin\n");
    desk.put("disc/drivers/net.inf", "[Version]\r\nClass=Net\r\n");
    desk.put("tree/Windows/System32/kernel.txt", vec![7; 100_000]);
    let path = |name: &str| desk.path(name).into_string();
    wimlib(&["capture", &path("tree"), &path("disc/sources/install.wim"), "Windows"]);
    wimlib(&["info", &path("disc/sources/install.wim"), "1", "--image-property", "WINDOWS/ARCH=9"]);
    wimlib(&["export", &path("disc/sources/install.wim"), "1", &path("disc/sources/install.esd"), "--solid"]);
    desk.put("media.toml", MANIFEST);
    desk
}

/// Makes the medium of the folder, and returns its bytes.
fn of_folder(desk: &Desk) -> Vec<u8> {
    desk.done(&["apply"]);
    let bytes = desk.get("out/win11.iso");
    fs::remove_dir_all(desk.path("out")).unwrap();
    bytes
}

/// Takes everything from a medium in place of the folder.
fn take_from(desk: &Desk, medium: &str) {
    let manifest = MANIFEST.replace("files = \"disc\"", &format!("files = \"{medium}!\""));
    desk.put("media.toml", manifest.replace("\"disc/", &format!("\"{medium}!/")));
}

/// A disc as Microsoft makes them: the files are in UDF, and ISO 9660 has another one.
fn windows_iso(desk: &Desk, name: &str) {
    desk.put("disc/README.TXT", "This disc contains a UDF file system.\n");
    let hidden = ["boot", "efi", "sources", "packages", "extras", "drivers", "bootmgr"];
    let hidden = hidden.iter().flat_map(|name| ["-hide", name]);
    let arguments = ["-quiet", "-udf", "-iso-level", "3", "-V", "WIN11", "-o", name];
    desk.run_other("genisoimage", &[&arguments[..], &hidden.collect::<Vec<_>>(), &["disc"]].concat());
    fs::remove_file(desk.path("disc/README.TXT")).unwrap();
}

#[test]
fn a_medium_made_from_an_iso_has_the_bytes_of_one_made_from_its_folder() {
    let desk = desk();
    let expected = of_folder(&desk);
    windows_iso(&desk, "Win11.iso");
    desk.run_other("xorriso", &["-as", "mkisofs", "-quiet", "-J", "-joliet-long", "-o", "joliet.iso", "disc"]);
    desk.run_other("mkfs.fat", &["-C", "-F", "16", "-n", "WIN11", "fat.img", "16384"]);
    for entry in desk.list("disc") {
        desk.run_other("mcopy", &["-s", "-i", "fat.img", &format!("disc/{entry}"), "::/"]);
    }
    fs::rename(desk.path("disc"), desk.path("gone")).unwrap();
    for medium in ["Win11.iso", "joliet.iso", "fat.img"] {
        take_from(&desk, medium);
        desk.done(&["apply"]);
        assert!(desk.get("out/win11.iso") == expected, "{medium} gives another medium");
        assert!(desk.done(&["plan"]).starts_with("nothing to do"), "{medium}");
        fs::remove_dir_all(desk.path("out")).unwrap();
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
    desk.put("media.toml", manifest);
    desk.done(&["apply"]);
    assert!(desk.get("out/win11.iso") == expected, "tables give another medium");
}

#[test]
fn our_own_disc_is_a_source_and_its_change_is_a_reason() {
    let desk = desk();
    let (head, _) = MANIFEST.replace("out/win11.iso", "source.iso").split_once("[[boot.file]]").map(owned).unwrap();
    let file = |path: &str| format!("[[file]]\nsource = \"disc/{path}\"\npath = \"{path}\"\n\n");
    let files = ["packages", "drivers", "extras", "sources/install.wim", "sources/install.esd"];
    desk.put("source.toml", head + &files.map(file).concat());
    desk.done(&["apply", "source.toml"]);
    take_from(&desk, "source.iso");
    desk.done(&["apply"]);
    desk.put("disc/packages/vpn/setup.cmd", "rem installs another client\r\n");
    std::thread::sleep(std::time::Duration::from_millis(30));
    desk.done(&["apply", "source.toml"]);
    insta::assert_snapshot!(desk.see("plan"));
}

#[test]
fn an_esd_on_a_disc_starts_and_is_copied_to_the_cache_only_to_be_re_exported() {
    let desk = desk();
    let path = |name: &str| desk.path(name).into_string();
    wimlib(&["export", &path("disc/sources/boot.wim"), "1", &path("disc/sources/boot.esd"), "--solid"]);
    let solid = MANIFEST.replace("sources/boot.wim", "sources/boot.esd");
    desk.put("media.toml", &solid);
    let expected = of_folder(&desk);
    windows_iso(&desk, "Win11.iso");
    take_from(&desk, "Win11.iso");
    desk.edit("sources/boot.wim", "sources/boot.esd");
    // What was made of the folder's file is found by the images in it.
    desk.done(&["apply"]);
    assert!(desk.get("out/win11.iso") == expected);
    assert!(!desk.path(".tsmedia/objects/medium-files").exists());
    desk.done(&["cache", "--clear"]);
    fs::remove_dir_all(desk.path("out")).unwrap();
    desk.done(&["apply"]);
    assert!(desk.get("out/win11.iso") == expected);
    assert_eq!(desk.list(".tsmedia/objects/medium-files").len(), 2);
}

#[test]
fn a_file_whose_name_looks_like_a_path_on_a_medium_comes_first() {
    let desk = desk();
    windows_iso(&desk, "Win11.iso");
    desk.put("media.toml", MANIFEST.replace("disc/extras/readme.txt", "Win11.iso!/extras/readme.txt"));
    desk.done(&["apply"]);
    assert!(!String::from_utf8_lossy(&desk.get("out/win11.iso")).contains("literal"));
    fs::rename(desk.path("Win11.iso"), desk.path("Windows.iso")).unwrap();
    desk.put("Win11.iso!/extras/readme.txt", "literal\n");
    fs::rename(desk.path("Windows.iso"), desk.path("Win11.iso")).unwrap();
    desk.done(&["apply"]);
    assert!(String::from_utf8_lossy(&desk.get("out/win11.iso")).contains("literal"));
}

#[test]
fn wrong_paths_on_media_are_told_by_medium_and_path() {
    let desk = desk();
    windows_iso(&desk, "Win11.iso");
    desk.put("text.iso", "not a disc");
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "4d".repeat(32));
    desk.put("pointer.iso", pointer);
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
        desk.put("media.toml", manifest);
        let ran = desk.run(&["check", "--json"]);
        let said: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        seen += &format!("{new}\n");
        for problem in said.as_array().into_iter().flatten().filter(|it| it["severity"] == "error") {
            let text = |key: &str| problem[key].as_str().unwrap_or_default().replace(desk.root.as_str(), "<folder>");
            seen += &format!("  {}\n    help: {}\n", text("message"), text("help"));
        }
    }
    insta::assert_snapshot!(seen);
}
