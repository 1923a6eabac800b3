//! Marks situations that only show when records are compared.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::generated_record::GeneratedRecord;
use super::people::GeneratedPeople;
use super::records::Records;
use super::situation::Situation;
use super::spelling::Line;
use super::written::Written;

impl Records {
    /// Marks situations that only show when all records of a person are compared.
    pub(super) fn tag_together(&mut self, first: usize) {
        let own = self.records.get_mut(first..).unwrap_or_default();
        let different = |address: fn(&GeneratedRecord) -> Option<&Written>| {
            let meant = own.iter().filter_map(|record| address(record)?.meant.as_ref());
            meant.collect::<HashSet<_>>().len() > 1
        };
        let several =
            different(|record| record.email.as_ref()) || different(|record| record.phone.as_ref());
        for record in own {
            record.situations.add_if(several, Situation::SeveralAddresses);
        }
    }
}

/// Marks the records that share an address with another person's record.
pub(super) fn tag_shared(records: &mut [GeneratedRecord], generated: &GeneratedPeople) {
    let users = users_by_address(records);
    let recycled: HashSet<String> = generated.recycled.iter().map(Line::e164).collect();
    let in_household = |who: usize, address: &str| {
        let household = generated.household_of(who);
        users.get(address).is_some_and(|users| {
            users.iter().filter(|user| generated.household_of(**user) == household).count() > 1
        })
    };
    for record in records {
        let email = record.email.as_ref().and_then(|email| email.meant.as_deref());
        let is_familys = email.is_some_and(|email| in_household(record.person, email));
        record.situations.add_if(is_familys, Situation::FamilyMailbox);
        if record.addresses().any(|address| in_household(record.person, address))
            && let Some(relatives) =
                generated.people.get(record.person).and_then(|person| person.relatives)
        {
            record.situations.add(if relatives.has_the_others_name() {
                Situation::FatherAndSon
            } else {
                Situation::AlikeRelatives
            });
        }
        let Some(phone) = record.phone.as_ref().and_then(|phone| phone.meant.as_deref()) else {
            continue;
        };
        let is_landline = shared_landline(generated, record.person).as_deref() == Some(phone);
        let is_partners = !is_landline && in_household(record.person, phone);
        record.situations.add_if(is_landline, Situation::HouseholdLine);
        record.situations.add_if(is_partners, Situation::PartnersPhone);
        record.situations.add_if(recycled.contains(phone), Situation::RecycledNumber);
    }
}

/// The people whose records have each address.
fn users_by_address(records: &[GeneratedRecord]) -> HashMap<String, BTreeSet<usize>> {
    let mut users: HashMap<String, BTreeSet<usize>> = HashMap::new();
    for record in records {
        for address in record.addresses() {
            users.entry(address.to_owned()).or_default().insert(record.person);
        }
    }
    users
}

/// The landline of a household with several customers.
fn shared_landline(generated: &GeneratedPeople, who: usize) -> Option<String> {
    let household = generated
        .households
        .get(generated.household_of(who)?)
        .filter(|household| household.members.len() > 1)?;
    household.landline.as_ref().map(Line::e164)
}
