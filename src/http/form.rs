//! The fields of a form or a query.

/// The most bytes of a form.
pub const MAX_FORM_BYTES: usize = 256 * 1024;

/// The fields of a form or a query. It is personal data, so it does not implement `Debug`.
#[derive(Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        // No text in Postgres has the character NUL.
        let plain = |text: std::borrow::Cow<'_, str>| text.replace('\0', "");
        let fields = url::form_urlencoded::parse(bytes);
        Self(fields.map(|(name, value)| (plain(name), plain(value))).collect())
    }

    /// A form with these fields.
    #[must_use]
    pub const fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// As it is sent.
    #[must_use]
    pub fn to_text(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The first value of a field, without spaces around it. Empty if there is none.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// A value as it was typed, such as a password. Empty if there is none.
    #[must_use]
    pub fn typed(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// All values of a field.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.0.iter().filter(|(key, _)| key == name);
        fields.map(|(_, value)| value.trim()).collect()
    }
}
