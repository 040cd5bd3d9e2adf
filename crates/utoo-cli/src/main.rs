//! The `utoo` command.
//!
//! What happens, in order: [`args`] turns words into an invocation; [`context`] loads the configuration; one module of
//! [`commands`] does the work with the libraries; [`output`] shows progress, the result or the error. Only this file
//! ends the process, and only [`output`] writes to its streams (a script that `utoo run` starts writes for itself).
//!
//! What this crate never does: decide on versions, places or bytes. That is the libraries' part.

mod args;
mod commands;
mod context;
mod error;
mod output;
mod policy;
mod project;
mod script;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

use args::Parsed;
use context::Context;
use output::Output;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let started = Instant::now();
    let words: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(run(words, started))
}

/// One command from its words to its exit code.
fn run(words: Vec<OsString>, started: Instant) -> u8 {
    let invocation = match args::parse(words) {
        Parsed::Run(invocation) => invocation,
        Parsed::Show(text) => return Output::plain().text(&text),
        Parsed::Wrong { error, json } => return Output::of_errors(json).failure("", started, &error),
    };
    let (command, json) = (invocation.command.name(), invocation.is_json());
    let context = match Context::load(invocation, started) {
        Ok(context) => context,
        Err(error) => return Output::of_errors(json).failure(command, started, &error),
    };
    context.show_warnings();
    context.output.begin_timing();
    let outcome = commands::execute(&context);
    context.output.write_trace(&context.cwd);
    match outcome {
        Ok(done) => context.output.success(command, started, &done),
        Err(error) => context.output.failure(command, started, &error),
    }
}
