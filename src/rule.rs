//! The rules of the field: what is known of task sequence media and task sequences, each with its number.
//!
//! Complaints name rules by their numbers (`R131`); this is the one table of them, for `check --explain`, for
//! `media.rules` and for tests. The words are our own; where each rule comes from is said by the key of a page
//! ([`page`]). A rule with no way to check it here says why.

mod media;
mod pages;
mod sequence;

use crate::problem::Severity;

pub use pages::page;

/// A rule of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its number: 1 to 148.
    pub number: u16,
    /// How much it weighs where it is broken.
    pub severity: Severity,
    /// The rule, as a lower-case fragment.
    pub title: &'static str,
    /// What comes of breaking it, or what else there is to know: whole sentences.
    pub words: &'static str,
    /// The keys of the pages that it comes from, with blanks between.
    pub sources: &'static str,
    /// Whether `media.rules` may lower it.
    pub is_lowerable: bool,
    /// Why it is never complained of, where it isn't.
    pub unchecked: Option<&'static str>,
}

impl Rule {
    const fn lowerable(mut self) -> Self {
        self.is_lowerable = true;
        self
    }

    const fn unchecked(mut self, why: &'static str) -> Self {
        self.unchecked = Some(why);
        self
    }

    /// Its name, such as `R131`.
    pub fn name(&self) -> String {
        format!("R{}", self.number)
    }
}

const fn error(number: u16, title: &'static str, words: &'static str, sources: &'static str) -> Rule {
    Rule { number, severity: Severity::Error, title, words, sources, is_lowerable: false, unchecked: None }
}

const fn warning(number: u16, title: &'static str, words: &'static str, sources: &'static str) -> Rule {
    Rule { severity: Severity::Warning, ..error(number, title, words, sources) }
}

const fn note(number: u16, title: &'static str, words: &'static str, sources: &'static str) -> Rule {
    Rule { severity: Severity::Note, ..error(number, title, words, sources) }
}

/// All rules, by their numbers.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    media::BEFORE.iter().chain(sequence::RULES).chain(media::AFTER)
}

/// The rule of a name such as `R131`.
pub fn named(name: &str) -> Option<&'static Rule> {
    let number: u16 = name.strip_prefix(['R', 'r'])?.parse().ok()?;
    all().find(|rule| rule.number == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_rule_once_in_order_with_words_and_known_pages() {
        let numbers: Vec<_> = all().map(|rule| rule.number).collect();
        assert_eq!(numbers, (1..=148).collect::<Vec<_>>());
        for rule in all() {
            assert!(!rule.title.ends_with('.') && !rule.title.is_empty(), "{}", rule.name());
            assert!(rule.words.ends_with('.'), "{}: {}", rule.name(), rule.words);
            assert!(!rule.sources.is_empty(), "{}", rule.name());
            for key in rule.sources.split(' ') {
                assert!(page(key).is_some(), "{}: no page `{key}`", rule.name());
            }
        }
    }
}
