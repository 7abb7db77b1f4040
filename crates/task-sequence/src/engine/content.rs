//! Content of steps, from the medium or from a distribution point.

use super::state::RunState;
use super::trace::{ContentSource, Effect, Uncertainty};
use super::variables::PossibleValues;
use crate::Action;
use crate::start_source::StartSource;

/// Records the content that a step needs. Returns an error message if content is not available.
pub fn find_missing_content(state: &mut RunState<'_>, action: &Action, entry: usize) -> Option<String> {
    let has_no_site = matches!(state.medium.source, StartSource::StandAlone | StartSource::Capture);
    for id in action.content() {
        let expanded = state.variables.expand(&id);
        if let Some(why) = expanded.unknown {
            let why = format!("the content `{id}` is not known: {why}");
            state.effect(entry, Effect::Open { why, of: Uncertainty::Content });
            continue;
        }
        let id = expanded.text;
        let is_there = state.is_staged || state.medium.source != StartSource::Prestaged;
        let is_local = is_there && state.medium.carries(&id);
        if !is_local && has_no_site {
            return Some(format!("`{id}` is not on the medium, and there is no site to get it from"));
        }
        let from = if is_local { ContentSource::Medium } else { ContentSource::Network };
        note_cache(state, &id, from);
        state.effect(entry, Effect::Content { id, from });
    }
    let kind = action.kind.name;
    let needs_site = ["auto-apply-drivers", "install-software-updates", "download-package-content"].contains(&kind);
    let is_dynamic = action.text("base-variable").is_some();
    match has_no_site {
        true if needs_site => Some("the step needs the site, which such media do not have".into()),
        true if is_dynamic => Some("lists in variables can't be resolved without a site".into()),
        _ => None,
    }
}

/// Records the effect of content on variables, since it may remain in a cache on the disk.
fn note_cache(state: &mut RunState<'_>, id: &str, from: ContentSource) {
    let location = "_SMSTSLastContentDownloadLocation";
    let cache = "_SMSTSClientCache";
    let fact = |name: &str| format!("the download location of `{id}` is not known; add `{name}` to `variables`");
    if from == ContentSource::Network {
        state.variables.leave_open(location, PossibleValues::Present, fact(location));
    }
    // Content of a medium may be copied or used in place, and without a disk Windows PE caches in memory.
    if state.is_formatted && state.variables.get(cache).is_none() {
        let may_be = if from == ContentSource::Network { PossibleValues::Present } else { PossibleValues::Anything };
        let why = format!("whether `{id}` was cached on the disk is not known; add `variables.{cache}`");
        state.variables.leave_open(cache, may_be, why);
    }
}
