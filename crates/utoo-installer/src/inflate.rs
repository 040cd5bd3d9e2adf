//! Gzip, in one go or piece by piece.
//!
//! libdeflate needs to know the size of its output, and room for all of it. The last four bytes of a gzip stream say it
//! (ISIZE), which is right for a stream of one member, and only a hint from outside: it is bounded by the compressed length
//! times deflate's highest ratio. Archives of up to [`WHOLE`] bytes are inflated so, into a buffer that is used again. Larger
//! ones, those whose size is wrong and those of several members are inflated as they are read ([`Members`]), which takes a
//! tenth more time where the room is there, and less where it would have to be made of fresh pages.

use std::io::Read;

use crc32fast::Hasher as Crc;
use flate2::bufread::GzDecoder;
use libdeflater::Decompressor;
use utoo_inflate::Inflate;

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

/// A decompressor and its output buffer, to be used again: fresh pages cost more than inflating into old ones.
pub(crate) struct Inflater {
    decompressor: Decompressor,
    /// Empty before it is first used.
    buffer: Vec<u8>,
}

impl Inflater {
    pub(crate) fn new() -> Self {
        Self { decompressor: Decompressor::new(), buffer: Vec::new() }
    }

    /// The tar archive in `tarball`, where it is a small one. What does not start as gzip does is taken for plain tar, as
    /// npm takes it. `None` is no error: [`Members`] may read it.
    pub(crate) fn inflate<'a>(&'a mut self, tarball: &'a [u8]) -> Option<&'a [u8]> {
        if !tarball.starts_with(&GZIP_MAGIC) {
            return Some(tarball);
        }
        let size = stated_size(tarball).filter(|size| *size <= WHOLE)?;
        if self.buffer.is_empty() {
            // All of it at once: pages cost nothing before they are used, and growing would copy.
            self.buffer = vec![0; WHOLE];
        }
        let output = &mut self.buffer[..size];
        let done =
            self.decompressor.gzip_decompress(tarball, output) == Ok(size) && !is_followed(tarball, output);
        done.then_some(&self.buffer[..size])
    }
}

/// The members of a gzip stream, one after the other, inflated as they are read.
pub(crate) struct Members<'a> {
    inflate: Inflate,
    member: Option<Member>,
    /// What is not inflated.
    rest: &'a [u8],
    is_over: bool,
    /// Bytes so far, and the most there may be.
    inflated: u64,
    limit: u64,
}

/// What is known of the member at hand.
#[derive(Default)]
struct Member {
    checksum: Crc,
    /// Counts modulo 2^32, as gzip's does.
    size: u32,
}

impl<'a> Members<'a> {
    pub(crate) fn new(tarball: &'a [u8]) -> Self {
        let limit = limit_for(tarball.len());
        Self { inflate: Inflate::new(), member: None, rest: tarball, is_over: false, inflated: 0, limit }
    }

    /// What is inflated and not read.
    pub(crate) fn unread(&self) -> &[u8] {
        self.inflate.unread()
    }

    /// Reads some of that, at most so many bytes.
    pub(crate) fn read(&mut self, most: usize) -> &[u8] {
        self.inflate.read(most)
    }

    /// Inflates some more behind what is unread, of which there must be less than [`utoo_inflate::SPAN`] by far; false at the
    /// end.
    pub(crate) fn more(&mut self) -> Result<bool, TarballProblem> {
        while !self.is_over {
            let member = match &mut self.member {
                Some(member) => member,
                None => {
                    self.rest = behind_head(self.rest)?;
                    self.inflate.restart();
                    self.member.insert(Member::default())
                }
            };
            let before = self.inflate.unread().len();
            let used = self.inflate.feed(self.rest, true);
            let used = used.map_err(|error| TarballProblem::Compression(error.to_string()))?;
            self.rest = &self.rest[used..];
            let fresh = &self.inflate.unread()[before..];
            member.add(fresh);
            self.inflated += fresh.len() as u64;
            if self.inflated > self.limit {
                return Err(TarballProblem::Bomb { limit: self.limit });
            }
            let is_fresh = !fresh.is_empty();
            if self.inflate.is_done() {
                self.end_member()?;
            }
            if is_fresh {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn end_member(&mut self) -> Result<(), TarballProblem> {
        if let Some(member) = self.member.take() {
            self.rest = member.end(self.rest)?;
        }
        // What follows the last member is padding, and ignored, if it begins with a zero: so npm has it, by zlib.
        self.is_over = self.rest.first().is_none_or(|byte| *byte == 0);
        Ok(())
    }
}

impl Member {
    fn add(&mut self, bytes: &[u8]) {
        self.checksum.update(bytes);
        self.size = self.size.wrapping_add(bytes.len() as u32);
    }

    /// Looks at checksum and size, which follow the content; gives what follows them.
    fn end(self, rest: &[u8]) -> Result<&[u8], TarballProblem> {
        let problem = |text: &str| TarballProblem::Compression(text.to_owned());
        let (stated, rest) = rest.split_first_chunk::<8>().ok_or_else(|| problem("it is cut short"))?;
        let is_right = [self.checksum.finalize().to_le_bytes(), self.size.to_le_bytes()].concat() == *stated;
        is_right.then_some(rest).ok_or_else(|| problem("its checksum or size is another than it states"))
    }
}

/// What follows a member's header.
fn behind_head(bytes: &[u8]) -> Result<&[u8], TarballProblem> {
    let mut head = GzDecoder::new(bytes);
    if head.header().is_none() {
        let problem = head.read(&mut [0]).err();
        let text = problem.map_or_else(|| "the gzip header is not whole".to_owned(), |why| why.to_string());
        return Err(TarballProblem::Compression(text));
    }
    Ok(head.get_ref())
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
