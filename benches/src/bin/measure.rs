//! Runs one command and writes what it cost as JSON: the small process from which `phases` starts each measured run.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use utoo_benches::phases::run_measured;

/// Runs a command and writes what it cost as JSON.
#[derive(Parser)]
struct Cli {
    /// Where the command's output goes.
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// After how many seconds it is killed.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    deadline: u64,
    /// The program.
    program: PathBuf,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let measured = run_measured(&cli.program, &cli.arguments, &cli.log, Duration::from_secs(cli.deadline));
    let written = measured.map_err(|error| error.to_string()).and_then(|sample| {
        let text = serde_json::to_string(&sample).map_err(|error| error.to_string())?;
        writeln!(std::io::stdout(), "{text}").map_err(|error| error.to_string())
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
