-- The front page of one inpatient stay: what lists search. The content is in its versions.
create table front_page (
    id {id} primary key,
    institution_id {id} not null,
    medical_record_number {text} not null,
    admission_count {int} not null,
    patient_id {id} references patient (id),
    status {text} not null check (status in ('draft', 'final')),
    version {int} not null,
    digest {bytes} not null,
    patient_name {text} not null,
    admitted_on {text},
    discharged_on {text},
    -- The day of discharge, 9999-12-31 before it: what lists are ordered by.
    listed_on {text} not null,
    department {text} not null,
    ward {text} not null,
    physician {text} not null,
    recorded_at {int} not null,
    unique (institution_id, medical_record_number, admission_count)
) {strict};
create index front_page_by_day on front_page (institution_id, listed_on, id);
create index front_page_by_department on front_page (institution_id, department, listed_on, id);
create index front_page_by_patient on front_page (patient_id, listed_on);

-- Every version of the content. Kept, never changed.
create table front_page_version (
    front_page_id {id} not null references front_page (id),
    version {int} not null,
    status {text} not null check (status in ('draft', 'final')),
    source {text} not null,
    digest {bytes} not null,
    recorded_at {int} not null,
    recorded_by {text} not null,
    body {text} not null,
    primary key (front_page_id, version)
) {strict};
