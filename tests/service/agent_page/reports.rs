//! An agent says that this is not one person, and a supervisor finds the question.

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::decisions::Act;
use hookpoint::admin::reviews::{Review, ReviewAnswer, find, list, settle};
use hookpoint::admin::role::Role;
use hookpoint::storage::audit_log::{AuditFilter, list_audit};

use super::*;
use crate::console::Person;

async fn from_agents(app: &TestApp) -> Vec<Review> {
    let mut open = list(app.pool(), &app.brand, true, app.clock.now()).await.unwrap();
    open.retain(Review::is_from_agents);
    open
}

/// Two records that their e-mail address joins.
fn joined() -> Vec<Change> {
    vec![
        person(RUBEN, ("Ruben", "Smit"), EMAIL, ""),
        person("omniotap.contact:r2", ("Ruben", "Smit"), EMAIL, LINE),
    ]
}

#[tokio::test]
async fn the_button_raises_one_question_with_the_ticket_however_often_it_is_pressed() {
    let settings = settings().with(|file| "127.0.0.1:0".clone_into(&mut file.console.listen));
    let app = app_with(settings, joined()).await;
    let link = link_of(&app, EMAIL).await;
    let visitor = Visitor::enter(&app, &link).await;
    assert!(visitor.report("4711").await.contains("A supervisor will look at this customer"));
    assert!(visitor.report("").await.contains("your report is counted"));
    let [review] = from_agents(&app).await.try_into().ok().unwrap();
    assert_eq!((review.lookups.count, review.lookups.last_ticket.as_deref()), (2, Some("4711")));
    assert_eq!(review.customers().len(), 1);
    for wrong in ["a", "47x", "12345678", "0", "06 12345678", EMAIL, "-1"] {
        let refused = visitor.press(wrong).await;
        assert_eq!(refused.status, 422, "{wrong}");
        assert!(!refused.body.contains("Ruben"), "{wrong}");
    }
    assert_eq!(from_agents(&app).await[0].lookups.count, 2);

    let supervisor = Person::enter(&app, Role::Supervisor).await;
    let shown = supervisor.page("/reviews").await;
    assert!(shown.contains("An agent reported") && shown.contains("ticket 4711"), "{shown}");
    let page = supervisor.page(&format!("/reviews/{}", review.id)).await;
    for text in ["Is this customer one person?", "Agents reported it 2 times", "It is one person"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let viewer = Person::enter(&app, Role::Viewer).await;
    let masked = viewer.page(&format!("/reviews/{}", review.id)).await;
    assert!(!masked.contains("Smit") && !masked.contains("omneo.profile:ruben"), "{masked}");
    let path = format!("/reviews/{}/answer", review.id);
    let refused = supervisor.submit(&path, &[("answer", "different")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("separate the records"), "{}", refused.body);
    let done = supervisor.submit(&path, &[("answer", "same"), ("reason", "I called")]).await;
    assert_eq!(done.header("location"), Some("/demo/reviews?done=answered"));
    assert!(from_agents(&app).await.is_empty());
    let again = supervisor.submit(&path, &[("answer", "same")]).await;
    assert_eq!(again.status, 409, "two clicks decide once");

    let rows = list_audit(app.pool(), app.brand.id(), AuditFilter::ALL, 100).await.unwrap();
    let reports: Vec<_> = rows.iter().filter(|row| row.action == "report customer").collect();
    assert_eq!(reports.len(), 2);
    assert!(reports.iter().all(|row| row.done_by == "agent page" && row.subjects.len() == 2));
    assert!(reports.iter().all(|row| row.target.is_empty()), "no ticket outlives an erasure");
    let settled = rows.iter().find(|row| row.action == "settle report").unwrap();
    assert_eq!((settled.done_by.as_str(), settled.reason.as_str()), ("Femke", "I called"));
    app.stop().await;
}

#[tokio::test]
async fn a_decided_question_comes_back_only_with_another_record() {
    let app = app_with(settings(), joined()).await;
    let link = link_of(&app, EMAIL).await;
    let visitor = Visitor::enter(&app, &link).await;
    visitor.report("1").await;
    let by = (Attribution { by: "Femke", reason: "", via: Via::Command }, app.clock.now());
    let review = from_agents(&app).await.remove(0);
    assert!(review.is_settled_by(ReviewAnswer::Same));
    assert!(settle(app.pool(), &app.brand, &review, by).await.unwrap());
    assert!(!settle(app.pool(), &app.brand, &review, by).await.unwrap(), "only once");
    assert!(find(app.pool(), &app.brand, &review.id).await.unwrap().is_none());
    assert!(visitor.report("2").await.contains("decided that they are one person"));
    assert!(from_agents(&app).await.is_empty());
    app.apply(vec![person("omniotap.customer:r3", ("Ruben", "Smit"), EMAIL, "")]).await;
    app.wait_until_current().await;
    assert!(visitor.report("3").await.contains("A supervisor will look at this customer"));
    let review = from_agents(&app).await.remove(0);
    assert_eq!((review.lookups.count, review.lookups.last_ticket.as_deref()), (1, Some("3")));
    app.stop().await;
}

#[tokio::test]
async fn a_separation_answers_the_question_and_a_join_does_not() {
    let app = app_with(settings(), joined()).await;
    let link = link_of(&app, EMAIL).await;
    let visitor = Visitor::enter(&app, &link).await;
    visitor.report("").await;
    app.apply(couple().split_off(1)).await;
    let records = [RUBEN, SANNE].map(|key| key.parse().unwrap());
    app.decided(Act::Join(records.into())).await;
    assert_eq!(from_agents(&app).await.len(), 1, "still the same question");
    assert!(visitor.report("").await.contains("your report is counted"));
    let leaving = ["omniotap.contact:r2".parse().unwrap()];
    app.decided(Act::Separate(leaving.into())).await;
    assert!(from_agents(&app).await.is_empty(), "somebody decided");
    // What is left is another customer, so an agent may report it.
    assert!(visitor.report("").await.contains("A supervisor will look"));
    assert_eq!(from_agents(&app).await[0].lookups.count, 1);
    app.stop().await;
}
