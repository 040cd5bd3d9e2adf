//! Which package.json files a command is about: the project's, or those of the workspaces that flags select.

use std::sync::Arc;

use utoo_installer::Scope;
use utoo_lockfile::{Lockfile, nested_location};
use utoo_types::Dependencies;

use super::inputs::Inputs;
use crate::context::Context;
use crate::error::CliResult;
use crate::project::selected;

/// The packages that are meant.
pub(super) struct Targets {
    /// Their locations, empty for the project.
    locations: Vec<Arc<str>>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No flag: everything is installed.
    Everything,
    /// `--workspace`, `--workspaces`: only these, and what they lead to.
    Selected,
    /// `--no-workspaces`: the project alone.
    ProjectOnly,
}

impl Targets {
    /// # Errors
    /// `ENOWORKSPACES` for a name that no workspace has.
    pub(super) fn of(context: &Context, inputs: &Inputs) -> CliResult<Self> {
        let settings = context.config.workspaces();
        let kind = match settings.all {
            Some(false) => Kind::ProjectOnly,
            None if settings.selected.is_empty() => Kind::Everything,
            _ => Kind::Selected,
        };
        if kind != Kind::Selected {
            return Ok(Self { locations: vec!["".into()], kind });
        }
        let meant = selected(&context.config)?;
        let is_meant = |folder: &std::path::Path| meant.iter().any(|package| package.folder == folder);
        let root = is_meant(&inputs.root.folder).then(|| Arc::from(""));
        let below = inputs.workspaces.iter().filter(|workspace| is_meant(&workspace.package.folder));
        let below = below.map(|workspace| Arc::clone(&workspace.location));
        Ok(Self { locations: root.into_iter().chain(below).collect(), kind })
    }

    pub(super) fn locations(&self) -> &[Arc<str>] {
        &self.locations
    }

    /// The workspaces whose scripts run.
    pub(super) fn workspaces(&self, inputs: &Inputs) -> Vec<Arc<str>> {
        match self.kind {
            Kind::Everything => inputs.workspace_locations(),
            Kind::Selected | Kind::ProjectOnly => {
                self.locations.iter().filter(|location| !location.is_empty()).cloned().collect()
            }
        }
    }

    /// What of the tree is installed.
    pub(super) fn scope(&self, inputs: &Inputs, tree: &Lockfile) -> Scope {
        if self.kind == Kind::Everything {
            return Scope::All;
        }
        let links = tree.packages.iter().filter(|(_, entry)| entry.link);
        let target = |resolved: Option<&Arc<str>>, among: &[Arc<str>]| {
            resolved.is_some_and(|resolved| among.contains(resolved))
        };
        let meant = links.filter(|(_, entry)| target(entry.resolved.as_ref(), &self.locations));
        let mut starts: Vec<Arc<str>> = meant.map(|(location, _)| Arc::clone(location)).collect();
        let root = self.locations.iter().any(|location| location.is_empty());
        if root {
            let all = inputs.workspace_locations();
            let manifest = inputs.root.json.manifest();
            let names = |block: &Dependencies| -> Vec<String> {
                block.iter().map(|(name, _)| nested_location("", name.as_str())).collect()
            };
            let blocks = [
                &manifest.dependencies,
                &manifest.dev_dependencies,
                &manifest.optional_dependencies,
                &manifest.peer_dependencies,
            ];
            let own = blocks.into_iter().flat_map(names);
            let found = own.filter_map(|location| tree.packages.get_key_value(location.as_str()));
            // An edge to a workspace is the workspace's, whatever the project says of that name.
            let plain = found.filter(|(_, entry)| !(entry.link && target(entry.resolved.as_ref(), &all)));
            starts.extend(plain.map(|(location, _)| Arc::clone(location)));
        }
        Scope::From { starts, root }
    }
}
