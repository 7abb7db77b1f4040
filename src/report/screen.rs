//! Lists of reasons, cut so that they fit a screen.
//!
//! What is shown first is what tells most: every heading, then what is said below it, then the details, each list
//! getting its share before any gets more. A list that is cut ends with how much more there is of it.

use super::Page;

/// The lines that somebody reads who did not ask for more.
pub const SCREEN: usize = 24;

/// Headings with what is said of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// The headings, one at least.
    pub heads: Vec<String>,
    /// What is said.
    pub points: Vec<Point>,
}

/// One thing that is said, and its details.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Point {
    pub line: String,
    pub details: Vec<String>,
    /// The same in fewer lines, for want of room.
    pub brief: Vec<String>,
}

/// How many lines the lists of a block get.
struct Share {
    heads: usize,
    points: usize,
    details: Vec<usize>,
}

/// What a list gets at first, before the others get theirs: of headings, points and details.
const FIRST_SHARES: [usize; 3] = [4, 8, 6];

/// The blocks as text, each after an empty line; `n_lines` are the most that there may be.
pub(super) fn fit(blocks: &[Block], n_lines: Option<usize>) -> Page {
    let mut page = Page::default();
    let n_all: usize = blocks.iter().map(n_lines_of).sum();
    let Some(n_lines) = n_lines.filter(|n_lines| n_all > *n_lines) else {
        blocks.iter().for_each(|block| write(&mut page, block, &whole(block)));
        return page;
    };
    let blocks: Vec<_> = blocks.iter().map(brief).collect();
    // An empty line and the hint come last.
    let mut room = n_lines.saturating_sub(2);
    let mut shares: Vec<Share> = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let share = least(block);
        let needed = 1 + share.heads + share.points;
        let is_last = index + 1 == blocks.len();
        if index > 0 && needed + if is_last { 0 } else { 2 } > room {
            room = room.saturating_sub(2);
            break;
        }
        room = room.saturating_sub(needed);
        shares.push(share);
    }
    for limits in [FIRST_SHARES, [usize::MAX; 3]] {
        for (of, limit) in limits.into_iter().enumerate() {
            while room > 0 && grant(&blocks, &mut shares, of, limit, &mut room) {}
        }
    }
    for (block, share) in blocks.iter().zip(&shares) {
        write(&mut page, block, share);
    }
    let n_more: usize = blocks[shares.len()..].iter().map(|block| block.heads.len()).sum();
    if n_more > 0 {
        page.gap();
        page.line(format!("and {n_more} more"));
    }
    page.gap();
    page.line("`--verbose` shows all of it");
    page
}

fn n_lines_of(block: &Block) -> usize {
    1 + block.heads.len() + block.points.iter().map(|point| 1 + point.details.len()).sum::<usize>()
}

fn brief(block: &Block) -> Block {
    let point = |point: &Point| Point { details: point.brief.clone(), ..point.clone() };
    Block { heads: block.heads.clone(), points: block.points.iter().map(point).collect() }
}

fn whole(block: &Block) -> Share {
    let details = block.points.iter().map(|point| point.details.len()).collect();
    Share { heads: block.heads.len(), points: block.points.len(), details }
}

/// Enough to name one thing of a list, and how many more there are.
fn least(block: &Block) -> Share {
    Share { heads: block.heads.len().min(2), points: block.points.len().min(2), details: vec![0; block.points.len()] }
}

/// Gives every list of one sort a line more, as far as there is room; says whether any got one.
fn grant(blocks: &[Block], shares: &mut [Share], of: usize, limit: usize, room: &mut usize) -> bool {
    let mut any = false;
    for (block, share) in blocks.iter().zip(shares) {
        let n_points = shown(block.points.len(), share.points);
        let lists: Vec<(&mut usize, usize)> = match of {
            0 => vec![(&mut share.heads, block.heads.len())],
            1 => vec![(&mut share.points, block.points.len())],
            _ => {
                let lens = block.points.iter().map(|point| point.details.len());
                share.details.iter_mut().zip(lens).take(n_points).collect()
            }
        };
        for (got, len) in lists {
            // One line of a longer list would name nothing.
            let step = if *got == 0 { len.min(2) } else { 1 };
            if *got < len.min(limit) && *room >= step {
                *got += step;
                *room -= step;
                any = true;
            }
        }
    }
    any
}

/// How many of a list are shown in so many lines: the last one says that there are more.
fn shown(len: usize, n_lines: usize) -> usize {
    if n_lines >= len { len } else { n_lines.saturating_sub(1) }
}

fn write(page: &mut Page, block: &Block, share: &Share) {
    page.gap();
    let mut list = |indent: &str, lines: &mut dyn Iterator<Item = &String>, len: usize, n_lines: usize, more: &str| {
        let n_shown = shown(len, n_lines);
        lines.take(n_shown).for_each(|line| page.line(format!("{indent}{line}")));
        if n_lines > 0 && n_shown < len {
            page.line(format!("{indent}{more}and {} more", len - n_shown));
        }
    };
    list("", &mut block.heads.iter(), block.heads.len(), share.heads, "         ");
    for (index, point) in block.points.iter().take(shown(block.points.len(), share.points)).enumerate() {
        list("  ", &mut std::iter::once(&point.line), 1, 1, "");
        list("    ", &mut point.details.iter(), point.details.len(), share.details[index], "");
    }
    let points = block.points.len() - shown(block.points.len(), share.points);
    if points > 0 {
        page.line(format!("  and {points} more"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(n_heads: usize, details: &[usize]) -> Block {
        let names = |word: &str, n: usize| (0..n).map(|n| format!("{word} {n}")).collect::<Vec<_>>();
        let point = |n: &usize| Point {
            line: format!("point with {n}"),
            details: names("detail", *n),
            brief: names("detail", *n),
        };
        Block { heads: names("head", n_heads), points: details.iter().map(point).collect() }
    }

    #[test]
    fn no_text_is_longer_than_the_screen_and_none_is_cut_that_fits() {
        let of_all_sorts = [
            vec![block(1, &[100])],
            vec![block(100, &[])],
            vec![block(1, &[0; 100])],
            vec![block(1, &[5, 5, 5, 5, 5]), block(60, &[])],
            (0..60).map(|_| block(1, &[1, 1])).collect(),
            (0..60).map(|n| block(n % 4 + 1, &vec![n; n % 5])).collect(),
        ];
        for blocks in of_all_sorts {
            let all = fit(&blocks, None).to_string();
            assert_eq!(fit(&blocks, Some(all.lines().count())).to_string(), all);
            for n_lines in 12..60 {
                let cut = fit(&blocks, Some(n_lines)).to_string();
                let n_cut = cut.lines().count();
                assert!(n_cut <= n_lines, "{n_cut} of {n_lines} lines:\n{cut}");
                assert!(all.lines().count() <= n_lines || n_cut + 4 > n_lines, "{n_cut} of {n_lines} lines:\n{cut}");
            }
        }
    }

    #[test]
    fn every_list_gets_its_share_and_says_how_much_more_there_is() {
        let blocks = [block(1, &[3, 9, 0]), block(30, &[1])];
        insta::assert_snapshot!(fit(&blocks, Some(20)), @"
        head 0
          point with 3
            detail 0
            detail 1
            detail 2
          point with 9
            detail 0
            detail 1
            and 7 more
          point with 0

        head 0
        head 1
        head 2
                 and 27 more
          point with 1
            detail 0

        `--verbose` shows all of it
        ");
    }
}
