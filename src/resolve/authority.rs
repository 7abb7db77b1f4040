//! Certificates of a site's authorities. Each file must hold one authority certificate, signed by
//! the root or another issuing authority. Dynamic media require one root for all primary sites.

use camino::{Utf8Path, Utf8PathBuf};

use super::expiry::check_validity;
use super::request::MediumRequest;
use crate::format::certificate::pem::{self, PemError};
use crate::format::certificate::signature::SignatureError;
use crate::format::certificate::{Certificate, MalformedCertificate, SubjectKey};
use crate::limits::MAX_CERTIFICATE_LEN;
use crate::manifest::{Mode, is_pem};
use crate::problem::{Place, Problem, Problems};
use crate::rule::Rule;

const ROOT: &str = "/sites/0/root-ca";

/// Minimum RSA key length in bits; shorter keys can be broken.
pub(super) const MIN_BITS: usize = 2_048;

/// The certification authorities of a site.
#[derive(Default)]
pub(super) struct Authorities {
    pub root: Option<Certificate>,
    pub issuing: Vec<Certificate>,
}

impl Authorities {
    /// Returns all authorities, the root first.
    pub fn all(&self) -> impl Iterator<Item = &Certificate> {
        self.root.iter().chain(&self.issuing)
    }
}

/// Reads the authorities of the site that the medium is made for; invalid ones are left out.
pub(super) fn read_authorities(request: &MediumRequest<'_>, problems: &mut Problems) -> Authorities {
    let mut authorities = Authorities::default();
    let Some(site) = request.rendered.manifest.sites.first() else { return authorities };
    if let Some(path) = &site.root_ca {
        let path = certificate_name(request, path, ROOT);
        authorities.root = read_authority(request, &path, ROOT, problems);
        if let Some(root) = &authorities.root {
            check_root(request, root, &path, problems);
        }
    }
    let mut found = Vec::new();
    for (at, path) in site.issuing_cas.iter().enumerate() {
        let pointer = format!("/sites/0/issuing-cas/{at}");
        let path = certificate_name(request, path, &pointer);
        found
            .extend(read_authority(request, &path, &pointer, problems).map(|certificate| (certificate, path, pointer)));
    }
    authorities.issuing = found.iter().map(|(certificate, ..)| certificate.clone()).collect();
    // Without a valid root, every chain below it would fail as well, so report only the root.
    if authorities.root.is_some() || site.root_ca.is_none() {
        for (certificate, path, pointer) in &found {
            check_issuing(request, certificate, &authorities, path, pointer, problems);
        }
    }
    check_same_root(request, &authorities, problems);
    authorities
}

/// Reads and checks the authority certificate in a file.
fn read_authority(
    request: &MediumRequest<'_>,
    path: &Utf8Path,
    pointer: &str,
    problems: &mut Problems,
) -> Option<Certificate> {
    let certificate = read_certificate(request, path, pointer, problems)?;
    check_authority(request, &certificate, path, pointer, problems);
    Some(certificate)
}

/// Returns the path of the certificate named at a JSON pointer, or the name of the key if the value
/// is the PEM text itself.
pub(super) fn certificate_name(request: &MediumRequest<'_>, text: &str, pointer: &str) -> Utf8PathBuf {
    match is_pem(text) {
        true => key_name(pointer).into(),
        false => request.input(pointer, text),
    }
}

/// Returns the last key of a JSON pointer, skipping list positions.
fn key_name(pointer: &str) -> &str {
    pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or(pointer)
}

/// Reads a file that holds one certificate, or the PEM text at the JSON pointer.
pub(super) fn read_certificate(
    request: &MediumRequest<'_>,
    path: &Utf8Path,
    pointer: &str,
    problems: &mut Problems,
) -> Option<Certificate> {
    let text = request.rendered.value().pointer(pointer).and_then(|value| value.as_str());
    let bytes = match text.filter(|text| is_pem(text)) {
        Some(text) => text.as_bytes().to_vec(),
        None => request.read(path, MAX_CERTIFICATE_LEN as u64, pointer, problems)?,
    };
    match parse_single(&bytes, path) {
        Ok(certificate) => Some(certificate),
        Err((message, help)) => {
            problems.add(Problem::error(message).at(request.place(pointer), "").help(help));
            None
        }
    }
}

/// Checks the properties that every authority certificate needs.
fn check_authority(
    request: &MediumRequest<'_>,
    certificate: &Certificate,
    path: &Utf8Path,
    pointer: &str,
    problems: &mut Problems,
) {
    let subject = certificate.subject();
    if !certificate.is_ca() || !certificate.may_sign_certificates() {
        let message = format!("`{path}` is not an authority certificate: it belongs to `{subject}`");
        let problem = Problem::error(message).at(request.place(pointer), "may not sign certificates");
        problems.add(problem.help("name the certificate of its issuer instead"));
    }
    if let SubjectKey::Rsa(bits @ 0..MIN_BITS) = certificate.key() {
        let message = format!("the key of the authority `{subject}` is weak: {bits} bits");
        let problem = Problem::warning(message).at(request.place(pointer), "");
        problems.add(problem.help(format!("renew the authority with a key of at least {MIN_BITS} bits")));
    }
    let valid = (certificate.not_before(), certificate.not_after());
    check_validity(
        request,
        &format!("the certificate `{path}` of `{subject}`"),
        valid,
        pointer,
        Rule::InvalidCertificateDates,
        problems,
    );
}

/// Checks that the root is signed by its own key.
fn check_root(request: &MediumRequest<'_>, root: &Certificate, path: &Utf8Path, problems: &mut Problems) {
    let problem = if !root.is_self_issued() {
        let message =
            format!("`{path}` is not a root certificate: `{}` is signed by `{}`", root.subject(), root.issuer());
        let help = "name the issuer's certificate in `root-ca`, and this one in `issuing-cas`";
        Problem::new(Rule::InvalidRootCa, message).help(help)
    } else {
        match root.check_signed_by(root) {
            Ok(()) => {
                check_key_ids(request, root, root, &format!("`{path}`"), ROOT, problems);
                return;
            }
            Err(SignatureError::Wrong) => {
                Problem::new(Rule::InvalidRootCa, format!("the signature of `{path}` does not match its own key"))
                    .help("export it again; it was changed after it was signed")
            }
            Err(SignatureError::Unsupported) => unverified_signature(root, path),
        }
    };
    problems.add(problem.at(request.place(ROOT), ""));
}

/// Checks that an issuing authority is signed by the root or by another issuing authority.
fn check_issuing(
    request: &MediumRequest<'_>,
    certificate: &Certificate,
    all: &Authorities,
    path: &Utf8Path,
    pointer: &str,
    problems: &mut Problems,
) {
    let place = request.place(pointer);
    if !certificate.signature_algorithm().is_sha2() {
        let message =
            format!("`{path}` is signed with {}, which Windows no longer accepts", certificate.signature_algorithm());
        let problem = Problem::warning(message).at(place.clone(), "");
        problems.add(problem.help("have it reissued with SHA-256"));
    }
    // Names are not unique: a renewed authority keeps its name, so try every certificate with the
    // issuer's name.
    let signers: Vec<_> = all.all().filter(|signer| certificate.is_issued_by(signer)).collect();
    let checked: Vec<_> = signers.iter().map(|signer| certificate.check_signed_by(signer)).collect();
    let problem = if certificate.is_self_issued() {
        let message = format!("`{path}` is a root certificate, listed in `issuing-cas`");
        Problem::error(message).help("move it to `root-ca`, or remove it")
    } else if let Some(signer) = signers.iter().zip(&checked).find(|(_, checked)| checked.is_ok()) {
        check_key_ids(request, certificate, signer.0, &format!("`{path}`"), pointer, problems);
        return;
    } else if signers.is_empty() {
        let message = format!("the issuer `{}` of `{path}` is not an authority of this site", certificate.issuer());
        let problem = Problem::error(message).help("name the issuer's certificate in `root-ca` or `issuing-cas`");
        match all.root {
            Some(_) => problem.at(place, "").at(request.place(ROOT), "the root"),
            None => problem.at(place, ""),
        }
    } else if checked.contains(&Err(SignatureError::Unsupported)) {
        unverified_signature(certificate, path).at(place, "")
    } else {
        let message = format!("the signature of `{path}` does not match the key of `{}`", certificate.issuer());
        Problem::error(message).at(place, "").help("name the newer certificate of the authority: its key was renewed")
    };
    let problem = if problem.labels.is_empty() { problem.at(request.place(pointer), "") } else { problem };
    problems.add(problem);
}

/// Warns of a certificate whose authority key identifier names a key other than the signer's.
/// Programs that look up signers by key identifier don't find the signer.
pub(super) fn check_key_ids(
    request: &MediumRequest<'_>,
    certificate: &Certificate,
    signer: &Certificate,
    what: &str,
    pointer: &str,
    problems: &mut Problems,
) {
    if certificate.names_other_key(signer) {
        let message =
            format!("the authority key identifier of {what} does not match its signer `{}`", signer.subject());
        let problem = Problem::warning(message).at(request.place(pointer), certificate.subject());
        problems.add(problem.help("have it reissued: `openssl verify` and servers reject such a chain"));
    }
}

/// Checks that primary sites share one root (R40, R41): dynamic media send clients from one to
/// another.
fn check_same_root(request: &MediumRequest<'_>, authorities: &Authorities, problems: &mut Problems) {
    let rendered = request.rendered;
    let (manifest, inventory) = (&rendered.manifest, rendered.all_sites());
    let asks_by_https = manifest.sites.iter().flat_map(|site| &site.management_points).any(|point| is_https(point));
    let (Some(root), true) = (&authorities.root, manifest.media.mode == Some(Mode::Dynamic) && asks_by_https) else {
        return;
    };
    let Some(own_at) = inventory.iter().position(|listed| listed.code == rendered.site && listed.is_primary) else {
        return;
    };
    for (other_at, other) in inventory.iter().enumerate().filter(|(at, other)| *at != own_at && other.is_primary) {
        let Some((written, place)) = &other.root_ca else {
            let message = format!(
                "dynamic media may send a client to the primary site `{}`, which has no root certificate",
                other.code.as_deref().unwrap_or_default()
            );
            let problem = Problem::new(Rule::InvalidRootCa, message).at(other.place.clone(), "");
            let problem = problem.at(request.place("/media/mode"), "the mode");
            problems.add(problem.help("add `root-ca` to that site, or write `mode = \"site-based\"`"));
            continue;
        };
        // An unreadable root is reported when that site is resolved.
        let Some(other_root) = read_root_of_site(request, written, place) else { continue };
        if other_root.fingerprint() == root.fingerprint() {
            continue;
        }
        let own = manifest.sites.first().and_then(|site| site.root_ca.as_deref()).unwrap_or_default();
        let mut both = [
            (own_at, rendered.site.as_deref(), own, request.place(ROOT), root),
            (other_at, other.code.as_deref(), written.as_str(), place.clone(), &other_root),
        ];
        // Sort, so that both sites produce the same problem and it is reported once.
        both.sort_by_key(|(at, ..)| *at);
        let names = both.each_ref().map(|(_, code, ..)| code.unwrap_or_default().to_owned());
        let message = format!(
            "the primary sites `{}` and `{}` have different root authorities, but dynamic media send clients \
             from one to the other",
            names[0], names[1]
        );
        let mut problem = Problem::new(Rule::DifferentRootCas, message);
        for (_, _, path, place, root) in both {
            let path = if is_pem(path) { key_name(ROOT) } else { path };
            let fingerprint = root.fingerprint().to_string();
            problem = problem.at(place, format!("`{path}` has the fingerprint {}…", &fingerprint[..16]));
        }
        problems.add(problem.help(
            "write `mode = \"site-based\"`, or name one `root-ca` for both sites and import it at every primary site",
        ));
        return;
    }
}

/// Reads the root certificate of another site; `None` if it can't be read.
fn read_root_of_site(request: &MediumRequest<'_>, written: &str, place: &Place) -> Option<Certificate> {
    if is_pem(written) {
        return parse_single(written.as_bytes(), key_name(ROOT).into()).ok();
    }
    let path = request.rendered.path_from(place, written);
    request.notes.inputs.borrow_mut().note(&path);
    let bytes = request.sources.read(&path, MAX_CERTIFICATE_LEN as u64).ok()?;
    parse_single(&bytes, &path).ok()
}

fn is_https(point: &str) -> bool {
    point.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

/// Returns the problem for a signature that can't be verified.
fn unverified_signature(certificate: &Certificate, path: &Utf8Path) -> Problem {
    Problem::new(
        Rule::UnverifiedSignature,
        format!("the signature of `{path}` was not verified: its algorithm is {}", certificate.signature_algorithm()),
    )
    .help("verify it with `openssl verify`")
}

/// Parses a file that holds one certificate; the error is a message with help.
fn parse_single(bytes: &[u8], path: &Utf8Path) -> Result<Certificate, (String, String)> {
    let (message, help) = match pem::read_certificates(bytes) {
        Ok(certificates) => match <[Certificate; 1]>::try_from(certificates) {
            Ok([certificate]) => return Ok(certificate),
            Err(several) => (
                format!("`{path}` holds {} certificates; expected one", several.len()),
                "put each into its own file: the root in `root-ca`, the others in `issuing-cas`".to_owned(),
            ),
        },
        Err(PemError::Empty) => (format!("`{path}` is empty"), "export the certificate again".into()),
        Err(PemError::Others(labels)) => {
            let what = labels.first().map(String::as_str).unwrap_or("nothing");
            let help = if what.contains("PRIVATE KEY") {
                "name the certificate; keep the private key of an authority away from media"
            } else {
                "name a file with a certificate"
            };
            (format!("`{path}` holds `{what}`, not a certificate"), help.into())
        }
        Err(PemError::Armour(number)) => (
            format!("the {} PEM block of `{path}` is damaged or not closed", ordinal(number)),
            "export it again".into(),
        ),
        Err(PemError::Malformed(_, MalformedCertificate::Truncated)) => {
            (format!("`{path}` is truncated"), "copy it again".into())
        }
        Err(PemError::Malformed(_, MalformedCertificate::Invalid(why))) => (
            format!("`{path}` is not a certificate: {why}"),
            "name a certificate in PEM or DER (`.cer`, `.crt`, `.pem`)".into(),
        ),
        Err(PemError::Pfx) => (
            format!("`{path}` is a PFX file; expected a certificate without a key"),
            format!("extract the certificate: `openssl pkcs12 -in {path} -cacerts -nokeys -out root.pem`"),
        ),
        Err(PemError::Pkcs7) => (
            format!("`{path}` is a PKCS #7 file without a certificate"),
            "export the certificate as PEM or DER (`.cer`, `.crt`, `.pem`)".into(),
        ),
    };
    Err((message, help))
}

fn ordinal(number: usize) -> String {
    match number {
        1 => "first".into(),
        2 => "second".into(),
        3 => "third".into(),
        number => format!("{number}th"),
    }
}
