//! A small HTTP server, which hands requests to the stand-in of a forge or fails as asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use serde_json::Value;

use super::forge::Forge;

/// Failure of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The token is unknown.
    BadToken,
    /// The token may read only.
    ReadOnlyToken,
    /// Every answer is a page to sign in.
    SignInPage,
    /// Every answer leads to another server.
    Redirect,
    /// Every answer has status 500, without a text.
    Broken,
    /// So many requests get this status.
    Busy(u16, u32),
    /// A comment is created, but a gateway loses the answer.
    LostAnswer,
}

#[derive(Debug)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    pub body: Value,
}

#[derive(Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// A running server, which ends with the test.
pub struct Server<F> {
    pub url: String,
    state: Arc<Mutex<State<F>>>,
}

#[derive(Default)]
struct State<F> {
    api: F,
    fault: Option<Fault>,
    requests: Vec<String>,
}

impl<F: Forge> Server<F> {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::<F>::default()));
        let server = Self { url, state: state.clone() };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &mut state.lock().unwrap());
            }
        });
        server
    }

    pub fn fail(&self, fault: Fault) {
        self.state.lock().unwrap().fault = Some(fault);
    }

    pub fn api(&self) -> ApiGuard<'_, F> {
        ApiGuard(self.state.lock().unwrap())
    }

    /// Methods and paths of all requests.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

pub struct ApiGuard<'a, F>(MutexGuard<'a, State<F>>);

impl<F> std::ops::Deref for ApiGuard<'_, F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.0.api
    }
}

impl<F> std::ops::DerefMut for ApiGuard<'_, F> {
    fn deref_mut(&mut self) -> &mut F {
        &mut self.0.api
    }
}

impl<F: Forge> State<F> {
    fn answer(&mut self, request: &Request) -> Reply {
        self.requests.push(format!("{} {}", request.method, request.path));
        match &mut self.fault {
            Some(Fault::BadToken) => return F::refused(false),
            Some(Fault::ReadOnlyToken) if request.method != "GET" => return F::refused(true),
            Some(Fault::SignInPage) => return Reply::page(200),
            Some(Fault::Redirect) => return Reply::empty(302).header("Location", "http://127.0.0.1:1/signin"),
            Some(Fault::Broken) => return Reply::empty(500),
            Some(Fault::Busy(status, n_left)) if *n_left > 0 => {
                *n_left -= 1;
                return Reply::empty(*status).header("Retry-After", "0");
            }
            Some(Fault::LostAnswer) if request.method == "POST" => {
                self.fault = None;
                self.api.answer(request);
                return Reply::empty(502);
            }
            _ => {}
        }
        if F::is_authorised(request) { self.api.answer(request) } else { F::refused(false) }
    }
}

impl Request {
    /// Header, by its name in lower case.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub fn number(&self, name: &str, default: usize) -> usize {
        self.query.get(name).map_or(default, |value| value.parse().unwrap())
    }

    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            Some(line.trim_end().to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = BTreeMap::new();
        while let Some((name, value)) = line()?.split_once(':') {
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let len = headers.get("content-length").map_or(0, |len: &String| len.parse().unwrap());
        let mut body = vec![0; len];
        reader.read_exact(&mut body).ok()?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { method, path: path.to_owned(), query, headers, body })
    }
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        let reply = Self { status, headers: Vec::new(), body: body.to_string() };
        reply.header("Content-Type", "application/json; charset=utf-8")
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub fn not_found() -> Self {
        Self::json(404, &serde_json::json!({ "message": "404 Not Found" }))
    }

    /// A page for people.
    pub fn page(status: u16) -> Self {
        let reply = Self { status, headers: Vec::new(), body: "<!DOCTYPE html><title>Sign in</title>".into() };
        reply.header("Content-Type", "text/html")
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

fn serve<F: Forge>(mut stream: TcpStream, state: &mut State<F>) {
    let Some(request) = Request::read(&stream) else { return };
    let Reply { status, headers, body } = state.answer(&request);
    let mut text = format!("HTTP/1.1 {status} status\r\nConnection: close\r\n");
    if status != 204 {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
    // The client may be gone.
    let _ = stream.write_all(format!("{text}\r\n{body}").as_bytes());
}
