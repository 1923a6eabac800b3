//! All links of a brand are revoked at once, on every replica.

use hookpoint::admin::agent_links::revoke_agent_links;
use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::role::Role;
use hookpoint::storage::audit_log::{AuditFilter, list_audit};

use super::*;
use crate::console::Person;

#[tokio::test]
async fn a_revoked_link_opens_nothing_and_no_replica_gives_it_out_again() {
    let app = app_with(settings(), couple()).await;
    let other = beside(&app, settings()).await;
    let link = link_of(&app, EMAIL).await;
    let token = token_of(&link).to_owned();
    assert_eq!(token_of(&link_of(&other, EMAIL).await), token, "and it is in both caches");
    let visitor = Visitor::enter(&app, &link).await;
    let by = Attribution { by: "Femke", reason: "a laptop was stolen", via: Via::Command };
    revoke_agent_links(app.pool(), &app.brand, by, app.clock.now()).await.unwrap();
    for app in [&app, &other] {
        assert_gone(&send_token(app, &token).await, "revoked");
        app.wait_until_current().await;
        let fresh = link_of(app, EMAIL).await;
        assert_ne!(token_of(&fresh), token, "the cached answer is dropped");
        Visitor::enter(app, &fresh).await.page("").await;
    }
    assert_gone(&visitor.open("").await, "the page that was open");
    let rows = list_audit(app.pool(), app.brand.id(), AuditFilter::ALL, 100).await.unwrap();
    let row = rows.iter().find(|row| row.action == "revoke agent links").unwrap();
    assert_eq!((row.done_by.as_str(), row.reason.as_str()), ("Femke", "a laptop was stolen"));
    // A replica that starts later gives out links of the new generation.
    let later = beside(&app, settings()).await;
    Visitor::enter(&later, &link_of(&later, EMAIL).await).await.page("").await;
    for app in [later, other, app] {
        app.stop().await;
    }
}

#[tokio::test]
async fn an_admin_revokes_them_on_the_page_people_and_a_supervisor_cannot() {
    let settings = settings().with(|file| "127.0.0.1:0".clone_into(&mut file.console.listen));
    let app = app_with(settings, couple()).await;
    let link = link_of(&app, EMAIL).await;
    let supervisor = Person::enter(&app, Role::Supervisor).await;
    let path = "/people/revoke-agent-links";
    assert_eq!(supervisor.submit(path, &[]).await.status, 403);
    Visitor::enter(&app, &link).await;
    let admin = Person::enter(&app, Role::Admin).await;
    assert!(admin.page("/people").await.contains("Revoke all links"));
    let done = admin.submit(path, &[("reason", "lost")]).await;
    assert_eq!(done.header("location"), Some("/demo/people?done=links-revoked"));
    assert_gone(&send_token(&app, token_of(&link)).await, "revoked");
    app.stop().await;
}
