//! The search, the page of a customer, its timeline, and what people do there.

use std::collections::BTreeSet;

use hookpoint::admin::decisions::Act;
use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::SourceKind;
use hookpoint::record_links::RecordLinks;
use hookpoint::storage::audit_log::{ActionRow, AuditFilter, list_audit};

use super::*;

const LINE: &str = "+31644556677";

pub fn update(fields: &[(&str, &str)]) -> Update {
    let at = "2026-11-20T10:00:00Z".parse().unwrap();
    let fields =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).into()))).collect();
    Update { at, received_at: at, scope: Scope::Partial, fields }
}

pub fn person(record: &str, (first, last): (&str, &str), email: &str, phone: &str) -> Change {
    let fields =
        [("name.first", first), ("name.last", last), ("email.main", email), ("phone.main", phone)];
    let said: Vec<(&str, &str)> =
        fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Change::Record { key: record.parse().unwrap(), update: update(&said) }
}

/// A couple with one phone.
fn couple() -> Vec<Change> {
    vec![
        person("omneo.profile:ruben", ("Ruben", "Smit"), "ruben@example.org", LINE),
        person("omniotap.contact:sanne", ("Sanne", "Jansen"), "sanne@example.org", LINE),
    ]
}

async fn with(changes: Vec<Change>) -> TestApp {
    let app = TestApp::start_with(settings_with_console()).await;
    app.apply(changes).await;
    app.wait_until_current().await;
    app
}

fn plain(html: &str) -> String {
    html.replace("&#x2f;", "/")
}

/// The paths, below the brand, of the customers that a page links to.
fn paths(html: &str) -> Vec<String> {
    let links = plain(html);
    let links = links.split("href=\"/demo/customers/").skip(1);
    let mut paths = Vec::new();
    for link in links {
        let path = format!("/customers/{}", link.split(['"', '/', '?']).next().unwrap());
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// The value of a hidden field.
fn hidden(html: &str, name: &str) -> String {
    let field = html.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    plain(field.split('"').next().unwrap())
}

impl Person<'_> {
    pub async fn search(&self, text: &str) -> String {
        let found = self.submit("/customers", &[("text", text)]).await;
        assert_eq!(found.status, 200, "{text}: {}", found.body);
        found.body
    }

    /// The path of the only customer that a search finds.
    pub async fn path_of(&self, text: &str) -> String {
        let found = paths(&self.search(text).await);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found[0].clone()
    }

    /// Opens the preview of an act, and decides it.
    async fn decide(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let shown = self.submit(&format!("{path}/preview"), fields).await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        let state = hidden(&shown.body, "state");
        let fields = [fields, &[("state", state.as_str()), ("reason", "ticket 4711")]].concat();
        self.submit(&format!("{path}/decide"), &fields).await
    }

    /// Undoes the newest decision on the page of a customer.
    async fn undo(&self, page: &str) {
        let page = plain(page);
        let before = page.split("#undo\"").next().unwrap();
        let decision = before.rsplit("href=\"/demo").next().unwrap();
        let shown = self.page(decision).await;
        assert!(shown.contains("If it is undone"), "{shown}");
        let fields = [("state", hidden(&shown, "state")), ("reason", "a mistake".to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let undone = self.submit(&format!("{decision}/undo"), &fields).await;
        let after = format!("/demo{decision}?done=undone");
        assert_eq!(undone.header("location"), Some(after.as_str()), "{}", undone.body);
        self.app.wait_until_current().await;
    }
}

async fn audit(app: &TestApp, action: &str) -> Vec<ActionRow> {
    let mut rows = list_audit(app.pool(), app.brand.id(), AuditFilter::ALL, 1_000).await.unwrap();
    rows.retain(|row| row.action == action);
    rows
}

#[tokio::test]
async fn a_customer_is_found_by_everything_that_is_known_about_it() {
    let app = app_with_console().await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    assert!(femke.page("/customers").await.contains("name=\"text\""));
    let mut found = BTreeSet::new();
    for text in [
        " thomas@example.org ",
        "THOMAS@example.org",
        "+31612312311",
        "06 12 31 23 11",
        "679964aa-c748-484d-89d9-5c968ab3f6c0",
        "CONTACT-1001",
        "omneo.profile:679964aa-c748-484d-89d9-5c968ab3f6c0",
        "NL-2026-00042",
        "nl-2026-00042",
        "Thomas Bakker",
        "bakker thomas",
        "Bakker, Tho",
    ] {
        let page = femke.search(text).await;
        assert!(page.contains("Thomas Bakker"), "{text}: {page}");
        found.insert(paths(&page).into_iter().next().unwrap());
    }
    assert_eq!(found.len(), 1, "all of them lead to one page: {found:?}");
    let both = femke.search(LINE).await;
    assert_eq!(paths(&both).len(), 2, "both people on one phone: {both}");
    let nobody = femke.search("nobody@example.org").await;
    assert!(nobody.contains("Nobody matches") && nobody.contains("value=\"nobody@example.org\""));
    for odd in ["", " ", "%", "'", "\u{0}", "a\u{1f}b", &"x".repeat(4_000), "👩‍👩‍👧 de 王"]
    {
        femke.search(odd).await;
    }

    let searches = audit(&app, "search customers").await;
    assert!(searches.iter().all(|row| row.done_by == "Femke"), "nobody else searched");
    assert!(searches.iter().any(|row| row.target == "2 customers" && !row.subjects.is_empty()));
    let before = searches.len();
    let viewer = Person::enter(&app, Role::Viewer).await;
    let masked = viewer.search("thomas@example.org").await;
    assert!(masked.contains("Customer #") && masked.contains(">••••••<"), "{masked}");
    assert!(masked.contains("supervisors and admins see them"), "{masked}");
    let both = viewer.search(LINE).await;
    let names: BTreeSet<&str> = both.split("Customer #").skip(1).map(|text| &text[..6]).collect();
    assert_eq!(names.len(), 2, "two people on one phone are told apart: {both}");
    for value in ["Thomas", "Bakker", "+31612312311", "679964aa"] {
        assert!(!masked.contains(value), "{value}: {masked}");
    }
    assert!(viewer.search("Thomas Bakker").await.contains("Nobody matches"), "letter by letter");
    assert_eq!(audit(&app, "search customers").await.len(), before + 3, "viewers search, too");
    app.stop().await;
}

#[tokio::test]
async fn more_customers_than_a_page_shows_are_cut() {
    let many = (0..60).map(|n| {
        let record = format!("omneo.profile:{n:03}");
        person(&record, (&format!("Piet {n}"), "van Dam"), &format!("p{n}@example.org"), "")
    });
    let app = with(many.collect()).await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let found = femke.search("van Dam").await;
    assert_eq!(paths(&found).len(), 50);
    assert!(found.contains("More than 50 customers match"), "{found}");
    app.stop().await;
}

#[tokio::test]
async fn the_page_says_what_an_agent_sees_and_why() {
    let app = app_with_console().await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of("thomas@example.org").await;
    let page = plain(&femke.page(&path).await);
    for text in [
        "<h1>Thomas Bakker</h1>",
        "thomas@example.org",
        "+31612312311",
        "loyaltyTier",
        "&quot;customerFirstname&quot;: &quot;Thomas&quot;",
        "Why these records belong together",
        "omniotap.contact:",
        "customer.first_name",
        "Nobody decided anything",
        "All events",
        "Join with another customer",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("Erase …"), "only an admin erases");
    let views = audit(&app, "view customer").await;
    assert_eq!(views.len(), 1);
    assert!(!views[0].subjects.is_empty() && views[0].target.is_empty());
    assert!(femke.page(&path).await.contains("view customer"), "the view is in the history");

    let admin = Person::enter(&app, Role::Admin).await;
    assert!(admin.page(&path).await.contains("Erase …"));

    let before = audit(&app, "view customer").await.len();
    let viewer = Person::enter(&app, Role::Viewer).await;
    for path in [path.clone(), format!("{path}/timeline")] {
        let masked = plain(&viewer.page(&path).await);
        for value in ["Thomas", "Bakker", "thomas@", "+316123", "679964aa", "app.omniotap"] {
            assert!(!masked.contains(value), "{value}: {masked}");
        }
        assert!(!masked.contains("<form method=\"post\" action=\"/demo/customers"), "{masked}");
        assert!(!masked.contains("<pre"), "{masked}");
    }
    assert_eq!(audit(&app, "view customer").await.len(), before);
    app.stop().await;
}

#[tokio::test]
async fn values_of_sources_are_shown_as_text() {
    const NAUGHTY: &str = "<script>alert(1)</script>{{ 7*7 }}'\"&";
    let long = "x".repeat(10_000);
    let key = EventKey::new("omneo".parse().unwrap(), "transaction", "<i>1").unwrap();
    let event = [
        ("record", "omneo.profile:<b>odd"),
        ("occurred_at", "2026-11-01T10:00:00Z"),
        ("url", "javascript:alert(1)"),
        ("data.total", NAUGHTY),
    ];
    let app = with(vec![
        person("omneo.profile:<b>odd", (NAUGHTY, &long), "odd@example.org", ""),
        Change::Record {
            key: "omneo.profile:<b>odd".parse().unwrap(),
            update: update(&[("attribute.loyalty_tier", NAUGHTY), ("phone.x", "<u>")]),
        },
        Change::Event { key, update: update(&event) },
    ])
    .await;
    let admin = Person::enter(&app, Role::Admin).await;
    let path = admin.path_of("odd@example.org").await;
    let mut pages = vec![admin.search("odd@example.org").await];
    for below in ["", "/timeline", "/erase"] {
        pages.push(admin.page(&format!("{path}{below}")).await);
    }
    for page in pages {
        for raw in ["<script>alert", "49&#x27;", "<b>odd", "<i>1", "<u>", "href=\"javascript"] {
            assert!(!page.contains(raw), "{raw}: {page}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn the_timeline_has_every_event_once() {
    // Many of them in the same second, in two records.
    let mut changes = vec![
        person("omneo.profile:a", ("Noor", "Visser"), "noor@example.org", ""),
        person("omniotap.contact:b", ("Noor", "Visser"), "noor@example.org", ""),
    ];
    for n in 0..250 {
        let source = if n % 2 == 0 { "omneo" } else { "omniotap" };
        let record = if n % 3 == 0 { "omneo.profile:a" } else { "omniotap.contact:b" };
        let key = EventKey::new(source.parse().unwrap(), "thing", &format!("id-{n:03}"));
        let at = format!("2026-11-{:02}T10:00:00Z", 1 + n / 60);
        let fields = [("record", record), ("occurred_at", at.as_str())];
        changes.push(Change::Event { key: key.unwrap(), update: update(&fields) });
    }
    let app = with(changes).await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of("noor@example.org").await;
    let (mut events, mut pages) = (0, Vec::new());
    let mut next = Some(format!("{path}/timeline"));
    while let Some(page) = next {
        assert!(!page.contains("id-"), "{page}");
        let shown = plain(&femke.page(&page).await);
        events += shown.matches("<td class=\"mono\">omn").count();
        let link = shown.split("href=\"/demo").find(|link| link.contains("rel=\"next\">"));
        next = link
            .filter(|link| link.starts_with("/customers"))
            .map(|link| link.split('"').next().unwrap().to_owned());
        pages.push(page);
    }
    assert_eq!((events, pages.len()), (250, 3));
    assert_eq!(femke.open(&format!("{path}/timeline?after=x")).await.status, 404);
    assert_eq!(femke.open("/customers/x").await.status, 404);
    assert_eq!(audit(&app, "view timeline").await.len(), 3);
    app.stop().await;
}

#[tokio::test]
async fn records_of_two_people_are_separated_and_that_is_undone() {
    let app = with(vec![
        person("omneo.profile:a", ("Ruben", "Smit"), "", LINE),
        person("omniotap.contact:b", ("Ruben", "Smit"), "", LINE),
        person("omniotap.contact:c", ("Ruben", "Smit"), "", LINE),
    ])
    .await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of(LINE).await;
    let nothing = femke.submit(&format!("{path}/preview"), &[("act", "separate")]).await;
    assert_eq!(nothing.status, 422, "{}", nothing.body);
    let leaves = [("act", "separate"), ("record", "omniotap.contact:c")];
    let shown = femke.submit(&format!("{path}/preview"), &leaves).await;
    assert!(shown.body.contains("belong to somebody else"), "{}", shown.body);
    assert_eq!(app.by_phone(LINE).await.len(), 1, "a preview changes nothing");
    let state = hidden(&shown.body, "state");
    let form = [&leaves[..], &[("state", state.as_str()), ("reason", "ticket 4711")]].concat();
    let decided = femke.submit(&format!("{path}/decide"), &form).await;
    assert!(decided.header("location").unwrap().ends_with("?done=decided"), "{}", decided.body);
    let twice = femke.submit(&format!("{path}/decide"), &form).await;
    assert!([303, 409].contains(&twice.status), "two clicks decide once");
    app.wait_until_current().await;
    assert_eq!(app.by_phone(LINE).await.len(), 2);
    let made = audit(&app, "decide different people").await;
    assert_eq!((made.len(), made[0].reason.as_str()), (1, "ticket 4711"));

    let page = femke.page(&path).await;
    assert!(page.contains("different people") && page.contains("ticket 4711"), "{page}");
    femke.undo(&page).await;
    assert_eq!(app.by_phone(LINE).await.len(), 1);
    let page = femke.page(&path).await;
    assert!(page.contains("undone") && !page.contains("#undo"), "{page}");
    app.stop().await;
}

#[tokio::test]
async fn a_preview_shows_the_fields_that_agents_would_see() {
    let app = empty_app_with_console().await;
    app.apply(demo_changes(&app.brand)).await;
    app.wait_until_current().await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of("thomas@example.org").await;
    let join = [("act", "join"), ("with", "lieke.vandijk@example.org")];
    let shown = femke.post(&format!("{path}/preview"), &join).await.shown();
    for field in ["<dt>favoriteColor</dt><dd>orange</dd>", "<dt>loyaltyTier</dt><dd>Gold</dd>"] {
        assert!(shown.has(field), "{field}: {}", shown.text());
    }
    app.stop().await;
}

#[tokio::test]
async fn a_join_is_of_all_records_if_one_of_each_does_not_give_one_customer() {
    let [r, s] = ["ruben@example.org", "sanne@example.org"];
    let app = with(vec![
        person("omneo.profile:ruben", ("Ruben", "Smit"), r, ""),
        person("omniotap.contact:ruben", ("Ruben", "Smit"), r, ""),
        person("omniotap.contact:sanne", ("Sanne", "Jansen"), s, ""),
        person("syncaroo.member:sanne", ("Sanne", "Jansen"), s, ""),
    ])
    .await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of(r).await;
    let preview = format!("{path}/preview");
    let shown = femke.post(&preview, &[("act", "join"), ("with", s)]).await.shown();
    assert!(!shown.has("This does not give one customer"), "{}", shown.text());
    assert!(shown.has("This joins all of their records"), "{}", shown.text());
    assert!(shown.has("no longer then: the name Sanne Jansen"), "{}", shown.text());
    let all = [("act", "join-all"), ("with", s)];
    for (name, value) in all {
        let field = format!("name=\"{name}\" value=\"{value}\"");
        assert!(shown.has(&field), "{field}: {}", shown.text());
    }
    let decided = femke.decide(&path, &all).await;
    assert_eq!(decided.status, 303, "{}", decided.body);
    app.wait_until_current().await;
    for address in [r, s] {
        assert_eq!(app.by_email(address).await[0]["customerID"], "ruben", "{address}");
    }
    let page = femke.page(&path).await;
    assert!(page.contains("4 records"), "{page}");
    femke.undo(&page).await;
    assert_eq!(app.by_email(s).await[0]["customerID"], "sanne");
    app.stop().await;
}

#[tokio::test]
async fn customers_are_joined_as_they_were_shown() {
    let app = with(couple()).await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of("ruben@example.org").await;
    for (with, status) in [("nobody@example.org", 422), ("ruben@example.org", 422), (LINE, 200)] {
        let join = [("act", "join"), ("with", with)];
        let shown = femke.submit(&format!("{path}/preview"), &join).await;
        assert_eq!(shown.status, status, "{with}: {}", shown.body);
    }
    let join = [("act", "join"), ("with", "sanne@example.org")];
    let shown = femke.submit(&format!("{path}/preview"), &join).await;
    let announced = plain(&shown.body);
    assert!(announced.contains("The customer id <span class=\"mono\">sanne</span> becomes <span class=\"mono\">ruben</span>."));
    assert!(announced.contains("Yes, join them"), "{announced}");
    assert!(announced.contains("several of these customers have it"), "{announced}");
    assert!(!announced.contains("This does not give one customer"), "{announced}");
    let state = hidden(&shown.body, "state");
    // Meanwhile, a source says more.
    app.apply(vec![person("omniotap.contact:sanne", ("Sanne", "Smit"), "s@example.org", LINE)])
        .await;
    let form = [&join[..], &[("state", state.as_str())]].concat();
    let late = femke.submit(&format!("{path}/decide"), &form).await;
    assert_ne!(late.status, 303, "{}", late.body);
    assert!(audit(&app, "decide same person").await.is_empty());
    let join = [("act", "join"), ("with", "omniotap.contact:sanne")];
    let decided = femke.decide(&path, &join).await;
    assert_eq!(decided.status, 303, "{}", decided.body);
    app.wait_until_current().await;
    assert_eq!(app.by_phone(LINE).await.len(), 1);
    let page = femke.page(&path).await;
    assert!(page.contains("same person") && page.contains("2 records"), "{page}");
    // The name that lost is still there.
    let lost = "Sanne <small>(not used)</small>";
    assert!(page.contains(lost) && page.contains("<td class=\"long\">Ruben</td>"), "{page}");
    // From the page of the one whose id changed, one comes back to it.
    let other = RecordLinks::new(&app.brand).path("omniotap.contact:sanne");
    let other = format!("/customers/{other}");
    let page = plain(&femke.page(&other).await);
    assert!(page.contains(&format!("action=\"/demo{other}/preview\"")), "{page}");
    femke.undo(&page).await;
    assert_eq!(app.by_phone(LINE).await.len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn a_join_that_does_not_give_one_customer_says_so() {
    let others = ["omniotap.contact:r2", "omniotap.contact:s2"];
    let [r, s] = ["ruben@example.org", "sanne@example.org"];
    let app = with(vec![
        person(others[0], ("Ruben", "Smit"), r, ""),
        person(others[1], ("Sanne", "Jansen"), s, ""),
    ])
    .await;
    // This decision forbids to join all of their records, but not those that come later.
    let two = others.map(|key| key.parse().unwrap()).into();
    app.decided(Act::KeepApart(two)).await;
    app.apply(vec![
        person("omneo.profile:ruben", ("Ruben", "Smit"), r, ""),
        person("omneo.profile:sanne", ("Sanne", "Jansen"), s, ""),
    ])
    .await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of(r).await;
    let preview = format!("{path}/preview");
    let shown = femke.post(&preview, &[("act", "join"), ("with", s)]).await.shown();
    assert!(shown.has("This does not give one customer, but "), "{}", shown.text());
    assert!(shown.has("It joins one record of each."), "{}", shown.text());
    assert!(shown.has("and get "), "{}", shown.text());
    app.stop().await;
}

#[tokio::test]
async fn an_address_that_finds_somebody_else_is_shown_as_such() {
    let form = format!("{}:form-7", SourceKind::OmniLabParticipant);
    let app = with(vec![
        person("omneo.profile:anna", ("Anna", "Verburg"), "anna@example.org", LINE),
        person(&form, ("Zita", "Bakker"), "anna@example.org", ""),
    ])
    .await;
    assert_eq!(app.by_email("anna@example.org").await.len(), 1);
    let femke = Person::enter(&app, Role::Supervisor).await;
    let page = femke.page(&femke.path_of("form-7").await).await;
    assert!(page.contains("a lookup by it finds another customer"), "{page}");
    assert!(!page.contains(">finds this customer<"), "{page}");
    let path = femke.path_of(LINE).await;
    let page = femke.page(&path).await;
    assert!(page.contains(">finds this customer<"), "{page}");
    let form_page = femke.page(&femke.path_of("form-7").await).await;
    assert!(form_page.contains("Agents do not find this customer by an address"), "{form_page}");
    assert!(!page.contains("Agents do not find this customer by an address"), "{page}");
    // Before somebody decides, too.
    let share = [("act", "share"), ("kind", "email"), ("address", "anna@example.org")];
    let preview = femke.submit(&format!("{path}/preview"), &share).await.body;
    assert!(preview.contains("Do several people have the e-mail address anna@example.org?"));
    assert!(preview.contains("No customer changes now"), "{preview}");
    assert!(preview.contains("a lookup by it finds another customer"), "{preview}");
    app.stop().await;
}

#[tokio::test]
async fn an_address_is_confirmed_rejected_or_shared() {
    const TYPED: &str = "+31655667788";
    let form = format!("{}:form", SourceKind::OmniLabParticipant);
    let app = with(vec![
        person("omneo.profile:anna", ("Anna", "Verburg"), "anna@example.org", LINE),
        person(&form, ("Anna", "Verburg"), "anna@example.org", TYPED),
    ])
    .await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of(TYPED).await;
    let page = femke.page(&path).await;
    assert!(page.contains("only a form contains it") && page.contains("Open questions"), "{page}");
    let typed = [("kind", "telephone"), ("address", TYPED)];
    let confirm = [&[("act", "confirm")], &typed[..]].concat();
    assert_eq!(femke.decide(&path, &confirm).await.status, 303);
    app.wait_until_current().await;
    assert_eq!(app.by_phone(TYPED).await.len(), 1);
    femke.undo(&femke.page(&path).await).await;
    let reject = [&[("act", "reject")], &typed[..]].concat();
    assert_eq!(femke.decide(&path, &reject).await.status, 303);
    assert_eq!(audit(&app, "decide different people").await.len(), 1);

    let share = [("act", "share"), ("kind", "telephone"), ("address", LINE)];
    assert_eq!(femke.decide(&path, &share).await.status, 303);
    let page = femke.page(&path).await;
    let effect = "may find several customers, and joins no records (shared: a person decided this)";
    assert!(page.contains(effect), "{page}");
    // The list of decisions names who has the address. For a viewer, a customer has one mark everywhere.
    let list = femke.page("/decisions").await;
    let row = |list: &str| -> String {
        let rows = list.split("<tr>").filter(|row| row.contains("shared phone number"));
        rows.map(|row| row.split("</tr>").next().unwrap()).collect()
    };
    for shown in ["customers that have it", "Anna Verburg"] {
        assert!(row(&list).contains(shown), "{shown}: {list}");
    }
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let (list, own) = (viewer.page("/decisions").await, viewer.page(&path).await);
    let mark = own.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap().trim();
    assert!(mark.starts_with("Customer #") && row(&list).contains(mark), "{mark}: {list}");
    assert!(!list.contains("Verburg") && !list.contains("omneo.profile:anna"), "{list}");
    let unknown = [("act", "share"), ("kind", "telephone"), ("address", "+31600000000")];
    let refused = femke.submit(&format!("{path}/preview"), &unknown).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    for odd in ["", "erase", "share", "undo"] {
        let refused = femke.submit(&format!("{path}/preview"), &[("act", odd)]).await;
        assert_eq!(refused.status, 404, "{odd}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_page_to_hand_out_counts_acts_and_says_when_the_last_one_was() {
    let app = with(couple()).await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of("ruben@example.org").await;
    for _ in 0..2 {
        app.clock.set(app.clock.now() + jiff::SignedDuration::from_mins(5));
        femke.page(&path).await;
    }
    let page = femke.submit(&format!("{path}/export"), &[("format", "html")]).await.body;
    let summary = page.split("opened your data: ").nth(1).unwrap().split('<').next().unwrap();
    assert!(summary.starts_with("2 times, last 2026-11-21 "), "{summary}");
    assert!(summary.ends_with(":10:00"), "{summary}");
    app.stop().await;
}

#[tokio::test]
async fn an_export_is_a_file_with_everything() {
    let app = with(couple()).await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of("ruben@example.org").await;
    let form = |format| [("format", format), ("reason", "request 7")];
    let file = femke.submit(&format!("{path}/export"), &form("internal")).await;
    let data: serde_json::Value = serde_json::from_str(&file.body).unwrap();
    assert!(data.to_string().contains("ruben@example.org") && !file.body.contains("sanne@"));
    assert_eq!(data["actions"][0]["by"], "Femke");
    let page = femke.submit(&format!("{path}/export"), &form("html")).await;
    for shown in ["<h1>Your data</h1>", "ruben@example.org", "made a copy of your data"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    for hidden in ["Femke", "request 7", "sanne", "outcome", "decision_id", "request_id"] {
        assert!(!page.body.contains(hidden), "{hidden}: {}", page.body);
    }
    let given = femke.submit(&format!("{path}/export"), &form("json")).await;
    let data: serde_json::Value = serde_json::from_str(&given.body).unwrap();
    assert_eq!(data["records"][0]["key"], "omneo.profile:ruben");
    assert!(given.body.contains("ruben@example.org") && given.body.contains("export customer"));
    for hidden in ["Femke", "request 7", "sanne", "outcome", "decision_id", "request_id"] {
        assert!(!given.body.contains(hidden), "{hidden}: {}", given.body);
    }
    let exports = audit(&app, "export customer").await;
    assert_eq!((exports.len(), exports[0].reason.as_str()), (3, "request 7"));
    // The name says what and when, and as the audit log does about whom.
    let about = exports[0].about().remove(0);
    for (file, end) in [(file, "-internal.json"), (given, ".json"), (page, ".html")] {
        let name = format!("attachment; filename=\"customer-data-2026-11-21-{about}{end}\"");
        assert_eq!(file.header("content-disposition"), Some(name.as_str()));
    }
    assert_eq!(femke.submit(&format!("{path}/export"), &form("")).await.status, 422);
    app.stop().await;
}

#[tokio::test]
async fn an_export_says_what_agents_see_of_each_event() {
    let app = empty_app_with_console().await;
    app.apply(demo_changes(&app.brand)).await;
    app.wait_until_current().await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of("thomas@example.org").await;
    let export = async |format| {
        let fields = [("format", format), ("reason", "")];
        femke.submit(&format!("{path}/export"), &fields).await.body
    };
    let data: serde_json::Value = serde_json::from_str(&export("internal").await).unwrap();
    let timeline = data["customers"][0]["answer"]["timeline"].as_array().unwrap();
    assert!(timeline.len() > 1, "{data}");
    for item in timeline {
        let id = item["externalID"].as_str().unwrap();
        let events = data["events"].as_array().unwrap().iter();
        let event: Vec<_> =
            events.filter(|event| event["key"].as_str().unwrap().ends_with(id)).collect();
        assert!(event.iter().any(|event| event["message"] == item["message"]), "{id}: {event:?}");
    }
    // A deleted event says so, and what it was is not a message of now.
    sqlx::query("update events set live = false").execute(app.pool()).await.unwrap();
    let data: serde_json::Value = serde_json::from_str(&export("json").await).unwrap();
    let events = data["events"].as_array().unwrap();
    assert!(events.iter().all(|event| event["live"] == false && event["message"].is_null()));
    let page = export("html").await;
    assert_eq!(page.matches("(deleted in its system)</summary>").count(), events.len(), "{page}");
    // An event whose source took its time back has the time of receipt.
    let untimed = "update events set state = (state::jsonb #- '{fields,occurred_at}')::json where event_key = (select min(event_key) from events)";
    assert_eq!(sqlx::query(untimed).execute(app.pool()).await.unwrap().rows_affected(), 1);
    let page = export("html").await;
    assert_eq!(page.matches("(deleted in its system)</summary>").count(), events.len(), "{page}");
    // What stands in the title of an event, or under its own name, stands there only.
    assert!(!page.contains(">happened at</th>") && !page.contains(">reference.order number<"));
    assert!(page.contains(">order number</th><td>NL-2026-00042<"), "{page}");
    app.stop().await;
}

#[tokio::test]
async fn an_erasure_needs_a_typed_confirmation_and_leaves_a_receipt() {
    let mut changes = couple();
    // The same name and number, but another person: their source keeps people unique.
    changes.push(person("omneo.profile:other", ("Ruben", "Smit"), "other@example.org", LINE));
    let app = with(changes).await;
    let admin = Person::enter(&app, Role::Admin).await;
    let path = admin.path_of("ruben@example.org").await;
    let ask = admin.page(&format!("{path}/erase")).await;
    assert!(ask.contains("cannot be undone") && ask.contains("ruben@example.org"), "{ask}");
    assert!(ask.contains("Omneo, Omnidesk and your backups may still have"), "{ask}");
    assert!(
        ask.contains("pattern=\"[Ee][Rr][Aa][Ss][Ee]|ruben\""),
        "the browser checks the word first: {ask}"
    );
    let with_reason = [("format", "html"), ("reason", "Ruben asked")];
    admin.submit(&format!("{path}/export"), &with_reason).await;
    for wrong in ["", "erase it", "Ruben"] {
        let refused = admin.submit(&format!("{path}/erase"), &[("confirmation", wrong)]).await;
        assert_eq!(refused.status, 422, "{wrong}");
    }
    assert_eq!(app.by_id("ruben").await.len(), 1);
    let femke = Person::enter(&app, Role::Supervisor).await;
    let refused = femke.submit(&format!("{path}/erase"), &[("confirmation", "ERASE")]).await;
    assert_eq!(refused.status, 403);

    // A page from before somebody else came to belong to the customer.
    let state = ask.split("name=\"state\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    for stale in ["", "0"] {
        let fields = [("confirmation", "erase"), ("state", stale)];
        let refused = admin.submit(&format!("{path}/erase"), &fields).await;
        assert_eq!(refused.status, 409, "{stale}");
    }
    assert_eq!(app.by_id("ruben").await.len(), 1);
    let with_name = [("confirmation", "ruben"), ("state", state), ("reason", "Ruben asked")];
    assert_eq!(admin.submit(&format!("{path}/erase"), &with_name).await.status, 422);
    let reason = ("reason", "request of the person");
    let fields = [("confirmation", "ruben"), ("state", state), reason];
    let address = admin.address_of(&format!("{path}/erase"), &fields).await;
    let (receipt, sealed) = address.split_once("?asked=").unwrap();
    assert!(!sealed.contains("omneo") && !sealed.contains("other"), "{sealed}");
    let erased = admin.open(&address).await;
    assert_eq!(erased.status, 200, "{}", erased.body);
    for shown in ["<dt>Deleted records</dt><dd>1</dd>", "<dd>Femke</dd>", "21 November 2026"] {
        assert!(erased.body.contains(shown), "{shown}: {}", erased.body);
    }
    assert!(erased.body.contains("Not erased") && erased.body.contains("omneo.profile:other"));
    assert!(!erased.body.contains("ruben"), "the receipt names nobody: {}", erased.body);
    // It stays, and the others see it without the records of the same name.
    for person in [&admin, &femke] {
        let page = person.page(receipt).await;
        for shown in ["<dt>Deleted records</dt><dd>1</dd>", "request of the person", "complete"] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        assert!(!page.contains("Not erased") && !page.contains("profile:other"), "{page}");
    }
    assert!(!femke.open(&address).await.body.contains("Not erased"), "another session");
    app.wait_until_current().await;
    assert!(app.by_id("ruben").await.is_empty());
    assert_eq!(admin.open(&path).await.status, 404);
    let again = admin.submit(&format!("{path}/erase"), &[("confirmation", "ERASE")]).await;
    assert_eq!(again.status, 404, "two clicks erase once");
    let nobody = admin.search("ruben@example.org").await;
    assert!(nobody.contains("a person with this address or id was erased"), "{nobody}");
    let id = receipt.rsplit('/').next().unwrap();
    assert!(plain(&nobody).contains(&format!("href=\"{receipt}\"")), "{nobody}");
    let viewer = Person::enter(&app, Role::Viewer).await;
    let masked = viewer.search("ruben@example.org").await;
    assert!(!masked.contains("erased") && !masked.contains(id), "{masked}");
    assert!(viewer.page(receipt).await.contains(id));
    let entries = audit(&app, "erase customer").await;
    assert_eq!((entries.len(), entries[0].reason.as_str()), (1, "request of the person"));
    assert!(entries[0].subjects.is_empty() && entries[0].outcome.starts_with("erased: "));
    assert_eq!(audit(&app, "export customer").await[0].reason, "");
    let log = admin.page("/audit").await;
    assert!(log.contains("reason removed by the erasure") && !log.contains("Ruben"), "{log}");
    assert!(plain(&log).contains(&format!("href=\"{receipt}\"")), "{log}");
    app.stop().await;
}
