//! What the manifest will hold one day, so that asking for it is told apart from a slip of the pen.

/// Keys, by their dotted names, that later versions will take.
const KEYS: [&str; 12] = [
    "prestart",
    "security",
    "variables",
    "media.device-affinity",
    "media.expires",
    "media.language",
    "media.password",
    "media.preferred-advertisement",
    "media.unattended",
    "media.unknown-computers",
    "media.valid-from",
    "boot.drivers",
];

/// Values, by the dotted name of their key, that later versions will take.
const VALUES: [(&str, &str); 1] = [("media.kind", "capture")];

/// Whether a key is one of a later version.
pub fn is_key(name: &str) -> bool {
    KEYS.contains(&name)
}

/// Whether a value is one of a later version.
pub fn is_value(name: &str, value: &str) -> bool {
    VALUES.contains(&(name, value))
}
