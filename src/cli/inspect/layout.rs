//! `tsmedia inspect --layout`: where things are on a medium, and what of it is elsewhere or otherwise on another.

use camino::Utf8Path;

use super::super::Outcome;
use super::super::screen::Screen;
use super::Arguments;
use crate::error::{Error, Result};
use crate::gather;
use crate::map::Map;
use crate::report;
use crate::report::map::Other;
use crate::write::{DiskOps, open, replace};

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let path = &arguments.medium;
    let mut medium = gather::open(path)?;
    screen.tell_of_journal(path);
    let map = Map::new(&medium.parsed);
    let found = match &arguments.other {
        None => None,
        Some(other) => {
            let mut old = gather::open(other)?;
            let of_old = Map::new(&old.parsed);
            let marks = screen.watch(&format!("comparing {path} with {other}"), |progress| {
                gather::marks(&mut old, &mut medium, [&of_old, &map], progress)
            })?;
            Some((other, of_old, marks))
        }
    };
    let other = found.as_ref().map(|(name, map, marks)| Other { name: name.as_str(), map, marks });
    if let Some(target) = &arguments.svg {
        let svg = report::svg::map(&map, &format!("{} ({path})", medium.parsed.label()), other.as_ref());
        write(target, &svg)?;
        screen.say(&format!("wrote `{target}`"));
    }
    if screen.json {
        screen.json(&report::map::json(&map, other.as_ref()))
    } else {
        screen.data(&report::map::text(&map, other.as_ref()))
    }
}

/// Writes the picture in one step, but not over anything that is not one.
fn write(target: &Utf8Path, svg: &str) -> Result<()> {
    if target.extension() != Some("svg") {
        return Err(Error::new(format!("`{target}` is not the name of an SVG file")).help("let it end in `.svg`"));
    }
    open::refuse_link(target)?;
    replace(&DiskOps::default(), target, svg.as_bytes())
}
