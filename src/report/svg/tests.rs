use super::*;

/// Returns a map of regions with these lengths, each with `slack` unused bytes.
fn map_of(lens: &[u64], slack: u64) -> Map {
    let mut at = 0;
    let region = |(n, len): (usize, &u64)| {
        let offset = at;
        at += len;
        let (kind, name) = (RegionKind::LargeFile, format!("file {n}"));
        MapRegion { kind, name, offset, len: *len, span: len - slack, used: len - slack, files: Vec::new(), n_files: 1 }
    };
    let regions = lens.iter().enumerate().map(region).collect();
    Map { len: lens.iter().sum(), regions }
}

/// Returns position and width of each region on the strip.
fn places(scale: &Scale, map: &Map) -> Vec<(f64, f64)> {
    let place = |region: &MapRegion| {
        let pieces = scale.pieces(region.offset, region.span().end);
        let first = pieces[0];
        (first.row as f64 * scale::ROW + first.x, pieces.iter().map(|piece| piece.width).sum())
    };
    map.regions.iter().map(place).collect()
}

#[test]
fn widths_are_to_scale_and_what_is_small_is_seen() {
    let mut lens = vec![2_048; 40];
    lens.extend([5 << 30, 1 << 30, 4_096, 1 << 30]);
    let map = map_of(&lens, 0);
    let scale = Scale::new(&[&map]);
    let places = places(&scale, &map);
    let mut end = 0.0;
    for (at, width) in &places {
        assert!((at - end).abs() < 0.01, "{places:?}");
        assert!(*width >= scale::MIN);
        end = at + width;
    }
    assert!((places[40].1 / places[41].1 - 5.0).abs() < 0.01);
    assert_eq!(end.round(), scale.n_rows() as f64 * scale::ROW);
    let starts: Vec<_> = (0..scale.n_rows()).map(|row| scale.row_start(row)).collect();
    assert!(starts[0] == 0 && starts.is_sorted() && *starts.last().unwrap() < map.len, "{starts:?}");
}

#[test]
fn the_same_byte_is_at_the_same_place_of_both_strips() {
    let (old, new) = (map_of(&[1 << 20, 2_048, 8 << 20], 0), map_of(&[1 << 20, 2_048, 4_096, 12 << 20], 100));
    let scale = Scale::new(&[&old, &new]);
    let (of_old, of_new) = (places(&scale, &old), places(&scale, &new));
    for n in 0..3 {
        assert_eq!(of_old[n].0, of_new[n].0);
    }
    assert!(of_new.iter().chain(&of_old).all(|(_, width)| *width >= scale::MIN - 0.01), "{of_new:?}");
}

#[test]
fn slack_that_would_not_be_seen_is_not_drawn() {
    let map = map_of(&[1 << 30, 1 << 30], 100);
    assert_eq!(super::map(&map, "t", None).matches("slack\" x").count(), 1, "only the legend has some");
    let map = map_of(&[1 << 30, 1 << 30], 100 << 20);
    assert!(super::map(&map, "t", None).matches("slack\" x").count() > 2);
}

#[test]
fn names_are_shortened_to_their_room_and_escaped() {
    let region = |name: &str| MapRegion { name: name.into(), ..map_of(&[10], 0).regions.remove(0) };
    let region = region("SMS/PKG/A/a long name & more.cab");
    let labels = [300.0, 80.0, 20.0, 4.0].map(|width| label(&region, width));
    let expected = [Some("a long name & more.cab"), Some("a long na…"), Some("F"), None];
    assert_eq!(labels.each_ref().map(Option::as_deref), expected);
    assert_eq!(escaped("<a & \"b\">\u{1}\n\u{202e}"), "&lt;a &amp; &quot;b&quot;&gt;\\x01\\x0a\\u{202e}");
}

#[test]
fn the_legend_and_long_titles_stay_within_the_picture() {
    let mut map = map_of(&[1 << 20; 7], 100);
    map.regions.iter_mut().zip(RegionKind::ALL).for_each(|(region, kind)| region.kind = kind);
    let legend = legend(&[&map], Some("map"));
    let end = |entry: &LegendEntry| entry.x + 31.0 + entry.words.chars().count() as f64 * LETTER;
    assert!(legend.iter().all(|entry| end(entry) <= WIDTH - MARGIN) && legend.len() == 11);
    assert!(legend.last().unwrap().y > 0.0, "the second row is tried");
    let long = super::map(&map, &"folder/".repeat(100), None);
    let title = long.lines().find(|line| line.contains("class=\"title\"")).unwrap();
    assert!(title.ends_with("…</text>") && title.len() < 250, "{title}");
}

#[test]
fn a_medium_of_very_many_regions_is_drawn() {
    let map = map_of(&[2 << 20; 5_000], 2_000);
    let svg = super::map(&map, "many", None);
    assert!(svg.len() < 4 << 20 && Scale::new(&[&map]).n_rows() > 15, "{}", svg.len());
}
