//! Secrets in memory, and keyed fingerprints of them.
//!
//! A [`Secret`] is wiped from memory when it is dropped. It has no `Display` or `Serialize`, and its `Debug` shows nothing.
//! Records contain only fingerprints made with a [`FingerprintKey`]: a plain digest would let anyone test
//! guesses.

pub use authoring::secret_names as names;

use std::fmt;
use std::io::{self, Read};

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::{Zeroize, Zeroizing};

use crate::digest::Digest;
use crate::limits::MAX_SECRET_LEN;

/// Secret value that is wiped from memory when it is dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of a value. The caller wipes its own copies.
    pub fn new(value: Vec<u8>) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Reads a value to its end, and leaves no copies in memory.
    ///
    /// # Errors
    ///
    /// Reading failed, or the value has more than [`MAX_SECRET_LEN`] bytes (`FileTooLarge`).
    pub fn read(from: impl Read) -> io::Result<Self> {
        Self::read_to(from, MAX_SECRET_LEN)
    }

    /// Reads a value of at most `max_len` bytes like [`Self::read`].
    pub fn read_to(mut from: impl Read, max_len: usize) -> io::Result<Self> {
        let mut buffer = Zeroizing::new(vec![0; 1 << 10]);
        let mut len = 0;
        loop {
            if len == buffer.len() {
                if len > max_len {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                // Growing a `Vec` would leave the old buffer unwiped in freed memory.
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
        // `Zeroizing` wipes the whole capacity, including the bytes cut off here.
        buffer.truncate(len);
        Ok(Self(buffer))
    }

    /// Removes one line break (`\n` or `\r\n`) at the end, which editors and programs add.
    pub fn without_line_break(mut self) -> Self {
        for end in *b"\n\r" {
            if self.0.last() != Some(&end) {
                break;
            }
            self.0.pop();
        }
        self
    }

    /// Returns the value.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the value as text, if it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Returns whether the value is empty.
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

/// Random key for fingerprints of secrets. Without it, guesses can't be tested against a fingerprint.
pub struct FingerprintKey(Zeroizing<[u8; FingerprintKey::LEN]>);

impl FingerprintKey {
    /// Length of the key in bytes.
    pub const LEN: usize = 32;

    /// Returns a key with the given bytes.
    pub fn new(key: [u8; Self::LEN]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// Generates a random key.
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

    /// Returns the bytes of the key.
    pub fn key(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Returns a public identifier of the key.
    pub fn id(&self) -> Digest {
        self.digest("veil", b"")
    }

    /// Returns the fingerprint of a value under a name. Equal values have equal fingerprints only under the same key and name.
    pub fn digest(&self, name: &str, value: &[u8]) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(value);
        let digest = Digest(*hasher.finalize().as_bytes());
        // The hasher still contains the end of the value.
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
