//! One part of a list of phone numbers. A slash in it separates numbers, or parts of one number.

use super::phone::{Phone, PhoneError, Region};
use super::phone_spelling::{plain, split_extension};

/// Up to this many digits after a slash may replace the last digits of a number (`1234560/61`).
const MOST_SUFFIX_DIGITS: usize = 4;

/// One number of a field, with its extension.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneSpelling {
    /// The phone line.
    pub phone: Phone,
    /// The extension. The same line can have several.
    pub extension: Option<String>,
}

impl PhoneSpelling {
    pub(super) fn read(spelling: &str, region: Option<Region>) -> Result<Self, PhoneError> {
        match split_extension(spelling) {
            Some((line, extension)) => {
                Ok(Self { phone: Phone::normalise(line, region)?, extension: Some(extension) })
            }
            None => Ok(Self { phone: Phone::normalise(spelling, region)?, extension: None }),
        }
    }

    /// The number as text that parses to the same value in every region.
    #[must_use]
    pub fn text(&self) -> String {
        self.extension.as_ref().map_or_else(
            || self.phone.as_str().to_owned(),
            |extension| format!("{};ext={extension}", self.phone.as_str()),
        )
    }
}

/// The numbers in a part of a list.
pub(super) struct PhonePart {
    pub numbers: Vec<PhoneSpelling>,
    /// Whether something in it could not be parsed.
    pub has_unread: bool,
}

impl PhonePart {
    /// Parses a part. `is_first`: nothing stands before it, so its first number may lack a dialling prefix.
    pub(super) fn read(part: &str, region: Option<Region>, is_first: bool) -> Self {
        let pieces: Vec<&str> =
            part.split('/').map(str::trim).filter(|piece| !piece.is_empty()).collect();
        let read_piece = |(n, piece): (usize, &&str)| {
            let piece = plain(piece);
            let says_where = piece.starts_with(['+', '0']) || piece.starts_with("(0");
            let may_be_number = (is_first && n == 0) || says_where;
            if may_be_number { PhoneSpelling::read(&piece, region).ok() } else { None }
        };
        let read: Vec<Option<PhoneSpelling>> = pieces.iter().enumerate().map(read_piece).collect();
        if read.iter().all(Option::is_some) {
            return Self::of(read.into_iter().flatten().collect());
        }
        if let Some(Some(first)) = read.into_iter().next()
            && are_suffixes(pieces.iter().skip(1))
        {
            return Self { numbers: vec![first], has_unread: true };
        }
        let may_be_one = is_first || part.starts_with(['+', '0']);
        let whole = if may_be_one { whole_number(&pieces, region) } else { None };
        Self::of(whole.into_iter().collect())
    }

    fn of(numbers: Vec<PhoneSpelling>) -> Self {
        Self { has_unread: numbers.is_empty(), numbers }
    }
}

/// Whether pieces replace the last digits of the number before them, and are not numbers of their own.
fn are_suffixes<'a>(mut pieces: impl Iterator<Item = &'a &'a str>) -> bool {
    let digits = |piece: &str| piece.bytes().filter(u8::is_ascii_digit).count();
    pieces.all(|piece| digits(piece) <= MOST_SUFFIX_DIGITS)
}

/// The number that all pieces form together.
fn whole_number(pieces: &[&str], region: Option<Region>) -> Option<PhoneSpelling> {
    let of_first = |count: usize| {
        let together = pieces.get(..count).unwrap_or_default().concat();
        PhoneSpelling::read(&plain(&together), region).ok()
    };
    // If the first pieces alone are a number, the role of the others is unknown (`030/1234560/61`).
    let is_clear = || {
        !(1..pieces.len()).any(|count| of_first(count).is_some_and(|number| number.phone.is_line()))
    };
    of_first(pieces.len()).filter(|_| is_clear())
}
