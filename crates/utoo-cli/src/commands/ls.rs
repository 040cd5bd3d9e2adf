//! `utoo ls`: what is installed, who wants it, and what is wrong with it.
//!
//! [`actual`] reads the disk: what stands in `node_modules` counts, not what a lockfile says; the overrides of package.json
//! count as for an install. [`view`] walks from the
//! project along the dependencies, breadth first, and makes what is shown.

mod actual;
mod store;
mod view;

use utoo_types::{Spec, SpecContext};

use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::output::Done;
use actual::Actual;
use view::{Selection, View};

pub(super) fn ls(context: &Context, names: &[String]) -> CliResult<Done> {
    let actual = Actual::read(context)?;
    let display = context.config.display();
    let wanted = names
        .iter()
        .map(|name| Ok(Spec::parse(name, &SpecContext { directory: context.cwd.clone(), home: None })?))
        .collect::<CliResult<Vec<_>>>()?;
    let selection = Selection {
        depth: match display.depth {
            Some(depth) => depth,
            None if display.all || !wanted.is_empty() => usize::MAX,
            None => 0,
        },
        omit: context.config.install().omit,
        workspaces: selected_folders(context)?,
        wanted,
    };
    let view = View::new(&actual, &selection);
    let text = if display.parseable {
        view.parseable(display.long)
    } else {
        view.tree(display.long, display.unicode)
    };
    let mut result = view.json();
    if !view.problems.is_empty() {
        context.output.text(&text);
        let message =
            format!("{} with what is installed", crate::output::plural(view.problems.len(), "problem"));
        let mut error =
            CliError::new(Category::Precondition, "ELSPROBLEMS", message).detail("tree", result.take());
        error.causes.clone_from(&view.problems);
        return Err(error.hint("`utoo install` repairs what package.json asks for"));
    }
    if !selection.wanted.is_empty() && view.is_empty() {
        context.output.text(&text);
        let message = format!("not installed: {}", names.join(", "));
        return Err(CliError::new(Category::NotFound, "ENOTINSTALLED", message));
    }
    Ok(Done { text, result, summary: String::new() })
}

fn selected_folders(context: &Context) -> CliResult<Vec<std::path::PathBuf>> {
    if context.config.workspaces().selected.is_empty() {
        return Ok(Vec::new());
    }
    Ok(crate::project::selected(&context.config)?.into_iter().map(|package| package.folder).collect())
}
