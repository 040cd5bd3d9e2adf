//! Asking a person which packages are meant.

use std::io::IsTerminal;

use utoo_installer::interruption;

use super::{Decision, Scripted, line};
use crate::commands;
use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::output::visible;
use crate::script::script_failed;

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
    let line = |one: &&Scripted| visible(&line(&one.label, &one.scripts, "not reviewed")).into_owned();
    let lines = pending.iter().map(line).collect();
    let prompt = move || {
        let picked = inquire::MultiSelect::new(question, lines).raw_prompt()?;
        Ok(picked.iter().map(|option| option.index).collect::<Vec<_>>())
    };
    match ask(prompt)? {
        Ok(picked) => Ok(Some(picked.into_iter().map(|index| pending[index]).collect())),
        Err(inquire::InquireError::OperationCanceled | inquire::InquireError::OperationInterrupted) => {
            Err(CliError::new(Category::Script(130), "ECANCELED", "nothing was changed"))
        }
        Err(error) => Err(CliError::new(Category::Local, "EIO", "cannot ask").because_of(&error)),
    }
}

/// Asks on a thread of its own: a signal that ends this process finds the terminal as it was before, not as the question
/// needs it (without echo, and without a cursor).
fn ask<T: Send + 'static>(prompt: impl FnOnce() -> T + Send + 'static) -> CliResult<T> {
    let (send, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Nobody waits any more after a signal.
        let _ = send.send(prompt());
    });
    let asked = async {
        tokio::select! {
            Ok(answer) = answer => Ok(answer),
            signal = interruption() => Err(signal.unwrap_or(1)),
        }
    };
    commands::block_on(asked)?.map_err(|signal| {
        let _ = crossterm::terminal::disable_raw_mode();
        let _ = crossterm::execute!(std::io::stderr(), crossterm::cursor::Show);
        CliError::new(script_failed(128 + signal), "ECANCELED", "nothing was changed")
    })
}
