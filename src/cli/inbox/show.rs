//! `hookpoint inbox show`

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::list::as_json;
use crate::admin::deliveries::{find_of_any, record_reveal};
use crate::admin::delivery_body::{masked_body, revealed_body};
use crate::brand::Brand;
use crate::cli::actor::Actor;
use crate::cli::exit::Failure;
use crate::cli::output::{JsonArguments, plain, plain_json, print_json, print_line, print_plain};
use crate::cli::session::Session;
use crate::cli::wrapped::print_wrapped;
use crate::counted::counted;
use crate::storage::deliveries::{HistoryEntry, ShownRow};

/// Shows a delivery. Its content is masked, unless `reveal` names who wants to see it.
pub(super) async fn show(
    session: &Session,
    id: Uuid,
    (reveal, output): (Option<&Actor>, JsonArguments),
    now: Timestamp,
) -> anyhow::Result<()> {
    let (pool, brands) = (&session.database.pool, session.select(None)?);
    let (brand, row) = find_of_any(pool, &brands, id).await?.ok_or_else(|| {
        Failure::not_found(
            "there is no delivery with this id; `hookpoint inbox list` shows the ids",
        )
    })?;
    if let Some(actor) = reveal {
        record_reveal(pool, brand, id, actor.attribution(), now).await?;
    }
    let is_revealed = reveal.is_some();
    if output.json {
        return print_json(&shown_as_json(brand, &row, is_revealed));
    }
    print_state(brand, &row);
    print_history(&row.history);
    for (name, value) in &row.headers {
        print_plain(&format!("{name}: {}", shown_header(value, is_revealed)));
    }
    print_line("");
    print_body(&row.body, is_revealed);
    if !is_revealed {
        print_line("\nThe content is masked; --reveal shows it.");
    }
    Ok(())
}

/// A delivery, for scripts: as in the list, with its content.
fn shown_as_json(brand: &Brand, row: &ShownRow, is_revealed: bool) -> Value {
    let headers: Map<String, Value> = row
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), shown_header(value, is_revealed).into()))
        .collect();
    let text = shown_body(&row.body, is_revealed);
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    let entry = |entry: &HistoryEntry| json!({ "at": entry.at, "outcome": entry.outcome, "reason": entry.reason });
    let history: Vec<Value> = row.history.iter().map(entry).collect();
    let mut value = as_json(brand, &row.listed);
    if let Some(members) = value.as_object_mut() {
        members.extend([
            ("history".to_owned(), history.into()),
            ("is_revealed".to_owned(), is_revealed.into()),
            ("headers".to_owned(), headers.into()),
            ("body".to_owned(), body),
        ]);
    }
    value
}

fn shown_header(value: &str, is_revealed: bool) -> &str {
    if is_revealed { value } else { "‹text›" }
}

fn shown_body(body: &[u8], is_revealed: bool) -> String {
    if is_revealed { revealed_body(body) } else { masked_body(body) }
}

fn print_state(brand: &Brand, row: &ShownRow) {
    let (listed, time) = (&row.listed, |at: Timestamp| at.strftime("%F %T UTC").to_string());
    let next = if listed.state == "pending" { time(listed.due_at) } else { "-".to_owned() };
    for (name, value) in [
        ("brand", &brand.rules.slug),
        ("source", &listed.source),
        ("event", &listed.event),
        ("received", &time(listed.received_at)),
        ("state", &listed.state),
        ("note", &listed.note),
        ("tried", &counted(listed.attempts, "time", "times")),
        ("next try", &next),
    ] {
        print_wrapped(&plain(&format!("{name:<10}{value}")), 10);
    }
}

/// Prints what happened to the delivery, the oldest first.
fn print_history(history: &[HistoryEntry]) {
    for (n, entry) in history.iter().enumerate() {
        let name = if n == 0 { "history" } else { "" };
        let reason =
            if entry.reason.is_empty() { String::new() } else { format!(": {}", entry.reason) };
        let at = entry.at.strftime("%F %T UTC");
        print_wrapped(&plain(&format!("{name:<10}{at} {}{reason}", entry.outcome)), 10);
    }
}

fn print_body(body: &[u8], is_revealed: bool) {
    let text = shown_body(body, is_revealed);
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    print_line(&if is_json {
        plain_json(&text)
    } else {
        text.lines().map(plain).collect::<Vec<_>>().join("\n")
    });
}
