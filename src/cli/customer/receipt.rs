//! Prints the result of an erasure.

use crate::brand::Brand;
use crate::cli::output::{print_line, print_plain};
use crate::erasure::erase::Receipt;
use crate::storage::person::NamesakeRow;

/// Prints the records that have the same name and an address in common with the erased person, but were kept apart.
pub(super) fn print_namesakes(namesakes: &[NamesakeRow]) {
    if namesakes.is_empty() {
        return;
    }
    print_line(
        "\nNot erased: these records have the same name as the erased customer and share an address with it, but belong to other customers:",
    );
    for row in namesakes {
        let why = row.conflict.as_deref().unwrap_or("another customer");
        print_plain(&format!("  {}  has the same {} ({why})", row.record, row.kind));
    }
    print_line(
        "If one of them is the same person, erase it too: hookpoint customer erase --id KEY. KEY is the first word of its line.",
    );
}

/// Prints the receipt. It names no person, so it may be kept.
pub(super) fn print_receipt(brand: &Brand, receipt: &Receipt) {
    let counts = receipt.counts;
    print_line("\nErased.");
    print_line(&format!("  erasure         {}", receipt.erasure_id));
    print_line(&format!("  time            {}", receipt.erased_at.strftime("%F %T UTC")));
    print_line(&format!("  brand           {}", brand.rules.slug));
    print_line(&format!("  records         {}", counts.records));
    print_line(&format!("  events          {}", counts.events));
    print_line(&format!("  deliveries      {}", counts.deliveries));
    print_line(&format!("  suppressions    {}", receipt.entries));
}
