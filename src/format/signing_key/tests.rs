use std::fs;
use std::path::Path;
use std::process::Command;

use super::*;

/// Runs openssl in a folder; it is installed wherever tests run.
fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

const MESSAGE: &[u8] = b"DSSEv1 1 a 1 b";

#[test]
fn signatures_are_those_that_openssl_makes_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("message"), MESSAGE).unwrap();
    let p256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let kinds: [(&str, &[&str], bool); 3] =
        [("ECDSA P-256", &p256, false), ("Ed25519", &["-algorithm", "ED25519"], true), ("RSA", &rsa, false)];
    for (name, kind, is_raw) in kinds {
        openssl(folder, &[&["genpkey", "-out", "key"], kind].concat());
        openssl(folder, &["pkey", "-in", "key", "-pubout", "-out", "public"]);
        let key = SigningKey::read(&fs::read(folder.join("key")).unwrap()).unwrap();
        let public = VerificationKey::read(&fs::read(folder.join("public")).unwrap()).unwrap();
        assert_eq!(public, key.verification_key().unwrap(), "{name}");
        assert_eq!(public.algorithm(), name);

        let signature = key.sign(MESSAGE).unwrap();
        assert_eq!(key.sign(MESSAGE).unwrap(), signature, "{name} is deterministic");
        assert!(public.verifies(MESSAGE, &signature));
        assert!(!public.verifies(b"DSSEv1 1 a 1 c", &signature));
        let mut damaged = signature.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(!public.verifies(MESSAGE, &damaged));
        assert!(!public.verifies(MESSAGE, b""));

        fs::write(folder.join("ours"), &signature).unwrap();
        let (verify, sign): (&[&str], &[&str]) = match is_raw {
            true => (
                &["pkeyutl", "-verify", "-pubin", "-inkey", "public", "-rawin", "-in", "message", "-sigfile", "ours"],
                &["pkeyutl", "-sign", "-inkey", "key", "-rawin", "-in", "message", "-out", "theirs"],
            ),
            false => (
                &["dgst", "-sha256", "-verify", "public", "-signature", "ours", "message"],
                &["dgst", "-sha256", "-sign", "key", "-out", "theirs", "message"],
            ),
        };
        openssl(folder, verify);
        openssl(folder, sign);
        assert!(public.verifies(MESSAGE, &fs::read(folder.join("theirs")).unwrap()), "{name}");
    }
}

#[test]
fn keys_in_older_encodings_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    openssl(folder, &["ecparam", "-name", "prime256v1", "-genkey", "-out", "ec"]);
    openssl(folder, &["genrsa", "-traditional", "-out", "rsa", "2048"]);
    for (file, part, algorithm) in [("ec", "EC PRIVATE KEY", "ECDSA P-256"), ("rsa", "RSA PRIVATE KEY", "RSA")] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.contains(part), "{text}");
        let key = SigningKey::read(text.as_bytes()).unwrap().verification_key().unwrap();
        assert_eq!(key.algorithm(), algorithm);
    }
}

#[test]
fn unusable_keys_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    openssl(folder, &["genrsa", "-out", "short", "1024"]);
    openssl(folder, &["rsa", "-in", "short", "-pubout", "-out", "short.pub"]);
    openssl(folder, &["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "p384"]);
    openssl(folder, &["ec", "-in", "p384", "-pubout", "-out", "p384.pub"]);
    openssl(folder, &["genrsa", "-aes128", "-passout", "pass:x", "-out", "encrypted", "2048"]);
    let signing = |name| SigningKey::read(&read(name)).unwrap_err();
    let public = |name| VerificationKey::read(&read(name)).unwrap_err();
    assert_eq!(signing("short"), KeyError::Short(1024));
    assert_eq!(public("short.pub"), KeyError::Short(1024));
    assert_eq!(signing("p384"), KeyError::Unsupported);
    assert_eq!(public("p384.pub"), KeyError::Unsupported);
    assert_eq!(signing("encrypted"), KeyError::Encrypted);
    assert_eq!(public("p384"), KeyError::Private);
    assert_eq!(signing("p384.pub"), KeyError::Other("PUBLIC KEY".into()));
    assert_eq!(SigningKey::read(b"no key").unwrap_err(), KeyError::NotAKey);
    assert_eq!(VerificationKey::read(&vec![b'-'; MAX_CERTIFICATE_LEN + 1]).unwrap_err(), KeyError::NotAKey);
}

#[test]
fn a_signature_of_a_token_gets_the_usual_encoding() {
    let key = SigningKey::P256(Box::new(p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap()));
    let public = key.verification_key().unwrap();
    let usual = key.sign(MESSAGE).unwrap();
    let raw = p256::ecdsa::Signature::from_der(&usual).unwrap().to_bytes().to_vec();
    assert_eq!(raw.len(), 64);
    assert!(!public.verifies(MESSAGE, &raw));
    assert_eq!(public.normalized(raw), usual);
    assert_eq!(public.normalized(usual.clone()), usual);
}
