//! Asks the sources about a person, in the same way as a lookup over HTTP does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::Bytes;

use crate::brand::Brand;
use crate::clock::Clock;
use crate::ingest::live_search::{LiveSearch, LiveSearchOutcome};
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::query::Question;
use crate::lookup::query_customers::FoundCustomer;
use crate::lookup::read_through::ReadThrough;
use crate::lookup::result::{LookupResult, QueryTime};
use crate::settings::file::CallSettings;
use crate::storage::invalidation::LookupHash;
use crate::storage::pool::Pool;
use crate::upstream::UpstreamClients;

/// Asks the sources that may know more than a result from Postgres, within the deadline of lookups. It waits for late
/// answers too, so that they are stored.
pub async fn ask_sources(
    pool: &Pool,
    brand: &Arc<Brand>,
    question: &Question,
    stored: &FoundCustomer,
    (calls, deadline): (&CallSettings, Duration),
) -> LiveSearchOutcome {
    let started_at = Instant::now();
    // The calls go on while the search ends.
    let (calling, searching) = (BackgroundTasks::new(), BackgroundTasks::new());
    let brands = std::slice::from_ref(brand);
    let accounts = UpstreamClients::new(pool, brands, calls, &calling, &Clock::system());
    let search = LiveSearch { pool: pool.clone(), accounts };
    let read_through = ReadThrough::new(search, deadline, searching.clone());
    let (kind, text) = question.parts();
    let key = (brand.id(), LookupHash::new(&brand.secret, kind, text));
    let result = LookupResult {
        body: Bytes::new(),
        customers: stored.customers.clone(),
        sources_to_query: stored.sources_to_query.clone().into(),
        query: QueryTime::ended(1, started_at),
    };
    let outcome = read_through.ask(key, brand, question, &result, started_at).await;
    searching.end().await;
    calling.end().await;
    outcome
}
