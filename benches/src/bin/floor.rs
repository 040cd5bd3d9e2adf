//! The least that an install can be, as a program that is called like a package manager: see [`utoo_benches::floor`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use utoo_benches::floor::Floor;
use utoo_benches::phases::Work;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Does the least work of an install, in the current folder.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// What to do.
    work: Word,
    /// The package-lock.json that says what is wanted.
    #[arg(long)]
    lock: PathBuf,
    /// The registry, by http://.
    #[arg(long)]
    registry: String,
    /// Connections of each thread.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Requests under way on each of them.
    #[arg(long, default_value_t = 1)]
    depth: usize,
}

/// A command, named as utoo's.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Word {
    Install,
    Deps,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let floor = Floor {
        registry: cli.registry,
        lock: cli.lock,
        project: PathBuf::from("."),
        store: home.join(".floor"),
        connections: cli.connections,
        depth: cli.depth,
    };
    let work = match cli.work {
        Word::Install => Work::Install,
        Word::Deps => Work::Lock,
    };
    utoo_benches::say(floor.run(work).map(|()| "done".to_owned()))
}
