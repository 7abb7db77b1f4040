//! `tsmedia man`: writes man pages.

use camino::Utf8PathBuf;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::Outcome;
use super::help;
use super::screen::Screen;
use crate::error::{Error, Result};
use crate::report;
use crate::write::{DiskOps, open, replace};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder to write them to.
    #[arg(value_name = "FOLDER")]
    folder: Utf8PathBuf,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let folder = &arguments.folder;
    let mut cli = help::command().disable_help_subcommand(true);
    // Propagates global options and the full names of commands to each of them.
    cli.build();
    let pages = pages(&cli)?;
    open::create_folders(folder).map_err(|error| Error::io("making", folder, error))?;
    for (name, text) in &pages {
        replace(&DiskOps::default(), &folder.join(name), text.as_bytes())?;
    }
    screen.status(&format!("wrote {} to `{folder}`", report::counted(pages.len(), "man page")));
    Ok(Outcome::Done)
}

/// Returns the name and text of the page of a command, and of the commands below it.
fn pages(command: &Command) -> Result<Vec<(String, String)>> {
    let failed = |error| Error::new("writing a man page").because(error);
    let mut all = vec![page(command).map_err(failed)?];
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        all.extend(pages(below)?);
    }
    Ok(all)
}

fn page(command: &Command) -> std::io::Result<(String, String)> {
    let extra = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command.clone()).source(concat!("tsmedia ", env!("CARGO_PKG_VERSION"))).manual("tsmedia manual");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    // The usage of the help names values and lists.
    let usage = command.clone().render_usage().to_string();
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    synopsis.text([roman(usage.trim_start_matches("Usage: "))]);
    synopsis.to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        man.render_subcommands_section(&mut text)?;
    }
    extra_sections(&extra).to_writer(&mut text)?;
    let name = man.get_filename();
    Ok((name, String::from_utf8_lossy(&text).into_owned()))
}

/// Converts the end of a command's help: headings such as `Examples:` begin sections, indented lines stay as they are, and
/// the others are paragraphs.
fn extra_sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    let mut is_literal = false;
    let mut set_literal = |roff: &mut Roff, literal: bool| {
        if is_literal != literal {
            // Indented as in the help, so that the lines fit 80 columns.
            roff.control("in", if literal { vec!["2n"] } else { vec![] });
            roff.control(if literal { "nf" } else { "fi" }, []);
            is_literal = literal;
        }
    };
    for line in text.lines() {
        match line.strip_suffix(':').filter(|heading| heading.starts_with(char::is_uppercase)) {
            Some(heading) => {
                set_literal(&mut roff, false);
                roff.control("SH", [heading.to_uppercase().as_str()]);
            }
            None if line.starts_with(' ') => {
                set_literal(&mut roff, true);
                roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
            None if line.is_empty() => {
                set_literal(&mut roff, false);
                roff.control("PP", []);
            }
            None => {
                set_literal(&mut roff, false);
                roff.text([roman(line)]);
            }
        }
    }
    set_literal(&mut roff, false);
    roff
}
