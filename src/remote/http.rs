//! HTTP with retries. Answers are bounded, and so is the time to wait for them.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_REMOTE_ANSWER_LEN;

/// Number of attempts without any progress before giving up.
const MAX_ATTEMPTS: u32 = 5;
/// Time to wait before the second attempt. It doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest time that a server may ask to wait.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Time to connect.
const CONNECT: Duration = Duration::from_secs(20);
/// Time without a single byte after which a connection counts as cut.
const SILENCE: Duration = Duration::from_secs(60);
/// Redirections of one request, such as to an object store.
const MAX_REDIRECTS: u32 = 5;

/// Answer to a request.
pub(super) type Answer = Response<Body>;

/// Failed attempt.
pub(super) enum Attempt {
    /// Another attempt may succeed; the server may say when.
    Retry(Error, Option<Duration>),
    /// Another attempt would fail too.
    Final(Error),
}

/// Creates an agent for a host. With `plain_http`, URLs without TLS are allowed.
///
/// # Errors
///
/// If the certificates that the system trusts can't be read. They are not needed on the loopback interface.
pub(super) fn agent(plain_http: bool, is_loopback: bool) -> Result<Agent> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .https_only(!plain_http)
        .max_redirects(MAX_REDIRECTS)
        .user_agent(concat!("tsmedia/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE));
    // A proxy from the environment can't reach the loopback interface of this machine.
    let config = if is_loopback { config.proxy(None) } else { config.tls_config(tls()?) };
    Ok(config.build().new_agent())
}

fn tls() -> Result<TlsConfig> {
    let found = rustls_native_certs::load_native_certs();
    let certificates: Vec<_> =
        found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    if certificates.is_empty() {
        let failed = Error::new("the system has no certificates of authorities, which HTTPS needs")
            .help("install the package `ca-certificates`");
        return Err(match found.errors.into_iter().next() {
            Some(error) => failed.because(error),
            None => failed,
        });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::from(certificates))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

/// Calls `attempt` until it succeeds, fails for good, or has made no progress several times in a row. It returns the
/// number of bytes that it has got so far.
pub(super) fn retrying<T>(
    check_cancelled: &dyn Fn() -> Result<()>,
    attempt: &mut dyn FnMut(&mut u64) -> std::result::Result<T, Attempt>,
) -> Result<T> {
    let (mut n_got, mut n_failed) = (0, 0);
    loop {
        check_cancelled()?;
        let before = n_got;
        let (error, wait) = match attempt(&mut n_got) {
            Ok(done) => return Ok(done),
            Err(Attempt::Final(error)) => return Err(error),
            Err(Attempt::Retry(error, wait)) => (error, wait),
        };
        n_failed = if n_got > before { 1 } else { n_failed + 1 };
        if n_failed >= MAX_ATTEMPTS {
            return Err(error.help("check the connection and run the command again; it goes on where it stopped"));
        }
        let wait = wait.unwrap_or(FIRST_WAIT * 2_u32.pow(n_failed - 1)).min(MAX_WAIT);
        let mut waited = Duration::ZERO;
        while waited < wait {
            check_cancelled()?;
            let step = (wait - waited).min(Duration::from_millis(100));
            std::thread::sleep(step);
            waited += step;
        }
    }
}

/// Sorts a request that got no answer.
pub(super) fn no_answer(error: ureq::Error) -> Attempt {
    let is_final = matches!(
        error,
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::TooManyRedirects | ureq::Error::Tls(_)
    ) || matches!(error, ureq::Error::Rustls(_));
    let needs_http = matches!(error, ureq::Error::RequireHttpsOnly(_));
    let failed = Error::new("sending a request").because(error).with_kind(ErrorKind::Io);
    match (is_final, needs_http) {
        (_, true) => Attempt::Final(failed.help("with `--plain-http`, connections without TLS are allowed")),
        (true, _) => Attempt::Final(failed),
        (false, _) => Attempt::Retry(failed, None),
    }
}

/// Sorts an answer with an unexpected status. `doing` is a present participle.
pub(super) fn unexpected(doing: &str, mut answer: Answer) -> Attempt {
    let status = answer.status();
    let wait = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let text = error_text(&read(&mut answer, MAX_REMOTE_ANSWER_LEN).unwrap_or_default());
    let error = Error::new(format!("{doing}: the server answered {status}{text}")).with_kind(ErrorKind::Io);
    match status.as_u16() {
        408 | 429 | 500..=599 => Attempt::Retry(error, wait.map(Duration::from_secs)),
        401 | 403 => {
            Attempt::Final(error.help("log in with `docker login` or `podman login`, or ask for the right to do this"))
        }
        _ => Attempt::Final(error),
    }
}

/// Message in the answer of a registry (Distribution 1.1, "Error codes"), shortened.
fn error_text(bytes: &[u8]) -> String {
    const MAX_CHARS: usize = 200;
    let json: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let error = &json["errors"][0];
    let text = error["message"].as_str().filter(|text| !text.is_empty()).or_else(|| error["code"].as_str());
    text.map(|text| format!(": {}", text.chars().take(MAX_CHARS).collect::<String>())).unwrap_or_default()
}

/// Reads the rest of an answer into memory.
///
/// # Errors
///
/// If the connection is cut, or there are more than `max_len` bytes.
pub(super) fn read(answer: &mut Answer, max_len: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = answer.body_mut().with_config().limit(u64::MAX).reader().take(max_len + 1);
    let read = reader.read_to_end(&mut bytes);
    read.map_err(|error| Error::new("reading an answer").because(error))?;
    if bytes.len() as u64 > max_len {
        return Err(Error::new(format!("an answer has more than {max_len} bytes, the most expected")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_go_on_while_there_is_progress() {
        let mut n_attempts = 0;
        let done = retrying(&|| Ok(()), &mut |n_got| {
            n_attempts += 1;
            *n_got += 1;
            if *n_got == 8 {
                return Ok(*n_got);
            }
            Err(Attempt::Retry(Error::new("cut"), Some(Duration::ZERO)))
        });
        assert_eq!((done.unwrap(), n_attempts), (8, 8));
        let mut n_attempts = 0;
        let failed = retrying::<()>(&|| Ok(()), &mut |_| {
            n_attempts += 1;
            Err(Attempt::Retry(Error::new("cut"), Some(Duration::ZERO)))
        });
        assert_eq!((failed.unwrap_err().message(), n_attempts), ("cut", MAX_ATTEMPTS));
        let failed = retrying::<()>(&|| Ok(()), &mut |_| Err(Attempt::Final(Error::new("refused"))));
        assert_eq!(failed.unwrap_err().message(), "refused");
        let cancelled = retrying::<()>(&|| Err(Error::interrupted()), &mut |_| Ok(()));
        assert_eq!(cancelled.unwrap_err().kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn messages_of_registries_are_shortened() {
        let long = format!(r#"{{"errors":[{{"code":"DENIED","message":"{}"}}]}}"#, "x".repeat(1_000));
        assert_eq!(error_text(long.as_bytes()).len(), 202);
        assert_eq!(error_text(br#"{"errors":[{"code":"DENIED","message":""}]}"#), ": DENIED");
        assert_eq!(error_text(b"<html>"), "");
    }
}
