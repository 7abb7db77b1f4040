//! The page of error messages: each message is one that the program can print.

use super::page::Page;
use crate::fixtures::repository::{files_below, read};

const PAGE: &str = "docs/guides/troubleshooting.md";

/// Returns the messages of the page: its headings of level 3, which have `…` where a message has a name or number.
fn messages() -> Vec<String> {
    let page = Page::read(PAGE);
    let prose = page.prose();
    prose.iter().filter_map(|(_, line)| Some(line.strip_prefix("### ")?.to_owned())).collect()
}

/// Reads all sources as one text, with continued strings joined, `…` for `{…}`, and no escapes.
fn sources() -> String {
    let mut text = String::new();
    for folder in ["src", "crates/authoring/src", "crates/task-sequence/src", "crates/disc-layout/src"] {
        files_below(folder, "rs").iter().for_each(|path| text += &read(path));
    }
    let mut joined = String::new();
    let mut parts = text.split("\\\n");
    joined += parts.next().unwrap_or_default();
    for part in parts {
        joined += part.trim_start();
    }
    let (mut plain, mut rest) = (String::new(), joined.as_str());
    while let Some((before, after)) = rest.split_once('{') {
        plain += before;
        // Only holes of format strings are short and on one line.
        match after.find(['}', '\n', ';']) {
            Some(end) if after[end..].starts_with('}') => {
                plain.push('…');
                rest = &after[end + 1..];
            }
            _ => rest = after,
        }
    }
    plain += rest;
    plain.replace("\\\"", "\"")
}

#[test]
fn messages_of_the_page_are_those_of_the_program() {
    let (messages, sources) = (messages(), sources());
    assert!(messages.len() >= 20, "{} messages", messages.len());
    let missing: Vec<_> = messages.into_iter().filter(|message| !sources.contains(message.as_str())).collect();
    assert!(missing.is_empty(), "the program doesn't print: {missing:#?}");
}
