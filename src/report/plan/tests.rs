use super::*;
use crate::content::{Content, SourceKey};
use crate::output::fixtures::{MediumFixture, noise};
use crate::plan::{Claim, ExistingFile, Inputs, plan};
use crate::record::Record;
use crate::target::fixtures::target;
use crate::target::{Recipe, Target};
use crate::write::{WriteOptions, write};

/// A built medium and its record.
fn built() -> (MediumFixture, Record, crate::digest::Digest) {
    let fixture = MediumFixture::new();
    let (target, output) = (target(&fixture), fixture.output());
    let draft = output.draft(&|_| None).unwrap();
    let written = write(draft, &target.path, &|_| None, &WriteOptions::default(), &Default::default()).unwrap();
    let mut record = Record::default();
    record.put_medium(&target, &output, &written.sealed).unwrap();
    (fixture, record, written.sealed.id)
}

fn planned(targets: &[Target], record: &Record, existing: &dyn Fn(&str) -> ExistingFile) -> Plan {
    let digests = |key: &SourceKey| {
        let files = targets.iter().filter_map(Target::medium).flat_map(|output| output.root.files());
        let path = files.into_iter().find_map(|(_, content)| match content {
            Content::Source(file) if file.key() == *key => Some(file.path().to_owned()),
            _ => None,
        });
        Some(crate::digest::Digests::hash(&std::fs::read(path?).unwrap()))
    };
    plan(&Inputs {
        targets,
        others: &[],
        digests: &digests,
        record,
        existing,
        claim: &|_| Claim::Made,
        is_cut_off: &|_| false,
        patching: None,
    })
    .unwrap()
}

#[test]
fn a_first_plan_creates() {
    let fixture = MediumFixture::new();
    let plan = planned(&[target(&fixture)], &Record::default(), &|_| ExistingFile::Missing);
    insta::assert_snapshot!(text(&plan, None), @"
    1 to create; 1.70 MB to write

    create   out/medium.iso (1.72 MB, 1.70 MB to write)
      not built yet
      contents: 1.70 MB in 5 files
        package `BER00001`: 200 kB in 3 files
        operating system `BER00002`: 1.50 MB in 1 file
        files of the medium itself: 5 B in 1 file
    ");
}

#[test]
fn nothing_changed_is_one_line_and_what_is_kept() {
    let (fixture, record, id) = built();
    let len = record.medium("out/medium.iso").unwrap().len;
    let plan = planned(&[target(&fixture)], &record, &|_| ExistingFile::Medium { id, secrets: None, len });
    insta::assert_snapshot!(text(&plan, None), @r#"
    nothing to do: the output is up to date

    keep     out/medium.iso (1.72 MB)
    "#);
}

#[test]
fn reasons_come_entry_by_entry() {
    let (fixture, record, id) = built();
    let len = record.medium("out/medium.iso").unwrap().len;
    fixture.put("tool/setup.exe", &noise(203_000, 5));
    fixture.put("tool/read me.txt", b"jello");
    std::fs::remove_file(fixture.root.join("sources/tool/empty")).unwrap();
    for index in 0..8 {
        fixture.put(&format!("tool/part {index}.cab"), &noise(1_000, index));
    }
    let mut output = fixture.output();
    output.label = "WIN11 MUC".into();
    output.description = vec![("kind", "stand-alone".into()), ("password", "set".into())];
    output.root.insert("boot/fonts/wgl4_boot.ttf", Content::bytes(*b"font")).unwrap();
    output.entries.remove(1);
    let plan = planned(&[Target { recipe: Recipe::Medium(Box::new(output)), ..target(&fixture) }], &record, &|_| {
        ExistingFile::Medium { id, secrets: None, len }
    });
    insta::assert_snapshot!(text(&plan, None), @"
    1 to rebuild; 1.72 MB to write

    rebuild  out/medium.iso (1.74 MB, 1.72 MB to write)
      label: `WIN11 BER` → `WIN11 MUC`
      password: added, `set`
      site: removed, was `BER`
      boot program for BIOS: changed
      package `BER00001`: 8 files added, 1 removed, 2 changed, none unchanged; 200 kB → 211 kB
        - empty (0 B)
        + part 0.cab (1.00 kB)
        + part 1.cab (1.00 kB)
        + part 2.cab (1.00 kB)
        + part 3.cab (1.00 kB)
        + part 4.cab (1.00 kB)
        + part 5.cab (1.00 kB)
        + part 6.cab (1.00 kB)
        + part 7.cab (1.00 kB)
        ~ read me.txt (5 B, different content)
        ~ setup.exe (200 kB → 203 kB)
      operating system `BER00002`: removed, was 1.50 MB in 1 file
      files of the medium itself: 2 files added; 5 B → 1.50 MB
        + SMS/PKG/BER00002/install.wim (1.50 MB)
        + boot/fonts/wgl4_boot.ttf (4 B)
    ");
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&plan, &[])).unwrap(), @r#"
    {
      "summary": {
        "keep": 0,
        "create": 0,
        "patch": 0,
        "rename": 0,
        "rebuild": 1,
        "delete": 0,
        "to-write": 1715139
      },
      "outputs": [
        {
          "manifest": "",
          "site": null,
          "kind": "stand-alone",
          "output": "out/medium.iso",
          "path": "out/medium.iso",
          "action": "rebuild",
          "len": 1738752,
          "to-write": 1715139,
          "kept": 0,
          "in-the-way": false,
          "reasons": [
            {
              "reason": "value",
              "key": "label",
              "old": "WIN11 BER",
              "new": "WIN11 MUC"
            },
            {
              "reason": "value",
              "key": "password",
              "old": null,
              "new": "set"
            },
            {
              "reason": "value",
              "key": "site",
              "old": "BER",
              "new": null
            },
            {
              "reason": "boot",
              "firmware": "bios",
              "change": "changed"
            },
            {
              "reason": "entry",
              "entry": "package `BER00001`",
              "path": "SMS/PKG/BER00001",
              "old": {
                "files": 3,
                "len": 200005
              },
              "new": {
                "files": 10,
                "len": 211005
              },
              "files": [
                {
                  "path": "SMS/PKG/BER00001/empty",
                  "change": "removed",
                  "from": null,
                  "old": 0,
                  "new": null
                },
                {
                  "path": "SMS/PKG/BER00001/part 0.cab",
                  "change": "added",
                  "from": null,
                  "old": null,
                  "new": 1000
                },
                {
                  "path": "SMS/PKG/BER00001/part 1.cab",
                  "change": "added",
                  "from": null,
                  "old": null,
                  "new": 1000
                },
                {
                  "path": "SMS/PKG/BER00001/part 2.cab",
                  "change": "added",
                  "from": null,
                  "old": null,
                  "new": 1000
                },
                {
                  "path": "SMS/PKG/BER00001/part 3.cab",
                  "change": "added",
                  "from": null,
                  "old": null,
                  "new": 1000
                },
                {
                  "path": "SMS/PKG/BER00001/part 4.cab",
                  "change": "added",
                  "from": null,
                  "old": null,
                  "new": 1000
                },
                {
                  "path": "SMS/PKG/BER00001/part 5.cab",
                  "change": "added",
                  "from": null,
                  "old": null,
                  "new": 1000
                },
                {
                  "path": "SMS/PKG/BER00001/part 6.cab",
                  "change": "added",
                  "from": null,
                  "old": null,
                  "new": 1000
                },
                {
                  "path": "SMS/PKG/BER00001/part 7.cab",
                  "change": "added",
                  "from": null,
                  "old": null,
                  "new": 1000
                },
                {
                  "path": "SMS/PKG/BER00001/read me.txt",
                  "change": "changed",
                  "from": null,
                  "old": 5,
                  "new": 5
                },
                {
                  "path": "SMS/PKG/BER00001/setup.exe",
                  "change": "changed",
                  "from": null,
                  "old": 200000,
                  "new": 203000
                }
              ]
            },
            {
              "reason": "entry",
              "entry": "operating system `BER00002`",
              "path": "SMS/PKG/BER00002",
              "old": {
                "files": 1,
                "len": 1500000
              },
              "new": null,
              "files": [
                {
                  "path": "SMS/PKG/BER00002/install.wim",
                  "change": "removed",
                  "from": null,
                  "old": 1500000,
                  "new": null
                }
              ]
            },
            {
              "reason": "entry",
              "entry": null,
              "path": null,
              "old": {
                "files": 1,
                "len": 5
              },
              "new": {
                "files": 3,
                "len": 1500009
              },
              "files": [
                {
                  "path": "SMS/PKG/BER00002/install.wim",
                  "change": "added",
                  "from": null,
                  "old": null,
                  "new": 1500000
                },
                {
                  "path": "boot/fonts/wgl4_boot.ttf",
                  "change": "added",
                  "from": null,
                  "old": null,
                  "new": 4
                }
              ]
            }
          ]
        }
      ],
      "failed": []
    }
    "#);
}

#[test]
fn what_became_of_the_finished_file_is_a_reason() {
    let (fixture, record, id) = built();
    let len = record.medium("out/medium.iso").unwrap().len;
    let other = crate::digest::Digest::hash(b"other");
    let mut all = String::new();
    for existing in [
        ExistingFile::Missing,
        ExistingFile::Touched { len },
        ExistingFile::Touched { len: 5 },
        ExistingFile::Medium { id, secrets: None, len: 2_048 },
        ExistingFile::Medium { id: other, secrets: None, len },
        ExistingFile::Foreign { len: 5 },
    ] {
        all += &text(&planned(&[target(&fixture)], &record, &|_| existing), None).to_string();
        all += "--\n";
    }
    for existing in [ExistingFile::Medium { id: other, secrets: None, len }, ExistingFile::Foreign { len: 5 }] {
        all += &text(&planned(&[target(&fixture)], &Record::default(), &|_| existing), None).to_string();
        all += "--\n";
    }
    for existing in
        [ExistingFile::Missing, ExistingFile::Medium { id, secrets: None, len }, ExistingFile::Foreign { len: 5 }]
    {
        all += &text(&planned(&[], &record, &|_| existing), None).to_string();
        all += "--\n";
    }
    insta::assert_snapshot!(all, @"
    1 to create; 1.70 MB to write

    create   out/medium.iso (1.72 MB, 1.70 MB to write)
      it was built, but the file no longer exists
      contents: 1.70 MB in 5 files
        package `BER00001`: 200 kB in 3 files
        operating system `BER00002`: 1.50 MB in 1 file
        files of the medium itself: 5 B in 1 file
    --
    1 to rebuild; 1.70 MB to write

    rebuild  out/medium.iso (1.72 MB, 1.70 MB to write)
      the file was modified since it was built
    --
    1 to rebuild; 1.70 MB to write

    rebuild  out/medium.iso (1.72 MB, 1.70 MB to write)
      the file has 5 bytes, but was built with 1716224
    --
    1 to rebuild; 1.70 MB to write

    rebuild  out/medium.iso (1.72 MB, 1.70 MB to write)
      the file has 2048 bytes, but was built with 1716224
    --
    1 to rebuild; 1.70 MB to write

    rebuild  out/medium.iso (1.72 MB, 1.70 MB to write)
      the file is not the recorded medium
    --
    1 to rebuild; 1.70 MB to write

    rebuild  out/medium.iso (1.72 MB, 1.70 MB to write)
      the file is not a medium made by tsmedia
    --
    1 to rebuild; 1.70 MB to write

    rebuild  out/medium.iso (1.72 MB, 1.70 MB to write)
      a medium exists, but there is no record of what it was built from
    --
    1 to rebuild; 1.70 MB to write

    rebuild  out/medium.iso (1.72 MB, 1.70 MB to write)
      a file that tsmedia did not make is in the way; `--force` replaces it
    --
    1 to delete; 0 B to write

    delete   out/medium.iso (0 B)
      the file no longer exists; only its record is removed
    --
    1 to delete; 0 B to write

    delete   out/medium.iso (1.72 MB)
      it is no longer in the manifest
    --
    1 to delete; 0 B to write

    delete   out/medium.iso (5 B)
      the file is not the one that was built; it is kept, and only its record is removed
    --
    ");
}
