//! Checks an output against its capacity and chooses its slack.
//!
//! An output gets ample slack if that fits, and otherwise none at all: a medium near its capacity loses all its slack
//! at once, so its next change moves more bytes. An output that does not fit without slack is refused.

use std::collections::HashMap;

use super::Output;
use super::form::FormContext;
use super::lists::NOT_YET;
use crate::content::{Content, SourceKey};
use crate::digest::{Digest, Sha1};
use crate::error::Result;
use crate::layout::{Layout, Slack};
use crate::size::Size;
use crate::volume::Volume;

/// Error of an output that is larger than its capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// Length without slack.
    pub len: Size,
    /// Capacity of the medium.
    pub capacity: Size,
}

impl Overflow {
    /// Message for the output of this name.
    pub fn message(&self, name: &str) -> String {
        let (Self { len, capacity }, over) = (self, Size(self.len.0 - self.capacity.0));
        format!("`{name}` takes {len}, and the medium holds {capacity}: {over} too much")
    }
}

impl Output {
    /// Returns the overflow if the output exceeds its capacity.
    pub fn overflow(&self) -> Result<Option<Overflow>> {
        let (volume, _) = self.volume(&|_| None)?;
        Ok(layout_within_capacity(self, &volume)?.err())
    }
}

/// Lays a volume out with the given slack.
pub(super) fn layout(
    output: &Output,
    volume: &Volume,
    slack: Slack,
    sha1s: &HashMap<SourceKey, Sha1>,
    seal: Option<&Content>,
) -> Result<Layout> {
    let terms = FormContext { capacity: output.capacity, description: &output.description, sha1s, seal };
    output.form.layout(volume, slack, &terms)
}

/// Content that stores the digest of the structure. `None` for formats that keep it in `medium.toml`.
pub(super) fn seal(output: &Output, structure: Digest) -> Option<Content> {
    output.form.seal().map(|seal| Content::bytes(seal(structure)))
}

/// Lays a volume out with as much slack as the capacity allows.
pub(super) fn layout_within_capacity(
    output: &Output,
    volume: &Volume,
) -> Result<std::result::Result<(Slack, Layout), Overflow>> {
    let capacity = output.capacity;
    let mut len = 0;
    for slack in [Slack::Ample, Slack::None] {
        let layout = layout(output, volume, slack, &HashMap::new(), seal(output, NOT_YET).as_ref())?;
        match capacity {
            Some(capacity) if capacity.0 < layout.len() => len = layout.len(),
            _ => return Ok(Ok((slack, layout))),
        }
    }
    Ok(Err(Overflow { len: Size(len), capacity: capacity.unwrap_or(Size(len)) }))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::MediumFixture;
    use super::*;

    #[test]
    fn slack_goes_before_content_is_refused() {
        let fixture = MediumFixture::new();
        let mut output = fixture.output();
        let (volume, _) = output.volume(&|_| None).unwrap();
        let [ample, tight] = [Slack::Ample, Slack::None]
            .map(|slack| layout(&output, &volume, slack, &HashMap::new(), None).unwrap().len());
        assert!(tight < ample);
        for (capacity, expected) in
            [(u64::MAX, Ok(ample)), (ample, Ok(ample)), (ample - 1, Ok(tight)), (tight, Ok(tight)), (tight - 1, Err(1))]
        {
            output.capacity = Some(Size(capacity));
            let overflow = output.overflow().unwrap();
            let found = overflow.map_or_else(
                || Ok(output.draft(&|_| None).unwrap().len()),
                |overflow| Err(overflow.len.0 - overflow.capacity.0),
            );
            assert_eq!(found, expected, "of {capacity} bytes");
        }
    }

    #[test]
    fn a_medium_without_slack_is_sealed_as_it_was_drafted() {
        let fixture = MediumFixture::new();
        let mut output = fixture.output();
        output.capacity = Some(Size(output.draft(&|_| None).unwrap().len() - 1));
        let draft = output.draft(&|_| None).unwrap();
        let digests: Vec<_> = draft.jobs(&|_| None).iter().map(|_| crate::digest::Digests::hash(b"any")).collect();
        let len = draft.len();
        assert_eq!(draft.seal(&digests).unwrap().layout.len(), len);
    }

    #[test]
    fn what_decides_places_is_part_of_the_identity() {
        let fixture = MediumFixture::new();
        let output = fixture.output();
        let known = |_: &crate::content::SourceKey| Some(crate::digest::Digests::hash(b"any"));
        let id = |output: &Output| output.identity(&known).unwrap().id.unwrap();
        let mut smaller = output.clone();
        smaller.capacity = Some(Size(9_000_000));
        let mut apart = output.clone();
        apart.entries.truncate(1);
        let mut other_order = output.clone();
        other_order.entries.reverse();
        assert_ne!(id(&output), id(&smaller));
        assert_ne!(id(&output), id(&apart));
        assert_eq!(id(&output), id(&other_order));
    }
}
