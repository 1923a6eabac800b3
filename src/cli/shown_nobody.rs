//! Prints why a lookup in the stored data finds nobody.

use jiff::SignedDuration;

use super::output::{print_line, print_plain, span};
use crate::admin::explain_nobody::{AskedSource, Nobody};
use crate::storage::live_queries::LastQuery;

/// Prints the explanation. A part without content is left out.
pub(super) fn print_nobody(nobody: &Nobody) {
    print_plain(&format!("\n  Read as: {}", nobody.read_as));
    if nobody.is_erased {
        print_line("\n  A person with it was erased. The data of that person is not stored again.");
    }
    if !nobody.holders.is_empty() {
        print_line(
            "\n  These records have it, but it does not find them. To see the reason, look up",
        );
        print_line("  one of them with --id and --why:");
        nobody.holders.iter().for_each(|key| print_plain(&format!("    {key}")));
    }
    print_line("\n  This command does not ask the sources. A lookup of Omnidesk does:");
    for (source, asked) in &nobody.sources {
        print_line(&format!("    {:<9} {}", source.as_str(), in_words(asked)));
    }
}

fn in_words(asked: &AskedSource) -> String {
    match asked {
        AskedSource::NotConnected => {
            "is never asked: its API or its secret is not in the settings".to_owned()
        }
        AskedSource::Off => "is never asked: live.when is \"off\"".to_owned(),
        AskedSource::CannotFind => "is never asked: it cannot find people in this way".to_owned(),
        AskedSource::NeverAsked => "was not asked yet".to_owned(),
        AskedSource::Asked(LastQuery { age_seconds, is_known, .. }) => {
            let ago = SignedDuration::try_from_secs_f64(age_seconds.max(0.0)).unwrap_or_default();
            let found = if *is_known { "knew somebody" } else { "knew nobody" };
            format!("was asked {} ago, and {found}", span(ago))
        }
    }
}
