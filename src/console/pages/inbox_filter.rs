//! The filters of the inbox, in its URL.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use url::form_urlencoded::Serializer;

use crate::customer::model::source::Source;
use crate::http::form::Form;
use crate::storage::deliveries::DeliveryFilter;
use crate::storage::inbox_pages::{DeliveryState, PageFilter};

/// The choices of the age: value, label, hours.
const AGES: [(&str, &str, i64); 4] = [
    ("hour", "the last hour", 1),
    ("day", "the last day", 24),
    ("week", "the last 7 days", 7 * 24),
    ("month", "the last 30 days", 30 * 24),
];

/// The states that deliveries are in.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
pub(super) enum StateFilter {
    /// Those that failed or wait: they may need a person.
    #[default]
    Open,
    /// Those in one state.
    One(DeliveryState),
    All,
}

/// The name of all states in the URL.
const ALL_STATES: &str = "all";

impl StateFilter {
    fn read(name: &str) -> Self {
        if name == ALL_STATES {
            return Self::All;
        }
        name.parse().map(Self::One).unwrap_or_default()
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::One(state) => state.as_str(),
            Self::All => ALL_STATES,
        }
    }

    /// The states. Empty: all.
    fn states(self) -> Vec<DeliveryState> {
        match self {
            Self::Open => vec![DeliveryState::Dead, DeliveryState::Pending],
            Self::One(state) => vec![state],
            Self::All => Vec::new(),
        }
    }
}

/// The filters as a person set them. What is not valid is not set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filters {
    pub(super) source: Option<Source>,
    pub(super) state: StateFilter,
    pub(super) event: String,
    pub(super) reason: String,
    age: String,
}

/// A choice of a filter.
#[derive(Serialize)]
pub(super) struct Choice {
    value: &'static str,
    label: &'static str,
    is_chosen: bool,
}

impl Filters {
    /// The filters in a query.
    pub(super) fn read(query: &Form) -> Self {
        let age = AGES.iter().find(|(value, ..)| *value == query.value("age"));
        Self {
            source: query.value("source").parse().ok(),
            state: StateFilter::read(query.value("state")),
            event: query.value("event").to_owned(),
            reason: query.value("reason").to_owned(),
            age: age.map(|(value, ..)| (*value).to_owned()).unwrap_or_default(),
        }
    }

    /// The dead letters of a source with a reason.
    pub(super) fn of_group(source: &str, reason: &str) -> Self {
        Self {
            source: source.parse().ok(),
            state: StateFilter::One(DeliveryState::Dead),
            reason: reason.to_owned(),
            ..Self::default()
        }
    }

    /// Whether something is left out.
    pub(super) fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// The filter of the statement.
    pub(super) fn page_filter(&self, now: Timestamp) -> PageFilter {
        let age = AGES.iter().find(|(value, ..)| *value == self.age);
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        PageFilter {
            source: self.source,
            states: self.state.states(),
            event: text(&self.event),
            reason: text(&self.reason),
            since: age
                .and_then(|(.., hours)| now.checked_sub(SignedDuration::from_hours(*hours)).ok()),
        }
    }

    /// The same filter, for a job.
    pub(super) fn delivery_filter(&self, now: Timestamp) -> DeliveryFilter {
        let PageFilter { source, states, event, reason, since } = self.page_filter(now);
        DeliveryFilter {
            source,
            states: (!states.is_empty())
                .then(|| states.iter().map(|state| state.as_str().to_owned()).collect()),
            event,
            reason,
            since,
            ..DeliveryFilter::default()
        }
    }

    /// The query of the URL, with the question mark. Empty if no filter is set.
    pub(super) fn query(&self, before: Option<&str>) -> String {
        let fields = [
            ("source", self.source.map_or("", Source::as_str)),
            ("state", self.state.as_str()),
            ("event", &self.event),
            ("age", &self.age),
            ("reason", &self.reason),
            ("before", before.unwrap_or_default()),
        ];
        let mut query = Serializer::new(String::new());
        query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
        match query.finish() {
            query if query.is_empty() => query,
            query => format!("?{query}"),
        }
    }

    pub(super) fn sources(&self) -> Vec<Choice> {
        let choice = |source: Source| Choice {
            value: source.as_str(),
            label: source.as_str(),
            is_chosen: self.source == Some(source),
        };
        Source::ALL.map(choice).into()
    }

    pub(super) fn states(&self) -> Vec<Choice> {
        let choice = |state: StateFilter| Choice {
            value: state.as_str(),
            label: match state {
                StateFilter::Open => "failed or waiting",
                StateFilter::One(state) => state.in_words(),
                StateFilter::All => "all",
            },
            is_chosen: self.state == state,
        };
        let one = DeliveryState::ALL.into_iter().map(StateFilter::One);
        let all = [StateFilter::Open].into_iter().chain(one).chain([StateFilter::All]);
        all.map(choice).collect()
    }

    pub(super) fn ages(&self) -> Vec<Choice> {
        let choice = |(value, label, _)| Choice { value, label, is_chosen: self.age == value };
        AGES.map(choice).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_survive_the_url() {
        let read = |query: &str| Filters::read(&Form::parse(query.as_bytes()));
        let filters = Filters {
            source: Some(Source::ALL[0]),
            state: StateFilter::One(DeliveryState::Dead),
            event: "a&b".to_owned(),
            reason: "50 % of … \"x\"".to_owned(),
            age: "week".to_owned(),
        };
        let query = filters.query(Some("page"));
        assert_eq!(read(query.trim_start_matches('?')), filters);
        assert_eq!(read("source=nobody&state=gone&age=ever"), Filters::default());
        assert_eq!(Filters::default().query(None), "");
        let all = Filters { state: StateFilter::All, ..Filters::default() };
        assert_eq!((all.query(None).as_str(), read("state=all")), ("?state=all", all));
    }
}
