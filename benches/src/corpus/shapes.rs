//! The shape of a package: its files without what is in them.
//!
//! One line a package, `<name> <version>`, and after it one a file, indented: ` <mode> <size> <path below package/>`,
//! the mode in octal, the size in bytes and decimal.

use std::fmt::Write as _;
use std::io::Read;

use flate2::read::GzDecoder;

/// One package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its regular files, in the order of the tarball.
    pub files: Vec<ShapedFile>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapedFile {
    /// Permissions.
    pub mode: u32,
    /// In bytes.
    pub size: u64,
    /// Below the package's folder.
    pub path: String,
}

/// Reads the format; a line that is none of it is left out.
#[must_use]
pub fn read_shapes(text: &str) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix(' ') {
            Some(file) => {
                if let (Some(shape), Some(file)) = (shapes.last_mut(), read_file(file)) {
                    shape.files.push(file);
                }
            }
            None => {
                let (name, version) = line.split_once(' ').unwrap_or((line, ""));
                shapes.push(Shape { name: name.into(), version: version.into(), files: Vec::new() });
            }
        }
    }
    shapes
}

fn read_file(line: &str) -> Option<ShapedFile> {
    let mut fields = line.splitn(3, ' ');
    let mode = u32::from_str_radix(fields.next()?, 8).ok()?;
    let size = fields.next()?.parse().ok()?;
    Some(ShapedFile { mode, size, path: fields.next()?.to_owned() })
}

/// Writes the format.
#[must_use]
pub fn write_shapes(shapes: &[Shape]) -> String {
    let mut text = String::new();
    for shape in shapes {
        let _ = writeln!(text, "{} {}", shape.name, shape.version);
        for file in &shape.files {
            let _ = writeln!(text, " {:o} {} {}", file.mode, file.size, file.path);
        }
    }
    text
}

/// The shape of a gzipped tarball.
///
/// # Errors
/// When it is none.
pub fn shape_of(name: &str, version: &str, tarball: impl Read) -> std::io::Result<Shape> {
    let mut archive = tar::Archive::new(GzDecoder::new(tarball));
    let mut files = Vec::new();
    for entry in archive.entries()? {
        let entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        if let (true, Some((_, path))) = (entry.header().entry_type().is_file(), path.split_once('/')) {
            let (mode, size) = (entry.header().mode()? & 0o777, entry.size());
            files.push(ShapedFile { mode, size, path: path.to_owned() });
        }
    }
    Ok(Shape { name: name.to_owned(), version: version.to_owned(), files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let files = vec![
            ShapedFile { mode: 0o644, size: 12, path: "lib/a file.js".to_owned() },
            ShapedFile { mode: 0o755, size: 0, path: "bin/x".to_owned() },
        ];
        let shape = Shape { name: "@s/x".to_owned(), version: "1.0.0".to_owned(), files };
        assert_eq!(read_shapes(&write_shapes(std::slice::from_ref(&shape))), [shape]);
    }
}
