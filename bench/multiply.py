"""Multiplies the readings, with their open tasks, of a demonstration store until it holds as many studies as asked for (SQLite, offline)."""

import os
import sqlite3
import sys

TABLES = ("service_request", "imaging_study", "flow_case", "remote_read", "task")


def main(path: str, wanted: int) -> None:
    store = sqlite3.connect(path)
    store.execute("pragma foreign_keys = off")
    store.row_factory = sqlite3.Row
    reads = store.execute("select * from remote_read where study_id is not null").fetchall()
    rows = {table: {row["id"]: row for row in store.execute(f"select * from {table}")} for table in TABLES}
    tasks = {row["case_id"]: row for row in store.execute("select * from task where closed_at is null")}
    have = store.execute("select count(*) from imaging_study").fetchone()[0]
    made = 0
    while have + made < wanted:
        new = {table: [] for table in TABLES}
        for read in reads:
            case, request, study = os.urandom(16), os.urandom(16), os.urandom(16)
            number = f"9{have + made:012d}"
            order = dict(rows["service_request"][read["request_id"]], id=request, accession_number=number)
            picture = dict(rows["imaging_study"][read["study_id"]], id=study, request_id=request,
                           accession_number=number, address=f"2.25.9{have + made:020d}",
                           study_uid=f"2.25.9{have + made:020d}")
            copy = dict(read, id=case, request_id=request, study_id=study, accession_number=number)
            new["service_request"].append(order)
            new["imaging_study"].append(picture)
            new["flow_case"].append(dict(rows["flow_case"][read["id"]], id=case))
            new["remote_read"].append(copy)
            if task := tasks.get(read["id"]):
                new["task"].append(dict(task, id=os.urandom(16), case_id=case))
            made += 1
            if have + made >= wanted:
                break
        for table, added in new.items():
            if not added:
                continue
            names = list(added[0])
            marks = ", ".join("?" * len(names))
            store.executemany(f"insert into {table} ({', '.join(names)}) values ({marks})",
                              [tuple(row[name] for name in names) for row in added])
    store.commit()
    store.execute("analyze")
    store.commit()
    open_count = store.execute("select count(*) from remote_read where is_open = 1").fetchone()[0]
    studies = store.execute("select count(*) from imaging_study").fetchone()[0]
    waiting = store.execute("select count(*) from task where closed_at is null").fetchone()[0]
    print(f"{studies} studies, {open_count} of them open, {waiting} open tasks")


main(sys.argv[1], int(sys.argv[2]))
