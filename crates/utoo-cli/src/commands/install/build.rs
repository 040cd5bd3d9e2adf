//! Packages from git repositories that have to be built: an install in a clone, as npm does it.
//!
//! utoo runs itself in the clone, through the one [`ScriptRunner`]: with everything that developing the package needs, its
//! own install scripts and `prepare` among the project's. What that install may run of others' is the package's own
//! `allowScripts` to say. It is held to this run's cache and registry, and to nothing else of the project.

use std::ffi::OsString;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use utoo_installer::{
    FetchError, FetchErrorKind, InstallError, Policy, Prepare, ScriptCall, ScriptOutput, ScriptRunner,
    ScriptSetup, TarballRequest, interruption,
};
use utoo_registry::{FOREIGN_GIT_VARIABLES, GitPackage, redact_text};
use utoo_resolver::{ErrorCategory, RegistryError};
use utoo_types::Manifest;

use super::adapter::fetch_error;
use crate::context::Context;
use crate::error::CliResult;
use crate::script;

/// What surrounding installs are preparing: the stamp of each, one a line.
const PREPARING: &str = "UTOO_PREPARING";

/// The script without which a package in a repository is not what its author publishes. npm runs no `prepack` for it.
const SCRIPT: &str = "prepare";

/// What surrounding installs are preparing: to prepare it once more would not end.
pub(crate) fn preparing(context: &Context) -> Vec<String> {
    context.env.get(PREPARING).map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default()
}

/// Whether a package must be built before it is packed.
pub(super) fn needs_build(manifest: &Manifest) -> bool {
    manifest.script(SCRIPT).is_some()
}

/// Refuses a package that must be built, and may not.
pub(super) fn refuse_unbuilt(
    policy: &Policy,
    manifest: &Manifest,
    resolved: &str,
) -> Result<(), RegistryError> {
    if !needs_build(manifest) || policy.prepare(resolved) != Prepare::Refuse {
        return Ok(());
    }
    let shown = redact_text(resolved);
    let message = format!(
        "{} from {shown} must be built by its `{SCRIPT}` script, which allowScripts does not allow",
        manifest.name
    );
    let key = json!({ &shown: true });
    let hint = format!(
        "put \"allowScripts\": {key} into package.json to let it run; with --ignore-scripts the package is installed as \
         it is in the repository"
    );
    Err(RegistryError::new("EGITBUILD", ErrorCategory::Precondition, message).hint(hint))
}

/// Builds packages in clones.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Builder {
    setup: ScriptSetup,
    /// Everything that a nested utoo builds belongs to the group of processes of the outermost build, which dies as one.
    output: ScriptOutput,
    /// Of a whole build.
    timeout: Option<Duration>,
    /// The command's words.
    arguments: Vec<String>,
    /// As [`Policy::preparing`].
    outer: Vec<String>,
}

impl Builder {
    /// A builder for what the policy allows; `None` where that is nothing.
    pub(super) fn new(context: &Context, policy: &Policy) -> Option<Self> {
        if !policy.may_prepare_any() {
            return None;
        }
        let mut setup = script::setup(context);
        for variable in FOREIGN_GIT_VARIABLES {
            setup.environment.remove(&OsString::from(variable));
        }
        let outer = policy.preparing.clone();
        Some(Self {
            output: if outer.is_empty() { ScriptOutput::Capture } else { ScriptOutput::Inherit },
            timeout: context.config.scripts().script_timeout,
            arguments: arguments(context, &setup),
            setup,
            outer,
        })
    }

    /// Builds a package in a clone, and packs what is there then.
    ///
    /// # Errors
    /// What git complains of; `ELIFECYCLE` with what was written, where the install in the clone fails; `EINTR`.
    pub(super) async fn build(
        &self,
        package: GitPackage,
        request: &TarballRequest,
    ) -> Result<Bytes, FetchError> {
        let manifest = package.manifest();
        let command = manifest.script(SCRIPT).unwrap_or_default().to_owned();
        let package_json = json!({ "name": manifest.name.as_str(), "version": &*manifest.raw_version });
        let checkout = package.check_out().await.map_err(|error| fetch_error(&error))?;
        let mut setup = self.setup.clone();
        setup.init_cwd = checkout.folder().to_owned();
        let preparing = [&self.outer[..], &[Policy::stamp_of(&request.resolved)]].concat().join("\n");
        setup.environment.insert(PREPARING.into(), preparing.into());
        let call = ScriptCall {
            folder: checkout.folder(),
            package_json: &package_json,
            locked: &[],
            event: SCRIPT,
            command: "exec",
            arguments: &self.arguments,
            output: self.output,
            timeout: self.timeout,
        };
        let end = ScriptRunner::new(setup).run(&call).await.map_err(|error| not_run(&error))?;
        if !end.is_success() {
            let message = format!(
                "building {} by its script {SCRIPT:?} failed ({}): {command}",
                request.name, end.outcome
            );
            let kind = FetchErrorKind::Build { exit_code: end.exit_code };
            return Err(FetchError { output: end.output, ..FetchError::new("ELIFECYCLE", message, kind) });
        }
        checkout.pack().await.map_err(|error| fetch_error(&error))
    }
}

/// `utoo install` with all that developing the package takes, whatever the project's install leaves out.
fn arguments(context: &Context, setup: &ScriptSetup) -> Vec<String> {
    let words = [
        "install",
        "--include=dev",
        "--include=optional",
        "--include=peer",
        "--no-save",
        "--no-dry-run",
        "--no-package-lock-only",
        "--no-ignore-scripts",
        "--foreground-scripts",
        "--no-progress",
    ];
    let mut arguments = vec![setup.execpath.to_string_lossy().into_owned()];
    arguments.extend(words.map(str::to_owned));
    arguments.push(format!("--cache-dir={}", context.config.cache_dir().display()));
    // Without user name and password, which its own place in the configuration still has.
    arguments.push(format!("--registry={}", context.config.default_registry()));
    arguments
}

fn not_run(error: &InstallError) -> FetchError {
    let kind = match error {
        InstallError::Interrupted { signal } => FetchErrorKind::Build { exit_code: 128 + signal },
        _ => FetchErrorKind::Local,
    };
    FetchError::new(error.code(), error.to_string(), kind)
}

/// Does work in which packages may be built, until it is done or a signal tells this process to end: once builds listen
/// to signals, nobody else would end it. What is being built is killed when the runtime goes.
///
/// # Errors
/// The work's own; `EINTR`.
pub(super) async fn unless_interrupted<T>(
    policy: &Policy,
    work: impl Future<Output = CliResult<T>>,
) -> CliResult<T> {
    if !policy.may_prepare_any() {
        return work.await;
    }
    tokio::select! {
        result = work => result,
        Ok(signal) = interruption() => Err(InstallError::Interrupted { signal }.into()),
    }
}
