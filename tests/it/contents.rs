//! Messages about typical input: boot images with two images, operating systems with several editions, folders of the
//! Windows ADK, drivers and applications with all kinds of names.
//!
//! Each mistake is a manifest over the same content, and each message is checked with the text that it underlines.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use tsmedia::content::{Content, Source};
use tsmedia::date::Date;
use tsmedia::manifest::{self, Options};
use tsmedia::media::Media;
use tsmedia::problem::{Problems, Severity};
use tsmedia::report::{self, TextStyle};
use tsmedia::resolve::Resolver;
use tsmedia::volume::Node;

/// Content for all manifests of this file, made once.
fn content() -> &'static Utf8Path {
    static CONTENT: OnceLock<(tempfile::TempDir, Utf8PathBuf)> = OnceLock::new();
    let (_, folder) = CONTENT.get_or_init(|| {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::try_from(scratch.path().canonicalize().unwrap()).unwrap();
        make(&folder);
        (scratch, folder)
    });
    folder
}

fn make(folder: &Utf8Path) {
    let pe = [
        "Windows/Boot/PCAT/bootmgr",
        "Windows/Boot/EFI/bootmgfw.efi",
        "Windows/Boot/DVD/PCAT/BCD",
        "Windows/Boot/DVD/PCAT/boot.sdi",
        "Windows/Boot/DVD/PCAT/bootfix.bin",
        "Windows/Boot/DVD/PCAT/etfsboot.com",
        "Windows/Boot/DVD/EFI/BCD",
        "Windows/Boot/DVD/EFI/en-US/efisys.bin",
    ];
    files(&folder.join("pe"), &pe);
    files(&folder.join("system"), &["Windows/System32/ntoskrnl.exe"]);
    // The boot image of an installation disc: Windows PE, then Setup, which is the one that starts.
    for (name, images, boot, compression, architecture) in [
        ("setup.wim", &["Microsoft Windows PE (amd64)", "Microsoft Windows Setup (amd64)"][..], Some(2), "LZX", 9),
        ("boot.wim", &["Microsoft Windows PE (amd64)"], Some(1), "LZX", 9),
        ("unmarked.wim", &["Microsoft Windows PE (amd64)"], None, "LZX", 9),
        ("boot-x86.wim", &["Microsoft Windows PE (x86)"], Some(1), "LZX", 0),
        ("boot-arm64.wim", &["Microsoft Windows PE (arm64)"], Some(1), "LZX", 12),
    ] {
        wim(&folder.join(name), &folder.join("pe"), images, boot, compression, architecture);
    }
    let editions = ["Windows 11 Home", "Windows 11 Education", "Windows 11 Pro"];
    wim(&folder.join("install.wim"), &folder.join("system"), &editions, None, "LZX", 9);
    wim(&folder.join("install.esd"), &folder.join("system"), &editions, None, "LZMS", 9);
    files(&folder.join("drivers"), &(0..501).map(|n| format!("net/{n:03}/e1d{n}.inf")).collect::<Vec<_>>());
    files(&folder.join("others"), &(0..20).map(|n| format!("{n:03}/e1d{n}.inf")).collect::<Vec<_>>());
    files(&folder.join("Anwendung für Größen"), &["setup.exe", "Übersicht – 日本語.docx"]);
    let windows = ["boot/bcd", "boot/boot.sdi", "bootmgr", "efi/boot/bootx64.efi", "efi/microsoft/boot/bcd"];
    files(&folder.join("WinPE_amd64/media"), &windows);
    fs::create_dir(folder.join("WinPE_amd64/mount")).unwrap();
}

fn files(folder: &Utf8Path, names: &[impl AsRef<str>]) {
    for name in names {
        let path = folder.join(name.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name.as_ref().repeat(if name.as_ref().contains("efisys") { 100 } else { 1 })).unwrap();
    }
}

fn wim(path: &Utf8Path, tree: &Utf8Path, images: &[&str], boot: Option<u32>, compression: &str, architecture: u32) {
    let solid = if compression == "LZMS" { &["--solid"][..] } else { &[] };
    for (n, name) in images.iter().enumerate() {
        let verb = if n == 0 { "capture" } else { "append" };
        imagex(&[&[verb, tree.as_str(), path.as_str(), name, "--quiet", "--threads=1"], solid].concat());
        let index = (n + 1).to_string();
        let architecture = format!("WINDOWS/ARCH={architecture}");
        imagex(&["info", path.as_str(), &index, "--image-property", &architecture]);
    }
    if let Some(boot) = boot {
        imagex(&["info", path.as_str(), &boot.to_string(), "--boot"]);
    }
}

fn imagex(arguments: &[&str]) {
    let output = Command::new("wimlib-imagex").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Loads and resolves a manifest over the content. Returns the messages without the path of the content.
fn resolve(text: &str) -> (Vec<Media>, Problems, String) {
    let scratch = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(scratch.path()).unwrap().join("media.toml");
    let head = "manifest-version = 1\nmedia = { name = \"m\", kind = \"stand-alone\", label = \"M\" }\n";
    let content = content();
    fs::write(&path, format!("{head}{}", text.replace("CONTENT", content.as_str()))).unwrap();
    let mut problems = Problems::default();
    let mut resolver = Resolver::default();
    let rendered = manifest::load(&path, &Options::default(), &mut problems).unwrap();
    let media = rendered.iter().filter_map(|rendered| resolver.resolve(rendered, Date::EARLIEST, &mut problems));
    let media = media.collect();
    let said = report::graphical(&problems, TextStyle { width: 400, ..TextStyle::default() });
    (media, problems, said.replace(content.as_str(), "CONTENT"))
}

/// Returns the text of a manifest with a boot image and further lines.
fn over(image: &str, more: &str) -> String {
    format!("output.path = \"m.iso\"\n[boot]\nimage = {{ file = \"CONTENT/{image}\" }}\n{more}")
}

/// Checks that a manifest is refused with a message that contains this text, and which text is underlined first.
fn assert_refused(text: &str, underlined: &str, words: &[&str]) {
    let (media, problems, said) = resolve(text);
    assert_eq!((media.len(), problems.count(Severity::Error)), (0, 1), "{said}");
    assert_told(&problems, &said, Severity::Error, underlined, words);
}

fn assert_told(problems: &Problems, said: &str, severity: Severity, underlined: &str, words: &[&str]) {
    let found = problems.sorted().into_iter().find(|problem| problem.severity == severity).unwrap();
    let place = &found.labels[0].0;
    let shown = problems.source(place.source).text[place.span.clone()].replace(content().as_str(), "CONTENT");
    assert_eq!(shown, underlined, "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in:\n{said}");
    }
}

const SYSTEM: &str = "[[operating-system]]\nid = \"BER00010\"\nfile = \"CONTENT/install.wim\"\n";

#[test]
fn what_the_field_has_is_taken() {
    let text = over("boot.wim", &format!("{SYSTEM}index = 3\n"))
        + "[[operating-system]]\nid = \"BER00011\"\nfile = \"CONTENT/install.esd\"\nindex = 1\n"
        + "[[application]]\nid = \"Content_1\"\nsource = \"CONTENT/Anwendung für Größen\"\n";
    let (media, problems, said) = resolve(&text);
    // The boot programs are stand-ins, which a note says.
    let n_complaints = problems.count(Severity::Error) + problems.count(Severity::Warning);
    assert_eq!((media.len(), n_complaints), (1, 0), "{said}");
    for path in ["sources/boot.wim", "SMS/PKG/BER00011/install.esd", "SMS/PKG/Content_1/Übersicht – 日本語.docx"]
    {
        assert!(media[0].root.get(path).is_some(), "{path}");
    }
}

#[test]
fn a_boot_image_is_named_where_there_are_several_and_is_the_one_that_starts() {
    let system = format!("{SYSTEM}index = 1\n");
    assert_refused(
        &over("setup.wim", &system),
        "\"CONTENT/setup.wim\"",
        &[
            "has 2 images; `index` is missing",
            "1 is `Microsoft Windows PE (amd64)`, 2 is `Microsoft Windows Setup (amd64)`",
        ],
    );
    // Named, or the only one, it is made the one that starts.
    let named = over("setup.wim", &system).replacen("setup.wim\"", "setup.wim\", index = 1", 1);
    for text in [named, over("unmarked.wim", &system)] {
        let (media, problems, said) = resolve(&text);
        assert_eq!((media.len(), problems.count(Severity::Error)), (1, 0), "{said}");
        let Some(Node::File(Content::Source(image))) = media[0].root.get("sources/boot.wim") else { panic!("{said}") };
        assert!(matches!(**image, Source::Pieced(_)), "{image:?}");
    }
}

#[test]
fn a_system_is_named_by_an_index_that_is_there() {
    let editions = "1 is `Windows 11 Home`, 2 is `Windows 11 Education`, 3 is `Windows 11 Pro`";
    for file in ["install.wim", "install.esd"] {
        let system = SYSTEM.replace("install.wim", file);
        let path = format!("\"CONTENT/{file}\"");
        assert_refused(
            &over("boot.wim", &system),
            &path,
            &["[missing-operating-system]", "`index` is missing", editions],
        );
        assert_refused(
            &over("boot.wim", &format!("{system}index = 4\n")),
            "4",
            &["[unknown-image-index]", "no image 4", editions],
        );
    }
}

#[test]
fn the_boot_image_and_the_system_are_for_the_same_processors() {
    assert_refused(
        &over("boot-arm64.wim", &format!("{SYSTEM}index = 1\n")),
        "\"CONTENT/install.wim\"",
        &[
            "[architecture-mismatch]",
            "the boot image is for arm64, but image 1 of `CONTENT/install.wim` is for x64",
            "tsmedia inspect",
        ],
    );
}

#[test]
fn a_boot_image_for_x86_starts_no_uefi_of_today() {
    let x86 = over("boot-x86.wim", &format!("{SYSTEM}index = 1\n"));
    let (media, problems, said) = resolve(&x86);
    assert_eq!(media.len(), 1, "{said}");
    assert_told(
        &problems,
        &said,
        Severity::Warning,
        "\"CONTENT/boot-x86.wim\"",
        &["[x86-boot-image-for-uefi]", "firmware = [\"bios\"]"],
    );
    let (media, problems, said) = resolve(&x86.replacen("\n[[", "\nfirmware = [\"bios\"]\n[[", 1));
    let n_told = problems.count(Severity::Error) + problems.count(Severity::Warning);
    assert_eq!((media.len(), n_told), (1, 0), "{said}");
}

#[test]
fn a_large_driver_package_is_advised_against() {
    let drivers = "[[driver-package]]\nid = \"BER00030\"\nsource = \"CONTENT/drivers\"\n";
    let (media, problems, said) = resolve(&over("boot.wim", drivers));
    assert_eq!(media.len(), 1, "{said}");
    assert_told(&problems, &said, Severity::Warning, "\"CONTENT/drivers\"", &["[large-driver-package]", "501 drivers"]);
}

#[test]
fn a_folder_that_is_not_the_media_folder_leads_to_the_one_that_is() {
    let files = |folder: &str| over("boot.wim", &format!("files = \"CONTENT/{folder}\"\n{SYSTEM}index = 1\n"));
    let (media, problems, said) = resolve(&files("WinPE_amd64"));
    assert_eq!((media.len(), problems.count(Severity::Error)), (0, 1), "{said}");
    let help = "did you mean `CONTENT/WinPE_amd64/media`?";
    assert_told(&problems, &said, Severity::Error, "\"CONTENT/WinPE_amd64\"", &["no boot files", help]);
}

#[test]
fn a_slip_in_a_path_is_answered_with_a_path_to_type() {
    let text = over("bot.wim", &format!("{SYSTEM}index = 1\n"));
    assert_refused(&text, "\"CONTENT/bot.wim\"", &["does not exist", "did you mean `CONTENT/boot.wim`?"]);
    // Relative to the file that it is written in, not to where the command was typed.
    let text = over("boot.wim", "[[file]]\nsource = \"./medai.toml\"\npath = \"x\"\n");
    let (_, _, said) = resolve(&text);
    assert!(said.contains("did you mean `./media.toml`?"), "{said}");
    let text = over("boot.wim", "[[file]]\nsource = \"CONTENT/none/deeper/x.txt\"\npath = \"x\"\n");
    let (_, _, said) = resolve(&text);
    assert!(said.contains("help: `CONTENT` exists; the rest of the path does not"), "{said}");
}

#[test]
fn the_whole_of_a_windows_iso_may_follow_its_boot_files() {
    let boot = "[boot]\nimage = { file = \"CONTENT/boot.wim\" }\nfiles = \"CONTENT/WinPE_amd64/media\"\n";
    let head = format!("output.path = \"m.iso\"\n{boot}firmware = [\"uefi\"]\n{SYSTEM}index = 1\n");
    let whole = "[[file]]\nsource = \"CONTENT/WinPE_amd64/media\"\npath = \".\"\n";
    let (media, problems, said) = resolve(&format!("{head}{whole}"));
    assert_eq!((media.len(), problems.count(Severity::Error)), (1, 0), "{said}");
    // Other files in the same places are refused, but not one by one without end.
    let pour = |folder: &str| format!("[[file]]\nsource = \"CONTENT/{folder}\"\npath = \".\"\n");
    let (media, problems, said) = resolve(&format!("{head}{}{}", pour("drivers/net"), pour("others")));
    assert_eq!((media.len(), problems.count(Severity::Error)), (0, 11), "{said}");
    assert!(said.contains("the paths of 10 more files on the medium are already taken"), "{said}");
}
