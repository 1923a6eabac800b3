//! Accuracy counts over a group of people, and the ratios that follow from them.

use std::collections::BTreeMap;

use crate::demo::population::Truth;

/// Accuracy counts over a group of people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// People, and couples with an account.
    pub people: usize,
    /// Their records. For a situation: only the records in that situation.
    pub records: usize,
    /// Customers that contain records of more than one person.
    pub false_merges: usize,
    /// Components beyond the first into which the records of one person are split, over all people.
    pub missed_merges: usize,
    /// Missed merges without any evidence: no address and no id in common.
    pub without_evidence: usize,
    /// Pairs of records of one person that are in the same customer.
    pub pairs_found: usize,
    /// Pairs of records of one person that are in two customers.
    pub pairs_missed: usize,
    /// Pairs of records of one person that evidence connects: an address or id in common, also through other records of
    /// the person.
    pub pairs_with_evidence: usize,
    /// Of these, the pairs that are in the same customer.
    pub evident_pairs_found: usize,
    /// Pairs of records of two people that are in the same customer.
    pub pairs_wrong: usize,
}

impl Figures {
    /// The share of the pairs in one customer that belong together; 1 if there are none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.pairs_found, self.pairs_found + self.pairs_wrong)
    }

    /// The share of the pairs of one person that are in one customer; 1 if there are none.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.pairs_found, self.pairs_found + self.pairs_missed)
    }

    /// The recall over the pairs that evidence connects: the share of what could be found.
    #[must_use]
    pub fn recall_of_evidence(&self) -> f64 {
        share(self.evident_pairs_found, self.pairs_with_evidence)
    }

    /// Wrong pairs per 1,000 records.
    #[must_use]
    pub fn wrong_per_1_000_records(&self) -> f64 {
        if self.records == 0 { 0.0 } else { share(self.pairs_wrong, self.records) * 1_000.0 }
    }

    /// The sum of both counts.
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

    /// Counts the records of one person that `counts` selects. A pair counts if at least one of its records is
    /// selected.
    pub(super) fn count(&mut self, records: &[Placed], counts: impl Fn(&Placed) -> bool) {
        let counted = records.iter().filter(|record| counts(record)).count();
        if counted == 0 {
            return;
        }
        let customers = pairs_by(records, |record| record.customer, &counts);
        let components = pairs_by(records, |record| record.truth.component, &counts);
        let all = pairs(records.len()) - pairs(records.len() - counted);
        self.people += 1;
        self.records += counted;
        self.missed_merges += customers.groups - 1;
        self.without_evidence += (components.groups - 1).min(customers.groups - 1);
        self.pairs_found += customers.pairs;
        self.pairs_missed += all - customers.pairs;
        self.pairs_with_evidence += components.pairs;
        self.evident_pairs_found +=
            pairs_by(records, |record| (record.customer, record.truth.component), &counts).pairs;
    }
}

/// A record with its customer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub customer: usize,
    pub truth: Truth,
}

struct Grouped {
    groups: usize,
    pairs: usize,
}

/// Groups the records by a key. Returns the number of groups, and of pairs in one group with a selected record.
fn pairs_by<K: Ord>(
    records: &[Placed],
    key: impl Fn(&Placed) -> K,
    counts: &impl Fn(&Placed) -> bool,
) -> Grouped {
    let mut groups: BTreeMap<K, (usize, usize)> = BTreeMap::new();
    for record in records {
        let (all, others) = groups.entry(key(record)).or_default();
        *all += 1;
        *others += usize::from(!counts(record));
    }
    Grouped {
        groups: groups.len(),
        pairs: groups.values().map(|(all, others)| pairs(*all) - pairs(*others)).sum(),
    }
}

/// A part divided by a whole, which may be zero.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    let float = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if whole == 0 { 1.0 } else { float(part) / float(whole) }
}

/// The number of pairs among this many.
pub(super) const fn pairs(of: usize) -> usize {
    of * of.saturating_sub(1) / 2
}
