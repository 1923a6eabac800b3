//! Accounts: by invitation, with a password, and what an admin and the person do with them.

use hookpoint::settings::file::BrandSettings;
use jiff::SignedDuration;

use super::*;
use crate::support::Options;

const PASSWORD: &str = "een zin over fietsen";

fn advance(app: &TestApp, minutes: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_mins(minutes));
}

/// The code in a page with a link that was just made.
fn code_in(page: &Response) -> String {
    let (_, after) = page.body.split_once("invitation#").unwrap_or_else(|| panic!("{}", page.body));
    after.split('"').next().unwrap().to_owned()
}

/// Invites a person, as an admin does on the page.
async fn invite(admin: &Person<'_>, name: &str, role: &str) -> String {
    let page = admin.submit("/people/accounts", &[("person", name), ("role", role)]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    code_in(&page)
}

async fn accept(app: &TestApp, code: &str, password: &str) -> Response {
    let fields = [("code", code), ("password", password), ("again", password)];
    submit(app, "/invitation", "", &fields).await
}

async fn log_in(app: &TestApp, name: &str, password: &str) -> Response {
    submit(app, "/login/password", "", &[("name", name), ("password", password)]).await
}

/// The person with the cookie of a response.
fn person<'a>(app: &'a TestApp, entered: &Response) -> Person<'a> {
    assert_eq!(entered.status, 303, "{}", entered.body);
    let cookie = entered.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    Person { app, cookie }
}

/// A person with an account, who is in.
async fn member<'a>(admin: &Person<'a>, name: &str, role: &str) -> Person<'a> {
    let code = invite(admin, name, role).await;
    person(admin.app, &accept(admin.app, &code, PASSWORD).await)
}

/// The id of an account, from the page.
async fn id_of(admin: &Person<'_>, name: &str) -> String {
    let page = admin.page("/people").await;
    let (_, after) = page.split_once("<h2>Accounts</h2>").unwrap();
    let (_, row) = after.split_once(&format!("<td>{name}")).unwrap();
    let (_, path) = row.split_once("/accounts/").unwrap();
    path.split('/').next().unwrap().to_owned()
}

async fn act(admin: &Person<'_>, name: &str, act: &str, fields: &[(&str, &str)]) -> Response {
    let id = id_of(admin, name).await;
    admin.submit(&format!("/people/accounts/{id}/{act}"), fields).await
}

#[tokio::test]
async fn an_invited_person_sets_a_password_once_and_comes_back_with_it() {
    let app = TestApp::start_with(settings_with_console()).await;
    let admin = Person::enter(&app, Role::Admin).await;
    let code = invite(&admin, "Sanne", "supervisor").await;
    assert!(code.starts_with("demo."), "{code}");
    assert!(!admin.page("/people").await.contains(&code), "it is shown once");
    assert!(admin.page("/people").await.contains(">invited<"));
    let form = open(&app, "/invitation", "").await;
    assert!(form.status == 200 && form.body.contains("name=\"code\""), "{}", form.body);
    assert!(!form.body.contains("new-password") && !form.body.contains("demo"), "{}", form.body);
    let welcome = submit(&app, "/invitation", "", &[("code", &code)]).await;
    assert_eq!((welcome.status, welcome.header("set-cookie")), (200, None), "only looked at");
    for text in ["<dd>demo</dd>", "Sanne", "<strong>supervisor</strong>", "new-password"] {
        assert!(welcome.body.contains(text), "{text}: {}", welcome.body);
    }

    for refused in ["short", "aaaaaaaaaaaaa", "sanneSANNE sanne", &"x1".repeat(101)] {
        let response = accept(&app, &code, refused).await;
        assert_eq!((response.status, response.header("set-cookie")), (422, None), "{refused}");
        assert!(response.body.contains(&format!("value=\"{code}\"")), "the code stays");
        assert!(response.body.contains("role=\"alert\"") && response.body.contains("Sanne"));
        assert!(!response.body.contains(&format!("value=\"{refused}\"")), "no password is shown");
    }
    let fields = [("code", code.as_str()), ("password", PASSWORD), ("again", "another sentence")];
    let differs = submit(&app, "/invitation", "", &fields).await;
    assert_eq!(differs.status, 422, "typed differently");
    assert!(differs.body.contains("The two passwords differ."), "{}", differs.body);
    let sanne = person(&app, &accept(&app, &code, PASSWORD).await);
    assert!(sanne.page("/").await.contains("Sanne"));
    assert_eq!(accept(&app, &code, PASSWORD).await.status, 422, "a second use");
    assert!(admin.page("/people").await.contains(">active<"));

    for name in ["Sanne", "sanne", " SANNE "] {
        let entered = log_in(&app, name, PASSWORD).await;
        assert_eq!(entered.header("location"), Some("/demo/?done=logged-in"), "{}", entered.body);
        assert_eq!(person(&app, &entered).open("/keys").await.status, 403, "no admin");
    }
    let wrong = log_in(&app, "Sanne", "een zin over fietse").await;
    let nobody = log_in(&app, "Nobody", PASSWORD).await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (422, None));
    assert!(wrong.body.contains("name=\"password\"") && wrong.body.contains("value=\"Sanne\""));
    let same = wrong.body.replace("\"Sanne\"", "\"Nobody\"");
    assert_eq!((nobody.status, nobody.body), (422, same), "as for a wrong password");

    let audit = admin.page("/audit").await;
    for done in ["invite to console", "set console password", "log in"] {
        assert!(audit.contains(done), "{done}");
    }
    let logs = logs().text();
    for secret in [PASSWORD, code.split_once('.').unwrap().1, "een zin over fietse", "Sanne"] {
        assert!(!logs.contains(secret), "the log has {secret}");
    }
    app.stop().await;
}

#[tokio::test]
async fn an_invitation_ends_after_three_days_and_a_name_has_one_account() {
    let app = TestApp::start_with(settings_with_console()).await;
    let admin = Person::enter(&app, Role::Admin).await;
    let code = invite(&admin, "Sanne", "viewer").await;
    for name in ["sanne", "", "a\u{7}b", &"x".repeat(101)] {
        let fields = [("person", name), ("role", "viewer")];
        assert_eq!(admin.submit("/people/accounts", &fields).await.status, 422, "{name}");
    }
    let fields = [("person", "Joris"), ("role", "owner")];
    assert_eq!(admin.submit("/people/accounts", &fields).await.status, 422, "no such role");
    advance(&app, 3 * 24 * 60 + 1);
    let late = accept(&app, &code, PASSWORD).await;
    assert_eq!((late.status, late.header("set-cookie")), (422, None));
    assert_eq!(log_in(&app, "Sanne", "").await.status, 422, "without a password");

    let admin = Person::enter(&app, Role::Admin).await;
    assert!(admin.page("/people").await.contains("invitation expired"));
    let again = code_in(&act(&admin, "Sanne", "invite", &[]).await);
    person(&app, &accept(&app, &again, PASSWORD).await);
    for wrong in ["", "demo", "demo.x", ".x", "other.x", &code] {
        assert_eq!(accept(&app, wrong, PASSWORD).await.status, 422, "{wrong}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_changed_role_and_a_removal_count_at_the_next_request() {
    let app = TestApp::start_with(settings_with_console()).await;
    let admin = Person::enter(&app, Role::Admin).await;
    let (sanne, joris) =
        (member(&admin, "Sanne", "admin").await, member(&admin, "Joris", "viewer").await);
    assert_eq!(sanne.open("/keys").await.status, 200);
    let changed = act(&admin, "Sanne", "role", &[("role", "viewer")]).await;
    assert_eq!(changed.header("location"), Some("/demo/people?done=role-set"));
    assert_eq!(sanne.open("/keys").await.status, 403);
    let same = act(&admin, "Sanne", "role", &[("role", "viewer")]).await;
    assert_eq!(same.header("location"), Some("/demo/people?done=nothing"));
    assert_eq!(act(&admin, "Sanne", "role", &[("role", "")]).await.status, 422);

    let other = person(&app, &log_in(&app, "Sanne", PASSWORD).await);
    assert_eq!(act(&admin, "Sanne", "remove", &[]).await.status, 303);
    for gone in [&sanne, &other] {
        assert_eq!(gone.open("/").await.status, 401);
    }
    assert_eq!(log_in(&app, "Sanne", PASSWORD).await.status, 422);
    assert_eq!(joris.open("/").await.status, 200, "another account");
    assert_eq!(admin.open("/").await.status, 200, "a link has no account");

    let renewed = code_in(&act(&admin, "Joris", "invite", &[]).await);
    assert_eq!(joris.open("/").await.status, 401);
    assert_eq!(log_in(&app, "Joris", PASSWORD).await.status, 422, "the old password");
    let password = "een andere zin, over lopen";
    person(&app, &accept(&app, &renewed, password).await);
    person(&app, &log_in(&app, "Joris", password).await);
    let audit = admin.page("/audit").await;
    for done in ["set console role", "remove console account", "invite to console again"] {
        assert!(audit.contains(done), "{done}");
    }
    app.stop().await;
}

#[tokio::test]
async fn people_change_their_own_password_and_their_other_sessions_end() {
    let app = TestApp::start_with(settings_with_console()).await;
    let admin = Person::enter(&app, Role::Admin).await;
    assert!(!admin.page("/account").await.contains("name=\"old\""), "a link has no password");
    let change = async |person: &Person<'_>, old: &str, new: &str| {
        let fields = [("old", old), ("password", new), ("again", new)];
        person.submit("/account", &fields).await
    };
    assert_eq!(change(&admin, "", "een nieuwe zin").await.status, 422);
    let sanne = member(&admin, "Sanne", "viewer").await;
    assert!(sanne.page("/account").await.contains("name=\"old\""));
    let other = person(&app, &log_in(&app, "Sanne", PASSWORD).await);
    let new = "een nieuwe zin";
    assert_eq!(change(&sanne, "een zin over fietse", new).await.status, 422, "a wrong old one");
    assert_eq!(change(&sanne, PASSWORD, "te kort").await.status, 422);
    let changed = change(&sanne, PASSWORD, new).await;
    assert_eq!(changed.header("location"), Some("/demo/account?done=password-changed"));
    assert_eq!((sanne.open("/").await.status, other.open("/").await.status), (200, 401));
    assert_eq!(log_in(&app, "Sanne", PASSWORD).await.status, 422);
    person(&app, &log_in(&app, "Sanne", new).await);
    assert!(admin.page("/audit").await.contains("change console password"));
    app.stop().await;
}

/// Logs in from a network of one's own.
async fn log_in_from(app: &TestApp, network: &str, name: &str, password: &str) -> Response {
    let headers = [("X-Forwarded-For", network), ("Sec-Fetch-Site", "same-origin")];
    let fields = form(&[("name", name), ("password", password)]);
    request(app, "POST", "/login/password", &headers, &fields).await
}

#[tokio::test]
async fn wrong_passwords_make_a_name_wait_on_all_replicas_whether_it_exists_or_not() {
    let settings = settings_with_console()
        .with(|file| file.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    let app = TestApp::start_with(settings.clone()).await;
    let admin = Person::enter(&app, Role::Admin).await;
    member(&admin, "Sanne", "viewer").await;
    let mut answers = Vec::new();
    for (name, from) in [("Sanne", "192.0.2.1"), ("Nobody", "198.51.100.1")] {
        let mut statuses = Vec::new();
        for _ in 0..12 {
            statuses.push(log_in_from(&app, from, name, "een zin over fietse").await.status);
        }
        answers.push(statuses);
    }
    assert_eq!(answers[0], [[422; 10].as_slice(), &[429, 429]].concat());
    assert_eq!(answers[0], answers[1], "nobody learns who has an account");
    assert_eq!(log_in_from(&app, "192.0.2.1", "sanne", PASSWORD).await.status, 429);
    let elsewhere = log_in_from(&app, "203.0.113.1", "Sanne", PASSWORD).await;
    assert_eq!(elsewhere.status, 303, "whoever guesses locks nobody out elsewhere");

    let place = Some((app.place.clone(), app.database.clone()));
    let replica = TestApp::start_with(Options { settings, place, ..Options::default() }).await;
    replica.clock.set(app.clock.now());
    assert_eq!(log_in_from(&replica, "192.0.2.1", "Sanne", PASSWORD).await.status, 429);

    advance(&app, 1);
    assert_eq!(log_in_from(&app, "192.0.2.1", "Sanne", "een fout").await.status, 422);
    assert_eq!(log_in_from(&app, "192.0.2.1", "Sanne", PASSWORD).await.status, 429, "longer");
    advance(&app, 15);
    assert_eq!(log_in_from(&app, "192.0.2.1", "Sanne", PASSWORD).await.status, 303);
    assert_eq!(log_in_from(&app, "192.0.2.1", "Sanne", "een fout").await.status, 422);
    assert_eq!(log_in_from(&app, "192.0.2.1", "Sanne", PASSWORD).await.status, 303, "forgotten");
    replica.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn whoever_guesses_from_many_networks_must_wait_too() {
    let settings = settings_with_console()
        .with(|file| file.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    let app = TestApp::start_with(settings).await;
    for n in 0..100 {
        let from = format!("192.0.2.{n}");
        assert_eq!(log_in_from(&app, &from, "Sanne", "een zin over fietse").await.status, 422);
    }
    assert_eq!(log_in_from(&app, "192.0.2.200", "Sanne", "een fout").await.status, 429);
    assert_eq!(log_in_from(&app, "192.0.2.200", "Bert", "een fout").await.status, 422);
    app.stop().await;
}

#[tokio::test]
async fn passwords_are_limited_for_each_network() {
    let app = TestApp::start_with(settings_with_console()).await;
    let names: Vec<String> = (0..40).map(|n| format!("name {n}")).collect();
    // At once: each is counted before its password is compared, which takes time.
    let attempts = names.iter().map(|name| log_in(&app, name, PASSWORD));
    let answers = futures_util::future::join_all(attempts).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert!(statuses.contains(&422) && statuses.contains(&429), "{statuses:?}");
    assert!(statuses.iter().all(|status| [422, 429].contains(status)), "{statuses:?}");
    app.stop().await;
}

#[tokio::test]
async fn with_several_brands_a_person_names_one_and_a_stranger_learns_none() {
    let settings = settings_with_console().and_brand("shop", BrandSettings::default());
    let app = TestApp::start_with(settings).await;
    let admin = Person::enter(&app, Role::Admin).await;
    member(&admin, "Sanne", "viewer").await;
    let page = open(&app, "/login", "").await.body;
    assert!(page.contains("name=\"brand\""), "{page}");
    assert!(!page.contains("demo") && !page.contains("shop"), "{page}");
    let enter = async |brand: &str| {
        let fields = [("brand", brand), ("name", "Sanne"), ("password", PASSWORD)];
        submit(&app, "/login/password", "", &fields).await
    };
    assert_eq!(enter("demo").await.status, 303);
    let (other, none) = (enter("shop").await, enter("nothing").await);
    let same = none.body.replace("\"nothing\"", "\"shop\"");
    assert_eq!((other.status, other.body), (422, same), "as if there were no such brand");
    app.stop().await;

    let app = TestApp::start_with(settings_with_console()).await;
    assert!(!open(&app, "/login", "").await.body.contains("name=\"brand\""));
    app.stop().await;
}

#[tokio::test]
async fn a_new_log_in_ends_the_session_that_the_browser_had() {
    let app = TestApp::start_with(settings_with_console()).await;
    let admin = Person::enter(&app, Role::Admin).await;
    let sanne = member(&admin, "Sanne", "viewer").await;
    let fields = [("name", "Sanne"), ("password", PASSWORD)];
    let again = submit(&app, "/login/password", &sanne.cookie, &fields).await;
    let again = person(&app, &again);
    assert_eq!((sanne.open("/").await.status, again.open("/").await.status), (401, 200));
    let code = link(&app, &app.brand, Role::Viewer).await;
    let linked = submit(&app, "/login", &again.cookie, &[("code", &code)]).await;
    let linked = person(&app, &linked);
    assert_eq!((again.open("/").await.status, linked.open("/").await.status), (401, 200));
    let invited = invite(&admin, "Joris", "viewer").await;
    let fields = [("code", invited.as_str()), ("password", PASSWORD), ("again", PASSWORD)];
    let joris = person(&app, &submit(&app, "/invitation", &linked.cookie, &fields).await);
    assert_eq!((linked.open("/").await.status, joris.open("/").await.status), (401, 200));
    app.stop().await;
}

#[tokio::test]
async fn no_other_site_sends_a_password_or_an_invitation() {
    let app = TestApp::start_with(settings_with_console()).await;
    for path in ["/login", "/login/password", "/invitation"] {
        for site in ["cross-site", "same-site", "none"] {
            let response = request(&app, "POST", path, &[("Sec-Fetch-Site", site)], "").await;
            assert_eq!(response.status, 403, "{path} from {site}");
        }
        assert_eq!(request(&app, "POST", path, &[], "").await.status, 403, "{path}");
    }
    app.stop().await;
}
