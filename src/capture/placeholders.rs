//! Files whose contents are not on the volume: deduplicated, moved to slow storage, or kept in a cloud.
//!
//! Windows fetches such contents when a file is read through the driver of its reparse point. Without the driver, the
//! file reads as zeros or as empty. Links, and reparse points of complete files (app execution aliases, Unix sockets),
//! don't count. Tags and attributes follow [MS-FSCC] 2.1.2.1 and 2.6.

use crate::error::{Error, Result};
use crate::format::wim::capture::{Attributes, Capture, LeftOut, WhyLeftOut};
use crate::manifest::Placeholders;

const DIRECTORY: u32 = 0x10;
const SPARSE_FILE: u32 = 0x200;
const REPARSE_POINT: u32 = 0x400;
const OFFLINE: u32 = 0x1000;
const RECALL_ON_OPEN: u32 = 0x4_0000;
const RECALL_ON_DATA_ACCESS: u32 = 0x40_0000;

/// Tag bit of reparse points that are links to other files.
const NAME_SURROGATE: u32 = 0x2000_0000;

/// Maximum number of files in one message.
const MAX_NAMED: usize = 10;

/// Returns where the contents of a file are. `None` if they are on the volume.
fn reason(attributes: Attributes) -> Option<&'static str> {
    let Attributes { flags, reparse_tag, is_hollow } = attributes;
    let has = |flag: u32| flags & flag != 0;
    if has(DIRECTORY) {
        return None;
    }
    let is_recalled = has(OFFLINE | RECALL_ON_OPEN | RECALL_ON_DATA_ACCESS);
    if !has(REPARSE_POINT) {
        return (is_recalled && has(SPARSE_FILE)).then_some("offline");
    }
    // Always elsewhere.
    let why = match reparse_tag {
        0x8000_0013 => Some("deduplicated"),
        0x8000_0007 => Some("in the single instance store"),
        0xc000_0004 | 0x8000_0006 => Some("moved to remote storage"),
        0x8000_0015 => Some("kept in OneDrive"),
        0x8000_0017 => Some("compressed in an unknown way, or part of a WIMBoot image"),
        0x8000_0018 | 0x9000_1018 => Some("in another layer of a container"),
        _ => None,
    };
    if why.is_some() || reparse_tag & NAME_SURROGATE != 0 {
        return why;
    }
    // Elsewhere unless all contents were fetched. Cloud files have 16 tags, 9000x01A.
    (is_recalled || has(SPARSE_FILE) || is_hollow).then_some(match reparse_tag {
        0x8000_0021 => "kept in OneDrive",
        tag if tag & 0xffff_0fff == 0x9000_001a => "kept in a cloud",
        0x8000_001e => "kept in Azure File Sync",
        0x9000_001c => "projected by another program",
        _ => "behind a reparse point",
    })
}

/// Finds such files in a new image, and refuses them or leaves them out. `place` names its source in messages.
///
/// # Errors
///
/// If there are such files and they are to be refused.
pub(super) fn check(
    capture: &mut Capture,
    index: u32,
    place: &str,
    wanted: Placeholders,
    left_out: &mut Vec<LeftOut>,
) -> Result<()> {
    let mut found = Vec::new();
    if wanted == Placeholders::Keep {
        return Ok(());
    }
    capture.visit(index, &mut |path, attributes| {
        found.extend(reason(attributes).map(|why| (path.to_owned(), why)));
    })?;
    found.sort_unstable();
    if wanted == Placeholders::Refuse && !found.is_empty() {
        return Err(refusal(&found, place));
    }
    for (path, _) in found {
        capture.remove(index, &path)?;
        left_out.push(LeftOut { path, why: WhyLeftOut::Placeholder });
    }
    left_out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}

fn refusal(found: &[(String, &str)], place: &str) -> Error {
    let n_files = found.len();
    let message = match n_files {
        1 => format!("the contents of a file are not in {place}:"),
        _ => format!("the contents of {n_files} files are not in {place}:"),
    };
    let mut items: Vec<_> = found.iter().take(MAX_NAMED).map(|(path, why)| format!("`{path}`: {why}")).collect();
    if n_files > MAX_NAMED {
        items.push(format!("and {} more", n_files - MAX_NAMED));
    }
    Error::new(message).with_items(items).help(
        "fetch them in Windows and capture again, or leave them out with `--placeholders leave-out` (`placeholders` in \
         a manifest)",
    )
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;
    use crate::capture::{CaptureJob, ContentCompression, Exclusions, IfExists, ImageDescription, SourceOptions};
    use crate::date::Date;
    use crate::format::fat::CodePage;
    use crate::format::overlay_filter::fixtures::{Fixture, reparse};
    use crate::format::wim::Wim;
    use crate::progress::Progress;
    use crate::write::DiskOps;

    const ARCHIVE: u32 = 0x20;

    #[test]
    fn files_whose_contents_are_elsewhere_are_told_from_others() {
        let link = ARCHIVE | REPARSE_POINT;
        let absent = link | SPARSE_FILE | OFFLINE | RECALL_ON_DATA_ACCESS;
        for (flags, reparse_tag, why) in [
            (ARCHIVE, 0, None),
            (ARCHIVE | SPARSE_FILE, 0, None),
            (ARCHIVE | OFFLINE, 0, None),
            (ARCHIVE | SPARSE_FILE | OFFLINE, 0, Some("offline")),
            (link | SPARSE_FILE, 0x8000_0013, Some("deduplicated")),
            (link, 0x8000_0017, Some("compressed in an unknown way, or part of a WIMBoot image")),
            (absent, 0x9000_001a, Some("kept in a cloud")),
            (absent, 0x9000_f01a, Some("kept in a cloud")),
            (absent, 0x9000_001c, Some("projected by another program")),
            // Tag of another vendor.
            (absent, 0x0000_0099, Some("behind a reparse point")),
            // Fully fetched.
            (link, 0x9000_601a, None),
            // Links, an app execution alias, a socket.
            (link, 0xa000_000c, None),
            (link, 0xa000_001d, None),
            (link, 0x8000_001b, None),
            (link, 0x8000_0023, None),
            (DIRECTORY | REPARSE_POINT | OFFLINE, 0x9000_001a, None),
            (DIRECTORY | REPARSE_POINT, 0xa000_0003, None),
        ] {
            let attributes = Attributes { flags, reparse_tag, is_hollow: false };
            assert_eq!(reason(attributes), why, "{flags:#x} {reparse_tag:#x}");
        }
        let hollow = Attributes { flags: link, reparse_tag: 0x9000_601a, is_hollow: true };
        assert_eq!(reason(hollow), Some("kept in a cloud"));
    }

    /// Captures a volume with a deduplicated file, a cloud file that was not fetched, and a plain one.
    fn captured(placeholders: Placeholders) -> Result<(crate::capture::Captured, Wim, tempfile::TempDir)> {
        let mut volume =
            Fixture::new(&[("Users/a.docx", b"a"), ("b.dat", b"b"), ("c.dat", b"c"), ("plain.txt", b"plain")]);
        let hollow = REPARSE_POINT | SPARSE_FILE;
        volume.hollow("Users/a.docx", 10_000, hollow | RECALL_ON_DATA_ACCESS, &reparse(0x9000_201a, &[1; 8]));
        volume.hollow("b.dat", 50_000, hollow, &reparse(0x8000_0013, &[2; 60]));
        // Only its clusters show that it was not fetched.
        volume.hollow("c.dat", 50_000, REPARSE_POINT, &reparse(0x9000_001a, &[3; 60]));
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(scratch.path()).unwrap();
        let (source, target) = (root.join("volume.img"), root.join("out.wim"));
        std::fs::write(&source, &volume.bytes).unwrap();
        let work = CaptureJob {
            sources: &[SourceOptions { path: source, ..SourceOptions::default() }],
            target: &target,
            about: ImageDescription::default(),
            packing: ContentCompression::None,
            n_threads: 1,
            exclusions: Exclusions::None,
            placeholders,
            oem_code_page: CodePage::default(),
            with_check: false,
            strict: false,
            date: Date::EARLIEST,
            existing: IfExists::Refuse,
            update_from: None,
            sysfs: Utf8Path::new("/sys"),
            disk: DiskOps::default(),
        };
        let captured = crate::capture::capture(&work, &Progress::default())?;
        Ok((captured, Wim::open(&target)?, scratch))
    }

    #[test]
    fn such_files_of_a_volume_are_refused_left_out_or_kept() {
        let Err(error) = captured(Placeholders::Refuse) else { panic!("they were captured") };
        let said = error.to_string();
        assert!(
            said.ends_with("\n  `Users/a.docx`: kept in a cloud\n  `b.dat`: deduplicated\n  `c.dat`: kept in a cloud"),
            "{said}"
        );
        let (left, wim, _scratch) = captured(Placeholders::LeaveOut).unwrap();
        let left_out: Vec<_> = left.images[0].left_out.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(left_out, ["Users/a.docx", "b.dat", "c.dat"]);
        assert!(wim.find(1, "b.dat").unwrap().is_none() && wim.find(1, "Users/a.docx").unwrap().is_none());
        assert_eq!(wim.extract(1, "plain.txt", 10).unwrap().unwrap(), b"plain");
        let (kept, wim, _scratch) = captured(Placeholders::Keep).unwrap();
        assert!(kept.images[0].left_out.is_empty() && wim.find(1, "b.dat").unwrap().is_some());
    }

    #[test]
    fn a_refusal_names_the_first_files() {
        let found: Vec<_> = (0..12).map(|n| (format!("f{n}"), "deduplicated")).collect();
        let said = refusal(&found, "`x`").to_string();
        assert!(said.starts_with("the contents of 12 files are not in `x`:\n  `f0`: deduplicated\n"), "{said}");
        assert!(said.ends_with("\n  and 2 more"), "{said}");
    }
}
