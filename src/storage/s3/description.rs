//! What is said of an object besides its bytes: attributes, tags, encryption.

use std::collections::HashMap;

use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use object_store::{Attribute, AttributeValue, Attributes, Error as StoreError, TagSet};

use crate::plan::S3Encryption;

use super::fault::STORE;

/// Attributes and tags as S3 names them.
#[derive(Debug, Clone, Default)]
pub(super) struct Description {
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub content_type: Option<String>,
    pub storage_class: Option<StorageClass>,
    pub metadata: Option<HashMap<String, String>>,
    pub tagging: Option<String>,
}

impl Description {
    /// # Errors
    /// `NotImplemented` for an attribute that S3 has no name for.
    pub fn new(attributes: &Attributes, tags: &TagSet) -> object_store::Result<Self> {
        let mut described = Self::default();
        for (attribute, value) in attributes {
            let text = value.as_ref().to_owned();
            match attribute {
                Attribute::CacheControl => described.cache_control = Some(text),
                Attribute::ContentDisposition => described.content_disposition = Some(text),
                Attribute::ContentEncoding => described.content_encoding = Some(text),
                Attribute::ContentLanguage => described.content_language = Some(text),
                Attribute::ContentType => described.content_type = Some(text),
                Attribute::StorageClass => {
                    described.storage_class = Some(StorageClass::from(value.as_ref()));
                }
                Attribute::Metadata(name) => {
                    let metadata = described.metadata.get_or_insert_default();
                    metadata.insert(name.to_string(), text);
                }
                _ => {
                    return Err(StoreError::NotImplemented {
                        operation: format!("attribute {attribute:?}"),
                        implementer: STORE.to_owned(),
                    });
                }
            }
        }
        described.tagging = Some(tags.encoded().to_owned()).filter(|tags| !tags.is_empty());
        Ok(described)
    }

    /// The attributes again.
    pub fn into_attributes(self) -> Attributes {
        let named = [
            (Attribute::CacheControl, self.cache_control),
            (Attribute::ContentDisposition, self.content_disposition),
            (Attribute::ContentEncoding, self.content_encoding),
            (Attribute::ContentLanguage, self.content_language),
            (Attribute::ContentType, self.content_type),
            (Attribute::StorageClass, self.storage_class.map(|class| class.as_str().to_owned())),
        ];
        let metadata = self.metadata.unwrap_or_default().into_iter();
        let metadata = metadata.map(|(name, value)| (Attribute::Metadata(name.into()), value));
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value?)));
        named.chain(metadata).map(|(name, value)| (name, AttributeValue::from(value))).collect()
    }
}

/// Sets what a [`Description`] and an [`S3Encryption`] say on a request that begins an object.
/// The SDK's builders have these methods in common and no trait.
macro_rules! described {
    ($request:expr, $description:expr, $encryption:expr) => {{
        let description = $description;
        $crate::storage::s3::description::encrypted!($request, $encryption)
            .set_cache_control(description.cache_control)
            .set_content_disposition(description.content_disposition)
            .set_content_encoding(description.content_encoding)
            .set_content_language(description.content_language)
            .set_content_type(description.content_type)
            .set_storage_class(description.storage_class)
            .set_metadata(description.metadata)
            .set_tagging(description.tagging)
    }};
}

/// Sets what an [`S3Encryption`] says.
macro_rules! encrypted {
    ($request:expr, $encryption:expr) => {{
        let (algorithm, key_id, bucket_key) =
            $crate::storage::s3::description::encryption($encryption);
        $request
            .set_server_side_encryption(algorithm)
            .set_ssekms_key_id(key_id)
            .set_bucket_key_enabled(bucket_key)
    }};
}

/// The description in a reply. The SDK's replies have these fields in common and no trait.
macro_rules! description_of {
    ($reply:expr) => {
        $crate::storage::s3::description::Description {
            cache_control: $reply.cache_control.take(),
            content_disposition: $reply.content_disposition.take(),
            content_encoding: $reply.content_encoding.take(),
            content_language: $reply.content_language.take(),
            content_type: $reply.content_type.take(),
            // Some stores name the class that an object has when nothing is said.
            storage_class: $reply
                .storage_class
                .take()
                .filter(|class| *class != aws_sdk_s3::types::StorageClass::Standard),
            metadata: $reply.metadata.take(),
            tagging: None,
        }
    };
}

pub(super) use {described, description_of, encrypted};

/// Algorithm, id of the key, and whether a bucket key is used.
pub(super) fn encryption(
    encryption: &Option<S3Encryption>,
) -> (Option<ServerSideEncryption>, Option<String>, Option<bool>) {
    match encryption {
        None => (None, None, None),
        Some(S3Encryption::S3Managed) => (Some(ServerSideEncryption::Aes256), None, None),
        Some(S3Encryption::Kms { key_id, bucket_key }) => {
            (Some(ServerSideEncryption::AwsKms), key_id.clone(), Some(*bucket_key))
        }
    }
}
