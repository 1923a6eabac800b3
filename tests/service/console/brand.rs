//! Keys and people.

use std::collections::BTreeSet;

use hookpoint::storage::audit_log::{AuditFilter, Via, list_audit};

use super::*;

/// The value of the field that shows something once.
fn shown_once(page: &str) -> String {
    let value = page.split("readonly value=\"").nth(1).unwrap().split('"').next().unwrap();
    value.replace("&#x2f;", "/").replace("&amp;", "&")
}

#[tokio::test]
async fn a_key_that_was_made_works_until_it_is_revoked() {
    let app = TestApp::start_with(settings_with_console()).await;
    let admin = Person::enter(&app, Role::Admin).await;
    let form = admin.page("/keys").await;
    let sent = form.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields = [("form", sent), ("label", "Omnidesk <b>"), ("days", "")];
    let made = admin.submit("/keys", &fields).await;
    assert_eq!(made.status, 200, "{}", made.body);
    // A reload sends the form again.
    let reloaded = admin.submit("/keys", &fields).await.body;
    assert!(reloaded.contains("No second key was made"), "{reloaded}");
    assert_eq!(reloaded.matches("<td>Omnidesk &lt;b&gt;</td>").count(), 1, "{reloaded}");
    let row = made.body.split("Omnidesk &lt;b&gt;").nth(1).unwrap();
    let id = row.split("/keys/").nth(1).unwrap().split("/revoke").next().unwrap();
    assert_ne!(id, sent, "whoever sends the form cannot choose the id of a key");
    let short_id = &id[id.len() - 6..];
    let question = format!("Revoke the key {short_id} (Omnidesk &lt;b&gt;)?");
    assert!(reloaded.contains(&question) && !reloaded.contains("hkp_"), "{reloaded}");
    assert!(made.body.contains("Omnidesk &lt;b&gt;"), "{}", made.body);
    let url = shown_once(&made.body);
    let key = url.split("key=").nth(1).unwrap();
    assert!(!admin.page("/keys").await.contains(key), "a key is shown once");

    let lookup = format!("key={key}&primaryID=x");
    app.until(&lookup, |answer| answer.status == 200).await;
    let revoked = admin.submit(&format!("/keys/{id}/revoke"), &[("reason", "test")]).await;
    assert_eq!(revoked.header("location"), Some("/demo/keys?done=revoked"));
    app.until(&lookup, |answer| answer.status == 401).await;
    let again = admin.submit(&format!("/keys/{id}/revoke"), &[]).await;
    assert_eq!(again.header("location"), Some("/demo/keys?done=nothing"));
    // Somebody still calls with it. The page shows it then, also if it was revoked long ago.
    let long_ago = "update api_keys set last_rejected_at = timestamptz '2026-11-21 09:00:00Z',
        revoked_at = timestamptz '2026-01-01 09:00:00Z' where revoked_at is not null";
    sqlx::query(long_ago).execute(app.pool()).await.unwrap();
    let page = admin.page("/keys").await;
    assert!(page.contains(short_id) && page.contains("A call with it was rejected"), "{page}");
    assert_eq!(admin.submit("/keys", &[("form", sent), ("label", "")]).await.status, 422);
    for (id, days) in [(sent, "0"), ("", ""), ("x", "")] {
        let refused = admin.submit("/keys", &[("form", id), ("label", "x"), ("days", days)]).await;
        assert_eq!(refused.status, 422, "{id} {days}");
    }
    app.stop().await;
}

#[tokio::test]
async fn keys_that_were_revoked_long_ago_are_left_out() {
    let app = TestApp::start_with(settings_with_console()).await;
    for (label, days) in [("old", 91), ("newer", 89)] {
        let insert = "insert into api_keys (brand_id, key_id, label, hash, created_at, revoked_at)
            select $1, gen_random_uuid(), $2, sha256(convert_to($2, 'utf8')), at, at
            from (select $3::text::timestamptz - make_interval(days => $4) as at) as revoked";
        let insert = sqlx::query(insert).bind(app.brand.id()).bind(label);
        let insert = insert.bind(app.clock.now().to_string()).bind(days);
        insert.execute(app.pool()).await.unwrap();
    }
    let admin = Person::enter(&app, Role::Admin).await;
    let page = admin.page("/keys").await;
    assert!(page.contains("<td>newer</td>") && !page.contains("<td>old</td>"), "{page}");
    assert!(page.contains("1 key was revoked more than 90 days ago, and is left out."), "{page}");
    let all = admin.page("/keys?show=all").await;
    assert!(all.contains("<td>old</td>") && !all.contains("left out"), "{all}");
    app.stop().await;
}

#[tokio::test]
async fn who_is_invited_has_the_role_of_the_invitation() {
    let app = TestApp::start_with(settings_with_console()).await;
    let admin = Person::enter(&app, Role::Admin).await;
    let invited = admin.submit("/people", &[("person", "Sanne <i>"), ("role", "viewer")]).await;
    let link = shown_once(&invited.body);
    let entered = submit(&app, "/login", "", &[("code", &link)]).await;
    let cookie = entered.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let sanne = Person { app: &app, cookie };
    assert_eq!((sanne.open("/").await.status, sanne.open("/keys").await.status), (200, 403));
    let people = admin.page("/people").await;
    assert!(people.contains("Sanne &lt;i&gt;") && !people.contains("<i>"), "{people}");
    for (person, role) in [("", "viewer"), ("x", "owner"), ("x", ""), ("a\u{7}", "viewer")] {
        let refused = admin.submit("/people", &[("person", person), ("role", role)]).await;
        assert_eq!(refused.status, 422, "{person:?} {role:?}");
    }
    let audit = list_audit(app.pool(), app.brand.id(), AuditFilter::ALL, 10).await.unwrap();
    assert!(
        audit.iter().any(|row| row.via == Some(Via::Console)),
        "what is done on a page says so"
    );
    let acts: Vec<_> =
        audit.iter().map(|row| (row.action.as_str(), row.done_by.as_str())).collect();
    let expected = [
        ("log in", "Sanne <i>"),
        ("create console link", "Femke"),
        ("log in", "Femke"),
        ("create console link", "test"),
    ];
    assert_eq!(BTreeSet::from_iter(acts), BTreeSet::from_iter(expected));
    app.stop().await;
}
