//! `tsmedia watch`: builds anew whenever an input changes.
//!
//! Each round is a `plan`, and an `apply` where there is anything to do. A round that fails, or finds the manifest
//! wrong, says so once and waits for the next change. Secrets are fetched once in a round and wiped before it waits, so
//! there is no round where nothing changed but what the last one wrote.

use std::fs;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use clap::Args;
use serde_json::json;

use super::project;
use super::screen::Screen;
use super::{BuildArguments, ManifestArguments, Outcome};
use crate::apply::Lock;
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
use crate::watch::Watch;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestArguments,
    #[command(flatten)]
    build: BuildArguments,
    /// Look every so many seconds, for network file systems that say nothing of changes.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    poll: Option<Duration>,
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "write a number from 0.1 to 86400".into())
}

/// Inputs that change while they are read are read again, but not for ever.
const MAX_READINGS: usize = 5;
/// How often to see whether another run is done.
const ASK_AGAIN: Duration = Duration::from_millis(200);

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    screen.heed_interrupt();
    let mut watch = Watch::new(arguments.poll);
    let mut last = Said::Nothing;
    // What inputs looked like before they were read.
    let mut before = None;
    loop {
        let mut secrets = project::secrets();
        let mut round = Round::read(arguments, &mut secrets, screen);
        for _ in 1..MAX_READINGS {
            if !watch.arm(&round.inputs) {
                break;
            }
            before = Some(round.look(&watch));
            secrets.forget_files();
            round = Round::read(arguments, &mut secrets, screen);
        }
        if let Some(notice) = watch.take_notice() {
            screen.warning(&notice);
        }
        let (seen, inputs, outputs) = (round.look(&watch), round.inputs.clone(), round.outputs());
        let finished;
        (last, finished) = round.work(arguments, &last, screen)?;
        drop(secrets);
        // What changed while it was read may have been read as it was.
        let standing = finished.filter(|_| before == Some(seen));
        loop {
            if screen.progress().is_cancelled() || watch.wait(screen.progress()).is_err() {
                screen.say("stopped");
                return Ok(Outcome::Interrupted);
            }
            // The folder of an output may be new.
            watch.arm(&inputs);
            let now = watch.look(outputs.iter().map(Utf8PathBuf::as_path));
            before = Some(now);
            if now != seen || !standing.as_ref().is_some_and(Finished::stands) {
                break;
            }
        }
    }
}

/// The outputs of a round, as they were when they were finished.
struct Finished(Vec<(Utf8PathBuf, Stat)>);

impl Finished {
    /// What the cache knows of finished outputs; none where it does not know all of them.
    fn of(projects: &[Project]) -> Option<Self> {
        let mut finished = Vec::new();
        for project in projects {
            if project.is_capture() || !project.awaited().is_empty() {
                return None;
            }
            let store = project.open_store().ok()?;
            for target in project.targets() {
                finished.push((target.path.clone(), store.finished(&target.name)?.0));
            }
        }
        Some(Self(finished))
    }

    /// Whether nobody has touched them.
    fn stands(&self) -> bool {
        self.0
            .iter()
            .all(|(path, stat)| fs::metadata(path).is_ok_and(|metadata| Stat::from_metadata(&metadata) == *stat))
    }
}

/// What the last round had to say, so that the next one does not say it again.
#[derive(PartialEq, Eq)]
enum Said {
    Nothing,
    /// Why nothing can be built.
    Wrong(String),
    /// The warnings; everything is built.
    Right(String),
}

/// Manifests with all that they name, as they are now.
struct Round {
    inputs: Inputs,
    problems: Problems,
    projects: Result<Vec<Project>>,
}

impl Round {
    fn read(arguments: &Arguments, secrets: &mut Secrets, screen: &Screen) -> Self {
        let (mut inputs, mut problems) = (Inputs::default(), Problems::default());
        let projects = project::resolve_noting(&arguments.manifests, secrets, &mut problems, &mut inputs, screen);
        problems.drop_notes();
        Self { inputs, problems, projects }
    }

    /// The files that it makes.
    fn outputs(&self) -> Vec<Utf8PathBuf> {
        let projects = self.projects.iter().flatten();
        projects.flat_map(|project| project.media().map(|(target, _)| target.path.clone())).collect()
    }

    /// What everything that it depends on looks like.
    fn look(&self, watch: &Watch) -> Digest {
        watch.look(self.outputs().iter().map(Utf8PathBuf::as_path))
    }

    /// Says what is wrong, or builds what there is to build. Besides what it said: what it finished, if that is all that
    /// there is to do.
    fn work(self, arguments: &Arguments, last: &Said, screen: &Screen) -> Result<(Said, Option<Finished>)> {
        let said = |said: Said| Ok((said, None));
        let projects = match self.projects {
            Ok(projects) => projects,
            Err(error) if error.kind() == ErrorKind::Interrupted => return said(Said::Nothing),
            Err(error) => return said(failed(&error, last, screen)?),
        };
        let text = report::json(&self.problems).to_string();
        let news = if self.problems.has_errors() { Said::Wrong(text) } else { Said::Right(text) };
        if *last != news && !self.problems.sorted().is_empty() {
            if screen.json {
                screen.json_line(&json!({ "problems": report::json(&self.problems) }))?;
            } else {
                screen.problems(&self.problems);
            }
        }
        if matches!(news, Said::Wrong(_)) {
            return said(news);
        }
        let mut whole = Plan::default();
        // What is captured may be on media: those that wait for it are built in the next round, as it is an input.
        let (captures, media): (Vec<_>, Vec<_>) = projects.iter().partition(|project| project.is_capture());
        for project in captures.into_iter().chain(media).filter(|project| project.awaited().is_empty()) {
            match build(project, arguments, screen) {
                Ok(plan) => whole.changes.extend(plan.changes),
                Err(error) if error.kind() == ErrorKind::Interrupted => return said(Said::Nothing),
                Err(error) => return said(failed(&error, last, screen)?),
            }
        }
        if !matches!(last, Said::Right(_)) {
            let n_inputs = self.inputs.paths().count();
            if whole.is_up_to_date() {
                screen.say(&report::plan::summary(&whole));
            }
            screen.say(&format!("watching {}; Ctrl-C ends it", report::counted(n_inputs, "input")));
        }
        Ok((news, Finished::of(&projects)))
    }
}

fn failed(error: &Error, last: &Said, screen: &Screen) -> Result<Said> {
    let text = report::failure(error).to_string();
    let said = Said::Wrong(text.clone());
    if *last != said {
        screen.error(error);
        if screen.json {
            screen.json_line(&json!({ "error": text.trim_end() }))?;
        }
    }
    Ok(said)
}

/// Builds what a manifest makes and is not up to date.
fn build(project: &Project, arguments: &Arguments, screen: &Screen) -> Result<Plan> {
    let options = arguments.build.options();
    let planned = screen.watch(&project.reading(), |progress| project.plan(options, progress))?;
    if planned.plan.is_up_to_date() {
        return Ok(planned.plan);
    }
    project::tell_of_foreign_journals(project, screen)?;
    wait_for_others(project, screen)?;
    for change in planned.plan.changes.iter().filter(|change| change.action != Action::Keep) {
        let reason = report::plan::gist(change).map(|reason| format!(": {reason}")).unwrap_or_default();
        screen.say(&format!("{:9} {}{reason}", change.action.as_str(), change.name));
    }
    let start = Instant::now();
    let mut applied = screen.watch("building", |progress| planned.apply(progress))?;
    let seconds = start.elapsed().as_secs_f64();
    let done = Plan { changes: applied.plan.changes.iter().filter(|c| c.action != Action::Keep).cloned().collect() };
    let plan = std::mem::replace(&mut applied.plan, done);
    super::apply::say(&applied, screen);
    let done = std::mem::replace(&mut applied.plan, plan);
    screen.say(&format!("{:9} {} in {seconds:.1} s", "wrote", Size(done.n_write())));
    if screen.json {
        screen.json_line(&report::plan::json(&applied.plan))?;
    }
    Ok(applied.plan)
}

/// Waits until nobody else builds here.
fn wait_for_others(project: &Project, screen: &Screen) -> Result<()> {
    use std::error::Error as _;
    let mut is_said = false;
    loop {
        match Lock::take(&project.cache(), "waiting to build") {
            Ok(_) => return Ok(()),
            // A lock that can't be had at all is for `apply` to complain of.
            Err(error) if error.source().is_some() => return Ok(()),
            Err(error) if !is_said => {
                screen.say(&format!("waiting: {error}"));
                is_said = true;
            }
            Err(_) => {}
        }
        screen.progress().check_cancelled()?;
        std::thread::sleep(ASK_AGAIN);
    }
}
