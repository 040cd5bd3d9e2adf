//! What a run that writes only the lockfile leaves unfinished, for the next install to finish.
//!
//! Abbreviated metadata lacks the `license`, and where nothing is unpacked nothing tells. The lockfile cannot say that this
//! is why it has none: npm 7 to 10 wrote none either, and npm 11 leaves such entries as they are. So a note in the cache
//! does, one for each project. Without it, on another machine or once the cache is gone, the entries stay as they are.
//!
//! The note is `<cache>/unfinished/<16 hexadecimal digits of the project's folder>`, lines of text: `1 ` (the version) and
//! 16 digits of the lockfile's text, then the locations of the entries in question. One that cannot be read, or is of
//! another lockfile, is none.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use utoo_installer::Completion;
use utoo_lockfile::Lockfile;

use super::inputs;
use crate::context::Context;

const VERSION: &str = "1 ";
/// A note longer than this is none; that of alotta-files has 50 kB.
const MAX_LENGTH: u64 = 64 << 20;

/// The note of a project.
pub(super) struct Unfinished {
    path: PathBuf,
    locations: BTreeSet<Arc<str>>,
}

impl Unfinished {
    /// What is unfinished in a lockfile of this text.
    pub(super) fn read(context: &Context, lock_text: Option<&str>) -> Self {
        let name = digits(&context.root());
        let path = context.config.cache_dir().join("unfinished").join(name);
        let note = lock_text.and_then(|_| read(&path)).unwrap_or_default();
        let (head, locations) = note.split_once('\n').unwrap_or_default();
        let is_of_this = |of: &str| lock_text.is_some_and(|text| of == digits(&text));
        let locations = match head.strip_prefix(VERSION) {
            Some(of) if is_of_this(of) => locations.lines().map(Arc::from).collect(),
            _ => BTreeSet::new(),
        };
        Self { path, locations }
    }

    /// Which entries of `tree` may take from their packages what abbreviated metadata lacks: those that the lockfile
    /// before had not, and those that are unfinished in it.
    pub(super) fn completion(&self, before: Option<&Lockfile>, tree: &Lockfile) -> Completion {
        match inputs::completion(before, tree) {
            Completion::Only(mut fresh) => {
                fresh.extend(self.locations.iter().cloned());
                Completion::Only(fresh)
            }
            all => all,
        }
    }

    /// Notes what is unfinished in the lockfile that was written. What cannot be noted is not worth an error.
    pub(super) fn note(self, before: Option<&Lockfile>, tree: &Lockfile, text: &str) {
        let completion = self.completion(before, tree);
        let locations: Vec<&str> = match &completion {
            Completion::None => Vec::new(),
            Completion::All => tree.packages.keys().map(|location| &**location).collect(),
            Completion::Only(locations) => locations.iter().map(|location| &**location).collect(),
        };
        if locations.is_empty() {
            return self.forget();
        }
        let note = format!("{VERSION}{}\n{}\n", digits(&text), locations.join("\n"));
        let folder = self.path.parent().unwrap_or(&self.path);
        if utoo_fs::create_dir_all(folder).is_ok() {
            let _ = utoo_fs::write_atomic(&self.path, note);
        }
    }

    /// Says that nothing is unfinished any more.
    pub(super) fn forget(self) {
        if !self.locations.is_empty() {
            let _ = utoo_fs::remove_file(&self.path);
        }
    }
}

fn read(path: &std::path::Path) -> Option<String> {
    let mut note = String::new();
    std::fs::File::open(path).ok()?.take(MAX_LENGTH).read_to_string(&mut note).ok()?;
    Some(note)
}

/// Tells one from another; nothing hangs on who could make two of them equal.
fn digits(value: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
