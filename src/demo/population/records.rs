//! The records of the four systems about each person.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use super::chance::SeededRng;
use super::people::World;
use super::rates;
use super::situation::{Situation, Situations};
use super::spelling::{Line, messy_email, messy_phone, titled};
use super::writing::{FILLED_NAMES, Writer, Written, WrittenName};
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, RecordKey, SourceMerge, field};
use crate::customer::model::source::SourceKind;

/// A record while it is built, with its true values.
#[derive(Debug)]
pub(super) struct Draft {
    pub key: RecordKey,
    pub person: usize,
    pub situations: Situations,
    pub name: WrittenName,
    pub email: Option<Written>,
    pub phone: Option<Written>,
    /// The records that it is or refers to, with merges followed.
    pub ids: Vec<RecordKey>,
}

impl Draft {
    /// The addresses that it means.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        [&self.email, &self.phone]
            .into_iter()
            .flatten()
            .filter_map(|address| address.meant.as_deref())
    }
}

/// All records, and the changes that report them.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub drafts: Vec<Draft>,
    pub changes: Vec<Change>,
    /// Forged forms, with the person whose mailbox they contain.
    pub forged: BTreeMap<RecordKey, usize>,
    /// The addresses that a record of a unique kind already has.
    profiles_have: HashSet<String>,
}

/// The span of time in which customers register, in seconds: July 2017 to January 2026.
const FIRST_DAY: i64 = 1_500_000_000;
const DAYS: usize = 3_100;

impl Records {
    pub(super) fn of(world: &World, chance: &mut SeededRng) -> Self {
        let mut records = Self::default();
        for person in 0..world.people.len() {
            let first = records.drafts.len();
            let mut kinds: Vec<SourceKind> = rates::PRESENT
                .into_iter()
                .filter(|(_, rate)| chance.happens(*rate))
                .map(|(kind, _)| kind)
                .collect();
            if kinds.is_empty() {
                kinds.push(SourceKind::OmnioTapContact);
            }
            for kind in kinds {
                records.write(world, chance, person, kind);
                if kind.keeps_people_unique() {
                    if chance.happens(rates::MERGED_PROFILE) {
                        records.write(world, chance, person, kind);
                        records.merge_last_two(chance);
                    }
                } else if chance.happens(rates::DUPLICATE) {
                    records.write(world, chance, person, kind);
                    records.tag_last_two(Situation::Duplicate);
                }
            }
            records.refer(chance, first);
            records.tag_together(first);
        }
        for couple in 0..world.couples.len() {
            records.write_couple(world, chance, couple);
        }
        records.forge(world, chance);
        tag_shared(&mut records.drafts, world);
        records.shuffle(chance);
        records
    }

    /// Writes one record about a person, and updates some of them later.
    fn write(&mut self, world: &World, chance: &mut SeededRng, person: usize, kind: SourceKind) {
        let Some(whom) = world.people.get(person) else { return };
        let Some(key) = new_key(chance, kind) else { return };
        let changed = whom.family_before.is_some() || whom.mobile_before.is_some();
        let early = changed && chance.happens(rates::BEFORE_THE_CHANGE);
        let habits = rates::habits(kind);
        let unique = kind.keeps_people_unique();
        let mut writer = Writer {
            world,
            person: whom,
            habits,
            early,
            situations: Situations::default(),
            on_family_mailbox: false,
        };
        let mut name = writer.name(chance);
        let (mut email, mut phone) = (writer.email(chance), writer.phone(chance, unique));
        if unique {
            email = email.filter(|email| self.profiles_have.insert(email.text.to_lowercase()));
            phone = phone
                .filter(|phone| self.profiles_have.insert(phone.meant.clone().unwrap_or_default()));
        }
        if email.is_none() && phone.is_none() {
            let (mailbox, line) = writer.any_address(chance);
            email = mailbox
                .filter(|email| !unique || self.profiles_have.insert(email.text.to_lowercase()));
            phone = line.filter(|phone| {
                !unique || self.profiles_have.insert(phone.meant.clone().unwrap_or_default())
            });
        }
        writer.shorten(chance, &mut name);
        let mut fields = name_fields(&name, &mut writer, chance);
        let mut set = |slot: String,
                       address: Option<&Written>,
                       messy: fn(&mut SeededRng, &str) -> String,
                       writer: &mut Writer<'_>| {
            let Some(address) = address else { return };
            let is_messy = address.meant.is_some() && chance.happens(rates::MESSY_ADDRESS);
            writer.situations.add_if(is_messy, Situation::MessyAddress);
            let text = if is_messy { messy(chance, &address.text) } else { address.text.clone() };
            fields.insert(slot, Some(Value::from(text)));
        };
        set(format!("{}main", field::EMAIL), email.as_ref(), messy_email, &mut writer);
        set(slot_of(kind), phone.as_ref(), messy_phone, &mut writer);
        let created_at = match early {
            true => before_the_change(chance),
            false if changed || world.recycled.contains(&whom.mobile) => after_the_change(chance),
            false => some_time(chance),
        };
        fields.insert(field::CREATED_AT.to_owned(), Some(Value::from(created_at.to_string())));
        let mut draft = Draft {
            key: key.clone(),
            person,
            situations: writer.situations,
            name,
            email,
            phone,
            ids: vec![key],
        };
        let named = draft.name.given.is_some() || draft.name.family.is_some();
        draft
            .situations
            .add_if(!named && draft.email.is_none() && draft.phone.is_some(), Situation::PhoneOnly);
        draft
            .situations
            .add_if(!named && draft.phone.is_none() && draft.email.is_some(), Situation::EmailOnly);
        self.tell(&draft.key, created_at, fields);
        if early && chance.happens(rates::BROUGHT_UP_TO_DATE) {
            self.bring_up_to_date(world, chance, &mut draft, created_at);
        }
        self.drafts.push(draft);
    }

    pub(super) fn tell(
        &mut self,
        key: &RecordKey,
        at: Timestamp,
        fields: BTreeMap<String, Option<Value>>,
    ) {
        self.changes.push(Change::Record {
            key: key.clone(),
            update: Update { at, received_at: at, scope: Scope::Partial, fields },
        });
    }

    /// A later update: the new family name and number, in the correct spelling.
    fn bring_up_to_date(
        &mut self,
        world: &World,
        chance: &mut SeededRng,
        draft: &mut Draft,
        created_at: Timestamp,
    ) {
        let Some(person) = world.people.get(draft.person) else { return };
        let mut fields = BTreeMap::new();
        if draft.name.given.is_some() && draft.name.family.is_some() {
            draft.name.family = Some(person.family.clone());
            // A whole name in one field stays in that field, because parts override it.
            let (given, family) = draft.name.parts();
            fields.insert(field::FIRST_NAME.to_owned(), given.map(Value::from));
            fields.insert(field::LAST_NAME.to_owned(), family.map(Value::from));
        }
        let before = person.mobile_before.as_ref().map(Line::e164);
        let new = person.mobile.e164();
        let had_the_old = draft
            .phone
            .as_ref()
            .is_some_and(|phone| phone.meant.is_some() && phone.meant == before);
        if had_the_old
            && (!draft.key.kind.keeps_people_unique() || self.profiles_have.insert(new.clone()))
        {
            draft.phone = Some(Written { text: new.clone(), meant: Some(new.clone()) });
            fields.insert(slot_of(draft.key.kind), Some(Value::from(new)));
        }
        let later =
            created_at.as_second() + 86_400 * i64::try_from(1 + chance.below(300)).unwrap_or(1);
        self.tell(&draft.key.clone(), Timestamp::from_second(later).unwrap_or(created_at), fields);
    }

    fn tag_last_two(&mut self, situation: Situation) {
        for draft in self.drafts.iter_mut().rev().take(2) {
            draft.situations.add(situation);
        }
    }

    /// Merges the last two records, as their source does when it finds that they are one person.
    fn merge_last_two(&mut self, chance: &mut SeededRng) {
        self.tag_last_two(Situation::MergedProfile);
        let Some([winner, loser]) = self.drafts.last_chunk_mut() else { return };
        let at = FIRST_DAY + i64::try_from((DAYS + chance.below(100)) * 86_400).unwrap_or_default();
        loser.ids.clone_from(&winner.ids);
        self.changes.push(Change::Merge(SourceMerge {
            loser: loser.key.clone(),
            winner: winner.key.clone(),
            at: Timestamp::from_second(at).unwrap_or_default(),
        }));
    }

    /// Adds references between a person's records: from a participant to a profile, from a customer to a contact. Some
    /// participants get an id that looks like a profile's, but belongs to none.
    fn refer(&mut self, chance: &mut SeededRng, first: usize) {
        let own = self.drafts.get_mut(first..).unwrap_or_default();
        let keys: Vec<RecordKey> = own.iter().map(|draft| draft.key.clone()).collect();
        let mut told = Vec::new();
        for draft in own {
            let kind = match draft.key.kind {
                SourceKind::OmniLabParticipant => SourceKind::OmneoProfile,
                SourceKind::OmnioTapCustomer => SourceKind::OmnioTapContact,
                SourceKind::OmneoProfile
                | SourceKind::OmnioTapContact
                | SourceKind::SyncarooMember => continue,
            };
            let slot = format!("{}{}", field::REFERENCE, kind.as_str());
            if draft.key.kind == SourceKind::OmniLabParticipant && chance.happens(rates::STRANGE_ID)
            {
                draft.situations.add(Situation::StrangeId);
                let id = if chance.happens(500) {
                    format!("CONTACT-{}", chance.digits(9))
                } else {
                    format!("{:016x}{:08x}", chance.next(), chance.below(1 << 32))
                };
                told.push((draft.key.clone(), BTreeMap::from([(slot, Some(Value::from(id)))])));
                continue;
            }
            let Some(referred) = keys
                .iter()
                .find(|key| key.kind == kind)
                .filter(|_| chance.happens(rates::REFERENCE))
            else {
                continue;
            };
            draft.situations.add(Situation::Reference);
            draft.ids.push(referred.clone());
            told.push((
                draft.key.clone(),
                BTreeMap::from([(slot, Some(Value::from(referred.id.clone())))]),
            ));
        }
        for (key, fields) in told {
            self.tell(&key, Timestamp::from_second(FIRST_DAY).unwrap_or_default(), fields);
        }
    }

    /// Marks situations that only show when all records of a person are compared.
    fn tag_together(&mut self, first: usize) {
        let own = self.drafts.get_mut(first..).unwrap_or_default();
        let different = |address: fn(&Draft) -> Option<&Written>| {
            let meant = own.iter().filter_map(|draft| address(draft)?.meant.as_ref());
            meant.collect::<HashSet<_>>().len() > 1
        };
        let several =
            different(|draft| draft.email.as_ref()) || different(|draft| draft.phone.as_ref());
        for draft in own {
            draft.situations.add_if(several, Situation::SeveralAddresses);
        }
    }

    /// Changes arrive in any order.
    fn shuffle(&mut self, chance: &mut SeededRng) {
        for n in (1..self.changes.len()).rev() {
            self.changes.swap(n, chance.below(n + 1));
        }
    }
}

/// The key of a new record. It is never `None`, because the id is short.
pub(super) fn new_key(chance: &mut SeededRng, kind: SourceKind) -> Option<RecordKey> {
    RecordKey::new(kind, &format!("{:016x}{:08x}", chance.next(), chance.below(1 << 32)))
}

/// A random time in the whole span.
pub(super) fn some_time(chance: &mut SeededRng) -> Timestamp {
    time_within(chance, 0, DAYS)
}

/// A time in the first half of the span, before the person's changes.
fn before_the_change(chance: &mut SeededRng) -> Timestamp {
    time_within(chance, 0, DAYS / 2)
}

/// A time in the second half of the span. From then on, records contain reassigned numbers.
fn after_the_change(chance: &mut SeededRng) -> Timestamp {
    time_within(chance, DAYS / 2, DAYS)
}

fn time_within(chance: &mut SeededRng, first_day: usize, end: usize) -> Timestamp {
    let day = i64::try_from(first_day + chance.below(end - first_day)).unwrap_or_default();
    let second = i64::try_from(chance.below(86_400)).unwrap_or_default();
    Timestamp::from_second(FIRST_DAY + day * 86_400 + second).unwrap_or_default()
}

/// The field in which a kind of record has its phone number.
pub(super) fn slot_of(kind: SourceKind) -> String {
    let slot = if kind.keeps_people_unique() { "mobile" } else { "main" };
    format!("{}{slot}", field::PHONE)
}

fn name_fields(
    name: &WrittenName,
    writer: &mut Writer<'_>,
    chance: &mut SeededRng,
) -> BTreeMap<String, Option<Value>> {
    let mut fields = BTreeMap::new();
    let mut set = |field: &str, value: Option<&str>| {
        value.map(|value| fields.insert(field.to_owned(), Some(Value::from(value))))
    };
    match (&name.given, &name.family) {
        (None, None) if chance.happens(rates::PLACEHOLDER) => {
            set(field::FIRST_NAME, Some(chance.pick(&FILLED_NAMES)));
            set(field::LAST_NAME, chance.happens(500).then(|| chance.pick(&FILLED_NAMES)));
            writer.situations.add(Situation::Placeholder);
        }
        (Some(given), Some(family)) if chance.happens(rates::TITLE) => {
            let (given, family) =
                titled(chance, given, &name.parts().1.unwrap_or_else(|| family.clone()));
            if chance.happens(writer.habits.one_field) {
                set(field::FULL_NAME, Some(&format!("{given} {family}")));
                writer.situations.add(Situation::OneField);
            } else {
                set(field::FIRST_NAME, Some(&given));
                set(field::LAST_NAME, Some(&family));
            }
            writer.situations.add(Situation::Title);
        }
        (Some(_), _) | (_, Some(_)) if chance.happens(writer.habits.one_field) => {
            set(field::FULL_NAME, Some(&name.in_one(chance)));
            writer.situations.add(Situation::OneField);
        }
        _ => {
            let (given, family) = name.parts();
            set(field::FIRST_NAME, given.as_deref());
            set(field::LAST_NAME, family.as_deref());
        }
    }
    fields
}

/// Marks the records that share an address with another person's record.
fn tag_shared(drafts: &mut [Draft], world: &World) {
    let mut users: HashMap<String, BTreeSet<usize>> = HashMap::new();
    for draft in &*drafts {
        for address in draft.addresses() {
            users.entry(address.to_owned()).or_default().insert(draft.person);
        }
    }
    let recycled: HashSet<String> = world.recycled.iter().map(Line::e164).collect();
    let home_of = |who: usize| world.home_of(who).and_then(|home| world.homes.get(home));
    let at_home = |who: usize, address: &str| {
        let home = world.home_of(who);
        users.get(address).is_some_and(|users| {
            users.iter().filter(|user| world.home_of(**user) == home).count() > 1
        })
    };
    for draft in drafts {
        let landline = home_of(draft.person)
            .filter(|home| home.members.len() > 1)
            .and_then(|home| home.landline.as_ref())
            .map(Line::e164);
        let email = draft.email.as_ref().and_then(|email| email.meant.as_deref());
        draft.situations.add_if(
            email.is_some_and(|email| at_home(draft.person, email)),
            Situation::FamilyMailbox,
        );
        if draft.addresses().any(|address| at_home(draft.person, address))
            && let Some(kin) = world.people.get(draft.person).and_then(|person| person.kin)
        {
            draft.situations.add(if kin.has_the_others_name() {
                Situation::FatherAndSon
            } else {
                Situation::AlikeRelatives
            });
        }
        let Some(phone) = draft.phone.as_ref().and_then(|phone| phone.meant.as_deref()) else {
            continue;
        };
        draft.situations.add_if(landline.as_deref() == Some(phone), Situation::HouseholdLine);
        draft.situations.add_if(
            landline.as_deref() != Some(phone) && at_home(draft.person, phone),
            Situation::PartnersPhone,
        );
        draft.situations.add_if(recycled.contains(phone), Situation::RecycledNumber);
    }
}
