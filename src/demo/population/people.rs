//! The truth: the people, their households, employers and addresses.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::family_names;
use super::origin::Origin;
use super::rates;
use super::relatives::Place;
use super::seeded_rng::SeededRng;
use super::spelling::{Line, plain};

/// A person.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub household: usize,
    pub employer: Option<usize>,
    pub partner: Option<usize>,
    /// The relation to another member of the household with the same or a similar name.
    pub relatives: Option<Place>,
    pub given: String,
    pub family: String,
    /// The family name before a change.
    pub family_before: Option<String>,
    /// `None` for a child without a mailbox.
    pub mailbox: Option<String>,
    pub second_mailbox: Option<String>,
    pub work_mailbox: Option<String>,
    pub mobile: Line,
    /// The number before a change. It may belong to somebody else now.
    pub mobile_before: Option<Line>,
}

impl Person {
    /// The family name, now or before a change.
    pub(super) fn family_at(&self, early: bool) -> &str {
        self.family_before.as_deref().filter(|_| early).unwrap_or(&self.family)
    }

    /// The mobile number, now or before a change.
    pub(super) fn mobile_at(&self, early: bool) -> &Line {
        self.mobile_before.as_ref().filter(|_| early).unwrap_or(&self.mobile)
    }
}

/// Addresses that the customers of a household share.
#[derive(Debug, Clone, Default)]
pub(super) struct Household {
    pub members: Vec<usize>,
    pub landline: Option<Line>,
    pub mailbox: Option<String>,
}

/// A couple with common accounts. Each partner may also have separate accounts.
#[derive(Debug, Clone)]
pub(super) struct Couple {
    pub household: usize,
    pub partners: [usize; 2],
}

/// An employer of several people.
#[derive(Debug, Clone)]
pub(super) struct Employer {
    pub domain: String,
    pub switchboard: Line,
    pub role_mailbox: String,
    /// Whether the mailbox is commonly known as a role mailbox.
    pub is_known_role: bool,
}

/// All people, with households, couples and employers.
#[derive(Debug, Default)]
pub(super) struct GeneratedPeople {
    pub people: Vec<Person>,
    /// In the truth, their indices follow after the people: a couple's account belongs to neither partner alone.
    pub couples: Vec<Couple>,
    pub households: Vec<Household>,
    pub employers: Vec<Employer>,
    /// Numbers that belonged to two people, one after the other.
    pub recycled: BTreeSet<Line>,
    pub(super) given_up: VecDeque<Line>,
    taken_lines: HashSet<Line>,
    taken_mailboxes: HashSet<String>,
}

/// Role mailboxes that are on every list of role mailboxes.
pub(super) const KNOWN_ROLES: [&str; 6] =
    ["info", "sales", "office", "receptie", "administratie", "support"];
/// Role mailboxes that such lists often lack.
const OTHER_ROLES: [&str; 4] = ["inkoop", "planning", "boekhouding", "secretariaat"];

/// Mail providers, the most common first. All are under a name that is reserved for examples (RFC 2606).
pub(super) const PROVIDERS: [&str; 10] = [
    "geemail.example",
    "hotpost.example",
    "zicht.example",
    "belnet.example",
    "outbox.example",
    "livemail.example",
    "thuisnet.example",
    "webpost.example",
    "iclouds.example",
    "freenet.example",
];

impl GeneratedPeople {
    pub(super) fn new(rng: &mut SeededRng, count: usize) -> Self {
        let mut generated = Self::default();
        for n in 0..count.div_ceil(rates::PEOPLE_PER_EMPLOYER) {
            let name = plain(&family_names::family_name(rng, Origin::Dutch));
            let domain = format!("{name}{n}.example");
            let switchboard = generated.new_line(rng, "31", "20", 7);
            let is_known_role = rng.happens(600);
            let role = rng.pick(if is_known_role { &KNOWN_ROLES } else { &OTHER_ROLES });
            generated.employers.push(Employer {
                role_mailbox: format!("{role}@{domain}"),
                domain,
                switchboard,
                is_known_role,
            });
        }
        while generated.people.len() < count {
            let room = count - generated.people.len();
            generated.add_household(rng, room);
        }
        generated
    }

    /// The number of people and of couples with an account.
    pub(super) fn people_and_couples(&self) -> usize {
        self.people.len() + self.couples.len()
    }

    /// The household of a person or couple.
    pub(super) fn household_of(&self, who: usize) -> Option<usize> {
        let couple =
            || self.couples.get(who.checked_sub(self.people.len())?).map(|couple| couple.household);
        self.people.get(who).map(|person| person.household).or_else(couple)
    }

    fn belgian_mobile(&mut self, rng: &mut SeededRng) -> Line {
        let start = rng.pick(&["47", "48", "49"]);
        self.new_line(rng, "32", start, 7)
    }

    /// A mobile number: new, or given up by somebody in another household.
    pub(super) fn mobile(&mut self, rng: &mut SeededRng, origin: Origin) -> Line {
        // A number is reused only after ten others were given up, so its former owner is rarely nearby.
        if self.given_up.len() > 10
            && rng.happens(rates::RECYCLED_NUMBER)
            && let Some(line) = self.given_up.pop_front()
        {
            self.recycled.insert(line.clone());
            return line;
        }
        let abroad = rng.happens(rates::FOREIGN_NUMBER);
        match origin {
            Origin::Flemish | Origin::Walloon => self.belgian_mobile(rng),
            Origin::German if abroad || rng.happens(500) => self.new_line(rng, "49", "151", 8),
            Origin::English if abroad || rng.happens(500) => self.new_line(rng, "44", "77", 8),
            Origin::Polish if abroad || rng.happens(300) => self.new_line(rng, "48", "60", 7),
            Origin::Turkish if abroad => self.new_line(rng, "90", "53", 8),
            Origin::Moroccan if abroad => self.new_line(rng, "212", "66", 7),
            Origin::Spanish if abroad => self.new_line(rng, "34", "6", 8),
            Origin::Dutch if abroad => self.belgian_mobile(rng),
            _ => {
                let start = rng.pick(&["61", "62", "63", "64", "65"]);
                self.new_line(rng, "31", start, 7)
            }
        }
    }

    pub(super) fn new_line(
        &mut self,
        rng: &mut SeededRng,
        code: &'static str,
        start: &str,
        digits: u32,
    ) -> Line {
        loop {
            let line = Line { code, national: format!("{start}{}", rng.digits(digits)) };
            if self.taken_lines.insert(line.clone()) {
                return line;
            }
        }
    }

    pub(super) fn private_mailbox(
        &mut self,
        rng: &mut SeededRng,
        given: &str,
        family: &str,
    ) -> String {
        let (given, family) = (plain(given), plain(family));
        let initial: String = given.chars().take(1).collect();
        let year = 50 + rng.below(55);
        let mailbox = match rng.below(8) {
            0..=2 => format!("{given}.{family}"),
            3 => format!("{initial}.{family}"),
            4 => format!("{given}{family}{:02}", year % 100),
            5 => format!("{given}{:02}", year % 100),
            6 => format!("{given}_{family}"),
            _ => format!("{initial}{family}{}", rng.below(100)),
        };
        self.new_mailbox(&mailbox, rng.pick_common(&PROVIDERS))
    }

    /// The mailbox, with a number appended if it is taken.
    pub(super) fn new_mailbox(&mut self, mailbox: &str, domain: &str) -> String {
        let spellings = std::iter::once(format!("{mailbox}@{domain}"))
            .chain((1..).map(|n: u32| format!("{mailbox}{n}@{domain}")));
        for address in spellings {
            if self.taken_mailboxes.insert(address.clone()) {
                return address;
            }
        }
        format!("{mailbox}@{domain}")
    }
}
