//! The sample webhooks: the source's parser reads each, each verification accepts it, and nothing in it is real.

use std::collections::BTreeSet;

use hookpoint::customer::model::source::Source;
use hookpoint::sources::sample::{SamplePerson, sample};
use hookpoint::sources::webhook::{OutgoingWebhook, SecretIn, UnverifiedWebhook};
use hookpoint::sources::{Delivery, ParsedWebhook, SourceSettings};

use super::{NEW, OLD, now, secrets, verification};

/// Settings whose values the samples must have.
const SETTINGS: &str = "omniotap.tenant_id = \"our-tenant\"
syncaroo.connection_id = 77
syncaroo.api.base_url = \"https://syncaroo.example.net/v2/\"
";

fn samples(settings: &SourceSettings, source: Source) -> Vec<(&'static str, OutgoingWebhook)> {
    let (of_source, person) = (settings.samples(source), "a1".parse::<SamplePerson>().unwrap());
    let made = |(event, _): &(&'static str, _)| {
        (*event, sample(of_source, event, &person, now()).unwrap())
    };
    of_source.recorded_webhooks().iter().map(made).collect()
}

#[test]
fn the_parser_reads_every_sample_as_its_event() {
    let settings: SourceSettings = toml::from_str(SETTINGS).unwrap();
    for source in Source::ALL {
        let (parser, mut effects) = (settings.parser(source), BTreeSet::new());
        for (event, webhook) in samples(&settings, source) {
            let OutgoingWebhook { headers, body, .. } = webhook;
            let delivery = Delivery { headers, body, received_at: now() };
            let parsed = parser.parse_webhook(&delivery);
            let parsed = parsed.unwrap_or_else(|error| panic!("{source} {event}: {error}"));
            effects.insert(matches!(parsed, ParsedWebhook::Changes(_)));
            let meta = parser.meta(&delivery).event;
            assert!(meta == event || source == Source::Syncaroo, "{source} {event}: {meta}");
        }
        assert_eq!(effects.len(), 2, "{source}: some samples store nothing about a person");
    }
}

/// What the recordings are about. None of it may be in a sample: it could be somebody's.
const RECORDED: [&str; 15] = [
    "lotte",
    "graaf",
    "20304050",
    "0d0ca70c",
    "d0210188",
    "c268a01a",
    "6049156b",
    "d290f1ee",
    "\"7700123",
    "\"contact-123",
    "\"nl-2026",
    "61c18cf515e22a061cf589b1",
    "61116b1ad9fa63170734b694",
    "\"11980\"",
    "app.syncaroo.com",
];

/// A member with an id that is a number.
fn numeric_id(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Object(members) => members.iter().find_map(|(name, value)| {
            let is_id = (name == "id" || name.ends_with("_id")) && value.is_number();
            if is_id { Some(name.clone()) } else { numeric_id(value) }
        }),
        serde_json::Value::Array(items) => items.iter().find_map(numeric_id),
        _ => None,
    }
}

#[test]
fn a_sample_has_invented_ids_and_addresses_and_the_settings_own_values() {
    let settings: SourceSettings = toml::from_str(SETTINGS).unwrap();
    for source in Source::ALL {
        for (event, webhook) in samples(&settings, source) {
            let text = String::from_utf8(webhook.body).unwrap();
            for recorded in RECORDED {
                let marked = format!("hookpoint-sample-a1-{}", recorded.trim_matches('"'));
                let plain = text.to_lowercase().replace(&marked, "");
                assert!(!plain.contains(recorded), "{source} {event} has {recorded}: {text}");
            }
            let body: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(numeric_id(&body), None, "{source} {event}: a real id may be that number");
            match source {
                Source::OmnioTap => assert_eq!(body["tenant_id"], "our-tenant"),
                Source::Syncaroo => {
                    assert_eq!(body["connectionId"], 77);
                    let url = body["metaData"]["apiUrl"].as_str().unwrap();
                    assert!(url.starts_with("https://syncaroo.example.net/v2/555/"), "{url}");
                }
                Source::Omneo | Source::OmniLab => {}
            }
        }
    }
    let omneo = settings.samples(Source::Omneo);
    assert!(sample(omneo, "profile.unheard-of", &"1".parse().unwrap(), now()).is_none());
    for odd in ["", "a b", "A", "../x", "a-very-long-name-of-a-person"] {
        assert!(odd.parse::<SamplePerson>().is_err(), "{odd}");
    }
}

#[test]
fn times_are_of_now() {
    let settings = SourceSettings::default();
    let made = samples(&settings, Source::OmnioTap);
    let (_, contact) = made.iter().find(|(event, _)| *event == "contact.created").unwrap();
    let body: serde_json::Value = serde_json::from_slice(&contact.body).unwrap();
    assert_eq!(body["occurred_at"], "2026-11-02T08:59:58.961Z");
    assert_eq!(body["data"]["email"], "hookpoint-sample-a1@example.org");
    let made = samples(&settings, Source::Omneo);
    let (_, profile) = made.iter().find(|(event, _)| *event == "profile.updated").unwrap();
    let body: serde_json::Value = serde_json::from_slice(&profile.body).unwrap();
    assert!(body["updated_at"].as_str().unwrap().starts_with("2026-11-02 08:5"), "{body}");
    assert_eq!(body["mobile_phone"], serde_json::Value::Null, "every number may be somebody's");
}

/// The ways in which a source can be verified.
fn ways(source: Source) -> Vec<String> {
    let of_secret = ["path", "query", "header"]
        .map(|place| format!("verification = \"secret\"\nsecret_in = \"{place}\""));
    let signature = |more: &str| format!("verification = \"signature\"\n{more}");
    let mut ways = match source {
        Source::Omneo => vec![signature("")],
        Source::OmnioTap => vec![
            signature(""),
            signature("algorithm = \"hmac-sha512\"\nencoding = \"base64\"\nsignature_prefix = \"v0=\"\nsignature_header = \"X-S\""),
            signature("algorithm = \"hmac-md5\""),
        ],
        Source::OmniLab => vec![
            signature("key_encoding = \"raw\""),
            signature("key_encoding = \"raw\"\nsigning_input = \"body\"\nauthorization = [{ env = \"Basic dXNlcjpwYXNzd29yZA==\" }]"),
        ],
        Source::Syncaroo => ["compact", "php", "python", "sorted"]
            .map(|style| format!("verification = \"hash\"\nserialization = \"{style}\"\nalgorithm = \"sha512\"\nencoding = \"base64\""))
            .into(),
    };
    ways.extend(of_secret.into_iter().filter(|_| source != Source::OmniLab));
    ways
}

#[test]
fn every_verification_accepts_what_it_signs() {
    let settings = SourceSettings::default();
    for source in Source::ALL {
        for way in ways(source) {
            let ours = verification(source, &format!("{way}\n{}", secrets(&[NEW, OLD])));
            let theirs = verification(source, &format!("{way}\n{}", secrets(&[OLD])));
            for (event, webhook) in samples(&settings, source) {
                let check = |signed: &OutgoingWebhook| {
                    let (place, secret) = signed.url_secret.clone().unzip();
                    assert!(place.is_none() || place == ours.secret_in());
                    let in_header = signed.headers.get("x-webhook-secret").cloned();
                    let is_in_header = ours.secret_in() == Some(SecretIn::Header);
                    ours.check(&UnverifiedWebhook {
                        headers: &signed.headers,
                        secret: secret.or(in_header.filter(|_| is_in_header)).as_deref(),
                        body: &signed.body,
                        received_at: now(),
                    })
                };
                let signed = ours.sign(webhook.clone(), now()).unwrap();
                assert_eq!(check(&signed), Ok(()), "{source} {event}: {way}");
                let signed = theirs.sign(webhook.clone(), now()).unwrap();
                assert_eq!(check(&signed), Ok(()), "{source} {event}: {way}");
                assert!(check(&webhook).is_err(), "{source} {event}: {way}");
            }
        }
    }
}
