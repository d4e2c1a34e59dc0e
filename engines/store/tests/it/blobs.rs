//! Bytes are kept as they came, found by digest, and cut back to what was acknowledged.

use bytes::Bytes;
use yiti_store::testing::{on_both, sqlite};
use yiti_store::{Digest, Error, NewBlob, Store};

async fn keep(store: &Store, bytes: &'static [u8], fail: bool) -> Result<Digest, Error> {
    let blob = NewBlob::new(Bytes::from_static(bytes));
    let digest = blob.digest();
    store
        .write_with(vec![blob], move |_| Box::pin(async move { if fail { Err(Error::Stale) } else { Ok(digest) } }))
        .await
}

#[tokio::test]
async fn bytes_come_back_as_they_were() {
    on_both(&[], |store| async move {
        let digest = keep(&store, b"a slice", false).await.unwrap();
        assert_eq!(store.blob(digest).await.unwrap(), "a slice");
        assert_eq!(store.blob_range(digest, 2, 3).await.unwrap(), "sli");
        assert!(store.blob_range(digest, 5, 3).await.is_err());
        assert!(matches!(store.blob(Digest::of(b"other")).await, Err(Error::NotFound)));
    })
    .await;
}

#[tokio::test]
async fn the_same_bytes_are_kept_once() {
    let opened = sqlite(&[]).await;
    keep(&opened.store, b"the same", false).await.unwrap();
    let length = || std::fs::metadata(opened.settings.folder.join("blobs/000001.seg")).unwrap().len();
    let before = length();
    keep(&opened.store, b"the same", false).await.unwrap();
    assert_eq!(length(), before);
}

#[tokio::test]
async fn bytes_of_a_refused_act_can_be_sent_again() {
    on_both(&[], |store| async move {
        keep(&store, b"twice", true).await.unwrap_err();
        let digest = keep(&store, b"twice", false).await.unwrap();
        assert_eq!(store.blob(digest).await.unwrap(), "twice");
    })
    .await;
}

#[tokio::test]
async fn a_tail_that_was_never_acknowledged_is_cut_when_the_store_opens() {
    let opened = sqlite(&[]).await;
    let digest = keep(&opened.store, b"acknowledged", false).await.unwrap();
    opened.store.close().await;
    let settings = opened.settings.clone();
    let segment = settings.folder.join("blobs/000001.seg");
    let length = std::fs::metadata(&segment).unwrap().len();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes.extend_from_slice(b"half an inst");
    std::fs::write(&segment, bytes).unwrap();
    std::mem::forget(opened);
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("blobs")).unwrap();
    for name in ["yiti.db", "yiti.db-wal", "blobs/000001.seg"] {
        if settings.folder.join(name).exists() {
            std::fs::copy(settings.folder.join(name), copy.path().join(name)).unwrap();
        }
    }
    let store = Store::open(&yiti_store::Settings::embedded(copy.path()), &[]).await.unwrap();
    assert_eq!(std::fs::metadata(copy.path().join("blobs/000001.seg")).unwrap().len(), length);
    assert_eq!(store.blob(digest).await.unwrap(), "acknowledged");
    std::fs::remove_dir_all(settings.folder).unwrap();
}

#[tokio::test]
async fn changed_bytes_are_never_served() {
    let opened = sqlite(&[]).await;
    let digest = keep(&opened.store, b"the finding", false).await.unwrap();
    let segment = opened.settings.folder.join("blobs/000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    assert!(matches!(opened.store.blob(digest).await, Err(Error::Corrupt { what: "blob", .. })));
}
