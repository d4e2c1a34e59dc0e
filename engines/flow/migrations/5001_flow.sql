-- A case: its state as JSON that is kept and loaded, never looked into. What lists ask for stands in the slice's rows.
create table flow_case (
    id {id} primary key,
    kind {text} not null,
    status {text} not null,
    state {text} not null,
    version {int} not null,
    institution_id {id} not null,
    patient_id {id},
    opened_at {int} not null,
    changed_at {int} not null
) {strict};

create table flow_event (
    case_id {id} not null references flow_case (id),
    seq {int} not null,
    name {text} not null,
    status {text} not null,
    at {int} not null,
    person_id {id},
    actor_name {text} not null,
    institution_id {id},
    detail {text} not null,
    primary key (case_id, seq)
) {strict};

-- What waits for someone: for a person, or for whoever has the permission where the case lies.
create table task (
    id {id} primary key,
    case_id {id} not null references flow_case (id),
    kind {text} not null,
    permission {text} not null,
    institution_id {id} not null,
    person_id {id},
    priority_rank {int} not null,
    due_at {int},
    title {text} not null,
    link {text} not null,
    opened_at {int} not null,
    closed_at {int}
) {strict};
create unique index task_open on task (case_id, kind) where closed_at is null;
create index task_waiting on task (permission, priority_rank, due_at) where closed_at is null;

-- What someone should know.
create table notice (
    id {id} primary key,
    person_id {id},
    permission {text} not null,
    institution_id {id} not null,
    topic {text} not null,
    params {text} not null,
    link {text} not null,
    is_urgent {int} not null,
    created_at {int} not null
) {strict};
create index notice_by_person on notice (person_id, created_at);
create index notice_by_permission on notice (permission, created_at);

create table notice_read (
    notice_id {id} not null references notice (id),
    person_id {id} not null,
    read_at {int} not null,
    primary key (notice_id, person_id)
) {strict};
