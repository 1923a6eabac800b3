//! Situations of records, and which of them apply to a record.

/// A reason why a record is hard to assign to its person, or easy to confuse with another person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Situation {
    /// It has the landline of a household with more than one customer.
    HouseholdLine,
    /// It has a mailbox that several people of a household use.
    FamilyMailbox,
    /// It belongs to a couple.
    CouplesAccount,
    /// It shares a line or mailbox with a relative who has a similar given name.
    AlikeRelatives,
    /// It shares a line or mailbox with the father or son with the same name.
    FatherAndSon,
    /// It has the mobile number of a partner.
    PartnersPhone,
    /// It has the switchboard of an employer.
    Switchboard,
    /// It has a role mailbox: `info@`, or one that no list of role mailboxes contains.
    RoleMailbox,
    /// It has a mobile number that belonged, or now belongs, to somebody else.
    RecycledNumber,
    /// The e-mail address has a typing error.
    EmailTypo,
    /// The name has a typing error.
    NameTypo,
    /// The phone number has a typing error.
    PhoneTypo,
    /// The person changed the family name.
    NameChange,
    /// The person's records have different e-mail addresses or numbers.
    SeveralAddresses,
    /// Another form of the given name: the passport's, a nickname.
    OtherForm,
    /// Initials instead of the given name.
    Initials,
    /// Only the given name, or only the family name.
    HalfName,
    /// The particle of the family name is missing, or joined to the name.
    Particle,
    /// Diacritics are missing.
    Marks,
    /// A double family name, or half of one.
    DoubleBarrelled,
    /// Upper case or lower case only.
    OddCase,
    /// The whole name in one field; sometimes with the family name first, or the particle after a comma.
    OneField,
    /// A title before the name, or a degree after it.
    Title,
    /// The phone number is not in E.164.
    PhoneSpelling,
    /// An address with extra text: a scheme, quotation marks, invisible characters, a name.
    MessyAddress,
    /// No name and no e-mail address, only a phone number.
    PhoneOnly,
    /// No name and no phone number, only an e-mail address.
    EmailOnly,
    /// An invented address or name that fills a field.
    Placeholder,
    /// A reference to a record of another kind.
    Reference,
    /// An id of another system that no record has.
    StrangeId,
    /// The person has several records in one system.
    Duplicate,
    /// A profile that its source merged into another one, or that absorbed another one.
    MergedProfile,
}

impl Situation {
    /// Every situation, with its name in the report.
    pub const ALL: [(Self, &'static str); 32] = [
        (Self::HouseholdLine, "household's landline"),
        (Self::FamilyMailbox, "family mailbox"),
        (Self::CouplesAccount, "couple's account"),
        (Self::AlikeRelatives, "similar relatives"),
        (Self::FatherAndSon, "father and son"),
        (Self::PartnersPhone, "partner's phone"),
        (Self::Switchboard, "switchboard"),
        (Self::RoleMailbox, "role mailbox"),
        (Self::RecycledNumber, "recycled number"),
        (Self::EmailTypo, "typing error, e-mail"),
        (Self::NameTypo, "typing error, name"),
        (Self::PhoneTypo, "typing error, phone"),
        (Self::NameChange, "name change"),
        (Self::SeveralAddresses, "several addresses"),
        (Self::OtherForm, "other form of the name"),
        (Self::Initials, "initials"),
        (Self::HalfName, "incomplete name"),
        (Self::Particle, "particle missing"),
        (Self::Marks, "diacritics missing"),
        (Self::DoubleBarrelled, "double family name"),
        (Self::OddCase, "one case only"),
        (Self::OneField, "name in one field"),
        (Self::Title, "title or degree"),
        (Self::PhoneSpelling, "phone spelling"),
        (Self::MessyAddress, "messy address"),
        (Self::PhoneOnly, "phone only"),
        (Self::EmailOnly, "e-mail only"),
        (Self::Placeholder, "placeholder"),
        (Self::Reference, "reference"),
        (Self::StrangeId, "id of no record"),
        (Self::Duplicate, "duplicate in a system"),
        (Self::MergedProfile, "merged by its source"),
    ];
}

/// A set of situations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Situations(u32);

impl Situations {
    fn bit(situation: Situation) -> u32 {
        Situation::ALL
            .iter()
            .zip(0_u32..)
            .find(|((known, _), _)| *known == situation)
            .map_or(0, |(_, n)| 1 << n)
    }

    /// Adds a situation.
    pub fn add(&mut self, situation: Situation) {
        self.0 |= Self::bit(situation);
    }

    /// Adds a situation if `so` is true.
    pub fn add_if(&mut self, so: bool, situation: Situation) {
        if so {
            self.add(situation);
        }
    }

    /// Whether the set contains a situation.
    #[must_use]
    pub fn has(self, situation: Situation) -> bool {
        self.0 & Self::bit(situation) != 0
    }

    /// The situations of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
