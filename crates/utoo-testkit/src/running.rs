//! Programs that tests start: to their end, or with something done to them before it.

use std::io::Read;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde_json::Value;

use crate::answer::{Outcome, UNKNOWN_CODE};
use crate::project::{PLANTED_SECRETS, ProjectError, io_error, is_npm};

/// How a command ended and what it said.
#[derive(Clone, Debug)]
pub struct RunOutput {
    /// The exit code; nothing after a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl RunOutput {
    /// Success, or the code that was given: in a JSON document (`error.code`) or as `error code …`.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.code == Some(0) {
            return Outcome::Done;
        }
        let code = [&self.stdout, &self.stderr].into_iter().find_map(|text| {
            let document = text.find('{').and_then(|at| {
                serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>().next()?.ok()
            });
            let from_json =
                document.and_then(|value| Some(value.pointer("/error/code")?.as_str()?.to_owned()));
            from_json.or_else(|| {
                let line = text.lines().find_map(|line| line.split_once("error code "))?;
                Some(line.1.trim().to_owned())
            })
        });
        Outcome::Error { code: code.unwrap_or_else(|| UNKNOWN_CODE.to_owned()) }
    }

    /// What a shell makes of the end: the exit code, or 128 and the signal.
    #[must_use]
    pub fn shell_code(&self) -> Option<i32> {
        self.code.or_else(|| Some(128 + self.signal?))
    }

    /// Panics where a planted secret was said.
    pub(crate) fn assert_holds_no_secret(&self) {
        for secret in PLANTED_SECRETS {
            let shown = self.stdout.contains(secret) || self.stderr.contains(secret);
            assert!(!shown, "a secret is said: {}{}", self.stdout, self.stderr);
        }
    }
}

/// A program that runs, what it says being read meanwhile.
#[derive(Debug)]
pub struct Running {
    program: String,
    child: Child,
    texts: mpsc::Receiver<[String; 2]>,
    /// What it said, once it said everything.
    said: Option<[String; 2]>,
    deadline: Duration,
}

impl Running {
    /// Starts a command that has to end before its deadline.
    pub(crate) fn start(command: &mut Command, deadline: Duration) -> Result<Self, ProjectError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|source| io_error(&program, source))?;
        let texts = read_all(child.stdout.take(), child.stderr.take());
        Ok(Self { program, child, texts, said: None, deadline })
    }

    /// The process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for this long at most, and says whether it has ended: nobody holds its output any more.
    pub fn has_ended_within(&mut self, moment: Duration) -> bool {
        match self.said {
            Some(_) => true,
            None => match self.texts.recv_timeout(moment) {
                Ok(texts) => {
                    self.said = Some(texts);
                    true
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
            },
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<(), ProjectError> {
        self.child.kill().map_err(|source| io_error(&self.program, source))
    }

    /// Waits for the end. What doesn't come to it before the deadline is killed, and an error.
    ///
    /// Panics where it said a planted secret, unless it is npm.
    pub fn ended(mut self) -> Result<RunOutput, ProjectError> {
        let in_time = self.has_ended_within(self.deadline);
        if !in_time {
            self.kill()?;
        }
        let status = self.child.wait().map_err(|source| io_error(&self.program, source))?;
        let Some([stdout, stderr]) = self.said else {
            return Err(ProjectError::Deadline { program: self.program, deadline: self.deadline });
        };
        let output = RunOutput { code: status.code(), signal: status.signal(), stdout, stderr };
        if !is_npm(self.program.as_ref()) {
            output.assert_holds_no_secret();
        }
        Ok(output)
    }
}

/// Reads two pipes to their ends, each on a thread of its own, so that neither can fill up while the other is read.
fn read_all(
    stdout: Option<impl Read + Send + 'static>,
    stderr: Option<impl Read + Send + 'static>,
) -> mpsc::Receiver<[String; 2]> {
    fn read(pipe: Option<impl Read>) -> String {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let errors = std::thread::spawn(move || read(stderr));
        let output = read(stdout);
        let _ = send.send([output, errors.join().unwrap_or_default()]);
    });
    receive
}
