//! What utoo's tests are made of.
//!
//! * [`FixtureRegistry`]: packages in memory, with real tarballs;
//! * [`Scenario`]: one text file with a registry, a project, a command, and what npm answered;
//! * [`TestProject`]: a project with its own HOME and cache, on which the real binary runs against an
//!   in-process [`Server`];
//! * [`conformance`]: runs npm and utoo on the same scenarios and projects, and compares what they made;
//! * [`fuzz`]: the same on random projects and registries.
//!
//! Nothing here is for production, nothing reads the environment of the person who runs the tests but `PATH`,
//! and only [`conformance`] and [`fuzz`], when told to, run npm.

mod answer;
mod compare;
pub mod conformance;
pub mod fuzz;
mod git;
mod line_diff;
mod oracle;
mod project;
mod running;
mod scenario;

pub use answer::{Answer, Outcome};
pub use compare::{Aspect, Difference, compare};
pub use oracle::{Npm, OracleError};
pub use project::{PLANTED_SECRETS, ProjectError, TestProject, utoo_binary};
pub use running::{RunOutput, Running};
pub use scenario::{REGISTRY, RunLine, Scenario, ScenarioError};
pub use utoo_server::{
    Documents, Fault, FaultPlan, FixtureError, FixtureRegistry, Mode, Nth, RequestRecord, Server,
    ServerHandle, ServerOptions, TarballFile,
};
