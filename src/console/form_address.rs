//! What a form asks for, in the address of the page that answers it.
//!
//! A search may name a person, so it is sent in a form. The answer to that form leads to a page whose address contains the
//! form encrypted: nobody can read it there, and going back, a reload and a second tab work. Only the session that asked can
//! open it: somebody else would see what was asked, or would be in the audit log for a question that they never asked.

use uuid::Uuid;

use super::reply::Reply;
use super::route::ConsoleRoute;
use super::visit::Visit;
use crate::brand::Brand;
use crate::http::form::Form;
use crate::sealed_texts::SealedTexts;

/// The field of the query.
const FIELD: &str = "asked";

/// Proxies accept addresses of 8 KiB at least.
const MAX_BYTES: usize = 6 * 1024;

/// The form in the address of a page. It has no fields if there is none, or if it was made for another page, brand or session.
pub(super) fn form_in(brand: &Brand, route: ConsoleRoute, session_id: Uuid, query: &Form) -> Form {
    let sealed = query.value(FIELD);
    if sealed.is_empty() || sealed.len() > MAX_BYTES {
        return Form::default();
    }
    let text = SealedTexts::new(brand, &purpose(route, session_id)).open(sealed);
    text.map(|text| Form::parse(text.as_bytes())).unwrap_or_default()
}

/// The forms of a page are of no use on another one, or in another session.
fn purpose(route: ConsoleRoute, session_id: Uuid) -> String {
    format!("console form {} of {session_id}", route.pattern())
}

impl Visit {
    /// Goes to the page that answers the form that was sent. `path` is that of the page, which has the same pattern as the
    /// form. `None` if the form is too large for an address.
    pub(super) fn go_and_ask(&self, path: &str) -> Option<Reply> {
        self.go_with(self.route, path, &self.form)
    }

    /// Goes to a page with fields that only this session can read, and only there. `None` if they are too large for an
    /// address.
    pub(super) fn go_with(&self, page: ConsoleRoute, path: &str, form: &Form) -> Option<Reply> {
        let purpose = purpose(page, self.member.session_id);
        let sealed = SealedTexts::new(&self.brand, &purpose).seal(&form.to_text());
        let fits = !sealed.is_empty() && sealed.len() <= MAX_BYTES;
        fits.then(|| Reply::Redirect(format!("{path}?{FIELD}={sealed}")))
    }
}
