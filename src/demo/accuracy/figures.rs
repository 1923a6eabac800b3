//! Counts over some people, and what follows from them.

use std::collections::BTreeMap;

/// Counts over some people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// People, and couples with an account.
    pub people: usize,
    /// Records of theirs, in the situation where it is about one.
    pub records: usize,
    /// Customers that hold records of more than one person.
    pub false_merges: usize,
    /// Pieces beyond the first that the records of one person fall into.
    pub missed_merges: usize,
    /// Of the missed, those where nothing is in common: no address and no id.
    pub without_evidence: usize,
    /// Pairs of records of one person in one customer.
    pub pairs_found: usize,
    /// Pairs of records of one person in two customers.
    pub pairs_missed: usize,
    /// Of all of these, the ones that any evidence connects: an address or id in common, over others of the person too.
    pub pairs_with_evidence: usize,
    /// Of those, the ones in one customer.
    pub evident_pairs_found: usize,
    /// Pairs of records of two people in one customer.
    pub pairs_wrong: usize,
}

impl Figures {
    /// Of the pairs that are in one customer, how many belong there; 1 where there is none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.pairs_found, self.pairs_found + self.pairs_wrong)
    }

    /// Of the pairs that belong in one customer, how many are there; 1 where there is none.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.pairs_found, self.pairs_found + self.pairs_missed)
    }

    /// The recall over the pairs that any evidence connects: how much of what could be found was.
    #[must_use]
    pub fn recall_of_evidence(&self) -> f64 {
        share(self.evident_pairs_found, self.pairs_with_evidence)
    }

    /// Wrong pairs per 1,000 of these records.
    #[must_use]
    pub fn wrong_per_1_000_records(&self) -> f64 {
        if self.records == 0 { 0.0 } else { share(self.pairs_wrong, self.records) * 1_000.0 }
    }

    /// The counts of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            people: self.people + other.people,
            records: self.records + other.records,
            false_merges: self.false_merges + other.false_merges,
            missed_merges: self.missed_merges + other.missed_merges,
            without_evidence: self.without_evidence + other.without_evidence,
            pairs_found: self.pairs_found + other.pairs_found,
            pairs_missed: self.pairs_missed + other.pairs_missed,
            pairs_with_evidence: self.pairs_with_evidence + other.pairs_with_evidence,
            evident_pairs_found: self.evident_pairs_found + other.evident_pairs_found,
            pairs_wrong: self.pairs_wrong + other.pairs_wrong,
        }
    }

    /// Counts one person's records, as far as `counts` says; pairs are those that such a record is part of.
    pub(super) fn count(&mut self, records: &[Placed], counts: impl Fn(&Placed) -> bool) {
        let counted = records.iter().filter(|record| counts(record)).count();
        if counted == 0 {
            return;
        }
        let customers = pairs_by(records, |record| record.customer, &counts);
        let pieces = pairs_by(records, |record| record.truth.piece, &counts);
        let all = pairs(records.len()) - pairs(records.len() - counted);
        self.people += 1;
        self.records += counted;
        self.missed_merges += customers.groups - 1;
        self.without_evidence += (pieces.groups - 1).min(customers.groups - 1);
        self.pairs_found += customers.pairs;
        self.pairs_missed += all - customers.pairs;
        self.pairs_with_evidence += pieces.pairs;
        self.evident_pairs_found += pairs_by(records, |record| (record.customer, record.truth.piece), &counts).pairs;
    }
}

/// A record, and the customer that it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub customer: usize,
    pub truth: crate::demo::accuracy::Truth,
}

struct Grouped {
    groups: usize,
    pairs: usize,
}

/// How many groups there are by a key, and how many pairs in one group have a record that counts.
fn pairs_by<K: Ord>(records: &[Placed], key: impl Fn(&Placed) -> K, counts: &impl Fn(&Placed) -> bool) -> Grouped {
    let mut groups: BTreeMap<K, (usize, usize)> = BTreeMap::new();
    for record in records {
        let (all, others) = groups.entry(key(record)).or_default();
        *all += 1;
        *others += usize::from(!counts(record));
    }
    Grouped { groups: groups.len(), pairs: groups.values().map(|(all, others)| pairs(*all) - pairs(*others)).sum() }
}

/// A part of a whole, of which there may be nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    let float = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if whole == 0 { 1.0 } else { float(part) / float(whole) }
}

/// Pairs of so many.
pub(super) const fn pairs(of: usize) -> usize {
    of * of.saturating_sub(1) / 2
}
