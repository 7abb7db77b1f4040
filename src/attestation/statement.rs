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

    /// Returns `true` if the statement is about the file with this digest.
    pub fn is_about(&self, sha256: &Sha256) -> bool {
        let wanted = sha256.to_string();
        self.subjects.iter().any(|(_, digest)| digest.as_ref() == Some(&wanted))
    }

    /// Kind of the predicate. `None` for one that tsmedia doesn't make.
    pub fn kind(&self) -> Option<AttestationKind> {
        AttestationKind::ALL.into_iter().find(|kind| kind.predicate_type() == self.predicate_type)
    }
}
