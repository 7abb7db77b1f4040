//! `tsmedia show`: prints a saved plan.

use camino::Utf8PathBuf;
use clap::Args;

use super::screen::Screen;
use super::{Outcome, saved};
use crate::error::{Error, Result};
use crate::report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Saved plan.
    #[arg(value_name = "PLAN")]
    plan: Utf8PathBuf,
    /// List every changed file.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let path = &arguments.plan;
    if path.exists() && !saved::is_saved_plan(path) {
        return Err(
            Error::new(format!("`{path}` is not a saved plan")).help("save a plan with `tsmedia plan --out FILE`")
        );
    }
    let saved = saved::read(path)?;
    let plan = saved.plan().ok_or_else(|| {
        Error::new(format!("the saved plan `{path}` has no reasons: an older tsmedia saved it"))
            .help("save the plan again with `tsmedia plan --out FILE`")
    })?;
    if screen.json {
        return screen.print_json(&report::plan::json(&plan, &[]));
    }
    let n_lines = (!arguments.verbose).then_some(report::SCREEN_LINES);
    screen.print_page(&report::plan::text(&plan, n_lines))
}
