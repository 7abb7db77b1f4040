use std::fs;
use std::path::Path;

use proptest::prelude::*;
use test_fixtures::is_thorough;

use super::*;
use crate::format::boot_program::{BootProgram, Revocation};
use crate::format::revocations::{BOOT_MANAGER, Revocations, SecureVersion};
use test_fixtures::program::Program;
use test_fixtures::signers::{NAMED_2011, NAMED_2023, OWN, Signers};

fn signatures(program: &[u8]) -> Vec<Signature> {
    let signatures = BootProgram::read(program).unwrap().signatures();
    signatures.into_iter().collect::<Result<_, _>>().unwrap()
}

fn states(program: &[u8]) -> Vec<SignatureState> {
    signatures(program).into_iter().map(|signature| signature.state).collect()
}

fn authorities(program: &[u8]) -> Vec<Option<(Authority, AuthorityMatch)>> {
    let known = |signature: Signature| signature.authority().map(|known| (known.authority, known.matched_by));
    signatures(program).into_iter().map(known).collect()
}

/// The keys are generated once, so this is a single test.
#[test]
fn signatures_are_what_those_who_made_them_and_other_readers_say() {
    let Some(signers) = Signers::new() else { return };
    let program = Program { svn: Some((5, 0)), ..Program::X64 }.bytes();
    let ours = BootProgram::read(&program).unwrap();
    assert!(!ours.is_signed());
    for signed in [signers.osslsigncode(&program, NAMED_2023, &[]), signers.sbsign(&program, NAMED_2023)] {
        assert!(signers.sbverify(&signed, &signers.path("named-2023.ca.pem")));
        assert_eq!(BootProgram::read(&signed).unwrap().sha256, ours.sha256);
        assert_eq!(states(&signed), [SignatureState::Good]);
        assert_eq!(authorities(&signed), [Some((Authority::WindowsUefiCa2023, AuthorityMatch::OtherCertificate))]);
        let signature = &signatures(&signed)[0];
        assert_eq!((signature.signer().as_str(), signature.issuer().as_str()), ("Test Signer", "Windows UEFI CA 2023"));
        assert_eq!((signature.chain.len(), signature.digest.as_str()), (2, "SHA-256"));
        // A byte of the signed code.
        let mut altered = signed.clone();
        altered[0x234] ^= 1;
        assert!(!signers.sbverify(&altered, &signers.path("named-2023.ca.pem")));
        assert_eq!(states(&altered), [SignatureState::Altered]);
    }
    let signed = signers.sbsign(&program, OWN);
    assert_eq!((states(&signed), authorities(&signed)), (vec![SignatureState::Good], vec![None]));
    let twice = signers.sbsign(&signers.sbsign(&program, NAMED_2011), NAMED_2023);
    assert_eq!(states(&twice), [SignatureState::Good, SignatureState::Good]);
    let named = [Authority::WindowsProductionPca2011, Authority::WindowsUefiCa2023];
    assert_eq!(authorities(&twice), named.map(|authority| Some((authority, AuthorityMatch::OtherCertificate))));

    // Without the authority's certificate, only its name is known.
    fs::copy(signers.path("signer.key"), signers.path("key")).unwrap();
    let alone = ["sign", "-certs", "named-2011.pem", "-key", "key", "-h", "sha256", "-in", "in", "-out", "alone"];
    fs::write(signers.path("in"), &program).unwrap();
    signers.run("osslsigncode", &alone);
    let alone = fs::read(signers.path("alone")).unwrap();
    assert_eq!(authorities(&alone), [Some((Authority::WindowsProductionPca2011, AuthorityMatch::IssuerName))]);
    assert_eq!(states(&alone), [SignatureState::Good]);

    let sha1 = signers.osslsigncode(&program, OWN, &["-h", "sha1"]);
    assert_eq!(states(&sha1), [SignatureState::Unchecked("its digest algorithm is SHA-1".into())]);

    signers.leaf("own", "signer.key", "Test Stamps", "timeStamping");
    let stamp = ["-TSA-certs", "own.pem", "-TSA-key", "signer.key", "-TSA-time", "1750000000"];
    let stamped = signers.osslsigncode(&program, NAMED_2023, &stamp);
    assert_eq!(
        (states(&stamped), signatures(&stamped)[0].stamped.as_deref()),
        (vec![SignatureState::Good], Some("2025-06-15"))
    );

    forged(&signers, &signed, &program);
    revoked(&signers, &twice);
    mutated(&stamped);
}

/// A signature with another key, and a certificate of another authority with the same name.
fn forged(signers: &Signers, signed: &[u8], program: &[u8]) {
    let [table] = &pe_signatures(signed)[..] else { panic!("one signature") };
    let sha256 = BootProgram::read(program).unwrap().sha256;
    let mut wrong = table.clone();
    // Without a time stamp, the signature is the last field.
    *wrong.iter_mut().rfind(|byte| **byte != 0).unwrap() ^= 1;
    let state = Signature::read(&wrong, &sha256).unwrap().state;
    assert_eq!(state, SignatureState::Forged("it was not made with the key of the signer's certificate"));
    signers.openssl(&["genrsa", "-out", "ca.key", "2048"]);
    let subject = "/C=US/O=Microsoft Corporation/CN=Example Boot CA";
    signers.openssl(&[
        "req",
        "-x509",
        "-new",
        "-key",
        "ca.key",
        "-subj",
        subject,
        "-days",
        "3650",
        "-out",
        "own.ca.pem",
    ]);
    let other = signers.osslsigncode(program, OWN, &[]);
    assert_eq!(states(&other), [SignatureState::Forged("a certificate is not signed by its issuer")]);
}

/// Revocation lists made by sbsiglist, alone and in an update signed by sbvarsign.
fn revoked(signers: &Signers, program: &[u8]) {
    let program = BootProgram::read(program).unwrap();
    let owner = "77fa9abd-0359-4d32-bd60-28f4e78f784b";
    let list = |kind: &str, owner: &str, data: &[u8]| {
        fs::write(signers.path("data"), data).unwrap();
        signers.run("sbsiglist", &["--owner", owner, "--type", kind, "--output", "list", "data"]);
        fs::read(signers.path("list")).unwrap()
    };
    signers.openssl(&["x509", "-in", "named-2011.ca.pem", "-outform", "der", "-out", "ca.der"]);
    signers.openssl(&["x509", "-in", "named-2011.pem", "-outform", "der", "-out", "leaf.der"]);
    let (authority, leaf) = (fs::read(signers.path("ca.der")).unwrap(), fs::read(signers.path("leaf.der")).unwrap());
    // Version 9.0, as in Microsoft's list of May 2026.
    let mut version = vec![1];
    version.extend(BOOT_MANAGER.0);
    version.extend([0, 0, 9, 0]);
    version.resize(32, 0);
    let image = list("sha256", owner, &program.sha256.0);
    let by_authority = list("x509", owner, &authority);
    let by_leaf = list("x509", owner, &leaf);
    let by_version = list("sha256", "9d132b6c-59d5-4388-ab1c-185cfcb2eb92", &version);
    let is = |list: &[u8]| program.revoked_by(&Revocations::parse(list).unwrap());
    assert_eq!(is(&image), Some(Revocation::Image(program.sha256)));
    assert_eq!(is(&by_authority), Some(Revocation::Certificate("Microsoft Windows Production PCA 2011".into())));
    assert_eq!(is(&by_leaf), Some(Revocation::Certificate("Test Signer".into())));
    let (own, lowest) = (SecureVersion { major: 5, minor: 0 }, SecureVersion { major: 9, minor: 0 });
    assert_eq!(is(&by_version), Some(Revocation::Version { own, lowest }));
    assert_eq!(is(&list("sha256", owner, &[7; 32])), None);

    // All of them in one update, and in the form in which Linux shows the variable.
    let all = [by_version, list("sha256", owner, &[7; 32]), by_authority].concat();
    fs::write(signers.path("all"), &all).unwrap();
    let key = ["--key", "signer.key", "--cert", "named-2011.pem", "--output", "update", "dbx", "all"];
    signers.run("sbvarsign", &key);
    let update = fs::read(signers.path("update")).unwrap();
    let read = Revocations::parse(&all).unwrap();
    assert_eq!((read.images.len(), read.certificates.len(), read.versions.len(), read.n_others), (1, 1, 1, 0));
    assert_eq!(Revocations::parse(&update), Ok(read.clone()));
    assert_eq!(Revocations::parse(&[&[7, 0, 0, 0], &all[..]].concat()), Ok(read));
    for len in 0..all.len() {
        let _ = Revocations::parse(&all[..len]).is_ok_and(|read| program.revoked_by(&read).is_some());
    }
    for len in (0..update.len()).step_by(7) {
        let _ = Revocations::parse(&update[..len]);
    }
}

/// Changes single bytes of a signature: it is read or rejected, without a panic.
fn mutated(program: &[u8]) {
    let [table] = &pe_signatures(program)[..] else { panic!("one signature") };
    let sha256 = BootProgram::read(program).unwrap().sha256;
    let step = if is_thorough() { 1 } else { 13 };
    let mut n_read = 0;
    for at in (0..table.len()).step_by(step) {
        let mut changed = table.clone();
        changed[at] ^= 0x41;
        n_read += usize::from(Signature::read(&changed, &sha256).is_ok());
        let _ = Signature::read(&table[..at], &sha256);
    }
    assert!(n_read > 0);
}

fn pe_signatures(program: &[u8]) -> Vec<Vec<u8>> {
    let pe = crate::format::pe::Pe::parse(program).unwrap();
    pe.signatures().unwrap().into_iter().map(<[u8]>::to_vec).collect()
}

/// Debian's shim, which Microsoft signed with both authorities. `tests/install-tools` downloads it.
#[test]
fn a_program_that_microsoft_signed_twice_is_recognised_by_its_certificates() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/shim/shimx64.efi.signed");
    let Ok(shim) = fs::read(&path) else {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "{} is not there", path.display());
        return;
    };
    assert_eq!(states(&shim), [SignatureState::Good, SignatureState::Good]);
    let expected = [Authority::UefiCa2011, Authority::UefiCa2023];
    assert_eq!(authorities(&shim), expected.map(|authority| Some((authority, AuthorityMatch::Fingerprint))));
    assert!(signatures(&shim).iter().all(|signature| signature.stamped.as_deref() > Some("2020")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn bytes_of_any_kind_are_no_signature_and_no_list(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Signature::read(&bytes, &Sha256([0; 32])).is_err());
        let _ = Revocations::parse(&bytes);
    }
}

/// Encodes a DER element with a length of up to 65,535 bytes.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let len = match value.len() {
        len @ 0..128 => vec![len as u8],
        len => [&[0x82][..], &(len as u16).to_be_bytes()].concat(),
    };
    [&[tag][..], &len, &value].concat()
}

/// A catalog that lists one digest, signed by openssl over the same attributes that Windows signs.
fn catalog(signers: &Signers, listed: &[u8]) -> Vec<u8> {
    let list =
        der(SEQUENCE, &[&der(SEQUENCE, &[&der(6, &[&[0x2B, 6, 1, 4, 1, 0x82, 0x37, 12, 1, 1]])]), &der(4, &[listed])]);
    let content = Der(&list).next().unwrap().value;
    fs::write(signers.path("content"), content).unwrap();
    let sha256 = der(SEQUENCE, &[&der(6, &[DIGESTS[0].0]), &der(5, &[])]);
    let digest = sha2::Sha256::digest(content);
    let attribute = |oid: &[u8], value: Vec<u8>| der(SEQUENCE, &[&der(6, &[oid]), &der(SET, &[&value])]);
    let content_type: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 3];
    let attributes =
        [attribute(content_type, der(6, &[TRUST_LIST])), attribute(MESSAGE_DIGEST, der(4, &[&digest[..]]))].concat();
    fs::write(signers.path("attributes"), der(SET, &[&attributes])).unwrap();
    signers.openssl(&["dgst", "-sha256", "-sign", "signer.key", "-out", "signature", "attributes"]);
    signers.openssl(&["x509", "-in", "own.pem", "-outform", "DER", "-out", "leaf.der"]);
    signers.openssl(&["x509", "-in", "own.ca.pem", "-outform", "DER", "-out", "ca.der"]);
    let read = |name: &str| fs::read(signers.path(name)).unwrap();
    let leaf = Certificate::from_der(&read("leaf.der")).unwrap();
    let who = der(SEQUENCE, &[&leaf.encoded_names().1, &der(INTEGER, &[leaf.serial()])]);
    let rsa = der(SEQUENCE, &[&der(6, &[&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1]]), &der(5, &[])]);
    let signer = der(
        SEQUENCE,
        &[
            &der(INTEGER, &[&[1]]),
            &who,
            &sha256,
            &der(context_tag(0), &[&attributes]),
            &rsa,
            &der(OCTET_STRING, &[&read("signature")]),
        ],
    );
    let signed = der(
        SEQUENCE,
        &[
            &der(INTEGER, &[&[1]]),
            &der(SET, &[&sha256]),
            &der(SEQUENCE, &[&der(6, &[TRUST_LIST]), &der(context_tag(0), &[&list])]),
            &der(context_tag(0), &[&read("leaf.der"), &read("ca.der")]),
            &der(SET, &[&signer]),
        ],
    );
    der(SEQUENCE, &[&der(6, &[SIGNED_DATA]), &der(context_tag(0), &[&signed])])
}

#[test]
fn a_catalog_is_valid_for_the_files_that_it_lists() {
    let Some(signers) = Signers::new() else { return };
    let member = b"[Version]\r\nSignature=x\r\n";
    let digests = Digests::hash_kinds(member, DigestKinds::Sha1Too);
    for listed in [&digests.sha256.0[..], &digests.sha1.unwrap().0] {
        let bytes = catalog(&signers, listed);
        fs::write(signers.path("catalog"), &bytes).unwrap();
        // openssl verifies it, too, but has to be given the content of a type that it doesn't know.
        let verify = ["smime", "-verify", "-inform", "DER", "-in", "catalog", "-content", "content", "-out", "list"];
        signers.openssl(&[&verify[..], &["-CAfile", "own.ca.pem", "-purpose", "any", "-binary"]].concat());
        let signature = Signature::read_catalog(&bytes, member).unwrap();
        assert_eq!(signature.state, SignatureState::Good);
        assert_eq!((signature.signer().as_str(), signature.issuer().as_str()), ("Test Signer", "Example Boot CA"));
        assert_eq!(Signature::read_catalog(&bytes, b"other").unwrap().state, SignatureState::Altered);
        let at = bytes.windows(listed.len()).position(|bytes| bytes == listed).unwrap();
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let state = Signature::read_catalog(&altered, member).unwrap().state;
        assert!(matches!(state, SignatureState::Forged(_)), "{state:?}");
        for len in 0..bytes.len() {
            let _ = Signature::read_catalog(&bytes[..len], member);
        }
    }
    assert!(Signature::read_catalog(b"", member).is_err());
    let program = signers.sbsign(&Program::X64.bytes(), OWN);
    assert!(Signature::read_catalog(&program, member).is_err());
}
