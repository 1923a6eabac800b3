//! The paths of customers in URLs. The id of a record may be an address, so paths contain the key of a record encrypted. The
//! same record always has the same path.

use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::sealed_texts::SealedTexts;

/// Encrypts the keys of records of a brand.
pub struct RecordLinks<'a>(SealedTexts<'a>);

impl<'a> RecordLinks<'a> {
    /// Encrypts with the secret of a brand. Links in tickets have this purpose, so it never changes.
    #[must_use]
    pub const fn new(brand: &'a Brand) -> Self {
        Self(SealedTexts::new(brand, "console"))
    }

    /// The path of the customer of a record, or another text that must not be in a URL.
    #[must_use]
    pub fn path(&self, text: &str) -> String {
        self.0.seal(text)
    }

    /// The record of a path. `None` if it was not made for this brand.
    #[must_use]
    pub fn record(&self, path: &str) -> Option<RecordKey> {
        self.text(path)?.parse().ok()
    }

    /// The text of a path. `None` if it was not made for this brand.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<String> {
        self.0.open(path)
    }
}
