//! The audit log: what people did with this service, or at a source through it. An action is stored before it
//! begins; its outcome is added later.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::page_key::PageKey;
use super::pool::{Connection, Pool};
use super::suppressions::SuppressionHash;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// Where a person asked for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// With a command.
    Command,
    /// On a page of the console.
    Console,
    /// On the agent page, without an account.
    AgentPage,
}

impl Via {
    /// The name in commands, pages and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Console => "console",
            Self::AgentPage => "agent page",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Command, Self::Console, Self::AgentPage].into_iter().find(|via| via.as_str() == name)
    }
}

/// An action of a person.
#[derive(Clone)]
pub struct ActionRow {
    /// Its id.
    pub action_id: Uuid,
    /// The source at which it happened, if any.
    pub source: Option<Source>,
    /// The action, such as `cancel booking`.
    pub action: String,
    /// The people and things that it is about, as hashes.
    pub subjects: BTreeSet<SuppressionHash>,
    /// One hash for each customer among them: that of its first record. Empty if it is about none, and for entries of
    /// earlier versions.
    pub customers: BTreeSet<SuppressionHash>,
    /// The target: one of our own ids, or a count; never personal data.
    pub target: String,
    /// The person who requested it.
    pub done_by: String,
    /// The reason. Empty if none was given, or if the action was about a person who is erased.
    pub reason: String,
    /// Whether an erasure deleted the reason.
    pub is_reason_erased: bool,
    /// Where they asked for it. `None`: stored by a version that did not record it.
    pub via: Option<Via>,
    /// When it began.
    pub begun_at: Timestamp,
    /// The outcome; empty while it is unknown.
    pub outcome: String,
}

impl ActionRow {
    /// The beginning of a hash of each customer that the action is about. The same customer has the same one.
    #[must_use]
    pub fn about(&self) -> Vec<String> {
        if self.customers.is_empty() {
            return self.subjects.first().map(short_subject).into_iter().collect();
        }
        self.customers.iter().map(short_subject).collect()
    }

    /// The erasure that the action was, if it was one. It has no hash of the person.
    #[must_use]
    pub fn erasure(&self) -> Option<Uuid> {
        let id = self.outcome.strip_prefix(ERASED).filter(|_| self.action == ERASE)?;
        id.parse().ok()
    }

    /// Why the action has no reason, in words.
    #[must_use]
    pub const fn without_reason(&self) -> &'static str {
        if self.is_reason_erased { "reason removed by the erasure" } else { "no reason given" }
    }
}

/// The action of an erasure.
pub const ERASE: &str = "erase customer";

/// How the outcome of an erasure begins. Its id follows.
pub const ERASED: &str = "erased: ";

/// The beginning of a hash of a person or a thing, to tell it apart from others.
#[must_use]
pub fn short_subject(subject: &SuppressionHash) -> String {
    subject.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Stores an action before it begins.
///
/// # Errors
/// When Postgres fails. Then the action must not begin.
pub async fn insert_action(
    db: impl sqlx::PgExecutor<'_>,
    brand_id: i32,
    row: &ActionRow,
) -> Result<(), StorageError> {
    sqlx::query(
        "insert into audit_log (brand_id, action_id, source, action, subjects, target, done_by, reason, begun_at, outcome, via, customers)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(brand_id)
    .bind(row.action_id)
    .bind(row.source.map(Source::as_str))
    .bind(&row.action)
    .bind(bytes(&row.subjects))
    .bind(&row.target)
    .bind(&row.done_by)
    .bind(&row.reason)
    .bind(Time::from(row.begun_at))
    .bind(&row.outcome)
    .bind(row.via.map(Via::as_str))
    .bind(bytes(&row.customers))
    .execute(db)
    .await?;
    Ok(())
}

fn bytes(hashes: &BTreeSet<SuppressionHash>) -> Vec<Vec<u8>> {
    hashes.iter().map(|hash| hash.0.to_vec()).collect()
}

/// Stores the outcome of an action.
///
/// # Errors
/// When Postgres fails.
pub async fn finish_action(
    db: impl sqlx::PgExecutor<'_>,
    brand_id: i32,
    action_id: Uuid,
    outcome: &str,
) -> Result<(), StorageError> {
    let query =
        sqlx::query("update audit_log set outcome = $3 where brand_id = $1 and action_id = $2");
    query.bind(brand_id).bind(action_id).bind(outcome).execute(db).await?;
    Ok(())
}

type Columns = (
    Uuid,
    Option<String>,
    String,
    Vec<Vec<u8>>,
    String,
    String,
    String,
    Time,
    String,
    Option<String>,
    bool,
    Vec<Vec<u8>>,
);

impl TryFrom<Columns> for ActionRow {
    type Error = StorageError;

    fn try_from(
        (
            action_id,
            source,
            action,
            subjects,
            target,
            done_by,
            reason,
            begun_at,
            outcome,
            via,
            is_reason_erased,
            customers,
        ): Columns,
    ) -> Result<Self, StorageError> {
        let source = source
            .map(|source| source.parse().map_err(StorageError::corrupt("audit_log")))
            .transpose()?;
        let hash = |hash: Vec<u8>| {
            hash.try_into().map(SuppressionHash).map_err(|_| StorageError::Corrupt("audit_log"))
        };
        let subjects = subjects.into_iter().map(hash).collect::<Result<_, _>>()?;
        let customers = customers.into_iter().map(hash).collect::<Result<_, _>>()?;
        Ok(Self {
            action_id,
            source,
            action,
            subjects,
            customers,
            target,
            done_by,
            reason,
            is_reason_erased,
            via: via.as_deref().and_then(Via::parse),
            begun_at: begun_at.to_jiff(),
            outcome,
        })
    }
}

/// Which actions to list.
pub struct AuditFilter<'a> {
    /// Only this action.
    pub action: Option<&'a str>,
    /// Only those of this person.
    pub done_by: Option<&'a str>,
    /// Only those that began at this time or later.
    pub from: Timestamp,
    /// Only those before this one.
    pub before: PageKey,
}

impl AuditFilter<'_> {
    /// All actions.
    pub const ALL: AuditFilter<'static> = AuditFilter {
        action: None,
        done_by: None,
        from: Timestamp::UNIX_EPOCH,
        before: PageKey::NEWEST,
    };
}

/// The actions of a brand that match, newest first.
///
/// # Errors
/// When Postgres fails, or a row is invalid.
pub async fn list_audit(
    pool: &Pool,
    brand_id: i32,
    filter: AuditFilter<'_>,
    limit: u32,
) -> Result<Vec<ActionRow>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select action_id, source, action, subjects || array_remove(array[subject], null), target, done_by, reason, begun_at, outcome, via, is_reason_erased, customers
        from audit_log
        where brand_id = $1 and begun_at >= $3 and (begun_at, action_id) < ($4, $5)
            and ($6::text is null or action = $6) and ($7::text is null or done_by = $7)
        order by begun_at desc, action_id desc limit $2",
    )
    // Planned for these values: which index is best depends on what is filtered.
    .persistent(false)
    .bind(brand_id)
    .bind(i64::from(limit))
    .bind(Time::from(filter.from))
    .bind(Time::from(filter.before.at))
    .bind(filter.before.id)
    .bind(filter.action)
    .bind(filter.done_by)
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(ActionRow::try_from).collect()
}

/// The most names in a list to choose from.
const MOST_CHOICES: i32 = 200;

/// The actions that the log has, and the people who did them, in order: at most 200 of each.
///
/// # Errors
/// When Postgres fails.
pub async fn list_audit_choices(
    pool: &Pool,
    brand_id: i32,
) -> Result<(Vec<String>, Vec<String>), StorageError> {
    // Each step finds the next name by index, however often the log has it.
    let row = sqlx::query_as(
        "with recursive actions (name, number) as (
            (select action, 1 from audit_log where brand_id = $1 order by action limit 1)
            union all
            select next.action, number + 1 from actions cross join lateral (
                select action from audit_log where brand_id = $1 and action > actions.name order by action limit 1
            ) as next where number < $2
        ),
        people (name, number) as (
            (select done_by, 1 from audit_log where brand_id = $1 order by done_by limit 1)
            union all
            select next.done_by, number + 1 from people cross join lateral (
                select done_by from audit_log where brand_id = $1 and done_by > people.name order by done_by limit 1
            ) as next where number < $2
        )
        select array(select name from actions order by number), array(select name from people order by number)",
    );
    Ok(row.bind(brand_id).bind(MOST_CHOICES).fetch_one(pool).await?)
}

/// The actions about any of these subjects, newest first, at most `limit`.
///
/// # Errors
/// When Postgres fails, or a row is invalid.
pub async fn list_audit_about(
    db: &mut Connection,
    brand_id: i32,
    subjects: &BTreeSet<SuppressionHash>,
    limit: i64,
) -> Result<Vec<ActionRow>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        // First found by the subjects: Postgres expects many entries about anybody, and would read all of them by time.
        "with about as materialized (
            select * from audit_log where brand_id = $1 and subject = any($2)
            union all
            select * from audit_log where brand_id = $1 and subjects && $2 and (subject = any($2)) is not true
        )
        select action_id, source, action, subjects || array_remove(array[subject], null), target, done_by, reason, begun_at, outcome, via, is_reason_erased, customers
        from about order by begun_at desc, action_id limit $3",
    )
    .bind(brand_id)
    .bind(bytes(subjects))
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(ActionRow::try_from).collect()
}
