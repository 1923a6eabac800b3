//! Finds the people whom no rule can distinguish with certainty. The decision uses the situation of their records,
//! never the result of a rule.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::draft::Draft;
use super::evidence::{Pair, line, mailbox, pair};
use super::given_names::all_forms;
use super::name_fit::given_names_fit;
use super::people::World;
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
pub(super) fn hard(drafts: &[Draft], world: &World, alike: &BTreeSet<Pair>) -> BTreeSet<Pair> {
    let mut pairs = alike.clone();
    let people = world.people.len();
    pairs.extend(
        world
            .couples
            .iter()
            .zip(people..)
            .flat_map(|(couple, number)| couple.partners.map(|partner| (partner, number))),
    );
    let unmarked: BTreeSet<usize> = drafts
        .iter()
        .filter(|draft| draft.name.suffix.is_none())
        .map(|draft| draft.person)
        .collect();
    for address in [mailbox, line] {
        for holding in household_holders(drafts, world, address).into_values() {
            for (n, one) in holding.iter().enumerate() {
                let others = holding.iter().skip(n + 1).filter(|other| {
                    other.person != one.person && are_hard(one, other, world, &unmarked)
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
pub(super) fn own_addresses(drafts: &[Draft], world: &World) -> BTreeMap<String, usize> {
    let mut own = BTreeMap::new();
    for draft in drafts.iter().filter(|draft| draft.key.kind != SourceKind::OmniLabParticipant) {
        let Some(person) = world.people.get(draft.person) else { continue };
        let mobile = person.mobile.e164();
        let mailboxes = [&person.mailbox, &person.second_mailbox, &person.work_mailbox];
        let is_own = |address: &str| {
            address == mobile || mailboxes.iter().any(|mailbox| mailbox.as_deref() == Some(address))
        };
        own.extend(
            draft
                .addresses()
                .filter(|address| is_own(address))
                .map(|address| (address.to_owned(), draft.person)),
        );
    }
    for draft in drafts {
        for address in draft.addresses() {
            let is_households = |owner: &usize| {
                *owner != draft.person && world.home_of(*owner) == world.home_of(draft.person)
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
    drafts: &'a [Draft],
    world: &World,
    address: fn(&Draft) -> Option<&str>,
) -> HashMap<(Option<usize>, &'a str), Vec<&'a Draft>> {
    let mut holders: HashMap<(Option<usize>, &str), Vec<&Draft>> = HashMap::new();
    for draft in drafts {
        if let Some(address) = address(draft) {
            holders.entry((world.home_of(draft.person), address)).or_default().push(draft);
        }
    }
    holders
}

fn are_hard(one: &Draft, other: &Draft, world: &World, unmarked: &BTreeSet<usize>) -> bool {
    let given = |draft: &Draft| world.people.get(draft.person).map(|person| person.given.as_str());
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
