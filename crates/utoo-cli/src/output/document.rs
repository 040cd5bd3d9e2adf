//! The JSON document. `schema/output.schema.json` describes it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::style::visible_json;
use crate::error::CliError;

/// Version of the document: it grows when a member goes away or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// What may stand beside result or error.
pub(super) struct Remarks {
    pub(super) warnings: Vec<String>,
    pub(super) timings: Option<Value>,
    pub(super) spans: Option<Value>,
}

pub(super) fn success(command: &str, took: Duration, result: &Value, remarks: &Remarks) -> String {
    document((command, true, took), ("result", result.clone()), remarks)
}

pub(super) fn failure(command: &str, took: Duration, error: &CliError, remarks: &Remarks) -> String {
    document((command, false, took), ("error", error.to_json()), remarks)
}

/// Stages in the order they ended, in milliseconds.
pub(super) fn timings(all: &[(String, Duration)]) -> Value {
    all.iter().map(|(stage, took)| json!({ "stage": stage, "ms": milliseconds(*took) })).collect()
}

fn document(
    (command, ok, took): (&str, bool, Duration),
    (key, value): (&str, Value),
    remarks: &Remarks,
) -> String {
    let mut document = Map::new();
    document.insert("schemaVersion".to_owned(), SCHEMA_VERSION.into());
    document.insert("command".to_owned(), command.into());
    document.insert("ok".to_owned(), ok.into());
    document.insert("durationMs".to_owned(), milliseconds(took).into());
    document.insert(key.to_owned(), value);
    if !remarks.warnings.is_empty() {
        document.insert("warnings".to_owned(), remarks.warnings.clone().into());
    }
    if let Some(timings) = &remarks.timings {
        document.insert("timings".to_owned(), timings.clone());
    }
    if let Some(spans) = &remarks.spans {
        document.insert("spans".to_owned(), spans.clone());
    }
    visible_json(Value::Object(document).to_string())
}

/// With microseconds as a fraction.
pub(super) fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
