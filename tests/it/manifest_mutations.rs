//! Mutated manifests must cause neither panics nor endless loops in the loader. The manifests of `tests/manifests` and
//! the task sequences of `tests/sequences`, good and bad, are changed at random like authors, editors and merges change
//! them, and so are exports of the console, both as XML and as bytes. `TSMEDIA_TEST_THOROUGH` runs many more.

use std::fs;
use std::io::Cursor;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;
use tsmedia::manifest::{self, Kind, Options, portable, task_sequence};
use tsmedia::problem::{Problems, Severity};
use tsmedia::report::{self, TextStyle};
use tsmedia::sequence::export::{self, ExportedSequence};
use tsmedia::sequence::{self, xml};

use test_fixtures::archive::zip;
use test_fixtures::is_thorough;

/// Text to insert: TOML syntax, templates, and troublesome letters.
const PIECES: [&str; 44] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\\",
    "\\e",
    "\\x4",
    "\\u00e9",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "#",
    "é",
    "😀",
    "\u{feff}",
    "\0",
    "0",
    "-9223372036854775809",
    "nan",
    "2026-01-01",
    "12:30",
    "true",
    "media",
    "[media]",
    "{{ site.code }}",
    "{{ vars }}",
    "{{ media.name * 9999 }}",
    "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
    "[vars]\na.a.a = { b = [[[]]] }",
];

/// Returns the files of a folder of `tests`, including those in subfolders.
fn corpus(folder: &str) -> Vec<Utf8PathBuf> {
    fn collect(folder: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
        for entry in folder.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            match path.extension() {
                Some("toml") => found.push(path),
                None if path.is_dir() => collect(&path, found),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(&Utf8Path::new("tests").join(folder), &mut found);
    found.sort();
    found
}

/// A change: its position (in 65536ths of the text), its length, and its kind.
#[derive(Debug, Clone)]
enum Change {
    Delete(u16, u8),
    Insert(u16, usize),
    Repeat(u16, u8),
    Cut(u16),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<u16>(), 1..20u8).prop_map(|(at, len)| Change::Delete(at, len)),
        (any::<u16>(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (any::<u16>(), 1..80u8).prop_map(|(at, len)| Change::Repeat(at, len)),
        any::<u16>().prop_map(Change::Cut),
    ]
}

fn mutate(text: &str, changes: &[Change]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for change in changes {
        let n_chars = chars.len();
        let place = |at: u16| usize::from(at) * n_chars / 65_536;
        match *change {
            Change::Delete(at, len) => drop(chars.drain(place(at)..(place(at) + usize::from(len)).min(n_chars))),
            Change::Insert(at, piece) => drop(chars.splice(place(at)..place(at), PIECES[piece].chars())),
            Change::Repeat(at, len) => {
                let part = chars[place(at)..(place(at) + usize::from(len)).min(n_chars)].to_vec();
                drop(chars.splice(place(at)..place(at), part));
            }
            // Few texts are worth much after this.
            Change::Cut(at) if at > 32_768 => chars.truncate(place(at)),
            Change::Cut(_) => {}
        }
    }
    chars.into_iter().collect()
}

fn holds(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("media.toml");
    fs::write(&path, text).unwrap();
    let options = Options { vars: vec![("build".into(), "7".into())], ..Options::default() };
    let mut problems = Problems::default();
    let start = Instant::now();
    let rendered = manifest::load(&path, &options, &mut problems).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?} for\n{text}", start.elapsed());
    assert!(rendered.is_empty() || !problems.has_errors(), "errors and a result");
    can_be_drawn(&problems);
    for rendered in rendered {
        assert!(portable::to_toml(&rendered, "".into()).contains("manifest-version"));
    }
}

/// Checks that every problem points into an existing text and can be printed.
fn can_be_drawn(problems: &Problems) {
    for problem in problems.sorted() {
        for (place, _) in &problem.labels {
            assert!(problems.source(place.source).text.get(place.span.clone()).is_some(), "{problem:?}");
        }
        assert!(problem.severity != Severity::Error || !problem.labels.is_empty(), "{problem:?}");
    }
    report::graphical(problems, TextStyle::default());
    report::json(problems);
}

/// Number of cases.
fn cases(n_cases: u32) -> u32 {
    if is_thorough() { n_cases * 50 } else { n_cases }
}

/// Checks a mutated task sequence, alone and for each kind of medium. If it loads, it is also written, drawn and
/// exported.
fn holds_of_sequence(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("sequence.toml");
    fs::write(&path, text).unwrap();
    let start = Instant::now();
    for kind in [None, Some(Kind::StandAlone), Some(Kind::Prestaged)] {
        let mut problems = Problems::default();
        let found = task_sequence::check_standalone(&path, &Options::default(), kind, &mut problems).unwrap();
        assert!(found.is_some() || problems.has_errors(), "nothing, and nothing is said");
        can_be_drawn(&problems);
        if let Some(sequence) = found {
            assert!(sequence::write(&sequence, &Default::default()).contains("sequence-version"));
            let _ = xml::write(&sequence);
            report::sequence::tree(&sequence);
            report::sequence::svg(&sequence);
        }
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?} for\n{text}", start.elapsed());
}

/// Export of a sequence by the console, with the objects that it refers to.
fn export_of(sequence: &str) -> Vec<u8> {
    let property = |name: &str, value: &str| format!("<PROPERTY NAME=\"{name}\"><VALUE>{value}</VALUE></PROPERTY>");
    let object = format!(
        "\u{feff}<INSTANCE CLASSNAME=\"SMS_TaskSequencePackage\">{}{}{}</INSTANCE>",
        property("Name", "Deploy"),
        property("BootImageID", "BER00005"),
        property("Sequence", &format!("<![CDATA[{}]]>", sequence.trim_end())),
    );
    let referred = property("ReferencePackageID", "BER00010").replace('<', "&lt;").replace('>', "&gt;");
    let list = format!("<ArrayOfString><string>&lt;INSTANCE&gt;{referred}&lt;/INSTANCE&gt;</string></ArrayOfString>");
    let folder = "SMS_TaskSequencePackage/BER00100";
    zip(&[
        (&format!("{folder}/object.xml"), object.as_bytes()),
        (&format!("{folder}/ReferencesInfo.xml"), list.as_bytes()),
    ])
}

/// Checks that an imported sequence is read back unchanged from its file, and can be exported again.
fn comes_through(exported: &ExportedSequence) {
    let toml = sequence::write(&exported.sequence, &Default::default());
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("sequence.toml");
    fs::write(&path, &toml).unwrap();
    let mut problems = Problems::default();
    let again = task_sequence::check_standalone(&path, &Options::default(), None, &mut problems).unwrap();
    if exported.sequence.name.is_empty() {
        return;
    }
    let again = again.unwrap_or_else(|| panic!("{}\n{toml}", report::graphical(&problems, TextStyle::default())));
    assert_eq!(again, exported.sequence, "{toml}");
    xml::write(&again).unwrap();
}

const DOCUMENT: &str = include_str!("../../crates/task-sequence/src/xml/tests/document.xml");

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(60), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_sequence_makes_the_reader_panic(
        index in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let corpus = corpus("sequences");
        let text = fs::read_to_string(&corpus[index.index(corpus.len())]).unwrap();
        holds_of_sequence(&mutate(&text, &changes));
    }

    #[test]
    fn no_mutation_of_an_export_makes_the_import_panic(
        changes in prop::collection::vec(change(), 0..6),
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        is_cut in any::<Option<prop::sample::Index>>(),
    ) {
        let start = Instant::now();
        let text = mutate(DOCUMENT, &changes);
        if let Ok(read) = export::read_document(text.as_bytes(), "x") {
            read.sequences.iter().for_each(comes_through);
        }
        let mut archive = export_of(&text);
        for (at, byte) in &bytes {
            let at = at.index(archive.len());
            archive[at] = *byte;
        }
        if let Some(at) = is_cut.filter(|_| bytes.is_empty()) {
            archive.truncate(at.index(archive.len()));
        }
        if let Ok(all) = export::read_zip(Cursor::new(archive)) {
            all.sequences.iter().for_each(comes_through);
        }
        prop_assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_manifest_makes_the_loader_panic(
        index in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let corpus = corpus("manifests");
        let text = fs::read_to_string(&corpus[index.index(corpus.len())]).unwrap();
        holds(&mutate(&text, &changes));
    }

    #[test]
    fn no_heap_of_pieces_makes_the_loader_panic(pieces in prop::collection::vec(0..PIECES.len(), 0..40)) {
        holds(&pieces.into_iter().map(|piece| PIECES[piece]).collect::<String>());
    }
}

#[test]
fn templates_that_would_never_end_do() {
    let base = fs::read_to_string("tests/manifests/good/bootable.toml").unwrap();
    for template in [
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('x') }}",
        "{{ 'x' * 999999999 }}",
        "{{ range(99999999) | list | length }}",
        "{{ ('x' * 100000) * 100000 }}",
        "{% set a = 'x' * 100000 %}{% set a = a ~ a ~ a ~ a %}{% for i in range(5000) %}{{ a }}{% endfor %}",
    ] {
        let start = Instant::now();
        holds(&base.replace("\"BOOT\"", &format!("\"{template}\"")));
        assert!(start.elapsed() < Duration::from_secs(10), "{template}: {:?}", start.elapsed());
    }
}

#[test]
fn nesting_without_end_is_refused() {
    for text in [
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}1{}", "[".repeat(5_000), "]".repeat(5_000)),
        format!("a = {}", "{ a = ".repeat(50_000)),
        format!("{}a = 1", "a.".repeat(20_000)),
        format!("[{}a]\n", "a.".repeat(20_000)),
        format!("[media]\nname = \"{{{{ {} 1 {} }}}}\"", "(".repeat(20_000), ")".repeat(20_000)),
    ] {
        holds(&text);
    }
}
