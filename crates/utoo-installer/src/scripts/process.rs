//! Child processes: captured in a group of their own, or on the user's terminal.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::{KEPT_OUTPUT, ScriptEnd, end_of, no_input};

/// How a command's run came to its end.
pub(super) enum Outcome {
    /// By itself.
    Ended(ScriptEnd),
    /// This process was told to end by this signal; the command and all it started were killed.
    Interrupted(i32),
}

/// Runs a command without a terminal, and keeps the end of what it writes. It and all that it started are killed when it
/// takes longer than `timeout`, when a signal tells this process to end, and when the future is dropped.
pub(super) async fn captured(command: &mut Command, timeout: Option<Duration>) -> io::Result<Outcome> {
    let (reader, writer) = io::pipe()?;
    no_input(command).stdout(Stdio::from(writer.try_clone()?)).stderr(Stdio::from(writer));
    let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
    // The command holds the pipe's writing end too, and the pipe would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(id as i32)));
    let mut signals = Signals::new()?;
    let mut reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let mut output = Tail::default();
    let started = Instant::now();
    let mut chunk = [0; 8 << 10];
    let status = loop {
        tokio::select! {
            read = reader.read(&mut chunk) => match read? {
                0 => break child.wait().await?,
                length => output.push(&chunk[..length]),
            },
            status = child.wait() => break status?,
            signal = signals.next() => return Ok(Outcome::Interrupted(signal)),
            () = expired(timeout, started) => {
                return Ok(Outcome::Ended(timed_out(timeout, output.into_text())));
            }
        }
    };
    // What a process in the background still holds open is not waited for.
    while let Ok(length @ 1..) = reader.try_read(&mut chunk) {
        output.push(&chunk[..length]);
    }
    group.0 = None;
    Ok(Outcome::Ended(end_of(status, output.into_text())))
}

/// Runs a command on the terminal of this process. Signals that reach this process reach the child: the terminal's own
/// (`^C`, `^\`) go to both of them anyway, others are passed on.
pub(super) async fn inherited(command: &mut Command, timeout: Option<Duration>) -> io::Result<ScriptEnd> {
    let mut signals = Signals::new()?;
    let on_terminal = io::IsTerminal::is_terminal(&io::stdin());
    let mut child = command.kill_on_drop(true).spawn()?;
    let started = Instant::now();
    let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
    loop {
        tokio::select! {
            status = child.wait() => return Ok(end_of(status?, String::new())),
            signal = signals.next() => {
                let is_terminals_own = on_terminal && signal == Signal::INT.as_raw();
                if let (Some(pid), Some(signal), false) = (pid, Signal::from_named_raw(signal), is_terminals_own) {
                    // A child that has just ended needs no signal.
                    let _ = kill_process(pid, signal);
                }
            }
            () = expired(timeout, started) => {
                child.kill().await?;
                return Ok(timed_out(timeout, String::new()));
            }
        }
    }
}

/// Ends when the time is over; never where there is no bound.
async fn expired(timeout: Option<Duration>, started: Instant) {
    match timeout {
        Some(timeout) => tokio::time::sleep_until((started + timeout).into()).await,
        None => std::future::pending().await,
    }
}

/// As `timeout` of coreutils reports it.
fn timed_out(timeout: Option<Duration>, output: String) -> ScriptEnd {
    let seconds = timeout.unwrap_or_default().as_secs_f64();
    ScriptEnd { exit_code: 124, outcome: format!("killed after {seconds} s"), output }
}

/// The signals that ask a process to end.
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The number of the next one.
    pub(super) async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.hang_up.recv() => SignalKind::hangup().as_raw_value(),
        }
    }
}

/// A process group that dies with its owner.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The last [`KEPT_OUTPUT`] bytes.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * KEPT_OUTPUT {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.bytes.len() > KEPT_OUTPUT {
            self.bytes.drain(..self.bytes.len() - KEPT_OUTPUT);
            self.is_cut = true;
        }
    }

    fn into_text(mut self) -> String {
        self.cut();
        let text = String::from_utf8_lossy(&self.bytes);
        if self.is_cut { format!("[…]\n{text}") } else { text.into_owned() }
    }
}
