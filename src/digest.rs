//! Digests of content: BLAKE3 to identify it, SHA-256 for other tools to check, and SHA-1 for WIM files, which name
//! contents by it.

mod threads;

use std::fmt;

use disc_layout::digest::write_hex;
pub use disc_layout::digest::{Digest, NotADigest};
use sha1::Digest as _;

pub use threads::HashThreads;

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

impl Sha256 {
    /// Computes the digest of bytes in memory.
    pub fn hash(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }
}

/// SHA-1 digest (FIPS 180-4), the name of a content in a WIM file. Zeros mean no content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sha1(pub [u8; 20]);

impl Sha1 {
    /// Computes the digest of bytes in memory.
    pub fn hash(bytes: &[u8]) -> Self {
        Self(sha1::Sha1::digest(bytes).into())
    }
}

impl fmt::Display for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// Computes the digests of one content from its bytes in order.
pub struct Hasher(Vec<PartialHasher>);

/// Computes one digest of a content.
enum PartialHasher {
    Blake3(Box<blake3::Hasher>),
    Sha256(sha2::Sha256),
    Sha1(sha1::Sha1),
}

impl Hasher {
    /// Returns a hasher without input.
    pub fn new(kinds: DigestKinds) -> Self {
        Self(PartialHasher::all(kinds))
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.iter_mut().for_each(|hasher| hasher.update(bytes));
    }

    /// Returns the digests of all bytes.
    pub fn finish(self) -> Digests {
        let mut digests = Digests::NOT_YET;
        self.0.into_iter().for_each(|hasher| hasher.finish(&mut digests));
        digests
    }
}

impl PartialHasher {
    /// Returns the hashers of all requested digests, without input.
    fn all(kinds: DigestKinds) -> Vec<Self> {
        let mut hashers = vec![Self::Blake3(Box::default()), Self::Sha256(sha2::Sha256::new())];
        if kinds == DigestKinds::Sha1Too {
            hashers.push(Self::Sha1(sha1::Sha1::new()));
        }
        hashers
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
        }
    }

    /// Fills in the digest of all bytes.
    fn finish(self, digests: &mut Digests) {
        match self {
            Self::Blake3(hasher) => digests.blake3 = Digest(*hasher.finalize().as_bytes()),
            Self::Sha256(hasher) => digests.sha256 = Sha256(hasher.finalize().into()),
            Self::Sha1(hasher) => digests.sha1 = Some(Sha1(hasher.finalize().into())),
        }
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
