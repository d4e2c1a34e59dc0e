-- DICOM application entities: the titles under which each institution is reached, and the modalities that may call.
create table device (
    ae_title {text} primary key,
    institution_id {id} not null references institution (id),
    kind {text} not null check (kind in ('archive', 'modality')),
    modality {text} not null,
    name {text} not null,
    is_disabled {int} not null,
    seen_at {int},
    seen_from {text} not null
) {strict};
