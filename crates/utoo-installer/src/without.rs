//! An optional package that cannot be had: the install goes on without it, and without what is there only for it. npm
//! keeps the whole set in the lockfile, so that the next install tries again.

use std::sync::Arc;

use utoo_lockfile::Lockfile;

use crate::events::FailedOptional;
use crate::installer::{InstallerOptions, RestOfRequest, forget_scripts};
use crate::make::{Job, Made};
use crate::select::{label_of, select};
use crate::{InstallError, Result, record};

/// An optional package whose tarball could not be had, or is not what it should be.
pub(crate) struct Unobtainable {
    location: Arc<str>,
    error: InstallError,
}

impl Unobtainable {
    pub(crate) fn told(&self, tree: &Lockfile) -> FailedOptional {
        let package = tree.get(&self.location).map(|entry| label_of(&self.location, entry));
        FailedOptional {
            package: package.unwrap_or_else(|| self.location.to_string()),
            error: self.error.clone(),
        }
    }
}

impl Job {
    /// Gives the packages of these steps as such that the install goes on without, if an error allows that and nobody
    /// requires one of them (`devOptional` is required: npm fails).
    ///
    /// # Errors
    ///
    /// Else that error.
    pub(crate) fn do_without(&self, steps: &[usize], error: InstallError) -> Result<Vec<Unobtainable>> {
        let locations = || steps.iter().map(|&at| &self.plan.steps[at].location);
        let is_optional = |location: &Arc<str>| self.tree.get(location).is_some_and(|entry| entry.optional);
        if !error.is_of_package() || !locations().all(is_optional) {
            return Err(error);
        }
        let all =
            locations().map(|location| Unobtainable { location: location.clone(), error: error.clone() });
        Ok(all.collect())
    }
}

/// Keeps a job to what can be had. Everything that was to be made has been made or given up by then.
pub(crate) fn narrow(
    options: &InstallerOptions,
    job: &mut Arc<Job>,
    made: &Made,
    rest: &mut RestOfRequest,
) -> Result<()> {
    rest.inert.extend(made.unobtainable.iter().map(|one| one.location.clone()));
    let cancelled = || InstallError::Cancelled { package: "the project".to_owned() };
    let job = Arc::get_mut(job).ok_or_else(cancelled)?;
    job.selection = select(&job.tree, options.omit, &options.fitness, &rest.inert)?;
    job.selection.limit(&rest.scope, &job.tree, &job.disk.hidden);
    job.plan.withdraw(&job.selection);
    // Some of it may have been there, and was to stay.
    record::disown(&job.project, &options.project, &job.disk, &job.plan)?;
    forget_scripts(&job.project, &options.project, &job.plan, &mut job.ran)
}
