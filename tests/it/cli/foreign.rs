//! Folders from elsewhere: nothing in them leads a write elsewhere, and readers write nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use crate::fixtures::sandbox::Sandbox;

const PRECIOUS: &str = "precious, and longer than what would be written over it\n";

/// A project for one site, whose medium is `out/win11-BER.iso`.
fn project() -> Sandbox {
    let sandbox = Sandbox::in_folder("project");
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_string()
}

/// A journal that is whole, as far as anybody can make one without the key of a cache.
fn forged(version: u32) -> Vec<u8> {
    let zeros = "0".repeat(64);
    let outline = json!({
        "old_id": zeros, "new_id": zeros, "old_len": 6, "new_len": 6, "widest": 6, "inserts": [], "fills": [],
        "inode": 1, "boot": "",
    });
    let mut journal = format!("tsmedia journal {version}\n{outline}\n").into_bytes();
    let seal = digest(&journal);
    journal.extend(format!("sealed {seal}\n").bytes());
    let decision = json!({ "writes": [{ "offset": 0, "len": 6 }], "zeros": [], "drops": [] });
    let decided = format!("{decision}\npwned\n");
    journal.extend(decided.bytes());
    journal.extend(format!("decided {}\n", digest(decided.as_bytes())).bytes());
    journal
}

/// Every file of a folder with its bytes, and every link.
fn everything(folder: &Utf8Path) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in folder.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            all.extend(everything(&path));
        } else if metadata.is_file() {
            all.insert(path.clone(), fs::read(path).unwrap());
        } else {
            all.insert(path, Vec::new());
        }
    }
    all
}

#[test]
fn a_forged_journal_makes_no_command_write() {
    let sandbox = project();
    let victim = sandbox.path("../victim");
    let (journal, part) = ("out/.win11-BER.iso.tsmedia-journal", sandbox.path("out/.win11-BER.iso.tsmedia-part"));
    for version in [1, 2] {
        for is_hard in [false, true] {
            sandbox.put("../victim", PRECIOUS);
            sandbox.put(journal, forged(version));
            let _ = fs::remove_file(&part);
            if is_hard {
                fs::hard_link(&victim, &part).unwrap()
            } else {
                symlink(&victim, &part).unwrap()
            }
            fs::File::create(sandbox.path("stick")).unwrap().set_len(100 << 20).unwrap();
            let before = everything(&sandbox.path("out"));
            for line in [
                "verify out/win11-BER.iso",
                "inspect out/win11-BER.iso",
                "inspect --layout out/win11-BER.iso",
                "diff out/win11-BER.iso media.toml",
                "write --dry-run out/win11-BER.iso stick",
                "plan",
                "check",
            ] {
                sandbox.see(line);
                assert_eq!(fs::read_to_string(&victim).unwrap(), PRECIOUS, "{line}");
                assert!(everything(&sandbox.path("out")) == before, "{line}");
            }
            let built = sandbox.see("apply");
            assert!(built.contains("is ignored, since it was not created with this cache"), "{built}");
            assert_eq!(fs::read_to_string(&victim).unwrap(), PRECIOUS);
            assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
            sandbox.done(&["verify", "out/win11-BER.iso"]);
            fs::remove_file(sandbox.path("out/win11-BER.iso")).unwrap();
        }
    }
}

#[test]
fn a_forged_journal_with_a_cache_of_its_own_makes_no_command_write() {
    // The folder brings the key that its journal is sealed with, a temporary file that is a regular one, and no medium.
    let sandbox = project();
    sandbox.done(&["apply"]);
    sandbox.put("out/.win11-BER.iso.tsmedia-journal", forged(2));
    sandbox.put(".tsmedia/journal.key", [0; 32]);
    fs::set_permissions(sandbox.path(".tsmedia/journal.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(sandbox.path("out/win11-BER.iso"), sandbox.path("out/.win11-BER.iso.tsmedia-part")).unwrap();
    let before = everything(&sandbox.path("out"));
    let seen = sandbox.see("verify out/win11-BER.iso") + &sandbox.see("plan");
    assert!(everything(&sandbox.path("out")) == before);
    insta::assert_snapshot!(seen, @"
    $ tsmedia verify out/win11-BER.iso
    ! error: a patch of `out/win11-BER.iso` was interrupted, so the file is not there now
    !   help: run `tsmedia apply MANIFEST` with the manifest that makes it, to finish or undo the patch
    = 1

    $ tsmedia plan
    | 1 to create; 84.6 kB to write
    |
    | create   out/win11-BER.iso (1.13 MB, 84.6 kB to write)
    |   it was built, but the file no longer exists
    |   boots without a key prompt
    |   contents: 39.3 kB in 13 files
    |     boot image: 6.78 kB in 1 file
    |     package `BER00021`: 50 B in 2 files
    |     files of the medium itself: 32.5 kB in 10 files
    ! warning: the journal beside `out/win11-BER.iso` is ignored, since it was not created with this cache
    !   help: run `tsmedia apply media.toml` to remove it, and to rebuild `out/win11-BER.iso` if it is incomplete
    = 0
    ");
    assert!(sandbox.see("apply").contains("created   out/win11-BER.iso"));
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
}

#[test]
fn a_journal_beside_a_whole_medium_keeps_nobody_from_reading_it() {
    let sandbox = project();
    sandbox.done(&["apply"]);
    let journal = "out/.win11-BER.iso.tsmedia-journal";
    for text in ["tsmedia journal 1", "tsmedia journal 2\n{}\nsealed 0\n", ""] {
        sandbox.put(journal, text);
        sandbox.done(&["verify", "out/win11-BER.iso"]);
        sandbox.done(&["inspect", "out/win11-BER.iso"]);
        assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
        assert_eq!(sandbox.get(journal), text.as_bytes());
    }
    sandbox.put(journal, forged(2));
    let seen =
        sandbox.see("verify out/win11-BER.iso") + &sandbox.see("plan") + &sandbox.see("apply") + &sandbox.see("plan");
    insta::assert_snapshot!(seen);
    // A user with read access only.
    sandbox.put(journal, "tsmedia journal 1");
    let ran = sandbox.command_of_somebody(&["verify", "out/win11-BER.iso"]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        std::os::unix::fs::chown(sandbox.path(journal), Some(0), Some(0)).unwrap();
        std::os::unix::fs::chown(sandbox.path("out"), Some(0), Some(0)).unwrap();
        for line in ["verify out/win11-BER.iso", "inspect out/win11-BER.iso", "diff out/win11-BER.iso media.toml"] {
            let ran = sandbox.command_of_somebody(&line.split(' ').collect::<Vec<_>>()).uid(65_534).output().unwrap();
            assert!(ran.status.success(), "{line}: {ran:?}");
        }
    }
}

#[test]
fn no_file_of_the_cache_is_reached_over_a_link() {
    let locks = ["lock", "digests.lock"];
    let files = ["now", "digests", "journal.key", "veil", "certificate.key", "CACHEDIR.TAG", ".gitignore"];
    for is_hard in [false, true] {
        let sandbox = project();
        fs::create_dir(sandbox.path(".tsmedia")).unwrap();
        for name in locks.into_iter().chain(files) {
            sandbox.put(&format!("../victims/{name}"), PRECIOUS);
            let (victim, link) =
                (sandbox.path(&format!("../victims/{name}")), sandbox.path(&format!(".tsmedia/{name}")));
            if is_hard { fs::hard_link(victim, link).unwrap() } else { symlink(victim, link).unwrap() }
        }
        let before = everything(&sandbox.path("../victims"));
        for line in ["plan", "apply", "cache", "cache --clear", "plan"] {
            let seen = sandbox.see(line);
            assert!(everything(&sandbox.path("../victims")) == before, "{line}");
            if line == "apply" {
                assert!(seen.contains("locking `./.tsmedia/lock`") && seen.contains("rm ./.tsmedia/lock"), "{seen}");
            }
        }
        fs::remove_file(sandbox.path(".tsmedia/lock")).unwrap();
        let seen = sandbox.see("apply");
        assert!(seen.contains("locking `./.tsmedia/digests.lock`"), "{seen}");
        assert!(everything(&sandbox.path("../victims")) == before);
        fs::remove_file(sandbox.path(".tsmedia/digests.lock")).unwrap();
        sandbox.done(&["apply"]);
        assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
        sandbox.done(&["cache", "--clear"]);
        assert!(everything(&sandbox.path("../victims")) == before);
        assert_eq!(sandbox.get(".tsmedia/.gitignore"), b"*\n");
    }
}

#[test]
fn a_cache_that_is_a_link_is_not_used() {
    let sandbox = project();
    for folder in ["../elsewhere/objects/wim-reads", "../elsewhere/other"] {
        sandbox.put(&format!("{folder}/file"), PRECIOUS);
    }
    symlink(sandbox.path("../elsewhere"), sandbox.path(".tsmedia")).unwrap();
    let before = everything(&sandbox.path("../elsewhere"));
    let mut seen = String::new();
    for line in ["plan", "apply", "cache", "cache --clear", "cache --limit 1B"] {
        seen += &sandbox.see(line);
        assert!(everything(&sandbox.path("../elsewhere")) == before, "{line}");
    }
    insta::assert_snapshot!(seen);
    // The same of a folder within the cache.
    fs::remove_file(sandbox.path(".tsmedia")).unwrap();
    fs::create_dir(sandbox.path(".tsmedia")).unwrap();
    symlink(sandbox.path("../elsewhere/objects"), sandbox.path(".tsmedia/objects")).unwrap();
    symlink(sandbox.path("../elsewhere/other"), sandbox.path(".tsmedia/locks")).unwrap();
    assert!(sandbox.see("apply").contains("using `./.tsmedia/locks`"));
    assert!(everything(&sandbox.path("../elsewhere")) == before);
    fs::remove_file(sandbox.path(".tsmedia/locks")).unwrap();
    for line in ["plan", "apply", "cache --limit 1B", "cache --clear"] {
        sandbox.done(&line.split(' ').collect::<Vec<_>>());
        assert!(everything(&sandbox.path("../elsewhere")) == before, "{line}");
    }
}

#[test]
fn an_output_that_is_a_link_is_refused_and_what_it_leads_to_stays() {
    let sandbox = project();
    sandbox.put("../victim", PRECIOUS);
    let mut seen = String::new();
    let link = |path: &str| {
        fs::create_dir_all(sandbox.path(path).parent().unwrap()).unwrap();
        let _ = fs::remove_file(sandbox.path(path));
        symlink(sandbox.path("../victim"), sandbox.path(path)).unwrap();
    };
    link("out/win11-BER.iso");
    seen += &(sandbox.see("plan") + &sandbox.see("apply --force"));
    fs::remove_file(sandbox.path("out/win11-BER.iso")).unwrap();
    link("ci.plan");
    seen += &sandbox.see("plan --out ci.plan");
    link("map.svg");
    sandbox.done(&["apply"]);
    seen += &sandbox.see("inspect --layout --svg map.svg out/win11-BER.iso");
    link("copy.wim");
    seen += &sandbox.see("capture packages -o copy.wim --force");
    link("sequence.xml");
    sandbox.put("sequence.toml", "sequence-version = 1\nname = \"x\"\nsteps = []\n");
    let exported = sandbox.see("sequence export sequence.toml -o sequence.xml --force");
    assert!(exported.ends_with("= 1\n\n"), "{exported}");
    let record = sandbox.get("media.record.json");
    sandbox.put("../record", &record);
    fs::remove_file(sandbox.path("media.record.json")).unwrap();
    symlink(sandbox.path("../record"), sandbox.path("media.record.json")).unwrap();
    sandbox.put("packages/vpn/vpn.conf", "server = other\n");
    seen += &sandbox.see("apply");
    assert_eq!(sandbox.get("../victim"), PRECIOUS.as_bytes());
    assert!(sandbox.get("../record") == record);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_record_speaks_for_nothing_but_what_its_manifest_made_here() {
    let sandbox = project();
    sandbox.done(&["apply"]);
    let other = Sandbox::in_folder("project");
    other.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    other.put("packages/vpn/vpn.conf", "server = other\n");
    other.done(&["apply"]);
    // The medium of another project, at places that a record can name.
    let medium = other.get("out/win11-BER.iso");
    for path in ["../next.iso", "packages/next.iso", "out/next.iso", "elsewhere/next.iso"] {
        sandbox.put(path, &medium);
    }
    symlink("elsewhere", sandbox.path("link")).unwrap();
    let recorded: Value = serde_json::from_slice(&other.get("media.record.json")).unwrap();
    let mut record: Value = serde_json::from_slice(&sandbox.get("media.record.json")).unwrap();
    let absolute = sandbox.path("elsewhere/next.iso");
    let names =
        ["../next.iso", absolute.as_str(), "link/next.iso", "out/../../next.iso", "packages/next.iso", "out/next.iso"];
    for name in names {
        let mut named = recorded["outputs"][0].clone();
        named["summary"]["name"] = name.into();
        record["outputs"].as_array_mut().unwrap().push(named);
    }
    let text = format!("{{\n\"record-version\": 2,\n\"outputs\": {}\n}}\n", record["outputs"]);
    sandbox.put("media.record.json", text);
    let seen = sandbox.see("plan") + &sandbox.see("apply") + &sandbox.see("plan");
    for path in ["../next.iso", "packages/next.iso", "out/next.iso", "elsewhere/next.iso", "out/win11-BER.iso"] {
        assert!(sandbox.path(path).exists(), "{path}");
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_helps() {
    let sandbox = project();
    sandbox.edit("[[package]]", "[variables]\nSecret = { env = \"A_SECRET\" }\n\n[[package]]");
    let apply = || sandbox.command(&["apply"]).env("A_SECRET", "value").output().unwrap();
    assert!(apply().status.success());
    let veil = sandbox.path(".tsmedia/veil");
    assert_eq!(fs::metadata(&veil).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&veil, fs::Permissions::from_mode(0o644)).unwrap();
    let seen = sandbox.see_ran("apply", &apply());
    fs::set_permissions(&veil, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(apply().status.success());
    insta::assert_snapshot!(seen, @r#"
    $ tsmedia apply
    !   × reading `./.tsmedia/veil`: its permissions 0644 are too open
    !    ╭─[media.toml:3:1]
    !  2 │
    !  3 │ [media]
    !    · ───┬───
    !    ·    ╰── named here
    !  4 │ name = "win11"
    !    ╰────
    !   help: run `chmod 600 ./.tsmedia/veil`
    !
    !   ⚠ warning[missing-password]: without a password, anyone with the medium can read the variables
    !     ╭─[media.toml:20:1]
    !  19 │
    !  20 │ [variables]
    !     · ───────────
    !  21 │ Secret = { env = "A_SECRET" }
    !     ╰────
    !   help: add `[security]` with `password = { env = "MEDIA_PASSWORD" }`; content below `SMS\PKG` stays
    !         readable regardless
    !
    ! 1 error, 1 warning
    = 1
    "#);
}

#[test]
fn a_cache_folder_that_was_there_before_is_left_out_by_git() {
    let sandbox = project();
    sandbox.put(".tsmedia/.gitignore", "# nothing\n!veil\n");
    sandbox.done(&["apply"]);
    assert_eq!(sandbox.get(".tsmedia/.gitignore"), b"*\n");
    assert!(sandbox.get(".tsmedia/CACHEDIR.TAG").starts_with(b"Signature: 8a477f597d28d172789f06886806bc55\n"));
    sandbox.put(".tsmedia/.gitignore", "# ours\n*\n");
    sandbox.done(&["apply"]);
    assert_eq!(sandbox.get(".tsmedia/.gitignore"), b"# ours\n*\n");
}
