//! `utoo clean`: the cache goes.

use std::path::Path;

use serde_json::json;

use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::output::{Done, bytes, plural};

/// What utoo makes in its cache folder. Nothing else in there is touched: `--cache-dir` may name any folder.
const OWN: [&str; 6] = ["manifests", "store", "git", "tmp", "node-version.json", crate::script::NODE_GYP_BIN];

pub(super) fn clean(context: &Context) -> CliResult<Done> {
    let cache = context.config.cache_dir();
    if cache.parent().is_none() {
        return Err(CliError::new(Category::Usage, "EUSAGE", "the file system's root cannot be a cache"));
    }
    let mut total = Size::default();
    for name in OWN {
        let path = cache.join(name);
        measure(&path, &mut total);
        remove(&path)?;
    }
    // Only where nothing else is in there.
    let _ = utoo_fs::remove_dir(cache);
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

/// Counts what can be read; what cannot is found out when it is removed. What a link points to is not counted.
fn measure(path: &Path, total: &mut Size) {
    let Ok(found) = path.symlink_metadata() else { return };
    if found.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            measure(&entry.path(), total);
        }
    } else {
        total.files += 1;
        total.bytes += found.len();
    }
}

/// A folder with all it holds, or a file; a link goes, and what it points to stays.
fn remove(path: &Path) -> CliResult<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => Ok(utoo_fs::remove_dir_all(path)?),
        Ok(_) => utoo_fs::remove_file(path).map_err(|error| CliError::io("cannot remove", path, &error)),
        Err(_) => Ok(()),
    }
}
