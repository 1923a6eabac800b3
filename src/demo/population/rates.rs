//! Frequencies. Unless a comment says otherwise: per 1,000. These are estimates of the right size for the Low
//! Countries, made before the first measurement. Hard cases are somewhat more frequent than in reality, so that every
//! situation occurs.

use crate::customer::model::source::SourceKind;

/// Customers per household.
pub(super) const CUSTOMERS_PER_HOUSEHOLD: [(usize, usize); 5] =
    [(1, 560), (2, 290), (3, 80), (4, 50), (5, 20)];
/// Households with a landline.
pub(super) const LANDLINE: usize = 350;
/// Households of several customers with a common mailbox.
pub(super) const FAMILY_MAILBOX: usize = 100;
/// Records of their members that contain it.
pub(super) const GIVES_FAMILY_MAILBOX: usize = 350;
/// Records with it that contain the family name only, of those with both names.
pub(super) const FAMILY_NAME_ALONE: usize = 80;
/// Couples with a landline or a family mailbox who have a common account.
pub(super) const COUPLES_ACCOUNT: usize = 60;
/// Of those, the couples with a second account.
pub(super) const SECOND_ACCOUNT: usize = 350;
/// Households of several customers in which two relatives have similar given names.
pub(super) const ALIKE_RELATIVES: usize = 35;
/// Households of several customers in which a father and a son have the same name.
pub(super) const FATHER_AND_SON: usize = 25;
/// Records of those that say which of the two it is.
pub(super) const SUFFIX_WRITTEN: usize = 850;
/// Relatives of either kind with a landline; the others have a family mailbox.
pub(super) const LANDLINE_OF_RELATIVES: usize = 600;
/// Their records that contain it: such relatives do more together than others.
pub(super) const RELATIVES_GIVE_LANDLINE: usize = 350;
/// Their records that contain the family mailbox.
pub(super) const RELATIVES_GIVE_FAMILY_MAILBOX: usize = 500;
/// Children, and the younger of such relatives, without a mailbox of their own: their records contain a parent's, or
/// none.
pub(super) const CHILD_WITHOUT_MAILBOX: usize = 400;
/// Couples of different origins.
pub(super) const MIXED_COUPLE: usize = 150;
/// Women in couples who changed their name, to the partner's or to both.
pub(super) const MARRIED_NAME: usize = 350;
/// Of those, the women with both names.
pub(super) const BOTH_NAMES: usize = 500;
/// Other people who changed their family name (for example after a divorce).
pub(super) const OTHER_NAME_CHANGE: usize = 10;
/// Adults whose employer has several customers of the brand.
pub(super) const EMPLOYED: usize = 350;
/// People per such employer. A few employers have far more.
pub(super) const PEOPLE_PER_EMPLOYER: usize = 12;
/// People with a second private mailbox.
pub(super) const SECOND_MAILBOX: usize = 250;
/// People with a new mobile number since they became customers.
pub(super) const NEW_NUMBER: usize = 100;
/// People whose mobile number belonged to somebody else before.
pub(super) const RECYCLED_NUMBER: usize = 25;
/// People with a foreign number, in addition to those of foreign origin.
pub(super) const FOREIGN_NUMBER: usize = 40;

/// Records of each kind, per 1,000 people. A person without any gets a contact.
pub(super) const PRESENT: [(SourceKind, usize); 5] = [
    (SourceKind::OmneoProfile, 600),
    (SourceKind::OmnioTapCustomer, 250),
    (SourceKind::OmnioTapContact, 500),
    (SourceKind::OmniLabParticipant, 350),
    (SourceKind::SyncarooMember, 150),
];
/// Records that exist twice, if the source does not keep people unique.
pub(super) const DUPLICATE: usize = 40;
/// Profiles into which their source merged another profile of the person.
pub(super) const MERGED_PROFILE: usize = 20;
/// Participants that refer to a profile, and customers that refer to a contact, if the person has one.
pub(super) const REFERENCE: usize = 350;
/// Participants with an id that belongs to no profile: the person took part before joining, or never joined.
pub(super) const STRANGE_ID: usize = 250;
/// People whose mailbox somebody else entered into a form.
pub(super) const FORGED_FORM: usize = 4;
/// Of those forms, the ones without a name.
pub(super) const FORGED_WITHOUT_NAME: usize = 300;
/// Of those forms, the ones under the victim's name. The rest has another name.
pub(super) const FORGED_VICTIMS_NAME: usize = 300;
/// Per 10,000 people: those whose mailbox was entered into many forms with different names.
pub(super) const MANY_FORGED_FORMS: usize = 4;
/// The number of such forms.
pub(super) const FORMS: usize = 15;
/// Records from before a change of name, number or mailbox.
pub(super) const BEFORE_THE_CHANGE: usize = 400;
/// Of those, the ones that were updated afterwards.
pub(super) const BROUGHT_UP_TO_DATE: usize = 250;

/// Records with another person's or a shared phone number: a household's landline, the employer's, the partner's.
pub(super) const GIVES_LANDLINE: usize = 200;
/// See [`GIVES_LANDLINE`].
pub(super) const GIVES_SWITCHBOARD: usize = 250;
/// See [`GIVES_LANDLINE`].
pub(super) const GIVES_PARTNERS_PHONE: usize = 15;
/// Records of employed people with their mailbox at work.
pub(super) const GIVES_WORK_MAILBOX: usize = 350;
/// Of those, the ones with a role mailbox instead of a personal one.
pub(super) const GIVES_ROLE_MAILBOX: usize = 120;
/// Records with the second mailbox, of people who have one.
pub(super) const GIVES_SECOND_MAILBOX: usize = 300;

/// Typing errors in an e-mail address, if the record has one.
pub(super) const EMAIL_TYPO: usize = 15;
/// Typing errors in a name.
pub(super) const NAME_TYPO: usize = 20;
/// Typing errors in a phone number.
pub(super) const PHONE_TYPO: usize = 15;
/// Placeholders in empty fields.
pub(super) const PLACEHOLDER: usize = 40;
/// Names with a title or a degree.
pub(super) const TITLE: usize = 50;
/// Addresses with extra text around them.
pub(super) const MESSY_ADDRESS: usize = 60;
/// Family names with a particle that are written without it, or in one word.
pub(super) const PARTICLE_LEFT_OUT: usize = 150;
/// Double family names of which only one is written.
pub(super) const HALF_BARREL: usize = 250;
/// Names in upper case or lower case only.
pub(super) const ODD_CASE: usize = 60;
/// Records with another form of the given name, if one exists: the passport's, a nickname.
pub(super) const OTHER_FORM: usize = 250;
/// Whole names in one field that begin with the family name: `de Vries, Jan`.
pub(super) const FAMILY_NAME_FIRST: usize = 20;
/// Whole names in one field with the particle after a comma: `Vries, Jan de`, `Jan Vries, de`.
pub(super) const PARTICLE_BEHIND: usize = 100;

/// What a kind of record contains, per 1,000.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frequencies {
    pub whole_name: usize,
    pub given_only: usize,
    pub family_only: usize,
    pub email: usize,
    pub phone: usize,
    pub initials: usize,
    pub without_marks: usize,
    pub one_field: usize,
    pub e164: usize,
}

/// The rates for a kind of record.
pub(super) const fn frequencies(kind: SourceKind) -> Frequencies {
    let all = Frequencies {
        whole_name: 950,
        given_only: 20,
        family_only: 10,
        email: 900,
        phone: 700,
        initials: 20,
        without_marks: 200,
        one_field: 0,
        e164: 300,
    };
    match kind {
        SourceKind::OmneoProfile => {
            Frequencies { whole_name: 930, given_only: 50, e164: 1_000, without_marks: 50, ..all }
        }
        SourceKind::OmnioTapCustomer => Frequencies { initials: 200, phone: 800, ..all },
        SourceKind::OmnioTapContact => Frequencies {
            whole_name: 780,
            given_only: 50,
            family_only: 60,
            email: 650,
            phone: 650,
            initials: 150,
            e164: 400,
            ..all
        },
        SourceKind::OmniLabParticipant => Frequencies {
            whole_name: 350,
            given_only: 300,
            family_only: 0,
            email: 850,
            phone: 250,
            ..all
        },
        SourceKind::SyncarooMember => Frequencies {
            whole_name: 900,
            given_only: 40,
            family_only: 40,
            phone: 300,
            one_field: 600,
            initials: 30,
            ..all
        },
    }
}
