//! npm in a process that stays: a run costs some 30 ms, where starting the npm command costs half a second.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::FuzzError;
use crate::answer::{Answer, Outcome};
use crate::oracle;
use crate::project::TestProject;
use crate::scenario::{RunLine, Scenario};

/// How often a run that goes on is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Cases that npm solves take it well below a second of computing.
const ENOUGH_COMPUTED: Duration = Duration::from_secs(4);

/// What waits for nothing in particular does not end either; a busy machine may let a run wait for long.
const DEADLINE: Duration = Duration::from_secs(120);

/// What npm made of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum NpmRun {
    /// It ended as it should: with success, or with a code.
    Answered(Answer),
    /// It ended with a code, and had by then lost the link of a workspace.
    LostWorkspace(Answer),
    /// It ended with an error that has no code: one of its own faults.
    Crashed(String),
    /// It did not end.
    Hangs,
}

/// The npm in `PATH`, kept running.
#[derive(Debug)]
pub struct NpmDriver {
    folder: PathBuf,
    home: TempDir,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl NpmDriver {
    /// Finds the folder of the npm in `PATH`; the process starts with the first run.
    pub fn new() -> Result<Self, FuzzError> {
        let home = TempDir::new().map_err(|source| FuzzError::Io { what: "a temporary folder", source })?;
        Ok(Self { folder: npm_folder()?, home, process: None })
    }

    /// Runs a scenario of one command.
    pub fn answer(&mut self, scenario: &Scenario) -> Result<NpmRun, FuzzError> {
        let project = TestProject::from_scenario(scenario)?;
        let (mut answer, mut lost) = (None, false);
        for line in scenario.run_lines()? {
            match self.run(&project, &line)? {
                Some(reply) => {
                    let code = reply.get("code").and_then(Value::as_str);
                    if code == Some("EUNKNOWN") {
                        return Ok(NpmRun::Crashed(reply["message"].as_str().unwrap_or_default().to_owned()));
                    }
                    let outcome = code.map_or(Outcome::Done, |code| Outcome::Error { code: code.to_owned() });
                    answer = Some(project.answer(outcome, scenario.watched_files().into_keys()));
                    lost = reply["lost"] == true;
                }
                None => return Ok(NpmRun::Hangs),
            }
        }
        let run = if lost { NpmRun::LostWorkspace } else { NpmRun::Answered };
        answer.map(run).ok_or(FuzzError::NoCommand)
    }

    /// Nothing when npm did not end, and had to be.
    fn run(&mut self, project: &TestProject, line: &RunLine) -> Result<Option<Value>, FuzzError> {
        let own = [
            format!("--registry={}", project.server().url()),
            format!("--cache={}", project.home().join("cache").display()),
        ];
        let flags = oracle::FLAGS.iter().map(|flag| (*flag).to_owned());
        let args: Vec<String> = flags.chain(own).chain(line.for_npm().args).collect();
        let request = json!({"dir": project.dir(), "args": args});
        let process = match &mut self.process {
            Some(process) => process,
            none => none.insert(start(&self.folder, self.home.path())?),
        };
        let sent = writeln!(process.stdin, "{request}").and_then(|()| process.stdin.flush());
        sent.map_err(|source| FuzzError::Io { what: "npm's driver", source })?;
        let (started, before) = (Instant::now(), process.computed());
        loop {
            match process.lines.recv_timeout(LOOK) {
                Ok(line) => {
                    let answer: Value =
                        serde_json::from_str(&line).map_err(|error| FuzzError::Driver(error.to_string()))?;
                    if answer.get("ends").is_some() {
                        self.stop();
                    }
                    return Ok(Some(answer));
                }
                Err(RecvTimeoutError::Timeout) => {
                    let computed = process.computed().zip(before).map(|(now, before)| now - before);
                    if started.elapsed() > DEADLINE || computed.is_some_and(|time| time > ENOUGH_COMPUTED) {
                        self.stop();
                        return Ok(None);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.stop();
                    return Err(FuzzError::Driver("npm's driver ended".to_owned()));
                }
            }
        }
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}

impl Process {
    /// The processor's time that it took so far, where the system tells (`/proc/<id>/stat`, in hundredths of a second).
    fn computed(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The command's name, in brackets, may hold blanks; the times are the 12th and 13th field behind it.
        let fields = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2);
        let hundredths: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
        Some(Duration::from_millis(hundredths * 10))
    }
}

impl Drop for NpmDriver {
    fn drop(&mut self) {
        self.stop();
    }
}

fn start(folder: &Path, home: &Path) -> Result<Process, FuzzError> {
    let failed = |source| FuzzError::Io { what: "node", source };
    let script = home.join("npm.cjs");
    utoo_fs::write_atomic(&script, include_bytes!("npm.cjs"))
        .map_err(|error| FuzzError::Driver(error.to_string()))?;
    let mut command = Command::new("node");
    command.arg(script).arg(folder).env_clear().env("HOME", home).current_dir(home);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(FuzzError::Driver("node has no pipes".to_owned()));
    };
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    Ok(Process { child, stdin, lines })
}

/// The folder in which `npm` lies: the command is a link to `bin/npm-cli.js` in it.
fn npm_folder() -> Result<PathBuf, FuzzError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).find_map(|dir| {
        let command = std::fs::canonicalize(dir.join("npm")).ok()?;
        let folder = command.parent()?.parent()?;
        folder.join("node_modules/@npmcli/arborist").is_dir().then(|| folder.to_owned())
    });
    found.ok_or_else(|| FuzzError::Driver("there is no npm in PATH".to_owned()))
}
