//! Digests of content: BLAKE3 to identify it, SHA-256 for other tools to check, and SHA-1 for WIM files, which name
//! contents by it.

pub use disc_layout::digest::{Digest, NotADigest};
use sha1::Digest as _;

/// Digests of one content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digests {
    /// BLAKE3, 256 bits.
    pub blake3: Digest,
    /// SHA-256 (FIPS 180-4).
    pub sha256: Sha256,
    /// SHA-1 (FIPS 180-4), if it was requested.
    pub sha1: Option<Sha1>,
}

/// Digests to compute. SHA-1 takes extra time, and only WIM files need it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DigestKinds {
    /// BLAKE3 and SHA-256, which media list for each file.
    #[default]
    Lists,
    /// SHA-1 as well.
    Sha1Too,
}

impl Digests {
    /// Placeholder of the same length, for digests that are not known yet.
    pub const NOT_YET: Self = Self { blake3: Digest([0; 32]), sha256: Sha256([0; 32]), sha1: None };

    /// Computes BLAKE3 and SHA-256 of bytes in memory.
    pub fn hash(bytes: &[u8]) -> Self {
        Self::hash_kinds(bytes, DigestKinds::Lists)
    }

    /// Computes the given digests of bytes in memory.
    pub fn hash_kinds(bytes: &[u8], kinds: DigestKinds) -> Self {
        let mut hasher = Hasher::new(kinds);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Returns whether all requested digests are present.
    pub fn contain(&self, kinds: DigestKinds) -> bool {
        kinds == DigestKinds::Lists || self.sha1.is_some()
    }
}

/// SHA-256 digest (FIPS 180-4), written in hexadecimal like a [`Digest`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

/// SHA-1 digest (FIPS 180-4), the name of a content in a WIM file. Zeros mean no content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sha1(pub [u8; 20]);

impl Sha1 {
    /// Computes the digest of bytes in memory.
    pub fn hash(bytes: &[u8]) -> Self {
        Self(sha1::Sha1::digest(bytes).into())
    }
}

/// Computes the digests of one content from its bytes in order.
pub struct Hasher {
    blake3: Blake3Hasher,
    sha: ShaHasher,
}

/// Part of a [`Hasher`] that computes BLAKE3.
#[derive(Default)]
pub struct Blake3Hasher(blake3::Hasher);

/// Part of a [`Hasher`] that computes SHA-256 and SHA-1. It takes several times as long as BLAKE3 and can run in its own
/// thread.
pub struct ShaHasher {
    sha256: sha2::Sha256,
    sha1: Option<sha1::Sha1>,
}

impl Hasher {
    /// Returns a hasher without input.
    pub fn new(kinds: DigestKinds) -> Self {
        Self { blake3: Blake3Hasher::default(), sha: ShaHasher::new(kinds) }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.blake3.update(bytes);
        self.sha.update(bytes);
    }

    /// Returns the digests of all bytes.
    pub fn finish(self) -> Digests {
        let (sha256, sha1) = self.sha.finish();
        Digests { blake3: self.blake3.finish(), sha256, sha1 }
    }
}

impl Blake3Hasher {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest of all bytes.
    pub fn finish(self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl ShaHasher {
    /// Returns a hasher without input.
    pub fn new(kinds: DigestKinds) -> Self {
        let sha1 = (kinds == DigestKinds::Sha1Too).then(sha1::Sha1::new);
        Self { sha256: sha2::Sha256::new(), sha1 }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
    }

    /// Returns the digests of all bytes.
    pub fn finish(self) -> (Sha256, Option<Sha1>) {
        (Sha256(self.sha256.finalize().into()), self.sha1.map(|sha1| Sha1(sha1.finalize().into())))
    }
}

disc_layout::hexadecimal!(Sha256);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_nothing_are_the_published_ones() {
        let digests = Digests::hash(b"");
        assert_eq!(digests.blake3.to_string(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
        assert_eq!(digests.sha256.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn sha1_is_made_where_it_is_asked_for() {
        let digests = Digests::hash_kinds(b"abc", DigestKinds::Sha1Too);
        assert_eq!(digests.sha1, Some(Sha1::hash(b"abc")));
        assert_eq!(Sha1::hash(b"abc").0[..4], [0xA9, 0x99, 0x3E, 0x36]);
        assert_eq!(Digests::hash(b"abc"), Digests { sha1: None, ..digests });
        assert!(digests.contain(DigestKinds::Lists) && !Digests::hash(b"abc").contain(DigestKinds::Sha1Too));
    }
}
