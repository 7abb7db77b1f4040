//! Markdown pages: their prose, their fenced blocks, and the comments that direct the tests.

use std::fs;
use std::path::Path;

use crate::fixtures::repository::files_below;

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A page of the documentation.
pub struct Page {
    /// Path in the repository, such as `docs/tutorial.md`.
    pub path: String,
    pub text: String,
}

/// A part of a page that the tests act on.
pub enum Part {
    /// A command from a comment `<!-- run: … -->`.
    Run(String),
    Block(Block),
}

/// A fenced block.
pub struct Block {
    /// The words after the opening fence, such as `console fails`.
    pub info: String,
    /// Index of the first line after the opening fence.
    pub start: usize,
    pub lines: Vec<String>,
    /// Path from a comment `<!-- file: … -->` before the block.
    pub file: Option<String>,
    /// The comment is `<!-- file with mistakes: … -->`.
    pub has_mistakes: bool,
}

impl Page {
    pub fn read(path: &str) -> Self {
        let text = fs::read_to_string(Path::new(ROOT).join(path));
        Self { path: path.to_owned(), text: text.unwrap_or_else(|error| panic!("{path}: {error}")) }
    }

    /// Returns README and all pages below `docs`, by path; only those that contain `$PAGE` if it is set.
    pub fn all() -> Vec<Self> {
        let below = files_below("docs", "md").into_iter().map(|path| path.to_str().unwrap().to_owned());
        let mut paths: Vec<_> = below.chain(["README.md".to_owned()]).collect();
        paths.sort();
        if let Ok(wanted) = std::env::var("PAGE") {
            paths.retain(|path| path.contains(&wanted));
        }
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Returns the pages that people write.
    pub fn written() -> Vec<Self> {
        Self::all().into_iter().filter(|page| !page.text.starts_with("<!-- Generated")).collect()
    }

    /// Returns the fenced blocks and directives in order.
    pub fn parts(&self) -> Vec<Part> {
        let (mut parts, mut file) = (Vec::new(), None);
        let mut lines = self.text.lines().enumerate();
        while let Some((n, line)) = lines.next() {
            if let Some(command) = directive(line, "run") {
                parts.push(Part::Run(command));
            } else if let Some(path) = directive(line, "file") {
                file = Some((path, false));
            } else if let Some(path) = directive(line, "file with mistakes") {
                file = Some((path, true));
            } else if let Some(info) = line.trim_start().strip_prefix("```") {
                let inner = lines.by_ref().map(|(_, line)| line.to_owned());
                let inner = inner.take_while(|line| !line.trim_start().starts_with("```")).collect();
                let (file, has_mistakes) = file.take().map_or((None, false), |(path, wrong)| (Some(path), wrong));
                parts.push(Part::Block(Block { info: info.into(), start: n + 1, lines: inner, file, has_mistakes }));
            }
        }
        parts
    }

    pub fn blocks(&self) -> Vec<Block> {
        let blocks = self.parts().into_iter().filter_map(|part| match part {
            Part::Block(block) => Some(block),
            Part::Run(_) => None,
        });
        blocks.collect()
    }

    /// Returns the lines outside fenced blocks and comments, with their numbers from 1.
    pub fn prose(&self) -> Vec<(usize, &str)> {
        let mut in_block = false;
        let mut prose = Vec::new();
        for (n, line) in self.text.lines().enumerate() {
            let is_fence = line.trim_start().starts_with("```");
            if !in_block && !is_fence && !line.starts_with("<!--") {
                prose.push((n + 1, line));
            }
            in_block ^= is_fence;
        }
        prose
    }
}

impl Block {
    /// The first word after the opening fence.
    pub fn language(&self) -> &str {
        self.info.split(' ').next().unwrap_or_default()
    }

    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

fn directive(line: &str, name: &str) -> Option<String> {
    let text = line.trim().strip_prefix("<!--")?.strip_suffix("-->")?;
    Some(text.trim().strip_prefix(name)?.strip_prefix(':')?.trim().to_owned())
}
