//! `bin` as npm normalises it: command names without folders, targets that stay inside the package.

use std::sync::Arc;

use serde_json::Value;

/// The commands of a package named `name`.
///
/// A string is one command under the package's own name without its scope; a list names each command by the
/// target's last component; in an object only the last component of a key counts. Targets are resolved as if
/// the package folder were `/`, so that `..` cannot leave it. What is left without a name or a target is no
/// command.
pub(crate) fn normalize(name: &str, bin: &Value) -> Vec<(Arc<str>, Arc<str>)> {
    let mut commands = Vec::new();
    match bin {
        Value::String(target) => {
            let base = match name.strip_prefix('@') {
                Some(scoped) => scoped.split_once('/').map_or(name, |(_, base)| base),
                None => name,
            };
            push(&mut commands, base, target);
        }
        Value::Array(targets) => {
            for target in targets.iter().filter_map(Value::as_str) {
                push(&mut commands, target, target);
            }
        }
        Value::Object(entries) => {
            for (key, target) in entries {
                if let Some(target) = target.as_str() {
                    push(&mut commands, key, target);
                }
            }
        }
        _ => {}
    }
    commands
}

fn push(commands: &mut Vec<(Arc<str>, Arc<str>)>, key: &str, target: &str) {
    let name = last_component(key);
    let target = contained(target);
    // `__proto__` is no key of an object in JavaScript, so npm never sees such a command.
    if matches!(name, "" | "." | ".." | "__proto__") || target.is_empty() {
        return;
    }
    let target: Arc<str> = target.into();
    match commands.iter_mut().find(|(known, _)| **known == *name) {
        Some((_, known)) => *known = target,
        None => commands.push((name.into(), target)),
    }
}

/// What separates components on any system, drive letters included.
const SEPARATORS: [char; 3] = ['/', '\\', ':'];

fn last_component(path: &str) -> &str {
    path.trim_end_matches(SEPARATORS).rsplit(SEPARATORS).next().unwrap_or_default()
}

/// A path relative to the package's folder, with `/` between its components and never above the folder. A
/// separator at its end stays.
fn contained(path: &str) -> String {
    let mut components: Vec<&str> = Vec::new();
    for component in path.split(SEPARATORS) {
        match component {
            "" | "." => {}
            ".." => {
                components.pop();
            }
            component => components.push(component),
        }
    }
    if !components.is_empty() && path.ends_with(SEPARATORS) {
        components.push("");
    }
    components.join("/")
}
