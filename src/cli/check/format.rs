//! `tsmedia check --format`: prints problems for code forges and pipelines.

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum;

use super::super::Outcome;
use super::super::screen::Screen;
use crate::error::{Error, Result};
use crate::problem::Problems;
use crate::project::Project;
use crate::report::findings::{self, CheckedFile, findings, github, gitlab, junit, sarif};

/// Format of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// Annotations of GitHub Actions.
    Github,
    /// Code Quality report of GitLab.
    Gitlab,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML: a test case for each manifest and site.
    Junit,
}

pub(super) fn print(
    format: CheckFormat,
    problems: &Problems,
    files: &[Utf8PathBuf],
    projects: &[Project],
    screen: &Screen,
) -> Result<Outcome> {
    let repository = Repository::find()?;
    let fallback = files.first().map(|file| repository.path(file)).unwrap_or_default();
    let found = findings(problems, &|name| repository.existing(Utf8Path::new(name)), &fallback);
    match format {
        CheckFormat::Github => screen.print_document(&github(&found)),
        CheckFormat::Gitlab => screen.print_value(&gitlab(&found)),
        CheckFormat::Sarif => screen.print_value(&sarif(&found)),
        CheckFormat::Junit => {
            let file = |name: &Utf8PathBuf| {
                let project = projects.iter().find(|project| project.manifest() == name);
                let sites = project.map(|project| project.sites().to_vec()).unwrap_or_default();
                CheckedFile { name: name.to_string(), path: repository.path(name), sites }
            };
            let files: Vec<_> = files.iter().map(file).collect();
            screen.print_document(&junit(&findings::test_cases(&found, &files)))
        }
    }
}

/// Folder that paths of problems start at.
struct Repository {
    current: Utf8PathBuf,
    root: Utf8PathBuf,
}

impl Repository {
    /// Finds the root of the Git repository around the current folder, or takes the current folder.
    fn find() -> Result<Self> {
        let current =
            Utf8Path::new(".").canonicalize_utf8().map_err(|error| Error::io("opening", ".".into(), error))?;
        let root = current.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&current).to_owned();
        Ok(Self { current, root })
    }

    /// Returns the path of a file from the root; as given if it is elsewhere.
    fn path(&self, name: &Utf8Path) -> String {
        let path = self.current.join(name);
        let folder = path.parent().and_then(|folder| folder.canonicalize_utf8().ok());
        let real = folder.zip(path.file_name()).map(|(folder, name)| folder.join(name));
        let inside = real.as_deref().and_then(|real| real.strip_prefix(&self.root).ok());
        inside.unwrap_or(name).to_string()
    }

    /// Returns the path of a file from the root; `None` if it is not in the repository, such as a built-in profile.
    fn existing(&self, name: &Utf8Path) -> Option<String> {
        let path = self.path(name);
        self.root.join(&path).is_file().then_some(path).filter(|path| !Utf8Path::new(path).is_absolute())
    }
}
