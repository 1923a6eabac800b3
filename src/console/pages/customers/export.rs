//! All stored data about a person, as a file: to hand out, as a page or as JSON; or everything, as JSON for programs.

use super::acts::customer;
use crate::admin::audit::short_id;
use crate::admin::customers::export_customer;
use crate::admin::export_page::{json_for_person, page};
use crate::admin::shown_customer::records_of;
use crate::console::reply::{Refusal, Reply};
use crate::console::visit::Visit;

/// A form of the file.
#[derive(Clone, Copy)]
enum Format {
    /// To hand out, to read.
    Page,
    /// To hand out, for machines.
    Json,
    /// With the names of colleagues.
    Internal,
}

/// Exports the person.
pub(in crate::console::pages) async fn export(visit: &Visit) -> Result<Reply, Refusal> {
    let format = match visit.form.value("format") {
        "html" => Format::Page,
        "json" => Format::Json,
        "internal" => Format::Internal,
        _ => return Err(Refusal::Mistake("Choose a page or JSON.".to_owned())),
    };
    let view = customer(visit).await?;
    let records = records_of(&view);
    let (attribution, clock) = (visit.attribution(), &visit.console.clock);
    let data = export_customer(visit.pool(), &visit.brand, &records, attribution, clock).await?;
    // The name says what and when. Who it is about is only in the file.
    let day = visit.now().to_zoned(visit.time_zone().clone()).date();
    let name = format!("customer-data-{day}-{}", short_id(&visit.brand, &view.key));
    let content = match format {
        Format::Page => page(&visit.brand, &data, visit.now()),
        Format::Json => json_for_person(&data),
        Format::Internal => Ok(format!("{data:#}")),
    };
    let content = content.map_err(|error| {
        tracing::error!(%error, "the file of an export failed");
        Refusal::Template
    })?;
    let (end, media_type) = match format {
        Format::Page => (".html", "text/html; charset=utf-8"),
        Format::Json => (".json", "application/json"),
        Format::Internal => ("-internal.json", "application/json"),
    };
    Ok(Reply::File { name: format!("{name}{end}"), media_type, content })
}
