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
use yiti_store::{Digest, Error, NewBlob, Reader};

use crate::attributes::Attributes;
use crate::dataset::{File, Header, IdentityError, Limits, ReadError, Tag, is_same_instance};
use crate::dimse::StoreRefused;
use crate::query::{Key, Level, Matching, StudyRootQuery, condition};

/// What it takes to hand in instances.
pub const SEND: &str = "diagnostics.image.send";
/// Answers to one query on the web at most; who gets so many is told that there may be more.
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
            NotKept::Refused(imaging::Refused::Different { .. }) => Self::Conflict,
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
    let (byte_count, again) = (file.len(), file.clone());
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
    match kept.await {
        Ok(received) => Ok(received),
        Err(NotKept::Refused(imaging::Refused::Different { study, kept, .. }))
            if is_known(platform, kept, again).await? =>
        {
            Ok(Received { study, is_new_study: false, is_new_instance: false })
        }
        Err(why) => Err(why.into()),
    }
}

/// True when what came is the instance that is kept, in other bytes.
async fn is_known(platform: &Platform, kept: Digest, came: Bytes) -> Result<bool, StoreRefused> {
    let kept = platform.store.blob(kept).await.map_err(|error| StoreRefused::from(NotKept::from(error)))?;
    let compared = tokio::task::spawn_blocking(move || {
        let limits = Limits::default();
        let (kept, came) = (File::read(&kept, &limits), File::read(&came, &limits));
        kept.is_ok_and(|kept| came.is_ok_and(|came| is_same_instance(&kept, &came)))
    });
    compared.await.map_err(|_| StoreRefused::Failed)
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
        oddities: header.oddities.join(" "),
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
        // Modality at the level of studies, where many ask for it, is that of any of its series.
        .text(Tag(0x0008, 0x0060), study.modalities.as_str())
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

/// One answer to a query.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What is answered.
    pub attributes: Attributes,
    /// The study it belongs to.
    pub study: Arc<Study>,
}

/// Where a query looks.
#[derive(Debug)]
pub enum Among {
    /// At all studies of a scope.
    All(Scope),
    /// At these, which the caller has found inside a scope.
    These(Vec<Study>),
}

/// A Study Root query under way. It goes through all studies, page by page, so that nothing is left out and no reader is
/// held while a peer takes its time.
#[derive(Debug)]
pub struct Search {
    level: Level,
    keys: Vec<Key>,
    among: Among,
    asked: StudyQuery,
    skip: usize,
    left: usize,
    is_done: bool,
}

impl Search {
    /// A query for all that fits, or for as much as it says. Keys that nobody holds are expected to be left out.
    #[must_use]
    pub fn new(among: Among, query: &StudyRootQuery) -> Self {
        let (mut asked, is_exact) = study_query(query);
        let mut skip = query.offset;
        asked.limit = match query.level {
            Level::Study => 1_000,
            Level::Series => 200,
            Level::Image => 20,
        };
        if is_exact && query.level == Level::Study && matches!(among, Among::All(_)) {
            asked.offset = u32::try_from(skip).unwrap_or(u32::MAX);
            skip = 0;
        }
        let left = query.limit.unwrap_or(usize::MAX);
        Self { level: query.level, keys: query.keys.clone(), among, asked, skip, left, is_done: left == 0 }
    }

    /// The next answers, perhaps none of this page; `None` at the end.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn next(&mut self, reader: &mut Reader) -> Result<Option<Vec<Answer>>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let studies = match &mut self.among {
            Among::All(scope) => {
                let studies = imaging::find(reader, *scope, &self.asked).await?;
                self.asked.offset = 0;
                self.asked.after = studies.last().map(imaging::After::study);
                self.is_done = studies.len() < self.asked.limit as usize;
                studies
            }
            Among::These(studies) => {
                self.is_done = true;
                std::mem::take(studies)
            }
        };
        let mut given = Vec::new();
        for study in studies {
            let study = Arc::new(study);
            for attributes in self.of_study(reader, &study).await? {
                if !attributes.matches(&self.keys) {
                    continue;
                }
                if self.skip > 0 {
                    self.skip -= 1;
                    continue;
                }
                given.push(Answer { attributes, study: study.clone() });
                self.left -= 1;
                if self.left == 0 {
                    self.is_done = true;
                    return Ok(Some(given));
                }
            }
        }
        Ok(Some(given))
    }

    /// Everything of a study that the level asks for.
    async fn of_study(&self, reader: &mut Reader, study: &Study) -> Result<Vec<Attributes>, Error> {
        let whole = study_attributes(study);
        if self.level == Level::Study {
            return Ok(vec![whole]);
        }
        let uid = |tag| match condition(&self.keys, tag) {
            Matching::Uids(uids) if uids.len() == 1 => uids.first().map(String::as_str),
            _ => None,
        };
        let (series_uid, sop_uid) = (uid(Tag(0x0020, 0x000E)), uid(Tag(0x0008, 0x0018)));
        let mut found = Vec::new();
        let all = imaging::series(reader, study.id).await?;
        for series in all.into_iter().filter(|s| series_uid.is_none_or(|uid| uid == s.series_uid)) {
            let part = series_attributes(whole.clone(), &series);
            if self.level == Level::Series {
                found.push(part);
                continue;
            }
            let instances = imaging::instances(reader, study.id, Some(&series.series_uid), sop_uid).await?;
            found.extend(instances.iter().map(|instance| instance_attributes(part.clone(), instance)));
        }
        Ok(found)
    }
}

/// The studies inside `scope` that a query names by their Study Instance UIDs; `None` when it names none. On the web a
/// study is named by its address.
///
/// # Errors
/// Whatever the store says.
pub async fn named(
    reader: &mut Reader,
    scope: Scope,
    query: &mut StudyRootQuery,
    is_web: bool,
) -> Result<Option<Vec<Study>>, Error> {
    let tag = Tag(0x0020, 0x000D);
    let Matching::Uids(uids) = query.condition(tag).clone() else { return Ok(None) };
    // Each is looked up, so nothing remains to be compared.
    query.keys.retain(|key| key.tag != tag);
    let mut found: Vec<Study> = Vec::new();
    for uid in &uids {
        let mut studies = imaging::by_uid(reader, scope, uid).await?;
        if !is_web {
            studies.retain(|study| study.study_uid == *uid);
        } else if studies.iter().any(|study| study.address == *uid) {
            studies.retain(|study| study.address == *uid);
        }
        studies.retain(|study| !found.iter().any(|known| known.id == study.id));
        found.append(&mut studies);
    }
    Ok(Some(found))
}

/// The part of a query that the index answers; true when that is the whole of it.
fn study_query(query: &StudyRootQuery) -> (StudyQuery, bool) {
    let mut asked = StudyQuery::default();
    let mut is_exact = true;
    for key in &query.keys {
        let one = match &key.matching {
            Matching::OneOf(texts) if texts.len() == 1 => texts.first().cloned(),
            _ => None,
        };
        match (key.tag, &key.matching) {
            (_, Matching::Universal) if key.items.is_none() => {}
            (Tag(0x0008, 0x0020), Matching::Dates { from, to }) => (asked.from_on, asked.until_on) = (*from, *to),
            (Tag(0x0010, 0x0020), _) if one.is_some() => asked.patient_number = one.unwrap_or_default(),
            (Tag(0x0008, 0x0050), _) if one.is_some() => asked.accession_number = one.unwrap_or_default(),
            (Tag(0x0008, 0x0060 | 0x0061), _) if one.as_ref().is_some_and(|m| is_code(m)) => {
                is_exact = false;
                asked.modality = one.unwrap_or_default();
            }
            (Tag(0x0010, 0x0010), Matching::Name(groups)) => {
                // What the index gives holds all of these somewhere; where is compared on what it gives.
                is_exact = false;
                asked.patient_name = format!("*{}*", groups.join("*=*"));
            }
            _ => is_exact = false,
        }
    }
    // Both narrow, but the index takes one of them; the other is checked on what it gives.
    is_exact &= asked.accession_number.is_empty() || asked.patient_number.is_empty();
    // A day that is not known fits only those who do not ask for one.
    is_exact &= asked.from_on.is_some() || asked.until_on.is_none();
    (asked, is_exact)
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
