//! DICOM application entities and the institutions they are bound to.
//!
//! An `archive` title is where an institution's modalities send to; a `modality` title is who may call it. A modality is
//! served only under an archive title of its own institution.

use yiti_kernel::Timestamp;
use yiti_store::{Error, Reader, Row, Tx, args, sql};

use crate::institution::{InstitutionId, Scope};

/// What an application entity does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The platform, as one institution reaches it.
    Archive,
    /// A modality or a PACS of an institution.
    Modality,
}

impl Kind {
    /// As stored and as key in `locales/`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Modality => "modality",
        }
    }
}

/// An application entity.
#[derive(Debug, Clone)]
pub struct Device {
    /// At most 16 characters.
    pub ae_title: String,
    /// Where it stands.
    pub institution: InstitutionId,
    /// What it does.
    pub kind: Kind,
    /// DICOM modality; empty for an archive.
    pub modality: String,
    /// What people call it.
    pub name: String,
    /// Switched off.
    pub is_disabled: bool,
    /// When it was last heard of.
    pub seen_at: Option<Timestamp>,
    /// From which address.
    pub seen_from: String,
}

/// Why a device was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The title is no DICOM AE title.
    #[error("an ae title has 1 to 16 printable ascii characters without backslash and is not blank")]
    Title,
    /// A modality needs its modality code.
    #[error("a modality needs its code, such as `CT`")]
    Modality,
}

/// Checks a device before it is added. Source: dicom-standard, PS3.5 section 6.2, value representation AE.
///
/// # Errors
/// [`Invalid`] names the field.
pub fn check(device: &Device) -> Result<(), Invalid> {
    let title = &device.ae_title;
    let is_printable = title.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'\\');
    if title.trim().is_empty() || title.len() > 16 || !is_printable || title.trim() != title {
        return Err(Invalid::Title);
    }
    let is_code = |code: &str| !code.is_empty() && code.len() <= 16 && code.bytes().all(|b| b.is_ascii_uppercase());
    if device.kind == Kind::Modality && !is_code(&device.modality) {
        return Err(Invalid::Modality);
    }
    Ok(())
}

/// Adds a device.
///
/// # Errors
/// [`Error::Conflict`] when the title is taken anywhere in the group.
pub async fn add(tx: &mut Tx, device: &Device) -> Result<(), Error> {
    tx.execute(
        sql!(
            "insert into device (ae_title, institution_id, kind, modality, name, is_disabled, seen_at, seen_from)
             values ($1, $2, $3, $4, $5, $6, null, '')"
        ),
        args![
            &device.ae_title,
            device.institution.0,
            device.kind.key(),
            &device.modality,
            &device.name,
            device.is_disabled,
        ],
    )
    .await?;
    Ok(())
}

/// Switches a device off or on.
///
/// # Errors
/// [`Error::Stale`] when there is none.
pub async fn set_disabled(tx: &mut Tx, ae_title: &str, is_disabled: bool) -> Result<(), Error> {
    tx.execute_one(sql!("update device set is_disabled = $2 where ae_title = $1"), args![ae_title, is_disabled]).await
}

/// Writes that a device was heard of.
///
/// # Errors
/// Whatever the store says.
pub async fn note_seen(tx: &mut Tx, ae_title: &str, from: &str, at: Timestamp) -> Result<(), Error> {
    tx.execute(sql!("update device set seen_at = $2, seen_from = $3 where ae_title = $1"), args![ae_title, at, from])
        .await?;
    Ok(())
}

fn of_row(row: &Row) -> Result<Device, Error> {
    Ok(Device {
        ae_title: row.get("ae_title")?,
        institution: row.id("institution_id")?,
        kind: if row.get::<String>("kind")? == "archive" { Kind::Archive } else { Kind::Modality },
        modality: row.get("modality")?,
        name: row.get("name")?,
        is_disabled: row.get("is_disabled")?,
        seen_at: row.get("seen_at")?,
        seen_from: row.get("seen_from")?,
    })
}

/// The device of a title, `None` when there is none.
///
/// # Errors
/// Whatever the store says.
pub async fn find(reader: &mut Reader, ae_title: &str) -> Result<Option<Device>, Error> {
    reader
        .row(sql!("select * from device where ae_title = $1"), args![ae_title])
        .await?
        .as_ref()
        .map(of_row)
        .transpose()
}

/// The devices of all institutions in `scope`, in tree order.
///
/// # Errors
/// Whatever the store says.
pub async fn list(reader: &mut Reader, scope: Scope) -> Result<Vec<Device>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select d.* from device d join institution i on i.id = d.institution_id
                 where i.tree_low between $1 and $2 order by i.tree_low, d.kind, d.ae_title"
            ),
            args![scope.low, scope.high],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_what_the_standard_allows() {
        let device = |title: &str| Device {
            ae_title: title.into(),
            institution: InstitutionId::fresh(),
            kind: Kind::Archive,
            modality: String::new(),
            name: String::new(),
            is_disabled: false,
            seen_at: None,
            seen_from: String::new(),
        };
        for good in ["A", "YITI-QINGSHI", "SIXTEEN-LETTERS1"] {
            assert_eq!(check(&device(good)), Ok(()), "{good}");
        }
        for bad in ["", "  ", " A", "SEVENTEEN-LETTERS", "BACK\\SLASH", "名"] {
            assert_eq!(check(&device(bad)), Err(Invalid::Title), "{bad}");
        }
    }
}
