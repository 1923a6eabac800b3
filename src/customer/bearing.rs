//! Mailboxes that have somebody's name in their own (`jan.smit@`).

use super::folded_name::{FoldedName, Reading};
use super::folding::{fold_words, one_edit_apart};
use super::name_forms::{are_forms_of_one, is_given_name, latin};

impl FoldedName {
    /// Whether a mailbox has both the first and the family name in its own, as they are.
    #[must_use]
    pub fn is_written_in(&self, email: &str) -> bool {
        let words = words_of_mailbox(email);
        let is_written = |reading: &Reading| {
            let (given, family) = (latin(&reading.given), [latin(&reading.last.concat()), latin(&reading.family)]);
            let has = |word: &str| words.split(' ').any(|known| known == word);
            let is_known = given.chars().count() >= 3 && family.iter().all(|family| family.chars().count() >= 3);
            let both = |family: &String| (has(&given) && has(family)) || has(&format!("{given}{family}")) || has(&format!("{family}{given}"));
            is_known && family.iter().any(both)
        };
        self.couple.is_empty() && self.readings.iter().any(is_written)
    }

    /// Whether a mailbox has the first name or initials in its own: of a couple both.
    #[must_use]
    pub fn is_borne_by(&self, email: &str) -> bool {
        let folded = words_of_mailbox(email);
        let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
        if self.couple.is_empty() {
            return self.readings.iter().any(|reading| words.iter().any(|word| reading.is_borne_by(word)));
        }
        self.couple.iter().all(|name| folded.contains(latin(name).as_str()))
    }
}

impl Reading {
    fn is_borne_by(&self, word: &str) -> bool {
        let given = latin(&self.given);
        if given.is_empty() {
            return false;
        }
        let initials = latin(&self.initials);
        let family = latin(&self.last.concat());
        let initial = given.chars().next().unwrap_or_default();
        // `jsmit`, `jvandenberg`, `smitj`: what is left beside the family name is or begins with the initial.
        let is_beside_family = family.chars().count() >= 3
            && (word.strip_suffix(family.as_str()).is_some_and(|rest| rest.starts_with(initial))
                || word.strip_prefix(family.as_str()).is_some_and(|rest| !rest.is_empty() && initials.starts_with(rest)));
        let is_beginning = given.chars().count() >= 3 && word.starts_with(given.as_str());
        let is_form = word == given || are_forms_of_one(word, &self.given) || one_edit_apart(word, &given);
        let is_meant = given.chars().nth(1).is_none() && word.starts_with(initial) && is_given_name(word);
        is_beginning || is_form || is_meant || word == initials || word.chars().eq([initial]) || is_beside_family
    }
}

/// The words of an address's local part, in Latin letters: what is no letter stands between them.
fn words_of_mailbox(email: &str) -> String {
    let local = email.rsplit_once('@').map_or(email, |(local, _)| local);
    let local = local.split_once('+').map_or(local, |(mailbox, _)| mailbox);
    let folded = latin(&fold_words(local).join(" "));
    folded.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::name::PersonName;
    use super::*;

    fn name(first: &str, last: &str) -> FoldedName {
        PersonName::new(Some(first), Some(last)).folded()
    }

    #[test]
    fn a_mailbox_bears_the_name_of_whom_it_is() {
        for local in ["jan.smit", "j.smit", "jsmit", "smitj", "jan", "jan82", "smit.j", "johannes.smit", "jansmit", "j.p.smit"] {
            assert!(name("Jan", "Smit").is_borne_by(&format!("{local}@example.org")), "{local}");
        }
        for local in ["smit", "smit82", "familie.smit", "marie.smit", "msmit", "de.smits", "info"] {
            assert!(!name("Jan", "Smit").is_borne_by(&format!("{local}@example.org")), "{local}");
        }
        let both = name("Jan en Marie", "Smit");
        assert!(both.is_borne_by("janenmarie@example.org") && !both.is_borne_by("jan.smit@example.org"));
        assert!(name("Åse", "Hansen").is_borne_by("aase@example.org") && name("Joost", "van den Berg").is_borne_by("jvandenberg@example.org"));
    }

    #[test]
    fn a_mailbox_may_have_the_whole_name_in_its_own() {
        for local in ["jan.smit", "smit.jan", "jansmit", "smitjan", "jan_smit82"] {
            assert!(name("Jan", "Smit").is_written_in(&format!("{local}@example.org")), "{local}");
        }
        for local in ["jan", "j.smit", "jsmit", "janneke.smit", "jannekesmit", "smit"] {
            assert!(!name("Jan", "Smit").is_written_in(&format!("{local}@example.org")), "{local}");
        }
        assert!(name("Joost", "van den Berg").is_written_in("joost.vandenberg@example.org"));
    }
}
