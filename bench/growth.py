# SPDX-License-Identifier: Apache-2.0
"""Whether a token costs the same when there are many: unsealing, tokenising, packing and hashing of a sealed run at 1 and at 10 million tokens,
steps at the beginning and at the end of 100 thousand trained tokens, both on the miniature model. growth.py O NAME..."""
import json
import os
import sys

from measure import CannotMeasure, beside, bench, figures, folder, in_turn, median, wanted, watch
from world import TRAINING, World, miniature, recipe, shard_paths

FEW, MANY, ROUNDS = 1_000_000, 10_000_000, 3
LENGTH, TRAINED = 256, 100_000
PACKED = {**TRAINING, "max_length": LENGTH, "per_device_train_batch_size": 1, "packing": "true", "packing_strategy": "wrapped", "max_steps": 1}


def documents(path, count, first=0):
    """Rows of text, each with a number of its own."""
    texts = []
    for shard in shard_paths():
        with open(shard, encoding="utf-8") as f:
            texts += [" ".join(t["content"] for t in row["prompt"] + row["completion"]) for row in map(json.loads, f)]
    with open(path, "w", encoding="utf-8") as f:
        for i in range(first, first + count):
            f.write(json.dumps({"text": f"{i} {texts[i % len(texts)]}"}) + "\n")
    return path


def planned(objects, work, model, data):
    """What `train --plan` says of these rows, and the most memory that saying so took."""
    path = recipe(os.path.join(work, "plan.yaml"), PACKED, [("0" * 64, f"{i:064x}", 1) for i in range(len(data))], template="none")
    files = [word for d in data for word in ("--data", d)]
    said, peak = watch([os.path.join(objects, "sealwright"), "train", path, "--model", model, *files, "--plan", "--json"])
    return json.loads(said), peak


def rows_growth(objects, work, names):
    model = miniature(os.path.join(work, "model"))
    sample, _ = planned(objects, work, model, [documents(os.path.join(work, "sample.jsonl"), 3000)])
    worlds, tokens = [], []
    try:
        for size in (FEW, MANY):
            place = os.path.join(work, str(size))
            os.mkdir(place)
            rows = -(-size * 3000 // sample["tokens"] // 3)
            data = [documents(os.path.join(place, f"rows{i}.jsonl"), rows, first=i * rows) for i in range(3)]
            plan, peak = planned(objects, work, model, data)
            held = next(part["bytes"] for part in plan["parts"] if part["name"] == "rows")
            beside(f"{plan['tokens']} tokens in {plan['rows']} rows of {sum(map(os.path.getsize, data))} bytes: {held / plan['tokens']:.1f} bytes of memory "
                   f"a token for the rows, {peak / 2**20:.0f} MiB in all for `train --plan`")
            tokens.append(plan["tokens"])
            worlds.append(World(objects, place, model, PACKED, data, template="none"))
        accounts = in_turn([lambda w=w: w.sealed_run()[1]["account_us"] for w in worlds], ROUNDS)
    finally:
        for world in worlds:
            world.close()
    costs = [[(a["unseal"] + a["decode"]) / count for a in account] for account, count in zip(accounts, tokens, strict=True)]
    beside(f"us a token, unsealed, tokenised, packed and hashed: {median(costs[0]):.3f} at {tokens[0]}, {median(costs[1]):.3f} at {tokens[1]}")
    bench(names[0], median([many / few for few, many in zip(*costs, strict=True)]), "ratio")


def train_growth(objects, work, names):
    model = miniature(os.path.join(work, "small"))
    data = documents(os.path.join(work, "rows.jsonl"), 3000)
    steps = TRAINED // LENGTH + 1
    path = recipe(os.path.join(work, "recipe.yaml"), {**PACKED, "max_steps": steps}, template="none")
    values, tenth = [], steps // 10
    for i in range(ROUNDS):
        said, peak = watch([os.path.join(objects, "sealwright"), "train", path, "--model", model, "--data", data, "--out",
                            os.path.join(work, f"out{i}"), "--json"])
        done = json.loads(said)
        ends = done["step_ended_ms"]
        if len(ends) != steps:
            raise CannotMeasure(f"{len(ends)} steps of {steps}")
        first, last = ends[2 * tenth] - ends[tenth], ends[-1] - ends[-1 - tenth]
        beside(f"{done['tokens']} tokens in {steps} steps: {first} ms for the second tenth, {last} ms for the last; {peak / 2**20:.0f} MiB")
        values.append(last / first)
    bench(names[0], median(values), "ratio")


def main():
    objects, names = wanted(sys.argv)
    with folder() as work:
        return figures(names, [(["rows_growth"], lambda found: rows_growth(objects, work, found)),
                               (["train_growth"], lambda found: train_growth(objects, work, found))])


if __name__ == "__main__":
    sys.exit(main())
