//! Identity cases as data: `fixtures/identity/*.toml`, and the changes that the steps of a case mean. The README there
//! explains the format.

pub mod brand_state;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hookpoint::brand::BrandRules;
use hookpoint::customer::identity::resolution::Decision;
use hookpoint::customer::model::event;
use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::field_versions::{FieldVersions, Scope, Update};
use hookpoint::customer::model::record::{Change, Record, RecordKey, SourceMerge, field};
use hookpoint::settings::Settings;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

/// The brand of every name without a brand.
pub const FIRST: &str = "first";

/// Customers, as the names of their existing records: `omneo.profile:1`, or `second/omneo.profile:1` of another brand.
pub type Customers = BTreeSet<BTreeSet<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<Case>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(skip)]
    pub file: String,
    pub topic: String,
    pub why: String,
    /// The brand's identity settings, and `region`.
    #[serde(default)]
    pub rules: toml::Table,
    #[serde(default)]
    pub decisions: Vec<CaseDecision>,
    pub steps: Vec<Step>,
    pub customers: Customers,
    /// Exactly the values that are shared in the end, in canonical form.
    #[serde(default)]
    pub shared: BTreeSet<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "only a store can be looked up in")]
    pub finds: Vec<Find>,
}

/// One change; the first word says which kind. Times are minutes. Without a time, the step's position in the list
/// counts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// A webhook about a record. It covers only its own fields.
    pub record: Option<String>,
    /// An API response about a record. A missing field is cleared.
    pub snapshot: Option<String>,
    pub deleted: Option<String>,
    /// A merge by the source, `into` another of its records.
    pub merged: Option<String>,
    pub into: Option<String>,
    /// An event.
    pub event: Option<String>,
    pub of: Option<String>,

    pub at: Option<i64>,
    pub first: Option<String>,
    pub last: Option<String>,
    pub full: Option<String>,
    pub email: Texts,
    pub phone: Texts,
    pub facebook: Option<String>,
    pub twitter: Option<String>,
    pub refs: Vec<String>,
    pub created: Option<i64>,
    pub clear: Vec<String>,

    /// The customers after this step, with the steps in the written order.
    pub then: Option<Customers>,
}

/// One text or several.
#[derive(Debug, Clone, Default)]
pub struct Texts(pub Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum OneOrMany {
            One(String),
            Many(Vec<String>),
        }
        Ok(Self(match OneOrMany::deserialize(deserializer)? {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        }))
    }
}

/// A person's decision about two records.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseDecision {
    pub same: Option<[String; 2]>,
    pub different: Option<[String; 2]>,
    #[serde(default)]
    pub undone: bool,
}

/// A lookup at the end, and the customer ids in its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only a store can be looked up in")]
pub struct Find {
    pub email: Option<String>,
    pub phone: Option<String>,
    pub id: Option<String>,
    pub brand: Option<String>,
    pub gives: BTreeSet<String>,
    /// The number of events in all timelines together.
    pub events: Option<usize>,
}

pub fn time(minute: i64) -> Timestamp {
    "2026-03-01T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

/// The brand and the key that a name means.
pub fn named(name: &str) -> (&str, RecordKey) {
    let (kind, id) = name
        .split_once(':')
        .unwrap_or_else(|| panic!("{name} is not a record such as omneo.profile:1"));
    let (brand, kind) = kind.split_once('/').unwrap_or((FIRST, kind));
    let kind = kind.parse().unwrap_or_else(|_| panic!("{name}: unknown kind of record {kind}"));
    (brand, RecordKey::new(kind, id).unwrap_or_else(|| panic!("{name} has no id")))
}

pub fn name(brand: &str, key: &RecordKey) -> String {
    if brand == FIRST { key.to_string() } else { format!("{brand}/{key}") }
}

impl Step {
    fn change(&self, place: usize) -> (String, Change) {
        let at = time(self.at.unwrap_or_else(|| i64::try_from(place).unwrap() + 1));
        let about = |name: &str, scope| {
            let (brand, key) = named(name);
            (
                brand.to_owned(),
                Change::Record {
                    key,
                    update: Update { at, received_at: at, scope, fields: self.fields() },
                },
            )
        };
        match (&self.record, &self.snapshot, &self.deleted, &self.merged, &self.event) {
            (Some(name), None, None, None, None) => about(name, Scope::Partial),
            (None, Some(name), None, None, None) => about(name, Scope::Whole),
            (None, None, Some(name), None, None) => about(name, Scope::Deletion),
            (None, None, None, Some(loser), None) => {
                let (brand, loser) = named(loser);
                let (_, winner) = named(self.into.as_deref().expect("a merge needs `into`"));
                (brand.to_owned(), Change::Merge(SourceMerge { loser, winner, at }))
            }
            (None, None, None, None, Some(what)) => {
                let (brand, record) = named(self.of.as_deref().expect("an event needs `of`"));
                let key: EventKey = what.parse().unwrap_or_else(|_| {
                    panic!("{what} is not an event such as syncaroo.booking:1")
                });
                let fields = BTreeMap::from([(
                    event::field::RECORD.to_owned(),
                    Some(Value::from(record.to_string())),
                )]);
                (
                    brand.to_owned(),
                    Change::Event {
                        key,
                        update: Update { at, received_at: at, scope: Scope::Partial, fields },
                    },
                )
            }
            _ => panic!(
                "a step begins with one of record, snapshot, deleted, merged, event: {self:?}"
            ),
        }
    }

    fn fields(&self) -> BTreeMap<String, Option<Value>> {
        let mut fields = BTreeMap::new();
        let mut say = |field: String, value: Option<&str>| {
            assert!(
                fields.insert(field.clone(), value.map(Value::from)).is_none(),
                "{field} twice"
            );
        };
        let texts = [
            (field::FIRST_NAME, &self.first),
            (field::LAST_NAME, &self.last),
            (field::FULL_NAME, &self.full),
            (field::FACEBOOK, &self.facebook),
            (field::TWITTER, &self.twitter),
        ];
        for (field, text) in texts {
            text.iter().for_each(|text| say(field.to_owned(), Some(text)));
        }
        for (prefix, Texts(texts)) in [(field::EMAIL, &self.email), (field::PHONE, &self.phone)] {
            texts.iter().zip(1..).for_each(|(text, n)| say(format!("{prefix}{n}"), Some(text)));
        }
        for (reference, n) in self.refs.iter().zip(1..) {
            // In the source's format. The id may be invalid.
            let (kind, id) = reference.split_once(':').unwrap();
            let kind = kind.split_once('/').map_or(kind, |(_, kind)| kind);
            say(format!("{}{kind}#{n}", field::REFERENCE), Some(id));
        }
        if let Some(minute) = self.created {
            say(field::CREATED_AT.to_owned(), Some(&time(minute).to_string()));
        }
        for cleared in &self.clear {
            say(field_named(cleared), None);
        }
        fields
    }
}

/// The field of a word: `email` is the first address, `email.2` the second.
fn field_named(word: &str) -> String {
    match word {
        "first" | "last" | "full" => format!("name.{word}"),
        "facebook" | "twitter" => format!("social.{word}"),
        "email" | "phone" => format!("{word}.1"),
        other => other.to_owned(),
    }
}

impl Case {
    /// Brand and change of every step, in the written order.
    pub fn changes(&self) -> Vec<(String, Change)> {
        self.steps.iter().enumerate().map(|(place, step)| step.change(place)).collect()
    }

    /// The rules of every brand in the case.
    pub fn brands(&self) -> Vec<BrandRules> {
        let mut identity = self.rules.clone();
        let mut brand = toml::Table::new();
        brand.extend(identity.remove("region").map(|region| ("default_region".to_owned(), region)));
        brand.insert("identity".to_owned(), identity.into());
        let slugs: BTreeSet<String> = self.changes().into_iter().map(|(brand, _)| brand).collect();
        let brands: toml::Table =
            slugs.into_iter().map(|slug| (slug, brand.clone().into())).collect();
        let settings = toml::Table::from_iter([("brands".to_owned(), brands.into())]);
        let text = toml::to_string(&settings).unwrap();
        Settings::parse(&text, Path::new(&self.file))
            .unwrap_or_else(|mistakes| panic!("{self}: {mistakes:?}"))
            .brands
    }

    /// Brand and decision: the valid ones, or the revoked ones.
    pub fn decisions(&self, undone: bool) -> impl Iterator<Item = (String, Decision)> {
        self.decisions.iter().filter(move |decision| decision.undone == undone).map(|decision| {
            let (same, [left, right]) = match (&decision.same, &decision.different) {
                (Some(both), None) => (true, both),
                (None, Some(both)) => (false, both),
                _ => panic!("a decision is either `same` or `different`"),
            };
            let ((brand, left), (_, right)) = (named(left), named(right));
            (brand.to_owned(), Decision { left, right, same })
        })
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}: {}", self.file, self.topic, self.why)
    }
}

/// The records of a brand that exist after some changes.
pub fn live_records(changes: &[(String, Change)], brand: &str) -> Vec<Record> {
    let mut records: BTreeMap<RecordKey, FieldVersions> = BTreeMap::new();
    for (_, change) in changes.iter().filter(|(of, _)| of == brand) {
        if let Change::Record { key, update } = change {
            let said = FieldVersions::from(update.clone());
            match records.get_mut(key) {
                Some(known) => known.join(said),
                None => {
                    records.insert(key.clone(), said);
                }
            }
        }
    }
    records
        .into_iter()
        .filter(|(_, versions)| versions.is_live())
        .map(|(key, versions)| Record { key, versions })
        .collect()
}

/// Every case of every file.
pub fn cases() -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/identity");
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let of_file = |path: &std::path::PathBuf| {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let cases: CaseFile = toml::from_str(&std::fs::read_to_string(path).unwrap())
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        cases.case.into_iter().map(move |case| Case { file: file.clone(), ..case })
    };
    paths.iter().flat_map(of_file).collect()
}
