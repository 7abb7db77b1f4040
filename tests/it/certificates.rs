//! Checks that tsmedia reads certificates and PKCS #12 files made by openssl, and that openssl reads those made by
//! tsmedia.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;
use tsmedia::format::certificate::pem::{self, PemError};
use tsmedia::format::certificate::pfx::{self, PfxError};
use tsmedia::format::certificate::private_key::{KEY_BITS, PrivateKey, PrivateKeyError};
use tsmedia::format::certificate::self_signed::self_signed;
use tsmedia::format::certificate::signature::SignatureError;
use tsmedia::format::certificate::{CLIENT_AUTHENTICATION, Certificate, MalformedCertificate, SubjectKey};

mod encodings;

use crate::fixtures::authority::{self, CA, CLIENT, DAYS, Wanted, chain, key, make, openssl};

fn folder() -> (TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::try_from(folder.path().to_owned()).unwrap();
    (folder, root)
}

fn read(path: &Utf8Path) -> Certificate {
    let [certificate] =
        <[Certificate; 1]>::try_from(pem::read_certificates(&fs::read(path).unwrap()).unwrap()).unwrap();
    certificate
}

fn text(arguments: &[&str]) -> String {
    String::from_utf8(openssl(arguments)).unwrap()
}

#[test]
fn certificates_say_what_openssl_says_of_them() {
    let (_kept, folder) = folder();
    chain(&folder);
    for name in ["root", "issuing", "client"] {
        let path = folder.join(format!("{name}.pem"));
        let certificate = read(&path);
        let asked = ["x509", "-noout", "-in", path.as_str()];
        let ask = |more: &[&str]| text(&[&asked, more].concat()).trim().to_owned();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>();
        let fingerprint = hex(&certificate.fingerprint().0).join(":");
        assert_eq!(ask(&["-fingerprint", "-sha256"]), format!("sha256 Fingerprint={fingerprint}"));
        assert_eq!(ask(&["-fingerprint"]), format!("SHA1 Fingerprint={}", hex(&certificate.thumbprint().0).join(":")));
        assert_eq!(ask(&["-subject", "-nameopt", "RFC2253"]), format!("subject={}", certificate.subject()));
        assert_eq!(ask(&["-issuer", "-nameopt", "RFC2253"]), format!("issuer={}", certificate.issuer()));
        assert_eq!(
            ask(&["-serial"]),
            format!("serial={}", hex(certificate.serial()).concat().trim_start_matches("00"))
        );
        assert_eq!((certificate.not_before(), certificate.not_after()), (1_577_836_800, 2_840_140_800));
        assert_eq!(certificate.key(), SubjectKey::Rsa(2_048));
        assert_eq!(certificate.signature_algorithm().to_string(), "RSA with SHA-256");
        assert_eq!((certificate.is_ca(), certificate.may_sign_certificates()), (name != "client", name != "client"));
        assert_eq!(certificate.is_self_issued(), name == "root");
        assert_eq!(certificate.purposes().is_some(), name == "client");
        // DER is read like PEM.
        let der = folder.join("certificate.der");
        openssl(&["x509", "-in", path.as_str(), "-outform", "DER", "-out", der.as_str()]);
        assert_eq!(read(&der), certificate);
    }
    let [root, issuing, client] = ["root", "issuing", "client"].map(|name| read(&folder.join(format!("{name}.pem"))));
    assert!(client.allows(CLIENT_AUTHENTICATION) && root.allows(CLIENT_AUTHENTICATION));
    assert_eq!(root.check_signed_by(&root), Ok(()));
    assert_eq!(issuing.check_signed_by(&root), Ok(()));
    assert_eq!(client.check_signed_by(&issuing), Ok(()));
    assert_eq!(client.check_signed_by(&root), Err(SignatureError::Wrong));
    assert!(client.is_issued_by(&issuing) && !client.is_issued_by(&root));
}

#[test]
fn signatures_of_every_padding_and_digest_are_checked_and_of_curves_told_as_unchecked() {
    let (_kept, folder) = folder();
    let wanted = Wanted { name: "root", key: "root", issuer: None, days: DAYS, extensions: CA, digest: "sha1" };
    for (digest, shown) in [("sha1", "RSA with SHA-1"), ("sha384", "RSA with SHA-384"), ("sha512", "RSA with SHA-512")]
    {
        let certificate = read(&make(&folder, Wanted { digest, ..wanted }));
        assert_eq!(certificate.signature_algorithm().to_string(), shown);
        assert_eq!(certificate.check_signed_by(&certificate), Ok(()), "{digest}");
        assert_eq!(certificate.signature_algorithm().is_sha2(), digest != "sha1");
        let mut damaged = certificate.der().to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        let damaged = Certificate::from_der(&damaged).unwrap();
        assert_eq!(damaged.check_signed_by(&certificate), Err(SignatureError::Wrong));
    }
    let (own, out) = (key("other"), folder.join("pss.pem"));
    let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest", "-sha256"];
    let start = ["req", "-x509", "-key", own.as_str(), "-subj", "/CN=pss", "-out", out.as_str()];
    openssl(&[start.as_slice(), &pss].concat());
    let certificate = read(&out);
    assert_eq!(certificate.signature_algorithm().to_string(), "RSA-PSS with SHA-256");
    assert_eq!(certificate.check_signed_by(&certificate), Ok(()));
    let certificate = read(&make(&folder, Wanted { key: "curve", digest: "sha256", ..wanted }));
    assert_eq!(
        (certificate.key(), certificate.signature_algorithm().to_string().as_str()),
        (SubjectKey::Elliptic("P-256".into()), "ECDSA with SHA-256")
    );
    assert_eq!(certificate.check_signed_by(&certificate), Err(SignatureError::Unsupported));
}

#[test]
fn files_that_hold_no_certificate_or_several_are_told_apart() {
    let (_kept, folder) = folder();
    chain(&folder);
    let [root, issuing] = ["root", "issuing"].map(|name| fs::read(folder.join(format!("{name}.pem"))).unwrap());
    assert_eq!(pem::read_certificates(&[root.clone(), b"between\n".to_vec(), issuing].concat()).unwrap().len(), 2);
    assert_eq!(pem::read_certificates(b"\r\n "), Err(PemError::Empty));
    let own = fs::read(key("root")).unwrap();
    assert_eq!(pem::read_certificates(&own), Err(PemError::Others(vec!["PRIVATE KEY".into()])));
    assert_eq!(pem::read_certificates(&root[..root.len() / 2]), Err(PemError::Armour(1)));
    let der = read(&folder.join("root.pem")).der().to_vec();
    assert_eq!(
        pem::read_certificates(&der[..der.len() - 9]),
        Err(PemError::Malformed(1, MalformedCertificate::Truncated))
    );
    assert_eq!(
        pem::read_certificates(&fs::read(authority::pfx(&folder, "client", "client", "x", &[])).unwrap()),
        Err(PemError::Pfx)
    );
    let none = openssl(&["crl2pkcs7", "-nocrl", "-outform", "DER"]);
    assert_eq!(pem::read_certificates(&none), Err(PemError::Pkcs7));
    assert!(matches!(pem::read_certificates(b"no certificate"), Err(PemError::Malformed(1, _))));
}

/// All encryption methods of PFX files in openssl and Windows.
const WAYS: [&[&str]; 7] = [
    &[],
    &["-legacy"],
    &["-legacy", "-descert"],
    &["-legacy", "-keypbe", "PBE-SHA1-RC2-128", "-certpbe", "PBE-SHA1-2DES", "-macalg", "SHA1"],
    &["-keypbe", "AES-128-CBC", "-certpbe", "AES-192-CBC", "-macalg", "SHA512", "-iter", "3000"],
    &["-keypbe", "DES-EDE3-CBC", "-certpbe", "NONE", "-macalg", "SHA384", "-nomaciter"],
    &["-nomac"],
];

#[test]
fn pfx_files_are_opened_however_they_are_protected() {
    let (_kept, folder) = folder();
    chain(&folder);
    let authorities = folder.join("authorities.pem");
    let both = ["issuing", "root"].map(|name| fs::read(folder.join(format!("{name}.pem"))).unwrap()).concat();
    fs::write(&authorities, both).unwrap();
    let client = read(&folder.join("client.pem"));
    for way in WAYS {
        for password in ["Grüße, Welt", ""] {
            // What is not ASCII is not the same to everybody under PBES2.
            let password = if way.contains(&"-legacy") || password.is_empty() { password } else { "pass word" };
            let with = [way, &["-certfile", authorities.as_str()]].concat();
            let file = fs::read(authority::pfx(&folder, "client", "client", password, &with)).unwrap();
            let opened = pfx::open(&file, password).unwrap_or_else(|error| panic!("{way:?} {password:?}: {error}"));
            assert_eq!((&opened.certificate, opened.others.len()), (&client, 2), "{way:?}");
            assert_eq!(opened.key.bits(), 2_048);
            assert_eq!(pfx::open(&file, "something else").err(), Some(PfxError::WrongPassword), "{way:?}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_pfx_file_is_told() {
    let (_kept, folder) = folder();
    chain(&folder);
    let file = fs::read(authority::pfx(&folder, "client", "client", "x", &[])).unwrap();
    assert_eq!(pfx::open(&file[..file.len() - 40], "x").err(), Some(PfxError::Truncated));
    assert!(matches!(pfx::open(read(&folder.join("root.pem")).der(), "x"), Err(PfxError::Invalid(_))));
    let none = fs::read(authority::pfx(&folder, "client", "client", "x", &["-nokeys"])).unwrap();
    assert_eq!(pfx::open(&none, "x").err(), Some(PfxError::NoKey));
    let none = fs::read(authority::pfx(&folder, "client", "client", "x", &["-nocerts"])).unwrap();
    assert_eq!(pfx::open(&none, "x").err(), Some(PfxError::NoCertificate));
    let out = folder.join("curve.pem");
    make(
        &folder,
        Wanted { name: "curve", key: "curve", issuer: None, days: DAYS, extensions: CLIENT, digest: "sha256" },
    );
    assert!(out.exists());
    let curve = fs::read(authority::pfx(&folder, "curve", "curve", "x", &[])).unwrap();
    assert!(matches!(pfx::open(&curve, "x"), Err(PfxError::Unsupported(_))));
}

#[test]
fn a_pfx_file_that_is_written_is_the_same_each_time_and_openssl_opens_it() {
    let (_kept, folder) = folder();
    chain(&folder);
    let authorities = folder.join("issuing.pem");
    let file = authority::pfx(&folder, "client", "client", "author's own", &["-certfile", authorities.as_str()]);
    let opened = pfx::open(&fs::read(file).unwrap(), "author's own").unwrap();
    let password = "0A1B2C3D-0000-4000-8000-ABCDEF0";
    let written = pfx::encode(&opened.key, &opened.certificate, &opened.others, password).unwrap();
    assert_eq!(written, pfx::encode(&opened.key, &opened.certificate, &opened.others, password).unwrap());
    let again = pfx::open(&written, password).unwrap();
    assert_eq!((&again.certificate, &again.others), (&opened.certificate, &opened.others));
    assert_eq!(again.key.pkcs8(), opened.key.pkcs8());
    // Two files share nothing but their structure, because their salts follow from their contents.
    let alone = pfx::encode(&opened.key, &opened.certificate, &[], password).unwrap();
    assert!(!alone.windows(200).any(|window| written.windows(200).any(|other| other == window)));

    let out = folder.join("written.pfx");
    fs::write(&out, &written).unwrap();
    let given = ["pkcs12", "-in", out.as_str(), "-legacy", "-passin", &format!("pass:{password}")];
    let said = |more: &[&str]| text(&[given.as_slice(), more].concat());
    assert!(said(&["-nodes", "-nocerts"]).contains("localKeyID: 01 00 00 00"));
    let shown = said(&["-nokeys", "-clcerts"]);
    assert_eq!(pem::read_certificates(shown.as_bytes()).unwrap(), [opened.certificate]);
    let key_of_it = said(&["-nodes", "-nocerts"]);
    assert_eq!(PrivateKey::read(key_of_it.as_bytes()).unwrap().pkcs8(), opened.key.pkcs8());
    let info =
        std::process::Command::new("openssl").args([given.as_slice(), &["-info", "-noout"]].concat()).output().unwrap();
    let info = String::from_utf8(info.stderr).unwrap();
    for part in ["MAC: sha1, Iteration 2000", "Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2000"] {
        assert!(info.contains(part), "{info}");
    }
}

#[test]
fn a_certificate_that_signs_itself_is_the_same_each_time_and_openssl_accepts_it() {
    let (_kept, folder) = folder();
    let own = PrivateKey::read(&fs::read(key("client")).unwrap()).unwrap();
    let name = "0A1B2C3D-0000-4000-8000-ABCDEF012345";
    let (start, end) = (1_767_225_600, 2_840_140_800);
    let certificate = self_signed(&own, name, start, end).unwrap();
    assert_eq!(certificate, self_signed(&own, name, start, end).unwrap());
    assert_ne!(certificate.serial(), self_signed(&own, name, start, end + 1).unwrap().serial());
    assert_eq!((certificate.not_before(), certificate.not_after()), (start, end));
    assert_eq!(certificate.check_signed_by(&certificate), Ok(()));
    assert!(
        own.matches_certificate(&certificate) && certificate.allows(CLIENT_AUTHENTICATION) && certificate.may_sign()
    );
    assert_eq!((certificate.key(), certificate.is_ca()), (SubjectKey::Rsa(KEY_BITS), false));

    let (der, out) = (folder.join("made.der"), folder.join("made.pem"));
    fs::write(&der, certificate.der()).unwrap();
    openssl(&["x509", "-inform", "DER", "-in", der.as_str(), "-out", out.as_str()]);
    let verify = ["verify", "-CAfile", out.as_str(), "-partial_chain", "-check_ss_sig", "-x509_strict"];
    openssl(&[verify.as_slice(), &["-purpose", "sslclient", "-attime", "1800000000", out.as_str()]].concat());
    let shown = text(&["x509", "-in", out.as_str(), "-noout", "-text", "-dates"]);
    for part in [
        "Version: 3 (0x2)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "CN = 0A1B2C3D-0000-4000-8000-ABCDEF012345",
        "notBefore=Jan  1 00:00:00 2026 GMT",
        "notAfter=Jan  1 00:00:00 2060 GMT",
        "TLS Web Client Authentication",
        "Digital Signature, Key Encipherment",
        "CA:FALSE",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn keys_are_read_in_the_forms_that_openssl_writes_and_those_of_other_kinds_told() {
    let (_kept, folder) = folder();
    let (own, out) = (key("client"), folder.join("key"));
    let given = PrivateKey::read(&fs::read(&own).unwrap()).unwrap();
    for way in [["-traditional"].as_slice(), &["-outform", "DER"], &["-traditional", "-outform", "DER"]] {
        openssl(&[["rsa", "-in", own.as_str(), "-out", out.as_str()].as_slice(), way].concat());
        assert_eq!(PrivateKey::read(&fs::read(&out).unwrap()).unwrap().pkcs8(), given.pkcs8(), "{way:?}");
    }
    openssl(&["pkcs8", "-topk8", "-in", own.as_str(), "-out", out.as_str(), "-passout", "pass:x"]);
    assert_eq!(PrivateKey::read(&fs::read(&out).unwrap()).err(), Some(PrivateKeyError::Encrypted));
    assert_eq!(
        PrivateKey::read(&fs::read(key("curve")).unwrap()).err(),
        Some(PrivateKeyError::Other("PRIVATE KEY".into()))
    );
    assert_eq!(PrivateKey::read(b"key").err(), Some(PrivateKeyError::Unreadable));
    let made = PrivateKey::generate().unwrap();
    assert_eq!(made.bits(), KEY_BITS);
    assert_eq!(PrivateKey::read(made.to_pem().as_bytes()).unwrap().pkcs8(), made.pkcs8());
    fs::write(&out, made.to_pem().as_bytes()).unwrap();
    assert!(text(&["rsa", "-in", out.as_str(), "-check", "-noout"]).contains("RSA key ok"));
}

/// Parsers of untrusted bytes must end on any input.
#[test]
fn damaged_certificates_and_pfx_files_are_refused_or_read_but_end_nothing() {
    let (_kept, folder) = folder();
    chain(&folder);
    let certificate = read(&folder.join("client.pem")).der().to_vec();
    let few = ["-iter", "1", "-nomaciter", "-legacy"];
    let file = fs::read(authority::pfx(&folder, "client", "client", "x", &few)).unwrap();
    let armoured = fs::read(folder.join("client.pem")).unwrap();
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        // xorshift64*: the same damage in each run.
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        (seed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below
    };
    let (mut n_read, mut n_refused) = (0, 0);
    for bytes in [&certificate, &file, &armoured] {
        for round in 0..400 {
            let mut damaged = bytes.clone();
            match round % 4 {
                0 => damaged.truncate(random(bytes.len())),
                1 => drop(damaged.drain(random(bytes.len() - 9)..).take(8).count()),
                _ => {
                    for _ in 0..1 + random(3) {
                        let at = random(damaged.len().min(if round % 4 == 3 { 300 } else { usize::MAX }));
                        damaged[at] = random(256) as u8;
                    }
                }
            }
            let is_read = match pem::read_certificates(&damaged) {
                Ok(certificates) => {
                    for certificate in certificates {
                        let _ = (certificate.subject(), certificate.key(), certificate.check_signed_by(&certificate));
                    }
                    true
                }
                Err(_) => pfx::open(&damaged, "x").is_ok(),
            };
            if is_read { n_read += 1 } else { n_refused += 1 }
        }
    }
    assert!(n_read > 50 && n_refused > 500, "{n_read} read, {n_refused} refused");
}
