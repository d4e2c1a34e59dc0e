-- As before, with the column of its own condition, so that SQLite reads nothing but the index.
drop index remote_read_counted;
create index remote_read_counted on remote_read (status, institution_id, reader_id, due_at, report_id, is_open) where is_open > 0;
