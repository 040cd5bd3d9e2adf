//! Text that compresses as source code does.

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Tarball;
use super::shapes::{Shape, ShapedFile};

const WORDS: &[&str] = &[
    "function",
    "return",
    "var",
    "const",
    "module.exports",
    "require",
    "this.",
    "prototype.",
    "if (",
    ") {",
    "}\n",
    ";\n",
    " = ",
    " === ",
    "undefined",
    "options",
    "callback",
    "length",
    "value",
    "index",
    "name",
    "\n    ",
    "\n  ",
    "// ",
    "* @",
    "param",
    "else",
    "for (",
    "new ",
    "Error(",
    "'use strict'",
    "null",
    "true",
    "false",
    "Object.",
    "Array.",
    "(",
    ")",
    ", ",
    "i++",
    "push",
    "result",
    "node",
    "key",
    "type",
    "string",
    "default",
    "case ",
    "break",
    "throw ",
    "typeof ",
];

/// A tarball with files of these names, sizes and modes. The same shape gives the same bytes.
pub(super) fn make_tarball(shape: &Shape) -> Tarball {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut words = Words(0x9e37_79b9_7f4a_7c15 ^ shape.name.len() as u64);
    for file in &shape.files {
        let text =
            if file.path == "package.json" { package_json(shape, file) } else { words.text(file.size) };
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(file.mode);
        #[expect(clippy::expect_used, reason = "written to memory, with names from real tarballs")]
        archive
            .append_data(&mut header, format!("package/{}", file.path), &*text)
            .expect("a vector takes all");
    }
    #[expect(clippy::expect_used, reason = "written to memory")]
    let bytes = archive.into_inner().and_then(GzEncoder::finish).expect("a vector takes all");
    Tarball {
        name: shape.name.clone(),
        version: shape.version.clone(),
        bytes,
        unpacked: shape.files.iter().map(|file| file.size).sum(),
        files: shape.files.len(),
    }
}

/// Of the recorded size, filled up with blanks.
fn package_json(shape: &Shape, file: &ShapedFile) -> Vec<u8> {
    let mut text = format!("{{\"name\":\"{}\",\"version\":\"{}\"}}", shape.name, shape.version).into_bytes();
    text.resize(usize::try_from(file.size).unwrap_or_default().max(text.len()), b' ');
    text
}

/// Words in an order that is always the same.
struct Words(u64);

impl Words {
    fn text(&mut self, size: u64) -> Vec<u8> {
        let size = usize::try_from(size).unwrap_or_default();
        let mut text = Vec::with_capacity(size + 16);
        while text.len() < size {
            // Knuth's MMIX generator; the high bits are the good ones.
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = (self.0 >> 33) as usize;
            text.extend_from_slice(WORDS[random % WORDS.len()].as_bytes());
            if random.is_multiple_of(7) {
                text.extend_from_slice(format!("{:x}", random >> 8).as_bytes());
            }
        }
        text.truncate(size);
        text
    }
}
