//! A stand-in for the API of GitHub, for a job whose token belongs to the app of GitHub Actions.

use serde_json::json;

use super::forge::{Comment, Comments, Forge, ME, TOKEN};
use super::server::{Reply, Request};

#[derive(Default)]
pub struct GitHub {
    comments: Comments,
}

const ISSUES: &str = "/api/repos/example/media/issues/";

impl Forge for GitHub {
    const NAME: &'static str = "GitHub";
    const MAX_LEN: usize = 65_536;

    fn environment(url: &str) -> Vec<(&'static str, String)> {
        vec![
            ("GITHUB_ACTIONS", "true".into()),
            ("GITHUB_API_URL", format!("{url}/api")),
            ("GITHUB_REPOSITORY", "example/media".into()),
            ("PULL_REQUEST", "7".into()),
        ]
    }

    fn add(&mut self, author: &'static str, text: &str) {
        self.comments.add(author, text);
    }

    fn comments(&self) -> Vec<(&'static str, String)> {
        self.comments.texts()
    }

    fn is_authorised(request: &Request) -> bool {
        request.header("authorization") == format!("Bearer {TOKEN}")
    }

    fn refused(is_known: bool) -> Reply {
        match is_known {
            false => Reply::json(401, &json!({ "message": "Bad credentials", "status": "401" })),
            true => Reply::json(403, &json!({ "message": "Resource not accessible by integration" })),
        }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        if request.path == "/api/user" {
            // Tokens of apps can't ask for their user.
            return Self::refused(true);
        }
        let Some(path) = request.path.strip_prefix(ISSUES) else { return Reply::not_found() };
        if request.header("x-github-api-version") != "2022-11-28" || request.header("user-agent").is_empty() {
            return Reply::json(400, &json!({ "message": "the request has no version or user agent" }));
        }
        match (request.method.as_str(), path.split_once('/')) {
            ("GET", Some(("7", "comments"))) => self.page(request),
            ("POST", Some(("7", "comments"))) => match text_of(request) {
                Ok(text) => Reply::json(201, &shown(&self.comments.add(ME, &text))),
                Err(refusal) => refusal,
            },
            ("PATCH", Some(("comments", id))) => match (text_of(request), self.comments.own(id)) {
                (Err(refusal), _) => refusal,
                (Ok(text), Some(comment)) => {
                    comment.text = text;
                    Reply::json(200, &shown(comment))
                }
                (Ok(_), None) => Reply::not_found(),
            },
            ("DELETE", Some(("comments", id))) => match self.comments.remove_own(id) {
                Some(_) => Reply::empty(204),
                None => Reply::not_found(),
            },
            _ => Reply::not_found(),
        }
    }
}

impl GitHub {
    fn page(&self, request: &Request) -> Reply {
        let (per_page, page) = (request.number("per_page", 30).min(100), request.number("page", 1));
        let comments = self.comments.all.iter().skip((page - 1) * per_page).take(per_page);
        let reply = Reply::json(200, &json!(comments.map(shown).collect::<Vec<_>>()));
        if page * per_page >= self.comments.all.len() {
            return reply;
        }
        // The address in the link has the number of the repository instead of its name.
        let next = format!("https://api.example.com/repositories/1/issues/7/comments?per_page={per_page}");
        reply.header("Link", &format!("<{next}&page={}>; rel=\"next\", <{next}&page=9>; rel=\"last\"", page + 1))
    }
}

/// Text of a comment, or an answer that refuses it.
fn text_of(request: &Request) -> Result<String, Reply> {
    let text = request.body["body"].as_str().unwrap_or_default().to_owned();
    if text.chars().count() <= GitHub::MAX_LEN {
        return Ok(text);
    }
    let error = json!({
        "resource": "IssueComment",
        "code": "unprocessable",
        "field": "data",
        "message": "Body is too long (maximum is 65536 characters)",
    });
    Err(Reply::json(422, &json!({ "message": "Validation Failed", "errors": [error], "status": "422" })))
}

fn shown(comment: &Comment) -> serde_json::Value {
    let (login, kind) = if comment.author == ME { ("github-actions[bot]", "Bot") } else { ("other", "User") };
    json!({ "id": comment.id, "user": { "login": login, "type": kind }, "body": comment.text })
}
