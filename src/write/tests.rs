mod pieced;

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::Utf8PathBuf;

use super::*;
use crate::output::fixtures::{MediumFixture, noise};
use crate::output::lists;
use crate::size::Size;

fn write_medium(fixture: &MediumFixture, options: &WriteOptions) -> Result<WrittenMedium> {
    let output = fixture.output();
    write(output.draft(&|_| None)?, &fixture.path(), &|_| None, options, &Progress::default())
}

#[test]
fn every_file_is_where_the_layout_says_and_the_lists_are_right() {
    let fixture = MediumFixture::new();
    let written = write_medium(&fixture, &WriteOptions::default()).unwrap();
    let medium = fixture.medium().unwrap();
    assert_eq!(medium.len() as u64, written.sealed.layout.len());
    assert_eq!(fixture.finished_names(), ["medium.iso"]);
    let mut n_bytes = 0;
    for file in &written.sealed.files {
        let bytes: Vec<u8> = file
            .places
            .iter()
            .flat_map(|place| &medium[place.offset as usize..(place.offset + place.len) as usize])
            .copied()
            .collect();
        assert_eq!(Digests::hash(&bytes), file.digests, "{}", file.path);
        n_bytes += bytes.len();
    }
    assert!(n_bytes > 1_700_000);
    let sums = written.sealed.files.iter().find(|file| file.path == lists::SHA256SUMS).unwrap();
    let at = sums.places[0].offset as usize;
    let text = std::str::from_utf8(&medium[at..at + sums.len as usize]).unwrap();
    assert_eq!(text.lines().count(), written.sealed.files.len() - 1);
    assert!(text.contains("  SMS/PKG/BER00001/read me.txt\n"));
    // Each source was read once; the boot program counts separately.
    assert_eq!(written.n_read, 1_700_005);
}

#[test]
fn sha256sum_checks_a_medium_without_tsmedia() {
    let fixture = MediumFixture::new();
    fixture.put("tool/größe \u{1f4c0} 'a'.txt", b"name");
    let written = write_medium(&fixture, &WriteOptions::default()).unwrap();
    let medium = fixture.medium().unwrap();
    let root = fixture.root.join("extracted");
    for file in &written.sealed.files {
        let path = root.join(&file.path);
        let at = file.places.first().map_or(0, |place| place.offset as usize);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &medium[at..at + file.len as usize]).unwrap();
    }
    let check = |root: &camino::Utf8Path| {
        let mut command = std::process::Command::new("sha256sum");
        command.args(["--check", "--strict", "--quiet", lists::SHA256SUMS]).current_dir(root);
        command.output().unwrap().status.success()
    };
    assert!(check(&root));
    fs::write(root.join("SMS/PKG/BER00001/read me.txt"), b"jello").unwrap();
    assert!(!check(&root));
}

#[test]
fn the_bytes_do_not_depend_on_threads_or_on_what_was_known() {
    let fixture = MediumFixture::new();
    for index in 0..40 {
        fixture.put(&format!("tool/part {index}"), &noise(1 + index * 7_001, index as u64));
    }
    let first = write_medium(&fixture, &WriteOptions { n_lanes: 1, ..WriteOptions::default() }).unwrap();
    let medium = fixture.medium();
    for n_lanes in [2, 3, 8] {
        let again = write_medium(&fixture, &WriteOptions { n_lanes, ..WriteOptions::default() }).unwrap();
        assert_eq!(fixture.medium(), medium, "{n_lanes} lanes");
        assert_eq!(again.sealed.id, first.sealed.id);
    }
    let output = fixture.output();
    let known =
        |key: &SourceKey| first.digests.iter().find(|(known, _)| known.key() == *key).map(|(_, digests)| *digests);
    let draft = output.draft(&|_| None).unwrap();
    let again = write(draft, &fixture.path(), &known, &WriteOptions::default(), &Progress::default()).unwrap();
    assert_eq!((fixture.medium(), again.n_read), (medium, 0));
}

#[test]
fn a_file_system_that_cannot_copy_gets_the_same_bytes() {
    let fixture = MediumFixture::new();
    let first = write_medium(&fixture, &WriteOptions::default()).unwrap();
    let medium = fixture.medium();
    let known =
        |key: &SourceKey| first.digests.iter().find(|(known, _)| known.key() == *key).map(|(_, digests)| *digests);
    // The first write of each run copies a source.
    let n_writes = Arc::new(AtomicUsize::new(0));
    let disk = DiskOps::watched(move |call| {
        match (call, n_writes.fetch_add(usize::from(call == Call::Write), Ordering::Relaxed)) {
            (Call::Write, 0) => Err(rustix::io::Errno::XDEV.into()),
            _ => Ok(()),
        }
    });
    let output = fixture.output();
    let options = WriteOptions { disk, ..WriteOptions::default() };
    write(output.draft(&|_| None).unwrap(), &fixture.path(), &known, &options, &Progress::default()).unwrap();
    assert_eq!(fixture.medium(), medium);
}

#[test]
fn a_source_that_changed_since_it_was_found_fails_and_the_target_stays() {
    let fixture = MediumFixture::new();
    write_medium(&fixture, &WriteOptions::default()).unwrap();
    let before = fixture.medium();
    for changed in [&b"jello"[..], b"longer than it was", b""] {
        let output = fixture.output();
        let draft = output.draft(&|_| None).unwrap();
        fixture.put("tool/read me.txt", changed);
        let error =
            write(draft, &fixture.path(), &|_| None, &WriteOptions::default(), &Progress::default()).unwrap_err();
        assert!(error.to_string().ends_with("read me.txt` changed while the medium was being built"), "{error}");
        assert_eq!((fixture.medium(), fixture.finished_names()), (before.clone(), vec!["medium.iso".to_owned()]));
    }
}

#[test]
fn a_source_that_changes_while_it_is_read_fails() {
    // A byte that was read before the second block is written, or one that is about to be shared.
    for (ability, n) in [(Ability::Overwrite, 1), (Ability::Clone, 0)] {
        let fixture = MediumFixture::new();
        // Changes the file in another tick of the file system's clock than it was made in.
        std::thread::sleep(std::time::Duration::from_millis(30));
        let path = fixture.root.join("sources/image/install.wim");
        let n_writes = AtomicUsize::new(0);
        let disk = DiskOps::watched(move |call| {
            if call == Call::Write && n_writes.fetch_add(1, Ordering::Relaxed) == n {
                fs::File::options().write(true).open(&path)?.write_all_at(b"!", 10)?;
            }
            Ok(())
        });
        let error = write_medium(&fixture, &WriteOptions { disk, n_lanes: 1, ability: Some(ability) });
        let error = error.map(|written| written.sealed.id).unwrap_err();
        assert!(error.to_string().contains("install.wim` changed"), "{ability:?}: {error}");
        assert_eq!(fixture.medium(), None);
    }
}

#[test]
fn media_that_share_blocks_have_the_same_bytes_and_are_hashed() {
    let fixture = MediumFixture::new();
    for index in 0..6 {
        fixture.put(&format!("tool/part {index}"), &noise(40_000 << index | 7, index as u64));
    }
    let medium = |ability: Ability| {
        let written = write_medium(&fixture, &WriteOptions { ability: Some(ability), ..WriteOptions::default() });
        let written = written.unwrap();
        (fixture.medium().unwrap(), written.sealed.id, written.n_read)
    };
    assert!(medium(Ability::Clone) == medium(Ability::Overwrite));
}

#[test]
fn a_disk_that_fills_up_leaves_what_was_there() {
    let fixture = MediumFixture::new();
    write_medium(&fixture, &WriteOptions::default()).unwrap();
    let before = fixture.medium();
    let n_writes = AtomicUsize::new(0);
    let disk = DiskOps::watched(move |call| match call {
        Call::Write if n_writes.fetch_add(1, Ordering::Relaxed) > 2 => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    });
    fixture.put("tool/setup.exe", b"other");
    let error = write_medium(&fixture, &WriteOptions { disk, ..WriteOptions::default() }).unwrap_err();
    assert!(error.advice().unwrap().contains("free some space"), "{error}");
    assert_eq!((fixture.medium(), fixture.finished_names()), (before, vec!["medium.iso".to_owned()]));
}

#[test]
fn a_file_that_comes_to_the_name_while_a_medium_is_written_is_kept() {
    let fixture = MediumFixture::new();
    let target = fixture.root.join("out/medium.iso");
    let disk = DiskOps::watched(move |call| match call {
        Call::Sync => fs::write(&target, b"thesis"),
        _ => Ok(()),
    });
    let error = write_medium(&fixture, &WriteOptions { disk, ..WriteOptions::default() }).unwrap_err();
    assert!(error.to_string().starts_with("another process replaced"), "{error}");
    assert_eq!(
        (fixture.medium().unwrap(), fixture.finished_names()),
        (b"thesis".to_vec(), vec!["medium.iso".to_owned()])
    );
}

#[test]
fn an_interrupted_build_leaves_nothing() {
    let fixture = MediumFixture::new();
    let output = fixture.output();
    let progress = Progress::default();
    progress.cancel();
    let draft = output.draft(&|_| None).unwrap();
    let error = write(draft, &fixture.path(), &|_| None, &WriteOptions::default(), &progress).unwrap_err();
    assert_eq!(error.to_string(), "interrupted");
    assert!(fixture.finished_names().is_empty());
}

#[test]
fn a_leftover_is_used_up_and_one_in_use_is_not() {
    let fixture = MediumFixture::new();
    let target = fixture.root.join("out/medium.iso");
    fs::create_dir_all(fixture.root.join("out")).unwrap();
    fs::write(temporary_path(&target), noise(5_000_000, 9)).unwrap();
    let disk = DiskOps::default();
    let held = Temporary::create(&disk, &target, IfBusy::Fail).unwrap();
    let error = write_medium(&fixture, &WriteOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("another process is writing"), "{error}");
    drop(held);
    write_medium(&fixture, &WriteOptions::default()).unwrap();
    assert_eq!(fixture.finished_names(), ["medium.iso"]);
    assert_eq!(fixture.medium().unwrap(), fixture.clean_build());
}

#[test]
fn a_link_in_place_of_the_temporary_file_is_not_followed() {
    let fixture = MediumFixture::new();
    let victim: Utf8PathBuf = fixture.root.join("victim");
    fs::write(&victim, b"precious").unwrap();
    fs::create_dir_all(fixture.root.join("out")).unwrap();
    std::os::unix::fs::symlink(&victim, temporary_path(&fixture.root.join("out/medium.iso"))).unwrap();
    write_medium(&fixture, &WriteOptions::default()).unwrap();
    assert_eq!(fs::read(victim).unwrap(), b"precious");
    assert!(fixture.medium().unwrap() == fixture.clean_build());
}

#[test]
fn a_leftover_is_never_written_to() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = MediumFixture::new();
    let (target, other) = (fixture.root.join("out/medium.iso"), fixture.root.join("other"));
    fs::create_dir_all(fixture.root.join("out")).unwrap();
    fs::write(&other, b"precious").unwrap();
    fs::hard_link(&other, temporary_path(&target)).unwrap();
    write_medium(&fixture, &WriteOptions::default()).unwrap();
    assert_eq!(fs::read(&other).unwrap(), b"precious");
    // The medium does not get the leftover's permissions either.
    fs::write(temporary_path(&target), b"").unwrap();
    fs::set_permissions(temporary_path(&target), fs::Permissions::from_mode(0o4777)).unwrap();
    write_medium(&fixture, &WriteOptions::default()).unwrap();
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o4002, 0);
}

#[test]
fn a_medium_that_passes_its_capacity_is_refused_with_both_numbers() {
    let fixture = MediumFixture::new();
    let mut output = fixture.output();
    output.capacity = Some(Size(1_000_000));
    let error = output.draft(&|_| None).unwrap_err().to_string();
    assert!(error.contains("takes 1.7") && error.contains("the medium holds 1.00 MB"), "{error}");
}

#[test]
fn content_cannot_take_the_place_of_the_lists() {
    let fixture = MediumFixture::new();
    let mut output = fixture.output();
    output.root.insert("TSMEDIA/medium.TOML", crate::content::Content::bytes(*b"mine")).unwrap();
    let error = output.draft(&|_| None).unwrap_err();
    assert!(error.to_string().contains("`TSMEDIA/medium.TOML` is on the medium already"), "{error}");
}
