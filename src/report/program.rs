//! Boot programs: who signed them, for people and as data.

use serde_json::{Value as Json, json};

use super::Page;
use super::medium::table;
use crate::date;
use crate::format::authenticode::{AuthorityMatch, Signature, SignatureState};
use crate::format::boot_program::BootProgram;
use crate::format::pe::FileVersion;
use crate::verify::programs::Program;

/// A boot program of a medium, in a line.
pub fn program_line(program: &Program) -> String {
    let name = program.name();
    match &program.read {
        Err(_) => format!("{name}: no EFI program"),
        Ok(read) => format!("{name}: for {}", words(read).join(", ")),
    }
}

/// What there is to say of a program in a few words.
fn words(program: &BootProgram) -> Vec<String> {
    let mut words = vec![program.processors()];
    words.extend(program.version.map(|version| format!("version {}", FileVersion(version))));
    words.extend(program.secure_version.map(|version| format!("SVN {version}")));
    if !program.is_signed() {
        words.push("not signed".into());
    }
    words.extend(program.signatures().into_iter().map(|signature| match signature {
        Ok(signature) => match &signature.state {
            SignatureState::Good => format!("signed by {}", whose(&signature)),
            SignatureState::Altered => format!("altered after it was signed by {}", whose(&signature)),
            SignatureState::Forged(_) => format!("with a signature that is not {}'s", whose(&signature)),
            SignatureState::Unchecked(why) => format!("signed by {} (not checked: {why})", whose(&signature)),
        },
        Err(_) => "with a signature that can't be read".into(),
    }));
    words
}

/// The authority of a signature, or who signed the signer's certificate.
fn whose(signature: &Signature) -> String {
    match signature.authority() {
        Some(known) => match known.matched_by {
            AuthorityMatch::Fingerprint => known.authority.to_string(),
            AuthorityMatch::IssuerName => format!("{}, by name", known.authority),
            AuthorityMatch::OtherCertificate => format!("a {} that is not Microsoft's", known.authority),
        },
        None => signature.issuer(),
    }
}

/// A program for people.
pub fn program(program: &BootProgram) -> Page {
    let kind = if program.is_application { "EFI application" } else { "PE file, no EFI application" };
    let mut rows = vec![("form", format!("{kind}, for {}", program.processors()))];
    rows.extend(program.version.map(|version| ("version", FileVersion(version).to_string())));
    rows.extend(program.secure_version.map(|version| ("SVN", version.to_string())));
    rows.push(("digest", format!("{} (SHA-256 as Authenticode has it)", program.sha256)));
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
            SignatureState::Good => "good".to_owned(),
            SignatureState::Altered => "not of this file, which was altered".to_owned(),
            SignatureState::Forged(why) => format!("not good: {why}"),
            SignatureState::Unchecked(why) => format!("not checked: {why}"),
        };
        rows.push(("signature", format!("{state}, {}: {}{stamped}", signature.digest, whose(&signature))));
        rows.extend(signature.chain.iter().map(|certificate| {
            let until = date::day(certificate.not_after());
            let name = certificate.subject();
            ("certificate", format!("{name}, until {until}, SHA-256 {}", certificate.fingerprint()))
        }));
    }
    table(&rows.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Vec<_>>())
}

/// A program as data.
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

/// The boot programs of a medium as data.
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
