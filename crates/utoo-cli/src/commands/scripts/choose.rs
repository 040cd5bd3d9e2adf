//! Asking a person which packages are meant.

use std::io::IsTerminal;

use super::{Decision, Scripted, line};
use crate::context::Context;
use crate::error::{Category, CliError, CliResult};

/// The packages that a person picks from those that wait for a review; `None` where nobody can be asked.
pub(super) fn choose<'a>(
    context: &Context,
    decision: Decision,
    pending: &[&'a Scripted],
) -> CliResult<Option<Vec<&'a Scripted>>> {
    let on_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !on_terminal || context.output.is_json() {
        return Ok(None);
    }
    if pending.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let question = match decision {
        Decision::Approve => "Whose install scripts may run?",
        Decision::Deny => "Whose install scripts must never run?",
    };
    let lines = pending.iter().map(|one| line(&one.label, &one.scripts, "not reviewed")).collect();
    match inquire::MultiSelect::new(question, lines).raw_prompt() {
        Ok(picked) => Ok(Some(picked.iter().map(|option| pending[option.index]).collect())),
        Err(inquire::InquireError::OperationCanceled | inquire::InquireError::OperationInterrupted) => {
            Err(CliError::new(Category::Script(130), "ECANCELED", "nothing was changed"))
        }
        Err(error) => Err(CliError::new(Category::Local, "EIO", "cannot ask").because_of(&error)),
    }
}
