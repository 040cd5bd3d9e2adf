//! Whole-buffer gzip.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// Deflates at zlib's default level, that of public registries.
pub(crate) fn compress(bytes: &[u8]) -> Vec<u8> {
    encode(bytes, Compression::default())
}

/// Wraps without deflating: the same bytes whatever the version of the library, so that integrities of packed
/// fixtures can be recorded.
pub(crate) fn store(bytes: &[u8]) -> Vec<u8> {
    encode(bytes, Compression::none())
}

fn encode(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4 + 64), level);
    // Writing into a Vec cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Inflates, refusing more than `limit` bytes.
pub(crate) fn decompress(bytes: &[u8], limit: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len() * 4);
    MultiGzDecoder::new(bytes).take(limit.saturating_add(1)).read_to_end(&mut out)?;
    match u64::try_from(out.len()) {
        Ok(length) if length <= limit => Ok(out),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("inflates to more than {limit} bytes"))),
    }
}
