//! Conditions that the changes of every parser must fulfil, for every input.

use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::field_versions::Scope;
use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::Source;
use hookpoint::customer::model::text::{MAX_CHARS, MAX_ID_CHARS};
use hookpoint::sources::SourceSettings;
use serde_json::Value;

/// Checks the changes that a source's parser returned.
pub fn check(source: Source, changes: &[Change]) {
    let names = SourceSettings::default().reader(source).template_names();
    for change in changes {
        let key = match change {
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
                continue;
            }
        };
        assert!(
            !key.is_empty()
                && key.chars().count() <= MAX_ID_CHARS
                && !key.chars().any(char::is_control)
        );
        let Some(update) = change.update() else { continue };
        assert!(
            (1900..2200).contains(&update.at.strftime("%Y").to_string().parse::<i32>().unwrap()),
            "{}",
            update.at
        );
        assert!(
            update.scope != Scope::Deletion
                || update.fields.keys().all(|name| name.starts_with("unread."))
        );
        for (name, value) in &update.fields {
            assert!(names.have(name), "{name} of {source} is not in its table of names");
            assert!(!name.chars().any(char::is_control), "{name:?}");
            let texts: Vec<&Value> = value
                .iter()
                .flat_map(|value| {
                    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
                })
                .collect();
            for value in texts {
                assert!(
                    !value.is_object() && !value.is_array() && !value.is_null(),
                    "{name} = {value}"
                );
                if let Some(text) = value.as_str() {
                    assert!(
                        !text.is_empty()
                            && text.chars().count() <= MAX_CHARS
                            && !text.chars().any(char::is_control),
                        "{name}"
                    );
                }
            }
        }
    }
}
