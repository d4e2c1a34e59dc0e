-- Why the current page of a stay has no group; no row for a grouped one.
create table drg_failure (
    stay_id {id} primary key references drg_stay (id),
    -- principal_refused, no_mdc, no_step, faulty, ambiguous.
    cause {text} not null
) {strict};

-- What a department says about its share above a ceiling: every version stays.
create table drg_justification (
    institution_id {id} not null references institution (id),
    department {text} not null,
    -- 2026-03.
    month {text} not null,
    -- drug, consumable.
    kind {text} not null,
    version {int} not null,
    reason {text} not null,
    -- As it stood when this was written: share in millionths, ceiling in thousandths.
    share_e6 {int},
    ceiling_e3 {int} not null,
    written_by {id} not null references person (id),
    written_at {int} not null,
    primary key (institution_id, department, month, kind, version)
) {strict};

-- The figures of a quarter as they were shared: never changed.
create table drg_quarter (
    id {id} primary key,
    institution_id {id} not null references institution (id),
    -- 2026-Q1.
    quarter {text} not null,
    -- Canonical JSON and its SHA-256.
    pack {text} not null,
    hash {text} not null,
    frozen_by {id} not null references person (id),
    frozen_at {int} not null,
    unique (institution_id, quarter)
) {strict};

-- Notes and actions of the sharing meeting.
create table drg_quarter_entry (
    id {id} primary key,
    quarter_id {id} not null references drg_quarter (id),
    -- note, action.
    kind {text} not null,
    body {text} not null,
    owner {text} not null,
    due_on {text},
    done_at {int},
    done_by {id} references person (id),
    written_by {id} not null references person (id),
    written_at {int} not null
) {strict};
create index drg_quarter_entry_by_quarter on drg_quarter_entry (quarter_id, written_at);
