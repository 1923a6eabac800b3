//! Custom fields about the answer itself: by what the customer's records are joined, and how recent its data is.

use jiff::Timestamp;

use super::CustomField;
use super::filters::{DATETIME, Locale};
use super::presentation_rules::PresentationRules;
use super::profile::Profile;
use crate::customer::model::event::Event;

/// The fields that the settings name.
pub(super) fn fields(
    rules: &PresentationRules,
    profile: &Profile,
    events: &[Event],
) -> Vec<CustomField> {
    let of = |name: &String, value: &dyn Fn() -> String| {
        (!name.is_empty()).then(|| CustomField { name: name.clone(), value: value() })
    };
    let matched_by = || matched_by(&profile.matched_by, rules.locale);
    let data_as_of = || {
        let at = data_as_of(profile, events).to_zoned(rules.time_zone.clone());
        at.strftime(DATETIME).to_string()
    };
    [of(&rules.matched_by_field, &matched_by), of(&rules.data_as_of_field, &data_as_of)]
        .into_iter()
        .flatten()
        .collect()
}

/// The evidence in words: the kinds of [`Profile::matched_by`]. Records that nothing joins are one record, with those that
/// its source merged into it.
#[must_use]
pub fn matched_by(kinds: &str, locale: Locale) -> String {
    if kinds.is_empty() {
        return match locale {
            Locale::English => "one record".to_owned(),
            Locale::Dutch => "één record".to_owned(),
        };
    }
    kinds.split(' ').map(|kind| in_words(kind, locale)).collect::<Vec<_>>().join(", ")
}

/// The words for a kind of evidence, as [`Evidence`](crate::customer::identity::evidence::Evidence) names it.
fn in_words(kind: &str, locale: Locale) -> &str {
    let (english, dutch) = match kind {
        "decision" => ("decided by a person", "besluit van een medewerker"),
        "merge" => ("merged by the source", "samengevoegd door de bron"),
        "reference" => ("reference", "verwijzing"),
        "email" => ("e-mail address", "e-mailadres"),
        "telephone" => ("phone number", "telefoonnummer"),
        "facebook" => ("Facebook account", "Facebook-account"),
        "twitter" => ("Twitter account", "Twitter-account"),
        other => (other, other),
    };
    match locale {
        Locale::English => english,
        Locale::Dutch => dutch,
    }
}

/// When a source last reported something about a record, or about an event that the answer shows.
fn data_as_of(profile: &Profile, events: &[Event]) -> Timestamp {
    let events = events.iter().map(|event| event.versions.reported_at());
    events.fold(profile.reported_at, Timestamp::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::identity::evidence::Evidence;
    use crate::customer::model::identifier::{Identifier, IdentifierKind};
    use crate::customer::model::record::RecordKey;
    use crate::customer::model::source::SourceKind;

    #[test]
    fn every_kind_of_evidence_has_words_in_every_language() {
        let key = RecordKey::new(SourceKind::OmneoProfile, "7").unwrap();
        let kinds = [
            IdentifierKind::Email,
            IdentifierKind::Phone,
            IdentifierKind::Facebook,
            IdentifierKind::Twitter,
        ];
        let addresses =
            kinds.map(|kind| Evidence::Address(Identifier { kind, value: "x".to_owned() }));
        let others = [Evidence::Decision, Evidence::SourceMerge, Evidence::Reference]
            .map(|of| of(key.clone()));
        for evidence in addresses.iter().chain(&others) {
            let (kind, _) = evidence.in_words();
            let words = [Locale::English, Locale::Dutch].map(|locale| in_words(kind, locale));
            assert!(words[0] != words[1] && (words[0] != kind || kind == "reference"), "{words:?}");
        }
        assert_eq!(
            matched_by("decision email", Locale::English),
            "decided by a person, e-mail address"
        );
        assert_eq!(matched_by("", Locale::Dutch), "één record");
    }
}
