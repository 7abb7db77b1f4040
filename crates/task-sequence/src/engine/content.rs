//! Content of steps: from the medium or from a distribution point.

use super::state::State;
use super::trace::{Doubt, Effect, Source};
use super::variables::MayBe;
use crate::Action;
use crate::started::Started;

/// Notes the content that a step needs. Returns what can't be had.
pub fn lacks_content(state: &mut State<'_>, action: &Action, entry: usize) -> Option<String> {
    let has_no_site = matches!(state.medium.started, Started::StandAlone | Started::Capture);
    for id in action.content() {
        let expanded = state.variables.expand(&id);
        if let Some(why) = expanded.unknown {
            let why = format!("its content `{id}` is not known: {why}");
            state.effect(entry, Effect::Open { why, of: Doubt::Content });
            continue;
        }
        let id = expanded.text;
        let is_there = state.is_staged || state.medium.started != Started::Prestaged;
        let is_local = is_there && state.medium.carries(&id);
        if !is_local && has_no_site {
            return Some(format!("`{id}` is not on the medium, and there is no site to get it from"));
        }
        let from = if is_local { Source::Medium } else { Source::Network };
        note_cache(state, &id, from);
        state.effect(entry, Effect::Content { id, from });
    }
    let kind = action.kind.name;
    let needs_site = ["auto-apply-drivers", "install-software-updates", "download-package-content"].contains(&kind);
    let is_dynamic = action.text("base-variable").is_some();
    match has_no_site {
        true if needs_site => Some("it needs the site, and such media have none".into()),
        true if is_dynamic => Some("what variables name can't be found without a site".into()),
        _ => None,
    }
}

/// Notes that content was taken, which may leave a cache on the disk.
fn note_cache(state: &mut State<'_>, id: &str, from: Source) {
    let location = "_SMSTSLastContentDownloadLocation";
    let cache = "_SMSTSClientCache";
    let fact =
        |name: &str| format!("the place to which `{id}` was downloaded is not known; add `{name}` to `variables`");
    if from == Source::Network {
        state.variables.leave_open(location, MayBe::Present, fact(location));
    }
    // A medium may be copied or used where it is, and Windows PE caches in memory without a disk.
    if state.is_formatted && state.variables.get(cache).is_none() {
        let may_be = if from == Source::Network { MayBe::Present } else { MayBe::Anything };
        let why = format!("whether `{id}` was cached on the disk is not known; add `variables.{cache}`");
        state.variables.leave_open(cache, may_be, why);
    }
}
