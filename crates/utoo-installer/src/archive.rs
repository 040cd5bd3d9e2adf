//! Tar, read as npm reads it: a list of regular files, their bytes borrowed from the archive.
//!
//! The reader works on the inflated archive as one slice, so an entry is a name, a bit and a range. It agrees with
//! node-tar (as npm 11 drives it) on what the entries *are*, since two readers that disagree on where a header starts
//! can be shown different packages:
//!
//! - a header is 512 bytes with a right checksum; a block that is none is skipped; two zero blocks end the archive;
//! - a pax `size` counts for the length of the body (a global one for all bodies that follow, and before a local one),
//!   a pax or GNU long name for the path; a global path does not;
//! - a link without a target in its own header, and anything else with one, is not an entry: its body is read as blocks.
//!
//! What becomes of them is npm's, too: one leading component is dropped (whatever its name), and what has only one is
//! ignored; links, devices and pipes are ignored; empty directories are not made; `.gitignore` becomes `.npmignore`
//! where the archive brings none; of two files with one name the last counts, with the mode of the first; a file where a
//! folder is, is ignored. Two things are stricter: npm skips an entry with `..` in its name with a warning and makes
//! something of an absolute one, and it takes types, odd sizes and empty names from pax headers; here the package is refused.
//! Both lists are held to each other by `tests/tarballs.rs`.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::TarballProblem;

/// The most files that one package may have. The largest real ones have about 50,000.
pub const MAX_FILES: usize = 1 << 20;

/// Pax headers and long names beyond this are ignored, as node-tar ignores them.
const MAX_META_BYTES: u64 = 1 << 20;

const BLOCK: usize = 512;

/// A regular file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArchiveFile<'a> {
    /// Below the package's folder, forward slashes, checked by [`utoo_fs::check_relative`].
    pub(crate) path: String,
    /// Whether anyone may execute it, by the header.
    pub(crate) executable: bool,
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
}

/// The files of a package, sorted by path, no two with one path, none below another.
pub(crate) fn read(archive: &[u8]) -> Result<Vec<ArchiveFile<'_>>, TarballProblem> {
    let mut collected = Collected::default();
    let mut entries = Entries::new(archive);
    while let Some(entry) = entries.next()? {
        if entry.kind != Kind::Other {
            collected.take(&entry)?;
        }
    }
    let mut files = collected.files;
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Applies npm's rules on names to the stream of entries.
#[derive(Default)]
struct Collected<'a> {
    files: Vec<ArchiveFile<'a>>,
    by_path: FxHashMap<String, usize>,
    directories: FxHashSet<String>,
    npmignores: FxHashSet<String>,
}

impl<'a> Collected<'a> {
    fn take(&mut self, entry: &Entry<'a>) -> Result<(), TarballProblem> {
        let Some(path) = package_path(&entry.path)? else { return Ok(()) };
        let Some(path) = self.ignore_file_name(path) else { return Ok(()) };
        if self.directories.contains(&path) || !self.claim_directories(&path) {
            return Ok(());
        }
        if self.files.len() >= MAX_FILES {
            return Err(TarballProblem::TooManyFiles { limit: MAX_FILES });
        }
        let file = ArchiveFile { path, executable: entry.mode & 0o111 != 0, bytes: entry.body };
        match self.by_path.get(&file.path) {
            Some(&earlier) => {
                // Written into the file that is there, which keeps its mode.
                let executable = match entry.kind {
                    Kind::File => self.files[earlier].executable,
                    _ => file.executable,
                };
                self.files[earlier] = ArchiveFile { executable, ..file };
            }
            None => {
                self.by_path.insert(file.path.clone(), self.files.len());
                self.files.push(file);
            }
        }
        Ok(())
    }

    /// `.gitignore` is unpacked as `.npmignore`, unless the archive brought one before it.
    fn ignore_file_name(&mut self, path: String) -> Option<String> {
        let folder = |path: &str, name: &str| match path.strip_suffix(name) {
            Some(folder) if folder.is_empty() || folder.ends_with('/') => Some(folder.to_owned()),
            _ => None,
        };
        if let Some(folder) = folder(&path, ".npmignore") {
            self.npmignores.insert(folder);
        } else if let Some(folder) = folder(&path, ".gitignore") {
            if self.npmignores.contains(&folder) {
                return None;
            }
            return Some(folder + ".npmignore");
        }
        Some(path)
    }

    /// Notes the folders above a file; false where one of them is a file already.
    fn claim_directories(&mut self, path: &str) -> bool {
        let parents = || path.rmatch_indices('/').map(|(slash, _)| &path[..slash]);
        for parent in parents() {
            if self.directories.contains(parent) {
                break;
            }
            if self.by_path.contains_key(parent) {
                return false;
            }
        }
        for parent in parents() {
            if !self.directories.insert(parent.to_owned()) {
                break;
            }
        }
        true
    }
}

/// The path below the package's folder; `None` for what has no name below it.
fn package_path(name: &str) -> Result<Option<String>, TarballProblem> {
    let name = name.strip_suffix('/').unwrap_or(name);
    // The whole name is checked, the dropped component too: `/etc/x` must not pass as `etc/x`.
    let without_dots = || name.split('/').filter(|component| *component != ".");
    let whole = without_dots().collect::<Vec<_>>().join("/");
    if !whole.is_empty() {
        utoo_fs::check_relative(&whole)?;
    }
    let Some((_, path)) = name.split_once('/') else { return Ok(None) };
    let path = path.split('/').filter(|component| *component != ".").collect::<Vec<_>>().join("/");
    if path.is_empty() {
        return Ok(None);
    }
    utoo_fs::check_relative(&path)?;
    Ok(Some(path))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    /// A file, too; npm removes what is in its place before it writes one.
    Contiguous,
    /// Links, folders, devices: consumed, never made.
    Other,
}

#[derive(Debug)]
struct Entry<'a> {
    path: String,
    kind: Kind,
    mode: u32,
    body: &'a [u8],
}

/// The entries of an archive, meta entries (pax, GNU long names) applied.
struct Entries<'a> {
    archive: &'a [u8],
    at: usize,
    seen_header: bool,
    seen_zero: bool,
    pending: Pending,
    global_size: Option<u64>,
}

/// What a meta entry says about the entry that follows it.
#[derive(Default)]
struct Pending {
    path: Option<String>,
    size: Option<u64>,
}

impl<'a> Entries<'a> {
    fn new(archive: &'a [u8]) -> Self {
        let pending = Pending::default();
        Self { archive, at: 0, seen_header: false, seen_zero: false, pending, global_size: None }
    }

    fn next(&mut self) -> Result<Option<Entry<'a>>, TarballProblem> {
        while let Some(block) = self.block() {
            if block.iter().all(|byte| *byte == 0) {
                if self.seen_zero {
                    break;
                }
                self.seen_zero = true;
                continue;
            }
            self.seen_zero = false;
            let Some(header) = Header::read(block) else { continue };
            self.seen_header = true;
            if let Some(entry) = self.consume(&header)? {
                return Ok(Some(entry));
            }
        }
        if self.seen_header { Ok(None) } else { Err(TarballProblem::NotTar) }
    }

    fn block(&mut self) -> Option<&'a [u8; BLOCK]> {
        let block = self.archive.get(self.at..)?.first_chunk()?;
        self.at += BLOCK;
        Some(block)
    }

    /// The entry of a header, or `None` for a meta entry and for what is none.
    fn consume(&mut self, header: &Header) -> Result<Option<Entry<'a>>, TarballProblem> {
        // An entry that a meta header may describe; the others have but what stands in their own header.
        let described = matches!(header.typeflag, 0 | b'0'..=b'7' | b'D');
        let path = self.pending.path.as_ref().filter(|_| described).unwrap_or(&header.path);
        let link_is_right = match header.typeflag {
            b'1' | b'2' => header.has_link,
            b'x' | b'g' => true,
            _ => !header.has_link,
        };
        if path.is_empty() || !link_is_right {
            return Ok(None);
        }
        if matches!(header.typeflag, b'x' | b'X' | b'g' | b'L' | b'N' | b'K') {
            if let Some(body) = self.meta_body(header)? {
                self.apply_meta(header.typeflag, body)?;
            }
            return Ok(None);
        }
        let path = path.clone();
        let stated = self.global_size.or(self.pending.size).filter(|_| described).unwrap_or(header.size);
        self.pending = Pending::default();
        let kind = match header.typeflag {
            b'7' => Kind::Contiguous,
            b'0' | 0 if !path.ends_with('/') => Kind::File,
            _ => Kind::Other,
        };
        let is_directory = matches!(header.typeflag, b'5' | b'0' | 0) && kind == Kind::Other;
        let body = self.body(if is_directory { 0 } else { stated }, &path)?;
        Ok(Some(Entry { path, kind, mode: header.mode, body }))
    }

    /// The body of a meta entry, if it counts: not where it is empty, nor where it, or the size that an earlier one states,
    /// is larger than that of any honest one.
    ///
    /// Refuses what is hidden by an earlier one that states a size of 0: npm reads that body as blocks, others don't.
    fn meta_body(&mut self, header: &Header) -> Result<Option<&'a [u8]>, TarballProblem> {
        let stated = self.global_size.or(self.pending.size).unwrap_or(header.size);
        match (stated, header.size) {
            (0, 0) => return Ok(None),
            (0, _) => return Err(TarballProblem::Pax("size=0".to_owned())),
            _ => {}
        }
        let body = self.body(header.size, &header.path)?;
        Ok((stated <= MAX_META_BYTES).then_some(body))
    }

    fn apply_meta(&mut self, typeflag: u8, body: &[u8]) -> Result<(), TarballProblem> {
        match typeflag {
            b'x' | b'X' => self.pending.apply_pax(body)?,
            b'g' => {
                let mut global = Pending::default();
                global.apply_pax(body)?;
                self.global_size = global.size.or(self.global_size);
            }
            b'L' | b'N' => self.pending.path = Some(c_string(body)),
            // The target of a link, which is not made.
            _ => {}
        }
        Ok(())
    }

    fn body(&mut self, size: u64, path: &str) -> Result<&'a [u8], TarballProblem> {
        let truncated = || TarballProblem::Truncated(path.chars().take(200).collect());
        let size = usize::try_from(size).map_err(|_| truncated())?;
        let end = self.at.checked_add(size).ok_or_else(truncated)?;
        let padded = end.checked_next_multiple_of(BLOCK).filter(|padded| *padded <= self.archive.len());
        let body = &self.archive[self.at..end.min(self.archive.len())];
        self.at = padded.ok_or_else(truncated)?;
        Ok(body)
    }
}

impl Pending {
    /// Reads `"<length> <key>=<value>\n"` records as node-tar does: line by line, where a line whose length is not the one
    /// that it states is skipped. (A value with a newline in it is thus never read, there as here.)
    ///
    /// Refuses what no program writes and readers disagree on: a size that is not digits, no path, and a type.
    fn apply_pax(&mut self, body: &[u8]) -> Result<(), TarballProblem> {
        for line in body.split(|byte| *byte == b'\n') {
            let Some(record) = pax_record(line) else { continue };
            let Some(equals) = memchr::memchr(b'=', record) else { continue };
            let value = c_string(&record[equals + 1..]);
            match &record[..equals] {
                b"path" if !value.is_empty() => self.path = Some(value),
                b"size" if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() => {
                    // Beyond 64 bits is beyond any archive: its body is cut short.
                    self.size = Some(value.parse().unwrap_or(u64::MAX));
                }
                b"path" | b"size" | b"type" => {
                    let record: String = String::from_utf8_lossy(record).chars().take(100).collect();
                    return Err(TarballProblem::Pax(record));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What follows the length of a pax record, if the length is right.
fn pax_record(line: &[u8]) -> Option<&[u8]> {
    let space = memchr::memchr(b' ', line)?;
    let length: usize = std::str::from_utf8(&line[..space]).ok()?.parse().ok()?;
    (length == line.len() + 1).then(|| &line[space + 1..])
}

/// The fields of a header that count here.
struct Header {
    path: String,
    mode: u32,
    size: u64,
    typeflag: u8,
    has_link: bool,
}

impl Header {
    /// `None` where the checksum is wrong, or where the size is beyond any size.
    fn read(block: &[u8; BLOCK]) -> Option<Self> {
        let stated = number(&block[148..156])?;
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        let field: u64 = block[148..156].iter().map(|byte| u64::from(*byte)).sum();
        if sum - field + 8 * u64::from(b' ') != stated {
            return None;
        }
        let name = c_string(&block[..100]);
        let prefix = match &block[257..265] {
            b"ustar\x0000" => c_string(&block[345..500]),
            _ => String::new(),
        };
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        Some(Self {
            path,
            mode: number(&block[100..108])? as u32,
            size: number(&block[124..136])?,
            typeflag: block[156],
            has_link: block[157] != 0,
        })
    }
}

fn c_string(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// The largest number that node-tar takes.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A number in octal, read as far as it is one, or in base 256 where the first bit is set. What is no number, or is
/// negative, counts as 0; `None` where it is beyond [`MAX_SAFE_INTEGER`].
fn number(field: &[u8]) -> Option<u64> {
    let value = match field[0] {
        0x80 => field[1..]
            .iter()
            .try_fold(0_u64, |value, byte| value.checked_mul(256).map(|value| value | u64::from(*byte)))?,
        0xff => 0,
        _ => {
            let digits = field.iter().skip_while(|byte| byte.is_ascii_whitespace());
            let digits = digits.take_while(|byte| (b'0'..=b'7').contains(byte));
            digits.fold(0, |value: u64, digit| (value << 3) | u64::from(digit - b'0'))
        }
    };
    (value <= MAX_SAFE_INTEGER).then_some(value)
}

#[cfg(test)]
mod tests;
