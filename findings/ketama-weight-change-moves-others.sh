#!/usr/bin/env bash
# uhashring 2.5 (PyPI), with hash_fn="ketama" and with its default ring.
#
# Expected: consistent hashing moves as few keys as possible. If the weight of one of five servers
# goes from 1 to 2, keys move to that server and from nowhere to anywhere else.
#
# Happens: in a ketama ring about a quarter of the keys that move go from one unchanged server to
# another. Ketama gives a server points in proportion to its share of the TOTAL weight, so more
# weight here means fewer points there, and the points that go leave gaps to the neighbours, not to
# the server that grew. uhashring's own ring counts points by the weight alone and moves keys to
# the grown server only - but there 100 for all is not the same ring as 1 for all.
#
# Seen, 50000 keys, five servers:                  keys moved   to an unchanged server
#     ketama (uhashring), weight 1 -> 2            10633        2828
#     uhashring's default, weight 1 -> 2           6080         0
#     ketama (uhashring), all weights 1 -> 100     0            0
#     uhashring's default, all weights 1 -> 100    39359        all of them
#
# Why it matters: "raise the weight of the new machine step by step" is the usual way to warm a
# cache. With ketama each step also empties parts of the caches of all other machines; with the
# other ring, a change of the unit of the weights empties nearly all of them.
#
# What to do: with ketama set the final weight in one step, or add the machine in several parts
# under several names; with uhashring's default ring never scale the weights.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uhashring==2.5
cat > "$work/probe.py" <<'PY'
from importlib.metadata import version
from uhashring import HashRing

servers = [f"10.0.0.{i}:80" for i in range(1, 6)]
keys = [f"user:{i}" for i in range(50000)]


def place(weights, **options):
    ring = HashRing({name: {"weight": weight} for name, weight in zip(servers, weights)}, **options)
    return [ring.get_node(key) for key in keys]


print("uhashring", version("uhashring"))
for name, options in (("ketama", {"hash_fn": "ketama"}), ("default", {})):
    before = place((1, 1, 1, 1, 1), **options)
    for label, weights, grown in (("first 1 -> 2", (2, 1, 1, 1, 1), servers[0]), ("all 1 -> 100", (100,) * 5, None)):
        moved = [new for old, new in zip(before, place(weights, **options)) if old != new]
        print(f"{name}, {label}: {len(moved)} moved, {sum(new != grown for new in moved)} of them to an unchanged server")
PY

# --- what happens ----------------------------------------------------------
"$work/venv/bin/python" "$work/probe.py" | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
uhashring 2.5
ketama, first 1 -> 2: 10633 moved, 2828 of them to an unchanged server
ketama, all 1 -> 100: 0 moved, 0 of them to an unchanged server
default, first 1 -> 2: 6080 moved, 0 of them to an unchanged server
default, all 1 -> 100: 39359 moved, 39359 of them to an unchanged server
SEEN
echo "as stated: a ketama ring moves keys between servers whose weight did not change"
