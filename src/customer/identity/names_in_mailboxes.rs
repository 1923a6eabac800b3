//! Compares names with mailboxes that contain a name (`jan.smit@`).

use crate::customer::model::folded_name::{FoldedName, Reading};
use crate::customer::model::folding::{fold_words, one_edit_apart};
use crate::customer::model::name_forms::{are_forms_of_one, is_given_name, latin};
use crate::customer::model::particles::PARTICLES;

/// From this number of letters on, two mailboxes with the same letters are hardly a coincidence.
const ENOUGH_LETTERS: usize = 5;

impl FoldedName {
    /// Whether a mailbox consists of the first name only, or of the family name only. Other people with that name can
    /// have such a mailbox.
    #[must_use]
    pub fn is_half_in(&self, email: &str) -> bool {
        let letters = letters_of_mailbox(email);
        let is_part = |reading: &Reading| {
            [&reading.given, &reading.first, &reading.family, &reading.bare]
                .iter()
                .any(|part| latin(part) == letters)
        };
        self.readings.iter().any(is_part)
    }

    /// Whether a mailbox consists of the whole name: the family name with the first name or initials.
    #[must_use]
    pub fn is_written_in(&self, email: &str) -> bool {
        let letters = letters_of_mailbox(email);
        self.couple.is_empty()
            && self.readings.iter().any(|reading| reading.is_written_in(&letters))
    }

    /// Like [`is_written_in`](Self::is_written_in), but with the full first name, because a brother can have the same
    /// initials.
    #[must_use]
    pub fn is_spelled_in(&self, email: &str) -> bool {
        let letters = letters_of_mailbox(email);
        self.couple.is_empty()
            && self.readings.iter().any(|reading| reading.is_spelled_in(&letters))
    }

    /// Whether a mailbox consists of the first name or initials of this name and the family name of another name that
    /// has no first name.
    #[must_use]
    pub fn is_written_with(&self, family: &Self, email: &str) -> bool {
        let letters = letters_of_mailbox(email);
        let together = |first: &Reading, last: &Reading| Reading {
            first: first.first.clone(),
            given: first.given.clone(),
            initials: first.initials.clone(),
            ..last.clone()
        };
        let firsts = || self.readings.iter().filter(|reading| !reading.given.is_empty());
        let mut lasts = family
            .readings
            .iter()
            .filter(|reading| reading.given.is_empty() && !reading.last.is_empty());
        self.couple.is_empty()
            && lasts.any(|last| firsts().any(|first| together(first, last).is_written_in(&letters)))
    }

    /// Whether a mailbox contains the first name or initials; for a couple, both first names.
    #[must_use]
    pub fn is_borne_by(&self, email: &str) -> bool {
        let folded = words_of_mailbox(email);
        let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
        if self.couple.is_empty() {
            return self.readings.iter().any(|reading| reading.is_borne_by(&words));
        }
        self.couple.iter().all(|name| folded.contains(&*latin(name)))
    }
}

/// Whether two mailboxes consist of the same letters (`j.smit@` and `jsmit82@`).
pub(crate) fn are_written_alike(email: &str, other: &str) -> bool {
    let letters = letters_of_mailbox(email);
    letters.chars().count() >= ENOUGH_LETTERS && letters == letters_of_mailbox(other)
}

impl Reading {
    /// Whether letters consist of the first name or initials, with the family name before or after them.
    fn is_written_in(&self, letters: &str) -> bool {
        let initials = latin(&self.initials);
        self.is_spelled_in(letters)
            || self
                .beside_family(letters)
                .any(|rest| !rest.is_empty() && initials.starts_with(rest))
    }

    /// Whether letters consist of the first name, with the family name before or after it.
    fn is_spelled_in(&self, letters: &str) -> bool {
        let given = latin(&self.given);
        !given.is_empty() && self.beside_family(letters).any(|rest| rest == given)
    }

    /// Whether a word is the first name, a spelling or a form of it.
    fn is_given_as(&self, word: &str) -> bool {
        let given = latin(&self.given);
        word == given || one_edit_apart(word, &given) || are_forms_of_one(word, &self.given)
    }

    /// The remaining letters, if the family name begins or ends them.
    fn beside_family<'a>(&self, letters: &'a str) -> impl Iterator<Item = &'a str> {
        let families = [latin(&self.bare), latin(&self.family)];
        let long = families.into_iter().filter(|family| family.chars().count() >= 3);
        long.flat_map(|family| {
            let before = letters.strip_suffix(&*family);
            [before, before.map(without_particles), letters.strip_prefix(&*family)]
                .into_iter()
                .flatten()
        })
    }

    /// Whether the words of a mailbox contain the first name: as a word, next to the family name, or as the beginning
    /// of a word (a record may have an initial only).
    fn is_borne_by(&self, words: &[&str]) -> bool {
        let given = latin(&self.given);
        let Some(initial) = given.chars().next() else { return false };
        let initials = latin(&self.initials);
        let is_letter = given.chars().nth(1).is_none();
        // `janpieter` begins with Jan, but `jannie` is another name. If only an initial is known, the word must be a
        // known given name.
        let begins = |word: &str| {
            let is_long = given.chars().nth(2).is_some();
            if is_letter {
                is_given_name(word) && word.starts_with(initial)
            } else {
                is_long && word.starts_with(&*given) && !is_given_name(word)
            }
        };
        let is_borne = |word: &str| {
            begins(word) || self.is_given_as(word) || word == initials || word.chars().eq([initial])
        };
        let is_beside = |rest: &str| {
            !rest.is_empty()
                && ((is_letter && rest.starts_with(initial))
                    || is_borne(rest)
                    || initials.starts_with(rest))
        };
        words.iter().any(|word| is_borne(word))
            || self.beside_family(&words.concat()).any(is_beside)
    }
}

/// Letters before a family name, without the particles of two letters or more at their end.
fn without_particles(letters: &str) -> &str {
    let rest = PARTICLES
        .iter()
        .filter(|particle| particle.len() > 1)
        .find_map(|particle| letters.strip_suffix(particle).filter(|rest| !rest.is_empty()));
    rest.map_or(letters, without_particles)
}

/// The words of an address's local part, in Latin letters. Characters other than letters separate them.
fn words_of_mailbox(email: &str) -> String {
    let local = email.rsplit_once('@').map_or(email, |(local, _)| local);
    let local = local.split_once('+').map_or(local, |(mailbox, _)| mailbox);
    let folded = fold_words(local).join(" ");
    latin(&folded)
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn letters_of_mailbox(email: &str) -> String {
    words_of_mailbox(email).replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::model::name::PersonName;

    fn name(first: &str, last: &str) -> FoldedName {
        PersonName::new(Some(first), Some(last)).folded()
    }

    #[test]
    fn a_mailbox_bears_the_name_of_whom_it_is() {
        for local in [
            "jan.smit",
            "j.smit",
            "jsmit",
            "smitj",
            "jan",
            "jan82",
            "smit.j",
            "johannes.smit",
            "jansmit",
            "j.p.smit",
        ] {
            assert!(name("Jan", "Smit").is_borne_by(&format!("{local}@example.org")), "{local}");
        }
        for local in [
            "smit",
            "smit82",
            "familie.smit",
            "marie.smit",
            "msmit",
            "jannie.smit",
            "de.smits",
            "info",
        ] {
            assert!(!name("Jan", "Smit").is_borne_by(&format!("{local}@example.org")), "{local}");
        }
        let both = name("Jan en Marie", "Smit");
        assert!(
            both.is_borne_by("janenmarie@example.org") && !both.is_borne_by("jan.smit@example.org")
        );
        assert!(
            name("Åse", "Hansen").is_borne_by("aase@example.org")
                && name("Joost", "van den Berg").is_borne_by("jvandenberg@example.org")
        );
    }

    #[test]
    fn a_mailbox_may_have_the_whole_name_in_its_own_and_nothing_else() {
        let jan = name("Jan", "Smit");
        for local in ["jan.smit", "smit.jan", "jansmit", "smitjan", "jan_smit82", "j.smit", "jsmit"]
        {
            assert!(jan.is_written_in(&format!("{local}@example.org")), "{local}");
        }
        for local in [
            "jan",
            "janneke.smit",
            "jannekesmit",
            "johannes.smit",
            "smit",
            "m.smit",
            "jan.smit.bakker",
            "info",
        ] {
            assert!(!jan.is_written_in(&format!("{local}@example.org")), "{local}");
        }
        assert!(
            jan.is_spelled_in("jan.smit@example.org") && !jan.is_spelled_in("j.smit@example.org")
        );
        let joost = name("Joost", "van den Berg");
        for local in ["joost.vandenberg", "joostberg", "j.vandenberg"] {
            assert!(joost.is_written_in(&format!("{local}@example.org")), "{local}");
        }
        assert!(
            name("Joost", "Berg").is_written_in("joostvandenberg@example.org"),
            "a system may leave particles out"
        );
    }

    #[test]
    fn a_mailbox_may_have_two_peoples_parts_of_a_name() {
        let (lucas, meijer, eva_meijer) =
            (name("Lucas", ""), PersonName::whole("Meijer").folded(), name("Eva", "Meijer"));
        assert!(
            lucas.is_written_with(&meijer, "lucas.meijer@example.org")
                && lucas.is_written_with(&meijer, "lmeijer82@example.org")
        );
        assert!(lucas.is_written_with(&name("", "Meijer"), "lucasmeijer@example.org"));
        assert!(
            !lucas.is_written_with(&meijer, "lucas@example.org")
                && !meijer.is_written_with(&lucas, "lucas.meijer@example.org")
        );
        assert!(
            !lucas.is_written_with(&eva_meijer, "lucas.meijer@example.org"),
            "Eva has a first name"
        );
    }

    #[test]
    fn mailboxes_with_the_same_letters_are_alike() {
        assert!(
            are_written_alike("j.smit@example.org", "jsmit82@example.com")
                && !are_written_alike("jan@example.org", "jan82@example.com")
        );
        assert!(!are_written_alike("j.smit@example.org", "m.smit@example.org"));
        assert!(
            name("", "van den Berg").is_half_in("vandenberg12@example.org")
                && name("Jan", "Smit").is_half_in("jan82@example.org")
        );
        assert!(!name("Jan", "Smit").is_half_in("jan.smit@example.org"));
    }
}
