//! Git repositories of scenarios, which no network is needed for.
//!
//! ```text
//! -- git git.example/dep.git --
//! commit one
//! tag v1.0.0
//! branch next
//! commit two
//! annotate v2.0.0
//! -- git git.example/dep.git@one/package.json --
//! {"name": "dep", "version": "1.0.0"}
//! ```
//!
//! A commit holds just the files of the sections with its name; a symbolic link is a file `path -> target`. Branches start
//! where the one before ends; `main` is the first, and HEAD. Names, dates and messages are fixed, so the hashes are the
//! same on every machine and can be written into a scenario. Every address at the repository's host leads here, by ssh:
//! [`config`] rewrites it, and [`ssh_command`] answers.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::project::ProjectError;

/// One line of a repository's section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GitStep<'s> {
    /// `commit <label>`: a commit of just these files.
    Commit {
        /// Its message.
        label: &'s str,
        /// Path and contents.
        files: Vec<(&'s str, &'s str)>,
    },
    /// `tag <name>`: a plain tag of the last commit.
    Tag(&'s str),
    /// `annotate <name>`: a tag with a message.
    Annotate(&'s str),
    /// `branch <name>`: what follows is committed to it.
    Branch(&'s str),
}

impl<'s> GitStep<'s> {
    /// Reads a line; `files` gives those of a commit.
    pub(crate) fn parse(line: &'s str, files: impl Fn(&str) -> Vec<(&'s str, &'s str)>) -> Option<Self> {
        let (verb, name) = line.trim().split_once(' ')?;
        match verb {
            "commit" => Some(Self::Commit { label: name, files: files(name) }),
            "tag" => Some(Self::Tag(name)),
            "annotate" => Some(Self::Annotate(name)),
            "branch" => Some(Self::Branch(name)),
            _ => None,
        }
    }
}

/// Makes the repositories below `root`.
pub(crate) fn make(root: &Path, repositories: &[(&str, Vec<GitStep<'_>>)]) -> Result<(), ProjectError> {
    for (path, steps) in repositories {
        let repository = utoo_fs::contained_join(root, path)?;
        std::fs::create_dir_all(&repository).map_err(|source| failed(&repository, source))?;
        git(&repository, &["init", "--quiet", "--bare", "--initial-branch=main"], "")?;
        // As the big hosts allow it: npm and utoo ask for single commits.
        git(&repository, &["config", "uploadpack.allowAnySHA1InWant", "true"], "")?;
        git(&repository, &["fast-import", "--quiet"], &stream(steps))?;
    }
    Ok(())
}

/// What `git fast-import` reads.
fn stream(steps: &[GitStep<'_>]) -> String {
    let (mut out, mut branch, mut commits) = (String::new(), "main", 0);
    let person = "Someone <someone@example.com> 1600000000 +0000";
    let data = |text: &str| format!("data {}\n{text}\n", text.len());
    for step in steps {
        match step {
            GitStep::Commit { label, files } => {
                let parent = commits;
                commits += 1;
                out += &format!(
                    "commit refs/heads/{branch}\nmark :{commits}\ncommitter {person}\n{}",
                    data(label)
                );
                if parent > 0 {
                    out += &format!("from :{parent}\n");
                }
                out += "deleteall\n";
                for (path, text) in files {
                    out += &match path.split_once(" -> ") {
                        Some((path, target)) => format!("M 120000 inline {path}\n{}", data(target)),
                        None => format!("M 100644 inline {path}\n{}", data(text)),
                    };
                }
            }
            GitStep::Tag(name) => out += &format!("reset refs/tags/{name}\nfrom :{commits}\n\n"),
            GitStep::Annotate(name) => {
                out += &format!("tag {name}\nfrom :{commits}\ntagger {person}\n{}", data(name));
            }
            GitStep::Branch(name) => branch = name,
        }
    }
    out
}

/// The `.gitconfig` by which every address at the repositories' hosts becomes one of ssh, that [`ssh_command`] answers.
pub(crate) fn config(repositories: &[(&str, Vec<GitStep<'_>>)]) -> String {
    let mut hosts: Vec<&str> = repositories.iter().filter_map(|(path, _)| path.split('/').next()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let mut text = String::new();
    for host in hosts {
        text += &format!("[url \"ssh://git@{host}/{host}/\"]\n");
        for written in ["https://", "http://", "git://", "ssh://git@", "git+ssh://git@"] {
            text += &format!("\tinsteadOf = {written}{host}/\n");
        }
        text += &format!("\tinsteadOf = git@{host}:\n");
    }
    text
}

/// What runs in ssh's place: the last word is the command, such as `git-upload-pack '/git.example/dep.git'`. The
/// repository may be named with or without its `.git`.
pub(crate) fn ssh_command(root: &Path) -> String {
    format!(
        r#"f() {{ for last; do :; done; p=${{last#*\'/}}; p="{}/${{p%\'}}"; test -d "$p" || p="${{p%.git}}"; exec git upload-pack "$p"; }}; f"#,
        root.display()
    )
}

fn git(repository: &Path, args: &[&str], input: &str) -> Result<(), ProjectError> {
    let failure = |source| failed(repository, source);
    let mut command = Command::new("git");
    command.current_dir(repository).args(args).stdin(Stdio::piped()).stdout(Stdio::null());
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_DIR", repository);
    let mut child = command.spawn().map_err(failure)?;
    if let Some(mut stdin) = child.stdin.take() {
        std::io::Write::write_all(&mut stdin, input.as_bytes()).map_err(failure)?;
    }
    match child.wait().map_err(failure)?.success() {
        true => Ok(()),
        false => Err(failure(std::io::Error::other(format!("git {} has failed", args.join(" "))))),
    }
}

fn failed(repository: &Path, source: std::io::Error) -> ProjectError {
    ProjectError::Io { what: repository.display().to_string(), source }
}

#[cfg(test)]
#[path = "git_tests.rs"]
mod tests;
