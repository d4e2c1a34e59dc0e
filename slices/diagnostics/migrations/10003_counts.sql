-- What the readers' list counts for its tabs, without touching the rows themselves. Its condition is written otherwise
-- than that of `remote_read_open`, so that only the counting query fits it: SQLite would else find the list by this
-- index and sort thousands of rows for fifty.
create index remote_read_counted on remote_read (status, institution_id, reader_id, due_at, report_id) where is_open > 0;
