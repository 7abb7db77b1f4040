//! Sources that are assembled from ranges of files: they behave like one file with these bytes.

use proptest::prelude::*;

use super::*;
use crate::content::{ByteRun, Content, Pieced, SourceFile};
use crate::output::Output;
use crate::patch::PlacedPart;

/// Run of an assembled source: range of the large file, of the small one, or of our own bytes.
fn runs() -> impl Strategy<Value = Vec<(usize, u64, u64)>> {
    proptest::collection::vec((0..3usize, 0..150_000u64, 1..50_000u64), 1..12)
}

/// Builds an output with an assembled file, and returns the bytes of that file.
fn output(fixture: &MediumFixture, runs: &[(usize, u64, u64)]) -> (Output, Arc<Source>, Vec<u8>) {
    let file = |path: &str| {
        let path = fixture.root.join("sources").join(path);
        let stat = Stat::from_metadata(&fs::metadata(&path).unwrap());
        (Arc::new(SourceFile { path: path.clone(), stat }), fs::read(path).unwrap())
    };
    let files = [file("image/install.wim"), file("tool/setup.exe")];
    let mut bytes = Vec::new();
    let mut made = Vec::new();
    for (kind, start, len) in runs {
        match files.get(*kind) {
            Some((file, all)) => {
                made.push(ByteRun::Range { file: Arc::clone(file), start: *start, len: *len });
                bytes.extend(&all[*start as usize..(start + len) as usize]);
            }
            None => {
                let own = noise((*len % 3_000) as usize, *start);
                bytes.extend(&own);
                made.push(ByteRun::Bytes(own.into()));
            }
        }
    }
    let pieced = Arc::new(Source::Pieced(Pieced::new("derived.wim".into(), made)));
    let mut output = fixture.output();
    output.root.insert("SMS/PKG/BER00002/derived.wim", Content::Source(Arc::clone(&pieced))).unwrap();
    (output, pieced, bytes)
}

/// Builds a medium with the same bytes in a plain file.
fn with_a_real_file(fixture: &MediumFixture, bytes: &[u8]) -> Vec<u8> {
    fixture.put("image/derived.wim", bytes);
    let medium = fixture.clean_build();
    fs::remove_file(fixture.root.join("sources/image/derived.wim")).unwrap();
    medium
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_source_that_is_put_together_is_written_hashed_and_patched_as_the_bytes_of_its_runs(
        first in runs(),
        second in runs(),
        large_at in 0..1_400_000u64,
        ability in prop::sample::select(vec![crate::patch::Ability::Overwrite, crate::patch::Ability::Clone]),
    ) {
        let fixture = MediumFixture::new();
        let mut first = first;
        first.push((0, large_at, 100_000));
        let (old, source, bytes) = output(&fixture, &first);
        prop_assert_eq!(source.len(), bytes.len() as u64);
        let expected = with_a_real_file(&fixture, &bytes);
        let options = WriteOptions::default();
        let written = write(old.draft(&|_| None).unwrap(), &fixture.path(), &|_| None, &options, &Progress::default()).unwrap();
        prop_assert!(fixture.medium().unwrap() == expected, "written");
        let digests = hash(&[Arc::clone(&source)], DigestKinds::Lists, &options, &Progress::default()).unwrap();
        prop_assert_eq!(digests[0], Digests::hash(&bytes));
        let known = |key: &SourceKey| (*key == source.key()).then_some(digests[0]);
        write(old.draft(&|_| None).unwrap(), &fixture.path(), &known, &options, &Progress::default()).unwrap();
        prop_assert!(fixture.medium().unwrap() == expected, "copied within the kernel");

        // Changes only the runs at the end; what is unchanged in its place is not written again.
        let mut second = [&first[..], &second[..]].concat();
        second.push((0, large_at, 60_000));
        let (new, source, bytes) = output(&fixture, &second);
        let expected = with_a_real_file(&fixture, &bytes);
        let digests: Vec<_> = new.draft(&|_| None).unwrap().jobs(&|_| None).iter().map(|job| {
            hash(&[Arc::clone(&job.file)], DigestKinds::Lists, &options, &Progress::default()).unwrap()[0]
        }).collect();
        let sealed = new.draft(&|_| None).unwrap().seal(&digests).unwrap();
        let part = |file: &crate::output::PlacedFile| {
            let offset = file.places.first()?.offset;
            Some(PlacedPart { region: crate::layout::Region { offset, len: file.len }, blake3: file.digests.blake3 })
        };
        let old = OldOutput {
            id: written.sealed.id,
            len: written.sealed.layout.len(),
            stat: Stat::from_metadata(&fs::metadata(fixture.path()).unwrap()),
            parts: written.sealed.files.iter().filter_map(part).collect(),
        };
        let options = WriteOptions { ability: Some(ability), ..options };
        let patched = patch(&fixture.path(), &old, &sealed, &options, &|| Ok(JournalKey::new([7; 32])), &Progress::default()).unwrap();
        if let Some(journal) = patched.unwrap().journal {
            journal.settle().unwrap();
        }
        prop_assert!(fixture.medium().unwrap() == expected, "patched");
        prop_assert_eq!(source.len(), bytes.len() as u64);
    }
}

#[test]
fn a_source_that_is_put_together_fails_when_any_file_in_it_changes() {
    let fixture = MediumFixture::new();
    let runs = [(0, 5, 100_000), (1, 0, 10), (0, 0, 5)];
    for changed in ["image/install.wim", "tool/setup.exe"] {
        let (output, ..) = output(&fixture, &runs);
        let draft = output.draft(&|_| None).unwrap();
        fixture.put(changed, &noise(1_500_000, 77));
        let error =
            write(draft, &fixture.path(), &|_| None, &WriteOptions::default(), &Progress::default()).unwrap_err();
        assert!(error.to_string().contains(&format!("{changed}` changed")), "{error}");
        assert_eq!(fixture.medium(), None);
    }
}

#[test]
fn what_is_cut_in_another_way_is_the_same_source() {
    let fixture = MediumFixture::new();
    let (_, whole, _) = output(&fixture, &[(0, 5, 1_000), (1, 7, 300)]);
    let (_, cut, _) = output(&fixture, &[(0, 5, 10), (0, 15, 990), (1, 7, 299), (1, 306, 1)]);
    assert_eq!(whole.key(), cut.key());
    for other in [[(0, 5, 1_000), (1, 7, 301)], [(0, 6, 1_000), (1, 7, 300)], [(1, 5, 1_000), (0, 7, 300)]] {
        assert_ne!(output(&fixture, &other).1.key(), whole.key());
    }
}
