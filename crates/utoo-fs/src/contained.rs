//! Names from outside become paths here, and only here.
//!
//! The check is on the text: it guarantees that the joined path, read component by component, stays below the root.
//! It does not look at the disk; a caller that writes below a directory which others may have filled uses
//! [`crate::Dir`], which refuses to walk through symbolic links.

use std::path::{Path, PathBuf};

/// The longest file name that is accepted, in bytes (`NAME_MAX` of every file system that matters).
pub const MAX_COMPONENT_BYTES: usize = 255;

/// The longest path that is accepted, root and separators included, in bytes (`PATH_MAX` on Linux, with its NUL).
pub const MAX_PATH_BYTES: usize = 4095;

/// A name from outside that was refused, and the rule that refused it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name {name:?} is refused: {problem}")]
pub struct PathError {
    /// The name as it came, cut to 200 characters.
    pub name: String,
    /// The rule it breaks.
    pub problem: PathProblem,
}

impl PathError {
    /// `EBADPATH`.
    pub fn code(&self) -> &'static str {
        "EBADPATH"
    }
}

/// The rules of [`contained_join`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// Nothing at all, or nothing between two slashes.
    #[error("it is empty or has an empty component")]
    Empty,
    /// A `.` component.
    #[error("it has a '.' component")]
    CurrentDir,
    /// A `..` component, also between backslashes.
    #[error("it has a '..' component")]
    ParentDir,
    /// It starts with a slash or a backslash.
    #[error("it is absolute")]
    Absolute,
    /// It starts with a drive letter: `C:`.
    #[error("it starts with a drive letter")]
    Drive,
    /// A backslash where that separates components (Windows).
    #[error("it has a backslash")]
    Backslash,
    /// A NUL byte.
    #[error("it has a NUL byte")]
    Nul,
    /// A component over [`MAX_COMPONENT_BYTES`], or the whole over [`MAX_PATH_BYTES`].
    #[error("it is too long")]
    TooLong,
}

/// Joins a name from outside to `root`, so that the result is below `root` and never `root` itself.
///
/// `relative` is written with forward slashes, on every system. Refused are: the empty name, empty, `.` and `..`
/// components, a leading slash, a leading drive letter, NUL, components over 255 bytes and results over 4,095. A
/// backslash is an ordinary character where the system takes it as one (npm too extracts such files there), but a
/// name that would leave the root if it were a separator is refused everywhere.
///
/// ```
/// use std::path::Path;
/// use utoo_fs::contained_join;
///
/// let root = Path::new("/project/node_modules");
/// assert_eq!(contained_join(root, "@s/a").unwrap(), Path::new("/project/node_modules/@s/a"));
/// assert!(contained_join(root, "../../etc/passwd").is_err());
/// ```
///
/// # Errors
///
/// [`PathError`], with the name and the rule.
pub fn contained_join(root: &Path, relative: &str) -> Result<PathBuf, PathError> {
    check_relative(relative)?;
    // Joined as text, not with `Path::join`: that would replace the root by anything it takes for absolute.
    let mut joined = root.as_os_str().to_owned();
    if !joined.as_encoded_bytes().ends_with(b"/") {
        joined.push(std::path::MAIN_SEPARATOR_STR);
    }
    joined.push(relative);
    if joined.len() > MAX_PATH_BYTES {
        return Err(refuse(relative, PathProblem::TooLong));
    }
    Ok(PathBuf::from(joined))
}

/// The check of [`contained_join`] without the join: for names that are used relative to an open [`crate::Dir`].
///
/// # Errors
///
/// [`PathError`], with the name and the rule.
pub fn check_relative(relative: &str) -> Result<(), PathError> {
    match problem_of(relative) {
        None => Ok(()),
        Some(problem) => Err(refuse(relative, problem)),
    }
}

fn refuse(name: &str, problem: PathProblem) -> PathError {
    PathError { name: name.chars().take(200).collect(), problem }
}

fn problem_of(relative: &str) -> Option<PathProblem> {
    if is_plain(relative.as_bytes()) { None } else { first_problem(relative) }
}

fn first_problem(relative: &str) -> Option<PathProblem> {
    let bytes = relative.as_bytes();
    if bytes.contains(&0) {
        return Some(PathProblem::Nul);
    }
    if bytes.len() > MAX_PATH_BYTES {
        return Some(PathProblem::TooLong);
    }
    if matches!(bytes, [b'/' | b'\\', ..]) {
        return Some(PathProblem::Absolute);
    }
    if matches!(bytes, [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        return Some(PathProblem::Drive);
    }
    if bytes.contains(&b'\\') {
        if cfg!(windows) {
            return Some(PathProblem::Backslash);
        }
        if relative.split(['/', '\\']).any(|piece| piece == "..") {
            return Some(PathProblem::ParentDir);
        }
    }
    relative.split('/').find_map(|component| match component {
        "" => Some(PathProblem::Empty),
        "." => Some(PathProblem::CurrentDir),
        ".." => Some(PathProblem::ParentDir),
        _ if component.len() > MAX_COMPONENT_BYTES => Some(PathProblem::TooLong),
        _ => None,
    })
}

/// Whether a path has nothing in it that need be looked at closely: of every file that is made, in one pass.
fn is_plain(bytes: &[u8]) -> bool {
    let is_usual = |component: &[u8]| {
        component.len() <= MAX_COMPONENT_BYTES && component.first().is_some_and(|first| *first != b'.')
    };
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            0 | b'\\' | b':' => return false,
            b'/' if !is_usual(&bytes[start..at]) => return false,
            b'/' => start = at + 1,
            _ => {}
        }
    }
    bytes.len() <= MAX_PATH_BYTES && is_usual(&bytes[start..])
}

#[cfg(test)]
mod tests;
