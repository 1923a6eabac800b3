//! `lookup --why --json` explains every field and every event of every answer of the demo, and an independent computation
//! from the stored data and the settings gives the same.

mod expected;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use hookpoint::admin::decisions::Act;
use hookpoint::settings::file::CustomFieldSettings;
use serde_json::Value;

use self::expected::{Expected, ExpectedCustomer};
use crate::ingest::populations::generator::Decided;
use crate::support::{TestApp, TestSettings, demo_changes, scratch, socket_directory};

/// A couple with one phone, whom a person joins.
const COUPLE: [&str; 2] = [
    "omneo.profile:32afa631-3fd6-4112-b0a8-c74c7d64ad51",
    "omneo.profile:cef85dee-8ec5-43cc-8c93-0bb4ee562506",
];

/// The demo, with a precedence that differs from the usual one, with fields that several sources have, and without one
/// type of event.
fn settings() -> TestSettings {
    TestSettings::demo().brand(|brand| {
        let kinds = ["omniotap.contact", "omniotap.customer", "omneo.profile"];
        brand.precedence.insert("last_name".to_owned(), kinds.map(str::to_owned).to_vec());
        for (name, value) in [
            ("since", "{{ attributes.customer_since | date }}"),
            ("greeting", "{{ customer.first_name | upper }} {{ customer.last_name }}"),
        ] {
            let (name, value) = (name.to_owned(), value.to_owned());
            brand.custom_fields.push(CustomFieldSettings { name, value });
        }
        brand.timeline.hide.push("omneo.reward".to_owned());
    })
}

struct Program {
    settings: PathBuf,
    url: String,
}

impl Program {
    fn on(app: &TestApp) -> Self {
        let settings = scratch().join(format!("{}.toml", app.database));
        std::fs::write(&settings, self::settings().text()).unwrap();
        let socket = socket_directory().display().to_string();
        Self {
            settings,
            url: format!("postgres://hookpoint@localhost/{}?host={socket}", app.database),
        }
    }

    /// What `lookup --why --json` prints about a customer.
    fn explain(&self, id: &str) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
        command.arg("--settings").arg(&self.settings);
        command.args(["lookup", "--why", "--json", "--stored", "--id", id]);
        command.env_clear().env("DATABASE_URL", &self.url);
        let ended = command.output().unwrap();
        let found: Value = serde_json::from_slice(&ended.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&ended.stderr)));
        assert_eq!(found.as_array().unwrap().len(), 1, "{id}");
        found[0].clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.settings as &Path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_and_event_of_the_demos_answers_is_explained_as_computed_independently() {
    let app = TestApp::start_with(settings()).await;
    app.apply(demo_changes(&app.brand)).await;
    let program = Program::on(&app);
    let levels = assert_explained(&app, &program, &[]).await;
    assert_eq!(levels, ["e-mail", "phone", "reference", "source merge"].map(str::to_owned).into());
    let [one, other] = COUPLE.map(|key| key.parse().unwrap());
    app.decided(Act::Join([one, other].into())).await;
    let [left, right] = COUPLE.map(|key| key.parse().unwrap());
    let levels = assert_explained(&app, &program, &[Decided { left, right, same: true }]).await;
    assert!(levels.contains("decision"), "{levels:?}");
    app.stop().await;
}

/// Compares the explanations of all customers with the expected ones. Returns the levels that link records.
async fn assert_explained(
    app: &TestApp,
    program: &Program,
    decisions: &[Decided],
) -> BTreeSet<String> {
    let expected = Expected::read(app, decisions).await;
    let customers = expected.customers();
    let stored: Vec<(String,)> =
        sqlx::query_as("select customer_key from customers").fetch_all(app.pool()).await.unwrap();
    assert_eq!(customers.len(), stored.len());
    let (mut events, mut levels) = (0, BTreeSet::new());
    for customer in customers {
        let id = customer.first_key();
        let why = program.explain(&id);
        assert_same(&customer, &why);
        let answer = app.by_id(why["customer_id"].as_str().unwrap()).await;
        assert_eq!(answer, [why["answer"].clone()], "{id}: as Omnidesk gets it");
        events += why["events"].as_array().unwrap().len();
        levels.extend(customer.links().into_iter().map(|(level, ..)| level));
    }
    assert!(events > 150, "{events}");
    levels
}

/// Fails unless an explanation, and the answer in it, are exactly as expected.
fn assert_same(customer: &ExpectedCustomer<'_>, why: &Value) {
    let (id, answer) = (customer.first_key(), &why["answer"]);
    assert_eq!(set(&why["records"], |one| text(&one["record"])), customer.record_keys(), "{id}");
    let link =
        |link: &Value| (text(&link["level"]), text(&link["value"]), set(&link["records"], text));
    assert_eq!(set(&why["links"], link), customer.links(), "{id}: links");
    let values = list(&why["values"]).iter().flat_map(|of| {
        let used = list(&of["values"]).iter().filter(|value| value["used"] == true);
        used.map(|value| {
            (text(&of["record"]), text(&value["name"]), text(&value["value"]), text(&value["at"]))
        })
    });
    assert_eq!(values.collect::<BTreeSet<_>>(), customer.values(), "{id}: values");

    // The name and the addresses in the answer.
    let shown = |name: &str| customer.value(name).unwrap_or_default();
    assert_eq!(text(&answer["customerFirstname"]), shown("customer.first_name"), "{id}");
    assert_eq!(text(&answer["customerLastname"]), shown("customer.last_name"), "{id}");
    let address = |one: &Value| (text(&one["type"]), text(&one["address"]));
    let (found, not_found) = (set(&answer["addresses"], address), set(&why["finds_not"], address));
    assert_eq!(found, customer.addresses(), "{id}: addresses");
    assert!(found.is_disjoint(&not_found), "{id}: {not_found:?}");
    let named: BTreeSet<_> = customer.all_addresses();
    assert_eq!(named, &found | &not_found, "{id}: each address of a record is explained");

    // The custom fields.
    let field = |field: &Value| {
        let value =
            |value: &Value| (text(&value["name"]), text(&value["record"]), text(&value["at"]));
        (text(&field["name"]), set(&field["values"], value))
    };
    let fields: Vec<_> = list(&why["custom_fields"]).iter().map(field).collect();
    assert_eq!(fields, customer.custom_fields(), "{id}: custom fields");
    let of_answer =
        list(&answer["customFields"]).iter().flat_map(|field| field.as_object().unwrap());
    let of_answer: Vec<&String> = of_answer.map(|(name, _)| name).collect();
    assert_eq!(of_answer, fields.iter().map(|(name, _)| name).collect::<Vec<_>>(), "{id}");

    // The timeline.
    let event = |event: &Value| (text(&event["event"]), text(&event["record"]), text(&event["at"]));
    let events: Vec<_> = list(&why["events"]).iter().map(event).collect();
    assert_eq!(events, customer.events(), "{id}: events");
    let item = |item: &Value| {
        (text(&item["source"]), text(&item["externalID"]), text(&item["lastUpdate"]))
    };
    let items: Vec<_> = list(&answer["timeline"]).iter().map(item).collect();
    assert_eq!(items, customer.timeline(), "{id}: timeline");
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn set<T: Ord>(values: &Value, shown: impl Fn(&Value) -> T) -> BTreeSet<T> {
    list(values).iter().map(shown).collect()
}
