//! Previews of new rules and templates: they equal what a rebuild does, and change nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Instant;

use hookpoint::admin::answers_preview::preview_answer;
use hookpoint::admin::decisions::CustomerView;
use hookpoint::admin::rules_preview::{
    ComparedCounts, Regrouped, RulesPreview, find_unexpected, preview_rules,
};
use hookpoint::brand::Brand;
use hookpoint::customer::model::record::Change;
use hookpoint::demo::population;
use hookpoint::ingest::apply::apply;
use hookpoint::ingest::rebuild::{Progress, rebuild, rebuild_copy};
use hookpoint::settings::file::IdentitySettings;
use hookpoint::storage::derived_copy::DerivedCopy;
use hookpoint::storage::pool::Use;

use crate::ingest::apply::{batches, clear, dump};
use crate::ingest::populations::decide;
use crate::ingest::populations::generator::{Population, Rng};
use crate::ingest::rebuild::{contact, wait_for_rederive};
use crate::support::{ENDLESS, TestApp, TestSettings, until_locks_are_awaited};

/// More samples than there are customers, so that all of them are compared.
const ALL: u32 = 1_000_000;

/// The people of the population with known truth.
const PEOPLE: usize = 400;

/// Another number of people. Then the test also prints how long it took; with 100,000, it takes very long.
const PEOPLE_VARIABLE: &str = "HOOKPOINT_TEST_PEOPLE";

/// An application that will not derive customers by its own rules.
async fn start() -> TestApp {
    let app = TestApp::start().await;
    wait_for_rederive(&app).await;
    app
}

/// The brand of the application, with other settings.
fn brand_with(app: &TestApp, settings: &TestSettings) -> Brand {
    let mut brands = app.loaded(settings).brands.into_iter();
    let rules = brands.find(|brand| brand.slug == "demo").unwrap();
    Brand::new(rules, app.brand.id(), app.brand.secret, app.brand.suppression_key)
}

/// The brand of the application, with other rules of who is who.
fn with_rules(app: &TestApp, change: impl FnOnce(&mut IdentitySettings)) -> Brand {
    brand_with(app, &TestSettings::demo().identity(change))
}

async fn preview(app: &TestApp, brand: &Brand) -> RulesPreview {
    let (mut done, mut total) = (0, 0);
    let mut on_progress = |progress: Progress| {
        assert!(progress.done >= done, "it goes forward");
        (done, total) = (progress.done, progress.total);
    };
    let preview = preview_rules(app.pool(), brand, ALL, &mut on_progress);
    let preview = Box::pin(preview).await.unwrap();
    assert!(done >= total, "every record was processed");
    preview
}

/// A customer: its id, records, addresses and answer.
type Customer = (String, Vec<String>, Vec<String>, String);

/// The stored customers, by their keys.
async fn customers(app: &TestApp) -> BTreeMap<String, Customer> {
    let rows: Vec<(String, String, Vec<String>, Vec<String>, String)> = sqlx::query_as(
        "select customer.customer_key, customer.customer_id,
            array(select record_key from customer_records as own
                where own.brand_id = customer.brand_id and own.customer_key = customer.customer_key order by 1),
            array(select kind || address || self_asserted from customer_addresses as own
                where own.brand_id = customer.brand_id and own.customer_key = customer.customer_key order by 1),
            answer.body
        from customers as customer join answers as answer using (brand_id, customer_key)",
    )
    .fetch_all(app.pool())
    .await
    .unwrap();
    rows.into_iter()
        .map(|(key, id, records, found_by, body)| (key, (id, records, found_by, body)))
        .collect()
}

type Keys = BTreeSet<String>;

/// Customers that join or part: keys of stored ones, and keys of new ones.
type Groups = BTreeSet<(Keys, Keys)>;

/// The change from one state to another.
struct Difference {
    counts: ComparedCounts,
    joins: Groups,
    partings: Groups,
}

impl Difference {
    fn new(before: &BTreeMap<String, Customer>, after: &BTreeMap<String, Customer>) -> Self {
        let owner: BTreeMap<&String, &String> = after
            .iter()
            .flat_map(|(key, (_, records, ..))| records.iter().map(move |record| (record, key)))
            .collect();
        let (mut news, mut olds): (BTreeMap<&str, Keys>, BTreeMap<&str, Keys>) = Default::default();
        for (old, (_, records, ..)) in before {
            for new in records.iter().filter_map(|record| owner.get(record)) {
                news.entry(old).or_default().insert((*new).clone());
                olds.entry(new.as_str()).or_default().insert(old.clone());
            }
        }
        let many = |(key, others): (&&str, &Keys)| (others.len() > 1).then(|| (*key).to_owned());
        let joined_into: Keys = olds.iter().filter_map(many).collect();
        let parted: Keys = news.iter().filter_map(many).collect();
        let all_of = |keys: &Keys, of: &BTreeMap<&str, Keys>| -> Keys {
            keys.iter().flat_map(|key| of[key.as_str()].iter().cloned()).collect()
        };
        let (joined, parted_into) = (all_of(&joined_into, &olds), all_of(&parted, &news));
        let regrouped = &joined_into | &parted_into;
        let differs = |key: &&String| before.get(*key) != after.get(*key);
        let is_different =
            |key: &&String| olds.contains_key(key.as_str()) && !regrouped.contains(*key);
        let count = |n: usize| i64::try_from(n).unwrap();
        let counts = ComparedCounts {
            customers_before: count(before.len()),
            customers_after: count(after.len()),
            joined: count(joined.len()),
            joined_into: count(joined_into.len()),
            parted: count(parted.len()),
            parted_into: count(parted_into.len()),
            different: count(after.keys().filter(differs).filter(is_different).count()),
            appeared: count(after.keys().filter(|key| !olds.contains_key(key.as_str())).count()),
            disappeared: count(
                before.keys().filter(|key| !news.contains_key(key.as_str())).count(),
            ),
        };
        let joins = joined_into.iter().map(|new| {
            let old = olds[new.as_str()].clone();
            (old.clone(), all_of(&old, &news))
        });
        let partings =
            parted.iter().map(|old| (Keys::from([old.clone()]), news[old.as_str()].clone()));
        Self { counts, joins: joins.collect(), partings: partings.collect() }
    }
}

/// The keys that a preview showed. Every customer is shown as it is stored.
fn shown(
    regrouped: &[Regrouped],
    before: &BTreeMap<String, Customer>,
    after: &BTreeMap<String, Customer>,
) -> Groups {
    let keys = |views: &[CustomerView], stored: &BTreeMap<String, Customer>| -> Keys {
        for view in views {
            let (id, records, ..) = &stored[&view.key];
            let shown: BTreeSet<String> =
                view.records.iter().map(|(record, _)| record.to_string()).collect();
            assert_eq!(view.customer_id, *id);
            assert_eq!(shown, records.iter().cloned().collect());
        }
        views.iter().map(|view| view.key.clone()).collect()
    };
    regrouped.iter().map(|one| (keys(&one.before, before), keys(&one.after, after))).collect()
}

/// Previews rules, applies them, and compares. Returns the counts.
async fn assert_exact(app: &TestApp, brand: &Brand, why: &str) -> ComparedCounts {
    let (stored, before) = (dump(app.pool(), app.brand.id()).await, customers(app).await);
    let began = Instant::now();
    let preview = preview(app, brand).await;
    let previewed = began.elapsed();
    assert!(stored == dump(app.pool(), app.brand.id()).await, "{why}: a preview writes nothing");
    let began = Instant::now();
    rebuild(app.pool(), brand, &mut |_| {}).await.unwrap();
    if let Ok(people) = std::env::var(PEOPLE_VARIABLE) {
        let (mut out, rebuilt) = (std::io::stderr(), began.elapsed());
        writeln!(out, "{people} people: preview {previewed:?}, rebuild {rebuilt:?}").unwrap();
    }
    let after = customers(app).await;
    let difference = Difference::new(&before, &after);
    assert_eq!(preview.counts, difference.counts, "{why}");
    let RulesPreview { counts, joins, partings, state, expected } = preview;
    assert!(shown(&joins, &before, &after) == difference.joins, "{why}: joins");
    assert!(shown(&partings, &before, &after) == difference.partings, "{why}: partings");
    assert_eq!((state.joined, state.parted), (counts.joined, counts.parted));
    let unexpected = find_unexpected(app.pool(), brand, expected, 5).await.unwrap();
    assert_eq!(unexpected.count, 0, "{why}: as expected");
    counts
}

/// A change of rules, with its name.
type RuleChange = (&'static str, fn(&mut IdentitySettings));

/// The rules before.
fn base(identity: &mut IdentitySettings) {
    identity.shared_value_threshold = 2;
    identity.one_record_per_person = vec!["omneo.profile".to_owned()];
    identity.blocked_mailboxes = vec!["balie".to_owned()];
    identity.blocked_values = vec!["+31201234567".to_owned()];
}

const CHANGES: [RuleChange; 9] = [
    ("no links by phone", |identity| identity.link_by_phone = false),
    ("no links by e-mail", |identity| identity.link_by_email = false),
    ("more values are shared", |identity| identity.shared_value_threshold = 1),
    ("fewer values are shared", |identity| identity.shared_value_threshold = 9),
    ("small components", |identity| identity.component_cap = 4),
    ("forms are trusted", |identity| identity.self_asserted.clear()),
    ("nothing is blocked", |identity| {
        identity.blocked_mailboxes.clear();
        identity.blocked_values.clear();
    }),
    ("no unique kinds", |identity| identity.one_record_per_person.clear()),
    ("first names count less", |identity| {
        identity.email_link_requires_compatible_names = false;
        identity.email_link_requires_first_name = false;
    }),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_a_rebuild_does() {
    let app = start().await;
    let old = with_rules(&app, base);
    let (mut joined, mut parted, mut different) = (0, 0, 0);
    for seed in 1..=2 {
        let population = Population::new(seed, 20);
        decide(&app, &population.decisions).await;
        clear(app.pool()).await;
        apply(app.pool(), &old, population.changes.clone()).await.unwrap();
        let at_first = customers(&app).await;
        let (records,): (i64,) =
            sqlx::query_as("select count(*) from records").fetch_one(app.pool()).await.unwrap();
        assert!(records > 200, "more than one page: {records}");
        for (name, change) in CHANGES.into_iter().skip(usize::from(seed == 2)).step_by(2) {
            let new = with_rules(&app, |identity| {
                base(identity);
                change(identity);
            });
            for (brand, why) in [(&new, "forth"), (&old, "back")] {
                let why = format!("population {seed}, {name}, {why}");
                let counts = Box::pin(assert_exact(&app, brand, &why)).await;
                joined += counts.joined;
                parted += counts.parted;
                different += counts.different;
            }
            assert!(at_first == customers(&app).await, "population {seed}, {name}: and back");
        }
    }
    assert!(joined > 50 && parted > 50 && different > 5, "{joined} {parted} {different}");
    app.stop().await;
}

/// Applies the records of a population with known truth.
async fn generated_people(app: &TestApp) {
    let people = std::env::var(PEOPLE_VARIABLE).ok();
    let people = people.map_or(PEOPLE, |people| people.parse().unwrap());
    for changes in population::Population::new(people, 7).changes.chunks(200) {
        app.apply(changes.to_vec()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_rules_about_generated_people_shows_what_a_rebuild_does() {
    let app = start().await;
    generated_people(&app).await;
    let new = with_rules(&app, |identity| {
        identity.link_by_phone = false;
        identity.shared_value_threshold = 9;
        identity.self_asserted.clear();
        identity.email_link_requires_first_name = false;
    });
    let counts = Box::pin(assert_exact(&app, &new, "generated people")).await;
    assert!(counts.joined > 0 && counts.parted > 10, "{counts:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_templates_about_generated_people_shows_what_a_rebuild_does() {
    let app = start().await;
    generated_people(&app).await;
    let settings = TestSettings::demo().custom_field("points", "{{ customer.first_name | upper }}");
    assert_answers_exact(&app, &brand_with(&app, &settings)).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_preview_does_not_depend_on_the_order_of_arrival() {
    let app = start().await;
    let (old, new) =
        (with_rules(&app, base), with_rules(&app, |rules| rules.link_by_phone = false));
    let population = Population::new(3, 12);
    decide(&app, &population.decisions).await;
    let mut states = BTreeSet::new();
    for turn in 1..=2 {
        clear(app.pool()).await;
        let mut rng = Rng(turn);
        let order = rng.shuffled((0..population.changes.len()).collect::<Vec<usize>>());
        for batch in batches(&population.changes, &order, turn, 60) {
            apply(app.pool(), &old, batch).await.unwrap();
        }
        let preview = preview(&app, &new).await;
        assert!(preview.counts.parted > 0);
        states.insert(preview.state.to_string());
    }
    assert_eq!(states.len(), 1, "{states:?}");
    // The same rules as before change nothing.
    let none = preview(&app, &old).await;
    assert!(none.joins.is_empty() && none.partings.is_empty());
    assert!(none.state.to_string().starts_with("0-0-"), "{}", none.state);
    assert!(!states.contains(&none.state.to_string()));
    app.stop().await;
}

const LINE: &str = "+31644556677";

#[tokio::test(flavor = "multi_thread")]
async fn a_change_after_a_preview_is_seen() {
    let app = start().await;
    let two =
        vec![contact("a", "Ruben", "ruben@example.org", LINE), contact("b", "Ruben", "", LINE)];
    app.apply(two).await;
    let new = with_rules(&app, |identity| identity.link_by_phone = false);
    let first = preview(&app, &new).await;
    let counts = first.counts;
    assert_eq!((counts.parted, counts.parted_into, counts.joined), (1, 2, 0));
    assert_eq!((counts.customers_before, counts.customers_after), (1, 2));
    // Somebody else does not matter.
    app.apply(vec![contact("z", "Iris", "iris@example.org", "")]).await;
    assert_eq!(preview(&app, &new).await.state, first.state);
    // A third record of the customer does.
    app.apply(vec![contact("c", "Ruben", "ruben.smit@example.org", LINE)]).await;
    let second = preview(&app, &new).await;
    assert_eq!((second.counts.parted, second.counts.parted_into), (1, 3));
    assert_ne!(second.state, first.state);
    // It arrives while the rules are applied: then the result is not what the preview showed.
    rebuild(app.pool(), &new, &mut |_| {}).await.unwrap();
    let mut changed = contact("a", "Ruben", "other@example.org", LINE);
    if let Change::Record { update, .. } = &mut changed {
        update.at = "2026-11-21T10:00:00Z".parse().unwrap();
        update.received_at = update.at;
    }
    apply(app.pool(), &new, vec![changed]).await.unwrap();
    let unexpected = find_unexpected(app.pool(), &new, second.expected, 5).await.unwrap();
    assert_eq!(unexpected.count, 1);
    assert_eq!(unexpected.customers[0].key, "omniotap.contact:a");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_and_lookups_go_on_during_a_preview_and_see_nothing_of_it() {
    let app = start().await;
    app.apply(vec![contact("a", "Ruben", "", LINE), contact("b", "Ruben", "", LINE)]).await;
    let new = with_rules(&app, |identity| identity.link_by_phone = false);
    let copy = rebuild_copy(app.pool(), &new, &mut |_| {}).await.unwrap();
    app.apply(vec![contact("c", "Iris", "iris@example.org", "")]).await;
    assert_eq!(app.by_email("iris@example.org").await.len(), 1);
    assert_eq!(app.by_phone(LINE).await.len(), 1, "only the copy has two");
    copy.end().await.unwrap();
    assert_eq!(app.by_phone(LINE).await.len(), 1);
    // The connection of the preview is used again.
    for _ in 0..app.pool().most() {
        rebuild(app.pool(), &new, &mut |_| {}).await.unwrap();
    }
    app.wait_until_current().await;
    assert_eq!(app.by_phone(LINE).await.len(), 2);
    app.stop().await;
}

/// The tables that a transaction has written.
async fn written_tables(copy: &mut DerivedCopy) -> (Keys, Keys) {
    let query = "select relname::text, schemaname like 'pg_temp%' from pg_stat_xact_user_tables where n_tup_ins + n_tup_upd + n_tup_del > 0";
    let rows: Vec<(String, bool)> =
        sqlx::query_as(query).fetch_all(copy.connection()).await.unwrap();
    let (copies, stored): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, is_copy)| *is_copy);
    let names = |rows: Vec<(String, bool)>| rows.into_iter().map(|(name, _)| name).collect();
    (names(copies), names(stored))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_writes_nothing_but_its_copies() {
    let app = start().await;
    let population = Population::new(1, 10);
    apply(app.pool(), &with_rules(&app, base), population.changes).await.unwrap();
    // Postgres counts for each session, so it must be a new one.
    let limits = Use { connections: 1, timeout: ENDLESS, statement: None, setup: "" };
    let pool = app.pool().beside(limits);
    let mut copy = rebuild_copy(&pool, &app.brand, &mut |_| {}).await.unwrap();
    let (copies, stored) = written_tables(&mut copy).await;
    assert!(stored.is_empty(), "{stored:?}: derived_copy.rs must copy these tables");
    assert!(copies.contains("customers") && copies.contains("shared_values"), "{copies:?}");
    copy.end().await.unwrap();
    pool.close();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_gives_way_to_a_migration() {
    let app = start().await;
    let mut copy = DerivedCopy::begin(app.pool(), app.brand.id()).await.unwrap();
    copy.give_way().await.unwrap();
    let mut session = app.session().await;
    let migrating = tokio::spawn(async move {
        let lock = "begin; lock table customers in access exclusive mode; rollback";
        sqlx::raw_sql(lock).execute(&mut session).await.unwrap();
    });
    until_locks_are_awaited(1, &app.database).await;
    let refused = copy.give_way().await.unwrap_err();
    assert!(refused.to_string().contains("waits for a table"), "{refused}");
    copy.end().await.unwrap();
    migrating.await.unwrap();
    app.stop().await;
}

/// Previews the answers of all customers, applies the settings, and compares. Returns the templates that failed.
async fn assert_answers_exact(app: &TestApp, new: &Brand) -> BTreeSet<String> {
    let before = customers(app).await;
    let mut connection = app.pool().acquire().await.unwrap();
    let (mut previews, mut failed) = (BTreeMap::new(), BTreeSet::new());
    for key in before.keys() {
        let preview = preview_answer(&mut connection, new, key).await.unwrap().unwrap();
        assert!(preview.before == before[key].3, "{key}");
        failed.extend(preview.failed_templates);
        previews.insert(key.clone(), preview.after);
    }
    assert!(preview_answer(&mut connection, new, "omneo.profile:0").await.unwrap().is_none());
    drop(connection);
    rebuild(app.pool(), new, &mut |_| {}).await.unwrap();
    let after: BTreeMap<String, String> =
        customers(app).await.into_iter().map(|(key, (.., body))| (key, body)).collect();
    assert!(previews == after, "the answers are the same bytes");
    assert!(before.iter().any(|(key, (.., body))| after[key] != *body));
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_templates_shows_the_answers_of_a_rebuild() {
    let app = TestApp::demo().await;
    wait_for_rederive(&app).await;
    let settings = TestSettings::demo()
        .custom_field("points", "{{ omneo.points }} points")
        .custom_field("favoriteColor", "{{ 7 // (omneo.points | default(0)) }}");
    let failed = assert_answers_exact(&app, &brand_with(&app, &settings)).await;
    assert_eq!(failed.into_iter().collect::<Vec<_>>(), ["custom_fields.2.value"]);
    app.stop().await;
}
