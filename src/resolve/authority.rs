//! The certificates of a site's authorities: each a file with one certificate of an authority, each signed by the one
//! above it, and the same root for all primary sites where media lead from one to another.

use camino::{Utf8Path, Utf8PathBuf};

use super::expiry::check_validity;
use super::request::Request;
use crate::format::certificate::pem::{self, Unreadable};
use crate::format::certificate::signature::Unchecked;
use crate::format::certificate::{Certificate, Key, Malformed};
use crate::limits::MAX_CERTIFICATE_LEN;
use crate::manifest::{Mode, is_pem};
use crate::problem::{Place, Problem, Problems};
use crate::rule::Rule;

const ROOT: &str = "/sites/0/root-ca";

/// Keys of fewer bits can be broken.
pub(super) const MIN_BITS: usize = 2_048;

/// The authorities of a site.
#[derive(Default)]
pub(super) struct Authorities {
    pub root: Option<Certificate>,
    pub issuing: Vec<Certificate>,
}

impl Authorities {
    /// All of them, the root first.
    pub fn all(&self) -> impl Iterator<Item = &Certificate> {
        self.root.iter().chain(&self.issuing)
    }
}

/// The authorities of the site that the medium is made for, as far as they are right.
pub(super) fn authorities(request: &Request<'_>, problems: &mut Problems) -> Authorities {
    let mut authorities = Authorities::default();
    let Some(site) = request.rendered.manifest.sites.first() else { return authorities };
    if let Some(path) = &site.root_ca {
        let path = certificate_name(request, path, ROOT);
        authorities.root = authority(request, &path, ROOT, problems);
        if let Some(root) = &authorities.root {
            check_root(request, root, &path, problems);
        }
    }
    let mut found = Vec::new();
    for (at, path) in site.issuing_cas.iter().enumerate() {
        let pointer = format!("/sites/0/issuing-cas/{at}");
        let path = certificate_name(request, path, &pointer);
        found.extend(authority(request, &path, &pointer, problems).map(|certificate| (certificate, path, pointer)));
    }
    authorities.issuing = found.iter().map(|(certificate, ..)| certificate.clone()).collect();
    if authorities.root.is_some() || site.root_ca.is_none() {
        for (certificate, path, pointer) in &found {
            check_issuing(request, certificate, &authorities, path, pointer, problems);
        }
    }
    same_root(request, &authorities, problems);
    authorities
}

/// One certificate of an authority, out of a file.
fn authority(request: &Request<'_>, path: &Utf8Path, pointer: &str, problems: &mut Problems) -> Option<Certificate> {
    let certificate = certificate_in(request, path, pointer, problems)?;
    check_authority(request, &certificate, path, pointer, problems);
    Some(certificate)
}

/// Returns the path of a certificate that the author names at a JSON pointer; for a certificate that stands there itself,
/// the name of its key.
pub(super) fn certificate_name(request: &Request<'_>, text: &str, pointer: &str) -> Utf8PathBuf {
    match is_pem(text) {
        true => key_name(pointer).into(),
        false => request.input(pointer, text),
    }
}

/// Returns the key in a JSON pointer, without a position in a list.
fn key_name(pointer: &str) -> &str {
    pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or(pointer)
}

/// Reads the one certificate in a file, or the one that stands at a JSON pointer itself.
pub(super) fn certificate_in(
    request: &Request<'_>,
    path: &Utf8Path,
    pointer: &str,
    problems: &mut Problems,
) -> Option<Certificate> {
    let text = request.rendered.value().pointer(pointer).and_then(|value| value.as_str());
    let bytes = match text.filter(|text| is_pem(text)) {
        Some(text) => text.as_bytes().to_vec(),
        None => request.read(path, MAX_CERTIFICATE_LEN as u64, pointer, problems)?,
    };
    match one(&bytes, path) {
        Ok(certificate) => Some(certificate),
        Err((message, help)) => {
            problems.add(Problem::error(message).at(request.place(pointer), "").help(help));
            None
        }
    }
}

/// What holds of every authority's certificate.
fn check_authority(
    request: &Request<'_>,
    certificate: &Certificate,
    path: &Utf8Path,
    pointer: &str,
    problems: &mut Problems,
) {
    let subject = certificate.subject();
    if !certificate.is_ca() || !certificate.may_sign_certificates() {
        let message = format!("`{path}` is no certificate of an authority: it is that of `{subject}`");
        let problem = Problem::error(message).at(request.place(pointer), "may sign no certificates");
        problems.add(problem.help("name the certificate that it was signed with"));
    }
    if let Key::Rsa(bits @ 0..MIN_BITS) = certificate.key() {
        let message = format!("the authority `{subject}` has a weak key of {bits} bits");
        let problem = Problem::warning(message).at(request.place(pointer), "");
        problems.add(problem.help(format!("give the authority a key of {MIN_BITS} bits or more")));
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

/// A root signs itself.
fn check_root(request: &Request<'_>, root: &Certificate, path: &Utf8Path, problems: &mut Problems) {
    let problem = if !root.is_self_issued() {
        let message = format!("`{path}` is no root: `{}` is signed by `{}`", root.subject(), root.issuer());
        let help = "name that one as `root-ca`, and this one in `issuing-cas`";
        Problem::new(Rule::InvalidRootCa, message).help(help)
    } else {
        match root.is_signed_by(root) {
            Ok(()) => {
                check_key_ids(request, root, root, &format!("`{path}`"), ROOT, problems);
                return;
            }
            Err(Unchecked::Wrong) => {
                Problem::new(Rule::InvalidRootCa, format!("the signature of `{path}` is not its own key's"))
                    .help("export it again: it was changed since it was signed")
            }
            Err(Unchecked::Unsupported) => unchecked(root, path),
        }
    };
    problems.add(problem.at(request.place(ROOT), ""));
}

/// Another authority is signed by the root, or by one of the others.
fn check_issuing(
    request: &Request<'_>,
    certificate: &Certificate,
    all: &Authorities,
    path: &Utf8Path,
    pointer: &str,
    problems: &mut Problems,
) {
    let place = request.place(pointer);
    if !certificate.signed_with().is_sha2() {
        let message = format!("`{path}` is signed with {}, which Windows takes no more", certificate.signed_with());
        let problem = Problem::warning(message).at(place.clone(), "");
        problems.add(problem.help("have it signed again with SHA-256"));
    }
    let signers: Vec<_> = all.all().filter(|signer| certificate.is_issued_by(signer)).collect();
    let checked: Vec<_> = signers.iter().map(|signer| certificate.is_signed_by(signer)).collect();
    let problem = if certificate.is_self_issued() {
        let message = format!("`{path}` is a root, and `issuing-cas` are below one");
        Problem::error(message).help("name it as `root-ca`, or leave it out")
    } else if let Some(signer) = signers.iter().zip(&checked).find(|(_, checked)| checked.is_ok()) {
        check_key_ids(request, certificate, signer.0, &format!("`{path}`"), pointer, problems);
        return;
    } else if signers.is_empty() {
        let message = format!("`{path}` is signed by `{}`, which is none of this site's", certificate.issuer());
        let problem = Problem::error(message).help("name that one as `root-ca`, or in `issuing-cas`");
        match all.root {
            Some(_) => problem.at(place, "").at(request.place(ROOT), "the root"),
            None => problem.at(place, ""),
        }
    } else if checked.contains(&Err(Unchecked::Unsupported)) {
        unchecked(certificate, path).at(place, "")
    } else {
        let message = format!("the signature of `{path}` is not that of `{}`", certificate.issuer());
        Problem::error(message).at(place, "").help("the authority has a new key: name its newer certificate")
    };
    let problem = if problem.labels.is_empty() { problem.at(request.place(pointer), "") } else { problem };
    problems.add(problem);
}

/// Programs that go by key identifiers don't find the signer of a certificate that names another key.
pub(super) fn check_key_ids(
    request: &Request<'_>,
    certificate: &Certificate,
    signer: &Certificate,
    what: &str,
    pointer: &str,
    problems: &mut Problems,
) {
    if certificate.names_other_key(signer) {
        let message =
            format!("the authority key identifier of {what} is not that of `{}`, which signed it", signer.subject());
        let problem = Problem::warning(message).at(request.place(pointer), certificate.subject());
        problems.add(problem.help("have it issued again: `openssl verify` and servers refuse such a chain"));
    }
}

/// R40 and R41: dynamic media send clients from one primary site to another, where the same root has to do.
fn same_root(request: &Request<'_>, authorities: &Authorities, problems: &mut Problems) {
    let rendered = request.rendered;
    let (manifest, inventory) = (&rendered.manifest, rendered.inventory());
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
                "dynamic media may send a client to the primary site `{}`, which has no root authority",
                other.code.as_deref().unwrap_or_default()
            );
            let problem = Problem::new(Rule::InvalidRootCa, message).at(other.place.clone(), "");
            let problem = problem.at(request.place("/media/mode"), "the mode");
            problems.add(problem.help("give it a `root-ca`, or write `mode = \"site-based\"`"));
            continue;
        };
        // What can't be read is told when it is that site's turn, and compared when it can.
        let Some(other_root) = root_of_other(request, written, place) else { continue };
        if other_root.fingerprint() == root.fingerprint() {
            continue;
        }
        let own = manifest.sites.first().and_then(|site| site.root_ca.as_deref()).unwrap_or_default();
        let mut both = [
            (own_at, rendered.site.as_deref(), own, request.place(ROOT), root),
            (other_at, other.code.as_deref(), written.as_str(), place.clone(), &other_root),
        ];
        // The same complaint, whichever of the two sites it comes from.
        both.sort_by_key(|(at, ..)| *at);
        let names = both.each_ref().map(|(_, code, ..)| code.unwrap_or_default().to_owned());
        let message = format!(
            "the primary sites `{}` and `{}` have different root authorities, and dynamic media lead from one to \
             the other",
            names[0], names[1]
        );
        let mut problem = Problem::new(Rule::DifferentRootCas, message);
        for (_, _, path, place, root) in both {
            let path = if is_pem(path) { key_name(ROOT) } else { path };
            let fingerprint = root.fingerprint().to_string();
            problem = problem.at(place, format!("`{path}` has the fingerprint {}…", &fingerprint[..16]));
        }
        problems.add(problem.help(
            "write `mode = \"site-based\"`; or give both sites the same root, which is imported at every primary site",
        ));
        return;
    }
}

/// Reads the root authority of another site, if that is possible.
fn root_of_other(request: &Request<'_>, written: &str, place: &Place) -> Option<Certificate> {
    if is_pem(written) {
        return one(written.as_bytes(), key_name(ROOT).into()).ok();
    }
    let path = request.rendered.path_from(place, written);
    request.notes.inputs.borrow_mut().note(&path);
    let bytes = request.sources.read(&path, MAX_CERTIFICATE_LEN as u64).ok()?;
    one(&bytes, &path).ok()
}

fn is_https(point: &str) -> bool {
    point.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

/// What is said of a signature that can't be checked.
fn unchecked(certificate: &Certificate, path: &Utf8Path) -> Problem {
    Problem::new(
        Rule::UnverifiedSignature,
        format!("the signature of `{path}` was not checked: it is {}", certificate.signed_with()),
    )
    .help("`openssl verify` checks it")
}

/// The one certificate in a file, or what is wrong and what would be right.
fn one(bytes: &[u8], path: &Utf8Path) -> Result<Certificate, (String, String)> {
    let (message, help) = match pem::certificates(bytes) {
        Ok(certificates) => match <[Certificate; 1]>::try_from(certificates) {
            Ok([certificate]) => return Ok(certificate),
            Err(several) => (
                format!("`{path}` holds {} certificates, and one is meant", several.len()),
                "give each a file of its own: the root is `root-ca`, and the others are `issuing-cas`".to_owned(),
            ),
        },
        Err(Unreadable::Empty) => (format!("`{path}` is empty"), "export the certificate again".into()),
        Err(Unreadable::Others(labels)) => {
            let what = labels.first().map(String::as_str).unwrap_or("nothing");
            let help = if what.contains("PRIVATE KEY") {
                "name the certificate; a private key of an authority belongs nowhere near a medium"
            } else {
                "name a file with a certificate"
            };
            (format!("`{path}` holds no certificate: it is `{what}`"), help.into())
        }
        Err(Unreadable::Armour(number)) => {
            (format!("the {} part of `{path}` is damaged, or not closed", ordinal(number)), "export it again".into())
        }
        Err(Unreadable::Malformed(_, Malformed::Truncated)) => (format!("`{path}` is cut off"), "copy it again".into()),
        Err(Unreadable::Malformed(_, Malformed::NotOne(why))) => {
            (format!("`{path}` is no certificate: {why}"), "name one as PEM or DER (`.cer`, `.crt`, `.pem`)".into())
        }
        Err(Unreadable::Pfx) => (
            format!("`{path}` is a PFX file, and a certificate alone is meant"),
            format!("take it out: `openssl pkcs12 -in {path} -cacerts -nokeys -out root.pem`"),
        ),
        Err(Unreadable::Pkcs7) => (
            format!("`{path}` is a PKCS #7 file without a certificate"),
            "export the certificate, as PEM or DER (`.cer`, `.crt`, `.pem`)".into(),
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
