//! Gzip, in one go or piece by piece.
//!
//! libdeflate needs to know the size of its output, and room for all of it. The last four bytes of a gzip stream say it
//! (ISIZE), which is right for a stream of one member, and only a hint from outside: it is bounded by the compressed length
//! times deflate's highest ratio. libdeflate takes 0.022 s for what zlib-rs takes 0.047 s for (25.7 MB in small documents, one
//! thread), but 0.19 for 0.24 s where it is one archive of 143 MB: there, fresh pages for the output cost more than
//! what it saves. So archives of up to [`WHOLE`] bytes are inflated in one go into a buffer that is used again; larger ones,
//! those whose size is wrong and those of several members as they are read ([`Members`]).

use std::io::Read;

use flate2::bufread::GzDecoder;
use libdeflater::{Crc, Decompressor};

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

/// The members of a gzip stream, one after the other.
pub(crate) struct Members<'a> {
    decoder: GzDecoder<&'a [u8]>,
    /// Bytes so far, and the most there may be.
    inflated: u64,
    limit: u64,
}

impl<'a> Members<'a> {
    pub(crate) fn new(tarball: &'a [u8]) -> Self {
        Self { decoder: GzDecoder::new(tarball), inflated: 0, limit: limit_for(tarball.len()) }
    }

    /// As [`Read::read`]: 0 at the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<usize, TarballProblem> {
        loop {
            let length = self.decoder.read(into);
            let length = length.map_err(|error| TarballProblem::Compression(error.to_string()))?;
            self.inflated += length as u64;
            if self.inflated > self.limit {
                return Err(TarballProblem::Bomb { limit: self.limit });
            }
            if length > 0 || into.is_empty() {
                return Ok(length);
            }
            let rest = *self.decoder.get_ref();
            // What follows the last member is padding, and ignored, if it begins with a zero: so npm has it, by zlib.
            if rest.first().is_none_or(|byte| *byte == 0) {
                return Ok(0);
            }
            self.decoder = GzDecoder::new(rest);
        }
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
    let mut checksum = Crc::new();
    checksum.update(first);
    // The size counts modulo 2^32.
    let size = first.len() as u32;
    let end = [checksum.sum().to_le_bytes(), size.to_le_bytes()].concat();
    !tarball.ends_with(&end) || begins.any(|at| tarball[..at].ends_with(&end))
}

/// The size that a gzip stream says it has, in bytes, where that is possible at all.
fn stated_size(tarball: &[u8]) -> Option<usize> {
    let stated = u32::from_le_bytes(*tarball.last_chunk()?) as usize;
    let possible = stated > 0 && stated as u64 <= tarball.len() as u64 * DEFLATE_RATIO;
    (possible && tarball.starts_with(&GZIP_MAGIC)).then_some(stated)
}

#[cfg(test)]
mod tests;
