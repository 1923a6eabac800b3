//! Joins the brands of the settings with their ids and secrets in the database.

use std::collections::HashMap;
use std::sync::Arc;

use crate::agent_page::links::{AgentLinks, LinkPlaces};
use crate::brand::{Brand, BrandRules};
use crate::clock::Clock;
use crate::storage::StorageError;
use crate::storage::brands::{BrandRow, find_brand, get_or_insert_brand};
use crate::storage::database::Database;
use crate::storage::invalidation::BrandSecret;
use crate::storage::pool::Pool;
use crate::storage::suppressions::SuppressionKey;

/// Loads each brand of the settings with its id and its secrets. Inserts a brand that is new.
///
/// # Errors
/// When Postgres fails.
pub async fn open_brands(
    pool: &Pool,
    rules: Vec<BrandRules>,
) -> Result<HashMap<i32, Arc<Brand>>, StorageError> {
    open(pool, rules, |_| None).await
}

/// Like [`open_brands`], for the service: its answers link to the agent page.
///
/// # Errors
/// When Postgres fails.
pub(super) async fn open_brands_with_links(
    pool: &Pool,
    rules: Vec<BrandRules>,
    (places, clock): (&LinkPlaces, &Clock),
) -> Result<HashMap<i32, Arc<Brand>>, StorageError> {
    let links = |rules: &BrandRules| AgentLinks::new(&rules.agent_page, &rules.slug, places, clock);
    open(pool, rules, links).await
}

async fn open(
    pool: &Pool,
    rules: Vec<BrandRules>,
    links: impl Fn(&BrandRules) -> Option<AgentLinks>,
) -> Result<HashMap<i32, Arc<Brand>>, StorageError> {
    let mut open = HashMap::new();
    for rules in rules {
        let row = get_or_insert_brand(pool, &rules.slug).await?;
        let agent_links = links(&rules);
        let mut brand = brand(rules, row);
        brand.agent_links = agent_links;
        open.insert(row.brand_id, Arc::new(brand));
    }
    Ok(open)
}

/// Loads the brands of the settings without writing. A brand that is not in the database gets a negative id, which has
/// no data.
///
/// # Errors
/// When Postgres fails.
pub async fn find_brands(
    database: &Database,
    rules: Vec<BrandRules>,
) -> Result<HashMap<i32, Arc<Brand>>, StorageError> {
    let mut found = HashMap::new();
    for (rules, n) in rules.into_iter().zip(1_i32..) {
        let row = find_brand(&database.pool, &rules.slug).await?.unwrap_or(BrandRow {
            brand_id: n.saturating_neg(),
            secret: BrandSecret([0; 16]),
            suppression_key: SuppressionKey([0; 32]),
        });
        found.insert(row.brand_id, Arc::new(brand(rules, row)));
    }
    Ok(found)
}

const fn brand(rules: BrandRules, row: BrandRow) -> Brand {
    Brand::new(rules, row.brand_id, row.secret, row.suppression_key)
}
