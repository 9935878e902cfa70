# SPDX-License-Identifier: Apache-2.0
"""Verifying a manifest offline, and asking a key service for keys over loopback. keys.py O NAME..."""
import os
import resource
import sys

from measure import beside, bench, figures, folder, median, run, seconds, wanted
from world import World, miniature

REQUESTS, WARM, VERIFICATIONS = 300, 20, 41


def verify(world, names):
    out, _ = world.sealed_run()
    command = [world.program, "verify", os.path.join(out, "out"), "--app", world.genesis]
    times = sorted(seconds(command) for _ in range(VERIFICATIONS))
    start = sorted(seconds([world.program, "--version"]) for _ in range(VERIFICATIONS))
    beside(f"verify, a whole process: {VERIFICATIONS} times, {times[0] * 1e3:.1f} to {times[-1] * 1e3:.1f} ms; "
           f"an empty command {median(start) * 1e3:.1f} ms")
    bench(names[0], median(times) * 1e3, "ms")


def service_seconds(world):
    """Processor time that the key service has taken."""
    with open(f"/proc/{world.kms.pid}/stat", encoding="ascii") as f:
        user, system = f.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def asking_seconds():
    """Processor time of all programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def key_request(world, names):
    program = os.path.join(world.objects, "bench", "key_request")
    command = [program, REQUESTS + WARM, world.url, world.machine, world.app, world.compose, world.reference, *world.consents]
    before = [asking_seconds(), service_seconds(world)]
    text = run(command)
    asks, serves = (1e3 * (after - since) / (REQUESTS + WARM) for after, since in zip([asking_seconds(), service_seconds(world)], before, strict=True))
    times = sorted(int(line) / 1e3 for line in text.split()[WARM:])
    beside(f"{REQUESTS} full requests for 3 shards, each on a new channel: {times[0]:.1f} to {times[-1]:.1f} ms, "
           f"9 of 10 under {times[len(times) * 9 // 10]:.1f} ms; of each, processors work {asks:.1f} ms for who asks, {serves:.1f} ms for the service")
    bench(names[0], median(times), "ms")


def main():
    objects, names = wanted(sys.argv)
    with folder() as work:
        training = {"max_steps": 4, "per_device_train_batch_size": 4}
        world = World(objects, work, miniature(os.path.join(work, "miniature")), training)
        try:
            return figures(names, [
                (["verify_ms"], lambda n: verify(world, n)),
                (["key_request_ms"], lambda n: key_request(world, n)),
            ])
        finally:
            world.close()


if __name__ == "__main__":
    sys.exit(main())
