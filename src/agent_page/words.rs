//! The words of the page: one file for each language.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;

use crate::customer::answer::filters::Locale;

/// The words of a language, by their names.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Words(BTreeMap<String, String>);

impl Words {
    fn parse(text: &str) -> Self {
        Self(toml::from_str(text).unwrap_or_default())
    }

    /// A word or a sentence. Tests make sure that all of them exist.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }
}

static ENGLISH: LazyLock<Words> = LazyLock::new(|| Words::parse(include_str!("words/en.toml")));
static DUTCH: LazyLock<Words> = LazyLock::new(|| Words::parse(include_str!("words/nl.toml")));

/// The words of a language.
pub(super) fn words(locale: Locale) -> &'static Words {
    match locale {
        Locale::English => &ENGLISH,
        Locale::Dutch => &DUTCH,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn both_languages_have_the_same_words_and_none_is_empty() {
        let names = |words: &'static Words| words.0.keys().collect::<BTreeSet<_>>();
        assert_eq!(names(&ENGLISH), names(&DUTCH));
        assert!(ENGLISH.0.len() > 30, "{}", ENGLISH.0.len());
        for words in [&*ENGLISH, &*DUTCH] {
            assert!(words.0.values().all(|word| !word.trim().is_empty()));
        }
    }

    #[test]
    fn a_sentence_has_the_same_placeholders_in_both_languages() {
        for (name, english) in &ENGLISH.0 {
            for placeholder in ["{number}", "{seconds}", "{reasons}"] {
                let dutch = DUTCH.get(name);
                assert_eq!(english.contains(placeholder), dutch.contains(placeholder), "{name}");
            }
        }
    }
}
