//! Child processes: captured in a group of their own, or on the user's terminal.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::{KEPT_OUTPUT, ScriptEnd, end_of, no_input};

/// Runs a command without a terminal, and keeps the end of what it writes.
pub(super) async fn captured(command: &mut Command) -> io::Result<ScriptEnd> {
    let (reader, writer) = io::pipe()?;
    no_input(command).stdout(Stdio::from(writer.try_clone()?)).stderr(Stdio::from(writer));
    let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
    // The command holds the pipe's writing end too, and the pipe would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(id as i32)));
    let mut reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let mut output = Tail::default();
    let mut chunk = [0; 8 << 10];
    let status = loop {
        tokio::select! {
            read = reader.read(&mut chunk) => match read? {
                0 => break child.wait().await?,
                length => output.push(&chunk[..length]),
            },
            status = child.wait() => break status?,
        }
    };
    // What a process in the background still holds open is not waited for.
    while let Ok(length @ 1..) = reader.try_read(&mut chunk) {
        output.push(&chunk[..length]);
    }
    group.0 = None;
    Ok(end_of(status, output.into_text()))
}

/// Runs a command on the terminal of this process. Signals that reach this process reach the child: the terminal's own
/// (`^C`, `^\`) go to both of them anyway, others are passed on.
pub(super) async fn inherited(command: &mut Command) -> io::Result<ScriptEnd> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let mut hang_ups = signal(SignalKind::hangup())?;
    let on_terminal = io::IsTerminal::is_terminal(&io::stdin());
    let mut child = command.kill_on_drop(true).spawn()?;
    let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
    let pass_on = |signal| {
        if let Some(pid) = pid {
            // A child that has just ended needs no signal.
            let _ = kill_process(pid, signal);
        }
    };
    loop {
        tokio::select! {
            status = child.wait() => return Ok(end_of(status?, String::new())),
            _ = interrupts.recv() => if !on_terminal { pass_on(Signal::INT) },
            _ = terminations.recv() => pass_on(Signal::TERM),
            _ = hang_ups.recv() => pass_on(Signal::HUP),
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
