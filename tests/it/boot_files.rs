//! Search for boot files in boot images and folders, and the messages if they are missing.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tsmedia::content::Content;
use tsmedia::date::Date;
use tsmedia::firmware::Firmware::{self, Bios, Uefi};
use tsmedia::format::bcd::BcdStore;
use tsmedia::format::regf::Hive;
use tsmedia::format::wim::Architecture;
use tsmedia::layout::{Layout, Piece};
use tsmedia::manifest::BootStore;
use tsmedia::manifest::SecureBootCa;
use tsmedia::resolve::boot::{BootFiles, BootNote, BootOptions, BootSource, NoBootFiles, find_boot_files};
use tsmedia::resolve::wim::KnownWim;

struct Scratch {
    folder: Utf8PathBuf,
    _removed_at_the_end: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        let removed = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::try_from(removed.path().canonicalize().unwrap()).unwrap();
        Self { folder, _removed_at_the_end: removed }
    }

    /// Makes a folder of files that contain their own paths.
    fn tree(&self, name: &str, files: &[&str]) -> Utf8PathBuf {
        let tree = self.folder.join(name);
        fs::create_dir_all(&tree).unwrap();
        for file in files {
            let path = tree.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // Long enough for an EFI boot image.
            let padding = if file.contains("efisys") { 2_048 } else { 0 };
            fs::write(path, format!("{file:<padding$}")).unwrap();
        }
        tree
    }

    fn wim(&self, files: &[&str]) -> KnownWim {
        let tree = self.tree("image", files);
        let path = self.folder.join("boot.wim");
        let mut command = Command::new("wimlib-imagex");
        let output = command.args(["capture", tree.as_str(), path.as_str(), "PE", "--quiet"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        KnownWim::open(&path, None).unwrap()
    }
}

fn wanted(firmware: &[Firmware]) -> BootOptions {
    BootOptions {
        architecture: Architecture::X64,
        firmware: firmware.to_vec(),
        secure_boot_ca: SecureBootCa::Ca2011,
        store: Some(BootStore::Files),
        prompt: true,
        date: Date::EARLIEST,
    }
}

fn in_wim(wim: &KnownWim, wanted: &BootOptions) -> Result<BootFiles, NoBootFiles> {
    find_boot_files(BootSource::Image { wim, index: 1 }, wanted)
}

fn in_folder(folder: &Utf8Path, wanted: &BootOptions) -> Result<BootFiles, NoBootFiles> {
    find_boot_files(BootSource::Folder { folder, image: None }, wanted)
}

/// Medium path, and the source that its content names.
fn origins(found: &BootFiles) -> Vec<String> {
    found.files.iter().map(|(path, content)| format!("{path} < {}", origin(content))).collect()
}

fn origin(content: &Content) -> String {
    match content {
        Content::Bytes(bytes) => String::from_utf8_lossy(bytes).trim_end().to_owned(),
        Content::Source(source) => fs::read_to_string(source.path()).unwrap().trim_end().to_owned(),
    }
}

/// Contents of the programs in the boot catalog, or a note that they were generated.
fn records(found: &BootFiles) -> Vec<(Firmware, String)> {
    let of = |layout: &Layout| match (&layout.extents()[0].piece, layout.extents().len()) {
        (Piece::Bytes(bytes), 1) => origin(&Content::Bytes(bytes.clone())),
        (Piece::Source { file, .. }, 1) => origin(&Content::Source(file.clone())),
        _ => "made".into(),
    };
    found.entries.iter().map(|entry| (entry.firmware, of(&entry.image))).collect()
}

fn missing(result: Result<BootFiles, NoBootFiles>) -> Vec<(String, Firmware)> {
    match result {
        Err(NoBootFiles::Missing(missing)) => missing.into_iter().map(|file| (file.file, file.firmware)).collect(),
        other => panic!("{other:?}"),
    }
}

const WINDOWS_PE: [&str; 18] = [
    "Windows/Boot/PCAT/bootmgr",
    "Windows/Boot/PCAT/memtest.exe",
    "Windows/Boot/EFI/bootmgfw.efi",
    "Windows/Boot/EFI/bootmgr.efi",
    "Windows/Boot/EFI_EX/bootmgfw_EX.efi",
    "Windows/Boot/EFI_EX/bootmgr_EX.efi",
    "Windows/Boot/Fonts/segoe_slboot.ttf",
    "Windows/Boot/FONTS_EX/segoe_slboot_EX.ttf",
    "Windows/Boot/DVD/PCAT/BCD",
    "Windows/Boot/DVD/PCAT/boot.sdi",
    "Windows/Boot/DVD/PCAT/bootfix.bin",
    "Windows/Boot/DVD/PCAT/etfsboot.com",
    "Windows/Boot/DVD/EFI/BCD",
    "Windows/Boot/DVD/EFI/de-DE/efisys.bin",
    "Windows/Boot/DVD/EFI/en-US/efisys.bin",
    "Windows/Boot/DVD/EFI/en-US/efisys_noprompt.bin",
    "Windows/Boot/DVD_EX/EFI/en-US/efisys_EX.bin",
    "Windows/Boot/DVD_EX/EFI/en-US/efisys_noprompt_EX.bin",
];

#[test]
fn a_windows_pe_image_has_them_all() {
    let scratch = Scratch::new();
    let wim = scratch.wim(&WINDOWS_PE);
    let found = in_wim(&wim, &wanted(&[Uefi, Bios])).unwrap();
    assert_eq!(
        origins(&found),
        [
            "boot/bcd < Windows/Boot/DVD/PCAT/BCD",
            "boot/boot.sdi < Windows/Boot/DVD/PCAT/boot.sdi",
            "boot/bootfix.bin < Windows/Boot/DVD/PCAT/bootfix.bin",
            "boot/fonts/segoe_slboot.ttf < Windows/Boot/Fonts/segoe_slboot.ttf",
            "boot/memtest.exe < Windows/Boot/PCAT/memtest.exe",
            "bootmgr < Windows/Boot/PCAT/bootmgr",
            "bootmgr.efi < Windows/Boot/EFI/bootmgr.efi",
            "efi/boot/bootx64.efi < Windows/Boot/EFI/bootmgfw.efi",
            "efi/microsoft/boot/bcd < Windows/Boot/DVD/EFI/BCD",
            "efi/microsoft/boot/fonts/segoe_slboot.ttf < Windows/Boot/Fonts/segoe_slboot.ttf",
        ]
    );
    assert_eq!(
        records(&found),
        [
            (Firmware::Bios, "Windows/Boot/DVD/PCAT/etfsboot.com".into()),
            (Firmware::Uefi, "Windows/Boot/DVD/EFI/en-US/efisys.bin".into()),
        ]
    );
    assert_eq!(found.notes, []);
}

#[test]
fn the_authority_of_2023_has_files_of_its_own_without_ex_on_the_medium() {
    let scratch = Scratch::new();
    let wim = scratch.wim(&WINDOWS_PE);
    let wanted = BootOptions { secure_boot_ca: SecureBootCa::Ca2023, prompt: false, ..wanted(&[Uefi]) };
    let found = in_wim(&wim, &wanted).unwrap();
    assert_eq!(
        origins(&found),
        [
            "boot/boot.sdi < Windows/Boot/DVD/PCAT/boot.sdi",
            "bootmgr.efi < Windows/Boot/EFI_EX/bootmgr_EX.efi",
            "efi/boot/bootx64.efi < Windows/Boot/EFI_EX/bootmgfw_EX.efi",
            "efi/microsoft/boot/bcd < Windows/Boot/DVD/EFI/BCD",
            "efi/microsoft/boot/fonts/segoe_slboot.ttf < Windows/Boot/FONTS_EX/segoe_slboot_EX.ttf",
        ]
    );
    let image = "Windows/Boot/DVD_EX/EFI/en-US/efisys_noprompt_EX.bin";
    assert_eq!(records(&found), [(Firmware::Uefi, image.into())]);

    // The older program is never taken in place of the newer one.
    let scratch = Scratch::new();
    let older: Vec<_> = WINDOWS_PE.into_iter().filter(|path| !path.contains("EFI_EX")).collect();
    assert_eq!(missing(in_wim(&scratch.wim(&older), &wanted)), [("efi/boot/bootx64.efi".into(), Uefi)]);
}

#[test]
fn a_boot_image_of_configuration_manager_brings_boot_records_and_ramdisk() {
    let scratch = Scratch::new();
    let wim = scratch.wim(&[
        "sms/bin/x64/etfsboot.com",
        "sms/bin/x64/efisys.bin",
        "sms/bin/x64/bootfix.bin",
        "sms/boot/boot.sdi",
        "WINDOWS/BOOT/pcat/BOOTMGR",
        "WINDOWS/BOOT/efi/BOOTMGFW.EFI",
        "WINDOWS/BOOT/dvd/pcat/bcd",
        "WINDOWS/BOOT/dvd/efi/bcd",
    ]);
    let found = in_wim(&wim, &wanted(&[Bios, Uefi])).unwrap();
    assert_eq!(
        records(&found),
        [(Firmware::Bios, "sms/bin/x64/etfsboot.com".into()), (Firmware::Uefi, "sms/bin/x64/efisys.bin".into())]
    );
    assert!(origins(&found).contains(&"boot/boot.sdi < sms/boot/boot.sdi".to_owned()));
    assert!(origins(&found).contains(&"boot/bootfix.bin < sms/bin/x64/bootfix.bin".to_owned()));
    // There is no image without a prompt, so the one with it is taken, and that is said.
    let found = in_wim(&wim, &BootOptions { prompt: false, ..wanted(&[Uefi]) }).unwrap();
    assert_eq!((&found.notes[..], found.prompts_under_uefi), (&[BootNote::EfiPrompts(true)][..], true));
    assert!(found.files.iter().all(|(path, _)| path != "boot/bootfix.bin"));
}

#[test]
fn the_list_of_signatures_of_the_boot_image_goes_with_uefi_unless_the_boot_files_have_one() {
    const ON_THE_MEDIUM: &str = "efi/microsoft/boot/boot.stl";
    let scratch = Scratch::new();
    let wim = scratch.wim(&[&WINDOWS_PE[..], &["Windows/Boot/EFI/boot.stl"]].concat());
    let from = |found: &BootFiles| {
        let there = found.files.iter().find(|(path, _)| path.eq_ignore_ascii_case(ON_THE_MEDIUM));
        there.map(|(_, content)| origin(content))
    };
    for secure_boot_ca in [SecureBootCa::Ca2011, SecureBootCa::Ca2023] {
        let found = in_wim(&wim, &BootOptions { secure_boot_ca, ..wanted(&[Uefi]) }).unwrap();
        assert_eq!(from(&found).as_deref(), Some("Windows/Boot/EFI/boot.stl"));
    }
    assert_eq!(from(&in_wim(&wim, &wanted(&[Bios])).unwrap()), None);

    let folder = scratch.tree("iso", &ISO);
    let with_image = |firmware: &[Firmware]| {
        find_boot_files(BootSource::Folder { folder: &folder, image: Some((&wim, 1)) }, &wanted(firmware)).unwrap()
    };
    assert_eq!(from(&with_image(&[Uefi])).as_deref(), Some("Windows/Boot/EFI/boot.stl"));
    assert_eq!(from(&with_image(&[Bios])), None);
    scratch.tree("iso", &["EFI/Microsoft/Boot/BOOT.STL"]);
    assert_eq!(from(&with_image(&[Uefi])).as_deref(), Some("EFI/Microsoft/Boot/BOOT.STL"));
}

/// Returns the path of the loader in the boot store that was written.
fn started(found: &BootFiles, path: &str) -> String {
    let (_, content) = found.files.iter().find(|(at, _)| at.eq_ignore_ascii_case(path)).unwrap();
    let Content::Bytes(bytes) = content else { panic!("{path} is a file of the folder") };
    let store = BcdStore::read(&Hive::read(bytes).unwrap()).unwrap();
    let loader = store.objects.iter().find(|object| object.kind == 0x1020_0003).unwrap();
    loader.named_elements().filter(|(name, _)| name == "path").map(|(_, path)| format!("{:?}", path.value)).collect()
}

#[test]
fn boot_stores_are_written_where_there_are_none_or_where_that_is_wanted() {
    let scratch = Scratch::new();
    let without: Vec<_> = WINDOWS_PE.into_iter().filter(|path| !path.ends_with("EFI/BCD")).collect();
    let wim = scratch.wim(&without);
    let any = BootOptions { store: None, ..wanted(&[Bios, Uefi]) };
    let found = in_wim(&wim, &any).unwrap();
    assert!(origins(&found).contains(&"boot/bcd < Windows/Boot/DVD/PCAT/BCD".to_owned()));
    assert_eq!(started(&found, "efi/microsoft/boot/bcd"), r#"Text("\\windows\\system32\\boot\\winload.efi")"#);
    assert_eq!(found.notes, [BootNote::BuiltStores(vec!["efi/microsoft/boot/bcd"], false)]);
    assert_eq!(missing(in_wim(&wim, &wanted(&[Bios, Uefi]))), [("efi/microsoft/boot/bcd".into(), Uefi)]);

    let folder = scratch.tree("iso", &ISO);
    let found = in_folder(&folder, &BootOptions { store: Some(BootStore::Built), ..wanted(&[Bios, Uefi]) }).unwrap();
    assert_eq!(started(&found, "boot/bcd"), r#"Text("\\windows\\system32\\boot\\winload.exe")"#);
    assert_eq!(found.notes, [BootNote::BuiltStores(vec!["boot/bcd", "efi/microsoft/boot/bcd"], true)]);
    let n_stores = found.files.iter().filter(|(path, _)| path.to_lowercase().ends_with("/bcd")).count();
    assert_eq!(n_stores, 2, "{:?}", found.files);
    // Only for firmware that is wanted; and those of the folder stay as they are.
    let found = in_folder(&folder, &BootOptions { store: Some(BootStore::Built), ..wanted(&[Uefi]) }).unwrap();
    assert_eq!(found.notes, [BootNote::BuiltStores(vec!["efi/microsoft/boot/bcd"], true)]);
    assert_eq!(in_folder(&folder, &any).unwrap().notes, []);
}

#[test]
fn a_ramdisk_that_is_not_in_the_folder_is_taken_out_of_the_boot_image() {
    let scratch = Scratch::new();
    let without: Vec<_> = ISO.into_iter().filter(|path| !path.to_lowercase().ends_with("boot.sdi")).collect();
    let folder = scratch.tree("iso", &without);
    let with_image = |files: &[&str]| {
        let wim = scratch.wim(files);
        find_boot_files(BootSource::Folder { folder: &folder, image: Some((&wim, 1)) }, &wanted(&[Bios, Uefi]))
    };
    let Err(NoBootFiles::Missing(missing)) = with_image(&["Windows/System32/ntoskrnl.exe"]) else { panic!() };
    assert_eq!(missing[0].to_string(), "`boot/boot.sdi` is missing, which BIOS needs");
    assert_eq!(missing[0].looked_at[0], "boot/boot.sdi");
    assert_eq!(missing[0].looked_at[3], "sms/boot/boot.sdi");
    let found = with_image(&["sms/boot/boot.sdi"]).unwrap();
    assert!(origins(&found).contains(&"BOOT/boot.sdi < sms/boot/boot.sdi".to_owned()), "{:?}", origins(&found));
}

#[test]
fn everything_that_is_missing_is_named_with_where_to_find_it() {
    let scratch = Scratch::new();
    let wim = scratch.wim(&["Windows/System32/ntoskrnl.exe"]);
    let names = ["etfsboot.com", "bootmgr", "boot/bcd", "boot/boot.sdi"].map(|file| (file.to_owned(), Bios));
    assert_eq!(missing(in_wim(&wim, &wanted(&[Bios]))), names);
    let names = [
        ("etfsboot.com", Bios),
        ("bootmgr", Bios),
        ("boot/bcd", Bios),
        ("boot/boot.sdi", Bios),
        ("efi/boot/bootx64.efi", Uefi),
        ("efi/microsoft/boot/bcd", Uefi),
    ];
    assert_eq!(missing(in_wim(&wim, &wanted(&[Bios, Uefi]))), names.map(|(file, firmware)| (file.into(), firmware)));
    let Err(NoBootFiles::Missing(missing)) = in_wim(&wim, &wanted(&[Bios])) else { panic!() };
    assert_eq!(missing[0].to_string(), "`etfsboot.com` is missing, which BIOS needs");
    assert_eq!(missing[0].looked_at, ["Windows/Boot/DVD/PCAT/etfsboot.com", "sms/bin/x64/etfsboot.com"]);
    assert!(missing[0].usual.contains("`Oscdimg`"));
}

#[test]
fn no_bios_starts_arm64() {
    let scratch = Scratch::new();
    let folder = scratch.tree("media", &["efi/boot/BOOTAA64.EFI", "EFI/Microsoft/Boot/BCD", "boot/boot.sdi"]);
    let arm64 = |firmware: &[Firmware]| BootOptions { architecture: Architecture::Arm64, ..wanted(firmware) };
    assert!(matches!(in_folder(&folder, &arm64(&[Uefi, Bios])), Err(NoBootFiles::NoBios(Architecture::Arm64))));
    let found = in_folder(&folder, &arm64(&[Uefi])).unwrap();
    assert_eq!(found.notes, [BootNote::MadeEfiImage]);
    assert_eq!(found.entries[0].firmware, Firmware::Uefi);
}

const ISO: [&str; 12] = [
    "BOOT/BCD",
    "BOOT/boot.sdi",
    "BOOT/bootfix.bin",
    "BOOT/etfsboot.com",
    "EFI/BOOT/BOOTX64.EFI",
    "EFI/Microsoft/Boot/BCD",
    "EFI/Microsoft/Boot/efisys.bin",
    "EFI/Microsoft/Boot/efisys_noprompt.bin",
    "bootmgr",
    "BOOTMGR.EFI",
    "setup.exe",
    "sources/install.wim",
];

#[test]
fn an_extracted_iso_gives_its_boot_folders_and_nothing_else() {
    let scratch = Scratch::new();
    let folder = scratch.tree("iso", &ISO);
    let found = in_folder(&folder, &wanted(&[Bios, Uefi])).unwrap();
    let paths: Vec<_> = found.files.iter().map(|(path, _)| path.as_str()).collect();
    let mut expected = ISO[..10].to_vec();
    expected.sort_by_key(|path| path.to_uppercase());
    let mut sorted = paths.clone();
    sorted.sort_by_key(|path| path.to_uppercase());
    assert_eq!(sorted, expected);
    assert_eq!(
        records(&found),
        [(Firmware::Bios, "BOOT/etfsboot.com".into()), (Firmware::Uefi, "EFI/Microsoft/Boot/efisys.bin".into())]
    );
    assert_eq!(found.notes, []);

    let found = in_folder(&folder, &BootOptions { prompt: false, ..wanted(&[Bios, Uefi]) }).unwrap();
    assert!(found.files.iter().all(|(path, _)| !path.ends_with("bootfix.bin")));
    assert_eq!(records(&found)[1].1, "EFI/Microsoft/Boot/efisys_noprompt.bin");
    assert!(!found.prompts_under_uefi);
}

#[test]
fn a_media_folder_of_the_adk_may_have_its_boot_records_beside_it() {
    let scratch = Scratch::new();
    let media = [
        "Boot/BCD",
        "Boot/boot.sdi",
        "EFI/Boot/bootx64.efi",
        "EFI/Microsoft/Boot/BCD",
        "bootmgr",
        "de-de/bootmgr.exe.mui",
    ];
    let records_at = |folder: &str| {
        let own = [format!("{folder}etfsboot.com"), format!("{folder}efisys_EX.bin")];
        let files = [&media[..], &[&own[0], &own[1]]].concat();
        let folder = scratch.tree(&format!("media-{}", folder.trim_end_matches('/')), &files);
        let wanted = BootOptions { secure_boot_ca: SecureBootCa::Ca2023, ..wanted(&[Bios, Uefi]) };
        in_folder(&folder, &wanted).unwrap()
    };
    for folder in ["", "Oscdimg/", "oscdimg/"] {
        let found = records_at(folder);
        assert_eq!(
            records(&found),
            [(Firmware::Bios, format!("{folder}etfsboot.com")), (Firmware::Uefi, format!("{folder}efisys_EX.bin"))]
        );
        let paths: Vec<_> = found.files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "Boot/BCD",
                "Boot/boot.sdi",
                "bootmgr",
                "de-de/bootmgr.exe.mui",
                "EFI/Boot/bootx64.efi",
                "EFI/Microsoft/Boot/BCD"
            ]
        );
        assert_eq!(found.notes, [BootNote::NoBiosPrompt]);
    }
}

#[test]
fn boot_records_are_found_beside_the_media_folder_of_copype() {
    let scratch = Scratch::new();
    for beside in ["bootbins", "fwfiles"] {
        let records_there = ["etfsboot.com", "efisys.bin", "efisys_noprompt.bin", "bootmgfw_EX.efi"];
        let files: Vec<_> = records_there.map(|name| format!("{beside}/{name}")).into();
        let media: Vec<_> = ISO.iter().filter(|path| !path.contains("efisys") && !path.contains("etfsboot")).collect();
        let media: Vec<_> = media.iter().map(|path| format!("media/{path}")).collect();
        let files: Vec<_> = files.iter().chain(&media).map(String::as_str).collect();
        let folder = scratch.tree(beside, &files).join("media");
        let found = in_folder(&folder, &wanted(&[Bios, Uefi])).unwrap();
        assert_eq!(
            records(&found),
            [(Firmware::Bios, format!("{beside}/etfsboot.com")), (Firmware::Uefi, format!("{beside}/efisys.bin"))]
        );
        assert!(found.files.iter().all(|(path, _)| !path.contains("..")), "{:?}", found.files);
        assert!(origins(&found).contains(&"EFI/BOOT/BOOTX64.EFI < media/EFI/BOOT/BOOTX64.EFI".to_owned()));
        assert_eq!(found.notes, []);

        let found =
            in_folder(&folder, &BootOptions { secure_boot_ca: SecureBootCa::Ca2023, ..wanted(&[Uefi]) }).unwrap();
        let program = format!("EFI/BOOT/BOOTX64.EFI < {beside}/bootmgfw_EX.efi");
        assert!(origins(&found).contains(&program), "{:?}", origins(&found));
        assert!(found.notes.is_empty(), "{:?}", found.notes);
    }
}

#[test]
fn names_of_any_alphabet_may_stand_beside_the_efi_folder() {
    let scratch = Scratch::new();
    let folder = scratch.tree("iso", &[&ISO[..], &["boot/日本語.txt", "EFI/größe.txt", "de-de/ж.mui"]].concat());
    for record in ["efisys.bin", "efisys_noprompt.bin"] {
        fs::remove_file(folder.join("EFI/Microsoft/Boot").join(record)).unwrap();
    }
    let found = in_folder(&folder, &wanted(&[Uefi])).unwrap();
    assert_eq!(records(&found), [(Firmware::Uefi, "made".into())]);
    assert_eq!(found.notes, [BootNote::MadeEfiImage]);
}

#[test]
fn links_may_not_leave_the_folder_or_go_round_in_it() {
    let scratch = Scratch::new();
    let folder = scratch.tree("iso", &ISO);
    scratch.tree("elsewhere", &["secret.bin"]);
    fs::create_dir(folder.join("fonts")).unwrap();
    fs::write(folder.join("fonts/a.ttf"), "a").unwrap();
    symlink("../fonts", folder.join("BOOT/fonts")).unwrap();
    let found = in_folder(&folder, &wanted(&[Bios, Uefi])).unwrap();
    assert!(origins(&found).contains(&"BOOT/fonts/a.ttf < a".to_owned()));

    for (target, place) in
        [("../../elsewhere", "elsewhere"), ("../../elsewhere/secret.bin", "elsewhere/secret.bin"), ("..", "iso")]
    {
        let link = folder.join("BOOT/link");
        symlink(target, &link).unwrap();
        match in_folder(&folder, &wanted(&[Bios, Uefi])) {
            Err(NoBootFiles::BadLink { link: named, target }) => {
                assert_eq!((named, target), (link.clone(), scratch.folder.join(place)));
            }
            other => panic!("{other:?}"),
        }
        fs::remove_file(link).unwrap();
    }
    symlink("nowhere", folder.join("BOOT/link")).unwrap();
    assert!(matches!(in_folder(&folder, &wanted(&[Bios])), Err(NoBootFiles::Failed(_))));
}

#[test]
fn boot_records_that_no_firmware_could_load_are_refused() {
    let scratch = Scratch::new();
    let folder = scratch.tree("iso", &ISO);
    for (len, is_fine) in [(0, false), (2_048, true), (4_096, true), (4_097, false)] {
        fs::write(folder.join("BOOT/etfsboot.com"), vec![1; len]).unwrap();
        match in_folder(&folder, &wanted(&[Bios])) {
            Ok(_) => assert!(is_fine),
            Err(NoBootFiles::Failed(error)) => {
                assert_eq!(error.to_string(), format!("`etfsboot.com` has {len} bytes; a BIOS loads 1 to 4096 bytes"));
                assert!(!is_fine);
            }
            other => panic!("{other:?}"),
        }
        // UEFI does not care.
        assert!(in_folder(&folder, &wanted(&[Uefi])).is_ok());
    }
    fs::write(folder.join("EFI/Microsoft/Boot/efisys.bin"), "").unwrap();
    assert!(matches!(in_folder(&folder, &wanted(&[Uefi])), Err(NoBootFiles::Failed(_))));
}

#[test]
fn twins_and_bad_names_are_named() {
    let scratch = Scratch::new();
    let folder = scratch.tree("iso", &[&ISO[..], &["BOOT/bcd"]].concat());
    let Err(NoBootFiles::Misplaced { path, .. }) = in_folder(&folder, &wanted(&[Bios])) else { panic!() };
    assert_eq!(path, "BOOT/bcd");
    let folder = scratch.tree("other", &[&ISO[..], &["BOOT/aux.txt"]].concat());
    let Err(NoBootFiles::Misplaced { path, .. }) = in_folder(&folder, &wanted(&[Bios])) else { panic!() };
    assert_eq!(path, "BOOT/aux.txt");
    assert!(matches!(in_folder(&scratch.folder.join("none"), &wanted(&[Bios])), Err(NoBootFiles::Failed(_))));
}
