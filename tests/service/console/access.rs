//! Who gets in, what each role may do, and that nobody else does anything.

use std::collections::BTreeSet;

use hookpoint::console::route::ConsoleRoute;
use jiff::SignedDuration;

use super::*;

const LATER: [(&str, i64); 2] = [("idle", 31), ("at work", 12 * 60 + 1)];

fn advance(app: &TestApp, minutes: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_mins(minutes));
}

#[tokio::test]
async fn a_link_works_once_and_for_fifteen_minutes() {
    let app = TestApp::start_with(settings_with_console()).await;
    let login = open(&app, "/login", "").await;
    assert!(login.status == 200 && login.body.contains("name=\"code\""), "{}", login.body);
    assert_eq!(open(&app, "/", "").await.header("location"), Some("/login"));

    let code = link(&app, &app.brand, Role::Viewer).await;
    let entered = submit(&app, "/login", "", &[("code", &code)]).await;
    assert_eq!((entered.status, entered.header("location")), (303, Some("/demo/?done=logged-in")));
    let cookie = entered.header("set-cookie").unwrap();
    for part in ["hookpoint-demo=", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(open(&app, "/demo/", cookie).await.status, 200);
    assert_eq!(open(&app, "/", cookie).await.header("location"), Some("/demo/"));

    let again = submit(&app, "/login", "", &[("code", &code)]).await;
    assert_eq!((again.status, again.header("set-cookie")), (422, None), "a second use");
    let code = link(&app, &app.brand, Role::Viewer).await;
    advance(&app, 16);
    let late = submit(&app, "/login", "", &[("code", &code)]).await;
    assert_eq!((late.status, late.header("set-cookie")), (422, None), "after its time");
    for wrong in ["", "demo", "demo.", "demo.x", ".x", "other.x", "%00", "demo.\u{1F600}"] {
        let response = submit(&app, "/login", "", &[("code", wrong)]).await;
        assert_eq!((response.status, response.header("set-cookie")), (422, None), "{wrong}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_whole_link_can_be_pasted() {
    let app = TestApp::start_with(settings_with_console()).await;
    let code = link(&app, &app.brand, Role::Viewer).await;
    let pasted = format!(" http://127.0.0.1:8090/login#{code}\n");
    let entered = submit(&app, "/login", "", &[("code", &pasted)]).await;
    assert_eq!(entered.status, 303, "{}", entered.body);
    app.stop().await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_after_a_day_of_work() {
    let app = TestApp::start_with(settings_with_console()).await;
    for (what, minutes) in LATER {
        let person = Person::enter(&app, Role::Viewer).await;
        let steps = if what == "idle" { 1 } else { 40 };
        for _ in 1..steps {
            advance(&app, minutes / steps);
            assert_eq!(person.open("/").await.status, 200, "{what}");
        }
        advance(&app, minutes / steps + minutes % steps);
        assert_eq!(person.open("/").await.status, 401, "{what}");
    }
    app.stop().await;
}

#[tokio::test]
async fn who_logged_out_or_was_sent_out_sees_nothing_any_more() {
    let app = TestApp::start_with(settings_with_console()).await;
    let (femke, admin) =
        (Person::enter(&app, Role::Viewer).await, Person::enter(&app, Role::Admin).await);
    let out = femke.submit("/logout", &[]).await;
    assert!(out.header("set-cookie").unwrap().contains("hookpoint-demo=;"), "{}", out.head);
    assert_eq!(femke.open("/").await.status, 401);

    let other = Person::enter(&app, Role::Supervisor).await;
    let people = admin.page("/people").await;
    let id = people.split("/people/").nth(1).unwrap().split("/end").next().unwrap();
    assert_eq!(admin.submit(&format!("/people/{id}/end"), &[]).await.status, 303);
    assert_eq!(other.open("/").await.status, 401);
    assert_eq!(admin.open("/").await.status, 200);
    app.stop().await;
}

/// A path for a route. Ids are of nothing that exists.
fn path_of(route: ConsoleRoute) -> String {
    let pattern = route.pattern();
    let id = "00000000-0000-4000-8000-000000000000";
    match pattern.split_once('{') {
        Some((before, after)) => format!("{before}{id}{}", after.split_once('}').unwrap().1),
        None => pattern.to_owned(),
    }
}

#[tokio::test]
async fn every_page_and_act_asks_who_it_is_and_whether_they_may() {
    let shop = hookpoint::settings::file::BrandSettings::default();
    let app = TestApp::start_with(settings_with_console().and_brand("shop", shop)).await;
    let brands = app.application.brands();
    let shop = brands.values().find(|brand| brand.rules.slug == "shop").unwrap();
    let code = link(&app, shop, Role::Admin).await;
    let entered = submit(&app, "/login", "", &[("code", &code)]).await;
    let foreign = entered.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let renamed = foreign.replace("hookpoint-shop", "hookpoint-demo");

    for &route in ConsoleRoute::ALL {
        let (method, path) = (if route.is_act() { "POST" } else { "GET" }, path_of(route));
        let path = format!("/demo{path}");
        for nobody in ["", "hookpoint-demo=x", "hookpoint-demo=", &foreign, &renamed] {
            let headers = [("Cookie", nobody), ("Sec-Fetch-Site", "same-origin")];
            let response = request(&app, method, &path, &headers, "").await;
            assert_eq!(response.status, 401, "{method} {path} as {nobody:?}");
        }
        for (role, _) in Role::ALL {
            let person = Person::enter(&app, role).await;
            let headers = [("Cookie", person.cookie.as_str()), ("Sec-Fetch-Site", "same-origin")];
            let response = request(&app, method, &path, &headers, "").await;
            let is_allowed = role >= route.role();
            assert_eq!(
                response.status != 403,
                is_allowed,
                "{method} {path} as {role}: {}",
                response.status
            );
            assert!(response.status < 500 && response.status != 401, "{method} {path} as {role}");
            if route.is_act() {
                for site in ["cross-site", "same-site", "none"] {
                    let headers = [("Cookie", person.cookie.as_str()), ("Sec-Fetch-Site", site)];
                    let response = request(&app, method, &path, &headers, "").await;
                    assert_eq!(response.status, 403, "{method} {path} from {site}");
                }
            }
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn an_id_that_cannot_exist_breaks_no_page() {
    let app = TestApp::start_with(settings_with_console()).await;
    let admin = Person::enter(&app, Role::Admin).await;
    for &route in ConsoleRoute::ALL.iter().filter(|route| route.pattern().contains("{id}")) {
        for id in ["%00", "a%00b", "%01", "%7f", "%e2%80%ae", "..%2f", &"x".repeat(5_000)] {
            let path = route.pattern().replace("{id}", id);
            let answer = match route.is_act() {
                true => admin.submit(&path, &[("state", "\0"), ("answer", "\0")]).await,
                false => admin.open(&path).await,
            };
            assert!(answer.status < 500, "{path}: {}", answer.status);
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn every_answer_forbids_to_keep_embed_or_extend_it() {
    let app = TestApp::start_with(settings_with_console()).await;
    let person = Person::enter(&app, Role::Admin).await;
    let mut answers = vec![open(&app, "/login", "").await, open(&app, "/nothing", "").await];
    for route in ConsoleRoute::ALL.iter().filter(|route| !route.is_act()) {
        answers.push(person.open(&path_of(*route)).await);
    }
    for answer in answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.head);
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        for forbidden in ["<style", " style=", "onclick=", "javascript:", "http://", "//cdn"] {
            assert!(!answer.body.contains(forbidden), "{forbidden}: {}", answer.body);
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn wrong_methods_and_too_large_forms_get_a_page_of_the_console() {
    let app = TestApp::start_with(settings_with_console()).await;
    let person = Person::enter(&app, Role::Admin).await;
    let large = "x".repeat(300_000);
    let answers = [
        (405, person.submit("/sources", &[]).await),
        (405, person.open("/logout").await),
        (413, person.submit("/customers", &[("text", &large)]).await),
        (413, submit(&app, "/login", "", &[("code", &large)]).await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{}", answer.head);
        assert!(answer.body.starts_with("<!doctype html>"), "{}", answer.body);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.head);
    }
    app.stop().await;
}

#[tokio::test]
async fn files_are_kept_for_good_under_the_hash_of_their_content() {
    let app = TestApp::start_with(settings_with_console()).await;
    let login = open(&app, "/login", "").await.body.replace("&#x2f;", "/");
    let (mut loaded, mut rest) = (0, login.as_str());
    while let Some((_, after)) = rest.split_once("=\"/assets/") {
        let (name, after) = after.split_once('"').unwrap();
        let file = open(&app, &format!("/assets/{name}"), "").await;
        assert_eq!(file.status, 200, "{name}");
        assert!(file.header("cache-control").unwrap().contains("immutable"), "{name}");
        (loaded, rest) = (loaded + 1, after);
    }
    assert!(loaded >= 4, "{login}");
    app.stop().await;
}

#[tokio::test]
async fn wrong_codes_are_limited_for_each_network() {
    let app = TestApp::start_with(settings_with_console()).await;
    let mut statuses = Vec::new();
    for _ in 0..25 {
        statuses.push(submit(&app, "/login", "", &[("code", "demo.x")]).await.status);
    }
    assert_eq!(statuses[0], 422);
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_console_below_a_path_has_all_its_links_there() {
    let settings = settings_with_console().with(|file| {
        "https://support.brand.nl/hookpoint/".clone_into(&mut file.console.public_url);
    });
    let app = TestApp::start_with(settings).await;
    // Its address is that of the proxy, so no page can be opened from here. The link names it.
    let urls = app.application.console.as_ref().unwrap();
    assert_eq!(urls.link("demo", "x"), "https://support.brand.nl/hookpoint/login#demo.x");
    assert!(urls.is_https());
    app.stop().await;
}

/// The URLs in a page: where its links and forms lead.
fn urls_of(page: &str) -> Vec<String> {
    let mut urls = Vec::new();
    for attribute in ["href=\"", "action=\"", "hx-get=\""] {
        let values = page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap());
        urls.extend(values.map(|url| url.replace("&#x2f;", "/").replace("&amp;", "&")));
    }
    urls
}

#[tokio::test]
async fn no_url_and_no_log_line_has_anything_of_a_person() {
    let app = app_with_console().await;
    let code = link(&app, &app.brand, Role::Admin).await;
    let entered = submit(&app, "/login", "", &[("code", &code)]).await;
    let cookie = entered.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let admin = Person { app: &app, cookie: cookie.clone() };
    let (email, phone, name) = ("thomas@example.org", "+31612312311", "Bakker");

    // Every page that the pages lead to, from the navigation on.
    let found = admin.submit("/customers", &[("text", email)]).await;
    assert!(found.body.contains(name), "{}", found.body);
    let path = admin.path_of(email).await;
    let asked = [
        admin.address_of("/customers", &[("text", name)]).await,
        admin.address_of("/lookups", &[("by", "address"), ("text", email)]).await,
        admin.address_of(&format!("{path}/preview"), &[("act", "join"), ("with", phone)]).await,
    ];
    let (mut open, mut seen) = (urls_of(&found.body), BTreeSet::new());
    open.extend(urls_of(&admin.page("/").await).into_iter().chain(asked));
    while let Some(url) = open.pop() {
        assert!(!url.contains('@') && !url.contains("%40"), "{url}");
        for datum in [email, phone, "31612312311", name, "Thomas"] {
            assert!(!url.contains(datum), "{url} has {datum}");
        }
        let is_page = url.starts_with("/demo/") && !url.ends_with("/logout");
        if is_page && seen.len() < 80 && seen.insert(url.clone()) {
            let page = super::open(&app, &url, &cookie).await;
            // The paths of forms are none of pages.
            assert!(page.status < 500, "{url}: {}", page.body);
            open.extend(urls_of(&page.body));
        }
    }
    assert!(seen.len() > 20, "{seen:?}");

    let (logs, secret) = (logs().text(), code.split_once('.').unwrap().1);
    let token = cookie.split_once('=').unwrap().1;
    assert!(logs.contains("console request"));
    for datum in [email, phone, secret, token, "Femke", name] {
        assert!(!logs.contains(datum), "the log has {datum}");
    }
    app.stop().await;
}

/// The field with the page that a person asked for.
fn wanted_in(login: &Page) -> String {
    let text = login.text();
    let field = text.split("name=\"to\" value=\"").nth(1).unwrap_or_else(|| panic!("{text}"));
    field.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn who_logs_in_goes_to_the_page_that_they_asked_for() {
    let app = TestApp::start_with(settings_with_console()).await;
    let asked = "/demo/audit?from=2026-11-19&asked=x";
    let refused = Page::from(open(&app, asked, "").await);
    assert_eq!(refused.status, 401);
    let login = &refused.links("/login?to=")[0];
    let login = Page::from(open(&app, login, "").await).shown();
    let wanted = wanted_in(&login);
    assert_eq!(wanted, "/demo/audit?from=2026-11-19");
    let code = link(&app, &app.brand, Role::Viewer).await;
    // A wrong code does not lose it.
    let fields = [("code", "demo.x"), ("to", wanted.as_str())];
    let wrong = Page::from(submit(&app, "/login", "", &fields).await);
    assert_eq!((wrong.status, wanted_in(&wrong)), (422, wanted.clone()));
    let fields = [("code", code.as_str()), ("to", &wanted)];
    let entered = submit(&app, "/login", "", &fields).await;
    let location = "/demo/audit?from=2026-11-19&done=logged-in";
    assert_eq!((entered.status, entered.header("location")), (303, Some(location)));
    // Nobody is sent anywhere else.
    for odd in [
        "//evil.example/",
        "https://evil.example/demo/",
        "/\\evil.example/",
        "/demo/../..//evil.example/",
        "/demo/logout",
        "/shop/",
        "/login",
        "",
    ] {
        let code = link(&app, &app.brand, Role::Viewer).await;
        let entered = submit(&app, "/login", "", &[("code", &code), ("to", odd)]).await;
        assert_eq!(entered.header("location"), Some("/demo/?done=logged-in"), "{odd}");
        let login = open(&app, &format!("/login?to={}", encode(odd)), "").await;
        assert!(!login.body.contains("evil"), "{}", login.body);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_form_without_a_session_says_that_nothing_was_stored() {
    let app = TestApp::start_with(settings_with_console()).await;
    let person = Person::enter(&app, Role::Supervisor).await;
    advance(&app, 31);
    let id = "00000000-0000-4000-8000-000000000000";
    let fields = [("answer", "same"), ("reason", "she <b> called")];
    let refused = person.post(&format!("/reviews/{id}/answer"), &fields).await;
    assert_eq!(refused.status, 401);
    for shown in
        ["Nothing was stored", "value=\"she <b> called\"", "to=%2Fdemo%2Freviews%2F00000000"]
    {
        assert!(refused.has(shown), "{shown}: {}", refused.text());
    }
    assert!(!refused.html.contains("<b>"), "{}", refused.html);
    let stranger =
        Page::from(request(&app, "POST", "/demo/reviews/x/answer", &[], "reason=y").await);
    assert!(stranger.status == 403 && !stranger.has("value=\"y\""), "{}", stranger.text());
    let page = person.get("/inbox").await;
    assert!(page.status == 401 && !page.has("Nothing was stored"), "{}", page.text());
    app.stop().await;
}

#[tokio::test]
async fn a_reason_that_would_be_cut_is_refused() {
    let app = TestApp::start_with(settings_with_console()).await;
    let admin = Person::enter(&app, Role::Admin).await;
    let keys = admin.page("/keys").await;
    assert!(keys.contains("maxlength=\"1000\"") && keys.contains("(optional;"), "{keys}");
    let form = keys.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields = |reason| [("form", form), ("label", "x"), ("days", ""), ("reason", reason)];
    let (whole, long) = ("é".repeat(1_000), "é".repeat(1_001));
    let refused = admin.submit("/keys", &fields(&long)).await;
    assert!(refused.status == 422 && refused.body.contains("has more than 1000 characters"));
    assert_eq!(admin.submit("/keys", &fields(&whole)).await.status, 200);
    let (stored,): (String,) = sqlx::query_as(
        "select reason from audit_log where action = 'create key' order by begun_at limit 1",
    )
    .fetch_one(app.pool())
    .await
    .unwrap();
    assert_eq!(stored, whole);
    app.stop().await;
}
