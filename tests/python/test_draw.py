# SPDX-License-Identifier: Apache-2.0
"""Orders that a seed fixes: permutations are permutations, weights are kept, and the numbers are those written here."""
import tap
from sealwright import draw

tap.equal([draw.mix(i) for i in (0, 1)], [0, 0x5692161D100B05E5], "mix is the last step of SplitMix64")
state, seen = 1234567, []
for _ in range(3):  # SplitMix64 as published, for the seed 1234567
    state = (state + 0x9E3779B97F4A7C15) & (1 << 64) - 1
    seen.append(draw.mix(state))
tap.equal(seen, [6457827717110365317, 3203168211198807973, 9817491932198370423], "and gives the generator's published values")
bad = [n for n in range(1, 260) if sorted(draw.Shuffle(n, 7)[i] for i in range(n)) != list(range(n))]
tap.equal(bad, [], "a shuffle of 1 to 259 rows has each once")
tap.equal([draw.Shuffle(10, 1)[i] for i in range(10)], [2, 0, 7, 4, 6, 5, 8, 9, 1, 3], "the shuffle of ten rows under seed 1")
tap.check([draw.Shuffle(1000, 1)[i] for i in range(1000)] != [draw.Shuffle(1000, 2)[i] for i in range(1000)], "another seed, another order")
big = draw.Shuffle(1 << 40, 5)
tap.check(len({big[i] for i in range(1000)}) == 1000, "a terabyte's rows are shuffled without a table")
fixed = [draw.Shuffle(4096, s)[0] for s in range(4096)]
spread = [sum(1 for f in fixed if f // 512 == part) for part in range(8)]
tap.check(all(400 < s < 630 for s in spread), "the first row is any row", spread)

order = draw.InOrder([3, 0, 2])
tap.equal([order[i] for i in range(len(order))], [(0, 0), (0, 1), (0, 2), (2, 0), (2, 1)], "shards one after the other, an empty one among them")
w = draw.Weighted([1000, 3000], [3, 1], 9)
drawn = [w[i] for i in range(len(w))]
tap.equal(len(drawn), 4000, "as many draws as rows")
share = sum(1 for owner, _ in drawn if owner == 0) / 4000
tap.check(0.73 < share < 0.77, "three of four from the first", share)
of_first = [row for owner, row in drawn if owner == 0]
tap.equal(sorted(of_first[:1000]), list(range(1000)), "each row once before any comes again")
tap.check(of_first[:1000] != of_first[1000:2000] and len(set(of_first[1000:2000])) == 1000, "and then in another order")
again = draw.Weighted([1000, 3000], [3, 1], 9)
tap.equal([again[i] for i in (3999, 5, 1024, 0, 2047)], [drawn[i] for i in (3999, 5, 1024, 0, 2047)], "any place is drawn alone")
tap.equal([w[i] for i in range(6)], [(1, 1809), (0, 985), (0, 743), (0, 50), (0, 379), (0, 722)], "the first draws under seed 9")
tap.equal(draw.parts_of([1, 1, 2]), [1 << 62, 1 << 63, 1 << 64], "weights are parts of 2^64")
tap.equal([o for o, _ in (draw.Weighted([5, 5], [0, 2], 1)[i] for i in range(5))], [1] * 5, "a weight of zero draws nothing")
shared = draw.Parts([600, 1000, 0, 400], [(3, (0, 2, 3)), (1, (1,))], 9)
both = [shared[i] for i in range(len(shared))]
tap.equal(both, [(1, row) if part else (0, row) if row < 600 else (3, row - 600) for part, row in (draw.Weighted([1000, 1000], [3, 1], 9)[i] for i in range(2000))],
          "shards that share a weight are drawn from as if they were one")
tap.check(0.73 < sum(shard != 1 for shard, _ in both) / 2000 < 0.77 and len({drawn for drawn in both if drawn[0] != 1}) == 1000, "and each of their rows is")
alone = draw.Parts([1000, 3000], [(3, (0,)), (1, (1,))], 9)
tap.equal([alone[i] for i in range(4000)], drawn, "a weight for each shard draws as ever")
for weights in ([-1, 2], [0, 0], [float("nan"), 1], [float("inf"), 1], ["x", 1]):
    tap.refused(lambda ws=weights: draw.Weighted([5, 5], ws, 1), "weights", f"weights {weights}")
tap.refused(lambda: draw.Weighted([0, 5], [1, 1], 1), "weights", "a weight on no rows")
for seed in (-1, 1 << 64, 1.0, True, None):
    tap.refused(lambda s=seed: draw.check_seed(s), "seed", f"the seed {seed}")
tap.finish()
