//! The version of node that packages will run on.
//!
//! npm is node and knows its own version. utoo asks `node --version`, which takes 6 ms and more, once for each node: the answer
//! is kept in the cache, `node-version.json`, one line: the program's real path, size, modification time in nanoseconds,
//! and version. It is stale when any of the first three has changed; anything unreadable is a miss.
//!
//! Only node's own program is remembered: the commands that version managers put in the `PATH` in its place (Volta, mise, proto,
//! asdf) say another version in another project, and stay the same file.

use std::path::{Path, PathBuf};
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
    /// Changes whenever the program does; `None` where it is not node itself.
    key: Option<Value>,
    cache: PathBuf,
}

/// In bytes. node's program has been larger since version 6, and commands that start it are smaller by far.
const LEAST_SIZE: u64 = 16 << 20;

impl Node {
    fn find(context: &Context) -> Option<Self> {
        Self::at(&find_node(context.env.get("PATH")?)?, context.config.cache_dir())
    }

    fn at(command: &Path, cache: &Path) -> Option<Self> {
        let program = command.canonicalize().ok()?;
        let found = program.metadata().ok()?;
        let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos().to_string();
        let is_node = program.file_name()?.to_str()?.starts_with("node") && found.len() >= LEAST_SIZE;
        let key = is_node.then(|| json!([program.to_string_lossy(), found.len(), modified]));
        Some(Self { program: command.to_owned(), key, cache: cache.to_owned() })
    }

    fn file(&self) -> PathBuf {
        self.cache.join("node-version.json")
    }

    fn recall(&self) -> Option<Version> {
        let key = self.key.as_ref()?;
        let text = utoo_fs::read(self.file()).ok()?;
        let record: Value = serde_json::from_slice(&text).ok()?;
        (record["node"] == *key).then(|| Version::parse(record["version"].as_str()?).ok())?
    }

    fn ask(&self) -> Option<Version> {
        let output = Command::new(&self.program).arg("--version").stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = Version::parse_loose(text.trim()).ok()?;
        if let Some(key) = &self.key {
            let record = json!({ "node": key, "version": version.to_string() }).to_string();
            // Only a convenience: a cache that cannot be written is no error here.
            if utoo_fs::create_dir_all(&self.cache).is_ok() {
                let _ = utoo_fs::write_atomic(self.file(), record);
            }
        }
        Some(version)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A program of a size in bytes that says a version.
    fn program(at: &Path, version: &str, size: u64) {
        let text = format!("#!/bin/sh\necho {version}\nexit\n");
        utoo_fs::write_atomic_with_mode(at, text, 0o755).unwrap();
        std::fs::OpenOptions::new().write(true).open(at).unwrap().set_len(size).unwrap();
    }

    fn said(version: &str) -> Option<Version> {
        Version::parse(version).ok()
    }

    #[test]
    fn node_is_remembered_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (command, cache) = (folder.path().join("node"), folder.path().join("cache"));
        program(&folder.path().join("node-20"), "v20.1.0", LEAST_SIZE);
        symlink("node-20", &command).unwrap();
        let node = Node::at(&command, &cache).unwrap();
        assert_eq!((node.recall(), node.ask()), (None, said("20.1.0")));
        assert_eq!(Node::at(&command, &cache).unwrap().recall(), said("20.1.0"));
        program(&folder.path().join("node-20"), "v20.2.0", LEAST_SIZE + 1);
        let node = Node::at(&command, &cache).unwrap();
        assert_eq!((node.recall(), node.ask()), (None, said("20.2.0")));
    }

    /// The version that a version manager's command says is the project's: it is asked each time, under the name that it was
    /// found by, which is how it knows what it is asked for.
    #[test]
    fn a_version_managers_command_is_asked_each_time() {
        let shims = [("small", 4096), ("volta-shim", LEAST_SIZE)];
        for (name, size) in shims {
            let folder = tempfile::tempdir().unwrap();
            let (command, cache) = (folder.path().join("node"), folder.path().join("cache"));
            let shim = folder.path().join(name);
            program(&shim, "$(test \"${0##*/}\" = node && cat \"${0%/*}/wanted\")", size);
            symlink(name, &command).unwrap();
            for version in ["18.0.0", "22.0.0"] {
                utoo_fs::write_atomic(folder.path().join("wanted"), version).unwrap();
                let node = Node::at(&command, &cache).unwrap();
                assert_eq!((node.recall(), node.ask()), (None, said(version)), "{name}");
            }
            assert!(!cache.exists(), "{name}");
        }
    }
}
