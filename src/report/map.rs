//! Formats the layout of a medium, and compares it with that of another.

use camino::Utf8Path;
use serde_json::{Value as Json, json};

use super::{Page, counted};
use crate::map::{Map, MapRegion, Marks, RegionKind, RegionState, Totals};
use crate::size::Size;

/// Medium that a map is compared with.
#[derive(Debug)]
pub struct ComparedMap<'a> {
    /// Name in the output.
    pub name: &'a str,
    /// Layout.
    pub map: &'a Map,
    /// Differences between the layouts.
    pub marks: &'a Marks,
}

/// Formats a row for each region, then the totals.
pub fn text(map: &Map, other: Option<&ComparedMap>) -> Page {
    let mut rows = vec![["offset", "length", "used", "slack", "files", "what"].map(str::to_owned)];
    rows.extend(map.regions.iter().map(|region| {
        let n_files = if region.n_files == 0 { "-".into() } else { region.n_files.to_string() };
        let lens = [region.len, region.used, region.slack()].map(|len| Size(len).to_string());
        let [len, used, slack] = lens;
        [region.offset.to_string(), len, used, slack, n_files, name(region)]
    }));
    // The last column, the name, is not padded: it may be long, and wraps.
    let widths: Vec<_> = (0..5).map(|n| rows.iter().map(|row| row[n].len()).max().unwrap_or(0)).collect();
    let states =
        std::iter::once("state".to_owned()).chain(other.iter().flat_map(|other| other.marks.new.iter().map(state)));
    let states: Vec<_> = if other.is_some() { states.collect() } else { Vec::new() };
    let state_width = states.iter().map(|state| state.len()).max().unwrap_or(0);
    let mut page = Page::default();
    for (n, row) in rows.iter().enumerate() {
        let cells: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}  ")).collect();
        // The state may be long, so it goes into the part of the row that wraps.
        let state = states.get(n).map(|state| format!("{state:state_width$}  ")).unwrap_or_default();
        page.row(cells, state + &row[5]);
    }
    page.gap();
    let Totals { n_files, content, structures, slack } = map.totals();
    let share = |len: u64| share(len, map.len);
    let files = counted(n_files, "file");
    page.row("content     ", format!("{} in {files} ({})", Size(content), share(content)));
    page.row("structures  ", format!("{} ({})", Size(structures), share(structures)));
    page.row("slack       ", format!("{} ({})", Size(slack), share(slack)));
    if let Some(other) = other {
        write_other(&mut page, map, other);
    }
    page
}

fn write_other(page: &mut Page, map: &Map, ComparedMap { name: other, map: old, marks }: &ComparedMap) {
    let same: u64 = marks.same.iter().sum();
    page.gap();
    page.line(format!("compared with `{other}`:"));
    page.row("same place  ", format!("{} equal at the same place ({})", Size(same), share(same, map.len)));
    let counts = counts(marks).into_iter().filter(|(_, n)| *n > 0);
    let counts: Vec<_> = counts.map(|(what, n)| format!("{n} {what}")).collect();
    page.row("regions     ", counts.join(", "));
    for region in gone(old, marks) {
        page.row("gone        ", format!("{}, {} at {}", name(region), Size(region.len), region.offset));
    }
}

/// Returns the regions that only the other medium has.
fn gone<'a>(old: &'a Map, marks: &'a Marks) -> impl Iterator<Item = &'a MapRegion> {
    let alone = old.regions.iter().zip(&marks.old).filter(|(_, state)| **state == RegionState::Alone);
    alone.map(|(region, _)| region)
}

fn counts(marks: &Marks) -> [(&'static str, usize); 6] {
    let of = |is: &dyn Fn(&RegionState) -> bool| marks.new.iter().filter(|state| is(state)).count();
    [
        ("unchanged", of(&|state| *state == RegionState::Same)),
        ("changed", of(&|state| *state == RegionState::Changed)),
        ("moved", of(&|state| matches!(state, RegionState::Moved { changed: false, .. }))),
        ("moved and changed", of(&|state| matches!(state, RegionState::Moved { changed: true, .. }))),
        ("new", of(&|state| *state == RegionState::Alone)),
        ("gone", marks.old.iter().filter(|state| **state == RegionState::Alone).count()),
    ]
}

/// Returns the name of a region.
pub(super) fn name(region: &MapRegion) -> String {
    let name = region.name.as_str();
    match region.kind {
        RegionKind::Head | RegionKind::LargeFile => name.to_owned(),
        RegionKind::SmallFiles if name.is_empty() => "small files in the root".into(),
        RegionKind::SmallFiles => format!("small files in {name}"),
        RegionKind::BootProgram => format!("boot program for {name}"),
        RegionKind::Folders => format!("folders of {name}"),
        RegionKind::FileEntries if name == "FAT" => "allocation tables".into(),
        RegionKind::FileEntries => format!("file entries of {name}"),
        RegionKind::Lists => format!("lists in {name}"),
    }
}

/// Returns the state of a region of the new medium.
pub(super) fn state(state: &RegionState) -> String {
    match state {
        RegionState::Same => "same".into(),
        RegionState::Changed => "changed".into(),
        RegionState::Moved { there, changed: false } => format!("moved from {there}"),
        RegionState::Moved { there, changed: true } => format!("moved from {there}, changed"),
        RegionState::Alone => "new".into(),
    }
}

/// Returns a part of a whole in per cent.
pub(super) fn share(part: u64, whole: u64) -> String {
    // Rounded down to tenths, so that only the whole is 100.0 %.
    let tenths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Returns the map of the medium `path` as JSON.
pub fn json(path: &Utf8Path, map: &Map, other: Option<&ComparedMap>) -> Json {
    let regions = map.regions.iter().enumerate().map(|(n, region)| {
        let mut value = region_json(region);
        if let Some(ComparedMap { marks, .. }) = other {
            let (state, from) = match marks.new[n] {
                RegionState::Same => ("same", None),
                RegionState::Changed => ("changed", None),
                RegionState::Moved { there, changed: false } => ("moved", Some(there)),
                RegionState::Moved { there, changed: true } => ("moved-changed", Some(there)),
                RegionState::Alone => ("new", None),
            };
            value["state"] = state.into();
            value["from"] = from.into();
            value["same"] = marks.same[n].into();
        }
        value
    });
    let Totals { n_files, content, structures, slack } = map.totals();
    let mut value = json!({
        "path": path,
        "len": map.len,
        "totals": { "files": n_files, "content": content, "structures": structures, "slack": slack },
        "regions": regions.collect::<Vec<_>>(),
    });
    if let Some(ComparedMap { name, map: old, marks }) = other {
        value["other"] = json!({
            "name": name,
            "len": old.len,
            "same": marks.same.iter().sum::<u64>(),
            "gone": gone(old, marks).map(region_json).collect::<Vec<_>>(),
        });
    }
    json!({ "layout": value })
}

fn region_json(region: &MapRegion) -> Json {
    json!({
        "offset": region.offset,
        "len": region.len,
        "used": region.used,
        "slack": region.slack(),
        "files": region.n_files,
        "kind": region.kind.as_str(),
        "name": region.name,
    })
}
