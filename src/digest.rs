//! Digests of content: BLAKE3 (our own identity of bytes), SHA-256 (what other people's tools check), and SHA-1 where a
//! format names contents by it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::Digest as _;

/// A BLAKE3 digest, 256 bits: two contents with the same digest are the same content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// A GUID that follows from it: version 8 of RFC 9562 (5.8), in lower case and without braces.
    pub fn guid(&self) -> String {
        let mut bytes = self.0;
        bytes[6] = bytes[6] & 0x0F | 0x80;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        let digits: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }
}

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
pub enum Asked {
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
    pub fn of(bytes: &[u8]) -> Self {
        Self::asked(bytes, Asked::Lists)
    }

    /// The digests of bytes in memory that are asked for.
    pub fn asked(bytes: &[u8], asked: Asked) -> Self {
        let mut hasher = Hasher::new(asked);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Whether what is asked for is among them.
    pub fn answer(&self, asked: Asked) -> bool {
        asked == Asked::Lists || self.sha1.is_some()
    }
}

/// A SHA-256 digest (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

/// A SHA-1 digest (FIPS 180-4): the name of a content in a WIM file. Zeros stand for none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sha1(pub [u8; 20]);

impl Sha1 {
    /// The digest of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
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
    pub fn new(asked: Asked) -> Self {
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
    pub fn new(asked: Asked) -> Self {
        let sha1 = (asked == Asked::Sha1Too).then(sha1::Sha1::new);
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

/// Why a text is not a digest.
#[derive(Debug, PartialEq, Eq)]
pub struct NotADigest;

impl fmt::Display for NotADigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a digest is 64 hexadecimal digits")
    }
}

impl std::error::Error for NotADigest {}

fn write_hex(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // All digits at once: lists of digests have millions of them.
    let digits = bytes.map(|byte| [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    f.write_str(std::str::from_utf8(digits.as_flattened()).map_err(|_| fmt::Error)?)
}

fn parse_hex(text: &str) -> Result<[u8; 32], NotADigest> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(NotADigest);
    }
    let nibble = |digit: u8| char::from(digit).to_digit(16).ok_or(NotADigest);
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (nibble(pair[0])? << 4 | nibble(pair[1])?) as u8;
    }
    Ok(bytes)
}

/// Both digests are written as 64 lower-case hexadecimal digits, in text and in JSON.
macro_rules! written_as_hex {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NotADigest;

            fn from_str(text: &str) -> Result<Self, NotADigest> {
                parse_hex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

written_as_hex!(Digest);
written_as_hex!(Sha256);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_nothing_are_the_published_ones() {
        let digests = Digests::of(b"");
        assert_eq!(digests.blake3.to_string(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
        assert_eq!(digests.sha256.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn sha1_is_made_where_it_is_asked_for() {
        let digests = Digests::asked(b"abc", Asked::Sha1Too);
        assert_eq!(digests.sha1, Some(Sha1::of(b"abc")));
        assert_eq!(Sha1::of(b"abc").0[..4], [0xA9, 0x99, 0x3E, 0x36]);
        assert_eq!(Digests::of(b"abc"), Digests { sha1: None, ..digests });
        assert!(digests.answer(Asked::Lists) && !Digests::of(b"abc").answer(Asked::Sha1Too));
    }

    #[test]
    fn a_digest_reads_back_from_its_text() {
        let digest = Digest::of(b"medium");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("abc".parse::<Digest>(), Err(NotADigest));
        assert_eq!("zz".repeat(32).parse::<Digest>(), Err(NotADigest));
    }
}
