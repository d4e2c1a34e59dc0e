-- The columns that figures add up, so that a year is summed without reading whole rows.
drop index drg_stay_by_discharge;
create index drg_stay_by_figures on drg_stay (status, discharged_on, institution_id, department, physician, insurance,
    scheme, mdc, drg, outcome, is_dead, weight_e6, stay_days, cost, pay, drug_cost, consumable_cost);
-- Which departments have finished stays.
create index drg_stay_by_place on drg_stay (status, institution_id, department);
