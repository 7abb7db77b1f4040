//! Checks management points, and the client certificate presented to them.
//!
//! Each site is checked by itself. Properties that sites must share depend on their certificates,
//! and are checked by `resolve`.

use serde_json::Value as Json;

use super::super::address::{self, Address};
use super::super::base;
use super::super::source_date;
use super::active_entries;
use crate::problem::{Place, Problem};
use crate::rule::Rule;
use authoring::doc::Doc;
use authoring::secret_ref;

/// Keys of a site that only clients contacting its management points need.
const FOR_CLIENTS: [&str; 6] = [
    "/sites/0/http-port",
    "/sites/0/https-port",
    "/sites/0/ssl-state",
    "/sites/0/use-first-certificate",
    "/sites/0/root-key",
    "/sites/0/signing-certificate",
];
const MODE: &str = "/media/mode";
const KIND: &str = "/media/kind";
const SITE_KIND: &str = "/sites/0/kind";
const POINTS: &str = "/sites/0/management-points";
const GATEWAY: &str = "/sites/0/cloud-management-gateway";
/// JSON pointers of certificates; that of the site takes precedence.
const CERTIFICATES: [&str; 2] = ["/sites/0/certificate", "/certificate"];

/// Returns the JSON pointers of all paths in sites, bases and certificates.
pub(super) fn path_pointers(doc: Doc<'_>) -> Vec<String> {
    let mut pointers =
        ["/sites/0/data", "/sites/0/root-ca", "/sites/0/signing-certificate"].map(str::to_owned).to_vec();
    let n_issuing = doc.get("/sites/0/issuing-cas").and_then(Json::as_array).map_or(0, Vec::len);
    pointers.extend((0..n_issuing).map(|at| format!("/sites/0/issuing-cas/{at}")));
    for base in base::POINTERS {
        pointers.extend(["medium", "password/file"].map(|key| format!("{base}/{key}")));
    }
    for certificate in CERTIFICATES {
        for key in ["pfx/file", "pfx/password/file", "self-signed/key/file"] {
            pointers.push(format!("{certificate}/{key}"));
        }
    }
    pointers
}

pub(super) fn check(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    for base in base::POINTERS {
        check_secret_refs(doc, base, &["password"], problems);
    }
    for certificate in CERTIFICATES {
        check_secret_refs(doc, certificate, &["pfx/password", "self-signed/key"], problems);
    }
    match doc.str(KIND) {
        Some(kind @ ("stand-alone" | "capture")) => return refuse_site_options(doc, kind, problems),
        Some("bootable" | "prestaged") => {}
        _ => return,
    }
    let certificate = CERTIFICATES.into_iter().find(|pointer| doc.spans.has(pointer));
    let points = check_points(doc, problems);
    if let Some(gateway) = doc.str(GATEWAY) {
        check_gateway(doc, gateway, problems);
    }
    check_mode(doc, certificate, &points, problems);
    if let Some(certificate) = certificate {
        check_certificate_source(doc, certificate, problems);
        check_certificate_dates(doc, certificate, problems);
    }
    check_certificate_scheme(doc, certificate, &points, problems);
    check_https(doc, &points, problems);
}

/// A management point with a valid address.
struct ManagementPoint {
    place: Place,
    text: String,
    address: Address,
}

/// Checks references to secrets at keys of a table.
fn check_secret_refs(doc: Doc<'_>, table: &str, keys: &[&str], problems: &mut Vec<Problem>) {
    for key in keys {
        let pointer = format!("{table}/{key}");
        if let Some(table) = doc.get(&pointer).filter(|value| value.is_object()) {
            problems.extend(secret_ref::check(doc, &pointer, table));
        }
    }
}

/// Returns the management points with valid addresses, and reports the others.
fn check_points(doc: Doc<'_>, problems: &mut Vec<Problem>) -> Vec<ManagementPoint> {
    let mut points: Vec<ManagementPoint> = Vec::new();
    let given = doc.get(POINTS).and_then(Json::as_array).map_or(0, Vec::len);
    for at in 0..given {
        let pointer = format!("{POINTS}/{at}");
        let Some(text) = doc.str(&pointer) else { continue };
        let (place, text) = (doc.place(&pointer), text.to_owned());
        match address::parse(&text) {
            Err((message, help)) => {
                problems.push(Problem::new(Rule::InvalidManagementPoint, message).at(place, "").help(help))
            }
            Ok(address) if address.is_gateway() => problems.push(
                Problem::new(Rule::UnusableGateway, format!("`{text}` is the address of a cloud management gateway"))
                    .at(place, "")
                    .help(format!("write `cloud-management-gateway = \"{text}\"` instead of `management-points`")),
            ),
            Ok(address) if !matches!(address.path.as_str(), "" | "/") => problems.push(
                Problem::new(
                    Rule::InvalidManagementPoint,
                    format!("the address `{text}` has a path, but the client adds its own"),
                )
                .at(place, "")
                .help(format!("write `{}`", text.trim_end_matches(address.path.as_str()))),
            ),
            Ok(address) => match points.iter().find(|other| other.address == address) {
                Some(first) => problems.push(
                    Problem::new(
                        Rule::InvalidManagementPoint,
                        format!("the management point `{text}` is listed twice"),
                    )
                    .at(place, "again")
                    .at(first.place.clone(), "first")
                    .help("remove one of them"),
                ),
                None => points.push(ManagementPoint { place, text, address }),
            },
        }
    }
    points
}

/// Checks that media with a management point have a mode, and the other way round (R37, R38).
fn check_mode(doc: Doc<'_>, certificate: Option<&str>, points: &[ManagementPoint], problems: &mut Vec<Problem>) {
    let asks = [POINTS, GATEWAY].into_iter().find(|pointer| doc.spans.has(pointer));
    let is_empty = doc.get(POINTS).and_then(Json::as_array).is_some_and(Vec::is_empty) && !doc.spans.has(GATEWAY);
    let wants = [MODE].into_iter().chain(certificate).find(|pointer| doc.spans.has(pointer));
    match (asks.filter(|_| !is_empty), wants) {
        // Supplied by the base.
        (None, Some(_)) if base::is_present(doc) => {}
        (None, Some(wants)) => {
            let message = match doc.str("/sites/0/code") {
                Some(code) => format!("the site `{code}` has no management point"),
                None => "no site has a management point".into(),
            };
            let whose = if doc.spans.has("/sites/0") { "/sites/0" } else { wants };
            let mut problem = Problem::new(Rule::InvalidManagementPoint, message).at(doc.place(whose), "");
            if whose != wants {
                problem = problem.at(doc.place(wants), "requires one");
            }
            problems.push(problem.help("write `management-points = [\"https://mp1.example.com\"]` in `[[sites]]`"));
        }
        (Some(asks), _) if !doc.spans.has(MODE) => problems.push(
            Problem::new(Rule::MissingMode, "the mode for finding a management point is missing")
                .at(doc.place(asks), "management points")
                .help("write `mode = \"dynamic\"` or `mode = \"site-based\"` in `[media]`"),
        ),
        _ => {}
    }
    if doc.str(MODE) != Some("site-based") {
        return;
    }
    if let [_, second, ..] = points {
        problems.push(
            Problem::new(
                Rule::InvalidManagementPoint,
                format!("site-based media use one management point, but {} are listed", points.len()),
            )
            .at(second.place.clone(), "extra")
            .at(doc.place(MODE), "the mode")
            .help("keep one, or write `mode = \"dynamic\"`"),
        );
    }
    if let Some(point) = points.first().filter(|_| doc.str(SITE_KIND) == Some("central")) {
        problems.push(
            Problem::new(
                Rule::InvalidManagementPoint,
                "site-based media need a management point of a primary site; a central administration site has none",
            )
            .at(point.place.clone(), "")
            .at(doc.place(SITE_KIND), "the kind of the site")
            .help("list the primary site instead, or write `mode = \"dynamic\"`"),
        );
    }
}

/// Checks that a certificate has exactly one source (R43).
fn check_certificate_source(doc: Doc<'_>, certificate: &str, problems: &mut Vec<Problem>) {
    let [pfx, own] = ["pfx", "self-signed"].map(|key| format!("{certificate}/{key}"));
    match (doc.spans.has(&pfx), doc.spans.has(&own)) {
        (true, true) => problems.push(
            Problem::new(Rule::InvalidCertificateSource, "the certificate has two sources: `pfx` and `self-signed`")
                .at(doc.place(&own), "this one")
                .at(doc.place(&pfx), "and this one")
                .help("keep `pfx` for HTTPS, or `self-signed` for HTTP"),
        ),
        (false, false) if doc.get(certificate).is_some_and(Json::is_object) => problems.push(
            Problem::new(Rule::InvalidCertificateSource, "the certificate has no source")
                .at(doc.place(certificate), "")
                .help(
                    "write `pfx = { file = \"certs/media.pfx\", password = { env = \"PFX_PASSWORD\" } }`, or \
                       `self-signed = {}`",
                ),
        ),
        _ => {}
    }
}

/// Checks that a self-signed certificate expires after it starts (R44).
fn check_certificate_dates(doc: Doc<'_>, certificate: &str, problems: &mut Vec<Problem>) {
    let pointers = ["start", "expires"].map(|key| format!("{certificate}/self-signed/{key}"));
    let mut moments = Vec::new();
    for pointer in &pointers {
        let Some(text) = doc.str(pointer) else { continue };
        match source_date::parse(text) {
            Some(moment) => moments.push(moment),
            None if text.len() >= 10 && text.is_ascii() && text.as_bytes()[4] == b'-' => problems.push(
                Problem::new(Rule::InvalidCertificateDates, format!("`{text}` is not a valid date"))
                    .at(doc.place(pointer), "")
                    .help("write a date from 1980-01-01 to 2099-12-31"),
            ),
            None => {}
        }
    }
    if let [start, expires] = moments[..]
        && start >= expires
    {
        problems.push(
            Problem::new(Rule::InvalidCertificateDates, "the certificate expires before it starts")
                .at(doc.place(&pointers[1]), "expires")
                .at(doc.place(&pointers[0]), "starts")
                .help("set a later `expires`"),
        );
    }
}

/// Returns the problem of media with management points but no certificate (R47). It doesn't prevent
/// other checks of the sites.
pub(in crate::manifest) fn missing_certificate(doc: Doc<'_>) -> Option<Problem> {
    let asks = matches!(doc.str(KIND), Some("bootable" | "prestaged"));
    if !asks || base::is_present(doc) || CERTIFICATES.iter().any(|pointer| doc.spans.has(pointer)) {
        return None;
    }
    let point = check_points(doc, &mut Vec::new()).into_iter().next()?;
    let (with, what) = match point.address.is_https {
        true => (
            "pfx = { file = \"certs/media.pfx\", password = { env = \"PFX_PASSWORD\" } }",
            "a certificate from a PFX file",
        ),
        false => ("self-signed = {}", "a self-signed certificate"),
    };
    let message = format!("the client needs {what} for `{}`, but there is none", point.text);
    let problem = Problem::new(Rule::MismatchedCertificate, message).at(point.place, "");
    Some(problem.help(format!("add `[certificate]` with `{with}`")))
}

/// Checks that self-signed certificates are used with HTTP, and those from a PFX file with HTTPS
/// (R42, R47).
fn check_certificate_scheme(
    doc: Doc<'_>,
    certificate: Option<&str>,
    points: &[ManagementPoint],
    problems: &mut Vec<Problem>,
) {
    let Some(certificate) = certificate else { return };
    let [pfx, own] = ["pfx", "self-signed"].map(|key| format!("{certificate}/{key}"));
    let (is_pfx, is_own) = (doc.spans.has(&pfx), doc.spans.has(&own));
    if is_pfx == is_own {
        return;
    }
    let (kind, pointer, wanted) = if is_pfx {
        ("a certificate from a PFX file requires HTTPS", pfx, "https")
    } else {
        ("a self-signed certificate requires HTTP", own, "http")
    };
    for point in points.iter().filter(|point| point.address.is_https != is_pfx) {
        let is_said = format!("{kind}, but `{}` uses another scheme", point.text);
        let other = if is_pfx { "self-signed = {}" } else { "pfx = { … }" };
        problems.push(
            Problem::new(
                if is_pfx { Rule::MismatchedCertificate } else { Rule::SelfSignedCertificateForHttps },
                is_said,
            )
            .at(point.place.clone(), "")
            .at(doc.place(&pointer), "the certificate")
            .help(format!("write its address with `{wanted}://`, or write `{other}` in `[certificate]`")),
        );
    }
}

/// Checks that media with HTTPS management points are made for a primary site with a root
/// certificate (R39, R40).
fn check_https(doc: Doc<'_>, points: &[ManagementPoint], problems: &mut Vec<Problem>) {
    let Some(point) = points.iter().find(|point| point.address.is_https) else { return };
    if doc.str(SITE_KIND) == Some("central") {
        problems.push(
            Problem::new(
                Rule::HttpsMediaFromCentralSite,
                "media with HTTPS management points need a primary site; this is a central administration site",
            )
            .at(doc.place(SITE_KIND), "the kind of the site")
            .at(point.place.clone(), "uses HTTPS")
            .help("list a primary site instead"),
        );
    } else if !doc.spans.has("/sites/0/root-ca") && !base::is_present(doc) {
        problems.push(
            Problem::new(
                Rule::InvalidRootCa,
                format!("the client can't verify `{}`: the site has no root certificate", point.text),
            )
            .at(point.place.clone(), "uses HTTPS")
            .help("write `root-ca = \"certs/root.cer\"` in this site, the root of its server certificates"),
        );
    }
    if !doc.spans.has(SITE_KIND) && !base::is_present(doc) {
        let code = doc.str("/sites/0/code").unwrap_or_default();
        let message = format!("the site `{code}` is assumed to be a primary site, as HTTPS management points require");
        let problem = Problem::note(message).at(doc.place("/sites/0"), "has no `kind`");
        problems.push(problem.help("write `kind = \"primary\"`"));
    }
}

/// Checks the requirements of a cloud management gateway that a manifest can show (R48).
fn check_gateway(doc: Doc<'_>, text: &str, problems: &mut Vec<Problem>) {
    let place = doc.place(GATEWAY);
    let problem = |message: String| Problem::new(Rule::UnusableGateway, message).at(place.clone(), "");
    match address::parse(text) {
        Err((message, help)) => return problems.push(problem(message).help(help)),
        Ok(address) if !address.is_https || !address.is_gateway() => {
            let help = "write it like `https://gateway.example.com/CCM_Proxy_MutualAuth/72057594037927941`";
            problems.push(problem(format!("`{text}` is not the address of a cloud management gateway")).help(help));
        }
        Ok(_) => {}
    }
    if doc.str(KIND) == Some("prestaged") {
        let problem = problem("prestaged media can't use a cloud management gateway".into());
        problems.push(
            problem.at(doc.place(KIND), "the kind").help("list `management-points`, or write `kind = \"bootable\"`"),
        );
    }
    if doc.get(POINTS).and_then(Json::as_array).is_some_and(|points| !points.is_empty()) {
        let problem = problem("a cloud management gateway replaces management points, but both are listed".into());
        problems.push(problem.at(doc.place(POINTS), "management points").help("remove one of them"));
    }
    if doc.str(MODE) == Some("dynamic") {
        let problem = problem("a cloud management gateway requires site-based media".into());
        problems.push(problem.at(doc.place(MODE), "the mode").help("write `mode = \"site-based\"`"));
    }
    if !doc.spans.has("/security/password") {
        let problem = problem("a cloud management gateway requires a media password, but there is none".into());
        problems.push(problem.help("add `[security]` with `password = { env = \"MEDIA_PASSWORD\" }`"));
    }
    problems.push(
        Problem::new(Rule::GatewayRequirements, "a cloud management gateway has requirements outside the manifest")
            .at(place.clone(), "")
            .help(
                "allow the deployment for internet clients, join a workgroup, and start on a wired network; if your \
                 own authority issued the gateway's certificate, add its root certificate to the boot image",
            ),
    );
}

/// Checks the certificate of stand-alone media, which is issued by a public key infrastructure or
/// missing (R18, R43; `CertificatePath` of `New-CMStandaloneMedia`).
fn check_stand_alone_certificate(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let Some(certificate) = CERTIFICATES.into_iter().find(|pointer| doc.spans.has(pointer)) else { return };
    let own = format!("{certificate}/self-signed");
    if !doc.spans.has(&own) {
        return check_certificate_source(doc, certificate, problems);
    }
    let message = "stand-alone media can't have a self-signed certificate: it is for HTTP management points";
    let problem = Problem::new(Rule::OptionOfOtherKind, message).at(doc.place(&own), "");
    let problem = problem.at(doc.place(KIND), "the kind");
    problems.push(problem.help(
        "remove it, or name a PFX file: `pfx = { file = \"certs/media.pfx\", password = { env = \"PFX_PASSWORD\" } }`",
    ));
}

/// Reports site options on media that carry their task sequence and don't contact a site (R18, R49,
/// R50).
fn refuse_site_options(doc: Doc<'_>, kind: &str, problems: &mut Vec<Problem>) {
    let root = doc.place("").source;
    if kind == "stand-alone" {
        check_stand_alone_certificate(doc, problems);
    }
    let certificates = CERTIFICATES.into_iter().filter(|_| kind != "stand-alone");
    let pointers = [MODE, POINTS, GATEWAY, "/boot/package"].into_iter().chain(certificates).chain(FOR_CLIENTS);
    for pointer in pointers.filter(|pointer| doc.spans.has(pointer)) {
        let place = doc.place(pointer);
        // Sites in a profile are an inventory for media of all kinds.
        if pointer.starts_with("/sites") && place.source != root {
            continue;
        }
        problems.push(
            Problem::new(
                Rule::OptionOfOtherKind,
                format!("`{}` has no effect: {kind} media do not contact a management point", super::dotted(pointer)),
            )
            .at(place, "")
            .at(doc.place(KIND), "the kind")
            .help("remove it, or write `kind = \"bootable\"`"),
        );
    }
    if doc.str(SITE_KIND) != Some("central") {
        return;
    }
    let place = doc.place(SITE_KIND);
    if let Some((pointer, _)) = active_entries(doc, "package").first() {
        problems.push(
            Problem::new(
                Rule::PackagesFromCentralSite,
                "`Install Package` fails on stand-alone media of a central administration site",
            )
            .at(place.clone(), "the kind of the site")
            .at(doc.place(pointer), "a package")
            .help(
                "list a primary site instead, or enable the software distribution agent with a script \
                     before that step",
            ),
        );
    }
    problems.push(
        Problem::new(
            Rule::SiteCodeFromDirectory,
            "clients of stand-alone media of a central administration site look up their site in Active Directory",
        )
        .at(place, "")
        .help("list a primary site instead if there is no Active Directory"),
    );
}
