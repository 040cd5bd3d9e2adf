//! The index of the manifest store, version 2.
//!
//! All integers are little-endian. The file begins with 16 bytes: magic "utoomix" and the version, 2; the pack's id. Then
//! come entries of 40 bytes, each whole or not counted; of two about one document, the later one counts.
//!
//! ```text
//! offset  size  field
//!      0     8  hash of registry, name, kind and spec
//!      8     8  where in the pack the document begins
//!     16     4  its length
//!     20     4  max-age: seconds from fetched-at during which it needs no question
//!     24     8  fetched-at: milliseconds since 1970
//!     32     4  its identity: the second checksum of `format.rs`
//!     36     4  CRC-32 of bytes 0..36
//! ```
//!
//! The hash is FNV-1a over the texts, separated by a zero byte. It finds a document; whether that is the one that was
//! looked for, the document itself says.

use libdeflater::crc32;

use super::format::{Key, Lease};

pub(super) const MAGIC: &[u8; 8] = b"utoomix\x02";
pub(super) const PACK_MAGIC: &[u8; 8] = b"utoompk\x02";
/// Length of the head of both files.
pub(super) const HEAD: usize = 16;
pub(super) const ENTRY: usize = 40;

/// Where a document is, and its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) offset: u64,
    pub(super) length: u32,
    pub(super) identity: u32,
    pub(super) lease: Lease,
}

pub(super) fn hash(key: Key<'_>) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut take = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for text in [key.registry, key.name, key.kind.spec()] {
        take(text.as_bytes());
        take(&[0]);
    }
    take(&[key.kind.byte()]);
    hash
}

/// The head of the index or of a pack.
pub(super) fn head(magic: &[u8; 8], id: u64) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(magic);
    head[8..].copy_from_slice(&id.to_le_bytes());
    head
}

/// The id in a head; `None` where it is none.
pub(super) fn id_of(magic: &[u8; 8], bytes: &[u8]) -> Option<u64> {
    let head: &[u8; HEAD] = bytes.first_chunk()?;
    let (found, id) = head.split_first_chunk::<8>()?;
    (found == magic).then_some(())?;
    Some(u64::from_le_bytes(*id.first_chunk()?))
}

pub(super) fn encode(hash: u64, slot: Slot) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..8].copy_from_slice(&hash.to_le_bytes());
    entry[8..16].copy_from_slice(&slot.offset.to_le_bytes());
    entry[16..20].copy_from_slice(&slot.length.to_le_bytes());
    entry[20..24].copy_from_slice(&slot.lease.max_age.to_le_bytes());
    entry[24..32].copy_from_slice(&slot.lease.fetched_at.to_le_bytes());
    entry[32..36].copy_from_slice(&slot.identity.to_le_bytes());
    let sum = crc32(&entry[..36]);
    entry[36..].copy_from_slice(&sum.to_le_bytes());
    entry
}

pub(super) fn decode(entry: &[u8]) -> Option<(u64, Slot)> {
    let long = |at: usize| Some(u64::from_le_bytes(*entry.get(at..)?.first_chunk()?));
    let short = |at: usize| Some(u32::from_le_bytes(*entry.get(at..)?.first_chunk()?));
    if crc32(entry.get(..36)?) != short(36)? {
        return None;
    }
    let lease = Lease { fetched_at: long(24)?, max_age: short(20)? };
    let slot = Slot { offset: long(8)?, length: short(16)?, identity: short(32)?, lease };
    Some((long(0)?, slot))
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
