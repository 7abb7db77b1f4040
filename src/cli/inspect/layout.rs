//! `tsmedia inspect --layout`: shows which bytes of a medium belong to which files, and compares that with another medium.

use super::super::Outcome;
use super::super::report_file::ReportFile;
use super::super::screen::Screen;
use super::Arguments;
use crate::error::Result;
use crate::gather;
use crate::map::Map;
use crate::report;
use crate::report::map::ComparedMap;

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let path = &arguments.medium;
    let mut medium = gather::open(path)?;
    screen.warn_of_journal(path);
    let map = Map::new(&medium.parsed);
    let found = match &arguments.other {
        None => None,
        Some(other) => {
            let mut old = gather::open(other)?;
            let of_old = Map::new(&old.parsed);
            let marks = screen.with_progress(&format!("comparing {path} with {other}"), |progress| {
                gather::marks(&mut old, &mut medium, [&of_old, &map], progress)
            })?;
            Some((other, of_old, marks))
        }
    };
    let other = found.as_ref().map(|(name, map, marks)| ComparedMap { name: name.as_str(), map, marks });
    if let Some(target) = &arguments.svg {
        let svg = report::svg::map(&map, &format!("{} ({path})", medium.parsed.label()), other.as_ref());
        ReportFile::Svg.write(target, &svg)?;
        screen.status(&format!("wrote `{target}`"));
    }
    if screen.json {
        screen.print_json(&report::map::json(path, &map, other.as_ref()))
    } else {
        screen.print_page(&report::map::text(&map, other.as_ref()))
    }
}
