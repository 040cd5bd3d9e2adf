//! Gzip, in one go or piece by piece.
//!
//! libdeflate needs to know the size of its output, and room for all of it. The last four bytes of a gzip stream say it
//! (ISIZE), which is right for a stream of one member, and only a hint from outside: it is bounded by the compressed length
//! times deflate's highest ratio. libdeflate takes 0.022 s for what zlib-rs takes 0.047 s for (25.7 MB in small documents, one
//! thread), but 0.19 for 0.24 s where it is one archive of 143 MB: there, fresh pages for the output cost more than
//! what it saves. So archives of up to [`WHOLE`] bytes are inflated in one go into a buffer that is used again, those of up to
//! [`LARGE`] into one that all threads share, if it is free. Larger ones, those whose size is wrong and those of several
//! members are inflated as they are read ([`Members`]).

use std::io::Read;

use crc32fast::Hasher as Crc;
use flate2::bufread::{DeflateDecoder, GzDecoder};
use libdeflater::Decompressor;

use crate::TarballProblem;

/// No tarball may inflate to more than this, unless [`BOMB_RATIO`] times its compressed length is more.
pub const BOMB_FLOOR: u64 = 512 << 20;

/// See [`BOMB_FLOOR`]: source text compresses 3 to 8 times.
pub const BOMB_RATIO: u64 = 20;

/// Deflate's highest ratio is 1,032 to 1.
const DEFLATE_RATIO: u64 = 1032;

const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// In bytes. One archive in fifty is larger.
pub(crate) const WHOLE: usize = 4 << 20;

/// In bytes. A project of a thousand packages has two or three that are larger.
pub(crate) const LARGE: usize = 24 << 20;

/// A decompressor and its output buffer, to be used again: fresh pages cost more than inflating into old ones.
pub(crate) struct Inflater {
    decompressor: Decompressor,
    /// Empty before it is first used.
    buffer: Vec<u8>,
    room: usize,
}

impl Inflater {
    /// One for archives of up to `room` bytes.
    pub(crate) fn new(room: usize) -> Self {
        Self { decompressor: Decompressor::new(), buffer: Vec::new(), room }
    }

    /// The tar archive in `tarball`, where it is a small one. What does not start as gzip does is taken for plain tar, as
    /// npm takes it. `None` is no error: [`Members`] may read it.
    pub(crate) fn inflate<'a>(&'a mut self, tarball: &'a [u8]) -> Option<&'a [u8]> {
        if !tarball.starts_with(&GZIP_MAGIC) {
            return Some(tarball);
        }
        let size = stated_size(tarball).filter(|size| *size <= self.room)?;
        if self.buffer.is_empty() {
            // All of it at once: pages cost nothing before they are used, and growing would copy.
            self.buffer = vec![0; self.room];
        }
        let output = &mut self.buffer[..size];
        let done =
            self.decompressor.gzip_decompress(tarball, output) == Ok(size) && !is_followed(tarball, output);
        done.then_some(&self.buffer[..size])
    }
}

/// The members of a gzip stream, one after the other.
pub(crate) struct Members<'a> {
    /// `None` before the first, and between two.
    member: Option<Member<'a>>,
    /// What follows the last one.
    rest: &'a [u8],
    is_over: bool,
    /// Bytes so far, and the most there may be.
    inflated: u64,
    limit: u64,
}

impl<'a> Members<'a> {
    pub(crate) fn new(tarball: &'a [u8]) -> Self {
        let limit = limit_for(tarball.len());
        Self { member: None, rest: tarball, is_over: false, inflated: 0, limit }
    }

    /// As [`Read::read`]: 0 at the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<usize, TarballProblem> {
        while !self.is_over && !into.is_empty() {
            let member = match &mut self.member {
                Some(member) => member,
                None => self.member.insert(Member::begin(self.rest)?),
            };
            let length = member.read(into)?;
            self.inflated += length as u64;
            if self.inflated > self.limit {
                return Err(TarballProblem::Bomb { limit: self.limit });
            }
            if length > 0 {
                return Ok(length);
            }
            self.rest = member.end()?;
            self.member = None;
            // What follows the last member is padding, and ignored, if it begins with a zero: so npm has it, by zlib.
            self.is_over = self.rest.first().is_none_or(|byte| *byte == 0);
        }
        Ok(0)
    }
}

/// One member of a gzip stream. flate2's own reader of gzip would do, but for its checksum, which is slower than libdeflate's
/// and took 0.7 of a hundred samples of a cold install.
struct Member<'a> {
    decoder: DeflateDecoder<&'a [u8]>,
    checksum: Crc,
    /// Counts modulo 2^32, as gzip's does.
    size: u32,
}

impl<'a> Member<'a> {
    fn begin(bytes: &'a [u8]) -> Result<Self, TarballProblem> {
        let mut head = GzDecoder::new(bytes);
        if head.header().is_none() {
            let problem = head.read(&mut [0]).err();
            let text =
                problem.map_or_else(|| "the gzip header is not whole".to_owned(), |why| why.to_string());
            return Err(TarballProblem::Compression(text));
        }
        let decoder = DeflateDecoder::new(*head.get_ref());
        Ok(Self { decoder, checksum: Crc::new(), size: 0 })
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, TarballProblem> {
        let length = self.decoder.read(into);
        let length = length.map_err(|error| TarballProblem::Compression(error.to_string()))?;
        self.checksum.update(&into[..length]);
        self.size = self.size.wrapping_add(length as u32);
        Ok(length)
    }

    /// Looks at checksum and size, which follow the content; gives what follows them.
    fn end(&self) -> Result<&'a [u8], TarballProblem> {
        let problem = |text: &str| TarballProblem::Compression(text.to_owned());
        let rest: &'a [u8] = self.decoder.get_ref();
        let (stated, rest) = rest.split_first_chunk::<8>().ok_or_else(|| problem("it is cut short"))?;
        let is_right =
            [self.checksum.clone().finalize().to_le_bytes(), self.size.to_le_bytes()].concat() == *stated;
        is_right.then_some(rest).ok_or_else(|| problem("its checksum or size is another than it states"))
    }
}

fn limit_for(compressed: usize) -> u64 {
    BOMB_FLOOR.max(compressed as u64 * BOMB_RATIO)
}

/// Whether another member may follow the first one, which inflates to this: where one begins, the first has ended with
/// the checksum and the size of its content.
fn is_followed(tarball: &[u8], first: &[u8]) -> bool {
    let mut begins = memchr::memmem::find_iter(&tarball[1..], &GZIP_MAGIC).map(|at| at + 1).peekable();
    if begins.peek().is_none() {
        return false;
    }
    // The size counts modulo 2^32.
    let size = first.len() as u32;
    let end = [crc32fast::hash(first).to_le_bytes(), size.to_le_bytes()].concat();
    !tarball.ends_with(&end) || begins.any(|at| tarball[..at].ends_with(&end))
}

/// The size that a gzip stream says it has, in bytes, where that is possible at all.
pub(crate) fn stated_size(tarball: &[u8]) -> Option<usize> {
    let stated = u32::from_le_bytes(*tarball.last_chunk()?) as usize;
    let possible = stated > 0 && stated as u64 <= tarball.len() as u64 * DEFLATE_RATIO;
    (possible && tarball.starts_with(&GZIP_MAGIC)).then_some(stated)
}

#[cfg(test)]
mod tests;
