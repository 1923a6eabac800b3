//! `hookpoint key`

use std::io::Write;

use anyhow::Context;
use clap::Subcommand;
use jiff::{Span, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::actor::{Actor, ActorArguments};
use super::exit::Failure;
use super::output::{JsonArguments, print_json, print_line};
use super::session::Session;
use super::wrapped::print_wrapped;
use crate::admin::keys::{CreatedKey, KeyError, KeyTerms, create_key, revoke_key};
use crate::clock::Clock;
use crate::settings::{Settings, SettingsFile};
use crate::storage::api_keys::{KeyRow, list_keys};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Create a key, and print the URL to paste into Omnidesk. The URL is shown only once
    Create {
        /// The brand that the key is for
        #[arg(long)]
        brand: String,
        /// What the key is for
        #[arg(long, default_value = "Omnidesk")]
        label: String,
        /// The key expires after this many days. Default: never
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
        expires: Option<u16>,
        #[command(flatten)]
        actor: ActorArguments,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// List the keys: id, label, state, last use, and the last call that was rejected because the key is revoked or expired
    /// (never the key itself)
    List {
        /// Only this brand
        #[arg(long)]
        brand: Option<String>,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// Revoke a key; takes effect on every replica within a second
    Revoke {
        /// Id of the key, from `key list`
        id: Uuid,
        #[command(flatten)]
        actor: ActorArguments,
        #[command(flatten)]
        output: JsonArguments,
    },
}

pub(super) async fn run(command: KeyCommand, settings: Settings) -> anyhow::Result<()> {
    let session = if matches!(command, KeyCommand::List { .. }) {
        Session::read_only(settings).await?
    } else {
        Session::open(settings).await?
    };
    let now = Clock::system().now();
    let done = match command {
        KeyCommand::Create { brand, label, expires, actor, output } => {
            let created = create(&session, &brand, (&label, expires), &actor.actor(), now).await;
            created.and_then(|created| print_created(&session.file, &created, output))
        }
        KeyCommand::List { brand, output } => list(&session, brand.as_deref(), output, now).await,
        KeyCommand::Revoke { id, actor, output } => {
            let revoked = revoke(&session, id, &actor.actor(), now).await;
            revoked.and_then(|is_revoked| print_revoked(id, is_revoked, output))
        }
    };
    session.close().await;
    done
}

async fn create(
    session: &Session,
    slug: &str,
    (label, expires_in_days): (&str, Option<u16>),
    actor: &Actor,
    now: Timestamp,
) -> anyhow::Result<CreatedKey> {
    let brand = session.find(slug)?;
    let expires_at = expires_in_days
        .map(|days| now.checked_add(Span::new().hours(24 * i64::from(days))))
        .transpose()?;
    let terms = KeyTerms { expires_at, ..KeyTerms::new(label) };
    let created = create_key(&session.database.pool, brand, terms, actor.attribution(), now).await;
    created.map_err(|error| match error {
        KeyError::Label => Failure::mistake(format!("--{error}")).into(),
        error => error.into(),
    })
}

/// Prints a text with a new key. If that fails, the key is lost, so the error says how to revoke it.
pub(super) fn print_key(text: &str, key_id: Uuid) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    written.with_context(|| {
        format!(
            "the key was created, but cannot be printed. Revoke it with `hookpoint key revoke {key_id}`, and create another"
        )
    })
}

/// Prints the URL with the new key, and how to use it.
fn print_created(
    file: &SettingsFile,
    created: &CreatedKey,
    output: JsonArguments,
) -> anyhow::Result<()> {
    if output.json {
        let url = file.lookup_url(created.key.reveal());
        let text = serde_json::to_string_pretty(
            &json!({ "crm_sync_url": url, "key_id": created.key_id }),
        )?;
        return print_key(&text, created.key_id);
    }
    print_wrapped(
        "Paste this URL into Omnidesk (Settings > Brands > CRM sync url). It is shown only once.\n",
        0,
    );
    let url = file.lookup_url(created.key.reveal());
    print_key(&format!("  {url}\n"), created.key_id)?;
    if file.server.public_url.is_empty() {
        print_wrapped(
            "The URL begins with the listening address. Set server.public_url to the address that Omnidesk can reach.",
            0,
        );
    }
    print_line(&format!("Key id: {}", created.key_id));
    Ok(())
}

async fn list(
    session: &Session,
    slug: Option<&str>,
    output: JsonArguments,
    now: Timestamp,
) -> anyhow::Result<()> {
    let wanted = slug.map(|slug| session.find(slug)).transpose()?.map(|brand| brand.id());
    let mut rows = list_keys(&session.database.pool).await?;
    rows.retain(|row| wanted.is_none_or(|id| id == row.brand_id));
    let slug_of =
        |row: &KeyRow| session.brands.get(&row.brand_id).map(|brand| brand.rules.slug.as_str());
    if output.json {
        let of_key = |row: &KeyRow| {
            json!({
                "id": row.key_id,
                "brand": slug_of(row),
                "label": row.label,
                "state": row.state(now).as_str(),
                "created_at": row.created_at,
                "expires_at": row.expires_at,
                "last_used_at": row.last_used_at,
                "last_rejected_at": row.last_rejected_at,
            })
        };
        return print_json(&rows.iter().map(of_key).collect::<Vec<_>>());
    }
    print_line(&format!("{:<36}  {:<9} {}", "id", "state", "brand"));
    for row in &rows {
        print_key_row(row, slug_of(row).unwrap_or("(not in settings)"), now);
    }
    Ok(())
}

/// Prints a key of the list: its state, and below it what it is for.
fn print_key_row(row: &KeyRow, slug: &str, now: Timestamp) {
    let time = |at: Option<Timestamp>| {
        at.map_or_else(|| "never".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
    };
    let (id, state) = (row.key_id.to_string(), row.state(now).as_str());
    print_line(&format!("{id:<36}  {state:<9} {slug}"));
    let (expires, used) = (time(row.expires_at), time(row.last_used_at));
    let rejected = row.last_rejected_at.map(|at| format!("; last rejected: {}", time(Some(at))));
    let rejected = rejected.unwrap_or_default();
    print_wrapped(
        &format!("    {}; expires: {expires}; last used: {used}{rejected}", row.label),
        4,
    );
}

/// Revokes a key. Returns whether it was valid before.
async fn revoke(
    session: &Session,
    key_id: Uuid,
    actor: &Actor,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let revoked = revoke_key(&session.database.pool, key_id, actor.attribution(), now).await;
    revoked.map_err(|error| match error {
        KeyError::Unknown => {
            Failure::not_found(format!("{error}; `hookpoint key list` shows the ids")).into()
        }
        error => error.into(),
    })
}

fn print_revoked(key_id: Uuid, is_revoked: bool, output: JsonArguments) -> anyhow::Result<()> {
    if output.json {
        let outcome = if is_revoked { "revoked" } else { "already_revoked" };
        return print_json(&json!({ "key_id": key_id, "outcome": outcome }));
    }
    print_line(if is_revoked { "The key is revoked." } else { "The key was already revoked." });
    Ok(())
}
