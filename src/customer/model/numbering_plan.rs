//! Numbering plans: which numbers a country has, and how they are dialled.

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};

/// The plans for the country code that the digits begin with (no code is a prefix of another: ITU-T E.164), and the
/// rest of the digits.
pub(super) fn plans_of(digits: &str) -> Option<(Vec<&'static Metadata>, &str)> {
    (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        let plans = DATABASE.by_code(&code.parse::<u16>().ok()?)?;
        Some((plans, national))
    })
}

/// The digits without the prefix for calls inside the country, from the plan's expression or its trunk prefix.
pub(super) fn without_dialling_prefix<'a>(plan: &Metadata, digits: &'a str) -> Option<&'a str> {
    match plan.national_prefix_for_parsing() {
        Some(prefix) => prefix
            .find(digits)
            .filter(|found| found.start() == 0 && found.end() > 0)
            .and_then(|found| digits.get(found.end()..)),
        None => plan.national_prefix().and_then(|trunk| digits.strip_prefix(trunk)),
    }
}

/// Whether a domestic dialling prefix stands at the start of the number: with it the number is not assigned, and
/// without it the number could be.
pub(super) fn keeps_a_dialling_prefix(plans: &[&Metadata], national: &str) -> bool {
    let could_be_less = |plan: &&Metadata| {
        without_dialling_prefix(plan, national)
            .is_some_and(|rest| plan.descriptors().general().is_match(rest))
    };
    plans.iter().any(could_be_less) && !plans.iter().any(|plan| is_line(plan, national))
}

/// Whether a plan has numbers of this length. The library keeps lengths per type of line only.
pub(super) fn has_length(plan: &Metadata, length: usize) -> bool {
    lines_of(plan)
        .flat_map(Descriptor::possible_length)
        .any(|possible| usize::from(*possible) == length)
}

/// Whether the plans have such numbers for mobile phones, and not for fixed lines.
pub(super) fn is_mobile_only(plans: &[&Metadata], national: &str) -> bool {
    let has = |line: Option<&Descriptor>| line.is_some_and(|line| is_whole(line, national));
    let types = || plans.iter().map(|plan| plan.descriptors());
    types().any(|types| has(types.mobile())) && !types().any(|types| has(types.fixed_line()))
}

/// Whether a type of line in the plan has such numbers. The library's own check ignores the last digits.
pub(super) fn is_line(plan: &Metadata, national: &str) -> bool {
    lines_of(plan).any(|line| is_whole(line, national))
}

fn is_whole(line: &Descriptor, national: &str) -> bool {
    let all = |national: &str| {
        line.national_number()
            .find(national)
            .is_some_and(|found| found.start() == 0 && found.end() == national.len())
    };
    line.is_match(national) && all(national)
}

fn lines_of(plan: &Metadata) -> impl Iterator<Item = &Descriptor> {
    let types = plan.descriptors();
    let lines = [
        types.fixed_line(),
        types.mobile(),
        types.toll_free(),
        types.premium_rate(),
        types.shared_cost(),
        types.personal_number(),
        types.voip(),
        types.pager(),
        types.uan(),
        types.voicemail(),
    ];
    lines.into_iter().flatten()
}

/// Whether `00` at the start is exactly the plan's prefix for international calls.
pub(super) fn dials_abroad_with_00(plan: &Metadata, digits: &str) -> bool {
    plan.international_prefix()
        .and_then(|prefix| prefix.find(digits))
        .is_some_and(|found| found.start() == 0 && found.end() == 2)
}
