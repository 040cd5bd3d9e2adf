//! Configuration: `.npmrc` files, environment and flags, merged into one typed, immutable [`Config`].
//!
//! The passes of [`Config::load`], in order:
//!
//! 1. **locate**: find the project ([`find_project`]), the user's and the global `.npmrc`, as npm finds them;
//! 2. **read**: parse each file with npm's dialect of `ini` and expand `${VAR}`, remembering file, line and which
//!    variables went into a value;
//! 3. **merge**: flags > environment (`npm_config_*`) > project > user > global > defaults;
//! 4. **guard**: a project's file cannot send a value of the environment to a registry that only it names
//!    (module `trust`), cannot have the user's credentials go where others read them (module `routes`), and cannot have the
//!    cache outside of the project;
//! 5. **type**: every key that utoo knows is parsed once; a wrong value is an error that names file, line, key and
//!    what is allowed. Unknown keys are kept and available through [`Config::get_raw`].
//!
//! What this crate never does: talk to the network, write anything, read the process's environment by itself (the
//! caller hands it over), hold global state, or print a secret: [`Secret`] redacts itself in `Debug` and `Display`.

mod config;
mod credentials;
mod error;
mod expand;
mod ini;
mod keys;
mod layers;
mod network;
mod project;
mod public;
mod routes;
mod secret;
mod settings;
mod sources;
mod trust;
mod value;

pub use config::{Config, LoadOptions, RawValue};
pub use credentials::{Authorization, ClientCertificate, Credentials, WithheldCredentials, WithheldReason};
pub use error::{ConfigError, Origin, Warning};
pub use keys::{Definition, Kind, definitions};
pub use layers::Layer;
pub use network::{CacheMode, Network, Retries};
pub use project::{Project, WorkspaceGlobs, find_project};
pub use public::{public_registry, redact_url};
pub use secret::Secret;
pub use settings::{
    Color, DisplaySettings, InstallSettings, InstallStrategy, LockSettings, LogLevel, ReplaceRegistryHost,
    ResolveSettings, SaveKind, SaveSettings, ScriptSettings, Timing, WorkspaceSettings,
};
pub use utoo_types::Omit;
