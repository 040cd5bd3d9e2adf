//! A registry for JavaScript packages, as a library and as the `utoo-server` binary.
//!
//! One core answers in the same way whatever stands behind it ([`Mode`]):
//!
//! * **proxy**: asks an upstream registry once whatever the number of callers, verifies every tarball
//!   against its integrity before keeping it, and refreshes documents conditionally;
//! * **frozen**: what a proxy kept, served from memory, never asking upstream: the registry of benchmarks;
//! * **fixtures**: packages made by a test ([`FixtureRegistry`]).
//!
//! A request passes, in order: the connection's limits (`connection`), the route (`route`), the document or
//! tarball (`backend`), its prepared representation (`document`, `abbreviated`), the faults a test asked for
//! (`faults`, `answer`), and the record of what was answered (`record`).
//!
//! It never: holds process-wide state, changes a document other than its tarball URLs, keeps a tarball whose
//! bytes don't match, answers an upstream's 4xx with something stale, or, when frozen, opens a connection.
//!
//! ```
//! use utoo_server::{FixtureRegistry, Mode, Server, ServerOptions};
//!
//! let mut fixtures = FixtureRegistry::new();
//! fixtures.publish_json(r#"{"name": "left", "version": "1.0.0"}"#).unwrap();
//! let server = Server::start(ServerOptions::new(Mode::Fixtures(fixtures))).unwrap();
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! server.shutdown();
//! ```

mod abbreviated;
mod answer;
mod backend;
mod connection;
mod digest;
mod document;
mod error;
mod faults;
mod fixtures;
mod frozen;
mod gzip;
mod handler;
mod negotiate;
mod options;
mod proxy;
mod reachable;
mod record;
mod route;
mod select;
mod server;
mod snapshot;
mod storage;
mod tarball;
mod upstream;

pub use error::ServerError;
pub use faults::{Fault, FaultPlan, Nth};
pub use fixtures::{FixtureError, FixtureRegistry};
pub use options::{AccessLog, Documents, Limits, Mode, Recording, ServerOptions};
pub use reachable::Wanted;
pub use record::{RequestRecord, Stats};
pub use server::{Server, ServerHandle};
pub use snapshot::{Keep, PruneSummary, SnapshotError, prune};
pub use tarball::{TarballFile, pack};
