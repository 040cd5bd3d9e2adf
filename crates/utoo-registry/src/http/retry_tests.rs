use super::*;

fn policy() -> RetryPolicy {
    RetryPolicy {
        retries: 3,
        factor: 10.0,
        min_wait: Duration::from_secs(1),
        max_wait: Duration::from_secs(30),
    }
}

fn status(code: u16, retry_after: Option<&str>) -> Retry {
    let mut headers = HeaderMap::new();
    if let Some(value) = retry_after {
        headers.insert(header::RETRY_AFTER, value.parse().unwrap());
    }
    let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").unwrap();
    retry_of_status(StatusCode::from_u16(code).unwrap(), &headers, now)
}

#[test]
fn pauses_grow_within_their_bounds_and_jitter_takes_at_most_half() {
    let policy = policy();
    for (attempt, full) in [(0, 1.0), (1, 10.0), (2, 30.0), (1_000_000, 30.0)] {
        assert_eq!(policy.backoff(attempt, 0.0).as_secs_f64(), full / 2.0);
        assert_eq!(policy.backoff(attempt, 1.0).as_secs_f64(), full);
    }
}

#[test]
fn attempts_are_counted() {
    assert!(policy().pause(2, Retry::Backoff).is_some());
    assert_eq!(policy().pause(3, Retry::Backoff), None);
    assert_eq!(policy().pause(0, Retry::Never), None);
    assert_eq!(RetryPolicy { retries: 0, ..policy() }.pause(0, Retry::Backoff), None);
}

#[test]
fn the_registry_may_ask_for_a_longer_pause_up_to_the_limit() {
    assert_eq!(policy().pause(0, Retry::After(Duration::from_secs(20))), Some(Duration::from_secs(20)));
    assert!(policy().pause(0, Retry::After(Duration::ZERO)).unwrap() >= Duration::from_millis(500));
    assert_eq!(policy().pause(0, Retry::After(Duration::from_secs(31))), None);
}

#[test]
fn only_statuses_that_may_change_are_retried() {
    for code in [408, 420, 429, 500, 502, 503, 504, 522, 599] {
        assert_eq!(status(code, None), Retry::Backoff, "{code}");
    }
    for code in [400, 401, 402, 403, 404, 405, 409, 410, 422, 451] {
        assert_eq!(status(code, Some("1")), Retry::Never, "{code}");
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    assert_eq!(status(429, Some("7")), Retry::After(Duration::from_secs(7)));
    assert_eq!(status(503, Some("Wed, 21 Oct 2015 07:28:09 GMT")), Retry::After(Duration::from_secs(9)));
    assert_eq!(status(503, Some("Wed, 21 Oct 2015 07:00:00 GMT")), Retry::After(Duration::ZERO));
    assert_eq!(status(429, Some("soon")), Retry::Backoff);
    assert_eq!(status(429, Some("-3")), Retry::Backoff);
}
