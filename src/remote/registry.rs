//! Client of a registry (OCI Distribution 1.1; tokens as in docker's "Token Authentication").

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use camino::Utf8PathBuf;
use ureq::Agent;
use ureq::http::{Method, Request};
use zeroize::Zeroizing;

use super::access::RemoteAccess;
use super::artifact::{ArtifactIndex, ArtifactManifest, BlobDescriptor, INDEX_TYPE, MANIFEST_TYPE, to_bytes};
use super::credentials::{self, RegistryLogin};
use super::http::{self, Answer, Attempt};
use super::reference::RemoteVersion;
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::limits::{MAX_REMOTE_ANSWER_LEN, MAX_REMOTE_MANIFEST_LEN, MAX_REMOTE_TAGS};
use crate::progress::Progress;

/// Number of tags to ask for at a time.
const TAGS_AT_A_TIME: usize = 1_000;

/// Result of one attempt of a request.
type Tried<T> = std::result::Result<T, Attempt>;

/// Repository of a registry.
#[derive(Debug)]
pub(super) struct Registry {
    agent: Agent,
    host: String,
    /// URL of the host, without a path.
    origin: String,
    /// URL of the repository.
    base: String,
    repository: String,
    credential_files: Vec<Utf8PathBuf>,
    /// Value of the header that the registry accepted last.
    authorization: Mutex<Option<Zeroizing<String>>>,
}

/// Request to send, possibly several times.
struct RegistryRequest<'a> {
    method: Method,
    url: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: Option<&'a [u8]>,
}

impl Registry {
    pub(super) fn new(host: &str, repository: &str, access: &RemoteAccess) -> Result<Self> {
        let is_loopback = is_loopback(host);
        let plain_http = access.plain_http || is_loopback;
        // The names that users know and the host that answers differ for this one.
        let server = if host == "docker.io" { "registry-1.docker.io" } else { host };
        let origin = format!("{}://{server}", if plain_http { "http" } else { "https" });
        Ok(Self {
            agent: http::agent(plain_http, is_loopback)?,
            host: if host == "docker.io" { "index.docker.io".into() } else { host.to_owned() },
            base: format!("{origin}/v2/{repository}"),
            origin,
            repository: repository.to_owned(),
            credential_files: access.credential_files.clone(),
            authorization: Mutex::new(None),
        })
    }

    pub(super) fn resolve(&self, version: &RemoteVersion) -> Result<Option<Sha256>> {
        let url = self.manifest_url(version);
        let headers = [("accept", MANIFEST_TYPE)];
        let found = self.retrying(|_| {
            let answer =
                self.send(&RegistryRequest { method: Method::HEAD, url: &url, headers: &headers, body: None })?;
            match answer.status().as_u16() {
                200 => Ok(Some(digest_header(&answer))),
                404 => Ok(None),
                _ => Err(http::unexpected("looking for a manifest", answer)),
            }
        })?;
        match found {
            // The header is optional.
            Some(None) => Ok(self.manifest(version)?.map(|bytes| Sha256::hash(&bytes))),
            found => Ok(found.flatten()),
        }
    }

    /// Reads the bytes of a manifest, which are not verified yet.
    pub(super) fn manifest(&self, version: &RemoteVersion) -> Result<Option<Vec<u8>>> {
        self.document(&self.manifest_url(version), MANIFEST_TYPE, MAX_REMOTE_MANIFEST_LEN)
            .map(|found| found.map(|(bytes, _)| bytes))
    }

    pub(super) fn has_blob(&self, blob: &BlobDescriptor) -> Result<bool> {
        let url = self.blob_url(&blob.digest);
        self.retrying(|_| {
            let answer = self.send(&RegistryRequest { method: Method::HEAD, url: &url, headers: &[], body: None })?;
            match answer.status().as_u16() {
                200 => Ok(true),
                404 => Ok(false),
                _ => Err(http::unexpected("looking for a blob", answer)),
            }
        })
    }

    /// Reads the bytes of a blob, which are not verified yet. After a cut connection, it goes on at the first missing
    /// byte.
    pub(super) fn blob(&self, blob: &BlobDescriptor, progress: &Progress) -> Result<Vec<u8>> {
        let url = self.blob_url(&blob.digest);
        let mut bytes = Vec::new();
        http::retrying(&|| progress.check_cancelled(), &mut |n_got| {
            let got = self.read_blob(&url, blob.size, &mut bytes, progress);
            *n_got = bytes.len() as u64;
            got
        })?;
        Ok(bytes)
    }

    fn read_blob(&self, url: &str, size: u64, bytes: &mut Vec<u8>, progress: &Progress) -> Tried<()> {
        use std::io::Read;
        let range = format!("bytes={}-", bytes.len());
        let headers = [("range", range.as_str())];
        let headers = if bytes.is_empty() { &[][..] } else { &headers[..] };
        let mut answer = self.send(&RegistryRequest { method: Method::GET, url, headers, body: None })?;
        match answer.status().as_u16() {
            206 if !bytes.is_empty() => {}
            // A server without ranges sends everything again.
            200 => bytes.clear(),
            _ => return Err(http::unexpected("reading a blob", answer)),
        }
        let mut reader = answer.body_mut().with_config().limit(u64::MAX).reader();
        let mut block = vec![0; 64 << 10];
        loop {
            progress.check_cancelled().map_err(Attempt::Final)?;
            match reader.read(&mut block) {
                Ok(0) => break,
                Ok(n) if (bytes.len() + n) as u64 > size => {
                    return Err(Attempt::Final(Error::new(format!("a blob has more than {size} bytes, its length"))));
                }
                Ok(n) => {
                    bytes.extend_from_slice(&block[..n]);
                    progress.add(n as u64);
                }
                Err(error) => return Err(Attempt::Retry(Error::new("reading a blob").because(error), None)),
            }
        }
        if (bytes.len() as u64) < size {
            let n = bytes.len();
            return Err(Attempt::Retry(Error::new(format!("a blob ended after {n} of {size} bytes")), None));
        }
        Ok(())
    }

    pub(super) fn write_blob(&self, digest: &Sha256, bytes: &[u8]) -> Result<()> {
        self.retrying(|_| {
            let url = format!("{}/blobs/uploads/", self.base);
            let answer =
                self.send(&RegistryRequest { method: Method::POST, url: &url, headers: &[], body: Some(&[]) })?;
            if answer.status() != 202 {
                return Err(http::unexpected("starting an upload", answer));
            }
            let place = answer.headers().get("location").and_then(|value| value.to_str().ok());
            let place = place.ok_or_else(|| Attempt::Final(Error::new("the server gave no place for an upload")))?;
            let place = if place.starts_with('/') { format!("{}{place}", self.origin) } else { place.to_owned() };
            let url = format!("{place}{}digest=sha256:{digest}", if place.contains('?') { '&' } else { '?' });
            let headers = [("content-type", "application/octet-stream")];
            let answer =
                self.send(&RegistryRequest { method: Method::PUT, url: &url, headers: &headers, body: Some(bytes) })?;
            if answer.status() == 201 { Ok(()) } else { Err(http::unexpected("uploading a blob", answer)) }
        })
    }

    /// Stores a manifest. If it has a subject and the registry does not list referrers, it is added to the index that the
    /// specification names for this case ("Referrers tag schema").
    pub(super) fn write_manifest(
        &self,
        manifest: &ArtifactManifest,
        digest: &Sha256,
        bytes: &[u8],
        tag: Option<&str>,
    ) -> Result<()> {
        let version = match tag {
            Some(tag) => RemoteVersion::Tag(tag.to_owned()),
            None => RemoteVersion::Digest(*digest),
        };
        let lists_referrers = self.put_document(&version, MANIFEST_TYPE, bytes)?;
        let Some(subject) = manifest.subject.as_ref().filter(|_| !lists_referrers) else { return Ok(()) };
        let mut entry = BlobDescriptor::known(MANIFEST_TYPE, *digest, bytes.len() as u64);
        entry.artifact_type = Some(manifest.artifact_type.clone());
        entry.annotations = manifest.annotations.clone();
        let mut referrers = self.listed_referrers(&subject.digest)?;
        referrers.retain(|referrer| referrer.digest != *digest);
        referrers.push(entry);
        let index = to_bytes(&ArtifactIndex::new(referrers))?;
        self.put_document(&referrers_tag(&subject.digest), INDEX_TYPE, &index).map(drop)
    }

    /// Stores a manifest or index. Returns `true` if the registry has noted its subject.
    fn put_document(&self, version: &RemoteVersion, media_type: &str, bytes: &[u8]) -> Result<bool> {
        let url = self.manifest_url(version);
        let headers = [("content-type", media_type)];
        self.retrying(|_| {
            let answer =
                self.send(&RegistryRequest { method: Method::PUT, url: &url, headers: &headers, body: Some(bytes) })?;
            match answer.status().as_u16() {
                201 => Ok(answer.headers().contains_key("oci-subject")),
                _ => Err(http::unexpected("storing a manifest", answer)),
            }
        })
    }

    pub(super) fn tags(&self) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct TagList {
            tags: Option<Vec<String>>,
        }
        let mut tags: Vec<String> = Vec::new();
        loop {
            let after = tags.last().map(|last| format!("&last={last}")).unwrap_or_default();
            let url = format!("{}/tags/list?n={TAGS_AT_A_TIME}{after}", self.base);
            let Some((bytes, has_more)) = self.document(&url, "application/json", MAX_REMOTE_ANSWER_LEN)? else {
                return Ok(tags);
            };
            let list: TagList = serde_json::from_slice(&bytes)
                .map_err(|error| Error::new("the list of tags is not valid").because(error))?;
            let page = list.tags.unwrap_or_default();
            let is_last =
                !has_more || page.is_empty() || page.last().is_some_and(|last| !super::reference::is_tag(last));
            tags.extend(page);
            if is_last || tags.len() > MAX_REMOTE_TAGS {
                return Ok(tags);
            }
        }
    }

    pub(super) fn referrers(&self, subject: &Sha256) -> Result<Vec<BlobDescriptor>> {
        let url = format!("{}/referrers/sha256:{subject}", self.base);
        match self.document(&url, INDEX_TYPE, MAX_REMOTE_MANIFEST_LEN)? {
            Some((bytes, _)) => ArtifactIndex::parse(&bytes).map(|index| index.manifests),
            None => self.listed_referrers(subject),
        }
    }

    /// Referrers in the index that stands in for the registry's own list.
    fn listed_referrers(&self, subject: &Sha256) -> Result<Vec<BlobDescriptor>> {
        let url = self.manifest_url(&referrers_tag(subject));
        match self.document(&url, INDEX_TYPE, MAX_REMOTE_MANIFEST_LEN)? {
            Some((bytes, _)) => ArtifactIndex::parse(&bytes).map(|index| index.manifests),
            None => Ok(Vec::new()),
        }
    }

    /// Reads a document, if there is one. Also returns `true` if the answer refers to a next part.
    fn document(&self, url: &str, media_type: &str, max_len: u64) -> Result<Option<(Vec<u8>, bool)>> {
        let headers = [("accept", media_type)];
        self.retrying(|_| {
            let mut answer = self.send(&RegistryRequest { method: Method::GET, url, headers: &headers, body: None })?;
            let has_more = answer.headers().contains_key("link");
            match answer.status().as_u16() {
                200 => match http::read(&mut answer, max_len) {
                    Ok(bytes) => Ok(Some((bytes, has_more))),
                    Err(error) if error.kind() == crate::error::ErrorKind::Io => Err(Attempt::Retry(error, None)),
                    Err(error) => Err(Attempt::Final(error)),
                },
                404 => Ok(None),
                _ => Err(http::unexpected("reading a document", answer)),
            }
        })
    }

    fn retrying<T>(&self, mut attempt: impl FnMut(&mut u64) -> Tried<T>) -> Result<T> {
        http::retrying(&|| Ok(()), &mut attempt)
    }

    /// Sends a request. If the registry asks for it, authenticates and sends it once more.
    fn send(&self, request: &RegistryRequest) -> Tried<Answer> {
        let is_ours = request.url.strip_prefix(&self.origin).is_some_and(|rest| rest.starts_with('/'));
        let current = || self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Credentials never go to another host, such as one that an upload is sent to.
        let authorization = current().filter(|_| is_ours);
        let answer = self.send_once(request, authorization.as_ref())?;
        if answer.status() != 401 || !is_ours {
            return Ok(answer);
        }
        match self.authorize(&answer)? {
            Some(authorization) => self.send_once(request, Some(&authorization)),
            None => Ok(answer),
        }
    }

    fn send_once(&self, request: &RegistryRequest, authorization: Option<&Zeroizing<String>>) -> Tried<Answer> {
        let mut builder = Request::builder().method(request.method.clone()).uri(request.url);
        for (name, value) in request.headers {
            builder = builder.header(*name, *value);
        }
        if let Some(authorization) = authorization {
            builder = builder.header("authorization", authorization.as_str());
        }
        let invalid =
            |error| Attempt::Final(Error::new(format!("`{}` is not a valid URL", request.url)).because(error));
        let answer = match request.body {
            Some(body) => self.agent.run(builder.body(body).map_err(invalid)?),
            None => self.agent.run(builder.body(()).map_err(invalid)?),
        };
        answer.map_err(http::no_answer)
    }

    /// Answers the challenge of a registry. `None` if there are no credentials for it, or it is not supported.
    fn authorize(&self, answer: &Answer) -> Tried<Option<Zeroizing<String>>> {
        let challenges = answer.headers().get_all("www-authenticate").iter();
        let challenges: Vec<_> = challenges.filter_map(|value| Challenge::parse(value.to_str().ok()?)).collect();
        let login = credentials::find(&self.host, &self.credential_files).map_err(Attempt::Final)?;
        let bearer = challenges.iter().find(|challenge| challenge.scheme == "bearer");
        let authorization = match (bearer, login) {
            (Some(challenge), login) => Some(self.token(challenge, login.as_ref())?),
            (None, Some(RegistryLogin::Basic(value))) if challenges.iter().any(|it| it.scheme == "basic") => {
                Some(value)
            }
            _ => None,
        };
        if authorization.is_some() {
            self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&authorization);
        }
        Ok(authorization)
    }

    /// Gets a token from the server that the challenge names.
    fn token(&self, challenge: &Challenge, login: Option<&RegistryLogin>) -> Tried<Zeroizing<String>> {
        #[derive(serde::Deserialize)]
        struct TokenAnswer {
            token: Option<Zeroizing<String>>,
            access_token: Option<Zeroizing<String>>,
        }
        let given = |name: &str| challenge.parameters.get(name).cloned().unwrap_or_default();
        let scope = match given("scope") {
            scope if scope.is_empty() => format!("repository:{}:pull,push", self.repository),
            scope => scope,
        };
        let (realm, service) = (given("realm"), given("service"));
        let answer = match login {
            Some(RegistryLogin::Refresh(token)) => self.agent.post(&realm).send_form([
                ("grant_type", "refresh_token"),
                ("service", service.as_str()),
                ("scope", scope.as_str()),
                ("refresh_token", token.as_str()),
            ]),
            login => {
                let request = self.agent.get(&realm).query("service", &service).query("scope", &scope);
                match login {
                    Some(RegistryLogin::Basic(value)) => request.header("authorization", value.as_str()).call(),
                    _ => request.call(),
                }
            }
        };
        let mut answer = answer.map_err(http::no_answer)?;
        if answer.status() != 200 {
            return Err(http::unexpected("getting a token", answer));
        }
        let bytes = Zeroizing::new(http::read(&mut answer, MAX_REMOTE_ANSWER_LEN).map_err(Attempt::Final)?);
        let token = serde_json::from_slice(&bytes).ok().and_then(|it: TokenAnswer| it.token.or(it.access_token));
        let token = token.ok_or_else(|| Attempt::Final(Error::new("the server of tokens gave none")))?;
        Ok(Zeroizing::new(format!("Bearer {}", token.as_str())))
    }

    fn manifest_url(&self, version: &RemoteVersion) -> String {
        match version {
            RemoteVersion::Tag(tag) => format!("{}/manifests/{tag}", self.base),
            RemoteVersion::Digest(digest) => format!("{}/manifests/sha256:{digest}", self.base),
        }
    }

    fn blob_url(&self, digest: &Sha256) -> String {
        format!("{}/blobs/sha256:{digest}", self.base)
    }
}

fn referrers_tag(subject: &Sha256) -> RemoteVersion {
    RemoteVersion::Tag(format!("sha256-{subject}"))
}

fn digest_header(answer: &Answer) -> Option<Sha256> {
    answer.headers().get("docker-content-digest")?.to_str().ok()?.strip_prefix("sha256:")?.parse().ok()
}

/// Returns `true` for a host of this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Challenge of a server (RFC 9110, 11.6.1).
struct Challenge {
    /// Scheme in lower case.
    scheme: String,
    parameters: HashMap<String, String>,
}

impl Challenge {
    /// Parses a header with a single challenge, as registries send it.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, mut rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut parameters = HashMap::new();
        while let Some((name, value)) = rest.split_once('=') {
            let value = value.trim_start();
            let (value, after) = match value.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => value.split_at(value.find(',').unwrap_or(value.len())),
            };
            parameters.insert(name.trim_matches([' ', ',']).to_ascii_lowercase(), value.to_owned());
            rest = after;
        }
        Some(Self { scheme: scheme.to_ascii_lowercase(), parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_parsed() {
        let text =
            r#"Bearer realm="https://auth.example.com/token",service="registry", scope="repository:a:pull,push""#;
        let challenge = Challenge::parse(text).unwrap();
        assert_eq!(challenge.scheme, "bearer");
        assert_eq!(challenge.parameters["scope"], "repository:a:pull,push");
        assert_eq!(challenge.parameters["realm"], "https://auth.example.com/token");
        assert_eq!(challenge.parameters.len(), 3);
        assert_eq!(Challenge::parse("Basic realm=x,a=b").unwrap().parameters.len(), 2);
        assert_eq!(Challenge::parse("Negotiate").unwrap().scheme, "negotiate");
        assert!(Challenge::parse("Bearer realm=\"x").is_none());
    }

    #[test]
    fn only_hosts_of_this_machine_are_reached_without_tls() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example.com", "registry", "10.0.0.1:5000", "127.0.0.1.example.com", "[fe80::1]"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
