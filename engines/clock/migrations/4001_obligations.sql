-- What must be done until when. `course` is the obligation itself; the other columns are made from it on every save and
-- are there to be searched.
create table obligation (
    id {id} primary key,
    revision {int} not null,
    rule {text} not null,
    version {text} not null,
    variant {text} not null,
    subject_kind {text} not null,
    subject_id {id} not null,
    patient_id {id},
    institution_id {id} not null,
    role {text} not null,
    person_id {id},
    state {text} not null,
    is_open {int} not null,
    started_at {int} not null,
    due_at {int} not null,
    due_month {text} not null,
    breached_at {int},
    is_late {int} not null,
    is_explained {int} not null,
    closed_at {int},
    next_at {int},
    course {text} not null
) {strict};
create unique index obligation_open on obligation (subject_id, rule) where is_open = 1;
create index obligation_next on obligation (next_at) where next_at is not null;
create index obligation_by_institution on obligation (institution_id, due_at) where is_open = 1;
create index obligation_by_person on obligation (person_id, due_at) where is_open = 1;
create index obligation_by_due on obligation (due_at) where is_open = 1;
create index obligation_by_month on obligation (due_month, rule, institution_id);

-- What became of an obligation, step by step.
create table obligation_event (
    obligation_id {id} not null references obligation (id),
    seq {int} not null,
    kind {text} not null,
    happened_at {int} not null,
    recorded_at {int} not null,
    actor_kind {text} not null,
    actor_id {id},
    actor_name {text} not null,
    detail {text} not null,
    primary key (obligation_id, seq)
) {strict};

-- Warnings, breaches and steps of the escalation ladder that were raised, each once per round.
create table obligation_notice (
    obligation_id {id} not null references obligation (id),
    round {int} not null,
    kind {text} not null,
    step {int} not null,
    at {int} not null,
    raised_at {int} not null,
    to_role {text} not null,
    primary key (obligation_id, round, kind, step)
) {strict};
