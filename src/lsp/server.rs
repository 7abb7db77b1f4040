//! Main loop of the server: answers requests at once, and runs checks in the background.

mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use authoring::file::Overlay;
use serde_json::{Value as Json, json};

use super::Settings;
use super::checker::{CheckJob, Checker};
use super::diagnostics::{Finding, Findings};
use super::schema::Schemas;
use super::sources::Workspace;
use super::transport::{self, Incoming};
use super::{text, uri};
use crate::error::{Error, Result};

/// Time without changes before files are checked.
const QUIET: Duration = Duration::from_millis(150);

/// Event of the main loop.
enum Event {
    Incoming(Incoming),
    /// The input ended, or failed.
    End,
    /// A job is done; `None` if it panicked.
    Checked(Option<Findings>),
}

/// Open buffer of the editor.
struct Buffer {
    /// URI as written by the editor.
    uri: String,
    version: Json,
    text: String,
}

/// Phase of the session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    ShutDown,
}

struct Server<'a, W> {
    output: &'a mut W,
    jobs: Sender<CheckJob>,
    phase: Phase,
    /// `true` if the client supports dynamic registration of file watchers.
    can_watch: bool,
    workspace: Workspace,
    buffers: BTreeMap<PathBuf, Buffer>,
    schemas: Schemas,
    /// Files that changed since the last job; `None` if any may have.
    changed: Option<BTreeSet<PathBuf>>,
    /// Time of the next check.
    due: Option<Instant>,
    is_checking: bool,
    /// Versions of the buffers being checked, and of those that `findings` belong to.
    versions: (BTreeMap<PathBuf, Json>, BTreeMap<PathBuf, Json>),
    findings: Findings,
}

/// Serves an editor until it sends `exit` or closes the input. Returns `true` if it sent `shutdown` before.
pub fn run(settings: Settings, mut input: impl BufRead + Send + 'static, output: &mut impl Write) -> Result<bool> {
    let (events, received) = channel();
    let checked = events.clone();
    thread::spawn(move || {
        while let Ok(Some(incoming)) = transport::read(&mut input) {
            if events.send(Event::Incoming(incoming)).is_err() {
                return;
            }
        }
        drop(events.send(Event::End));
    });
    let (jobs, to_do) = channel();
    let schemas = Schemas::new(settings.manual.as_deref());
    thread::spawn(move || check_all(&settings, &to_do, &checked));
    let mut server = Server {
        output,
        jobs,
        phase: Phase::New,
        can_watch: false,
        workspace: Workspace::default(),
        buffers: BTreeMap::new(),
        schemas,
        changed: None,
        due: None,
        is_checking: false,
        versions: Default::default(),
        findings: Findings::new(),
    };
    server.serve(&received)?;
    Ok(server.phase == Phase::ShutDown)
}

/// Runs checks until the sender of jobs is dropped. A panic is a bug in tsmedia, and must not end the session.
fn check_all(settings: &Settings, jobs: &Receiver<CheckJob>, done: &Sender<Event>) {
    let mut checker = Checker::new(settings.clone());
    for job in jobs {
        let findings = panic::catch_unwind(AssertUnwindSafe(|| checker.run(&job))).ok();
        if findings.is_none() {
            checker = Checker::new(settings.clone());
        }
        if done.send(Event::Checked(findings)).is_err() {
            return;
        }
    }
}

impl<W: Write> Server<'_, W> {
    fn serve(&mut self, events: &Receiver<Event>) -> Result<()> {
        loop {
            let wait = match self.due.filter(|_| !self.is_checking) {
                Some(due) => due.saturating_duration_since(Instant::now()),
                None => Duration::from_secs(3600),
            };
            match events.recv_timeout(wait) {
                Ok(Event::Incoming(Incoming::Malformed(code, why))) => {
                    self.send(&transport::error(&Json::Null, code, &why))?;
                }
                Ok(Event::Incoming(Incoming::Message(message))) => {
                    if message["method"] == "exit" {
                        return Ok(());
                    }
                    self.take(&message)?;
                }
                Ok(Event::Checked(findings)) => self.checked(findings)?,
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => self.start_check(),
            }
        }
    }

    fn send(&mut self, message: &Json) -> Result<()> {
        transport::write(self.output, message).map_err(|cause| Error::new("the editor can't be reached").because(cause))
    }

    /// Handles a request or a notification. Responses of the client are ignored.
    fn take(&mut self, message: &Json) -> Result<()> {
        let Some(method) = message["method"].as_str() else { return Ok(()) };
        let params = &message["params"];
        let Some(id) = message.get("id") else {
            if self.phase == Phase::Running {
                self.notified(method, params)?;
            }
            return Ok(());
        };
        let answer = panic::catch_unwind(AssertUnwindSafe(|| self.answer(method, params)));
        let answer = answer.unwrap_or_else(|_| Err((-32603, "tsmedia failed; please report it".into())));
        let response = match answer {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err((code, why)) => transport::error(id, code, &why),
        };
        self.send(&response)
    }

    fn notified(&mut self, method: &str, params: &Json) -> Result<()> {
        let document = &params["textDocument"];
        let uri = document["uri"].as_str().unwrap_or_default();
        let path = uri::to_path(uri);
        match (method, path) {
            ("initialized", _) => {
                let watchers = json!([{ "globPattern": "**/*" }]);
                let options = json!({ "watchers": watchers });
                let watch =
                    json!({ "id": "files", "method": "workspace/didChangeWatchedFiles", "registerOptions": options });
                let params = json!({ "registrations": [watch] });
                if self.can_watch {
                    self.send(&json!({ "jsonrpc": "2.0", "id": "watch", "method": "client/registerCapability", "params": params }))?;
                }
                self.changed = None;
                self.check_soon();
            }
            ("textDocument/didOpen", Some(path)) => {
                self.workspace.add_lone(&path);
                let text = document["text"].as_str().unwrap_or_default().to_owned();
                let buffer = Buffer { uri: uri.to_owned(), version: document["version"].clone(), text };
                self.buffers.insert(path.clone(), buffer);
                self.note_change(path);
            }
            ("textDocument/didChange", Some(path)) => {
                if let Some(buffer) = self.buffers.get_mut(&path) {
                    let changes = params["contentChanges"].as_array().into_iter().flatten();
                    changes.for_each(|change| text::apply(&mut buffer.text, change));
                    buffer.version = document["version"].clone();
                    self.note_change(path);
                }
            }
            ("textDocument/didClose", Some(path)) => {
                self.buffers.remove(&path);
                self.note_change(path);
            }
            ("textDocument/didSave" | "workspace/didChangeWatchedFiles", _) => {
                self.changed = None;
                self.check_soon();
            }
            ("workspace/didChangeWorkspaceFolders", _) => {
                let paths = |key: &str| {
                    let folders = params["event"][key].as_array().into_iter().flatten();
                    folders.filter_map(|folder| uri::to_path(folder["uri"].as_str()?)).collect::<Vec<_>>()
                };
                let removed = paths("removed");
                self.workspace.folders.retain(|folder| !removed.contains(folder));
                self.workspace.folders.extend(paths("added"));
                self.changed = None;
                self.check_soon();
            }
            _ => {}
        }
        Ok(())
    }

    fn note_change(&mut self, path: PathBuf) {
        if let Some(changed) = &mut self.changed {
            changed.insert(path);
        }
        self.check_soon();
    }

    fn check_soon(&mut self) {
        self.due = Some(Instant::now() + QUIET);
    }

    fn overlay(&self) -> Overlay {
        self.buffers.iter().map(|(path, buffer)| (path.clone(), Arc::from(buffer.text.as_str()))).collect()
    }

    fn start_check(&mut self) {
        if self.due.take().is_none() {
            return;
        }
        // From here on, changes belong to the next job.
        let changed = self.changed.replace(BTreeSet::new());
        self.versions.0 = self.buffers.iter().map(|(path, buffer)| (path.clone(), buffer.version.clone())).collect();
        let job = CheckJob { workspace: self.workspace.clone(), buffers: self.overlay(), changed };
        self.is_checking = self.jobs.send(job).is_ok();
    }

    /// Publishes the findings of open files, and of others whose findings changed.
    fn checked(&mut self, findings: Option<Findings>) -> Result<()> {
        self.is_checking = false;
        let Some(findings) = findings else {
            // The checker panicked and lost its results: check every file next time.
            self.changed = None;
            return Ok(());
        };
        self.versions.1 = std::mem::take(&mut self.versions.0);
        let before = std::mem::replace(&mut self.findings, findings);
        let paths: BTreeSet<_> =
            before.keys().chain(self.findings.keys()).chain(self.versions.1.keys()).cloned().collect();
        for path in paths {
            let now = self.findings.get(&path).map_or(&[][..], Vec::as_slice);
            let is_open = self.buffers.contains_key(&path);
            // Always publish for open files, so that the editor knows they were checked.
            if is_open || before.get(&path).map_or(&[][..], Vec::as_slice) != now {
                let message = self.publication(&path, now);
                self.send(&message)?;
            }
        }
        Ok(())
    }

    fn publication(&self, path: &PathBuf, findings: &[Finding]) -> Json {
        let uri = self.buffers.get(path).map_or_else(|| uri::from_path(path), |buffer| buffer.uri.clone());
        let diagnostics: Vec<_> = findings.iter().map(|finding| &finding.diagnostic).collect();
        let mut params = json!({ "uri": uri, "diagnostics": diagnostics });
        if let Some(version) = self.versions.1.get(path).filter(|version| version.is_i64()) {
            params["version"] = version.clone();
        }
        json!({ "jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params })
    }
}
