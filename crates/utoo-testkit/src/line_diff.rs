//! Which lines of a text were changed into which, as text that a person can read and that can be applied again.
//!
//! ```text
//! @ 12
//! -    "rxjs": "^7.8.1",
//! +    "rxjs": "^6.6.7",
//! ```
//!
//! A hunk begins with the number of the first line of the old text that it takes away, or before which it puts its
//! lines; there is no context. Lines are what stands between line feeds, so a text that ends in one has an empty last
//! line.

use std::collections::HashMap;
use std::fmt::Write as _;

/// What has to be taken from `old` and put in to make `new`; empty when nothing has.
pub(crate) fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let mut text = String::new();
    between(&old, &new, 0, &mut text);
    text
}

/// Applies what [`diff`] made to the text that it was made from.
///
/// # Errors
/// The line of the diff that doesn't fit the text.
pub(crate) fn patch(old: &str, diff: &str) -> Result<String, String> {
    let mut old = old.split('\n').enumerate().peekable();
    let mut new: Vec<&str> = Vec::new();
    for line in diff.lines() {
        match (line.strip_prefix("@ "), line.strip_prefix('-'), line.strip_prefix('+')) {
            (Some(number), ..) => {
                let start: usize = number.parse().map_err(|_| line.to_owned())?;
                while let Some((_, same)) = old.next_if(|(at, _)| at + 1 < start) {
                    new.push(same);
                }
            }
            (_, Some(gone), _) => match old.next() {
                Some((_, line)) if line == gone => {}
                _ => return Err(line.to_owned()),
            },
            (.., Some(come)) => new.push(come),
            _ => return Err(line.to_owned()),
        }
    }
    new.extend(old.map(|(_, line)| line));
    Ok(new.join("\n"))
}

/// Patience: lines that stand once on both sides, in the same order on both, are the same lines.
fn between(old: &[&str], new: &[&str], offset: usize, text: &mut String) {
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new, offset) = (&old[head..], &new[head..], offset + head);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let anchors = if old.is_empty() || new.is_empty() { Vec::new() } else { anchors(old, new) };
    if anchors.is_empty() {
        if !old.is_empty() || !new.is_empty() {
            hunk(old, new, offset, text);
        }
        return;
    }
    let (mut from_old, mut from_new) = (0, 0);
    for (at_old, at_new) in anchors {
        between(&old[from_old..at_old], &new[from_new..at_new], offset + from_old, text);
        (from_old, from_new) = (at_old + 1, at_new + 1);
    }
    between(&old[from_old..], &new[from_new..], offset + from_old, text);
}

fn hunk(old: &[&str], new: &[&str], offset: usize, text: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "@ {}", offset + 1);
    for line in old {
        let _ = writeln!(text, "-{line}");
    }
    for line in new {
        let _ = writeln!(text, "+{line}");
    }
}

/// The longest run of lines that stand once in each and rise in both, as pairs of positions.
fn anchors(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let (in_old, in_new) = (unique(old), unique(new));
    let mut pairs: Vec<(usize, usize)> =
        in_old.into_iter().filter_map(|(line, at)| Some((at, *in_new.get(line)?))).collect();
    pairs.sort_unstable();
    // The last pair of the best run of each length, and for each pair the one before it.
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), vec![None; pairs.len()]);
    for (index, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&end| pairs[end].1 < pair.1);
        before[index] = length.checked_sub(1).map(|shorter| ends[shorter]);
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut run: Vec<_> =
        std::iter::successors(ends.last().copied(), |&at| before[at]).map(|at| pairs[at]).collect();
    run.reverse();
    run
}

/// The lines that stand once, with where.
fn unique<'a>(lines: &[&'a str]) -> HashMap<&'a str, usize> {
    let mut found: HashMap<&str, Option<usize>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        found.entry(line).and_modify(|once| *once = None).or_insert(Some(at));
    }
    found.into_iter().filter_map(|(line, at)| Some((line, at?))).collect()
}

#[cfg(test)]
#[path = "line_diff_tests.rs"]
mod tests;
