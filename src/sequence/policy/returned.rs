//! Policies as a site returns them: files with XML, or JSON with the arrays of
//! `GetTsPoliciesSaMedia` and `GetClientConfigPolicies` (`SMS_TaskSequencePackage`).
//!
//! Public tools such as PXEThief read all policies of a medium from one document. The name of its
//! root element is in no public source; here it is [`ROOT`]. A single document is kept as it is.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::read;
use crate::error::Error;
use crate::secret::Secret;

/// Root element for several policies. The name on real media is unknown.
const ROOT: &str = "Policies";

/// Policies of a site, ready for a medium.
#[derive(Debug, Default)]
pub struct ReturnedPolicies {
    documents: Vec<Zeroizing<String>>,
}

/// Result of one of the two methods. Other properties, which PowerShell writes as well, are
/// ignored.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Returned {
    policy_xmls: Vec<Zeroizing<String>>,
    policy_assignment_xmls: Vec<Zeroizing<String>>,
}

/// Formats of JSON in which results are kept.
#[derive(Deserialize)]
#[serde(untagged)]
enum Json {
    One(Returned),
    Several(Vec<Returned>),
    Documents(Vec<Zeroizing<String>>),
}

impl ReturnedPolicies {
    /// Appends the policies of another file.
    pub fn append(&mut self, mut other: Self) {
        self.documents.append(&mut other.documents);
    }

    /// Returns the text for the medium: the only document, or all documents within one element.
    pub fn to_text(&self) -> Secret {
        if let [document] = &self.documents[..] {
            return Secret::from(document.to_string());
        }
        let len: usize = self.documents.iter().map(|document| document.len() + 2).sum();
        // Reserve enough, since a growing string leaves copies of secrets behind.
        let mut text = String::with_capacity(len + 100);
        text.push_str(&format!("<?xml version=\"1.0\"?>\r\n<{ROOT}>\r\n"));
        for document in &self.documents {
            text.push_str(without_declaration(document));
            text.push_str("\r\n");
        }
        text.push_str(&format!("</{ROOT}>\r\n"));
        Secret::from(text)
    }
}

/// Reads the text of a file with policies.
///
/// # Errors
///
/// Fails if the JSON has another format, the arrays differ in length, or a document contains no
/// policies.
pub fn read_returned(text: &str) -> Result<ReturnedPolicies, Error> {
    let documents = match text.trim_start().starts_with(['[', '{']) {
        false => vec![Zeroizing::new(text.to_owned())],
        true => documents(text)?,
    };
    for (index, document) in documents.iter().enumerate() {
        read(document).map_err(|error| match documents.len() {
            1 => Error::new(format!("the file is not a policy: {error}")),
            n => Error::new(format!("document {} of {n} is not a policy: {error}", index + 1)),
        })?;
    }
    Ok(ReturnedPolicies { documents })
}

/// Returns the documents in JSON, each policy before its assignment.
fn documents(text: &str) -> Result<Vec<Zeroizing<String>>, Error> {
    // Don't show the message of the parser, which could quote a secret.
    let json: Json = serde_json::from_str(text).map_err(|error| {
        Error::new("the JSON has no arrays `PolicyXmls` and `PolicyAssignmentXmls`").help(match error.line() {
            0 => "save the result of the method with `ConvertTo-Json -Depth 3`".to_owned(),
            line => format!("check line {line}; save the result of the method with `ConvertTo-Json -Depth 3`"),
        })
    })?;
    let returned = match json {
        Json::Documents(documents) if documents.is_empty() => return Err(Error::new("the file contains no policies")),
        Json::Documents(documents) => return Ok(documents),
        Json::One(one) => vec![one],
        Json::Several(several) => several,
    };
    let mut documents = Vec::new();
    for Returned { policy_xmls, policy_assignment_xmls } in returned {
        let (n_policies, n_assignments) = (policy_xmls.len(), policy_assignment_xmls.len());
        if n_policies != n_assignments {
            let message = format!(
                "the arrays differ in length: `PolicyXmls` {n_policies}, `PolicyAssignmentXmls` {n_assignments}"
            );
            return Err(Error::new(message).help("keep both arrays of the result: each policy has one assignment"));
        }
        documents.extend(policy_xmls.into_iter().zip(policy_assignment_xmls).flat_map(|(policy, its)| [policy, its]));
    }
    match documents.is_empty() {
        true => Err(Error::new("the file contains no policies")),
        false => Ok(documents),
    }
}

/// Returns a document without its XML declaration.
fn without_declaration(document: &str) -> &str {
    let text = document.trim_start_matches('\u{feff}').trim();
    match text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) {
        Some((_, rest)) => rest.trim_start(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "<?xml version=\"1.0\" ?>\n<Policy PolicyID=\"a\"><instance class=\"CCM_Other\"/></Policy>\n";
    const ASSIGNMENT: &str = "<PolicyAssignment><Policy PolicyID=\"a\"/></PolicyAssignment>";

    fn text(file: &str) -> String {
        read_returned(file).unwrap().to_text().text().unwrap().to_owned()
    }

    #[test]
    fn a_document_is_kept_as_it_is() {
        assert_eq!(text(POLICY), POLICY);
    }

    #[test]
    fn arrays_become_one_document_in_every_form() {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let (policy, assignment) = (quoted(POLICY), quoted(ASSIGNMENT));
        let one =
            format!("{{\"ReturnValue\": 0, \"PolicyXmls\": [{policy}], \"PolicyAssignmentXmls\": [{assignment}]}}");
        let expected = format!(
            "<?xml version=\"1.0\"?>\r\n<Policies>\r\n{}\r\n{ASSIGNMENT}\r\n</Policies>\r\n",
            POLICY.split_once('\n').unwrap().1.trim()
        );
        assert_eq!(text(&one), expected);
        assert_eq!(text(&format!("[{one}]")), expected);
        assert_eq!(text(&format!(" [{policy}, {assignment}]")), expected);
        assert_eq!(read(&expected).unwrap().len(), 1);
    }

    #[test]
    fn what_is_wrong_is_named_without_its_text() {
        let both = "{\"PolicyXmls\": [\"<Policy/>\"], \"PolicyAssignmentXmls\": []}";
        for (file, words) in [
            ("<html>hunter2</html>", "the file is not a policy: the text contains no policies"),
            (
                "[\"<Policy/>\", \"hunter2\"]",
                "document 2 of 2 is not a policy: the XML has text outside of its root element",
            ),
            ("{\"Password\": \"hunter2\"}", "no arrays"),
            ("[", "no arrays"),
            ("[]", "the file contains no policies"),
            (both, "`PolicyXmls` 1, `PolicyAssignmentXmls` 0"),
        ] {
            let error = read_returned(file).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(words) && !shown.contains("hunter2"), "{file}: {shown}");
        }
    }
}
