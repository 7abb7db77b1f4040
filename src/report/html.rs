//! Reports as self-contained HTML pages: no network, no scripts, for wide and narrow screens, in light and dark.
//!
//! [`PlanPage`] and [`medium()`] build a page of [`Block`]s. The template `page.html` turns blocks into HTML and escapes every
//! text; only pictures are inserted as they are, because tsmedia draws them.

mod medium;
mod plan;
mod steps;

use minijinja::value::Serde;
use minijinja::{Environment, HtmlEscape, Output, State, Value, context, escape_formatter};
use serde::Serialize;

use crate::foreign_text;
use crate::size::Size;

pub use medium::{MediumReport, medium};
pub use plan::{MediumSection, PlanPage};

/// Number of shares shown; the others are added up.
const MAX_SHARES: usize = 24;

/// A page.
#[derive(Debug)]
pub struct HtmlPage {
    title: String,
    /// Sentence below the title.
    lead: String,
    blocks: Vec<Block>,
}

/// Part of a page.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Block {
    /// Paragraph.
    Text { text: String },
    /// Lines as on the terminal, in which foreign text is escaped already.
    Lines { text: String },
    /// Keys with their values.
    Facts { rows: Vec<(String, String)> },
    /// Table with a row of headings.
    Table { head: Vec<&'static str>, rows: Vec<Row> },
    /// Amounts, largest first, with bars.
    Shares { rows: Vec<Share> },
    /// Picture drawn by tsmedia.
    Picture { svg: String },
    /// Steps of a task sequence.
    Steps { rows: Vec<steps::StepRow> },
    /// Blocks under a heading.
    Section { id: String, title: String, blocks: Vec<Block> },
    /// Blocks that open on a click.
    Folded { title: String, is_open: bool, blocks: Vec<Block> },
}

/// Row of a table.
#[derive(Clone, Debug, Serialize)]
struct Row {
    cells: Vec<String>,
    /// `bad` or `warn`, which colour the last cell.
    state: Option<&'static str>,
}

/// Amount, as a part of a whole.
#[derive(Clone, Debug, Serialize)]
struct Share {
    name: String,
    amount: String,
    /// Length of the bar.
    percent: u64,
}

impl HtmlPage {
    /// Returns the page as HTML.
    pub fn to_html(&self) -> String {
        let mut environment = Environment::new();
        environment.set_formatter(format_text);
        environment.add_filter("terminal", |text: &str| Value::from_safe_string(HtmlEscape(text).to_string()));
        // The names end in `.html`, so texts are escaped.
        environment.add_template("page.html", include_str!("html/page.html")).expect("our own template");
        environment.add_template("style.css", include_str!("html/style.css")).expect("our own template");
        let page = environment.get_template("page.html").expect("a template that was added");
        let version = env!("CARGO_PKG_VERSION");
        let Self { title, lead, blocks } = self;
        let blocks = Value::from(Serde(blocks));
        page.render(context! { title, lead, blocks, version }).expect("our own template") + "\n"
    }
}

/// Escapes foreign text before it is escaped for HTML.
fn format_text(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str().filter(|_| !value.is_safe()) {
        Some(text) => escape_formatter(out, state, &Value::from(foreign_text::line(text).into_owned())),
        None => escape_formatter(out, state, value),
    }
}

impl Block {
    fn section(id: &str, title: &str, blocks: Vec<Self>) -> Self {
        Self::Section { id: id.to_owned(), title: title.to_owned(), blocks }
    }

    /// Shows amounts, the largest first.
    fn shares(mut amounts: Vec<(String, u64)>) -> Self {
        amounts.sort_by(|(name, len), (other, other_len)| other_len.cmp(len).then_with(|| name.cmp(other)));
        let whole: u64 = amounts.iter().map(|(_, len)| len).sum();
        if amounts.len() > MAX_SHARES {
            let others = amounts.split_off(MAX_SHARES - 1);
            amounts.push((format!("{} others", others.len()), others.iter().map(|(_, len)| len).sum()));
        }
        let share = |(name, len): (String, u64)| Share {
            name,
            amount: Size(len).to_string(),
            percent: (u128::from(len) * 100 / u128::from(whole.max(1))) as u64,
        };
        Self::Shares { rows: amounts.into_iter().map(share).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup_and_control_characters_are_escaped() {
        let text = || "<script>\u{1b}[2J\u{202e}&\"'".to_owned();
        let row = || Row { cells: vec![text()], state: Some("bad") };
        let blocks = vec![
            Block::Text { text: text() },
            Block::Lines { text: foreign_text::line(&text()).into_owned() },
            Block::Facts { rows: vec![(text(), text())] },
            Block::Table { head: vec!["head"], rows: vec![row()] },
            Block::shares(vec![(text(), 5)]),
            Block::section("id", &text(), vec![Block::Text { text: text() }]),
            Block::Folded { title: text(), is_open: true, blocks: vec![Block::Text { text: text() }] },
        ];
        let page = HtmlPage { title: text(), lead: text(), blocks }.to_html();
        assert!(!page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{202e}'), "{page}");
        let escaped = "&lt;script&gt;\\x1b[2J\\u{202e}&amp;&quot;&#x27;";
        assert_eq!(page.matches(escaped).count(), 13, "{page}");
    }

    #[test]
    fn shares_beyond_the_largest_are_added_up() {
        let amounts = (1..=30).map(|n| (format!("package {n}"), n)).collect();
        let Block::Shares { rows } = Block::shares(amounts) else { panic!("shares") };
        assert_eq!(rows.len(), MAX_SHARES);
        assert_eq!((rows[0].name.as_str(), rows[0].percent), ("package 30", 6));
        assert_eq!((rows[23].name.as_str(), rows[23].amount.as_str()), ("7 others", "28 B"));
    }
}
