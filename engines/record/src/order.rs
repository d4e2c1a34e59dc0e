//! Orders for examinations (FHIR ServiceRequest) and their accession numbers.

use serde::{Deserialize, Serialize};
use serde_json::json;
use yiti_directory::{Cx, InstitutionId, PersonId, Scope};
use yiti_kernel::{Timestamp, Uuid, id_type, time};
use yiti_store::{Error, Reader, Row, args, sql};

use crate::document::{self, About};
use crate::fhir;
use crate::patient::PatientId;

id_type!(
    /// Names an order.
    RequestId
);

macro_rules! keyed {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $key:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As stored and as key in `locales/`.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            /// The one of a key.
            #[must_use]
            pub fn from_key(key: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.key() == key)
            }
        }
    };
}

keyed!(
    /// How soon the report is needed (FHIR request priority).
    Priority {
        /// At once.
        Stat = "stat",
        /// Today.
        Urgent = "urgent",
        /// In its turn.
        Routine = "routine",
    }
);

keyed!(
    /// In which care the examination was asked for.
    Setting {
        /// Emergency.
        Emergency = "emergency",
        /// Ward.
        Inpatient = "inpatient",
        /// Clinic.
        Outpatient = "outpatient",
    }
);

keyed!(
    /// Where an order stands.
    Status {
        /// Asked for.
        Active = "active",
        /// Examined.
        Completed = "completed",
        /// Taken back.
        Revoked = "revoked",
    }
);

/// An order for an examination.
#[derive(Debug, Clone)]
pub struct Order {
    /// Identifier.
    pub id: RequestId,
    /// Whose.
    pub patient: PatientId,
    /// The institution that asks and examines.
    pub institution: InstitutionId,
    /// At most 16 characters, unique in the group: date and serial number.
    pub accession_number: String,
    /// Key of the exam in `definitions/exams.toml`.
    pub exam_code: String,
    /// DICOM modality: `CT`, `DX`, `MR`.
    pub modality: String,
    /// DICOM body part: `CHEST`.
    pub body_part: String,
    /// How soon.
    pub priority: Priority,
    /// In which care.
    pub setting: Setting,
    /// The clinical question.
    pub question: String,
    /// History and findings.
    pub history: String,
    /// Pregnancy, allergy, implants.
    pub warnings: String,
    /// Who asked.
    pub requested_by: PersonId,
    /// When.
    pub requested_at: Timestamp,
    /// When the examination is planned.
    pub scheduled_at: Timestamp,
    /// Where it stands.
    pub status: Status,
}

/// What is needed to ask for an examination.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Whose.
    pub patient: PatientId,
    /// The institution that asks and examines.
    pub institution: InstitutionId,
    /// Key of the exam.
    pub exam_code: String,
    /// DICOM modality.
    pub modality: String,
    /// DICOM body part.
    pub body_part: String,
    /// How soon.
    pub priority: Priority,
    /// In which care.
    pub setting: Setting,
    /// The clinical question.
    pub question: String,
    /// History and findings.
    pub history: String,
    /// Pregnancy, allergy, implants.
    pub warnings: String,
    /// When the examination is planned.
    pub scheduled_at: Timestamp,
}

/// Places an order; gives it the day's next accession number (`YYYYMMDD` and five digits).
///
/// # Errors
/// Whatever the store says.
pub async fn place(cx: &mut Cx<'_>, by: PersonId, new: NewOrder) -> Result<Order, Error> {
    let day = time::day(cx.now).strftime("%Y%m%d").to_string();
    let row = cx
        .tx
        .one(
            sql!(
                "insert into accession_number (day, last) values ($1, 1)
                 on conflict (day) do update set last = accession_number.last + 1 returning last"
            ),
            args![&day],
        )
        .await?;
    let order = Order {
        id: RequestId::fresh(),
        patient: new.patient,
        institution: new.institution,
        accession_number: format!("{day}{:05}", row.get::<i64>("last")?),
        exam_code: new.exam_code,
        modality: new.modality,
        body_part: new.body_part,
        priority: new.priority,
        setting: new.setting,
        question: new.question,
        history: new.history,
        warnings: new.warnings,
        requested_by: by,
        requested_at: cx.now,
        scheduled_at: new.scheduled_at,
        status: Status::Active,
    };
    cx.tx
        .execute(
            sql!(
                "insert into service_request (id, patient_id, institution_id, accession_number, exam_code, modality,
                     body_part, priority, setting, question, history, warnings, requested_by, requested_at, scheduled_at,
                     status)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
            ),
            args![
                order.id.0,
                order.patient.0,
                order.institution.0,
                &order.accession_number,
                &order.exam_code,
                &order.modality,
                &order.body_part,
                order.priority.key(),
                order.setting.key(),
                &order.question,
                &order.history,
                &order.warnings,
                by.0,
                order.requested_at,
                order.scheduled_at,
                order.status.key(),
            ],
        )
        .await?;
    keep_document(cx, &order).await?;
    let detail = json!({ "accession_number": order.accession_number, "exam": order.exam_code });
    cx.journal("order.place", ("service_request", Some(order.id.0)), Some(order.patient.0), detail).await?;
    Ok(order)
}

/// Moves an order to `status`.
///
/// # Errors
/// [`Error::NotFound`] when there is no such order.
pub async fn set_status(cx: &mut Cx<'_>, id: RequestId, status: Status) -> Result<(), Error> {
    let mut order = get(cx.tx, id).await?;
    if order.status == status {
        return Ok(());
    }
    cx.tx.execute_one(sql!("update service_request set status = $2 where id = $1"), args![id.0, status.key()]).await?;
    order.status = status;
    keep_document(cx, &order).await
}

async fn keep_document(cx: &mut Cx<'_>, order: &Order) -> Result<(), Error> {
    let about = About {
        kind: "ServiceRequest",
        id: order.id.0,
        patient: Some(order.patient.0),
        institution: order.institution.0,
        recorded_by: &cx.actor.name,
    };
    document::append(cx.tx, about, &fhir::service_request(order), cx.now).await.map(drop)
}

fn of_row(row: &Row) -> Result<Order, Error> {
    let corrupt = |what, why: String| Error::Corrupt { what, why };
    let (priority, setting, status): (String, String, String) =
        (row.get("priority")?, row.get("setting")?, row.get("status")?);
    Ok(Order {
        id: row.id("id")?,
        patient: row.id("patient_id")?,
        institution: row.id("institution_id")?,
        accession_number: row.get("accession_number")?,
        exam_code: row.get("exam_code")?,
        modality: row.get("modality")?,
        body_part: row.get("body_part")?,
        priority: Priority::from_key(&priority).ok_or_else(|| corrupt("priority", priority))?,
        setting: Setting::from_key(&setting).ok_or_else(|| corrupt("setting", setting))?,
        question: row.get("question")?,
        history: row.get("history")?,
        warnings: row.get("warnings")?,
        requested_by: row.id("requested_by")?,
        requested_at: row.get("requested_at")?,
        scheduled_at: row.get("scheduled_at")?,
        status: Status::from_key(&status).ok_or_else(|| corrupt("order status", status))?,
    })
}

/// The order of an identifier; its scope is for the caller to check.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(reader: &mut Reader, id: RequestId) -> Result<Order, Error> {
    of_row(&reader.one(sql!("select * from service_request where id = $1"), args![id.0]).await?)
}

/// The order of an accession number at institutions inside `scope`.
///
/// # Errors
/// Whatever the store says.
pub async fn by_accession(reader: &mut Reader, scope: Scope, number: &str) -> Result<Option<Order>, Error> {
    let row = reader
        .row(
            sql!(
                "select r.* from service_request r join institution i on i.id = r.institution_id
                 where r.accession_number = $1 and i.tree_low between $2 and $3"
            ),
            args![number, scope.low, scope.high],
        )
        .await?;
    row.as_ref().map(of_row).transpose()
}

/// Orders waiting to be examined at institutions inside `scope`, planned from `from` to `until`, earliest first: the
/// modality worklist, behind the order `after`.
///
/// # Errors
/// Whatever the store says.
pub async fn waiting(
    reader: &mut Reader,
    scope: Scope,
    from: Timestamp,
    until: Timestamp,
    after: Option<(Timestamp, RequestId)>,
    limit: u32,
) -> Result<Vec<Order>, Error> {
    let (at, id) = after.unwrap_or((from, RequestId(Uuid::nil())));
    let rows = reader
        .rows(
            sql!(
                "select r.* from service_request r join institution i on i.id = r.institution_id
                 where i.tree_low between $1 and $2 and r.status = 'active' and r.scheduled_at >= $3
                     and r.scheduled_at < $4 and (r.scheduled_at, r.id) > ($5, $6)
                 order by r.scheduled_at, r.id limit $7"
            ),
            args![scope.low, scope.high, from, until, at, id.0, limit],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// All orders of a patient, the newest first.
///
/// # Errors
/// Whatever the store says.
pub async fn of_patient(reader: &mut Reader, patient: PatientId) -> Result<Vec<Order>, Error> {
    let rows = reader
        .rows(
            sql!("select * from service_request where patient_id = $1 order by requested_at desc, id"),
            args![patient.0],
        )
        .await?;
    rows.iter().map(of_row).collect()
}
