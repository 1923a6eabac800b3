//! Acts on deliveries that a person saw, or that were counted. A delivery that has changed since is left alone.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::deliveries::Time;
use super::pool::Pool;

/// What a person does with deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryAct {
    /// They are applied again.
    Replay,
    /// They are not applied. Only dead and pending ones can be discarded.
    Discard,
}

impl DeliveryAct {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Discard => "discard",
        }
    }
}

impl fmt::Display for DeliveryAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeliveryAct {
    type Err = StorageError;

    fn from_str(name: &str) -> Result<Self, StorageError> {
        let act = [Self::Replay, Self::Discard].into_iter().find(|act| act.as_str() == name);
        act.ok_or(StorageError::Corrupt("delivery_jobs"))
    }
}

/// A delivery as a person saw it. Every change of the row changes the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenDelivery {
    /// Its id.
    pub delivery_id: Uuid,
    /// The version of its row.
    pub version: u32,
}

/// One delivery, with the version of its row.
///
/// # Errors
/// When Postgres fails.
pub async fn find_version(
    pool: &Pool,
    brand_id: i32,
    delivery_id: Uuid,
) -> Result<Option<SeenDelivery>, StorageError> {
    let query = sqlx::query_as(
        "select xmin::text::bigint from deliveries where brand_id = $1 and delivery_id = $2",
    );
    let row: Option<(i64,)> = query.bind(brand_id).bind(delivery_id).fetch_optional(pool).await?;
    Ok(row.and_then(|(version,)| {
        Some(SeenDelivery { delivery_id, version: u32::try_from(version).ok()? })
    }))
}

/// The end of a statement: replays the deliveries of `seen` (brand, id, version) that have not changed, at the time $4.
macro_rules! replay {
    () => {
        "update deliveries as row
        set state = 'pending', attempts = 0, due_at = $4, finished_at = null, note = 'replayed',
            history = coalesce(jsonb_path_query_array(row.history, '$[last - 8 to last]'), '[]')
                || jsonb_build_object('at', $4::timestamptz, 'outcome', 'replayed', 'reason', '')
        from seen
        where row.brand_id = seen.brand_id and row.delivery_id = seen.delivery_id and row.xmin::text::bigint = seen.version
        and row.claim_token is null"
    };
}
pub(super) use replay;

/// The end of a statement: discards the dead and pending deliveries of `seen` that have not changed, at the time $4.
macro_rules! discard {
    () => {
        "update deliveries as row
        set state = 'discarded', finished_at = $4,
            history = coalesce(jsonb_path_query_array(row.history, '$[last - 8 to last]'), '[]')
                || jsonb_build_object('at', $4::timestamptz, 'outcome', 'discarded', 'reason', '')
        from seen
        where row.brand_id = seen.brand_id and row.delivery_id = seen.delivery_id and row.xmin::text::bigint = seen.version
        and row.claim_token is null and row.state in ('pending', 'dead')"
    };
}
pub(super) use discard;

/// The deliveries that a person saw.
macro_rules! seen {
    ($act:ident) => {
        concat!(
            "with seen as materialized (
                select $1::integer as brand_id, delivery_id, version from unnest($2::uuid[], $3::bigint[]) as given (delivery_id, version)
            ) ",
            $act!()
        )
    };
}

/// Replays or discards deliveries that have not changed since a person saw them. Returns how many.
///
/// # Errors
/// When Postgres fails.
pub async fn change_seen(
    pool: &Pool,
    brand_id: i32,
    (act, seen): (DeliveryAct, &[SeenDelivery]),
    now: Timestamp,
) -> Result<u64, StorageError> {
    let ids: Vec<Uuid> = seen.iter().map(|seen| seen.delivery_id).collect();
    let versions: Vec<i64> = seen.iter().map(|seen| i64::from(seen.version)).collect();
    let statement = match act {
        DeliveryAct::Replay => seen!(replay),
        DeliveryAct::Discard => seen!(discard),
    };
    let query = sqlx::query(statement).bind(brand_id).bind(ids).bind(versions);
    Ok(query.bind(Time::from(now)).execute(pool).await?.rows_affected())
}
