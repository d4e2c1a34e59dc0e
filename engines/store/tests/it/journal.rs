//! Whatever is done to the journal behind the product's back is found.

use serde_json::json;
use yiti_kernel::{Timestamp, fresh};
use yiti_store::journal::{Break, By, Entry};
use yiti_store::testing::on_both;
use yiti_store::{Error, Sql, Store, args, sql};

pub(crate) async fn record(store: &Store, n: i64) {
    store
        .write(move |tx| {
            Box::pin(async move {
                let by =
                    By {
                        kind: "person", id: Some(fresh()), name: "甲".into(), post: None, institution: Some(fresh())
                    };
                let at = Timestamp::from_second(1_790_000_000 + n).unwrap();
                tx.journal(Entry {
                    occurred_at: at,
                    recorded_at: at,
                    by: &by,
                    action: "note.write",
                    subject_kind: "note",
                    subject: Some(fresh()),
                    patient: None,
                    purpose: "",
                    detail: json!({ "n": n, "word": "双肺" }),
                })
                .await?;
                if n < 0 { Err(Error::Stale) } else { Ok(()) }
            })
        })
        .await
        .ok();
}

async fn tamper(store: &Store, statements: &'static [Sql]) {
    store
        .write(move |tx| {
            Box::pin(async move {
                for statement in statements {
                    tx.execute(*statement, args![]).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
}

async fn found(store: &Store) -> Option<(i64, Break)> {
    store.verify_journal().await.unwrap().broken.map(|b| (b.seq, b.why))
}

async fn written(store: &Store) {
    for n in 0..20 {
        record(store, if n % 5 == 4 { -1 } else { n }).await;
    }
}

#[tokio::test]
async fn an_untouched_journal_is_whole_and_refused_acts_leave_no_entry() {
    on_both(&[], |store| async move {
        written(&store).await;
        let verdict = store.verify_journal().await.unwrap();
        assert_eq!((verdict.entry_count, verdict.broken), (16, None));
    })
    .await;
}

#[tokio::test]
async fn a_changed_entry_is_found() {
    const ACTS: &[Sql] = &[sql_const("update journal set detail = '{}' where seq = 7")];
    on_both(&[], |store| async move {
        written(&store).await;
        tamper(&store, ACTS).await;
        assert_eq!(found(&store).await, Some((7, Break::Changed)));
    })
    .await;
}

#[tokio::test]
async fn a_dropped_entry_is_found() {
    const ACTS: &[Sql] = &[sql_const("delete from journal where seq = 7")];
    on_both(&[], |store| async move {
        written(&store).await;
        tamper(&store, ACTS).await;
        assert_eq!(found(&store).await, Some((7, Break::Missing)));
    })
    .await;
}

#[tokio::test]
async fn reordered_entries_are_found() {
    const ACTS: &[Sql] = &[
        sql_const("update journal set seq = 1000 where seq = 7"),
        sql_const("update journal set seq = 7 where seq = 8"),
        sql_const("update journal set seq = 8 where seq = 1000"),
    ];
    on_both(&[], |store| async move {
        written(&store).await;
        tamper(&store, ACTS).await;
        assert_eq!(found(&store).await, Some((7, Break::Changed)));
    })
    .await;
}

#[tokio::test]
async fn an_inserted_entry_is_found() {
    const ACTS: &[Sql] = &[sql_const(
        "insert into journal select seq + 1000, occurred_at, recorded_at, actor_kind, actor_id, actor_name, post_id,
         institution_id, action, subject_kind, subject_id, patient_id, purpose, detail, previous_hash, hash
         from journal where seq = 16",
    ), sql_const("update journal set seq = 17 where seq = 1016")];
    on_both(&[], |store| async move {
        written(&store).await;
        tamper(&store, ACTS).await;
        assert_eq!(found(&store).await, Some((17, Break::Changed)));
    })
    .await;
}

#[tokio::test]
async fn a_cut_tail_is_found() {
    const ACTS: &[Sql] = &[sql_const("delete from journal where seq > 12")];
    on_both(&[], |store| async move {
        written(&store).await;
        tamper(&store, ACTS).await;
        assert_eq!(found(&store).await, Some((13, Break::Cut)));
    })
    .await;
}

#[tokio::test]
async fn a_cut_tail_with_a_forged_head_is_found_by_the_witness() {
    const ACTS: &[Sql] = &[
        sql_const("delete from journal"),
        sql_const(
            "update journal_head set seq = 0, hash = '0000000000000000000000000000000000000000000000000000000000000000'",
        ),
    ];
    on_both(&[], |store| async move {
        written(&store).await;
        tamper(&store, ACTS).await;
        assert_eq!(found(&store).await, Some((1, Break::Cut)));
    })
    .await;
}

const fn sql_const(text: &'static str) -> Sql {
    Sql { lite: text, pg: text }
}

#[tokio::test]
async fn every_statement_of_the_store_is_understood_by_both_databases() {
    on_both(&[], |store| async move {
        let mut reader = store.read().await.unwrap();
        for statement in yiti_store::statements().filter(|s| s.file.contains("store/src")) {
            reader
                .prepare(statement.sql)
                .await
                .unwrap_or_else(|e| panic!("{}:{}: {e:?}", statement.file, statement.line));
        }
        let _ = sql!("select 1");
    })
    .await;
}
