//! A user as the shop knows it.

use super::orders::{Presence, email, iso, name, value};
use super::prng::Prng;
use super::value::{Fields, Value};
use super::{Format, Window};

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    id: String,
    /// Unlike every other user's.
    pub email: String,
    name: Presence<String>,
    created_ms: i64,
    updated_ms: i64,
}

impl User {
    /// User `number`.
    pub fn draw(number: u64, rng: &mut Prng, window: &Window) -> Self {
        let hex: String = rng.bytes(16).iter().map(|byte| format!("{byte:02x}")).collect();
        let id = format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..]
        );
        let drawn = email(rng);
        let (local, domain) = drawn.trim().split_once('@').unwrap_or(("user", "example.com"));
        let export_ms = window.export.as_millisecond();
        let created_ms = rng.between(window.first_ms, export_ms - 600_000) / 1_000 * 1_000;
        Self {
            id: if rng.chance(5) { id.to_uppercase() } else { id },
            email: format!("{local}.{number}@{domain}"),
            name: rng.presence(10, 5, |rng| if rng.chance(10) { " ".into() } else { name(rng) }),
            created_ms,
            updated_ms: rng.between(created_ms, export_ms) / 1_000 * 1_000,
        }
    }

    /// The user's fields as `format` has them.
    pub fn fields(&self, format: Format) -> Fields {
        let mongodb = format == Format::Mongodb;
        let mut fields = vec![
            (if mongodb { "_id" } else { "user_id" }.to_owned(), self.id.as_str().into()),
            ("email".to_owned(), self.email.as_str().into()),
        ];
        fields.extend(value(&self.name, |n| n.as_str().into()).map(|v| ("name".to_owned(), v)));
        let (created, updated) = match format {
            Format::Mongodb => (Value::Datetime(self.created_ms), Value::Datetime(self.updated_ms)),
            Format::Dynamodb => (
                iso(self.created_ms, "UTC", "Z").into(),
                Value::Number((self.updated_ms / 1_000).to_string()),
            ),
        };
        fields.push(("created_at".to_owned(), created));
        fields.push(("updated_at".to_owned(), updated));
        fields
    }
}
