//! Formats errors and warnings with their causes and help.

use std::error::Error as _;

use super::Page;
use crate::error::{Error, advice_of};

/// Formats an error, its causes and its help.
pub fn failure(error: &Error) -> Page {
    error_page("error: ", error)
}

/// Formats an error that does not end the command.
pub fn warning(error: &Error) -> Page {
    error_page("warning: ", error)
}

fn error_page(severity: &str, error: &Error) -> Page {
    let mut page = Page::default();
    let add =
        |page: &mut Page, start: &str, error: &(dyn std::error::Error + 'static)| match error.downcast_ref::<Error>() {
            None => page.row(start, error.to_string()),
            Some(error) => {
                page.row(start, error.message());
                error.items().iter().for_each(|item| page.line(format!("  {item}")));
            }
        };
    add(&mut page, severity, error);
    let mut advice = error.advice();
    let mut cause = error.source();
    while let Some(error) = cause {
        add(&mut page, "  because: ", error);
        // Prefer the help of outer errors: they know what the user asked for.
        advice = advice.or_else(|| advice_of(error));
        cause = error.source();
    }
    if let Some(advice) = advice {
        page.row("  help: ", advice);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_every_cause_and_the_advice() {
        let error = Error::new("building `a.iso`")
            .because(Error::io("writing", "a.iso".into(), std::io::Error::other("no space left")))
            .help("free some room");
        insta::assert_snapshot!(failure(&error), @r"
        error: building `a.iso`
          because: writing `a.iso`
          because: no space left
          help: free some room
        ");
    }

    #[test]
    fn the_advice_of_a_cause_is_not_lost() {
        let error = Error::new("verifying `a.iso`").because(Error::new("it is cut off").help("copy it again"));
        assert!(failure(&error).to_string().ends_with("  help: copy it again\n"));
    }
}
