#!/usr/bin/env bash
# retry 0.13.1, p-retry 7.1.1, async-retry 1.3.3, cockatiel 3.2.1, exponential-backoff 3.1.3 (npm);
# tenacity 9.2.1, stamina 26.1.0, backoff 2.2.1 (PyPI).
#
# Expected: the jitter of a retry library spreads the clients of a broken server over time, for as
# long as it is broken. So the delays of many clients differ, on the twelfth try as on the first.
#
# Happens: six of eight cut the delay at the maximum AFTER adding the jitter. As soon as the
# exponential part has reached the maximum, every client waits exactly the maximum: no jitter at
# all. cockatiel loses it in its default, the "decorrelated jitter", which is there to spread. Its
# fullJitterGenerator, exponential-backoff and backoff cut first and spread then. Of the
# six, the README of retry shows it, in a formula. stamina has its maximum at 5 s by default and
# reaches it on the seventh of its ten tries.
#
# Seen, 40 clients, first delay 100 ms, maximum 2000 ms; distinct delays:
#                                     try 1        try 12
#     retry, randomize                several      1 (all 2000)
#     p-retry, randomize              several      1 (all 2000)
#     async-retry (its default)       several      1 (all 2000)
#     cockatiel (its default)         several      1 (all 2000)
#     tenacity, wait_exponential_jitter  several   1 (all 2.0)
#     stamina (its default)           several      1 (all 2.0)
#     cockatiel, fullJitterGenerator  several      several
#     backoff (PyPI), full_jitter     several      several
#     exponential-backoff, full       several      several
#
# Why it matters: an outage longer than the growth phase is just when the jitter is needed. All
# clients are at the maximum by then, and those that lost the connection at the same moment come
# back in the same millisecond, in waves, until the server is up - and take it down again.
#
# What to do: leave the maximum so high that it is not reached, or add your own random part on top
# of the delay; with cockatiel set `generator: fullJitterGenerator`.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    async-retry@1.3.3 cockatiel@3.2.1 exponential-backoff@3.1.3 p-retry@7.1.1 retry@0.13.1)
cat > "$work/versions.mjs" <<'JS'
import { readFileSync } from 'node:fs';
for (const name of process.argv.slice(2)) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
JS
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q tenacity==9.2.1 stamina==26.1.0 backoff==2.2.1
cat > "$work/probe.py" <<'PY'
import logging
from importlib.metadata import version
from unittest import mock
import backoff, stamina, tenacity

CLIENTS, TRIES = 40, 12
logging.getLogger("backoff").setLevel(logging.CRITICAL + 1)
stamina.instrumentation.set_on_retry_hooks([])


def fail():
    raise OSError("down")


RUNS = {
    "tenacity": tenacity.retry(
        wait=tenacity.wait_exponential_jitter(0.1, max=2.0, jitter=0.1), stop=tenacity.stop_after_attempt(TRIES + 1)
    )(fail),
    "stamina": stamina.retry(on=OSError, attempts=TRIES + 1, timeout=None, wait_initial=0.1, wait_max=2.0)(fail),
    "backoff": backoff.on_exception(backoff.expo, OSError, max_tries=TRIES + 1, factor=0.1, max_value=2.0)(fail),
}
for name, run in RUNS.items():
    delays = []
    for _ in range(CLIENTS):
        with mock.patch("time.sleep") as sleep:
            try:
                run()
            except (OSError, tenacity.RetryError):
                pass
        delays.append([call.args[0] for call in sleep.call_args_list])
    seen = []
    for attempt in 1, TRIES:
        distinct = {asked[attempt - 1] for asked in delays}
        seen.append(f"all {distinct.pop()}" if len(distinct) == 1 else "several" if len(distinct) > 10 else "few")
    print(f"{name} {version(name)}: try 1 {seen[0]}, try 12 {seen[1]}")
PY
cat > "$work/probe.mjs" <<'JS'
import asyncRetry from 'async-retry';
import { ExponentialBackoff, fullJitterGenerator } from 'cockatiel';
import { backOff } from 'exponential-backoff';
import pRetry from 'p-retry';
import retry from 'retry';

const clients = 40;
const tries = 12;

// The delays that a library asks the clock for; the clock answers at once.
const clock = globalThis.setTimeout;
const delays = async (run) => {
  const asked = [];
  globalThis.setTimeout = (wake, delay, ...rest) => {
    asked.push(delay);
    return clock(wake, 0, ...rest);
  };
  try {
    await run(async () => { throw new Error('down'); });
  } catch {
    // every try fails
  }
  globalThis.setTimeout = clock;
  return asked;
};
const chain = (options) => {
  const asked = [];
  let backoff = new ExponentialBackoff({ initialDelay: 100, maxDelay: 2000, ...options }).next();
  for (let i = 0; i < tries; i += 1) {
    asked.push(backoff.duration);
    backoff = backoff.next();
  }
  return asked;
};
const options = { retries: tries, minTimeout: 100, maxTimeout: 2000 };
const libraries = {
  'retry, randomize': () => retry.timeouts({ ...options, randomize: true }),
  'p-retry, randomize': () => delays((fail) => pRetry(fail, { ...options, randomize: true })),
  'async-retry': () => delays((fail) => asyncRetry(fail, options)),
  'cockatiel': () => chain({}),
  'cockatiel, fullJitterGenerator': () => chain({ generator: fullJitterGenerator }),
  'exponential-backoff, full': () =>
    delays((fail) => backOff(fail, { numOfAttempts: tries + 1, startingDelay: 100, maxDelay: 2000, jitter: 'full' })),
};
for (const [name, run] of Object.entries(libraries)) {
  const all = [];
  for (let i = 0; i < clients; i += 1) all.push(await run());
  const distinct = (attempt) => {
    const seen = new Set(all.map((asked) => asked[attempt - 1]));
    return seen.size === 1 ? `all ${[...seen][0]}` : seen.size > 10 ? 'several' : 'few';
  };
  console.log(`${name}: try 1 ${distinct(1)}, try 12 ${distinct(12)}`);
}
JS

# --- what happens ----------------------------------------------------------
(cd "$work" && node versions.mjs async-retry cockatiel exponential-backoff p-retry retry && node probe.mjs) | tee "$work/seen"
"$work/venv/bin/python" -W ignore "$work/probe.py" | tee -a "$work/seen"

diff "$work/seen" - <<'SEEN'
async-retry 1.3.3
cockatiel 3.2.1
exponential-backoff 3.1.3
p-retry 7.1.1
retry 0.13.1
retry, randomize: try 1 several, try 12 all 2000
p-retry, randomize: try 1 several, try 12 all 2000
async-retry: try 1 several, try 12 all 2000
cockatiel: try 1 several, try 12 all 2000
cockatiel, fullJitterGenerator: try 1 several, try 12 several
exponential-backoff, full: try 1 several, try 12 several
tenacity 9.2.1: try 1 several, try 12 all 2.0
stamina 26.1.0: try 1 several, try 12 all 2.0
backoff 2.2.1: try 1 several, try 12 several
SEEN
echo "as stated: six of eight libraries have no jitter left once the delay is at its maximum"
