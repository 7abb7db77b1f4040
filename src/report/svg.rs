//! Draws the layout of a medium as a picture: a deterministic SVG 1.1 file without scripts.
//!
//! The medium is a strip broken into rows. Widths are to scale, except that used areas have a minimum width, so that small
//! ones are visible. The strips of two media are drawn above each other, with equal offsets aligned. Colours, labels and
//! tooltips name the kind of a region; patterns show changes.

mod scale;

use std::fmt::Write as _;

use super::map::{ComparedMap, name, share, state};
use crate::digest::Digest;
use crate::foreign_text;
use crate::map::{Map, MapRegion, RegionKind, RegionState};
use crate::size::Size;
use scale::{Piece, Scale};

/// Width of the offsets left of the rows, and margins.
const LEFT: f64 = 84.0;
const MARGIN: f64 = 16.0;
const TOP: f64 = 64.0;
/// Height of a strip, and distance between rows.
const STRIP: f64 = 26.0;
const GAP: f64 = 14.0;
/// Approximate width of a letter.
const LETTER: f64 = 6.8;
/// Approximate width of a letter in the title.
const TITLE_LETTER: f64 = 9.0;

const WIDTH: f64 = MARGIN + LEFT + scale::ROW + MARGIN;

/// Colours in light and dark mode, in the order of [`RegionKind::ALL`], then slack.
const COLOURS: [(&str, &str); 8] = [
    ("#c9b8f2", "#5b45a0"),
    ("#a9cdf5", "#1f5a96"),
    ("#a8ddb0", "#22693a"),
    ("#f5c39a", "#8f4f16"),
    ("#f3e29b", "#75640c"),
    ("#f4b9c8", "#8e3350"),
    ("#b3e0e0", "#1b6b6b"),
    ("#eceef1", "#30353c"),
];

const STYLE: &str = "\
text{font:11px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}.page{fill:#fff}
.edge{stroke:#fff;stroke-width:1}.slack{stroke:#9aa4af;stroke-width:.5}.line{stroke:#1f2328;stroke-width:1.2;stroke-opacity:.6;fill:none}
.dot{fill:#1f2328;fill-opacity:.7}
";
const DARK_STYLE: &str = "\
text{fill:#e6edf3}.page{fill:#0d1117}.edge{stroke:#0d1117}.slack{stroke:#6e7681}.line{stroke:#e6edf3}.dot{fill:#e6edf3}";

/// Patterns: lines for changed, dots for moved, a grid for regions on one medium only.
/// Names begin with `ID`, which differs from picture to picture of a page.
const PATTERNS: &str = "\
<pattern id=\"ID-changed\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><path class=\"line\" d=\"M-1 8L8 -1\"/></pattern>
<pattern id=\"ID-moved\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><circle class=\"dot\" cx=\"3.5\" cy=\"3.5\" r=\"1.3\"/></pattern>
<pattern id=\"ID-alone\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><path class=\"line\" d=\"M3.5 0V7M0 3.5H7\"/></pattern>
";

/// Returns a map as the text of an SVG file.
pub fn map(map: &Map, title: &str, other: Option<&ComparedMap>) -> String {
    let maps: Vec<&Map> = other.iter().map(|other| other.map).chain([map]).collect();
    let scale = Scale::new(&maps);
    let row_height = STRIP * maps.len() as f64 + GAP;
    let legend_at = TOP + row_height * scale.n_rows() as f64 + MARGIN;
    let id = other.map(|other| {
        let names = format!("{title}\0{}", other.name);
        format!("map-{}", &Digest::hash(names.as_bytes()).to_string()[..8])
    });
    let legend = legend(&maps, id.as_deref());
    let height = legend_at + legend.last().map_or(0.0, |entry| entry.y) + 66.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n"
    );
    let _ = writeln!(out, "<title>Map of {}</title>", escaped(title));
    write_style(&mut out, id.as_deref());
    let _ = writeln!(out, "<rect class=\"page\" width=\"100%\" height=\"100%\"/>");
    let title = fitting(title, TITLE_LETTER);
    let _ = writeln!(out, "<text class=\"title\" x=\"{MARGIN}\" y=\"28\">{title}</text>");
    let _ = writeln!(out, "<text x=\"{MARGIN}\" y=\"46\">{}</text>", fitting(&facts(map, other), LETTER));
    for row in 0..scale.n_rows() {
        let y = TOP + row_height * row as f64;
        let (x, y, start) = (MARGIN + LEFT - 8.0, y + 12.0, Size(scale.row_start(row)));
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{start}</text>");
    }
    for (strip, map) in maps.iter().enumerate() {
        let is_old = strip + 1 < maps.len();
        for (n, region) in map.regions.iter().enumerate() {
            let mark = other.map(|other| if is_old { other.marks.old[n] } else { other.marks.new[n] });
            let offset = STRIP * strip as f64;
            let at = |piece: &Piece| (MARGIN + LEFT + piece.x, TOP + row_height * piece.row as f64 + offset);
            let mark = mark.zip(id.as_deref()).map(|(state, picture)| Mark { state, is_old, picture });
            write_region(&mut out, region, mark.as_ref(), &scale, &at);
        }
    }
    write_legend(&mut out, &legend, legend_at);
    let _ = writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{:.1}\">To scale, {} per pixel; used areas are at least {} pixels wide.</text>",
        height - 20.0,
        Size(scale.n_bytes_of_pixel() as u64),
        scale::MIN
    );
    out.push_str("</svg>\n");
    out
}

fn write_style(out: &mut String, id: Option<&str>) {
    let of = |pick: fn(&(&'static str, &'static str)) -> &'static str| -> String {
        COLOURS.iter().enumerate().map(|(n, colours)| format!(".k{n}{{fill:{}}}", pick(colours))).collect()
    };
    let (light, dark) = (of(|colours| colours.0), of(|colours| colours.1));
    let _ = writeln!(out, "<style>{STYLE}{light}\n@media (prefers-color-scheme:dark){{{DARK_STYLE}{dark}}}\n</style>");
    if let Some(id) = id {
        let _ = writeln!(out, "<defs>{}</defs>", PATTERNS.replace("ID", id));
    }
}

/// Returns the line below the title.
fn facts(map: &Map, other: Option<&ComparedMap>) -> String {
    let totals = map.totals();
    let mut facts = format!(
        "{}: content {}, structures {}, slack {}",
        Size(map.len),
        share(totals.content, map.len),
        share(totals.structures, map.len),
        share(totals.slack, map.len)
    );
    if let Some(ComparedMap { name, marks, .. }) = other {
        let same = share(marks.same.iter().sum(), map.len);
        facts += &format!(". Upper strips: {name}; {same} equal at the same place");
    }
    facts
}

/// State of a region, compared with the other medium.
struct Mark<'a> {
    state: RegionState,
    /// `true` on the upper strips.
    is_old: bool,
    /// Start of the names of patterns.
    picture: &'a str,
}

fn write_region(
    out: &mut String,
    region: &MapRegion,
    mark: Option<&Mark>,
    scale: &Scale,
    at: &dyn Fn(&Piece) -> (f64, f64),
) {
    let (kind, len, slack) = (region.kind.as_str(), Size(region.len), Size(region.slack()));
    let mut lines = vec![name(region), format!("{kind} at byte {}: {len}, of which slack {slack}", region.offset)];
    lines.extend(mark.map(|mark| if mark.is_old { state_of_old(&mark.state) } else { state(&mark.state) }));
    let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
    let _ = writeln!(out, "<g><title>{}</title>", lines.join("\n"));
    for piece in scale.pieces(region.span().end, region.end()) {
        write_rect(out, at(&piece), piece.width, &format!("k{} slack", COLOURS.len() - 1), None);
    }
    let pieces = scale.pieces(region.offset, region.span().end);
    for piece in &pieces {
        write_rect(out, at(piece), piece.width, &format!("k{} edge", colour(region.kind)), None);
        if let Some(mark) = mark {
            for pattern in patterns(&mark.state) {
                write_rect(out, at(piece), piece.width, "edge", Some(&format!("{}-{pattern}", mark.picture)));
            }
        }
    }
    // The label goes on the first of the widest pieces.
    // `max_by` returns the last of equal elements, so search in reverse for the first.
    let widest = pieces.iter().rev().max_by(|a, b| a.width.total_cmp(&b.width));
    if let Some((piece, label)) = widest.and_then(|piece| Some((piece, label(region, piece.width)?))) {
        let (x, y) = at(piece);
        let has_pattern = mark.is_some_and(|mark| mark.state != RegionState::Same);
        if has_pattern {
            // A plain background, because text on a pattern can't be read.
            let width = (label.chars().count() as f64 * LETTER + 8.0).min(piece.width - 4.0);
            let (class, x, y) = (colour(region.kind), x + 2.0, y + 5.0);
            let _ = writeln!(
                out,
                "<rect class=\"k{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"15.0\"/>"
            );
        }
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 4.0, y + 17.0, xml(&label));
    }
    out.push_str("</g>\n");
}

/// Writes a rectangle of a strip, with a colour or a pattern.
fn write_rect(out: &mut String, (x, y): (f64, f64), width: f64, class: &str, pattern: Option<&str>) {
    let height = STRIP - 1.0;
    let fill = pattern.map(|pattern| format!(" fill=\"url(#{pattern})\"")).unwrap_or_default();
    let size = format!("width=\"{width:.1}\" height=\"{height:.1}\"");
    let _ = writeln!(out, "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" {size}{fill}/>");
}

fn colour(kind: RegionKind) -> usize {
    RegionKind::ALL.iter().position(|other| *other == kind).unwrap_or_default()
}

fn patterns(state: &RegionState) -> &'static [&'static str] {
    match state {
        RegionState::Same => &[],
        RegionState::Changed => &["changed"],
        RegionState::Moved { changed: false, .. } => &["moved"],
        RegionState::Moved { changed: true, .. } => &["moved", "changed"],
        RegionState::Alone => &["alone"],
    }
}

fn state_of_old(state: &RegionState) -> String {
    match state {
        RegionState::Moved { there, changed } => {
            format!("moved to {there}{}", if *changed { ", changed" } else { "" })
        }
        RegionState::Alone => "gone".into(),
        RegionState::Same => "same".into(),
        RegionState::Changed => "changed".into(),
    }
}

/// Returns the escaped label of a region: as much of its name as fits, or a letter for its kind.
fn label(region: &MapRegion, width: f64) -> Option<String> {
    const MIN_LETTERS: usize = 5;
    let room = ((width - 8.0) / LETTER).max(0.0) as usize;
    let whole = match region.kind {
        RegionKind::LargeFile | RegionKind::SmallFiles if !region.name.is_empty() => {
            foreign_text::line(region.name.rsplit('/').next().unwrap_or_default()).into_owned()
        }
        kind => kind.as_str().to_owned(),
    };
    match whole.chars().count() {
        len if len <= room => Some(whole),
        _ if room >= MIN_LETTERS => Some(whole.chars().take(room - 1).chain(['…']).collect()),
        _ if room >= 1 => Some(letter(region.kind).into()),
        _ => None,
    }
}

/// Returns the letter for a kind.
fn letter(kind: RegionKind) -> &'static str {
    match kind {
        RegionKind::Head => "H",
        RegionKind::LargeFile => "F",
        RegionKind::SmallFiles => "S",
        RegionKind::BootProgram => "B",
        RegionKind::Folders => "D",
        RegionKind::FileEntries => "E",
        RegionKind::Lists => "L",
    }
}

/// Entry of the legend: a rectangle followed by words.
struct LegendEntry {
    x: f64,
    y: f64,
    class: String,
    pattern: Option<String>,
    words: String,
}

/// Returns the entries of the legend, broken into rows. Their `y` is relative to the top of the legend.
fn legend(maps: &[&Map], id: Option<&str>) -> Vec<LegendEntry> {
    const BEFORE_WORDS: f64 = 31.0;
    const AFTER: f64 = 14.0;
    const LEGEND_ROW: f64 = 32.0;
    let is_there = |kind: &RegionKind| maps.iter().any(|map| map.regions.iter().any(|region| region.kind == *kind));
    let mut entries: Vec<(String, Option<String>, String)> = RegionKind::ALL
        .into_iter()
        .filter(is_there)
        .map(|kind| (format!("k{} edge", colour(kind)), None, format!("{} {}", letter(kind), kind.as_str())))
        .collect();
    entries.push((format!("k{} slack", COLOURS.len() - 1), None, "slack".into()));
    if let Some(id) = id {
        for (pattern, words) in [("changed", "changed"), ("moved", "moved"), ("alone", "on one medium only")] {
            entries.push(("slack".into(), Some(format!("{id}-{pattern}")), words.into()));
        }
    }
    let (mut x, mut y) = (MARGIN, 0.0);
    let place = |(class, pattern, words): (String, Option<String>, String)| {
        let width = BEFORE_WORDS + words.chars().count() as f64 * LETTER;
        if x + width > WIDTH - MARGIN {
            (x, y) = (MARGIN, y + LEGEND_ROW);
        }
        let entry = LegendEntry { x, y, class, pattern, words };
        x += width + AFTER;
        entry
    };
    entries.into_iter().map(place).collect()
}

fn write_legend(out: &mut String, legend: &[LegendEntry], top: f64) {
    for LegendEntry { x, y, class, pattern, words } in legend {
        let y = top + y;
        write_rect(out, (*x, y), 26.0, class, pattern.as_deref());
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 31.0, y + 17.0, escaped(words));
    }
}

/// Escapes a line of foreign text, and cuts it at the edge of the picture.
fn fitting(text: &str, letter: f64) -> String {
    let room = ((WIDTH - 2.0 * MARGIN) / letter) as usize;
    let text = foreign_text::line(text);
    match text.chars().count() > room {
        true => xml(&text.chars().take(room - 1).chain(['…']).collect::<String>()),
        false => xml(&text),
    }
}

/// Escapes a line of foreign text for the terminal and for XML.
pub(super) fn escaped(text: &str) -> String {
    xml(&foreign_text::line(text))
}

/// Escapes printable text for XML.
fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
