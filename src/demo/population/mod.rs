//! A population with known truth: people, their addresses, and the records of four systems about them, with everything
//! that makes identity hard to resolve. The same seed gives the same population, on every machine.
//!
//! It starts from people, not from the rules: first households, employers, numbers and mailboxes, then the records of
//! each system. No record is left out because a rule would fail on it. The frequencies are in `rates.rs`.
//!
//! The rules cannot resolve some cases with certainty: a record without a name on a household's line, two people of one
//! household with the same initial, a father and a son with the same name, a couple's account. The situation of the
//! records decides which people are *hard* to distinguish. If two people share an address and their records do not
//! distinguish them ([`evidence`] has the definition and the reasons), they are also *indistinguishable*. All of them
//! stay in the population and are measured separately; all other people are *plain*.
//!
//! A couple's account ("Jan en Marie") is a customer of its own: it belongs to neither partner alone, and all accounts
//! of a couple belong together. Forms that somebody filled in with another person's mailbox are in
//! [`Population::forged`]: the forger is not a person of the population, and these records belong to nobody.
//!
//! Not included: records about a family ("Fam. de Vries"), because they belong to no single person; and names in other
//! scripts than Latin.

mod components;
mod couples;
mod dates;
pub mod evidence;
mod family_names;
mod forged_forms;
mod generated_record;
mod generation;
mod given_names;
mod hard;
mod household;
mod name_fit;
mod origin;
mod own_records;
mod people;
mod rates;
mod records;
mod references;
mod relatives;
mod seeded_rng;
mod shared_addresses;
pub mod situation;
mod spelling;
mod writing;
mod writing_addresses;
mod writing_names;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use self::evidence::Pair;
use self::generated_record::GeneratedRecord;
use self::people::GeneratedPeople;
use self::records::Records;
use self::seeded_rng::SeededRng;
use self::situation::Situations;

use crate::customer::model::record::{Change, RecordKey};

/// The truth about a record: its person, and what makes it hard to resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// The index of the person. Couples with an account follow after the people.
    pub person: usize,
    /// The number of its component: records of one person that an address or id connects, directly or through other records
    /// of the person.
    pub component: usize,
    /// The situations of the record.
    pub situations: Situations,
}

/// The records, with the truth about them.
#[derive(Debug)]
pub struct Population {
    /// The number of people.
    pub people: usize,
    /// The number of people and of couples with an account.
    pub people_and_couples: usize,
    /// The changes that the four systems report, in random order.
    pub changes: Vec<Change>,
    /// The truth about every record that is not forged.
    pub truth: BTreeMap<RecordKey, Truth>,
    /// Forged forms, with the person whose mailbox they contain.
    pub forged: BTreeMap<RecordKey, usize>,
    /// Pairs of people who are hard to distinguish.
    pub hard: BTreeSet<Pair>,
    /// Of these, the pairs that share an address and that nothing distinguishes.
    pub indistinguishable: BTreeSet<Pair>,
    /// Mailboxes and mobile numbers that belong to one person and are in a record of theirs, with that person.
    pub own_addresses: BTreeMap<String, usize>,
}

impl Population {
    /// Creates people, and their records.
    #[must_use]
    pub fn new(people: usize, seed: u64) -> Self {
        let mut rng = SeededRng::new(seed);
        let generated = GeneratedPeople::new(&mut rng, people);
        let Records { records, changes, forged, .. } = Records::of(&generated, &mut rng);
        let indistinguishable = evidence::indistinguishable(&records);
        Self {
            people,
            people_and_couples: generated.people_and_couples(),
            changes,
            forged,
            hard: hard::hard(&records, &generated, &indistinguishable),
            indistinguishable,
            own_addresses: hard::own_addresses(&records, &generated),
            truth: truth(records),
        }
    }

    /// The changes without the forged forms.
    #[must_use]
    pub fn honest_changes(&self) -> Vec<Change> {
        let is_forged = |change: &Change| matches!(change, Change::Record { key, .. } if self.forged.contains_key(key));
        self.changes.iter().filter(|change| !is_forged(change)).cloned().collect()
    }
}

fn truth(records: Vec<GeneratedRecord>) -> BTreeMap<RecordKey, Truth> {
    let components = components::components(&records);
    let truths = records.into_iter().zip(components);
    truths
        .map(|(record, component)| {
            (record.key, Truth { person: record.person, component, situations: record.situations })
        })
        .collect()
}
