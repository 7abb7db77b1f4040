//! The site that a medium is made for: what the medium tells of it, and what it proves itself with there.
//!
//! A PFX file is opened, checked, and put on the medium under the password that its client knows; a certificate that
//! signs itself is made, of a key that is given or of one that the cache keeps. Variables are as public readers of media
//! know them; no client of Configuration Manager has read these.

use std::sync::Arc;

use camino::Utf8Path;

use super::authority::{Authorities, MIN_BITS, authorities, certificate_in, certificate_name, check_key_ids};
use super::expiry::{check_medium_expiry, check_validity};
use super::request::Request;
use super::secret_refs::{secret, secret_text};
use crate::date::Date;
use crate::format::certificate::pfx::{self, NotOpened, Opened};
use crate::format::certificate::private_key::{KEY_BITS, NotAKey, PrivateKey};
use crate::format::certificate::signature::Unchecked;
use crate::format::certificate::{self, CLIENT_AUTHENTICATION, Certificate, Key};
use crate::limits;
use crate::manifest::{CertificateTable, Kind, PfxFile, SelfSigned, moment};
use crate::media::data::{MediaData, Value};
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::secret::Secret;

/// The JSON pointer of the certificate that a site signs with.
const SIGNING: &str = "/sites/0/signing-certificate";
/// So long is a certificate valid that does not say.
const YEAR: u64 = 365 * 86_400;
/// So many characters of a medium's GUID are the password of the certificate on it.
const PASSWORD_LEN: usize = 31;

/// Checks the site and what the medium proves itself with, and has the medium tell both. Returns the certificate of the
/// medium, and the file with its key.
pub(super) fn add_site(
    request: &Request<'_>,
    data: &mut MediaData,
    problems: &mut Problems,
) -> Option<(Certificate, Arc<Secret>)> {
    check_medium_expiry(request, problems);
    let manifest = &request.rendered.manifest;
    let site = manifest.sites.first();
    let has_certificate = manifest.certificate.is_some() || site.is_some_and(|site| site.certificate.is_some());
    let takes_certificate = match manifest.media.kind {
        Kind::Bootable | Kind::Prestaged => site.is_some(),
        Kind::StandAlone => has_certificate,
        Kind::Capture => false,
    };
    if !takes_certificate {
        return None;
    }
    let authorities = authorities(request, problems);
    if let Some(root) = authorities.root.as_ref().filter(|_| !manifest.contact().is_empty()) {
        data.set("_SMSTSRootCACerts", Value::Text(hex(root.der())));
    }
    if let Some(path) = site.and_then(|site| site.signing_certificate.as_ref()) {
        let path = certificate_name(request, path, SIGNING);
        if let Some(certificate) = certificate_in(request, &path, SIGNING, problems) {
            data.set("_SMSTSSiteSigningCertificate", Value::Text(hex(certificate.der())));
        }
    }
    let (table, pointer) = match (site.and_then(|site| site.certificate.as_ref()), &manifest.certificate) {
        (Some(own), _) => (own, "/sites/0/certificate"),
        (None, Some(table)) => (table, "/certificate"),
        (None, None) => return None,
    };
    if manifest.media.kind == Kind::StandAlone {
        let message = "stand-alone media are taken to carry a certificate as bootable ones do, which is inferred: Microsoft \
                       documents that they have one, and not where";
        let problem = Problem::note(message).at(request.place(pointer), "");
        problems.add(problem.help("test the medium on a computer that you can afford to wipe"));
    }
    let opened = match table {
        CertificateTable { pfx: Some(file), .. } => {
            pfx(request, file, &authorities, &format!("{pointer}/pfx"), problems)
        }
        CertificateTable { self_signed: Some(own), .. } => {
            self_signed(request, own, data.guid(), &format!("{pointer}/self-signed"), problems)
        }
        _ => None,
    };
    let Opened { certificate, mut others, key } = opened?;
    // The server is shown the way up to a root that it knows; from one that signs itself there is none.
    let is_issued = !certificate.is_self_issued();
    for issuing in authorities.issuing.into_iter().filter(|_| is_issued) {
        if !others.contains(&issuing) {
            others.push(issuing);
        }
    }
    let password: String = data.guid().chars().take(PASSWORD_LEN).collect();
    let file = pfx::protected(&key, &certificate, &others, &password).ok()?;
    let file = Arc::new(Secret::new(hex(&file).into_bytes()));
    data.set("_SMSTSMediaPFX", Value::Secret(Arc::clone(&file)));
    Some((certificate, file))
}

/// R46: what is in a PFX file, if it can be used.
fn pfx(
    request: &Request<'_>,
    pfx: &PfxFile,
    authorities: &Authorities,
    pointer: &str,
    problems: &mut Problems,
) -> Option<Opened> {
    let [file_at, password_at] = ["file", "password"].map(|key| format!("{pointer}/{key}"));
    let path = request.input(&file_at, &pfx.file);
    let bytes = request.read_secret(&path, limits::MAX_SECRET_LEN, &file_at, problems)?;
    let password = secret_text(request, &password_at, &pfx.password, problems)?;
    let opened = match pfx::open(bytes.bytes(), password.text().unwrap_or_default()) {
        Ok(opened) => opened,
        Err(why) => {
            not_opened(request, &why, bytes.bytes(), &path, [&file_at, &password_at], problems);
            return None;
        }
    };
    let n_errors = problems.n_errors_told();
    check_client(request, &opened, authorities, &path, &file_at, problems);
    (problems.n_errors_told() == n_errors).then_some(opened)
}

fn not_opened(
    request: &Request<'_>,
    why: &NotOpened,
    bytes: &[u8],
    path: &Utf8Path,
    [file, password]: [&str; 2],
    problems: &mut Problems,
) {
    let is_pem = bytes.starts_with(b"-----BEGIN");
    let message = match why {
        NotOpened::WrongPassword => format!("the password does not open `{path}`"),
        NotOpened::NotOne(_) if is_pem => format!("`{path}` is PEM, and a PFX file is meant"),
        why => format!("`{path}` can't be used: {why}"),
    };
    let problem = Problem::new(Rule::UnusableClientCertificate, message);
    let help = match why {
        NotOpened::WrongPassword => "give the password that the file was exported with; or is it another file?",
        NotOpened::Truncated => "copy it again: it ends early",
        NotOpened::NotOne(_) if is_pem => {
            "make one of it: `openssl pkcs12 -export -in cert.pem -inkey key.pem -out media.pfx`"
        }
        NotOpened::NotOne(_) => "export the certificate with its private key, as PFX",
        NotOpened::Unsupported(_) => "export it again, with an RSA key, AES or 3DES, and a password",
        NotOpened::NoKey => "export the certificate again, with its private key, which has to be marked exportable",
        NotOpened::NoCertificate => "export the certificate again, together with its key",
        NotOpened::KeyOfNone => "put the key and its own certificate into one file",
    };
    let problem = match why {
        NotOpened::WrongPassword => problem.at(request.place(password), "").at(request.place(file), "the file"),
        _ => problem.at(request.place(file), ""),
    };
    problems.add(problem.help(help));
}

/// R46: what a certificate has to be that a client proves itself with.
fn check_client(
    request: &Request<'_>,
    opened: &Opened,
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
        let what = format!("the certificate in `{path}` is that of an authority");
        complain(
            Rule::UnusableClientCertificate,
            what,
            "export that of a client: with the authority's key anybody can be made a client",
        );
    } else if !certificate.serves(CLIENT_AUTHENTICATION) {
        let uses: Vec<_> =
            certificate.purposes().unwrap_or_default().iter().map(|oid| purpose(&oid.to_string())).collect();
        let what = format!("the certificate in `{path}` is not for client authentication, but for {}", uses.join(", "));
        complain(Rule::UnusableClientCertificate, what, "have one issued with the usage 1.3.6.1.5.5.7.3.2");
    } else if !certificate.may_sign() {
        let what = format!("the key of the certificate in `{path}` may not sign, and a client proves itself by that");
        complain(Rule::UnusableClientCertificate, what, "have one issued with the key usage `digitalSignature`");
    }
    match certificate.key() {
        Key::Rsa(bits @ 0..MIN_BITS) => {
            let what = format!("the certificate in `{path}` has a weak key of {bits} bits");
            complain(Rule::UnusableClientCertificate, what, "have one issued for a key of 2048 bits");
        }
        Key::Rsa(bits) if bits > KEY_BITS => {
            let what = format!("the certificate in `{path}` has a key of {bits} bits, and 2048 are documented");
            complain(
                Rule::QuestionableClientCertificate,
                what,
                "try it on a computer that may be lost, or have one issued for 2048 bits",
            );
        }
        _ => {}
    }
    let signed_with = certificate.signed_with();
    if !signed_with.is_sha2() {
        let what = format!("the signature of the certificate in `{path}` is {signed_with}");
        complain(Rule::UnusableClientCertificate, what, "have one issued with SHA-256: Windows takes no other");
    }
    let issuers: Vec<&Certificate> = authorities.all().chain(&opened.others).collect();
    let named = issuers.iter().filter(|issuer| certificate.is_issued_by(issuer));
    let checked: Vec<_> = named.map(|issuer| certificate.is_signed_by(issuer)).collect();
    if !checked.is_empty() && checked.iter().all(|checked| *checked == Err(Unchecked::Wrong)) {
        let what =
            format!("the certificate in `{path}` is not signed by `{}`, whose name it bears", certificate.issuer());
        complain(
            Rule::UnusableClientCertificate,
            what,
            "the authority has a new key: name its newer certificate in `issuing-cas`",
        );
    } else if certificate.is_self_issued() {
        let what = format!("the certificate in `{path}` signs itself, and servers that ask for HTTPS take no such one");
        complain(Rule::QuestionableClientCertificate, what, "have one issued by an authority that the servers know");
    } else if checked.is_empty() {
        let what =
            format!("nothing here shows who `{}` is, which signed the certificate in `{path}`", certificate.issuer());
        complain(Rule::UnknownIssuer, what, "name its certificate in `issuing-cas`, so that the medium can show it");
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

/// A certificate that signs itself, and its key.
fn self_signed(
    request: &Request<'_>,
    own: &SelfSigned,
    name: &str,
    pointer: &str,
    problems: &mut Problems,
) -> Option<Opened> {
    let Some(start) = own.start.as_deref().and_then(moment).or(date_said(request)) else {
        let problem = Problem::new(Rule::InvalidCertificateDates, "from when the certificate is valid is not said");
        let problem = problem.at(request.place(pointer), "has no `start`, and the medium no `source-date`");
        problems.add(problem.help("write `start = 2026-01-01` in it, or `source-date` in `[media]`"));
        return None;
    };
    let start = start.unix();
    let expires = own.expires.as_deref().and_then(moment).map(Date::unix);
    if expires.is_none() {
        let message =
            format!("the certificate expires on {}, one year after it starts", crate::date::day(start + YEAR));
        let problem = Problem::new(Rule::DefaultValidity, message).at(request.place(pointer), "has no `expires`");
        problems.add(problem.help("write `expires = …` to have it otherwise"));
    }
    // The last second that it is valid is the one before.
    let end = expires.unwrap_or(start + YEAR) - 1;
    if end < start {
        let problem = Problem::new(Rule::InvalidCertificateDates, "the certificate expires before it starts");
        let problem = problem.at(request.place(&format!("{pointer}/expires")), "");
        problems.add(problem.help("let it start earlier, or expire later"));
        return None;
    }
    check_validity(request, "the certificate", (start, end), pointer, Rule::InvalidCertificateDates, problems);
    let note = Problem::note("whether a site takes a certificate that was made elsewhere has not been tried");
    let note = note.at(request.place(pointer), "experimental");
    problems.add(note.help(
        "register it at the site, which knows those that its own wizard made: `tsmedia certificate` prints it, and \
         `Import-CMCertificate` imports it; the console lists it under Administration, Security, Certificates, as one \
         of type Boot media",
    ));
    let key = match &own.key {
        Some(reference) => {
            let at = format!("{pointer}/key");
            let bytes = secret(request, &at, reference, problems)?;
            key(request, bytes.bytes(), &at, problems)?
        }
        None => kept_key(request, pointer, problems)?,
    };
    match certificate::self_signed::self_signed(&key, name, start, end) {
        Ok(certificate) => Some(Opened { certificate, others: Vec::new(), key }),
        Err(error) => {
            let problem = Problem::error(format!("the certificate can't be made: {error}"));
            problems.add(problem.at(request.place(pointer), "").help("give it another key"));
            None
        }
    }
}

/// The date of the medium, if anybody said one.
fn date_said(request: &Request<'_>) -> Option<Date> {
    request.rendered.manifest.media.date().or(Some(request.date).filter(|date| *date != Date::EARLIEST))
}

/// A private key that the author gives.
fn key(request: &Request<'_>, bytes: &[u8], pointer: &str, problems: &mut Problems) -> Option<PrivateKey> {
    let make = "make one: `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out media.key`";
    let (message, help) = match PrivateKey::read(bytes) {
        Ok(key) if key.bits() < MIN_BITS => (format!("the key is weak: it has {} bits", key.bits()), make.to_owned()),
        Ok(key) => return Some(key),
        Err(NotAKey::Encrypted) => (
            "the key is under a password of its own".into(),
            "take it off where the key is kept safe: `openssl pkey -in media.key -out media.key`".into(),
        ),
        Err(NotAKey::Other(label)) => (format!("the key is no RSA key that can be read, but `{label}`"), make.into()),
        Err(NotAKey::Unreadable) => ("the key is no private key".into(), make.into()),
    };
    let problem = Problem::new(Rule::InvalidCertificateSource, message).at(request.place(pointer), "");
    problems.add(problem.help(help));
    None
}

/// The key that the cache keeps, made now if there is none; nothing for somebody who only checks.
fn kept_key(request: &Request<'_>, pointer: &str, problems: &mut Problems) -> Option<PrivateKey> {
    let message = "the medium is not the same elsewhere: the key of its certificate is made here";
    let problem = Problem::new(Rule::MachineSpecificKey, message).at(request.place(pointer), "has no `key`");
    problems.add(problem.help(
        "make one with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`, and write \
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

/// What certificates are used for, in words (RFC 5280, 4.2.1.12).
fn purpose(oid: &str) -> String {
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
    // As long as it will be: a text that grows leaves copies of itself behind.
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
        }
    }
    text
}
