//! A population with known truth: people, what they are reached by, and what four systems wrote down about them, with all
//! that makes it hard to tell who is who. The same seed gives the same population, on every machine.
//!
//! It starts from people, not from the rules: households, employers, numbers and mailboxes first, then each system's records
//! as that system has them, and no record is left out because a rule would fail on it. How often things are so is in
//! `rates.rs`.
//!
//! Some of it the rules can't settle: a nameless record on a household's line, two of a household with one initial. Where two
//! people have an address in common and their records don't tell them apart ([`evidence`] says how that is judged, and for
//! which reason), they are *indistinguishable*. They stay in, and are measured apart.
//!
//! Not in it: records about two people at once ("Fam. de Vries", "Jan en Anna"), since whose they are has no answer; names
//! in other scripts than Latin.

mod chance;
pub mod evidence;
mod names;
mod people;
mod rates;
mod records;
pub mod situation;
mod spelling;
mod writing;

use std::collections::{BTreeMap, BTreeSet};

use chance::Chance;
use evidence::Pair;
use people::World;
use records::Records;
use situation::Situations;

use crate::customer::record::{Change, RecordKey};

/// Whose a record is, and what makes that hard to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// The person, by number.
    pub person: usize,
    /// What the record is in.
    pub situations: Situations,
}

/// Records, and whose they are.
#[derive(Debug)]
pub struct Population {
    /// How many people.
    pub people: usize,
    /// What the four systems told, in no order.
    pub changes: Vec<Change>,
    /// The truth about every record.
    pub truth: BTreeMap<RecordKey, Truth>,
    /// Pairs of people with an address in common whom nothing tells apart.
    pub indistinguishable: BTreeSet<Pair>,
    /// How many records are in each piece that those of each person fall into at best: pieces without an address or id in
    /// common.
    pub pieces_at_best: Vec<Vec<usize>>,
}

impl Population {
    /// Makes people, and their records.
    #[must_use]
    pub fn new(people: usize, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let world = World::new(&mut chance, people);
        let Records { drafts, changes, .. } = Records::of(&world, &mut chance);
        Self {
            people,
            changes,
            indistinguishable: evidence::indistinguishable(&drafts),
            pieces_at_best: evidence::pieces_at_best(&drafts, people),
            truth: drafts.into_iter().map(|draft| (draft.key, Truth { person: draft.person, situations: draft.situations })).collect(),
        }
    }
}
