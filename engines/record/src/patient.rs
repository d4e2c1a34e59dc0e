//! Patients: registering, finding, opening.

use std::str::FromStr as _;

use serde::{Deserialize, Serialize};
use serde_json::json;
use yiti_directory::{Cx, InstitutionId, Scope};
use yiti_kernel::{Date, NationalId, Timestamp, id_type, national_id, time};
use yiti_store::{Error, Reader, Row, args, sql};

use crate::document::{self, About};
use crate::fhir;

id_type!(
    /// Names a patient.
    PatientId
);

/// Administrative sex as FHIR has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// Man.
    Male,
    /// Woman.
    Female,
    /// Neither.
    Other,
    /// Not known.
    Unknown,
}

impl Sex {
    /// As stored, as in FHIR, and as key in `locales/`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    /// The sex of a key; anything else is unknown.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        [Self::Male, Self::Female, Self::Other].into_iter().find(|sex| sex.key() == key).unwrap_or(Self::Unknown)
    }

    /// The DICOM code: `M`, `F`, `O` or empty.
    #[must_use]
    pub const fn dicom(self) -> &'static str {
        match self {
            Self::Male => "M",
            Self::Female => "F",
            Self::Other => "O",
            Self::Unknown => "",
        }
    }

    /// The sex of a DICOM code.
    #[must_use]
    pub fn from_dicom(code: &str) -> Self {
        match code.trim() {
            "M" => Self::Male,
            "F" => Self::Female,
            "O" => Self::Other,
            _ => Self::Unknown,
        }
    }
}

/// A patient of the group.
#[derive(Debug, Clone)]
pub struct Patient {
    /// Identifier.
    pub id: PatientId,
    /// The number by which the whole group knows them, `P0000042`; modalities get it as Patient ID.
    pub number: String,
    /// Name.
    pub name: String,
    /// Sex.
    pub sex: Sex,
    /// Birthday.
    pub birth_on: Option<Date>,
    /// Citizen identity number.
    pub national_id: Option<String>,
    /// Telephone.
    pub phone: String,
    /// Address.
    pub address: String,
    /// Where they were registered.
    pub institution: InstitutionId,
    /// Made up for demonstration.
    pub is_synthetic: bool,
    /// Version of the row.
    pub version: u32,
    /// Identifiers given by members: institution, system, value. Filled by [`open`].
    pub identifiers: Vec<(InstitutionId, String, String)>,
}

impl Patient {
    /// Whole years on the day of `at`.
    #[must_use]
    pub fn age_years(&self, at: Timestamp) -> Option<i32> {
        self.birth_on.map(|born| time::age_years(born, time::day(at)))
    }

    /// The identity number with its middle hidden; empty when there is none.
    #[must_use]
    pub fn national_id_masked(&self) -> String {
        self.national_id.as_deref().map(national_id::mask).unwrap_or_default()
    }
}

/// What is needed to register a patient.
#[derive(Debug, Clone)]
pub struct NewPatient {
    /// Name.
    pub name: String,
    /// Sex; taken from the identity number when there is one.
    pub sex: Sex,
    /// Birthday; taken from the identity number when there is one.
    pub birth_on: Option<Date>,
    /// Citizen identity number as typed; empty for none.
    pub national_id: String,
    /// Telephone.
    pub phone: String,
    /// Address.
    pub address: String,
    /// Made up for demonstration.
    pub is_synthetic: bool,
}

/// Why a patient was not registered.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The name is empty or longer than 64 characters.
    #[error("a name has 1 to 64 characters")]
    Name,
    /// The identity number is wrong.
    #[error("identity number: {0}")]
    NationalId(#[from] national_id::Invalid),
    /// Neither identity number nor birthday.
    #[error("a birthday or an identity number is needed")]
    Birthday,
    /// The birthday lies in the future or more than 130 years back.
    #[error("the birthday `{0}` cannot be")]
    BirthdayRange(Date),
    /// Someone with this identity number is registered already.
    #[error("the identity number is that of patient `{number}`")]
    Known {
        /// Who has it.
        patient: PatientId,
        /// Their number.
        number: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Checks what was typed; returns the identity number, sex and birthday that hold.
///
/// # Errors
/// [`Refused`] names the field.
pub fn check(new: &NewPatient, today: Date) -> Result<(Option<NationalId>, Sex, Date), Refused> {
    if new.name.trim().is_empty() || new.name.chars().count() > 64 {
        return Err(Refused::Name);
    }
    if !new.national_id.trim().is_empty() {
        let id = NationalId::parse(&new.national_id)?;
        let born = id.birth_on().ok_or(Refused::Birthday)?;
        let sex = if id.is_male() { Sex::Male } else { Sex::Female };
        return if born > today { Err(Refused::BirthdayRange(born)) } else { Ok((Some(id), sex, born)) };
    }
    let born = new.birth_on.ok_or(Refused::Birthday)?;
    if born > today || time::age_years(born, today) > 130 {
        return Err(Refused::BirthdayRange(born));
    }
    Ok((None, new.sex, born))
}

/// Registers a patient at the actor's institution.
///
/// # Errors
/// [`Refused`]; `Known` when the identity number is registered already.
pub async fn register(cx: &mut Cx<'_>, institution: InstitutionId, new: &NewPatient) -> Result<Patient, Refused> {
    let (national_id, sex, born) = check(new, time::day(cx.now))?;
    if let Some(id) = &national_id
        && let Some(row) =
            cx.tx.row(sql!("select id, number from patient where national_id = $1"), args![id.as_str()]).await?
    {
        return Err(Refused::Known { patient: row.id("id")?, number: row.get("number")? });
    }
    let row = cx
        .tx
        .one(
            sql!(
                "insert into patient_number (id, last) values (1, 1)
                 on conflict (id) do update set last = patient_number.last + 1 returning last"
            ),
            args![],
        )
        .await?;
    let name = new.name.trim().to_owned();
    let patient = Patient {
        id: PatientId::fresh(),
        number: format!("P{:07}", row.get::<i64>("last")?),
        sex,
        birth_on: Some(born),
        national_id: national_id.map(|id| id.as_str().to_owned()),
        phone: new.phone.trim().to_owned(),
        address: new.address.trim().to_owned(),
        institution,
        is_synthetic: new.is_synthetic,
        version: 1,
        identifiers: Vec::new(),
        name,
    };
    cx.tx
        .execute(
            sql!(
                "insert into patient (id, number, name, name_initials, sex, birth_on, national_id, phone, address,
                     institution_id, is_synthetic, version, recorded_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12)"
            ),
            args![
                patient.id.0,
                &patient.number,
                &patient.name,
                initials(&patient.name),
                patient.sex.key(),
                patient.birth_on,
                patient.national_id.clone(),
                &patient.phone,
                &patient.address,
                institution.0,
                patient.is_synthetic,
                cx.now,
            ],
        )
        .await?;
    let about = About {
        kind: "Patient",
        id: patient.id.0,
        patient: Some(patient.id.0),
        institution: institution.0,
        recorded_by: &cx.actor.name,
    };
    document::append(cx.tx, about, &fhir::patient(&patient), cx.now).await?;
    let subject = ("patient", Some(patient.id.0));
    cx.journal("patient.register", subject, Some(patient.id.0), json!({ "number": patient.number })).await?;
    Ok(patient)
}

/// Adds the identifier by which a member knows the patient.
///
/// # Errors
/// [`Error::Conflict`] when the member uses it for someone else.
pub async fn add_identifier(
    cx: &mut Cx<'_>,
    patient: PatientId,
    institution: InstitutionId,
    system: &str,
    value: &str,
) -> Result<(), Error> {
    cx.tx
        .execute(
            sql!("insert into patient_identifier (institution_id, system, value, patient_id) values ($1, $2, $3, $4)"),
            args![institution.0, system, value, patient.0],
        )
        .await?;
    Ok(())
}

/// The initials by which Chinese names are looked up: 王小东 gives `wxd`; Latin letters stay, the rest is dropped.
#[must_use]
pub fn initials(name: &str) -> String {
    use pinyin::ToPinyin as _;
    name.chars()
        .filter_map(|c| match c.to_pinyin() {
            Some(sound) => sound.plain().chars().next(),
            None if c.is_ascii_alphanumeric() => Some(c.to_ascii_lowercase()),
            None => None,
        })
        .collect()
}

pub(crate) fn of_row(row: &Row) -> Result<Patient, Error> {
    Ok(Patient {
        id: row.id("id")?,
        number: row.get("number")?,
        name: row.get("name")?,
        sex: Sex::from_key(&row.get::<String>("sex")?),
        birth_on: row.get("birth_on")?,
        national_id: row.get("national_id")?,
        phone: row.get("phone")?,
        address: row.get("address")?,
        institution: row.id("institution_id")?,
        is_synthetic: row.get("is_synthetic")?,
        version: row.get("version")?,
        identifiers: Vec::new(),
    })
}

/// The patient of an identifier, wherever: for joining with things whose scope was checked.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(reader: &mut Reader, id: PatientId) -> Result<Patient, Error> {
    of_row(&reader.one(sql!("select * from patient where id = $1"), args![id.0]).await?)
}

/// The patient of a group number.
///
/// # Errors
/// Whatever the store says.
pub async fn by_number(reader: &mut Reader, number: &str) -> Result<Option<Patient>, Error> {
    reader.row(sql!("select * from patient where number = $1"), args![number]).await?.as_ref().map(of_row).transpose()
}

/// Opens a patient's record: checks that the scope reaches them and journals the reading with its purpose.
///
/// A scope reaches patients registered inside it and patients who have an order or a study inside it.
///
/// # Errors
/// [`Error::NotFound`] when there is no such patient or the scope does not reach them.
pub async fn open(cx: &mut Cx<'_>, id: PatientId, purpose: &str) -> Result<Patient, Error> {
    let scope = cx.actor.scope;
    let row = cx
        .tx
        .one(
            sql!(
                "select p.* from patient p where p.id = $1 and (
                     exists (select 1 from institution i where i.id = p.institution_id and i.tree_low between $2 and $3)
                     or exists (select 1 from service_request r join institution i on i.id = r.institution_id
                         where r.patient_id = p.id and i.tree_low between $2 and $3)
                     or exists (select 1 from imaging_study s join institution i on i.id = s.institution_id
                         where s.patient_id = p.id and i.tree_low between $2 and $3))"
            ),
            args![id.0, scope.low, scope.high],
        )
        .await?;
    let mut patient = of_row(&row)?;
    let rows = cx
        .tx
        .rows(sql!("select * from patient_identifier where patient_id = $1 order by system, value"), args![id.0])
        .await?;
    for row in rows {
        patient.identifiers.push((row.id("institution_id")?, row.get("system")?, row.get("value")?));
    }
    cx.journal_read(("patient", Some(id.0)), Some(id.0), purpose, json!({})).await?;
    Ok(patient)
}

/// Finds patients in scope by what a doctor types: identity number, group number, telephone, name or initials. At most
/// `limit`; an empty text finds the newest.
///
/// # Errors
/// Whatever the store says.
pub async fn find(reader: &mut Reader, scope: Scope, text: &str, limit: u32) -> Result<Vec<Patient>, Error> {
    let text = text.trim();
    let in_scope = args![scope.low, scope.high].to_vec();
    let with = |extra: &[yiti_store::Value]| [in_scope.as_slice(), extra].concat();
    let rows = if text.is_empty() {
        let newest = sql!(
            "select p.* from patient p join institution i on i.id = p.institution_id
             where i.tree_low between $1 and $2 order by p.id desc limit $3"
        );
        reader.rows(newest, &with(args![limit])).await?
    } else if text.is_ascii() && text.len() >= 6 && text.bytes().any(|b| b.is_ascii_digit()) {
        let key = text.to_ascii_uppercase();
        let by_key = sql!(
            "select p.* from patient p join institution i on i.id = p.institution_id
             where i.tree_low between $1 and $2 and (p.national_id = $3 or p.number = $3 or p.phone = $3)
             order by p.id desc limit $4"
        );
        reader.rows(by_key, &with(args![key, limit])).await?
    } else if text.is_ascii() {
        let low = text.to_ascii_lowercase();
        let by_initials = sql!(
            "select p.* from patient p join institution i on i.id = p.institution_id
             where i.tree_low between $1 and $2 and p.name_initials >= $3 and p.name_initials < $4
             order by p.name_initials, p.id desc limit $5"
        );
        reader.rows(by_initials, &with(args![&low, format!("{low}\u{7f}"), limit])).await?
    } else {
        let by_name = sql!(
            "select p.* from patient p join institution i on i.id = p.institution_id
             where i.tree_low between $1 and $2 and p.name >= $3 and p.name < $4 order by p.name, p.id desc limit $5"
        );
        reader.rows(by_name, &with(args![text, format!("{text}\u{10ffff}"), limit])).await?
    };
    rows.iter().map(of_row).collect()
}

/// A day as typed (`1960-02-29`, `19600229`).
#[must_use]
pub fn parse_day(text: &str) -> Option<Date> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 8 {
        return None;
    }
    Date::from_str(&format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(national_id: &str, birth_on: Option<Date>) -> NewPatient {
        NewPatient {
            name: "王小东".into(),
            sex: Sex::Unknown,
            birth_on,
            national_id: national_id.into(),
            phone: String::new(),
            address: String::new(),
            is_synthetic: true,
        }
    }

    #[test]
    fn initials_are_those_a_doctor_types() {
        assert_eq!(initials("王小东"), "wxd");
        assert_eq!(initials("Doe^J1"), "doej1");
        assert_eq!(initials("·"), "");
    }

    #[test]
    fn sex_and_birthday_come_from_the_identity_number() {
        let today = yiti_kernel::civil::date(2026, 3, 10);
        let (id, sex, born) = check(&typed("11010519491231002X", None), today).unwrap();
        assert!(id.is_some());
        assert_eq!((sex, born), (Sex::Female, yiti_kernel::civil::date(1949, 12, 31)));
        assert!(matches!(check(&typed("", None), today), Err(Refused::Birthday)));
        assert!(matches!(check(&typed("", Some(today.tomorrow().unwrap())), today), Err(Refused::BirthdayRange(_))));
        assert!(matches!(check(&typed("11010519491231002", None), today), Err(Refused::NationalId(_))));
    }

    #[test]
    fn a_day_is_read_with_and_without_dashes() {
        assert_eq!(parse_day("1960-02-29"), parse_day("19600229"));
        assert_eq!(parse_day("1960-02-30"), None);
        assert_eq!(parse_day("60-2-3"), None);
    }
}
