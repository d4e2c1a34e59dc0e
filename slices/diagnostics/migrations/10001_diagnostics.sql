-- One remote reading, as lists and figures ask for it. Written by the slice's acts together with the case's state.
create table remote_read (
    id {id} primary key references flow_case (id),
    request_id {id} not null unique references service_request (id),
    study_id {id} references imaging_study (id),
    patient_id {id} not null references patient (id),
    institution_id {id} not null references institution (id),
    accession_number {text} not null,
    patient_name {text} not null,
    patient_initials {text} not null,
    exam_code {text} not null,
    modality {text} not null,
    body_part {text} not null,
    setting {text} not null,
    priority {text} not null,
    priority_rank {int} not null,
    status {text} not null,
    is_open {int} not null,
    requested_by {id} not null,
    requested_at {int} not null,
    examined_at {int},
    arrived_at {int},
    due_at {int},
    due_whole_at {int},
    grade {text},
    graded_at {int},
    graded_by {id},
    repeat_count {int} not null,
    reader_id {id},
    lease_until {int},
    author_id {id},
    written_at {int},
    approver_id {id},
    first_issued_at {int},
    issued_at {int},
    report_id {id},
    report_version {int},
    is_positive {int},
    is_critical {int}
) {strict};
create index remote_read_open on remote_read (priority_rank, due_at, id) where is_open = 1;
create index remote_read_by_institution on remote_read (institution_id, requested_at);
create index remote_read_by_issue on remote_read (first_issued_at);
create index remote_read_by_request_time on remote_read (requested_at);
create index remote_read_by_study on remote_read (study_id);
create index remote_read_by_patient on remote_read (patient_id);

-- The draft of the one who holds the study; replaced with every save.
create table report_draft (
    case_id {id} primary key references flow_case (id),
    person_id {id} not null,
    saved_at {int} not null,
    revision {int} not null,
    content {text} not null
) {strict};

-- The score sheets of the pictures.
create table image_grade (
    id {id} primary key,
    case_id {id} not null references flow_case (id),
    study_id {id} not null,
    person_id {id} not null,
    at {int} not null,
    points {int} not null,
    grade {text} not null,
    sheet {text} not null
) {strict};
create index image_grade_by_case on image_grade (case_id, at);
