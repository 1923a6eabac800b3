//! Why a customer is one customer, why it is not one with others, and where each field comes from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::PgConnection;

use super::after::After;
use super::derive::{Reach, resolve_all};
use super::work::{Work, scope};
use crate::brand::Brand;
use crate::customer::identifier::Identifier;
use crate::customer::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::customers::find_customer;
use crate::storage::neighbourhood::{Ask, read_neighbourhood};

/// Everything that speaks for and against a customer. All of it is about people: for the eyes of an admin only.
#[derive(Debug, Default)]
pub struct Explanation {
    /// Its live records, with the name that each gives.
    pub records: Vec<(RecordKey, String)>,
    /// What joined them: how strong it is, what it is, and whose.
    pub links: Vec<(&'static str, String, Vec<RecordKey>)>,
    /// What didn't join it with others: how strong it would have been, what it is, why not, and with whom.
    pub doubts: Vec<(&'static str, String, &'static str, Vec<String>)>,
    /// What finds it, but says nothing about who it is, and why.
    pub finds_only: Vec<(Identifier, &'static str)>,
    /// Fields of the profile: name, value, who says so, and when.
    pub fields: Vec<(String, String, RecordKey, Timestamp)>,
    /// So much hangs together with it that only its own records were looked at.
    pub is_partial: bool,
}

/// Explains a customer; `None` when there is no such customer any more.
///
/// # Errors
/// When Postgres fails.
pub async fn explain(db: &mut PgConnection, brand: &Brand, customer_key: &str) -> Result<Option<Explanation>, StorageError> {
    let rules = &brand.rules.identity;
    let Some((_, keys)) = find_customer(db, brand.id(), customer_key).await? else { return Ok(None) };
    let records = keys.iter().filter_map(|key| key.parse().ok()).collect();
    let ask = Ask { records, ..Ask::default() };
    let follow = rules.component_cap.saturating_add(keys.len()).saturating_add(1);
    let mut known = read_neighbourhood(db, brand.id(), &ask, &scope(brand, Some(follow))).await?;
    let is_partial = known.is_cut_off;
    if is_partial {
        known = read_neighbourhood(db, brand.id(), &ask, &scope(brand, None)).await?;
    }
    let now = After::new(&Work::default(), &known, &BTreeMap::new(), rules);
    let found = resolve_all(&now, &known, &Reach::new(), brand);
    let position = found.profiles.iter().position(|profile| profile.key.to_string() == customer_key);
    let Some((position, profile)) = position.and_then(|n| Some((n, found.profiles.get(n)?))) else { return Ok(None) };
    let own: BTreeSet<usize> = found.resolution.clusters.get(position).into_iter().flatten().copied().collect();
    let key_of = |n: &usize| found.members.get(*n).map(|member| member.key.clone());
    let mut explanation = Explanation { is_partial, ..Explanation::default() };
    for record in own.iter().filter_map(key_of).filter_map(|key| now.live.get(&key)) {
        let name = record.name();
        let words: Vec<String> = [name.first, name.last].into_iter().flatten().collect();
        explanation.records.push((record.key.clone(), words.join(" ")));
    }
    for link in found.resolution.links.iter().filter(|link| link.members.iter().any(|member| own.contains(member))) {
        explanation.links.push((link.level.as_str(), link.evidence.in_words().1, link.members.iter().filter_map(key_of).collect()));
    }
    for doubt in found.resolution.doubts.iter().filter(|doubt| doubt.clusters.contains(&position)) {
        let others = doubt.clusters.iter().filter(|n| **n != position).filter_map(|n| found.profiles.get(*n));
        let others = others.map(|profile| profile.customer_id.clone()).collect();
        explanation.doubts.push((doubt.level.as_str(), doubt.evidence.in_words().1, doubt.grounds.as_str(), others));
    }
    for address in &profile.addresses {
        let why = if !rules.may_link(address) {
            "blocked: it names nobody"
        } else if now.shared.contains(address) {
            "shared: too many hold it"
        } else {
            continue;
        };
        explanation.finds_only.push((address.clone(), why));
    }
    for (name, field) in [("first name", &profile.first_name), ("last name", &profile.last_name)] {
        explanation.fields.extend(field.iter().map(|field| (name.to_owned(), field.value.clone(), field.record.clone(), field.at)));
    }
    for (name, field) in &profile.attributes {
        let value = field.value.as_str().map_or_else(|| field.value.to_string(), str::to_owned);
        explanation.fields.push((name.clone(), value, field.record.clone(), field.at));
    }
    Ok(Some(explanation))
}
