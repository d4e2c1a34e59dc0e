-- Each study has an address of its own; its Study Instance UID may be that of others as well.
alter table imaging_study rename column study_uid to address;
alter table imaging_study add column study_uid {text} not null default '';
update imaging_study set study_uid = address;
-- The patient's name as it is searched; null until it is made from the name.
alter table imaging_study add column name_folded {text};
alter table imaging_study add column oddities {text} not null default '';
alter table imaging_study add column conflict_reason {text};
alter table imaging_study add column conflict_with {id} references imaging_study (id);
create index imaging_study_by_uid on imaging_study (study_uid, institution_id);
create index imaging_study_to_settle on imaging_study (first_arrived_at, id)
    where unmatched_reason is not null or conflict_reason is not null;
create index imaging_study_in_conflict on imaging_study (conflict_with) where conflict_with is not null;
create index imaging_study_unfolded on imaging_study (id) where name_folded is null;
-- What these were for, the next does as well, and in the order in which studies are listed.
drop index imaging_study_by_date;
drop index imaging_study_unmatched;
create index imaging_study_by_day on imaging_study ((coalesce(study_on, '0000-00-00')), id);

-- A series belongs to its study and an instance to its series: their identifiers alone name nothing.
create table imaging_series_of (
    id {id} primary key,
    study_id {id} not null references imaging_study (id),
    series_uid {text} not null,
    modality {text} not null,
    number {int},
    description {text} not null,
    body_part {text} not null,
    instance_count {int} not null,
    unique (study_id, series_uid)
) {strict};
insert into imaging_series_of (id, study_id, series_uid, modality, number, description, body_part, instance_count)
    select id, study_id, series_uid, modality, number, description, body_part, instance_count from imaging_series;
create table imaging_instance_of (
    series_id {id} not null references imaging_series_of (id),
    sop_uid {text} not null,
    sop_class {text} not null,
    number {int},
    transfer_syntax {text} not null,
    pixel_rows {int},
    pixel_columns {int},
    frame_count {int} not null,
    bits_allocated {int},
    digest {bytes} not null,
    byte_count {int} not null,
    header_bytes {int} not null,
    arrived_at {int} not null,
    primary key (series_id, sop_uid)
) {strict};
insert into imaging_instance_of (series_id, sop_uid, sop_class, number, transfer_syntax, pixel_rows, pixel_columns,
        frame_count, bits_allocated, digest, byte_count, header_bytes, arrived_at)
    select series_id, sop_uid, sop_class, number, transfer_syntax, pixel_rows, pixel_columns, frame_count, bits_allocated,
        digest, byte_count, header_bytes, arrived_at from imaging_instance;
drop table imaging_instance;
drop table imaging_series;
alter table imaging_series_of rename to imaging_series;
alter table imaging_instance_of rename to imaging_instance;
create index imaging_series_by_study on imaging_series (study_id, number);
create index imaging_series_by_uid on imaging_series (series_uid);
create index imaging_instance_by_uid on imaging_instance (sop_uid);
create index imaging_instance_by_series on imaging_instance (series_id, number);

-- What a person has sorted, so that it can be undone.
create table imaging_sort (
    id {id} primary key,
    kind {text} not null check (kind in ('split', 'move', 'apart')),
    institution_id {id} not null,
    from_study_id {id} not null references imaging_study (id),
    to_study_id {id} references imaging_study (id),
    conflict_reason {text},
    conflict_with {id},
    unmatched_reason {text},
    instance_count {int} not null,
    by_name {text} not null,
    at {int} not null,
    undone_at {int}
) {strict};
create index imaging_sort_by_from on imaging_sort (from_study_id);
create index imaging_sort_by_to on imaging_sort (to_study_id);
create table imaging_sorted (
    sort_id {id} not null references imaging_sort (id),
    from_series_id {id} not null references imaging_series (id),
    sop_uid {text} not null,
    to_series_id {id} not null references imaging_series (id),
    primary key (sort_id, from_series_id, sop_uid)
) {strict};
