//! `utoo cache`: the cache as users of npm know it.

use utoo_installer::Store;

use super::{clean, store};
use crate::args::CacheAction;
use crate::context::Context;
use crate::error::CliResult;
use crate::output::Done;

pub(super) fn cache(context: &Context, action: CacheAction) -> CliResult<Done> {
    match action {
        CacheAction::Verify => store::verify(context, &Store::open(context.config.cache_dir())),
        CacheAction::Clean => clean::clean(context),
        CacheAction::Ls => store::list(context),
        CacheAction::Path => Ok(store::path(context.config.cache_dir())),
    }
}
