//! The situations that records get into, and which of them a record is in.

/// What makes a record hard to tell whose it is, or easy to mistake for somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Situation {
    /// On the landline of a household with more than one customer.
    HouseholdLine,
    /// On a mailbox that several of a household use.
    FamilyMailbox,
    /// Of a couple, about both.
    CouplesAccount,
    /// On a line or mailbox with a relative whose given name is alike.
    AlikeRelatives,
    /// On a line or mailbox with the father, or son, of the same name.
    FatherAndSon,
    /// On the mobile phone of a partner.
    PartnersPhone,
    /// On the switchboard of an employer.
    UpstreamClientFactory,
    /// On a mailbox of a role: `info@`, or one that no list of such mailboxes knows.
    RoleMailbox,
    /// On a mobile number that belonged, or now belongs, to somebody else.
    RecycledNumber,
    /// The e-mail address has a typing error.
    EmailTypo,
    /// The name has a typing error.
    NameTypo,
    /// The phone number has a typing error.
    PhoneTypo,
    /// Of somebody who changed their family name.
    NameChange,
    /// Of somebody whose records give different e-mail addresses or numbers.
    SeveralAddresses,
    /// Another form of the given name: the passport's, a nickname.
    OtherForm,
    /// Initials in place of the given name.
    Initials,
    /// The given name alone, or the family name alone.
    HalfName,
    /// The particle of the family name left out, or written as one word with it.
    Particle,
    /// Marks left out.
    Marks,
    /// A double-barrelled name, or half of one.
    DoubleBarrelled,
    /// Capitals or small letters only.
    OddCase,
    /// The whole name, or what is written of it, in one field; sometimes the family name first, or the particle behind a comma.
    OneField,
    /// A title before the name, or a degree behind it.
    Title,
    /// The phone number in another spelling than E.164.
    PhoneSpelling,
    /// An address with something around it: a scheme, quotation marks, what nobody sees, a name.
    MessyAddress,
    /// No name and no e-mail address: known by phone only.
    PhoneOnly,
    /// No name and no phone number: known by e-mail only.
    EmailOnly,
    /// An address or name that was made up to fill a field.
    Placeholder,
    /// A reference to a record of another kind.
    Reference,
    /// An id for another system's record that no record has.
    StrangeId,
    /// One of several records of the person in one system.
    Duplicate,
    /// A profile that its source merged into another, or into which it did.
    MergedProfile,
}

impl Situation {
    /// Every situation, with the words of the report.
    pub const ALL: [(Self, &'static str); 32] = [
        (Self::HouseholdLine, "household's landline"),
        (Self::FamilyMailbox, "family mailbox"),
        (Self::CouplesAccount, "couple's account"),
        (Self::AlikeRelatives, "alike relatives"),
        (Self::FatherAndSon, "father and son"),
        (Self::PartnersPhone, "partner's phone"),
        (Self::UpstreamClientFactory, "switchboard"),
        (Self::RoleMailbox, "role mailbox"),
        (Self::RecycledNumber, "recycled number"),
        (Self::EmailTypo, "typing error, e-mail"),
        (Self::NameTypo, "typing error, name"),
        (Self::PhoneTypo, "typing error, phone"),
        (Self::NameChange, "name change"),
        (Self::SeveralAddresses, "several addresses"),
        (Self::OtherForm, "other form of name"),
        (Self::Initials, "initials"),
        (Self::HalfName, "half a name"),
        (Self::Particle, "particle left out"),
        (Self::Marks, "marks left out"),
        (Self::DoubleBarrelled, "double-barrelled"),
        (Self::OddCase, "capitals only"),
        (Self::OneField, "name in one field"),
        (Self::Title, "title or degree"),
        (Self::PhoneSpelling, "phone's spelling"),
        (Self::MessyAddress, "messy address"),
        (Self::PhoneOnly, "known by phone only"),
        (Self::EmailOnly, "known by e-mail only"),
        (Self::Placeholder, "placeholder"),
        (Self::Reference, "reference"),
        (Self::StrangeId, "id of nobody's"),
        (Self::Duplicate, "twice in one system"),
        (Self::MergedProfile, "merged by its source"),
    ];
}

/// A set of situations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Situations(u32);

impl Situations {
    fn bit(situation: Situation) -> u32 {
        Situation::ALL.iter().zip(0_u32..).find(|((known, _), _)| *known == situation).map_or(0, |(_, n)| 1 << n)
    }

    /// Adds one.
    pub fn add(&mut self, situation: Situation) {
        self.0 |= Self::bit(situation);
    }

    /// Adds one if so.
    pub fn add_if(&mut self, so: bool, situation: Situation) {
        if so {
            self.add(situation);
        }
    }

    /// Whether one is among them.
    #[must_use]
    pub fn has(self, situation: Situation) -> bool {
        self.0 & Self::bit(situation) != 0
    }

    /// Those of either.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
