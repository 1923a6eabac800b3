//! Households: which people live together, how they are related, and what they share.

use super::chance::SeededRng;
use super::kin::{Kin, Place};
use super::origin::Origin;
use super::people::{Couple, Home, PROVIDERS, Person, World};
use super::rates;
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
    kin: Option<Kin>,
}

/// A member of a household while it is built.
struct Member {
    place: usize,
    kin: Option<Place>,
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
    fn new(chance: &mut SeededRng, family: &Family, place: usize) -> Self {
        let kin = family.kin.and_then(|kin| kin.place(place));
        let is_partner = place == 1 && kin.is_none();
        let is_male = match place {
            0 => family.first_is_male,
            1 => family.first_is_male == chance.happens(30),
            _ => chance.happens(500),
        };
        let other_origin = if is_partner && chance.happens(rates::MIXED_COUPLE) {
            chance.weighted(&origin::ORIGINS)
        } else {
            None
        };
        let origin = other_origin.unwrap_or(family.origin);
        Self { place, kin, is_male, is_child: place > 1, is_partner, origin }
    }

    fn family_names(&self, chance: &mut SeededRng, family: &Family) -> FamilyNames {
        let born = if self.is_partner {
            family_names::family_name(chance, self.origin)
        } else {
            family.name.clone()
        };
        let born = self.gendered(&born);
        if self.is_partner && !self.is_male && chance.happens(rates::MARRIED_NAME) {
            let partners = self.gendered(&family.name);
            let now = if chance.happens(rates::BOTH_NAMES) {
                format!("{partners}-{born}")
            } else {
                partners
            };
            return FamilyNames { now, before: Some(born) };
        }
        if !self.is_child && self.kin.is_none() && chance.happens(rates::OTHER_NAME_CHANGE) {
            let other = family_names::family_name(chance, self.origin);
            return FamilyNames { now: self.gendered(&other), before: Some(born) };
        }
        FamilyNames { now: born, before: None }
    }

    fn gendered(&self, name: &str) -> String {
        if self.is_male || self.kin.is_some() {
            name.to_owned()
        } else {
            family_names::for_woman(self.origin, name)
        }
    }
}

impl World {
    pub(super) fn add_household(&mut self, chance: &mut SeededRng, room: usize) {
        let customers = chance.weighted(&rates::CUSTOMERS_PER_HOUSEHOLD).unwrap_or(1).min(room);
        let origin = chance.weighted(&origin::ORIGINS).unwrap_or(Origin::Dutch);
        let name = family_names::family_name(chance, origin);
        let kin = if customers > 1 { kin(chance) } else { None };
        let landline = chance
            .happens(if kin.is_some() { rates::LANDLINE_OF_KIN } else { rates::LANDLINE })
            .then(|| {
                let area = chance.pick(&["10", "20", "30", "40", "50", "70"]);
                self.new_line(chance, "31", area, 7)
            });
        let first = self.people.len();
        let shares_nothing = kin.is_some() && landline.is_none();
        self.homes.push(Home {
            members: (first..first + customers).collect(),
            landline,
            mailbox: None,
        });
        let family =
            Family { first, customers, origin, name, first_is_male: chance.happens(500), kin };
        for place in 0..customers {
            self.add_member(chance, &family, place);
        }
        if customers > 1 && (shares_nothing || chance.happens(rates::FAMILY_MAILBOX)) {
            self.add_family_mailbox(chance, &family);
        }
        self.add_couple(chance, first);
    }

    fn add_member(&mut self, chance: &mut SeededRng, family: &Family, place: usize) {
        let member = Member::new(chance, family, place);
        let names = member.family_names(chance, family);
        let given = self.given_name(chance, family, &member);
        let Member { kin, origin, is_child, .. } = member;
        let person = Person {
            home: self.homes.len().saturating_sub(1),
            employer: (!is_child && chance.happens(rates::EMPLOYED)).then(|| {
                chance.below(self.employers.len()).min(chance.below(self.employers.len()))
            }),
            partner: (place < 2 && family.customers > 1 && family.kin.is_none())
                .then(|| family.first + 1 - place),
            kin,
            mailbox: None,
            second_mailbox: None,
            work_mailbox: None,
            mobile: self.mobile(chance, origin),
            mobile_before: None,
            given,
            family: names.now,
            family_before: names.before,
        };
        let may_lack_a_mailbox = is_child || (kin.is_some() && place == 1);
        self.add_person(chance, person, origin, may_lack_a_mailbox);
    }

    fn given_name(&self, chance: &mut SeededRng, family: &Family, member: &Member) -> String {
        match (family.kin, self.people.get(family.first)) {
            (Some(Kin::Alike(one, other)), _) if member.place < 2 => {
                if member.place == 0 { one } else { other }.to_owned()
            }
            (Some(Kin::Generations(_)), Some(father)) if member.place == 1 => father.given.clone(),
            (Some(Kin::Generations(_)), None) => {
                given_names::given_name(chance, member.origin, true)
            }
            _ => given_names::given_name(chance, member.origin, member.is_male),
        }
    }

    fn add_person(
        &mut self,
        chance: &mut SeededRng,
        mut person: Person,
        origin: Origin,
        may_lack_a_mailbox: bool,
    ) {
        let name_then = person
            .family_before
            .clone()
            .filter(|_| chance.happens(600))
            .unwrap_or_else(|| person.family.clone());
        if !may_lack_a_mailbox || !chance.happens(rates::CHILD_WITHOUT_MAILBOX) {
            person.mailbox = Some(self.private_mailbox(chance, &person.given, &name_then));
        }
        if chance.happens(rates::SECOND_MAILBOX) {
            person.second_mailbox =
                Some(self.private_mailbox(chance, &person.given, &person.family));
        }
        if let Some(employer) = person.employer.and_then(|n| self.employers.get(n)) {
            let domain = employer.domain.clone();
            person.work_mailbox = Some(self.new_mailbox(
                &format!("{}.{}", plain(&person.given), plain(&person.family)),
                &domain,
            ));
        }
        if chance.happens(rates::NEW_NUMBER) {
            let new = self.mobile(chance, origin);
            let before = std::mem::replace(&mut person.mobile, new);
            self.given_up.push_back(before.clone());
            person.mobile_before = Some(before);
        }
        self.people.push(person);
    }

    /// Adds a mailbox for the whole household. Most of these contain a word that says so.
    fn add_family_mailbox(&mut self, chance: &mut SeededRng, family: &Family) {
        let name = plain(&family.name);
        let others = self
            .people
            .get(family.first + 1)
            .map(|other| plain(&other.family))
            .filter(|other| *other != name);
        let number = 1 + chance.below(99);
        let mailbox = match (chance.below(10), others) {
            (0..=1, _) => format!("familie.{name}"),
            (2, _) => format!("fam.{name}{number}"),
            (3, _) => format!("fam{name}"),
            (4, _) => format!("gezin.{name}"),
            (5, _) => format!("family.{name}"),
            (6 | 7, Some(other)) => format!("{name}.{other}"),
            _ => format!("{name}{number}"),
        };
        let mailbox = self.new_mailbox(&mailbox, chance.pick_common(&PROVIDERS));
        if let Some(home) = self.homes.last_mut() {
            home.mailbox = Some(mailbox);
        }
    }

    /// Adds an account of a couple, if they share a landline or mailbox.
    fn add_couple(&mut self, chance: &mut SeededRng, first: usize) {
        let home = self.homes.len().saturating_sub(1);
        let Some(partner) = self.people.get(first).and_then(|person| person.partner) else {
            return;
        };
        let reachable = self
            .homes
            .get(home)
            .is_some_and(|home| home.landline.is_some() || home.mailbox.is_some());
        if reachable && chance.happens(rates::COUPLES_ACCOUNT) {
            self.couples.push(Couple { home, partners: [first, partner] });
        }
    }
}

fn kin(chance: &mut SeededRng) -> Option<Kin> {
    match chance.below(1_000) {
        n if n < rates::ALIKE_RELATIVES => Kin::alike(chance),
        n if n < rates::ALIKE_RELATIVES + rates::FATHER_AND_SON => Kin::generations(chance),
        _ => None,
    }
}
