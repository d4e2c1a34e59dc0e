-- The institution tree as nested sets: a node's subtree is the range tree_low..tree_high.
create table institution (
    id {id} primary key,
    parent_id {id} references institution (id),
    name {text} not null,
    short_name {text} not null,
    kind {text} not null check (kind in ('consortium', 'lead_hospital', 'member_hospital', 'township_center',
        'community_center', 'village_post')),
    division_code {text} not null,
    tree_low {int} not null unique,
    tree_high {int} not null,
    is_synthetic {int} not null
) {strict};

create table department (
    id {id} primary key,
    institution_id {id} not null references institution (id),
    name {text} not null,
    kind {text} not null,
    unique (institution_id, name)
) {strict};

create table person (
    id {id} primary key,
    name {text} not null,
    employee_number {text} not null unique,
    title {text} not null,
    phone {text} not null,
    is_synthetic {int} not null
) {strict};

-- A role held at a node for a term.
create table post (
    id {id} primary key,
    person_id {id} not null references person (id),
    role {text} not null,
    institution_id {id} not null references institution (id),
    department_id {id} references department (id),
    from_on {text} not null,
    until_on {text}
) {strict};
create index post_by_person on post (person_id);
create index post_by_institution on post (institution_id, role);

create table account (
    person_id {id} primary key references person (id),
    login {text} not null unique,
    password_hash {text} not null,
    failed_count {int} not null,
    locked_until {int},
    is_disabled {int} not null,
    must_change {int} not null
) {strict};

-- Server-side sessions; only the SHA-256 of the token is kept.
create table session (
    token_hash {bytes} primary key,
    person_id {id} not null references person (id),
    post_id {id} not null references post (id),
    lang {text} not null,
    created_at {int} not null,
    seen_at {int} not null,
    expires_at {int} not null,
    ended_at {int},
    user_agent {text} not null
) {strict};
create index session_by_person on session (person_id);

create table duty (
    id {id} primary key,
    department_id {id} not null references department (id),
    person_id {id} not null references person (id),
    kind {text} not null,
    starts_at {int} not null,
    ends_at {int} not null,
    check (ends_at > starts_at)
) {strict};
create index duty_by_department on duty (department_id, starts_at);
create unique index duty_once on duty (person_id, starts_at, kind);

create table leave (
    id {id} primary key,
    person_id {id} not null references person (id),
    reason {text} not null,
    starts_at {int} not null,
    ends_at {int} not null,
    check (ends_at > starts_at)
) {strict};
create index leave_by_person on leave (person_id, starts_at);

-- Keys of acts that were done, so that a retried form happens once.
create table act_done (
    key {text} primary key,
    person_id {id} not null,
    done_at {int} not null,
    outcome {text} not null
) {strict};
