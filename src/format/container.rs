//! The container in which task sequence media keep their variables and their policy.
//!
//! Not documented by Microsoft; the layout is that of its public readers (CMvarDecrypt, PXEThief, pxetrace): six words
//! of header, then UTF-16 text with a NUL at its end, padded as PKCS #7 says and encrypted in CBC mode with an initial
//! vector of zeros under a key that CryptoAPI derives from the SHA-1 of the password (`CryptDeriveKey`). Nothing of it
//! is authenticated or salted: it keeps the text from those who cannot guess the password, and from nobody else. AES-128 and AES-256
//! are written; AES-192 and 3DES are read too. The derivation with SHA-2 is not supported: no medium is known to have it.

use std::fmt;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use sha1::Digest as _;
use sha1::Sha1;
use zeroize::{Zeroize, Zeroizing};

use crate::limits::MAX_VARIABLES_LEN;

/// The password of media that are given none: every reader knows it.
pub const DEFAULT_PASSWORD: &str = "{BAC6E688-DE21-4ABE-B7FB-C9F54E6DB664}";

/// The length of the header in bytes.
pub const HEADER_LEN: usize = 24;
/// The first word.
const SIGNATURE: u32 = 0xECED_0000;
/// The second word: how many bytes of header follow it, counting from itself.
const REST_LEN: u32 = 20;
/// What follows the text. Some readers cut eight bytes off and go by blocks from there; others go by the header.
const TRAILER: [u8; 8] = [0; 8];

/// How the text is encrypted: the `ALG_ID` of CryptoAPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// 3DES with three keys; in old media.
    TripleDes,
    /// AES with a key of 128 bits.
    Aes128,
    /// AES with a key of 192 bits.
    Aes192,
    /// AES with a key of 256 bits.
    Aes256,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::TripleDes, Self::Aes128, Self::Aes192, Self::Aes256];

    /// Its number in the header.
    fn id(self) -> u32 {
        match self {
            Self::TripleDes => 0x6603,
            Self::Aes128 => 0x660E,
            Self::Aes192 => 0x660F,
            Self::Aes256 => 0x6610,
        }
    }

    fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::TripleDes | Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// The initial vector: a block of zeros.
    fn iv(self) -> &'static [u8] {
        &[0; 16][..self.block_len()]
    }

    fn block_len(self) -> usize {
        match self {
            Self::TripleDes => 8,
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TripleDes => "3DES",
            Self::Aes128 => "AES-128",
            Self::Aes192 => "AES-192",
            Self::Aes256 => "AES-256",
        })
    }
}

/// What a container says of itself in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How the text is encrypted.
    pub algorithm: Algorithm,
    /// The length of the text in bytes, with its NUL.
    pub plain_len: usize,
    /// The length of the text as it is encrypted, in bytes: whole blocks.
    pub cipher_len: usize,
}

/// Why bytes are not read as a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// They do not begin as one does.
    NotOne,
    /// An algorithm that is not known, by its `ALG_ID`.
    Algorithm(u32),
    /// The header contradicts itself.
    Damaged,
    /// The text is not all there.
    Cut,
    /// What the password gives is no text.
    Password,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOne => f.write_str("it does not begin like the variables of a medium"),
            Self::Algorithm(id) => write!(f, "it is encrypted by an unknown algorithm ({id:#06x})"),
            Self::Damaged => f.write_str("its header contradicts itself"),
            Self::Cut => f.write_str("it ends before its text does"),
            Self::Password => f.write_str("the password is another one, or the text is damaged"),
        }
    }
}

impl std::error::Error for Unreadable {}

impl Header {
    /// Whether bytes begin like a container.
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(&[SIGNATURE.to_le_bytes(), REST_LEN.to_le_bytes()].concat())
    }

    /// Reads the header of a container, of which nothing else need be there.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (header, _) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(Unreadable::NotOne)?;
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|n| header[4 * at + n]));
        if word(0) != SIGNATURE || word(1) != REST_LEN {
            return Err(Unreadable::NotOne);
        }
        let (plain_len, cipher_len) = (word(2) as usize, word(3) as usize);
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.id() == word(4));
        let algorithm = algorithm.ok_or(Unreadable::Algorithm(word(4)))?;
        let is_padded = padded_len(plain_len, algorithm) == cipher_len;
        if !is_padded || plain_len % 2 != 0 || plain_len > MAX_VARIABLES_LEN || word(5) != 0 {
            return Err(Unreadable::Damaged);
        }
        Ok(Self { algorithm, plain_len, cipher_len })
    }
}

/// A length with its padding: there is always some.
fn padded_len(len: usize, algorithm: Algorithm) -> usize {
    (len / algorithm.block_len() + 1) * algorithm.block_len()
}

/// A text as a container.
///
/// # Panics
///
/// If the text has more than [`MAX_VARIABLES_LEN`] bytes: what is put into containers is far shorter.
pub fn encode(text: &str, password: &str, algorithm: Algorithm) -> Vec<u8> {
    let plain_len = 2 * (text.encode_utf16().count() + 1);
    assert!(plain_len <= MAX_VARIABLES_LEN, "a text of {plain_len} bytes is too long for a container");
    let cipher_len = padded_len(plain_len, algorithm);
    let mut bytes = Vec::with_capacity(HEADER_LEN + cipher_len + TRAILER.len());
    for word in [SIGNATURE, REST_LEN, plain_len as u32, cipher_len as u32, algorithm.id(), 0] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    // The text is encrypted where it is written: no copy of it is left.
    for unit in text.encode_utf16().chain([0]) {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes.resize(HEADER_LEN + cipher_len, 0);
    let (key, iv, body) = (derive(password, algorithm), algorithm.iv(), &mut bytes[HEADER_LEN..]);
    match algorithm {
        Algorithm::TripleDes => encrypt_3des(&key, iv, body, plain_len),
        Algorithm::Aes128 => encrypt_128(&key, iv, body, plain_len),
        Algorithm::Aes192 => encrypt_192(&key, iv, body, plain_len),
        Algorithm::Aes256 => encrypt_256(&key, iv, body, plain_len),
    }
    bytes.extend_from_slice(&TRAILER);
    bytes
}

/// The text of a container, without the NUL at its end.
pub fn decode(bytes: &[u8], password: &str) -> Result<Zeroizing<String>, Unreadable> {
    let header = Header::read(bytes)?;
    let body = bytes[HEADER_LEN..].get(..header.cipher_len).ok_or(Unreadable::Cut)?;
    let (mut body, key) = (Zeroizing::new(body.to_vec()), derive(password, header.algorithm));
    let iv = header.algorithm.iv();
    let n_plain = match header.algorithm {
        Algorithm::TripleDes => decrypt_3des(&key, iv, &mut body),
        Algorithm::Aes128 => decrypt_128(&key, iv, &mut body),
        Algorithm::Aes192 => decrypt_192(&key, iv, &mut body),
        Algorithm::Aes256 => decrypt_256(&key, iv, &mut body),
    };
    if n_plain != Some(header.plain_len) {
        return Err(Unreadable::Password);
    }
    let units = body[..header.plain_len].chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    // As much room as any text of so many units takes: a string that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(header.plain_len / 2 * 3));
    for c in char::decode_utf16(units) {
        text.push(c.map_err(|_| Unreadable::Password)?);
    }
    let end = text.trim_end_matches('\0').len();
    text.truncate(end);
    Ok(text)
}

/// The key that `CryptDeriveKey` makes of the SHA-1 of a password.
fn derive(password: &str, algorithm: Algorithm) -> Zeroizing<Vec<u8>> {
    let mut hasher = Sha1::new();
    for unit in password.encode_utf16() {
        hasher.update(unit.to_le_bytes());
    }
    let mut hash: [u8; 20] = hasher.finalize().into();
    let mut material = Zeroizing::new(Vec::with_capacity(40));
    for pad in [0x36, 0x5C] {
        let mut block = Zeroizing::new([pad; 64]);
        for (byte, hashed) in block.iter_mut().zip(hash) {
            *byte ^= hashed;
        }
        material.extend_from_slice(&Sha1::digest(*block));
    }
    hash.zeroize();
    material.truncate(algorithm.key_len());
    material
}

/// Ciphers in CBC mode, each by its own name: written for any cipher, the compiler takes minutes over the sizes that
/// keys and blocks might have.
macro_rules! in_cbc {
    ($cipher:ty, $encrypt:ident, $decrypt:ident) => {
        fn $encrypt(key: &[u8], iv: &[u8], body: &mut [u8], plain_len: usize) {
            let encryptor = cbc::Encryptor::<$cipher>::new_from_slices(key, iv);
            let done = encryptor.ok().and_then(|encryptor| encryptor.encrypt_padded::<Pkcs7>(body, plain_len).ok());
            assert!(done.is_some(), "a key or a text has another length than its algorithm asks for");
        }

        /// Decrypts in place and says how much of it is no padding, unless the padding is wrong.
        fn $decrypt(key: &[u8], iv: &[u8], body: &mut [u8]) -> Option<usize> {
            let decryptor = cbc::Decryptor::<$cipher>::new_from_slices(key, iv);
            decryptor.ok()?.decrypt_padded::<Pkcs7>(body).ok().map(|plain| plain.len())
        }
    };
}

in_cbc!(des::TdesEde3, encrypt_3des, decrypt_3des);
in_cbc!(aes::Aes128, encrypt_128, decrypt_128);
in_cbc!(aes::Aes192, encrypt_192, decrypt_192);
in_cbc!(aes::Aes256, encrypt_256, decrypt_256);

#[cfg(test)]
mod tests;
