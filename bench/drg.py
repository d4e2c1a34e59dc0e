"""The grouper and its command line: records per CPU-second in memory, then a table of ten million rows.

The table is the 15,000 open cases again and again under new ids; it lies in the cache folder and is kept there. Nothing
here passes or fails: it prints what was measured. YITI_ROWS and YITI_BINARY change size and build.
"""
import gzip
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASES = Path(os.environ.get("YITI_FIELD_DATA") or ROOT.parent / "shared") / "drg" / "cases-open.csv.gz"
CACHE = Path(os.environ.get("YITI_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yiti")
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or CACHE / "target")
YITI = os.environ.get("YITI_BINARY") or str(TARGET / "release" / "yiti")
ROWS = int(os.environ.get("YITI_ROWS", "10000000"))
INPUTS = 12
CELLS = "reading every cell"
RECORDS = "reading into records"


def make(path):
    """Writes the table, beside its place first, so that a table cut off is never measured."""
    with gzip.open(CASES, "rt", encoding="utf-8") as file:
        header, *lines = file.read().splitlines()
    if '"' in "".join(lines):
        sys.exit("the open cases have quoted cells; this script cuts them by commas")
    columns = ",".join(header.split(",")[:INPUTS])
    tails = [",".join(line.split(",")[1:INPUTS]) for line in lines]
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(part, "w", encoding="utf-8", buffering=1 << 20) as out:
        out.write(columns + "\n")
        done = 0
        while done < ROWS:
            count = min(len(tails), ROWS - done)
            out.write("".join(f"R{done + at:09},{tail}\n" for at, tail in enumerate(tails[:count])))
            done += count
    part.rename(path)


def measure(command):
    """Runs a command; gives wall time, CPU time and peak memory in MB, and its exit code."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode


def main():
    print("== in memory, one core: records per CPU-second, ratio to the fastest public reference", flush=True)
    cargo = shutil.which("cargo")
    if cargo:
        environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
        subprocess.run([cargo, "bench", "--locked", "-q", "-p", "chs-drg", "--bench", "grouping"], cwd=ROOT, check=True, env=environment)
        # What reading every cell takes, with the same reader and nothing behind it.
        # and what reading all into records, with their codes looked up.
        for package, example in [("sheet", "read"), ("yiti", "records")]:
            subprocess.run([cargo, "build", "--locked", "-q", "--release", "-p", package, "--example", example], cwd=ROOT, check=True, env=environment)
    else:
        print("cargo is not there: left out")
    table = CACHE / "bench" / f"cases-{ROWS}.csv"
    if not table.is_file():
        print(f"== making {table}", flush=True)
        make(table)
    size = table.stat().st_size
    print(f"== the command line on {ROWS:,} rows, {size / 1e6:,.0f} MB, {os.cpu_count()} processors")
    print(f"{'':<26}{'wall s':>9}{'CPU s':>9}{'rows/s':>14}{'rows/CPU-s':>14}{'MB':>7}  code")
    out = CACHE / "bench" / "answers.csv"
    walls, cpus = {}, {}
    commands = [("wc -l", ["wc", "-l", str(table)])]
    peer = "import csv, collections, sys; collections.deque(csv.reader(open(sys.argv[1])), 0)"
    commands.append(("Python's csv, reading", [sys.executable, "-c", peer, str(table)]))
    examples = TARGET / "release" / "examples"
    if (examples / "read").is_file():
        commands.append((CELLS, [str(examples / "read"), str(table)]))
    if (examples / "records").is_file():
        commands.append((RECORDS, [str(examples / "records"), str(ROOT / "definitions/drg/chs_drg_11.pack"), str(table)]))
    for scheme in ["chs_drg_11", "chs_drg_20"]:
        commands.append((f"yiti group {scheme}", [YITI, "group", "--scheme", scheme, str(table), "-o", str(out)]))
    # Once before, so that all read from memory.
    measure(["wc", "-l", str(table)])
    for name, command in commands:
        wall, cpu, memory, code = min(measure(command) for _ in range(3))
        walls[name], cpus[name] = wall, cpu
        print(f"{name:<26}{wall:>9.2f}{cpu:>9.2f}{ROWS / wall:>14,.0f}{ROWS / cpu:>14,.0f}{memory:>7.0f}  {code}", flush=True)
    for name, wall in walls.items():
        if name != "wc -l":
            print(f"{name} takes {wall / walls['wc -l']:.1f} times as long as wc -l")
        if name.startswith("yiti"):
            for part in [CELLS, RECORDS]:
                if part in cpus:
                    print(f"{part} is {cpus[part] / cpus[name]:.0%} of the CPU of {name}")
    for left in [out, Path(f"{out}.errors.csv")]:
        left.unlink(missing_ok=True)


main()
