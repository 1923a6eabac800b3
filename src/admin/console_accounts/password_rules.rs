//! Which passwords are accepted. There are no rules about kinds of characters: they make passwords worse (NIST SP 800-63B).

use unicode_normalization::UnicodeNormalization;

/// The fewest characters of a password.
pub const MIN_CHARACTERS: usize = 12;

/// The most characters of a password.
pub const MAX_CHARACTERS: usize = 200;

/// The passwords of this length that are guessed first, without repetitions and names.
const OBVIOUS: [&str; 12] = [
    "password1234",
    "passwordpassword",
    "administrator",
    "123456789012",
    "1234567890123",
    "12345678901234567890",
    "qwertyuiop123",
    "qwertyuiop[]",
    "qwertyqwerty",
    "abcdefghijkl",
    "welkom123456",
    "letmeinletmein",
];

/// A password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// It is too short.
    #[error(
        "The password is too short. It must have at least {MIN_CHARACTERS} characters: a sentence is a good password."
    )]
    TooShort,
    /// It is too long.
    #[error("The password is too long. It can have at most {MAX_CHARACTERS} characters.")]
    TooLong,
    /// It would be guessed first.
    #[error(
        "This password is easy to guess: it is your name, a repetition, or one that many people have. Choose another one."
    )]
    Obvious,
}

/// A password as it is hashed: keyboards write the same characters in different ways.
pub(super) fn normalised(password: &str) -> String {
    password.nfkc().collect()
}

/// Checks a new password of a person.
///
/// # Errors
/// If it is not accepted.
pub fn check_password(password: &str, name: &str) -> Result<(), PasswordProblem> {
    let password = normalised(password);
    let length = password.chars().count();
    if length < MIN_CHARACTERS {
        return Err(PasswordProblem::TooShort);
    }
    if length > MAX_CHARACTERS {
        return Err(PasswordProblem::TooLong);
    }
    let (plain, name) = (compared(&password), compared(name));
    let is_repeated = plain.chars().all(|c| plain.starts_with(c));
    let is_name = !name.is_empty() && plain.replace(&name, "").is_empty();
    if is_repeated || is_name || OBVIOUS.contains(&plain.as_str()) {
        return Err(PasswordProblem::Obvious);
    }
    Ok(())
}

/// A text without case and spaces.
fn compared(text: &str) -> String {
    text.nfkc().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_passwords_are_accepted_and_only_obvious_ones_are_not() {
        for (password, problem) in [
            ("korte zin 1", Some(PasswordProblem::TooShort)),
            ("korte zin 12", None),
            (&"x y".repeat(66), None),
            (&"x y".repeat(67), Some(PasswordProblem::TooLong)),
            ("aaaaaaaaaaaa", Some(PasswordProblem::Obvious)),
            ("            ", Some(PasswordProblem::Obvious)),
            ("Femke de Vries", Some(PasswordProblem::Obvious)),
            ("femkedevriesFEMKE de vries", Some(PasswordProblem::Obvious)),
            ("Password1234", Some(PasswordProblem::Obvious)),
            ("femke de vries fietst", None),
            (
                "\u{1F600}\u{1F601}\u{1F602}\u{1F603}\u{1F604}\u{1F605}",
                Some(PasswordProblem::TooShort),
            ),
            ("lettersonlyarefine", None),
        ] {
            assert_eq!(check_password(password, "Femke de Vries").err(), problem, "{password}");
        }
    }

    #[test]
    fn the_same_characters_are_the_same_password() {
        assert_eq!(normalised("caf\u{e9} au lait"), normalised("cafe\u{301} au lait"));
    }
}
