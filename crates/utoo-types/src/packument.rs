//! All versions of a package as its registry lists them, in a packed form that is the same in memory and on
//! disk.
//!
//! A packument is read from JSON once ([`Packument::from_json`]) and from its packed bytes ever after
//! ([`Packument::from_bytes`]), which costs a checksum and no parse. A [`Candidate`] looks at one version
//! without decoding it; [`Candidate::manifest`] decodes it. The layout of the packed form stands in
//! `packument/format.rs`.

use std::cmp::Ordering;

use bytes::Bytes;

use crate::{PackageName, Range, Version};

mod builder;
mod candidate;
mod date;
mod format;
mod json;
mod quick;
mod writer;

pub use builder::PackumentBuilder;
pub(crate) use candidate::CandidateFlag;
pub use candidate::{Candidate, CandidateDependencies};
pub use json::PackumentParser;

use format::{HAS_POLICY, HEADER, Header, NO_RECORD, RECORD, TAG, View};

/// Why a packument could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackumentError {
    /// The document is no JSON.
    #[error("invalid JSON at byte {offset}: {reason}{}", beginning(.starts))]
    Json {
        /// Where, in bytes from the start.
        offset: usize,
        /// What the parser says.
        reason: String,
        /// The first characters of the document.
        starts: String,
    },
    /// JSON, but no packument.
    #[error("not a packument: {0}")]
    Shape(&'static str),
    /// More than the packed form can hold.
    #[error("too large: {0}")]
    TooLarge(&'static str),
    /// Packed bytes that are damaged, cut, or of another version of the form; a cache miss.
    #[error("damaged packument: {0}")]
    Damaged(&'static str),
}

fn beginning(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" (starts with {text:?})") }
}

impl PackumentError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json { .. } => "EJSONPARSE",
            Self::Shape(_) => "EBADPACKUMENT",
            Self::TooLarge(_) => "EPACKUMENTTOOLARGE",
            Self::Damaged(_) => "EPACKUMENTDAMAGED",
        }
    }
}

/// All versions of one package. Cloning shares the bytes.
#[derive(Clone)]
pub struct Packument {
    bytes: Bytes,
    header: Header,
    heap_at: usize,
    name: PackageName,
}

impl Packument {
    /// Reads a full or abbreviated document of a registry.
    ///
    /// Fields of the wrong kind count as absent, as npm has it; entries of `versions` that are no object are
    /// left out. [`PackumentParser`] does the same and keeps its buffers between documents, which a thread that
    /// reads many should use. 1,068 abbreviated documents (25.9 MB, 43,192 versions) take 49 ms on one thread, of
    /// which simd-json takes 25, and become 6.4 MB; opening those again takes 1.1 ms.
    ///
    /// # Errors
    /// [`PackumentError::Json`], [`PackumentError::Shape`] when the document is no object or has neither a
    /// name nor versions, [`PackumentError::TooLarge`] from 1 GiB on.
    pub fn from_json(mut json: Vec<u8>) -> Result<Self, PackumentError> {
        PackumentParser::new().parse(&mut json)
    }

    /// Takes packed bytes, as [`Packument::as_bytes`] gave them.
    ///
    /// # Errors
    /// [`PackumentError::Damaged`] for bytes that are not exactly what was written.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, PackumentError> {
        let header = Header::read(&bytes).map_err(PackumentError::Damaged)?;
        let heap_at = header.heap_at().ok_or(PackumentError::Damaged("its sections do not fit into it"))?;
        let name = View(&bytes[heap_at..]).text(header.name);
        let name = PackageName::new_unchecked(name);
        Ok(Self { bytes, header, heap_at, name })
    }

    /// The packed bytes.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The package's name as the document has it; empty when it had none.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// The number of [`Packument::candidates`].
    pub fn len(&self) -> usize {
        self.header.versions as usize
    }

    /// Whether there is no version to pick.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the document last changed, in milliseconds since 1970.
    pub fn modified(&self) -> Option<i64> {
        candidate::known_time(self.header.modified)
    }

    /// Whether the document said when versions were published, which abbreviated documents do not.
    pub fn has_times(&self) -> bool {
        self.header.flags & format::HAS_TIMES != 0
    }

    /// The version text that a dist-tag names.
    pub fn dist_tag(&self, tag: &str) -> Option<&str> {
        self.dist_tags().find(|(name, _)| *name == tag).map(|(_, version)| version)
    }

    /// All dist-tags, in the document's order.
    pub fn dist_tags(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        (0..self.header.tags as usize).map(|index| {
            let at = self.header.tags_at() + index * TAG;
            (self.heap().text(self.view().u32(at)), self.heap().text(self.view().u32(at + 4)))
        })
    }

    /// The text of a dist-tag's version and the version itself, where the document has it.
    pub(crate) fn tagged(&self, tag: &str) -> Option<(&str, Option<Candidate<'_>>)> {
        (0..self.header.tags as usize).find_map(|index| {
            let at = self.header.tags_at() + index * TAG;
            if self.heap().blob(self.view().u32(at)) != tag.as_bytes() {
                return None;
            }
            let record = self.view().u32(at + 8);
            let candidate = (record != NO_RECORD && (record as usize) < self.header.records())
                .then(|| self.candidate(record as usize));
            Some((self.heap().text(self.view().u32(at + 4)), candidate))
        })
    }

    /// The versions that can be picked by a range, from the lowest to the highest. Among versions of equal
    /// precedence, the one that the document names first is last.
    pub fn candidates(&self) -> impl DoubleEndedIterator<Item = Candidate<'_>> + ExactSizeIterator {
        (0..self.len()).map(|index| self.candidate(index))
    }

    /// [`Packument::candidates`] that a range can hold by its bounds.
    pub(crate) fn candidates_within<'p>(
        &'p self,
        range: &Range,
    ) -> impl DoubleEndedIterator<Item = Candidate<'p>> + ExactSizeIterator + use<'p> {
        let (least, greatest) = range.bounds();
        let start = least.map_or(0, |least| self.lower_bound(least));
        let end = greatest.map_or(self.len(), |greatest| self.upper_bound(greatest));
        (start..end).map(|index| self.candidate(index))
    }

    /// Versions that only a tag can select (no semver), and staged and restricted ones.
    pub(crate) fn others(&self) -> impl DoubleEndedIterator<Item = Candidate<'_>> + ExactSizeIterator {
        (self.len()..self.header.records()).map(|index| self.candidate(index))
    }

    pub(crate) fn has_policy(&self) -> bool {
        self.header.flags & HAS_POLICY != 0
    }

    pub(crate) fn policy_message(&self) -> &str {
        self.heap().text(self.header.policy)
    }

    /// The version with exactly this text, as the document spells it.
    pub fn find(&self, text: &str) -> Option<Candidate<'_>> {
        self.spelled(text).find(|candidate| {
            !candidate.has(CandidateFlag::OutsideStaged) && !candidate.has(CandidateFlag::OutsideRestricted)
        })
    }

    /// All records with exactly this text; only one of them is no staged or restricted version.
    pub(crate) fn spelled(&self, text: &str) -> impl Iterator<Item = Candidate<'_>> {
        let version = Version::parse_loose(text).ok();
        let start = version.as_ref().map_or(self.len(), |version| self.lower_bound(version));
        let equals = (start..self.len()).map(|index| self.candidate(index)).take_while(move |candidate| {
            version.as_ref().is_some_and(|version| candidate.compare(version) == Ordering::Equal)
        });
        equals.chain(self.others()).filter(move |candidate| candidate.version_text() == text)
    }

    /// The version of this precedence; the one that the document names first where there are several.
    pub fn find_version(&self, version: &Version) -> Option<Candidate<'_>> {
        let mut found = None;
        let mut index = self.lower_bound(version);
        while index < self.len() && self.candidate(index).compare(version) == Ordering::Equal {
            found = Some(self.candidate(index));
            index += 1;
        }
        found
    }

    /// The first index whose version is not below `version`.
    fn lower_bound(&self, version: &Version) -> usize {
        self.partition_point(|order| order == Ordering::Less, version)
    }

    /// The first index whose version is above `version`.
    fn upper_bound(&self, version: &Version) -> usize {
        self.partition_point(|order| order != Ordering::Greater, version)
    }

    /// The first index at which `is_before` does not hold of how its version compares to `version`.
    fn partition_point(&self, is_before: impl Fn(Ordering) -> bool, version: &Version) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match is_before(self.candidate(middle).compare(version)) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    fn candidate(&self, index: usize) -> Candidate<'_> {
        Candidate::new(self, index)
    }

    fn view(&self) -> View<'_> {
        View(&self.bytes)
    }

    fn heap(&self) -> View<'_> {
        View(self.bytes.get(self.heap_at..).unwrap_or_default())
    }

    fn record_at(index: usize) -> usize {
        HEADER + index * RECORD
    }
}

impl std::fmt::Debug for Packument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packument")
            .field("name", &self.name)
            .field("versions", &self.header.versions)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Packument {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Packument {}

#[cfg(test)]
#[path = "packument/tests.rs"]
mod tests;
