//! Memory for a medium with 50,000 files. It grows linearly, so this is half of that for 100,000.

use std::fs;
use std::time::Instant;

use camino::Utf8PathBuf;
use tsmedia::content::{Content, SourceFile, Stat};
use tsmedia::date::Date;
use tsmedia::digest::Digests;
use tsmedia::output::{Form, Output};
use tsmedia::record::Record;
use tsmedia::target::{Recipe, Target, TargetFacts};
use tsmedia::volume::Folder;

use crate::fixtures::alone::alone;

/// Peak memory of this process in MiB, without the pages of the program.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    (kib("VmHWM:") - kib("RssFile:")) / 1_024
}

#[test]
fn a_medium_of_fifty_thousand_files_is_laid_out_and_recorded_in_little_memory() {
    alone("iso_memory::a_medium_of_fifty_thousand_files_is_laid_out_and_recorded_in_little_memory", lay_out_and_record);
}

fn lay_out_and_record() {
    let mut root = Folder::default();
    for n in 0..50_000u64 {
        let stat = Stat { device: 1, inode: n, len: n * 37 % 50_000, modified_ns: 0, changed_ns: 0 };
        let path = format!("SMS/PKG/BER{:05}/folder {}/a file with a usual name {n}.dll", n % 50, n % 1_000);
        let source = SourceFile { path: Utf8PathBuf::from(format!("/srv/content/packages/{path}")), stat };
        root.insert(&path, Content::file(source)).unwrap();
    }
    let (label, date) = ("MANY".into(), Date::EARLIEST);
    let output = Output {
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
    };
    let (path, name, values) = ("/srv/out/many.iso".into(), "out/many.iso".into(), Vec::new());
    let recipe = Recipe::Medium(Box::new(output));
    let target = Target { path, name, values, recipe, facts: TargetFacts::default() };
    let output = target.medium().unwrap();
    let of_tree = peak();
    let start = Instant::now();
    let draft = output.draft(&|_| None).unwrap();
    let of_draft = peak();
    // The sources are not there: their digests are all that the rest is made from.
    let digests: Vec<_> =
        draft.jobs(&|_| None).iter().map(|job| Digests::hash(job.file.path().as_str().as_bytes())).collect();
    let sealed = draft.seal(&digests).unwrap();
    let mut record = Record::default();
    record.put_medium(&target, output, &sealed).unwrap();
    let (seconds, after, n_extents) = (start.elapsed().as_secs_f64(), peak(), sealed.layout.extents().len());
    println!("tree {of_tree} MiB, draft {of_draft} MiB, record {after} MiB; {n_extents} extents in {seconds:.2} s");
    assert!(n_extents > 100_000);
    // The lists that the medium has of itself are not recorded.
    assert_eq!(record.files("out/many.iso").unwrap().len(), 50_000);
    assert!(of_draft < 100, "{of_draft} MiB, of which {of_tree} MiB for the tree");
    assert!(after < 115, "{after} MiB, of which {of_tree} MiB for the tree");
}
