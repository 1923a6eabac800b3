//! A plain HTTP client that sends exactly the given bytes. It compares every response with the API document.

use super::documented::assert_documented;
use super::*;

pub fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A response, unparsed.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    pub fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub async fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Response {
    exchange(address, head(address, method, target, headers).into_bytes()).await
}

/// Sends a body.
pub async fn post(
    address: SocketAddr,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let length = body.len().to_string();
    let headers: Vec<(&str, &str)> =
        headers.iter().copied().chain([("Content-Length", length.as_str())]).collect();
    exchange(address, [head(address, "POST", target, &headers).as_bytes(), body].concat()).await
}

pub fn head(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n")
}

/// Sends bytes, as far as the server reads them, and reads the response.
pub async fn exchange(address: SocketAddr, request: Vec<u8>) -> Response {
    let response = exchange_undocumented(address, request.clone()).await;
    assert_documented(&request, &response);
    response
}

/// Like [`exchange`], with a server that the API document does not describe.
pub async fn exchange_undocumented(address: SocketAddr, request: Vec<u8>) -> Response {
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(ENDLESS)).unwrap();
        // A server that rejects a body need not read it, and may close before everything is sent.
        let _ = stream.write_all(&request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status =
            head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Response { status, head: head.to_owned(), body: body.to_owned() }
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}
