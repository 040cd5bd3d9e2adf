//! What packages may do in this project: the installer's policy, from package.json, the configuration and the flags.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use utoo_config::Layer;
use utoo_installer::{ExoticSubdeps, InstallScripts, Policy, ScriptGate, exotic_specs};
use utoo_types::{AllowScripts, Manifest, Spec, SpecContext, SpecKind};

use crate::commands::preparing;
use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::project::Package;

/// The policy for a project whose package.json files are these.
///
/// # Errors
/// `--allow-scripts` on the command line: what is allowed for one install only is forgotten by the next.
pub(crate) fn policy<'a>(
    context: &Context,
    root: &'a Package,
    workspaces: impl Iterator<Item = &'a Package>,
) -> CliResult<Policy> {
    let config = &context.config;
    let scripts = config.scripts();
    Ok(Policy {
        project: context.root().to_owned(),
        allow_scripts: allow_scripts(context, root)?,
        gate: match (scripts.dangerously_allow_all_scripts, scripts.strict_allow_scripts) {
            (true, _) => ScriptGate::Open,
            (false, true) => ScriptGate::Strict,
            (false, false) => ScriptGate::Rules,
        },
        install_scripts: match scripts.ignore_scripts {
            true => InstallScripts::Ignored,
            false => InstallScripts::Wanted,
        },
        preparing: preparing(context),
        registries: config.registry_hosts().clone(),
        own_sources: own_sources(context.env.get("HOME").map(PathBuf::from), root, workspaces),
        exotic_subdeps: match config.resolve().block_exotic_subdeps {
            true => ExoticSubdeps::Refuse,
            false => ExoticSubdeps::Allow,
        },
    })
}

/// npm's rule: what the command line allows would be forgotten by the next install.
///
/// # Errors
/// `--allow-scripts` on the command line.
pub(crate) fn refuse_flag(context: &Context) -> CliResult<()> {
    let setting = context.config.get_raw("allow-scripts");
    if setting.is_none_or(|setting| setting.layer != Layer::Flags) {
        return Ok(());
    }
    let message = "--allow-scripts would hold for this one command only";
    Err(CliError::new(Category::Usage, "EALLOWSCRIPTS", message)
        .hint("`utoo approve-scripts <package>` writes it to package.json; .npmrc takes allow-scripts= too"))
}

/// `allowScripts` of package.json; where it has none, or an empty one, `allow-scripts` of the configuration.
fn allow_scripts(context: &Context, root: &Package) -> CliResult<AllowScripts> {
    refuse_flag(context)?;
    let keys = &context.config.scripts().allow_scripts;
    let rules = AllowScripts::from_value(root.json.value().get("allowScripts"), context.root());
    let rules = match (rules.is_empty(), keys.is_empty()) {
        (true, _) => AllowScripts::from_keys(keys.iter().map(String::as_str), context.root()),
        (false, true) => rules,
        (false, false) => {
            context.output.warn("allow-scripts of .npmrc is ignored: package.json has allowScripts");
            rules
        }
    };
    for (key, reason) in rules.ignored() {
        context.output.warn(&format!("allowScripts: {key:?} is ignored: {reason}"));
    }
    Ok(rules)
}

/// What is in no registry and asked for by the project, its workspaces, and the folders that those ask for.
fn own_sources<'a>(
    home: Option<PathBuf>,
    root: &'a Package,
    workspaces: impl Iterator<Item = &'a Package>,
) -> Vec<Spec> {
    let mut context = SpecContext { directory: root.folder.clone(), home };
    let mut specs = overrides(root, &context);
    let mut open: Vec<PathBuf> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut take = |package: &Package, open: &mut Vec<PathBuf>| {
        context.directory.clone_from(&package.folder);
        let own = dependencies(package.json.manifest(), &context);
        open.extend(own.iter().filter_map(|spec| match spec.kind() {
            SpecKind::Directory(path) => Some(path.clone()),
            _ => None,
        }));
        specs.extend(own);
    };
    for package in std::iter::once(root).chain(workspaces) {
        take(package, &mut open);
    }
    while let Some(folder) = open.pop() {
        // A folder that cannot be read is the resolver's to complain about.
        if let (true, Ok(Some(package))) = (seen.insert(folder.clone()), Package::find(&folder)) {
            take(&package, &mut open);
        }
    }
    specs
}

fn dependencies(manifest: &Manifest, context: &SpecContext) -> Vec<Spec> {
    let sets = [
        &manifest.dependencies,
        &manifest.dev_dependencies,
        &manifest.optional_dependencies,
        &manifest.peer_dependencies,
    ];
    exotic_specs(sets.into_iter().flatten().map(|(name, spec)| (name.as_str(), &**spec)), context)
}

/// The texts at the ends of `overrides`, however deep.
fn overrides(root: &Package, context: &SpecContext) -> Vec<Spec> {
    fn collect<'a>(name: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
        match value {
            Value::String(spec) => found.push((name, spec)),
            Value::Object(map) => map.iter().for_each(|(key, value)| match key.as_str() {
                "." => collect(name, value, found),
                key => collect(key, value, found),
            }),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Some(value) = root.json.value().get("overrides") {
        collect("", value, &mut found);
    }
    // A key may carry a range: `name@^1`.
    let without_range =
        |key: &'_ str| key.char_indices().skip(1).find(|(_, letter)| *letter == '@').map(|(at, _)| at);
    let named = found.into_iter().map(|(key, spec)| (without_range(key).map_or(key, |at| &key[..at]), spec));
    exotic_specs(named, context)
}
