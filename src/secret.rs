//! What nobody may read who is not meant to: values that are wiped when they are done with, and what may be kept of
//! them.
//!
//! A [`Secret`] is neither shown nor written: it has no `Display`, no `Serialize`, and its `Debug` says nothing. What
//! depends on one is kept as a digest that is keyed with a [`FingerprintKey`], since a plain digest lets anybody test guesses.

pub use authoring::secret_names as names;

use std::fmt;
use std::io::{self, Read};

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::{Zeroize, Zeroizing};

use crate::digest::Digest;
use crate::limits::MAX_SECRET_LEN;

/// A value that is wiped from memory when it is dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a value over. Copies of it that the caller has made are the caller's to wipe.
    pub fn new(value: Vec<u8>) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Reads a value to its end, leaving no copy of it behind.
    ///
    /// # Errors
    ///
    /// Those of reading, and `FileTooLarge` for more than [`MAX_SECRET_LEN`] bytes.
    pub fn read(from: impl Read) -> io::Result<Self> {
        Self::read_to(from, MAX_SECRET_LEN)
    }

    /// The same of a value that may have so many bytes.
    pub fn read_to(mut from: impl Read, max_len: usize) -> io::Result<Self> {
        let mut buffer = Zeroizing::new(vec![0; 1 << 10]);
        let mut len = 0;
        loop {
            if len == buffer.len() {
                if len > max_len {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                // A vector that grows by itself leaves what it held where it was.
                let mut larger = Zeroizing::new(vec![0; 2 * len]);
                larger[..len].copy_from_slice(&buffer);
                buffer = larger;
            }
            match from.read(&mut buffer[len..]) {
                Ok(0) => break,
                Ok(n_read) => len += n_read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if len > max_len {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // What is behind the end is wiped with the rest: zeroize goes by the capacity.
        buffer.truncate(len);
        Ok(Self(buffer))
    }

    /// The same value without one line break at its end (`\n` or `\r\n`): editors and programs end with one.
    pub fn without_line_break(mut self) -> Self {
        for end in *b"\n\r" {
            if self.0.last() != Some(&end) {
                break;
            }
            self.0.pop();
        }
        self
    }

    /// The value.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value as text, if it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value.into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A random key that makes digests of what depends on secrets: only who has it can tell whether a guess is right.
pub struct FingerprintKey(Zeroizing<[u8; FingerprintKey::LEN]>);

impl FingerprintKey {
    /// The length of its key in bytes.
    pub const LEN: usize = 32;

    /// The veil of a key.
    pub fn new(key: [u8; Self::LEN]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// A veil that there was never before.
    pub fn random() -> io::Result<Self> {
        let mut key = Zeroizing::new([0; Self::LEN]);
        let mut len = 0;
        while len < Self::LEN {
            match getrandom(&mut key[len..], GetRandomFlags::empty()) {
                Ok(n_read) => len += n_read,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self(key))
    }

    /// Its key.
    pub fn key(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// What tells this veil from others and nothing of its key.
    pub fn id(&self) -> Digest {
        self.digest("veil", b"")
    }

    /// What may be kept of a value: under this veil and this name, the same value has the same digest.
    pub fn digest(&self, name: &str, value: &[u8]) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(value);
        let digest = Digest(*hasher.finalize().as_bytes());
        // It holds the end of the value.
        hasher.zeroize();
        digest
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Veil(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let secret = Secret::from("hunter2".to_owned());
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "Secret(…) Some(\n    Secret(…),\n)");
        assert_eq!(format!("{:?}", FingerprintKey::new([7; 32])), "Veil(…)");
    }

    #[test]
    fn one_line_break_at_the_end_is_no_part_of_a_secret() {
        for (written, value) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a ", "a "), ("\n", ""), ("a\r", "a\r")]
        {
            assert_eq!(Secret::from(written.to_owned()).without_line_break().text(), Some(value), "{written:?}");
        }
    }

    #[test]
    fn a_secret_is_read_whole_up_to_a_length() {
        for len in [0, 1, 1023, 1024, 1025, 5000, MAX_SECRET_LEN] {
            let value: Vec<u8> = (0..len).map(|n| n as u8).collect();
            assert_eq!(Secret::read(value.as_slice()).unwrap().bytes(), value, "{len}");
        }
        let error = Secret::read(io::repeat(1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_digest_depends_on_veil_name_and_value() {
        let veil = FingerprintKey::new([1; 32]);
        let digest = veil.digest("a", b"b");
        assert_eq!(FingerprintKey::new([1; 32]).digest("a", b"b"), digest);
        assert_ne!(FingerprintKey::new([2; 32]).digest("a", b"b"), digest);
        assert_ne!(veil.digest("ab", b""), digest);
        assert_ne!(veil.digest("a", b"c"), digest);
        assert_ne!(FingerprintKey::random().unwrap().id(), FingerprintKey::random().unwrap().id());
    }
}
