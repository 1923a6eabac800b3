//! Prints the result of an erasure.

use serde_json::{Value, json};

use crate::admin::customers::Erased;
use crate::brand::Brand;
use crate::cli::output::{JsonArguments, plain, print_json, print_line};
use crate::cli::wrapped::print_wrapped;
use crate::erasure::erase::Receipt;
use crate::storage::person::NamesakeRow;

/// Prints what was erased.
pub(super) fn print_erased(
    brand: &Brand,
    erased: &Erased,
    output: JsonArguments,
) -> anyhow::Result<()> {
    if output.json {
        return print_json(&as_json(brand, erased));
    }
    print_receipt(brand, &erased.receipt);
    print_namesakes(&erased.namesakes);
    Ok(())
}

fn as_json(brand: &Brand, Erased { receipt, namesakes }: &Erased) -> Value {
    let namesake = |row: &NamesakeRow| json!({ "record": row.record.to_string(), "kind": row.kind, "reason": row.conflict });
    json!({
        "brand": brand.rules.slug,
        "outcome": "erased",
        "erasure_id": receipt.erasure_id,
        "erased_at": receipt.erased_at,
        "records": receipt.counts.records,
        "events": receipt.counts.events,
        "deliveries": receipt.counts.deliveries,
        "suppressions": receipt.entries,
        "namesakes": namesakes.iter().map(namesake).collect::<Vec<_>>(),
    })
}

/// Prints that erasures were revoked.
pub(super) fn print_revoked(
    brand: &Brand,
    erasures: usize,
    output: JsonArguments,
) -> anyhow::Result<()> {
    if output.json {
        let slug = &brand.rules.slug;
        return print_json(&json!({ "brand": slug, "outcome": "revoked", "erasures": erasures }));
    }
    print_wrapped(
        "Erasure revoked. New data about this person is accepted again. The erased data does not come back by itself.",
        0,
    );
    Ok(())
}

/// Prints the records that have the same name and an address in common with the erased person, but were kept apart.
fn print_namesakes(namesakes: &[NamesakeRow]) {
    if namesakes.is_empty() {
        return;
    }
    print_wrapped(
        "\nNot erased: these records have the same name as the erased customer and share an address with it, but belong to other customers:",
        0,
    );
    for row in namesakes {
        let why = row.conflict.as_deref().unwrap_or("another customer");
        let line = format!("  {}  has the same {} ({why})", row.record, row.kind);
        print_wrapped(&plain(&line), 4);
    }
    print_line("If one of them is the same person, erase it too, by the first word of its line:");
    print_line("  hookpoint customer erase --id KEY");
}

/// Prints the receipt. It names no person, so it may be kept.
fn print_receipt(brand: &Brand, receipt: &Receipt) {
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
