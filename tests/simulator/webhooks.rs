//! The systems' webhooks: sent, retried, and lost.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{ObjectKind, PARTICIPANT};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::SimulatorFixture;

/// A service that receives webhooks, and refuses the first ones.
struct Receiver {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    async fn open(mut refusals: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, taken) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let all = Arc::clone(&taken);
        let serve = async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (head, body) = read(&mut stream).await;
                let status = if refusals > 0 { "503 Service Unavailable" } else { "202 Accepted" };
                if refusals == 0 {
                    all.lock().unwrap().push((head, serde_json::from_slice(&body).unwrap()));
                }
                refusals = refusals.saturating_sub(1);
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        // It ends with the test's runtime.
        drop(tokio::spawn(serve));
        Self { address, taken }
    }

    fn bodies(&self) -> Vec<Value> {
        self.taken.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

async fn read(stream: &mut tokio::net::TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 4096];
        let count = stream.read(&mut more).await.unwrap();
        bytes.extend_from_slice(&more[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length: ")
                    .map(|n| n.parse::<usize>().unwrap())
            })
            .unwrap();
        if body.len() >= length || count == 0 {
            return (head.to_owned(), body.as_bytes().to_vec());
        }
    }
}

async fn fixture(receiver: &Receiver) -> SimulatorFixture {
    let mut fixture = SimulatorFixture::open();
    fixture.simulators.send_webhooks_to(format!("http://{}", receiver.address)).unwrap();
    fixture
}

#[tokio::test]
async fn every_change_is_sent_signed_as_its_system_signs() {
    let receiver = Receiver::open(0).await;
    let fixture = fixture(&receiver).await;
    fixture.data.change(ObjectKind::Contact, &json!({"id": "c", "email": "a@example.org"}));
    fixture.simulators.webhooks_settled().await;
    fixture
        .data
        .edit(ObjectKind::Contact, "c", |contact| contact["email"] = json!("b@example.org"));
    fixture.simulators.webhooks_settled().await;
    fixture.data.delete(ObjectKind::Contact, "c");
    fixture.simulators.webhooks_settled().await;
    fixture
        .data
        .put(ObjectKind::Profile, json!({"id": "p", "first_name": "Thomas", "point_balance": 7}));
    fixture.data.change(ObjectKind::Transaction, &json!({"id": 1, "profile_id": "p"}));
    fixture.simulators.webhooks_settled().await;
    fixture.data.change(ObjectKind::Appointment, &json!({"booking": "bk", "booking_status": "CONFIRMED", PARTICIPANT: {"external_id": "C-1"}}));
    fixture.simulators.webhooks_settled().await;
    fixture.data.change(ObjectKind::Booking, &json!({"id": "bo", "resource": {"id": "res", "type": "hot-desk"}, "location": {"id": "loc"}}));
    fixture.simulators.webhooks_settled().await;
    let taken = receiver.taken.lock().unwrap().clone();
    let heads: Vec<&str> = taken.iter().map(|(head, _)| head.as_str()).collect();
    for (n, path, header) in [
        (0, "POST /webhooks/demo/omniotap ", "x-omniotap-signature: "),
        (3, "POST /webhooks/demo/omneo ", "x-omneo-hmac-sha256: "),
        (4, "POST /webhooks/demo/omnilab ", "webhook-signature: v1,"),
        (5, "POST /webhooks/demo/syncaroo ", "content-type: application/json"),
    ] {
        assert!(heads[n].starts_with(path) && heads[n].contains(header), "{n}");
    }
    let bodies: Vec<&Value> = taken.iter().map(|(_, body)| body).collect();
    let said: Vec<&Value> = bodies[..3].iter().map(|body| &body["action"]).collect();
    assert_eq!(said, ["created", "updated", "deleted"]);
    assert_eq!(
        (&bodies[1]["data"]["email"], &bodies[1]["data"]["updatedAt"]),
        (&json!("b@example.org"), &json!("2026-11-21T12:00:00.000Z"))
    );
    assert_eq!(bodies[3]["profile"]["point_balance"], 7);
    assert_eq!(
        (&bodies[4]["type"], &bodies[4]["data"]["external_id"]),
        (&json!("booking.created.v1"), &json!("C-1"))
    );
    let url = format!(
        "{}/555/locations/loc/resources/res/bookings/bo",
        fixture.simulators.base_url(Source::Syncaroo)
    );
    assert_eq!(bodies[5]["metaData"]["apiUrl"], json!(url));
    assert!(bodies[5]["hash"].is_string());
    fixture.close().await;
}

#[tokio::test]
async fn a_webhook_that_is_refused_comes_again() {
    let receiver = Receiver::open(2).await;
    let fixture = fixture(&receiver).await;
    fixture.data.change(ObjectKind::Contact, &json!({"id": "c"}));
    fixture.simulators.webhooks_settled().await;
    assert_eq!(receiver.bodies().len(), 1);
    fixture.close().await;
}

#[tokio::test]
async fn of_a_thousand_as_many_are_lost_as_wanted() {
    let receiver = Receiver::open(0).await;
    let fixture = fixture(&receiver).await;
    fixture.simulators.lose_webhooks(Source::OmnioTap, 50);
    (0..200).for_each(|n| fixture.data.change(ObjectKind::Contact, &json!({"id": n})));
    fixture.simulators.webhooks_settled().await;
    assert_eq!((receiver.bodies().len(), fixture.data.count(ObjectKind::Contact)), (190, 200));
    fixture.close().await;
}

#[tokio::test]
async fn what_is_only_put_there_is_sent_to_nobody() {
    let receiver = Receiver::open(0).await;
    let fixture = fixture(&receiver).await;
    fixture.data.put(ObjectKind::Contact, json!({"id": "c"}));
    fixture.data.remove(ObjectKind::Contact, "c");
    fixture.simulators.webhooks_settled().await;
    assert_eq!(receiver.bodies(), Vec::<Value>::new());
    fixture.close().await;
}
