//! What must hold for whatever bytes come from outside.
//!
//! A [`Target`] takes any bytes, and panics where a promise is broken: a parser that panics, a path that leaves its
//! folder, a text that changes when it is read and written again, a secret that shows. The bytes come from two sides:
//!
//! * `cargo test` feeds every target the committed corpus (`fixtures/fuzz/<target>/`, seeds and whatever was found) and
//!   some thousand mutations of it, with a fixed seed;
//! * `scripts/fuzz-inputs` feeds them to libFuzzer, which follows the coverage, for as long as it is told to.
//!
//! Nothing here is shipped, and nothing points at it.

mod targets;

pub use targets::{Target, find, targets};
