//! The documents that come with the service, as pages: how to connect the sources, and all others of `deploy/`.

use std::borrow::Cow;

use minijinja::Value;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html::push_html};
use serde::Serialize;

use crate::console::reply::{Refusal, Reply};
use crate::console::visit::Visit;

/// Each document: its name in the path, its title, and its text.
const DOCUMENTS: [(&str, &str, &str); 9] = [
    ("readme", "Documents", include_str!("../../../deploy/README.md")),
    ("connect", "Connect", include_str!("../../../deploy/connect.md")),
    ("agents", "Agents", include_str!("../../../deploy/agents.md")),
    ("operate", "Operate", include_str!("../../../deploy/operate.md")),
    ("metrics", "Metrics", include_str!("../../../deploy/metrics.md")),
    ("runbook", "Alerts", include_str!("../../../deploy/runbook.md")),
    ("privacy", "Privacy", include_str!("../../../deploy/privacy.md")),
    ("changelog", "Changes", include_str!("../../../deploy/CHANGELOG.md")),
    (SETTINGS, "Settings", include_str!("../../../deploy/settings.example.toml")),
];

/// The document that is a file of settings.
const SETTINGS: &str = "settings.example.toml";

#[derive(Serialize)]
struct DocumentPage {
    /// HTML that this module wrote.
    text: Value,
}

/// A document.
pub(super) fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let (_, title, text) = find(&visit.id).ok_or(Refusal::NotFound)?;
    let text = match visit.id.as_str() {
        SETTINGS => Cow::from(format!("# {title}\n\n```toml\n{text}\n```\n")),
        _ => Cow::from(text),
    };
    let html = as_html(&text, |name| visit.path(&format!("/documents/{name}")));
    let page = DocumentPage { text: Value::from_safe_string(html) };
    visit.page("document.html", ("/documents/readme", title), &page)
}

fn find(name: &str) -> Option<(&'static str, &'static str, &'static str)> {
    DOCUMENTS.into_iter().find(|(own, ..)| *own == name)
}

/// A document as HTML. `path_of` is the path of the document with a name.
fn as_html(text: &str, path_of: impl Fn(&str) -> String) -> String {
    let events: Vec<Event<'_>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    // Of each link that is open, whether it leads to somewhere.
    let mut links = Vec::new();
    let shown = events.iter().enumerate().filter_map(|(at, event)| match event {
        Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
            Some(Event::Start(Tag::Heading {
                level: *level,
                id: Some(anchor(events.iter().skip(at)).into()),
                classes: classes.clone(),
                attrs: attrs.clone(),
            }))
        }
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = target(dest_url, &path_of);
            links.push(dest_url.is_some());
            Some(Event::Start(Tag::Link {
                link_type: *link_type,
                dest_url: dest_url?.into(),
                title: title.clone(),
                id: id.clone(),
            }))
        }
        Event::End(TagEnd::Link) => links.pop().unwrap_or_default().then(|| event.clone()),
        // What is too wide can be scrolled, also with the keyboard.
        Event::Start(Tag::CodeBlock(_)) => Some(Event::Html("<pre tabindex=\"0\">".into())),
        Event::End(TagEnd::CodeBlock) => Some(Event::Html("</pre>\n".into())),
        Event::Start(Tag::Table(_)) => {
            Some(Event::Html("<div class=\"scroll plain\" tabindex=\"0\"><table>".into()))
        }
        Event::End(TagEnd::Table) => Some(Event::Html("</tbody></table></div>\n".into())),
        event => Some(event.clone()),
    });
    let mut html = String::new();
    push_html(&mut html, shown);
    html
}

/// The anchor of the heading that `events` begin with, as code hosts make it: links between the documents have it.
fn anchor<'a>(events: impl Iterator<Item = &'a Event<'a>>) -> String {
    let texts = events.take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let letters = texts.flat_map(|event| match event {
        Event::Text(text) | Event::Code(text) => text.to_lowercase().chars().collect(),
        _ => Vec::new(),
    });
    letters
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            letter => (letter.is_alphanumeric() || "-_".contains(letter)).then_some(letter),
        })
        .collect()
}

/// Where a link leads: into this document, to another one, or to another site. `None` for files that are no document.
fn target(link: &str, path_of: impl Fn(&str) -> String) -> Option<String> {
    if link.starts_with('#') || link.starts_with("https://") {
        return Some(link.to_owned());
    }
    let (file, part) = link.split_once('#').unwrap_or((link, ""));
    let name = file.strip_suffix(".md").unwrap_or(file).to_lowercase();
    let (name, ..) = find(&name)?;
    let part = if part.is_empty() { String::new() } else { format!("#{part}") };
    Some(format!("{}{part}", path_of(name)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn html(text: &str) -> String {
        as_html(text, |name| format!("/demo/documents/{name}"))
    }

    #[test]
    fn links_lead_to_documents_and_other_files_are_not_links() {
        let text = "## Find out `what` is wrong\n\n[a](#find-out-what-is-wrong) [b](operate.md#backups) [c](../README.md) [e](settings.example.toml) \
                    [d](https://docs.rs/minijinja)";
        let html = html(text);
        assert_eq!(
            html,
            "<h2 id=\"find-out-what-is-wrong\">Find out <code>what</code> is wrong</h2>\n\
             <p><a href=\"#find-out-what-is-wrong\">a</a> <a href=\"/demo/documents/operate#backups\">b</a> c <a href=\"/demo/documents/settings.example.toml\">e</a> \
             <a href=\"https://docs.rs/minijinja\">d</a></p>\n"
        );
    }

    #[test]
    fn every_link_between_documents_has_its_heading() {
        let pages = DOCUMENTS.map(|(name, _, text)| (name, html(text)));
        let mut anchors = BTreeSet::new();
        for (name, page) in &pages {
            let ids = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next());
            anchors.extend(ids.map(|id| format!("/demo/documents/{name}#{id}")));
        }
        for (name, _, text) in DOCUMENTS {
            for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
                let Event::Start(Tag::Link { dest_url, .. }) = event else { continue };
                let is_elsewhere = dest_url.starts_with("../") || !dest_url.contains(".md");
                let is_link = target(&dest_url, ToOwned::to_owned).is_some();
                assert!(is_link || is_elsewhere, "{name}: {dest_url}");
            }
        }
        let mut found = 0;
        for (name, page) in &pages {
            assert!(!page.contains("style="), "{name}: the console forbids styles in pages");
            for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let link = match link.strip_prefix('#') {
                    Some(id) => format!("/demo/documents/{name}#{id}"),
                    None => link.to_owned(),
                };
                let is_known = !link.contains('#') || anchors.contains(&link);
                assert!(is_known || link.starts_with("https://"), "{name}: {link}");
                found += 1;
            }
        }
        assert!(found > 50, "{found} links");
    }
}
