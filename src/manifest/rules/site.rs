//! What a manifest alone shows to be wrong with its management points and with what media prove themselves with to them.
//!
//! Each site is looked at by itself; what sites have to have in common takes their certificates, and is for `resolve`.

use serde_json::Value as Json;

use super::super::address::{self, Address};
use super::super::base;
use super::super::source_date;
use super::present;
use crate::problem::{Place, Problem};
use crate::rule::Rule;
use authoring::doc::Doc;
use authoring::secret_ref;

/// Keys of a site that only clients which ask its management points need.
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
/// The nearer one first.
const CERTIFICATES: [&str; 2] = ["/sites/0/certificate", "/certificate"];

/// The paths of files that a site, a base and a certificate name.
pub(super) fn paths(doc: Doc<'_>) -> Vec<String> {
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
        secrets(doc, base, &["password"], problems);
    }
    for certificate in CERTIFICATES {
        secrets(doc, certificate, &["pfx/password", "self-signed/key"], problems);
    }
    match doc.str(KIND) {
        Some(kind @ ("stand-alone" | "capture")) => return without_site(doc, kind, problems),
        Some("bootable" | "prestaged") => {}
        _ => return,
    }
    let certificate = CERTIFICATES.into_iter().find(|pointer| doc.spans.has(pointer));
    let points = points(doc, problems);
    if let Some(gateway) = doc.str(GATEWAY) {
        cloud_management_gateway(doc, gateway, problems);
    }
    how_they_are_found(doc, certificate, &points, problems);
    if let Some(certificate) = certificate {
        one_kind(doc, certificate, problems);
        dates(doc, certificate, problems);
    }
    who_asks(doc, certificate, &points, problems);
    https(doc, &points, problems);
}

/// A management point that is well written.
struct Point {
    place: Place,
    text: String,
    address: Address,
}

/// Checks the references to secrets at keys of a table.
fn secrets(doc: Doc<'_>, table: &str, keys: &[&str], problems: &mut Vec<Problem>) {
    for key in keys {
        let pointer = format!("{table}/{key}");
        if let Some(table) = doc.get(&pointer).filter(|value| value.is_object()) {
            problems.extend(secret_ref::check(doc, &pointer, table));
        }
    }
}

/// The management points that are well written; the others are complained of.
fn points(doc: Doc<'_>, problems: &mut Vec<Problem>) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
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
                    .help(format!("write `cloud-management-gateway = \"{text}\"` in place of `management-points`")),
            ),
            Ok(address) if !matches!(address.path.as_str(), "" | "/") => problems.push(
                Problem::new(
                    Rule::InvalidManagementPoint,
                    format!("the address `{text}` has a path, and the client adds its own"),
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
                    .help("leave one of them out"),
                ),
                None => points.push(Point { place, text, address }),
            },
        }
    }
    points
}

/// R37 and R38: there is a mode as soon as there is whom to ask, and the other way round.
fn how_they_are_found(doc: Doc<'_>, certificate: Option<&str>, points: &[Point], problems: &mut Vec<Problem>) {
    let asks = [POINTS, GATEWAY].into_iter().find(|pointer| doc.spans.has(pointer));
    let is_empty = doc.get(POINTS).and_then(Json::as_array).is_some_and(Vec::is_empty) && !doc.spans.has(GATEWAY);
    let wants = [MODE].into_iter().chain(certificate).find(|pointer| doc.spans.has(pointer));
    match (asks.filter(|_| !is_empty), wants) {
        // A base has them.
        (None, Some(_)) if base::is_named(doc) => {}
        (None, Some(wants)) => {
            let message = match doc.str("/sites/0/code") {
                Some(code) => format!("the site `{code}` has no management point to ask"),
                None => "there is no site with a management point to ask".into(),
            };
            let whose = if doc.spans.has("/sites/0") { "/sites/0" } else { wants };
            let mut problem = Problem::new(Rule::InvalidManagementPoint, message).at(doc.place(whose), "");
            if whose != wants {
                problem = problem.at(doc.place(wants), "this is for asking one");
            }
            problems.push(problem.help("write `management-points = [\"https://mp1.example.com\"]` in `[[sites]]`"));
        }
        (Some(asks), _) if !doc.spans.has(MODE) => problems.push(
            Problem::new(Rule::MissingMode, "how the client finds its management point is not said")
                .at(doc.place(asks), "to be asked")
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
                format!("site-based media ask one management point, and there are {}", points.len()),
            )
            .at(second.place.clone(), "one too many")
            .at(doc.place(MODE), "the mode")
            .help("keep one of them, or write `mode = \"dynamic\"`"),
        );
    }
    if let Some(point) = points.first().filter(|_| doc.str(SITE_KIND) == Some("central")) {
        problems.push(
            Problem::new(
                Rule::InvalidManagementPoint,
                "site-based media ask a management point of a primary site, and a central one has none",
            )
            .at(point.place.clone(), "")
            .at(doc.place(SITE_KIND), "the kind of the site")
            .help("list the primary site, and make its medium there; or write `mode = \"dynamic\"`"),
        );
    }
}

/// R43: one kind of certificate, and not both.
fn one_kind(doc: Doc<'_>, certificate: &str, problems: &mut Vec<Problem>) {
    let [pfx, own] = ["pfx", "self-signed"].map(|key| format!("{certificate}/{key}"));
    match (doc.spans.has(&pfx), doc.spans.has(&own)) {
        (true, true) => problems.push(
            Problem::new(Rule::InvalidCertificateSource, "the certificate is taken from a PFX file, and signs itself")
                .at(doc.place(&own), "this")
                .at(doc.place(&pfx), "or this")
                .help("leave out `self-signed` for HTTPS, or `pfx` for HTTP"),
        ),
        (false, false) if doc.get(certificate).is_some_and(Json::is_object) => problems.push(
            Problem::new(Rule::InvalidCertificateSource, "where the certificate comes from is not said")
                .at(doc.place(certificate), "")
                .help("write `pfx = { file = \"certs/media.pfx\", password = { env = \"PFX_PASSWORD\" } }`, or `self-signed = {}`"),
        ),
        _ => {}
    }
}

/// R44: what expires has begun before.
fn dates(doc: Doc<'_>, certificate: &str, problems: &mut Vec<Problem>) {
    let pointers = ["start", "expires"].map(|key| format!("{certificate}/self-signed/{key}"));
    let mut moments = Vec::new();
    for pointer in &pointers {
        let Some(text) = doc.str(pointer) else { continue };
        match source_date::parse(text) {
            Some(moment) => moments.push(moment),
            None if text.len() >= 10 && text.is_ascii() && text.as_bytes()[4] == b'-' => problems.push(
                Problem::new(
                    Rule::InvalidCertificateDates,
                    format!("`{text}` is no date that a certificate can have here"),
                )
                .at(doc.place(pointer), "")
                .help("write a day of the calendar from 1980-01-01 to 2099-12-31"),
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
                .help("let it expire later"),
        );
    }
}

/// R47: media with management points have a certificate. What else is wrong with their sites does not depend on it.
pub(in crate::manifest) fn missing_certificate(doc: Doc<'_>) -> Option<Problem> {
    let asks = matches!(doc.str(KIND), Some("bootable" | "prestaged"));
    if !asks || base::is_named(doc) || CERTIFICATES.iter().any(|pointer| doc.spans.has(pointer)) {
        return None;
    }
    let point = points(doc, &mut Vec::new()).into_iter().next()?;
    let (with, what) = match point.address.is_https {
        true => (
            "pfx = { file = \"certs/media.pfx\", password = { env = \"PFX_PASSWORD\" } }",
            "a certificate from a PFX file",
        ),
        false => ("self-signed = {}", "a certificate that signs itself"),
    };
    let message = format!("the client proves itself to `{}` with {what}, and there is none", point.text);
    let problem = Problem::new(Rule::MismatchedCertificate, message).at(point.place, "");
    Some(problem.help(format!("add a table `[certificate]` with `{with}`")))
}

/// R42 and R47: a certificate that signs itself is for HTTP, and one from a PFX file for HTTPS.
fn who_asks(doc: Doc<'_>, certificate: Option<&str>, points: &[Point], problems: &mut Vec<Problem>) {
    let Some(certificate) = certificate else { return };
    let [pfx, own] = ["pfx", "self-signed"].map(|key| format!("{certificate}/{key}"));
    let (is_pfx, is_own) = (doc.spans.has(&pfx), doc.spans.has(&own));
    if is_pfx == is_own {
        return;
    }
    let (kind, pointer, wanted) = if is_pfx {
        ("from a PFX file is for HTTPS", pfx, "https")
    } else {
        ("that signs itself is for HTTP", own, "http")
    };
    for point in points.iter().filter(|point| point.address.is_https != is_pfx) {
        let is_said = format!("a certificate {kind}, and `{}` is not", point.text);
        let other = if is_pfx { "self-signed = {}" } else { "pfx = { … }" };
        problems.push(
            Problem::new(
                if is_pfx { Rule::MismatchedCertificate } else { Rule::SelfSignedCertificateForHttps },
                is_said,
            )
            .at(point.place.clone(), "")
            .at(doc.place(&pointer), "the certificate")
            .help(format!("ask it by `{wanted}://`, or write `{other}` in `[certificate]`")),
        );
    }
}

/// R39 and R40: HTTPS media are made at a primary site that has a root authority.
fn https(doc: Doc<'_>, points: &[Point], problems: &mut Vec<Problem>) {
    let Some(point) = points.iter().find(|point| point.address.is_https) else { return };
    if doc.str(SITE_KIND) == Some("central") {
        problems.push(
            Problem::new(
                Rule::HttpsMediaFromCentralSite,
                "media that ask by HTTPS are made at a primary site, and this is a central one",
            )
            .at(doc.place(SITE_KIND), "the kind of the site")
            .at(point.place.clone(), "asked by HTTPS")
            .help("make the medium for a primary site"),
        );
    } else if !doc.spans.has("/sites/0/root-ca") && !base::is_named(doc) {
        problems.push(
            Problem::new(Rule::InvalidRootCa, format!("the client can't tell whether `{}` is the right one: the site has no root authority", point.text))
                .at(point.place.clone(), "asked by HTTPS")
                .help("write `root-ca = \"certs/root.cer\"` for this site: the certificate that those of its servers come from"),
        );
    }
    if !doc.spans.has(SITE_KIND) && !base::is_named(doc) {
        let code = doc.str("/sites/0/code").unwrap_or_default();
        let message = format!(
            "the site `{code}` is taken for a primary one: media that ask by HTTPS are not made at a central one"
        );
        let problem = Problem::note(message).at(doc.place("/sites/0"), "has no `kind`");
        problems.push(problem.help("write `kind = \"primary\"`"));
    }
}

/// R48: what a cloud management gateway asks for, as far as a manifest says it.
fn cloud_management_gateway(doc: Doc<'_>, text: &str, problems: &mut Vec<Problem>) {
    let place = doc.place(GATEWAY);
    let problem = |message: String| Problem::new(Rule::UnusableGateway, message).at(place.clone(), "");
    match address::parse(text) {
        Err((message, help)) => return problems.push(problem(message).help(help)),
        Ok(address) if !address.is_https || !address.is_gateway() => {
            let help = "write it like `https://gateway.example.com/CCM_Proxy_MutualAuth/72057594037927941`";
            problems.push(problem(format!("`{text}` is no address of a cloud management gateway")).help(help));
        }
        Ok(_) => {}
    }
    if doc.str(KIND) == Some("prestaged") {
        let problem = problem("prestaged media can't ask a cloud management gateway".into());
        problems.push(
            problem.at(doc.place(KIND), "the kind").help("list `management-points`, or make the medium `bootable`"),
        );
    }
    if doc.get(POINTS).and_then(Json::as_array).is_some_and(|points| !points.is_empty()) {
        let problem =
            problem("a cloud management gateway stands in place of management points, and there are both".into());
        problems.push(problem.at(doc.place(POINTS), "and these").help("leave one of them out"));
    }
    if doc.str(MODE) == Some("dynamic") {
        let problem = problem("media that ask a cloud management gateway are site-based".into());
        problems.push(problem.at(doc.place(MODE), "the mode").help("write `mode = \"site-based\"`"));
    }
    if !doc.spans.has("/security/password") {
        let problem = problem("media that ask a cloud management gateway have a password, and there is none".into());
        problems.push(problem.help("add `[security]` with `password = { env = \"MEDIA_PASSWORD\" }`"));
    }
    problems.push(
        Problem::new(Rule::GatewayRequirements, "a cloud management gateway needs more than a manifest says")
            .at(place.clone(), "")
            .help(
                "allow the deployment for clients on the internet, join a workgroup, start on a wired network; and if \
                 the gateway's certificate is your own authority's, have its root certificate in the boot image",
            ),
    );
}

/// R18 and R43: stand-alone media have a certificate of a public key infrastructure, or none (`CertificatePath` of
/// `New-CMStandaloneMedia`).
fn certificate_of_stand_alone(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let Some(certificate) = CERTIFICATES.into_iter().find(|pointer| doc.spans.has(pointer)) else { return };
    let own = format!("{certificate}/self-signed");
    if !doc.spans.has(&own) {
        return one_kind(doc, certificate, problems);
    }
    let message =
        "stand-alone media have no certificate that signs itself: it is for asking a management point by HTTP";
    let problem = Problem::new(Rule::OptionOfOtherKind, message).at(doc.place(&own), "");
    let problem = problem.at(doc.place(KIND), "the kind");
    problems.push(problem.help("leave it out, or name a PFX file: `pfx = { file = \"certs/media.pfx\", password = { env = \"PFX_PASSWORD\" } }`"));
}

/// R18, R49 and R50: media that carry their sequence ask nobody.
fn without_site(doc: Doc<'_>, kind: &str, problems: &mut Vec<Problem>) {
    let root = doc.place("").source;
    if kind == "stand-alone" {
        certificate_of_stand_alone(doc, problems);
    }
    let certificates = CERTIFICATES.into_iter().filter(|_| kind != "stand-alone");
    let pointers = [MODE, POINTS, GATEWAY, "/boot/package"].into_iter().chain(certificates).chain(FOR_CLIENTS);
    for pointer in pointers.filter(|pointer| doc.spans.has(pointer)) {
        let place = doc.place(pointer);
        // Sites that stand in a profile are an inventory for media of all kinds.
        if pointer.starts_with("/sites") && place.source != root {
            continue;
        }
        problems.push(
            Problem::new(
                Rule::OptionOfOtherKind,
                format!("{kind} media ask no management point, and `{}` is for asking one", super::dotted(pointer)),
            )
            .at(place, "")
            .at(doc.place(KIND), "the kind")
            .help("leave it out, or make the medium `bootable`"),
        );
    }
    if doc.str(SITE_KIND) != Some("central") {
        return;
    }
    let place = doc.place(SITE_KIND);
    if let Some((pointer, _)) = present(doc, "package").first() {
        problems.push(
            Problem::new(
                Rule::PackagesFromCentralSite,
                "`Install Package` fails on stand-alone media that are made at a central site",
            )
            .at(place.clone(), "the kind of the site")
            .at(doc.place(pointer), "a package")
            .help(
                "make the medium for a primary site, or let a script before that step turn the software \
                     distribution agent on",
            ),
        );
    }
    problems.push(
        Problem::new(
            Rule::SiteCodeFromDirectory,
            "clients of stand-alone media that are made at a central site find their site in Active Directory",
        )
        .at(place, "")
        .help("make the medium for a primary site if there is no Active Directory to ask"),
    );
}
