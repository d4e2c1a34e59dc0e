//! Statements are constants, so that text from outside can never become SQL, and every one is known to the test that
//! prepares them all.

/// One SQL statement in the text of both databases.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    /// Text for SQLite.
    pub lite: &'static str,
    /// Text for PostgreSQL.
    pub pg: &'static str,
}

/// A statement and where it stands, as registered by [`sql!`](crate::sql).
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    /// The statement.
    pub sql: Sql,
    /// Source file.
    pub file: &'static str,
    /// Line in it.
    pub line: u32,
}

inventory::collect!(Statement);

/// Makes a [`Sql`] constant and registers it. Arguments are `$1`, `$2`, ...
///
/// `sql!("select 1")` where both databases understand the text, `sql! { lite: "...", pg: "..." }` where they differ.
#[macro_export]
macro_rules! sql {
    (lite: $lite:expr, pg: $pg:expr $(,)?) => {{
        const SQL: $crate::Sql = $crate::Sql { lite: $lite, pg: $pg };
        $crate::inventory::submit! { $crate::Statement { sql: SQL, file: file!(), line: line!() } }
        SQL
    }};
    ($both:expr) => {
        $crate::sql! { lite: $both, pg: $both }
    };
}

/// Every statement linked into this program.
pub fn statements() -> impl Iterator<Item = &'static Statement> {
    inventory::iter::<Statement>.into_iter()
}
