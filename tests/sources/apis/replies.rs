//! Recorded replies say what they said before.

use super::*;

/// A parsed reply as text for people: Debug is redacted on purpose.
fn in_lines(parsed: &Result<ParsedReply, Unreadable>) -> String {
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return format!("  unreadable: {error}\n"),
    };
    let mut out = String::new();
    for change in &parsed.changes {
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
    parsed.there.iter().for_each(|key| writeln!(out, "  there: {key}").unwrap());
    parsed
        .places
        .iter()
        .for_each(|place| writeln!(out, "  place {} = {}", place.id, place.name).unwrap());
    parsed.missing_names.iter().for_each(|u| {
        writeln!(out, "  unnamed {} of {}: {}, ask {}", u.field, u.event, u.place, asked(&u.ask))
            .unwrap();
    });
    parsed.follow.iter().for_each(|ask| writeln!(out, "  follow: {}", asked(ask)).unwrap());
    parsed.next.iter().for_each(|ask| writeln!(out, "  next: {}", asked(ask)).unwrap());
    parsed.total.iter().for_each(|total| writeln!(out, "  total: {total}").unwrap());
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
        let parsed = settings.api(source).read(&recording.ask, &recording.reply());
        format!(
            "{name}: {}{}\n{}",
            asked(&recording.ask),
            if recording.is_missing { ", missing" } else { "" },
            in_lines(&parsed)
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
        let Ok(ParsedWebhook::Changes(webhook)) = settings.parser(source).parse_webhook(&delivery)
        else {
            panic!("{webhook}")
        };
        let recording = recording(source, answer);
        let parsed = settings.api(source).read(&recording.ask, &recording.reply()).unwrap();
        let (webhook, answer) = (said(webhook, key), said(parsed.changes, key));
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
                    Ok(parsed) => {
                        parsed.changes.iter().all(|change| matches!(change, Change::Event { .. }))
                    }
                    Err(error) => matches!(error, Unreadable::Missing(_)),
                };
                assert!(says_nothing, "{source} {name} {body}");
            }
        }
    }
}
