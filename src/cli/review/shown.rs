//! Shows open questions.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::admin::compared_review::kind_in_words;
use crate::admin::decisions::CustomerView;
use crate::admin::reviews::Review;
use crate::cli::decision::shown::{print_views, view_as_json};
use crate::cli::output::{plain, print_line, span};
use crate::cli::wrapped::print_wrapped;
use crate::counted::counted;

/// Prints open questions, each with its id.
pub(super) fn print_reviews(reviews: &[(String, Review)], now: Timestamp) {
    if reviews.is_empty() {
        print_line("There are no open questions.");
    }
    for (slug, review) in reviews {
        let open = &review.open;
        let age = span(now.duration_since(open.found_at));
        let customers = counted(open.review.customers.len(), "customer", "customers");
        let later = open.postponed_until.filter(|until| *until > now);
        let later = later
            .map(|until| format!(", put away until {}", until.strftime("%F")))
            .unwrap_or_default();
        print_line(&format!("{}  {slug}  {customers}, open for {age}{later}", review.id));
        print_wrapped(&plain(&format!("    {}", evidence(review))), 6);
    }
}

/// Prints an open question, its customers, and the answers.
pub(super) fn print_review(review: &Review, customers: &[CustomerView]) {
    print_wrapped(&plain(&evidence(review)), 2);
    print_line("");
    print_views(customers);
    print_line("\nTo answer it:");
    let id = &review.id;
    let (same, different) = if review.is_about_a_form() {
        ("the address belongs to this customer", "the address belongs to somebody else")
    } else {
        ("they are one person", "they are different people")
    };
    print_line(&format!("  hookpoint review decide {id} same       {same}"));
    print_line(&format!("  hookpoint review decide {id} different  {different}"));
    if review.address().is_some() {
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
