//! The requests to the sources' APIs, and the parsing of every recorded response.

mod arbitrary_replies;
mod replies;
mod requests;
mod template_names;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use hookpoint::customer::model::field_versions::{FieldVersions, Scope, Update};
use hookpoint::customer::model::identifier::{Identifier, IdentifierKind};
use hookpoint::customer::model::record::{Change, Record, RecordKey};
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::demo::recorded_deliveries::Recorded;
use hookpoint::sources::api::{ApiRequest, LookupTarget, ParsedReply, Reply, Target, Traversal};
use hookpoint::sources::omneo::{OmneoEvents, OmneoPage, OmneoPart, OmneoRequest, ProfileFilter};
use hookpoint::sources::omnilab::{ExternalIdKinds, OmniLabRequest};
use hookpoint::sources::omniotap::{Entity, OmnioTapRequest, Person};
use hookpoint::sources::syncaroo::{PlaceKind, SyncarooRequest};
use hookpoint::sources::{Delivery, ParsedWebhook, SourceSettings, Unreadable};
use jiff::Timestamp;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::parsed_changes;

#[derive(Deserialize)]
struct Recording {
    ask: ApiRequest,
    received_at: Timestamp,
    #[serde(default)]
    is_missing: bool,
    body: Value,
}

impl Recording {
    fn reply(&self) -> Reply {
        Reply {
            body: self.body.clone(),
            is_missing: self.is_missing,
            received_at: self.received_at,
        }
    }
}

/// The responses that were recorded with their request.
fn recordings(source: Source) -> Vec<(String, Recording)> {
    let directory =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/rest").join(source.as_str());
    let mut found = Vec::new();
    for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let body: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        if body.get("ask").is_some() {
            found.push((
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                serde_json::from_value(body).unwrap(),
            ));
        }
    }
    found.sort_by(|(one, _): &(String, Recording), (other, _)| one.cmp(other));
    assert!(found.len() > 3, "{source}");
    found
}

fn recording(source: Source, name: &str) -> Recording {
    recordings(source).into_iter().find(|(known, _)| known == name).unwrap().1
}

fn settings() -> SourceSettings {
    let mut settings = SourceSettings::default();
    settings.omneo.api.base_url = "https://api.demo.getomneo.com/api/v3".to_owned();
    settings.syncaroo.connection_id = 555;
    settings
}

/// A request as it is stored.
fn asked(ask: &ApiRequest) -> String {
    ask.to_json()[ask.source().as_str()].to_string()
}

fn record(kind: SourceKind, id: &str, fields: &[(&str, &str)]) -> Record {
    let fields =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Some(json!(value)))).collect();
    let update = Update {
        at: "2026-08-01T00:00:00Z".parse().unwrap(),
        received_at: "2026-08-01T00:00:00Z".parse().unwrap(),
        scope: Scope::Partial,
        fields,
    };
    Record { key: RecordKey::new(kind, id).unwrap(), versions: FieldVersions::from(update) }
}

const PROFILE: &str = "0d0ca70c-a072-4134-be05-1a0b4c8f03fc";

fn delivery(source: Source, name: &str) -> Delivery {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/webhooks")
        .join(source.as_str())
        .join(name)
        .with_extension("json");
    let recorded = Recorded::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let body = serde_json::to_vec(&recorded.body).unwrap();
    Delivery {
        headers: recorded.headers().clone(),
        body,
        received_at: "2026-08-01T00:00:00Z".parse().unwrap(),
    }
}
