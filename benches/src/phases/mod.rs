//! The phase benchmark: package managers on the same work, one beside the other.
//!
//! What happens, in order: `manager` finds the programs, `workload` records what each of them asks of the registry and
//! serves it frozen from memory (or serves a `generated` one), `wan` puts a long way in front of it when asked to,
//! `sandbox` gives each manager its own homes and project, `run` goes through rounds of phases, `sample` measures one
//! command, `report` shows medians, and `chart` draws them; `growth` repeats all that for graphs of several sizes. A cell
//! of which any run failed, or asked the registry for something that was not recorded, has no figure but a reason.

mod chart;
mod error;
mod generated;
mod growth;
mod manager;
mod phase;
mod report;
mod run;
mod sample;
mod sandbox;
mod sizes;
mod statistics;
mod wan;
mod workload;

pub use error::BenchError;
pub use growth::Growth;
pub use manager::{Installed, Manager};
pub use phase::{Cache, Phase, Work};
pub use report::Report;
pub use run::{Options, Rivals, run};
pub use sample::{Sample, run_measured};
pub use sizes::Sizes;
pub use statistics::{Ratio, deviation, median, ratio};
pub use wan::Wan;
pub use workload::Workload;
