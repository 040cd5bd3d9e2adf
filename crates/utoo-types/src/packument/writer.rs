//! Puts a packed packument together. What comes in is borrowed; every text is stored once.

use std::cmp::Ordering;
use std::hash::Hasher as _;

use bytes::Bytes;
use rustc_hash::FxHasher;

use super::format::{
    self, HAS_POLICY, HAS_TIMES, HEADER, Header, NO_RECORD, NO_TIME, RECORD, Record, TAG, checksum, dist,
    flag, put_leb128,
};
use super::{Packument, PackumentError};
use crate::{PackageName, Version};

/// What a heap keeps between documents at most.
const MAX_KEPT_SLOTS: usize = 1 << 16;
const MAX_KEPT_BYTES: usize = 4 << 20;
const MAX_KEPT_ENTRIES: usize = 1 << 13;

/// Texts and blobs, each stored once.
pub(super) struct Heap {
    bytes: Vec<u8>,
    /// Open addressing over offsets; 0 is free (the empty text is never looked up).
    slots: Vec<u32>,
    used: usize,
    /// Room for the versions of the next document; empty.
    entries: Vec<Entry<'static>>,
}

impl Heap {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0], slots: vec![0; 256], used: 0, entries: Vec::new() }
    }

    /// Empties the heap and keeps its memory, unless one large document left too much of it.
    pub(super) fn reset(&mut self) {
        if self.slots.len() > MAX_KEPT_SLOTS || self.bytes.capacity() > MAX_KEPT_BYTES {
            *self = Self::new();
        }
        self.bytes.truncate(1);
        // A table that outgrew its document costs more to clear than to grow again.
        self.slots.truncate((self.used * 4).next_power_of_two().max(256));
        self.slots.fill(0);
        self.used = 0;
    }

    fn blob_at(&self, offset: u32) -> &[u8] {
        format::View(&self.bytes).blob(offset)
    }

    fn hash(content: &[u8]) -> usize {
        let mut hasher = FxHasher::default();
        hasher.write(content);
        hasher.finish() as usize
    }

    /// The offset of `content`, which is stored unless it is there already.
    pub(super) fn intern(&mut self, content: &[u8]) -> u32 {
        if content.is_empty() {
            return 0;
        }
        let mask = self.slots.len() - 1;
        let mut slot = Self::hash(content) & mask;
        loop {
            match self.slots[slot] {
                0 => break,
                offset if self.blob_at(offset) == content => return offset,
                _ => slot = (slot + 1) & mask,
            }
        }
        let offset = self.append(content);
        self.slots[slot] = offset;
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            self.grow();
        }
        offset
    }

    /// Stores `content` without looking whether it is there.
    pub(super) fn append(&mut self, content: &[u8]) -> u32 {
        // Offsets that no longer fit are caught in `finish`, before anyone reads them.
        let offset = self.bytes.len() as u32;
        put_leb128(&mut self.bytes, content.len());
        self.bytes.extend_from_slice(content);
        offset
    }

    fn grow(&mut self) {
        let mut slots = vec![0_u32; self.slots.len() * 2];
        let mask = slots.len() - 1;
        for offset in self.slots.iter().copied().filter(|offset| *offset != 0) {
            let mut slot = Self::hash(self.blob_at(offset)) & mask;
            while slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            slots[slot] = offset;
        }
        self.slots = slots;
    }
}

/// How a version compares with its siblings.
struct Precedence {
    numbers: [u64; 3],
    /// Absent for `major.minor.patch` and nothing else, which is most versions; boxed to keep entries small.
    parsed: Option<Box<Version>>,
}

impl Precedence {
    /// `None` for a text that is no version.
    fn of(text: &str) -> Option<Self> {
        if let Some(numbers) = plain_numbers(text) {
            return Some(Self { numbers, parsed: None });
        }
        let version = Version::parse_loose(text).ok()?;
        Some(Self { numbers: version.tuple(), parsed: Some(Box::new(version)) })
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (&self.parsed, &other.parsed) {
            (None, None) => Ordering::Equal,
            (Some(mine), Some(theirs)) => mine.cmp(theirs),
            (Some(mine), None) if mine.is_prerelease() => Ordering::Less,
            (None, Some(theirs)) if theirs.is_prerelease() => Ordering::Greater,
            _ => Ordering::Equal,
        })
    }
}

/// The numbers of exactly `major.minor.patch` without leading zeros.
fn plain_numbers(text: &str) -> Option<[u64; 3]> {
    let mut numbers = [0_u64; 3];
    let mut part = 0;
    let mut digits = 0;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                // Nine digits always fit; longer numbers take the slow path, as do leading zeros.
                if digits == 9 || (digits > 0 && numbers[part] == 0) {
                    return None;
                }
                numbers[part] = numbers[part] * 10 + u64::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && part < 2 => {
                part += 1;
                digits = 0;
            }
            _ => return None,
        }
    }
    (part == 2 && digits > 0).then_some(numbers)
}

/// Where a version stands in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In `versions`.
    Versions,
    /// In `stagedVersions.versions`.
    Staged,
    /// In `policyRestrictions.versions`.
    Restricted,
}

/// One version, as the reader of the document hands it over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct VersionFields<'a> {
    pub(super) node_engine: &'a str,
    pub(super) npm_engine: &'a str,
    /// From [`Writer::dependencies`].
    pub(super) dependencies: u32,
    /// From [`Writer::passed`].
    pub(super) passed: u32,
    pub(super) deprecation: &'a str,
    pub(super) has_install_script: bool,
    pub(super) has_shrinkwrap: bool,
    /// `None` when the version has no `dist` at all.
    pub(super) dist: Option<DistFields<'a>>,
}

/// The texts of a `dist`; empty where it has none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DistFields<'a> {
    pub(super) tarball: &'a str,
    pub(super) integrity: &'a str,
    pub(super) shasum: &'a str,
}

struct Entry<'a> {
    text: &'a str,
    place: Place,
    record: Record,
    precedence: Option<Precedence>,
}

/// The memory of a list of entries, for those of another document.
fn emptied<'b>(mut entries: Vec<Entry<'_>>) -> Vec<Entry<'b>> {
    entries.clear();
    // Nothing is left to be mapped, and collecting in place keeps the memory.
    let unnamed =
        |Entry { place, record, precedence, .. }: Entry<'_>| Entry { text: "", place, record, precedence };
    entries.into_iter().map(unnamed).collect()
}

pub(super) struct Writer<'a> {
    pub(super) heap: &'a mut Heap,
    name: &'a str,
    base: &'a str,
    prefix: Option<&'a str>,
    entries: Vec<Entry<'a>>,
    tags: Vec<(&'a str, &'a str)>,
    times: Option<Vec<(&'a str, i64)>>,
    modified: i64,
    policy: &'a str,
    scratch: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(name: &'a str, heap: &'a mut Heap) -> Self {
        let base = match name.strip_prefix('@') {
            Some(scoped) => scoped.split_once('/').map_or(name, |(_, base)| base),
            None => name,
        };
        let entries = emptied(std::mem::take(&mut heap.entries));
        Self {
            heap,
            name,
            base,
            prefix: None,
            entries,
            tags: Vec::new(),
            times: None,
            modified: NO_TIME,
            policy: "",
            scratch: Vec::new(),
        }
    }

    pub(super) fn reserve(&mut self, versions: usize) {
        self.entries.reserve(versions);
    }

    pub(super) fn tag(&mut self, tag: &'a str, version: &'a str) {
        self.tags.push((tag, version));
    }

    /// Says that the document has a `time` object and what is in it.
    pub(super) fn times(&mut self, times: Vec<(&'a str, i64)>) {
        self.times = Some(times);
    }

    pub(super) fn modified(&mut self, time: i64) {
        self.modified = time;
    }

    pub(super) fn policy(&mut self, message: &'a str) {
        self.policy = message;
    }

    /// Stores a set of dependency blocks; plain ones that are optional too are left out.
    pub(super) fn dependencies(&mut self, blocks: [&[(&str, &str)]; 3]) -> u32 {
        let [plain, optional, peer] = blocks;
        let shadowed = |name: &str| optional.iter().any(|(other, _)| *other == name);
        let kept = plain.iter().filter(|(name, _)| optional.is_empty() || !shadowed(name));
        let mut blob = std::mem::take(&mut self.scratch);
        blob.clear();
        put_leb128(&mut blob, kept.clone().count());
        put_leb128(&mut blob, optional.len());
        for (name, spec) in kept.chain(optional).chain(peer) {
            blob.extend_from_slice(&self.heap.intern(name.as_bytes()).to_le_bytes());
            blob.extend_from_slice(&self.heap.intern(spec.as_bytes()).to_le_bytes());
        }
        let offset = if blob == [0, 0] { 0 } else { self.heap.intern(&blob) };
        self.scratch = blob;
        offset
    }

    /// Adds a version. Of two with one text in one place the later counts, as in JavaScript.
    pub(super) fn version(&mut self, text: &'a str, place: Place, fields: &VersionFields<'a>) {
        let notice = self.heap.intern(fields.deprecation.as_bytes());
        self.deprecated_version(text, place, fields, notice);
    }

    /// As [`Writer::version`], with a deprecation notice that is in the heap already; 0 for none.
    pub(super) fn deprecated_version(
        &mut self,
        text: &'a str,
        place: Place,
        fields: &VersionFields<'a>,
        notice: u32,
    ) {
        let mut record = Record {
            text: self.heap.intern(text.as_bytes()),
            node_engine: self.heap.intern(fields.node_engine.as_bytes()),
            npm_engine: self.heap.intern(fields.npm_engine.as_bytes()),
            dependencies: fields.dependencies,
            passed: fields.passed,
            deprecated: notice,
            dist: fields.dist.map_or(0, |dist| self.dist(text, &dist)),
            ..Record::default()
        };
        for (bit, holds) in [
            (flag::DEPRECATED, notice != 0),
            (flag::INSTALL_SCRIPT, fields.has_install_script),
            (flag::SHRINKWRAP, fields.has_shrinkwrap),
            (flag::STAGED | flag::OUTSIDE_STAGED, place == Place::Staged),
            (flag::RESTRICTED | flag::OUTSIDE_RESTRICTED, place == Place::Restricted),
        ] {
            record.flags |= if holds { bit } else { 0 };
        }
        let precedence = Precedence::of(text);
        if let Some(precedence) = &precedence {
            record.numbers = precedence.numbers.map(|number| u32::try_from(number).unwrap_or(u32::MAX));
            if let Some(version) = &precedence.parsed {
                record.flags |=
                    flag::NEEDS_PARSE | if version.is_prerelease() { flag::PRERELEASE } else { 0 };
            }
        }
        self.entries.push(Entry { text, place, record, precedence });
    }

    fn dist(&mut self, version: &str, fields: &DistFields<'a>) -> u32 {
        let mut blob = std::mem::take(&mut self.scratch);
        blob.clear();
        blob.extend_from_slice(&[dist::TARBALL_NONE, dist::INTEGRITY_NONE]);
        if self.is_usual_tarball(version, fields.tarball) {
            blob[0] = dist::TARBALL_USUAL;
        } else if !fields.tarball.is_empty() {
            blob[0] = dist::TARBALL_TEXT;
            blob.extend_from_slice(&self.heap.intern(fields.tarball.as_bytes()).to_le_bytes());
        }
        blob[1] = self.put_integrity(&mut blob, fields);
        let offset = if blob == [0, 0] { self.heap.intern(&blob) } else { self.heap.append(&blob) };
        self.scratch = blob;
        offset
    }

    /// Whether the address is `{prefix}/{name}/-/{base}-{version}.tgz`; the first such address sets the prefix.
    fn is_usual_tarball(&mut self, version: &str, tarball: &'a str) -> bool {
        let prefix = tarball
            .strip_suffix(".tgz")
            .and_then(|rest| rest.strip_suffix(version))
            .and_then(|rest| rest.strip_suffix('-'))
            .and_then(|rest| rest.strip_suffix(self.base))
            .and_then(|rest| rest.strip_suffix("/-/"))
            .and_then(|rest| rest.strip_suffix(self.name))
            .and_then(|rest| rest.strip_suffix('/'));
        match prefix {
            Some(prefix) => *self.prefix.get_or_insert(prefix) == prefix,
            None => false,
        }
    }

    fn put_integrity(&mut self, blob: &mut Vec<u8>, fields: &DistFields<'_>) -> u8 {
        let mut shasum = [0_u8; 20];
        let mut digest = [0_u8; 66];
        if fields.integrity.is_empty() {
            if !crate::integrity::decode_hex(fields.shasum, &mut shasum) {
                return dist::INTEGRITY_NONE;
            }
            blob.extend_from_slice(&shasum);
            return dist::SHASUM;
        }
        for (name, len, kind) in [("sha512-", 64, dist::SHA512), ("sha1-", 20, dist::SHA1)] {
            if let Some(text) = fields.integrity.strip_prefix(name)
                && crate::integrity::decode_exact(text, &mut digest[..len])
            {
                blob.extend_from_slice(&digest[..len]);
                return kind;
            }
        }
        blob.extend_from_slice(&self.heap.intern(fields.integrity.as_bytes()).to_le_bytes());
        dist::TEXT
    }

    /// Sorts and lays out everything.
    pub(super) fn finish(mut self) -> Result<Packument, PackumentError> {
        let order = Order::of(&mut self.entries);
        let tags = self.settle_tags(&order);
        let mut header = Header {
            versions: order.versions.len() as u32,
            others: order.others.len() as u32,
            tags: tags.len() as u32,
            name: self.heap.intern(self.name.as_bytes()),
            flags: 0,
            modified: self.modified,
            prefix: self.prefix.map_or(0, |prefix| self.heap.intern(prefix.as_bytes())),
            policy: self.heap.intern(self.policy.as_bytes()),
        };
        header.flags |= if self.times.is_some() { HAS_TIMES } else { 0 };
        let has_policy = self.entries.iter().any(|entry| entry.place != Place::Versions);
        header.flags |= if has_policy { HAS_POLICY } else { 0 };

        let heap_at = header.heap_at().ok_or(PackumentError::TooLarge("too many versions"))?;
        let total = heap_at + self.heap.bytes.len();
        let length = u32::try_from(total).map_err(|_| PackumentError::TooLarge("more than 4 GiB packed"))?;
        let mut out = Vec::with_capacity(total);
        out.resize(HEADER, 0);
        for entry in order.records(&self.entries) {
            entry.record.write(&mut out);
        }
        debug_assert_eq!(out.len(), HEADER + header.records() * RECORD);
        for value in tags.iter().flatten() {
            out.extend_from_slice(&value.to_le_bytes());
        }
        debug_assert_eq!(out.len(), header.tags_at() + tags.len() * TAG);
        if let Some(times) = &self.times {
            put_times(&mut out, times, order.records(&self.entries));
        }
        out.extend_from_slice(&self.heap.bytes);
        header.write(&mut out);
        out[16..20].copy_from_slice(&length.to_le_bytes());
        let sum = checksum(&out[16..]);
        out[8..16].copy_from_slice(&sum.to_le_bytes());
        let name = PackageName::new_unchecked(self.name);
        if self.entries.capacity() <= MAX_KEPT_ENTRIES {
            self.heap.entries = emptied(self.entries);
        }
        Ok(Packument { bytes: Bytes::from(out), header, heap_at, name })
    }

    fn settle_tags(&mut self, order: &Order) -> Vec<[u32; 3]> {
        let mut tags = std::mem::take(&mut self.tags);
        keep_last(&mut tags);
        let mut settled = Vec::with_capacity(tags.len());
        for (tag, version) in tags {
            let record = order.find(&self.entries, version).map_or(NO_RECORD, |at| at as u32);
            settled.push([self.heap.intern(tag.as_bytes()), self.heap.intern(version.as_bytes()), record]);
        }
        settled
    }
}

/// The order of the records, as indices of entries.
struct Order {
    /// In ascending precedence.
    versions: Vec<u32>,
    others: Vec<u32>,
}

impl Order {
    fn of(entries: &mut [Entry<'_>]) -> Self {
        let is_version = |entry: &Entry<'_>| entry.place == Place::Versions && entry.precedence.is_some();
        let (mut versions, others): (Vec<u32>, Vec<u32>) =
            (0..entries.len() as u32).rev().partition(|at| is_version(&entries[*at as usize]));
        // The reversal above and a stable sort leave the document's first of equals as the last.
        versions.sort_by(|a, b| compare(&entries[*a as usize], &entries[*b as usize]));
        // Of equal keys only the document's last counts; the reversal brought it to the front.
        versions.dedup_by(|later, first| entries[*later as usize].text == entries[*first as usize].text);
        mark_policy(entries);
        Self { versions, others: others.into_iter().rev().collect() }
    }

    fn records<'e, 'a>(&'e self, entries: &'e [Entry<'a>]) -> impl Iterator<Item = &'e Entry<'a>> {
        self.versions.iter().chain(&self.others).map(|at| &entries[*at as usize])
    }

    /// The record of a version text.
    fn find(&self, entries: &[Entry<'_>], text: &str) -> Option<usize> {
        let other = || self.others.iter().position(|at| entries[*at as usize].text == text);
        self.find_version(entries, text).or_else(|| other().map(|at| self.versions.len() + at))
    }

    fn find_version(&self, entries: &[Entry<'_>], text: &str) -> Option<usize> {
        let wanted = Precedence::of(text)?;
        let order = |at: &u32| entries[*at as usize].precedence.as_ref().map(|mine| mine.compare(&wanted));
        let start = self.versions.partition_point(|at| order(at) == Some(Ordering::Less));
        let equals = self.versions[start..].iter().take_while(|at| order(at) == Some(Ordering::Equal));
        equals.into_iter().position(|at| entries[*at as usize].text == text).map(|at| start + at)
    }
}

/// A version that is also staged or restricted says so.
fn mark_policy(entries: &mut [Entry<'_>]) {
    let mut marks = rustc_hash::FxHashMap::<&str, u32>::default();
    for entry in entries.iter().filter(|entry| entry.place != Place::Versions) {
        *marks.entry(entry.text).or_default() |= entry.record.flags & (flag::STAGED | flag::RESTRICTED);
    }
    if !marks.is_empty() {
        entries
            .iter_mut()
            .for_each(|entry| entry.record.flags |= marks.get(entry.text).copied().unwrap_or(0));
    }
}

fn compare(a: &Entry<'_>, b: &Entry<'_>) -> Ordering {
    match (&a.precedence, &b.precedence) {
        (Some(a), Some(b)) => a.compare(b),
        _ => Ordering::Equal,
    }
}

/// Makes keys unique as JavaScript does: the last value, in the place of the first.
pub(super) fn keep_last<'a>(entries: &mut Vec<(&'a str, &'a str)>) {
    let mut places = rustc_hash::FxHashMap::<&str, usize>::default();
    let sorted_or_short = entries.len() < 2 || entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
    if sorted_or_short {
        return;
    }
    let mut kept = 0;
    for index in 0..entries.len() {
        let (key, value) = entries[index];
        match places.entry(key) {
            std::collections::hash_map::Entry::Occupied(place) => entries[*place.get()].1 = value,
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(kept);
                entries[kept] = (key, value);
                kept += 1;
            }
        }
    }
    entries.truncate(kept);
}

fn put_times<'e, 'a: 'e>(
    out: &mut Vec<u8>,
    times: &[(&str, i64)],
    entries: impl Iterator<Item = &'e Entry<'a>>,
) {
    let by_text: rustc_hash::FxHashMap<&str, i64> = times.iter().copied().collect();
    for entry in entries {
        let time = by_text.get(entry.text).copied().unwrap_or(NO_TIME);
        out.extend_from_slice(&time.to_le_bytes());
    }
}
