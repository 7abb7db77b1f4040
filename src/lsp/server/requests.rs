//! Answers requests of an editor.

use std::io::Write;

use serde_json::{Value as Json, json};

use super::{Phase, Server};
use crate::lsp::completion::complete;
use crate::lsp::hover::hover;
use crate::lsp::navigation::{actions, definition, references};
use crate::lsp::sources::SourceFile;
use crate::lsp::transport::INVALID_REQUEST;
use crate::lsp::{text, uri};

/// Result, or code and message of an error.
type Answer = Result<Json, (i64, String)>;

/// Error codes of the protocol.
const NOT_INITIALIZED: i64 = -32002;
const UNKNOWN_METHOD: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;

impl<W: Write> Server<'_, W> {
    pub(super) fn answer(&mut self, method: &str, params: &Json) -> Answer {
        match (self.phase, method) {
            (Phase::New, "initialize") => Ok(self.initialize(params)),
            (Phase::New, _) => Err((NOT_INITIALIZED, "the session is not initialized; send `initialize` first".into())),
            (_, "initialize") => Err((INVALID_REQUEST, "the session is already initialized".into())),
            (Phase::ShutDown, _) => Err((INVALID_REQUEST, "the session was shut down".into())),
            (Phase::Running, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Json::Null)
            }
            (Phase::Running, "textDocument/codeAction") => self.actions(params),
            (Phase::Running, _) => self.at_cursor(method, params),
        }
    }

    fn initialize(&mut self, params: &Json) -> Json {
        self.phase = Phase::Running;
        self.can_watch = params["capabilities"]["workspace"]["didChangeWatchedFiles"]["dynamicRegistration"] == true;
        let folders = params["workspaceFolders"].as_array().into_iter().flatten();
        self.workspace.folders = folders.filter_map(|folder| uri::to_path(folder["uri"].as_str()?)).collect();
        if self.workspace.folders.is_empty() {
            self.workspace.folders.extend(params["rootUri"].as_str().and_then(uri::to_path));
        }
        json!({
            "capabilities": {
                "positionEncoding": "utf-16",
                "textDocumentSync": { "openClose": true, "change": 2, "save": { "includeText": false } },
                "hoverProvider": true,
                "completionProvider": { "triggerCharacters": ["\"", "'", "%", "."] },
                "definitionProvider": true,
                "referencesProvider": true,
                "codeActionProvider": { "codeActionKinds": ["quickfix"] },
                "workspace": { "workspaceFolders": { "supported": true, "changeNotifications": true } },
            },
            "serverInfo": { "name": "tsmedia", "version": env!("CARGO_PKG_VERSION") },
        })
    }

    /// Answers a request about a position in a document.
    fn at_cursor(&self, method: &str, params: &Json) -> Answer {
        let known = ["completion", "hover", "definition", "references"];
        let Some(what) = method.strip_prefix("textDocument/").filter(|what| known.contains(what)) else {
            return Err((UNKNOWN_METHOD, format!("unknown method `{method}`")));
        };
        let Some(uri) = params["textDocument"]["uri"].as_str() else {
            return Err((INVALID_PARAMS, "`textDocument.uri` is missing".into()));
        };
        if !params["position"].is_object() {
            return Err((INVALID_PARAMS, "`position` is missing".into()));
        }
        let buffers = self.overlay();
        // No answer for documents of other schemes, and for files that don't exist.
        let Some(file) = uri::to_path(uri).and_then(|path| SourceFile::read(&path, &buffers)) else {
            return Ok(Json::Null);
        };
        let files = self.workspace.author_files(&buffers);
        let offset = text::offset(&file.text, &params["position"]);
        Ok(match what {
            "completion" => json!(complete(&file, offset, &files, &self.schemas)),
            "hover" => json!(hover(&file, offset, &files, &self.schemas)),
            "definition" => json!(definition(&file, offset, &files)),
            _ => {
                let with_definitions = params["context"]["includeDeclaration"] == true;
                json!(references(&file, offset, &files, with_definitions))
            }
        })
    }

    fn actions(&self, params: &Json) -> Answer {
        let Some(uri) = params["textDocument"]["uri"].as_str() else {
            return Err((INVALID_PARAMS, "`textDocument.uri` is missing".into()));
        };
        let Some(path) = uri::to_path(uri) else { return Ok(json!([])) };
        let is_current =
            self.buffers.get(&path).is_some_and(|buffer| self.versions.1.get(&path) == Some(&buffer.version));
        // Findings for an older version have ranges that no longer fit the text.
        let findings = self.findings.get(&path).filter(|_| is_current).map_or(&[][..], Vec::as_slice);
        Ok(json!(actions(uri, findings, &params["range"])))
    }
}
