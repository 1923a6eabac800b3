//! The requests to the sources' APIs, and the parsing of every recorded response.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod parsed_changes;

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

// --------------------------------------------------------------------------------------------------------- requests

/// A request as it is stored.
fn asked(ask: &ApiRequest) -> String {
    ask.to_json()[ask.source().as_str()].to_string()
}

/// A request as it is sent.
fn sent(source: Source, settings: &SourceSettings, ask: &ApiRequest) -> String {
    let request = settings.api(source).request(ask).unwrap();
    let target = match &request.target {
        Target::Below(path) => path.clone(),
        Target::Given(url) => format!("given: {url}"),
    };
    let once = if request.is_repeatable { "" } else { ", once" };
    request
        .body
        .map_or_else(|| format!("GET {target}"), |body| format!("POST {target} {body}{once}"))
}

fn sent_all(source: Source, asks: &[ApiRequest]) -> Vec<String> {
    asks.iter().map(|ask| sent(source, &settings(), ask)).collect()
}

fn address(kind: IdentifierKind, value: &str) -> LookupTarget {
    LookupTarget::Address(Identifier { kind, value: value.to_owned() })
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

#[test]
fn streams_begin_with_their_first_page_and_go_on_as_the_vendors_document() {
    let mut all = String::new();
    for source in Source::ALL {
        let settings = settings();
        let api = settings.api(source);
        for stream in api.streams() {
            let since = api.first(stream.name, Some("2026-08-20T22:15:00Z".parse().unwrap()));
            for ask in [api.first(stream.name, None), since].into_iter().flatten() {
                writeln!(all, "{source} {}: {}", stream.name, sent(source, &settings, &ask))
                    .unwrap();
            }
            assert!(
                api.first(stream.name, None).is_some()
                    == matches!(stream.traversal, Traversal::List(_)),
                "{source} {}",
                stream.name
            );
        }
        assert!(api.first("unheard of", None).is_none(), "{source}");
    }
    insta::assert_snapshot!("streams", all);
}

#[test]
fn a_second_page_is_asked_for_by_its_number_or_url() {
    let settings = settings();
    let page = |ask: ApiRequest| sent(ask.source(), &settings, &ask);
    assert_eq!(
        page(OmnioTapRequest::List { entity: Entity::Contact, page: 2 }.into()),
        "GET /contacts?page=2&limit=50"
    );
    assert_eq!(
        page(OmniLabRequest::Bookings { external_id: "C 1".to_owned(), page: 2 }.into()),
        "GET /v1/interactions:fetchContactBookings?external_id=C%201&page_size=50&page_number=2"
    );
    let (profile, page_2) = ("p".to_owned(), OmneoPage::Number(2));
    assert_eq!(
        page(OmneoRequest::Part { part: OmneoPart::Rewards, profile, page: page_2 }.into()),
        "GET /profiles/p/rewards?page%5Bsize%5D=100&page%5Bnumber%5D=2"
    );
    let (events, url) =
        (OmneoEvents::Rewards, OmneoPage::Url("https://x.example/?page=2".to_owned()));
    assert_eq!(
        page(OmneoRequest::Events { events, page: url }.into()),
        "GET given: https://x.example/?page=2"
    );
    let stored = json!({"omniotap": {"list": {"entity": "contact", "page": "x&y"}}});
    assert!(ApiRequest::of_json(&stored).is_none());
}

#[test]
fn a_request_to_another_source_is_not_made_and_its_answer_is_not_read() {
    let settings = settings();
    for source in Source::ALL {
        for other in Source::ALL.into_iter().filter(|other| *other != source) {
            for (name, recording) in recordings(other) {
                assert_eq!(recording.ask.source(), other, "{name}");
                assert!(settings.api(source).request(&recording.ask).is_none(), "{name}");
                let heard = settings.api(source).read(&recording.ask, &recording.reply());
                assert_eq!(heard, Err(Unreadable::Missing("known request")), "{name}");
            }
        }
    }
}

#[test]
fn somebody_unknown_is_asked_about_where_that_can_be_asked() {
    let find = |source: Source, whom: &LookupTarget| {
        sent_all(source, &settings().api(source).find(whom, &[]))
    };
    let (email, phone) = (
        address(IdentifierKind::Email, "lotte+x@example.org"),
        address(IdentifierKind::Phone, "+31620304050"),
    );
    assert_eq!(
        find(Source::OmnioTap, &email),
        [
            "GET /contacts?page=1&limit=50&search=lotte%2Bx%40example.org",
            "GET /customers?page=1&limit=50&search=lotte%2Bx%40example.org"
        ]
    );
    assert_eq!(
        find(Source::Omneo, &email),
        [
            "GET /profiles?filter%5Bemail%5D=lotte%2Bx%40example.org&page%5Bsize%5D=100&page%5Bnumber%5D=1"
        ]
    );
    assert_eq!(
        find(Source::Omneo, &phone),
        [
            "GET /profiles?filter%5Bmobile_phone%5D=%2B31620304050&page%5Bsize%5D=100&page%5Bnumber%5D=1"
        ]
    );
    assert_eq!(
        find(Source::Omneo, &LookupTarget::Id("EC-1".to_owned())),
        ["GET /identities/search-profile/EC-1"]
    );
    let own = find(Source::Omneo, &LookupTarget::Id(PROFILE.to_owned()));
    assert_eq!(
        own,
        [format!("GET /identities/search-profile/{PROFILE}"), format!("GET /profiles/{PROFILE}")]
    );
    for whom in [&email, &phone, &LookupTarget::Id("1".to_owned())] {
        assert!(find(Source::OmniLab, whom).is_empty() && find(Source::Syncaroo, whom).is_empty());
    }
    assert!(find(Source::OmnioTap, &LookupTarget::Id("1".to_owned())).is_empty());
    for source in Source::ALL {
        assert!(find(source, &address(IdentifierKind::Twitter, "bird_223")).is_empty(), "{source}");
    }
}

#[test]
fn somebody_known_is_asked_about_by_what_is_known() {
    let find = |source: Source, whom: &LookupTarget, known: &Record| {
        sent_all(source, &settings().api(source).find(whom, std::slice::from_ref(known)))
    };
    let (id, email) =
        (LookupTarget::Id("1".to_owned()), address(IdentifierKind::Email, "lotte@example.org"));
    let contact = record(
        SourceKind::OmnioTapContact,
        "c",
        &[("email.main", "Lotte@Example.org"), ("phone.main", "+31620304050")],
    );
    assert!(
        find(Source::OmnioTap, &id, &contact)
            .iter()
            .all(|url| url.ends_with("&search=lotte%40example.org"))
    );
    let profile = record(SourceKind::OmneoProfile, PROFILE, &[("email.main", "Lotte@Example.org")]);
    assert_eq!(find(Source::Omneo, &email, &profile), [format!("GET /profiles/{PROFILE}")]);
    assert_eq!(find(Source::Omneo, &id, &profile), [format!("GET /profiles/{PROFILE}")]);
    // The address may have got another holder.
    let other = record(SourceKind::OmneoProfile, PROFILE, &[("email.main", "other@example.org")]);
    assert_eq!(find(Source::Omneo, &email, &other).len(), 2);
    let participant = record(SourceKind::OmniLabParticipant, "CONTACT-123", &[]);
    assert_eq!(
        find(Source::OmniLab, &email, &participant),
        [
            "GET /v1/interactions:fetchContactBookings?external_id=CONTACT-123&page_size=50&page_number=1"
        ]
    );
    assert!(find(Source::OmniLab, &email, &profile).is_empty());
    let mut settings = settings();
    settings.omnilab.external_id_kind = ExternalIdKinds::One("omneo.profile".to_owned());
    assert_eq!(settings.api(Source::OmniLab).find(&email, &[profile]).len(), 1);
}

#[test]
fn whether_a_record_is_still_there_is_asked_by_what_tells_most() {
    let confirm = |source: Source, record: &Record| {
        settings().api(source).confirm(record).map(|ask| sent(source, &settings(), &ask))
    };
    let contact = |fields: &[(&str, &str)]| {
        confirm(Source::OmnioTap, &record(SourceKind::OmnioTapContact, "c", fields))
    };
    let (name, phone, email) = (
        ("name.last", "de Graaf"),
        ("phone.main", "+31 6 20304050"),
        ("email.main", "Lotte@example.org"),
    );
    assert_eq!(
        contact(&[name, phone, email]).unwrap(),
        "GET /contacts?page=1&limit=50&search=Lotte%40example.org"
    );
    assert_eq!(
        contact(&[name, phone]).unwrap(),
        "GET /contacts?page=1&limit=50&search=%2B31%206%2020304050"
    );
    assert_eq!(contact(&[name]).unwrap(), "GET /contacts?page=1&limit=50&search=de%20Graaf");
    assert_eq!(contact(&[]), None);
    assert_eq!(
        confirm(Source::Omneo, &record(SourceKind::OmneoProfile, PROFILE, &[])).unwrap(),
        format!("GET /profiles/{PROFILE}")
    );
    assert_eq!(confirm(Source::OmniLab, &record(SourceKind::OmniLabParticipant, "c", &[])), None);
    assert_eq!(confirm(Source::Syncaroo, &record(SourceKind::SyncarooMember, "m", &[])), None);
}

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

#[test]
fn what_a_webhook_only_hints_at_is_asked() {
    let after = |source: Source, name: &str| {
        sent_all(
            source,
            &settings().api(source).after_webhook(&delivery(source, &format!("{name}.x"))),
        )
    };
    let url = "https://app.syncaroo.com/api/v1/555/locations/61116b1ad9fa63170734b694";
    assert_eq!(
        after(Source::Syncaroo, "booking"),
        [format!(
            "GET given: {url}/resources/6140afff1da7a718a6076cea/bookings/61c18cf515e22a061cf589b1*1640124000000*1640125800000"
        )]
    );
    assert_eq!(
        after(Source::Syncaroo, "resource.new"),
        [format!("GET given: {url}/resources/61116c0bab789b6cc1feec23")]
    );
    assert_eq!(after(Source::Syncaroo, "location"), [format!("GET given: {url}")]);
    assert!(after(Source::Syncaroo, "availability").is_empty());
    let identities =
        format!("GET /profiles/{PROFILE}/identities?page%5Bsize%5D=100&page%5Bnumber%5D=1");
    assert_eq!(
        after(Source::Omneo, "profile.merged"),
        [format!("GET /profiles/{PROFILE}"), identities]
    );
    assert!(
        after(Source::Omneo, "profile.updated").is_empty()
            && after(Source::OmnioTap, "contact.updated").is_empty()
    );
    assert!(after(Source::OmniLab, "booking.created.v1").is_empty());
}

#[test]
fn a_booking_is_asked_for_where_its_webhook_said() {
    let (source, settings) = (Source::Syncaroo, settings());
    let delivery = delivery(source, "booking.x");
    let Ok(ParsedWebhook::Changes(changes)) = settings.reader(source).parse_webhook(&delivery)
    else {
        panic!()
    };
    let [Change::Event { key, update }] = &changes[..] else { panic!() };
    let each = settings.api(source).each("bookings", &key.id, &FieldVersions::from(update.clone()));
    assert!(
        each.is_some() && each.as_ref() == settings.api(source).after_webhook(&delivery).first(),
        "the same question is one call"
    );
    let unheard = Update { fields: [].into(), ..update.clone() };
    assert!(
        settings.api(source).each("bookings", &key.id, &FieldVersions::from(unheard)).is_none()
    );
    assert!(
        settings
            .api(source)
            .each("locations", &key.id, &FieldVersions::from(update.clone()))
            .is_none()
    );
}

#[test]
fn a_booking_is_cancelled_once_by_its_id() {
    let sent = sent(Source::OmniLab, &settings(), &OmniLabRequest::cancelling("bk_1/../x").into());
    assert_eq!(
        sent,
        r#"POST /v1/interactions:cancelInteractionBooking {"booking":"bk_1/../x"}, once"#
    );
}

#[test]
fn omneos_times_are_in_the_time_zone_that_the_settings_say() {
    let mut settings = settings();
    settings.omneo.time_zone = "Australia/Sydney".to_owned();
    let at: Timestamp = "2026-11-20T23:00:00Z".parse().unwrap();
    let profile = json!({"id": PROFILE, "first_name": "Bo", "profile_type": "active", "updated_at": "2026-11-21 10:00:00"});
    let headers = [("x-omneo-event".to_owned(), "profile.updated".to_owned())].into();
    let delivery =
        Delivery { headers, body: profile.to_string().into_bytes(), received_at: Timestamp::MAX };
    let Ok(ParsedWebhook::Changes(told)) = settings.reader(Source::Omneo).parse_webhook(&delivery)
    else {
        panic!()
    };
    let reply =
        Reply { body: json!({"data": profile}), is_missing: false, received_at: Timestamp::MAX };
    let answered = settings
        .api(Source::Omneo)
        .read(&OmneoRequest::Profile { id: PROFILE.to_owned() }.into(), &reply)
        .unwrap()
        .changes;
    for changes in [told, answered] {
        assert!(matches!(&changes[0], Change::Record { update, .. } if update.at == at));
    }
    let since = settings.api(Source::Omneo).first("profiles", Some(at)).unwrap();
    assert!(
        sent(Source::Omneo, &settings, &since).contains("=2026-11-21%2010%3A00%3A00"),
        "{}",
        sent(Source::Omneo, &settings, &since)
    );
}

// --------------------------------------------------------------------------------------------------------- responses

/// A parsed reply as text for people: Debug is redacted on purpose.
fn in_lines(heard: &Result<ParsedReply, Unreadable>) -> String {
    let heard = match heard {
        Ok(heard) => heard,
        Err(error) => return format!("  unreadable: {error}\n"),
    };
    let mut out = String::new();
    for change in &heard.changes {
        match change {
            Change::Record { key, update } => {
                lines_of(&mut out, "record", &key.to_string(), update);
            }
            Change::Event { key, update } => lines_of(&mut out, "event", &key.to_string(), update),
            Change::Merge(merge) => {
                writeln!(out, "  merge {} into {}, {}", merge.loser, merge.winner, merge.at)
                    .unwrap();
            }
        }
    }
    heard.there.iter().for_each(|key| writeln!(out, "  there: {key}").unwrap());
    heard
        .places
        .iter()
        .for_each(|place| writeln!(out, "  place {} = {}", place.id, place.name).unwrap());
    heard.unnamed.iter().for_each(|u| {
        writeln!(out, "  unnamed {} of {}: {}, ask {}", u.field, u.event, u.place, asked(&u.ask))
            .unwrap();
    });
    heard.follow.iter().for_each(|ask| writeln!(out, "  follow: {}", asked(ask)).unwrap());
    heard.next.iter().for_each(|ask| writeln!(out, "  next: {}", asked(ask)).unwrap());
    heard.total.iter().for_each(|total| writeln!(out, "  total: {total}").unwrap());
    out
}

fn lines_of(out: &mut String, what: &str, key: &str, update: &Update) {
    let scope = if update.scope == Scope::Partial {
        String::new()
    } else {
        format!(", {:?}", update.scope).to_lowercase()
    };
    writeln!(out, "  {what} {key}, {}{scope}", update.at).unwrap();
    for (name, value) in &update.fields {
        writeln!(
            out,
            "    {name} = {}",
            value.as_ref().map_or_else(|| "(cleared)".to_owned(), Value::to_string)
        )
        .unwrap();
    }
}

fn read_all(source: Source) -> String {
    let settings = settings();
    let read = |(name, recording): (String, Recording)| {
        let heard = settings.api(source).read(&recording.ask, &recording.reply());
        format!(
            "{name}: {}{}\n{}",
            asked(&recording.ask),
            if recording.is_missing { ", missing" } else { "" },
            in_lines(&heard)
        )
    };
    recordings(source).into_iter().map(read).collect::<Vec<_>>().join("\n")
}

#[test]
fn answers_of_omniotap_say_what_they_said_before() {
    insta::assert_snapshot!("omniotap", read_all(Source::OmnioTap));
}

#[test]
fn answers_of_omneo_say_what_they_said_before() {
    insta::assert_snapshot!("omneo", read_all(Source::Omneo));
}

#[test]
fn answers_of_omnilab_say_what_they_said_before() {
    insta::assert_snapshot!("omnilab", read_all(Source::OmniLab));
}

#[test]
fn answers_of_syncaroo_say_what_they_said_before() {
    insta::assert_snapshot!("syncaroo", read_all(Source::Syncaroo));
}

/// The update in a webhook about the object of a response.
fn said(changes: Vec<Change>, key: &str) -> Update {
    let found = changes.into_iter().find(|change| change.keys() == [key]);
    match found.unwrap_or_else(|| panic!("nothing about {key}")) {
        Change::Record { update, .. } | Change::Event { update, .. } => update,
        Change::Merge(_) => panic!("a merge"),
    }
}

#[test]
fn an_answer_about_what_did_not_change_says_what_the_webhook_said() {
    for (source, webhook, answer, key) in [
        (
            Source::OmnioTap,
            "customer.created.x",
            "customers-nested",
            "omniotap.customer:c268a01a-87c9-4b79-8e1e-52452026fa00",
        ),
        (
            Source::OmnioTap,
            "ticket.created.x",
            "tickets-meta",
            "omniotap.ticket:6049156b-3a09-4fd7-9406-0c7003e004d4",
        ),
        (
            Source::Omneo,
            "transaction.created.x",
            "transactions-flat-pages",
            "omneo.transaction:7700123",
        ),
        (Source::Omneo, "interaction.created.x", "interactions", "omneo.interaction:661204"),
        (
            Source::Omneo,
            "aggregation.updated.x",
            "aggregations",
            "omneo.profile:0d0ca70c-a072-4134-be05-1a0b4c8f03fc",
        ),
        (
            Source::OmniLab,
            "booking.created.v1.x",
            "bookings-of-each-status",
            "omnilab.booking:bk_O8jvpi35HBUPVz",
        ),
    ] {
        let settings = settings();
        let mut delivery = delivery(source, webhook);
        delivery.headers.entry("webhook-id".to_owned()).or_insert_with(|| "msg_1".to_owned());
        let Ok(ParsedWebhook::Changes(webhook)) = settings.reader(source).parse_webhook(&delivery)
        else {
            panic!("{webhook}")
        };
        let recording = recording(source, answer);
        let heard = settings.api(source).read(&recording.ask, &recording.reply()).unwrap();
        let (webhook, answer) = (said(webhook, key), said(heard.changes, key));
        assert_eq!(webhook.at, answer.at, "{key}");
        // The list of bookings does not contain the interaction's name.
        for (name, value) in webhook
            .fields
            .iter()
            .filter(|(name, _)| source != Source::OmniLab || *name != "data.name")
        {
            assert_eq!(Some(value), answer.fields.get(name), "{key} {name}");
        }
    }
}

#[test]
fn an_answer_of_another_shape_says_nothing_about_people() {
    let received_at = "2026-11-21T09:00:00Z".parse().unwrap();
    for source in Source::ALL {
        for (name, recording) in recordings(source) {
            for body in [
                json!(null),
                json!(true),
                json!(1),
                json!("text"),
                json!([]),
                json!([{}]),
                json!({}),
                json!({"data": {}}),
                json!({"metaData": []}),
            ] {
                let reply = Reply { body: body.clone(), is_missing: false, received_at };
                let says_nothing = match settings().api(source).read(&recording.ask, &reply) {
                    Ok(heard) => {
                        heard.changes.iter().all(|change| matches!(change, Change::Event { .. }))
                    }
                    Err(error) => matches!(error, Unreadable::Missing(_)),
                };
                assert!(says_nothing, "{source} {name} {body}");
            }
        }
    }
}

/// The fields in the recorded webhooks and responses of a source.
fn recorded_fields(source: Source) -> BTreeSet<String> {
    let settings = settings();
    let webhooks = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/webhooks");
    let files = std::fs::read_dir(webhooks.join(source.as_str())).unwrap();
    let read = files.map(|file| {
        let delivery = delivery(source, file.unwrap().file_name().to_str().unwrap());
        match settings.reader(source).parse_webhook(&delivery) {
            Ok(ParsedWebhook::Changes(changes)) => changes,
            Ok(ParsedWebhook::Ignored(_)) | Err(_) => Vec::new(),
        }
    });
    let answered = recordings(source).into_iter().map(|(_, recording)| {
        let heard = settings.api(source).read(&recording.ask, &recording.reply());
        heard.map(|heard| heard.changes).unwrap_or_default()
    });
    let changes: Vec<Change> = read.chain(answered).flatten().collect();
    let updates = changes.iter().filter_map(Change::update);
    updates.flat_map(|update| update.fields.keys().cloned()).collect()
}

/// Names of documented fields that no recording has.
const NOT_RECORDED: [&str; 7] = [
    "omneo attribute.company",
    "omneo attribute.occupation",
    "omneo attribute.birth_date",
    "omneo attribute.benefit_balance",
    "omniotap attribute.job_title",
    "omniotap attribute.customer_number",
    "omniotap attribute.customer_since",
];

#[test]
fn the_names_that_templates_can_use_are_those_that_the_recordings_have() {
    let mut missing: Vec<String> = Vec::new();
    for source in Source::ALL {
        let (names, fields) = (settings().reader(source).template_names(), recorded_fields(source));
        assert!(fields.iter().any(|field| field.starts_with("data.")), "{source}");
        for field in &fields {
            assert!(names.have(field), "{field} of {source} is not in its table of names");
        }
        let of = |prefix: &'static str, names: &'static [&'static str]| {
            names.iter().map(move |name| format!("{prefix}.{name}"))
        };
        let table = of("attribute", names.attributes).chain(of("data", names.event_values));
        missing.extend(
            table.filter(|name| !fields.contains(name)).map(|name| format!("{source} {name}")),
        );
    }
    assert_eq!(missing, NOT_RECORDED);
}

// ----------------------------------------------------------------------------------------------------------- hostile

/// Every request that an API supports, with one text as all its values.
fn questions(source: Source, text: &str) -> Vec<ApiRequest> {
    let id = || text.to_owned();
    let (page, first) = (1, || OmneoPage::First);
    let lists = [
        OmneoEvents::Benefits,
        OmneoEvents::Interactions,
        OmneoEvents::Rewards,
        OmneoEvents::Transactions,
    ];
    match source {
        Source::OmnioTap => {
            let entities = [
                Entity::Contact,
                Entity::Customer,
                Entity::Lead,
                Entity::Opportunity,
                Entity::Ticket,
            ];
            let list = entities.map(|entity| OmnioTapRequest::List { entity, page });
            let search = [Person::Contact, Person::Customer].into_iter().flat_map(|person| {
                [
                    OmnioTapRequest::Search { person, text: id(), page },
                    OmnioTapRequest::SearchAddress { person, address: id(), page },
                ]
            });
            list.into_iter().chain(search).map(Into::into).collect()
        }
        Source::Omneo => {
            let parts = [
                OmneoPart::Aggregations,
                OmneoPart::Attributes,
                OmneoPart::Balances,
                OmneoPart::Benefits,
                OmneoPart::Identities,
                OmneoPart::Interactions,
                OmneoPart::Rewards,
                OmneoPart::Tiers,
                OmneoPart::Transactions,
            ];
            let filters = [
                ProfileFilter::All,
                ProfileFilter::ChangedSince(id()),
                ProfileFilter::Email(id()),
                ProfileFilter::Phone(id()),
            ];
            let others = [
                OmneoRequest::Profile { id: id() },
                OmneoRequest::WholeProfile { id: id() },
                OmneoRequest::PossibleProfile { id: id() },
                OmneoRequest::ProfilesWithIdentity { identifier: id() },
            ];
            let parts = parts.map(|part| OmneoRequest::Part { part, profile: id(), page: first() });
            let profiles = filters.map(|filter| OmneoRequest::Profiles { filter, page: first() });
            let events = lists.map(|events| OmneoRequest::Events { events, page: first() });
            let all = others.into_iter().chain(parts).chain(profiles).chain(events);
            all.map(Into::into).collect()
        }
        Source::OmniLab => [OmniLabRequest::bookings_of(text), OmniLabRequest::cancelling(text)]
            .map(Into::into)
            .into(),
        Source::Syncaroo => [
            SyncarooRequest::Booking { id: id(), url: id() },
            SyncarooRequest::Booking { id: id(), url: "https://x.example/locations/1".to_owned() },
            SyncarooRequest::Place { kind: PlaceKind::Location, url: id() },
            SyncarooRequest::Place { kind: PlaceKind::Resource, url: id() },
            SyncarooRequest::Locations { page_url: None },
            SyncarooRequest::Resources { location: id(), page_url: None },
        ]
        .map(Into::into)
        .into(),
    }
}

/// Values that may confuse parsers, under field names that they read.
fn hostile() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
        "[0-9:*'#/.@ +-]{0,40}".prop_map(Value::from),
        prop_oneof![
            Just("deleted"),
            Just("2026-01-01"),
            Just("https://example.org/x"),
            Just("lotte@example.org"),
            Just("..")
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 60, 6, |inner| {
        let names = [
            "id", "data", "items", "contacts", "bookings", "booking", "meta", "links", "next",
            "total", "count", "hasMore", "profile",
        ];
        let more = [
            "email",
            "phone",
            "mobile_phone",
            "handle",
            "identifier",
            "merged_from",
            "updatedAt",
            "created_at",
            "name",
            "last_page",
            "profile_id",
        ];
        let key = prop_oneof![
            prop::sample::select(names.to_vec()).prop_map(str::to_owned),
            prop::sample::select(more.to_vec()).prop_map(str::to_owned),
            any::<String>()
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in a body, as JSON pointers.
fn places(value: &Value, pointer: &str, all: &mut Vec<String>) {
    all.push(pointer.to_owned());
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, item)| places(item, &format!("{pointer}/{n}"), all)),
        Value::Object(object) => object
            .iter()
            .for_each(|(key, item)| places(item, &format!("{pointer}/{}", escape(key)), all)),
        _ => {}
    }
}

/// Conditions that every API must fulfil, whatever it returns.
fn check(source: Source, ask: &ApiRequest, heard: &Result<ParsedReply, Unreadable>) {
    let Ok(heard) = heard else { return };
    parsed_changes::check(source, &heard.changes);
    for change in &heard.changes {
        if is_search(ask) {
            let Change::Record { update, .. } = change else { panic!("a search finds records") };
            let has = |(name, value): (&String, &Option<Value>)| {
                (name.starts_with("email.") || name.starts_with("phone.")) && value.is_some()
            };
            assert!(update.fields.iter().any(has), "somebody without any address");
        }
    }
    assert!(heard.next.as_ref() != Some(ask), "it would never end");
    let settings = settings();
    for ask in heard
        .next
        .iter()
        .chain(&heard.follow)
        .chain(heard.unnamed.iter().map(|unnamed| &unnamed.ask))
    {
        let is_resolved_away = has_dots(&ask.to_json());
        assert!(is_resolved_away || settings.api(source).request(ask).is_some(), "{ask:?}");
    }
}

/// Whether a reply to a request contains only records with the address.
fn is_search(ask: &ApiRequest) -> bool {
    matches!(
        ask,
        ApiRequest::OmnioTap(OmnioTapRequest::SearchAddress { .. })
            | ApiRequest::Omneo(OmneoRequest::Profiles {
                filter: ProfileFilter::Email(_) | ProfileFilter::Phone(_),
                ..
            })
    )
}

/// Whether a request has an id that URL parsers resolve.
fn has_dots(stored: &Value) -> bool {
    match stored {
        Value::Object(fields) => fields.values().any(has_dots),
        Value::String(text) => matches!(text.as_str(), "." | ".."),
        _ => false,
    }
}

/// The parts of a request's URL, as its receiver splits it.
fn shape(ask: &ApiRequest) -> Option<Vec<String>> {
    let Target::Below(path) = settings().api(ask.source()).request(ask)?.target else {
        return None;
    };
    assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()));
    let url = url::Url::parse(&format!("https://api.example.org/base{path}")).unwrap();
    assert!(url.host_str() == Some("api.example.org") && url.fragment().is_none());
    let decoded = |segment: &str| {
        percent_encoding::percent_decode_str(segment).decode_utf8().unwrap().into_owned()
    };
    let segments: Vec<String> = url.path_segments().unwrap().map(decoded).collect();
    Some(
        segments
            .into_iter()
            .chain(
                url.query_pairs().flat_map(|(name, value)| [name.into_owned(), value.into_owned()]),
            )
            .collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_upsets_no_source(
        source in prop::sample::select(&Source::ALL[..]),
        question in any::<prop::sample::Index>(),
        about in prop_oneof![any::<String>(), Just("lotte@example.org".to_owned()), Just("+31620304050".to_owned())],
        body in hostile(),
        is_missing in any::<bool>(),
    ) {
        let asks = questions(source, &about);
        let ask = question.get(&asks);
        let reply = Reply { body, is_missing, received_at: "2026-08-20T09:00:00Z".parse().unwrap() };
        check(source, ask, &settings().api(source).read(ask, &reply));
    }

    #[test]
    fn any_value_in_an_answer_in_place_of_any_other_upsets_no_source(
        source in prop::sample::select(&Source::ALL[..]),
        recording in any::<prop::sample::Index>(),
        changed in proptest::collection::vec((any::<prop::sample::Index>(), hostile()), 1..4),
    ) {
        let recordings = recordings(source);
        let (_, recording) = recording.get(&recordings);
        let mut reply = recording.reply();
        for (place, value) in changed {
            let mut all = Vec::new();
            places(&reply.body, "", &mut all);
            *reply.body.pointer_mut(place.get::<String>(&all)).unwrap() = value;
        }
        check(source, &recording.ask, &settings().api(source).read(&recording.ask, &reply));
    }

    #[test]
    fn a_hostile_text_never_leaves_its_place_in_a_url(
        source in prop::sample::select(&Source::ALL[..]),
        question in any::<prop::sample::Index>(),
        about in prop_oneof![".+", "[a-z./?#&=%+:@\\\\ \\[\\]]{1,12}", Just("..".to_owned()), Just("%2e%2e".to_owned()), Just("../../oauth:token".to_owned())],
    ) {
        let (asks, plain) = (questions(source, &about), questions(source, "plain"));
        let (Some(hostile), Some(plain)) = (shape(question.get(&asks)), shape(question.get(&plain))) else { return Ok(()) };
        let expected: Vec<String> = plain.into_iter().map(|part| if part == "plain" { about.clone() } else { part }).collect();
        prop_assert_eq!(hostile, expected);
    }
}
