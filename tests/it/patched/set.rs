//! The discs of a set, as it was made and after it was patched, as independent readers see them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};

use camino::Utf8Path;
use tsmedia::output;

use crate::fixtures::disc::{Sample, readers};
use crate::fixtures::sandbox::Sandbox;

/// Every disc is read by all, and together they hold each file once.
fn assert_read_by_all(sandbox: &Sandbox) {
    let mut packaged = BTreeSet::new();
    for (number, name) in (1..).zip(sandbox.list("out")) {
        let label = format!("WIN11 BER {number}");
        let mut sample = Sample::new(&label);
        let path = sandbox.path("out").join(name);
        let mut medium = File::open(&path).unwrap();
        let listing = output::read(&mut medium).unwrap();
        assert_eq!(listing.label, label);
        for listed in &listing.files {
            let on_disc = listed.path.as_str();
            let source = match on_disc.split_once('/') {
                Some(("SMS", "data/TsmBootstrap.ini" | "data/Variables.dat")) if number == 1 => {
                    let mut bytes = Vec::new();
                    let place = listed.places[0];
                    medium.seek(SeekFrom::Start(place.offset)).unwrap();
                    (&medium).take(place.len).read_to_end(&mut bytes).unwrap();
                    sample.made(on_disc, &bytes);
                    continue;
                }
                Some(("SMS", rest)) => {
                    let rest = rest.strip_prefix("PKG/BER00021/").unwrap();
                    assert!(packaged.insert(rest.to_owned()), "{rest} is on two discs");
                    format!("packages/vpn/{rest}")
                }
                Some(("sources", "boot.wim")) if number == 1 => "images/boot.wim".into(),
                Some(("tsmedia", _)) => {
                    sample.made(on_disc, listed.read_text(&mut medium).unwrap().as_bytes());
                    continue;
                }
                None if on_disc == "MediaLabel.txt" => {
                    sample.made(on_disc, format!("label={label}\r\n").as_bytes());
                    continue;
                }
                _ if number == 1 => format!("boot-files/{on_disc}"),
                _ => panic!("{on_disc} is on disc {number}"),
            };
            sample.add(on_disc, sandbox.path(&source).as_std_path());
        }
        readers::with_all(&sample, path.as_std_path());
    }
    let mut sources = BTreeSet::new();
    list(&sandbox.path("packages/vpn"), "", &mut sources);
    assert_eq!(packaged, sources);
}

fn list(folder: &Utf8Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in folder.read_dir_utf8().unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => list(entry.path(), &format!("{name}/"), found),
            false => drop(found.insert(name)),
        }
    }
}

#[test]
fn the_discs_of_a_set_are_read_by_all_also_when_they_were_patched() {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.edit("[output]\n", "[output]\ncapacity = \"2 MB\"\n");
    for n in 0..150u8 {
        sandbox.put(&format!("packages/vpn/größer {}/{n}.bin", n % 4), vec![n; 100 * usize::from(n)]);
    }
    sandbox.put("packages/vpn/large.cab", vec![3; 700_000]);
    sandbox.done(&["apply"]);
    assert_eq!(sandbox.list("out").len(), 3);
    assert_read_by_all(&sandbox);
    for n in [3, 77, 149u8] {
        sandbox.put(&format!("packages/vpn/größer {}/{n}.bin", n % 4), vec![1; 60 * usize::from(n) + 7]);
    }
    fs::remove_file(sandbox.path("packages/vpn/größer 2/2.bin")).unwrap();
    sandbox.done(&["apply"]);
    assert_read_by_all(&sandbox);
}
