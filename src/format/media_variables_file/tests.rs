//! Test vectors of the reference, made with pycryptodome and openssl, and damaged files.

use proptest::prelude::*;

use super::*;

const TEXT: &str = "<?xml version=\"1.0\"?><MediaVarList Version=\"4.00.5345.0000\">\
    <var name=\"_SMSTSSiteCode\"><![CDATA[ABC]]></var></MediaVarList>";

const VECTOR_A: &str = "0000edec14000000f8000000000100000e6600000000000054d3790a76eff0d554bae83c55f48b20f20a98497c75cfe344012d3d39618ae791a63277ef1786e995664e37483ebb0cdfe7aaa45668561d1e9316b0f3dc8a6c8f9569760c97200c0c72d6d5bc24ff3afd4eabf810b41973669837e437e5d8a1f2330a7ecf5f47be043888bdd74759d5f23bf0b2b9032154d25fbc26649dce613c17c2cdfad9a3e0229a962c2d46530126228650399aa3b2eb2a874cedf2effae63db5866ab322609898ba4bb386ad6888acd30e77a59d42a69c7a2e9abbfbc53b85110a034e47bc73494c8910a375f972be9921f6f251764b29fa1ffb7b4a6652d2e1054daae636b7388dddba18acd0b0f43e41b3730c1efa00dc330d0602ce";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Encrypts the text and removes the trailer, which the vectors don't have.
fn bare(password: &str, algorithm: VariablesCipher) -> Vec<u8> {
    let bytes = encode(TEXT, password, algorithm);
    let (bare, trailer) = bytes.split_at(bytes.len() - 8);
    assert_eq!(trailer, [0; 8]);
    bare.to_vec()
}

#[test]
fn the_vectors_of_the_reference_are_met() {
    assert_eq!(hex(&bare(DEFAULT_PASSWORD, VariablesCipher::Aes128)), VECTOR_A);
    for (password, algorithm, sha256) in [
        (DEFAULT_PASSWORD, VariablesCipher::Aes128, "4e5875230ccdfdff51133a588a72344d7e4fd0102df8e02e0c35b303701b2d3c"),
        ("Password1", VariablesCipher::Aes256, "0d3967ab7255b443ba3292beccc22dec6bd5703aa24b1cee3836e786bd2c49bd"),
        ("Password1", VariablesCipher::TripleDes, "c3a06adecab4ede0267e1bb3bcaafc7614f9a30f3f9307c44e4f7c802c42ce08"),
    ] {
        let bare = bare(password, algorithm);
        assert_eq!(hex(&sha2::Sha256::digest(&bare)), sha256, "{algorithm}");
        assert_eq!(decode(&bare, password).unwrap().as_str(), TEXT, "{algorithm}");
        assert_eq!(decode(&bare, "password1"), Err(VariablesError::Password), "{algorithm}");
    }
}

#[test]
fn a_block_of_real_media_is_read() {
    // From the self-test of hashcat's module for this format.
    let key = derive_key("Password1", VariablesCipher::Aes128);
    assert_eq!(hex(&key), "472b14c830bccddc2b57c2f91682e0b3");
    let mut text: Vec<u8> = "<?xml ve".encode_utf16().flat_map(u16::to_le_bytes).collect();
    text.resize(32, 0);
    encrypt_128(&key, &[0; 16], &mut text, 16);
    assert_eq!(hex(&text[..16]), "11cb54aa3b699f61f86ab312e6fb97ec");
}

#[test]
fn a_text_of_any_length_comes_back_by_every_algorithm() {
    for algorithm in VariablesCipher::ALL {
        for len in 0..20 {
            let text: String = "ä€𝄞<]]>".chars().cycle().take(len).collect();
            let bytes = encode(&text, "pässword", algorithm);
            let header = VariablesHeader::read(&bytes).unwrap();
            assert_eq!((header.algorithm, bytes.len()), (algorithm, HEADER_LEN + header.cipher_len + 8));
            assert_eq!(decode(&bytes, "pässword").unwrap().as_str(), text, "{algorithm} {len}");
            // Other writers have other trailers.
            assert_eq!(decode(&bytes[..bytes.len() - 6], "pässword").unwrap().as_str(), text);
        }
    }
}

#[test]
fn what_is_wrong_with_a_container_is_told() {
    let whole = encode(TEXT, "p", VariablesCipher::Aes256);
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        VariablesHeader::read(&bytes)
    };
    assert_eq!(VariablesHeader::read(b"<?xml"), Err(VariablesError::OtherFormat));
    assert_eq!(with(0, 1), Err(VariablesError::OtherFormat));
    assert_eq!(with(4, 21), Err(VariablesError::OtherFormat));
    assert_eq!(with(8, 0xF9), Err(VariablesError::Damaged));
    assert_eq!(with(12, 0x10), Err(VariablesError::Damaged));
    assert_eq!(with(16, 0x11), Err(VariablesError::Algorithm(0x6611)));
    assert_eq!(with(20, 1), Err(VariablesError::Damaged));
    assert_eq!(decode(&whole[..HEADER_LEN + 255], "p"), Err(VariablesError::Truncated));
    // Lengths that are consistent with each other only.
    let mut long = whole;
    long[8..16].copy_from_slice(&[0xF0, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]);
    assert_eq!(VariablesHeader::read(&long), Err(VariablesError::Damaged));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_containers_are_refused_or_read_and_never_a_panic(
        at in 0..300usize,
        byte: u8,
        len in 0..300usize,
    ) {
        let mut bytes = encode(TEXT, "p", VariablesCipher::Aes128);
        bytes.truncate(len);
        if let Some(changed) = bytes.get_mut(at) {
            *changed = byte;
        }
        let _ = decode(&bytes, "p");
    }
}
