//! What an install did, in a line and as JSON.

use std::time::Instant;

use serde_json::json;
use utoo_installer::Installed;
use utoo_lockfile::Lockfile;
use utoo_registry::UnifiedRegistry;

use super::save::Saved;
use crate::context::Context;
use crate::output::{Done, bytes, duration, plural};

pub(super) fn up_to_date(context: &Context) -> Done {
    Done {
        text: String::new(),
        summary: format!("up to date in {}", duration(context.started.elapsed())),
        result: json!({
            "upToDate": true, "added": 0, "changed": 0, "removed": 0, "fromCache": 0, "downloaded": 0,
            "downloadedBytes": 0, "packageJsonWritten": false, "lockfileWritten": false, "scriptsSkipped": [],
        }),
    }
}

/// After `deps`, `--package-lock-only` and `--dry-run`.
pub(super) fn resolved_only(
    tree: &Lockfile,
    registry: &UnifiedRegistry,
    saved: Saved,
    started: &Instant,
) -> Done {
    let packages = super::count(tree);
    let stats = registry.stats();
    let lock = if saved.lockfile { "lockfile written" } else { "lockfile unchanged" };
    Done {
        text: String::new(),
        summary: format!(
            "resolved {} ({}, {} downloaded), {lock}, in {}",
            plural(packages, "package"),
            plural(usize::try_from(stats.requests).unwrap_or(usize::MAX), "request"),
            bytes(stats.bytes_received),
            duration(started.elapsed())
        ),
        result: json!({
            "packages": packages, "requests": stats.requests, "downloadedBytes": stats.bytes_received,
            "packageJsonWritten": saved.package_json, "lockfileWritten": saved.lockfile,
        }),
    }
}

pub(super) fn installed(context: &Context, installed: &Installed, saved: Saved) -> Done {
    let done = &installed.summary;
    let mut parts = Vec::new();
    for (count, word) in [(done.added, "added"), (done.changed, "changed"), (done.removed, "removed")] {
        if count > 0 {
            parts.push(match parts.is_empty() {
                true => format!("{word} {}", plural(count, "package")),
                false => format!("{word} {count}"),
            });
        }
    }
    let took = duration(context.started.elapsed());
    let mut summary = match parts.is_empty() {
        true => format!("up to date, {}, in {took}", plural(done.kept, "package")),
        false => {
            let from = format!("{} from cache, {} downloaded", done.from_cache, bytes(done.downloaded_bytes));
            format!("{} ({from}) in {took}", parts.join(", "))
        }
    };
    let skipped: Vec<&str> = done.scripts_skipped.iter().map(|skipped| skipped.package.as_str()).collect();
    if !skipped.is_empty() && !context.config.scripts().ignore_scripts {
        let wanted = plural(skipped.len(), "package");
        summary.push_str(&format!("\ninstall scripts of {wanted} were not run: {}", skipped.join(", ")));
    }
    Done {
        text: String::new(),
        summary,
        result: json!({
            "upToDate": parts.is_empty(), "added": done.added, "changed": done.changed, "removed": done.removed,
            "kept": done.kept, "leftOut": done.left_out, "fromCache": done.from_cache,
            "downloaded": done.downloaded, "downloadedBytes": done.downloaded_bytes,
            "packageJsonWritten": saved.package_json, "lockfileWritten": saved.lockfile,
            "scriptsRun": done.scripts_run, "scriptsSkipped": skipped,
        }),
    }
}
