-- From when the deadline of a task is close, by the rule of its clock.
alter table task add column warn_at {int};
