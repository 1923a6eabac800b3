//! A population with known truth: people, what they are reached by, and what four systems wrote down about them, with all
//! that makes it hard to tell who is who. The same seed gives the same population, on every machine.
//!
//! It starts from people, not from the rules: households, employers, numbers and mailboxes first, then each system's records
//! as that system has them, and no record is left out because a rule would fail on it. How often things are so is in
//! `rates.rs`.
//!
//! Some of it the rules can't settle, or only guess: a nameless record on a household's line, two of a household with one
//! initial, a father and a son of one name, a couple's account. Who is hard to tell from whom follows from the situation
//! that their records are in. Where two people have an address in common and their records don't tell them apart
//! ([`evidence`] says how that is judged, and for which reason), they are *indistinguishable* as well. They all stay in, and
//! are measured apart: everybody else is *plain*.
//!
//! A couple's account ("Jan en Marie") is a customer of its own: it is neither partner's, and all of a couple's belong
//! together. Forms that somebody filled in with another's mailbox are in [`Population::forged`]: whoever did is nobody else in
//! it, and no record of theirs is anybody's.
//!
//! Not in it: records about a family ("Fam. de Vries"), since whose they are has no answer; names in other scripts than Latin.

mod chance;
mod couples;
pub mod evidence;
mod forged;
mod hard;
mod household;
mod kin;
mod names;
mod people;
mod rates;
mod records;
pub mod situation;
mod spelling;
mod writing;

use std::collections::{BTreeMap, BTreeSet};

use self::chance::Chance;
use self::evidence::Pair;
use self::people::World;
use self::records::{Draft, Records};
use self::situation::Situations;

use crate::customer::model::record::{Change, RecordKey};

/// Whose a record is, and what makes that hard to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// The person, by number; couples with an account have the numbers after those of the people.
    pub person: usize,
    /// The piece that it is in, by number: records of one person that an address or id connects, over others of the person too.
    pub piece: usize,
    /// What the record is in.
    pub situations: Situations,
}

/// Records, and whose they are.
#[derive(Debug)]
pub struct Population {
    /// How many people.
    pub people: usize,
    /// How many people, and couples with an account.
    pub everybody: usize,
    /// What the four systems told, in no order.
    pub changes: Vec<Change>,
    /// The truth about every record that isn't forged.
    pub truth: BTreeMap<RecordKey, Truth>,
    /// Forms filled in with another's mailbox, and whose that is.
    pub forged: BTreeMap<RecordKey, usize>,
    /// Who is hard to tell from whom.
    pub hard: BTreeSet<Pair>,
    /// Of those, the ones with an address in common whom nothing tells apart.
    pub indistinguishable: BTreeSet<Pair>,
    /// The mailboxes and mobile numbers that are one person's own and that a record of theirs names, and whose they are.
    pub own_addresses: BTreeMap<String, usize>,
}

impl Population {
    /// Makes people, and their records.
    #[must_use]
    pub fn new(people: usize, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let world = World::new(&mut chance, people);
        let Records { drafts, changes, forged, .. } = Records::of(&world, &mut chance);
        let indistinguishable = evidence::indistinguishable(&drafts);
        Self {
            people,
            everybody: world.everybody(),
            changes,
            forged,
            hard: hard::hard(&drafts, &world, &indistinguishable),
            indistinguishable,
            own_addresses: hard::own_addresses(&drafts, &world),
            truth: truth(drafts),
        }
    }

    /// What was told, as if nobody had forged a form.
    #[must_use]
    pub fn honest_changes(&self) -> Vec<Change> {
        let is_forged = |change: &Change| matches!(change, Change::Record { key, .. } if self.forged.contains_key(key));
        self.changes.iter().filter(|change| !is_forged(change)).cloned().collect()
    }
}

fn truth(drafts: Vec<Draft>) -> BTreeMap<RecordKey, Truth> {
    let pieces = evidence::pieces(&drafts);
    let truths = drafts.into_iter().zip(pieces);
    truths.map(|(draft, piece)| (draft.key, Truth { person: draft.person, piece, situations: draft.situations })).collect()
}
