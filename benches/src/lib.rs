//! What the benchmarks share.
//!
//! * [`corpus`]: the real data that the criterion benches under `benches/` work on;
//! * [`floor`]: the least that an install can be, for comparison;
//! * [`phases`]: package managers on the same work, which `scripts/bench` measures.
//!
//! `README.md` beside this crate names the source of each workload, and has the latest figures.
//!
//! Nothing depends on this crate, and nothing in it runs in a test of another.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

pub mod corpus;
pub mod floor;
pub mod phases;

/// Prints what a program has found out, or why it could not, and gives its exit code.
pub fn say(found: Result<String, impl Display>) -> ExitCode {
    match found {
        Ok(text) => {
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
