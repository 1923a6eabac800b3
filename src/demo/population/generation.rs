//! Writes all records about everybody, in the order in which their random numbers are drawn.

use super::people::GeneratedPeople;
use super::rates;
use super::records::Records;
use super::seeded_rng::SeededRng;
use super::shared_addresses::tag_shared;
use super::situation::Situation;
use crate::customer::model::source::SourceKind;

impl Records {
    pub(super) fn of(generated: &GeneratedPeople, rng: &mut SeededRng) -> Self {
        let mut records = Self::default();
        for person in 0..generated.people.len() {
            records.write_all_of(generated, rng, person);
        }
        for couple in 0..generated.couples.len() {
            records.write_couple(generated, rng, couple);
        }
        records.forge(generated, rng);
        tag_shared(&mut records.records, generated);
        records.shuffle(rng);
        records
    }

    /// Writes all records of one person.
    fn write_all_of(&mut self, generated: &GeneratedPeople, rng: &mut SeededRng, person: usize) {
        let first = self.records.len();
        for kind in kinds(rng) {
            self.write(generated, rng, person, kind);
            if kind.keeps_people_unique() {
                if rng.happens(rates::MERGED_PROFILE) {
                    self.write(generated, rng, person, kind);
                    self.merge_last_two(rng);
                }
            } else if rng.happens(rates::DUPLICATE) {
                self.write(generated, rng, person, kind);
                self.tag_last_two(Situation::Duplicate);
            }
        }
        self.refer(rng, first);
        self.tag_together(first);
    }
}

/// The kinds of records of one person: at least one.
fn kinds(rng: &mut SeededRng) -> Vec<SourceKind> {
    let mut kinds: Vec<SourceKind> = rates::PRESENT
        .into_iter()
        .filter(|(_, rate)| rng.happens(*rate))
        .map(|(kind, _)| kind)
        .collect();
    if kinds.is_empty() {
        kinds.push(SourceKind::OmnioTapContact);
    }
    kinds
}
