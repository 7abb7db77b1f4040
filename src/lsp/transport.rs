//! Reads and writes messages of the Language Server Protocol: a header with the length, and JSON.

use std::io::{self, BufRead, Read, Write};

use serde_json::{Value as Json, json};

/// Maximum length of a message in bytes.
const MAX_MESSAGE: usize = 64 << 20;
/// Error code for text that is not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// Error code for JSON that is not a request.
pub const INVALID_REQUEST: i64 = -32600;

/// Incoming message.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// Request, notification or response.
    Message(Json),
    /// Message that is not JSON or not an object; error code and reason.
    Malformed(i64, String),
}

/// Reads a message; `None` at the end of the stream.
///
/// # Errors
///
/// The stream failed, or a message is longer than [`MAX_MESSAGE`]; the next one can't be found then.
pub fn read(stream: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let mut len = None;
    loop {
        let mut line = Vec::new();
        if stream.by_ref().take(1 << 16).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            match len.take() {
                Some(len) => return body(stream, len).map(Some),
                // Tolerates headers without a length and empty lines between messages.
                None => continue,
            }
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            len = value.trim().parse::<usize>().ok();
        }
    }
}

fn body(stream: &mut impl BufRead, len: usize) -> io::Result<Incoming> {
    if len > MAX_MESSAGE {
        let message = format!("the message has {len} bytes; at most {MAX_MESSAGE} bytes are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes)?;
    Ok(match serde_json::from_slice::<Json>(&bytes) {
        Ok(message) if message.is_object() => Incoming::Message(message),
        Ok(_) => Incoming::Malformed(INVALID_REQUEST, "the message is not an object".into()),
        Err(error) => Incoming::Malformed(PARSE_ERROR, format!("the message is not JSON: {error}")),
    })
}

/// Writes a message.
///
/// # Errors
///
/// The stream failed.
pub fn write(stream: &mut impl Write, message: &Json) -> io::Result<()> {
    let body = message.to_string();
    write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    stream.flush()
}

/// Returns the response to a request that failed.
pub fn error(id: &Json, code: i64, message: &str) -> Json {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_and_malformed_ones_detected() {
        let text =
            "Content-Length: 2\r\nContent-Type: x\r\n\r\n{}\r\ncontent-length: 3\r\n\r\n{a}Content-Length: 2\n\n[]";
        let mut stream = io::Cursor::new(text);
        assert_eq!(read(&mut stream).unwrap(), Some(Incoming::Message(json!({}))));
        assert!(matches!(read(&mut stream).unwrap(), Some(Incoming::Malformed(PARSE_ERROR, _))));
        assert!(matches!(read(&mut stream).unwrap(), Some(Incoming::Malformed(INVALID_REQUEST, _))));
        assert_eq!(read(&mut stream).unwrap(), None);
        assert!(read(&mut io::Cursor::new("Content-Length: 99999999999\r\n\r\n")).is_err());
        assert!(read(&mut io::Cursor::new("Content-Length: 9\r\n\r\n{}")).is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        let message = error(&json!(7), PARSE_ERROR, "größer");
        write(&mut bytes, &message).unwrap();
        assert_eq!(read(&mut io::Cursor::new(bytes)).unwrap(), Some(Incoming::Message(message)));
    }
}
