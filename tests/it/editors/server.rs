//! A language server as a child process: as much of the protocol as an editor's TOML support needs.

use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::fixtures::language_server;

/// Servers answer within milliseconds; the first answer may take the reading of the schema.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time to wait for diagnostics that must not come.
const QUIET: Duration = Duration::from_millis(700);

/// A running server.
pub struct Server {
    pub name: String,
    child: Child,
    stdin: ChildStdin,
    messages: Receiver<Json>,
    folder: tempfile::TempDir,
    schema: &'static str,
    n_requests: u64,
    n_documents: u64,
    /// `true` after the server has shown that it knows the schema.
    has_checked: bool,
}

/// An item that a completion offers.
#[derive(Debug)]
pub struct Item {
    pub label: String,
    /// All that is shown with it.
    pub text: String,
}

/// Ranges that a server marks, by lines counted from 1 in the text as it was given.
#[derive(Debug)]
#[allow(dead_code)]
pub struct Complaint {
    pub first: u64,
    pub last: u64,
    pub message: String,
}

impl Server {
    /// Starts a server in a folder that holds the schema of this name. None if it is not installed.
    pub fn start(program: &str, arguments: &[&str], schema: &'static str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("{schema}.schema.json");
        std::fs::copy(format!("schemas/{file}"), folder.path().join(file)).unwrap();
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let messages = language_server::messages(child.stdout.take().unwrap());
        let stdin = child.stdin.take().unwrap();
        let (name, n_requests, n_documents, has_checked) = (program.into(), 0, 0, false);
        let mut server = Self { name, child, stdin, messages, folder, schema, n_requests, n_documents, has_checked };
        let root = server.uri("");
        server.request(
            "initialize",
            json!({
                "processId": null,
                "rootUri": root,
                "workspaceFolders": [{ "uri": root, "name": "test" }],
                "initializationOptions": { "configurationSection": "evenBetterToml" },
                "capabilities": {
                    "textDocument": {
                        "completion": { "completionItem": { "documentationFormat": ["markdown"] } },
                        "hover": { "contentFormat": ["markdown"] },
                        "diagnostic": {},
                        "publishDiagnostics": {},
                    },
                    "workspace": { "configuration": true, "workspaceFolders": true },
                },
            }),
        );
        server.notify("initialized", json!({}));
        Some(server)
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}/{name}", self.folder.path().display())
    }

    /// Completions between two parts of a document.
    pub fn complete(&mut self, before: &str, after: &str) -> Vec<Item> {
        let uri = self.open_and_wait(&format!("{before}{after}"));
        let line = before.matches('\n').count() + 1;
        let column = before.lines().next_back().filter(|_| !before.ends_with('\n')).unwrap_or("").len();
        let params = json!({
            "textDocument": { "uri": uri },
            "position": { "line": line, "character": column },
            "context": { "triggerKind": 1 },
        });
        let found = self.request_until_something("textDocument/completion", &params);
        let items = found.as_array().or_else(|| found["items"].as_array()).cloned().unwrap_or_default();
        let items = items.into_iter().map(|item| {
            // Some servers fill in the documentation only when it is asked for.
            let text = item.to_string();
            Item { label: item["label"].as_str().unwrap().to_owned(), text: unescaped(&text) }
        });
        items.collect()
    }

    /// Hover over the first letter after a header.
    pub fn hover(&mut self, header: &str, entry: &str) -> String {
        let uri = self.open_and_wait(&format!("{header}{entry}"));
        let line = header.matches('\n').count() + 1;
        let params = json!({ "textDocument": { "uri": uri }, "position": { "line": line, "character": 1 } });
        unescaped(&self.request_until_something("textDocument/hover", &params).to_string())
    }

    /// Diagnostics of the server for a text.
    pub fn check(&mut self, text: &str) -> Vec<Complaint> {
        self.check_each([text]).remove(0)
    }

    /// Diagnostics of the server for each of several texts, which are opened at once to wait only once.
    pub fn check_each<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> Vec<Vec<Complaint>> {
        if !std::mem::replace(&mut self.has_checked, true) {
            self.wait_for_schema();
        }
        let uris: Vec<_> = texts.into_iter().map(|text| self.open(text)).collect();
        let mut found: Vec<Option<Vec<Json>>> = vec![None; uris.len()];
        // Complaints may be sent several times, the last time with what the schema says.
        let mut patience = PATIENCE;
        while let Ok(message) = self.messages.recv_timeout(patience) {
            self.answer(&message);
            if message["method"] == "textDocument/publishDiagnostics"
                && let Some(n) = uris.iter().position(|uri| message["params"]["uri"] == uri.as_str())
            {
                found[n] = Some(message["params"]["diagnostics"].as_array().cloned().unwrap_or_default());
            }
            if found.iter().all(Option::is_some) {
                patience = QUIET;
            }
        }
        let line = |position: &Json| position["line"].as_u64().unwrap();
        let complaint = |diagnostic: &Json| Complaint {
            // The line that names the schema stands before the text.
            first: line(&diagnostic["range"]["start"]),
            last: line(&diagnostic["range"]["end"]),
            message: diagnostic["message"].as_str().unwrap_or_default().to_owned(),
        };
        let complaints = found.into_iter().map(|found| found.iter().flatten().map(complaint).collect());
        complaints.collect()
    }

    /// Waits until the server complains of a key that no schema has: servers that still read the schema, which takes
    /// seconds on a busy machine, complain of nothing.
    fn wait_for_schema(&mut self) {
        let uri = self.open("no-such-key = 1\n");
        loop {
            let message = self.messages.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{}: no schema", self.name));
            self.answer(&message);
            let is_of_it =
                message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri.as_str();
            if is_of_it && message["params"]["diagnostics"].as_array().is_some_and(|found| !found.is_empty()) {
                return;
            }
        }
    }

    /// Opens a new document with the text below a line that names the schema.
    fn open(&mut self, text: &str) -> String {
        self.n_documents += 1;
        let uri = self.uri(&format!("document-{}.toml", self.n_documents));
        let text = format!("#:schema ./{}.schema.json\n{text}", self.schema);
        let path = self.folder.path().join(format!("document-{}.toml", self.n_documents));
        std::fs::write(path, &text).unwrap();
        let document = json!({ "uri": uri, "languageId": "toml", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
        uri
    }

    /// Opens a document and waits for its diagnostics.
    fn open_and_wait(&mut self, text: &str) -> String {
        let uri = self.open(text);
        while let Ok(message) = self.messages.recv_timeout(PATIENCE) {
            self.answer(&message);
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri.as_str() {
                break;
            }
        }
        uri
    }

    /// Asks a few times: servers answer with nothing while they still read the schema.
    fn request_until_something(&mut self, method: &str, params: &Json) -> Json {
        let mut found = Json::Null;
        for _ in 0..20 {
            found = self.request(method, params.clone());
            let n_items = found.as_array().or_else(|| found["items"].as_array()).map(Vec::len);
            if !found.is_null() && n_items != Some(0) {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        found
    }

    fn notify(&mut self, method: &str, params: Json) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn request(&mut self, method: &str, params: Json) -> Json {
        self.n_requests += 1;
        let id = self.n_requests;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.messages.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{}: {method}", self.name));
            if message["id"] == id && message.get("method").is_none() {
                assert!(message.get("error").is_none(), "{}: {method}: {message}", self.name);
                return message["result"].clone();
            }
            self.answer(&message);
        }
    }

    /// Answers what the server asks of its editor: its settings, and leave for things that do not matter here.
    fn answer(&mut self, message: &Json) {
        if message.get("method").is_some() && message.get("id").is_some() {
            let result = match message["method"].as_str() {
                Some("workspace/configuration") => {
                    let n_items = message["params"]["items"].as_array().map_or(1, Vec::len);
                    Json::Array(vec![json!({ "schema": { "enabled": true, "links": false } }); n_items])
                }
                _ => Json::Null,
            };
            self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
        }
    }

    fn send(&mut self, message: &Json) {
        language_server::send(&mut self.stdin, &message.to_string());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Text within JSON as it reads.
fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\\\", "\\").replace("\\\"", "\"")
}
