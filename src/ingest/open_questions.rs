//! Questions that only a person can answer: whether customers are the same person. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::resolve::Resolved;
use crate::customer::Conflict;
use crate::customer::answer::profile::Profile;
use crate::customer::identity::evidence::Level;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::identifier::Identifier;
use crate::storage::component_rows::ReviewRow;

/// What a question is about: the level of the evidence, and the kind and text of the value.
type Subject = (Level, &'static str, String);

/// Why the customers are kept apart, and their keys.
struct Question {
    conflict: Conflict,
    customers: BTreeSet<String>,
}

/// Questions by their subject.
#[derive(Default)]
struct Questions(BTreeMap<Subject, Question>);

/// One question for each value, about all customers with it.
pub(super) fn open_questions(resolved: &Resolved, aliases: &Aliases) -> BTreeSet<ReviewRow> {
    let mut questions = Questions::default();
    for candidate in &resolved.resolution.review_candidates {
        let (kind, value) = candidate.evidence.in_words();
        let customers = candidate.clusters.iter().filter_map(|n| resolved.profiles.get(*n));
        questions.ask((candidate.level, kind, value), candidate.conflict, customers);
    }
    for (profile, cluster) in resolved.profiles.iter().zip(&resolved.resolution.clusters) {
        let linking = linking_values(resolved, cluster, aliases);
        for address in profile.asserted.iter().filter(|address| linking.contains(address)) {
            let subject = (Level::of(address.kind), address.kind.as_str(), address.value.clone());
            questions.ask(subject, Conflict::SelfAsserted, [profile]);
        }
    }
    questions.0.into_iter().map(|(subject, question)| row(subject, question)).collect()
}

impl Questions {
    fn ask<'a>(
        &mut self,
        subject: Subject,
        conflict: Conflict,
        customers: impl IntoIterator<Item = &'a Profile>,
    ) {
        let question = self
            .0
            .entry(subject)
            .or_insert_with(|| Question { conflict, customers: BTreeSet::new() });
        question.conflict = question.conflict.min(conflict);
        question.customers.extend(customers.into_iter().map(|profile| profile.key.to_string()));
    }
}

/// The values that link a customer. For one that does not link, the other holders are not loaded.
fn linking_values<'a>(
    resolved: &'a Resolved,
    cluster: &[usize],
    aliases: &Aliases,
) -> BTreeSet<&'a Identifier> {
    cluster
        .iter()
        .filter_map(|n| resolved.members.get(*n))
        .filter(|member| !aliases.is_loser(&member.key))
        .flat_map(|member| &member.linking)
        .collect()
}

fn row((level, kind, value): Subject, Question { conflict, customers }: Question) -> ReviewRow {
    ReviewRow {
        level: level.as_str().to_owned(),
        kind: kind.to_owned(),
        value,
        conflict: conflict.as_str().to_owned(),
        customers: customers.into_iter().take(ReviewRow::MOST_STORED).collect(),
    }
}
