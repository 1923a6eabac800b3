//! Lists: filters, pages, and links to other pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use url::form_urlencoded;

use crate::customer::model::source::Source;
use crate::demo::simulators::data::SimulatedData;
use crate::demo::simulators::object_kind::{ObjectKind, owner, word_key};
use crate::demo::simulators::options::SimulatorOptions;
use crate::demo::simulators::page::Page;
use crate::demo::simulators::paths::base_path;
use crate::demo::simulators::request::{Answer, SimulatorRequest};
use crate::demo::simulators::table::Object;
use crate::sources::value::{text_at, time_at, time_of};

/// The default page size.
const PAGE: usize = 15;

/// A filtered list of all objects or of one profile's.
pub(super) fn listed(
    data: &SimulatedData,
    options: &SimulatorOptions,
    request: &SimulatorRequest,
    base_url: &str,
    kind: ObjectKind,
    profile: Option<&str>,
) -> Answer {
    let mut filters = Vec::new();
    for (name, value) in request.parameters().filter(|(name, _)| name.starts_with("filter[")) {
        let Some(filter) = Filter::parse(&name, value) else {
            return Answer::new(
                400,
                json!({ "errors": { "filter": ["This filter is not allowed"] } }).to_string(),
            );
        };
        filters.push(filter);
    }
    let number = request.number("page[number]").unwrap_or(1);
    let size = request.number("page[size]").unwrap_or(PAGE).min(options.max_page);
    let fits = |row: &Arc<Object>| filters.iter().all(|filter| filter.fits(&row.value));
    // Objects with a known owner or address are found by the index, without a full scan.
    let key = profile.map(owner).or_else(|| filters.iter().find_map(|filter| filter.key(kind)));
    let page = match key {
        Some(key) => Page::of(
            &data.by_key(kind, &key).into_iter().filter(fits).collect::<Vec<_>>(),
            number,
            size,
        ),
        None => data.page(kind, number, size, (!filters.is_empty()).then_some(&fits)),
    };
    Answer::ok(format!(r#"{{"data":{},{}}}"#, page.list(), around(&page, request, base_url)))
}

/// `links` and `meta` of a page, in the format of Omneo's framework.
fn around(page: &Page, request: &SimulatorRequest, base_url: &str) -> String {
    let path = format!(
        "{base_url}{}",
        request.path.strip_prefix(base_path(Source::Omneo)).unwrap_or_default()
    );
    let kept: BTreeMap<String, String> =
        request.parameters().filter(|(name, _)| name != "page[number]").collect();
    let link = |number: usize| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&kept)
            .append_pair("page[number]", &number.to_string())
            .finish();
        format!("{path}?{query}")
    };
    let last = page.pages().max(1);
    let links = json!({
        "first": link(1), "last": link(last),
        "prev": (page.number > 1).then(|| link(page.number.saturating_sub(1))),
        "next": (page.number < last).then(|| link(page.number.saturating_add(1))),
    });
    let (from, to) = page.range().unzip();
    let meta = json!({
        "current_page": page.number, "from": from, "last_page": last, "path": path, "per_page": page.size, "to": to, "total": page.total
    });
    format!(r#""links":{links},"meta":{meta}"#)
}

/// `filter[field]=value`, or `filter[field][operator]=value`.
struct Filter {
    field: String,
    operator: String,
    value: String,
}

/// Fields with a filter.
const FIELDS: [&str; 11] = [
    "id",
    "email",
    "mobile_phone",
    "secondary_phone",
    "first_name",
    "last_name",
    "profile_id",
    "profile_type",
    "company",
    "updated_at",
    "created_at",
];

impl Filter {
    /// `None` for a filter that this API does not have.
    fn parse(name: &str, value: String) -> Option<Self> {
        let inside = name.strip_prefix("filter[")?.strip_suffix(']')?;
        let (field, operator) = inside.split_once("][").unwrap_or((inside, "eq"));
        let is_known =
            FIELDS.contains(&field) && ["eq", "gt", "gte", "lt", "lte"].contains(&operator);
        is_known.then(|| Self { field: field.to_owned(), operator: operator.to_owned(), value })
    }

    fn fits(&self, object: &Value) -> bool {
        if self.field.ends_with("_at") {
            let (at, bound) = (
                time_at(object, &format!("/{}", self.field)),
                time_of(&Value::from(self.value.as_str())),
            );
            return match (at, bound, self.operator.as_str()) {
                (Some(at), Some(bound), "gt") => at > bound,
                (Some(at), Some(bound), "gte") => at >= bound,
                (Some(at), Some(bound), "lt") => at < bound,
                (Some(at), Some(bound), "lte") => at <= bound,
                (Some(at), Some(bound), _) => at == bound,
                _ => false,
            };
        }
        let pointers: &[&str] = match self.field.as_str() {
            "mobile_phone" => &["/mobile_phone", "/mobile_phone_e164"],
            "profile_id" => &["/profile_id", "/profile/id"],
            _ => &[],
        };
        let own = format!("/{}", self.field);
        let mut found = pointers
            .iter()
            .copied()
            .chain([own.as_str()])
            .filter_map(|pointer| text_at(object, pointer));
        found.any(|found| found.to_lowercase() == self.value.to_lowercase())
    }

    fn key(&self, kind: ObjectKind) -> Option<String> {
        match self.field.as_str() {
            "email" | "mobile_phone" if kind == ObjectKind::Profile => Some(word_key(&self.value)),
            "profile_id" => Some(owner(&self.value)),
            _ => None,
        }
    }
}
