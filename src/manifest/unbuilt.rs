//! What the manifest will hold one day, so that asking for it is told apart from a slip of the pen.

/// Values, by the dotted name of their key, that later versions will take.
const VALUES: [(&str, &str); 1] = [("media.kind", "capture")];

/// Whether a value is one of a later version.
pub fn is_value(name: &str, value: &str) -> bool {
    VALUES.contains(&(name, value))
}
