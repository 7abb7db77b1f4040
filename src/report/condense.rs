//! Shortens lists of reasons to fit a screen.
//!
//! Lines go to headings first, then to items, then to details. Every list gets its share before any gets more. A shortened
//! list ends with the number of lines left out.

use super::Page;

/// Maximum number of lines without `--verbose`.
pub const SCREEN_LINES: usize = 24;

/// Headings, and the items that apply to all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ReportSection {
    /// Headings; at least one.
    pub headings: Vec<String>,
    /// Items below the headings.
    pub items: Vec<ReportItem>,
}

/// Item of a section: a line, and its details.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ReportItem {
    pub line: String,
    pub details: Vec<String>,
    /// Shorter version of the details, used if lines are limited.
    pub brief: Vec<String>,
}

/// Number of lines for each list of a section.
struct LineShare {
    headings: usize,
    items: usize,
    details: Vec<usize>,
}

/// Lines that each list gets first, before any list gets more: headings, items, details.
const FIRST_SHARES: [usize; 3] = [4, 8, 6];

/// Formats sections, each after an empty line, in at most `n_lines` lines if given.
pub(super) fn condense(sections: &[ReportSection], n_lines: Option<usize>) -> Page {
    let mut page = Page::default();
    let n_all: usize = sections.iter().map(n_lines_of).sum();
    let Some(n_lines) = n_lines.filter(|n_lines| n_all > *n_lines) else {
        sections.iter().for_each(|section| write(&mut page, section, &whole(section)));
        return page;
    };
    let sections: Vec<_> = sections.iter().map(brief).collect();
    // Reserved for an empty line and the hint at the end.
    let mut room = n_lines.saturating_sub(2);
    // First, every section gets the least that is useful; sections for which there is no room are only counted.
    let mut shares: Vec<LineShare> = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let share = least(section);
        let needed = 1 + share.headings + share.items;
        let is_last = index + 1 == sections.len();
        // Unless this is the last section, keep two lines for the count of the others. The first section is always shown.
        if index > 0 && needed + if is_last { 0 } else { 2 } > room {
            room = room.saturating_sub(2);
            break;
        }
        room = room.saturating_sub(needed);
        shares.push(share);
    }
    // Then lists grow line by line: in the first round up to their first share, in the second as long as there is room.
    for limits in [FIRST_SHARES, [usize::MAX; 3]] {
        for (of, limit) in limits.into_iter().enumerate() {
            while room > 0 && grant(&sections, &mut shares, of, limit, &mut room) {}
        }
    }
    for (section, share) in sections.iter().zip(&shares) {
        write(&mut page, section, share);
    }
    let n_more: usize = sections[shares.len()..].iter().map(|section| section.headings.len()).sum();
    if n_more > 0 {
        page.gap();
        page.line(format!("and {n_more} more"));
    }
    page.gap();
    page.line("use `--verbose` to see everything");
    page
}

fn n_lines_of(section: &ReportSection) -> usize {
    1 + section.headings.len() + section.items.iter().map(|item| 1 + item.details.len()).sum::<usize>()
}

fn brief(section: &ReportSection) -> ReportSection {
    let item = |item: &ReportItem| ReportItem { details: item.brief.clone(), ..item.clone() };
    ReportSection { headings: section.headings.clone(), items: section.items.iter().map(item).collect() }
}

fn whole(section: &ReportSection) -> LineShare {
    let details = section.items.iter().map(|item| item.details.len()).collect();
    LineShare { headings: section.headings.len(), items: section.items.len(), details }
}

/// Returns the smallest useful share: one line of a list, and one for the number of others.
fn least(section: &ReportSection) -> LineShare {
    LineShare {
        headings: section.headings.len().min(2),
        items: section.items.len().min(2),
        details: vec![0; section.items.len()],
    }
}

/// Gives every list of one kind another line while there is room. Returns `true` if any got one.
fn grant(sections: &[ReportSection], shares: &mut [LineShare], of: usize, limit: usize, room: &mut usize) -> bool {
    let mut any = false;
    for (section, share) in sections.iter().zip(shares) {
        let n_points = shown(section.items.len(), share.items);
        let lists: Vec<(&mut usize, usize)> = match of {
            0 => vec![(&mut share.headings, section.headings.len())],
            1 => vec![(&mut share.items, section.items.len())],
            _ => {
                let lens = section.items.iter().map(|item| item.details.len());
                share.details.iter_mut().zip(lens).take(n_points).collect()
            }
        };
        for (got, len) in lists {
            // A list of several needs two lines at least: one entry, and the number of others.
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

/// Returns how many entries of a list fit in `n_lines`; the last line counts the others.
fn shown(len: usize, n_lines: usize) -> usize {
    if n_lines >= len { len } else { n_lines.saturating_sub(1) }
}

fn write(page: &mut Page, section: &ReportSection, share: &LineShare) {
    page.gap();
    let mut list = |indent: &str, lines: &mut dyn Iterator<Item = &String>, len: usize, n_lines: usize, more: &str| {
        let n_shown = shown(len, n_lines);
        lines.take(n_shown).for_each(|line| page.line(format!("{indent}{line}")));
        if n_lines > 0 && n_shown < len {
            page.line(format!("{indent}{more}and {} more", len - n_shown));
        }
    };
    list("", &mut section.headings.iter(), section.headings.len(), share.headings, "         ");
    for (index, item) in section.items.iter().take(shown(section.items.len(), share.items)).enumerate() {
        list("  ", &mut std::iter::once(&item.line), 1, 1, "");
        list("    ", &mut item.details.iter(), item.details.len(), share.details[index], "");
    }
    let items = section.items.len() - shown(section.items.len(), share.items);
    if items > 0 {
        page.line(format!("  and {items} more"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(n_heads: usize, details: &[usize]) -> ReportSection {
        let names = |word: &str, n: usize| (0..n).map(|n| format!("{word} {n}")).collect::<Vec<_>>();
        let item = |n: &usize| ReportItem {
            line: format!("item with {n}"),
            details: names("detail", *n),
            brief: names("detail", *n),
        };
        ReportSection { headings: names("head", n_heads), items: details.iter().map(item).collect() }
    }

    #[test]
    fn no_text_is_longer_than_the_screen_and_none_is_cut_that_fits() {
        let of_all_sorts = [
            vec![section(1, &[100])],
            vec![section(100, &[])],
            vec![section(1, &[0; 100])],
            vec![section(1, &[5, 5, 5, 5, 5]), section(60, &[])],
            (0..60).map(|_| section(1, &[1, 1])).collect(),
            (0..60).map(|n| section(n % 4 + 1, &vec![n; n % 5])).collect(),
        ];
        for sections in of_all_sorts {
            let all = condense(&sections, None).to_string();
            assert_eq!(condense(&sections, Some(all.lines().count())).to_string(), all);
            for n_lines in 12..60 {
                let cut = condense(&sections, Some(n_lines)).to_string();
                let n_cut = cut.lines().count();
                assert!(n_cut <= n_lines, "{n_cut} of {n_lines} lines:\n{cut}");
                assert!(all.lines().count() <= n_lines || n_cut + 4 > n_lines, "{n_cut} of {n_lines} lines:\n{cut}");
            }
        }
    }

    #[test]
    fn every_list_gets_its_share_and_says_how_much_more_there_is() {
        let sections = [section(1, &[3, 9, 0]), section(30, &[1])];
        insta::assert_snapshot!(condense(&sections, Some(20)), @"
        head 0
          item with 3
            detail 0
            detail 1
            detail 2
          item with 9
            detail 0
            detail 1
            and 7 more
          item with 0

        head 0
        head 1
        head 2
                 and 27 more
          item with 1
            detail 0

        use `--verbose` to see everything
        ");
    }
}
