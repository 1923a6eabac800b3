//! Shows open questions.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::admin::compared_review::kind_in_words;
use crate::admin::decisions::CustomerView;
use crate::admin::reviews::Review;
use crate::brand::Brand;
use crate::cli::decision::shown::{print_views, view_as_json};
use crate::cli::output::{plain, print_line, span};
use crate::cli::wrapped::print_wrapped;
use crate::counted::counted;
use crate::storage::component_rows::ReviewRow;
use crate::storage::lookup_reviews::LookupSummary;

/// Prints open questions, each with its id.
pub(super) fn print_reviews(reviews: &[(String, Review)], now: Timestamp) {
    for (slug, review) in reviews {
        let open = &review.open;
        let age = span(now.duration_since(open.found_at));
        let customers = concerned(review);
        let later = open.postponed_until.filter(|until| *until > now);
        let later = later
            .map(|until| format!(", put away until {}", until.strftime("%F")))
            .unwrap_or_default();
        print_line(&format!("{}  {slug}  {customers}, open for {age}{later}", review.id));
        print_wrapped(&plain(&format!("    {}", evidence(review))), 6);
        if let Some(met) = met(review, |at| format!("{} ago", span(now.duration_since(at)))) {
            print_wrapped(&format!("    {met}"), 6);
        }
    }
}

/// Says that a list leaves out questions.
pub(super) fn not_shown(left_out: usize) -> String {
    let more = counted(left_out, "more open question", "more open questions");
    format!("{more}; --limit N shows more of them.")
}

/// How many customers a question is about.
fn concerned(review: &Review) -> String {
    if review.is_too_large() {
        return format!("more than {} customers", ReviewRow::MOST_CUSTOMERS);
    }
    counted(review.open.review.customers.len(), "customer", "customers")
}

/// How often lookups met a question, when last, and with which ticket. `None` if none did.
fn met(review: &Review, at: impl Fn(Timestamp) -> String) -> Option<String> {
    let LookupSummary { count, is_more, last_at, last_ticket } = &review.lookups;
    let more = if *is_more { "more than " } else { "" };
    let (met, lookups) = if review.is_from_agents() {
        ("reported", counted(*count, "time", "times"))
    } else {
        ("met by", counted(*count, "lookup", "lookups"))
    };
    let ticket = last_ticket.as_ref().map(|ticket| format!(", last ticket {ticket}"));
    let last = at((*last_at)?);
    Some(format!("{met} {more}{lookups}, the last {last}{}", ticket.unwrap_or_default()))
}

/// Prints an open question, its customers, and the answers.
pub(super) fn print_review(brand: &Brand, review: &Review, customers: &[CustomerView]) {
    print_wrapped(&plain(&evidence(review)), 2);
    if let Some(met) = met(review, |at| at.strftime("%F %T UTC").to_string()) {
        print_wrapped(&met, 2);
    }
    if review.is_too_large() {
        print_wrapped(&format!("It is about {}. Some of them:", concerned(review)), 2);
    }
    print_line("");
    print_views(customers);
    print_line("\nTo answer it:");
    let id = &review.id;
    let (same, different) = if review.is_from_agents() {
        ("it is one person", None)
    } else if review.is_about_a_form() {
        ("the address belongs to this customer", Some("the address belongs to somebody else"))
    } else {
        ("they are one person", Some("they are different people"))
    };
    if !review.is_too_large() {
        print_line(&format!("  hookpoint review decide {id} same       {same}"));
        let different = different
            .map(|different| format!("  hookpoint review decide {id} different  {different}"));
        let separate = || {
            "  hookpoint customer separate RECORD ...   it is not: name the records of the other person".to_owned()
        };
        print_line(&different.unwrap_or_else(separate));
    }
    if review.may_be_shared(brand) {
        print_line(&format!("  hookpoint review decide {id} shared     several people have it"));
    }
    print_line(&format!("  hookpoint review later {id}"));
}

/// What the customers have in common, and why they are kept apart.
fn evidence(review: &Review) -> String {
    let question = &review.open.review;
    if review.is_about_a_form() {
        return format!(
            "only a form contains the {} {}",
            kind_in_words(&question.kind),
            question.value
        );
    }
    let (kind, value, conflict) =
        (kind_in_words(&question.kind), &question.value, &question.conflict);
    if review.is_from_agents() {
        return format!("{conflict}: {value}");
    }
    if review.is_from_lookups() {
        return format!("lookups of the {kind} {value} find {}", concerned(review));
    }
    format!("same {kind}: {value}; kept apart, because: {conflict}")
}

/// An open question, for scripts.
pub(super) fn review_as_json(slug: &str, review: &Review) -> Value {
    let open = &review.open;
    json!({
        "brand": slug,
        "id": review.id,
        "level": open.review.level,
        "type": open.review.kind,
        "value": open.review.value,
        "reason": open.review.conflict,
        "customers": open.review.customers,
        "found_at": open.found_at,
        "postponed_until": open.postponed_until,
        "lookups": review.lookups.count,
        "more_lookups": review.lookups.is_more,
        "last_lookup_at": review.lookups.last_at,
        "last_ticket": review.lookups.last_ticket,
    })
}

/// An open question with its customers, for scripts.
pub(super) fn review_with_customers(
    slug: &str,
    review: &Review,
    customers: &[CustomerView],
) -> Value {
    let mut shown = review_as_json(slug, review);
    if let Some(shown) = shown.as_object_mut() {
        let customers: Vec<Value> = customers.iter().map(view_as_json).collect();
        shown.insert("customers".to_owned(), json!(customers));
    }
    shown
}
