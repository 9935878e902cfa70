#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The package inside a sealed run: a tree of the system's python3 with it, a script on the rows of three owners in the real sandbox, its
# children, and the ways in which it may fail. test_sealed.sh O
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
objects=$(cd "${1:-build/release}" && pwd)
{ [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; } || { echo '1..0 # SKIP a private root needs the right to mount'; exit 0; }
steps=4 save_steps=2 output_limit=64KiB act=train
. "$root/tests/run/world.sh"
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)

write_script() {
    cat >script.py <<'PY'
import asyncio, multiprocessing, multiprocessing.reduction, os, sys
import sealwright as s

act, rows = sys.argv[1], s.unwrap_dataset(format="rows")
if act == "socket":
    import socket
    socket.socket()
elif act == "write":
    open("/code/script.py", "w")
elif act == "outside":
    os.mkdir("/var")
elif act == "library":
    import _ctypes, ctypes, shutil
    ctypes.CDLL(shutil.copy(_ctypes.__file__, "/tmp/library.so"))
elif act == "program":
    import shutil, subprocess
    subprocess.run([shutil.copy(sys.executable, "/tmp/program")])
elif act == "print":
    print(rows[0]["prompt"], file=sys.stderr)
    raise s.GiveUp
elif act == "import":
    import nothing_of_that_name
elif act == "error":
    raise ValueError(rows[0]["prompt"])


def child(out):
    try:
        s.plan(1)
    except s.SealwrightError as refusal:
        out.send([refusal.word, len(list(rows))])


def sent(far):  # what a DataLoader's workers do: a descriptor through a listener in /tmp
    near, other = os.pipe()
    os.write(other, b"4")
    far.send(multiprocessing.reduction.DupFd(near))
    far.recv()


def sockets():
    near, far = multiprocessing.Pipe()
    near.send(1)
    total = far.recv()
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager:
        shared = manager.list([2])
        total += shared[0]
    total += asyncio.run(asyncio.sleep(0, 3))
    worker = context.Process(target=sent, args=(far,))
    worker.start()
    total += int(os.read(near.recv().detach(), 1))
    near.send(None)
    worker.join()
    return total


near, far = multiprocessing.Pipe(False)
process = multiprocessing.get_context("fork").Process(target=child, args=(far,))
process.start()
said = near.recv()
process.join()
first = 1 if s.resume_from() is None else int(open(s.resume_from() + "/state").read()) + 1
s.plan(4)
for step in range(first, 5):
    s.log_step(step, 1 / step)
    if s.state_is_due(step):
        s.send_state(step, str(step).encode())
s.send_output("model.txt", b"a model")
drawn = s.unwrap_dataset(weights={"anna": 3, "bert": 1, "cleo": 0}, seed=9, format="rows")
s.sign_manifest({"first": first, "rows": len(rows), "child": said, "drawn": len(drawn), "sockets": sockets(), "scratch": sorted(os.listdir("/tmp")) == [], "model": "config.json" in os.listdir(s.model_folder())})
PY
}
. "$root/tests/run/script_world.sh"
world_new "$objects"

holds 'a script with the package trains in the sandbox' run_sealed --tree tree
cp log said
holds 'and its manifest verifies' "$sealwright" verify run/out --app "$genesis"
holds 'it is opened' opened run/out model
found -F '"child":["child",18],"drawn":12,"first":1,"model":true,"rows":18,"scratch":true,"sockets":10' <model/claims.json
say $? 'it read every row, a forked child did and could not speak, and it wrote nothing'
! grep -qE 'the script (called|made|printed)' said; say $? 'and the run says nothing of it'
# act:class of the failure:what it called for (SANDBOX-061)
network='called for the network; refused' own='called for a change of its own files; refused' code='called for code from a file that it wrote; refused'
for trial in "socket:called for the network:$network" "write:called for the network:$own" 'import:the tree lacks a module or a file:' 'error:ended with an error:' \
    'outside:called for the network:called for a file outside /tmp and /dev/shm, to write it; refused' "library:ended with an error:$code" \
    "program:called for the network:$code" 'print:gave up:printed; what it printed went nowhere'; do
    act=${trial%%:*} told=${trial##*:} trial=${trial%:*}
    variant "$act" || echo "# no variant $act"
    run_sealed --tree tree --run "run-$act" >log 2>&1
    [ $? -ne 0 ] && found -F "${trial#*:}" <log
    say $? "a script that fails by $act is reported by its class"
    # what is printed behind the last word may come too late to be seen: a traceback
    [ "$(sed -n 's/.*sealwright: the script \(.*; .*\)$/\1/p' log | { [ $act = print ] && cat || grep -v '^printed'; })" = "$told" ]
    say $? 'and by what it called for'
    [ -z "$(grep -rlF 'write down on day' "run-$act" log)" ]
    say $? 'and without a row'
done
finish
