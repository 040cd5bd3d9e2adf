//! `utoo completions`: clap's script for a shell.

use clap_complete::Shell;
use serde_json::json;

use crate::args::tree;
use crate::output::Done;

pub(super) fn completions(shell: Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree("utoo"), "utoo", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    Done { result: json!({ "shell": shell.to_string(), "script": text }), text, summary: String::new() }
}
