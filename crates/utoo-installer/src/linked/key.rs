//! The key of a package in the store: `<name>@<version>-<hash>`.
//!
//! The hash is of everything that the package leads to, so that one package with two sets of peers has two keys. It is
//! shake256, 16 bytes in base64 for URLs, of a text: a depth-first walk that visits each node once, and for each node of
//! it a line `<name>@<version>-><name>@<version>::<resolved>` with the way to it, the lines sorted and parted by commas.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rayon::prelude::*;
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};

use super::graph::Numbered;

const HASH_BYTES: usize = 16;

/// What the walk says of a node.
pub(super) struct Label {
    /// `<name>@<version>`.
    pub(super) name: String,
    pub(super) resolved: String,
}

/// The keys of these nodes. On all cores: each is a walk of its own.
pub(super) fn keys(graph: &Numbered<'_>, labels: &[Label], nodes: &[usize]) -> Vec<String> {
    let key = |&node: &usize| format!("{}-{}", labels[node].name, hash(&walk(graph, labels, node)));
    nodes.par_iter().map(key).collect()
}

fn hash(text: &str) -> String {
    let mut hasher = Shake256::default();
    hasher.update(text.as_bytes());
    let mut bytes = [0; HASH_BYTES];
    hasher.finalize_xof().read(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The text that is hashed.
fn walk(graph: &Numbered<'_>, labels: &[Label], start: usize) -> String {
    let mut seen = vec![false; graph.nodes.len()];
    let mut lines: Vec<String> = Vec::new();
    // The way to the node at hand, and for each node on it: its number, which need is next, and the length before it.
    let mut way = String::new();
    let mut open: Vec<(usize, usize, usize)> = Vec::new();
    let mut visit = |node: usize, way: &mut String, open: &mut Vec<(usize, usize, usize)>| {
        open.push((node, 0, way.len()));
        if !way.is_empty() {
            way.push_str("->");
        }
        way.push_str(&labels[node].name);
        lines.push(format!("{way}::{}", labels[node].resolved));
    };
    seen[start] = true;
    visit(start, &mut way, &mut open);
    while let Some((node, next, before)) = open.last_mut() {
        let Some(&need) = graph.nodes[*node].needs.get(*next) else {
            way.truncate(*before);
            open.pop();
            continue;
        };
        *next += 1;
        if !std::mem::replace(&mut seen[need], true) {
            visit(need, &mut way, &mut open);
        }
    }
    lines.sort_by(|a, b| utf16_order(a, b));
    lines.join(",")
}

/// The order in which JavaScript sorts texts.
fn utf16_order(a: &str, b: &str) -> Ordering {
    match a.is_ascii() && b.is_ascii() {
        true => a.cmp(b),
        false => a.encode_utf16().cmp(b.encode_utf16()),
    }
}
