//! Measures what people's own addresses find, and what forged forms change.

use std::collections::{BTreeMap, BTreeSet};

use super::figures::share;
use crate::customer::identity::in_memory::InMemoryIdentity;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::SourceKind;
use crate::demo::population::Population;

/// Results of lookups by all addresses that belong to one person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lookups {
    /// The number of addresses.
    pub addresses: usize,
    /// Addresses that find several customers.
    pub several: usize,
    /// Addresses that find nobody.
    pub none: usize,
}

impl Lookups {
    /// The share of the addresses that find several customers.
    #[must_use]
    pub fn share_of_several(&self) -> f64 {
        if self.addresses == 0 { 0.0 } else { share(self.several, self.addresses) }
    }
}

/// The effect of forged forms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forged {
    /// The number of forged forms.
    pub forms: usize,
    /// Forged forms in a customer that has records of the victim.
    pub with_the_victim: usize,
    /// Customers whose trusted records differ from those without forged forms.
    pub changed: usize,
}

/// Whether a record is trusted, and not self-asserted such as a form.
fn is_trusted(key: &RecordKey) -> bool {
    key.kind != SourceKind::OmniLabParticipant
}

/// The customers that an address finds: those with a trusted record that has it, otherwise the others.
#[derive(Debug, Default)]
struct Found {
    by_trusted: BTreeSet<usize>,
    by_others: BTreeSet<usize>,
}

impl Lookups {
    /// Looks up every address that belongs to one person.
    pub(super) fn measure(population: &Population, in_memory: &InMemoryIdentity) -> Self {
        let mut found: BTreeMap<&str, Found> = population
            .own_addresses
            .keys()
            .map(|address| (address.as_str(), Found::default()))
            .collect();
        let moved = &in_memory.resolution.moved;
        let lost: BTreeSet<_> = moved
            .iter()
            .flat_map(|moved| moved.from.iter().map(|member| (*member, moved.evidence.address())))
            .collect();
        for (customer, members) in in_memory.resolution.clusters.iter().enumerate() {
            let members = members
                .iter()
                .filter_map(|member| Some((*member, in_memory.members.get(*member)?)));
            for (number, member) in
                members.filter(|(_, member)| population.truth.contains_key(&member.key))
            {
                let finds = |identifier: &&Identifier| {
                    identifier.kind.is_address() && !lost.contains(&(number, Some(*identifier)))
                };
                for identifier in member.identifiers.iter().filter(finds) {
                    let Some(found) = found.get_mut(identifier.value.as_str()) else { continue };
                    if is_trusted(&member.key) {
                        &mut found.by_trusted
                    } else {
                        &mut found.by_others
                    }
                    .insert(customer);
                }
            }
        }
        let customers = |found: &Found| {
            if found.by_trusted.is_empty() { found.by_others.len() } else { found.by_trusted.len() }
        };
        Self {
            addresses: found.len(),
            several: found.values().filter(|found| customers(found) > 1).count(),
            none: found.values().filter(|found| customers(found) == 0).count(),
        }
    }
}

impl Forged {
    /// Compares the customers with the customers that exist without the forged forms.
    #[must_use]
    pub fn measure(
        population: &Population,
        in_memory: &InMemoryIdentity,
        honest: &InMemoryIdentity,
    ) -> Self {
        let with_the_victim = in_memory
            .customers()
            .map(|customer| forms_with_their_victim(population, &customer))
            .sum();
        let with = trusted_customers(in_memory);
        let changed = trusted_customers(honest).difference(&with).count();
        Self { forms: population.forged.len(), with_the_victim, changed }
    }
}

fn forms_with_their_victim(population: &Population, customer: &BTreeSet<&RecordKey>) -> usize {
    let people: BTreeSet<usize> = customer
        .iter()
        .filter_map(|key| population.truth.get(*key))
        .map(|truth| truth.person)
        .collect();
    customer
        .iter()
        .filter_map(|key| population.forged.get(*key))
        .filter(|victim| people.contains(victim))
        .count()
}

/// The trusted records of each customer that has any.
fn trusted_customers(in_memory: &InMemoryIdentity) -> BTreeSet<BTreeSet<&RecordKey>> {
    let trusted = in_memory.customers().map(|customer| {
        customer.into_iter().filter(|key| is_trusted(key)).collect::<BTreeSet<_>>()
    });
    trusted.filter(|customer| !customer.is_empty()).collect()
}
