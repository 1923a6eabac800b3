//! Makes pages from templates.

use minijinja::{Environment, context};
use serde::Serialize;

use super::frame::Frame;
use super::reply::{Refusal, Reply};
use super::visit::Visit;

/// Makes a page.
pub(super) fn render(
    environment: &Environment<'_>,
    template: &str,
    frame: &Frame,
    page: &impl Serialize,
) -> Result<String, Refusal> {
    let rendered = environment
        .get_template(template)
        .and_then(|template| template.render(context! { frame => frame, page => page }));
    rendered.map_err(|error| {
        // The text of an error may contain what was to be shown.
        tracing::error!(template, kind = %error.kind(), line = error.line(), "a page of the console failed");
        Refusal::Template
    })
}

impl Visit {
    /// Makes a page of the console. `section` is the path of the item of the navigation that it belongs to.
    pub(super) fn page(
        &self,
        template: &str,
        (section, title): (&str, &str),
        page: &impl Serialize,
    ) -> Result<Reply, Refusal> {
        let frame = Frame::new(self, section, title);
        let html = render(&self.console.environment, template, &frame, page)?;
        Ok(if self.mistake.is_empty() { Reply::Page(html) } else { Reply::FormAgain(html) })
    }

    /// Goes to a page of this brand after an act. `done` is one of the names of `frame.rs`.
    pub(super) fn redirect(&self, path: &str, done: &str) -> Reply {
        let separator = if path.contains('?') { '&' } else { '?' };
        Reply::Redirect(format!("{path}{separator}done={done}"))
    }
}
