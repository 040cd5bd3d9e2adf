//! Everything that utoo itself writes: results, errors, warnings, progress.
//!
//! A person gets results on stdout and everything else on stderr. With `--json` stdout gets exactly one compact
//! document, whose schema is `schema/output.schema.json`, and stderr nothing. Whatever is said may hold what a registry or a
//! package says: it is made harmless here, where it is written, and not by those who say it.

mod document;
mod progress;
mod spans;
mod style;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use utoo_config::{Color, Config, LogLevel, Timing};

use crate::error::CliError;
pub(crate) use progress::{Phase, Progress};
use spans::{Keep, Spans};
use style::Style;
pub(crate) use style::visible;
pub(crate) use style::{bytes, duration, on_one_line, plural};

/// What a command gives on success.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// For people, on stdout; may be empty.
    pub(crate) text: String,
    /// For people, on stderr, not with `--quiet`; may be empty.
    pub(crate) summary: String,
    /// The `result` of the JSON document.
    pub(crate) result: Value,
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Person,
    /// A person who wants errors only.
    QuietPerson,
    Program,
}

/// What `--timing=trace` writes, in the folder in which the command was started.
const TRACE_FILE: &str = "utoo-trace.json";

/// Stages and how long they took, in the order they ended.
type Timings = Arc<Mutex<Vec<(String, Duration)>>>;

/// The two streams, and how to write to them.
#[derive(Debug)]
pub(crate) struct Output {
    reader: Reader,
    style: Style,
    /// Whether a line can be drawn over.
    animated: bool,
    loglevel: LogLevel,
    warnings: Mutex<Vec<String>>,
    timings: Option<Timings>,
    spans: Option<Arc<Spans>>,
}

impl Output {
    /// For a configuration that is known.
    pub(crate) fn new(config: &Config, env: &BTreeMap<String, String>, quiet: bool) -> Self {
        let display = config.display();
        let reader = if display.json {
            Reader::Program
        } else if quiet || display.loglevel <= LogLevel::Error {
            Reader::QuietPerson
        } else {
            Reader::Person
        };
        let dumb = env.get("TERM").is_some_and(|term| term == "dumb");
        let ci = env.get("CI").is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        let terminal = std::io::stderr().is_terminal() && !dumb;
        let style = match display.color {
            Color::Always => Style::Coloured,
            Color::Never => Style::Plain,
            Color::Auto if terminal => Style::Coloured,
            Color::Auto => Style::Plain,
        };
        Self {
            reader,
            style,
            animated: reader == Reader::Person && terminal && !ci && display.progress != Some(false),
            loglevel: display.loglevel,
            warnings: Mutex::default(),
            timings: (display.timing != Timing::Off).then(Timings::default),
            spans: match display.timing {
                Timing::Off => None,
                Timing::Totals => Some(Arc::new(Spans::new(Keep::Totals))),
                Timing::Trace => Some(Arc::new(Spans::new(Keep::Everything))),
            },
        }
    }

    /// For a person, before anything is known of the terminal.
    pub(crate) fn plain() -> Self {
        Self {
            reader: Reader::Person,
            style: Style::Plain,
            animated: false,
            loglevel: LogLevel::Notice,
            warnings: Mutex::default(),
            timings: None,
            spans: None,
        }
    }

    /// For errors of words or configuration, before there is a configuration.
    pub(crate) fn of_errors(json: bool) -> Self {
        Self { reader: if json { Reader::Program } else { Reader::Person }, ..Self::plain() }
    }

    /// Whether stdout belongs to a JSON document, so that nobody else may write there.
    pub(crate) fn is_json(&self) -> bool {
        self.reader == Reader::Program
    }

    /// Whether to say no more than errors.
    pub(crate) fn is_quiet(&self) -> bool {
        self.reader == Reader::QuietPerson
    }

    /// Whether a person asked to see more than usual.
    pub(crate) fn is_verbose(&self) -> bool {
        self.loglevel >= LogLevel::Verbose
    }

    /// Text on stdout, for a person. Gives exit code 0.
    pub(crate) fn text(&self, text: &str) -> u8 {
        if !self.is_json() {
            stdout(&visible(text));
        }
        0
    }

    /// A line on stderr that is no error, not with `--quiet`.
    pub(crate) fn note(&self, line: &str) {
        if self.reader == Reader::Person {
            stderr(&visible(line));
        }
    }

    pub(crate) fn warn(&self, message: &str) {
        match self.reader {
            Reader::Person if self.loglevel >= LogLevel::Warn => {
                stderr(&format!("{} {}", self.style.warning("warning:"), visible(message)));
            }
            Reader::Program => {
                if let Ok(mut warnings) = self.warnings.lock() {
                    warnings.push(message.to_owned());
                }
            }
            _ => {}
        }
    }

    /// Begins to measure, if `--timing` asks for it.
    pub(crate) fn begin_timing(&self) {
        if let Some(spans) = &self.spans {
            spans::listen(spans);
        }
    }

    /// Writes the trace that `--timing=trace` asks for into a folder.
    pub(crate) fn write_trace(&self, folder: &Path) {
        let Some(spans) = self.spans.as_ref().filter(|spans| spans.keeps_everything()) else { return };
        let path = folder.join(TRACE_FILE);
        match utoo_fs::write_atomic(&path, spans.chrome_trace()) {
            Ok(()) => {
                self.note(&format!("wrote {TRACE_FILE}: open it in chrome://tracing or ui.perfetto.dev"))
            }
            Err(error) => self.warn(&format!("no trace: {error}")),
        }
    }

    /// Remembers how long a stage took, for `--timing`.
    pub(crate) fn timed(&self, stage: &str, took: Duration) {
        self.timings_sink()(stage, took);
    }

    /// The same, for whoever works elsewhere.
    pub(crate) fn timings_sink(&self) -> impl Fn(&str, Duration) + Send + Sync + use<> {
        let timings = self.timings.clone();
        move |stage, took| {
            if let Some(mut timings) = timings.as_ref().and_then(|timings| timings.lock().ok()) {
                timings.push((stage.to_owned(), took));
            }
        }
    }

    /// Runs a stage and remembers how long it took.
    pub(crate) fn stage<T>(&self, stage: &str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        self.timed(stage, started.elapsed());
        result
    }

    /// Progress of a long command.
    pub(crate) fn progress(&self) -> Progress {
        match self.reader {
            Reader::Person if self.animated => Progress::animated(self.style),
            Reader::Person => Progress::lines(),
            _ => Progress::silent(),
        }
    }

    /// The last word of a command that succeeded.
    pub(crate) fn success(&self, command: &str, started: Instant, done: &Done) -> u8 {
        if self.is_json() {
            stdout(&document::success(command, started.elapsed(), &done.result, &self.remarks()));
            return 0;
        }
        if !done.text.is_empty() {
            stdout(&visible(&done.text));
        }
        if !done.summary.is_empty() {
            self.note(&done.summary);
        }
        self.show_timings();
        0
    }

    /// The last word of a command that failed.
    pub(crate) fn failure(&self, command: &str, started: Instant, error: &CliError) -> u8 {
        if self.is_json() {
            stdout(&document::failure(command, started.elapsed(), error, &self.remarks()));
        } else {
            stderr(&self.style.error(error));
            self.show_timings();
        }
        error.category.exit_code()
    }

    fn remarks(&self) -> document::Remarks {
        let warnings = self.warnings.lock().map(|warnings| warnings.clone()).unwrap_or_default();
        let timings = self.timings().map(|all| document::timings(&all));
        document::Remarks { warnings, timings, spans: self.spans.as_ref().map(|spans| spans.totals()) }
    }

    fn timings(&self) -> Option<Vec<(String, Duration)>> {
        self.timings.as_ref()?.lock().ok().map(|timings| timings.clone())
    }

    fn show_timings(&self) {
        for (stage, took) in self.timings().unwrap_or_default() {
            stderr(&format!("{:>10}  {}", duration(took), visible(&stage)));
        }
        for line in self.spans.iter().flat_map(|spans| spans.table()) {
            stderr(&visible(&line));
        }
    }
}

/// A reader that went away is no error of ours.
fn stdout(text: &str) {
    write_line(std::io::stdout().lock(), text);
}

fn stderr(text: &str) {
    write_line(std::io::stderr().lock(), text);
}

fn write_line(mut stream: impl Write, text: &str) {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let _ = stream.write_all(format!("{text}{end}").as_bytes());
    let _ = stream.flush();
}
