//! `utoo store` and `utoo cache`: looking after what utoo keeps for all projects.

use std::time::Instant;

use serde_json::{Value, json};
use utoo_installer::{Removal, Store, StoreEntry};

use crate::args::StoreAction;
use crate::context::Context;
use crate::error::CliResult;
use crate::output::{Done, Phase, bytes, duration, plural};

pub(super) fn store(context: &Context, action: StoreAction) -> CliResult<Done> {
    let store = Store::open(context.config.cache_dir());
    match action {
        StoreAction::Verify => verify(context, &store),
        StoreAction::Prune => prune(context, &store),
        StoreAction::Path => Ok(path(store.root())),
    }
}

/// Reads every byte again, and removes what is damaged.
pub(super) fn verify(context: &Context, store: &Store) -> CliResult<Done> {
    let progress = context.output.progress();
    let started = Instant::now();
    progress.begin(Phase::Verifying);
    let packages = store.count()?;
    progress.add_total(packages as u64);
    let damages = store.verify_each(&|| progress.tick("packages"))?;
    progress.end(Phase::Verifying, started, &plural(packages, "package"));
    progress.clear();
    let mut text = String::new();
    for damage in &damages {
        let what = damage.file.as_deref().unwrap_or("its index");
        text.push_str(&format!("removed {}: {what} was damaged\n", damage.entry.display()));
    }
    let took = duration(started.elapsed());
    let checked = plural(packages, "package");
    let summary = match damages.len() {
        0 => format!("checked {checked} in {took}: all as they were stored"),
        count => format!(
            "checked {checked} in {took}: {count} damaged and removed; they are fetched again when needed"
        ),
    };
    let damaged: Vec<Value> = damages
        .iter()
        .map(|damage| json!({ "entry": damage.entry.to_string_lossy(), "file": damage.file }))
        .collect();
    let result = json!({ "path": store.root().to_string_lossy(), "packages": packages, "damaged": damaged });
    Ok(Done { text, summary, result })
}

fn prune(context: &Context, store: &Store) -> CliResult<Done> {
    let removal = if context.config.install().dry_run { Removal::Reckon } else { Removal::Do };
    let removed = store.prune(removal)?;
    let total: u64 = removed.iter().map(|entry| entry.bytes).sum();
    let word = match removal {
        Removal::Do => "removed",
        Removal::Reckon => "would remove",
    };
    let text: String = removed.iter().map(|entry| format!("{}\n", label(entry))).collect();
    Ok(Done {
        text: if context.output.is_verbose() || removal == Removal::Reckon { text } else { String::new() },
        summary: format!(
            "{word} {} ({}) that no project is linked to",
            plural(removed.len(), "package"),
            bytes(total)
        ),
        result: json!({ "path": store.root().to_string_lossy(), "packages": packages(&removed), "bytes": total }),
    })
}

/// What `cache ls` shows.
pub(super) fn list(context: &Context) -> CliResult<Done> {
    let store = Store::open(context.config.cache_dir());
    let all = store.list()?;
    let total: u64 = all.iter().map(|entry| entry.bytes).sum();
    Ok(Done {
        text: all.iter().map(|entry| format!("{}\n", label(entry))).collect(),
        summary: format!("{} ({})", plural(all.len(), "package"), bytes(total)),
        result: json!({ "path": store.root().to_string_lossy(), "packages": packages(&all), "bytes": total }),
    })
}

pub(super) fn path(path: &std::path::Path) -> Done {
    let path = path.to_string_lossy();
    Done { text: format!("{path}\n"), summary: String::new(), result: json!({ "path": path }) }
}

fn label(entry: &StoreEntry) -> String {
    let name = if entry.name.is_empty() { entry.entry.to_string_lossy() } else { entry.name.as_str().into() };
    format!("{name}@{} ({}, {})", entry.version, plural(entry.files, "file"), bytes(entry.bytes))
}

fn packages(entries: &[StoreEntry]) -> Value {
    let one = |entry: &StoreEntry| {
        json!({
            "name": entry.name, "version": entry.version, "files": entry.files, "bytes": entry.bytes,
            "entry": entry.entry.to_string_lossy(),
        })
    };
    entries.iter().map(one).collect()
}
