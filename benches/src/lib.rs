//! What the benchmarks share.
//!
//! * [`corpus`]: the real data that the criterion benches under `benches/` work on;
//! * [`phases`]: package managers on the same work, which `scripts/bench` measures.
//!
//! `README.md` beside this crate names the source of each workload, and has the latest figures.
//!
//! Nothing depends on this crate, and nothing in it runs in a test of another.

pub mod corpus;
pub mod phases;
