//! Credentials for registries, where docker and podman keep them: `config.json` and `auth.json`, and the credential
//! helpers (`docker-credential-NAME`) that these name.
//!
//! The formats are those of docker's `cli/config` and of containers-auth.json(5).

use std::collections::HashMap;
use std::io;
use std::process::{Command, Stdio};

use base64ct::{Base64, Encoding as _};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::bounded_command;
use crate::error::{Error, Result};
use crate::limits::{self, MAX_CREDENTIALS_LEN};

/// Credentials of one registry.
pub(super) enum RegistryLogin {
    /// User name and password, ready for basic authentication: the header's value.
    Basic(Zeroizing<String>),
    /// Token to be exchanged for others (`identitytoken`), as `az acr login` stores it.
    Refresh(Zeroizing<String>),
}

/// File of credentials.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CredentialFile {
    auths: HashMap<String, StoredLogin>,
    cred_helpers: HashMap<String, String>,
    creds_store: Option<String>,
}

/// Credentials of one registry in a file. With a helper, there is an entry without any.
#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredLogin {
    auth: Option<Zeroizing<String>>,
    identitytoken: Option<Zeroizing<String>>,
}

/// Answer of a credential helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: Zeroizing<String>,
    secret: Zeroizing<String>,
}

/// User name that helpers give with an identity token.
const TOKEN_USER: &str = "<token>";

/// Finds the credentials of a registry. `None` if no file has any.
///
/// # Errors
///
/// If a file is not valid, or a helper can't be run.
pub(super) fn find(host: &str, files: &[Utf8PathBuf]) -> Result<Option<RegistryLogin>> {
    for path in files {
        let bytes = match limits::read(path, MAX_CREDENTIALS_LEN) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            bytes => Zeroizing::new(bytes.map_err(|error| Error::io("reading", path, error))?),
        };
        // The error of the parser could quote a secret.
        let file: CredentialFile =
            serde_json::from_slice(&bytes).map_err(|_| Error::new(format!("`{path}` is not a file of credentials")))?;
        if let Some(found) = find_in(host, path, &file)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn find_in(host: &str, path: &Utf8Path, file: &CredentialFile) -> Result<Option<RegistryLogin>> {
    let helper = file.cred_helpers.get(host).or(file.creds_store.as_ref());
    if let Some(helper) = helper
        && let Some(found) = ask_helper(helper, host)?
    {
        return Ok(Some(found));
    }
    let names = [host.to_owned(), format!("https://{host}"), format!("https://{host}/"), format!("https://{host}/v1/")];
    let Some(stored) = names.iter().find_map(|name| file.auths.get(name)) else { return Ok(None) };
    let not_empty = |text: &&Zeroizing<String>| !text.is_empty();
    if let Some(token) = stored.identitytoken.as_ref().filter(not_empty) {
        return Ok(Some(RegistryLogin::Refresh(token.clone())));
    }
    let Some(auth) = stored.auth.as_ref().filter(not_empty) else { return Ok(None) };
    let is_valid = Base64::decode_vec(auth).map(Zeroizing::new).is_ok_and(|bytes| bytes.contains(&b':'));
    if !is_valid {
        return Err(Error::new(format!("the credentials of `{host}` in `{path}` are not valid"))
            .help(format!("run `docker login {host}` again")));
    }
    Ok(Some(RegistryLogin::Basic(Zeroizing::new(format!("Basic {}", auth.as_str())))))
}

/// Asks a credential helper. `None` if it has no credentials of the registry.
fn ask_helper(name: &str, host: &str) -> Result<Option<RegistryLogin>> {
    // The name becomes a part of a program's name.
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(Error::new(format!("`{name}` is not the name of a credential helper")));
    }
    let program = format!("docker-credential-{name}");
    let mut command = Command::new(&program);
    command.arg("get").stderr(Stdio::null());
    let ran = bounded_command::run(&mut command, host.as_bytes(), MAX_CREDENTIALS_LEN as usize);
    let answer = match ran.map_err(|error| Error::new(format!("running `{program}`")).because(error))? {
        Some((status, answer)) if status.success() => answer,
        Some(_) => return Ok(None),
        None => return Err(Error::new(format!("`{program}` printed more than {MAX_CREDENTIALS_LEN} bytes"))),
    };
    let answer: HelperAnswer =
        serde_json::from_slice(&answer).map_err(|_| Error::new(format!("the answer of `{program}` is not valid")))?;
    if answer.username.as_str() == TOKEN_USER {
        return Ok(Some(RegistryLogin::Refresh(answer.secret)));
    }
    let pair = Zeroizing::new(format!("{}:{}", answer.username.as_str(), answer.secret.as_str()));
    Ok(Some(RegistryLogin::Basic(Zeroizing::new(format!("Basic {}", Base64::encode_string(pair.as_bytes()))))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(host: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(folder.path().join("config.json")).unwrap();
        std::fs::write(&path, text).unwrap();
        match find(host, &[path.with_file_name("missing.json"), path]) {
            Ok(None) => "none".into(),
            Ok(Some(RegistryLogin::Basic(value))) => value.to_string(),
            Ok(Some(RegistryLogin::Refresh(token))) => format!("token {}", token.as_str()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn credentials_are_found_under_the_names_that_tools_use() {
        let text = r#"{"auths":{"a.example.com":{"auth":"dTpw"},"https://b.example.com/v1/":{"auth":"dTpx"},
            "c.example.com":{"auth":"dTpw","identitytoken":"t"},"d.example.com":{}},"HttpHeaders":{}}"#;
        assert_eq!(found("a.example.com", text), "Basic dTpw");
        assert_eq!(found("b.example.com", text), "Basic dTpx");
        assert_eq!(found("c.example.com", text), "token t");
        assert_eq!(found("d.example.com", text), "none");
        assert_eq!(found("e.example.com", text), "none");
    }

    #[test]
    fn wrong_files_are_errors_that_quote_nothing() {
        let wrong = found("a.example.com", r#"{"auths":{"a.example.com":{"auth":"c2VjcmV0"}}}"#);
        assert!(wrong.contains("are not valid") && !wrong.contains("c2VjcmV0"), "{wrong}");
        let wrong = found("a.example.com", r#"{"auths":{"a.example.com":{"auth":"c2Vj"#);
        assert!(wrong.contains("is not a file of credentials"), "{wrong}");
        let wrong = found("a.example.com", r#"{"credsStore":"../../bin/sh"}"#);
        assert!(wrong.contains("is not the name of a credential helper"), "{wrong}");
    }
}
