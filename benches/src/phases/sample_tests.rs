use super::*;

fn run(script: &str, deadline: Duration) -> Result<Sample, BenchError> {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["-c".to_owned(), script.to_owned()];
    run_measured(Path::new("/bin/sh"), &arguments, &folder.path().join("log"), deadline)
}

#[test]
fn a_command_is_measured_and_its_failure_is_told_with_its_last_words() {
    let minute = Duration::from_secs(60);
    let sample = run("exit 0", minute).unwrap();
    assert!(sample.wall > 0.0 && sample.max_rss > 0 && sample.minor_faults > 0, "{sample:?}");
    let error = run("echo one; echo two >&2; exit 3", minute).unwrap_err().to_string();
    assert!(error.contains("exit status: 3: two"), "{error}");
}

#[test]
fn what_hangs_is_killed_with_its_children() {
    let started = Instant::now();
    let error = run("cat /dev/zero | cat > /dev/null", Duration::from_millis(50)).unwrap_err().to_string();
    assert!(error.contains("not done after"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(30));
}
