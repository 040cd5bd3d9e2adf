//! `scripts/bench`: package managers on the same work, phase by phase.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use utoo_benches::phases::{BenchError, Growth, Manager, Options, Phase, Rivals, Wan, Workload, run};

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
  scripts/bench --workload antd --wan 20:1000        a registry 20 ms and 1 Gbit/s away
  scripts/bench --managers utoo --baseline ./utoo.old    this build against another, with 95 % intervals
  scripts/bench --managers utoo,bun,floor            what utoo and bun take beyond what nobody can do without
  scripts/bench --growth 1000,4000,16000 --managers utoo,bun --phases p0,p1,p4
                                                     how time and memory grow with the graph
  scripts/bench --smoke                              one quick round, as CI runs it

The first run of a workload records the registry that npm is configured for; later runs ask nobody."
)]
struct Cli {
    /// A folder of benches/workloads or fixtures/projects, the path of a project, or `generated-<packages>` [default:
    /// alotta-files, with --smoke express].
    #[arg(long)]
    workload: Option<String>,
    /// Phases, separated by commas [default: all, with --smoke p0,p1,p4].
    #[arg(long, value_delimiter = ',')]
    phases: Vec<String>,
    /// Managers, separated by commas: utoo, bun, pnpm, npm, utoo-1.1.9 [default: all], and floor, the least that an install
    /// can be, by utoo's lockfile.
    #[arg(long, value_delimiter = ',')]
    managers: Vec<String>,
    /// How often each phase of each manager is measured [default: 7, with --smoke 1].
    #[arg(long)]
    rounds: Option<usize>,
    /// The file system to measure: tmpfs, disk, or a folder. On a disk, what each run made stays until the end: up to 1.5 GB
    /// for a round of a manager
    #[arg(long, default_value = "tmpfs")]
    dir: String,
    /// Puts the registry so far away: milliseconds there and back, and Mbit/s.
    #[arg(long, value_name = "RTT_MS:MBIT")]
    wan: Option<String>,
    /// Another build of utoo, measured in the same rounds and compared with this one.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Measures generated graphs of these sizes instead of a workload [default phases: p0, p1, p4].
    #[arg(long, value_name = "PACKAGES", value_delimiter = ',', conflicts_with_all = ["workload", "smoke"])]
    growth: Vec<usize>,
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
    /// Where the report is written, as `<workload>.md`, `.json` and `.svg` [default: below the cache].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match try_main(&cli) {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every cell has a figure.
enum Outcome {
    Complete,
    Refused,
}

fn try_main(cli: &Cli) -> Result<Outcome, BenchError> {
    let options = options(cli)?;
    let out = cli.out.clone().unwrap_or_else(|| options.cache.join("reports"));
    let mut say = |line: &str| {
        let _ = writeln!(std::io::stderr(), "{line}");
    };
    // For both: a reader that went away has the files.
    let complete = if cli.growth.is_empty() {
        let report = run(&options, &mut say)?;
        let name = &report.workload;
        write(&out.join(format!("{name}.md")), &report.to_markdown())?;
        write(&out.join(format!("{name}.json")), &format!("{:#}\n", report.to_json()))?;
        write(&out.join(format!("{name}.svg")), &report.to_svg())?;
        let _ = writeln!(std::io::stdout(), "\n{}", report.to_text());
        report.is_complete()
    } else {
        let growth = Growth::measure(&options, &cli.growth, &mut say)?;
        write(&out.join("growth.md"), &growth.to_markdown())?;
        let _ = writeln!(std::io::stdout(), "\n{}", growth.to_text());
        growth.is_complete()
    };
    Ok(if complete { Outcome::Complete } else { Outcome::Refused })
}

fn options(cli: &Cli) -> Result<Options, BenchError> {
    let workload = cli.workload.as_deref().unwrap_or(if cli.smoke { "express" } else { "alotta-files" });
    let few = cli.smoke || !cli.growth.is_empty();
    let all_phases =
        if few { vec![Phase::FullCold, Phase::Resolve, Phase::WarmLink] } else { Phase::ALL.to_vec() };
    let phases = named(&cli.phases, "phase", all_phases, Phase::parse, &Phase::ALL.map(Phase::id))?;
    let managers = named(
        &cli.managers,
        "manager",
        Manager::ALL.to_vec(),
        Manager::parse,
        &[&Manager::ALL.map(Manager::id)[..], &[Manager::Floor.id()]].concat(),
    )?;
    let wan = cli.wan.as_ref().map(|text| {
        let known = "<milliseconds>:<Mbit/s>, such as 20:1000".to_owned();
        Wan::parse(text).ok_or_else(|| BenchError::Unknown { what: "distance", name: text.clone(), known })
    });
    Ok(Options {
        wan: wan.transpose()?,
        baseline: cli.baseline.clone(),
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
