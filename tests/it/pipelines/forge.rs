//! Comments of a pull request, as a stand-in keeps them.

use super::server::{Reply, Request};

/// Token that the stand-ins know.
pub const TOKEN: &str = "s3cret-t0ken";
/// Author of comments that are written with the token.
pub const ME: &str = "me";
/// Any other author.
pub const OTHER: &str = "other";

/// API of a forge, with one pull request.
pub trait Forge: Default + Send + 'static {
    const NAME: &'static str;
    /// Maximum length of a comment in characters.
    const MAX_LEN: usize;

    /// Environment of a pipeline.
    fn environment(url: &str) -> Vec<(&'static str, String)>;
    fn add(&mut self, author: &'static str, text: &str);
    /// Authors and texts of all comments.
    fn comments(&self) -> Vec<(&'static str, String)>;
    /// Answers a request that is authorised.
    fn answer(&mut self, request: &Request) -> Reply;
    fn is_authorised(request: &Request) -> bool;
    /// Answer to a token that is unknown, or that may only read.
    fn refused(is_known: bool) -> Reply;
}

#[derive(Clone, Debug)]
pub struct Comment {
    pub id: u64,
    pub author: &'static str,
    pub text: String,
}

/// Comments with their numbers, none of which is used twice.
#[derive(Debug, Default)]
pub struct Comments {
    pub all: Vec<Comment>,
    last: u64,
}

impl Comments {
    pub fn add(&mut self, author: &'static str, text: &str) -> Comment {
        self.last += 1;
        let comment = Comment { id: 1_000 + self.last, author, text: text.to_owned() };
        self.all.push(comment.clone());
        comment
    }

    /// Comment with this number, if it exists and the owner of the token may change it.
    pub fn own(&mut self, id: &str) -> Option<&mut Comment> {
        self.all.iter_mut().find(|comment| comment.id.to_string() == id && comment.author == ME)
    }

    pub fn remove_own(&mut self, id: &str) -> Option<Comment> {
        let id = self.own(id)?.id;
        let at = self.all.iter().position(|comment| comment.id == id)?;
        Some(self.all.remove(at))
    }

    pub fn texts(&self) -> Vec<(&'static str, String)> {
        self.all.iter().map(|comment| (comment.author, comment.text.clone())).collect()
    }
}
