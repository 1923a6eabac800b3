//! The entries of the suppression list for a person: hashes of its records, events, addresses and names, and of the ids
//! that answers gave out for it.

use std::collections::BTreeSet;

use crate::brand::Brand;
use crate::customer::model::identifier::{Identifier, identifying_values};
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::given_ids::list_given_ids;
use crate::storage::person::{
    FoundIdentifier, list_event_keys, list_identifiers, list_namesakes, list_shared,
};
use crate::storage::pool::Connection;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher, given_name};

/// The hashes that the suppression list needs for a person.
///
/// # Errors
/// If Postgres fails.
pub(crate) async fn list_entries(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
) -> Result<BTreeSet<SuppressionHash>, StorageError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let events = list_event_keys(db, brand.id(), records).await?;
    let identifiers = list_identifiers(db, brand.id(), records).await?;
    let full_names = full_names(&identifiers);
    let names: BTreeSet<String> =
        given_names(&full_names).chain(full_names.iter().cloned()).collect();
    let values = linking_values(records, &identifiers);
    let shared = list_shared(db, brand.id(), records, &values).await?;
    // If somebody with the same name has the address too (father and son on one phone), the name proves nothing.
    let namesakes = list_namesakes(db, brand.id(), records, &values, &names).await?;
    let mut entries: BTreeSet<SuppressionHash> =
        records.iter().map(|key| hasher.record(key)).collect();
    entries.extend(events.iter().map(|key| hasher.event(key)));
    let given = list_given_ids(db, brand.id(), records).await?;
    entries.extend(given.iter().map(|id| hasher.given_id(id)));
    for value in &values {
        let is_own = !shared.contains(value) && brand.rules.identity.may_link(value);
        if is_own {
            entries.insert(hasher.exclusive(value));
            entries.extend(full_names.iter().filter_map(|name| hasher.with_initial(value, name)));
        } else {
            entries.insert(hasher.shared(value));
        }
        let telling =
            names.iter().filter(|name| !namesakes.contains(&(value.clone(), (*name).clone())));
        entries.extend(telling.map(|name| hasher.with_name(value, name)));
    }
    Ok(entries)
}

fn full_names(identifiers: &[FoundIdentifier]) -> BTreeSet<String> {
    identifiers.iter().map(|found| found.name_key.clone()).filter(|name| !name.is_empty()).collect()
}

/// Some records have the given name only.
fn given_names(full_names: &BTreeSet<String>) -> impl Iterator<Item = String> {
    full_names
        .iter()
        .map(|name| given_name(name))
        .filter(|given| !given.is_empty())
        .map(|given| format!("{given}\u{1f}"))
}

/// All values that may identify the person.
fn linking_values(
    records: &BTreeSet<RecordKey>,
    identifiers: &[FoundIdentifier],
) -> BTreeSet<Identifier> {
    let of_record = |key: &RecordKey| {
        let own = identifiers.iter().filter(|found| found.record == *key);
        identifying_values(key, own.map(|found| found.identifier.clone()))
    };
    records.iter().flat_map(of_record).collect()
}
