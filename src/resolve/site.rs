//! Adds the site's data and the client certificate to a medium.
//!
//! A PFX file is opened, checked, and re-encrypted with the password that clients expect. A
//! self-signed certificate is generated with a given key, or with one kept in the cache. Variables
//! follow public readers of media; they have not been tested with a Configuration Manager client.

use std::sync::Arc;

use camino::Utf8Path;

use super::authority::{Authorities, MIN_BITS, certificate_name, check_key_ids, read_authorities, read_certificate};
use super::expiry::{check_medium_expiry, check_validity};
use super::request::MediumRequest;
use super::secret_refs::{fetch_secret, fetch_secret_text};
use crate::date::Date;
use crate::format::certificate::pfx::{self, PfxContents, PfxError};
use crate::format::certificate::private_key::{KEY_BITS, PrivateKey, PrivateKeyError};
use crate::format::certificate::signature::SignatureError;
use crate::format::certificate::{self, CLIENT_AUTHENTICATION, Certificate, SubjectKey};
use crate::limits;
use crate::manifest::{CertificateTable, Kind, PfxFile, SelfSigned, parse_date};
use crate::media::data::{MediaData, MediaValue};
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::secret::Secret;

/// JSON pointer of the site's signing certificate.
const SIGNING: &str = "/sites/0/signing-certificate";
/// Validity of a self-signed certificate without `expires`, in seconds.
const YEAR: u64 = 365 * 86_400;
/// Number of characters of the medium's GUID that form the password of its certificate.
const PASSWORD_LEN: usize = 31;

/// Adds the site's variables and the client certificate to the medium. Returns the certificate, and
/// its encrypted file.
pub(super) fn add_site(
    request: &MediumRequest<'_>,
    data: &mut MediaData,
    problems: &mut Problems,
) -> Option<(Certificate, Arc<Secret>)> {
    check_medium_expiry(request, problems);
    let manifest = &request.rendered.manifest;
    let site = manifest.sites.first();
    let has_certificate = manifest.certificate.is_some() || site.is_some_and(|site| site.certificate.is_some());
    // Which kinds carry a certificate follows from the console's wizards; capture media have none.
    let takes_certificate = match manifest.media.kind {
        Kind::Bootable | Kind::Prestaged => site.is_some(),
        Kind::StandAlone => has_certificate,
        Kind::Capture => false,
    };
    if !takes_certificate {
        return None;
    }
    let authorities = read_authorities(request, problems);
    if let Some(root) = authorities.root.as_ref().filter(|_| !manifest.contact_variables().is_empty()) {
        data.set("_SMSTSRootCACerts", MediaValue::Text(hex(root.der())));
    }
    if let Some(path) = site.and_then(|site| site.signing_certificate.as_ref()) {
        let path = certificate_name(request, path, SIGNING);
        if let Some(certificate) = read_certificate(request, &path, SIGNING, problems) {
            data.set("_SMSTSSiteSigningCertificate", MediaValue::Text(hex(certificate.der())));
        }
    }
    let (table, pointer) = match (site.and_then(|site| site.certificate.as_ref()), &manifest.certificate) {
        (Some(own), _) => (own, "/sites/0/certificate"),
        (None, Some(table)) => (table, "/certificate"),
        (None, None) => return None,
    };
    if manifest.media.kind == Kind::StandAlone {
        let message = "the certificate is written as on bootable media, which is an assumption: Microsoft documents \
                       that stand-alone media have one, but not where";
        let problem = Problem::note(message).at(request.place(pointer), "");
        problems.add(problem.help("test the medium on a machine you can afford to wipe"));
    }
    let opened = match table {
        CertificateTable { pfx: Some(file), .. } => {
            open_pfx(request, file, &authorities, &format!("{pointer}/pfx"), problems)
        }
        CertificateTable { self_signed: Some(own), .. } => {
            make_self_signed(request, own, data.guid(), &format!("{pointer}/self-signed"), problems)
        }
        _ => None,
    };
    let PfxContents { certificate, mut others, key } = opened?;
    // Servers need the chain to a root that they know; a self-signed certificate has none.
    let is_issued = !certificate.is_self_issued();
    for issuing in authorities.issuing.into_iter().filter(|_| is_issued) {
        if !others.contains(&issuing) {
            others.push(issuing);
        }
    }
    let password: String = data.guid().chars().take(PASSWORD_LEN).collect();
    let file = pfx::encode(&key, &certificate, &others, &password).ok()?;
    let file = Arc::new(Secret::new(hex(&file).into_bytes()));
    data.set("_SMSTSMediaPFX", MediaValue::Secret(Arc::clone(&file)));
    Some((certificate, file))
}

/// Opens a PFX file, and checks the certificate in it (R46).
fn open_pfx(
    request: &MediumRequest<'_>,
    pfx: &PfxFile,
    authorities: &Authorities,
    pointer: &str,
    problems: &mut Problems,
) -> Option<PfxContents> {
    let [file_at, password_at] = ["file", "password"].map(|key| format!("{pointer}/{key}"));
    let path = request.input(&file_at, &pfx.file);
    let bytes = request.read_secret(&path, limits::MAX_SECRET_LEN, &file_at, problems)?;
    let password = fetch_secret_text(request, &password_at, &pfx.password, problems)?;
    let opened = match pfx::open(bytes.bytes(), password.text().unwrap_or_default()) {
        Ok(opened) => opened,
        Err(why) => {
            report_unopened_pfx(request, &why, bytes.bytes(), &path, [&file_at, &password_at], problems);
            return None;
        }
    };
    let n_errors = problems.n_errors_added();
    check_client(request, &opened, authorities, &path, &file_at, problems);
    (problems.n_errors_added() == n_errors).then_some(opened)
}

fn report_unopened_pfx(
    request: &MediumRequest<'_>,
    why: &PfxError,
    bytes: &[u8],
    path: &Utf8Path,
    [file, password]: [&str; 2],
    problems: &mut Problems,
) {
    let is_pem = bytes.starts_with(b"-----BEGIN");
    let message = match why {
        PfxError::WrongPassword => format!("the password does not open `{path}`"),
        PfxError::Invalid(_) if is_pem => format!("`{path}` is a PEM file; expected a PFX file"),
        why => format!("`{path}` can't be used: {why}"),
    };
    let problem = Problem::new(Rule::UnusableClientCertificate, message);
    let help = match why {
        PfxError::WrongPassword => "give the password that the file was exported with",
        PfxError::Truncated => "copy it again: it is truncated",
        PfxError::Invalid(_) if is_pem => {
            "convert it: `openssl pkcs12 -export -in cert.pem -inkey key.pem -out media.pfx`"
        }
        PfxError::Invalid(_) => "export the certificate with its private key, as PFX",
        PfxError::Unsupported(_) => "export it again, with an RSA key, AES or 3DES, and a password",
        PfxError::NoKey => "export the certificate again with its private key, which must be marked exportable",
        PfxError::NoCertificate => "export the certificate again together with its key",
        PfxError::NoMatchingCertificate => "export the key with the certificate that belongs to it",
    };
    let problem = match why {
        PfxError::WrongPassword => problem.at(request.place(password), "").at(request.place(file), "the file"),
        _ => problem.at(request.place(file), ""),
    };
    problems.add(problem.help(help));
}

/// Checks that a certificate can authenticate a client (R46).
fn check_client(
    request: &MediumRequest<'_>,
    opened: &PfxContents,
    authorities: &Authorities,
    path: &Utf8Path,
    pointer: &str,
    problems: &mut Problems,
) {
    let certificate = &opened.certificate;
    let mut complain = |rule: Rule, message: String, help: &str| {
        let problem = Problem::new(rule, message).at(request.rendered.place(pointer), certificate.subject());
        problems.add(problem.help(help));
    };
    if certificate.is_ca() {
        let what = format!("the certificate in `{path}` belongs to an authority");
        complain(
            Rule::UnusableClientCertificate,
            what,
            "export a client certificate; the key of an authority can create any number of clients",
        );
    } else if !certificate.allows(CLIENT_AUTHENTICATION) {
        let uses: Vec<_> =
            certificate.purposes().unwrap_or_default().iter().map(|oid| purpose_name(&oid.to_string())).collect();
        let what = format!("the certificate in `{path}` is for {}, not for client authentication", uses.join(", "));
        complain(
            Rule::UnusableClientCertificate,
            what,
            "have one issued with the extended key usage 1.3.6.1.5.5.7.3.2",
        );
    } else if !certificate.may_sign() {
        let what = format!("the key of the certificate in `{path}` may not sign, which client authentication requires");
        complain(Rule::UnusableClientCertificate, what, "have one issued with the key usage `digitalSignature`");
    }
    match certificate.key() {
        SubjectKey::Rsa(bits @ 0..MIN_BITS) => {
            let what = format!("the key of the certificate in `{path}` is weak: {bits} bits");
            complain(Rule::UnusableClientCertificate, what, "have one issued with a key of 2048 bits");
        }
        SubjectKey::Rsa(bits) if bits > KEY_BITS => {
            let what = format!("the key of the certificate in `{path}` has {bits} bits; the documented size is 2048");
            complain(
                Rule::QuestionableClientCertificate,
                what,
                "test it on a machine you can afford to wipe, or have one issued with 2048 bits",
            );
        }
        _ => {}
    }
    let signed_with = certificate.signature_algorithm();
    if !signed_with.is_sha2() {
        let what = format!("the certificate in `{path}` is signed with {signed_with}");
        complain(Rule::UnusableClientCertificate, what, "have one issued with SHA-256, which Windows requires");
    }
    let issuers: Vec<&Certificate> = authorities.all().chain(&opened.others).collect();
    let named = issuers.iter().filter(|issuer| certificate.is_issued_by(issuer));
    let checked: Vec<_> = named.map(|issuer| certificate.check_signed_by(issuer)).collect();
    if !checked.is_empty() && checked.iter().all(|checked| *checked == Err(SignatureError::Wrong)) {
        let what = format!(
            "the signature of the certificate in `{path}` does not match its issuer `{}`",
            certificate.issuer()
        );
        complain(
            Rule::UnusableClientCertificate,
            what,
            "name the newer certificate of the authority in `issuing-cas`: its key was renewed",
        );
    } else if certificate.is_self_issued() {
        let what = format!("the certificate in `{path}` is self-signed, which HTTPS management points refuse");
        complain(
            Rule::QuestionableClientCertificate,
            what,
            "have one issued by an authority that the management points trust",
        );
    } else if checked.is_empty() {
        let what = format!(
            "the issuer `{}` of the certificate in `{path}` is not in `root-ca` or `issuing-cas`",
            certificate.issuer()
        );
        complain(Rule::UnknownIssuer, what, "name the issuer's certificate in `issuing-cas`, to put it on the medium");
    }
    let what = format!("the certificate in `{path}`");
    let signer = issuers.iter().filter(|issuer| certificate.is_issued_by(issuer)).zip(&checked);
    if let Some((signer, _)) = signer.into_iter().find(|(_, checked)| checked.is_ok()) {
        check_key_ids(request, certificate, signer, &what, pointer, problems);
    }
    check_validity(
        request,
        &what,
        (certificate.not_before(), certificate.not_after()),
        pointer,
        Rule::UnusableClientCertificate,
        problems,
    );
}

/// Creates a self-signed certificate, and returns it with its key.
fn make_self_signed(
    request: &MediumRequest<'_>,
    own: &SelfSigned,
    name: &str,
    pointer: &str,
    problems: &mut Problems,
) -> Option<PfxContents> {
    let Some(start) = own.start.as_deref().and_then(parse_date).or(medium_date(request)) else {
        let problem =
            Problem::new(Rule::InvalidCertificateDates, "the self-signed certificate has no start of validity");
        let problem = problem.at(request.place(pointer), "has no `start`, and the medium has no `source-date`");
        problems.add(problem.help("write `start = 2026-01-01` here, or `source-date` in `[media]`"));
        return None;
    };
    let start = start.unix();
    let expires = own.expires.as_deref().and_then(parse_date).map(Date::unix);
    if expires.is_none() {
        let message =
            format!("the certificate expires on {}, one year after it starts", crate::date::day(start + YEAR));
        let problem = Problem::new(Rule::DefaultValidity, message).at(request.place(pointer), "has no `expires`");
        problems.add(problem.help("write `expires = …` to choose another date"));
    }
    // The last valid second precedes `expires`.
    let end = expires.unwrap_or(start + YEAR) - 1;
    if end < start {
        let problem = Problem::new(Rule::InvalidCertificateDates, "the certificate expires before it starts");
        let problem = problem.at(request.place(&format!("{pointer}/expires")), "");
        problems.add(problem.help("choose an earlier `start` or a later `expires`"));
        return None;
    }
    check_validity(request, "the certificate", (start, end), pointer, Rule::InvalidCertificateDates, problems);
    let note = Problem::note("no site has been tested with certificates generated by tsmedia");
    let note = note.at(request.place(pointer), "experimental");
    problems.add(note.help(
        "register it at the site, which only knows certificates of its own wizard: `tsmedia certificate` prints it, \
         and `Import-CMCertificate` imports it; the console lists it under Administration, Security, Certificates with \
         type Boot media",
    ));
    let key = match &own.key {
        Some(reference) => {
            let at = format!("{pointer}/key");
            let bytes = fetch_secret(request, &at, reference, problems)?;
            parse_key(request, bytes.bytes(), &at, problems)?
        }
        None => cached_key(request, pointer, problems)?,
    };
    match certificate::self_signed::self_signed(&key, name, start, end) {
        Ok(certificate) => Some(PfxContents { certificate, others: Vec::new(), key }),
        Err(error) => {
            let problem = Problem::error(format!("the certificate can't be made: {error}"));
            problems.add(problem.at(request.place(pointer), "").help("give it another key"));
            None
        }
    }
}

/// Returns the date of the medium if one was given, in the manifest or on the command line.
fn medium_date(request: &MediumRequest<'_>) -> Option<Date> {
    request.rendered.manifest.media.date().or(Some(request.date).filter(|date| *date != Date::EARLIEST))
}

/// Parses the private key that the manifest refers to.
fn parse_key(request: &MediumRequest<'_>, bytes: &[u8], pointer: &str, problems: &mut Problems) -> Option<PrivateKey> {
    let make = "make one: `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out media.key`";
    let (message, help) = match PrivateKey::read(bytes) {
        Ok(key) if key.bits() < MIN_BITS => (format!("the key is weak: {} bits", key.bits()), make.to_owned()),
        Ok(key) => return Some(key),
        Err(PrivateKeyError::Encrypted) => (
            "the key is encrypted with a password".into(),
            "remove the password in a safe place: `openssl pkey -in media.key -out media.key`".into(),
        ),
        Err(PrivateKeyError::Other(label)) => (format!("the key is `{label}`, not a readable RSA key"), make.into()),
        Err(PrivateKeyError::Unreadable) => ("the key is not a private key".into(), make.into()),
    };
    let problem = Problem::new(Rule::InvalidCertificateSource, message).at(request.place(pointer), "");
    problems.add(problem.help(help));
    None
}

/// Returns the key kept in the cache, generating it if missing; `None` while only checking.
fn cached_key(request: &MediumRequest<'_>, pointer: &str, problems: &mut Problems) -> Option<PrivateKey> {
    let message =
        "the medium can't be reproduced on other machines: the key of its certificate is generated on this one";
    let problem = Problem::new(Rule::MachineSpecificKey, message).at(request.place(pointer), "has no `key`");
    problems.add(problem.help(
        "generate a key with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`, and write \
         `key = { env = \"MEDIA_KEY\" }`",
    ));
    match request.sources.certificate_key() {
        Ok(key) => key,
        Err(error) => {
            request.failed(&error, pointer, problems);
            None
        }
    }
}

/// Returns the name of an extended key usage (RFC 5280, 4.2.1.12).
fn purpose_name(oid: &str) -> String {
    match oid {
        "1.3.6.1.5.5.7.3.1" => "server authentication".into(),
        "1.3.6.1.5.5.7.3.3" => "code signing".into(),
        "1.3.6.1.5.5.7.3.4" => "email".into(),
        "1.3.6.1.5.5.7.3.8" => "time stamping".into(),
        "1.3.6.1.4.1.311.20.2.2" => "smart card logon".into(),
        other => format!("`{other}`"),
    }
}

fn hex(bytes: &[u8]) -> String {
    // Allocate the final length: a growing string would leave copies of the secret behind.
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
        }
    }
    text
}
