//! The external id of a participant, if the brand uses ids of other systems in OmniLab.

use std::slice;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::customer::model::record::field;
use crate::customer::model::source::SourceKind;
use crate::sources::extract::Fields;

/// The kinds of record whose ids OmniLab has: a text for one or none, a list for several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "must be a kind of record such as \"omneo.profile\", or a list of them"
)]
pub enum ExternalIdKinds {
    /// One kind, or none if empty.
    One(String),
    /// Several kinds: each participant has an id of one of them.
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

    /// The kinds of record.
    pub(super) fn kinds(&self) -> impl Iterator<Item = SourceKind> {
        self.names().iter().filter_map(|name| name.parse().ok())
    }

    /// The kind of an id is unknown, so it refers to a record of each kind.
    pub(super) fn references(&self, external_id: &str) -> Fields {
        self.names()
            .iter()
            .map(|name| (format!("{}{name}", field::REFERENCE), Some(Value::from(external_id))))
            .collect()
    }
}
