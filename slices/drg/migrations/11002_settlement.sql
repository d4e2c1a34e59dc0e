-- A month of one insurance at a node of the tree, settled: money in fen, points and weights in millionths.
create table drg_settlement_run (
    id {id} primary key,
    -- The node; all institutions below it are in the run.
    institution_id {id} not null references institution (id),
    -- 2026-03.
    month {text} not null,
    insurance {text} not null,
    -- 1 for the first run of the month, 2 for the next.
    number {int} not null,
    status {text} not null check (status in ('preparing', 'draft', 'frozen', 'discarded')),
    -- The frozen run that this one corrects.
    previous_id {id} references drg_settlement_run (id),
    prepaid_share {text} not null,
    -- JSON: packs and schemes with their hashes, and how many cases each priced.
    rules {text} not null,
    case_count {int} not null,
    -- Final stays of the month that have no price.
    left_count {int} not null,
    points_e6 {int} not null,
    standard {int} not null,
    cost {int} not null,
    patient {int} not null,
    pay {int} not null,
    fund {int} not null,
    prepaid {int} not null,
    retained {int} not null,
    -- SHA-256 of the canonical text, which is kept as a blob; of its inputs; both as the text says them.
    text_digest {bytes} not null,
    inputs_hash {text} not null,
    hash {text} not null,
    note {text} not null,
    prepared_by {id} not null,
    prepared_name {text} not null,
    prepared_at {int} not null,
    frozen_by {id},
    frozen_name {text} not null,
    frozen_at {int},
    unique (institution_id, month, insurance, number)
) {strict};
create index drg_settlement_run_by_month on drg_settlement_run (month, insurance, institution_id);

-- One stay in a run. Never changed; those of a run come with it.
create table drg_settlement_line (
    run_id {id} not null references drg_settlement_run (id),
    stay_id {id} not null references front_page (id),
    version {int} not null,
    institution_id {id} not null,
    department {text} not null,
    medical_record_number {text} not null,
    discharged_on {text} not null,
    drg {text} not null,
    -- The rule that decided, `tier:normal`; empty for a stay that is left out.
    basis {text} not null,
    -- Why the stay is left out; empty for a settled one.
    unpriced {text} not null,
    points_e6 {int} not null,
    standard {int} not null,
    cost {int} not null,
    patient {int} not null,
    pay {int} not null,
    fund {int} not null,
    prepaid {int} not null,
    retained {int} not null,
    primary key (run_id, stay_id)
) {strict};
create index drg_settlement_line_by_institution on drg_settlement_line (run_id, institution_id, drg);

-- A year of one insurance at a node of the tree, cleared over its frozen months.
create table drg_clearing (
    id {id} primary key,
    institution_id {id} not null references institution (id),
    year {int} not null,
    insurance {text} not null,
    number {int} not null,
    status {text} not null check (status in ('draft', 'frozen', 'discarded')),
    -- points or rates.
    method {text} not null,
    -- As typed: the budget in fen, the shares as decimal texts.
    budget {int} not null,
    reserve_share {text} not null,
    surplus_kept_share {text} not null,
    overspend_borne_share {text} not null,
    overspend_borne_up_to {text} not null,
    reserve {int} not null,
    fund {int} not null,
    prepaid {int} not null,
    left_over {int} not null,
    -- Yuan a point, rounded to six decimals; empty by rates.
    point_value {text} not null,
    month_count {int} not null,
    -- Canonical JSON: the months with their hashes, the inputs, the rows.
    content {text} not null,
    hash {text} not null,
    note {text} not null,
    prepared_by {id} not null,
    prepared_name {text} not null,
    prepared_at {int} not null,
    frozen_by {id},
    frozen_name {text} not null,
    frozen_at {int},
    unique (institution_id, year, insurance, number)
) {strict};

-- Stays of a period under another scheme or tariff: what changes.
create table drg_regroup_run (
    id {id} primary key,
    institution_id {id} not null references institution (id),
    from_on {text} not null,
    until_on {text} not null,
    scheme {text} not null,
    scheme_hash {text} not null,
    -- Empty when only groups are compared.
    pack {text} not null,
    pack_hash {text} not null,
    status {text} not null check (status in ('running', 'done', 'cancelled', 'failed')),
    -- The process that works on it: a running one of another process was interrupted.
    process {id} not null,
    stay_count {int} not null,
    done_count {int} not null,
    changed_count {int} not null,
    -- JSON: counts and sums before and after.
    totals {text} not null,
    -- SHA-256 over every line in order; empty until done.
    hash {text} not null,
    started_by {id} not null,
    started_name {text} not null,
    started_at {int} not null,
    ended_at {int}
) {strict};
create index drg_regroup_run_by_start on drg_regroup_run (started_at);

-- A stay that comes out otherwise.
create table drg_regroup_line (
    run_id {id} not null references drg_regroup_run (id),
    place {int} not null,
    stay_id {id} not null references front_page (id),
    version {int} not null,
    institution_id {id} not null,
    department {text} not null,
    medical_record_number {text} not null,
    discharged_on {text} not null,
    -- Where the answers part: group, mdc, adrg, drg, price.
    kind {text} not null,
    scheme_before {text} not null,
    drg_before {text} not null,
    drg_after {text} not null,
    weight_before {int},
    weight_after {int},
    pay_before {int},
    pay_after {int},
    -- JSON: complications that count otherwise, and the deciding sentence of both sides in each language.
    why {text} not null,
    primary key (run_id, place)
) {strict};
create index drg_regroup_line_by_move on drg_regroup_line (run_id, drg_before, drg_after);
