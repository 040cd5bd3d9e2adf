//! The manifest store: packed documents on disk, so that a warm resolve asks no registry and parses no JSON.
//!
//! ```text
//! <cache>/manifests/v1/<host>-<hash of registry>/<name>-<hash of name, kind and spec>.<a|f|v>
//! ```
//!
//! Hashes are FNV-1a with 64 bits over the text (fields separated by a zero byte), in hexadecimal. They only keep names
//! apart on file systems that fold case or forbid characters: whether a file is about what is looked for, it says
//! itself (see [`format`](self::format)). A read is one `open`, one `fstat`, one `read` and one `close`.
//!
//! The store assumes nothing about who else uses the folder: files are replaced as a whole by a rename, and only
//! the lease in a file's head is ever rewritten in place, after the head was found to be the expected one. Anything
//! that cannot be read counts as a miss; anything that cannot be written is given up with one warning.

mod format;
mod writer;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

pub(crate) use format::{Entry, Key, Kind, Lease, Validators};
pub(crate) use writer::{Change, Writer};

/// No packument comes near this; a longer file is not read into memory.
const MAX_FILE: u64 = 1 << 30;
/// How much of a name stands in a file name, in bytes: the rest is in the hash.
const MAX_READABLE: usize = 80;

/// Where documents are read from. Holds a path and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct ManifestStore {
    root: PathBuf,
}

impl ManifestStore {
    pub(crate) fn new(cache_dir: &Path) -> Self {
        Self { root: cache_dir.join("manifests").join("v1") }
    }

    /// The document, if it is there and whole.
    pub(crate) fn read(&self, key: Key<'_>) -> Option<Entry> {
        let mut file = File::open(self.path(key)).ok()?;
        let length = file.metadata().ok()?.len();
        if length > MAX_FILE {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        file.read_exact(&mut bytes).ok()?;
        format::decode(&Bytes::from(bytes), key)
    }

    pub(crate) fn path(&self, key: Key<'_>) -> PathBuf {
        let host = key.registry.split_once("://").map_or(key.registry, |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or(host);
        let mut directory = readable(host);
        push_hash(&mut directory, &[key.registry]);
        let mut file = readable(key.name);
        push_hash(&mut file, &[key.name, key.kind.spec()]);
        file.push_str(match key.kind {
            Kind::Abbreviated => ".a",
            Kind::Full => ".f",
            Kind::Version(_) => ".v",
        });
        let mut path = PathBuf::with_capacity(self.root.as_os_str().len() + directory.len() + file.len() + 2);
        path.push(&self.root);
        path.push(directory);
        path.push(file);
        path
    }
}

/// The start of a text in characters that every file system takes, folded to lower case as some do.
fn readable(text: &str) -> String {
    let mut name = String::with_capacity(MAX_READABLE.min(text.len()) + 24);
    for byte in text.bytes().take(MAX_READABLE) {
        name.push(match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'@' | b'-' | b'_' => char::from(byte),
            b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
            // Not as the first character: a name of dots only, or a hidden file.
            b'.' if !name.is_empty() => '.',
            _ => '+',
        });
    }
    name
}

fn push_hash(name: &mut String, fields: &[&str]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for field in fields {
        for byte in field.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    name.push('-');
    for shift in (0..16).rev() {
        // Four bits always index into sixteen digits.
        name.push(char::from(DIGITS[((hash >> (shift * 4)) & 15) as usize]));
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
