//! Households: which people live together, how they are related, and what they share.

use super::origin::Origin;
use super::people::{Couple, GeneratedPeople, Household, PROVIDERS, Person};
use super::rates;
use super::relatives::{Place, Relatives};
use super::seeded_rng::SeededRng;
use super::spelling::plain;
use super::{family_names, given_names, origin};

/// A household while it is built.
struct Family {
    /// The index of its first member.
    first: usize,
    customers: usize,
    origin: Origin,
    name: String,
    first_is_male: bool,
    relatives: Option<Relatives>,
}

/// A member of a household while it is built.
struct Member {
    place: usize,
    relatives: Option<Place>,
    is_male: bool,
    is_child: bool,
    is_partner: bool,
    origin: Origin,
}

/// A family name, now and before a change.
struct FamilyNames {
    now: String,
    before: Option<String>,
}

impl Member {
    fn new(rng: &mut SeededRng, family: &Family, place: usize) -> Self {
        let relatives = family.relatives.and_then(|relatives| relatives.place(place));
        let is_partner = place == 1 && relatives.is_none();
        let is_male = match place {
            0 => family.first_is_male,
            1 => family.first_is_male == rng.happens(30),
            _ => rng.happens(500),
        };
        let other_origin = if is_partner && rng.happens(rates::MIXED_COUPLE) {
            rng.weighted(&origin::ORIGINS)
        } else {
            None
        };
        let origin = other_origin.unwrap_or(family.origin);
        Self { place, relatives, is_male, is_child: place > 1, is_partner, origin }
    }

    fn family_names(&self, rng: &mut SeededRng, family: &Family) -> FamilyNames {
        let born = if self.is_partner {
            family_names::family_name(rng, self.origin)
        } else {
            family.name.clone()
        };
        let born = self.gendered(&born);
        if self.is_partner && !self.is_male && rng.happens(rates::MARRIED_NAME) {
            let partners = self.gendered(&family.name);
            let now = if rng.happens(rates::BOTH_NAMES) {
                format!("{partners}-{born}")
            } else {
                partners
            };
            return FamilyNames { now, before: Some(born) };
        }
        if !self.is_child && self.relatives.is_none() && rng.happens(rates::OTHER_NAME_CHANGE) {
            let other = family_names::family_name(rng, self.origin);
            return FamilyNames { now: self.gendered(&other), before: Some(born) };
        }
        FamilyNames { now: born, before: None }
    }

    fn gendered(&self, name: &str) -> String {
        if self.is_male || self.relatives.is_some() {
            name.to_owned()
        } else {
            family_names::for_woman(self.origin, name)
        }
    }
}

impl GeneratedPeople {
    pub(super) fn add_household(&mut self, rng: &mut SeededRng, room: usize) {
        let customers = rng.weighted(&rates::CUSTOMERS_PER_HOUSEHOLD).unwrap_or(1).min(room);
        let origin = rng.weighted(&origin::ORIGINS).unwrap_or(Origin::Dutch);
        let name = family_names::family_name(rng, origin);
        let relatives = if customers > 1 { relatives(rng) } else { None };
        let landline = rng
            .happens(if relatives.is_some() {
                rates::LANDLINE_OF_RELATIVES
            } else {
                rates::LANDLINE
            })
            .then(|| {
                let area = rng.pick(&["10", "20", "30", "40", "50", "70"]);
                self.new_line(rng, "31", area, 7)
            });
        let first = self.people.len();
        let shares_nothing = relatives.is_some() && landline.is_none();
        self.households.push(Household {
            members: (first..first + customers).collect(),
            landline,
            mailbox: None,
        });
        let family =
            Family { first, customers, origin, name, first_is_male: rng.happens(500), relatives };
        for place in 0..customers {
            self.add_member(rng, &family, place);
        }
        if customers > 1 && (shares_nothing || rng.happens(rates::FAMILY_MAILBOX)) {
            self.add_family_mailbox(rng, &family);
        }
        self.add_couple(rng, first);
    }

    fn add_member(&mut self, rng: &mut SeededRng, family: &Family, place: usize) {
        let member = Member::new(rng, family, place);
        let names = member.family_names(rng, family);
        let given = self.given_name(rng, family, &member);
        let Member { relatives, origin, is_child, .. } = member;
        let person = Person {
            household: self.households.len().saturating_sub(1),
            employer: (!is_child && rng.happens(rates::EMPLOYED))
                .then(|| rng.below(self.employers.len()).min(rng.below(self.employers.len()))),
            partner: (place < 2 && family.customers > 1 && family.relatives.is_none())
                .then(|| family.first + 1 - place),
            relatives,
            mailbox: None,
            second_mailbox: None,
            work_mailbox: None,
            mobile: self.mobile(rng, origin),
            mobile_before: None,
            given,
            family: names.now,
            family_before: names.before,
        };
        let may_lack_a_mailbox = is_child || (relatives.is_some() && place == 1);
        self.add_person(rng, person, origin, may_lack_a_mailbox);
    }

    fn given_name(&self, rng: &mut SeededRng, family: &Family, member: &Member) -> String {
        match (family.relatives, self.people.get(family.first)) {
            (Some(Relatives::Alike(one, other)), _) if member.place < 2 => {
                if member.place == 0 { one } else { other }.to_owned()
            }
            (Some(Relatives::Generations(_)), Some(father)) if member.place == 1 => {
                father.given.clone()
            }
            (Some(Relatives::Generations(_)), None) => {
                given_names::given_name(rng, member.origin, true)
            }
            _ => given_names::given_name(rng, member.origin, member.is_male),
        }
    }

    fn add_person(
        &mut self,
        rng: &mut SeededRng,
        mut person: Person,
        origin: Origin,
        may_lack_a_mailbox: bool,
    ) {
        let name_then = person
            .family_before
            .clone()
            .filter(|_| rng.happens(600))
            .unwrap_or_else(|| person.family.clone());
        if !may_lack_a_mailbox || !rng.happens(rates::CHILD_WITHOUT_MAILBOX) {
            person.mailbox = Some(self.private_mailbox(rng, &person.given, &name_then));
        }
        if rng.happens(rates::SECOND_MAILBOX) {
            person.second_mailbox = Some(self.private_mailbox(rng, &person.given, &person.family));
        }
        if let Some(employer) = person.employer.and_then(|n| self.employers.get(n)) {
            let domain = employer.domain.clone();
            person.work_mailbox = Some(self.new_mailbox(
                &format!("{}.{}", plain(&person.given), plain(&person.family)),
                &domain,
            ));
        }
        if rng.happens(rates::NEW_NUMBER) {
            let new = self.mobile(rng, origin);
            let before = std::mem::replace(&mut person.mobile, new);
            self.given_up.push_back(before.clone());
            person.mobile_before = Some(before);
        }
        self.people.push(person);
    }

    /// Adds a mailbox for the whole household. Most of these contain a word that says so.
    fn add_family_mailbox(&mut self, rng: &mut SeededRng, family: &Family) {
        let name = plain(&family.name);
        let others = self
            .people
            .get(family.first + 1)
            .map(|other| plain(&other.family))
            .filter(|other| *other != name);
        let number = 1 + rng.below(99);
        let mailbox = match (rng.below(10), others) {
            (0..=1, _) => format!("familie.{name}"),
            (2, _) => format!("fam.{name}{number}"),
            (3, _) => format!("fam{name}"),
            (4, _) => format!("gezin.{name}"),
            (5, _) => format!("family.{name}"),
            (6 | 7, Some(other)) => format!("{name}.{other}"),
            _ => format!("{name}{number}"),
        };
        let mailbox = self.new_mailbox(&mailbox, rng.pick_common(&PROVIDERS));
        if let Some(household) = self.households.last_mut() {
            household.mailbox = Some(mailbox);
        }
    }

    /// Adds an account of a couple, if they share a landline or mailbox.
    fn add_couple(&mut self, rng: &mut SeededRng, first: usize) {
        let household = self.households.len().saturating_sub(1);
        let Some(partner) = self.people.get(first).and_then(|person| person.partner) else {
            return;
        };
        let reachable = self
            .households
            .get(household)
            .is_some_and(|household| household.landline.is_some() || household.mailbox.is_some());
        if reachable && rng.happens(rates::COUPLES_ACCOUNT) {
            self.couples.push(Couple { household, partners: [first, partner] });
        }
    }
}

fn relatives(rng: &mut SeededRng) -> Option<Relatives> {
    match rng.below(1_000) {
        n if n < rates::ALIKE_RELATIVES => Relatives::alike(rng),
        n if n < rates::ALIKE_RELATIVES + rates::FATHER_AND_SON => Relatives::generations(rng),
        _ => None,
    }
}
