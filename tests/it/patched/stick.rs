//! Independent readers of a stick: each must find its files, and nothing wrong with it.

use std::path::Path;

use crate::fixtures::disc::readers::text;
use crate::fixtures::disc::{Sample, run};

pub fn with_all(sample: &Sample, stick: &Path) {
    let report = run("sfdisk", &["--verify", text(stick)]);
    assert!(report.contains("No errors detected"), "{report}");
    let partition = sample.target("partition").join("volume.img");
    let skip = ["bs=1M", "skip=1", "conv=sparse", "status=none"];
    run("dd", &[&[format!("if={}", text(stick)).as_str(), &format!("of={}", text(&partition))], &skip[..]].concat());
    let report = run("fsck.fat", &["-n", text(&partition)]);
    assert_eq!(report.lines().count(), 2, "{report}");
    let target = sample.target("mcopy");
    run("mcopy", &["-s", "-n", "-i", &format!("{}@@1M", text(stick)), "::*", text(&target)]);
    sample.assert_extracted("mcopy", &target);
}
