//! The components of a person: records that evidence connects. No rule can join two components.

use std::collections::{HashMap, HashSet};

use super::evidence::{are_told_apart, holders, is_widely_shared, line, mailbox, own_mailbox};
use super::generated_record::GeneratedRecord;
use crate::customer::model::source::SourceKind;

/// For each record, the number of its component. Records of one person that no evidence connects, directly or through
/// other records of the person, are in different components, because no rule can join them. Evidence is an id in
/// common, or an address that is not shared, unless other values distinguish the two records.
pub(super) fn components(records: &[GeneratedRecord]) -> Vec<usize> {
    let mut widely_shared: HashSet<&str> =
        [mailbox, line].into_iter().flat_map(|address| widely_shared(records, address)).collect();
    // A mailbox that names a family or a role belongs to nobody.
    widely_shared
        .extend(records.iter().filter(|record| own_mailbox(record).is_none()).filter_map(mailbox));
    let mut of_person: HashMap<usize, Vec<usize>> = HashMap::new();
    for (n, record) in records.iter().enumerate() {
        of_person.entry(record.person).or_default().push(n);
    }
    let mut partition: Vec<usize> = (0..records.len()).collect();
    for own in of_person.into_values() {
        connect(records, &own, &widely_shared, &mut partition);
    }
    (0..records.len()).map(|n| root(&partition, n)).collect()
}

/// Connects the records of one person. A self-asserted record joins one component only, and is not evidence about other
/// records.
fn connect(
    records: &[GeneratedRecord],
    own: &[usize],
    widely_shared: &HashSet<&str>,
    partition: &mut [usize],
) {
    let is_form = |n: &usize| {
        records.get(*n).is_some_and(|record| record.key.kind == SourceKind::OmniLabParticipant)
    };
    let is_connected = |one: usize, other: usize| {
        records
            .get(one)
            .zip(records.get(other))
            .is_some_and(|(a, b)| are_connected(a, b, widely_shared))
    };
    let (forms, others): (Vec<usize>, Vec<usize>) = own.iter().copied().partition(is_form);
    join_connected(&others, is_connected, partition);
    let mut left = Vec::new();
    for form in forms {
        match others.iter().find(|other| is_connected(form, **other)) {
            Some(other) => join(partition, form, *other),
            None => left.push(form),
        }
    }
    join_connected(&left, is_connected, partition);
}

fn join_connected(
    records: &[usize],
    is_connected: impl Fn(usize, usize) -> bool,
    partition: &mut [usize],
) {
    for (n, one) in records.iter().enumerate() {
        let connected = records.iter().skip(n + 1).filter(|other| is_connected(*one, **other));
        connected.for_each(|other| join(partition, *one, *other));
    }
}

fn join(partition: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(partition, one), root(partition, other));
    if let Some(slot) = partition.get_mut(one.max(other)) {
        *slot = one.min(other);
    }
}

fn are_connected(
    one: &GeneratedRecord,
    other: &GeneratedRecord,
    widely_shared: &HashSet<&str>,
) -> bool {
    let has_same = |address: fn(&GeneratedRecord) -> Option<&str>| {
        let common = address(one).filter(|address| !widely_shared.contains(address));
        common.is_some() && common == address(other)
    };
    one.ids.iter().any(|id| other.ids.contains(id))
        || (has_same(mailbox) && !are_told_apart(one, other, false))
        || (has_same(line) && !are_told_apart(one, other, true))
}

/// The shared addresses of one kind.
fn widely_shared(
    records: &[GeneratedRecord],
    address: fn(&GeneratedRecord) -> Option<&str>,
) -> Vec<&str> {
    let shared =
        holders(records, address).into_iter().filter(|(_, holding)| is_widely_shared(holding));
    shared.map(|(address, _)| address).collect()
}

fn root(partition: &[usize], mut n: usize) -> usize {
    while let Some(&next) = partition.get(n).filter(|next| **next != n) {
        n = next;
    }
    n
}
