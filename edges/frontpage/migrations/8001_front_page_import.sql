-- A file of front pages that came in, by the page or by the command. The file itself is not kept.
create table front_page_import (
    id {id} primary key,
    institution_id {id} not null references institution (id),
    file_name {text} not null,
    -- SHA-256 of the file.
    file_digest {bytes} not null,
    file_bytes {int} not null,
    -- The form that was recognised: hqms, hqms-tcm, setl-4101, setl-4101A, plain.
    form {text} not null,
    status {text} not null check (status in ('running', 'done', 'failed')),
    -- The process that works on it: a running one of another process was interrupted.
    process {id} not null,
    -- Rows of the file, and how many of them were read so far.
    total_count {int} not null,
    row_count {int} not null,
    new_count {int} not null,
    version_count {int} not null,
    unchanged_count {int} not null,
    refused_count {int} not null,
    -- Pages that were kept and cannot be grouped as they are.
    blocked_count {int} not null,
    -- JSON: mends, broken rules, columns that no form names.
    summary {text} not null,
    -- Nobody: the command.
    started_by {id},
    started_name {text} not null,
    started_at {int} not null,
    ended_at {int}
) {strict};
create index front_page_import_by_start on front_page_import (started_at);

-- A page that was new or got a version by an import. Never changed.
create table front_page_import_stay (
    import_id {id} not null references front_page_import (id),
    -- Row of the table or number of the message.
    place {int} not null,
    front_page_id {id} not null references front_page (id),
    version {int} not null,
    primary key (import_id, place)
) {strict};

-- The error file of an import in one language, kept as a blob.
create table front_page_import_errors (
    import_id {id} not null references front_page_import (id),
    language {text} not null,
    digest {bytes} not null,
    primary key (import_id, language)
) {strict};
