//! How far this machine's clock is from that of AWS, as the dates of answers tell. It refuses to set a clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_sdk_sts::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use jiff::{SignedDuration, Timestamp};

use crate::Region;

/// How far this machine's clock is off: the least that explains what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// Positive where this machine is ahead.
    pub ahead: SignedDuration,
}

/// Reads what time it is at AWS from the answers of a client whose calls come one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopwatch(Arc<Mutex<Measured>>);

#[derive(Debug, Default)]
struct Measured {
    sent: Option<SystemTime>,
    skew: Option<Skew>,
}

impl Stopwatch {
    /// A region whose STS a stopwatch looks at.
    pub(crate) fn of_sts(region: &Region) -> (Region, Stopwatch) {
        let stopwatch = Stopwatch::default();
        let sts = region.sts.config().to_builder().interceptor(stopwatch.clone()).build();
        (Region { sts: aws_sdk_sts::Client::from_conf(sts), ..region.clone() }, stopwatch)
    }

    pub(crate) fn skew(&self) -> Option<Skew> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).skew
    }
}

/// Every answer carries a date, errors too. The SDK's own time source is this machine's clock.
impl Intercept for Stopwatch {
    fn name(&self) -> &'static str {
        "Stopwatch"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sent = components.time_source().map(|clock| clock.now());
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.response().headers();
        // What a cache answers tells when it was cached.
        if headers.get("age").is_some() {
            return Ok(());
        }
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let received = components.time_source().map(|clock| clock.now());
        if let (Some(sent), Some(received), Some(date)) = (measured.sent, received, headers.get("date")) {
            measured.skew = skew(sent, received, date).or(measured.skew);
        }
        Ok(())
    }
}

/// The least skew that explains a date of whole seconds, given between sending and receiving.
pub(crate) fn skew(sent: SystemTime, received: SystemTime, date: &str) -> Option<Skew> {
    const RESOLUTION: SignedDuration = SignedDuration::from_secs(1);
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let least = Timestamp::try_from(sent).ok()?.duration_since(date).checked_sub(RESOLUTION)?;
    let most = Timestamp::try_from(received).ok()?.duration_since(date);
    let ahead = if least > SignedDuration::ZERO { least } else { most.min(SignedDuration::ZERO) };
    Some(Skew { ahead })
}
