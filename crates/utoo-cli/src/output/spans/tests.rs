use tracing::{debug_span, info_span};

use super::*;

/// What is kept of the spans that `work` opens.
fn spans_of(keep: Keep, work: impl FnOnce()) -> Arc<Spans> {
    let spans = Arc::new(Spans::new(keep));
    tracing::subscriber::with_default(Arc::clone(&spans), work);
    spans
}

#[test]
fn a_span_is_busy_while_a_thread_is_in_it_and_waits_otherwise() {
    let spans = spans_of(Keep::Totals, || {
        let job = debug_span!(target: "utoo_x", "job");
        job.in_scope(|| {});
        job.in_scope(|| {});
        let other = debug_span!(target: "utoo_x", "job");
        drop((job, other));
        drop(info_span!(target: "utoo_x", "stage").entered());
    });
    let totals = spans.totals();
    let counted: Vec<_> =
        totals.as_array().unwrap().iter().map(|one| (&one["span"], &one["times"])).collect();
    assert_eq!(counted, [(&json!("job"), &json!(2)), (&json!("stage"), &json!(1))]);
    assert!(totals[0]["waitingMs"].as_f64().unwrap() > 0.0);
    assert_eq!(spans.table().len(), 3);
    assert_eq!(spans.state().events.len(), 0);
}

#[test]
fn a_trace_has_each_turn_of_a_thread_and_the_life_of_what_waited() {
    let spans = spans_of(Keep::Everything, || {
        let job = debug_span!(target: "utoo_x", "job", name = %"left");
        job.in_scope(|| {});
        job.in_scope(|| {});
    });
    let trace: Value = serde_json::from_str(&spans.chrome_trace()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let phases: Vec<_> = events.iter().map(|event| event["ph"].as_str().unwrap()).collect();
    assert_eq!(phases, ["M", "X", "X", "b", "e"]);
    assert!(events[1..].iter().all(|event| event["args"]["name"] == "left" && event["cat"] == "utoo_x"));
    let at = |event: usize| events[event]["ts"].as_f64().unwrap();
    assert!(at(3) <= at(1) && at(1) <= at(2) && at(2) <= at(4));
}

#[test]
fn nothing_but_the_name_is_kept_and_nothing_of_other_libraries() {
    let spans = spans_of(Keep::Everything, || {
        let url = "https://user:secret@registry.example/";
        drop(debug_span!(target: "utoo_x", "job", name = %"left", url, spec = %url).entered());
        drop(debug_span!(target: "hyper", "connection", url).entered());
        tracing::info!(target: "utoo_x", url);
    });
    let trace = spans.chrome_trace();
    assert!(trace.contains("left") && !trace.contains("secret") && !trace.contains("connection"), "{trace}");
}
