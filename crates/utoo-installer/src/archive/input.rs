//! What an archive is read from: bytes that are there, or a gzip stream that is inflated as far as it is read.

use super::entries::BLOCK;
use crate::TarballProblem;
use crate::inflate::Members;

/// Blocks, and the bodies between them.
pub(super) trait Input {
    /// How an entry's body is handed on.
    type Body;

    /// The next block, behind the body at hand and its padding; `None` where fewer bytes are left.
    fn block(&mut self) -> Result<Option<&[u8; BLOCK]>, TarballProblem>;

    /// The body that begins here. `path` is for the error.
    fn body(&mut self, size: u64, path: &str) -> Result<Self::Body, TarballProblem>;

    /// The bytes of the body that begins here.
    fn bytes(&mut self, size: u64, path: &str) -> Result<Vec<u8>, TarballProblem>;
}

/// An archive in memory.
pub(super) struct Whole<'a> {
    archive: &'a [u8],
    at: usize,
}

impl<'a> Whole<'a> {
    pub(super) fn new(archive: &'a [u8]) -> Self {
        Self { archive, at: 0 }
    }
}

impl<'a> Input for Whole<'a> {
    type Body = &'a [u8];

    fn block(&mut self) -> Result<Option<&[u8; BLOCK]>, TarballProblem> {
        let block = self.archive.get(self.at..).and_then(<[u8]>::first_chunk);
        self.at += BLOCK;
        Ok(block)
    }

    fn body(&mut self, size: u64, path: &str) -> Result<&'a [u8], TarballProblem> {
        let size = usize::try_from(size).map_err(|_| truncated(path))?;
        let end = self.at.checked_add(size).ok_or_else(|| truncated(path))?;
        let padded = end.checked_next_multiple_of(BLOCK).filter(|padded| *padded <= self.archive.len());
        let body = &self.archive[self.at..end.min(self.archive.len())];
        self.at = padded.ok_or_else(|| truncated(path))?;
        Ok(body)
    }

    fn bytes(&mut self, size: u64, path: &str) -> Result<Vec<u8>, TarballProblem> {
        self.body(size, path).map(<[u8]>::to_vec)
    }
}

/// An archive that is never whole in memory.
pub(super) struct Stream<'a> {
    members: Members<'a>,
    /// Of the body at hand, and of its padding: what is not read.
    left: u64,
    padding: u64,
    path: String,
}

impl<'a> Stream<'a> {
    pub(super) fn new(members: Members<'a>) -> Self {
        Self { members, left: 0, padding: 0, path: String::new() }
    }

    /// The next bytes of the body at hand; `None` at its end.
    pub(super) fn piece(&mut self) -> Result<Option<&[u8]>, TarballProblem> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.members.unread().is_empty() && !self.members.more()? {
            return Err(truncated(&self.path));
        }
        let piece = self.members.read(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= piece.len() as u64;
        Ok(Some(piece))
    }

    /// Inflates what follows the end of the archive: only then it is known that all of the stream is sound.
    pub(super) fn finish(mut self) -> Result<(), TarballProblem> {
        self.members.read(usize::MAX);
        while self.members.more()? {
            self.members.read(usize::MAX);
        }
        Ok(())
    }

    fn skip_body(&mut self) -> Result<(), TarballProblem> {
        while self.piece()?.is_some() {}
        self.left = std::mem::take(&mut self.padding);
        while self.piece()?.is_some() {}
        Ok(())
    }
}

impl Input for Stream<'_> {
    /// Read by [`Stream::piece`].
    type Body = ();

    fn block(&mut self) -> Result<Option<&[u8; BLOCK]>, TarballProblem> {
        self.skip_body()?;
        while self.members.unread().len() < BLOCK {
            if !self.members.more()? {
                return Ok(None);
            }
        }
        Ok(self.members.read(BLOCK).first_chunk())
    }

    fn body(&mut self, size: u64, path: &str) -> Result<(), TarballProblem> {
        self.left = size;
        // Beyond 64 bits is beyond any archive: the body is cut short before its padding counts.
        self.padding = size.checked_next_multiple_of(BLOCK as u64).map_or(0, |padded| padded - size);
        path.clone_into(&mut self.path);
        Ok(())
    }

    fn bytes(&mut self, size: u64, path: &str) -> Result<Vec<u8>, TarballProblem> {
        self.body(size, path)?;
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece()? {
            bytes.extend_from_slice(piece);
        }
        Ok(bytes)
    }
}

fn truncated(path: &str) -> TarballProblem {
    TarballProblem::Truncated(path.chars().take(200).collect())
}
