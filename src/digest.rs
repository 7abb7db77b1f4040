//! Digests of content: BLAKE3 (our own identity of bytes), SHA-256 (what other people's tools check), and SHA-1 where a
//! format names contents by it.

pub use disc_layout::digest::{Digest, NotADigest};
use sha1::Digest as _;

/// The two digests that a medium lists of each of its files, and what else was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digests {
    /// BLAKE3, 256 bits.
    pub blake3: Digest,
    /// SHA-256 (FIPS 180-4).
    pub sha256: Sha256,
    /// SHA-1 (FIPS 180-4), if it was asked for.
    pub sha1: Option<Sha1>,
}

/// Which digests are asked for. SHA-1 takes time that only WIM files are worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DigestKinds {
    /// What media list.
    #[default]
    Lists,
    /// SHA-1 as well.
    Sha1Too,
}

impl Digests {
    /// What stands in for digests that are not known yet: as long as any.
    pub const NOT_YET: Self = Self { blake3: Digest([0; 32]), sha256: Sha256([0; 32]), sha1: None };

    /// The digests of bytes in memory.
    pub fn hash(bytes: &[u8]) -> Self {
        Self::hash_kinds(bytes, DigestKinds::Lists)
    }

    /// The digests of bytes in memory that are asked for.
    pub fn hash_kinds(bytes: &[u8], asked: DigestKinds) -> Self {
        let mut hasher = Hasher::new(asked);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Whether what is asked for is among them.
    pub fn answer(&self, asked: DigestKinds) -> bool {
        asked == DigestKinds::Lists || self.sha1.is_some()
    }
}

/// A SHA-256 digest (FIPS 180-4), written as a [`Digest`] is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

/// A SHA-1 digest (FIPS 180-4): the name of a content in a WIM file. Zeros stand for none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sha1(pub [u8; 20]);

impl Sha1 {
    /// The digest of bytes in memory.
    pub fn hash(bytes: &[u8]) -> Self {
        Self(sha1::Sha1::digest(bytes).into())
    }
}

/// Takes the bytes of one content in order and yields their digests.
pub struct Hasher {
    blake3: Blake3Hasher,
    sha: ShaHasher,
}

/// The part of a [`Hasher`] that is done first.
#[derive(Default)]
pub struct Blake3Hasher(blake3::Hasher);

/// The part of a [`Hasher`] that takes several times as long, and is worth a thread of its own.
pub struct ShaHasher {
    sha256: sha2::Sha256,
    sha1: Option<sha1::Sha1>,
}

impl Hasher {
    /// A hasher that has seen no byte yet.
    pub fn new(asked: DigestKinds) -> Self {
        Self { blake3: Blake3Hasher::default(), sha: ShaHasher::new(asked) }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.blake3.update(bytes);
        self.sha.update(bytes);
    }

    /// The digests of all bytes seen.
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

    /// The digest of all bytes seen.
    pub fn finish(self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl ShaHasher {
    /// A hasher that has seen no byte yet.
    pub fn new(asked: DigestKinds) -> Self {
        let sha1 = (asked == DigestKinds::Sha1Too).then(sha1::Sha1::new);
        Self { sha256: sha2::Sha256::new(), sha1 }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
    }

    /// The digests of all bytes seen.
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
        assert!(digests.answer(DigestKinds::Lists) && !Digests::hash(b"abc").answer(DigestKinds::Sha1Too));
    }
}
