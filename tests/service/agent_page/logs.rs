//! Neither a token nor anything of a person is in a log line, a metric or a URL.

use super::*;
use crate::privacy::forms::LeakSearch;

const NAME: &str = "Kanariella";
const ADDRESS: &str = "kanariella@agent-canary.example.org";
const RECORD: &str = "omneo.profile:agent-canary-4712";
const TICKET: &str = "7654321";

#[tokio::test]
async fn no_token_cookie_or_person_reaches_a_log_line_or_a_metric() {
    let app = app_with(settings(), vec![person(RECORD, (NAME, "Agentkanarie"), ADDRESS, "")]).await;
    let link = link_of(&app, ADDRESS).await;
    let token = token_of(&link).to_owned();
    let visitor = Visitor::enter(&app, &link).await;
    visitor.page("").await;
    visitor.page("?source=omneo&kind=omneo.interaction").await;
    visitor.report(TICKET).await;
    visitor.press(NAME).await;
    // What a browser never does, somebody may: the token in a path, a query, a header.
    for path in
        [format!("/agent/{token}"), format!("/agent?{token}"), format!("/agent/view/{token}")]
    {
        app.send("GET", &path, &[("Referer", &link), ("Cookie", &visitor.cookie)]).await;
        post(app.application.address, &path, &[("Cookie", &visitor.cookie)], token.as_bytes())
            .await;
    }
    send_token(&app, &format!("{token}x")).await;
    let (customer, sealed) = token.split_once('.').unwrap();
    let cookie = visitor.cookie.split_once('=').unwrap().1.split_once('.').unwrap();
    let view = visitor.path.rsplit('/').next().unwrap();
    let secrets = [
        customer,
        sealed,
        cookie.1,
        view,
        NAME,
        "Agentkanarie",
        ADDRESS,
        "agent-canary-4712",
        TICKET,
    ];
    let search = LeakSearch::new(&secrets);
    let (seen, metrics) = (logs().text(), hookpoint::telemetry::metrics().render());
    for route in ["agent_link", "agent_view"] {
        assert!(seen.contains(route) && metrics.contains(route), "nothing was captured of {route}");
    }
    assert_eq!(search.find(&seen), None, "in the log");
    assert_eq!(search.find(&metrics), None, "in the metrics");
    for text in [&visitor.path, link.split('#').next().unwrap()] {
        assert_eq!(LeakSearch::new(&secrets[4..]).find(text), None, "in a URL");
    }
    app.stop().await;
}
