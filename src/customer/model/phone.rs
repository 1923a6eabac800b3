//! Phone numbers in canonical form (E.164): one key for each line, and never the key of another line.
//! `phone_parsing.rs` reads other spellings.

use std::fmt;

use super::numbering_plan::{has_length, is_line, is_mobile_only, plans_of};

/// A possible number of a known country code, in E.164: `+31612312311`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone([redacted])")
    }
}

/// Why a text is not a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Not `^\+[1-9][0-9]{5,14}$`.
    #[error("not in E.164 form")]
    NotE164,
    /// No country has such numbers.
    #[error("not a possible number of a known country code")]
    NotPossible,
    /// The spelling has several interpretations, or none.
    #[error("ambiguous: several phone numbers are possible, or none")]
    Doubtful,
}

/// A country or region whose spellings can be parsed: ISO 3166-1 alpha-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region(pub(super) phonenumber::country::Id);

impl std::str::FromStr for Region {
    type Err = PhoneError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self).map_err(|_| PhoneError::NotPossible)
    }
}

impl Phone {
    /// The number as E.164 text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses text that must already be E.164. It is its own key. The numbering plan only checks that numbers of this
    /// length exist for the country code.
    ///
    /// # Errors
    /// If the text is not E.164, or no country has such numbers.
    pub fn parse_e164(text: &str) -> Result<Self, PhoneError> {
        let digits = text.strip_prefix('+').ok_or(PhoneError::NotE164)?;
        let shaped = (6..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit());
        if !shaped {
            return Err(PhoneError::NotE164);
        }
        let (plans, national) = plans_of(digits).ok_or(PhoneError::NotPossible)?;
        if plans.iter().any(|plan| has_length(plan, national.len())) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PhoneError::NotPossible)
        }
    }

    /// Whether the numbering plan assigns such numbers. The check of the length alone is weaker.
    #[must_use]
    pub fn is_line(&self) -> bool {
        let digits = self.0.trim_start_matches('+');
        plans_of(digits)
            .is_some_and(|(plans, national)| plans.iter().any(|plan| is_line(plan, national)))
    }

    /// Whether the number belongs to a mobile phone and cannot be a fixed line. A mobile phone usually belongs to one
    /// person, not to a household or office.
    #[must_use]
    pub fn is_mobile(&self) -> bool {
        let digits = self.0.trim_start_matches('+');
        plans_of(digits).is_some_and(|(plans, national)| is_mobile_only(&plans, national))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mobile_numbers_are_told_from_fixed_lines() {
        for (number, is_mobile) in [
            ("+31612312311", true),
            ("+32470123456", true),
            ("+4915112345678", true),
            ("+447726786381", true),
            ("+31206298930", false),
            ("+3228949170", false),
            ("+31800123456", false),
            ("+12025550123", false),
        ] {
            assert_eq!(Phone::parse_e164(number).unwrap().is_mobile(), is_mobile, "{number}");
        }
    }

    #[test]
    fn possible_is_enough_for_a_lookup() {
        assert!(Phone::parse_e164("+3197012345678").is_ok(), "a machine's number");
        assert!(Phone::parse_e164("+31612312311").is_ok());
        assert_eq!(Phone::parse_e164("+161231231123"), Err(PhoneError::NotPossible));
        assert_eq!(Phone::parse_e164("+999123456"), Err(PhoneError::NotPossible));
        assert_eq!(Phone::parse_e164("+0612312311"), Err(PhoneError::NotE164));
        assert_eq!(Phone::parse_e164("0612312311"), Err(PhoneError::NotE164));
    }
}
