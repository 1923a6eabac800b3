//! Suggests the name that a person probably meant, for messages about unknown names.

use std::collections::BTreeSet;

/// How similar two names must be, from 0 to 1. Below it, a suggestion is more often wrong than right.
const MIN_SIMILARITY: f64 = 0.82;

/// The similarity of two names of which one has all words of the other, as `url` and `base_url`.
const SIMILARITY_OF_PART: f64 = 0.9;

/// The candidate that is most similar to a name, if one is similar enough.
pub fn near_name<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = plain(name);
    candidates
        .into_iter()
        .filter(|candidate| !candidate.is_empty())
        .map(|candidate| (similarity(&name, &plain(candidate)), candidate))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}

/// The end of a message about an unknown name: the near name, else the possible ones (which may be empty).
#[must_use]
pub fn did_you_mean(near: Option<&str>, possible: &str) -> String {
    match near {
        Some(near) => format!(". Did you mean `{near}`?"),
        None if possible.is_empty() => String::new(),
        None => format!("; {possible}"),
    }
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace(['-', ' '], "_")
}

fn similarity(one: &str, other: &str) -> f64 {
    let words = |name: &str| -> BTreeSet<String> {
        name.split(['_', '.', '/']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let (words_of_one, words_of_other) = (words(one), words(other));
    let is_part = !words_of_one.is_empty()
        && (words_of_one.is_subset(&words_of_other) || words_of_other.is_subset(&words_of_one));
    let similarity = strsim::jaro_winkler(one, other);
    if is_part { similarity.max(SIMILARITY_OF_PART) } else { similarity }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_or_partial_name_is_recognised() {
        for (name, candidates, near) in [
            ("listen_address", &["metrics_listen", "listen", "public_url"][..], Some("listen")),
            ("sever", &["telemetry", "server"], Some("server")),
            ("teir", &["title", "tier_name", "tier"], Some("tier")),
            ("url", &["listen", "public_url"], Some("public_url")),
            ("timezone", &["locale", "time_zone"], Some("time_zone")),
            ("SIGNATURE", &["", "secret", "signature"], Some("signature")),
            ("hmac", &["", "secret", "signature"], None),
            ("port", &["listen", "workers"], None),
            ("Amsterdam", &["Europe/London", "Europe/Amsterdam"], Some("Europe/Amsterdam")),
            ("", &["listen"], None),
        ] {
            assert_eq!(near_name(name, candidates.iter().copied()), near, "{name}");
        }
    }
}
