//! The names that templates can use, compared with the recordings.

use super::*;

/// The fields in the recorded webhooks and responses of a source.
fn recorded_fields(source: Source) -> BTreeSet<String> {
    let settings = settings();
    let webhooks = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/webhooks");
    let files = std::fs::read_dir(webhooks.join(source.as_str())).unwrap();
    let read = files.map(|file| {
        let delivery = delivery(source, file.unwrap().file_name().to_str().unwrap());
        match settings.parser(source).parse_webhook(&delivery) {
            Ok(ParsedWebhook::Changes(changes)) => changes,
            Ok(ParsedWebhook::Ignored(_)) | Err(_) => Vec::new(),
        }
    });
    let answered = recordings(source).into_iter().map(|(_, recording)| {
        let parsed = settings.api(source).read(&recording.ask, &recording.reply());
        parsed.map(|parsed| parsed.changes).unwrap_or_default()
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
        let (names, fields) = (settings().parser(source).template_names(), recorded_fields(source));
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
