//! The files that the page loads. They are part of the program; no other site is asked for anything.

/// The stylesheet of the console, and what this page has besides.
const STYLE: &str =
    concat!(include_str!("../console/assets/console.css"), include_str!("assets/agent.css"));

/// A file by its name: the type and the content. `None` if there is no such file.
pub(super) fn find(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "agent.css" => Some(("text/css; charset=utf-8", STYLE)),
        "agent.js" => Some(("text/javascript; charset=utf-8", include_str!("assets/agent.js"))),
        "icon.svg" => Some(("image/svg+xml", include_str!("../console/assets/icon.svg"))),
        _ => None,
    }
}
