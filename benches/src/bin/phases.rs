//! `scripts/bench`: package managers on the same work, phase by phase.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use utoo_benches::phases::{BenchError, Manager, Options, Phase, Report, Rivals, Workload, run};

/// Measures package managers on the same project: full cold, resolve, warm resolve, cold install, warm link, no-op.
#[derive(Parser)]
#[command(
    name = "scripts/bench",
    after_help = "\
Phases:
  p0 full cold      no lockfile, no cache     install
  p1 resolve        no lockfile, no cache     write the lockfile only
  p2 warm resolve   no lockfile, cache        write the lockfile only
  p3 cold install   lockfile, no cache        install
  p4 warm link      lockfile, cache           install
  p5 no-op          all there                 install

Examples:
  scripts/bench                                      everything, on alotta-files
  scripts/bench --phases p1,p2 --managers utoo,bun   two phases, two managers
  scripts/bench --workload ./package.json --dir disk on a disk, with a project of your own
  scripts/bench --smoke                              one quick round, as CI runs it

The first run of a workload records the registry that npm is configured for; later runs ask nobody."
)]
struct Cli {
    /// A folder of benches/workloads or fixtures/projects, or the path of a package.json [default: alotta-files, with
    /// --smoke express].
    #[arg(long)]
    workload: Option<String>,
    /// Phases, separated by commas [default: all, with --smoke p0,p1,p4].
    #[arg(long, value_delimiter = ',')]
    phases: Vec<String>,
    /// Managers, separated by commas: utoo, bun, pnpm, npm, utoo-1.1.9 [default: all].
    #[arg(long, value_delimiter = ',')]
    managers: Vec<String>,
    /// How often each phase of each manager is measured [default: 7, with --smoke 1].
    #[arg(long)]
    rounds: Option<usize>,
    /// The file system to measure: tmpfs, disk, or a folder.
    #[arg(long, default_value = "tmpfs")]
    dir: String,
    /// One round of p0, p1 and p4 of a small project, with the managers that can be had; fails if one of them fails.
    #[arg(long)]
    smoke: bool,
    /// The utoo to measure [default: the release build].
    #[arg(long, value_name = "FILE")]
    utoo: Option<PathBuf>,
    /// Where managers and recordings are kept [default: .cache/bench in the checkout].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// The checkout with the workloads.
    #[arg(long, value_name = "DIR", default_value = ".", hide = true)]
    checkout: PathBuf,
    /// Where the tables are written, as `<workload>.md` and `<workload>.json` [default: below the cache].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match try_main(&cli) {
        Ok(report) if report.is_complete() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn try_main(cli: &Cli) -> Result<Report, BenchError> {
    let options = options(cli)?;
    let report = run(&options, &mut |line| {
        let _ = writeln!(std::io::stderr(), "{line}");
    })?;
    let out = cli.out.clone().unwrap_or_else(|| options.cache.join("reports"));
    write(&out.join(format!("{}.md", report.workload)), &report.to_markdown())?;
    write(&out.join(format!("{}.json", report.workload)), &format!("{:#}\n", report.to_json()))?;
    // A reader that went away has the files.
    let _ = writeln!(std::io::stdout(), "\n{}", report.to_text());
    Ok(report)
}

fn options(cli: &Cli) -> Result<Options, BenchError> {
    let workload = cli.workload.as_deref().unwrap_or(if cli.smoke { "express" } else { "alotta-files" });
    let all_phases =
        if cli.smoke { vec![Phase::FullCold, Phase::Resolve, Phase::WarmLink] } else { Phase::ALL.to_vec() };
    let phases = named(&cli.phases, "phase", all_phases, Phase::parse, &Phase::ALL.map(Phase::id))?;
    let managers = named(
        &cli.managers,
        "manager",
        Manager::ALL.to_vec(),
        Manager::parse,
        &Manager::ALL.map(Manager::id),
    )?;
    Ok(Options {
        workload: Workload::find(workload, &cli.checkout)?,
        phases,
        managers,
        rivals: if cli.smoke { Rivals::AsAvailable } else { Rivals::Required },
        rounds: cli.rounds.unwrap_or(if cli.smoke { 1 } else { 7 }).max(1),
        dir: folder(&cli.dir),
        cache: absolute(cli.cache.clone().unwrap_or_else(|| cli.checkout.join(".cache/bench"))),
        // Built together with this program.
        utoo: cli
            .utoo
            .clone()
            .unwrap_or_else(|| std::env::current_exe().unwrap_or_default().with_file_name("utoo")),
    })
}

/// What the words name, or all where there are none.
fn named<T: Copy>(
    words: &[String],
    what: &'static str,
    all: Vec<T>,
    parse: impl Fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<Vec<T>, BenchError> {
    if words.is_empty() {
        return Ok(all);
    }
    let unknown = |name: &String| BenchError::Unknown { what, name: name.clone(), known: known.join(", ") };
    words.iter().map(|word| parse(word).ok_or_else(|| unknown(word))).collect()
}

fn folder(word: &str) -> PathBuf {
    let shared_memory = Path::new("/dev/shm");
    match word {
        "tmpfs" if shared_memory.is_dir() => shared_memory.to_owned(),
        "tmpfs" => std::env::temp_dir(),
        "disk" => PathBuf::from("/var/tmp"),
        folder => absolute(PathBuf::from(folder)),
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    let failed = |source| BenchError::Path { path: path.to_owned(), source };
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
    utoo_fs::write_atomic(path, text.as_bytes()).map_err(|error| failed(std::io::Error::other(error)))
}
