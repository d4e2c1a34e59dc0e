-- What waits is counted for the head of every page, in this index alone.
create index task_counted on task (permission, institution_id, person_id, due_at, closed_at) where closed_at is null;
