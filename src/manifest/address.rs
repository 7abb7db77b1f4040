//! Addresses of management points: URLs (RFC 3986) of `http` and `https` with a host, perhaps a port, and no more.
//!
//! Not supported: user names, queries, fragments, host names beyond ASCII (write them in their `xn--` form).

use std::net::{Ipv4Addr, Ipv6Addr};

/// The part of the path by which a cloud management gateway is known.
pub const GATEWAY: &str = "/CCM_Proxy_";

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether it is one of HTTPS.
    pub is_https: bool,
    /// The host, in lower case.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, which is empty or begins with `/`.
    pub path: String,
}

impl Address {
    /// Whether it is that of a cloud management gateway.
    pub fn is_gateway(&self) -> bool {
        self.path.to_ascii_lowercase().starts_with(&GATEWAY.to_ascii_lowercase())
    }
}

/// Why a text is none, and what would be right.
pub type Fault = (String, String);

/// Reads an address.
pub fn parse(text: &str) -> Result<Address, Fault> {
    let fault = |message: String, help: &str| Err((message, help.to_owned()));
    let like = "write it like `https://mp1.example.com`";
    if let Some(c) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return fault(format!("the address `{text}` holds a blank (`{}`)", c), "leave it out");
    }
    if text.contains(['*', ',', ';']) {
        return fault(format!("`{text}` is more than one address"), "write a list: one address in quotes for each");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return fault(format!("`{text}` is no address: it has no `https://` or `http://`"), like);
    };
    let is_https = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        other => {
            return fault(
                format!("`{text}` is an address of `{other}`"),
                "management points have `https://` or `http://`",
            );
        }
    };
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    if path.contains(['?', '#']) {
        return fault(format!("the address `{text}` has a query or a fragment"), "write it up to there");
    }
    if authority.contains('@') {
        return fault(format!("the address `{text}` has a user name in it"), "leave out all up to the `@`");
    }
    let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => match port.parse::<u16>() {
            Ok(port) if port > 0 => (host, port),
            _ => return fault(format!("the address `{text}` has the port `{port}`"), "ports are 1 to 65535"),
        },
        None => (authority, if is_https { 443 } else { 80 }),
    };
    if host.is_empty() {
        return fault(format!("the address `{text}` names no host"), like);
    }
    if !is_host(host) {
        return fault(format!("the address `{text}` has the host `{host}`, which no host is called"), like);
    }
    Ok(Address { is_https, host: host.to_ascii_lowercase(), port, path: path.to_owned() })
}

/// A name of the DNS (RFC 1123, 2.1), with the underscores that Windows allows, or an IP address.
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
