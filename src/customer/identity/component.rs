//! Components: all records that are connected by references, source merges, decisions of either sort and values, also
//! through records that are gone. The result for a component is the same, whether it is resolved alone or with others.
//!
//! The size of a component is the number of its existing records. Above the rules' cap it uses no phone links. Parts of
//! it that are still above the cap use no e-mail links either. [`STEPS`] and [`is_oversized`] say so for all.

use std::collections::BTreeMap;

use super::evidence::Level;
use super::people::People;
use super::rules::IdentityRules;
use super::union_find::UnionFind;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// The weakest level that may link a component, the first at which it is within the cap.
pub const STEPS: [Level; 2] = [Level::Phone, Level::Email];

/// The weakest level that may link what is above the cap at all steps.
pub const LAST_STEP: Level = Level::Reference;

/// Whether a component of so many existing records is above the cap.
#[must_use]
pub const fn is_oversized(size: usize, rules: &IdentityRules) -> bool {
    size > rules.component_cap
}

/// So many existing records are enough to know that a component is above the cap.
#[must_use]
pub const fn enough_to_tell(rules: &IdentityRules) -> usize {
    rules.component_cap.saturating_add(1)
}

/// How many keys to load of the components of some records before they count as too large to be loaded whole. Most people
/// have a few records. Far more than that means that a component may be above the cap.
#[must_use]
pub const fn most_keys(records: usize, rules: &IdentityRules) -> usize {
    enough_to_tell(rules).saturating_add(records.saturating_mul(10))
}

/// Passes on the components of some members, each with the weakest level that it may use. Returns the number of
/// components above the cap.
pub(crate) fn for_each_component(
    people: &People<'_>,
    among: &[usize],
    mut resolve: impl FnMut(&[usize], Level),
) -> usize {
    for_each_part(people, among, &STEPS, &mut resolve)
}

/// Passes on the parts of some members at the first step, or at later steps what is above the cap. Returns the number of
/// parts above the cap at the first step.
fn for_each_part(
    people: &People<'_>,
    among: &[usize],
    steps: &[Level],
    resolve: &mut impl FnMut(&[usize], Level),
) -> usize {
    let Some((level, later)) = steps.split_first() else {
        resolve(among, LAST_STEP);
        return 0;
    };
    let mut oversized = 0_usize;
    for part in connected(people, among, *level) {
        if is_oversized(part.len(), people.facts.rules) {
            oversized = oversized.saturating_add(1);
            for_each_part(people, &part, later, resolve);
        } else {
            resolve(&part, *level);
        }
    }
    oversized
}

/// Groups members that are connected by decisions, merges and references, and by addresses up to a level.
fn connected(people: &People<'_>, among: &[usize], last: Level) -> Vec<Vec<usize>> {
    let facts = people.facts;
    let referred: Vec<(usize, RecordKey)> =
        among.iter().flat_map(|n| referred_by(people, *n).map(|key| (*n, key))).collect();
    let decisions = facts.decisions.iter().map(|decision| (&decision.left, &decision.right));
    let pairs: Vec<(&RecordKey, &RecordKey)> = facts.aliases.pairs().chain(decisions).collect();
    let named = pairs
        .iter()
        .flat_map(|(left, right)| [*left, *right])
        .chain(referred.iter().map(|(_, key)| key));
    let numbers = numbered(facts.members.iter().map(|member| &member.key).chain(named));
    let mut partition = UnionFind::new(numbers.len());
    let mut join = |left: Option<usize>, right: Option<usize>| {
        left.zip(right).into_iter().for_each(|(left, right)| partition.join_all(&[left, right]));
    };
    pairs.iter().for_each(|(left, right)| {
        join(numbers.get(left).copied(), numbers.get(right).copied());
    });
    referred.iter().for_each(|(n, key)| join(Some(*n), numbers.get(key).copied()));
    for level in [Level::Email, Level::Phone].into_iter().filter(|level| *level <= last) {
        people.holders(level, among).values().for_each(|holders| partition.join_all(holders));
    }
    partition.groups(among)
}

/// Numbers the keys in the order of their first occurrence: members come first, so they keep their positions.
fn numbered<'k>(keys: impl Iterator<Item = &'k RecordKey>) -> BTreeMap<&'k RecordKey, usize> {
    let mut numbers = BTreeMap::new();
    for key in keys {
        let next = numbers.len();
        numbers.entry(key).or_insert(next);
    }
    numbers
}

/// The records that a member refers to.
fn referred_by(people: &People<'_>, n: usize) -> impl Iterator<Item = RecordKey> {
    let links = people.person(n).is_some_and(|person| !person.is_loser);
    let linking = people.facts.members.get(n).filter(|_| links).map(|member| &member.linking);
    linking.into_iter().flatten().filter_map(Identifier::referred_record)
}
