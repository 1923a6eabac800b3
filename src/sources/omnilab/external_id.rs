//! Of which records the external id of a participant is the id, where a brand gives OmniLab other systems' ids.

use std::slice;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::customer::model::record::field;
use crate::customer::model::source::SourceKind;
use crate::sources::extract::Fields;

/// The kinds of record whose ids are given to OmniLab, by their names: a text for one or none, a list for several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a kind of record such as \"omneo.profile\", or a list of some")]
pub enum ExternalIdKinds {
    /// One, or none where it is empty.
    One(String),
    /// Some of them have one id, others another.
    Several(Vec<String>),
}

impl Default for ExternalIdKinds {
    fn default() -> Self {
        Self::One(String::new())
    }
}

impl ExternalIdKinds {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) if name.is_empty() => &[],
            Self::One(name) => slice::from_ref(name),
            Self::Several(names) => names,
        }
    }

    /// The kinds.
    pub(super) fn kinds(&self) -> impl Iterator<Item = SourceKind> {
        self.names().iter().filter_map(|name| name.parse().ok())
    }

    /// Nobody can tell of an id which kind it is of, so it refers to a record of each.
    pub(super) fn references(&self, external_id: &str) -> Fields {
        self.names().iter().map(|name| (format!("{}{name}", field::REFERENCE), Some(Value::from(external_id)))).collect()
    }
}
