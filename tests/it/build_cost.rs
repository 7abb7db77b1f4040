//! Bytes that a clean build reads, and its memory.

use std::fs::{self, File};

use camino::{Utf8Path, Utf8PathBuf};
use tsmedia::apply::{ApplyContext, apply};
use tsmedia::content::{Content, SourceFile, Stat};
use tsmedia::date::Date;
use tsmedia::output::{Form, Output};
use tsmedia::progress::Progress;
use tsmedia::store::Store;
use tsmedia::target::{Recipe, Target, TargetFacts};
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

/// Makes a sparse image of `len` bytes and 200 small files.
fn output(folder: &Utf8Path, len: u64) -> Output {
    let mut root = Folder::default();
    let image = folder.join("install.wim");
    File::create(&image).unwrap().set_len(len).unwrap();
    root.insert("SMS/PKG/BER00010/install.wim", source(image)).unwrap();
    for n in 0..200 {
        let path = folder.join(format!("{n}.txt"));
        fs::write(&path, vec![b'x'; n * 331]).unwrap();
        root.insert(&format!("SMS/PKG/BER00021/{n}.txt"), source(path)).unwrap();
    }
    let (label, date) = ("COST".into(), Date::EARLIEST);
    Output {
        form: Form::Disc,
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

/// Builds a medium from scratch. Returns the length of its content, how much of it was read, how much this process read
/// in total, and its peak memory in KiB.
fn build(len: u64) -> (u64, u64, u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let output = output(folder, len);
    let len = output.root.files().iter().map(|(_, content)| content.len()).sum();
    let (path, name, values) = (folder.join("medium.iso"), "medium.iso".into(), Vec::new());
    let recipe = Recipe::Medium(Box::new(output));
    let targets = [Target { path, name, values, recipe, facts: TargetFacts::default() }];
    let mut store = Store::open(&folder.join(".tsmedia"));
    let (record, options) = (folder.join("media.record.json"), WriteOptions::default());
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
    let before = own("io", "rchar:");
    let applied = apply(&work, &mut store, &Progress::default()).unwrap();
    let n_read_in_all = own("io", "rchar:") - before;
    (len, applied.n_read, n_read_in_all, own("status", "VmHWM:"))
}

#[test]
fn a_clean_build_reads_each_byte_once_in_memory_that_does_not_grow_with_the_content() {
    alone("build_cost::a_clean_build_reads_each_byte_once_in_memory_that_does_not_grow_with_the_content", build_twice);
}

fn build_twice() {
    let mut peaks = Vec::new();
    for len in [16 << 20, 400 << 20] {
        let (len, n_read, n_read_in_all, peak) = build(len);
        println!("{len} bytes of content, {n_read} read, {n_read_in_all} by the process; {peak} KiB at most");
        assert_eq!(n_read, len);
        // Beside the content: the identity of what is there, `/proc` itself, and the like.
        assert!((len..len + (1 << 20)).contains(&n_read_in_all), "{n_read_in_all} of {len}");
        peaks.push(peak);
    }
    assert!(peaks[1] < peaks[0] + (4 << 10) && peaks[1] < 100 << 10, "{peaks:?}");
}
