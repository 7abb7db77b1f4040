//! How hard a password is to guess, for somebody who tests guesses on a copy of the medium (R52).
//!
//! An estimate that errs on the low side: what people choose (words, sequences, repetitions, years) counts for little.
//! Nothing is said of a password but its strength.

use zeroize::Zeroizing;

/// Fewer bits are tested within a year by fifty graphics cards: the digest is SHA-1, once and without salt.
pub const MIN_BITS: u32 = 64;

/// What passwords are made of more often than of anything else.
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

/// About how many bits a guesser has to get right.
pub fn bits(password: &str) -> u32 {
    // Letters that are written as digits and signs are the same word to a guesser.
    let mut plain = Zeroizing::new(Vec::with_capacity(password.len()));
    plain.extend(password.chars().map(|c| unmasked(c.to_ascii_lowercase())));
    let mut chars = Zeroizing::new(Vec::with_capacity(password.len()));
    chars.extend(password.chars());
    let is_mixed = password.contains(char::is_lowercase) && password.contains(char::is_uppercase);
    let mut hundredths = 0;
    let mut at = 0;
    while at < chars.len() {
        let word = COMMON.iter().filter(|word| starts_with(&plain[at..], word)).map(|word| word.len()).max();
        let same = run(&chars[at..], |a, b| a == b);
        let sequence = run(&chars[at..], |a, b| u32::from(b) == u32::from(a) + 1 || u32::from(b) + 1 == u32::from(a));
        let letters = letters(&chars[at..]);
        let (len, worth) = match word {
            // One of a few words, in capitals or not, with signs for letters or not.
            Some(len) => (len, 800),
            None if same >= 3 => (same, 900),
            None if sequence >= 3 => (sequence, 900),
            None if is_year(&chars[at..]) => (4, 700),
            // Words of a language have about so much in each letter.
            None if letters >= 4 => (letters, 260 * letters),
            None => (1, of_class(chars[at], is_mixed)),
        };
        hundredths += worth;
        at += len;
    }
    u32::try_from(hundredths / 100).unwrap_or(u32::MAX)
}

/// What a character that was drawn is worth, in hundredths of a bit; letters are worth more where both cases are.
fn of_class(c: char, is_mixed: bool) -> usize {
    match c {
        'a'..='z' | 'A'..='Z' if is_mixed => 620,
        'a'..='z' | 'A'..='Z' => 470,
        '0'..='9' => 340,
        ' ' => 200,
        _ => 600,
    }
}

fn unmasked(c: char) -> char {
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
    word.chars().all(|c| chars.next() == Some(&unmasked(c)))
}

/// How long a run of characters is of which each two neighbours are so.
fn run(chars: &[char], is_so: impl Fn(char, char) -> bool) -> usize {
    chars.windows(2).take_while(|pair| is_so(pair[0], pair[1])).count() + 1
}

/// How many letters follow that look like a word: of one case, but for the first.
fn letters(chars: &[char]) -> usize {
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
            assert!(bits(weak) < MIN_BITS, "{weak}: {}", bits(weak));
        }
        for strong in [
            "mQ7vX2pL9sWk",
            "x9#Lq2!vR7@pZ4",
            "correct horse battery staple",
            "f3a9c17be24d80561c9e",
            "kaffee wolke ziegel rasen turm",
        ] {
            assert!(bits(strong) >= MIN_BITS, "{strong}: {}", bits(strong));
        }
    }
}
