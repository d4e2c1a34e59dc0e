//! From an instance as it came to rows of the record, and from rows to what queries answer.
//!
//! Left out: the wire. Both the network server and DICOMweb keep and find through here, so that the same rules hold on
//! both.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use yiti_diagnostics::actions;
use yiti_diagnostics::settings::Definitions;
use yiti_directory::{Actor, Forbidden, InstitutionId, Platform, Scope};
use yiti_kernel::{SignedDuration, Timestamp, time};
use yiti_record::StudyId;
use yiti_record::imaging::{self, Arrived, Instance, Received, Series, Study, StudyQuery};
use yiti_record::matching::UNCERTAIN;
use yiti_record::patient::Sex;
use yiti_store::{Error, NewBlob, Reader};

use crate::attributes::Attributes;
use crate::dataset::{File, Header, IdentityError, Limits, ReadError, Tag};
use crate::dimse::StoreRefused;
use crate::query::{Level, Matching, StudyRootQuery};

/// What it takes to hand in instances.
pub const SEND: &str = "diagnostics.image.send";
/// Answers to one query at most.
pub const ANSWER_COUNT_MAX: usize = 2_000;
/// Files up to this size are digested where they are, larger ones beside.
const DIGEST_INLINE_BYTES_MAX: usize = 1 << 20;
/// Characters of one text that are kept.
const TEXT_LENGTH_MAX: usize = 256;
/// How far the clock of a modality may run ahead before its times are not believed.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// An instance ready to be kept: a whole file, and what was read of it.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Our file meta group and the data set as received.
    pub file: Bytes,
    /// What was read of the data set.
    pub header: Header,
    /// How many bytes from the start hold everything before the pixel data.
    pub header_bytes: u64,
}

impl Incoming {
    /// Positions in `header` count from `offset` in `file`.
    #[must_use]
    pub fn new(file: Bytes, header: Header, offset: usize) -> Self {
        let header_bytes = match header.pixels_at {
            // Positions in a deflated data set are those of its inflated bytes.
            Some(at) if header.transfer_syntax_uid != DEFLATED => at + offset,
            _ => file.len(),
        };
        Self { header_bytes: header_bytes.min(file.len()) as u64, file, header }
    }
}

/// Why an instance was not kept.
#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error(transparent)]
    Refused(#[from] imaging::Refused),
}

impl From<Error> for NotKept {
    fn from(error: Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<NotKept> for StoreRefused {
    fn from(why: NotKept) -> Self {
        match why {
            NotKept::Forbidden(_) => Self::NotAuthorized,
            NotKept::Refused(imaging::Refused::Different(_)) => Self::Conflict,
            NotKept::Refused(imaging::Refused::Elsewhere(_)) => Self::Mismatch {
                comment: "the study belongs to another institution".into(),
                tag: Some(Tag(0x0020, 0x000D)),
            },
            NotKept::Refused(imaging::Refused::Store(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an instance could not be kept");
                // Out of room or stopping: the sender keeps the picture and comes again.
                match error {
                    Error::File { .. } | Error::Stopped | Error::Commit(_) | Error::Full => Self::OutOfResources,
                    _ => Self::Failed,
                }
            }
        }
    }
}

/// Keeps an instance for `institution`; it is durable when this returns `Ok`.
///
/// # Errors
/// [`StoreRefused`].
pub async fn keep(
    platform: &Platform,
    actor: &Arc<Actor>,
    institution: InstitutionId,
    incoming: Incoming,
) -> Result<Received, StoreRefused> {
    let Incoming { file, header, header_bytes } = incoming;
    let byte_count = file.len();
    let blob = if byte_count > DIGEST_INLINE_BYTES_MAX {
        tokio::task::spawn_blocking(move || NewBlob::new(file)).await.map_err(|_| StoreRefused::Failed)?
    } else {
        NewBlob::new(file)
    };
    let now = platform.now();
    let new = arrived(&header, &blob, byte_count as u64, header_bytes, now);
    let kept = platform.act_at(now, actor, vec![blob], move |cx| {
        Box::pin(async move {
            cx.allow(SEND, institution)?;
            Ok::<_, NotKept>(imaging::receive(cx, institution, &new).await?)
        })
    });
    Ok(kept.await?)
}

/// Reads a whole file into what the record keeps of it, for set-up and import: the caller keeps it in an act of its own.
///
/// # Errors
/// [`NotFiled`] when it is no DICOM file, or cannot be filed under its identifiers.
pub fn prepared(file: Bytes, now: Timestamp) -> Result<(NewBlob, Arrived), NotFiled> {
    let (header, offset) = {
        let read = File::read(&file, &Limits::default())?;
        let header = Header::of_file(&read);
        header.identity(Some(&read.meta))?;
        // Positions in the header already count from the start of the file.
        (header, 0)
    };
    let byte_count = file.len() as u64;
    let Incoming { file, header, header_bytes } = Incoming::new(file, header, offset);
    let blob = NewBlob::new(file);
    let new = arrived(&header, &blob, byte_count, header_bytes, now);
    Ok((blob, new))
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum NotFiled {
    /// It is no DICOM file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its identifiers do not allow to file it.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

fn arrived(header: &Header, blob: &NewBlob, byte_count: u64, header_bytes: u64, now: Timestamp) -> Arrived {
    let mut patient_name = plain(&header.patient_name.joined());
    if header.patient_name_uncertain {
        patient_name.push(UNCERTAIN);
    }
    Arrived {
        study_uid: header.study_instance_uid.clone(),
        series_uid: header.series_instance_uid.clone(),
        sop_uid: header.sop_instance_uid.clone(),
        sop_class: header.sop_class_uid.clone(),
        transfer_syntax: plain(&header.transfer_syntax_uid),
        patient_number: plain(&header.patient_id),
        patient_name,
        sex: Sex::from_dicom(&header.patient_sex),
        birth_on: header.patient_birth_on,
        accession_number: plain(&header.accession_number),
        study_id_text: plain(&header.study_id),
        study_description: plain(&header.study_description),
        referring: plain(&header.referring_physician_name.joined()),
        study_on: header.study_date,
        study_time: header.study_time.map(|at| at.strftime("%H%M%S%.f").to_string()).unwrap_or_default(),
        examined_at: examined_at(header, now),
        modality: plain(&header.modality),
        series_number: header.series_number.map(i64::from),
        series_description: plain(&header.series_description),
        body_part: plain(&header.body_part_examined),
        instance_number: header.instance_number.map(i64::from),
        pixel_rows: header.rows.map(u32::from),
        pixel_columns: header.columns.map(u32::from),
        frame_count: header.frame_count,
        bits_allocated: header.bits_allocated,
        digest: blob.digest(),
        byte_count,
        header_bytes,
    }
}

/// Text as a database keeps it: without control characters, of bounded length.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_LENGTH_MAX).collect()
}

/// When the picture was taken, by the modality's clock in the group's zone; `None` when it says nothing believable.
fn examined_at(header: &Header, now: Timestamp) -> Option<Timestamp> {
    let taken = header
        .acquisition_date
        .zip(header.acquisition_time)
        .or_else(|| header.content_date.zip(header.content_time))
        .or_else(|| header.series_date.zip(header.series_time))
        .or_else(|| header.study_date.zip(header.study_time))?;
    let at = time::truncate(time::instant(taken.0.to_datetime(taken.1)));
    (at.duration_since(now) <= AHEAD_MAX).then_some(at)
}

/// Takes studies as complete, each in an act of its own. What fails is taken up by the next [`sweep`].
pub async fn complete(platform: &Platform, actor: &Arc<Actor>, studies: impl IntoIterator<Item = StudyId> + Send) {
    let studies: BTreeSet<StudyId> = studies.into_iter().collect();
    for study in studies {
        let done =
            platform.act(actor, move |cx| Box::pin(async move { actions::study_complete(cx, study).await })).await;
        if let Err(error) = done {
            tracing::error!(%study, error = &error as &dyn std::error::Error, "a study could not be completed");
        }
    }
}

/// Takes studies as complete to which nothing has come for `quiet_seconds`: senders that never closed their
/// association, and what a stop of the process has left. For a timer; returns how many there were.
///
/// # Errors
/// Whatever the store says.
pub async fn sweep(platform: &Platform) -> Result<usize, Error> {
    let seconds = platform.kit.get::<Definitions>().settings.quiet_seconds;
    let before = platform.now() - SignedDuration::from_secs(i64::from(seconds));
    let studies = imaging::quiet(&mut platform.store.read().await?, before).await?;
    let tree = platform.tree();
    let Some(root) = tree.root().filter(|_| !studies.is_empty()) else { return Ok(0) };
    let actor = Arc::new(Actor::system("imaging", root.id, root.scope, &[]));
    let count = studies.len();
    complete(platform, &actor, studies).await;
    Ok(count)
}

/// Attributes of a study.
#[must_use]
pub fn study_attributes(study: &Study) -> Attributes {
    Attributes::new()
        .date(Tag(0x0008, 0x0020), study.study_on)
        .text(Tag(0x0008, 0x0030), study.study_time.as_str())
        .text(Tag(0x0008, 0x0050), study.accession_number.as_str())
        .text(Tag(0x0008, 0x0056), "ONLINE")
        .text(Tag(0x0008, 0x0061), study.modalities.as_str())
        .text(Tag(0x0008, 0x0090), study.referring.as_str())
        .text(Tag(0x0008, 0x1030), study.description.as_str())
        .text(Tag(0x0010, 0x0010), study.seen_patient_name.as_str())
        .text(Tag(0x0010, 0x0020), study.seen_patient_number.as_str())
        .date(Tag(0x0010, 0x0030), study.seen_birth_on)
        .text(Tag(0x0010, 0x0040), study.seen_sex.dicom())
        .text(Tag(0x0020, 0x000D), study.study_uid.as_str())
        .text(Tag(0x0020, 0x0010), study.study_id_text.as_str())
        .text(Tag(0x0020, 0x1206), study.series_count.to_string())
        .text(Tag(0x0020, 0x1208), study.instance_count.to_string())
}

fn series_attributes(study: Attributes, series: &Series) -> Attributes {
    study
        .text(Tag(0x0008, 0x0060), series.modality.as_str())
        .text(Tag(0x0008, 0x103E), series.description.as_str())
        .text(Tag(0x0018, 0x0015), series.body_part.as_str())
        .text(Tag(0x0020, 0x000E), series.series_uid.as_str())
        .text(Tag(0x0020, 0x0011), series.number.map(|n| n.to_string()).unwrap_or_default())
        .text(Tag(0x0020, 0x1209), series.instance_count.to_string())
}

fn instance_attributes(series: Attributes, instance: &Instance) -> Attributes {
    let mut found = series
        .text(Tag(0x0008, 0x0016), instance.sop_class.as_str())
        .text(Tag(0x0008, 0x0018), instance.sop_uid.as_str())
        .text(Tag(0x0020, 0x0013), instance.number.map(|n| n.to_string()).unwrap_or_default())
        .text(Tag(0x0028, 0x0008), instance.frame_count.to_string())
        .text(Tag(0x0008, 0x3002), instance.transfer_syntax.as_str());
    let numbers = [
        (0x0010, instance.pixel_rows),
        (0x0011, instance.pixel_columns),
        (0x0100, instance.bits_allocated.map(u32::from)),
    ];
    for (element, number) in numbers {
        if let Some(number) = number {
            found = found.number(Tag(0x0028, element), f64::from(number));
        }
    }
    found
}

/// What was found, and whose studies they are.
#[derive(Debug, Default)]
pub struct Found {
    /// The answers.
    pub answers: Vec<Attributes>,
    /// The studies they belong to.
    pub studies: Vec<Study>,
}

/// Answers a Study Root query with what lies inside `scope`, at most [`ANSWER_COUNT_MAX`] answers.
///
/// # Errors
/// Whatever the store says.
pub async fn find(reader: &mut Reader, scope: Scope, query: &StudyRootQuery) -> Result<Found, Error> {
    let wanted = query.limit.unwrap_or(ANSWER_COUNT_MAX).min(ANSWER_COUNT_MAX);
    let (mut asked, is_exact) = study_query(query);
    let by_database = is_exact && query.level == Level::Study;
    if by_database {
        asked.limit = wanted as u32;
        asked.offset = u32::try_from(query.offset).unwrap_or(u32::MAX);
    }
    let mut skip = if by_database { 0 } else { query.offset };
    let mut found = Found::default();
    for study in imaging::find(reader, scope, &asked).await? {
        let whole = study_attributes(&study);
        let mut answers = Vec::new();
        if query.level == Level::Study {
            answers.push(whole);
        } else {
            let uid = |tag| match query.condition(tag) {
                Matching::Uids(uids) if uids.len() == 1 => uids.first().map(String::as_str),
                _ => None,
            };
            let (series_uid, sop_uid) = (uid(Tag(0x0020, 0x000E)), uid(Tag(0x0008, 0x0018)));
            let all = imaging::series(reader, study.id).await?;
            for series in all.into_iter().filter(|s| series_uid.is_none_or(|uid| uid == s.series_uid)) {
                let part = series_attributes(whole.clone(), &series);
                if query.level == Level::Series {
                    answers.push(part);
                    continue;
                }
                let instances = imaging::instances(reader, study.id, Some(&series.series_uid), sop_uid).await?;
                answers.extend(instances.iter().map(|instance| instance_attributes(part.clone(), instance)));
            }
        }
        let before = found.answers.len();
        for answer in answers.into_iter().filter(|answer| answer.matches(&query.keys)) {
            if skip > 0 {
                skip -= 1;
            } else if found.answers.len() < wanted {
                found.answers.push(answer);
            }
        }
        if found.answers.len() > before {
            found.studies.push(study);
        }
        if found.answers.len() >= wanted {
            break;
        }
    }
    Ok(found)
}

/// The part of a query that the index answers; true when that is the whole of it.
fn study_query(query: &StudyRootQuery) -> (StudyQuery, bool) {
    let mut asked = StudyQuery { limit: ANSWER_COUNT_MAX as u32, ..StudyQuery::default() };
    let mut is_exact = true;
    for key in &query.keys {
        let one = match &key.matching {
            Matching::OneOf(texts) if texts.len() == 1 => texts.first().cloned(),
            _ => None,
        };
        match (key.tag, &key.matching) {
            (_, Matching::Universal) if key.items.is_none() => {}
            (Tag(0x0020, 0x000D), Matching::Uids(uids)) => {
                is_exact = false;
                asked.study_uids.clone_from(uids);
            }
            (Tag(0x0008, 0x0020), Matching::Dates { from, to }) => (asked.from_on, asked.until_on) = (*from, *to),
            (Tag(0x0010, 0x0020), _) if one.is_some() => asked.patient_number = one.unwrap_or_default(),
            (Tag(0x0008, 0x0050), _) if one.is_some() => asked.accession_number = one.unwrap_or_default(),
            (Tag(0x0008, 0x0060 | 0x0061), _) if one.as_ref().is_some_and(|m| is_code(m)) => {
                is_exact = false;
                asked.modality = one.unwrap_or_default();
            }
            (Tag(0x0010, 0x0010), _) if one.is_some() => {
                is_exact = false;
                asked.patient_name = format!("*{}*", one.unwrap_or_default());
            }
            (Tag(0x0010, 0x0010), Matching::Wildcard(pattern)) => {
                is_exact = false;
                asked.patient_name = format!("*{pattern}*");
            }
            _ => is_exact = false,
        }
    }
    // Both narrow, but the index takes one of them; the other is checked on what it gives.
    is_exact &= asked.accession_number.is_empty() || asked.patient_number.is_empty();
    (asked, is_exact)
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
