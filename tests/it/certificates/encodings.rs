//! Certificates and PFX files in every form in which they come: read if openssl reads them, and names compared as it
//! compares them.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tsmedia::format::certificate::Certificate;
use tsmedia::format::certificate::pem;
use tsmedia::format::certificate::pfx;

use super::{folder, read};
use crate::fixtures::authority::{self, CA, CLIENT, DAYS, Wanted, chain, key, make, openssl};

/// Makes the certificate of an authority with a key that is always the same, whose name has strings of one type.
fn root(folder: &Utf8Path, file: &str, mask: &str, subject: &str) -> Utf8PathBuf {
    let (config, out) = (folder.join("root.cnf"), folder.join(file));
    let text = format!("[req]\ndistinguished_name=dn\nstring_mask={mask}\nutf8=yes\n[dn]\n[ext]\n{CA}");
    fs::write(&config, text).unwrap();
    let root_key = key("root");
    let arguments = ["req", "-x509", "-new", "-key", root_key.as_str(), "-subj", subject, "-utf8", "-days", "3650"];
    let files = ["-config", config.as_str(), "-extensions", "ext", "-out", out.as_str()];
    openssl(&[arguments.as_slice(), &files].concat());
    out
}

/// Makes a certificate that is issued by one of the roots.
fn leaf(folder: &Utf8Path, issuer: &Utf8Path, extensions: &str) -> Utf8PathBuf {
    let [csr, extension_file, out] = ["leaf.csr", "leaf.ext", "leaf.pem"].map(|name| folder.join(name));
    fs::write(&extension_file, extensions).unwrap();
    let (own, root_key) = (key("client"), key("root"));
    openssl(&["req", "-new", "-key", own.as_str(), "-subj", "/CN=leaf", "-out", csr.as_str()]);
    let arguments = ["x509", "-req", "-in", csr.as_str(), "-CA", issuer.as_str(), "-CAkey", root_key.as_str()];
    let files = ["-set_serial", "7", "-days", "3000", "-extfile", extension_file.as_str(), "-out", out.as_str()];
    openssl(&[arguments.as_slice(), &files].concat());
    out
}

fn verifies(root: &Utf8Path, leaf: &Utf8Path) -> bool {
    let arguments = ["verify", "-CAfile", root.as_str(), leaf.as_str()];
    Command::new("openssl").args(arguments).output().unwrap().status.success()
}

#[test]
fn issuers_are_found_where_openssl_finds_them() {
    let (_kept, folder) = folder();
    let usual = root(&folder, "usual.pem", "utf8only", "/DC=example/O=Contoso GmbH+OU=IT/CN=Größen CA");
    let leaf = leaf(&folder, &usual, CLIENT);
    let certificate = read(&leaf);
    // By the types that are allowed: UTF8String, BMPString, TeletexString, UniversalString, any.
    let masks = ["utf8only", "MASK:0x0800", "MASK:0x0004", "MASK:0x0100", "default"];
    let subjects = [
        ("/DC=example/O=Contoso GmbH+OU=IT/CN=Größen CA", true),
        ("/DC=EXAMPLE/O=CONTOSO gmbh+OU=it/CN=GRößEN ca", true),
        ("/DC=example/O=Contoso   GmbH +OU= IT/CN= Größen  CA ", true),
        ("/DC=example/OU=IT+O=Contoso GmbH/CN=Größen CA", true),
        ("/DC=example/O=Contoso GmbH+OU=IT/CN=Größen CA 2", false),
        ("/DC=example/O=Contoso GmbH/OU=IT/CN=Größen CA", false),
        ("/O=Contoso GmbH+OU=IT/DC=example/CN=Größen CA", false),
    ];
    for mask in masks {
        for (subject, is_same) in subjects {
            let other = root(&folder, "other.pem", mask, subject);
            assert_eq!(verifies(&other, &leaf), is_same, "openssl: {mask} {subject}");
            let other = read(&other);
            assert_eq!(certificate.is_issued_by(&other), is_same, "{mask} {subject}");
            assert_eq!(certificate.check_signed_by(&other), Ok(()));
            assert!(other.is_self_issued());
            assert_eq!(other.subject().contains("Größen"), subject.contains("Größen"), "{}", other.subject());
        }
    }
}

#[test]
fn key_identifiers_that_do_not_fit_are_told_as_openssl_tells_them() {
    let (_kept, folder) = folder();
    let subject = "/CN=Contoso CA";
    let with_id = |file: &str, extensions: &str| {
        let out = root(&folder, file, "utf8only", subject);
        let config = fs::read_to_string(folder.join("root.cnf")).unwrap() + extensions;
        fs::write(folder.join("root.cnf"), config).unwrap();
        let (root_key, config) = (key("root"), folder.join("root.cnf"));
        let arguments = ["req", "-x509", "-new", "-key", root_key.as_str(), "-subj", subject, "-days", "3650"];
        let files = ["-config", config.as_str(), "-extensions", "ext", "-out", out.as_str()];
        openssl(&[arguments.as_slice(), &files].concat());
        out
    };
    let one = with_id("one.pem", "subjectKeyIdentifier=01:02:03\n");
    let other = with_id("other.pem", "subjectKeyIdentifier=04:05:06\n");
    let none = root(&folder, "none.pem", "utf8only", subject);
    for (naming, extensions) in [
        (&one, "authorityKeyIdentifier=keyid\n"),
        (&one, "authorityKeyIdentifier=keyid:always,issuer:always\n"),
        (&one, "basicConstraints=CA:false\n"),
    ] {
        let leaf = leaf(&folder, naming, extensions);
        let certificate = read(&leaf);
        for issuer in [&one, &other, &none] {
            let fits = !certificate.names_other_key(&read(issuer));
            assert_eq!(fits, verifies(issuer, &leaf), "{extensions} {issuer}");
        }
    }
}

#[test]
fn pem_is_read_whatever_its_lines_and_labels_are() {
    let (_kept, folder) = folder();
    chain(&folder);
    let path = folder.join("root.pem");
    let certificate = read(&path);
    let text = fs::read_to_string(&path).unwrap();
    let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let lines = |width: usize, end: &str| {
        let lines: Vec<_> = base64.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----{end}{}{end}-----END CERTIFICATE-----{end}", lines.join(end))
    };
    let said = |arguments: &[&str]| {
        String::from_utf8(openssl(&[&["x509", "-in", path.as_str()], arguments].concat())).unwrap()
    };
    let forms = [
        lines(64, "\n"),
        lines(76, "\n"),
        lines(64, "\r\n"),
        lines(16, "  \n"),
        lines(300, "\n"),
        lines(100_000, "\n"),
        format!("\u{feff}{text}"),
        said(&["-text"]),
        said(&["-trustout", "-addtrust", "clientAuth", "-setalias", "root"]),
        text.replace("CERTIFICATE", "X509 CERTIFICATE"),
        format!("subject=CN = Größe\nissuer: -----\n\n{text}\nafter it\n"),
        text.trim_end().to_owned(),
    ];
    for form in &forms {
        let file = folder.join("form.pem");
        fs::write(&file, form).unwrap();
        openssl(&["x509", "-in", file.as_str(), "-noout"]);
        assert_eq!(pem::read_certificates(form.as_bytes()), Ok(vec![certificate.clone()]), "{form}");
    }
    // Forms that openssl does not read.
    let with_blank_lines = text.replace('\n', "\n\n");
    let units = |text: &str, unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<_>>();
    for form in [
        with_blank_lines.into_bytes(),
        lines(64, " ").into_bytes(),
        units(&format!("\u{feff}{text}"), u16::to_le_bytes),
        units(&format!("\u{feff}{text}"), u16::to_be_bytes),
        units(&text, u16::to_le_bytes),
    ] {
        assert_eq!(
            pem::read_certificates(&form),
            Ok(vec![certificate.clone()]),
            "{:?}",
            String::from_utf8_lossy(&form)
        );
    }
}

#[test]
fn der_may_be_followed_by_other_bytes_and_stand_in_pkcs_7() {
    let (_kept, folder) = folder();
    chain(&folder);
    let [root, issuing] = ["root", "issuing"].map(|name| read(&folder.join(format!("{name}.pem"))));
    for padding in [&b""[..], b"\0", &[0; 4_000], b"\r\n", b"0\x80 and what else there is"] {
        let padded = [root.der(), padding].concat();
        let file = folder.join("padded.der");
        fs::write(&file, &padded).unwrap();
        openssl(&["x509", "-inform", "DER", "-in", file.as_str(), "-noout"]);
        assert_eq!(pem::read_certificates(&padded), Ok(vec![root.clone()]));
        assert_eq!(Certificate::from_der(&padded).unwrap().fingerprint(), root.fingerprint());
    }
    let both = Ok(vec![root.clone(), issuing.clone()]);
    assert_eq!(pem::read_certificates(&[root.der(), issuing.der()].concat()), both);
    let (one, all) = (folder.join("root.pem"), folder.join("all.pem"));
    let text = ["root", "issuing"].map(|name| fs::read(folder.join(format!("{name}.pem"))).unwrap()).concat();
    fs::write(&all, text).unwrap();
    for form in ["DER", "PEM"] {
        for (file, expected) in [(&one, Ok(vec![root.clone()])), (&all, both.clone())] {
            let out = openssl(&["crl2pkcs7", "-nocrl", "-certfile", file.as_str(), "-outform", form]);
            assert_eq!(pem::read_certificates(&out), expected, "{form}");
        }
    }
}

#[test]
fn serial_numbers_are_of_any_length_and_sign() {
    let (_kept, folder) = folder();
    let issuer = root(&folder, "root.pem", "utf8only", "/CN=root");
    leaf(&folder, &issuer, CLIENT);
    for serial in ["0", "-5", "0x00ff", &format!("0x{}", "7f".repeat(40))] {
        let [csr, out] = ["leaf.csr", "serial.pem"].map(|name| folder.join(name));
        let root_key = key("root");
        let arguments = ["x509", "-req", "-in", csr.as_str(), "-CA", issuer.as_str(), "-CAkey", root_key.as_str()];
        openssl(&[arguments.as_slice(), &["-set_serial", serial, "-out", out.as_str()]].concat());
        let certificate = read(&out);
        assert!(certificate.check_signed_by(&read(&issuer)).is_ok(), "{serial}");
    }
}

/// Rewrites DER as some programs write it: with end marks in place of lengths, and octet strings in pieces.
fn ber(der: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = der;
    while !rest.is_empty() {
        let (tag, first) = (rest[0], usize::from(rest[1]));
        let (len, start) = match first {
            0..=0x7F => (first, 2),
            _ => (
                rest[2..2 + (first & 0x7F)].iter().fold(0, |len, byte| len << 8 | usize::from(*byte)),
                2 + (first & 0x7F),
            ),
        };
        let value = &rest[start..start + len];
        match tag {
            0x04 => {
                out.extend([0x24, 0x80]);
                for piece in value.chunks(100) {
                    out.extend([0x04, piece.len() as u8]);
                    out.extend_from_slice(piece);
                }
                out.extend([0, 0]);
            }
            // The encrypted content of PKCS #7, whose tag is its own.
            0x80 => {
                out.extend([0xA0, 0x80]);
                out.extend(ber(&[&[0x04, 0x82, (len >> 8) as u8, len as u8], value].concat()));
                out.extend([0, 0]);
            }
            tag if tag & 0x20 != 0 => {
                out.extend([tag, 0x80]);
                out.extend(ber(value));
                out.extend([0, 0]);
            }
            _ => out.extend_from_slice(&rest[..start + len]),
        }
        rest = &rest[start + len..];
    }
    out
}

#[test]
fn pfx_files_of_indefinite_lengths_or_with_bytes_behind_are_opened() {
    let (_kept, folder) = folder();
    chain(&folder);
    let client = read(&folder.join("client.pem"));
    for way in [&[][..], &["-legacy"]] {
        let file = fs::read(authority::pfx(&folder, "client", "client", "secret", way)).unwrap();
        let padded = [&file[..], &[0; 100]].concat();
        for form in [ber(&file), padded] {
            let path = folder.join("form.pfx");
            fs::write(&path, &form).unwrap();
            let arguments = ["pkcs12", "-in", path.as_str(), "-passin", "pass:secret", "-noout"];
            openssl(&[arguments.as_slice(), way].concat());
            let opened = pfx::open(&form, "secret").unwrap_or_else(|error| panic!("{way:?}: {error}"));
            assert_eq!(opened.certificate, client);
            assert!(pem::is_pfx(&form));
        }
    }
}

#[test]
fn the_certificate_of_a_pfx_file_is_found_among_others_in_any_order() {
    let (_kept, folder) = folder();
    chain(&folder);
    let root = Wanted { name: "other", key: "other", issuer: None, days: DAYS, extensions: CA, digest: "sha256" };
    make(&folder, root);
    let all = folder.join("all.pem");
    let text = ["other", "root", "issuing", "client"].map(|name| fs::read(folder.join(format!("{name}.pem"))).unwrap());
    fs::write(&all, text.concat()).unwrap();
    let (out, own) = (folder.join("all.pfx"), key("client"));
    let arguments = ["pkcs12", "-export", "-in", all.as_str(), "-inkey", own.as_str(), "-name", "Gerät №1"];
    openssl(&[arguments.as_slice(), &["-passout", "pass:", "-out", out.as_str()]].concat());
    let opened = pfx::open(&fs::read(&out).unwrap(), "").unwrap();
    assert_eq!(opened.certificate, read(&folder.join("client.pem")));
    assert_eq!(opened.others.len(), 3);
}
