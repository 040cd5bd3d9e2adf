//! The version of node that packages will run on.
//!
//! npm is node and knows its own version. utoo asks `node --version`, which takes 40 ms, once for each node: the answer
//! is kept in the cache, `node-version.json`, one line: the program's real path, size, modification time in nanoseconds,
//! and version. It is stale when any of the first three has changed; anything unreadable is a miss.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use utoo_types::Version;

use crate::context::Context;
use crate::script::find_node;

/// `None` where there is no node, or one that gives no version: nothing is then checked.
pub(in crate::commands) fn version(context: &Context) -> Option<Version> {
    let node = find_node(context.env.get("PATH")?)?;
    let real = node.canonicalize().ok()?;
    let found = real.metadata().ok()?;
    let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos().to_string();
    let key = json!([real.to_string_lossy(), found.len(), modified]);
    let file = context.config.cache_dir().join("node-version.json");
    if let Some(known) = recall(&file, &key) {
        return Some(known);
    }
    let output = Command::new(&real).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = Version::parse_loose(text.trim()).ok()?;
    let record = json!({ "node": key, "version": version.to_string() }).to_string();
    // Only a convenience: a cache that cannot be written is no error here.
    if utoo_fs::create_dir_all(context.config.cache_dir()).is_ok() {
        let _ = utoo_fs::write_atomic(&file, record);
    }
    Some(version)
}

fn recall(file: &Path, key: &Value) -> Option<Version> {
    let text = utoo_fs::read(file).ok()?;
    let record: Value = serde_json::from_slice(&text).ok()?;
    (record["node"] == *key).then(|| Version::parse(record["version"].as_str()?).ok())?
}
