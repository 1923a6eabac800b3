//! Marks situations that only show when records are compared.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::draft::Draft;
use super::people::World;
use super::records::Records;
use super::situation::Situation;
use super::spelling::Line;
use super::written::Written;

impl Records {
    /// Marks situations that only show when all records of a person are compared.
    pub(super) fn tag_together(&mut self, first: usize) {
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
}

/// Marks the records that share an address with another person's record.
pub(super) fn tag_shared(drafts: &mut [Draft], world: &World) {
    let users = users_by_address(drafts);
    let recycled: HashSet<String> = world.recycled.iter().map(Line::e164).collect();
    let at_home = |who: usize, address: &str| {
        let home = world.home_of(who);
        users.get(address).is_some_and(|users| {
            users.iter().filter(|user| world.home_of(**user) == home).count() > 1
        })
    };
    for draft in drafts {
        let email = draft.email.as_ref().and_then(|email| email.meant.as_deref());
        let is_familys = email.is_some_and(|email| at_home(draft.person, email));
        draft.situations.add_if(is_familys, Situation::FamilyMailbox);
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
        let is_landline = shared_landline(world, draft.person).as_deref() == Some(phone);
        let is_partners = !is_landline && at_home(draft.person, phone);
        draft.situations.add_if(is_landline, Situation::HouseholdLine);
        draft.situations.add_if(is_partners, Situation::PartnersPhone);
        draft.situations.add_if(recycled.contains(phone), Situation::RecycledNumber);
    }
}

/// The people whose records have each address.
fn users_by_address(drafts: &[Draft]) -> HashMap<String, BTreeSet<usize>> {
    let mut users: HashMap<String, BTreeSet<usize>> = HashMap::new();
    for draft in drafts {
        for address in draft.addresses() {
            users.entry(address.to_owned()).or_default().insert(draft.person);
        }
    }
    users
}

/// The landline of a household with several customers.
fn shared_landline(world: &World, who: usize) -> Option<String> {
    let home = world.homes.get(world.home_of(who)?).filter(|home| home.members.len() > 1)?;
    home.landline.as_ref().map(Line::e164)
}
