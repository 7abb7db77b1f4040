//! Estimates the strength of a password against brute force on a copy of the medium (R52).
//!
//! The estimate is pessimistic: common words, sequences, repetitions and years count little. Only
//! the strength is ever reported.

use zeroize::Zeroizing;

/// Minimum strength in bits. Fifty graphics cards break less within a year, since the digest is
/// SHA-1 without salt or iterations.
pub const MIN_BITS: u32 = 64;

/// Words most often used in passwords.
const COMMON: [&str; 60] = [
    "password",
    "passwort",
    "kennwort",
    "welcome",
    "willkommen",
    "admin",
    "administrator",
    "root",
    "qwerty",
    "qwertz",
    "letmein",
    "secret",
    "geheim",
    "changeme",
    "default",
    "windows",
    "microsoft",
    "configmgr",
    "sccm",
    "mecm",
    "osd",
    "deploy",
    "deployment",
    "install",
    "media",
    "boot",
    "winpe",
    "server",
    "client",
    "system",
    "user",
    "test",
    "demo",
    "temp",
    "login",
    "master",
    "monkey",
    "dragon",
    "iloveyou",
    "sunshine",
    "football",
    "hello",
    "hallo",
    "summer",
    "winter",
    "spring",
    "autumn",
    "sommer",
    "herbst",
    "berlin",
    "london",
    "january",
    "monday",
    "company",
    "firma",
    "support",
    "service",
    "helpdesk",
    "asdf",
    "yxcv",
];

/// Estimates the entropy of a password in bits.
pub fn estimate_bits(password: &str) -> u32 {
    // Undo substitutions such as `@` for `a`, which guessers try as well.
    let mut plain = Zeroizing::new(Vec::with_capacity(password.len()));
    plain.extend(password.chars().map(|c| undo_substitution(c.to_ascii_lowercase())));
    let mut chars = Zeroizing::new(Vec::with_capacity(password.len()));
    chars.extend(password.chars());
    let is_mixed = password.contains(char::is_lowercase) && password.contains(char::is_uppercase);
    let mut hundredths = 0;
    let mut at = 0;
    // Guessers try words, runs, sequences and years first, so these are charged as a whole, and
    // other characters one by one.
    while at < chars.len() {
        let word = COMMON.iter().filter(|word| starts_with(&plain[at..], word)).map(|word| word.len()).max();
        let same = run_len(&chars[at..], |a, b| a == b);
        let sequence =
            run_len(&chars[at..], |a, b| u32::from(b) == u32::from(a) + 1 || u32::from(b) + 1 == u32::from(a));
        let letters = word_len(&chars[at..]);
        let (len, worth) = match word {
            // One of a few words, in any case and with any substitutions.
            Some(len) => (len, 800),
            None if same >= 3 => (same, 900),
            None if sequence >= 3 => (sequence, 900),
            None if is_year(&chars[at..]) => (4, 700),
            // Words of a natural language have about 2.6 bits per letter.
            None if letters >= 4 => (letters, 260 * letters),
            None => (1, char_weight(chars[at], is_mixed)),
        };
        hundredths += worth;
        at += len;
    }
    u32::try_from(hundredths / 100).unwrap_or(u32::MAX)
}

/// Returns the entropy of a random character in hundredths of a bit; letters count more if both
/// cases occur.
fn char_weight(c: char, is_mixed: bool) -> usize {
    match c {
        'a'..='z' | 'A'..='Z' if is_mixed => 620,
        'a'..='z' | 'A'..='Z' => 470,
        '0'..='9' => 340,
        ' ' => 200,
        _ => 600,
    }
}

fn undo_substitution(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        c => c,
    }
}

fn starts_with(chars: &[char], word: &str) -> bool {
    let mut chars = chars.iter();
    word.chars().all(|c| chars.next() == Some(&undo_substitution(c)))
}

/// Returns the length of the leading run in which all neighbours satisfy `is_so`.
fn run_len(chars: &[char], is_so: impl Fn(char, char) -> bool) -> usize {
    chars.windows(2).take_while(|pair| is_so(pair[0], pair[1])).count() + 1
}

/// Returns the length of the leading word: letters of one case, except for the first.
fn word_len(chars: &[char]) -> usize {
    let Some(first) = chars.first().filter(|first| first.is_alphabetic()) else { return 0 };
    let is_upper = chars.get(1).is_some_and(|second| second.is_uppercase()) && first.is_uppercase();
    let is_one = |c: &&char| c.is_alphabetic() && c.is_uppercase() == is_upper;
    chars[1..].iter().take_while(is_one).count() + 1
}

fn is_year(chars: &[char]) -> bool {
    matches!(chars, ['1', '9', a, b, ..] | ['2', '0', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_people_choose_are_weak_and_drawn_ones_are_not() {
        for weak in [
            "",
            "a",
            "Password1",
            "P@ssw0rd2026!",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "123456789012345678901234567890",
            "Winter2026!",
            "OSDdeploy123",
            "Summer-Winter-2026",
            "abcdefghijklmnop",
            "Tr0ub4dor",
            "qwertzuiop",
        ] {
            assert!(estimate_bits(weak) < MIN_BITS, "{weak}: {}", estimate_bits(weak));
        }
        for strong in [
            "mQ7vX2pL9sWk",
            "x9#Lq2!vR7@pZ4",
            "correct horse battery staple",
            "f3a9c17be24d80561c9e",
            "kaffee wolke ziegel rasen turm",
        ] {
            assert!(estimate_bits(strong) >= MIN_BITS, "{strong}: {}", estimate_bits(strong));
        }
    }
}
