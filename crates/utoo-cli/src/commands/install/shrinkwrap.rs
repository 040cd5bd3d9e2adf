//! `utoo shrinkwrap`: the lockfile under the name by which it is published.

use std::sync::Arc;

use serde_json::json;
use utoo_lockfile::Entry;

use super::inputs::Inputs;
use super::refresh::Refresh;
use super::save;
use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::output::Done;

const SHRINKWRAP: &str = "npm-shrinkwrap.json";

/// Writes npm-shrinkwrap.json from the lockfile, or for want of one from what is installed, and removes the
/// package-lock.json that it came from. Nothing is resolved.
pub(crate) fn shrinkwrap(context: &Context) -> CliResult<Done> {
    let inputs = Inputs::read(context)?;
    let before = inputs.lock(context)?;
    let mut tree = before.clone().unwrap_or_default();
    tree.packages.values_mut().for_each(Entry::forget_unknown);
    let manifest = inputs.root.json.manifest();
    let workspaces = inputs.root.json.value().get("workspaces").cloned().map(Arc::new);
    let root = Entry::from_folder(manifest, "", workspaces.as_ref());
    tree.packages.insert("".into(), root);
    let name = match manifest.name.as_str() {
        "" => context.root().file_name().unwrap_or_default().to_string_lossy().into_owned(),
        name => name.to_owned(),
    };
    tree.name = Some(name.into());
    tree.version = (!manifest.raw_version.is_empty()).then(|| manifest.raw_version.clone());
    let saving = save::Saving::of(context, &Refresh::default());
    save::settle_document(context, (&inputs, saving), before.as_ref(), &mut tree);
    let path = context.root().join(SHRINKWRAP);
    let packages = super::count(&tree);
    save::write(&path, &save::lockfile_text(context, &tree))?;
    let renamed = inputs.lock_text.is_some() && inputs.lock_path != path;
    if renamed {
        utoo_fs::remove_file(&inputs.lock_path)
            .map_err(|error| CliError::io("cannot remove", &inputs.lock_path, &error))?;
    }
    let from =
        if renamed { "package-lock.json is npm-shrinkwrap.json now" } else { "wrote npm-shrinkwrap.json" };
    Ok(Done {
        text: String::new(),
        summary: from.to_owned(),
        result: json!({"packages": packages, "renamed": renamed}),
    })
}
