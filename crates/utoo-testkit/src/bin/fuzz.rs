//! `scripts/fuzz`: npm and utoo on random projects.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use utoo_testkit::fuzz::{FuzzOptions, Oracle, Profile, Summary, fuzz};
use utoo_testkit::utoo_binary;

/// Compares what utoo makes of random projects on random registries with what npm makes of them.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  scripts/fuzz                                        200 cases of each profile, of a random seed
  scripts/fuzz --profile peers --cases 2000 --shrink  more of one profile; differences made small
  scripts/fuzz --profile lock --seed 17 --cases 1     one case again
  scripts/fuzz --shrink --keep fixtures/scenarios/fuzz
  scripts/fuzz --prove --cases 50                     npm as it is driven here, against the npm command")]
struct Cli {
    /// The family of cases: small, peers, lock, lock-peers, flags, workspaces, optional, bundles, wide,
    /// overrides; all without.
    #[arg(long, value_parser = profile)]
    profile: Vec<Profile>,
    /// The first case's seed; by the clock without.
    #[arg(long)]
    seed: Option<u64>,
    /// Cases of each profile.
    #[arg(long, default_value_t = 200)]
    cases: u64,
    /// Stop a profile after so many differences.
    #[arg(long, default_value_t = 20)]
    enough: usize,
    /// Make each difference as small as possible.
    #[arg(long)]
    shrink: bool,
    /// Keep each difference as a scenario in this folder, with npm's answer.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Cases that run at one time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Compare the npm command, in the place of utoo, with npm as it is driven here.
    #[arg(long)]
    prove: bool,
}

fn profile(name: &str) -> Result<Profile, String> {
    let known = Profile::ALL.into_iter().find(|profile| profile.name() == name);
    known.ok_or_else(|| "there is no such profile".to_owned())
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

fn try_main(cli: Cli) -> Result<bool, Box<dyn Error>> {
    let by_clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() * 100_000);
    let seed = cli.seed.unwrap_or_else(by_clock);
    let profiles = if cli.profile.is_empty() { Profile::ALL.to_vec() } else { cli.profile };
    let mut out = std::io::stdout();
    let mut clean = true;
    for profile in profiles {
        let options = FuzzOptions {
            profile,
            seed,
            cases: cli.cases,
            enough: cli.enough,
            shrink: cli.shrink,
            keep: cli.keep.clone(),
            jobs: cli.jobs,
            utoo: utoo_binary()?,
            oracle: if cli.prove { Oracle::NpmCommand } else { Oracle::Driver },
        };
        let started = Instant::now();
        let Summary { same, different, npm_fails } = fuzz(&options, &mut out)?;
        let seconds = started.elapsed().as_secs();
        let name = profile.name();
        let fails: usize = npm_fails.values().map(Vec::len).sum();
        writeln!(
            out,
            "{name:<11} seed {seed}: {same} the same, {} differ, npm fails by itself in {fails}; {seconds} s",
            different.len(),
        )?;
        for (fault, seeds) in npm_fails {
            writeln!(out, "{name:<11} npm {fault}: {seeds:?}")?;
        }
        if !different.is_empty() {
            writeln!(out, "{name:<11} differ: {different:?}")?;
        }
        clean &= different.is_empty();
    }
    Ok(clean)
}
