//! When to try again, and after how long.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

/// How often and after which pauses a failed request is repeated.
///
/// The pause before retry *n* (from 0) is `min_wait * factor^n`, at most `max_wait`, of which a random half is
/// taken off, so that many clients that failed together do not come back together.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Retries after the first attempt; 0 turns retrying off.
    pub retries: u32,
    /// Growth of the pause from one retry to the next, at least 1.
    pub factor: f64,
    /// The first pause.
    pub min_wait: Duration,
    /// The longest pause. A `Retry-After` beyond it ends the attempts: the registry has said that it will refuse.
    pub max_wait: Duration,
}

impl Default for RetryPolicy {
    /// Four retries within about ten seconds. npm waits ten seconds before its first of two; most failures of a
    /// registry (a restarted back end, a connection reset by a load balancer) are over within one.
    fn default() -> Self {
        Self {
            retries: 4,
            factor: 3.0,
            min_wait: Duration::from_millis(250),
            max_wait: Duration::from_secs(60),
        }
    }
}

/// What a failed attempt says about the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It would fail in the same way.
    Never,
    /// After the policy's pause.
    Backoff,
    /// After the pause that the registry asked for.
    After(Duration),
}

impl RetryPolicy {
    /// The pause before retry number `attempt` (from 0), or `None` if there shall be none.
    pub(crate) fn pause(&self, attempt: u32, retry: Retry) -> Option<Duration> {
        if attempt >= self.retries {
            return None;
        }
        match retry {
            Retry::Never => None,
            Retry::Backoff => Some(self.backoff(attempt, fastrand::f64())),
            Retry::After(asked) => {
                (asked <= self.max_wait).then(|| asked.max(self.backoff(attempt, fastrand::f64())))
            }
        }
    }

    fn backoff(&self, attempt: u32, random: f64) -> Duration {
        let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
        let full = self.min_wait.as_secs_f64() * self.factor.max(1.0).powi(exponent);
        let bounded = full.min(self.max_wait.as_secs_f64());
        Duration::from_secs_f64(bounded * (0.5 + random / 2.0))
    }
}

/// Which statuses are worth another attempt: 408, 420 (an old "slow down"), 429 and every 5xx. Any other 4xx will
/// be answered alike the next time.
pub(crate) fn retry_of_status(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Retry {
    let retryable = matches!(status.as_u16(), 408 | 420 | 429) || status.is_server_error();
    if !retryable {
        return Retry::Never;
    }
    match headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()) {
        Some(text) => retry_after(text, now).map_or(Retry::Backoff, Retry::After),
        None => Retry::Backoff,
    }
}

/// RFC 9110, 10.2.3: a number of seconds or an HTTP date.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
