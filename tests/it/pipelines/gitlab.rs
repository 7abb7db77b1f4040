//! A stand-in for the API of GitLab, for a token of the project. Notes that its user may not see leave gaps in pages.

use serde_json::json;

use super::forge::{Comment, Comments, Forge, ME, TOKEN};
use super::server::{Reply, Request};

#[derive(Default)]
pub struct GitLab {
    notes: Comments,
}

const NOTES: &str = "/api/v4/projects/42/merge_requests/7/notes";
const MY_ID: u64 = 17;

impl Forge for GitLab {
    const NAME: &'static str = "GitLab";
    const MAX_LEN: usize = 1_000_000;

    fn environment(url: &str) -> Vec<(&'static str, String)> {
        vec![
            ("GITLAB_CI", "true".into()),
            ("CI_API_V4_URL", format!("{url}/api/v4")),
            // The pipeline runs in another project, that of the fork.
            ("CI_PROJECT_ID", "43".into()),
            ("CI_MERGE_REQUEST_PROJECT_ID", "42".into()),
            ("CI_MERGE_REQUEST_IID", "7".into()),
        ]
    }

    fn add(&mut self, author: &'static str, text: &str) {
        self.notes.add(author, text);
    }

    fn comments(&self) -> Vec<(&'static str, String)> {
        self.notes.texts()
    }

    fn is_authorised(request: &Request) -> bool {
        request.header("private-token") == TOKEN
    }

    fn refused(is_known: bool) -> Reply {
        match is_known {
            false => Reply::json(401, &json!({ "message": "401 Unauthorized" })),
            true => {
                let why = "The request requires higher privileges than provided by the access token.";
                Reply::json(403, &json!({ "error": "insufficient_scope", "error_description": why, "scope": "api" }))
            }
        }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        if request.path == "/api/v4/user" {
            return Reply::json(200, &json!({ "id": MY_ID, "username": "project_42_bot", "bot": true }));
        }
        let Some(path) = request.path.strip_prefix(NOTES) else { return Reply::not_found() };
        match (request.method.as_str(), path.strip_prefix('/')) {
            ("GET", None) => self.page(request),
            ("POST", None) => match text_of(request) {
                Ok(text) => Reply::json(201, &shown(&self.notes.add(ME, &text))),
                Err(refusal) => refusal,
            },
            ("PUT", Some(id)) => match (text_of(request), self.notes.own(id)) {
                (Err(refusal), _) => refusal,
                (Ok(text), Some(note)) => {
                    note.text = text;
                    Reply::json(200, &shown(note))
                }
                (Ok(_), None) => Self::refused(true),
            },
            ("DELETE", Some(id)) => match self.notes.remove_own(id) {
                Some(_) => Reply::empty(204),
                None => Self::refused(true),
            },
            _ => Reply::not_found(),
        }
    }
}

impl GitLab {
    /// Every second note on a page of 100 is one that the user may not see, and so is everything on the second page.
    fn page(&self, request: &Request) -> Reply {
        let (per_page, page) = (request.number("per_page", 20).min(100), request.number("page", 1));
        assert_eq!((request.query("sort"), request.query("order_by")), ("asc", "created_at"));
        let hidden = || json!({ "id": 1, "system": true, "author": { "id": MY_ID }, "body": "added 1 commit" });
        let mut rows: Vec<Option<serde_json::Value>> = Vec::new();
        for note in &self.notes.all {
            if rows.len() == per_page {
                rows.extend(vec![None; per_page]);
            }
            rows.extend([Some(shown(note)), None]);
        }
        rows.push(Some(hidden()));
        let n_pages = rows.len().div_ceil(per_page);
        let seen: Vec<_> = rows.into_iter().skip((page - 1) * per_page).take(per_page).flatten().collect();
        let next = if page < n_pages { (page + 1).to_string() } else { String::new() };
        Reply::json(200, &json!(seen)).header("X-Page", &page.to_string()).header("X-Next-Page", &next)
    }
}

/// Text of a note, or an answer that refuses it.
fn text_of(request: &Request) -> Result<String, Reply> {
    let text = request.body["body"].as_str().unwrap_or_default().to_owned();
    if text.chars().count() <= GitLab::MAX_LEN {
        return Ok(text);
    }
    let message = "400 Bad request - Note {:note=>[\"is too long (maximum is 1000000 characters)\"]}";
    Err(Reply::json(400, &json!({ "message": message })))
}

fn shown(note: &Comment) -> serde_json::Value {
    let author = if note.author == ME { MY_ID } else { 18 };
    json!({ "id": note.id, "system": false, "author": { "id": author }, "body": note.text })
}
