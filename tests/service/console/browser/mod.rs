//! The console in a real browser, if chromium and its driver are installed. `.ci/run` installs them, and sets
//! `HOOKPOINT_NEEDS_BROWSER`, which makes a missing browser a failure.

mod acts;
mod odd;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};

use super::*;

/// Says what was left out.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The driver of the browser. It ends with the test, with all that it started.
pub struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    /// `None` if there is no browser here.
    pub fn start() -> Option<Self> {
        let is_installed =
            |name: &str| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok();
        if !is_installed("chromedriver") || !is_installed("chromium") {
            assert!(std::env::var_os("HOOKPOINT_NEEDS_BROWSER").is_none(), "there is no browser");
            say("not tried: chromium or chromedriver is not installed");
            return None;
        }
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        // Nobody reads the rest, and the driver must not wait for that.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, port: port.unwrap() })
    }

    pub async fn browser(&self, has_javascript: bool) -> Browser {
        let javascript = if has_javascript { 1 } else { 2 };
        let options = json!({
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            "prefs": { "profile.managed_default_content_settings.javascript": javascript },
        });
        let capabilities: Capabilities = [
            ("goog:chromeOptions".to_owned(), options),
            ("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" })),
        ]
        .into_iter()
        .collect();
        let mut builder =
            ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        let url = format!("http://127.0.0.1:{}", self.port);
        Browser(builder.capabilities(capabilities).connect(&url).await.unwrap())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The driver ends its browsers first.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
            let _ = stream.read(&mut [0; 1024]);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that only chromium has.
#[derive(Debug)]
struct ChromiumCommand {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for ChromiumCommand {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

pub struct Browser(pub Client);

impl Browser {
    async fn command(&self, path: &'static str, body: Value) -> Value {
        self.0.issue_cmd(ChromiumCommand { path, body }).await.unwrap()
    }

    /// What the page wrote into the console of the browser, violations of its policy included.
    pub async fn messages(&self) -> Vec<String> {
        let log = self.command("se/log", json!({ "type": "browser" })).await;
        let messages = log.as_array().unwrap().iter();
        messages.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn set_theme(&self, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        let parameters = json!({ "features": features });
        let body = json!({ "cmd": "Emulation.setEmulatedMedia", "params": parameters });
        self.command("goog/cdp/execute", body).await;
    }

    /// Goes back. A page that the browser kept loads itself again, and that can interrupt the command.
    pub async fn back(&self) {
        until("the browser is back", async || self.0.back().await.is_ok()).await;
    }

    pub async fn evaluate(&self, script: &str) -> Value {
        self.0.execute(script, Vec::new()).await.unwrap()
    }

    /// Whether the page is wider than the window, and where. With the script, no table goes on at the side.
    async fn too_wide(&self) -> Option<String> {
        let script = "const root = document.documentElement;
            const isOut = (e) => e.getBoundingClientRect().right > root.clientWidth + 1 && !e.closest('pre, thead')
                && (root.classList.contains('has-script') || !e.closest('.scroll'));
            const out = [...document.querySelectorAll('body *')].filter(isOut).map((e) => e.tagName + ' ' + e.className);
            return [root.scrollWidth - root.clientWidth, out.slice(0, 5).join(', ')]";
        let found = self.evaluate(script).await;
        let is_wide = found[0] != json!(0);
        is_wide.then(|| format!("{} pixels too wide: {}", found[0], found[1]))
    }

    async fn open(&self, app: &TestApp, path: &str) {
        self.0.goto(&format!("http://{}{path}", console_of(app))).await.unwrap();
    }

    /// What axe-core finds on the page.
    pub async fn violations(&self, axe: &str) -> Vec<String> {
        self.evaluate(axe).await;
        let script = "const done = arguments[arguments.length - 1];
            axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
                .then((found) => done(found.violations.map((v) => v.id + ' ' + v.nodes.map((n) => n.html).join(' | '))))";
        let found = self.0.execute_async(script, Vec::new()).await.unwrap();
        serde_json::from_value(found).unwrap()
    }

    /// Waits until an element contains a text: the page may still be loading.
    pub async fn until(&self, selector: &str, text: &str) {
        until(&format!("{selector} contains {text}"), async || {
            let Ok(element) = self.0.find(Locator::Css(selector)).await else { return false };
            element.text().await.is_ok_and(|shown| shown.contains(text))
        })
        .await;
    }

    pub async fn click(&self, selector: &str) {
        self.0.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
    }

    pub async fn type_into(&self, selector: &str, text: &str) {
        self.0.find(Locator::Css(selector)).await.unwrap().send_keys(text).await.unwrap();
    }

    /// Logs in with a link, as a person who clicks on it.
    async fn follow_link(&self, app: &TestApp, role: Role) {
        let code = link(app, &app.brand, role).await;
        self.open(app, &format!("/login#{code}")).await;
        until("the code is filled in", async || {
            let script = "return document.querySelector('input[name=code]').value.length > 0";
            self.evaluate(script).await == json!(true)
        })
        .await;
        self.click("#login button").await;
        self.0.wait().for_element(Locator::Css("nav.side")).await.unwrap();
    }

    /// The paths that the navigation leads to.
    async fn navigation(&self) -> Vec<String> {
        let script = "return [...document.querySelectorAll('nav.side a')].map((a) => a.pathname)";
        serde_json::from_value(self.evaluate(script).await).unwrap()
    }
}

/// The accessibility checks of axe-core, if they are here. `.ci/run` fetches them.
pub fn axe() -> Option<String> {
    let file = std::env::var_os("HOOKPOINT_AXE");
    if file.is_none() {
        assert!(std::env::var_os("HOOKPOINT_NEEDS_BROWSER").is_none(), "axe-core is missing");
        say("not tried: accessibility, because HOOKPOINT_AXE names no copy of axe-core");
    }
    file.map(|file| std::fs::read_to_string(file).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_in_both_themes_at_all_widths_and_says_nothing_in_the_console() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    let (browser, axe) = (driver.browser(true).await, axe());
    browser.follow_link(&app, Role::Admin).await;
    let mut faults = Vec::new();
    let further = [
        "/demo/account",
        "/demo/documents/connect",
        "/demo/documents/operate",
        "/login",
        "/invitation",
    ]
    .map(str::to_owned);
    for path in browser.navigation().await.into_iter().chain(further) {
        for (theme, width) in [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)] {
            browser.set_theme(theme).await;
            browser.0.set_window_size(width, 900).await.unwrap();
            browser.open(&app, &path).await;
            let at = format!("{path} {theme} {width}");
            faults.extend(
                browser.messages().await.into_iter().map(|message| format!("{at}: {message}")),
            );
            faults.extend(browser.too_wide().await.map(|fault| format!("{at}: {fault}")));
            let Some(axe) = &axe else { continue };
            let violations = browser.violations(axe).await.into_iter();
            faults.extend(violations.map(|violation| format!("{at}: {violation}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    browser.0.close().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_logs_in_and_leaves_no_code_in_the_history() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    let browser = driver.browser(true).await;
    browser.follow_link(&app, Role::Supervisor).await;
    let url = browser.0.current_url().await.unwrap();
    assert_eq!((url.path(), url.fragment()), ("/demo/", None));
    for path in browser.navigation().await {
        browser.open(&app, &path).await;
        let stored = "return Object.keys(sessionStorage).concat(Object.keys(localStorage))";
        assert_eq!(browser.evaluate(stored).await, json!([]), "{path} keeps something");
        browser.back().await;
    }
    browser.back().await;
    let url = browser.0.current_url().await.unwrap();
    assert_eq!(url.fragment(), None, "the page before has no code either");
    browser.0.close().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_sets_a_password_with_which_the_person_comes_back() {
    use hookpoint::admin::console_accounts::manage::invite;

    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    let (by, who) =
        (Attribution { by: "test", reason: "", via: Via::Command }, (Role::Viewer, "Sanne"));
    let code = invite(app.pool(), &app.brand, who, by, app.clock.now()).await.unwrap();
    let browser = driver.browser(true).await;
    browser.open(&app, &format!("/invitation#demo.{}", code.reveal())).await;
    browser.until("main", "viewer: see all pages but Keys").await;
    let password = "een zin over fietsen";
    browser.type_into("input[name=password]", password).await;
    browser.type_into("input[name=again]", "een andere zin").await;
    browser.click("form button").await;
    browser.until("[role=alert]", "The two passwords differ").await;
    browser.type_into("input[name=password]", password).await;
    browser.type_into("input[name=again]", password).await;
    browser.click("form button").await;
    browser.until("h1", "Overview").await;
    browser.until(".notice", "Welcome").await;
    let url = browser.0.current_url().await.unwrap();
    assert_eq!((url.fragment(), url.query()), (None, None), "a reload does not say it again");
    browser.click(".top form button").await;
    browser.until("h1", "Log in").await;
    browser.type_into("input[name=name]", "sanne").await;
    browser.type_into("input[name=password]", password).await;
    browser.click("form[action$='/login/password'] button").await;
    browser.until("h1", "Overview").await;
    browser.0.close().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_without_javascript() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    let browser = driver.browser(false).await;
    browser.open(&app, "/login").await;
    let code = link(&app, &app.brand, Role::Admin).await;
    browser.type_into("input[name=code]", &code).await;
    browser.click("#login button").await;
    browser.until("h1", "Overview").await;
    browser.open(&app, "/demo/keys").await;
    browser.type_into("input[name=label]", "Omnidesk").await;
    browser.click("form[action$='/keys'] button").await;
    browser.until(".card.good h2", "CRM sync URL").await;
    browser.click(".top form button").await;
    browser.until("h1", "Log in").await;
    browser.0.close().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_with_a_key_and_undone_and_lookups_follow() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    let browser = driver.browser(true).await;
    let phone = "+31644556677";
    assert_eq!(app.by_phone(phone).await.len(), 2);

    browser.follow_link(&app, Role::Supervisor).await;
    browser.open(&app, "/demo/reviews").await;
    let question = Locator::XPath("//td/a[contains(., '+31644556677')]");
    browser.0.find(question).await.unwrap().click().await.unwrap();
    browser.until("h1", "Are these customers one person?").await;
    browser.type_into("body", "s").await;
    assert_eq!(app.by_phone(phone).await.len(), 2, "one key decides nothing");
    browser.type_into("button:focus", "\u{e007}").await;
    browser.until(".notice", "Your answer is stored").await;
    browser.until("main", "Your last answer: same person").await;
    until("both are one", async || app.by_phone(phone).await.len() == 1).await;

    browser.click("a.button[href*='/decisions/']").await;
    browser.until(".card h2", "Undo it").await;
    browser.click("button.danger").await;
    browser.0.accept_alert().await.unwrap();
    browser.until(".notice", "undone").await;
    until("they are two again", async || app.by_phone(phone).await.len() == 2).await;
    browser.0.close().await.unwrap();
    app.stop().await;
}
