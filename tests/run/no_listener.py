# SPDX-License-Identifier: Apache-2.0
"""Executes a command under a filter by which no later one has a listener (SANDBOX-064): no_listener.py COMMAND..."""
import ctypes
import errno
import os
import struct
import sys

NR, FLAGS = 0, 24  # of struct seccomp_data: the call, the low half of its second argument
SECCOMP, NEW_LISTENER = 317, 8
LOAD, EQUAL, HAS, ANSWER = 0x20, 0x15, 0x45, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
PR_SET_SECCOMP, MODE_FILTER = 22, 2


def main() -> None:
    lines = [(LOAD, 0, 0, NR), (EQUAL, 0, 2, SECCOMP), (LOAD, 0, 0, FLAGS), (HAS, 1, 0, NEW_LISTENER), (ANSWER, 0, 0, ALLOW), (ANSWER, 0, 0, ERROR | errno.EBUSY)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    program = struct.pack("@HP", len(lines), ctypes.addressof(code))
    if ctypes.CDLL(None).prctl(PR_SET_SECCOMP, MODE_FILTER, program, 0, 0) != 0:
        sys.exit("no filter could be set")
    os.execvp(sys.argv[1], sys.argv[1:])


main()
