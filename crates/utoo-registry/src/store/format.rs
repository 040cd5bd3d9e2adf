//! One document of the manifest store, version 1.
//!
//! A record holds one packed document and what is needed to use it without asking the registry. All integers are
//! little-endian.
//!
//! ```text
//! offset  size  field
//!      0     8  magic "utoomft" and the version, 1
//!      8     8  fetched-at: milliseconds since 1970
//!     16     4  max-age: seconds from fetched-at during which the document needs no question
//!     20     4  CRC-32 of bytes 8..20: what a 304 renews stands in the index
//!     24     4  CRC-32 of bytes 28.. up to and with the first 64 bytes of the body
//!     28     1  kind: 0 abbreviated packument, 1 full packument, 2 single version
//!     29     3  zero
//!     32     2  length of the registry's URL
//!     34     2  length of the package's name
//!     36     2  length of the spec (kind 2 only, else 0)
//!     38     2  length of the ETag (0: none)
//!     40     2  length of Last-Modified (0: none)
//!     42     2  zero
//!     44     4  length of the body
//!     48     …  registry, name, spec, ETag, Last-Modified, body: nothing between them, nothing after them
//! ```
//!
//! The reader bounds every length by the file's own, compares registry, name and spec with what it looks for (two
//! keys may share a file name) and checks both sums. Whatever is not exactly so is a miss. The body is the packed
//! form of `utoo_types::Packument`, whose first 64 bytes hold its own version, length and a checksum of all the
//! rest: whoever opens it verifies it, and one pass over the bytes is enough.

use std::sync::Arc;

use bytes::Bytes;
use libdeflater::crc32;

const MAGIC: &[u8; 8] = b"utoomft\x01";
const HEADER: usize = 48;
/// How much of the body the second sum covers: the part that holds the body's own checksum.
const SUMMED_BODY: usize = 64;
/// Where the lease begins, and its length: fetched-at, max-age and their checksum.
const LEASE: usize = 8;
const LEASE_LEN: usize = 16;
/// Magic, lease and checksum of the rest.
const PREFIX: usize = 28;

/// Which document of a package a file holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The abbreviated packument.
    Abbreviated,
    /// The full packument, with `time` and `license`.
    Full,
    /// The one version that the registry gave for this range or tag.
    Version(Arc<str>),
}

impl Kind {
    pub(super) fn byte(&self) -> u8 {
        match self {
            Kind::Abbreviated => 0,
            Kind::Full => 1,
            Kind::Version(_) => 2,
        }
    }

    pub(crate) fn spec(&self) -> &str {
        match self {
            Kind::Version(spec) => spec,
            Kind::Abbreviated | Kind::Full => "",
        }
    }
}

/// What a file is about: looked up by it, and verified on every read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key<'a> {
    /// The registry's URL, without credentials.
    pub(crate) registry: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: &'a Kind,
}

/// When a document was fetched and for how long it may be used unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Milliseconds since 1970.
    pub(crate) fetched_at: u64,
    /// Seconds.
    pub(crate) max_age: u32,
}

impl Lease {
    /// False as well when the document comes from the future: the clock was moved, and only the registry knows.
    pub(crate) fn is_fresh(self, now: u64) -> bool {
        let end = self.fetched_at.saturating_add(u64::from(self.max_age) * 1000);
        self.fetched_at <= now && now < end
    }

    /// The lease as it stands in a record.
    fn block(self) -> [u8; LEASE_LEN] {
        let mut block = [0; LEASE_LEN];
        block[..8].copy_from_slice(&self.fetched_at.to_le_bytes());
        block[8..12].copy_from_slice(&self.max_age.to_le_bytes());
        let sum = crc32(&block[..12]);
        block[12..].copy_from_slice(&sum.to_le_bytes());
        block
    }

    fn from_block(block: &[u8]) -> Option<Self> {
        (crc32(block.get(..12)?) == u32_at(block, 12)?).then_some(())?;
        Some(Self { fetched_at: u64_at(block, 0)?, max_age: u32_at(block, 8)? })
    }
}

/// What a registry gave to recognise a document by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// A file's contents. Everything but the inside of the body is verified.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) lease: Lease,
    pub(crate) validators: Validators,
    pub(crate) body: Bytes,
}

/// The bytes before the body, and the identity of the whole: the second sum, which two files share that hold the same
/// document under any lease. `None` if a length does not fit its field: such a
/// document is not kept.
pub(crate) fn encode_header(
    key: Key<'_>,
    lease: Lease,
    validators: &Validators,
    body: &[u8],
) -> Option<(Vec<u8>, u32)> {
    let etag = validators.etag.as_deref().unwrap_or("");
    let last_modified = validators.last_modified.as_deref().unwrap_or("");
    let texts = [key.registry, key.name, key.kind.spec(), etag, last_modified];
    let mut header = Vec::with_capacity(HEADER + texts.iter().map(|text| text.len()).sum::<usize>());
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&lease.block());
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&[key.kind.byte(), 0, 0, 0]);
    for text in texts {
        header.extend_from_slice(&u16::try_from(text.len()).ok()?.to_le_bytes());
    }
    header.extend_from_slice(&[0; 2]);
    header.extend_from_slice(&u32::try_from(body.len()).ok()?.to_le_bytes());
    for text in texts {
        header.extend_from_slice(text.as_bytes());
    }
    let mut sum = libdeflater::Crc::new();
    sum.update(&header[PREFIX..]);
    sum.update(&body[..body.len().min(SUMMED_BODY)]);
    let identity = sum.sum();
    header[24..28].copy_from_slice(&identity.to_le_bytes());
    Some((header, identity))
}

/// Reads a whole file. `None`: it is no file of this version, not about `key`, or damaged.
pub(crate) fn decode(file: &Bytes, key: Key<'_>) -> Option<Entry> {
    let (lease, identity) = decode_prefix(file)?;
    let kind_and_padding = [key.kind.byte(), 0, 0, 0];
    if file.get(PREFIX..32)? != kind_and_padding || file.get(42..44)? != [0, 0] {
        return None;
    }
    let mut at = HEADER;
    let mut text = |field: usize| -> Option<&[u8]> {
        let length = usize::from(u16_at(file, field)?);
        let bytes = file.get(at..at.checked_add(length)?)?;
        at += length;
        Some(bytes)
    };
    let matches = text(32)? == key.registry.as_bytes()
        && text(34)? == key.name.as_bytes()
        && text(36)? == key.kind.spec().as_bytes();
    if !matches {
        return None;
    }
    let validators = Validators { etag: optional(text(38)?)?, last_modified: optional(text(40)?)? };
    let length = usize::try_from(u32_at(file, 44)?).ok()?;
    if at.checked_add(length)? != file.len() {
        return None;
    }
    let summed = at + length.min(SUMMED_BODY);
    if crc32(file.get(PREFIX..summed)?) != identity {
        return None;
    }
    Some(Entry { lease, validators, body: file.slice(at..) })
}

/// Reads the lease and the identity from a file's first [`PREFIX`] bytes.
pub(crate) fn decode_prefix(prefix: &[u8]) -> Option<(Lease, u32)> {
    (prefix.get(..8)? == MAGIC).then_some(())?;
    let lease = Lease::from_block(prefix.get(LEASE..LEASE + LEASE_LEN)?)?;
    Some((lease, u32_at(prefix, 24)?))
}

/// `Some(None)` for an empty field; `None` for one that is not text.
fn optional(bytes: &[u8]) -> Option<Option<String>> {
    if bytes.is_empty() {
        return Some(None);
    }
    Some(Some(std::str::from_utf8(bytes).ok()?.to_owned()))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
