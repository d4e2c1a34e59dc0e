-- What a second doctor sent back, so that the next submission can be compared with it.
alter table report_draft add column sent_back {text};
create index remote_read_by_report on remote_read (report_id);
