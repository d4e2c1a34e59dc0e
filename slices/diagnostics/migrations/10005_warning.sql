-- From when the deadline of a reading is close, by the rule of its clock.
alter table remote_read add column warn_at {int};
