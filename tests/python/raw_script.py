# SPDX-License-Identifier: Apache-2.0
"""A script that speaks without the package, and what becomes of it: raw_script.py ACT; without one it lists acts and ends (test_agents.sh)."""
import fcntl
import os
import struct
import sys
import termios
import time

STOP_FD = 33
ACTS = {}


def w(kind, body=b"", fd=4):
    os.write(fd, struct.pack(">IQ", kind, len(body)) + body)


def plan(total):
    w(4, struct.pack(">QQ", total, 0))


def records(first, last, total=4, loss=1.0):
    for step in range(first, last + 1):
        w(6, struct.pack(">QQQddd", step, total, 0, loss, 0, 0), 5)


def state(step, content=b"1"):
    w(7, struct.pack(">Q", step) + content)


def output(name=b"m", content=b"x"):
    w(8, struct.pack(">I", len(name)) + name + content)


def claims(text=b"{}"):
    w(11, text)


def done(early=0):
    w(9, bytes([early]))


def heard():
    """Waits until both pipes are empty: whatever was said is read."""
    while any(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0] for fd in (4, 5)):
        time.sleep(0.01)


def stop():
    """Waits for STOP at a descriptor by which the test knows that the rest was said and read."""
    heard()
    os.dup2(3, STOP_FD)
    os.read(STOP_FD, 12)


def act(end):
    def keep(function):
        ACTS[function.__name__] = (end, function)
        return function

    return keep


@act("done")
def whole(): plan(4); records(1, 4); state(2); state(4); output(); claims(); done()
@act("done")
def a_state_for_the_last_record(): plan(4); state(4); output(); done()
@act("done")
def a_state_without_a_record(): plan(4); records(1, 1); state(2); records(3, 4); output(); done()
@act("done")
def records_ahead_of_a_state(): plan(4); records(1, 4); state(2); output(); done()
@act("done")
def words_behind_done(): plan(4); records(1, 4); output(); done(); done(); w(99)
@act("done")
def a_loss_that_is_no_number(): plan(4); records(1, 1, loss=float("nan")); records(2, 4); output(); done()
@act("failed")
def a_class_that_is_none(): w(10, bytes([11]))
@act("refused")
def a_record_behind_its_state(): plan(4); records(1, 1); state(2); heard(); records(2, 4); output(); done()
@act("refused")
def a_state_behind_the_last_step(): plan(3); records(1, 3, 3); state(4); output(); done()
@act("refused")
def a_record_of_another_plan(): plan(3); records(1, 3, 4); output(); done()
@act("refused")
def an_output_without_the_last_record(): plan(4); records(1, 3); output(); done()
@act("refused")
def a_state_behind_an_output(): plan(4); records(1, 4); output(); state(4); done()
@act("refused")
def an_output_behind_the_claims(): plan(4); records(1, 4); output(); claims(); output(b"n"); done()
@act("refused")
def claims_behind_16_outputs(): plan(4); records(1, 4); [output(b"f%d" % i) for i in range(16)]; claims(); done()
@act("refused")
def claims_beyond_output_limit(): plan(4); records(1, 4); output(content=bytes(65530)); claims(b'{"abc":123}'); done()
@act("refused")
def an_output_beyond_output_limit(): plan(4); records(1, 4); output(content=bytes(65537)); done()
@act("refused")
def a_state_beyond_checkpoint_limit(): plan(4); records(1, 4); state(4, bytes(65537)); output(); done()
@act("refused")
def no_output(): plan(4); records(1, 4); done()
@act("refused")
def early_without_stop(): plan(4); records(1, 2); state(2); done(1)
@act("refused")
def stop_and_no_state(): plan(4); records(1, 3); stop(); done(1)
@act("refused")
def stop_and_a_state_of_an_earlier_step(): plan(4); records(1, 3); stop(); state(2); done(1)
@act("refused")
def stop_its_state_and_an_output(): plan(4); records(1, 3); stop(); state(3); records(4, 4); output(); done()
@act("stopped")
def stop_and_a_state_that_tells_of_its_step(): plan(4); records(1, 2); stop(); state(3); done(1)
@act("stopped")
def stop_behind_the_last_step(): plan(4); records(1, 4); stop(); state(4); done(1)
@act("stopped")
def stop_and_a_state(): plan(4); records(1, 3); stop(); state(3); done(1)
@act("stopped")
def stop_again(): plan(4); stop(); done(1)  # of the run before this one, resumed


def main():
    if len(sys.argv) == 1:
        for name, (end, _) in ACTS.items():
            print(name, end)
        return
    (size,) = struct.unpack(">IQ", os.read(3, 12))[1:]
    job = b""
    while len(job) < size:
        job += os.read(3, size - len(job))
    w(3)
    ACTS[sys.argv[1] if b'"resume":null' in job else "stop_again"][1]()
    heard()


if __name__ == "__main__":
    main()
