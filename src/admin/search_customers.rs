//! Finds customers by anything that a person may know about them: an address, an id, an order number, a name.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::audit::{Action, Attribution};
use super::decisions::{CustomerView, views_of};
use super::find_customers::{customer_keys, erasure_target};
use crate::brand::Brand;
use crate::counted::counted;
use crate::customer::model::email::Email;
use crate::customer::model::event::Event;
use crate::customer::model::folding::fold_name;
use crate::customer::model::phone::Phone;
use crate::customer::model::record::RecordKey;
use crate::customer::model::text::{canonical_id, is_possible_id};
use crate::erasure::erase::erasures_of;
use crate::lookup::query::Question;
use crate::lookup::query_customers::ReadRules;
use crate::settings::file::MultipleMatches;
use crate::storage::StorageError;
use crate::storage::customer_summaries::list_owners;
use crate::storage::erasures::{PastErasure, find_past_erasures};
use crate::storage::events::list_newest_events;
use crate::storage::names::{NamePart, list_customers_named};
use crate::storage::person::list_holders;
use crate::storage::pool::{Connection, Pool};

/// The most customers that a search finds.
pub const MOST_FOUND: usize = 50;

/// The most words of a name.
const MOST_WORDS: usize = 6;

/// The customers that a search found. It is personal data, so it does not implement `Debug`.
pub struct SearchResult {
    /// The customers, in the order of their names.
    pub customers: Vec<FoundCustomer>,
    /// Whether more match than are here.
    pub has_more: bool,
    /// If nobody matches: the erasures of a person with this address or id, the newest first.
    pub erasures: Vec<PastErasure>,
}

/// A customer that a search found.
pub struct FoundCustomer {
    /// The customer.
    pub view: CustomerView,
    /// The time of the newest event.
    pub last_event_at: Option<Timestamp>,
}

/// Finds the customers that a text may mean. By name, and whether a person was erased, only for those who may see names. It
/// writes an audit entry.
///
/// # Errors
/// If Postgres fails.
pub async fn search_customers(
    pool: &Pool,
    brand: &Brand,
    text: &str,
    sees_names: bool,
    by: (Attribution<'_>, Timestamp),
) -> Result<SearchResult, StorageError> {
    let mut connection = pool.acquire().await?;
    let mut keys = matching_keys(&mut connection, brand, text, sees_names).await?;
    let has_more = keys.len() > MOST_FOUND;
    while keys.len() > MOST_FOUND {
        keys.pop_last();
    }
    let erasures = if sees_names && keys.is_empty() {
        erasures(&mut connection, brand, text).await?
    } else {
        Vec::new()
    };
    let customers = found(&mut connection, brand, &keys).await?;
    let records = customers.iter().flat_map(|found| &found.view.records);
    let records = records.map(|(record, _)| record.clone()).collect();
    let target = counted(customers.len(), "customer", "customers");
    let action = Action::new("search customers", target).about_records(brand, &records);
    action.done_in(&mut connection, brand.id(), by, "shown").await?;
    Ok(SearchResult { customers, has_more, erasures })
}

/// Whom a text may mean besides one customer. It is personal data, so it does not implement `Debug`.
pub enum OtherCustomers {
    /// Nobody.
    None,
    /// Only that customer.
    Same,
    /// One other, by its first record.
    One(RecordKey),
    /// Several others: at most [`MOST_OTHERS`] of them.
    Several(Vec<CustomerView>),
}

/// The most other customers from whom a person chooses one.
pub const MOST_OTHERS: usize = 20;

/// The customers besides one that a text may mean.
///
/// # Errors
/// If Postgres fails.
pub async fn find_other_customers(
    db: &mut Connection,
    brand: &Brand,
    text: &str,
    besides: &str,
) -> Result<OtherCustomers, StorageError> {
    let mut keys = matching_keys(db, brand, text, true).await?;
    let is_same = keys.remove(besides);
    if keys.len() > 1 {
        let keys = keys.into_iter().take(MOST_OTHERS).collect();
        return Ok(OtherCustomers::Several(views_of(db, brand, &keys).await?));
    }
    let only = keys.pop_first().and_then(|key| key.parse().ok());
    let nobody = if is_same { OtherCustomers::Same } else { OtherCustomers::None };
    Ok(only.map_or(nobody, OtherCustomers::One))
}

/// The keys of the customers that a text may mean: at least one more than are shown, if there are more.
async fn matching_keys(
    db: &mut Connection,
    brand: &Brand,
    text: &str,
    by_name: bool,
) -> Result<BTreeSet<String>, StorageError> {
    let enough = MOST_FOUND.saturating_add(1);
    let limit = i64::try_from(enough).unwrap_or(i64::MAX);
    let rules = ReadRules { max_customers: enough, multiple_matches: MultipleMatches::All };
    let mut keys = BTreeSet::new();
    for question in questions(brand, text) {
        keys.extend(customer_keys(db, brand, &question, rules).await?);
        // Also the records that have the address, but do not let it find their customer.
        if let Some(address) = question.address() {
            let holders = list_holders(db, brand.id(), address, limit).await?;
            let holders = holders.into_iter().collect();
            keys.extend(list_owners(db, brand.id(), &holders).await?.into_values());
        }
    }
    if !keys.is_empty() {
        return Ok(keys);
    }
    // People write the number of an order in small letters.
    let capitals = text.to_uppercase();
    if capitals != text && is_possible_id(&capitals) {
        let question = Question::Id(canonical_id(&capitals));
        keys.extend(customer_keys(db, brand, &question, rules).await?);
    }
    if by_name {
        keys.extend(list_named(db, brand, text, limit).await?);
    }
    Ok(keys)
}

/// The keys of the customers whose name a text may be. If there is room, also by another part of the name.
async fn list_named(
    db: &mut Connection,
    brand: &Brand,
    text: &str,
    limit: i64,
) -> Result<BTreeSet<String>, StorageError> {
    let words = words_of(text);
    let mut found = BTreeSet::new();
    if words.is_empty() {
        return Ok(found);
    }
    let (names, whole) = (beginnings(&words), words.join(" "));
    for (part, beginnings) in [
        (NamePart::Whole, [names.as_slice(), &with_particles(&whole)].concat()),
        (NamePart::FamilyNameWord, names),
        (NamePart::GivenFirst, [vec![whole], given_first(&words)].concat()),
    ] {
        if i64::try_from(found.len()).is_ok_and(|count| count < limit) {
            found.extend(list_customers_named(db, brand.id(), part, &beginnings, limit).await?);
        }
    }
    Ok(found)
}

/// The erasures of a person whose address or id the text may be.
async fn erasures(
    db: &mut Connection,
    brand: &Brand,
    text: &str,
) -> Result<Vec<PastErasure>, StorageError> {
    let mut found = BTreeSet::new();
    for question in questions(brand, text) {
        found.extend(erasures_of(db, brand, &erasure_target(&question)).await?);
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    find_past_erasures(db, brand.id(), &found).await
}

/// The questions that a text may be.
fn questions(brand: &Brand, text: &str) -> Vec<Question> {
    let email = Email::parse(text).ok().map(|email| Question::Address(email.into()));
    let region = brand.rules.identity.region;
    // People leave out the plus before the code of a country.
    let phone = Phone::normalise(text, region)
        .or_else(|_| Phone::normalise(&format!("+{text}"), region))
        .ok();
    let phone = phone.map(|phone| Question::Address(phone.into()));
    let is_id = !text.is_empty() && is_possible_id(text);
    let id = is_id.then(|| Question::Id(canonical_id(text)));
    email.into_iter().chain(phone).chain(id).collect()
}

/// How the folded names begin that some words may mean, with the family name first. The words may be a family name, both
/// names in either order, or a name of one word.
fn beginnings(words: &[String]) -> Vec<String> {
    let split = |at: usize| {
        let (given, family) = words.split_at_checked(at)?;
        Some(format!("{} {}", family.join(" "), given.join(" ")))
    };
    let both = (1..=words.len()).filter_map(split);
    std::iter::once(words.join(" ")).chain(both).collect()
}

/// How the folded names begin that some words may mean, with the given name first: both names in either order, the family
/// name also without its particles, and also without the second half of a double one.
fn given_first(words: &[String]) -> Vec<String> {
    let split = |at: usize| words.split_at_checked(at);
    let in_order = (1..words.len()).filter_map(split);
    let in_both = in_order.flat_map(|(one, other)| [(one, other), (other, one)]);
    in_both
        .flat_map(|(given, family)| {
            let (given, family) = (given.join(" "), family.join(" "));
            let families = std::iter::once(family.clone()).chain(with_particles(&family));
            families.map(move |family| format!("{given} {family}")).collect::<Vec<_>>()
        })
        .collect()
}

/// The folded words of a name. None if the text is an e-mail address, or has too many.
fn words_of(text: &str) -> Vec<String> {
    let words = if text.contains('@') { Vec::new() } else { fold_name(text) };
    if words.len() > MOST_WORDS { Vec::new() } else { words }
}

/// Particles as they often are before a family name.
const BEFORE_FAMILY_NAMES: [&str; 12] =
    ["de", "den", "der", "ten", "ter", "van", "van de", "van den", "van der", "van t", "von", "el"];

/// A family name that was typed without its particles (`vries`), or in one word with them (`devries`).
fn with_particles(name: &str) -> Vec<String> {
    let before = BEFORE_FAMILY_NAMES.iter().map(|particles| format!("{particles} {name}"));
    let apart = BEFORE_FAMILY_NAMES.iter().filter_map(|particles| {
        let rest = name.strip_prefix(&particles.replace(' ', ""))?;
        (rest.chars().count() >= FEWEST_LETTERS).then(|| format!("{particles} {rest}"))
    });
    before.chain(apart).collect()
}

/// A family name without its particles has so many letters at least.
const FEWEST_LETTERS: usize = 3;

async fn found(
    db: &mut Connection,
    brand: &Brand,
    keys: &BTreeSet<String>,
) -> Result<Vec<FoundCustomer>, StorageError> {
    let views = views_of(db, brand, keys).await?;
    let records: Vec<Vec<RecordKey>> = views.iter().map(record_keys).collect();
    let records: Vec<&[RecordKey]> = records.iter().map(Vec::as_slice).collect();
    let newest = list_newest_events(db, brand.id(), &records, 1, &[]).await?;
    let with_time = |(view, newest): (CustomerView, Vec<_>)| FoundCustomer {
        view,
        last_event_at: newest.first().map(Event::occurred_at),
    };
    let mut found: Vec<FoundCustomer> = views.into_iter().zip(newest).map(with_time).collect();
    found.sort_by_cached_key(|found| {
        let CustomerView { first_name, last_name, key, .. } = &found.view;
        (last_name.to_lowercase(), first_name.to_lowercase(), key.clone())
    });
    Ok(found)
}

fn record_keys(view: &CustomerView) -> Vec<RecordKey> {
    view.records.iter().map(|(record, _)| record.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginnings_of(text: &str) -> Vec<String> {
        beginnings(&words_of(text))
    }

    #[test]
    fn a_name_may_be_a_family_name_or_both_in_either_order() {
        assert_eq!(beginnings_of("Bakker"), ["bakker", " bakker"]);
        assert_eq!(
            beginnings_of("Zoë de Vries"),
            ["zoe de vries", "de vries zoe", "vries zoe de", " zoe de vries"]
        );
        for text in ["vries", "devries"] {
            assert!(with_particles(text).contains(&"de vries".to_owned()), "{text}");
        }
        assert!(with_particles("vanderberg").contains(&"van der berg".to_owned()));
        for text in ["Anna Jong", "jong anna", "Anna de Jong", "anna dejong"] {
            let beginnings = given_first(&words_of(text));
            assert!(beginnings.contains(&"anna de jong".to_owned()), "{text}: {beginnings:?}");
        }
        assert_eq!(given_first(&words_of("Anna")), Vec::<String>::new());
        for none in ["a@example.org", " … ", "a b c d e f g"] {
            assert_eq!(words_of(none), Vec::<String>::new(), "{none}");
        }
    }
}
