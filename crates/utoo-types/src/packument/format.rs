//! The packed form of a packument: its layout, and the reads that every access goes through.
//!
//! All numbers are little endian; nothing is aligned. A buffer is
//!
//! ```text
//! header    64 bytes
//!   0  magic and version  8 bytes  "utoopk\0" and the version of this layout
//!   8  checksum           u64      of everything behind it, see `checksum`
//!  16  length             u32      of the whole buffer
//!  20  versions           u32      records in ascending order of precedence
//!  24  others             u32      records behind them: no semver, staged or restricted versions
//!  28  tags               u32
//!  32  name               text
//!  36  flags              u32      see `HAS_TIMES` and its like
//!  40  modified           i64      milliseconds since 1970, `NO_TIME` when unknown
//!  48  tarball prefix     text     what stands before `/{name}/-/…` in most tarball addresses
//!  52  policy message     text     why restricted versions are restricted
//!  56  unused             8 bytes  zero
//! records   44 bytes each, see `Record`
//! tags      12 bytes each: name (text), version (text), record (u32, `NO_RECORD` when there is none)
//! times     8 bytes for each record, where the flag says so: i64 milliseconds, `NO_TIME`, `BAD_TIME`
//! heap      up to the end
//! ```
//!
//! A *text* or *blob* is the offset of its bytes in the heap: their length as LEB128, then the bytes. Offset 0
//! is the empty one. Equal texts and blobs are stored once, which is what makes the form small: most versions
//! of a package share their dependencies, engines and commands.
//!
//! - dependency blob: LEB128 number of plain and of optional dependencies, then pairs of texts (u32 each), the
//!   rest of them peer dependencies
//! - passed blob: for each field one byte (`Passed`) and the text of its JSON (u32)
//! - dist blob (never shared): kind of the tarball's address, kind of the integrity, then what they need
//!
//! [`Header::read`] checks the checksum and that the sections lie inside the buffer; every read after that is
//! bounds-checked again, and one that fails gives an empty value. So damage is an error at the door, and a
//! buffer made by an enemy with a right checksum can at worst say nonsense.

pub(super) const MAGIC: [u8; 8] = *b"utoopk\0\x01";
pub(super) const HEADER: usize = 64;
pub(super) const RECORD: usize = 44;
pub(super) const TAG: usize = 12;
pub(super) const NO_RECORD: u32 = u32::MAX;
pub(super) const NO_TIME: i64 = i64::MIN;
/// A time that is there and cannot be read; it is before nothing.
pub(super) const BAD_TIME: i64 = i64::MAX;

/// The document had a `time` object.
pub(super) const HAS_TIMES: u32 = 1;
/// Some version is staged or restricted, so that picking must look at all of them.
pub(super) const HAS_POLICY: u32 = 2;

pub(super) mod flag {
    pub(in super::super) const DEPRECATED: u32 = 1;
    pub(in super::super) const INSTALL_SCRIPT: u32 = 2;
    pub(in super::super) const SHRINKWRAP: u32 = 4;
    /// Has a prerelease part, or is not exactly `major.minor.patch`: its text must be parsed.
    pub(in super::super) const NEEDS_PARSE: u32 = 8;
    pub(in super::super) const STAGED: u32 = 16;
    pub(in super::super) const RESTRICTED: u32 = 32;
    /// Stands under `stagedVersions`, not under `versions`.
    pub(in super::super) const OUTSIDE_STAGED: u32 = 64;
    /// Stands under `policyRestrictions`, not under `versions`.
    pub(in super::super) const OUTSIDE_RESTRICTED: u32 = 128;
    pub(in super::super) const PRERELEASE: u32 = 256;
}

pub(super) mod dist {
    pub(in super::super) const TARBALL_NONE: u8 = 0;
    /// `{prefix of the packument}/{name}/-/{base}-{version}.tgz`
    pub(in super::super) const TARBALL_USUAL: u8 = 1;
    /// A text.
    pub(in super::super) const TARBALL_TEXT: u8 = 2;
    pub(in super::super) const INTEGRITY_NONE: u8 = 0;
    /// 64 bytes.
    pub(in super::super) const SHA512: u8 = 1;
    /// 20 bytes of an `integrity`.
    pub(in super::super) const SHA1: u8 = 2;
    /// 20 bytes of a `shasum`, where no integrity was given.
    pub(in super::super) const SHASUM: u8 = 3;
    /// A text.
    pub(in super::super) const TEXT: u8 = 4;
}

/// A 64-bit checksum at memory speed. It finds damage; it is no defence against intent.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [K, K.rotate_left(17), K.rotate_left(31), K.rotate_left(47)];
    let mut stripes = bytes.chunks_exact(32);
    for stripe in &mut stripes {
        for (lane, word) in lanes.iter_mut().zip(stripe.chunks_exact(8)) {
            *lane = (*lane ^ word_of(word)).wrapping_mul(K).rotate_left(29);
        }
    }
    let mut sum = bytes.len() as u64;
    for word in stripes.remainder().chunks(8) {
        sum = (sum ^ word_of(word)).wrapping_mul(K).rotate_left(29);
    }
    for lane in lanes {
        sum = (sum ^ lane).wrapping_mul(K);
        sum ^= sum >> 32;
    }
    sum
}

fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0_u8; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// Bytes and the checked reads on them.
#[derive(Clone, Copy)]
pub(super) struct View<'a>(pub(super) &'a [u8]);

impl<'a> View<'a> {
    pub(super) fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk::<N>().copied()
    }

    pub(super) fn u32(self, at: usize) -> u32 {
        self.array(at).map_or(0, u32::from_le_bytes)
    }

    pub(super) fn i64(self, at: usize) -> i64 {
        self.array(at).map_or(NO_TIME, i64::from_le_bytes)
    }

    /// The bytes of a text or blob at `offset`; empty when there are none.
    pub(super) fn blob(self, offset: u32) -> &'a [u8] {
        self.try_blob(offset as usize).unwrap_or_default()
    }

    fn try_blob(self, offset: usize) -> Option<&'a [u8]> {
        let rest = self.0.get(offset..)?;
        let (len, used) = leb128(rest)?;
        rest.get(used..)?.get(..len)
    }

    pub(super) fn text(self, offset: u32) -> &'a str {
        std::str::from_utf8(self.blob(offset)).unwrap_or_default()
    }
}

/// Reads a number and how many bytes it took; at most five.
pub(super) fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((usize::from(first), 1));
    }
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, index + 1));
        }
    }
    None
}

pub(super) fn put_leb128(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The header, read and checked once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) versions: u32,
    pub(super) others: u32,
    pub(super) tags: u32,
    pub(super) name: u32,
    pub(super) flags: u32,
    pub(super) modified: i64,
    pub(super) prefix: u32,
    pub(super) policy: u32,
}

impl Header {
    /// Checks the magic, the length, the checksum and the sections.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() < HEADER {
            return Err("shorter than its header");
        }
        if bytes[..8] != MAGIC {
            return Err("another format or version");
        }
        let view = View(bytes);
        if view.u32(16) as usize != bytes.len() {
            return Err("not as long as its header says");
        }
        if view.array(8).map(u64::from_le_bytes) != Some(checksum(&bytes[16..])) {
            return Err("its checksum differs");
        }
        let header = Self {
            versions: view.u32(20),
            others: view.u32(24),
            tags: view.u32(28),
            name: view.u32(32),
            flags: view.u32(36),
            modified: view.i64(40),
            prefix: view.u32(48),
            policy: view.u32(52),
        };
        match header.heap_at() {
            Some(at) if at < bytes.len() => Ok(header),
            _ => Err("its sections do not fit into it"),
        }
    }

    pub(super) fn records(&self) -> usize {
        self.versions as usize + self.others as usize
    }

    pub(super) fn tags_at(&self) -> usize {
        HEADER + self.records() * RECORD
    }

    pub(super) fn times_at(&self) -> usize {
        self.tags_at() + self.tags as usize * TAG
    }

    /// Where the heap begins; `None` when the counts are too large to be true.
    pub(super) fn heap_at(&self) -> Option<usize> {
        let records = u64::from(self.versions) + u64::from(self.others);
        let times = if self.flags & HAS_TIMES == 0 { 0 } else { records * 8 };
        let end = HEADER as u64 + records * RECORD as u64 + u64::from(self.tags) * TAG as u64 + times;
        usize::try_from(end).ok().filter(|end| u32::try_from(*end).is_ok())
    }

    pub(super) fn write(&self, out: &mut [u8]) {
        out[..8].copy_from_slice(&MAGIC);
        for (at, value) in [
            (20, self.versions),
            (24, self.others),
            (28, self.tags),
            (32, self.name),
            (36, self.flags),
            (48, self.prefix),
            (52, self.policy),
        ] {
            out[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        out[40..48].copy_from_slice(&self.modified.to_le_bytes());
    }
}

/// What is kept of one version at a fixed place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    pub(super) text: u32,
    pub(super) numbers: [u32; 3],
    pub(super) flags: u32,
    pub(super) node_engine: u32,
    pub(super) npm_engine: u32,
    pub(super) dependencies: u32,
    pub(super) passed: u32,
    pub(super) dist: u32,
    pub(super) deprecated: u32,
}

impl Record {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for value in [
            self.text,
            self.numbers[0],
            self.numbers[1],
            self.numbers[2],
            self.flags,
            self.node_engine,
            self.npm_engine,
            self.dependencies,
            self.passed,
            self.dist,
            self.deprecated,
        ] {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// Offsets of the fields inside a record.
pub(super) mod field {
    pub(in super::super) const TEXT: usize = 0;
    pub(in super::super) const NUMBERS: usize = 4;
    pub(in super::super) const FLAGS: usize = 16;
    pub(in super::super) const NODE_ENGINE: usize = 20;
    pub(in super::super) const NPM_ENGINE: usize = 24;
    pub(in super::super) const DEPENDENCIES: usize = 28;
    pub(in super::super) const PASSED: usize = 32;
    pub(in super::super) const DIST: usize = 36;
    pub(in super::super) const DEPRECATED: usize = 40;
}
