//! Generated pages of `docs/reference` are fresh. `UPDATE=1` writes them.

use std::process::Command;

use crate::fixtures::repository::{expect_fresh, read};

/// Pages that `tsmedia reference` prints.
const PRINTED: [&str; 8] = ["commands", "facts", "library", "manifest", "rules", "sequence", "site-file", "steps"];

/// Sources of the page of limits, in its order, and the title of their constants before the first heading.
const LIMITS: [(&str, &str); 4] = [
    ("src/limits.rs", ""),
    ("crates/authoring/src/limits.rs", "TOML and JSON that authors write"),
    ("crates/task-sequence/src/limits.rs", "Task sequences and their XML"),
    ("crates/disc-layout/src/limits.rs", "Paths"),
];

const INTRODUCTION: &str = "\
<!-- Generated from the constants in `limits.rs` by `UPDATE=1 cargo test --test it -- reference_pages`. -->

# Limits

Files from outside may claim any length, count or depth. tsmedia checks each claim against one of
these limits before it allocates memory or descends, and reports the file as unreadable if it exceeds
the limit. The limits are far above what Windows, Configuration Manager or an author writes.
";

fn page_path(page: &str) -> String {
    format!("docs/reference/{page}.md")
}

#[test]
fn committed_reference_pages_are_fresh() {
    for page in PRINTED {
        let output = Command::new(env!("CARGO_BIN_EXE_tsmedia")).args(["reference", page]).output().unwrap();
        assert!(output.status.success(), "{page}: {output:?}");
        expect_fresh(&page_path(page), &String::from_utf8(output.stdout).unwrap());
    }
}

#[test]
fn keys_link_to_their_sections() {
    let address = "https://intranet.example.com/tsmedia";
    for format in ["manifest", "sequence", "facts", "library", "site"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tsmedia"));
        let output = command.args(["schema", format, "--manual", &format!("{address}/")]).output().unwrap();
        let schema = String::from_utf8(output.stdout).unwrap();
        let marker = format!("[Manual]({address}/");
        let links: Vec<_> = schema.split(&marker).skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
        assert!(links.len() >= 5, "{format}: {links:?}");
        for link in links {
            let (page, anchor) = link.split_once('#').unwrap_or((link, ""));
            let page = read(format!("docs/{}", page.replace(".html", ".md")));
            let mut headings = page.lines().filter(|line| line.starts_with("##"));
            let is_of = |heading: &str| heading.replace(['#', '`', '.', ' '], "").to_lowercase() == anchor;
            assert!(anchor.is_empty() || headings.any(is_of), "{format}: nothing at {link}");
        }
    }
}

#[test]
fn committed_page_of_limits_lists_all_constants() {
    let mut page = INTRODUCTION.to_owned();
    let mut n_constants = 0;
    for (path, title) in LIMITS {
        let source = read(path);
        n_constants += source.matches("\npub const ").count();
        for section in format!("{title}.\n{source}").split("\n// ") {
            let (title, rest) = section.split_once(".\n").unwrap();
            let rows = rows(rest);
            if !rows.is_empty() {
                page += &format!("\n## {title}\n\n| limit | value |\n|---|---|\n{rows}");
            }
        }
    }
    let n_rows = page.matches("\n| ").count() - page.matches("\n| limit |").count();
    assert_eq!(n_rows, n_constants);
    expect_fresh(&page_path("limits"), &page);
}

/// Returns a row for each documented constant: its documentation and its value.
fn rows(source: &str) -> String {
    let mut rows = String::new();
    let mut doc = Vec::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            doc.push(text);
        } else if let Some(constant) = line.strip_prefix("pub const ") {
            let (_, value) = constant.trim_end_matches(';').split_once(" = ").unwrap();
            let doc = doc.join(" ").replace('|', "\\|").replace("[`", "`").replace("`]", "`");
            rows += &format!("| {doc} | {} |\n", shown(value, &doc));
        }
        if !line.starts_with("///") {
            doc.clear();
        }
    }
    rows
}

/// Returns the value of a constant as people read it.
fn shown(expression: &str, doc: &str) -> String {
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
    let value = match expression.split_once("<<") {
        Some((number_of, shift)) => number(number_of).zip(number(shift)).map(|(value, shift)| value << shift),
        None => number(expression),
    };
    match value {
        Some(value) if doc.contains("in bytes") || doc.starts_with("Bytes") => with_unit(value),
        Some(value) => grouped(value),
        None => format!("`{expression}`"),
    }
}

/// Returns a number of bytes in the largest binary unit that divides it.
fn with_unit(len: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.iter().find(|(shift, _)| len.trailing_zeros() >= *shift) {
        Some((shift, unit)) => format!("{} {unit}", len >> shift),
        None => format!("{} bytes", grouped(len)),
    }
}

/// Returns a number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
