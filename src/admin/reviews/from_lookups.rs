//! Questions that only lookups met: an address or id finds several customers, or too many, and the evidence raised no question
//! about it. Nobody stores them: they follow from the history of lookups, the customers as they are now, and the decisions.
//!
//! An order number never becomes one: the history has only its hash, and what a hash stands for is searched among the addresses
//! and ids of customers, not among their events.

use std::collections::{BTreeMap, BTreeSet};

use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::lookup::query::Question;
use crate::lookup::query_customers::find_id;
use crate::storage::StorageError;
use crate::storage::component_rows::ReviewRow;
use crate::storage::customer_summaries::list_owners;
use crate::storage::decisions::{DecisionRow, Verdict, Which, list_decisions, list_shared_values};
use crate::storage::invalidation::LookupHash;
use crate::storage::lookup_history::id_of_reference;
use crate::storage::lookup_reviews::{
    SeveralFound, list_address_holders, list_postponed, list_records_of, list_several_found,
};
use crate::storage::person::list_identifiers;
use crate::storage::pool::Connection;
use crate::storage::reviews::OpenReview;

/// The level of these questions.
pub(super) const LEVEL: &str = "lookup";

/// Why they are questions.
const CONFLICT: &str = "lookups find several customers";

/// The most addresses and ids that are examined: those that were asked last.
const MOST_EXAMINED: i64 = 500;

/// The questions that only lookups met and that nobody has decided. `stored` are the addresses and ids of the others.
///
/// Addresses that are shared do not count as examined. Those of different people do: whether nothing is left to decide depends
/// on who the customers are now.
pub(super) async fn list_from_lookups(
    db: &mut Connection,
    brand: &Brand,
    mut stored: BTreeSet<LookupHash>,
) -> Result<Vec<OpenReview>, StorageError> {
    let shared = list_shared_values(db, brand.id()).await?;
    stored.extend(shared.iter().map(|address| LookupHash::of_address(&brand.secret, address)));
    let several = list_several_found(db, brand.id(), &stored, MOST_EXAMINED).await?;
    if several.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<Found> = list_found(db, brand, several).await?;
    let decided = Decided::load(db, brand, &found).await?;
    let postponed = list_postponed(db, brand.id()).await?;
    let open = found.into_iter().filter(|found| !decided.settle(found));
    let review = |Found { several, question, customers }: Found| {
        let (kind, value) = question.parts();
        let review = ReviewRow {
            level: LEVEL.to_owned(),
            kind: kind.to_owned(),
            value: value.to_owned(),
            conflict: CONFLICT.to_owned(),
            customers: customers.into_iter().collect(),
        };
        let same = postponed
            .get(&several.question)
            .filter(|postponed| postponed.customers == review.customers);
        OpenReview {
            review,
            found_at: several.first_at,
            postponed_until: same.map(|postponed| postponed.until),
        }
    };
    Ok(open.map(review).collect())
}

/// An address or id that finds several customers now.
struct Found {
    several: SeveralFound,
    question: Question,
    customers: BTreeSet<String>,
}

/// Those of some addresses and ids that still find several customers. The history only has hashes: what they stand for is
/// found among the addresses and ids of the customers.
async fn list_found(
    db: &mut Connection,
    brand: &Brand,
    several: Vec<SeveralFound>,
) -> Result<Vec<Found>, StorageError> {
    let keys = several.iter().flat_map(|several| &several.customers);
    let keys: BTreeSet<RecordKey> = keys.filter_map(|key| key.parse().ok()).collect();
    let owners = list_owners(db, brand.id(), &keys).await?;
    let questions = list_questions(db, brand, &owners.values().collect()).await?;
    let asked = several.iter().filter_map(|several| questions.get(&several.question));
    let addresses: BTreeSet<Identifier> = asked.filter_map(Question::address).cloned().collect();
    let holders = list_address_holders(db, brand.id(), &addresses).await?;
    let mut found = Vec::new();
    for several in several {
        let Some(question) = questions.get(&several.question).cloned() else { continue };
        let customers: BTreeSet<String> = match &question {
            Question::Address(address) => holders.get(address).cloned().unwrap_or_default(),
            // As a lookup finds them now: what the history says of an id may be long past.
            Question::Id(id) => {
                let rows = find_id(db, brand, id).await?.0;
                rows.into_iter().map(|row| row.customer_key).collect()
            }
        };
        if customers.len() > 1 {
            found.push(Found { several, question, customers });
        }
    }
    Ok(found)
}

/// Every address and id of some customers that a lookup can ask for, by its hash.
async fn list_questions(
    db: &mut Connection,
    brand: &Brand,
    customers: &BTreeSet<&String>,
) -> Result<BTreeMap<LookupHash, Question>, StorageError> {
    let records: BTreeSet<RecordKey> =
        list_records_of(db, brand.id(), customers).await?.into_keys().collect();
    let ids = records.iter().flat_map(RecordKey::shown_ids).map(Question::Id).collect::<Vec<_>>();
    let identifiers = list_identifiers(db, brand.id(), &records).await?;
    let asked = identifiers.into_iter().map(|found| match id_of_reference(&found.identifier) {
        Some(id) => Question::Id(id.to_owned()),
        None => Question::Address(found.identifier),
    });
    let by_hash = |question: Question| {
        let (kind, text) = question.parts();
        (LookupHash::new(&brand.secret, kind, text), question)
    };
    Ok(ids.into_iter().chain(asked).map(by_hash).collect())
}

/// Pairs of customers that people decided are different people, the lesser key first.
struct Decided(BTreeSet<(String, String)>);

impl Decided {
    async fn load(
        db: &mut Connection,
        brand: &Brand,
        found: &[Found],
    ) -> Result<Self, StorageError> {
        let customers = found.iter().flat_map(|found| &found.customers).collect();
        let owners = list_records_of(db, brand.id(), &customers).await?;
        let records = owners.keys().cloned().collect();
        let decisions = list_decisions(db, brand.id(), Which::Connected(&records)).await?;
        Ok(Self(different_customers(&decisions, owners)))
    }

    /// Whether nothing is left to decide: all the customers are different people.
    fn settle(&self, Found { customers, .. }: &Found) -> bool {
        let mut pairs = customers.iter().enumerate().flat_map(|(n, one)| {
            customers
                .iter()
                .skip(n.saturating_add(1))
                .map(move |other| (one.clone(), other.clone()))
        });
        pairs.all(|pair| self.0.contains(&pair))
    }
}

/// The pairs of customers that decisions in force say are different people. For a record that is gone, the records stand
/// that decisions say are the same person.
fn different_customers(
    decisions: &[DecisionRow],
    mut owners: BTreeMap<RecordKey, String>,
) -> BTreeSet<(String, String)> {
    let pairs = |same: bool| {
        let is_meant = move |row: &&DecisionRow| match row.verdict {
            Verdict::SamePerson(_) => same,
            _ => !same,
        };
        decisions.iter().filter(is_meant).flat_map(|row| row.verdict.pairs())
    };
    let mut grows = true;
    while grows {
        let known = owners.len();
        for (left, right) in pairs(true) {
            for (one, other) in [(left, right), (right, left)] {
                if let Some(owner) = owners.get(one).filter(|_| !owners.contains_key(other)) {
                    owners.insert(other.clone(), owner.clone());
                }
            }
        }
        grows = owners.len() > known;
    }
    let customers = pairs(false).filter_map(|(left, right)| {
        let (left, right) = (owners.get(left)?.clone(), owners.get(right)?.clone());
        Some(if left <= right { (left, right) } else { (right, left) })
    });
    customers.collect()
}
