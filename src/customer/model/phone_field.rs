//! Phone numbers in fields of sources: any usual spelling, extensions, or several numbers in one field.

use super::phone::{Phone, Region};
use super::phone_part::PhonePart;
pub use super::phone_part::PhoneSpelling;
use super::phone_spelling::{parts, plain, split_extension, without_float};
use super::placeholder::{ValueKind, is_placeholder};

/// The longest field that is parsed, in bytes.
const MAX_FIELD: usize = 512;

/// Further numbers in one field are ignored.
const MAX_NUMBERS: usize = 10;

/// The numbers in a field of a source.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PhoneField {
    /// The valid numbers, in their order.
    pub numbers: Vec<PhoneSpelling>,
    /// Whether a part of the field could not be parsed.
    pub has_unread: bool,
}

impl PhoneField {
    /// Parses a field of a source: a number in any usual spelling, also with an extension, or a list of numbers. In a
    /// list, a number without a country code counts only after one that was parsed, and only with its domestic dialling
    /// prefix.
    #[must_use]
    pub fn read(raw: &str, region: Option<Region>) -> Self {
        if let Ok(phone) = Phone::parse_e164(raw) {
            return Self::of(PhoneSpelling { phone, extension: None });
        }
        if raw.len() > MAX_FIELD {
            return Self::unread();
        }
        let spelling = plain(raw);
        if is_placeholder(ValueKind::Address, &spelling) {
            return Self::default();
        }
        // RFC 3966, section 5.1.5: the context of a local number, which may differ from the brand's region.
        let spelling = match spelling.split_once(";phone-context=") {
            Some((number, _)) if number.starts_with('+') => number.to_owned(),
            Some(_) => return Self::unread(),
            None => spelling,
        };
        // A range of numbers: the digits after it replace the last digits before it.
        let spelling = spelling.replace("..", "/").replace('~', "/");
        if !spelling.contains('/')
            && let Ok(number) = PhoneSpelling::read(&spelling, region)
        {
            return Self::of(number);
        }
        Self::of_part_with_extension(&spelling, region)
            .unwrap_or_else(|| Self::of_list(&spelling, region))
    }

    fn of(number: PhoneSpelling) -> Self {
        Self { numbers: vec![number], has_unread: false }
    }

    fn unread() -> Self {
        Self { numbers: Vec::new(), has_unread: true }
    }

    /// One number with an extension. An extension after the last of several numbers belongs to that number only.
    fn of_part_with_extension(spelling: &str, region: Option<Region>) -> Option<Self> {
        let (line, extension) = split_extension(spelling)?;
        if parts(line).len() != 1 {
            return None;
        }
        let mut field = Self::default();
        field.add_part(line, region);
        let [number] = field.numbers.as_mut_slice() else { return None };
        number.extension = Some(extension);
        Some(field)
    }

    fn of_list(spelling: &str, region: Option<Region>) -> Self {
        let mut field = Self::default();
        for part in parts(spelling).into_iter().take(MAX_NUMBERS) {
            field.add_part(&part, region);
        }
        field
    }

    /// Parses a field that must be E.164 by its name. The plus may be missing if the digits are an assigned number. A
    /// national number can look like a number of another country (`612345678` is also Australia's +61 2345678).
    #[must_use]
    pub fn read_e164(raw: &str) -> Self {
        let spelling = plain(raw);
        match Phone::parse_e164(&format!("+{}", without_float(&spelling).unwrap_or_default())) {
            Ok(phone) if phone.is_line() || spelling.starts_with('+') => {
                Self::of(PhoneSpelling { phone, extension: None })
            }
            Ok(_) | Err(_) => Self::read(raw, None),
        }
    }

    /// Adds a part of a list.
    fn add_part(&mut self, part: &str, region: Option<Region>) {
        if is_placeholder(ValueKind::Address, part) {
            return;
        }
        let is_first = self.numbers.is_empty() && !self.has_unread;
        let part = PhonePart::read(part, region, is_first);
        self.has_unread |= part.has_unread;
        for number in part.numbers {
            match self.numbers.iter_mut().find(|known| known.phone == number.phone) {
                Some(known) if number.extension.is_none() => known.extension = None,
                Some(_) => {}
                None => self.numbers.push(number),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parsed numbers of a field with extensions, and whether a part of it was left out.
    fn field(raw: &str, region: &str) -> (Vec<String>, bool) {
        let field = PhoneField::read(raw, region.parse().ok());
        (field.numbers.iter().map(PhoneSpelling::text).collect(), field.has_unread)
    }

    #[test]
    fn sources_write_one_number_in_many_ways() {
        for raw in [
            "(+31) 6 12312311",
            "[+31] 6 12312311",
            "(0031) 6 12312311",
            "+31-(0)6-12312311",
            "+31.(0)6.12312311",
            "+31 [0] 6 12312311",
            "TEL:+31612312311",
            "tel: +31 6 12312311",
            "Tel. 06-12312311",
            "Mobiel: 06-12312311",
            "whatsapp:+31612312311",
            "'+31612312311",
            "\"+31612312311\"",
            "=\"+31612312311\"",
            "+31612312311.0",
            "0612312311.0",
            "\u{200e}+31\u{ad}612312311\u{2060}",
            "\u{a0}+31\u{a0}6\u{202f}12312311",
            "+٣١٦١٢٣١٢٣١١",
            "۰۶۱۲۳۱۲۳۱۱",
            "+३१६१२३१२३११",
            "06~12312311",
            "+31612312311,",
        ] {
            assert_eq!(field(raw, "NL"), (vec!["+31612312311".to_owned()], false), "{raw}");
        }
    }

    #[test]
    fn an_extension_is_not_part_of_the_line() {
        for raw in [
            "+31201234567 ext. 5",
            "+31 20 1234567 x5",
            "020-1234567x5",
            "tel:+31-20-1234567;ext=5",
            "+31201234567 EXT 5",
            "020 1234567 toestel 5",
            "020 1234567 tst. 5",
            "+31201234567 #5",
            "+31201234567,5",
            "+31201234567,,5#",
        ] {
            assert_eq!(field(raw, "NL"), (vec!["+31201234567;ext=5".to_owned()], false), "{raw}");
        }
        assert_eq!(
            field("+31201234567;ext=5", ""),
            (vec!["+31201234567;ext=5".to_owned()], false),
            "its own form is parsed again"
        );
    }

    #[test]
    fn of_several_numbers_each_counts_that_is_whole() {
        for (raw, region, numbers, has_unread) in [
            ("+49 30 1234560/61", "DE", &["+49301234560"][..], true),
            ("030 1234560/61", "DE", &["+49301234560"], true),
            ("030/1234560", "DE", &["+49301234560"], false),
            ("06/12312311", "NL", &["+31612312311"], false),
            ("+49/30/1234560/61", "", &[], true),
            ("030 / 1234560 / 61", "DE", &[], true),
            ("030/1234560//61", "DE", &[], true),
            ("030/1234560/-61", "DE", &[], true),
            ("+49/30/1234560", "", &["+49301234560"], false),
            ("+49 30 1234580..89", "DE", &["+49301234580"], true),
            ("030 1234582~89", "DE", &["+49301234582"], true),
            ("030 1234589 (90)", "DE", &[], true),
            ("030 1234560.0", "DE", &[], true),
            ("01.42.68.53.00", "FR", &["+33142685300"], false),
            ("(06) 123.00000", "NL", &["+31612300000"], false),
            ("06 123.00000 | +31645600000", "NL", &["+31612300000", "+31645600000"], false),
            ("0612300000.00", "NL", &[], true),
            ("-612312311", "NL", &[], true),
            ("06¹2312311", "NL", &[], true),
            ("020-1234567 / 06-12312311", "NL", &["+31201234567", "+31612312311"], false),
            ("020-1234567/06-12312311", "NL", &["+31201234567", "+31612312311"], false),
            ("+31201234567, +31612312311", "", &["+31201234567", "+31612312311"], false),
            ("+31201234567 +31612312311", "", &["+31201234567", "+31612312311"], false),
            ("020-1234567; 06-12312311", "NL", &["+31201234567", "+31612312311"], false),
            ("020-1234567 of 06-12312311", "NL", &["+31201234567", "+31612312311"], false),
            (
                "Thuis: 020-1234567, mobiel: 06-12312311",
                "NL",
                &["+31201234567", "+31612312311"],
                false,
            ),
            ("+31612312311, +31612312311", "", &["+31612312311"], false),
            ("06/12312311 x5", "NL", &["+31612312311;ext=5"], false),
            ("+31612312311, 12", "NL", &["+31612312311"], true),
            ("0612312311 0612312312", "NL", &[], true),
            ("030, 1234567", "DE", &[], true),
            ("0301234567, 1234568", "DE", &["+49301234567"], true),
            ("abc", "NL", &[], true),
            ("3.1612312311E+10", "NL", &[], true),
            ("612312311.00", "NL", &[], true),
            ("null", "NL", &[], false),
            ("0000000000", "NL", &[], false),
        ] {
            let numbers: Vec<String> = numbers.iter().map(|number| (*number).to_owned()).collect();
            assert_eq!(field(raw, region), (numbers, has_unread), "{raw}");
        }
    }

    #[test]
    fn what_must_be_e164_may_lack_its_plus() {
        for raw in ["31612312311", "+31612312311", " 31612312311 ", "31612312311.0"] {
            let field = PhoneField::read_e164(raw);
            assert!(
                field.numbers.iter().map(PhoneSpelling::text).eq(["+31612312311"])
                    && !field.has_unread,
                "{raw}"
            );
        }
        for raw in ["0612312311", "612312311", "612371063"] {
            let field = PhoneField::read_e164(raw);
            assert!(field.numbers.is_empty() && field.has_unread, "{raw}");
        }
    }
}
