//! Comments on pull requests: their length, their order, and names that try to be markup.

use std::collections::BTreeMap;

use tsmedia::plan::{Action, EntryChange, FileChange, FileCount, MediumChange, PlannedChange, Reason};
use tsmedia::report::markdown::{Comment, comment};

/// Maximum length of a comment on GitHub in characters.
const LIMIT: usize = 65_536;

fn package(n: usize, n_files: usize) -> Reason {
    let file = |file: usize| FileChange {
        path: format!("SMS/PKG/BER{n:05}/files/{file:04}.cab"),
        from: None,
        old: Some(1_000),
        new: Some(2_000),
    };
    Reason::Entry(EntryChange {
        title: Some(format!("package `BER{n:05}`")),
        path: Some(format!("SMS/PKG/BER{n:05}")),
        old: Some(FileCount { n_files: n_files as u64, len: 1_000 }),
        new: Some(FileCount { n_files: n_files as u64, len: 2_000 }),
        files: (0..n_files).map(file).collect(),
    })
}

fn medium(manifest: &str, site: &str, name: &str, reasons: Vec<Reason>) -> MediumChange {
    let change = PlannedChange { n_write: 5_000, ..PlannedChange::new(name, Action::Patch, 10_000_000, reasons) };
    let change = PlannedChange { site: Some(site.to_owned()), ..change };
    MediumChange::of_target(manifest.into(), None, change)
}

fn text(media: &[MediumChange]) -> String {
    comment(&Comment { media, comparison: None, notes: &[], name: None }).unwrap()
}

#[test]
fn a_comment_on_a_thousand_media_keeps_its_limit_and_counts_what_it_leaves_out() {
    let media: Vec<_> = (0..1_000)
        .map(|n| {
            let reasons = (0..30).map(|package_n| package(n / 10 * 30 + package_n, 60)).collect();
            let (site, name) = (format!("S{:02}", n % 50), format!("out/a-rather-long-name-of-a-medium-{n:04}.iso"));
            medium(&format!("media/{n:04}/media.toml"), &site, &name, reasons)
        })
        .collect();
    let whole = text(&media);
    assert!(whole.chars().count() < LIMIT && whole.len() > LIMIT / 2, "{}", whole.len());
    let n_rows = whole.lines().filter(|line| line.starts_with("| package ")).count();
    let n_media = whole.lines().filter(|line| line.contains("| patch |")).count();
    for count in [
        format!("| and {} more changes |", 3_000 - n_rows),
        format!("| and {} media more |", 1_000 - n_media),
        "and 10 more\n".to_owned(),
        "### 1000 of 1000 media: 1000 to patch; 5.00 MB to write\n".to_owned(),
    ] {
        assert!(whole.contains(&count), "{count} is not in:\n{whole}");
    }
    let n_lists = whole.matches("<details>").count();
    assert!(n_lists > 2 && n_lists == whole.matches("</details>").count(), "{n_lists} lists");
    assert!(whole.contains(&format!("The files of {} more changes are left out.\n", 3_000 - (n_lists - 1))), "{whole}");
    // The order of the media does not matter.
    let mut reversed = media;
    reversed.reverse();
    reversed.sort_by(|one, other| one.path.cmp(&other.path));
    assert_eq!(text(&reversed), whole);
}

#[test]
fn names_are_never_markup() {
    let name = "out/<script>|@admin`#1`\n.iso";
    let reasons = vec![
        Reason::Value { key: "label".into(), old: Some("a|b".into()), new: Some("![x](https://x.example)".into()) },
        Reason::Value { key: "comment".into(), old: None, new: Some("</details>\n# `x` @team".into()) },
        package(1, 2),
    ];
    let mut medium = medium("media/a.toml", "<b>", name, reasons);
    medium.sources = BTreeMap::from([("package `BER00001`".into(), "packages/*vpn*".into())]);
    let text = text(&[medium]);
    for markup in ["<script", "<b>", "![", "](", "@admin", "@team", "*vpn*", "https:", "\n# "] {
        assert!(!text.contains(markup), "{markup} in:\n{text}");
    }
    assert_eq!(text.matches("</details>").count(), text.matches("<details>").count());
    let is_row = |line: &&str| line.starts_with('|');
    // Each row has the cells of its table.
    let n_pipes: Vec<_> = text.lines().filter(is_row).map(|line| line.matches('|').count()).collect();
    assert_eq!(n_pipes, [4, 4, 4, 4, 4, 6, 6, 6], "{text}");
    insta::assert_snapshot!(text, @"
    <!-- tsmedia plan -->
    ### 1 of 1 medium: 1 to patch; 5.00 kB to write

    | Change | Media | Sites |
    |---|--:|--:|
    | package <code>BER00001</code> (packages/&#42;vpn&#42;): 2 files changed, none unchanged; 1.00 kB → 2.00 kB | 1 | 1 |
    | comment: added, <code>&#60;/details&#62;&#92;x0a&#35; </code>x<code> &#64;<!-- -->team</code> | 1 | 1 |
    | label: <code>a&#124;b</code> → <code>&#33;&#91;x&#93;(https&#58;//x.example)</code> | 1 | 1 |

    <details><summary>1 medium, 5.00 kB to write</summary>

    | Medium | Action | Size | To write | Kept |
    |---|---|--:|--:|--:|
    | <code>media/out/&#60;script&#62;&#124;&#64;<!-- -->admin&#96;&#35;<!-- -->1&#96;&#92;x0a.iso</code> | patch | 10.0 MB | 5.00 kB |  |

    </details>

    <details><summary>package <code>BER00001</code> (packages/&#42;vpn&#42;): 2 files changed, none unchanged; 1.00 kB → 2.00 kB</summary>

    - <code>&#126; files/0000.cab (1.00 kB → 2.00 kB)</code>
    - <code>&#126; files/0001.cab (1.00 kB → 2.00 kB)</code>

    </details>
    ");
}

#[test]
fn nothing_to_do_is_no_comment() {
    let kept = PlannedChange::new("out/a.iso", Action::Keep, 10, Vec::new());
    let media = [MediumChange::of_target("media.toml".into(), None, kept)];
    let notes = ["`b.toml` can't be planned before `x.wim` is captured".to_owned()];
    let with = |notes| comment(&Comment { media: &media, comparison: None, notes, name: Some("b") });
    assert_eq!(with(&[]), None);
    let text = with(&notes).unwrap();
    assert!(text.starts_with("<!-- tsmedia plan b -->\n### nothing to do\n\n- <code>b.toml</code>"), "{text}");
}
