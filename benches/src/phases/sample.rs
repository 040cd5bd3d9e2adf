//! What one run cost.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::error::BenchError;

/// What one command cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// From start to end, in seconds.
    pub wall: f64,
    /// On the processors, in its own code, in seconds.
    pub user: f64,
    /// On the processors, in the kernel, in seconds.
    pub sys: f64,
    /// The most memory that it, or one of its children, had at one time, in bytes.
    pub max_rss: u64,
    /// Page faults that needed no disk.
    pub minor_faults: u64,
    /// Times that it waited.
    pub voluntary_switches: u64,
    /// Times that it was made to wait.
    pub involuntary_switches: u64,
    /// Bytes that came from the registry, headers included; counted by the registry.
    #[serde(default)]
    pub bytes_received: u64,
    /// Bytes that went to the registry.
    #[serde(default)]
    pub bytes_sent: u64,
    /// Requests that the registry answered.
    #[serde(default)]
    pub requests: u64,
}

/// Runs `program` in this process's folder and environment, its output into `log`, and says what it and its descendants
/// cost. To be called once in the life of a process, which should be small: the kernel counts for all children together,
/// and a child begins with the peak memory of its parent.
///
/// # Errors
/// A program that cannot be started, fails, or takes longer than `deadline`.
pub fn run_measured(
    program: &Path,
    arguments: &[String],
    log: &Path,
    deadline: Duration,
) -> Result<Sample, BenchError> {
    use std::os::unix::process::CommandExt as _;
    let name = || program.display().to_string();
    let out = File::create(log).map_err(BenchError::at(log))?;
    let errors = out.try_clone().map_err(BenchError::at(log))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(out).stderr(errors).process_group(0);
    let started = Instant::now();
    let mut child = command.spawn().map_err(|error| BenchError::program(name(), &error))?;
    let watch = Watch::start(child.id(), deadline);
    let status = child.wait().map_err(|error| BenchError::program(name(), &error))?;
    let wall = started.elapsed();
    drop(watch);
    if !status.success() {
        let reason = match status.signal() {
            Some(9) if wall >= deadline => format!("not done after {} s", deadline.as_secs()),
            _ => format!("{status}: {}", last_line(log)),
        };
        return Err(BenchError::program(name(), &reason));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| BenchError::program(name(), &error))?;
    Ok(sample(wall, &usage))
}

fn sample(wall: Duration, usage: &Usage) -> Sample {
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Sample {
        wall: wall.as_secs_f64(),
        user: seconds(usage.user_time()),
        sys: seconds(usage.system_time()),
        max_rss: count(usage.max_rss()) * unit,
        minor_faults: count(usage.minor_page_faults()),
        voluntary_switches: count(usage.voluntary_context_switches()),
        involuntary_switches: count(usage.involuntary_context_switches()),
        ..Sample::default()
    }
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no output").trim().to_owned()
}

/// Kills a process group that takes too long; ends when dropped.
struct Watch(Option<mpsc::Sender<()>>);

impl Watch {
    fn start(id: u32, deadline: Duration) -> Self {
        let (done, waiting) = mpsc::channel();
        std::thread::spawn(move || {
            if let (Err(mpsc::RecvTimeoutError::Timeout), Ok(id)) =
                (waiting.recv_timeout(deadline), i32::try_from(id))
            {
                // It may have ended in this moment.
                let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
            }
        });
        Self(Some(done))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.take();
    }
}

#[cfg(test)]
#[path = "sample_tests.rs"]
mod tests;
