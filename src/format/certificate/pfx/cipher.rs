//! Encryption of PKCS #12 files: PBES1 with the key derivation of RFC 7292 (B), PBES2 of RFC 8018
//! (6.2), and the MAC.
//!
//! Files set their own number of hash iterations; the total per file is bounded.

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyIvInit};
use der::asn1::{AnyRef, ObjectIdentifier};
use des::{TdesEde2, TdesEde3};
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use rc2::Rc2;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::limits::MAX_PFX_ITERATIONS;

use super::{PfxError, fields, malformed};

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
/// OID of PBES1 with SHA-1 and three-key 3DES (RFC 7292, C).
pub(super) const SHA1_3DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");
pub(super) const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");

/// Hash iterations that are left for a file.
pub(super) struct IterationBudget(u32);

impl Default for IterationBudget {
    fn default() -> Self {
        Self(MAX_PFX_ITERATIONS)
    }
}

impl IterationBudget {
    fn spend(&mut self, iterations: u32) -> Result<(), PfxError> {
        let left = self.0.checked_sub(iterations).filter(|_| iterations > 0);
        self.0 = left.ok_or_else(|| PfxError::Unsupported(format!("protected with {iterations} iterations")))?;
        Ok(())
    }
}

/// A password in both encodings.
pub(super) struct Password {
    /// UTF-16, big-endian, with a terminating NUL, for PBES1 and the MAC (RFC 7292, B.1).
    wide: Zeroizing<Vec<u8>>,
    /// UTF-8, for PBES2.
    plain: Zeroizing<Vec<u8>>,
}

impl Password {
    pub(super) fn new(password: &str) -> Self {
        // Allocated in full: growing would leave copies of the password in freed memory.
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * password.len() + 2));
        password.encode_utf16().chain([0]).for_each(|unit| wide.extend(unit.to_be_bytes()));
        Self { wide, plain: Zeroizing::new(password.as_bytes().to_vec()) }
    }

    /// Empty password without the terminating NUL, as some programs encode it.
    pub(super) fn none() -> Self {
        Self { wide: Zeroizing::default(), plain: Zeroizing::default() }
    }
}

/// Purpose of a derived key: the ID byte of RFC 7292, B.3.
#[derive(Clone, Copy)]
enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// Derives key material (RFC 7292, B.2). `block_len` is the block length of the hash, `v` in the
/// RFC.
fn derive<H: Digest>(
    password: &Password,
    salt: &[u8],
    purpose: Purpose,
    iterations: u32,
    block_len: usize,
    len: usize,
) -> Zeroizing<Vec<u8>> {
    let filled = |bytes: &[u8]| {
        let len = bytes.len().div_ceil(block_len) * block_len;
        Zeroizing::new(bytes.iter().copied().cycle().take(len).collect::<Vec<u8>>())
    };
    let (salt, wide) = (filled(salt), filled(&password.wide));
    let mut input = Zeroizing::new([salt.as_slice(), wide.as_slice()].concat());
    let mut out = Zeroizing::new(Vec::with_capacity(len + 64));
    loop {
        let mut hash = H::new().chain_update(vec![purpose as u8; block_len]).chain_update(input.as_slice()).finalize();
        for _ in 1..iterations {
            hash = H::digest(&hash);
        }
        out.extend(hash.iter());
        if out.len() >= len {
            out.truncate(len);
            return out;
        }
        // I = (I + B + 1) mod 2^v for each block of I (step 6.C), where B is the hash, repeated.
        let added: Vec<u8> = hash.iter().copied().cycle().take(block_len).collect();
        for block in input.chunks_exact_mut(block_len) {
            let mut carry = 1;
            for (byte, added) in block.iter_mut().zip(&added).rev() {
                carry += u16::from(*byte) + u16::from(*added);
                *byte = carry as u8;
                carry >>= 8;
            }
        }
    }
}

/// Calculates a MAC; `None` if the digest algorithm is unknown.
fn compute_mac(
    hash: ObjectIdentifier,
    password: &Password,
    salt: &[u8],
    iterations: u32,
    data: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    fn hmac<H: Digest + EagerHash>(key: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>>
    where
        Hmac<H>: Mac + KeyInit,
    {
        let mac = <Hmac<H> as KeyInit>::new_from_slice(key).ok()?.chain_update(data).finalize();
        Some(Zeroizing::new(mac.into_bytes().to_vec()))
    }
    let mac = Purpose::Mac;
    // Block and output length of each hash in bytes.
    match hash.to_string().as_str() {
        "1.3.14.3.2.26" => hmac::<Sha1>(&derive::<Sha1>(password, salt, mac, iterations, 64, 20), data),
        "2.16.840.1.101.3.4.2.1" => hmac::<Sha256>(&derive::<Sha256>(password, salt, mac, iterations, 64, 32), data),
        "2.16.840.1.101.3.4.2.2" => hmac::<Sha384>(&derive::<Sha384>(password, salt, mac, iterations, 128, 48), data),
        "2.16.840.1.101.3.4.2.3" => hmac::<Sha512>(&derive::<Sha512>(password, salt, mac, iterations, 128, 64), data),
        _ => None,
    }
}

/// Calculates the MAC of a new file.
pub(super) fn sha1_mac(password: &Password, salt: &[u8], iterations: u32, data: &[u8]) -> Zeroizing<Vec<u8>> {
    compute_mac(SHA1, password, salt, iterations, data).unwrap_or_default()
}

/// Verifies the MAC of a file (RFC 7292, 4) and returns the password in the encoding that matched.
pub(super) fn check_password(
    password: &str,
    mac: AnyRef<'_>,
    data: &[u8],
    work: &mut IterationBudget,
) -> Result<Password, PfxError> {
    let parts = fields(mac.value())?;
    let [info, salt, rest @ ..] = parts.as_slice() else { return Err(malformed("its MAC is incomplete")) };
    let iterations = match rest.first() {
        Some(iterations) => iterations.decode_as::<u32>().map_err(|_| malformed("its MAC has no iteration count"))?,
        None => 1,
    };
    let info = fields(info.value())?;
    let [algorithm, digest] = info.as_slice() else { return Err(malformed("its MAC is incomplete")) };
    let hash = parse_algorithm(*algorithm)?.0;
    // Programs disagree on the encoding of an empty password: try both.
    let mut candidates = vec![Password::new(password)];
    if password.is_empty() {
        candidates.push(Password::none());
    }
    for candidate in candidates {
        work.spend(iterations)?;
        let computed = compute_mac(hash, &candidate, salt.value(), iterations, data)
            .ok_or_else(|| PfxError::Unsupported(format!("protected by a MAC of `{hash}`")))?;
        if computed.as_slice() == digest.value() {
            return Ok(candidate);
        }
    }
    Err(PfxError::WrongPassword)
}

/// Splits an algorithm identifier into OID and parameters.
fn parse_algorithm(identifier: AnyRef<'_>) -> Result<(ObjectIdentifier, Option<AnyRef<'_>>), PfxError> {
    let parts = fields(identifier.value())?;
    let number = parts.first().and_then(|number| number.decode_as::<ObjectIdentifier>().ok());
    Ok((number.ok_or_else(|| malformed("an algorithm has no OID"))?, parts.get(1).copied()))
}

/// Encryption algorithm with its parameters.
pub(super) enum Protection<'a> {
    /// Key from the password as in RFC 7292, B, with SHA-1.
    Pbes1 { cipher: Pbes1, salt: &'a [u8], iterations: u32 },
    /// Key from PBKDF2.
    Pbes2 { cipher: Pbes2, iv: &'a [u8], salt: &'a [u8], iterations: u32, prf: Prf },
}

#[derive(Clone, Copy)]
pub(super) enum Pbes1 {
    TripleDes3,
    TripleDes2,
    Rc2_128,
    Rc2_40,
}

#[derive(Clone, Copy)]
pub(super) enum Pbes2 {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
}

#[derive(Clone, Copy)]
pub(super) enum Prf {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl<'a> Protection<'a> {
    /// Parses an encryption algorithm identifier.
    pub(super) fn parse(identifier: AnyRef<'a>) -> Result<Self, PfxError> {
        let (number, parameters) = parse_algorithm(identifier)?;
        let unsupported = |what: &str| PfxError::Unsupported(format!("encrypted with {what}"));
        let parameters = parameters.ok_or_else(|| malformed("an algorithm has no parameters"))?;
        let parameters = fields(parameters.value())?;
        let [first, second] = parameters.as_slice() else { return Err(malformed("an algorithm has no parameters")) };
        let cipher = match number.to_string().as_str() {
            "1.2.840.113549.1.12.1.3" => Pbes1::TripleDes3,
            "1.2.840.113549.1.12.1.4" => Pbes1::TripleDes2,
            "1.2.840.113549.1.12.1.5" => Pbes1::Rc2_128,
            "1.2.840.113549.1.12.1.6" => Pbes1::Rc2_40,
            _ if number == PBES2 => return Self::parse_pbes2(*first, *second),
            other => return Err(unsupported(&format!("`{other}`"))),
        };
        let iterations = second.decode_as::<u32>().map_err(|_| malformed("an algorithm has no iteration count"))?;
        Ok(Self::Pbes1 { cipher, salt: first.value(), iterations })
    }

    /// Parses the parameters of PBES2 (RFC 8018, A.4).
    fn parse_pbes2(derivation: AnyRef<'a>, cipher: AnyRef<'a>) -> Result<Self, PfxError> {
        let unsupported = |what: ObjectIdentifier| PfxError::Unsupported(format!("encrypted with `{what}`"));
        let (number, parameters) = parse_algorithm(derivation)?;
        if number != PBKDF2 {
            return Err(unsupported(number));
        }
        let parameters = parameters.ok_or_else(|| malformed("a key derivation has no parameters"))?;
        let parameters = fields(parameters.value())?;
        let [salt, iterations, rest @ ..] = parameters.as_slice() else {
            return Err(malformed("a key derivation has no parameters"));
        };
        let iterations =
            iterations.decode_as::<u32>().map_err(|_| malformed("a key derivation has no iteration count"))?;
        // An optional key length may come between; all supported ciphers have a fixed one.
        let prf = match rest.last().filter(|last| der::Tagged::tag(*last) == der::Tag::Sequence) {
            None => Prf::Sha1,
            Some(prf) => match parse_algorithm(*prf)?.0.to_string().as_str() {
                "1.2.840.113549.2.7" => Prf::Sha1,
                "1.2.840.113549.2.9" => Prf::Sha256,
                "1.2.840.113549.2.10" => Prf::Sha384,
                "1.2.840.113549.2.11" => Prf::Sha512,
                _ => return Err(unsupported(parse_algorithm(*prf)?.0)),
            },
        };
        let (number, iv) = parse_algorithm(cipher)?;
        let cipher = match number.to_string().as_str() {
            "2.16.840.1.101.3.4.1.2" => Pbes2::Aes128,
            "2.16.840.1.101.3.4.1.22" => Pbes2::Aes192,
            "2.16.840.1.101.3.4.1.42" => Pbes2::Aes256,
            "1.2.840.113549.3.7" => Pbes2::TripleDes,
            _ => return Err(unsupported(number)),
        };
        let iv = iv.ok_or_else(|| malformed("a cipher has no initialization vector"))?.value();
        Ok(Self::Pbes2 { cipher, iv, salt: salt.value(), iterations, prf })
    }

    /// Decrypts data. The result is wiped from memory when it is dropped.
    pub(super) fn decrypt(
        &self,
        encrypted: &[u8],
        password: &Password,
        work: &mut IterationBudget,
    ) -> Result<Zeroizing<Vec<u8>>, PfxError> {
        let plain = match self {
            Self::Pbes1 { cipher, salt, iterations } => {
                // 24 bytes of key take two rounds of SHA-1, the initialization vector one.
                work.spend(iterations.saturating_mul(3))?;
                let derive_for = |purpose, len| derive::<Sha1>(password, salt, purpose, *iterations, 64, len);
                let iv = derive_for(Purpose::Iv, 8);
                match cipher {
                    Pbes1::TripleDes3 => {
                        decrypt_cbc::<cbc::Decryptor<TdesEde3>>(&derive_for(Purpose::Key, 24), &iv, encrypted)
                    }
                    Pbes1::TripleDes2 => {
                        decrypt_cbc::<cbc::Decryptor<TdesEde2>>(&derive_for(Purpose::Key, 16), &iv, encrypted)
                    }
                    Pbes1::Rc2_128 => decrypt_rc2(&derive_for(Purpose::Key, 16), &iv, encrypted),
                    Pbes1::Rc2_40 => decrypt_rc2(&derive_for(Purpose::Key, 5), &iv, encrypted),
                }
            }
            Self::Pbes2 { cipher, iv, salt, iterations, prf } => {
                // SHA-1 gives 20 bytes a round, SHA-2 at least 32: two rounds at most.
                work.spend(iterations.saturating_mul(2))?;
                let mut key = Zeroizing::new([0; 32]);
                let key = match cipher {
                    Pbes2::Aes128 => &mut key[..16],
                    Pbes2::Aes192 | Pbes2::TripleDes => &mut key[..24],
                    Pbes2::Aes256 => &mut key[..],
                };
                match prf {
                    Prf::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(&password.plain, salt, *iterations, key),
                    Prf::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(&password.plain, salt, *iterations, key),
                    Prf::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>(&password.plain, salt, *iterations, key),
                    Prf::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(&password.plain, salt, *iterations, key),
                }
                match cipher {
                    Pbes2::Aes128 => decrypt_cbc::<cbc::Decryptor<Aes128>>(key, iv, encrypted),
                    Pbes2::Aes192 => decrypt_cbc::<cbc::Decryptor<Aes192>>(key, iv, encrypted),
                    Pbes2::Aes256 => decrypt_cbc::<cbc::Decryptor<Aes256>>(key, iv, encrypted),
                    Pbes2::TripleDes => decrypt_cbc::<cbc::Decryptor<TdesEde3>>(key, iv, encrypted),
                }
            }
        };
        // Without a MAC, only the padding tells that the password is wrong.
        plain.ok_or(PfxError::WrongPassword)
    }
}

fn decrypt_cbc<C: KeyIvInit + BlockModeDecrypt>(key: &[u8], iv: &[u8], encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = C::new_from_slices(key, iv).ok()?;
    cipher.decrypt_padded_vec::<Pkcs7>(encrypted).ok().map(Zeroizing::new)
}

/// Decrypts RC2, with an effective key length equal to that of the key (RFC 2268).
fn decrypt_rc2(key: &[u8], iv: &[u8], encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = Rc2::new_with_eff_key_len(key, 8 * key.len());
    let cipher = cbc::Decryptor::inner_iv_slice_init(cipher, iv).ok()?;
    cipher.decrypt_padded_vec::<Pkcs7>(encrypted).ok().map(Zeroizing::new)
}

/// Encrypts data with 3DES and a key derived as in RFC 7292, B, with SHA-1.
pub(super) fn encrypt(plain: &[u8], password: &Password, salt: &[u8], iterations: u32) -> Vec<u8> {
    let derive_for = |purpose, len| derive::<Sha1>(password, salt, purpose, iterations, 64, len);
    let (key, iv) = (derive_for(Purpose::Key, 24), derive_for(Purpose::Iv, 8));
    let cipher = cbc::Encryptor::<TdesEde3>::new_from_slices(&key, &iv);
    cipher.map(|cipher| cipher.encrypt_padded_vec::<Pkcs7>(plain)).unwrap_or_default()
}
