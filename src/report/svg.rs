//! A map of a medium as a picture: an SVG 1.1 file of plain text, without scripts, that is the same for the same maps.
//!
//! The medium is a strip that is broken into rows. Widths are to scale, but nothing that is used is narrower than a
//! few pixels, so that what is small is seen. Of two media, the strips are above each other, and the same byte is at
//! the same place of both. Colour says what something is, and so do its label and what pointing at it shows; a
//! pattern says what changed.

mod scale;

use std::fmt::Write as _;

use super::map::{Other, name, share, state};
use crate::map::{Kind, Map, Region, State};
use crate::size::Size;
use scale::{Piece, Scale};

/// The room to the left of the rows, for offsets; and around everything.
const LEFT: f64 = 84.0;
const MARGIN: f64 = 16.0;
const TOP: f64 = 64.0;
/// The height of a strip, and of the room between two rows.
const STRIP: f64 = 26.0;
const GAP: f64 = 14.0;
/// The room that a letter takes, more or less.
const LETTER: f64 = 6.8;

const WIDTH: f64 = MARGIN + LEFT + scale::ROW + MARGIN;

/// Colours of light pages and of dark ones, in the order of [`Kind::ALL`]; then slack.
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

/// Lines for what changed, dots for what moved, a grid for what is on one of the two media only.
const PATTERNS: &str = "\
<pattern id=\"changed\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><path class=\"line\" d=\"M-1 8L8 -1\"/></pattern>
<pattern id=\"moved\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><circle class=\"dot\" cx=\"3.5\" cy=\"3.5\" r=\"1.3\"/></pattern>
<pattern id=\"alone\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><path class=\"line\" d=\"M3.5 0V7M0 3.5H7\"/></pattern>
";

/// A map as the text of an SVG file.
pub fn map(map: &Map, title: &str, other: Option<&Other>) -> String {
    let maps: Vec<&Map> = other.iter().map(|other| other.map).chain([map]).collect();
    let scale = Scale::of(&maps);
    let row_height = STRIP * maps.len() as f64 + GAP;
    let legend_at = TOP + row_height * scale.n_rows() as f64 + MARGIN;
    let height = legend_at + 66.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n"
    );
    let title = escaped(title);
    let _ = writeln!(out, "<title>Map of {title}</title>");
    write_style(&mut out, other.is_some());
    let _ = writeln!(out, "<rect class=\"page\" width=\"100%\" height=\"100%\"/>");
    let _ = writeln!(out, "<text class=\"title\" x=\"{MARGIN}\" y=\"28\">{title}</text>");
    let _ = writeln!(out, "<text x=\"{MARGIN}\" y=\"46\">{}</text>", escaped(&facts(map, other)));
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
            write_region(&mut out, region, mark.map(|mark| (mark, is_old)), &scale, &at);
        }
    }
    write_legend(&mut out, &maps, legend_at, other.is_some(), scale.n_bytes_of_pixel());
    out.push_str("</svg>\n");
    out
}

fn write_style(out: &mut String, has_patterns: bool) {
    let of = |pick: fn(&(&'static str, &'static str)) -> &'static str| -> String {
        COLOURS.iter().enumerate().map(|(n, colours)| format!(".k{n}{{fill:{}}}", pick(colours))).collect()
    };
    let (light, dark) = (of(|colours| colours.0), of(|colours| colours.1));
    let _ = writeln!(out, "<style>{STYLE}{light}\n@media (prefers-color-scheme:dark){{{DARK_STYLE}{dark}}}\n</style>");
    if has_patterns {
        let _ = writeln!(out, "<defs>{PATTERNS}</defs>");
    }
}

/// The line below the title.
fn facts(map: &Map, other: Option<&Other>) -> String {
    let totals = map.totals();
    let mut facts = format!(
        "{}: content {}, structures {}, slack {}",
        Size(map.len),
        share(totals.content, map.len),
        share(totals.structures, map.len),
        share(totals.slack, map.len)
    );
    if let Some(Other { name, marks, .. }) = other {
        let same = share(marks.same.iter().sum(), map.len);
        facts += &format!(". The upper strips are {name}; {same} are the same bytes at the same place");
    }
    facts
}

fn write_region(
    out: &mut String,
    region: &Region,
    mark: Option<(State, bool)>,
    scale: &Scale,
    at: &dyn Fn(&Piece) -> (f64, f64),
) {
    let mut words =
        format!("{}\n{} at byte {}: {}", name(region), region.kind.as_str(), region.offset, Size(region.len));
    let _ = write!(words, ", of which slack {}", Size(region.slack()));
    if let Some((mark, is_old)) = mark {
        words += &format!("\n{}", if is_old { state_of_old(&mark) } else { state(&mark) });
    }
    let _ = writeln!(out, "<g><title>{}</title>", escaped(&words));
    for piece in scale.pieces(region.span().end, region.end()) {
        write_rect(out, at(&piece), piece.width, &format!("k{} slack", COLOURS.len() - 1), None);
    }
    let pieces = scale.pieces(region.offset, region.span().end);
    for piece in &pieces {
        write_rect(out, at(piece), piece.width, &format!("k{} edge", colour(region.kind)), None);
        for pattern in mark.iter().flat_map(|(mark, _)| patterns(mark)) {
            write_rect(out, at(piece), piece.width, "edge", Some(pattern));
        }
    }
    // The first of the widest pieces has the label.
    let widest = pieces.iter().rev().max_by(|a, b| a.width.total_cmp(&b.width));
    if let Some((piece, label)) = widest.and_then(|piece| Some((piece, label(region, piece.width)?))) {
        let (x, y) = at(piece);
        let has_pattern = mark.is_some_and(|(mark, _)| mark != State::Same);
        if has_pattern {
            // What is written on lines can't be read.
            let width = (label.chars().count() as f64 * LETTER + 8.0).min(piece.width - 4.0);
            let (class, x, y) = (colour(region.kind), x + 2.0, y + 5.0);
            let _ = writeln!(
                out,
                "<rect class=\"k{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"15.0\"/>"
            );
        }
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 4.0, y + 17.0, escaped(&label));
    }
    out.push_str("</g>\n");
}

/// A rectangle of a strip, in a colour or in a pattern.
fn write_rect(out: &mut String, (x, y): (f64, f64), width: f64, class: &str, pattern: Option<&str>) {
    let height = STRIP - 1.0;
    let fill = pattern.map(|pattern| format!(" fill=\"url(#{pattern})\"")).unwrap_or_default();
    let size = format!("width=\"{width:.1}\" height=\"{height:.1}\"");
    let _ = writeln!(out, "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" {size}{fill}/>");
}

fn colour(kind: Kind) -> usize {
    Kind::ALL.iter().position(|other| *other == kind).unwrap_or_default()
}

fn patterns(state: &State) -> &'static [&'static str] {
    match state {
        State::Same => &[],
        State::Changed => &["changed"],
        State::Moved { changed: false, .. } => &["moved"],
        State::Moved { changed: true, .. } => &["moved", "changed"],
        State::Alone => &["alone"],
    }
}

fn state_of_old(state: &State) -> String {
    match state {
        State::Moved { there, changed } => {
            format!("moved to {there}{}", if *changed { ", changed" } else { "" })
        }
        State::Alone => "gone".into(),
        State::Same => "same".into(),
        State::Changed => "changed".into(),
    }
}

/// What is written on a region: as much of its name as there is room for, or a letter for what it is.
fn label(region: &Region, width: f64) -> Option<String> {
    const MIN_LETTERS: usize = 5;
    let room = ((width - 8.0) / LETTER).max(0.0) as usize;
    let whole = match region.kind {
        Kind::LargeFile | Kind::SmallFiles if !region.name.is_empty() => {
            region.name.rsplit('/').next().unwrap_or_default().to_owned()
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

/// The letter that stands for a kind.
fn letter(kind: Kind) -> &'static str {
    match kind {
        Kind::Head => "H",
        Kind::LargeFile => "F",
        Kind::SmallFiles => "S",
        Kind::BootProgram => "B",
        Kind::Folders => "D",
        Kind::FileEntries => "E",
        Kind::Lists => "L",
    }
}

fn write_legend(out: &mut String, maps: &[&Map], y: f64, has_patterns: bool, n_bytes_of_pixel: f64) {
    let is_there = |kind: &Kind| maps.iter().any(|map| map.regions.iter().any(|region| region.kind == *kind));
    let mut entries: Vec<(String, Option<&str>, String)> = Kind::ALL
        .into_iter()
        .filter(is_there)
        .map(|kind| (format!("k{} edge", colour(kind)), None, format!("{} {}", letter(kind), kind.as_str())))
        .collect();
    entries.push((format!("k{} slack", COLOURS.len() - 1), None, "slack".into()));
    if has_patterns {
        for (pattern, words) in [("changed", "changed"), ("moved", "moved"), ("alone", "on one only")] {
            entries.push(("slack".into(), Some(pattern), words.into()));
        }
    }
    let mut x = MARGIN;
    for (class, pattern, words) in entries {
        write_rect(out, (x, y), 26.0, &class, pattern);
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 31.0, y + 17.0, escaped(&words));
        x += 31.0 + words.chars().count() as f64 * LETTER + 14.0;
    }
    let of_pixel = Size(n_bytes_of_pixel as u64);
    let min = scale::MIN;
    let _ = writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{:.1}\">To scale, {of_pixel} to a pixel; what is used is {min} pixels wide at least.</text>",
        y + 46.0
    );
}

/// Text as XML has it; what XML can't hold is replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
