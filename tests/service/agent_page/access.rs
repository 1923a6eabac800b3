//! Which links open which page, and for how long.

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::customers::erase_customer;
use hookpoint::admin::decisions::Act;
use hookpoint::erasure::suppression_file::SuppressionFile;
use hookpoint::storage::audit_log::{AuditFilter, list_audit};
use jiff::{SignedDuration, Timestamp};

use super::*;

fn advance(app: &TestApp, hours: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_hours(hours));
}

#[tokio::test]
async fn the_link_of_an_answer_opens_the_page_of_its_customer() {
    let app = app_with(settings(), couple()).await;
    let link = link_of(&app, EMAIL).await;
    let start = format!("http://{}/agent#", app.application.address);
    assert!(link.starts_with(&start), "{link}");
    let open = app.send("GET", "/agent", &[]).await;
    assert_eq!(open.status, 200);
    assert!(open.body.contains("<noscript>") && !open.body.contains("Ruben"), "{}", open.body);

    let response = send_token(&app, token_of(&link)).await;
    assert_eq!((response.status, response.body.as_str()), (303, ""));
    let (cookie, path) =
        (response.header("set-cookie").unwrap(), response.header("location").unwrap());
    for part in ["; HttpOnly", "; SameSite=Strict", &format!("; Path={path}"), "; Max-Age=1800"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "there is no https: {cookie}");
    for text in [path, cookie, token_of(&link)] {
        for secret in ["ruben", "Ruben", "omneo", "demo"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let page = Visitor::enter(&app, &link).await.page("").await;
    for shown in ["Ruben Smit", EMAIL, LINE, "omneo", "one record"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("Sanne"));
    for response in [open, Visitor::enter(&app, &link).await.open("").await] {
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
        assert!(!policy.contains("unsafe"));
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-robots-tag", "noindex"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(response.header(name), Some(value), "{name}");
        }
        for inline in ["style=", "<style", "onclick", "<script>"] {
            assert!(!response.body.contains(inline), "{inline}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn every_opened_link_is_in_the_audit_log_and_a_filter_is_not() {
    let app = app_with(settings(), couple()).await;
    let link = link_of(&app, EMAIL).await;
    for _ in 0..2 {
        let visitor = Visitor::enter(&app, &link).await;
        visitor.page("").await;
        visitor.page("?source=omneo&kind=").await;
    }
    let rows = list_audit(app.pool(), app.brand.id(), AuditFilter::ALL, 100).await.unwrap();
    let views: Vec<_> = rows.iter().filter(|row| row.action == "view agent page").collect();
    assert_eq!(views.len(), 2);
    for row in views {
        assert_eq!((row.done_by.as_str(), row.subjects.len()), ("agent page", 1));
        assert!(row.target.is_empty() && row.reason.is_empty(), "{} {}", row.target, row.reason);
    }
    app.stop().await;
}

#[tokio::test]
async fn two_customers_in_one_answer_have_two_links_and_a_cookie_opens_its_own_page_only() {
    let app = app_with(settings(), couple()).await;
    let both = app.by_phone(LINE).await;
    assert_eq!(both.len(), 2);
    let mut visitors = Vec::new();
    for customer in &both {
        let visitor = Visitor::enter(&app, &link_in(customer)).await;
        let name = customer["customerFirstname"].as_str().unwrap().to_owned();
        assert!(visitor.page("").await.contains(&name), "{name}");
        visitors.push((visitor, name));
    }
    let [(one, _), (other, _)] = visitors.as_slice() else { panic!("two") };
    assert_ne!(one.path, other.path);
    for (path, cookie) in [(&one.path, &other.cookie), (&other.path, &one.cookie)] {
        let response = app.send("GET", path, &[("Cookie", cookie)]).await;
        assert_gone(&response, "the cookie of another customer");
    }
    assert_gone(&app.send("GET", &one.path, &[]).await, "no cookie");
    let token = one.cookie.split_once('=').unwrap().1;
    assert_gone(&send_token(&app, token).await, "a cookie is no link");
    let name = one.cookie.split_once('=').unwrap().0;
    let link = link_of(&app, EMAIL).await;
    let as_cookie = format!("{name}={}", token_of(&link));
    let response = app.send("GET", &one.path, &[("Cookie", &as_cookie)]).await;
    assert_gone(&response, "a link is no cookie");
    app.stop().await;
}

#[tokio::test]
async fn a_link_works_for_its_days_and_a_cookie_for_half_an_hour() {
    let settings = settings().with(|file| {
        file.brands.values_mut().next().unwrap().agent_page.link_days = 2;
    });
    let app = app_with(settings, couple()).await;
    let link = link_of(&app, EMAIL).await;
    let visitor = Visitor::enter(&app, &link).await;
    app.clock.set(app.clock.now() + SignedDuration::from_mins(29));
    visitor.page("").await;
    app.clock.set(app.clock.now() + SignedDuration::from_mins(2));
    assert_gone(&visitor.open("").await, "the cookie is over");
    assert_gone(&visitor.press("").await, "the cookie is over");
    advance(&app, 2 * 24 - 1);
    Visitor::enter(&app, &link).await;
    advance(&app, 24);
    assert_gone(&send_token(&app, token_of(&link)).await, "after the days of the settings");
    app.stop().await;
}

#[tokio::test]
async fn equal_answers_of_a_day_are_equal_texts() {
    let app = app_with(settings(), couple()).await;
    let replica = beside(&app, settings()).await;
    let of = async |app: &TestApp| {
        let link = link_of(app, EMAIL).await;
        token_of(&link).to_owned()
    };
    let midnight: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let first = of(&app).await;
    replica.clock.set(midnight - SignedDuration::from_secs(1));
    assert_eq!(of(&replica).await, first, "later on the same day");
    let tomorrow = beside(&app, settings()).await;
    tomorrow.clock.set(midnight);
    let next = of(&tomorrow).await;
    assert_ne!(next, first, "on the next day");
    assert_eq!(next.split_once('.').unwrap().0, first.split_once('.').unwrap().0);
    for app in [tomorrow, replica, app] {
        app.stop().await;
    }
}

#[tokio::test]
async fn a_token_that_nobody_made_opens_nothing_and_looks_like_an_old_one() {
    let limit = 30;
    let settings_with_limit = settings().with(|file| file.limits.wrong_keys_per_minute = 30);
    let app = app_with(settings_with_limit, couple()).await;
    let link = link_of(&app, EMAIL).await;
    let token = token_of(&link).to_owned();
    let (customer, sealed) = token.split_once('.').unwrap();
    let other = app.by_email("sanne@example.org").await;
    let other = token_of(&link_in(&other[0])).to_owned();
    let (other_customer, _) = other.split_once('.').unwrap();
    let mut forged = vec![
        String::new(),
        ".".to_owned(),
        customer.to_owned(),
        format!("{customer}."),
        format!("{other_customer}.{sealed}"),
        format!("{customer}.{sealed}A"),
        format!("{token}.{token}"),
        "x".repeat(3_000),
        "x".repeat(5_000),
        "\0".to_owned(),
        "\u{1F600}.\u{1F600}".to_owned(),
    ];
    // Each character of the numbers and the MAC.
    for n in (0..sealed.len()).step_by(5) {
        let replaced = if &sealed[n..=n] == "A" { "B" } else { "A" };
        forged.push(format!("{customer}.{}{replaced}{}", &sealed[..n], &sealed[n + 1..]));
    }
    let old = {
        let later = beside(&app, settings()).await;
        advance(&later, 24 * 40);
        let old = send_token(&later, &token).await;
        later.stop().await;
        old
    };
    assert_gone(&old, "old");
    assert!(forged.len() < limit);
    for token in &forged {
        let response = send_token(&app, token).await;
        assert_gone(&response, token);
        assert_eq!(response.body, old.body, "no difference between forged and old");
    }
    // The limit recovers while time passes, so more attempts may be needed than it says.
    let mut limited = send_token(&app, "x.y").await;
    while limited.status == 410 {
        limited = send_token(&app, "x.y").await;
    }
    assert_eq!(limited.status, 429, "{}", limited.body);
    assert!(limited.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(send_token(&app, &token).await.status, 303, "a right one still works");
    app.stop().await;
}

#[tokio::test]
async fn whoever_has_a_link_cannot_ask_without_end() {
    let app = app_with(settings(), couple()).await;
    let other = link_of(&app, "sanne@example.org").await;
    let visitor = Visitor::enter(&app, &link_of(&app, EMAIL).await).await;
    // The limit recovers while time passes, so more requests may be needed than it says.
    let mut limited = visitor.open("").await;
    while limited.status == 200 {
        limited = visitor.open("").await;
    }
    assert_eq!(limited.status, 429, "{}", limited.body);
    assert!(limited.header("retry-after").is_some() && !limited.body.contains("Ruben"));
    assert!(Visitor::enter(&app, &other).await.page("").await.contains("Sanne"), "another page");
    app.stop().await;
}

#[tokio::test]
async fn a_link_of_one_brand_opens_nothing_of_another() {
    let settings = settings().with(|file| {
        let brand = file.brands.values().next().unwrap().clone();
        file.brands.insert("other".to_owned(), brand);
    });
    let app = TestApp::start_with(settings).await;
    let other = app.application.brands().values().find(|brand| brand.rules.slug == "other");
    let other = std::sync::Arc::clone(other.unwrap());
    app.apply(couple()).await;
    hookpoint::ingest::apply::apply(
        app.pool(),
        &other,
        vec![person(RUBEN, ("Otto", "Anders"), EMAIL, "")],
    )
    .await
    .unwrap();
    app.wait_until_current().await;
    let link = link_of(&app, EMAIL).await;
    assert!(Visitor::enter(&app, &link).await.page("").await.contains("Ruben"));
    app.key(&other, "hkp_other", None).await;
    let query = format!("key=hkp_other&channelAddressType=email&address={}", encode(EMAIL));
    let found = app.until(&query, |response| response.status == 200).await;
    let found: Vec<Value> = serde_json::from_str(&found.body).unwrap();
    let of_other = link_in(&found[0]);
    let page = Visitor::enter(&app, &of_other).await.page("").await;
    assert!(page.contains("Otto") && !page.contains("Ruben"), "{page}");
    // The encrypted customer of one brand with the seal of the other.
    let (customer, _) = token_of(&link).split_once('.').unwrap();
    let (_, sealed) = token_of(&of_other).split_once('.').unwrap();
    assert_gone(&send_token(&app, &format!("{customer}.{sealed}")).await, "mixed");
    app.stop().await;
}

#[tokio::test]
async fn after_a_join_and_a_separation_the_page_shows_who_has_the_record_now() {
    let app = app_with(settings(), couple()).await;
    let both = app.by_phone(LINE).await;
    let links: Vec<String> = both.iter().map(link_in).collect();
    let records = [RUBEN, SANNE].map(|key| key.parse().unwrap());
    let joined = app.decided(Act::Join(records.into())).await;
    for link in &links {
        let page = Visitor::enter(&app, link).await.page("").await;
        assert!(page.contains("sanne@example.org") && page.contains(EMAIL), "{page}");
        assert!(page.contains("2 records") && page.contains("decided by a person"), "{page}");
    }
    app.decided(Act::Undo(joined)).await;
    for (link, customer) in links.iter().zip(&both) {
        let page = Visitor::enter(&app, link).await.page("").await;
        let name = customer["customerFirstname"].as_str().unwrap();
        let other = if name == "Ruben" { "Sanne" } else { "Ruben" };
        assert!(page.contains(name) && !page.contains(other), "{page}");
    }
    app.stop().await;
}

#[tokio::test]
async fn an_erased_person_is_gone_at_once_also_from_an_open_page() {
    let app = app_with(settings(), couple()).await;
    let link = link_of(&app, EMAIL).await;
    let visitor = Visitor::enter(&app, &link).await;
    visitor.report("4711").await;
    let suppressions = SuppressionFile::new(suppression_file_of(&app.database));
    let records = [RUBEN.parse().unwrap()].into();
    let by = Attribution { by: "Femke", reason: "", via: Via::Command };
    let place = (&suppressions, &app.clock);
    erase_customer(app.pool(), &app.brand, place, &records, (by, None), &mut |_| ()).await.unwrap();
    assert_gone(&visitor.open("").await, "erased");
    assert_gone(&visitor.press("").await, "erased");
    assert_gone(&send_token(&app, token_of(&link)).await, "erased");
    let (left,): (i64,) = sqlx::query_as("select count(*) from customer_reports")
        .fetch_one(app.pool())
        .await
        .unwrap();
    assert_eq!(left, 0, "the report names the record");
    app.stop().await;
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let app = app_with(settings(), couple()).await;
    let link = link_of(&app, EMAIL).await;
    let visitor = Visitor::enter(&app, &link).await;
    let body = format!("token={}", encode(token_of(&link)));
    for site in ["cross-site", "same-site", "none"] {
        let headers = [("Sec-Fetch-Site", site), ("Cookie", visitor.cookie.as_str())];
        for path in ["/agent", &visitor.path] {
            let response = post(app.application.address, path, &headers, body.as_bytes()).await;
            assert_eq!((response.status, response.header("set-cookie")), (403, None), "{site}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn without_an_agent_page_there_is_none_and_networks_of_omnidesk_do_not_matter_for_it() {
    let app = app_with(settings(), couple()).await;
    let link = link_of(&app, EMAIL).await;
    let visitor = Visitor::enter(&app, &link).await;
    let off = beside(&app, in_mode(AgentPageMode::Off)).await;
    for (method, path) in
        [("GET", "/agent"), ("GET", "/agent/assets/agent.js"), ("GET", &*visitor.path)]
    {
        let response = off.send(method, path, &[("Cookie", &visitor.cookie)]).await;
        assert_eq!((response.status, response.code().as_str()), (404, "not-found"), "{path}");
    }
    assert_eq!(send_token(&off, token_of(&link)).await.status, 404);
    off.stop().await;
    let elsewhere = settings().with(|file| {
        file.server.allowed_networks = vec!["192.0.2.0/24".parse().unwrap()];
    });
    let place = Some((app.place.clone(), app.database.clone()));
    let options = Options { place, settings: elsewhere, ..Options::default() };
    let elsewhere = TestApp::start_without_warm_up(options).await;
    assert_eq!(send_token(&elsewhere, token_of(&link)).await.status, 303);
    elsewhere.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn with_https_the_link_has_the_public_url_and_the_cookie_is_secure() {
    let settings = settings().with(|file| {
        "https://api.brand.example/crm/".clone_into(&mut file.server.public_url);
    });
    let app = app_with(settings, couple()).await;
    let link = link_of(&app, EMAIL).await;
    assert!(link.starts_with("https://api.brand.example/crm/agent#"), "{link}");
    let response = send_token(&app, token_of(&link)).await;
    let cookie = response.header("set-cookie").unwrap();
    let path = response.header("location").unwrap();
    assert!(path.starts_with("/crm/agent/view/"), "{path}");
    assert!(cookie.starts_with("__Secure-") && cookie.contains("; Secure"), "{cookie}");
    assert!(cookie.contains(&format!("; Path={path}")), "{cookie}");
    // The proxy removes the path of the public URL.
    let inner = path.strip_prefix("/crm").unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let page = app.send("GET", inner, &[("Cookie", cookie)]).await;
    assert_eq!(page.status, 200);
    let plain = html_escape::decode_html_entities(&page.body);
    assert!(plain.contains("href=\"/crm/agent/assets/agent.css\""), "{plain}");
    app.stop().await;
}
