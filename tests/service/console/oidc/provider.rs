//! A login provider that runs in the test, and lies if it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::now;

pub const CLIENT_ID: &str = "hookpoint-console";

/// An RSA key for tests only: ring makes none.
const RSA_KEY: &[u8] = include_bytes!("rsa_key_of_tests.pk8");

/// A key of the provider.
pub enum SigningKey {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(Box<RsaKeyPair>),
    Hs256(Vec<u8>),
    /// No signature.
    None,
}

impl SigningKey {
    pub fn es256() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Es256(EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap())
    }

    pub fn eddsa() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::EdDsa(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
    }

    pub fn rs256() -> Self {
        Self::Rs256(Box::new(RsaKeyPair::from_pkcs8(RSA_KEY).unwrap()))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
            Self::Hs256(_) => "HS256",
            Self::None => "none",
        }
    }

    /// As the provider publishes it.
    pub fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Es256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": encoded(x), "y": encoded(y) })
            }
            Self::EdDsa(key) => {
                let x = encoded(key.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": x })
            }
            Self::Rs256(key) => {
                let key = PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({ "kty": "RSA", "kid": kid, "use": "sig", "n": encoded(&key.n), "e": encoded(&key.e) })
            }
            Self::Hs256(_) | Self::None => Value::Null,
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Hs256(key) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
            }
            Self::None => Vec::new(),
        }
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token before it is signed.
pub struct Token {
    pub kid: String,
    pub claims: Value,
    /// Signs in place of the provider's key.
    pub signed_by: Option<SigningKey>,
}

/// What a provider that lies does to a token.
pub type Lie = Box<dyn Fn(&mut Token) + Send>;

/// An answer of the provider that a test wants instead of the right one.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: String,
}

struct State {
    kid: String,
    key: SigningKey,
    groups: Value,
    lie: Option<Lie>,
    /// Nonce and challenge, by code.
    codes: BTreeMap<String, (String, String)>,
    answers: BTreeMap<String, Answer>,
    asked: Vec<String>,
}

pub struct LoginProvider {
    pub issuer: String,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for LoginProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the provider says of the person, and nobody may log.
pub const SUBJECT: &str = "canary-subject-4711";
pub const NAME: &str = "Canary Femke";
pub const ACCESS_TOKEN: &str = "canary-access-token";

impl LoginProvider {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub async fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            kid: "key-1".to_owned(),
            key: SigningKey::es256(),
            groups: json!(["desk"]),
            lie: None,
            codes: BTreeMap::new(),
            answers: BTreeMap::new(),
            asked: Vec::new(),
        }));
        let (own, name) = (Arc::clone(&state), issuer.clone());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (state, issuer) = (Arc::clone(&own), name.clone());
                tokio::spawn(async move {
                    let Some(request) = read(&mut stream).await else { return };
                    let answer = state.lock().unwrap().answer(&issuer, &request);
                    let length = answer.body.len();
                    let head = format!(
                        "HTTP/1.1 {} x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{}\r\n",
                        answer.status, answer.headers
                    );
                    let _ = stream.write_all(head.as_bytes()).await;
                    let _ = stream.write_all(answer.body.as_bytes()).await;
                });
            }
        });
        Self { issuer, state, task }
    }

    pub fn lies(&self, lie: impl Fn(&mut Token) + Send + 'static) {
        self.state.lock().unwrap().lie = Some(Box::new(lie));
    }

    pub fn is_honest(&self) {
        let mut state = self.state.lock().unwrap();
        state.lie = None;
        state.answers.clear();
    }

    pub fn set_groups(&self, groups: Value) {
        self.state.lock().unwrap().groups = groups;
    }

    /// From now on, it signs with another key.
    pub fn rotate(&self, kid: &str, key: SigningKey) {
        let mut state = self.state.lock().unwrap();
        (state.kid, state.key) = (kid.to_owned(), key);
    }

    /// The key with which it signs, as it is published.
    pub fn published_key(&self) -> Value {
        let state = self.state.lock().unwrap();
        state.key.jwk(&state.kid)
    }

    pub fn answers_with(&self, path: &str, status: u16, headers: &str, body: &str) {
        let answer = Answer { status, headers: headers.to_owned(), body: body.to_owned() };
        self.state.lock().unwrap().answers.insert(path.to_owned(), answer);
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|asked| *asked == path).count()
    }

    /// The person logs in: what the browser brings back, for the URL to which it was sent.
    pub fn log_in(&self, url: &str) -> Returned {
        let url = url::Url::parse(url).unwrap();
        assert!(url.as_str().starts_with(&format!("{}/authorize?", self.issuer)), "{url}");
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let has = |name: &str| query.get(name).cloned().unwrap_or_default();
        assert_eq!((has("response_type"), has("client_id")), ("code".into(), CLIENT_ID.into()));
        assert_eq!(has("code_challenge_method"), "S256");
        assert_eq!(has("scope"), "openid profile");
        assert!(has("redirect_uri").ends_with("/oidc/callback"), "{url}");
        for name in ["state", "nonce", "code_challenge"] {
            assert_eq!(has(name).len(), 43, "{name}");
        }
        let mut state = self.state.lock().unwrap();
        let code = format!("canary-code-{}", state.codes.len());
        state.codes.insert(code.clone(), (has("nonce"), has("code_challenge")));
        Returned { code, state: has("state") }
    }
}

/// What the provider sends back with the browser.
#[derive(Clone)]
pub struct Returned {
    pub code: String,
    pub state: String,
}

impl Returned {
    pub fn path(&self) -> String {
        format!("/oidc/callback?code={}&state={}", self.code, self.state)
    }
}

struct Request {
    path: String,
    head: String,
    form: BTreeMap<String, String>,
}

async fn read(stream: &mut tokio::net::TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                let path = head.split(' ').nth(1)?.to_owned();
                let form = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                return Some(Request { path, head: head.to_owned(), form });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

impl State {
    fn answer(&mut self, issuer: &str, request: &Request) -> Answer {
        self.asked.push(request.path.clone());
        if let Some(answer) = self.answers.get(&request.path) {
            return answer.clone();
        }
        let (status, body) = match request.path.as_str() {
            "/.well-known/openid-configuration" => (200, discovery(issuer)),
            "/jwks" => (200, json!({ "keys": [self.key.jwk(&self.kid)] })),
            "/token" => self.token(issuer, request),
            _ => (404, json!({})),
        };
        Answer { status, headers: String::new(), body: body.to_string() }
    }

    fn token(&mut self, issuer: &str, request: &Request) -> (u16, Value) {
        let given = |name: &str| request.form.get(name).cloned().unwrap_or_default();
        let refused =
            |why: &str| (400, json!({ "error": why, "error_description": "canary-text" }));
        let secret = std::env::var("CARGO_PKG_NAME").unwrap();
        let basic = STANDARD.encode(format!("{CLIENT_ID}:{secret}"));
        if !request.head.contains(&format!("Basic {basic}")) {
            return refused("invalid_client");
        }
        let Some((nonce, challenge)) = self.codes.get(&given("code")).cloned() else {
            return refused("invalid_grant");
        };
        let verified = encoded(&Sha256::digest(given("code_verifier")));
        if verified != challenge || !given("redirect_uri").ends_with("/oidc/callback") {
            return refused("invalid_grant");
        }
        // A code works once. Its entry stays, so that the next code gets another name.
        self.codes.insert(given("code"), (nonce.clone(), String::new()));
        let claims = json!({
            "iss": issuer, "sub": SUBJECT, "aud": CLIENT_ID, "nonce": nonce, "name": NAME,
            "iat": now().as_second(), "exp": now().as_second() + 300, "groups": self.groups,
        });
        let mut token = Token { kid: self.kid.clone(), claims, signed_by: None };
        if let Some(lie) = &self.lie {
            lie(&mut token);
        }
        let token = signed(&token, &self.key);
        (200, json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": token }))
    }
}

pub fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // It also says that it uses algorithms which nobody may accept.
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "HS256", "none"],
    })
}

fn signed(token: &Token, own: &SigningKey) -> String {
    let key = token.signed_by.as_ref().unwrap_or(own);
    let header = json!({ "alg": key.algorithm(), "kid": token.kid, "typ": "JWT" });
    let part = |value: &Value| encoded(value.to_string().as_bytes());
    let message = format!("{}.{}", part(&header), part(&token.claims));
    format!("{message}.{}", encoded(&key.sign(message.as_bytes())))
}
