//! A body that comes in chunks, each with its size in front.

use httparse::Status;

/// Most bytes of the line with a chunk's size, and of a line behind the last chunk.
const MAX_LINE: usize = 16 << 10;

/// What is not as HTTP has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Takes a body out of its chunks, however they come.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// What has come, and is not decoded.
    pub(super) raw: Vec<u8>,
    place: Place,
}

/// What comes next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Size,
    /// So many bytes of the chunk.
    Data(u64),
    /// The line break behind them.
    DataEnd,
    /// Fields behind the last chunk, and the empty line that ends all.
    Trailer,
    End,
}

impl Chunks {
    pub(super) fn new(raw: Vec<u8>) -> Self {
        Self { raw, place: Place::default() }
    }

    /// Whether the last chunk has been read, with what follows it.
    pub(super) fn is_over(&self) -> bool {
        self.place == Place::End
    }

    /// Moves what has come of the body behind `body`.
    pub(super) fn decode(&mut self, body: &mut Vec<u8>) -> Result<(), Malformed> {
        let mut rest = &self.raw[..];
        while let Some(next) = self.place.step(&mut rest, body)? {
            self.place = next;
        }
        let used = self.raw.len() - rest.len();
        self.raw.drain(..used);
        Ok(())
    }
}

impl Place {
    /// Reads what is here from the front of `rest`; gives what comes behind it, or `None` where more is needed.
    fn step(&mut self, rest: &mut &[u8], body: &mut Vec<u8>) -> Result<Option<Self>, Malformed> {
        match self {
            Self::Size => match httparse::parse_chunk_size(rest) {
                _ if rest.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) => Err(Malformed),
                Ok(Status::Complete((used, size))) => {
                    *rest = &rest[used..];
                    Ok(Some(if size == 0 { Self::Trailer } else { Self::Data(size) }))
                }
                Ok(Status::Partial) if rest.len() <= MAX_LINE => Ok(None),
                Ok(Status::Partial) | Err(_) => Err(Malformed),
            },
            Self::Data(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                let (data, behind) = rest.split_at(here);
                body.extend_from_slice(data);
                *rest = behind;
                *left -= here as u64;
                Ok((*left == 0).then_some(Self::DataEnd))
            }
            Self::DataEnd => match rest.strip_prefix(b"\r\n") {
                Some(behind) => {
                    *rest = behind;
                    Ok(Some(Self::Size))
                }
                None if b"\r\n".starts_with(rest) => Ok(None),
                None => Err(Malformed),
            },
            Self::Trailer => match memchr::memchr(b'\n', rest) {
                Some(end) => {
                    let line = rest[..end].strip_suffix(b"\r").ok_or(Malformed)?;
                    *rest = &rest[end + 1..];
                    Ok(Some(if line.is_empty() { Self::End } else { Self::Trailer }))
                }
                None if rest.len() <= MAX_LINE => Ok(None),
                None => Err(Malformed),
            },
            Self::End => Ok(None),
        }
    }
}

#[cfg(test)]
#[path = "chunks_tests.rs"]
mod tests;
