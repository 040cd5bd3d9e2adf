//! The index of a stored package: what linking needs to know, in one small file.
//!
//! # Format, version 2
//!
//! All numbers are little-endian. A text is its length (u16, or u32 where it says so) and that many bytes of UTF-8.
//!
//! ```text
//! magic        8 bytes   "utooidx2": the last byte is the version
//! body length  u32       at most 256 MiB; exactly the bytes that follow the next field
//! body crc32   u32
//! integrity    text      the sha512 of the compressed tarball, as SRI
//! facts        text      u32 length; JSON, see `facts.rs`
//! directories  u32 count, then a text each; parents before children
//! files        u32 count, then for each:
//!   path       text      relative, forward slashes, no `.` or `..`
//!   size       u64
//!   flags      u8        1 executable, 2 starts with `#!` and a line that ends in CRLF
//!   crc32      u32       of the file's bytes
//!   number     u32       in decimal digits, its name in the store
//! ```
//!
//! Counts are bounded by the bytes that are left. Whatever does not read as this counts as a miss. The crc32 (of
//! crc32fast, above 10 GB/s) finds accidents; it does not hold off someone who may write to the store, since such a
//! one could write any index, too.

use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rustix::path::DecInt;

use crate::facts::PackageFacts;

/// Its name, beside the files.
pub(super) const INDEX: &str = "index";

const MAGIC: &[u8; 8] = b"utooidx2";
const HEADER: usize = 16;
const MAX_BODY: usize = 256 << 20;

/// Of a file: everything but its path.
const SMALLEST_RECORD: usize = 19;

const EXECUTABLE: u8 = 1;
const CRLF_SHEBANG: u8 = 2;

/// The files of one stored package.
#[derive(Debug, PartialEq, Eq)]
pub struct PackageIndex {
    /// All texts, one behind the other: known to be UTF-8, which each look at a path would have to find out anew of bytes.
    texts: String,
    integrity: Span,
    facts: Span,
    directories: Vec<Span>,
    files: Vec<Record>,
}

/// A part of the texts; an index has at most 256 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    length: u32,
}

impl Span {
    fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.length as usize
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Record {
    path: Span,
    size: u64,
    flags: u8,
    crc32: u32,
    number: u32,
}

/// One file of a [`PackageIndex`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexedFile<'a> {
    /// Relative to the package's folder, forward slashes.
    pub path: &'a str,
    /// In bytes.
    pub size: u64,
    /// Whether the stored file is executable.
    pub mode: FileMode,
    /// Whether its first line is a shebang that a CR would break.
    pub shebang: Shebang,
    /// Of its bytes.
    pub crc32: u32,
    /// The name that it has in the store, beside the package's other files.
    pub number: u32,
}

impl IndexedFile<'_> {
    /// The file's name in the store.
    pub(crate) fn stored_name(&self) -> DecInt {
        DecInt::new(self.number)
    }

    /// Where it is, in the folder of a store's entry.
    pub fn path_in(&self, entry: &Path) -> PathBuf {
        entry.join(self.stored_name())
    }
}

/// The two modes that files of packages have, before the umask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// 0644.
    Plain,
    /// 0755.
    Executable,
}

impl FileMode {
    /// The bits.
    pub fn bits(self) -> u32 {
        match self {
            Self::Plain => 0o644,
            Self::Executable => 0o755,
        }
    }
}

/// What the first line of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shebang {
    /// No shebang, or one that works.
    Fine,
    /// `#!…` and CRLF: as the target of a bin it needs the CR taken out.
    Crlf,
}

impl Shebang {
    /// Looks at the head of a file.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut scan = ShebangScan::default();
        scan.update(bytes);
        scan.finish()
    }
}

/// Looks at the head of a file that comes piece by piece.
#[derive(Debug, Default)]
pub(super) struct ShebangScan {
    /// Of the bytes before this piece: how many, and the last one.
    seen: u64,
    last: u8,
    found: Option<Shebang>,
}

impl ShebangScan {
    pub(super) fn update(&mut self, piece: &[u8]) {
        if self.found.is_some() {
            return;
        }
        for (at, byte) in piece.iter().enumerate() {
            let before = std::mem::replace(&mut self.last, *byte);
            match (self.seen + at as u64, *byte) {
                (0, b'#') | (1, b'!') => {}
                (0 | 1, _) => self.found = Some(Shebang::Fine),
                (_, b'\n') if before == b'\r' => self.found = Some(Shebang::Crlf),
                (_, b'\n') => self.found = Some(Shebang::Fine),
                _ => {}
            }
            if self.found.is_some() {
                return;
            }
        }
        self.seen += piece.len() as u64;
    }

    pub(super) fn finish(self) -> Shebang {
        self.found.unwrap_or(Shebang::Fine)
    }
}

/// Nine indexes of ten are no larger.
const USUAL: usize = 8 << 10;

/// The bytes of an index file, by one call for most: the head says how many there are.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = utoo_fs::open(path)?;
    let mut bytes = vec![0; USUAL];
    let length = file.read(&mut bytes)?;
    bytes.truncate(length);
    let stated = bytes.get(8..12).and_then(<[u8]>::first_chunk).map(|length| u32::from_le_bytes(*length));
    if stated.is_none_or(|body| HEADER + body as usize != length) {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

impl PackageIndex {
    /// The index of a package with these contents, in the order of the format. The paths are to be checked.
    pub(crate) fn new(
        integrity: &str,
        facts: &PackageFacts,
        directories: &[&str],
        files: &[IndexedFile<'_>],
    ) -> Self {
        let paths = files.iter().map(|file| file.path).chain(directories.iter().copied());
        let mut texts = String::with_capacity(paths.map(str::len).sum::<usize>() + 512);
        let mut text = |text: &str| {
            // Whoever makes it too long for these is told by `PackageIndex::to_bytes`.
            let span = Span { start: texts.len() as u32, length: text.len() as u32 };
            texts.push_str(text);
            span
        };
        let (integrity, facts) = (text(integrity), text(&facts.to_json()));
        let directories = directories.iter().map(|directory| text(directory)).collect();
        let record = |file: &IndexedFile<'_>| {
            let executable = if file.mode == FileMode::Executable { EXECUTABLE } else { 0 };
            let crlf = if file.shebang == Shebang::Crlf { CRLF_SHEBANG } else { 0 };
            let IndexedFile { size, crc32, number, .. } = *file;
            Record { path: text(file.path), size, flags: executable | crlf, crc32, number }
        };
        let files = files.iter().map(record).collect();
        Self { texts, integrity, facts, directories, files }
    }

    /// Reads an index; `None` for whatever is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let body_length = u32::from_le_bytes(*bytes.get(8..12)?.first_chunk()?) as usize;
        let crc32 = u32::from_le_bytes(*bytes.get(12..16)?.first_chunk()?);
        let whole = bytes.len().checked_sub(HEADER) == Some(body_length) && body_length <= MAX_BODY;
        if !bytes.starts_with(MAGIC) || !whole || crc32fast::hash(&bytes[HEADER..]) != crc32 {
            return None;
        }
        let mut reader = Reader { bytes, at: HEADER, texts: String::with_capacity(body_length) };
        let integrity = reader.text()?;
        let facts = reader.long_text()?;
        let count = reader.count(2)?;
        let mut directories = Vec::with_capacity(count);
        for _ in 0..count {
            directories.push(reader.path()?);
        }
        let count = reader.count(SMALLEST_RECORD)?;
        let mut files = Vec::with_capacity(count);
        for _ in 0..count {
            files.push(reader.record()?);
        }
        (reader.at == bytes.len()).then_some(())?;
        Some(Self { texts: reader.texts, integrity, facts, directories, files })
    }

    /// The bytes that [`PackageIndex::parse`] takes; `None` for an index beyond the format's bounds.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let records = self.files.len() * SMALLEST_RECORD + self.directories.len() * 2;
        let body = 2 + 4 + 4 + 4 + records + self.texts.len();
        if body > MAX_BODY {
            return None;
        }
        let mut printer = Printer { bytes: Vec::with_capacity(HEADER + body) };
        printer.bytes.resize(HEADER, 0);
        printer.text(self.integrity());
        printer.number(self.facts.length);
        printer.bytes.extend_from_slice(self.text(self.facts).as_bytes());
        printer.number(self.directories.len() as u32);
        self.directories().for_each(|directory| printer.text(directory));
        printer.number(self.files.len() as u32);
        for file in &self.files {
            printer.text(self.text(file.path));
            printer.bytes.extend_from_slice(&file.size.to_le_bytes());
            printer.bytes.push(file.flags);
            printer.number(file.crc32);
            printer.number(file.number);
        }
        Some(printer.finish())
    }

    /// The sha512 of the tarball that this package was unpacked from, as SRI.
    pub fn integrity(&self) -> &str {
        self.text(self.integrity)
    }

    /// What the package's own package.json says, and what its files tell.
    pub fn facts(&self) -> PackageFacts {
        PackageFacts::from_json(self.text(self.facts))
    }

    /// The folders that hold files, parents before children.
    pub fn directories(&self) -> impl ExactSizeIterator<Item = &str> {
        self.directories.iter().map(|span| self.text(*span))
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The file at a position below [`PackageIndex::len`], in order of paths.
    pub fn file(&self, position: usize) -> IndexedFile<'_> {
        let record = &self.files[position];
        IndexedFile {
            path: self.text(record.path),
            size: record.size,
            mode: if record.flags & EXECUTABLE != 0 { FileMode::Executable } else { FileMode::Plain },
            shebang: if record.flags & CRLF_SHEBANG != 0 { Shebang::Crlf } else { Shebang::Fine },
            crc32: record.crc32,
            number: record.number,
        }
    }

    /// All files, in order of paths.
    pub fn files(&self) -> impl ExactSizeIterator<Item = IndexedFile<'_>> {
        (0..self.files.len()).map(|position| self.file(position))
    }

    /// The file with this path.
    pub fn find(&self, path: &str) -> Option<IndexedFile<'_>> {
        let found = self.files.binary_search_by(|record| self.text(record.path).cmp(path));
        found.ok().map(|position| self.file(position))
    }

    /// Whether this is the path of a folder with files in it.
    pub fn has_directory(&self, path: &str) -> bool {
        self.directories().any(|directory| directory == path)
    }

    fn text(&self, span: Span) -> &str {
        // Every span is that of a text.
        self.texts.get(span.range()).unwrap_or_default()
    }
}

/// Puts an index's bytes together.
struct Printer {
    bytes: Vec<u8>,
}

impl Printer {
    /// Paths are at most 4,095 bytes and an SRI is shorter, so that a u16 holds every length.
    fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        let length = (self.bytes.len() - HEADER) as u32;
        let crc32 = crc32fast::hash(&self.bytes[HEADER..]);
        self.bytes[..8].copy_from_slice(MAGIC);
        self.bytes[8..12].copy_from_slice(&length.to_le_bytes());
        self.bytes[12..16].copy_from_slice(&crc32.to_le_bytes());
        self.bytes
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Those that were read.
    texts: String,
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = *self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(array)
    }

    /// The next bytes, if they are UTF-8 and pass the check.
    fn keep(&mut self, length: usize, check: impl Fn(&str) -> bool) -> Option<Span> {
        // No body is longer than `MAX_BODY`.
        let span = Span { start: self.texts.len() as u32, length: length as u32 };
        let end = self.at.checked_add(length)?;
        let text = std::str::from_utf8(self.bytes.get(self.at..end)?).ok()?;
        check(text).then(|| self.texts.push_str(text))?;
        self.at = end;
        Some(span)
    }

    fn text(&mut self) -> Option<Span> {
        let length = u16::from_le_bytes(self.array()?);
        self.keep(length.into(), |_| true)
    }

    fn long_text(&mut self) -> Option<Span> {
        let length = u32::from_le_bytes(self.array()?);
        self.keep(length as usize, |_| true)
    }

    /// A path that stays inside: the crc finds accidents, this keeps a forged index from naming other files.
    fn path(&mut self) -> Option<Span> {
        let length = u16::from_le_bytes(self.array()?);
        self.keep(length.into(), |path| utoo_fs::check_relative(path).is_ok())
    }

    /// A count of items of at least `smallest` bytes each.
    fn count(&mut self, smallest: usize) -> Option<usize> {
        let count = u32::from_le_bytes(self.array()?) as usize;
        (count.checked_mul(smallest)? <= self.bytes.len() - self.at).then_some(count)
    }

    fn record(&mut self) -> Option<Record> {
        Some(Record {
            path: self.path()?,
            size: u64::from_le_bytes(self.array()?),
            flags: self.array::<1>()?[0],
            crc32: u32::from_le_bytes(self.array()?),
            number: u32::from_le_bytes(self.array()?),
        })
    }
}

#[cfg(test)]
mod tests;
