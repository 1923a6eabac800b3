//! Which names the templates of a brand use. A name that does not exist prints nothing, so only a check finds it.

use std::collections::BTreeSet;

use minijinja::Environment;

use super::presentation_rules::PresentationRules;
use super::template_check::tags;
use super::template_facts::{AGENT_PAGE, ROOTS};

/// A name in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedName {
    /// The template's place in the settings.
    pub template: String,
    /// What the name begins with, such as `omneo` or `event`.
    pub root: String,
    /// The name below it, such as `tier`.
    pub name: String,
}

/// The names in the brand's own templates. Templates that do not compile are left out.
#[must_use]
pub fn used_names(rules: &PresentationRules) -> Vec<UsedName> {
    let mut used = Vec::new();
    for template in rules.own_templates() {
        let mut environment = Environment::new();
        if environment.add_template_owned("own", template.source.clone()).is_err() {
            continue;
        }
        let names = environment.get_template("own").map(|own| own.undeclared_variables(true));
        let mut names: BTreeSet<(String, String)> =
            names.unwrap_or_default().iter().filter_map(|name| root_and_name(name)).collect();
        names.extend(subscripts(&template.source));
        used.extend(names.into_iter().map(|(root, name)| UsedName {
            template: template.name.clone(),
            root,
            name,
        }));
    }
    used
}

/// The brand's own templates that print the link to the agent page.
#[must_use]
pub fn templates_with_agent_page(rules: &PresentationRules) -> Vec<String> {
    let prints = |source: &str| {
        let mut environment = Environment::new();
        environment.add_template("own", source).is_ok()
            && environment
                .get_template("own")
                .is_ok_and(|own| own.undeclared_variables(false).contains(AGENT_PAGE))
    };
    let own = rules.own_templates().into_iter();
    own.filter(|template| prints(&template.source)).map(|template| template.name).collect()
}

/// `omneo` and `tier` for `omneo.tier.length`.
fn root_and_name(name: &str) -> Option<(String, String)> {
    let (root, rest) = name.split_once('.')?;
    let name = rest.split('.').next()?;
    ROOTS.contains(&root).then(|| (root.to_owned(), name.to_owned()))
}

/// Names that are written as `omneo["tier"]`.
fn subscripts(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for tag in tags(source) {
        for root in ROOTS {
            let starts = tag.match_indices(root).map(|(start, _)| start);
            found.extend(starts.filter_map(|start| {
                let before = tag.get(..start)?.chars().next_back();
                let is_whole = before.is_none_or(|c| !c.is_alphanumeric() && !"_.\"'".contains(c));
                let rest = tag.get(start.checked_add(root.len())?..)?.trim_start();
                let rest = rest.strip_prefix('[')?.trim_start();
                let quote = rest.chars().next().filter(|c| "\"'".contains(*c) && is_whole)?;
                let name = rest.strip_prefix(quote)?.split(quote).next()?;
                Some((root.to_owned(), name.to_owned()))
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_brackets_are_found() {
        let of = |source: &str| subscripts(source);
        let one = |root: &str, name: &str| vec![(root.to_owned(), name.to_owned())];
        assert_eq!(of("{{ omneo[\"custom_a-b\"] | upper }}"), one("omneo", "custom_a-b"));
        assert_eq!(of("{% if event [ 'total' ] %}x{% endif %}"), one("event", "total"));
        assert_eq!(of("{{ my_omneo[\"a\"] }} omneo[\"b\"] {{ 'omneo[\"c\"]' }}"), []);
    }
}
