//! All stored data about a person, as a file: a page to hand out, or JSON for programs.

use super::acts::customer;
use crate::admin::audit::short_id;
use crate::admin::customers::export_customer;
use crate::admin::export_page::page;
use crate::admin::shown_customer::records_of;
use crate::console::reply::{Refusal, Reply};
use crate::console::visit::Visit;

/// Exports the person.
pub(in crate::console::pages) async fn export(visit: &Visit) -> Result<Reply, Refusal> {
    let is_page = match visit.form.value("format") {
        "html" => true,
        "json" => false,
        _ => return Err(Refusal::Mistake("Choose a page or JSON.".to_owned())),
    };
    let records = records_of(&customer(visit).await?);
    let (attribution, clock) = (visit.attribution(), &visit.console.clock);
    let data = export_customer(visit.pool(), &visit.brand, &records, attribution, clock).await?;
    // The name says what and when. Who it is about is only in the file.
    let day = visit.now().to_zoned(visit.time_zone().clone()).date();
    let name = format!("customer-data-{day}-{}", short_id(&visit.brand, &records));
    if !is_page {
        let content = serde_json::to_string_pretty(&data).unwrap_or_default();
        let name = format!("{name}-internal.json");
        return Ok(Reply::File { name, media_type: "application/json", content });
    }
    let content = page(&visit.brand, &data, visit.now()).map_err(|error| {
        tracing::error!(%error, "the page of an export failed");
        Refusal::Template
    })?;
    let name = format!("{name}.html");
    Ok(Reply::File { name, media_type: "text/html; charset=utf-8", content })
}
