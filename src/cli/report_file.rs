//! Files that commands write beside their output: pictures and pages.

use camino::Utf8Path;

use crate::error::{Error, Result};
use crate::write::{DiskOps, open, replace};

/// Kind of a report.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReportFile {
    Svg,
    Html,
}

impl ReportFile {
    /// Fails if a path has another extension, which keeps a report from replacing other files.
    pub(super) fn check_name(self, path: &Utf8Path) -> Result<()> {
        let (extension, what, example) = match self {
            Self::Svg => ("svg", "an SVG file", "layout.svg"),
            Self::Html => ("html", "an HTML file", "report.html"),
        };
        if path.extension() == Some(extension) {
            return open::refuse_link(path);
        }
        Err(Error::new(format!("`{path}` does not end in `.{extension}`"))
            .help(format!("name {what}, such as `{example}`")))
    }

    /// Writes a report atomically.
    pub(super) fn write(self, path: &Utf8Path, text: &str) -> Result<()> {
        self.check_name(path)?;
        replace(&DiskOps::default(), path, text.as_bytes())
    }
}
