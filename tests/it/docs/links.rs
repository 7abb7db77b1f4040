//! Links between pages: the file exists, and has a heading for the anchor.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::page::{Page, ROOT};

/// Returns the targets of links in the prose of a page, with their line numbers.
fn links(page: &Page) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (n, line) in page.prose() {
        let line = without_code(line);
        for (at, _) in line.match_indices("](") {
            let target = &line[at + 2..];
            links.push((n, target[..target.find(')').unwrap_or(target.len())].to_owned()));
        }
        if let Some((_, target)) = line.split_once("]: ").filter(|_| line.starts_with('[')) {
            links.push((n, target.trim().to_owned()));
        }
    }
    links
}

/// Removes inline code, in which brackets mean nothing.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Returns the anchors of a page, as GitHub and mdBook make them of headings.
fn anchors(page: &Page) -> Vec<String> {
    let mut seen = BTreeMap::<String, usize>::new();
    let mut anchors = Vec::new();
    for (_, line) in page.prose() {
        if line.starts_with('#') {
            let title = line.trim_start_matches('#').trim();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            let anchor: String = kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
            let n = seen.entry(anchor.clone()).or_default();
            anchors.push(if *n == 0 { anchor } else { format!("{anchor}-{n}") });
            *n += 1;
        }
        for part in line.split("id=\"").skip(1) {
            anchors.push(part.split('"').next().unwrap_or_default().to_owned());
        }
    }
    anchors
}

/// Resolves `..` without looking at the disk.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[test]
fn links_between_pages_resolve() {
    let mut wrong = Vec::new();
    let root_pages = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
    let root_pages = root_pages.into_iter().filter(|path| Path::new(ROOT).join(path).exists()).map(Page::read);
    for page in Page::all().into_iter().chain(root_pages) {
        for (n, link) in links(&page) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(path, at)| (path, Some(at)));
            let folder = Path::new(&page.path).parent().unwrap();
            let target = if path.is_empty() { PathBuf::from(&page.path) } else { normalize(&folder.join(path)) };
            if !Path::new(ROOT).join(&target).exists() {
                wrong.push(format!("{}:{n}: `{}` does not exist", page.path, target.display()));
            } else if let Some(anchor) = anchor
                && target.extension().is_some_and(|extension| extension == "md")
                && !anchors(&Page::read(target.to_str().unwrap())).contains(&anchor.to_owned())
            {
                wrong.push(format!("{}:{n}: `{}` has no heading for `#{anchor}`", page.path, target.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    // The table of contents of the site is for readers who start there.
    let mut reached = vec!["README.md".to_owned()];
    reached.extend(Some("docs/SUMMARY.md".to_owned()).filter(|path| Path::new(ROOT).join(path).exists()));
    let mut n = 0;
    while n < reached.len() {
        let page = Page::read(&reached[n]);
        let folder = Path::new(&page.path).parent().unwrap();
        for (_, link) in links(&page) {
            let path = link.split('#').next().unwrap_or_default();
            let target = normalize(&folder.join(path)).to_str().unwrap().to_owned();
            if path.ends_with(".md") && !path.contains("://") && !reached.contains(&target) {
                reached.push(target);
            }
        }
        n += 1;
    }
    let lost: Vec<_> = Page::all().into_iter().map(|page| page.path).filter(|path| !reached.contains(path)).collect();
    assert!(lost.is_empty(), "no page links to {lost:?}");
}
