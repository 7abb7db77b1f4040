//! Pairs the outputs of the two sides of `diff`.

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};

/// Output of a side that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Path as written in the manifest or record.
    pub name: String,
    /// Path relative to the current folder.
    pub path: Utf8PathBuf,
    pub site: Option<String>,
    /// Number of the disc, if the output is one of a media set.
    pub disc: Option<usize>,
}

/// Path of a side, with the outputs that it has.
type Side<'a> = (&'a Utf8Path, &'a [Candidate]);

/// Outputs to compare: one for each side, or the discs of a media set.
pub(super) struct OutputPair {
    /// Site of both.
    pub site: Option<String>,
    /// Outputs of the old and the new side.
    pub outputs: [Vec<Candidate>; 2],
}

/// Outputs of both sides, paired.
pub(super) struct Pairing {
    pub pairs: Vec<OutputPair>,
    /// Outputs of sites that only one side has, with the index of the side.
    pub only: Vec<(usize, Candidate)>,
}

/// Pairs the outputs of two sides: of each site if a side has several and `by_site` is set, and otherwise of the one site
/// that both have.
pub(super) fn pair_outputs(sides: [Side; 2], by_site: bool) -> Result<Pairing> {
    let mut sites = Vec::new();
    for candidate in sides.iter().flat_map(|(_, candidates)| *candidates) {
        if !sites.contains(&candidate.site) {
            sites.push(candidate.site.clone());
        }
    }
    let has_several = sides.iter().any(|(_, candidates)| candidates.iter().any(|one| one.site != candidates[0].site));
    let (mut pairs, mut only) = (Vec::new(), Vec::new());
    for site in sites.into_iter().filter(|_| by_site && has_several) {
        let of_site = sides.map(|(_, candidates)| -> Vec<_> {
            candidates.iter().filter(|candidate| candidate.site == site).cloned().collect()
        });
        if of_site.iter().any(Vec::is_empty) {
            let [old, new] = of_site;
            only.extend(old.into_iter().map(|one| (0, one)).chain(new.into_iter().map(|one| (1, one))));
            continue;
        }
        let outputs = choose_outputs([(sides[0].0, &of_site[0]), (sides[1].0, &of_site[1])])?;
        pairs.push(OutputPair { site, outputs });
    }
    if pairs.is_empty() {
        let outputs = choose_outputs(sides)?;
        let site = outputs[1].first().or(outputs[0].first()).and_then(|one| one.site.clone());
        return Ok(Pairing { pairs: vec![OutputPair { site, outputs }], only: Vec::new() });
    }
    Ok(Pairing { pairs, only })
}

/// Chooses the outputs to compare.
///
/// Tries in turn: the only output of both sides, outputs at the same path, of the same name, for the same site with the
/// same number. The first way that finds exactly one pair is taken. Otherwise, if all outputs of either side are the
/// discs of one media set, compares the sets.
fn choose_outputs(sides: [Side; 2]) -> Result<[Vec<Candidate>; 2]> {
    let [old, new] = sides.map(|(_, candidates)| candidates);
    let pairs: Vec<_> = old.iter().flat_map(|old| new.iter().map(move |new| (old, new))).collect();
    let place = |path: &Utf8Path| path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
    let is_pair = |way: u8, old: &Candidate, new: &Candidate| match way {
        0 => true,
        1 => place(&old.path) == place(&new.path),
        2 => old.name == new.name,
        _ => (old.site.is_some() || old.disc.is_some()) && (&old.site, old.disc) == (&new.site, new.disc),
    };
    for way in 0..4 {
        let mut found = pairs.iter().filter(|(old, new)| is_pair(way, old, new));
        if let (Some((old, new)), None) = (found.next(), found.next()) {
            return Ok([vec![(*old).clone()], vec![(*new).clone()]]);
        }
    }
    if let [Some(old), Some(new)] = sides.map(|(_, candidates)| as_disc_set(candidates)) {
        return Ok([old, new]);
    }
    let (path, candidates) = sides.into_iter().find(|(_, candidates)| candidates.len() > 1).unwrap_or(sides[0]);
    Err(Error::new(format!("`{path}` has several outputs, and none matches the other side"))
        .help(format!("choose one with `--site`: {}", list_sites(candidates))))
}

/// Returns all candidates in the order of their numbers, if they are the discs of one media set or a single medium.
fn as_disc_set(candidates: &[Candidate]) -> Option<Vec<Candidate>> {
    let mut discs = candidates.to_vec();
    discs.sort_by_key(|candidate| candidate.disc);
    let is_next = |(number, disc): (usize, &Candidate)| disc.disc == Some(number) && disc.site == candidates[0].site;
    (candidates.len() == 1 || (1..).zip(&discs).all(is_next)).then_some(discs)
}

/// Lists outputs with their sites for a message.
pub(super) fn list_sites(candidates: &[Candidate]) -> String {
    const MAX: usize = 10;
    let one = |candidate: &Candidate| match &candidate.site {
        Some(site) => format!("`{site}` ({})", candidate.name),
        None => format!("{} (no site)", candidate.name),
    };
    let mut listed: Vec<_> = candidates.iter().take(MAX).map(one).collect();
    if candidates.len() > MAX {
        listed.push(format!("and {} more", candidates.len() - MAX));
    }
    listed.join(", ")
}
