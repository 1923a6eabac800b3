//! Identity resolution: one pure function from the facts of some records to customers. The result never depends on a
//! guess, a tie-break or the order of arrival.
//!
//! Each rule is in one file:
//!
//! | rule | file |
//! |---|---|
//! | component, and its cap | `component.rs` |
//! | levels: what happens on each | `levels.rs`; their order: [`Level`] in `evidence.rs` |
//! | decisions of people | `decisions.rs` |
//! | source merges | `source_merges.rs` |
//! | references | `references.rs` |
//! | unique kinds | `unique_kinds.rs` |
//! | self-asserted kinds | `self_asserted_records.rs` |
//! | shared values | `shared_values.rs` |
//! | blocked values | `blocked_values.rs` |
//! | phone numbers with a new owner | `moved_numbers.rs` |
//! | names agree | `name_agreement.rs`; which names of a cluster count: `counted_names.rs` |
//! | mailboxes that contain a name | `names_in_mailboxes.rs` |
//! | forbidden pairs | `forbidden_pairs.rs`; on the e-mail level `email_level.rs`, on the phone level `phone_level.rs` |
//! | which holders of a value may still be joined | `agreeing_groups.rs` |
//! | what goes to review | `findings.rs` |
//!
//! Joined records are reported as a [`Link`](super::findings::Link), unused evidence as a
//! [`ReviewCandidate`](super::findings::ReviewCandidate).

use super::component::for_each_component;
use super::evidence::Level;
use super::findings::Findings;
pub use super::findings::Resolution;
use super::levels::resolve_component;
use super::people::People;
pub use super::record_facts::{Decision, Member, RecordFacts};
use super::self_asserted_records;

/// Resolves whole components.
#[must_use]
pub fn resolve(facts: &RecordFacts<'_>) -> Resolution {
    let people = People::new(facts);
    let (unconfirmed, trusted): (Vec<usize>, Vec<usize>) = (0..facts.members.len())
        .partition(|n| people.person(*n).is_some_and(|person| person.is_unconfirmed));
    let mut findings = Findings::default();
    resolve_all(&people, &trusted, &mut findings);
    if !unconfirmed.is_empty() {
        let left = self_asserted_records::place(&people, &unconfirmed, &trusted, &mut findings);
        resolve_all(&people, &left, &mut findings);
    }
    findings.unconfirmed.extend(unconfirmed);
    findings.into_resolution()
}

/// Resolves some members as if no others existed.
fn resolve_all<'a>(people: &People<'a>, among: &[usize], findings: &mut Findings<'a>) {
    let oversized = for_each_component(people, among, |component, last: Level| {
        resolve_component(people, component, last, findings);
    });
    findings.oversized = findings.oversized.saturating_add(oversized);
}
