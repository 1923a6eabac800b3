//! `hookpoint key`

use anyhow::Context;
use clap::Subcommand;
use jiff::{Span, Timestamp};
use uuid::Uuid;

use super::audit::{Act, ActorArguments};
use super::{open, open_read_only, print_line};
use crate::app::{find_brands, open_brands};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::text;
use crate::http::api_keys::{NewKey, hash_key};
use crate::settings::Settings;
use crate::storage::api_keys::{KeyRow, insert_key, list_keys, revoke_key};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Create a key, and print the URL to paste into Omnidesk, once
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
    },
    /// List the keys: id, label, state and last use (never the key itself)
    List {
        /// Only this brand
        #[arg(long)]
        brand: Option<String>,
    },
    /// Revoke a key; takes effect on every replica within a second
    Revoke {
        /// Id of the key, from `key list`
        id: Uuid,
        #[command(flatten)]
        actor: ActorArguments,
    },
}

pub(super) async fn run(command: KeyCommand, settings: Settings) -> anyhow::Result<()> {
    let is_read_only = matches!(command, KeyCommand::List { .. });
    let database =
        if is_read_only { open_read_only(&settings).await? } else { open(&settings).await? };
    let now = Clock::system().now();
    let (file, names) = (settings.file, crate::cli::names_of(&settings.brands));
    let brands = if is_read_only {
        find_brands(&database, settings.brands).await?
    } else {
        open_brands(&database, settings.brands).await?
    };
    let find = |slug: &str| {
        brands
            .values()
            .find(|brand| brand.rules.slug == slug)
            .with_context(|| format!("there is no brand {slug} in the settings; brands: {names}"))
    };
    match command {
        KeyCommand::Create { brand, label, expires, actor } => {
            let brand = find(&brand)?;
            let key = NewKey::generate()
                .map_err(|_| anyhow::anyhow!("the operating system returned no random numbers"))?;
            let expires_at = expires
                .map(|days| now.checked_add(Span::new().hours(24 * i64::from(days))))
                .transpose()?;
            let row = new_row(brand, &label, key.reveal(), now, expires_at)?;
            let act = Act { action: "create key", records: None, target: row.key_id.to_string() };
            let entry = actor.begin(&database.pool, brand, act).await?;
            insert_key(&database.pool, &row).await?;
            entry.end("created").await?;
            let base = if file.server.public_url.is_empty() {
                format!("http://{}", file.server.listen)
            } else {
                file.server.public_url.trim_end_matches('/').to_owned()
            };
            print_line(
                "Paste this URL into Omnidesk (Settings > Brands > CRM sync url). It is shown only once.\n",
            );
            print_line(&format!(
                "  {base}{}?{}={}\n",
                file.lookup.path,
                file.lookup.key_parameter,
                key.reveal()
            ));
            if file.server.public_url.is_empty() {
                print_line(
                    "The URL begins with the listening address. Set server.public_url to the address that Omnidesk can reach.",
                );
            }
            print_line(&format!("Key id: {}", row.key_id));
        }
        KeyCommand::List { brand } => {
            let wanted = brand.as_deref().map(find).transpose()?.map(|brand| brand.id());
            print_line(&format!(
                "{:<38}{:<18} {:<20} {:<10}{:<22}{:<22}",
                "id", "brand", "label", "state", "expires", "last used"
            ));
            for row in list_keys(&database.pool)
                .await?
                .iter()
                .filter(|row| wanted.is_none_or(|id| id == row.brand_id))
            {
                let slug = brands
                    .get(&row.brand_id)
                    .map_or("(not in settings)", |brand| brand.rules.slug.as_str());
                let time = |at: Option<Timestamp>| {
                    at.map_or_else(
                        || "-".to_owned(),
                        |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
                    )
                };
                print_line(&format!(
                    "{:<38}{slug:<18} {:<20} {:<10}{:<22}{:<22}",
                    row.key_id.to_string(),
                    row.label,
                    state(row, now),
                    time(row.expires_at),
                    time(row.last_used_at)
                ));
            }
        }
        KeyCommand::Revoke { id, actor } => {
            let row = list_keys(&database.pool).await?.into_iter().find(|row| row.key_id == id);
            let row =
                row.context("there is no key with this id; `hookpoint key list` shows the ids")?;
            let act = Act { action: "revoke key", records: None, target: id.to_string() };
            let entry = actor.begin_for(&database.pool, row.brand_id, act).await?;
            let revoked = revoke_key(&database.pool, row.brand_id, id, now).await?;
            entry.end(if revoked { "revoked" } else { "already revoked" }).await?;
            print_line(if revoked {
                "The key is revoked."
            } else {
                "The key was already revoked."
            });
        }
    }
    database.close().await;
    Ok(())
}

fn state(row: &KeyRow, now: Timestamp) -> &'static str {
    if row.revoked_at.is_some() {
        "revoked"
    } else if row.expires_at.is_some_and(|at| at <= now) {
        "expired"
    } else {
        "valid"
    }
}

/// The database row of a new key: its hash, not the key.
pub(super) fn new_row(
    brand: &Brand,
    label: &str,
    key: &str,
    now: Timestamp,
    expires_at: Option<Timestamp>,
) -> anyhow::Result<KeyRow> {
    let plain = text::clean(label) == label && (1..=100).contains(&label.chars().count());
    anyhow::ensure!(plain, "--label must have 1 to 100 characters, and no control characters");
    let hash = hash_key(key.as_bytes());
    Ok(KeyRow {
        brand_id: brand.id(),
        key_id: Uuid::now_v7(),
        label: label.to_owned(),
        hash,
        created_at: now,
        expires_at,
        revoked_at: None,
        last_used_at: None,
    })
}
