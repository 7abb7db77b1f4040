//! Addresses of management points: `http` and `https` URLs (RFC 3986) with a host, and optionally a
//! port and path.
//!
//! Not supported: user names, queries, fragments, and non-ASCII host names (write them in `xn--`
//! form).

use std::net::{Ipv4Addr, Ipv6Addr};

/// Start of the path that identifies a cloud management gateway.
pub const GATEWAY: &str = "/CCM_Proxy_";

/// A parsed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The scheme is `https`.
    pub is_https: bool,
    /// Host, in lower case.
    pub host: String,
    /// Port; the default of the scheme if the URL has none.
    pub port: u16,
    /// Path; empty, or starting with `/`.
    pub path: String,
}

impl Address {
    /// Returns `true` if the address is that of a cloud management gateway.
    pub fn is_gateway(&self) -> bool {
        self.path.to_ascii_lowercase().starts_with(&GATEWAY.to_ascii_lowercase())
    }
}

/// Message and help for an invalid address.
pub type AddressError = (String, String);

/// Parses an address.
pub fn parse(text: &str) -> Result<Address, AddressError> {
    let fault = |message: String, help: &str| Err((message, help.to_owned()));
    let like = "write it like `https://mp1.example.com`";
    if let Some(c) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return fault(format!("the address `{text}` contains a space or control character (`{}`)", c), "remove it");
    }
    if text.contains(['*', ',', ';']) {
        return fault(format!("`{text}` is more than one address"), "write a list with one quoted string per address");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return fault(format!("`{text}` is not an address: it has no `https://` or `http://`"), like);
    };
    let is_https = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        other => {
            return fault(format!("`{text}` has the scheme `{other}`"), "write `https://` or `http://`");
        }
    };
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    if path.contains(['?', '#']) {
        return fault(format!("the address `{text}` has a query or a fragment"), "remove the query or fragment");
    }
    if authority.contains('@') {
        return fault(format!("the address `{text}` contains a user name"), "remove everything up to the `@`");
    }
    let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => match port.parse::<u16>() {
            Ok(port) if port > 0 => (host, port),
            _ => {
                return fault(
                    format!("the address `{text}` has the invalid port `{port}`"),
                    "use a port from 1 to 65535",
                );
            }
        },
        None => (authority, if is_https { 443 } else { 80 }),
    };
    if host.is_empty() {
        return fault(format!("the address `{text}` has no host"), like);
    }
    if !is_host(host) {
        return fault(format!("the address `{text}` has the invalid host name `{host}`"), like);
    }
    Ok(Address { is_https, host: host.to_ascii_lowercase(), port, path: path.to_owned() })
}

/// Returns `true` for a DNS name (RFC 1123, 2.1), with the underscores that Windows allows, or an
/// IP address.
fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().is_ok();
    }
    if host.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_others_told() {
        for (text, is_https, host, port, path) in [
            ("https://mp1.example.com", true, "mp1.example.com", 443, ""),
            ("HTTP://MP1:8080/", false, "mp1", 8_080, "/"),
            ("https://[fd00::1]:444", true, "[fd00::1]", 444, ""),
            ("http://10.0.0.1", false, "10.0.0.1", 80, ""),
            ("https://gw.example.com/CCM_Proxy_MutualAuth/72", true, "gw.example.com", 443, "/CCM_Proxy_MutualAuth/72"),
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address, Address { is_https, host: host.into(), port, path: path.into() }, "{text}");
            assert_eq!(address.is_gateway(), text.contains("CCM"));
        }
        for text in [
            "",
            "mp1.example.com",
            "ftp://mp1",
            "https://",
            "https:///path",
            "https://mp 1",
            "https://a*https://b",
            "https://user@mp1",
            "https://mp1:0",
            "https://mp1:99999",
            "https://mp1:x",
            "https://mp1?x",
            "https://mp1/#x",
            "https://-mp1",
            "https://mp1..example",
            "https://10.0.0",
            "https://[::g]",
            "https://größe.example",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
