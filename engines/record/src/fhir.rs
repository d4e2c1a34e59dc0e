//! The FHIR R4 form of what the record keeps. Private: other crates read rows; the edge `fhir` will read documents.
//!
//! Source: hl7-fhir-r4, resources Patient, ServiceRequest, ImagingStudy, DiagnosticReport.

use serde_json::{Value as Json, json};
use yiti_kernel::Timestamp;

use crate::imaging::Study;
use crate::order::Order;
use crate::patient::Patient;
use crate::report::Issued;

fn reference(kind: &str, id: impl std::fmt::Display) -> Json {
    json!({ "reference": format!("{kind}/{id}") })
}

fn instant(at: Timestamp) -> String {
    at.to_string()
}

/// Drops members that are null or empty: FHIR has no nulls.
fn without_empty(mut value: Json) -> Json {
    if let Json::Object(map) = &mut value {
        map.retain(|_, v| !v.is_null() && *v != json!("") && *v != json!([]));
    }
    value
}

pub(crate) fn patient(patient: &Patient) -> Json {
    let mut identifiers = vec![json!({ "system": "urn:yiti:patient-number", "value": patient.number })];
    if let Some(id) = &patient.national_id {
        identifiers.push(json!({
            "system": "urn:oid:2.16.156.10011.1.3",
            "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "NNCHN" }] },
            "value": id,
        }));
    }
    for (institution, system, value) in &patient.identifiers {
        identifiers.push(json!({
            "system": format!("urn:yiti:{system}"), "value": value, "assigner": reference("Organization", institution),
        }));
    }
    without_empty(json!({
        "resourceType": "Patient",
        "id": patient.id.to_string(),
        "meta": if patient.is_synthetic {
            json!({ "tag": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST" }] })
        } else {
            Json::Null
        },
        "identifier": identifiers,
        "name": [{ "text": patient.name }],
        "gender": patient.sex.key(),
        "birthDate": patient.birth_on.map(|d| d.to_string()),
        "telecom": if patient.phone.is_empty() { json!([]) } else { json!([{ "system": "phone", "value": patient.phone }]) },
        "address": if patient.address.is_empty() { json!([]) } else { json!([{ "text": patient.address }]) },
        "managingOrganization": reference("Organization", patient.institution),
    }))
}

pub(crate) fn service_request(order: &Order) -> Json {
    let notes = [&order.history, &order.warnings];
    let notes: Vec<Json> = notes.iter().filter(|text| !text.is_empty()).map(|text| json!({ "text": text })).collect();
    without_empty(json!({
        "resourceType": "ServiceRequest",
        "id": order.id.to_string(),
        "identifier": [{
            "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN" }] },
            "value": order.accession_number,
        }],
        "status": order.status.key(),
        "intent": "order",
        "priority": order.priority.key(),
        "code": { "coding": [{ "system": "urn:yiti:exam", "code": order.exam_code }] },
        "bodySite": [{ "text": order.body_part }],
        "subject": reference("Patient", order.patient),
        "authoredOn": instant(order.requested_at),
        "occurrenceDateTime": instant(order.scheduled_at),
        "requester": reference("Practitioner", order.requested_by),
        "reasonCode": if order.question.is_empty() { json!([]) } else { json!([{ "text": order.question }]) },
        "note": notes,
    }))
}

pub(crate) fn imaging_study(study: &Study) -> Json {
    let modality = |code: &str| json!({ "system": "http://dicom.nema.org/resources/ontology/DCM", "code": code });
    let modalities: Vec<Json> = study.modalities.split('\\').filter(|m| !m.is_empty()).map(modality).collect();
    without_empty(json!({
        "resourceType": "ImagingStudy",
        "id": study.id.to_string(),
        "identifier": [{ "system": "urn:dicom:uid", "value": format!("urn:oid:{}", study.study_uid) }],
        "status": "available",
        "modality": modalities,
        "subject": study.patient.map_or_else(
            || json!({ "display": study.seen_patient_name }),
            |p| reference("Patient", p),
        ),
        "started": study.examined_at.map(instant),
        "basedOn": study.request.map(|r| json!([reference("ServiceRequest", r)])),
        "numberOfSeries": study.series_count,
        "numberOfInstances": study.instance_count,
        "description": study.description,
    }))
}

pub(crate) fn diagnostic_report(issued: &Issued) -> Json {
    without_empty(json!({
        "resourceType": "DiagnosticReport",
        "id": issued.report.to_string(),
        "meta": { "versionId": issued.version.to_string() },
        "identifier": [{ "system": "urn:yiti:verification-code", "value": issued.verification_code }],
        "status": if issued.version == 1 { "final" } else { "amended" },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD" }] }],
        "code": { "coding": [{ "system": "urn:yiti:exam", "code": issued.exam_code }] },
        "subject": reference("Patient", issued.patient),
        "effectiveDateTime": instant(issued.written_at),
        "issued": instant(issued.issued_at),
        "performer": [reference("Practitioner", issued.author)],
        "resultsInterpreter": [reference("Practitioner", issued.approver)],
        "imagingStudy": [reference("ImagingStudy", issued.study)],
        "conclusion": issued.conclusion,
        "extension": [
            { "url": "urn:yiti:report-content", "valueString": issued.content },
            { "url": "urn:yiti:positive", "valueBoolean": issued.is_positive },
            { "url": "urn:yiti:critical", "valueBoolean": issued.is_critical },
        ],
    }))
}
