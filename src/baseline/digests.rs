//! Digests for a comparison that reads as little as possible.
//!
//! A source that both sides share, by its file and state, is equal without reading it. It gets a digest of its key in
//! place of one of its bytes. Only sources of equal length of which each side has its own are read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::content::{Content, Source, SourceKey};
use crate::digest::{Digest, DigestKinds, Digests, Sha1, Sha256};
use crate::error::Result;
use crate::output::Output;
use crate::progress::Progress;
use crate::store::Store;
use crate::write::WriteOptions;

/// Digests found so far.
#[derive(Default)]
pub(super) struct KnownDigests {
    found: HashMap<SourceKey, Digests>,
    /// Sources that stand in for a file of the commit with other content, by the key that both sides share.
    replaced: HashMap<SourceKey, Digests>,
}

impl KnownDigests {
    /// Digest of a source, or one of its key.
    pub(super) fn get(&self, key: &SourceKey) -> Digests {
        self.found.get(key).copied().unwrap_or_else(|| stand_in(format!("{key:?}").as_bytes()))
    }

    /// Digest of a source on the side of the commit.
    pub(super) fn get_of_base(&self, key: &SourceKey) -> Digests {
        self.replaced.get(key).copied().unwrap_or_else(|| self.get(key))
    }

    /// Counts a source as different content on the side of the commit.
    pub(super) fn replace(&mut self, key: SourceKey, sha256: &str) {
        self.replaced.insert(key, stand_in(sha256.as_bytes()));
    }

    /// Returns the digests of a source, reading it if they are not known.
    pub(super) fn read(&mut self, source: &Arc<Source>, store: &mut Store, progress: &Progress) -> Result<Digests> {
        self.hash(vec![Arc::clone(source)], DigestKinds::Lists, store, progress)?;
        Ok(self.get(&source.key()))
    }

    /// Reads the sources of two outputs that may have equal bytes without being the same file.
    pub(super) fn read_ambiguous(
        &mut self,
        old: &Output,
        new: &Output,
        store: &mut Store,
        progress: &Progress,
    ) -> Result<()> {
        let [of_old, of_new] = [sources(old), sources(new)];
        let own = |side: &HashMap<SourceKey, Arc<Source>>, other: &HashMap<SourceKey, Arc<Source>>| {
            let own = side.iter().filter(|(key, _)| !other.contains_key(key));
            own.map(|(_, source)| Arc::clone(source)).collect::<Vec<_>>()
        };
        let [own_old, own_new] = [own(&of_old, &of_new), own(&of_new, &of_old)];
        let lens = |side: &[Arc<Source>]| side.iter().map(|source| source.len()).collect::<HashSet<_>>();
        let [lens_old, lens_new] = [lens(&own_old), lens(&own_new)];
        let wanted = own_old.into_iter().chain(own_new);
        let mut wanted: Vec<_> =
            wanted.filter(|source| lens_old.contains(&source.len()) && lens_new.contains(&source.len())).collect();
        wanted.sort_by(|one, other| one.path().cmp(other.path()));
        self.hash(wanted, new.form.digest_kinds(), store, progress)
    }

    fn hash(
        &mut self,
        sources: Vec<Arc<Source>>,
        kinds: DigestKinds,
        store: &mut Store,
        progress: &Progress,
    ) -> Result<()> {
        let mut unknown = Vec::new();
        for source in sources {
            let known = self.found.get(&source.key()).copied().or_else(|| store.digests(&source.key()));
            match known.filter(|known| known.contain(kinds)) {
                Some(known) => drop(self.found.insert(source.key(), known)),
                None => unknown.push(source),
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let digests = store.hash(&unknown, kinds, &WriteOptions::default(), progress)?;
        self.found.extend(unknown.iter().map(|source| source.key()).zip(digests));
        Ok(())
    }
}

/// Sources of an output by key.
fn sources(output: &Output) -> HashMap<SourceKey, Arc<Source>> {
    let files = output.root.files().into_iter();
    let sources = files.filter_map(|(_, content)| match content {
        Content::Source(source) => Some((source.key(), Arc::clone(source))),
        Content::Bytes(_) => None,
    });
    sources.collect()
}

/// Digests that stand in for those of unknown content.
fn stand_in(name: &[u8]) -> Digests {
    let digest = Digest::hash(name);
    let mut sha1 = [0; 20];
    sha1.copy_from_slice(&digest.0[..20]);
    Digests { blake3: digest, sha256: Sha256(digest.0), sha1: Some(Sha1(sha1)) }
}
