//! Writes all records about everybody, in the order in which their random numbers are drawn.

use super::chance::SeededRng;
use super::people::World;
use super::rates;
use super::records::Records;
use super::shared_addresses::tag_shared;
use super::situation::Situation;
use crate::customer::model::source::SourceKind;

impl Records {
    pub(super) fn of(world: &World, chance: &mut SeededRng) -> Self {
        let mut records = Self::default();
        for person in 0..world.people.len() {
            records.write_all_of(world, chance, person);
        }
        for couple in 0..world.couples.len() {
            records.write_couple(world, chance, couple);
        }
        records.forge(world, chance);
        tag_shared(&mut records.drafts, world);
        records.shuffle(chance);
        records
    }

    /// Writes all records of one person.
    fn write_all_of(&mut self, world: &World, chance: &mut SeededRng, person: usize) {
        let first = self.drafts.len();
        for kind in kinds(chance) {
            self.write(world, chance, person, kind);
            if kind.keeps_people_unique() {
                if chance.happens(rates::MERGED_PROFILE) {
                    self.write(world, chance, person, kind);
                    self.merge_last_two(chance);
                }
            } else if chance.happens(rates::DUPLICATE) {
                self.write(world, chance, person, kind);
                self.tag_last_two(Situation::Duplicate);
            }
        }
        self.refer(chance, first);
        self.tag_together(first);
    }
}

/// The kinds of records of one person: at least one.
fn kinds(chance: &mut SeededRng) -> Vec<SourceKind> {
    let mut kinds: Vec<SourceKind> = rates::PRESENT
        .into_iter()
        .filter(|(_, rate)| chance.happens(*rate))
        .map(|(kind, _)| kind)
        .collect();
    if kinds.is_empty() {
        kinds.push(SourceKind::OmnioTapContact);
    }
    kinds
}
