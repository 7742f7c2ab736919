#!/usr/bin/env bash
# tdigest 0.5.2.2 and pytdigest 0.1.4 (PyPI), tdigest 0.1.3 (npm); fastdigest 0.12.0, datasketches 5.2.0 (PyPI) and
# caio/go-tdigest 4.1.0 (Go) for comparison.
#
# Expected: of 1,000 durations 950 are 1 ms and 50 are 1,000 ms. The median is 1, and so is the 90th percentile.
#
# Happens: three t-digests say that the median is 51 and the 90th percentile 850, values that none of the requests
# comes near. Equal values end up in one centroid of any weight, here one of 950 at 1 and one of 50 at 1,000, and
# the value between two centroids is drawn as a straight line from the middle of the one to the middle of the other:
# from the 475th request on. The order of the values and their number do not matter, nor does a higher precision.
# The other three keep to what is equal, but for the 95th percentile, where the values change.
#
# Seen:
#     percentile            50      90      99
#     tdigest (PyPI)     51.0   850.1  1000.0
#     pytdigest          51.0   850.1  1000.0
#     tdigest (npm)      51.0   850.1  1000.0
#     fastdigest           1.0     1.0  1000.0
#     datasketches         1.0     1.0  1000.0
#     go-tdigest           1.0     1.0  1000.0
#
# Why it matters: durations in whole milliseconds, sizes, and numbers of retries are equal for the most part, and
# those that time out are equal too. A cache with 95 % hits looks fifty times slower than it is, and a test with
# random numbers, which all differ, does not show it.
#
# What to do: take one of the three that hold; or a histogram (HdrHistogram, DDSketch), whose error is one of the
# value, whatever the distribution. Adding noise below the resolution of the clock also helps.
set -euo pipefail

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

# --- the packages ------------------------------------------------------------
python3 -m venv venv
venv/bin/pip install -q tdigest==0.5.2.2 pytdigest==0.1.4 fastdigest==0.12.0 datasketches==5.2.0
echo '{ "name": "probe", "version": "1.0.0", "private": true, "type": "module" }' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund tdigest@0.1.3
go mod init probe 2> /dev/null
go get github.com/caio/go-tdigest/v4@v4.1.0 2> /dev/null

cat > probe.py <<'PY'
import random, sys
import datasketches, fastdigest, numpy, pytdigest, tdigest

random.seed(0)
durations = [1.0] * 950 + [1000.0] * 50
random.shuffle(durations)

own = tdigest.TDigest(delta=0.001)
own.batch_update(durations)
sketch = datasketches.tdigest_double(200)
for duration in durations:
    sketch.update(duration)
for name, find in {
    "tdigest": lambda q: own.percentile(q * 100),
    "pytdigest": pytdigest.TDigest.compute(numpy.array(durations)).inverse_cdf,
    "fastdigest": fastdigest.TDigest.from_values(durations).quantile,
    "datasketches": sketch.get_quantile,
}.items():
    print(name, *(f"{float(find(q)):.1f}" for q in (0.5, 0.9, 0.99)))
PY
cat > probe.mjs <<'JS'
import digests from 'tdigest';

const digest = new digests.TDigest();
for (let i = 0; i < 1000; i += 1) digest.push((i * 7919) % 1000 < 950 ? 1 : 1000);
console.log('npm-tdigest', ...[0.5, 0.9, 0.99].map((q) => digest.percentile(q).toFixed(1)));
JS
cat > main.go <<'GO'
package main

import (
	"fmt"

	"github.com/caio/go-tdigest/v4"
)

func main() {
	digest, _ := tdigest.New()
	for i := 0; i < 1000; i++ {
		if i*7919%1000 < 950 {
			digest.Add(1)
		} else {
			digest.Add(1000)
		}
	}
	fmt.Printf("go-tdigest %.1f %.1f %.1f\n", digest.Quantile(0.5), digest.Quantile(0.9), digest.Quantile(0.99))
}
GO

# --- the probe ---------------------------------------------------------------
{ venv/bin/python probe.py && node probe.mjs && go run main.go; } | tee seen

diff seen - <<'T'
tdigest 51.0 850.1 1000.0
pytdigest 51.0 850.1 1000.0
fastdigest 1.0 1.0 1000.0
datasketches 1.0 1.0 1000.0
npm-tdigest 51.0 850.1 1000.0
go-tdigest 1.0 1.0 1000.0
T
