//! The version of node that packages will run on.
//!
//! npm is node and knows its own version. utoo asks `node --version`, which takes 6 ms and more, once for each node: the answer
//! is kept in the cache, `node-version.json`, one line: the program's real path, size, modification time in nanoseconds,
//! and version. It is stale when any of the first three has changed; anything unreadable is a miss.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use utoo_types::Version;

use crate::context::Context;
use crate::script::find_node;

/// `None` where there is no node, or one that gives no version: nothing is then checked.
pub(in crate::commands) fn version(context: &Context) -> Option<Version> {
    let node = Node::find(context)?;
    node.recall().or_else(|| node.ask())
}

/// [`version`], with everything else going on while node is asked. To be awaited within a tokio runtime.
pub(in crate::commands) async fn version_later(context: &Context) -> Option<Version> {
    let node = Node::find(context)?;
    match node.recall() {
        Some(known) => Some(known),
        None => tokio::task::spawn_blocking(move || node.ask()).await.ok().flatten(),
    }
}

/// The node of the `PATH`.
struct Node {
    program: PathBuf,
    /// Changes whenever the program does.
    key: Value,
    cache: PathBuf,
}

impl Node {
    fn find(context: &Context) -> Option<Self> {
        let program = find_node(context.env.get("PATH")?)?.canonicalize().ok()?;
        let found = program.metadata().ok()?;
        let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos().to_string();
        let key = json!([program.to_string_lossy(), found.len(), modified]);
        Some(Self { program, key, cache: context.config.cache_dir().to_owned() })
    }

    fn file(&self) -> PathBuf {
        self.cache.join("node-version.json")
    }

    fn recall(&self) -> Option<Version> {
        let text = utoo_fs::read(self.file()).ok()?;
        let record: Value = serde_json::from_slice(&text).ok()?;
        (record["node"] == self.key).then(|| Version::parse(record["version"].as_str()?).ok())?
    }

    fn ask(&self) -> Option<Version> {
        let output = Command::new(&self.program).arg("--version").stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = Version::parse_loose(text.trim()).ok()?;
        let record = json!({ "node": self.key, "version": version.to_string() }).to_string();
        // Only a convenience: a cache that cannot be written is no error here.
        if utoo_fs::create_dir_all(&self.cache).is_ok() {
            let _ = utoo_fs::write_atomic(self.file(), record);
        }
        Some(version)
    }
}
