#!/usr/bin/env bash
# circuitbreaker 2.1.3, aiobreaker 1.2.0, purgatory 3.0.1 (PyPI) and brakes 3.1.0 (npm); pybreaker 1.4.1
# (PyPI), opossum 10.0.0 and cockatiel 4.0.0 (npm) for comparison.
#
# Expected: a breaker whose time is over lets one call through, and the others wait for its result or
# are refused. circuitbreaker's manual says so: "allows one test-execution". What a call that began
# before the breaker opened brings later says nothing about now, and does not close it.
#
# Happens: four of seven let every caller through that comes before the first result. circuitbreaker
# also closes an open breaker when a slow call from before succeeds.
#
# Seen, calls of 10 at once that reach the backend while it is still dead:
#     circuitbreaker (asyncio)   10
#     circuitbreaker (threads)   10
#     aiobreaker                 10
#     purgatory                  10
#     brakes                     10
#     pybreaker (threads)         1
#     opossum                     1
#     cockatiel                   1
# and what a success from before makes of an open one:
#     circuitbreaker             closed
#     aiobreaker                 open
#
# Why it matters: the moment of the test is when most callers wait. A backend that has just come back
# gets all of them at once, which is what the breaker is there to prevent; a test with one caller at a
# time does not show it.
#
# What to do: put a semaphore of one around the call while the state is half-open, or take one of the
# three that hold. A health check of its own needs no client for the test.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q circuitbreaker==2.1.3 aiobreaker==1.2.0 purgatory==3.0.1 pybreaker==1.4.1
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund brakes@3.1.0 opossum@10.0.0 cockatiel@4.0.0)

cat > "$work/probe.py" <<'PY'
import asyncio, datetime, threading, time
import aiobreaker, circuitbreaker, purgatory, pybreaker

reached = 0


class Backend:
    """Dead, and slow to say so."""

    async def call(self, dead=True, seconds=0.1):
        global reached
        reached += 1
        await asyncio.sleep(seconds)
        if dead:
            raise ConnectionError

    def call_in_thread(self):
        global reached
        reached += 1
        time.sleep(0.1)
        raise ConnectionError


async def outcome(call):
    try:
        await call
    except Exception:
        pass


def breakers(call):
    yield "circuitbreaker (asyncio)", circuitbreaker.CircuitBreaker(failure_threshold=3, recovery_timeout=0.5).decorate(call)
    other = aiobreaker.CircuitBreaker(fail_max=3, timeout_duration=datetime.timedelta(seconds=0.5))
    yield "aiobreaker", lambda *given: other.call_async(call, *given)
    yield "purgatory", purgatory.AsyncCircuitBreakerFactory(default_threshold=3, default_ttl=0.5)("backend")(call)


async def crowds():
    global reached
    for name, guarded in breakers(Backend().call):
        for _ in range(4):
            await outcome(guarded(True, 0))
        await asyncio.sleep(1)
        reached = 0
        await asyncio.gather(*(outcome(guarded()) for _ in range(10)))
        print(f"{name:26} {reached:2}")


def crowds_of_threads():
    global reached
    call = Backend().call_in_thread
    for name, guarded in (
        ("circuitbreaker (threads)", circuitbreaker.CircuitBreaker(failure_threshold=3, recovery_timeout=0.5).decorate(call)),
        ("pybreaker (threads)", pybreaker.CircuitBreaker(fail_max=3, reset_timeout=0.5)(call)),
    ):

        def once():
            try:
                guarded()
            except Exception:
                pass

        for _ in range(4):
            once()
        time.sleep(1)
        reached = 0
        threads = [threading.Thread(target=once) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{name:26} {reached:2}")


async def late():
    call = Backend().call
    ours = circuitbreaker.CircuitBreaker(failure_threshold=3, recovery_timeout=60)
    other = aiobreaker.CircuitBreaker(fail_max=3, timeout_duration=datetime.timedelta(seconds=60))
    for name, guarded, state in (
        ("circuitbreaker", ours.decorate(call), lambda: ours.state),
        ("aiobreaker", lambda *given: other.call_async(call, *given), lambda: other.current_state.name),
    ):
        slow = asyncio.create_task(guarded(False, 1))
        await asyncio.sleep(0.1)
        for _ in range(4):
            await outcome(guarded(True, 0))
        assert state().lower() == "open"
        await slow
        print(f"{name:26} {state().lower()}, by a success from before")


asyncio.run(crowds())
crowds_of_threads()
asyncio.run(late())
PY
cat > "$work/probe.mjs" <<'JS'
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const Brakes = require('brakes');
const Opossum = require('opossum');
const cockatiel = require('cockatiel');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let reached = 0;
const dead = async () => { reached += 1; await pause(100); throw new Error('dead'); };
const brakes = new Brakes(dead, { timeout: 60000, threshold: 0.5, waitThreshold: 3, circuitDuration: 500, statInterval: 100 });
const opossum = new Opossum(dead, { timeout: false, errorThresholdPercentage: 50, volumeThreshold: 3, resetTimeout: 500 });
const policy = cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 500, breaker: new cockatiel.ConsecutiveBreaker(3) });
for (const [name, guarded] of [['brakes', () => brakes.exec()], ['opossum', () => opossum.fire()], ['cockatiel', () => policy.execute(dead)]]) {
  for (let n = 0; n < 6; n += 1) await guarded().catch(() => {});
  await pause(1500);
  reached = 0;
  await Promise.all(Array.from({ length: 10 }, () => guarded().catch(() => {})));
  console.log(name.padEnd(26), String(reached).padStart(2));
}
process.exit();
JS
(cd "$work" && venv/bin/python probe.py && node probe.mjs) | LC_ALL=C sort > "$work/seen"
cat "$work/seen"

diff - "$work/seen" <<'SEEN' || { echo "the behaviour has changed" >&2; exit 1; }
aiobreaker                 10
aiobreaker                 open, by a success from before
brakes                     10
circuitbreaker             closed, by a success from before
circuitbreaker (asyncio)   10
circuitbreaker (threads)   10
cockatiel                   1
opossum                     1
purgatory                  10
pybreaker (threads)         1
SEEN
