//! Bodies that nobody reads to their end.
//!
//! When such a body comes in chunks and is dropped, the server goes on reading until it ends, which is when its sender likes. One
//! that is still held when the response has gone out ends the connection, as one of known length does.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;

/// A request's body as its reader has it.
struct Lent(Rc<RefCell<Payload>>);

impl Stream for Lent {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// A response's body that holds its request's.
pub struct HeldBody {
    body: BoxBody,
    _request_body: Rc<RefCell<Payload>>,
}

impl MessageBody for HeldBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

/// A request's body, held.
pub struct Held(Rc<RefCell<Payload>>);

/// Holds a request's body, if it has one; whoever reads it does so through us.
pub fn hold(request: &mut ServiceRequest) -> Option<Held> {
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return None;
    }
    let held = Rc::new(RefCell::new(payload));
    request.set_payload(Payload::Stream { payload: Box::pin(Lent(Rc::clone(&held))) });
    Some(Held(held))
}

/// The response, which holds that body until it has gone out.
pub fn holding<B: MessageBody + 'static>(response: ServiceResponse<B>, held: Option<Held>) -> ServiceResponse<EitherBody<B, HeldBody>> {
    match held {
        None => response.map_into_left_body(),
        Some(Held(held)) => response.map_body(|_, body| EitherBody::right(HeldBody { body: body.boxed(), _request_body: held })),
    }
}
