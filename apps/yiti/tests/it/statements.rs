//! Every SQL statement of the product is understood by both databases.

use yiti_store::testing::on_both;

#[tokio::test]
async fn every_statement_is_understood_by_both_databases() {
    on_both(yiti::site::MIGRATIONS, |store| async move {
        let mut reader = store.read().await.unwrap();
        let mut count = 0;
        for statement in yiti_store::statements().filter(|s| s.file.contains("src/")) {
            let prepared = reader.prepare(statement.sql).await;
            prepared.unwrap_or_else(|e| panic!("{}:{} on {}: {e:?}", statement.file, statement.line, store.engine()));
            count += 1;
        }
        assert!(count > 100, "only {count} statements are known");
    })
    .await;
}
