//! OmnioTap's API.

use jiff::Timestamp;

use super::OmnioTapSettings;
use crate::customer::record::Record;
use crate::sources::api::{Api, Ask, Heard, Reply, Request, Stream, Whom};
use crate::sources::{Delivery, Unreadable};

impl Api for OmnioTapSettings {
    fn streams(&self) -> &'static [Stream] {
        &[]
    }

    fn first(&self, _: &str, _: Option<Timestamp>) -> Option<Ask> {
        None
    }

    fn each(&self, _: &str, _: &str, _: &crate::customer::versions::Versions) -> Option<Ask> {
        None
    }

    fn find(&self, _: &Whom, _: &[Record]) -> Vec<Ask> {
        Vec::new()
    }

    fn confirm(&self, _: &Record) -> Option<Ask> {
        None
    }

    fn after_webhook(&self, _: &Delivery) -> Vec<Ask> {
        Vec::new()
    }

    fn request(&self, _: &Ask) -> Option<Request> {
        None
    }

    fn read(&self, _: &Ask, _: &Reply) -> Result<Heard, Unreadable> {
        Ok(Heard::default())
    }
}
