//! What an install did, in a line and as JSON.

use std::time::Instant;

use serde_json::{Value, json};
use utoo_installer::{FailedOptional, InstallError, Installed, Policy, SkipReason, SkippedScript};
use utoo_lockfile::Lockfile;
use utoo_registry::UnifiedRegistry;
use utoo_types::ScriptTarget;

use super::save::Saved;
use crate::commands::scripts;
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

/// After an install.
pub(super) fn installed(context: &Context, policy: &Policy, installed: &Installed, saved: Saved) -> Done {
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
    summary.push_str(&about_scripts(context, policy, installed));
    Done {
        text: String::new(),
        summary,
        result: json!({
            "upToDate": parts.is_empty(), "added": done.added, "changed": done.changed, "removed": done.removed,
            "kept": done.kept, "leftOut": done.left_out, "fromCache": done.from_cache,
            "downloaded": done.downloaded, "downloadedBytes": done.downloaded_bytes,
            "packageJsonWritten": saved.package_json, "lockfileWritten": saved.lockfile,
            "scriptsRun": done.scripts_run, "scriptsSkipped": names(&done.scripts_skipped),
            "skippedScripts": skipped_scripts(&done.scripts_skipped), "failedOptional": failed(&done.failed_optional),
        }),
    }
}

/// After `rebuild`.
pub(in crate::commands) fn installed_scripts(
    context: &Context,
    policy: &Policy,
    installed: &Installed,
) -> Done {
    let done = &installed.summary;
    let took = duration(context.started.elapsed());
    let rebuilt = plural(done.added + done.changed, "package");
    let ran = plural(done.scripts_run, "script");
    Done {
        text: String::new(),
        summary: format!(
            "rebuilt {rebuilt}, ran {ran}, in {took}{}",
            about_scripts(context, policy, installed)
        ),
        result: json!({
            "rebuilt": done.added + done.changed, "scriptsRun": done.scripts_run,
            "skippedScripts": skipped_scripts(&done.scripts_skipped), "failedOptional": failed(&done.failed_optional),
        }),
    }
}

/// A line for each package that wanted to run a script and did not, and the one command that would allow it.
fn about_scripts(context: &Context, policy: &Policy, installed: &Installed) -> String {
    let mut text = String::new();
    for FailedOptional { package, error } in &installed.summary.failed_optional {
        text.push_str(&format!("\n{package} is optional and left out: {}", in_full(error)));
    }
    let skipped = &installed.summary.scripts_skipped;
    if skipped.is_empty() || context.config.scripts().ignore_scripts {
        return text;
    }
    text.push_str(&format!("\ninstall scripts of {} were not run:", plural(skipped.len(), "package")));
    for one in skipped {
        text.push_str(&format!(
            "\n  {}",
            scripts::line(&one.package, &one.scripts, scripts::why(one.reason))
        ));
    }
    let open = skipped.iter().filter(|one| one.reason != SkipReason::Denied);
    let targets: Vec<ScriptTarget> = open
        .filter_map(|one| policy.script_target(&one.location, installed.tree.get(&one.location)?))
        .collect();
    if !targets.is_empty() {
        let names: Vec<&str> = targets.iter().map(ScriptTarget::label).collect();
        text.push_str(&format!("\nto allow them: {}", scripts::approve_command(&names)));
    }
    text
}

/// An error with what is behind it, on one line.
fn in_full(error: &InstallError) -> String {
    let behind = std::iter::successors(std::error::Error::source(error), |error| error.source());
    behind.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn names(skipped: &[SkippedScript]) -> Vec<&str> {
    skipped.iter().map(|one| one.package.as_str()).collect()
}

fn skipped_scripts(skipped: &[SkippedScript]) -> Value {
    let one = |one: &SkippedScript| {
        json!({
            "package": one.package, "location": &*one.location, "reason": scripts::word(one.reason),
            "scripts": scripts::commands(&one.scripts),
        })
    };
    skipped.iter().map(one).collect()
}

fn failed(failed: &[FailedOptional]) -> Value {
    failed
        .iter()
        .map(|one| json!({ "package": one.package, "error": in_full(&one.error), "code": one.error.code() }))
        .collect()
}
