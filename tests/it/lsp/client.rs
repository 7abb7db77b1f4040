//! An editor: starts the server in the folder of a sandbox, and notes what it says.

use std::collections::BTreeMap;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::fixtures::language_server;
use crate::fixtures::sandbox::Sandbox;

/// Time to wait for the server on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Json>,
    root: String,
    n_requests: u64,
    /// The last diagnostics of each file, by its path below the root.
    pub published: BTreeMap<String, Json>,
}

impl Client {
    /// Starts the server, and nothing else.
    pub fn start(sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, &[], &[])
    }

    /// Starts the server with options, and with variables in its environment.
    pub fn start_with(sandbox: &Sandbox, options: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = sandbox.command(&["lsp"]);
        command.args(options).envs(environment.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let messages = language_server::messages(child.stdout.take().unwrap());
        let stdin = child.stdin.take();
        let (root, published) = (format!("file://{}", sandbox.root), BTreeMap::new());
        Self { child, stdin, messages, root, n_requests: 0, published }
    }

    /// Starts the server and a session in the folder of the sandbox.
    pub fn open_session(sandbox: &Sandbox) -> Self {
        let mut client = Self::start(sandbox);
        client.initialize();
        client
    }

    pub fn initialize(&mut self) -> Json {
        let folders = json!([{ "uri": self.root, "name": "sandbox" }]);
        let result = self.request("initialize", json!({ "workspaceFolders": folders, "capabilities": {} }));
        self.notify("initialized", json!({}));
        result
    }

    pub fn uri(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    /// Opens a file with a text, and waits until it was checked.
    pub fn open(&mut self, path: &str, text: &str) {
        let document = json!({ "uri": self.uri(path), "languageId": "toml", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
        self.wait_for(path, 1);
    }

    /// Changes a file, and waits until it was checked: each change is a range (two lines and columns) and its new text.
    pub fn change(&mut self, path: &str, version: u64, changes: &[([u32; 4], &str)]) {
        let change = |([line, character, to_line, to_character], text): &([u32; 4], &str)| {
            let start = json!({ "line": line, "character": character });
            let end = json!({ "line": to_line, "character": to_character });
            json!({ "range": { "start": start, "end": end }, "text": text })
        };
        let changes: Vec<_> = changes.iter().map(change).collect();
        let document = json!({ "uri": self.uri(path), "version": version });
        self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
        self.wait_for(path, version);
    }

    /// Waits until this version of a file was checked.
    fn wait_for(&mut self, path: &str, version: u64) {
        let uri = self.uri(path);
        loop {
            let message = self.next();
            self.note(&message);
            let params = &message["params"];
            if params["uri"] == uri.as_str() && params["version"] == version {
                return;
            }
        }
    }

    /// Waits for what is published of a file next.
    pub fn wait_for_next(&mut self, path: &str) {
        // A file outside of the sandbox is named by its URI.
        let uri = if path.starts_with("file:") { path.to_owned() } else { self.uri(path) };
        loop {
            let message = self.next();
            self.note(&message);
            if message["params"]["uri"] == uri.as_str() {
                return;
            }
        }
    }

    fn note(&mut self, message: &Json) {
        if message["method"] == "textDocument/publishDiagnostics" {
            let uri = message["params"]["uri"].as_str().unwrap();
            let path = uri.strip_prefix(&format!("{}/", self.root)).unwrap_or(uri).to_owned();
            self.published.insert(path, message["params"]["diagnostics"].clone());
        }
    }

    /// Waits for the next answer that no request waits for.
    pub fn next_answer(&mut self) -> Json {
        loop {
            let message = self.next();
            if message.get("method").is_none() {
                return message;
            }
            self.note(&message);
        }
    }

    fn next(&mut self) -> Json {
        self.messages.recv_timeout(PATIENCE).expect("a message of the server")
    }

    /// Asks about a place: the first one of `needle` in the file, after `skip` characters of it.
    pub fn ask(&mut self, method: &str, path: &str, (line, character): (usize, usize)) -> Json {
        let params = json!({
            "textDocument": { "uri": self.uri(path) },
            "position": { "line": line, "character": character },
            "context": { "includeDeclaration": true, "triggerKind": 1 },
        });
        self.request(&format!("textDocument/{method}"), params)
    }

    pub fn request(&mut self, method: &str, params: Json) -> Json {
        let response = self.respond(method, params);
        assert!(response.get("error").is_none(), "{method}: {response}");
        response["result"].clone()
    }

    /// The whole response to a request.
    pub fn respond(&mut self, method: &str, params: Json) -> Json {
        self.n_requests += 1;
        let id = self.n_requests;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
            self.note(&message);
        }
    }

    pub fn notify(&mut self, method: &str, params: Json) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn send(&mut self, message: &Json) {
        self.send_raw(&message.to_string());
    }

    /// Sends a body that need not be JSON.
    pub fn send_raw(&mut self, body: &str) {
        language_server::send(self.stdin.as_mut().unwrap(), body);
    }

    /// Closes the input of the server, and returns its exit code.
    pub fn end(&mut self) -> Option<i32> {
        self.stdin = None;
        self.child.wait().unwrap().code()
    }

    /// JSON as a snapshot shows it: without the folder of this run.
    pub fn shown(&self, json: &Json) -> String {
        serde_json::to_string_pretty(json).unwrap().replace(&self.root, "[root]")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
