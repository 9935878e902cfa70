#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a process has in memory of its own, closed pages too, as one file: dump_memory.py PID FILE. Reservations are left out."""
import sys

RESERVED = 32 << 20
pid, out = sys.argv[1:]
with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory, open(out, "wb") as file:
    for line in maps:
        field = line.split()
        first, end = (int(x, 16) for x in field[0].split("-"))
        if field[1][3] != "p" or field[4] != "0" or end - first > RESERVED:
            continue
        try:
            memory.seek(first)
            file.write(memory.read(end - first))
        except (OSError, OverflowError, ValueError):  # [vvar], [vsyscall]
            pass
