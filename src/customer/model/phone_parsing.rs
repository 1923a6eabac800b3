//! Reads one phone number in any usual spelling.
//!
//! `phonenumber` has the numbering plans. The checks around it exist because it rewrites some numbers that already have
//! a country code (whisperfish/rust-phonenumber#106). Text in E.164 keeps its digits. Every other spelling must keep
//! its digits, except for a trunk or international prefix that the text really contains. An ambiguous number is
//! rejected.

use std::collections::BTreeSet;

use phonenumber::Metadata;
use phonenumber::metadata::DATABASE;

use super::numbering_plan::{
    dials_abroad_with_00, is_line, keeps_a_dialling_prefix, plans_of, without_dialling_prefix,
};
use super::phone::{Phone, PhoneError, Region};
use super::phone_spelling::{digits_of, plain, without_float};

/// The longest spelling that is parsed, in bytes.
const MAX_SPELLING: usize = 64;

/// Reads the numbering plans, which takes tens of milliseconds. Otherwise the first phone number waits for that.
pub fn load_numbering_plans() {
    let _ = DATABASE.by_id("");
}

impl Phone {
    /// Parses any usual spelling of one number. A number without a country code is assumed to be from `region`.
    ///
    /// # Errors
    /// If the text is not a number, no country has such numbers, or it is ambiguous.
    pub fn normalise(raw: &str, region: Option<Region>) -> Result<Self, PhoneError> {
        let spelling = plain(raw);
        if spelling.len() > MAX_SPELLING {
            return Err(PhoneError::Doubtful);
        }
        let spelling = without_float(&spelling).ok_or(PhoneError::Doubtful)?;
        // A negative number is not a phone number. Text in brackets at the end is a remark, not part of the number.
        if spelling.starts_with(['-', '\u{2212}', '\u{2013}']) || spelling.ends_with(')') {
            return Err(PhoneError::Doubtful);
        }
        if let Ok(phone) = Self::parse_e164(spelling) {
            return Ok(phone);
        }
        let (international, rest) = match spelling.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => (false, spelling),
        };
        let digits = digits_of(rest).ok_or(PhoneError::Doubtful)?;
        if international {
            return Self::from_international(rest, &digits);
        }
        let Region(region) = region.ok_or(PhoneError::Doubtful)?;
        let plan = DATABASE.by_id(region.as_ref()).ok_or(PhoneError::Doubtful)?;
        match digits.strip_prefix("00") {
            Some(after) if !after.starts_with('0') && dials_abroad_with_00(plan, &digits) => {
                Self::from_international(rest.trim_start_matches(['0', ' ']), after)
            }
            _ => Self::from_national(plan, &digits),
        }
    }

    /// A number with a country code. No digit may be added, and only a trunk zero in brackets may be removed.
    fn from_international(rest: &str, digits: &str) -> Result<Self, PhoneError> {
        let (plans, national) = plans_of(digits).ok_or(PhoneError::NotPossible)?;
        if !rest.contains("(0)") && keeps_a_dialling_prefix(&plans, national) {
            return Err(PhoneError::Doubtful);
        }
        let in_brackets: String =
            rest.chars().filter(|c| c.is_ascii_digit() || matches!(c, '(' | ')')).collect();
        let trunk_zero = plans.iter().any(|plan| plan.national_prefix() == Some("0"));
        if !trunk_zero {
            return if rest.contains("(0)") {
                Err(PhoneError::Doubtful)
            } else {
                Self::parse_e164(&format!("+{digits}"))
            };
        }
        let code = digits.strip_suffix(national).unwrap_or_default();
        match national.strip_prefix('0') {
            None => Self::parse_e164(&format!("+{digits}")),
            Some(significant)
                if !significant.starts_with('0')
                    && in_brackets.strip_prefix(code).is_some_and(|r| r.starts_with("(0)")) =>
            {
                Self::parse_e164(&format!("+{code}{significant}"))
            }
            Some(_) => Err(PhoneError::Doubtful),
        }
    }

    /// A number without a country code: the digits as they are, or without a dialling prefix of the plan. Exactly one
    /// of these forms must be an assigned number.
    fn from_national(plan: &Metadata, digits: &str) -> Result<Self, PhoneError> {
        let code = plan.country_code();
        let plans = DATABASE.by_code(&code).ok_or(PhoneError::Doubtful)?;
        let without_trunk = plan.national_prefix().and_then(|trunk| digits.strip_prefix(trunk));
        // A transform rule replaces digits instead of removing a prefix, so such numbers are not changed here.
        let without_prefix = if plan.national_prefix_transform_rule().is_none() {
            without_dialling_prefix(plan, digits)
        } else {
            None
        };
        let readings = BTreeSet::from_iter(
            [Some(digits), without_trunk, without_prefix].into_iter().flatten(),
        );
        let a_line = |national: &str| plans.iter().any(|plan| is_line(plan, national));
        // The digits may be an international number without its plus: `49401800...` is also a German number, of another
        // line.
        if digits
            .strip_prefix(code.to_string().as_str())
            .is_some_and(|rest| !readings.contains(rest) && a_line(rest))
        {
            return Err(PhoneError::Doubtful);
        }
        let mut lines = readings.into_iter().filter(|national| a_line(national));
        match (lines.next(), lines.next()) {
            (Some(national), None) => Self::parse_e164(&format!("+{code}{national}")),
            _ => Err(PhoneError::Doubtful),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dutch(raw: &str) -> Option<String> {
        Phone::normalise(raw, "NL".parse().ok()).ok().map(|phone| phone.as_str().to_owned())
    }

    #[test]
    fn usual_spellings_of_one_number_are_one_key() {
        for raw in [
            "+31612312311",
            "+31 6 12312311",
            "+31 (0)6 1231 2311",
            "+31(0)612312311",
            "06-12312311",
            "0031612312311",
            "00 31 6 12 31 23 11",
            "0031 (0)6 12312311",
            "612312311",
            "tel:+31612312311",
            "＋３１６１２３１２３１１",
            "(06) 123 123 11",
        ] {
            assert_eq!(dutch(raw).as_deref(), Some("+31612312311"), "{raw}");
        }
    }

    #[test]
    fn a_number_with_a_country_code_keeps_its_digits() {
        for number in [
            "+33123456789",
            "+78121234567",
            "+37084012345",
            "+390612345678",
            "+15005550006",
            "+8613912345678",
        ] {
            for region in ["US", "RU", "NL", "IT"] {
                assert_eq!(Phone::normalise(number, region.parse().ok()).unwrap().as_str(), number);
            }
        }
        assert_eq!(dutch("+7 812 123-45-67").as_deref(), Some("+78121234567"));
        assert_eq!(dutch("+39 06 1234 5678").as_deref(), Some("+390612345678"));
    }

    #[test]
    fn doubt_is_refused() {
        for raw in [
            "",
            "abc",
            "06-1231x2311",
            "+31 06 12312311",
            "+39 (0)6 12345678",
            "31612312311x5",
            "12",
            "+999123456789",
            "0000000000",
            "06/12",
            "31612312311",
        ] {
            assert_eq!(dutch(raw), None, "{raw}");
        }
        assert!(Phone::normalise("0612312311", None).is_err());
        assert!(Phone::normalise("+49 069 000024", None).is_err(), "a trunk zero after the code");
        assert_eq!(
            Phone::parse_e164("+49069000024").map(|phone| phone.as_str().to_owned()).as_deref(),
            Ok("+49069000024"),
            "E.164 keeps its digits"
        );
        assert!(
            Phone::normalise("011 15-2345-6789", "AR".parse().ok()).is_err(),
            "would have to be rewritten"
        );
        assert!(
            Phone::normalise("0085221234567", "HK".parse().ok()).is_err(),
            "008 is a prefix too"
        );
    }

    #[test]
    fn a_number_that_starts_like_its_prefix_is_read() {
        for (region, raw, key) in [
            ("RU", "8 (800) 555-35-35", "+78005553535"),
            ("RU", "8 812 123-45-67", "+78121234567"),
            ("BY", "8 029 491-19-11", "+375294911911"),
            ("RW", "250 123 456", "+250250123456"),
            ("NZ", "0031 6 12312311", "+31612312311"),
            ("US", "1 202 555 0123", "+12025550123"),
        ] {
            assert_eq!(Phone::normalise(raw, region.parse().ok()).unwrap().as_str(), key, "{raw}");
        }
    }
}
