//! `utoo approve-scripts`, `deny-scripts`, `ignored-scripts`: the dependencies that have install scripts, and what the
//! project says of them.

mod choose;

use std::sync::Arc;

use serde_json::{Value, json};
use utoo_installer::{Policy, SkipReason, Verdict, install_scripts};
use utoo_lockfile::{Entry, Lockfile};
use utoo_types::{Pin, ScriptChange, ScriptTarget, Spec, SpecContext, SpecKind, Version};

use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::output::{Done, on_one_line, plural};
use crate::project::{Package, workspaces};

/// What is written about the packages that are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Approve,
    Deny,
}

/// An installed package that has install scripts.
struct Scripted {
    location: Arc<str>,
    /// `name@version`.
    label: String,
    version: Option<Arc<str>>,
    /// What a rule about it has to name; none for what is bundled.
    target: Option<ScriptTarget>,
    verdict: Verdict,
    /// Event and command line.
    scripts: Vec<(String, String)>,
}

/// Writes approvals or denials; or, with `--allow-scripts-pending`, only lists who waits for one.
pub(super) fn decide(context: &Context, decision: Decision, names: &[String]) -> CliResult<Done> {
    let mut root = Package::read(context.root())?;
    let all = scripted(context, &root)?;
    let pending: Vec<&Scripted> = all.iter().filter(|one| one.is_pending()).collect();
    if context.config.scripts().allow_scripts_pending {
        return Ok(listing(&pending, "no install scripts wait for a review"));
    }
    let chosen = match (names, context.config.display().all) {
        ([], true) => pending,
        ([], false) => match choose::choose(context, decision, &pending)? {
            Some(chosen) => chosen,
            None => return Err(usage(decision)),
        },
        (names, _) => named(context, &all, names)?,
    };
    let mut edited = Vec::new();
    for target in targets(&chosen) {
        if let Some(changes) = edit(context, &mut root, decision, &target) {
            edited.push((target, changes));
        }
    }
    if root.json.is_edited() {
        utoo_fs::write_durable(root.json.path(), root.json.to_text())?;
    }
    Ok(outcome(decision, &edited))
}

/// Lists who has install scripts that don't run, and why.
pub(super) fn ignored(context: &Context) -> CliResult<Done> {
    let root = Package::read(context.root())?;
    let all = scripted(context, &root)?;
    let ignored: Vec<&Scripted> = all.iter().filter(|one| one.verdict != Verdict::Allow).collect();
    Ok(listing(&ignored, "every install script may run"))
}

impl Scripted {
    fn new(context: &Context, policy: &Policy, location: &Arc<str>, entry: &Entry) -> CliResult<Self> {
        let name = entry.package_name(location);
        Ok(Self {
            location: location.clone(),
            label: format!("{name}@{}", entry.version.as_deref().unwrap_or("?")),
            version: entry.version.clone(),
            target: policy.script_target(location, entry),
            verdict: policy.verdict(location, entry),
            scripts: install_scripts(&context.root().join(&**location))?,
        })
    }

    fn is_pending(&self) -> bool {
        !matches!(self.verdict, Verdict::Allow | Verdict::Deny(SkipReason::Denied))
    }

    fn is_meant(&self, spec: &Spec) -> bool {
        let Some(name) = spec.name() else {
            return matches!(&self.target, Some(ScriptTarget::Exotic { source })
                if Spec::parse(source, &SpecContext::default()).is_ok_and(|own| spec.is_repository_of(&own)));
        };
        let called = self.label.rsplit_once('@').map(|(name, _)| name);
        let is_named = called == Some(name.as_str())
            || utoo_lockfile::name_of_location(&self.location) == name.as_str()
            || self.target.as_ref().is_some_and(|target| target.label() == name.as_str());
        is_named && fits(spec, self.version.as_deref())
    }
}

/// Everything with an install script in what is installed, or, where nothing is, in the lockfile.
fn scripted(context: &Context, root: &Package) -> CliResult<Vec<Scripted>> {
    let tree = installed_tree(context)?;
    let members = workspaces(root)?;
    let policy = crate::policy::policy(context, root, members.iter())?;
    let own = |location: &str| members.iter().any(|member| member.folder == context.root().join(location));
    let wanting = tree.packages.iter().filter(|(location, entry)| {
        entry.has_install_script && !entry.link && !location.is_empty() && !own(location)
    });
    wanting.map(|(location, entry)| Scripted::new(context, &policy, location, entry)).collect()
}

/// Whether a version is one that a spec of the command line names; one that nobody knows may be.
pub(super) fn fits(spec: &Spec, version: Option<&str>) -> bool {
    let version = version.and_then(|version| Version::parse_loose(version).ok());
    match (spec.kind(), version) {
        (SpecKind::Version(wanted), Some(version)) => *wanted == version,
        (SpecKind::Range(range), Some(version)) => range.satisfies_including_prerelease(&version),
        _ => true,
    }
}

/// What is in `node_modules`, as its own lockfile says; package-lock.json where that is missing.
pub(super) fn installed_tree(context: &Context) -> CliResult<Lockfile> {
    for name in ["node_modules/.package-lock.json", "npm-shrinkwrap.json", "package-lock.json"] {
        let path = context.root().join(name);
        match utoo_fs::read_to_string(&path) {
            Ok(text) if name.starts_with("node_modules") => {
                return Ok(Lockfile::parse_hidden(&text, &path)?);
            }
            Ok(text) => return Ok(Lockfile::parse(&text, &path)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(CliError::io("cannot read", &path, &error)),
        }
    }
    Err(CliError::new(Category::Precondition, "ENOTINSTALLED", "nothing is installed here")
        .hint("`utoo install` first, then see who wants to run scripts"))
}

/// Whoever is meant by a name, or a name with versions.
fn named<'a>(context: &Context, all: &'a [Scripted], names: &[String]) -> CliResult<Vec<&'a Scripted>> {
    let mut chosen = Vec::new();
    for name in names {
        let spec = Spec::parse(name, &SpecContext { directory: context.cwd.clone(), home: None })?;
        let before = chosen.len();
        chosen.extend(all.iter().filter(|one| one.is_meant(&spec)));
        if chosen.len() == before {
            let message = format!("no installed package with install scripts is meant by {name}");
            return Err(CliError::new(Category::NotFound, "ENOMATCH", message)
                .hint("`utoo ignored-scripts` lists those whose scripts don't run"));
        }
    }
    Ok(chosen)
}

/// Each target once, with all its versions.
fn targets(chosen: &[&Scripted]) -> Vec<ScriptTarget> {
    let mut targets: Vec<ScriptTarget> = Vec::new();
    for target in chosen.iter().filter_map(|one| one.target.as_ref()) {
        let same = targets.iter_mut().find(|known| known.label() == target.label());
        match (same, target) {
            (None, _) => targets.push(target.clone()),
            (
                Some(ScriptTarget::Registry { versions, .. }),
                ScriptTarget::Registry { versions: more, .. },
            ) => {
                // Where one of them has no version that is vouched for, no version can be named.
                if versions.is_empty() || more.is_empty() {
                    versions.clear();
                } else {
                    versions.extend(
                        more.iter()
                            .filter(|version| !versions.contains(version))
                            .cloned()
                            .collect::<Vec<_>>(),
                    );
                }
            }
            (Some(_), _) => {}
        }
    }
    targets
}

/// One target's edits; `None` where a denial stands against it, which is told.
fn edit(
    context: &Context,
    root: &mut Package,
    decision: Decision,
    target: &ScriptTarget,
) -> Option<Vec<ScriptChange>> {
    if decision == Decision::Deny {
        return Some(root.json.deny_scripts(target));
    }
    let pin = if context.config.scripts().allow_scripts_pin { Pin::Version } else { Pin::Name };
    if let (Pin::Version, ScriptTarget::Registry { name, versions }) = (pin, target)
        && versions.is_empty()
    {
        context.output.warn(&format!(
            "{name} is approved in every version: its lockfile entry has no address that tells which one it is"
        ));
    }
    match root.json.approve_scripts(target, pin) {
        Ok(changes) => Some(changes),
        Err(refusal) => {
            let key = refusal.key;
            context.output.warn(&format!(
                "{} is denied: take {key:?} out of allowScripts in package.json to approve it",
                target.label()
            ));
            None
        }
    }
}

fn outcome(decision: Decision, edited: &[(ScriptTarget, Vec<ScriptChange>)]) -> Done {
    let word = match decision {
        Decision::Approve => "approved",
        Decision::Deny => "denied",
    };
    let mut text = String::new();
    let mut result = Vec::new();
    let mut any = false;
    for (target, changes) in edited {
        if !changes.is_empty() {
            any = true;
            text.push_str(&format!("{word} {}\n", target.label()));
        }
        for ScriptChange { key, change } in changes {
            text.push_str(&format!("  {change} {key}\n"));
        }
        let changes: Vec<Value> =
            changes.iter().map(|change| json!({ "key": change.key, "change": change.change })).collect();
        result.push(json!({ "name": target.label(), "changes": changes }));
    }
    let summary = match (any, decision) {
        (false, _) => "nothing to do: allowScripts stays as it is".to_owned(),
        (true, Decision::Approve) => "`utoo install` runs what may run now".to_owned(),
        (true, Decision::Deny) => String::new(),
    };
    Done { text, summary, result: json!({ "allowScripts": result }) }
}

fn listing(packages: &[&Scripted], none: &str) -> Done {
    let mut text = String::new();
    for one in packages {
        text.push_str(&format!("{}\n", line(&one.label, &one.scripts, reason_of(one.verdict))));
    }
    let names: Vec<&str> = packages
        .iter()
        .filter(|one| one.is_pending())
        .filter_map(|one| Some(one.target.as_ref()?.label()))
        .collect();
    let summary = match (packages.is_empty(), names.as_slice()) {
        (true, _) => none.to_owned(),
        (false, []) => String::new(),
        (false, names) => format!("to allow them: {}", approve_command(names)),
    };
    let result = packages.iter().map(|one| {
        json!({
            "package": one.label, "location": &*one.location, "key": one.target.as_ref().map(ScriptTarget::label),
            "reason": reason_word(one.verdict), "scripts": commands(&one.scripts),
        })
    });
    Done { text, summary, result: json!({ "packages": result.collect::<Vec<_>>() }) }
}

/// Event to command line, as JSON.
pub(super) fn commands(scripts: &[(String, String)]) -> Value {
    Value::Object(scripts.iter().map(|(event, command)| (event.clone(), command.as_str().into())).collect())
}

/// `esbuild@0.25.0 (postinstall: node install.js): not in allowScripts`
pub(super) fn line(package: &str, scripts: &[(String, String)], why: &str) -> String {
    let scripts: Vec<String> = scripts.iter().map(|(event, command)| format!("{event}: {command}")).collect();
    let scripts = if scripts.is_empty() { String::new() } else { format!(" ({})", scripts.join("; ")) };
    on_one_line(&format!("{package}{scripts}: {why}"))
}

fn reason_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::Deny(reason) => why(reason),
    }
}

pub(super) fn why(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Unreviewed => "not in allowScripts",
        SkipReason::Denied => "denied by allowScripts",
        SkipReason::OtherSource => "allowScripts names the registry's package, and this comes from elsewhere",
        SkipReason::Bundled => "it came inside another package",
    }
}

fn reason_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::Deny(reason) => word(reason),
    }
}

/// The word in JSON.
pub(super) fn word(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Unreviewed => "unreviewed",
        SkipReason::Denied => "denied",
        SkipReason::OtherSource => "otherSource",
        SkipReason::Bundled => "bundled",
    }
}

/// The one command that allows all of these.
pub(super) fn approve_command(names: &[&str]) -> String {
    let mut unique: Vec<String> = Vec::new();
    for name in names.iter().map(|name| word_of_shell(name)) {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    match unique.len() {
        0..=8 => format!("utoo approve-scripts {}", unique.join(" ")),
        _ => format!("utoo approve-scripts --all ({})", plural(unique.len(), "package")),
    }
}

/// A word that a shell takes as it is: the command is there to be copied, and an address may hold what a shell would run.
fn word_of_shell(text: &str) -> String {
    let is_plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '@' | '/' | '-' | '_' | '.' | ':' | '+' | '%' | ',' | '=')
    };
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

fn usage(decision: Decision) -> CliError {
    let command = match decision {
        Decision::Approve => "approve-scripts",
        Decision::Deny => "deny-scripts",
    };
    CliError::usage("which packages?")
        .hint(format!("utoo {command} <package>…, or --all; on a terminal, utoo {command} alone asks"))
}
