"""Does one thing to the journal that nobody may do: forge.py DATABASE SEED. Prints what, and of which entry."""
import random
import sqlite3
import sys

database = sqlite3.connect(sys.argv[1])
chance = random.Random(int(sys.argv[2]))
(count,) = database.execute("select max(seq) from journal").fetchone()
seq = chance.randint(2, count - 2)
kind = chance.choice(["change", "drop", "swap", "truncate", "rehash", "stamp"])
if kind == "change":
    column = chance.choice(["actor_name", "action", "subject_kind", "purpose", "detail"])
    database.execute(f"update journal set {column} = {column} || 'x' where seq = ?", (seq,))
elif kind == "stamp":
    column = chance.choice(["occurred_at", "recorded_at"])
    database.execute(f"update journal set {column} = {column} + 1 where seq = ?", (seq,))
elif kind == "drop":
    database.execute("delete from journal where seq = ?", (seq,))
elif kind == "swap":
    database.execute("update journal set seq = -1 where seq = ?", (seq,))
    database.execute("update journal set seq = ? where seq = ?", (seq, seq + 1))
    database.execute("update journal set seq = ? where seq = -1", (seq + 1,))
elif kind == "truncate":
    database.execute("delete from journal where seq >= ?", (seq,))
else:
    database.execute("update journal set hash = ? where seq = ?", (f"{chance.getrandbits(256):064x}", seq))
database.commit()
print(kind, seq)
