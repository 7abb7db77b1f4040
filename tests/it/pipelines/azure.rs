//! A stand-in for the API of Azure DevOps, for the token of a build. Each comment is in a thread of its own.

use serde_json::{Value, json};

use super::forge::{Comment, Comments, Forge, ME, TOKEN};
use super::server::{Reply, Request};

#[derive(Default)]
pub struct Azure {
    comments: Comments,
    deleted: Vec<Comment>,
}

const THREADS: &str = "/org/project-id/_apis/git/repositories/repository-id/pullRequests/7/threads";
const MY_ID: &str = "00000000-0000-0000-0000-000000000017";

impl Forge for Azure {
    const NAME: &'static str = "Azure DevOps";
    const MAX_LEN: usize = 150_000;

    fn environment(url: &str) -> Vec<(&'static str, String)> {
        vec![
            ("TF_BUILD", "True".into()),
            ("SYSTEM_COLLECTIONURI", format!("{url}/org/")),
            ("SYSTEM_TEAMPROJECTID", "project-id".into()),
            ("BUILD_REPOSITORY_ID", "repository-id".into()),
            ("BUILD_REPOSITORY_PROVIDER", "TfsGit".into()),
            ("SYSTEM_PULLREQUEST_PULLREQUESTID", "7".into()),
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
            // A token that is no longer valid is not refused: the answer is the page to sign in.
            false => Reply::page(203),
            true => Reply::json(
                403,
                &json!({
                    "message": "TF401027: You need the Git 'PullRequestContribute' permission to perform this action.",
                    "typeKey": "GitNeedsPermissionException",
                }),
            ),
        }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        if request.path == "/org/_apis/connectionData" {
            // Only preview versions have this resource.
            assert!(request.query("api-version").contains("-preview"));
            return Reply::json(200, &json!({ "authenticatedUser": { "id": MY_ID } }));
        }
        let Some(path) = request.path.strip_prefix(THREADS) else { return Reply::not_found() };
        assert_eq!(request.query("api-version"), "7.0");
        let place = path.strip_prefix('/').and_then(|path| path.split_once("/comments/"));
        match (request.method.as_str(), place) {
            ("GET", None) => self.threads(),
            ("POST", None) => self.create(&request.body),
            ("PATCH", Some((thread, "1"))) => match (text_of(&request.body), self.comments.own(thread)) {
                (Err(refusal), _) => refusal,
                (Ok(text), Some(comment)) => {
                    comment.text = text;
                    Reply::json(200, &shown(comment, false)["comments"][0])
                }
                (Ok(_), None) => Self::refused(true),
            },
            ("DELETE", Some((thread, "1"))) => match self.comments.remove_own(thread) {
                Some(comment) => {
                    self.deleted.push(comment);
                    Reply::empty(200)
                }
                None => Self::refused(true),
            },
            _ => Reply::not_found(),
        }
    }
}

impl Azure {
    /// All threads, those with deleted comments and those of the system included.
    fn threads(&self) -> Reply {
        let system = json!({
            "id": 1,
            "comments": [{ "id": 1, "author": { "id": MY_ID }, "content": "Policy passed", "commentType": "system" }],
        });
        let vote = json!({ "id": 2, "isDeleted": false, "comments": [] });
        let deleted = self.deleted.iter().map(|comment| shown(comment, true));
        let all = self.comments.all.iter().map(|comment| shown(comment, false));
        let threads: Vec<_> = [system, vote].into_iter().chain(deleted).chain(all).collect();
        Reply::json(200, &json!({ "count": threads.len(), "value": threads }))
    }

    fn create(&mut self, body: &Value) -> Reply {
        // An open thread blocks a pull request whose policy wants all comments resolved.
        assert_eq!(body["status"], 4, "the thread is not closed");
        let comment = &body["comments"][0];
        assert_eq!((&comment["parentCommentId"], &comment["commentType"]), (&json!(0), &json!(1)));
        match text_of(comment) {
            Ok(text) => Reply::json(200, &shown(&self.comments.add(ME, &text), false)),
            Err(refusal) => refusal,
        }
    }
}

/// Text of a comment, or an answer that refuses it.
fn text_of(comment: &Value) -> Result<String, Reply> {
    let text = comment["content"].as_str().unwrap_or_default().to_owned();
    if text.chars().count() <= Azure::MAX_LEN {
        return Ok(text);
    }
    let message = "The comment is too long. The maximum length is 150000 characters.";
    Err(Reply::json(400, &json!({ "message": message, "typeKey": "ArgumentException" })))
}

/// Thread of a comment. The content of a deleted one is left out.
fn shown(comment: &Comment, is_deleted: bool) -> Value {
    let author = if comment.author == ME { MY_ID } else { "00000000-0000-0000-0000-000000000018" };
    let mut first = json!({ "id": 1, "author": { "id": author }, "commentType": "text", "isDeleted": is_deleted });
    if !is_deleted {
        first["content"] = json!(comment.text);
    }
    json!({ "id": comment.id, "isDeleted": is_deleted, "status": "closed", "comments": [first] })
}
