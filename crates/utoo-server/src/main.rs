//! The `utoo-server` command.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use url::Url;
use utoo_server::{
    AccessLog, Documents, FaultPlan, FixtureRegistry, Keep, Limits, Mode, Recording, Server, ServerError,
    ServerOptions, prune,
};

/// A registry for JavaScript packages.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve packages until interrupted; prints the URL when ready.
    Serve(Box<Serve>),
    /// Write a small copy of a proxy's storage: only what resolution reads, and the tarballs asked for.
    Prune {
        /// A storage directory written by `serve --proxy`.
        from: PathBuf,
        /// The directory to write; `serve --frozen` serves it.
        to: PathBuf,
        /// Keep integrities only of the versions in this package-lock.json: far smaller.
        #[arg(long, value_name = "FILE")]
        lock: Option<PathBuf>,
        /// The registry that was recorded; `https://registry.example/` is written in its place.
        #[arg(long, value_name = "URL")]
        upstream: Option<Url>,
    },
}

const EXAMPLES: &str = "\
Examples:
  Read through to a registry, and keep what it gave:
    utoo-server serve --proxy https://registry.example/ --storage ./storage --listen 127.0.0.1:4873
  Serve what was kept, without asking anyone:
    utoo-server serve --frozen ./storage
  Serve packages from folders, <name>/<version>/package.json:
    utoo-server serve --fixtures ./fixtures/packages --log access.jsonl";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
struct Serve {
    /// Address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    #[command(flatten)]
    source: Source,
    /// Where a proxy keeps what it read.
    #[arg(long, value_name = "DIR")]
    storage: Option<PathBuf>,
    /// For how many seconds a proxy answers from its storage without asking upstream.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    max_age: u64,
    /// The max-age, in seconds, that clients are told.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    cache_max_age: u64,
    /// The URL under which clients reach this server, when it isn't the one they ask.
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// Serve full documents only, as registries do that know no abbreviated ones.
    #[arg(long)]
    full_documents: bool,
    /// Access log as JSON lines, to a file, or to standard output with `-`.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Connections at one time.
    #[arg(long, default_value_t = 1024)]
    max_connections: usize,
    /// Seconds after which a connection on which nothing moves is closed.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    idle_timeout: u64,
    /// Threads that serve connections; by default one for each core.
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// Read through to this registry; needs --storage.
    #[arg(long, value_name = "URL", requires = "storage")]
    proxy: Option<Url>,
    /// Serve a directory written by a proxy, from memory.
    #[arg(long, value_name = "DIR")]
    frozen: Option<PathBuf>,
    /// Serve a folder of fixtures.
    #[arg(long, value_name = "DIR")]
    fixtures: Option<PathBuf>,
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("UTOO_SERVER_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let result = match Cli::parse().command {
        Command::Serve(serve) => self::serve(*serve),
        Command::Prune { from, to, lock, upstream } => {
            prune_to(&from, &to, upstream.as_ref(), lock.as_deref())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prune_to(
    from: &Path,
    to: &Path,
    upstream: Option<&Url>,
    lock: Option<&Path>,
) -> Result<(), Box<dyn std::error::Error>> {
    let lock = lock.map(std::fs::read_to_string).transpose()?;
    let summary = prune(from, to, upstream, Keep::AllVersions { lock: lock.as_deref() })?;
    let (documents, versions) = (summary.documents, summary.versions);
    say(&format!("{documents} packages, {versions} versions, {} tarballs", summary.tarballs))
}

fn say(line: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn serve(args: Serve) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = Server::start(options(args)?)?;
    say(&server.url())?;
    runtime.block_on(interrupted())?;
    server.shutdown();
    Ok(())
}

fn options(args: Serve) -> Result<ServerOptions, ServerError> {
    let mode = match (args.source.proxy, args.source.frozen, args.source.fixtures) {
        (Some(upstream), ..) => Mode::Proxy {
            upstream,
            // clap's `requires` makes it present.
            storage: args.storage.unwrap_or_default(),
            max_age: Duration::from_secs(args.max_age),
        },
        (_, Some(dir), _) => Mode::Frozen { dir },
        (_, _, dir) => Mode::Fixtures(FixtureRegistry::from_dir(&dir.unwrap_or_default())?),
    };
    Ok(ServerOptions {
        mode,
        listen: args.listen,
        public_url: args.public_url,
        documents: if args.full_documents { Documents::Full } else { Documents::Both },
        cache_max_age: Duration::from_secs(args.cache_max_age),
        faults: FaultPlan::new(),
        recording: Recording::Off,
        access_log: match args.log {
            None => AccessLog::Off,
            Some(path) if path.as_os_str() == "-" => AccessLog::Stdout,
            Some(path) => AccessLog::File(path),
        },
        limits: Limits {
            connections: args.max_connections,
            idle: Duration::from_secs(args.idle_timeout),
            ..Limits::default()
        },
        threads: args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
    })
}

/// Ends with the first interrupt or request to terminate.
#[cfg(unix)]
async fn interrupted() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
