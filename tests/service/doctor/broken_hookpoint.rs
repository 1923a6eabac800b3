//! A small hookpoint that follows the document, except for one defect.

use hookpoint::doctor::contract::Target;
use hookpoint::lookup::query::{Query, Question};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub const KEY: &str = "canary-of-the-key";
pub const CUSTOMER_EMAIL: &str = "canary-thomas@example.org";
pub const CUSTOMER_PHONE: &str = "+31612312311";
pub const ORDER: &str = "canary-order-7";

/// The id of the customer. A defect sends it as a number.
const CUSTOMER_ID: &str = "2019000000000124";

const PATH: &str = "/omnidesk/customerlookup";

/// A request, as a defect sees it.
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
}

/// A response that a defect may change.
#[derive(Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Response {
    fn new(status: u16, content_type: &str, body: String) -> Self {
        let headers = [
            ("Content-Type", content_type),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ];
        let headers = headers.map(|(name, value)| (name, value.to_owned())).to_vec();
        Self { status, headers, body }
    }

    fn error(status: u16) -> Self {
        let body = json!({ "status": status, "title": "The request is wrong" });
        Self::new(status, "application/problem+json", body.to_string())
    }

    pub fn customers(customers: &Value) -> Self {
        Self::new(200, "application/json; charset=utf-8", customers.to_string())
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.remove(name);
        self.headers.push((name, value.to_owned()));
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(other, _)| *other != name);
    }
}

pub type Change = fn(&Request, &mut Response);

/// A hookpoint that ends with the test.
pub struct BrokenHookpoint {
    pub port: u16,
    server: JoinHandle<()>,
}

impl Drop for BrokenHookpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl BrokenHookpoint {
    pub async fn start(defect: Option<Change>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, defect));
            }
        };
        Self { port, server: tokio::spawn(server) }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}?key={KEY}", self.port)
    }

    pub fn target(&self) -> Target {
        Target::parse(&self.url(), None, "key").unwrap()
    }
}

/// Answers requests until the client or a defect closes the connection.
async fn serve(mut stream: TcpStream, defect: Option<Change>) {
    let mut bytes = Vec::new();
    loop {
        while !bytes.ends_with(b"\r\n\r\n") {
            match stream.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let request = read(&String::from_utf8_lossy(&std::mem::take(&mut bytes)));
        let mut response = answer(&request);
        if let Some(change) = defect {
            change(&request, &mut response);
        }
        // The status 0 stands for a connection that breaks.
        if response.status == 0 {
            return;
        }
        let text = written(&request, &response);
        let closes = response.headers.iter().any(|(name, _)| *name == "Connection");
        if stream.write_all(text.as_bytes()).await.is_err() || closes {
            return;
        }
    }
}

fn read(head: &str) -> Request {
    let mut line = head.lines().next().unwrap().split(' ');
    let (method, target) = (line.next().unwrap(), line.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request { method: method.to_owned(), path: path.to_owned(), query: query.to_owned() }
}

fn written(request: &Request, response: &Response) -> String {
    let headers: String =
        response.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = response.body.len();
    let body = if request.method == "HEAD" { "" } else { response.body.as_str() };
    format!("HTTP/1.1 {} x\r\nContent-Length: {length}\r\n{headers}\r\n{body}", response.status)
}

/// The answer by the document.
fn answer(request: &Request) -> Response {
    if request.path != PATH {
        return Response::error(404);
    }
    if !["GET", "HEAD"].contains(&request.method.as_str()) {
        let mut response = Response::error(405);
        response.set("Allow", "GET, HEAD");
        return response;
    }
    let Ok(query) = Query::split(&request.query, "key") else { return Response::error(400) };
    match query.key() {
        Err(_) => return Response::error(400),
        Ok(key) if *key != *KEY.as_bytes() => return Response::error(401),
        Ok(_) => {}
    }
    let Ok(question) = query.asked().and_then(|asked| asked.validate()) else {
        return Response::error(400);
    };
    let is_found = match &question {
        Question::Address(address) => {
            [CUSTOMER_EMAIL, CUSTOMER_PHONE].contains(&address.value.as_str())
        }
        Question::Id(id) => [CUSTOMER_ID, ORDER].contains(&id.as_str()),
    };
    Response::customers(&if is_found { json!([customer()]) } else { json!([]) })
}

/// The customer of Omnidesk's document, with two events.
pub fn customer() -> Value {
    let event = |time: &str| {
        json!({"externalID": "2354rfwerf45", "lastUpdate": time, "type": "event",
            "message": "Canary of a message", "source": "hubspot", "url": "https://hubspot.example/1"})
    };
    json!({
        "addresses": [
            {"address": CUSTOMER_EMAIL, "type": "email"},
            {"address": CUSTOMER_PHONE, "type": "telephone"},
            {"address": "1022334440541884", "type": "facebook"},
        ],
        "customerFirstname": "Canary",
        "customerID": CUSTOMER_ID,
        "customerLastname": "Lukkien",
        "customFields": [{"customerType": "unlimited"}],
        "timeline": [event("2021-12-21 15:00:11"), event("2021-12-20 15:00:11")],
    })
}
