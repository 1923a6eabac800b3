//! Conditions that the changes of every parser must fulfil, for every input.

use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::Source;
use hookpoint::customer::model::text::{MAX_CHARS, MAX_ID_CHARS};
use hookpoint::sources::SourceSettings;
use serde_json::Value;

/// Checks the changes that a source's parser returned.
pub fn check(source: Source, changes: &[Change]) {
    for change in changes {
        check_key(source, change);
        if let Some(update) = change.update() {
            check_update(source, update);
        }
    }
}

fn check_key(source: Source, change: &Change) {
    let id = match change {
        Change::Record { key, .. } => {
            assert_eq!(key.kind.source(), source);
            &key.id
        }
        Change::Event { key, .. } => {
            assert_eq!(key.source, source);
            assert!(!key.what.is_empty() && !key.what.contains(':'));
            assert_eq!(key.to_string().parse::<EventKey>().unwrap(), *key);
            &key.id
        }
        Change::Merge(merge) => {
            assert_ne!(merge.loser, merge.winner);
            return;
        }
    };
    assert!(
        !id.is_empty() && id.chars().count() <= MAX_ID_CHARS && !id.chars().any(char::is_control)
    );
}

fn check_update(source: Source, update: &Update) {
    let names = SourceSettings::default().parser(source).template_names();
    let year: i32 = update.at.strftime("%Y").to_string().parse().unwrap();
    assert!((1900..2200).contains(&year), "{}", update.at);
    assert!(
        update.scope != Scope::Deletion
            || update.fields.keys().all(|name| name.starts_with("unread."))
    );
    for (name, value) in &update.fields {
        assert!(names.have(name), "{name} of {source} is not in its table of names");
        assert!(!name.chars().any(char::is_control), "{name:?}");
        match value {
            Some(Value::Array(items)) => items.iter().for_each(|item| check_value(name, item)),
            Some(value) => check_value(name, value),
            None => {}
        }
    }
}

fn check_value(name: &str, value: &Value) {
    assert!(!value.is_object() && !value.is_array() && !value.is_null(), "{name} = {value}");
    if let Some(text) = value.as_str() {
        assert!(
            !text.is_empty()
                && text.chars().count() <= MAX_CHARS
                && !text.chars().any(char::is_control),
            "{name}"
        );
    }
}
