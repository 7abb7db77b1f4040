//! Values of manifests: how profiles, sites and templates are merged, and where each value was written.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use tsmedia::firmware::Firmware;
use tsmedia::manifest::{self, Capacity, Kind, Options, Package, Rendered, SecureBootCa};
use tsmedia::problem::Problems;
use tsmedia::report::{self, TextStyle};

/// The smallest manifest, to which tests append.
const BASE: &str = "manifest-version = 1\nmedia.name = 'm'\nmedia.kind = 'bootable'\nboot.image.file = 'boot.wim'\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = folder.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    fn load(&self, options: &Options) -> (Vec<Rendered>, Problems) {
        let mut problems = Problems::default();
        let rendered = manifest::load(&self.path("media.toml"), options, &mut problems).unwrap();
        assert!(!problems.has_errors(), "{}", report::graphical(&problems, TextStyle::default()));
        (rendered, problems)
    }
}

#[test]
fn nearer_profiles_replace_farther_ones_key_by_key() {
    let folder = Folder::with(&[
        (
            "media.toml",
            "manifest-version = 1\n[media]\nname = 'm'\nkind = 'bootable'\nprofile = ['p/far.toml', 'p/near.toml']\n[output]\npath = 'm.iso'\n",
        ),
        (
            "p/far.toml",
            "[boot]\nimage = { file = 'far.wim', index = 1 }\nfirmware = ['bios']\nprompt = false\n[output]\ncapacity = 'cd'\n",
        ),
        ("p/near.toml", "[media]\nprofile = 'deep/deeper.toml'\n[boot]\nimage.file = 'near.wim'\n"),
        ("p/deep/deeper.toml", "[boot]\nfirmware = ['uefi']\nimage = { file = 'deeper.wim', index = 2 }\n"),
    ]);
    let (rendered, problems) = folder.load(&Options::default());
    let [rendered] = rendered.as_slice() else { panic!() };
    let boot = &rendered.manifest.boot;
    assert_eq!((boot.image.file.as_str(), boot.image.index), ("near.wim", Some(2)));
    assert_eq!(boot.firmware, Some(vec![Firmware::Uefi]));
    assert_eq!(boot.prompt, Some(false));
    assert_eq!(rendered.manifest.output.capacity, "cd".parse::<Capacity>().unwrap());

    // Each value keeps the file it was written in, and its path is relative to that.
    let place = rendered.place("/boot/image/index");
    let source = problems.source(place.source);
    assert_eq!((source.name.as_str(), &source.text[place.span]), (folder.path("p/deep/deeper.toml").as_str(), "2"));
    assert_eq!(rendered.path_at("/boot/image/file", "near.wim"), folder.path("p/near.wim"));
    assert_eq!(rendered.path_at("/output/path", "m.iso"), folder.path("m.iso"));
    assert_eq!(rendered.path_at("/output/path", "/srv/m.iso"), "/srv/m.iso");
    assert!(rendered.value()["media"].get("profile").is_none());
}

/// Identities and sources of the packages of a manifest, in order.
fn packages(rendered: &Rendered) -> Vec<String> {
    let shown = |package: &Package| format!("{} {} {}", package.id, package.source, package.when);
    rendered.manifest.package.iter().map(shown).collect()
}

#[test]
fn entries_of_profiles_are_merged_by_their_identity() {
    let media = "manifest-version = 1\n[media]\nname = 'm'\nkind = 'stand-alone'\nprofile = ['p/a.toml', 'p/b.toml']\n\
                 [output]\npath = 'm-{{ site.code }}.iso'\n[boot]\nimage.file = 'boot.wim'\n";
    let folder = Folder::with(&[
        (
            "media.toml",
            &format!(
                "{media}[[package]]\nid = 'BER00004'\nsource = 'own'\n[[package]]\nid = 'BER00002'\nsource = 'new'\n\
                 [[boot.file]]\npath = 'windows/a.txt'\nsource = 'a.txt'\n\
                 [[sites]]\ncode = 'BER'\nvars = {{ languages = ['de'] }}\n"
            ),
        ),
        (
            "p/a.toml",
            "[media]\nprofile = 'company.toml'\n[[package]]\nid = 'BER00001'\nsource = 'of-a'\n[remove]\npackage = ['BER00003']\n",
        ),
        ("p/b.toml", "[media]\nprofile = 'company.toml'\n[[package]]\nid = 'BER00005'\nsource = 'of-b'\n"),
        (
            "p/company.toml",
            "[[package]]\nid = 'BER00001'\nsource = 'one'\nwhen = false\n[[package]]\nid = 'BER00002'\nsource = 'two'\n\
             [[package]]\nid = 'BER00003'\nsource = 'three'\n\
             [[boot.file]]\npath = 'Windows/A.txt'\nsource = 'far.txt'\nwhen = false\n\
             [[sites]]\ncode = 'BER'\nvars = { languages = ['en', 'fr'], zone = 1 }\n[[sites]]\ncode = 'HAM'\n",
        ),
    ]);
    let (rendered, problems) = folder.load(&Options::default());
    let [ber, ham] = rendered.as_slice() else { panic!("{rendered:?}") };
    // `a` overrides and removes entries of `company`, which `b` inherits too, but which counts once.
    let expected = ["BER00001 of-a false", "BER00002 new true", "BER00005 of-b true", "BER00004 own true"];
    assert_eq!(packages(ber), expected);
    assert_eq!(packages(ham), expected);
    let [file] = ber.manifest.boot.file.as_slice() else { panic!() };
    assert_eq!((file.path.as_str(), file.source.as_str(), file.when), ("windows/a.txt", "a.txt", false));
    let vars = &ber.value()["sites"][0]["vars"];
    assert_eq!(*vars, serde_json::json!({ "languages": ["de"], "zone": 1 }));

    // Each path is relative to the file that it was written in.
    assert_eq!(ber.path_at("/package/0/source", "of-a"), folder.path("p/of-a"));
    assert_eq!(ber.path_at("/package/1/source", "new"), folder.path("new"));
    let source = problems.source(ber.place("/package/0/when").source);
    assert_eq!(source.name, folder.path("p/company.toml").as_str());
}

#[test]
fn inherited_entries_are_removed_one_by_one_or_all() {
    let head = "manifest-version = 1\n[media]\nname = 'm'\nkind = 'stand-alone'\nprofile = ['p.toml']\n\
                [output]\npath = 'm.iso'\n[boot]\nimage.file = 'boot.wim'\n";
    let profile =
        "[[package]]\nid = 'BER00001'\nsource = 'one'\nwhen = false\n[[package]]\nid = 'BER00002'\nsource = 'two'\n";
    let loaded = |body: &str| {
        let folder = Folder::with(&[("media.toml", &format!("{head}{body}")), ("p.toml", profile)]);
        packages(&folder.load(&Options::default()).0[0])
    };
    assert_eq!(loaded("[remove]\npackage = ['BER00001']\n"), ["BER00002 two true"]);
    // An entry that is removed and listed is not merged.
    let listed = "[remove]\npackage = ['BER00001']\n[[package]]\nid = 'BER00001'\nsource = 'own'\n";
    assert_eq!(loaded(listed), ["BER00002 two true", "BER00001 own true"]);
    assert_eq!(
        loaded("[remove]\npackage = 'all'\n[[package]]\nid = 'BER00003'\nsource = 'own'\n"),
        ["BER00003 own true"]
    );
    // Of several entries with one identity, it is unclear which one to merge with.
    let several =
        "[[package]]\nid = 'BER00001'\nsource = 'a'\nwhen = false\n[[package]]\nid = 'BER00001'\nsource = 'b'\n";
    assert_eq!(loaded(several), ["BER00001 a false", "BER00001 b true", "BER00002 two true"]);
}

#[test]
fn what_nobody_wrote_is_placed_at_the_table_around_it() {
    let folder = Folder::with(&[("media.toml", &format!("{BASE}[output]\npath = 'm.iso'\n"))]);
    let (rendered, problems) = folder.load(&Options::default());
    let place = rendered[0].place("/output/capacity");
    assert_eq!(&problems.source(place.source).text[place.span], "[output]");
    assert_eq!(rendered[0].site, None);
    assert_eq!(rendered[0].manifest.media.label, "Configuration Manager");
    assert_eq!(rendered[0].manifest.boot.secure_boot_ca, SecureBootCa::Ca2011);
}

#[test]
fn template_values_come_from_the_nearest_that_gives_them() {
    let text = format!(
        "{BASE}media.label = '{{{{ vars.a }}}}-{{{{ vars.b }}}}-{{{{ vars.c }}}}-{{{{ vars.d }}}}'\noutput.path = '{{{{ site.code }}}}.iso'\n\
         [vars]\na = 'm'\nb = 'm'\nc = 'm'\nd = 'm'\n\
         [[sites]]\ncode = 'BER'\nvars = {{ b = 's', c = 's', d = 's' }}\n[[sites]]\ncode = 'HAM'\n"
    );
    let folder = Folder::with(&[("media.toml", &text), ("v.toml", "c = 'f'\nd = 'f'\n")]);
    let options = Options {
        vars_files: vec![folder.path("v.toml")],
        vars: vec![("d".into(), "1.10".into())],
        ..Options::default()
    };
    let labels = |options: &Options| -> Vec<(Option<String>, String)> {
        folder.load(options).0.into_iter().map(|rendered| (rendered.site, rendered.manifest.media.label)).collect()
    };
    assert_eq!(
        labels(&options),
        [(Some("BER".into()), "m-s-f-1.10".into()), (Some("HAM".into()), "m-m-f-1.10".into())]
    );
    let ham = Options { sites: vec!["HAM".into()], ..options };
    assert_eq!(labels(&ham), [(Some("HAM".into()), "m-m-f-1.10".into())]);
}

#[test]
fn a_lone_expression_keeps_its_type() {
    let folder = Folder::with(&[(
        "media.toml",
        &format!(
            "{BASE}boot.image.index = '{{{{ vars.index + 1 }}}}'\nboot.prompt = '{{{{ media.kind == \"stand-alone\" }}}}'\n\
             boot.firmware = '{{{{ vars.firmware }}}}'\noutput.path = '{{{{ vars.index }}}}{{{{ vars.index }}}}.iso'\n\
             [vars]\nfirmware = ['uefi']\n"
        ),
    )]);
    let options = Options { vars: vec![("index".into(), "2".into())], ..Options::default() };
    let (rendered, _) = folder.load(&options);
    let manifest = &rendered[0].manifest;
    assert_eq!(manifest.boot.image.index, Some(3));
    assert_eq!(manifest.boot.firmware, Some(vec![Firmware::Uefi]));
    assert_eq!(manifest.boot.prompt, Some(false));
    assert_eq!(manifest.output.path, "22.iso");
    assert_eq!(manifest.media.kind, Kind::Bootable);
}

#[test]
fn dates_are_read_with_and_without_quotes() {
    for date in ["2026-01-01", "'2026-01-01'", "2026-01-01T00:00:00Z", "'2026-01-01 01:00:00+01:00'"] {
        let text = format!("{BASE}media.source-date = {date}\noutput.path = 'm.iso'\n");
        let (rendered, _) = Folder::with(&[("media.toml", &text)]).load(&Options::default());
        assert_eq!(rendered[0].manifest.media.date().map(|date| date.unix()), Some(1_767_225_600), "{date}");
    }
}

#[test]
fn a_file_with_a_byte_order_mark_and_windows_line_ends_is_read() {
    let text = format!("\u{feff}{BASE}output.path = 'm.iso'\nmedia.label = '{{{{ vars.x }}}}'\n").replace('\n', "\r\n");
    let folder = Folder::with(&[("media.toml", &text)]);
    let mut problems = Problems::default();
    manifest::load(&folder.path("media.toml"), &Options::default(), &mut problems).unwrap();
    let [problem] = problems.sorted()[..] else { panic!("{}", report::graphical(&problems, TextStyle::default())) };
    let place = &problem.labels[0].0;
    assert_eq!(&problems.source(place.source).text[place.span.clone()], "vars.x");
}

#[test]
fn a_manifest_that_is_not_there_is_an_error_of_the_world() {
    let folder = Folder::with(&[]);
    let error = manifest::load(&folder.path("media.toml"), &Options::default(), &mut Problems::default()).unwrap_err();
    assert!(error.to_string().contains("media.toml"), "{error}");
    assert!(error.advice().is_some());
}
