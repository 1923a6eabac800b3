//! Identifiers as columns of a statement.

use super::StorageError;
use crate::customer::model::identifier::Identifier;

pub(super) fn identifier(kind: &str, value: String) -> Result<Identifier, StorageError> {
    Ok(Identifier { kind: kind.parse().map_err(StorageError::corrupt("identifiers"))?, value })
}

/// The kinds, and the values.
pub(super) fn columns<'a>(
    identifiers: impl IntoIterator<Item = &'a Identifier>,
) -> (Vec<&'a str>, Vec<&'a str>) {
    identifiers
        .into_iter()
        .map(|identifier| (identifier.kind.as_str(), identifier.value.as_str()))
        .unzip()
}
