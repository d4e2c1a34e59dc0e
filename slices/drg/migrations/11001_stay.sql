-- One inpatient stay, grouped and priced: one row for the current version of each front page, replaced with every save.
-- Money in fen. Weights in millionths.
create table drg_stay (
    id {id} primary key references front_page (id),
    version {int} not null,
    institution_id {id} not null references institution (id),
    department {text} not null,
    physician {text} not null,
    medical_record_number {text} not null,
    patient_name {text} not null,
    sex {text} not null,
    status {text} not null check (status in ('draft', 'final')),
    admitted_on {text},
    discharged_on {text},
    -- The day of discharge, 9999-12-31 before it: what lists are ordered by.
    listed_on {text} not null,
    stay_days {int},
    disposition {text} not null,
    is_dead {int} not null,
    principal {text} not null,
    -- employee, resident, or empty when neither pays.
    insurance {text} not null,
    level {text} not null,
    scheme {text} not null,
    scheme_hash {text} not null,
    pack {text} not null,
    pack_hash {text} not null,
    mdc {text} not null,
    adrg {text} not null,
    drg {text} not null,
    -- drg, adrg, ambiguous, ungrouped.
    outcome {text} not null,
    -- none, cc, mcc.
    complication {text} not null,
    cc_count {int} not null,
    mcc_count {int} not null,
    excluded_count {int} not null,
    weight_e6 {int},
    standard {int},
    pay {int},
    fund {int},
    -- Which rule decided what is paid, `tier:normal`; empty without a price.
    basis {text} not null,
    -- Why there is no price; empty with one.
    unpriced {text} not null,
    cost {int},
    drug_cost {int},
    consumable_cost {int},
    self_paid {int},
    finding_count {int} not null,
    -- Findings that keep the page from being handed in.
    refusing_count {int} not null,
    grouped_at {int} not null
) {strict};
create index drg_stay_by_day on drg_stay (institution_id, listed_on, id);
create index drg_stay_by_group on drg_stay (scheme, drg, status, discharged_on);
create index drg_stay_by_discharge on drg_stay (status, discharged_on);
