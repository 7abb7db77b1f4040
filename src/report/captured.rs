//! Formats the result of a capture.

use camino::Utf8Path;
use serde_json::{Value as Json, json};

use super::{Page, counted};
use crate::capture::{Captured, WhyLeftOut};
use crate::size::Size;

/// Maximum number of left-out files listed for each image.
const MAX_LEFT_OUT: usize = 10;

/// Formats the images of a capture, the files left out, and the WIM file.
pub fn captured(captured: &Captured, target: &Utf8Path) -> Page {
    let mut page = images(captured);
    page.row("created   ", format!("{target} ({})", Size(captured.len)));
    page
}

/// Formats the images of a capture and the files left out.
pub fn images(captured: &Captured) -> Page {
    let mut page = Page::default();
    for image in &captured.images {
        let updated = image.updated_from.map_or_else(String::new, |old| format!(", updated from image {old}"));
        let words = format!("{} as image {}, `{}` ({}{updated})", image.source, image.index, image.name, image.kind);
        page.row("captured  ", words);
        for left_out in image.left_out.iter().take(MAX_LEFT_OUT) {
            page.row("left out  ", format!("{}: {}", left_out.path, why(left_out.why)));
        }
        let n_more = image.left_out.len().saturating_sub(MAX_LEFT_OUT);
        if n_more > 0 {
            page.row("left out  ", format!("{} more", counted(n_more, "file")));
        }
    }
    for skipped in captured.skipped.iter().filter(|skipped| !skipped.is_unreadable) {
        page.row("skipped   ", format!("{}: {}", skipped.source, skipped.why));
    }
    for skipped in captured.unreadable() {
        page.row("warning: ", format!("`{}` was left out: {}", skipped.source, skipped.why));
        skipped.help.iter().for_each(|help| page.row("  help: ", help));
    }
    page
}

/// Returns the result of a capture as JSON.
pub fn captured_json(captured: &Captured, target: &Utf8Path) -> Json {
    let images = captured.images.iter().map(|image| {
        let left_out = image.left_out.iter().map(|it| json!({ "path": it.path, "why": why(it.why) }));
        json!({
            "index": image.index,
            "name": image.name,
            "source": image.source,
            "kind": image.kind,
            "updated-from": image.updated_from,
            "left-out": left_out.collect::<Vec<_>>(),
        })
    });
    let skipped =
        captured.skipped.iter().map(|it| json!({ "source": it.source, "why": it.why, "unreadable": it.is_unreadable }));
    let capture = json!({
        "output": target,
        "len": captured.len,
        "images": images.collect::<Vec<_>>(),
        "skipped": skipped.collect::<Vec<_>>(),
    });
    json!({ "capture": capture })
}

fn why(why: WhyLeftOut) -> &'static str {
    match why {
        WhyLeftOut::Listed => "excluded by the list of exclusions",
        WhyLeftOut::Unsupported => "encrypted, or neither a file nor a folder",
        WhyLeftOut::Placeholder => "its contents are not on the volume",
    }
}
