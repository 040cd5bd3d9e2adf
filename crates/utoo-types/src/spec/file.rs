//! Specs that name a folder or a tarball on disk. Pure: paths are put together as text.

use std::path::{Component, Path, PathBuf};

use super::SpecContext;

/// Where a spec leads, and how it is saved.
pub(super) struct FileSpec {
    pub(super) path: PathBuf,
    pub(super) save: String,
}

/// Whether npm takes a name for that of a tarball: by its extension.
pub(super) fn is_tarball(text: &str) -> bool {
    [".tgz", ".tar.gz", ".tar"].into_iter().any(|extension| {
        text.len()
            .checked_sub(extension.len())
            .and_then(|at| text.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(extension))
    })
}

/// Reads `file:…`, a relative, an absolute or a home path.
pub(super) fn read(raw: &str, context: &SpecContext) -> FileSpec {
    let text = raw.strip_prefix("file:").unwrap_or(raw);
    // From four slashes on they are part of the path.
    let below_root = match text.starts_with("////") {
        true => text,
        false => text.trim_start_matches('/'),
    };
    let root = UrlPath::new(below_root);
    let text = without_slashes(text, &root);
    if let Some(rest) = root.below_home()
        && let Some(home) = &context.home
    {
        // Two slashes make the rest absolute, as in npm.
        let path = normalize(&home.join(rest));
        let save = format!("file:{}", root.text().replace('\\', "/"));
        return FileSpec { path, save };
    }
    let absolute = text.starts_with('/');
    // `c:/a` is `/c:/a`: URLs know drives everywhere.
    let first = below_root.split('/').next().unwrap_or_default();
    let path = match is_drive(first) || absolute && begins_like_drive(first) {
        true => normalize(Path::new(&format!("/{}", root.text()))),
        false => resolve(&context.directory, text),
    };
    let saved = if absolute { path.clone() } else { relative(&context.directory, &path) };
    let save = format!("file:{}", saved.to_string_lossy().replace('\\', "/"));
    FileSpec { path, save }
}

/// A path as node's parser of URLs resolves it below the root: `..` stops there, and at what begins like a drive.
struct UrlPath<'t>(Vec<&'t str>);

impl<'t> UrlPath<'t> {
    fn new(text: &'t str) -> Self {
        let mut path = Self(Vec::new());
        let mut segments = text.strip_prefix('/').unwrap_or(text).split('/').peekable();
        while let Some(segment) = segments.next() {
            match segment {
                "." => {}
                ".." if path.0.len() == 1 && begins_like_drive(path.0[0]) => {}
                ".." => {
                    path.0.pop();
                }
                other => path.0.push(other),
            }
            if segments.peek().is_none() && matches!(segment, "." | "..") {
                path.0.push("");
            }
        }
        path
    }

    /// What follows `~/`.
    fn below_home(&self) -> Option<String> {
        (self.0.first() == Some(&"~")).then(|| self.0[1..].join("/"))
    }

    fn text(&self) -> String {
        self.0.join("/")
    }
}

fn is_drive(segment: &str) -> bool {
    matches!(segment.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic())
}

fn begins_like_drive(segment: &str) -> bool {
    segment.get(..2).is_some_and(is_drive)
}

/// `/./a` and `///../a`, with up to three slashes, are relative to npm, and so is `/~/a`, unless a `..` takes it back.
fn without_slashes<'t>(text: &'t str, root: &UrlPath<'t>) -> &'t str {
    let rest = text.trim_start_matches('/');
    let slashes = text.len() - rest.len();
    let first = rest.split('/').next().unwrap_or_default();
    let relative = matches!(first, "." | "..") || first == "~" && root.below_home().is_some();
    if slashes <= 3 && relative { rest } else { text }
}

/// Below an absolute directory `..` takes back an empty segment too, as in a URL.
fn resolve(directory: &Path, text: &str) -> PathBuf {
    let joined = directory.join(text);
    match joined.to_str() {
        Some(joined) if joined.starts_with('/') => {
            normalize(Path::new(&format!("/{}", UrlPath::new(joined).text())))
        }
        _ => normalize(&joined),
    }
}

/// Resolves `.` and `..` as text.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match normal.components().next_back() {
                Some(Component::Normal(_)) => {
                    normal.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => normal.push(".."),
            },
            other => normal.push(other),
        }
    }
    normal
}

/// The way from `from` to `to`, both normal and of one kind.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let from = normalize(from);
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}
