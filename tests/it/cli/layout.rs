//! `inspect --layout`: where things are on a medium, as text, as data and as a picture.

use std::fs;
use std::process::Command;

use crate::fixtures::sandbox::Sandbox;

/// Two media: `old.iso` and `out/win11-BER.iso`, on which one package is longer, one is gone and one is new.
fn built() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.put("packages/large/data.cab", vec![3; 2_500_000]);
    sandbox.put("packages/large/more.cab", vec![4; 1_200_000]);
    sandbox.put("packages/old/a.txt", "a\n");
    sandbox.put("packages/new/b.txt", "b\n");
    let package = |id: &str, folder: &str| format!("[[package]]\nid = \"{id}\"\nsource = \"packages/{folder}\"\n\n");
    sandbox.edit("[[file]]", &(package("BER00030", "large") + &package("BER00031", "old") + "[[file]]"));
    sandbox.done(&["apply"]);
    fs::rename(sandbox.path("out/win11-BER.iso"), sandbox.path("old.iso")).unwrap();
    sandbox.edit("BER00031", "BER00032");
    sandbox.edit("packages/old", "packages/new");
    sandbox.put("packages/large/more.cab", vec![5; 1_250_000]);
    sandbox.done(&["apply"]);
    sandbox
}

#[test]
fn the_layout_of_a_medium_is_a_table() {
    let sandbox = built();
    insta::assert_snapshot!(sandbox.see("inspect --layout out/win11-BER.iso"), @"
    $ tsmedia inspect --layout out/win11-BER.iso
    |  offset   length     used    slack  files  what
    |       0   530 kB  97.2 kB   433 kB      -  descriptors, boot catalog, path tables, anchor
    |  530432  10.2 kB  6.14 kB  4.10 kB      -  file entries of UDF
    |  540672  2.56 MB  2.50 MB  55.9 kB      1  SMS/PKG/BER00030/data.cab
    | 3096576  1.28 MB  1.25 MB  28.0 kB      1  SMS/PKG/BER00030/more.cab
    | 4374528  8.19 kB  5.20 kB  3.00 kB      3  small files in boot
    | 4382720  2.05 kB    400 B  1.65 kB      1  small files in the root
    | 4384768  28.7 kB  26.1 kB  2.59 kB      3  small files in efi
    | 4413440  10.2 kB  6.78 kB  3.46 kB      1  small files in sources
    | 4423680  4.10 kB     50 B  4.05 kB      2  small files in SMS/PKG/BER00021
    | 4427776  94.2 kB      2 B  94.2 kB      1  small files in SMS/PKG/BER00032
    | 4521984  36.9 kB  28.7 kB  8.19 kB      -  folders of ISO 9660
    | 4558848  36.9 kB  28.7 kB  8.19 kB      -  folders of Joliet
    | 4595712  36.9 kB  2.11 kB  34.8 kB      -  folders of UDF
    | 4632576  65.5 kB  61.4 kB  4.10 kB      -  file entries of UDF
    | 4698112  4.10 kB     17 B  4.08 kB      1  small files in the root
    | 4702208  8.19 kB    780 B  7.41 kB      2  small files in SMS
    | 4710400   319 kB  3.37 kB   316 kB      3  lists in tsmedia
    | 5029888  2.05 kB  2.05 kB      0 B      -  anchor
    |
    | content     3.79 MB in 19 files (75.3 %)
    | structures  226 kB (4.4 %)
    | slack       1.01 MB (20.1 %)
    = 0
    ");
}

#[test]
fn the_layouts_of_two_media_are_compared() {
    let sandbox = built();
    let mut seen = sandbox.see("inspect --layout out/win11-BER.iso old.iso");
    seen += &sandbox.see("inspect --layout out/win11-BER.iso out/win11-BER.iso");
    insta::assert_snapshot!(seen);
}

/// The regions of a medium are told by the bytes themselves: what is said to be the same at the same place is.
#[test]
fn a_layout_as_data_is_right_about_every_byte() {
    let sandbox = built();
    let seen = sandbox.done(&["inspect", "--layout", "--json", "out/win11-BER.iso", "old.iso"]);
    let value: serde_json::Value = serde_json::from_str(&seen).unwrap();
    let value = &value["layout"];
    let (new, old) = (sandbox.get("out/win11-BER.iso"), sandbox.get("old.iso"));
    let number = |value: &serde_json::Value, key: &str| value[key].as_u64().unwrap() as usize;
    let (mut at, mut n_same) = (0, 0);
    for region in value["regions"].as_array().unwrap() {
        let (offset, len, same) = (number(region, "offset"), number(region, "len"), number(region, "same"));
        assert_eq!((offset, number(region, "used") + number(region, "slack")), (at, len), "{region}");
        at += len;
        n_same += same;
        let (bytes, others) = (&new[offset..at], &old[offset.min(old.len())..]);
        let really = bytes.iter().zip(others).filter(|(new, old)| new == old).count();
        assert!(same <= really, "{region}: {really}");
        let sectors = bytes.chunks(2_048).zip(others.chunks(2_048));
        let same_sectors = sectors.filter(|(new, old)| old.starts_with(new)).count() * 2_048;
        let is_content = region["files"] != 0;
        assert!(is_content || same + 4_096 >= same_sectors, "{region}: {same_sectors}");
        if region["state"] == "same" {
            assert!(same >= number(region, "used") && really >= number(region, "used"), "{region}");
        }
        if let Some(from) = region["from"].as_u64().filter(|_| region["state"] == "moved") {
            let used = number(region, "used").min(1_000);
            assert_eq!(new[offset..offset + used], old[from as usize..from as usize + used], "{region}");
        }
    }
    assert_eq!((at, number(value, "len"), number(&value["other"], "same")), (new.len(), new.len(), n_same));
    let kinds: Vec<_> = value["regions"].as_array().unwrap().iter().map(|region| region["kind"].clone()).collect();
    for kind in ["head", "large file", "small files", "folders", "file entries", "lists"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind}: {kinds:?}");
    }
    assert_eq!(value["other"]["gone"][0]["name"], "SMS/PKG/BER00031");
}

#[test]
fn a_layout_is_drawn() {
    let sandbox = built();
    let mut seen = sandbox.see("inspect --layout out/win11-BER.iso old.iso --svg layout.svg");
    seen += &sandbox.see("inspect --layout out/win11-BER.iso --svg out/layout.png");
    sandbox.done(&["inspect", "--layout", "out/win11-BER.iso", "--svg", "one.svg"]);
    let first = sandbox.get("layout.svg");
    sandbox.done(&["inspect", "--layout", "out/win11-BER.iso", "old.iso", "--svg", "layout.svg"]);
    assert!(first == sandbox.get("layout.svg"), "not the same twice");
    // An independent reader of XML, and whether everything is within the picture and says what it is.
    let check = "import sys, xml.etree.ElementTree as e
for path in sys.argv[1:]:
    root = e.parse(path).getroot()
    n = '{http://www.w3.org/2000/svg}'
    width, height = (float(root.get(key)) for key in ('width', 'height'))
    for rect in root.iter(n + 'rect'):
        if rect.get('x'):
            x, y, w, h = (float(rect.get(key)) for key in ('x', 'y', 'width', 'height'))
            assert 0 <= x and x + w <= width and 0 <= y and y + h <= height, rect.attrib
    groups = list(root.iter(n + 'g'))
    assert len(groups) > 10 and all(g.find(n + 'title').text and g.find(n + 'rect') is not None for g in groups)
    ids = {p.get('id') for p in root.iter(n + 'pattern')}
    used = {r.get('fill')[5:-1] for r in root.iter(n + 'rect') if r.get('fill')}
    assert used == ids, (used, ids)
";
    let python =
        Command::new("python3").args(["-c", check, "layout.svg", "one.svg"]).current_dir(&sandbox.root).output();
    let python = python.unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    seen += &String::from_utf8(first).unwrap();
    insta::assert_snapshot!(seen);
}

#[test]
fn a_layout_of_what_is_no_medium_is_refused() {
    let sandbox = Sandbox::new();
    let mut seen = String::new();
    for line in ["images/boot.wim", "readme.txt", "nothing.iso", "readme.txt --files", "readme.txt other.iso extra.iso"]
    {
        seen += &sandbox.see(&format!("inspect --layout {line}"));
    }
    seen += &(sandbox.see("inspect readme.txt other.iso") + &sandbox.see("inspect readme.txt --svg a.svg"));
    insta::assert_snapshot!(seen);
}
