//! ls
use crate::context::Context;
use crate::error::CliResult;
use crate::output::Done;
pub(super) fn ls(_context: &Context, _names: &[String]) -> CliResult<Done> {
    Ok(Done::default())
}
