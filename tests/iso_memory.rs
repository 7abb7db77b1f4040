//! What a disc of 100,000 files costs in memory. A process of its own, so that its peak is that of this alone.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use camino::Utf8PathBuf;
use tsmedia::content::{Content, SourceFile, Stat};
use tsmedia::date::Date;
use tsmedia::digest::Digest;
use tsmedia::format::iso;
use tsmedia::volume::{Folder, Volume};

/// The most memory that this process has had, in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

#[test]
fn a_disc_of_a_hundred_thousand_files_is_laid_out_in_little_memory() {
    let mut root = Folder::default();
    for n in 0..100_000u64 {
        let stat = Stat { device: 1, inode: n, len: n * 37 % 50_000, modified_ns: 0, changed_ns: 0 };
        let path = format!("SMS/PKG/BER{:05}/folder {}/a file with a usual name {n}.dll", n % 50, n % 1_000);
        let source = SourceFile { path: Utf8PathBuf::from(format!("/srv/content/packages/{path}")), stat };
        root.insert(&path, Content::Source(Arc::new(source))).unwrap();
    }
    let (id, date) = (Digest::of(b"many"), Date::EARLIEST);
    let volume = Volume { label: "MANY".into(), id, date, root, boot: Vec::new() };
    let before = peak();
    let start = Instant::now();
    let layout = iso::layout(&volume).unwrap();
    let (seconds, after) = (start.elapsed().as_secs_f64(), peak());
    println!("tree: {before} MiB; with layout: {after} MiB; {} extents in {seconds:.2} s", layout.extents().len());
    assert!(layout.extents().len() > 200_000);
    assert!(after < 150, "{after} MiB, of which {before} MiB for the tree");
}
