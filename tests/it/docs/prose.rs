//! Length of lines and pages.

use super::page::Page;

#[test]
fn prose_wraps_at_100_columns() {
    let mut wrong = Vec::new();
    for page in Page::written() {
        for (n, line) in page.prose() {
            let may_be_long = line.starts_with(['|', '#']) || line.contains("](") || line.contains("://");
            if line.chars().count() > 100 && !may_be_long {
                wrong.push(format!("{}:{n}: {} columns", page.path, line.chars().count()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_fits_on_a_few_screens() {
    let n_lines = Page::read("README.md").text.lines().count();
    assert!(n_lines <= 150, "README.md has {n_lines} lines, at most 150 are wanted: move text to docs/");
}
