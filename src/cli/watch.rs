//! `tsmedia watch`: rebuilds media whenever an input changes.
//!
//! Each round is a `plan`, followed by `apply` if anything changed. A round that fails or finds problems reports them
//! once and waits for the next change. Secrets are fetched once per round and wiped before waiting. Outputs written by a
//! round start no further one.

use std::fs;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use clap::Args;
use serde_json::{Value as Json, json};

use super::project;
use super::screen::Screen;
use super::{BuildArguments, ManifestArguments, Outcome};
use crate::apply::without_deletions;
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::inputs::Inputs;
use crate::plan::{Action, Plan};
use crate::problem::Problems;
use crate::project::Project;
use crate::report;
use crate::resolve::secrets::Secrets;
use crate::size::Size;
use crate::store::Lock;
use crate::watch::Watch;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestArguments,
    #[command(flatten)]
    build: BuildArguments,
    /// Look for changes every SECONDS, for network file systems without notifications.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    poll: Option<Duration>,
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "write a number between 0.1 and 86400".into())
}

/// Maximum number of times that inputs are read if they keep changing meanwhile.
const MAX_READINGS: usize = 5;
/// Time between two attempts to take the lock of another process.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    screen.catch_interrupts();
    let mut watch = Watch::new(arguments.poll);
    let mut last = LastReport::Nothing;
    // State of the inputs before they were read.
    let mut before = None;
    loop {
        let mut secrets = project::secrets();
        let mut round = Round::read(arguments, &mut secrets, screen);
        // `arm` returns true if it watches a file for the first time, which may have changed unseen. Read again until all
        // inputs were watched before they were read.
        for _ in 1..MAX_READINGS {
            if !watch.arm(&round.inputs) {
                break;
            }
            before = Some(round.look(&watch));
            secrets.forget_files();
            round = Round::read(arguments, &mut secrets, screen);
        }
        if let Some(notice) = watch.take_notice() {
            screen.print_warning(&notice);
        }
        let (seen, inputs, outputs) = (round.look(&watch), round.inputs.clone(), round.outputs());
        let finished;
        (last, finished) = round.work(arguments, &last, screen)?;
        drop(secrets);
        // If an input changed while it was read, the outputs may be of its old state. Then the next event starts a round,
        // even if nothing seems to have changed.
        let standing = finished.filter(|_| before == Some(seen));
        loop {
            if screen.progress().is_cancelled() || watch.wait(screen.progress()).is_err() {
                screen.status("stopped");
                return Ok(Outcome::Interrupted);
            }
            // The build may have created the folder of an output; watch it too.
            watch.arm(&inputs);
            let now = watch.look(outputs.iter().map(Utf8PathBuf::as_path));
            before = Some(now);
            // Also start a round if an output is no longer the one that was built.
            if now != seen || !standing.as_ref().is_some_and(FinishedOutputs::are_untouched) {
                break;
            }
        }
    }
}

/// Outputs of a round, with their state when they were finished.
struct FinishedOutputs(Vec<(Utf8PathBuf, Stat)>);

impl FinishedOutputs {
    /// Returns the finished outputs from the cache; `None` unless it has all of them.
    fn from_projects(projects: &[Project]) -> Option<Self> {
        let mut finished = Vec::new();
        for project in projects {
            if project.is_capture() || !project.awaited().is_empty() {
                return None;
            }
            let store = project.open_store();
            for target in project.targets() {
                finished.push((target.path.clone(), store.finished(&target.name)?.0));
            }
        }
        Some(Self(finished))
    }

    /// Returns whether all outputs are unchanged since.
    fn are_untouched(&self) -> bool {
        self.0
            .iter()
            .all(|(path, stat)| fs::metadata(path).is_ok_and(|metadata| Stat::from_metadata(&metadata) == *stat))
    }
}

/// Report of the last round, so that the next one does not repeat it.
#[derive(PartialEq, Eq)]
enum LastReport {
    Nothing,
    /// Errors; nothing was built.
    Wrong(String),
    /// Warnings; everything was built.
    Right(String),
}

/// Manifests with their inputs, as loaded in this round.
struct Round {
    inputs: Inputs,
    problems: Problems,
    projects: Result<Vec<Project>>,
}

impl Round {
    fn read(arguments: &Arguments, secrets: &mut Secrets, screen: &Screen) -> Self {
        let (mut inputs, mut problems) = (Inputs::default(), Problems::default());
        let projects = project::resolve_with_inputs(&arguments.manifests, secrets, &mut problems, &mut inputs, screen);
        problems.drop_notes();
        Self { inputs, problems, projects }
    }

    /// Returns the paths of the outputs.
    fn outputs(&self) -> Vec<Utf8PathBuf> {
        let projects = self.projects.iter().flatten();
        projects.flat_map(|project| project.media().map(|(target, _)| target.path.clone())).collect()
    }

    /// Returns a digest of the state of all inputs and outputs.
    fn look(&self, watch: &Watch) -> Digest {
        watch.look(self.outputs().iter().map(Utf8PathBuf::as_path))
    }

    /// Reports the problems, or builds the media. Returns the report, and the finished outputs if all could be built.
    fn work(
        self,
        arguments: &Arguments,
        last: &LastReport,
        screen: &Screen,
    ) -> Result<(LastReport, Option<FinishedOutputs>)> {
        let unfinished = |report: LastReport| Ok((report, None));
        let projects = match self.projects {
            Ok(projects) => projects,
            Err(error) if error.kind() == ErrorKind::Interrupted => return unfinished(LastReport::Nothing),
            Err(error) => return unfinished(report_failure(&error, last, screen)?),
        };
        let text = Json::from(report::json(&self.problems)).to_string();
        // Compare reports as JSON, which contains the positions too: an error that moved is reported again.
        let news = if self.problems.has_errors() { LastReport::Wrong(text) } else { LastReport::Right(text) };
        if *last != news && !self.problems.sorted().is_empty() {
            if screen.json {
                screen.collect_problems(&self.problems);
                screen.print_json_line(&json!({}))?;
            } else {
                screen.report_problems(&self.problems);
            }
        }
        if matches!(news, LastReport::Wrong(_)) {
            return unfinished(news);
        }
        let mut whole = Plan::default();
        // Captures first. Media that contain a WIM file not captured yet are built in the next round, which starts because
        // that file is one of their inputs.
        let (captures, media): (Vec<_>, Vec<_>) = projects.iter().partition(|project| project.is_capture());
        for project in captures.into_iter().chain(media).filter(|project| project.awaited().is_empty()) {
            match build(project, arguments, screen) {
                Ok(plan) => whole.changes.extend(plan.changes),
                Err(error) if error.kind() == ErrorKind::Interrupted => return unfinished(LastReport::Nothing),
                Err(error) => return unfinished(report_failure(&error, last, screen)?),
            }
        }
        if !matches!(last, LastReport::Right(_)) {
            let n_inputs = self.inputs.paths().count();
            if whole.is_up_to_date() {
                screen.status(&report::plan::summary(&whole));
            }
            screen.status(&format!("watching {}; press Ctrl-C to stop", report::counted(n_inputs, "input")));
        }
        Ok((news, FinishedOutputs::from_projects(&projects)))
    }
}

fn report_failure(error: &Error, last: &LastReport, screen: &Screen) -> Result<LastReport> {
    let text = report::failure(error).to_string();
    let report = LastReport::Wrong(text);
    if *last != report {
        screen.print_error(error);
        if screen.json {
            screen.print_json_line(&json!({}))?;
        }
    }
    Ok(report)
}

/// Builds the outputs of a manifest that are out of date.
fn build(project: &Project, arguments: &Arguments, screen: &Screen) -> Result<Plan> {
    let options = arguments.build.options();
    let mut planned = screen.with_progress(&project.reading(), |progress| project.plan(options, progress))?;
    if !options.deletes {
        // A manifest that is being edited may lack a site for a moment.
        planned.plan = without_deletions(planned.plan, &project.find_deletions()?);
    }
    if planned.plan.is_up_to_date() {
        return Ok(planned.plan);
    }
    project::warn_of_foreign_journals(project, screen)?;
    wait_for_lock(project, screen)?;
    for change in planned.plan.changes.iter().filter(|change| change.action != Action::Keep) {
        let reason = report::plan::first_reason(change).map(|reason| format!(": {reason}")).unwrap_or_default();
        screen.status(&format!("{:9} {}{reason}", change.action.as_str(), change.path()));
    }
    let start = Instant::now();
    let mut applied = screen.with_progress("building", |progress| planned.apply(progress))?;
    let seconds = start.elapsed().as_secs_f64();
    let done = Plan { changes: applied.plan.changes.iter().filter(|c| c.action != Action::Keep).cloned().collect() };
    let plan = std::mem::replace(&mut applied.plan, done);
    super::apply::print_applied(&applied, screen);
    let done = std::mem::replace(&mut applied.plan, plan);
    screen.status(&format!("{:9} {} in {seconds:.1} s", "wrote", Size(done.n_write())));
    if screen.json {
        screen.print_json_line(&report::plan::json(&applied.plan, &[]))?;
    }
    Ok(applied.plan)
}

/// Waits until no other process builds the outputs of the manifest.
fn wait_for_lock(project: &Project, screen: &Screen) -> Result<()> {
    use std::error::Error as _;
    let mut is_said = false;
    loop {
        match Lock::take(project.cache(), "waiting to build") {
            Ok(_) => return Ok(()),
            // The lock file can't be opened; `apply` reports that.
            Err(error) if error.source().is_some() => return Ok(()),
            Err(error) if !is_said => {
                screen.status(&format!("waiting: {error}"));
                is_said = true;
            }
            Err(_) => {}
        }
        screen.progress().check_cancelled()?;
        std::thread::sleep(LOCK_INTERVAL);
    }
}
