//! Shows what new rules would change.

use serde_json::{Value, json};

use crate::admin::decisions::CustomerView;
use crate::admin::rules_preview::{ComparedCounts, Regrouped, RulesPreview};
use crate::brand::Brand;
use crate::cli::decision::shown::{print_view, view_as_json};
use crate::cli::output::print_line;
use crate::cli::wrapped::print_wrapped;
use crate::counted::counted;

/// A preview, for scripts.
pub(in crate::cli) fn preview_as_json(brand: &Brand, preview: &RulesPreview) -> Value {
    let RulesPreview { counts, joins, partings, state, .. } = preview;
    json!({
        "brand": brand.rules.slug,
        "customers_before": counts.customers_before,
        "customers_after": counts.customers_after,
        "joined": counts.joined,
        "joined_into": counts.joined_into,
        "parted": counts.parted,
        "parted_into": counts.parted_into,
        "different": counts.different,
        "appeared": counts.appeared,
        "disappeared": counts.disappeared,
        "joins": joins.iter().map(as_json).collect::<Vec<_>>(),
        "partings": partings.iter().map(as_json).collect::<Vec<_>>(),
        "state": state.to_string(),
    })
}

fn as_json(Regrouped { before, after }: &Regrouped) -> Value {
    let all = |views: &[CustomerView]| views.iter().map(view_as_json).collect::<Vec<_>>();
    json!({ "before": all(before), "after": all(after) })
}

/// Prints a preview, and how to apply it.
pub(in crate::cli) fn print_preview(brand: &Brand, preview: &RulesPreview) {
    let RulesPreview { counts, joins, partings, state, .. } = preview;
    print_counts(&brand.rules.slug, counts);
    print_samples("join", joins, counts.joined_into);
    print_samples("part", partings, counts.parted);
    print_line("\nNothing was changed. To apply just this, put the settings in place, then:");
    print_line(&format!("  hookpoint rebuild --brand {} --state {state}", brand.rules.slug));
}

fn customers(count: i64) -> String {
    counted(count, "customer", "customers")
}

fn print_counts(slug: &str, counts: &ComparedCounts) {
    let print = |text: &str| print_wrapped(text, 4);
    print(&format!(
        "{slug}: {} now, {} with the new rules",
        customers(counts.customers_before),
        counts.customers_after
    ));
    print(&format!("  joining: {}, into {}", customers(counts.joined), counts.joined_into));
    print(&format!("  parting: {}, into {}", customers(counts.parted), counts.parted_into));
    print(&format!("  only looking different: {}", customers(counts.different)));
    if counts.appeared > 0 {
        print(&format!("  new, of records without a customer: {}", customers(counts.appeared)));
    }
    if counts.disappeared > 0 {
        print(&format!("  without a record, so removed: {}", customers(counts.disappeared)));
    }
}

fn print_samples(what: &str, samples: &[Regrouped], of: i64) {
    for (Regrouped { before, after }, n) in samples.iter().zip(1_u32..) {
        print_line(&format!("\nCustomers that {what}, {n} of {of}. Now:"));
        before.iter().for_each(print_view);
        print_line("With the new rules:");
        after.iter().for_each(print_view);
    }
}
