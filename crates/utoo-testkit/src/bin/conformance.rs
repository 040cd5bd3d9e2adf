//! `scripts/conformance`: npm and utoo on the same scenarios and projects.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use url::Url;
use utoo_testkit::conformance::{Against, Options, SnapshotVersions, record_snapshot, run};
use utoo_testkit::utoo_binary;

/// Compares what utoo makes of every scenario and project with what npm makes of it.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  scripts/conformance                       all, against the recorded answers
  scripts/conformance peers/ --against npm  one area, against the npm in PATH
  scripts/conformance --update placement/   record npm's answers anew
  scripts/conformance --record vite-react --upstream \"$(npm config get registry)\"")]
struct Cli {
    /// Only cases whose name contains this.
    #[arg(default_value = "")]
    filter: String,
    /// Which answer of npm counts.
    #[arg(long, value_enum, default_value = "recorded")]
    against: Oracle,
    /// Run npm and record what it answers.
    #[arg(long)]
    update: bool,
    /// Leave utoo out, which otherwise has to be built.
    #[arg(long)]
    npm_only: bool,
    /// Record the registry snapshot of the project of this name, and npm's answers on it.
    #[arg(long, value_name = "PROJECT", requires = "upstream")]
    record: Option<String>,
    /// The registry from which a snapshot is recorded.
    #[arg(long, value_name = "URL")]
    upstream: Option<Url>,
    /// Record all versions of each package, not only those that resolution can choose.
    #[arg(long, requires = "record")]
    all_versions: bool,
    /// Cases that run at one time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// The directory with `scenarios` and `projects`.
    #[arg(long, default_value = "fixtures")]
    fixtures: PathBuf,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Oracle {
    Npm,
    Recorded,
}

fn main() -> ExitCode {
    match try_main(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn try_main(mut cli: Cli) -> Result<bool, Box<dyn Error>> {
    let utoo = if cli.npm_only { None } else { Some(utoo_binary()?) };
    let mut out = std::io::stdout();
    if let (Some(project), Some(upstream)) = (&cli.record, &cli.upstream) {
        let dir = cli.fixtures.join("projects").join(project);
        let versions = if cli.all_versions { SnapshotVersions::All } else { SnapshotVersions::Reachable };
        let summary = record_snapshot(&dir, upstream, versions, utoo.as_deref())?;
        writeln!(out, "{project}: {summary:?}")?;
        cli.filter = format!("projects/{project}");
    }
    let options = Options {
        fixtures: cli.fixtures,
        filter: cli.filter,
        against: match (cli.update, cli.against) {
            (true, _) => Against::Update,
            (false, Oracle::Npm) => Against::Npm,
            (false, Oracle::Recorded) => Against::Recorded,
        },
        utoo,
        jobs: cli.jobs,
    };
    let report = run(&options, &mut out)?;
    writeln!(out, "\n{}", report.table())?;
    Ok(report.is_clean())
}
