//! Random projects on random registries: what npm makes of them, and what utoo does.
//!
//! A case is made of a [`Profile`] and a seed ([`generate`]), run through npm in a process that stays ([`NpmDriver`])
//! and through the utoo binary, and compared in every [`Aspect`](crate::Aspect). One that differs is made as small as
//! possible ([`shrink`]) and kept as a scenario, with the answer of the npm command itself.
//!
//! Not differences: npm's own faults ([`Fault`]), which are counted apart with their seeds, and entries that npm marks
//! `extraneous`, with what lies in their folders: its next install prunes them.

mod case;
mod driver;
mod fault;
mod generate;
mod judge;
mod profile;
mod rng;
mod run;
mod shrink;

pub use case::FuzzCase;
pub use driver::{NpmDriver, NpmRun};
pub use fault::Fault;
pub use generate::generate;
pub use judge::{Judge, Judged};
pub use profile::Profile;
pub use run::{FuzzOptions, Oracle, Summary, fuzz};
pub use shrink::shrink;

use crate::oracle::OracleError;
use crate::project::ProjectError;
use crate::scenario::ScenarioError;

/// Why the comparison cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FuzzError {
    /// A project could not be made, or utoo not run.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A generated scenario that is none.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The npm command.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// npm in its own process.
    #[error("npm cannot be driven: {0}")]
    Driver(String),
    /// A case without a command.
    #[error("the case runs nothing")]
    NoCommand,
    /// A program or folder.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}
