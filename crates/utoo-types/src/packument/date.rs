//! Dates as registries write them.

/// Milliseconds since 1970 of `2024-05-01T12:34:56.789Z` and the shorter forms of ISO 8601 that JavaScript's
/// `Date.parse` reads; `None` for any other text.
///
/// A date without a time, or with an offset, is read as UTC or by its offset. A time without either would be
/// local time in JavaScript; no registry writes one, and it is read as UTC so that the result does not depend
/// on the machine.
pub(super) fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (year, rest) = number(bytes, 4)?;
    let (month, rest) = part(rest, b'-', 1)?;
    let (day, rest) = part(rest, b'-', 1)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    let midnight = days_since_1970(year, month, day) * 86_400_000;
    match rest.split_first() {
        None => Some(midnight),
        Some((b'T' | b't' | b' ', time)) => Some(midnight + time_of_day(time)?),
        Some(_) => None,
    }
}

fn time_of_day(bytes: &[u8]) -> Option<i64> {
    let (hour, rest) = number(bytes, 2)?;
    let rest = rest.strip_prefix(b":")?;
    let (minute, rest) = number(rest, 2)?;
    let (second, rest) = match rest.strip_prefix(b":") {
        Some(rest) => number(rest, 2)?,
        None => (0, rest),
    };
    let (millis, rest) = match rest.strip_prefix(b".") {
        Some(rest) => fraction(rest)?,
        None => (0, rest),
    };
    if hour > 24 || minute > 59 || second > 59 || (hour == 24 && minute + second + millis > 0) {
        return None;
    }
    let offset = match rest {
        [] | [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), zone @ ..] => {
            let (hours, zone) = number(zone, 2)?;
            let (minutes, zone) = number(zone.strip_prefix(b":")?, 2)?;
            if !zone.is_empty() || hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -60_000 } else { 60_000 }
        }
        _ => return None,
    };
    Some(((hour * 60 + minute) * 60 + second) * 1000 + millis - offset)
}

/// A two-digit part behind a separator, or `default` when the text ends here.
fn part(bytes: &[u8], separator: u8, default: i64) -> Option<(i64, &[u8])> {
    match bytes.split_first() {
        Some((byte, rest)) if *byte == separator => number(rest, 2),
        _ => Some((default, bytes)),
    }
}

fn number(bytes: &[u8], digits: usize) -> Option<(i64, &[u8])> {
    let (head, rest) = bytes.split_at_checked(digits)?;
    let value = head
        .iter()
        .try_fold(0_i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))?;
    Some((value, rest))
}

/// Milliseconds from the digits behind the point; further digits are cut off.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let digit = |index: usize| if index < digits { i64::from(bytes[index] - b'0') } else { 0 };
    Some((digit(0) * 100 + digit(1) * 10 + digit(2), &bytes[digits..]))
}

/// Days of the proleptic Gregorian calendar, counted in eras of 400 years that begin on the first of March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
