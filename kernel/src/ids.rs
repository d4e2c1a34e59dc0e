//! Identifiers: each kind of thing has its own type, so two cannot be mixed.
//!
//! An identifier is a UUID version 7: it sorts by the time it was made, so an index on it grows at one end.

use uuid::Uuid;

/// A new identifier. The only place in the workspace that makes one.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where identifiers are made")]
pub fn fresh() -> Uuid {
    Uuid::now_v7()
}

/// Declares one identifier type: `id_type!(/// Names a patient. PatientId);`
#[macro_export]
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $crate::Uuid);

        impl $name {
            /// A new identifier.
            #[must_use]
            pub fn fresh() -> Self {
                Self($crate::fresh())
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0.simple(), f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::ids::NotAnId;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::Uuid::try_parse(text).map(Self).map_err(|_| $crate::ids::NotAnId)
            }
        }

        impl From<$name> for $crate::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<$crate::Uuid> for $name {
            fn from(id: $crate::Uuid) -> Self {
                Self(id)
            }
        }
    };
}

/// The text is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct NotAnId;

#[cfg(test)]
mod tests {
    id_type!(
        /// Names a thing of this test.
        ThingId
    );

    #[test]
    fn an_identifier_reads_back_from_its_own_text() {
        let id = ThingId::fresh();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 32);
    }

    #[test]
    fn identifiers_sort_by_the_time_they_were_made() {
        let ids: Vec<_> = (0..50).map(|_| ThingId::fresh()).collect();
        assert!(ids.is_sorted());
    }
}
