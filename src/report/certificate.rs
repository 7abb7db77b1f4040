//! Certificates as JSON.

use serde_json::{Value, json};

use crate::date::day;
use crate::format::certificate::{Certificate, pem};

/// Returns a certificate as JSON.
pub fn certificate_json(certificate: &Certificate) -> Value {
    let thumbprint: String = certificate.thumbprint().0.iter().map(|byte| format!("{byte:02X}")).collect();
    let certificate = json!({
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "not-before": day(certificate.not_before()),
        "not-after": day(certificate.not_after()),
        "thumbprint": thumbprint,
        "pem": pem::encode(certificate),
    });
    json!({ "certificate": certificate })
}
