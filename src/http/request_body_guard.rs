//! Request bodies that no handler reads to their end.
//!
//! If such a body is chunked and dropped, the HTTP server reads on until it ends, and the sender decides when that is.
//! If the body still exists when the response has been sent, the server closes the connection, as it does for a body of
//! known length. So the response holds the request body.

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

/// The request body, as the handler reads it.
struct Lent(Rc<RefCell<Payload>>);

impl Stream for Lent {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// A response body that also holds the request body.
pub struct HeldBody {
    body: BoxBody,
    _request_body: Rc<RefCell<Payload>>,
}

impl MessageBody for HeldBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

/// A request body that is kept until the response has been sent.
pub struct Held(Rc<RefCell<Payload>>);

/// Takes over the body of a request, if it has one. The handler reads it through a shared reference.
pub fn hold(request: &mut ServiceRequest) -> Option<Held> {
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return None;
    }
    let held = Rc::new(RefCell::new(payload));
    request.set_payload(Payload::Stream { payload: Box::pin(Lent(Rc::clone(&held))) });
    Some(Held(held))
}

/// The response, which now holds the request body until it has been sent.
pub fn holding<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    held: Option<Held>,
) -> ServiceResponse<EitherBody<B, HeldBody>> {
    match held {
        None => response.map_into_left_body(),
        Some(Held(held)) => response.map_body(|_, body| {
            EitherBody::right(HeldBody { body: body.boxed(), _request_body: held })
        }),
    }
}
