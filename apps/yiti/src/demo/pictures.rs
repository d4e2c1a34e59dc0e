//! Sample pictures with the patient, the order and fresh identifiers put in, as a modality would have made them.

use std::collections::BTreeMap;

use anyhow::Context as _;
use bytes::Bytes;
use dicom_core::{Tag, VR};
use rust_embed::Embed;
use yiti_dicom::dataset::{File, Limits, Syntax, Writer, file_meta};
use yiti_kernel::{Timestamp, time};
use yiti_record::order::Order;

use super::county::Resident;

#[derive(Embed)]
#[folder = "demo/pictures"]
struct Samples;

/// What goes into the header of a study.
#[derive(Debug)]
pub struct Study<'a> {
    /// Whose.
    pub resident: &'a Resident,
    /// Accession number; empty for pictures without an order.
    pub accession_number: &'a str,
    /// The patient's number as the machine has it.
    pub patient_number: &'a str,
    /// The patient's name as the machine has it.
    pub patient_name: &'a str,
    /// DICOM modality.
    pub modality: &'a str,
    /// DICOM body part.
    pub body_part: &'a str,
    /// What the examination is called.
    pub description: &'a str,
    /// The institution's name.
    pub institution: &'a str,
    /// AE title of the machine.
    pub machine: &'a str,
    /// End of the examination.
    pub examined_at: Timestamp,
    /// Study Instance UID; a fresh one where none is given.
    pub study_uid: Option<String>,
}

impl<'a> Study<'a> {
    /// The study of an order, as the machine would have taken it over from the worklist.
    #[must_use]
    pub fn of(order: &'a Order, resident: &'a Resident, institution: &'a str, machine: &'a str, at: Timestamp) -> Self {
        Self {
            resident,
            accession_number: &order.accession_number,
            patient_number: &resident.number,
            patient_name: &resident.name,
            modality: &order.modality,
            body_part: &order.body_part,
            description: &order.exam_code,
            institution,
            machine,
            examined_at: at,
            study_uid: None,
        }
    }
}

enum Part {
    Value(VR, Vec<u8>),
    Verbatim(Vec<u8>),
}

/// A unique identifier as DICOM allows to derive it from a UUID (PS3.5 annex B.2).
fn uid() -> String {
    format!("2.25.{}", yiti_kernel::fresh().as_u128())
}

/// The files of one series made from the named samples.
///
/// # Errors
/// When a sample cannot be read: a fault of the build.
pub fn files(samples: &[String], study: &Study<'_>) -> anyhow::Result<Vec<Bytes>> {
    let study_uid = study.study_uid.clone().unwrap_or_else(uid);
    let (series_uid, frame_uid) = (uid(), uid());
    samples
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let sample = Samples::get(&format!("{name}.dcm")).with_context(|| format!("no sample `{name}`"))?;
            instance(&sample.data, study, [&study_uid, &series_uid, &frame_uid], n + 1)
        })
        .collect()
}

fn instance(sample: &[u8], study: &Study<'_>, uids: [&str; 3], number: usize) -> anyhow::Result<Bytes> {
    let file = File::read(sample, &Limits::default())?;
    let transfer_syntax = file.meta.transfer_syntax_uid.clone().unwrap_or_default();
    let data = &file.data;
    let mut parts: BTreeMap<(u16, u16), Part> = BTreeMap::new();
    let mut is_encapsulated = false;
    for element in data.top() {
        let Tag(group, number) = element.tag;
        let is_kept = matches!((group, number), (0x0008, 0x0008 | 0x0016) | (0x0020, 0x0032 | 0x0037 | 0x1041))
            || (group == 0x0018 && number != 0x0015)
            || group == 0x0028
            || (group, number) == (0x7FE0, 0x0010);
        if !is_kept || element.vr == VR::SQ {
            continue;
        }
        let part = if element.undefined {
            is_encapsulated = true;
            let (start, end) = ((element.offset as usize).saturating_sub(12), element.end() + 8);
            Part::Verbatim(data.bytes().get(start..end).context("pixel data")?.to_vec())
        } else {
            let vr = if (group, number) == (0x7FE0, 0x0010) { VR::OW } else { element.vr };
            Part::Value(vr, data.value(element).to_vec())
        };
        parts.insert((group, number), part);
    }
    let sop_class = parts.get(&(0x0008, 0x0016)).and_then(|part| match part {
        Part::Value(_, value) => String::from_utf8(value.clone()).ok(),
        Part::Verbatim(_) => None,
    });
    let sop_class = sop_class.unwrap_or_default().trim_end_matches(['\0', ' ']).to_owned();
    let sop_uid = uid();
    let at = time::civil(study.examined_at);
    let (day, clock) = (at.strftime("%Y%m%d").to_string(), at.strftime("%H%M%S").to_string());
    let birth = study.resident.birth_on.strftime("%Y%m%d").to_string();
    let mut set = |tag: (u16, u16), vr: VR, text: &str| {
        parts.insert(tag, Part::Value(vr, text.as_bytes().to_vec()));
    };
    set((0x0008, 0x0005), VR::CS, "ISO_IR 192");
    set((0x0008, 0x0018), VR::UI, &sop_uid);
    for tag in [0x0020, 0x0021, 0x0022, 0x0023] {
        set((0x0008, tag), VR::DA, &day);
    }
    for tag in [0x0030, 0x0031, 0x0032, 0x0033] {
        set((0x0008, tag), VR::TM, &clock);
    }
    set((0x0008, 0x0050), VR::SH, study.accession_number);
    set((0x0008, 0x0060), VR::CS, study.modality);
    set((0x0008, 0x0070), VR::LO, "SYNTHETIC");
    set((0x0008, 0x0080), VR::LO, study.institution);
    set((0x0008, 0x0090), VR::PN, "");
    set((0x0008, 0x1010), VR::SH, study.machine);
    set((0x0008, 0x1030), VR::LO, study.description);
    set((0x0008, 0x103E), VR::LO, study.description);
    set((0x0010, 0x0010), VR::PN, study.patient_name);
    set((0x0010, 0x0020), VR::LO, study.patient_number);
    set((0x0010, 0x0030), VR::DA, &birth);
    set((0x0010, 0x0040), VR::CS, study.resident.sex.dicom());
    set((0x0018, 0x0015), VR::CS, study.body_part);
    set((0x0020, 0x000D), VR::UI, uids[0]);
    set((0x0020, 0x000E), VR::UI, uids[1]);
    set((0x0020, 0x0010), VR::SH, study.accession_number);
    set((0x0020, 0x0011), VR::IS, "1");
    set((0x0020, 0x0013), VR::IS, &number.to_string());
    set((0x0020, 0x0052), VR::UI, uids[2]);
    let transfer_syntax =
        if is_encapsulated { transfer_syntax.as_str() } else { dicom_dictionary_std::uids::EXPLICIT_VR_LITTLE_ENDIAN };
    let mut bytes = file_meta(&sop_class, &sop_uid, transfer_syntax);
    for ((group, number), part) in parts {
        match part {
            Part::Verbatim(raw) => bytes.extend_from_slice(&raw),
            Part::Value(vr, value) => {
                let mut writer = Writer::new(Syntax::ExplicitLittle);
                match vr {
                    VR::OB | VR::OW | VR::US | VR::SS | VR::UL | VR::SL | VR::FL | VR::FD | VR::AT | VR::UN => {
                        writer.raw(Tag(group, number), vr, &value);
                    }
                    _ => writer.text(Tag(group, number), vr, &value),
                }
                bytes.append(&mut writer.into_bytes());
            }
        }
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use yiti_record::PatientId;
    use yiti_record::patient::Sex;

    #[test]
    fn every_sample_becomes_a_study_of_the_patient() {
        let resident = Resident {
            id: PatientId::fresh(),
            number: "P0000042".into(),
            name: "王小东".into(),
            sex: Sex::Male,
            birth_on: yiti_kernel::civil::date(1960, 2, 29),
        };
        let samples: Vec<String> =
            Samples::iter().filter_map(|name| name.strip_suffix(".dcm").map(str::to_owned)).collect();
        assert!(samples.len() >= 20);
        let study = Study {
            resident: &resident,
            accession_number: "2026031000001",
            patient_number: &resident.number,
            patient_name: &resident.name,
            modality: "CT",
            body_part: "CHEST",
            description: "ct_chest_plain",
            institution: "青石镇中心卫生院",
            machine: "CT-QS",
            examined_at: time::instant(yiti_kernel::civil::date(2026, 3, 10).at(9, 0, 0, 0)),
            study_uid: None,
        };
        for bytes in files(&samples, &study).unwrap() {
            let file = File::read(&bytes, &Limits::default()).unwrap();
            let header = yiti_dicom::dataset::Header::of_file(&file);
            assert!(header.identity(Some(&file.meta)).is_ok());
            assert_eq!(header.patient_name.display(), "王小东");
            assert!(header.frame_bytes(file.data.bytes(), 1).is_ok_and(|frame| !frame.is_empty()));
        }
    }
}
