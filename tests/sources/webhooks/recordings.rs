//! Recorded webhooks say what they said before.

use super::*;

/// A parsed webhook as text for people: Debug is redacted on purpose.
pub(super) fn in_lines(reading: Result<ParsedWebhook, Unreadable>) -> String {
    let changes = match reading {
        Ok(ParsedWebhook::Changes(changes)) => changes,
        Ok(ParsedWebhook::Ignored(why)) => return format!("  ignored: {why}\n"),
        Err(error) => return format!("  unreadable: {error}\n"),
    };
    let mut out = String::new();
    for change in changes {
        match change {
            Change::Record { key, update } => {
                lines_of(&mut out, "record", &key.to_string(), &update);
            }
            Change::Event { key, update } => lines_of(&mut out, "event", &key.to_string(), &update),
            Change::Merge(merge) => {
                writeln!(out, "  merge {} into {}, {}", merge.loser, merge.winner, merge.at)
                    .unwrap();
            }
        }
    }
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
    let settings = SourceSettings::default();
    let read = |(name, text): (String, String)| {
        format!("{name}\n{}", in_lines(Recorded::parse(&text).unwrap().read(source, &settings)))
    };
    recordings(source).into_iter().map(read).collect::<Vec<_>>().join("\n")
}

#[test]
fn recordings_of_omniotap_say_what_they_said_before() {
    insta::assert_snapshot!("omniotap", read_all(Source::OmnioTap));
}

#[test]
fn recordings_of_omneo_say_what_they_said_before() {
    insta::assert_snapshot!("omneo", read_all(Source::Omneo));
}

#[test]
fn recordings_of_omnilab_say_what_they_said_before() {
    insta::assert_snapshot!("omnilab", read_all(Source::OmniLab));
}

#[test]
fn recordings_of_syncaroo_say_what_they_said_before() {
    insta::assert_snapshot!("syncaroo", read_all(Source::Syncaroo));
}
