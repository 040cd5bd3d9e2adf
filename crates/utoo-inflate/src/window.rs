//! What is inflated: what may be repeated, what is unread, and room.

/// In bytes: what there is room for at once.
pub const SPAN: usize = 256 << 10;

/// How far back a repetition may reach, in bytes.
const HISTORY: usize = 32 << 10;

/// Of one repetition, in bytes.
const LONGEST: usize = 258;

/// Literals that are put down before it is looked again whether there is room.
pub(crate) const LITERALS: usize = 4;

/// Whoever has come as far as this makes room first: a few literals and a repetition fit behind it.
const FULL: usize = SPAN - LONGEST - LITERALS;

/// A repetition is written in whole vectors.
const VECTOR: usize = 16;

const LENGTH: usize = SPAN + 2 * VECTOR;

/// Places are below [`SPAN`] wherever they are used. To say so costs less than to have it checked: with that, the compiler sees
/// that there is a vector's room behind each.
const fn inside(place: usize) -> usize {
    place & (SPAN - 1)
}

pub(crate) struct Window {
    bytes: Box<[u8; LENGTH]>,
    /// Where the stream at hand begins, where that is still here; else 0.
    begin: usize,
    /// Where the unread bytes begin, and end.
    read: usize,
    end: usize,
}

impl Window {
    pub(crate) fn new() -> Self {
        let bytes = vec![0; LENGTH].into_boxed_slice();
        // It has that length.
        let bytes = bytes.try_into().unwrap_or_else(|_| Box::new([0; LENGTH]));
        Self { bytes, begin: 0, read: 0, end: 0 }
    }

    /// Another stream begins, which cannot reach what is here.
    pub(crate) fn begin(&mut self) {
        self.begin = self.end;
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.read..self.end]
    }

    pub(crate) fn read(&mut self, most: usize) -> &[u8] {
        let start = self.read;
        self.read += most.min(self.end - start);
        &self.bytes[start..self.read]
    }

    pub(crate) fn has_room(&self) -> bool {
        self.end < FULL
    }

    /// Lets go of what was read and can't be repeated any more, once the window is full.
    pub(crate) fn make_room(&mut self) {
        if self.has_room() {
            return;
        }
        let from = self.read.min(self.end - HISTORY);
        self.bytes.copy_within(from..self.end, 0);
        self.begin = self.begin.saturating_sub(from);
        self.read -= from;
        self.end -= from;
    }

    /// Puts down bytes as they are, `most` of them or as many as there are and fit; gives how many.
    pub(crate) fn store(&mut self, bytes: &[u8], most: usize) -> usize {
        let length = most.min(bytes.len()).min(FULL.saturating_sub(self.end));
        self.bytes[self.end..self.end + length].copy_from_slice(&bytes[..length]);
        self.end += length;
        length
    }

    pub(crate) fn writer(&mut self) -> Writer<'_> {
        Writer { bytes: &mut self.bytes, begin: self.begin, at: self.end }
    }

    /// What a writer wrote as far as this is unread.
    pub(crate) fn written(&mut self, end: usize) {
        self.end = end;
    }
}

/// Writes at the window's end.
pub(crate) struct Writer<'w> {
    bytes: &'w mut [u8; LENGTH],
    begin: usize,
    pub(crate) at: usize,
}

impl Writer<'_> {
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.at < FULL
    }

    #[inline(always)]
    pub(crate) fn literal(&mut self, byte: u8) {
        self.bytes[inside(self.at)] = byte;
        self.at += 1;
    }

    /// Repeats `length` bytes, at most 258, from `distance` back; false where nothing of this stream is there.
    #[inline(always)]
    pub(crate) fn repeat(&mut self, length: usize, distance: usize) -> bool {
        if distance > self.at - self.begin {
            return false;
        }
        let (from, to) = (self.at - distance, self.at);
        self.at += length;
        if distance >= VECTOR {
            // Most are no longer than two vectors: what is too much is overwritten.
            self.copy::<VECTOR>(from, to);
            self.copy::<VECTOR>(from + VECTOR, to + VECTOR);
            let mut done = 2 * VECTOR;
            while done < length {
                self.copy::<VECTOR>(from + done, to + done);
                done += VECTOR;
            }
        } else if distance == 1 {
            let vector = [self.bytes[inside(from)]; VECTOR];
            let mut done = 0;
            while done < length {
                let to = inside(to + done);
                self.bytes[to..to + VECTOR].copy_from_slice(&vector);
                done += VECTOR;
            }
        } else {
            // Of each 8 bytes, as many are right as lie between the two places.
            let step = distance.min(8);
            let mut done = 0;
            while done < length {
                self.copy::<8>(from + done, to + done);
                done += step;
            }
        }
        true
    }

    #[inline(always)]
    fn copy<const BYTES: usize>(&mut self, from: usize, to: usize) {
        let (from, to) = (inside(from), inside(to));
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&self.bytes[from..from + BYTES]);
        self.bytes[to..to + BYTES].copy_from_slice(&bytes);
    }
}
