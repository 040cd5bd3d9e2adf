//! Subresource Integrity, read and compared as npm does it.
//!
//! A text holds one hash or several, separated by white space. Every hash is kept for display; only the
//! hashes of the strongest algorithm decide whether bytes match. `md5` and other algorithms that this crate
//! does not compute are dropped while reading; a text with nothing else in it is an error, so that nobody
//! mistakes "cannot be verified" for "needs no verification".

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use smallvec::{SmallVec, smallvec};

mod lanes;

/// Most hashes that one integrity text may hold; the rest of a longer text is ignored.
const MAX_HASHES: usize = 32;

/// A hash algorithm, ordered from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// 20 bytes; what registries gave before 2017.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes; what registries give today.
    Sha512,
}

impl Algorithm {
    /// The name as it stands in front of the dash: `sha512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The length of a digest in bytes.
    pub fn digest_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha384" => Some(Self::Sha384),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The digest of one hash: its bytes where the text is a digest at all, else the text.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Digest {
    /// A digest of the algorithm's own length; bytes beyond it are zero.
    Bytes([u8; 64]),
    /// Not canonical base64 of the right length. npm keeps such a hash, and it never matches anything.
    Malformed(Arc<str>),
}

/// One hash of an [`Integrity`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hash {
    algorithm: Algorithm,
    digest: Digest,
    /// What follows the digest from its `?` on; no meaning, kept for display.
    options: Option<Arc<str>>,
}

impl Hash {
    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('-')?;
        let algorithm = Algorithm::from_name(name)?;
        let (digest, options) = match rest.find('?') {
            Some(at) => (&rest[..at], Some(Arc::from(&rest[at..]))),
            None => (rest, None),
        };
        if digest.is_empty() {
            return None;
        }
        let mut bytes = [0_u8; 64];
        let digest = match decode_exact(digest, &mut bytes[..algorithm.digest_len()]) {
            true => Digest::Bytes(bytes),
            false => Digest::Malformed(digest.into()),
        };
        Some(Self { algorithm, digest, options })
    }

    fn from_digest(algorithm: Algorithm, digest: &[u8]) -> Option<Self> {
        let mut bytes = [0_u8; 64];
        bytes.get_mut(..digest.len())?.copy_from_slice(digest);
        (digest.len() == algorithm.digest_len()).then_some(Self {
            algorithm,
            digest: Digest::Bytes(bytes),
            options: None,
        })
    }

    /// The algorithm of this hash.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest. For a malformed hash these are the bytes of its text, which equal no digest.
    pub fn digest(&self) -> &[u8] {
        match &self.digest {
            Digest::Bytes(bytes) => &bytes[..self.algorithm.digest_len()],
            Digest::Malformed(text) => text.as_bytes(),
        }
    }

    /// Whether the text was a digest of the algorithm's length; if not, no bytes can match it.
    pub fn is_well_formed(&self) -> bool {
        matches!(self.digest, Digest::Bytes(_))
    }

    fn same_digest(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.digest == other.digest
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.name())?;
        f.write_str("-")?;
        match &self.digest {
            Digest::Bytes(_) => {
                let mut text = [0_u8; 88];
                let len = STANDARD.encode_slice(self.digest(), &mut text).map_err(|_| fmt::Error)?;
                f.write_str(std::str::from_utf8(&text[..len]).map_err(|_| fmt::Error)?)?;
            }
            Digest::Malformed(text) => f.write_str(text)?,
        }
        f.write_str(self.options.as_deref().unwrap_or(""))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Decodes canonical base64 into exactly `out`; false when the text is anything else.
pub(crate) fn decode_exact(text: &str, out: &mut [u8]) -> bool {
    if text.len() != out.len().div_ceil(3) * 4 {
        return false;
    }
    // A document of a registry holds thousands: the general decoder took 2.5 of 146 ms of a cold resolve.
    let mut room = [0_u8; 66];
    match base64_simd::STANDARD.decode(text.as_bytes(), base64_simd::Out::from_slice(&mut room)) {
        Ok(decoded) if decoded.len() == out.len() => {
            out.copy_from_slice(decoded);
            true
        }
        _ => false,
    }
}

/// Why a text is no integrity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntegrityError {
    /// No hash in it that this crate can verify.
    #[error("no sha1, sha256, sha384 or sha512 hash in integrity \"{0}\"")]
    NoUsableHash(String),
    /// A shasum that is not 40 hexadecimal digits.
    #[error("\"{0}\" is not a sha1 in hexadecimal")]
    BadShasum(String),
    /// Two integrities that contradict each other.
    #[error("hashes do not match, cannot update integrity {known} with {offered}")]
    Conflict {
        /// The integrity that was known.
        known: Box<Integrity>,
        /// The one that contradicts it.
        offered: Box<Integrity>,
    },
}

impl IntegrityError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoUsableHash(_) | Self::BadShasum(_) => "EBADINTEGRITY",
            Self::Conflict { .. } => "EINTEGRITY",
        }
    }
}

/// One or several hashes of the same bytes; never empty.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Integrity {
    /// Grouped by algorithm in order of first appearance, which is the order npm writes.
    hashes: SmallVec<[Hash; 1]>,
}

/// How far the sha512 of a message in memory is, which is the same one each time.
#[derive(Debug, Clone)]
pub struct Sha512Progress(lanes::Progress);

impl Sha512Progress {
    /// Before the first byte.
    #[expect(clippy::new_without_default, reason = "nobody asks for the default of a beginning")]
    pub fn new() -> Self {
        Self(lanes::Progress::new())
    }

    /// Whether all of the message is hashed.
    pub fn is_done(&self, message: &[u8]) -> bool {
        self.0.left(message) == 0
    }

    /// About how many bytes of the message are left: whole blocks of 128, and those of its end.
    pub fn bytes_left(&self, message: &[u8]) -> usize {
        self.0.left(message) * 128
    }

    /// Hashes messages together for as long as so many of them are left that it is faster than one after the other. Then
    /// a few are, the longest, which can go on together with others, or be finished; all of them where there were too
    /// few, or the processor has no use for several ([`Integrity::sha512_lanes`]).
    pub fn advance(messages: &mut [(&[u8], &mut Self)]) {
        let mut under_way: Vec<_> =
            messages.iter_mut().map(|(message, progress)| (*message, &mut progress.0)).collect();
        lanes::advance(&mut under_way);
    }

    /// Hashes what is left of the message, by itself.
    pub fn finish(self, message: &[u8]) -> Integrity {
        Integrity::of_sha512(self.0.finish(message))
    }
}

impl Integrity {
    /// Reads an SRI text.
    ///
    /// # Errors
    /// [`IntegrityError::NoUsableHash`] when no hash of a supported algorithm is in it; that includes the
    /// empty text.
    pub fn parse(text: &str) -> Result<Self, IntegrityError> {
        let mut integrity = Self { hashes: SmallVec::new() };
        for word in text.split_whitespace() {
            if integrity.hashes.len() == MAX_HASHES {
                break;
            }
            if let Some(hash) = Hash::parse(word) {
                integrity.push(hash);
            }
        }
        if integrity.hashes.is_empty() {
            return Err(IntegrityError::NoUsableHash(text.chars().take(200).collect()));
        }
        Ok(integrity)
    }

    /// An integrity of one hash; `None` when the digest has not the algorithm's length.
    pub fn from_digest(algorithm: Algorithm, digest: &[u8]) -> Option<Self> {
        Some(Self { hashes: smallvec![Hash::from_digest(algorithm, digest)?] })
    }

    /// Converts the `dist.shasum` of old packages: a sha1 in hexadecimal.
    ///
    /// # Errors
    /// [`IntegrityError::BadShasum`] unless the text is 40 hexadecimal digits.
    pub fn from_sha1_hex(shasum: &str) -> Result<Self, IntegrityError> {
        let mut bytes = [0_u8; 20];
        decode_hex(shasum, &mut bytes)
            .then(|| Self::from_digest(Algorithm::Sha1, &bytes))
            .flatten()
            .ok_or_else(|| IntegrityError::BadShasum(shasum.chars().take(80).collect()))
    }

    /// Hashes bytes that are in memory.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut digest = [0; 64];
        match algorithm {
            Algorithm::Sha1 => digest[..20].copy_from_slice(&Sha1::digest(bytes)),
            Algorithm::Sha256 => digest[..32].copy_from_slice(&Sha256::digest(bytes)),
            Algorithm::Sha384 => digest[..48].copy_from_slice(&Sha384::digest(bytes)),
            Algorithm::Sha512 => digest.copy_from_slice(&Sha512::digest(bytes)),
        }
        let hash = Hash { algorithm, digest: Digest::Bytes(digest), options: None };
        Self { hashes: smallvec![hash] }
    }

    /// Hashes messages that are in memory with sha512: several at a time where the processor can do so.
    pub fn sha512_of_each(messages: &[&[u8]]) -> Vec<Self> {
        lanes::digests(messages).into_iter().map(Self::of_sha512).collect()
    }

    fn of_sha512(digest: [u8; 64]) -> Self {
        let hash = Hash { algorithm: Algorithm::Sha512, digest: Digest::Bytes(digest), options: None };
        Self { hashes: smallvec![hash] }
    }

    /// How many messages [`Integrity::sha512_of_each`] hashes at a time on this processor: 1, 4 or 8.
    pub fn sha512_lanes() -> usize {
        lanes::lanes()
    }

    fn push(&mut self, hash: Hash) {
        let after = self.hashes.iter().rposition(|known| known.algorithm == hash.algorithm);
        let at = after.map_or(self.hashes.len(), |last| last + 1);
        self.hashes.insert(at, hash);
    }

    /// All hashes, in npm's order: grouped by algorithm, algorithms as they first appear.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The strongest algorithm among the hashes and the first digest of it.
    pub fn strongest(&self) -> (Algorithm, &[u8]) {
        let mut best = &self.hashes[0];
        for hash in &self.hashes[1..] {
            if hash.algorithm > best.algorithm {
                best = hash;
            }
        }
        (best.algorithm, best.digest())
    }

    /// Whether bytes could match by more than one digest: there are several of the strongest algorithm, and one of them is
    /// enough. Such a text names no content, so what verified by it must not be taken for any one of its digests.
    pub fn is_ambiguous(&self) -> bool {
        let (algorithm, digest) = self.strongest();
        self.hashes.iter().any(|hash| hash.algorithm == algorithm && hash.digest() != digest)
    }

    /// The strongest digest in lower-case hexadecimal, as stores use it for paths.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let (_, digest) = self.strongest();
        digest
            .iter()
            .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
            .map(char::from)
            .collect()
    }

    /// Whether bytes with the integrity `actual` are what `self` describes: some hash of the strongest
    /// algorithm of `self` is among the hashes of `actual`.
    pub fn matches(&self, actual: &Self) -> bool {
        let (algorithm, _) = self.strongest();
        self.hashes
            .iter()
            .filter(|hash| hash.algorithm == algorithm && hash.is_well_formed())
            .any(|hash| actual.hashes.iter().any(|other| hash.same_digest(other)))
    }

    /// Adds the hashes of algorithms that `self` lacks.
    ///
    /// # Errors
    /// [`IntegrityError::Conflict`] when both have hashes of one algorithm and none of them agree.
    pub fn merge(&mut self, other: &Self) -> Result<(), IntegrityError> {
        let known = self.hashes.len();
        for hash in &other.hashes {
            let mut same = self.hashes[..].iter().filter(|mine| mine.algorithm == hash.algorithm).peekable();
            if same.peek().is_none() {
                continue;
            }
            let agrees = other
                .hashes
                .iter()
                .filter(|theirs| theirs.algorithm == hash.algorithm)
                .any(|theirs| self.hashes.iter().any(|mine| mine.same_digest(theirs)));
            if !agrees {
                return Err(IntegrityError::Conflict {
                    known: Box::new(self.clone()),
                    offered: Box::new(other.clone()),
                });
            }
        }
        for hash in &other.hashes {
            if !self.hashes[..known].iter().any(|mine| mine.algorithm == hash.algorithm) {
                self.hashes.push(hash.clone());
            }
        }
        Ok(())
    }

    /// Verifies bytes that are in memory.
    pub fn verifies(&self, bytes: &[u8]) -> bool {
        self.matches(&Self::of(self.strongest().0, bytes))
    }
}

/// Decodes exactly `out.len()` bytes of hexadecimal; false when the text is anything else.
pub(crate) fn decode_hex(text: &str, out: &mut [u8]) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.len() == out.len() * 2
        && text.as_bytes().chunks_exact(2).zip(out).all(|(pair, byte)| {
            let value =
                digit(pair[0]).zip(digit(pair[1])).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
            value.is_some_and(|value| {
                *byte = value;
                true
            })
        })
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, hash) in self.hashes.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            fmt::Display::fmt(hash, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Integrity({self})")
    }
}

impl FromStr for Integrity {
    type Err = IntegrityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for Integrity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Integrity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[path = "integrity/tests.rs"]
mod tests;
