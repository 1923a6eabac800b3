//! Decides which values are shared. A shared value still finds customers, but it links no records: a switchboard's number
//! says nothing about who somebody is.
//!
//! A value is shared if more records of one unique kind have it than the rules allow, or records of the other kinds have it
//! under more different names. Self-asserted records and the losers of merges do not count.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::IdentityRules;
use super::spellings::count_different;
use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::source::SourceKind;

/// Spellings of one name count once. This many keys for each allowed name are too many in any case, so that comparing
/// names stays cheap.
const SPELLINGS: usize = 4;

/// The holders of one value, as far as the decision needs them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// Number of records, for each unique kind.
    pub records: BTreeMap<SourceKind, usize>,
    /// Keys of the different names in records of the other kinds.
    pub names: BTreeSet<String>,
}

impl Holders {
    /// Adds a record that has the value and may link by it.
    pub fn add(&mut self, kind: SourceKind, name_key: &str, rules: &IdentityRules) {
        if !counts(kind, rules) {
            return;
        }
        if rules.one_record_per_person.contains(&kind) {
            let count = self.records.entry(kind).or_default();
            *count = count.saturating_add(1);
        } else if !name_key.is_empty()
            && self.names.len() < most_names(rules)
            && !self.names.contains(name_key)
        {
            self.names.insert(name_key.to_owned());
        }
    }

    /// Whether the value is shared.
    #[must_use]
    pub fn is_shared(&self, rules: &IdentityRules) -> bool {
        let most = rules.shared_value_threshold;
        self.records.values().any(|count| *count > most) || has_too_many_names(&self.names, rules)
    }
}

/// Whether records of a kind count as holders.
#[must_use]
pub fn counts(kind: SourceKind, rules: &IdentityRules) -> bool {
    !rules.self_asserted.contains(&kind)
}

/// This many names are too many, however they are spelled. Nobody needs to count further.
#[must_use]
pub const fn most_names(rules: &IdentityRules) -> usize {
    rules.shared_value_threshold.saturating_add(1).saturating_mul(SPELLINGS)
}

fn has_too_many_names(keys: &BTreeSet<String>, rules: &IdentityRules) -> bool {
    let most = rules.shared_value_threshold;
    if keys.len() <= most || keys.len() >= most_names(rules) {
        return keys.len() > most;
    }
    let names: Vec<FoldedName> = keys.iter().map(|key| FoldedName::from_key(key)).collect();
    count_different(&names) > most
}
