//! Questions are answered and decisions undone in a browser, and two people do not decide at once.

use hookpoint::admin::role::Role;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::Change;
use serde_json::Value;

use super::{Page, Person, empty_app_with_console};
use crate::support::{KEY, TestApp, demo_changes, encode};

const LINE: &str = "+31644556677";
const OTHER_LINE: &str = "+31655667788";

/// What a source says about a person.
fn person(record: &str, name: (&str, &str), email: &str, phone: &str) -> Change {
    let at = "2026-11-20T10:00:00Z".parse().unwrap();
    let fields = [("name.first", name.0), ("name.last", name.1), ("email.main", email)];
    let fields = fields.into_iter().chain([("phone.main", phone)]);
    let fields = fields.map(|(name, value)| (name.to_owned(), Some(value.into()))).collect();
    let update = Update { at, received_at: at, scope: Scope::Partial, fields };
    Change::Record { key: record.parse().unwrap(), update }
}

/// A couple with one phone, and another one: two questions.
async fn couples() -> TestApp {
    let app = empty_app_with_console().await;
    app.apply(vec![
        person("omneo.profile:ruben", ("Ruben", "Smit"), "ruben@example.org", LINE),
        person("omniotap.contact:sanne", ("Sanne", "Jansen"), "sanne@example.org", LINE),
        person("omneo.profile:karel", ("Karel", "Mulder"), "karel@example.org", OTHER_LINE),
        person("omniotap.contact:wilma", ("Wilma", "Bos"), "wilma@example.org", OTHER_LINE),
    ])
    .await;
    app
}

/// The path of the question about an address.
async fn question(browser: &Person<'_>, address: &str) -> String {
    let list = browser.get("/reviews").await.shown();
    for path in list.links("/demo/reviews/") {
        if browser.get(&path).await.shown().has(&format!("<strong>{address}</strong>")) {
            return path;
        }
    }
    panic!("no question about {address}: {}", list.text());
}

/// Gives an answer on a page that was shown before.
async fn answer(browser: &Person<'_>, path: &str, page: &Page, answer: &str) -> Page {
    let hidden = page.hidden();
    let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let more = [("answer", answer), ("reason", "ticket 4711")];
    browser.post(&format!("{path}/answer"), &hidden.chain(more).collect::<Vec<_>>()).await
}

async fn until_found(app: &TestApp, phone: &str, customers: usize) {
    let query = format!("key={KEY}&channelAddressType=phoneNumber&address={}", encode(phone));
    app.until(&query, |response| {
        serde_json::from_str::<Vec<Value>>(&response.body)
            .is_ok_and(|found| found.len() == customers)
    })
    .await;
}

async fn audited(app: &TestApp, action: &str) -> Vec<(String, String)> {
    let query = "select done_by, reason from audit_log where action = $1 order by begun_at";
    sqlx::query_as(query).bind(action).fetch_all(app.pool()).await.unwrap()
}

async fn decisions(app: &TestApp) -> i64 {
    let query = "select count(distinct decision_id) from decisions";
    sqlx::query_as::<_, (i64,)>(query).fetch_one(app.pool()).await.unwrap().0
}

fn entry(by: &str, reason: &str) -> Vec<(String, String)> {
    vec![(by.to_owned(), reason.to_owned())]
}

#[tokio::test]
async fn a_question_is_answered_the_next_one_follows_and_the_answer_is_undone() {
    let app = couples().await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let list = femke.get("/reviews").await.shown();
    assert!(list.has(LINE) && list.has("Their names disagree."), "{}", list.text());
    let (path, other) = (question(&femke, LINE).await, question(&femke, OTHER_LINE).await);
    let page = femke.get(&path).await.shown();
    for text in [
        "Ruben Smit",
        "Sanne Jansen",
        "ruben@example.org",
        "omniotap.contact",
        "different",
        "in question",
        "Afterwards there is one customer.",
        "Afterwards there are 2 customers.",
        "data-key=\"s\"",
    ] {
        assert!(page.has(text), "{text}: {}", page.text());
    }
    assert_eq!(audited(&app, "view review").await.len(), 4);
    let answered = answer(&femke, &path, &page, "same").await;
    assert_eq!(answered.status, 303, "{}", answered.html);
    assert!(answered.location.starts_with(&other), "the next question: {}", answered.location);
    until_found(&app, LINE, 1).await;
    assert_eq!(audited(&app, "decide same person").await, entry("Femke", "ticket 4711"));
    // A second click on the old page decides nothing.
    assert_eq!(answer(&femke, &path, &page, "same").await.status, 409);
    let next = femke.get(&answered.location).await.shown();
    assert!(next.has("Your answer is stored."), "{}", next.text());
    let [link] = next.links("/demo/decisions/").try_into().unwrap();
    let undo = link.strip_suffix("#undo").unwrap().to_owned();
    let decision = femke.get(&undo).await.shown();
    assert!(
        decision.has("in force") && decision.has("ticket 4711") && decision.has("Sanne Jansen")
    );
    let [(_, state)] = decision.hidden().try_into().unwrap();
    let act = format!("{undo}/undo");
    let outdated = femke.post(&act, &[("state", "0123456789abcdef")]).await;
    assert_eq!(outdated.status, 409);
    let undone = femke.post(&act, &[("state", &state), ("reason", "a mistake")]).await;
    assert_eq!((undone.status, undone.location), (303, format!("{undo}?done=undone")));
    until_found(&app, LINE, 2).await;
    assert_eq!(audited(&app, "undo decision").await, entry("Femke", "a mistake"));
    assert_eq!(femke.post(&act, &[("state", &state)]).await.status, 409);
    let all = femke.get("/decisions").await.shown();
    for text in ["same person", "undone", "by Femke", "a mistake", "Ruben Smit", "Sanne Jansen"] {
        assert!(all.has(text), "{text}: {}", all.text());
    }
    question(&femke, LINE).await;
    app.stop().await;
}

#[tokio::test]
async fn of_two_people_who_answer_at_once_one_is_told_what_the_other_decided() {
    let app = couples().await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let pieter = Person::log_in(&app, Role::Admin, "Pieter").await;
    for (address, answers) in [(LINE, ["same", "different"]), (OTHER_LINE, ["same", "same"])] {
        let path = question(&femke, address).await;
        let pages = (femke.get(&path).await.shown(), pieter.get(&path).await.shown());
        let before = decisions(&app).await;
        let (one, other) = tokio::join!(
            answer(&femke, &path, &pages.0, answers[0]),
            answer(&pieter, &path, &pages.1, answers[1]),
        );
        assert_eq!(decisions(&app).await, before + 1);
        let femke_won = one.status == 303;
        let (won, lost) = if femke_won { (one, other) } else { (other, one) };
        assert_eq!((won.status, lost.status), (303, 409), "{}", lost.text());
        let (winner, decided) =
            if femke_won { ("Femke", answers[0]) } else { ("Pieter", answers[1]) };
        let told = format!("{winner} decided about these customers meanwhile: {decided}");
        assert!(lost.has(&told) && lost.has("Your answer was not stored."), "{}", lost.text());
    }
    app.stop().await;
}

#[tokio::test]
async fn an_answer_about_customers_that_changed_is_refused() {
    let app = couples().await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let path = question(&femke, LINE).await;
    let page = femke.get(&path).await.shown();
    let new = person("omniotap.contact:sanne", ("Sanne", "Jansen"), "sanne@work.example", LINE);
    app.apply(vec![new]).await;
    let refused = answer(&femke, &path, &page, "different").await;
    assert_eq!(refused.status, 409);
    assert!(refused.has("look at its customers again"), "{}", refused.text());
    assert_eq!(answer(&femke, &path, &page, "nonsense").await.status, 422);
    assert_eq!(decisions(&app).await, 0);
    let page = femke.get(&path).await.shown();
    assert_eq!(answer(&femke, &path, &page, "different").await.status, 303);
    assert_eq!(decisions(&app).await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_question_is_put_away_until_later() {
    let app = couples().await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let (path, other) = (question(&femke, LINE).await, question(&femke, OTHER_LINE).await);
    let page = femke.get(&path).await.shown();
    let away = answer(&femke, &path, &page, "later").await;
    assert_eq!((away.status, away.location), (303, format!("{other}?done=put-away")));
    assert_eq!(
        femke.get("/reviews").await.shown().links("/demo/reviews/"),
        std::slice::from_ref(&other)
    );
    let put_away = femke.get("/reviews?show=put-away").await.shown();
    assert_eq!(put_away.links("/demo/reviews/"), std::slice::from_ref(&path));
    assert_eq!(audited(&app, "postpone review").await, entry("Femke", "ticket 4711"));
    let page = femke.get(&other).await.shown();
    let last = answer(&femke, &other, &page, "shared").await;
    assert!(last.location.starts_with("/demo/reviews?decided="), "{}", last.location);
    let list = femke.get(&last.location).await.shown();
    assert!(list.has("There are no open questions.") && list.links("/demo/decisions/").len() == 1);
    let gone = femke.get(&other).await;
    assert_eq!((gone.status, gone.location.as_str()), (303, "/demo/reviews?done=closed"));
    app.stop().await;
}

#[tokio::test]
async fn a_viewer_sees_masks_and_may_not_decide() {
    let app = couples().await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let path = question(&femke, LINE).await;
    let page = femke.get(&path).await.shown();
    let other = question(&femke, OTHER_LINE).await;
    let decided = answer(&femke, &other, &femke.get(&other).await, "same").await;
    let decision = decided.location.split("decided=").nth(1).unwrap().split('&').next().unwrap();
    let undone = "update decisions set undone_at = now(), undone_by = 'Femke', undone_reason = 'wilma called'";
    sqlx::query(undone).execute(app.pool()).await.unwrap();
    let (just_decided, decision) =
        (format!("/reviews?decided={decision}"), format!("/demo/decisions/{decision}"));
    for path in ["/reviews", &just_decided, &path, "/decisions", &decision, "/audit"] {
        let page = viewer.get(path).await.shown();
        for hidden in [
            "Ruben",
            "example.org",
            &LINE[1..],
            &OTHER_LINE[1..],
            "karel",
            "Karel",
            "sanne",
            "Sanne",
            "wilma",
            "Wilma",
            "ticket 4711",
            "name=\"answer\"",
            "/undo",
        ] {
            assert!(!page.has(hidden), "{path} shows {hidden}: {}", page.text());
        }
        assert!(page.has("••••••"), "{path}: {}", page.text());
    }
    assert_eq!(answer(&viewer, &path, &page, "same").await.status, 403);
    assert_eq!(viewer.post(&format!("{decision}/undo"), &[]).await.status, 403);
    assert_eq!(decisions(&app).await, 1);
    assert!(audited(&app, "view review").await.iter().all(|(by, _)| by == "Femke"));
    app.stop().await;
}

#[tokio::test]
async fn whatever_the_data_it_is_shown_as_text() {
    const NAUGHTY: &str = "<script>alert('x')</script>{{ 7 * 7 }}\"><img src=x>";
    let app = empty_app_with_console().await;
    let long = "ه".repeat(10_000);
    app.apply(vec![
        person("omneo.profile:<b>1", (NAUGHTY, &long), "one@example.org", LINE),
        person("omniotap.contact:2", ("\u{202e}Sanne", NAUGHTY), "two@example.org", LINE),
    ])
    .await;
    let femke = Person::log_in(&app, Role::Supervisor, NAUGHTY.trim()).await;
    let path = question(&femke, LINE).await;
    let page = femke.get(&path).await.shown();
    let hidden = page.hidden();
    let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let sent = hidden.chain([("answer", "same"), ("reason", NAUGHTY)]).collect::<Vec<_>>();
    let answered = femke.post(&format!("{path}/answer"), &sent).await;
    let undo = answered.location.split("decided=").nth(1).unwrap().split('&').next().unwrap();
    let pages =
        [page, femke.get(&format!("/decisions/{undo}")).await, femke.get("/decisions").await];
    for page in pages.into_iter().chain([femke.get("/audit").await]) {
        let page = page.shown();
        for harmful in ["<script>alert", "<img src=x", "<b>1"] {
            assert!(!page.html.contains(harmful), "{harmful}: {}", page.html);
        }
        assert!(page.has("alert('x')</script>{{ 7 * 7 }}"), "{}", page.html);
    }
    app.stop().await;
}

#[tokio::test]
async fn every_page_shows_the_data_of_the_demo() {
    let app = empty_app_with_console().await;
    app.apply(demo_changes(&app.brand)).await;
    for role in [Role::Viewer, Role::Supervisor, Role::Admin] {
        let browser = Person::log_in(&app, role, "Femke").await;
        let list = browser.get("/reviews").await.shown();
        let questions = list.links("/demo/reviews/");
        assert!(!questions.is_empty(), "{}", list.text());
        for path in questions.iter().map(String::as_str).chain(["/decisions", "/lookups", "/audit"])
        {
            browser.get(path).await.shown();
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn a_template_is_tried_on_one_customer_and_for_an_event_type_that_exists() {
    let app = couples().await;
    let admin = Person::log_in(&app, Role::Admin, "Ada").await;
    let tried = async |place: &str, name: &str, customer: &str| {
        let fields = [("place", place), ("name", name), ("customer", customer)];
        let template = [("template", "{{ customer.first_name }}{{ omneo.pointz }}")];
        let fields: Vec<_> = fields.into_iter().chain(template).collect();
        admin.post("/settings", &fields).await.shown()
    };
    let page = tried("field", "loyaltyTier", LINE).await;
    assert!(page.has("Several customers have this address."), "{}", page.text());
    let page = tried("field", "loyaltyTier", "ruben@example.org").await;
    assert!(page.has("What would change") && page.has("Ruben"), "{}", page.text());
    assert!(page.has("omneo has no attribute `pointz`"), "{}", page.text());
    let page = tried("message", "omneo.orders", "ruben@example.org").await;
    assert!(page.has("omneo has no events of the type \"omneo.orders\""), "{}", page.text());
    let page = tried("message", "omneo.order", "ruben@example.org").await;
    assert!(page.has("It has no event of this type"), "{}", page.text());
    app.stop().await;
}
