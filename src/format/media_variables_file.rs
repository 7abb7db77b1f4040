//! Encrypted variables and policy files of task sequence media.
//!
//! Microsoft does not document the format; it is known from public readers (CMvarDecrypt, PXEThief,
//! pxetrace). A header of six `u32` words, then UTF-16 text with a terminating NUL, padded as in
//! PKCS #7 and encrypted in CBC mode with an initialization vector of zeros. CryptoAPI
//! (`CryptDeriveKey`) derives the key from the SHA-1 of the password. There is no salt and no
//! authentication, so the text is as safe as the password is hard to guess. AES-128 and AES-256 are
//! written; AES-192 and 3DES are read, too. Not supported: key derivation with SHA-2, which is not
//! known to be used on media.

use std::fmt;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use sha1::Digest as _;
use sha1::Sha1;
use zeroize::{Zeroize, Zeroizing};

use crate::limits::MAX_VARIABLES_LEN;

/// Password of media without one, known to every reader.
pub const DEFAULT_PASSWORD: &str = "{BAC6E688-DE21-4ABE-B7FB-C9F54E6DB664}";

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 24;
/// First word of the header.
const SIGNATURE: u32 = 0xECED_0000;
/// Second word: length of the header from here on, in bytes.
const REST_LEN: u32 = 20;
/// Trailer. Some readers cut off eight bytes and use the rest; others use the lengths in the
/// header.
const TRAILER: [u8; 8] = [0; 8];

/// Cipher of the text (`ALG_ID` of CryptoAPI).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariablesCipher {
    /// Three-key 3DES, on old media.
    TripleDes,
    /// AES with a 128-bit key.
    Aes128,
    /// AES with a 192-bit key.
    Aes192,
    /// AES with a 256-bit key.
    Aes256,
}

impl VariablesCipher {
    const ALL: [Self; 4] = [Self::TripleDes, Self::Aes128, Self::Aes192, Self::Aes256];

    /// `ALG_ID` in the header.
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

    /// Initialization vector: a block of zeros.
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

impl fmt::Display for VariablesCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TripleDes => "3DES",
            Self::Aes128 => "AES-128",
            Self::Aes192 => "AES-192",
            Self::Aes256 => "AES-256",
        })
    }
}

/// Header of an encrypted file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariablesHeader {
    /// Cipher of the text.
    pub algorithm: VariablesCipher,
    /// Length of the text in bytes, including its NUL.
    pub plain_len: usize,
    /// Length of the encrypted text in bytes, including its padding.
    pub cipher_len: usize,
}

/// Reason why a file can't be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariablesError {
    /// The file has another format.
    OtherFormat,
    /// Unknown `ALG_ID`.
    Algorithm(u32),
    /// The header is inconsistent.
    Damaged,
    /// The file ends early.
    Truncated,
    /// Wrong password, or damaged text.
    Password,
}

impl fmt::Display for VariablesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherFormat => f.write_str("it does not begin like the variables file of a medium"),
            Self::Algorithm(id) => write!(f, "it is encrypted with an unknown algorithm ({id:#06x})"),
            Self::Damaged => f.write_str("its header is inconsistent"),
            Self::Truncated => f.write_str("it is truncated"),
            Self::Password => f.write_str("the password is wrong, or the text is damaged"),
        }
    }
}

impl std::error::Error for VariablesError {}

impl VariablesHeader {
    /// Returns `true` if `bytes` begin with such a header.
    pub fn matches(bytes: &[u8]) -> bool {
        bytes.starts_with(&[SIGNATURE.to_le_bytes(), REST_LEN.to_le_bytes()].concat())
    }

    /// Reads the header. The text need not be there.
    pub fn read(bytes: &[u8]) -> Result<Self, VariablesError> {
        let (header, _) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(VariablesError::OtherFormat)?;
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|n| header[4 * at + n]));
        if word(0) != SIGNATURE || word(1) != REST_LEN {
            return Err(VariablesError::OtherFormat);
        }
        let (plain_len, cipher_len) = (word(2) as usize, word(3) as usize);
        let algorithm = VariablesCipher::ALL.into_iter().find(|algorithm| algorithm.id() == word(4));
        let algorithm = algorithm.ok_or(VariablesError::Algorithm(word(4)))?;
        // The lengths are redundant, so a mismatch shows damage.
        let is_padded = padded_len(plain_len, algorithm) == cipher_len;
        if !is_padded || plain_len % 2 != 0 || plain_len > MAX_VARIABLES_LEN || word(5) != 0 {
            return Err(VariablesError::Damaged);
        }
        Ok(Self { algorithm, plain_len, cipher_len })
    }
}

/// Length after padding, which is at least one byte.
fn padded_len(len: usize, algorithm: VariablesCipher) -> usize {
    (len / algorithm.block_len() + 1) * algorithm.block_len()
}

/// Encrypts a text.
///
/// # Panics
///
/// If the text is longer than [`MAX_VARIABLES_LEN`] bytes; callers bound it.
pub fn encode(text: &str, password: &str, algorithm: VariablesCipher) -> Vec<u8> {
    let plain_len = 2 * (text.encode_utf16().count() + 1);
    assert!(plain_len <= MAX_VARIABLES_LEN, "a text of {plain_len} bytes is too long to be encrypted");
    let cipher_len = padded_len(plain_len, algorithm);
    let mut bytes = Vec::with_capacity(HEADER_LEN + cipher_len + TRAILER.len());
    for word in [SIGNATURE, REST_LEN, plain_len as u32, cipher_len as u32, algorithm.id(), 0] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    // Encrypted in place, so that no plain copy stays in memory.
    for unit in text.encode_utf16().chain([0]) {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes.resize(HEADER_LEN + cipher_len, 0);
    let (key, iv, body) = (derive_key(password, algorithm), algorithm.iv(), &mut bytes[HEADER_LEN..]);
    match algorithm {
        VariablesCipher::TripleDes => encrypt_3des(&key, iv, body, plain_len),
        VariablesCipher::Aes128 => encrypt_128(&key, iv, body, plain_len),
        VariablesCipher::Aes192 => encrypt_192(&key, iv, body, plain_len),
        VariablesCipher::Aes256 => encrypt_256(&key, iv, body, plain_len),
    }
    bytes.extend_from_slice(&TRAILER);
    bytes
}

/// Decrypts a text and removes its NUL.
pub fn decode(bytes: &[u8], password: &str) -> Result<Zeroizing<String>, VariablesError> {
    let header = VariablesHeader::read(bytes)?;
    let body = bytes[HEADER_LEN..].get(..header.cipher_len).ok_or(VariablesError::Truncated)?;
    let (mut body, key) = (Zeroizing::new(body.to_vec()), derive_key(password, header.algorithm));
    let iv = header.algorithm.iv();
    let n_plain = match header.algorithm {
        VariablesCipher::TripleDes => decrypt_3des(&key, iv, &mut body),
        VariablesCipher::Aes128 => decrypt_128(&key, iv, &mut body),
        VariablesCipher::Aes192 => decrypt_192(&key, iv, &mut body),
        VariablesCipher::Aes256 => decrypt_256(&key, iv, &mut body),
    };
    if n_plain != Some(header.plain_len) {
        return Err(VariablesError::Password);
    }
    let units = body[..header.plain_len].chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    // Allocated for the worst case: a string that grows leaves plain copies behind.
    let mut text = Zeroizing::new(String::with_capacity(header.plain_len / 2 * 3));
    for c in char::decode_utf16(units) {
        text.push(c.map_err(|_| VariablesError::Password)?);
    }
    let end = text.trim_end_matches('\0').len();
    text.truncate(end);
    Ok(text)
}

/// Derives a key from a password as `CryptDeriveKey` does from its SHA-1.
fn derive_key(password: &str, algorithm: VariablesCipher) -> Zeroizing<Vec<u8>> {
    let mut hasher = Sha1::new();
    for unit in password.encode_utf16() {
        hasher.update(unit.to_le_bytes());
    }
    let mut hash: [u8; 20] = hasher.finalize().into();
    let mut material = Zeroizing::new(Vec::with_capacity(40));
    // The key is longer than a SHA-1, so CryptoAPI hashes the digest twice, padded like in HMAC.
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

/// CBC functions for one cipher each. A generic version would take the compiler minutes: it has to
/// prove arithmetic on the key and block sizes of the type.
macro_rules! in_cbc {
    ($cipher:ty, $encrypt:ident, $decrypt:ident) => {
        fn $encrypt(key: &[u8], iv: &[u8], body: &mut [u8], plain_len: usize) {
            let encryptor = cbc::Encryptor::<$cipher>::new_from_slices(key, iv);
            let done = encryptor.ok().and_then(|encryptor| encryptor.encrypt_padded::<Pkcs7>(body, plain_len).ok());
            assert!(done.is_some(), "the key or text length does not match the algorithm");
        }

        /// Decrypts in place. Returns the length without padding; `None` if the padding is invalid.
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
