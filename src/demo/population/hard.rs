//! Finds the people whom no rule can distinguish with certainty. The decision uses the situation of their records,
//! never the result of a rule.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::evidence::{Pair, line, mailbox, pair};
use super::generated_record::GeneratedRecord;
use super::given_names::all_forms;
use super::name_fit::given_names_fit;
use super::people::GeneratedPeople;
use super::spelling::plain;
use crate::customer::model::name_forms::are_forms_of_one;
use crate::customer::model::source::SourceKind;

/// The pairs of people who are hard to distinguish. Two people of one household who share an address, if:
///
/// - one of the two records with it has no given name; or
/// - their given names, or other forms of them, are alike or the same, unless each of their records says which of the
///   two it is; or
/// - one of them is a couple's account (these also without an address in common).
///
/// In addition, all pairs that cannot be distinguished, in one household or not.
pub(super) fn hard(
    records: &[GeneratedRecord],
    generated: &GeneratedPeople,
    alike: &BTreeSet<Pair>,
) -> BTreeSet<Pair> {
    let mut pairs = alike.clone();
    let people = generated.people.len();
    pairs.extend(
        generated
            .couples
            .iter()
            .zip(people..)
            .flat_map(|(couple, number)| couple.partners.map(|partner| (partner, number))),
    );
    let unmarked: BTreeSet<usize> = records
        .iter()
        .filter(|record| record.name.suffix.is_none())
        .map(|record| record.person)
        .collect();
    for address in [mailbox, line] {
        for holding in household_holders(records, generated, address).into_values() {
            for (n, one) in holding.iter().enumerate() {
                let others = holding.iter().skip(n + 1).filter(|other| {
                    other.person != one.person && are_hard(one, other, generated, &unmarked)
                });
                pairs.extend(others.map(|other| pair(one.person, other.person)));
            }
        }
    }
    pairs
}

/// The addresses that belong to one person and are in a record of theirs that is not self-asserted: mailboxes and
/// mobile numbers that no other person of the household uses as their own. Role mailboxes, switchboards and landlines
/// are not included.
pub(super) fn own_addresses(
    records: &[GeneratedRecord],
    generated: &GeneratedPeople,
) -> BTreeMap<String, usize> {
    let mut own = BTreeMap::new();
    for record in records.iter().filter(|record| record.key.kind != SourceKind::OmniLabParticipant)
    {
        let Some(person) = generated.people.get(record.person) else { continue };
        let mobile = person.mobile.e164();
        let mailboxes = [&person.mailbox, &person.second_mailbox, &person.work_mailbox];
        let is_own = |address: &str| {
            address == mobile || mailboxes.iter().any(|mailbox| mailbox.as_deref() == Some(address))
        };
        own.extend(
            record
                .addresses()
                .filter(|address| is_own(address))
                .map(|address| (address.to_owned(), record.person)),
        );
    }
    for record in records {
        for address in record.addresses() {
            let is_households = |owner: &usize| {
                *owner != record.person
                    && generated.household_of(*owner) == generated.household_of(record.person)
            };
            if own.get(address).is_some_and(is_households) {
                own.remove(address);
            }
        }
    }
    own
}

/// The records with one address, grouped by household.
fn household_holders<'a>(
    records: &'a [GeneratedRecord],
    generated: &GeneratedPeople,
    address: fn(&GeneratedRecord) -> Option<&str>,
) -> HashMap<(Option<usize>, &'a str), Vec<&'a GeneratedRecord>> {
    let mut holders: HashMap<(Option<usize>, &str), Vec<&GeneratedRecord>> = HashMap::new();
    for record in records {
        if let Some(address) = address(record) {
            holders
                .entry((generated.household_of(record.person), address))
                .or_default()
                .push(record);
        }
    }
    holders
}

fn are_hard(
    one: &GeneratedRecord,
    other: &GeneratedRecord,
    generated: &GeneratedPeople,
    unmarked: &BTreeSet<usize>,
) -> bool {
    let given = |record: &GeneratedRecord| {
        generated.people.get(record.person).map(|person| person.given.as_str())
    };
    let (Some(name), Some(others)) = (given(one), given(other)) else { return true };
    let says_nothing = one.name.given.is_none() || other.name.given.is_none();
    let always_marked = !unmarked.contains(&one.person) && !unmarked.contains(&other.person);
    says_nothing || (are_alike(name, others) && !always_marked)
}

/// Whether two given names, or other forms of them, can be confused: Jan and Johan are both Johannes.
fn are_alike(name: &str, other: &str) -> bool {
    let (names, others) = (all_forms(name), all_forms(other));
    let first = |name: &str| plain(name.split([' ', '-']).next().unwrap_or_default());
    are_forms_of_one(&first(name), &first(other))
        || names.iter().any(|name| others.iter().any(|other| given_names_fit(name, other)))
}
