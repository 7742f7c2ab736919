//! Circles of imports: files of which each needs the next, and the last one the first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::modules::Edge;

/// One shortest circle for each group of files that reach each other, with the number of files in the group.
pub(crate) fn find(edges: &[Edge]) -> Vec<(Vec<&Edge>, usize)> {
    let mut next: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
    for edge in edges {
        next.entry(&edge.from).or_default().push(edge);
    }
    let mut grouped: BTreeSet<&str> = BTreeSet::new();
    let mut circles = Vec::new();
    for start in next.keys().copied() {
        if grouped.contains(start) || shortest(&next, start, start).is_none() {
            continue;
        }
        let below = reachable(&next, start);
        let mut group: Vec<&str> = below.into_iter().collect();
        group.retain(|file| reachable(&next, file).contains(start));
        grouped.extend(&group);
        let found = group.iter().filter_map(|file| shortest(&next, file, file));
        circles.extend(
            found
                .min_by_key(Vec::len)
                .map(|circle| (circle, group.len())),
        );
    }
    circles
}

fn reachable<'a>(next: &BTreeMap<&'a str, Vec<&'a Edge>>, start: &str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        for edge in next.get(file).into_iter().flatten() {
            if seen.insert(edge.to.as_str()) {
                open.push(&edge.to);
            }
        }
    }
    seen
}

/// The shortest chain of imports from one file to another.
fn shortest<'a>(
    next: &BTreeMap<&'a str, Vec<&'a Edge>>,
    start: &str,
    end: &str,
) -> Option<Vec<&'a Edge>> {
    let mut seen = BTreeSet::new();
    let mut open = VecDeque::from([(start, Vec::new())]);
    while let Some((file, chain)) = open.pop_front() {
        for edge in next.get(file).into_iter().flatten() {
            let mut chain: Vec<&Edge> = chain.clone();
            chain.push(edge);
            if edge.to == end {
                return Some(chain);
            }
            if seen.insert(edge.to.as_str()) {
                open.push_back((&edge.to, chain));
            }
        }
    }
    None
}
