//! Digests: of a tarball against what its version document states, and of a document for its ETag.

use serde_json::Value;
use utoo_types::{Algorithm, Integrity};

/// `sha512-…`, as npm writes it.
pub(crate) fn integrity(bytes: &[u8]) -> String {
    Integrity::of(Algorithm::Sha512, bytes).to_string()
}

/// The forty digits of `dist.shasum`.
pub(crate) fn shasum(bytes: &[u8]) -> String {
    Integrity::of(Algorithm::Sha1, bytes).hex()
}

/// The first 128 bits of the SHA-256, as hexadecimal digits: what an ETag is made of.
pub(crate) fn short_hex(bytes: &[u8]) -> String {
    let mut digits = Integrity::of(Algorithm::Sha256, bytes).hex();
    digits.truncate(32);
    digits
}

/// Checks a tarball against the `dist` of its version: `integrity`, or `shasum` in versions older than that.
///
/// A `dist` with neither accepts any bytes, as npm does.
pub(crate) fn verify(bytes: &[u8], dist: &Value) -> Result<(), String> {
    let text = |field| dist.get(field).and_then(Value::as_str);
    let stated = text("integrity").and_then(|text| Integrity::parse(text).ok());
    let stated = stated.or_else(|| text("shasum").and_then(|digits| Integrity::from_sha1_hex(digits).ok()));
    match stated {
        Some(stated) if !stated.verifies(bytes) => {
            Err(format!("expected {stated}, got {}", integrity(bytes)))
        }
        _ => Ok(()),
    }
}
