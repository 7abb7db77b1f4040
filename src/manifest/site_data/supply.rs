//! Adds the values of a site file to a rendered manifest that does not set them.

use super::super::base;
use super::SiteFile;
use authoring::spanned::{Node, Table, TableEntry, Value};

/// Keys of a site that a site file supplies unchanged.
const SITE_KEYS: [&str; 8] = [
    "http-port",
    "https-port",
    "ssl-state",
    "use-first-certificate",
    "root-key",
    "signing-certificate",
    "root-ca",
    "issuing-cas",
];

/// Those of them that certificates need, even on media that don't contact a site.
const AUTHORITY_KEYS: [&str; 2] = ["root-ca", "issuing-cas"];

/// Adds the values of a site file to a manifest rendered for one site. Returns the names of the
/// added keys.
///
/// Media that contact management points use all values; others use the site code, the kind of the
/// site, and the authorities if they have a certificate.
pub fn supply(manifest: &mut Node, file: &SiteFile) -> Vec<String> {
    let mut supplied = Vec::new();
    let Value::Table(root) = &mut manifest.value else { return supplied };
    let media = root.get("media").and_then(Node::as_table);
    let text = |key: &str| media.and_then(|media| media.get(key)).and_then(Node::as_str).map(str::to_owned);
    let (kind, mode) = (text("kind"), text("mode"));
    let asks = matches!(kind.as_deref(), Some("bootable" | "prestaged"));
    let has_base = base::find_base(root).is_some();
    let scheme = certificate_scheme(root);
    if let Some(site) = first_site(root) {
        let is_needed = |key: &&str| asks || (scheme.is_some() && AUTHORITY_KEYS.contains(key));
        let keys = ["kind"].into_iter().chain(SITE_KEYS.into_iter().filter(is_needed));
        let mut values: Vec<_> = keys.filter_map(|key| Some((key, file.node(key)?.clone()))).collect();
        // A base has its own management points, and a mode that belongs to them.
        if asks && (mode.is_some() || !has_base) && site.get("cloud-management-gateway").is_none() {
            let all = file.node("management-points");
            values.extend(all.map(|all| ("management-points", select_points(all, scheme, mode.as_deref()))));
        }
        for (name, node) in values.into_iter().filter(|(name, _)| site.get(name).is_none()).collect::<Vec<_>>() {
            site.0.push(TableEntry { name: name.to_owned(), key: node.place.clone(), node });
            supplied.push(name.to_owned());
        }
    }
    if asks && !has_base {
        supply_boot_package(root, file, &mut supplied);
    }
    supply_unknown_computers(root, file, &mut supplied);
    supplied
}

/// Returns the single site of a rendered manifest.
fn first_site(root: &mut Table) -> Option<&mut Table> {
    let sites = root.0.iter_mut().find(|entry| entry.name == "sites")?;
    match &mut sites.node.value {
        Value::Array(sites) => match &mut sites.first_mut()?.value {
            Value::Table(site) => Some(site),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the URL scheme that suits the medium's certificate; `None` without a certificate.
fn certificate_scheme(root: &Table) -> Option<&'static str> {
    let site = match root.get("sites").map(|sites| &sites.value) {
        Some(Value::Array(sites)) => sites.first().and_then(Node::as_table),
        _ => None,
    };
    let certificate = site.and_then(|site| site.get("certificate")).or_else(|| root.get("certificate"))?.as_table()?;
    match (certificate.get("pfx"), certificate.get("self-signed")) {
        (Some(_), None) => Some("https://"),
        (None, Some(_)) => Some("http://"),
        _ => None,
    }
}

/// Selects the management points that a medium can contact: those that suit its certificate, and
/// only one for site-based media. If none is suitable, all are kept, so that a message can name
/// them.
fn select_points(node: &Node, scheme: Option<&str>, mode: Option<&str>) -> Node {
    let Value::Array(all) = &node.value else { return node.clone() };
    let starts = |point: &&Node| {
        let text = point.as_str().unwrap_or_default().to_ascii_lowercase();
        scheme.is_none_or(|scheme| text.starts_with(scheme))
    };
    let mut chosen: Vec<Node> = all.iter().filter(starts).cloned().collect();
    if chosen.is_empty() {
        chosen = all.clone();
    }
    if mode == Some("site-based") {
        chosen.truncate(1);
    }
    Node { value: Value::Array(chosen), place: node.place.clone() }
}

/// Sets `boot.package` to the boot image package of the site if there is only one.
fn supply_boot_package(root: &mut Table, file: &SiteFile, supplied: &mut Vec<String>) {
    let [only] = file.data.boot_images.as_slice() else { return };
    let boot = root.0.iter_mut().find(|entry| entry.name == "boot").map(|entry| &mut entry.node.value);
    let Some(Value::Table(boot)) = boot else { return };
    if boot.get("package").is_none() {
        let place = file.place("/boot-images/0/id");
        let node = Node { value: Value::String(only.id.clone()), place: place.clone() };
        boot.0.push(TableEntry { name: "package".to_owned(), key: place, node });
        supplied.push("boot.package".to_owned());
    }
}

/// Replaces `unknown-computers = true` by the GUIDs of the site.
fn supply_unknown_computers(root: &mut Table, file: &SiteFile, supplied: &mut Vec<String>) {
    let media = root.0.iter_mut().find(|entry| entry.name == "media").map(|entry| &mut entry.node.value);
    let Some(Value::Table(media)) = media else { return };
    let entry = media.0.iter_mut().find(|entry| entry.name == "unknown-computers");
    if let (Some(entry), Some(node)) = (entry, file.node("unknown-computers"))
        && matches!(entry.node.value, Value::Boolean(true))
    {
        entry.node = node.clone();
        supplied.push("unknown-computers".to_owned());
    }
}
