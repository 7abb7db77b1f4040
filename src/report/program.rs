//! Formats boot programs and their signatures.

use serde_json::{Value as Json, json};

use super::Page;
use super::medium::table;
use crate::date;
use crate::format::authenticode::{AuthorityMatch, Signature, SignatureState};
use crate::format::boot_program::BootProgram;
use crate::format::pe::FileVersion;
use crate::verify::programs::Program;

/// Returns a line for a boot program of a medium.
pub fn program_line(program: &Program) -> String {
    let name = program.name();
    match &program.read {
        Err(_) => format!("{name}: not an EFI program"),
        Ok(read) => format!("{name}: for {}", program_facts(read).join(", ")),
    }
}

/// Returns architecture, versions and signers of a program.
fn program_facts(program: &BootProgram) -> Vec<String> {
    let mut words = vec![program.processors()];
    words.extend(program.version.map(|version| format!("version {}", FileVersion(version))));
    words.extend(program.secure_version.map(|version| format!("SVN {version}")));
    if !program.is_signed() {
        words.push("not signed".into());
    }
    words.extend(program.signatures().into_iter().map(|signature| match signature {
        Ok(signature) => match &signature.state {
            SignatureState::Good => format!("signed by {}", signer(&signature)),
            SignatureState::Altered => format!("modified after it was signed by {}", signer(&signature)),
            SignatureState::Forged(_) => format!("with an invalid signature in the name of {}", signer(&signature)),
            SignatureState::Unchecked(why) => format!("signed by {} (not checked: {why})", signer(&signature)),
        },
        Err(_) => "with a signature that can't be read".into(),
    }));
    words
}

/// Returns the known authority of a signature, or else the issuer of the signer's certificate.
pub(super) fn signer(signature: &Signature) -> String {
    match signature.authority() {
        Some(known) => match known.matched_by {
            AuthorityMatch::Fingerprint => known.authority.to_string(),
            AuthorityMatch::IssuerName => format!("{}, by name", known.authority),
            AuthorityMatch::OtherCertificate => format!("a {} that is not Microsoft's", known.authority),
        },
        None => signature.issuer(),
    }
}

/// Formats a boot program with its signatures and certificates.
pub fn program(program: &BootProgram) -> Page {
    let kind = if program.is_application { "EFI application" } else { "PE file, not an EFI application" };
    let mut rows = vec![("form", format!("{kind}, for {}", program.processors()))];
    rows.extend(program.version.map(|version| ("version", FileVersion(version).to_string())));
    rows.extend(program.secure_version.map(|version| ("SVN", version.to_string())));
    rows.push(("digest", format!("{} (Authenticode SHA-256)", program.sha256)));
    if !program.is_signed() {
        rows.push(("signature", "none".into()));
    }
    for signature in program.signatures() {
        let signature = match signature {
            Ok(signature) => signature,
            Err(why) => {
                rows.push(("signature", format!("can't be read: {why}")));
                continue;
            }
        };
        let stamped = match &signature.stamped {
            Some(day) => format!(", time stamp of {day}"),
            None => String::new(),
        };
        let state = match &signature.state {
            SignatureState::Good => "valid".to_owned(),
            SignatureState::Altered => "invalid: the file was modified after signing".to_owned(),
            SignatureState::Forged(why) => format!("invalid: {why}"),
            SignatureState::Unchecked(why) => format!("not checked: {why}"),
        };
        rows.push(("signature", format!("{state}, {}: {}{stamped}", signature.digest, signer(&signature))));
        rows.extend(signature.chain.iter().map(|certificate| {
            let until = date::day(certificate.not_after());
            let name = certificate.subject();
            ("certificate", format!("{name}, valid until {until}, SHA-256 {}", certificate.fingerprint()))
        }));
    }
    table(&rows.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Vec<_>>())
}

/// Returns a boot program as JSON.
pub fn program_json(program: &BootProgram) -> Json {
    let signature = |signature: Result<Signature, crate::format::authenticode::MalformedSignature>| match signature {
        Err(why) => json!({ "state": "unreadable", "why": why.to_string() }),
        Ok(signature) => {
            let (state, why) = match &signature.state {
                SignatureState::Good => ("good", None),
                SignatureState::Altered => ("altered", None),
                SignatureState::Forged(why) => ("forged", Some((*why).to_owned())),
                SignatureState::Unchecked(why) => ("unchecked", Some(why.clone())),
            };
            let by = signature.authority().map(|known| match known.matched_by {
                AuthorityMatch::Fingerprint => "fingerprint",
                AuthorityMatch::IssuerName => "issuer-name",
                AuthorityMatch::OtherCertificate => "other-certificate",
            });
            let chain = signature.chain.iter().map(|certificate| {
                json!({
                    "subject": certificate.subject(),
                    "not-before": date::day(certificate.not_before()),
                    "not-after": date::day(certificate.not_after()),
                    "sha256": certificate.fingerprint(),
                })
            });
            json!({
                "state": state,
                "why": why,
                "digest": signature.digest,
                "authority": signature.authority().map(|known| known.authority.name()),
                "recognised-by": by,
                "issuer": signature.issuer(),
                "stamped": signature.stamped,
                "certificates": chain.collect::<Vec<_>>(),
            })
        }
    };
    json!({
        "form": "program",
        "architecture": program.architecture.map(|architecture| architecture.to_string()),
        "efi-application": program.is_application,
        "version": program.version.map(|version| FileVersion(version).to_string()),
        "svn": program.secure_version.map(|version| version.to_string()),
        "sha256": program.sha256,
        "signatures": program.signatures().into_iter().map(signature).collect::<Vec<_>>(),
    })
}

/// Returns the boot programs of a medium as JSON.
pub fn programs_json(programs: &[Program]) -> Json {
    let program = |program: &Program| {
        let mut value = match &program.read {
            Ok(read) => program_json(read),
            Err(why) => json!({ "form": null, "why": why }),
        };
        value["path"] = program.path.as_str().into();
        value["in-boot-image"] = program.is_in_boot_image.into();
        value
    };
    programs.iter().map(program).collect()
}
