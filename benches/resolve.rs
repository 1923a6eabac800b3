//! Identity resolution: the pure function, on components of 2, 10 and 1,000 records (the default cap).

use std::collections::{BTreeMap, BTreeSet};

use divan::{Bencher, black_box};
use hookpoint::customer::identity::resolution::{Member, RecordFacts, resolve};
use hookpoint::customer::identity::rules::IdentityRules;
use hookpoint::customer::identity::source_merges::Aliases;
use hookpoint::customer::model::identifier::{Identifier, IdentifierKind};
use hookpoint::customer::model::name::PersonName;
use hookpoint::customer::model::record::RecordKey;
use hookpoint::customer::model::source::SourceKind;

const SIZES: [usize; 3] = [2, 10, 1_000];

fn main() {
    divan::main();
}

fn member(n: usize, first: &str, email: String, phone: String) -> Member {
    let identifiers: BTreeSet<Identifier> =
        [(IdentifierKind::Email, email), (IdentifierKind::Phone, phone)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(kind, value)| Identifier { kind, value })
            .collect();
    let name = PersonName::new(Some(first), Some("Bakker")).folded();
    let id = format!("{n:04}");
    let key = RecordKey { kind: SourceKind::OmnioTapContact, id };
    Member { key, name, linking: identifiers.clone(), identifiers, said_at: BTreeMap::new() }
}

/// One person; every record has the same e-mail address.
#[divan::bench(args = SIZES)]
fn one_person_by_email(bencher: Bencher<'_, '_>, size: usize) {
    let members: Vec<Member> = (0..size)
        .map(|n| member(n, "Thomas", "thomas@example.org".to_owned(), String::new()))
        .collect();
    bench(bencher, &members, 1);
}

/// One person; an e-mail address or a phone number connects each record with the next one.
#[divan::bench(args = SIZES)]
fn one_person_by_a_chain(bencher: Bencher<'_, '_>, size: usize) {
    let link = |n: usize| (format!("t{}@example.org", n / 2), format!("+316{:08}", n.div_ceil(2)));
    let members: Vec<Member> =
        (0..size).map(|n| member(n, "Thomas", link(n).0, link(n).1)).collect();
    bench(bencher, &members, 1);
}

/// Two people on one phone: half of the records have one name, half the other.
#[divan::bench(args = SIZES)]
fn two_on_one_phone(bencher: Bencher<'_, '_>, size: usize) {
    let name = |n: usize| if n.is_multiple_of(2) { "Thomas" } else { "Anna" };
    let members: Vec<Member> =
        (0..size).map(|n| member(n, name(n), String::new(), "+31612312311".to_owned())).collect();
    bench(bencher, &members, 2);
}

fn bench(bencher: Bencher<'_, '_>, members: &[Member], customers: usize) {
    let (aliases, rules) = (Aliases::default(), IdentityRules::default());
    let facts = RecordFacts { members, aliases: &aliases, decisions: &[], rules: &rules };
    assert_eq!(resolve(&facts).clusters.len(), customers, "the measured result is right");
    bencher.bench(|| resolve(black_box(&facts)));
}
