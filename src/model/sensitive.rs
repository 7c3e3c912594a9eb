//! A value that must not be shown: a URI with a password, a key.
//!
//! It has no `Display` and is not serialised, so that no message, log line, plan or record can
//! hold it by accident.

use std::fmt;

/// A secret text.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(String);

impl Sensitive {
    /// Hides `secret`.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sensitive(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Sensitive::new("mongodb://me:hunter2@host");
        assert_eq!(format!("{secret:?}"), "Sensitive(***)");
        assert_eq!(secret.expose(), "mongodb://me:hunter2@host");
    }
}
