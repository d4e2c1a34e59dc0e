create table patient (
    id {id} primary key,
    number {text} not null unique,
    name {text} not null,
    name_initials {text} not null,
    sex {text} not null check (sex in ('male', 'female', 'other', 'unknown')),
    birth_on {text},
    national_id {text},
    phone {text} not null,
    address {text} not null,
    institution_id {id} not null,
    is_synthetic {int} not null,
    version {int} not null,
    recorded_at {int} not null
) {strict};
create index patient_by_national_id on patient (national_id);
create index patient_by_initials on patient (name_initials);
create index patient_by_name on patient (name);
create index patient_by_institution on patient (institution_id);

create table patient_identifier (
    institution_id {id} not null,
    system {text} not null,
    value {text} not null,
    patient_id {id} not null references patient (id),
    primary key (institution_id, system, value)
) {strict};
create index patient_identifier_by_patient on patient_identifier (patient_id);

create table patient_number (
    id {int} primary key check (id = 1),
    last {int} not null
) {strict};

-- An order for an examination (FHIR ServiceRequest).
create table service_request (
    id {id} primary key,
    patient_id {id} not null references patient (id),
    institution_id {id} not null,
    accession_number {text} not null unique,
    exam_code {text} not null,
    modality {text} not null,
    body_part {text} not null,
    priority {text} not null check (priority in ('routine', 'urgent', 'stat')),
    setting {text} not null check (setting in ('outpatient', 'emergency', 'inpatient')),
    question {text} not null,
    history {text} not null,
    warnings {text} not null,
    requested_by {id} not null,
    requested_at {int} not null,
    scheduled_at {int} not null,
    status {text} not null check (status in ('active', 'completed', 'revoked'))
) {strict};
create index service_request_by_patient on service_request (patient_id, requested_at);
create index service_request_by_institution on service_request (institution_id, status, scheduled_at);

create table accession_number (
    day {text} primary key,
    last {int} not null
) {strict};

create table imaging_study (
    id {id} primary key,
    study_uid {text} not null unique,
    institution_id {id} not null,
    patient_id {id} references patient (id),
    request_id {id} references service_request (id),
    unmatched_reason {text},
    accession_number {text} not null,
    seen_patient_number {text} not null,
    seen_patient_name {text} not null,
    seen_sex {text} not null,
    seen_birth_on {text},
    study_id_text {text} not null,
    description {text} not null,
    modalities {text} not null,
    body_part {text} not null,
    referring {text} not null,
    study_on {text},
    study_time {text} not null,
    examined_at {int},
    first_arrived_at {int} not null,
    last_arrived_at {int} not null,
    completed_at {int},
    series_count {int} not null,
    instance_count {int} not null
) {strict};
create index imaging_study_by_patient on imaging_study (patient_id, study_on);
create index imaging_study_by_request on imaging_study (request_id);
create index imaging_study_by_accession on imaging_study (accession_number);
create index imaging_study_by_date on imaging_study (study_on);
create index imaging_study_by_number on imaging_study (seen_patient_number);
create index imaging_study_unmatched on imaging_study (unmatched_reason, first_arrived_at);
create index imaging_study_open on imaging_study (completed_at, last_arrived_at);

create table imaging_series (
    id {id} primary key,
    study_id {id} not null references imaging_study (id),
    series_uid {text} not null unique,
    modality {text} not null,
    number {int},
    description {text} not null,
    body_part {text} not null,
    instance_count {int} not null
) {strict};
create index imaging_series_by_study on imaging_series (study_id, number);

create table imaging_instance (
    sop_uid {text} primary key,
    series_id {id} not null references imaging_series (id),
    sop_class {text} not null,
    number {int},
    transfer_syntax {text} not null,
    pixel_rows {int},
    pixel_columns {int},
    frame_count {int} not null,
    bits_allocated {int},
    digest {bytes} not null,
    byte_count {int} not null,
    header_bytes {int} not null,
    arrived_at {int} not null
) {strict};
create index imaging_instance_by_series on imaging_instance (series_id, number);

-- Every version of every document of the record, as canonical FHIR R4 JSON. Kept, never looked into.
create table document (
    kind {text} not null,
    id {id} not null,
    version {int} not null,
    patient_id {id},
    institution_id {id} not null,
    recorded_at {int} not null,
    recorded_by {text} not null,
    digest {bytes} not null,
    body {text} not null,
    primary key (kind, id, version)
) {strict};
create index document_by_patient on document (patient_id, recorded_at);

-- Issued versions of a report.
create table report_version (
    report_id {id} not null,
    version {int} not null,
    kind {text} not null check (kind in ('final', 'addendum')),
    study_id {id} not null references imaging_study (id),
    patient_id {id} not null references patient (id),
    institution_id {id} not null,
    author_id {id} not null,
    approver_id {id} not null,
    written_at {int} not null,
    issued_at {int} not null,
    verification_code {text} not null unique,
    digest {bytes} not null,
    is_positive {int} not null,
    is_critical {int} not null,
    body {text} not null,
    primary key (report_id, version)
) {strict};
create index report_version_by_study on report_version (study_id);
create index report_version_by_patient on report_version (patient_id, issued_at);

-- Who has read which version, so that a new version can be told to them.
create table report_reading (
    report_id {id} not null,
    version {int} not null,
    person_id {id} not null,
    first_read_at {int} not null,
    print_count {int} not null,
    primary key (report_id, version, person_id)
) {strict};
