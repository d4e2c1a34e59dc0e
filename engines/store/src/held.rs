//! Who holds a reader, in builds with debug assertions: a task that asks for a second one while it holds a first can wait
//! for others that do the same, until all of them are told that the database is gone. It panics instead, so that any test
//! that goes this way finds it.
//!
//! Left out: what a test does outside a task of its own.

#[cfg(debug_assertions)]
mod debug {
    use std::collections::HashSet;
    use std::sync::{LazyLock, Mutex, PoisonError};
    use tokio::task::Id;

    static HOLDERS: LazyLock<Mutex<HashSet<Id>>> = LazyLock::new(Mutex::default);

    /// A reader is held by a task.
    #[derive(Debug)]
    pub(crate) struct Held(Option<Id>);

    impl Held {
        /// # Panics
        /// When the task holds a reader.
        pub(crate) fn begin() -> Self {
            let task = tokio::task::try_id();
            if let Some(id) = task {
                let is_first = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
                assert!(is_first, "a task asks for a second reader while it holds one: give the first back before");
            }
            Self(task)
        }
    }

    impl Held {
        /// One of several that a task holds beside each other.
        ///
        /// # Panics
        /// When the task holds one alone.
        pub(crate) fn beside() -> Self {
            if let Some(id) = tokio::task::try_id() {
                let is_held = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).contains(&id);
                assert!(!is_held, "a task asks for further readers while it holds one: give the first back before");
            }
            Self(None)
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            if let Some(id) = self.0 {
                HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
        }
    }
}

#[cfg(not(debug_assertions))]
mod debug {
    /// A reader is held by a task; not looked after in this build.
    #[derive(Debug)]
    pub(crate) struct Held;

    impl Held {
        pub(crate) const fn begin() -> Self {
            Self
        }

        pub(crate) const fn beside() -> Self {
            Self
        }
    }
}

pub(crate) use debug::Held;
