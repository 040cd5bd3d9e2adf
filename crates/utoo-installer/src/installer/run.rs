//! The last stage: the scripts of what was built.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use utoo_lockfile::{Entry, Lockfile};

use super::{Built, InstallRequest, Installed, Installer, Prepared, RestOfRequest, blocking, left_alone};
use crate::events::{FailedOptional, Stage};
use crate::gate::{Own, Wanting, prepared};
use crate::lifecycle::{Ended, Lifecycle, RootScripts, Work, waits_for};
use crate::make::Job;
use crate::select::{is_in_modules, label_of};
use crate::source::TarballSource;
use crate::{InstallError, Result, state};

impl<S: TarballSource> Installer<S> {
    /// Runs the scripts of what was built.
    ///
    /// # Errors
    ///
    /// [`InstallError`] when one fails; `node_modules` is whole all the same, and the next install runs again what did
    /// not end well. An optional dependency whose script fails is taken out instead, with what only it needs.
    pub async fn run_scripts(&self, built: Built) -> Result<Installed> {
        let Built { mut summary, completed, completed_ideal, mut folders, job, made, rest } = built;
        let options = &*self.options;
        let started = Instant::now();
        let tree = completed.as_ref().unwrap_or(&job.tree);
        let own = Own {
            project: &options.project,
            workspaces: &rest.workspaces,
            runs_scripts: options.scripts.is_some(),
        };
        let wanting = Wanting::find(&job, &made, tree, &options.policy, &own)?;
        summary.scripts_skipped = wanting.skipped;
        if let Some(behind) = &job.behind {
            // Who hears of it knows the ideal tree.
            summary.scripts_skipped.iter_mut().for_each(|one| behind.name_origin(&mut one.location));
        }
        if let Some(runner) = &options.scripts {
            let mut lifecycle = Lifecycle {
                runner,
                output: options.script_output,
                dependency_output: options.dependency_output,
                timeout: options.script_timeout,
                events: &options.events,
                run: 0,
            };
            let mut ended = lifecycle.dependencies(&self.work(tree, &wanting.runs)).await;
            ended.well.extend(prepared(&job, tree, &wanting.runs));
            if let Some(taken_out) = self.settle(&job, &rest, tree, ended).await? {
                summary.failed_optional.extend(taken_out.failed);
                summary.left_out = taken_out.left_out;
                folders = taken_out.folders;
            }
            self.own_scripts(&job, &rest, &mut lifecycle).await?;
            summary.scripts_run = lifecycle.run;
            self.stage_done(Stage::Scripts, started);
        }
        // Nobody else works on the job any more, so that its tree is taken and not copied.
        let taken = |job: Arc<Job>| match Arc::try_unwrap(job) {
            Ok(Job { behind: Some(behind), .. }) => behind.tree,
            Ok(job) => job.tree,
            Err(job) => job.behind.as_ref().map_or(&job.tree, |behind| &behind.tree).clone(),
        };
        let completed = if job.behind.is_some() { completed_ideal } else { completed };
        let tree = completed.unwrap_or_else(|| taken(job));
        Ok(Installed { summary, tree, folders })
    }

    fn work(&self, tree: &Lockfile, runs: &[Arc<str>]) -> Vec<Work> {
        let after = waits_for(tree, runs);
        let work = runs.iter().zip(after).map(|(location, after)| Work {
            location: location.clone(),
            folder: self.options.project.join(&**location),
            is_linked: !is_in_modules(location),
            is_optional: tree.get(location).is_some_and(|entry| entry.optional || entry.dev_optional),
            locked: tree.get(location).map(locked).unwrap_or_default(),
            after,
        });
        work.collect()
    }

    /// Remembers who has run, and takes out optional packages that failed.
    async fn settle(
        &self,
        job: &Job,
        rest: &RestOfRequest,
        tree: &Lockfile,
        ended: Ended,
    ) -> Result<Option<TakenOut>> {
        if !ended.well.is_empty() {
            let mut ran = job.ran.clone();
            let entries = ended.well.iter().filter_map(|location| Some((location, tree.get(location)?)));
            entries.for_each(|(location, entry)| ran.add(location, entry));
            ran.write(&job.project, &self.options.project)?;
        }
        if let Some(error) = ended.fatal {
            return Err(error);
        }
        if ended.failed.is_empty() {
            return Ok(None);
        }
        let mut inert = rest.inert.clone();
        inert.extend(ended.failed.iter().map(|(location, _)| location.clone()));
        let failed = ended.failed.into_iter().filter_map(|(location, error)| {
            Some(FailedOptional { package: label_of(&location, tree.get(&location)?), error })
        });
        let failed = failed.collect();
        let request = InstallRequest {
            inert,
            scope: rest.scope.clone(),
            root_scripts: RootScripts::None,
            ..InstallRequest::new(tree.clone())
        };
        let (left_out, folders) = self.without(job, request).await?;
        Ok(Some(TakenOut { failed, left_out, folders }))
    }

    /// Makes `node_modules` what it would be if the request's inert packages did not run on this machine; gives how many
    /// packages are left out, and the folders of what is there.
    async fn without(&self, job: &Job, request: InstallRequest) -> Result<(usize, Vec<PathBuf>)> {
        let (options, lock) = (self.options.clone(), job.lock.clone());
        let prepared = blocking(move || Prepared::new(&options, request, (lock, None)));
        let Prepared { job: smaller, request, ended } = prepared.await?;
        let built = left_alone(ended, self.carry_out(Arc::new(smaller), request)).await?;
        Ok((built.job.selection.left_out.len(), built.folders))
    }

    /// The scripts of workspaces and of the project.
    async fn own_scripts(
        &self,
        job: &Job,
        rest: &RestOfRequest,
        lifecycle: &mut Lifecycle<'_>,
    ) -> Result<(), InstallError> {
        let project = &self.options.project;
        let inside = |location: &&Arc<str>| utoo_fs::check_relative(location).is_ok();
        let workspaces: Vec<_> =
            rest.workspaces.iter().filter(inside).map(|location| project.join(&**location)).collect();
        lifecycle.workspaces(&workspaces).await?;
        if lifecycle.run > 0 {
            // Scripts may have written into package folders: the list has to be newer than all of them.
            state::touch_hidden(project)?;
        }
        lifecycle.root(project, rest.root_scripts, !job.plan.is_empty()).await
    }
}

/// What changed because scripts of optional packages failed.
struct TakenOut {
    failed: Vec<FailedOptional>,
    left_out: usize,
    folders: Vec<PathBuf>,
}

/// What npm 11 was seen to tell a dependency's script of its place in the tree.
fn locked(entry: &Entry) -> Vec<(&'static str, String)> {
    let flag = |is: bool| if is { "true".to_owned() } else { String::new() };
    let mut all = vec![
        ("dev", flag(entry.dev)),
        ("optional", flag(entry.optional)),
        ("peer", flag(entry.peer)),
        ("dev_optional", flag(entry.dev_optional)),
    ];
    all.extend(entry.resolved.as_deref().map(|resolved| ("resolved", resolved.to_owned())));
    all.extend(entry.integrity.as_ref().map(|integrity| ("integrity", integrity.to_string())));
    all
}
