//! In-toto statements, which say something about files by their digests (in-toto Attestation Framework, Statement v1).

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::AttestationKind;
use crate::digest::Sha256;

/// Type of a statement.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// Statement about one or more files.
#[derive(Clone, Debug)]
pub struct Statement {
    /// SHA-256 digests of the files, in hexadecimal digits, with their names.
    pub subjects: Vec<(String, Option<String>)>,
    /// Type of the predicate.
    pub predicate_type: String,
    /// Predicate.
    pub predicate: Json,
}

/// Returns a statement about a medium.
pub fn statement(medium: &str, sha256: &Sha256, kind: AttestationKind, predicate: &Json) -> Json {
    json!({
        "_type": STATEMENT,
        "subject": [{ "name": medium, "digest": { "sha256": sha256 } }],
        "predicateType": kind.predicate_type(),
        "predicate": predicate,
    })
}

/// Returns the fault of a document that names the digest `found`, as a fragment about "it".
pub fn about_another(found: &str, sha256: &Sha256) -> String {
    format!("it is about another medium: SHA-256 {found}, but this one has {sha256}")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStatement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<RawSubject>,
    predicate_type: String,
    #[serde(default)]
    predicate: Json,
}

#[derive(Deserialize)]
struct RawSubject {
    #[serde(default)]
    name: String,
    digest: serde_json::Map<String, Json>,
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    ///
    /// If it is not a statement of version 1: the reason, as a fragment about "it".
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let raw: RawStatement =
            serde_json::from_slice(bytes).map_err(|error| format!("it is not an in-toto statement: {error}"))?;
        if raw.kind != STATEMENT {
            return Err(format!("it is a statement of type `{}`; `{STATEMENT}` was expected", raw.kind));
        }
        let sha256 = |subject: &RawSubject| subject.digest.get("sha256").and_then(Json::as_str).map(str::to_owned);
        let subjects = raw.subject.into_iter().map(|subject| (subject.name.clone(), sha256(&subject)));
        Ok(Self { subjects: subjects.collect(), predicate_type: raw.predicate_type, predicate: raw.predicate })
    }

    /// Checks that the statement is of this kind, and about the medium with this digest.
    ///
    /// # Errors
    ///
    /// If it is not: the reason, as a fragment about "it".
    pub fn check(&self, kind: AttestationKind, sha256: &Sha256) -> Result<(), String> {
        if self.predicate_type != kind.predicate_type() {
            let wanted = kind.predicate_type();
            return Err(format!("its statement is of type `{}`; `{wanted}` was expected", self.predicate_type));
        }
        let wanted = sha256.to_string();
        if self.subjects.iter().any(|(_, digest)| digest.as_ref() == Some(&wanted)) {
            return Ok(());
        }
        let named = self.subjects.first().and_then(|(_, digest)| digest.as_deref()).unwrap_or("none");
        Err(about_another(named, sha256))
    }
}
