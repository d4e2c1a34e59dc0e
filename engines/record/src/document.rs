//! Documents: canonical JSON with versions and digests.

use serde_json::Value as Json;
use yiti_kernel::{Timestamp, Uuid};
use yiti_store::{Digest, Error, Reader, Tx, args, sql};

/// One version of a document.
#[derive(Debug, Clone)]
pub struct Document {
    /// FHIR resource type: `Patient`, `ServiceRequest`, `ImagingStudy`, `DiagnosticReport`.
    pub kind: String,
    /// The thing it describes.
    pub id: Uuid,
    /// 1, 2, 3, ...
    pub version: u32,
    /// When it was written.
    pub recorded_at: Timestamp,
    /// By whom, as the journal names them.
    pub recorded_by: String,
    /// SHA-256 of the body.
    pub digest: Digest,
    /// Canonical JSON.
    pub body: String,
}

/// Canonical JSON: object keys sorted by code point, no white space, numbers as written. Equal contents give equal bytes.
#[must_use]
pub fn canonical(value: &Json) -> String {
    fn write(value: &Json, out: &mut String) {
        match value {
            Json::Object(map) => {
                let mut keys: Vec<_> = map.keys().collect();
                keys.sort_unstable();
                out.push('{');
                for (i, key) in keys.into_iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    out.push_str(&Json::from(key.as_str()).to_string());
                    out.push(':');
                    write(&map[key], out);
                }
                out.push('}');
            }
            Json::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write(item, out);
                }
                out.push(']');
            }
            other => out.push_str(&other.to_string()),
        }
    }
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// Whom and what a new version concerns.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// FHIR resource type.
    pub kind: &'a str,
    /// The thing.
    pub id: Uuid,
    /// The patient.
    pub patient: Option<Uuid>,
    /// The institution that answers for it.
    pub institution: Uuid,
    /// By whom, as the journal names them.
    pub recorded_by: &'a str,
}

/// Appends a version; returns its number and digest. A version equal to the last one is not appended again.
///
/// # Errors
/// Whatever the store says.
pub async fn append(tx: &mut Tx, about: About<'_>, body: &Json, at: Timestamp) -> Result<(u32, Digest), Error> {
    let body = canonical(body);
    let digest = Digest::of(body.as_bytes());
    let last = tx
        .row(
            sql!("select version, digest from document where kind = $1 and id = $2 order by version desc limit 1"),
            args![about.kind, about.id],
        )
        .await?;
    let mut version = 1;
    if let Some(row) = last {
        version = row.get::<u32>("version")?;
        if row.get::<Digest>("digest")? == digest {
            return Ok((version, digest));
        }
        version += 1;
    }
    tx.execute(
        sql!(
            "insert into document (kind, id, version, patient_id, institution_id, recorded_at, recorded_by, digest, body)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        ),
        args![about.kind, about.id, version, about.patient, about.institution, at, about.recorded_by, digest, body],
    )
    .await?;
    Ok((version, digest))
}

/// All versions of a document, oldest first.
///
/// # Errors
/// Whatever the store says.
pub async fn versions(reader: &mut Reader, kind: &str, id: Uuid) -> Result<Vec<Document>, Error> {
    let rows = reader
        .rows(sql!("select * from document where kind = $1 and id = $2 order by version"), args![kind, id])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Document {
                kind: row.get("kind")?,
                id: row.get("id")?,
                version: row.get("version")?,
                recorded_at: row.get("recorded_at")?,
                recorded_by: row.get("recorded_by")?,
                digest: row.get("digest")?,
                body: row.get("body")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::canonical;
    use serde_json::json;

    #[test]
    fn equal_contents_give_equal_bytes() {
        let one: serde_json::Value =
            serde_json::from_str(r#"{ "b": [1, {"d": 1, "c": null}], "a": "双\n肺" }"#).unwrap();
        let other = json!({ "a": "双\n肺", "b": [1, { "c": null, "d": 1 }] });
        assert_eq!(canonical(&one), canonical(&other));
        assert_eq!(canonical(&one), "{\"a\":\"双\\n肺\",\"b\":[1,{\"c\":null,\"d\":1}]}");
    }
}
