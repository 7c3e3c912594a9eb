//! Any bytes as lines of an export: the decoder stops at none, and refuses what a strict parser refuses.

#![no_main]

#[path = "../../tests/it/decode/oracle.rs"]
mod oracle;

use std::sync::LazyLock;

use bytes::Bytes;
use consign::catalog::{Contract, parse_contract};
use consign::decode::Decoder;
use consign::model::RawFormat;
use libfuzzer_sys::fuzz_target;

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let text = include_str!("../../schemas/exported_orders/v1.odcs.yaml");
    parse_contract(text, "v1.odcs.yaml").expect("the released contract")
});

fuzz_target!(|page: &[u8]| {
    let mut decoder = Decoder::new(&CONTRACT, RawFormat::DynamodbJson);
    oracle::check(&mut decoder, RawFormat::DynamodbJson, Bytes::copy_from_slice(page));
});
