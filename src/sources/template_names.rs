//! The names under which templates see the values of a source.

/// The names of a source's values. Each is declared here once, and documented in the example settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateNames {
    /// Attributes of people: `tier` is `{{ omneo.tier }}`, and stored as `attribute.tier`.
    pub attributes: &'static [&'static str],
    /// The prefix of attributes that the brand itself names at the source; `None` if there are none.
    pub own_attributes: Option<&'static str>,
    /// Types of events: the names of their messages.
    pub event_types: &'static [&'static str],
    /// Ids of other objects by which a lookup can find a person. One that ends with a dot is followed by a handle.
    pub references: &'static [&'static str],
    /// Values of events: `total` is `{{ event.total }}`, and stored as `data.total`.
    pub event_values: &'static [&'static str],
}

impl TemplateNames {
    /// Whether a stored field has one of the names; also true for fields that templates do not see.
    #[must_use]
    pub fn have(&self, field: &str) -> bool {
        if let Some(name) = field.strip_prefix("attribute.") {
            let is_own = self.own_attributes.is_some_and(|prefix| name.starts_with(prefix));
            return is_own || self.attributes.contains(&name);
        }
        field.strip_prefix("data.").is_none_or(|name| self.event_values.contains(&name))
    }
}
