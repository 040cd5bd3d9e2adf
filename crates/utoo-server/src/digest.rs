//! Digests: of a tarball against what its version document states, and of a document for its ETag.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::Digest as _;

/// `sha512-…`, as npm writes it.
pub(crate) fn integrity(bytes: &[u8]) -> String {
    format!("sha512-{}", STANDARD.encode(sha2::Sha512::digest(bytes)))
}

/// The forty digits of `dist.shasum`.
pub(crate) fn shasum(bytes: &[u8]) -> String {
    hex(&sha1::Sha1::digest(bytes))
}

/// The first 128 bits of the SHA-256, as hexadecimal digits: what an ETag is made of.
pub(crate) fn short_hex(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes)[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks a tarball against the `dist` of its version: `integrity`, or `shasum` in versions older than that.
///
/// A `dist` with neither accepts any bytes, as npm does.
pub(crate) fn verify(bytes: &[u8], dist: &Value) -> Result<(), String> {
    let text = |field| dist.get(field).and_then(Value::as_str);
    let (wanted, got) = match (text("integrity"), text("shasum")) {
        (Some(wanted), _) => (wanted, integrity(bytes)),
        (None, Some(wanted)) => (wanted, shasum(bytes)),
        (None, None) => return Ok(()),
    };
    if wanted == got { Ok(()) } else { Err(format!("expected {wanted}, got {got}")) }
}
