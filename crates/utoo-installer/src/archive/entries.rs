//! Blocks to entries: headers, and what pax and GNU headers say about them.

use super::input::Input;
use crate::TarballProblem;

pub(super) const BLOCK: usize = 512;

/// Pax headers and long names beyond this are ignored, as node-tar ignores them.
const MAX_META_BYTES: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// A file, too; npm removes what is in its place before it writes one.
    Contiguous,
    /// Links, folders, devices: consumed, never made.
    Other,
}

#[derive(Debug)]
pub(super) struct Entry<'e, B> {
    pub(super) path: &'e str,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) body: B,
}

/// The entries of an archive, meta entries (pax, GNU long names) applied.
pub(super) struct Entries<I> {
    input: I,
    /// Of the header at hand. One buffer for all of them: a package has thousands.
    path: String,
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

impl<I: Input> Entries<I> {
    pub(super) fn new(input: I) -> Self {
        let pending = Pending::default();
        Self { input, path: String::new(), seen_header: false, seen_zero: false, pending, global_size: None }
    }

    pub(super) fn input(&mut self) -> &mut I {
        &mut self.input
    }

    pub(super) fn into_input(self) -> I {
        self.input
    }

    pub(super) fn next(&mut self) -> Result<Option<Entry<'_, I::Body>>, TarballProblem> {
        while let Some(block) = self.input.block()? {
            if block.iter().all(|byte| *byte == 0) {
                if self.seen_zero {
                    break;
                }
                self.seen_zero = true;
                continue;
            }
            self.seen_zero = false;
            let Some(header) = Header::read(block, &mut self.path) else { continue };
            self.seen_header = true;
            if let Some((kind, body)) = self.consume(&header)? {
                return Ok(Some(Entry { path: &self.path, kind, mode: header.mode, body }));
            }
        }
        if self.seen_header { Ok(None) } else { Err(TarballProblem::NotTar) }
    }

    /// Kind and body of the entry of a header, or `None` for a meta entry and for what is none.
    fn consume(&mut self, header: &Header) -> Result<Option<(Kind, I::Body)>, TarballProblem> {
        // An entry that a meta header may describe; the others have but what stands in their own header.
        let described = matches!(header.typeflag, 0 | b'0'..=b'7' | b'D');
        let path = self.pending.path.as_ref().filter(|_| described).unwrap_or(&self.path);
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
                self.apply_meta(header.typeflag, &body)?;
            }
            return Ok(None);
        }
        let Pending { path, size } = std::mem::take(&mut self.pending);
        if let Some(path) = path.filter(|_| described) {
            self.path = path;
        }
        let stated = self.global_size.or(size).filter(|_| described).unwrap_or(header.size);
        let kind = match header.typeflag {
            b'7' => Kind::Contiguous,
            b'0' | 0 if !self.path.ends_with('/') => Kind::File,
            _ => Kind::Other,
        };
        let is_directory = matches!(header.typeflag, b'5' | b'0' | 0) && kind == Kind::Other;
        let body = self.input.body(if is_directory { 0 } else { stated }, &self.path)?;
        Ok(Some((kind, body)))
    }

    /// The body of a meta entry, if it counts: not where it is empty, nor where it, or the size that an earlier one states,
    /// is larger than that of any honest one.
    ///
    /// Refuses what is hidden by an earlier one that states a size of 0: npm reads that body as blocks, others don't.
    fn meta_body(&mut self, header: &Header) -> Result<Option<Vec<u8>>, TarballProblem> {
        let stated = self.global_size.or(self.pending.size).unwrap_or(header.size);
        match (stated, header.size) {
            (0, 0) => return Ok(None),
            (0, _) => return Err(TarballProblem::Pax("size=0".to_owned())),
            _ => {}
        }
        if stated > MAX_META_BYTES {
            self.input.body(header.size, &self.path)?;
            return Ok(None);
        }
        self.input.bytes(header.size, &self.path).map(Some)
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
    mode: u32,
    size: u64,
    typeflag: u8,
    has_link: bool,
}

impl Header {
    /// The path goes into its buffer. `None` where the checksum is wrong, or where the size is beyond any size.
    fn read(block: &[u8; BLOCK], path: &mut String) -> Option<Self> {
        let stated = number(&block[148..156])?;
        // 512 times 255 is no more than 32 bits hold.
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        let field: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
        if u64::from(sum - field + 8 * u32::from(b' ')) != stated {
            return None;
        }
        path.clear();
        if block[257..265] == *b"ustar\x0000" && block[345] != 0 {
            push_c_string(path, &block[345..500]);
            path.push('/');
        }
        push_c_string(path, &block[..100]);
        Some(Self {
            mode: number(&block[100..108])? as u32,
            size: number(&block[124..136])?,
            typeflag: block[156],
            has_link: block[157] != 0,
        })
    }
}

fn c_string(bytes: &[u8]) -> String {
    let mut text = String::new();
    push_c_string(&mut text, bytes);
    text
}

fn push_c_string(text: &mut String, bytes: &[u8]) {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    match std::str::from_utf8(&bytes[..end]) {
        Ok(whole) => text.push_str(whole),
        Err(_) => text.push_str(&String::from_utf8_lossy(&bytes[..end])),
    }
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
