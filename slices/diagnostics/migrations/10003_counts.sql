-- What the readers' list counts for its tabs, without touching the rows themselves.
create index remote_read_counted on remote_read (status, institution_id, reader_id, due_at, report_id) where is_open = 1;
