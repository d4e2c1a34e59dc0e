//! Acts are saved whole or not at all, and what arrives together shares a commit.

use yiti_store::testing::{on_both, sqlite};
use yiti_store::{Error, Migration, Store, args, sql};

pub(crate) const NOTES: &[Migration] = &[Migration {
    version: 90_001,
    name: "notes",
    sql: "create table note (id {id} primary key, word {text} not null unique, day {text}, at {int}) {strict};",
}];

async fn add(store: &Store, word: &str) -> Result<(), Error> {
    let word = word.to_owned();
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    sql!("insert into note (id, word, day, at) values ($1, $2, $3, $4)"),
                    args![yiti_kernel::fresh(), &word, None::<yiti_kernel::Date>, None::<i64>],
                )
                .await?;
                if word.starts_with("refused") {
                    return Err(Error::Stale);
                }
                if word.starts_with("panics") {
                    panic!("a fault in an act");
                }
                Ok(())
            })
        })
        .await
}

async fn words(store: &Store) -> Vec<String> {
    let rows = store.read().await.unwrap().rows(sql!("select word from note order by word"), args![]).await.unwrap();
    rows.iter().map(|row| row.get("word").unwrap()).collect()
}

#[tokio::test]
async fn a_refused_act_leaves_nothing_and_its_neighbours_stay() {
    on_both(&[NOTES], |store| async move {
        let acts = ["first", "refused", "panics", "second", "first"].map(|word| add(&store, word));
        let outcomes = futures::future::join_all(acts).await;
        assert!(outcomes[0].is_ok() && outcomes[3].is_ok());
        assert!(matches!(outcomes[1], Err(Error::Stale)), "{:?}", outcomes[1]);
        assert!(matches!(outcomes[2], Err(Error::Panicked)), "{:?}", outcomes[2]);
        assert!(matches!(outcomes[4], Err(Error::Conflict { .. })), "{:?}", outcomes[4]);
        assert_eq!(words(&store).await, ["first", "second"]);
    })
    .await;
}

#[tokio::test]
async fn an_act_is_seen_by_readers_as_soon_as_it_is_answered() {
    on_both(&[NOTES], |store| async move {
        for n in 0..40 {
            add(&store, &format!("{n:02}")).await.unwrap();
            assert_eq!(words(&store).await.len(), n + 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_thousand_acts_at_once_are_all_saved() {
    on_both(&[NOTES], |store| async move {
        let names: Vec<String> = (0..1000).map(|n| format!("{n:04}")).collect();
        let outcomes = futures::future::join_all(names.iter().map(|name| add(&store, name))).await;
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(words(&store).await, names);
    })
    .await;
}

#[tokio::test]
async fn a_second_process_cannot_open_the_same_folder() {
    let opened = sqlite(&[NOTES]).await;
    let again = Store::open(&opened.settings, &[NOTES]).await;
    assert!(matches!(again, Err(Error::InUse(_))));
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let opened = sqlite(&[NOTES]).await;
    let mut reader = opened.store.read().await.unwrap();
    let refused = reader
        .rows(sql!("insert into note (id, word) values ($1, 'smuggled') returning word"), args![yiti_kernel::fresh()])
        .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_column_of_another_type_is_named() {
    on_both(&[NOTES], |store| async move {
        add(&store, "word").await.unwrap();
        let row = store.read().await.unwrap().one(sql!("select word from note"), args![]).await.unwrap();
        let error = row.get::<i64>("word").unwrap_err();
        assert_eq!(error.to_string(), "column `word` is no whole number: Text(\"word\")");
        assert!(row.get::<String>("missing").unwrap_err().to_string().contains("no such column"));
    })
    .await;
}
