//! The examples. Each folder is built from a copy and verified, and its media boot under their firmware. Other readers
//! must find the sources on them, byte for byte.

mod content;
mod project;
pub mod repository;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::fixtures::qemu::{Firmware, boot_disc, boot_stick};
use project::{Medium, Project};
use test_fixtures::is_thorough;

/// Boots a medium under each firmware that it is for, and checks what the program on it read.
fn assert_starts(project: &Project, medium: &Medium) {
    for firmware in medium.firmware() {
        let boot = if medium.is_stick { boot_stick } else { boot_disc };
        let said = boot(firmware, medium.path.as_std_path(), project.scratch().as_std_path(), "tsmedia: started by");
        let started_by = if firmware == Firmware::SeaBios { "BIOS" } else { "UEFI" };
        for line in [
            format!("tsmedia stand-in boot program ({started_by})"),
            format!("volume label: {}", medium.label),
            format!("label = \"{}\"", medium.label),
            format!("kind = \"{}\"", medium.description["kind"].as_str().unwrap()),
            format!("tsmedia: started by {started_by}"),
        ] {
            assert!(said.lines().any(|said| said == line), "{firmware:?} did not say `{line}`:\n{said}");
        }
    }
}

#[test]
fn every_example_builds_verifies_and_starts() {
    let project = Project::examples();
    let mut started = BTreeSet::new();
    let folders = project.examples_with_manifests();
    assert!(folders.len() >= 5, "{folders:?}");
    for folder in folders {
        let manifest = format!("{folder}/media.toml");
        project.done(&["check", &manifest]);
        project.done(&["apply", &manifest]);
        assert!(project.done(&["plan", &manifest]).starts_with("nothing to do"));
        for medium in project.media(&folder) {
            project.done(&["verify", medium.path.as_str(), "--manifest", &manifest]);
            // `examples/run` starts the others.
            if !["stand-alone", "stick"].contains(&folder.as_str()) {
                continue;
            }
            // Sites of one example differ in content; one for each way to start is started.
            if started.insert((folder.clone(), format!("{:?}", medium.firmware()))) {
                assert_starts(&project, &medium);
            }
        }
    }
    assert!(started.len() >= 2, "{started:?}");
}

/// Applies the WIM file to a formatted volume, as a depot does; Windows is not run.
#[test]
fn a_disk_that_a_prestaged_medium_was_applied_to_starts() {
    if !is_thorough() {
        return;
    }
    let project = Project::examples();
    project.done(&["apply", "prestaged/media.toml"]);
    let medium = &project.media("prestaged")[0];
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let ran = command.args(arguments).current_dir(project.scratch()).output().unwrap();
        assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    run("wimlib-imagex", &["apply", medium.path.as_str(), "applied"]);
    run("mkfs.fat", &["-C", "-F", "32", "-n", "PRESTAGED", "disk.img", "65536"]);
    let names = project.scratch().join("applied").read_dir_utf8().unwrap();
    let names: Vec<_> = names.map(|entry| format!("applied/{}", entry.unwrap().file_name())).collect();
    let names = names.iter().map(String::as_str);
    run("mcopy", &["-s", "-i", "disk.img"].into_iter().chain(names).chain(["::"]).collect::<Vec<_>>());
    let disk = project.scratch().join("disk.img");
    let said = boot_stick(Firmware::Ovmf, disk.as_std_path(), project.scratch().as_std_path(), "tsmedia: started by");
    for line in ["tsmedia stand-in boot program (UEFI)", "kind = \"prestaged\"", "tsmedia: started by UEFI"] {
        assert!(said.lines().any(|said| said == line), "it did not say `{line}`:\n{said}");
    }
}

#[test]
fn a_medium_with_the_fat_volume_that_we_made_starts() {
    if !is_thorough() {
        return;
    }
    let project = Project::examples();
    let manifest = project.read("bootable/media.toml").replace("/boot.wim", "/boot-no-efisys.wim");
    let manifest = manifest.replace("files = \"../images/{{ vars.architecture }}/media\"", "files = \"boot-image\"");
    project.write("bootable/media.toml", &manifest);
    project.done(&["apply", "bootable/media.toml", "--site", "BER"]);
    let media = project.media("bootable");
    assert_eq!(media.len(), 1);
    assert_eq!(media[0].firmware(), [Firmware::Ovmf]);
    assert_starts(&project, &media[0]);
}

#[test]
fn the_first_disc_of_a_set_starts_and_no_other_claims_to() {
    if !is_thorough() {
        return;
    }
    let project = Project::examples();
    let manifest = project.read("stand-alone/media.toml");
    let start = manifest.find("[output]\n").unwrap() + "[output]\n".len();
    project
        .write("stand-alone/media.toml", &format!("{}capacity = \"8 MB\"\n{}", &manifest[..start], &manifest[start..]));
    for n in 0..6 {
        fs::write(project.path(&format!("stand-alone/packages/vpn/{n}.bin")), vec![n; 1_500_000]).unwrap();
    }
    project.done(&["apply", "stand-alone/media.toml", "--site", "BER"]);
    let media = project.media("stand-alone");
    assert!(media.len() > 1 && media[1..].iter().all(|medium| medium.firmware().is_empty()));
    assert_eq!(media[0].firmware(), [Firmware::SeaBios, Firmware::Ovmf]);
    assert_eq!(media[0].label, "WIN11 BER 1");
    assert_starts(&project, &media[0]);
    let paths: Vec<_> = media.iter().map(|medium| medium.path.as_str()).collect();
    project.done(&[&["verify", "--manifest", "stand-alone/media.toml"][..], &paths].concat());
}

#[test]
fn a_medium_with_a_file_over_4_gib_starts() {
    if !is_thorough() {
        return;
    }
    let project = Project::examples();
    let manifest = project.read("stand-alone/media.toml").replace("autorun = true\n", "");
    project.write("stand-alone/media.toml", &manifest);
    let large = fs::File::create(project.path("stand-alone/packages/vpn/large.bin")).unwrap();
    large.set_len((4 << 30) + 5).unwrap();
    project.done(&["apply", "stand-alone/media.toml", "--site", "BER"]);
    let media = project.media("stand-alone");
    assert_eq!(media[0].files["SMS/PKG/BER00021/large.bin"].0, (4 << 30) + 5);
    assert_eq!(media[0].firmware(), [Firmware::SeaBios, Firmware::Ovmf]);
    assert_starts(&project, &media[0]);
}
