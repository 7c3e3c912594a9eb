//! The bytes of a reply, before the SDK makes maps of them.
//!
//! Signing, credentials, endpoints, time-outs and the service's errors stay the SDK's: for a
//! reply that says success, and for that alone, an interceptor puts another deserialiser in the
//! place of the generated one. It keeps the body and answers with an empty output. Does not own
//! what the bytes mean (`decode`).

use std::sync::{Arc, OnceLock};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, Error as ErasedError, Output,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;

/// Checksum of the body that the service sends along, in decimal.
const CRC32_HEADER: &str = "x-amz-crc32";

/// Where the body of one reply is put.
#[derive(Debug, Clone, Default)]
pub(super) struct RawReply(Arc<OnceLock<Stated>>);

#[derive(Debug)]
struct Stated {
    bytes: Bytes,
    crc32: Option<u32>,
}

/// The body of a reply.
#[derive(Debug)]
pub(super) struct Body {
    pub bytes: Bytes,
    /// Whether a checksum has shown that they are the bytes the service sent.
    pub verified: bool,
}

/// The bytes of a reply are not those that the service sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongChecksum;

impl RawReply {
    /// An interceptor for one call. `empty` makes the output that the SDK is given instead of the
    /// real one, of the type the operation has.
    pub(super) fn interceptor(&self, empty: fn() -> Output) -> TakeBody {
        TakeBody { reply: self.clone(), empty }
    }

    /// The body, once the call has succeeded; none when the SDK took no notice of the interceptor
    /// and decoded the reply itself.
    pub(super) fn body(&self) -> Result<Option<Body>, WrongChecksum> {
        let Some(Stated { bytes, crc32 }) = self.0.get() else { return Ok(None) };
        match crc32 {
            Some(stated) if *stated != crc32fast::hash(bytes) => Err(WrongChecksum),
            _ => Ok(Some(Body { bytes: bytes.clone(), verified: crc32.is_some() })),
        }
    }
}

/// Puts itself in the place of the generated deserialiser.
#[derive(Debug, Clone)]
pub(super) struct TakeBody {
    reply: RawReply,
    empty: fn() -> Output,
}

#[dyn_dispatch_hint]
impl Intercept for TakeBody {
    fn name(&self) -> &'static str {
        "TakeBody"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().status().is_success() {
            let instead = SharedResponseDeserializer::new(self.clone());
            config.interceptor_state().store_put(instead);
        }
        Ok(())
    }
}

impl DeserializeResponse for TakeBody {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _config: &ConfigBag,
    ) -> Result<Output, OrchestratorError<ErasedError>> {
        let body = response.body().bytes();
        let bytes = body.ok_or_else(|| OrchestratorError::other("the body is not in memory"))?;
        let crc32 = response.headers().get(CRC32_HEADER).and_then(|crc| crc.parse().ok());
        let body = Stated { bytes: Bytes::copy_from_slice(bytes), crc32 };
        // A call is one attempt: the place is free.
        let _ = self.reply.0.set(body);
        Ok((self.empty)())
    }
}
