//! Bytes that a clean build reads and writes, and its memory.

use std::fs::{self, File};
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};
use tsmedia::apply::{ApplyContext, apply};
use tsmedia::content::{Content, SourceFile, Stat};
use tsmedia::date::Date;
use tsmedia::format::partitions::PartitionScheme;
use tsmedia::output::{Form, Output};
use tsmedia::patch::Ability;
use tsmedia::progress::Progress;
use tsmedia::store::Store;
use tsmedia::target::{Recipe, Target, TargetFacts};
use tsmedia::verify::verify;
use tsmedia::volume::Folder;
use tsmedia::write::WriteOptions;

use crate::fixtures::alone::alone;

/// Reads a number by its name from a file of `/proc/self`.
fn own(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn source(path: Utf8PathBuf) -> Content {
    let stat = Stat::from_metadata(&fs::metadata(&path).unwrap());
    Content::file(SourceFile { path, stat })
}

/// Makes an image of `len` bytes that `fill` writes, and 200 small files.
fn output(folder: &Utf8Path, form: Form, fill: impl FnOnce(&File)) -> Output {
    let mut root = Folder::default();
    let image = folder.join("install.wim");
    fill(&File::create(&image).unwrap());
    root.insert("SMS/PKG/BER00010/install.wim", source(image)).unwrap();
    for n in 0..200 {
        let path = folder.join(format!("{n}.txt"));
        fs::write(&path, vec![b'x'; n * 331]).unwrap();
        root.insert(&format!("SMS/PKG/BER00021/{n}.txt"), source(path)).unwrap();
    }
    let (label, date) = ("COST".into(), Date::EARLIEST);
    Output {
        form,
        description: vec![],
        label,
        date,
        root,
        boot: vec![],
        capacity: None,
        entries: vec![],
        secret_content: None,
        disc: None,
    }
}

/// Builds a medium from scratch. Returns the number of source bytes read.
fn apply_once(folder: &Utf8Path, output: Output, options: WriteOptions) -> u64 {
    let (path, name, values) = (folder.join("medium"), "medium".into(), Vec::new());
    let recipe = Recipe::Medium(Box::new(output));
    let targets = [Target { path, name, values, recipe, facts: TargetFacts::default() }];
    let mut store = Store::open(&folder.join(".tsmedia"));
    let record = folder.join("media.record.json");
    let work = ApplyContext {
        targets: &targets,
        sysfs: "/sys".into(),
        others: &[],
        locked: &[],
        base: folder,
        record: &record,
        options,
        force: false,
        no_patch: false,
        deletes: true,
    };
    apply(&work, &mut store, &Progress::default()).unwrap().n_read
}

/// Builds a medium with a sparse image. Returns the length of its content, how much of it was read, how much this process
/// read in total, and its peak memory in KiB.
fn build(folder: &Utf8Path, len: u64) -> (u64, u64, u64, u64) {
    let output = output(folder, Form::Disc, |image| image.set_len(len).unwrap());
    let len = output.root.files().iter().map(|(_, content)| content.len()).sum();
    let before = own("io", "rchar:");
    let n_read = apply_once(folder, output, WriteOptions::default());
    let n_read_in_all = own("io", "rchar:") - before;
    (len, n_read, n_read_in_all, own("status", "VmHWM:"))
}

#[test]
fn a_clean_build_reads_each_byte_once_in_memory_that_does_not_grow_with_the_content() {
    alone("build_cost::a_clean_build_reads_each_byte_once_in_memory_that_does_not_grow_with_the_content", build_twice);
}

fn build_twice() {
    let mut peaks = Vec::new();
    for len in [16 << 20, 400 << 20] {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        // The kernel counts shared blocks as read, before the medium is read to hash it.
        let n_times = 1 + u64::from(can_share(folder));
        let (len, n_read, n_read_in_all, peak) = build(folder, len);
        println!("{len} bytes of content, {n_read} read, {n_read_in_all} by the process; {peak} KiB at most");
        assert_eq!(n_read, len);
        // Beside the content: the identity of what is there, `/proc` itself, and the like.
        assert!((len..n_times * len + (1 << 20)).contains(&n_read_in_all), "{n_read_in_all} of {len}");
        peaks.push(peak);
    }
    assert!(peaks[1] < peaks[0] + (4 << 10) && peaks[1] < 100 << 10, "{peaks:?}");
}

#[test]
fn a_clean_build_shares_the_blocks_of_large_sources_where_the_file_system_can() {
    alone("build_cost::a_clean_build_shares_the_blocks_of_large_sources_where_the_file_system_can", build_shared);
}

fn build_shared() {
    const LEN: u64 = 40 << 20;
    for form in [
        Form::Disc,
        Form::Wim,
        Form::Stick(PartitionScheme::Gpt),
        Form::Stick(PartitionScheme::Mbr),
        Form::StickWithNtfs(PartitionScheme::Gpt),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let fill = |mut image: &File| {
            let noise = |at: u64| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u8 | 1;
            (0..LEN >> 20)
                .for_each(|n| image.write_all(&(n << 20..(n + 1) << 20).map(noise).collect::<Vec<_>>()).unwrap());
            // Whole blocks are shared, and the rest of a file is not.
            image.write_all(b"end").unwrap();
            image.sync_all().unwrap();
        };
        let output = output(folder, form, fill);
        let shared = can_share(folder);
        let before = own("io", "write_bytes:");
        apply_once(folder, output.clone(), WriteOptions::default());
        let written = own("io", "write_bytes:") - before;
        println!("{form:?}: {written} bytes written, blocks can be shared: {shared}");
        if shared {
            assert!(written < LEN / 4, "{form:?}: {written} bytes written");
        }
        let path = folder.join("medium");
        let bytes = fs::read(&path).unwrap();
        let mut image = File::open(&path).unwrap();
        let listing = tsmedia::output::read(&mut image).unwrap();
        assert_eq!(verify(&mut image, &listing, &Progress::default()).unwrap().faults, []);
        // Without what the cache and the record know, and without sharing.
        fs::remove_dir_all(folder.join(".tsmedia")).unwrap();
        fs::remove_file(folder.join("media.record.json")).unwrap();
        fs::remove_file(&path).unwrap();
        apply_once(folder, output, WriteOptions { ability: Some(Ability::Overwrite), ..WriteOptions::default() });
        assert!(fs::read(&path).unwrap() == bytes, "{form:?}: sharing blocks changes bytes");
    }
}

/// Returns `true` if the file system of a folder can share blocks of its files.
fn can_share(folder: &Utf8Path) -> bool {
    let (from, to) = (folder.join("from"), folder.join("to"));
    fs::write(&from, [1; 4_096]).unwrap();
    rustix::fs::ioctl_ficlone(File::create(to).unwrap(), File::open(from).unwrap()).is_ok()
}
