//! `utoo clean`: the cache goes.

use std::path::Path;

use serde_json::json;

use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::output::{Done, bytes, plural};

/// What utoo makes in its cache folder. Nothing else in there is touched: `--cache-dir` may name any folder.
const OWN: [&str; 4] = ["manifests", "store", "git", "tmp"];

pub(super) fn clean(context: &Context) -> CliResult<Done> {
    let cache = context.config.cache_dir();
    if cache.parent().is_none() {
        return Err(CliError::new(Category::Usage, "EUSAGE", "the file system's root cannot be a cache"));
    }
    let mut total = Size::default();
    for name in OWN {
        let folder = cache.join(name);
        // A link goes, and what it points to stays.
        if folder.is_dir() && !folder.is_symlink() {
            measure(&folder, &mut total);
        }
        utoo_fs::remove_dir_all(&folder).map_err(|error| {
            CliError::new(Category::Local, error.code(), format!("cannot remove {}", folder.display()))
                .because_of(&error)
        })?;
    }
    // Only where nothing else is in there.
    let _ = std::fs::remove_dir(cache);
    let what = format!("{} ({})", plural(total.files, "file"), bytes(total.bytes));
    Ok(Done {
        text: String::new(),
        summary: format!("removed {what} from {}", cache.display()),
        result: json!({ "cacheDir": cache.to_string_lossy(), "files": total.files, "bytes": total.bytes }),
    })
}

#[derive(Default)]
struct Size {
    files: usize,
    bytes: u64,
}

/// Counts what can be read; what cannot is found out when it is removed.
fn measure(folder: &Path, total: &mut Size) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(found) if found.is_dir() => measure(&entry.path(), total),
            Ok(found) => {
                total.files += 1;
                total.bytes += found.len();
            }
            Err(_) => {}
        }
    }
}
