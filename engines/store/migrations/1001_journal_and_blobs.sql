-- The journal: append-only, each entry carries the hash of the one before it.
create table journal (
    seq {int} primary key,
    occurred_at {int} not null,
    recorded_at {int} not null,
    actor_kind {text} not null,
    actor_id {id},
    actor_name {text} not null,
    post_id {id},
    institution_id {id},
    action {text} not null,
    subject_kind {text} not null,
    subject_id {id},
    patient_id {id},
    purpose {text} not null,
    detail {text} not null,
    previous_hash {text} not null,
    hash {text} not null
) {strict};
create index journal_by_patient on journal (patient_id, seq);
create index journal_by_subject on journal (subject_id, seq);
create index journal_by_actor on journal (actor_id, seq);

-- How long the journal is and how it ends; written with every commit that appended to it.
create table journal_head (
    id {int} primary key check (id = 1),
    seq {int} not null,
    hash {text} not null
) {strict};

-- Where the bytes of a digest lie.
create table blob (
    digest {bytes} primary key,
    segment {int} not null,
    start {int} not null,
    length {int} not null
) {strict};
create unique index blob_by_place on blob (segment, start);
