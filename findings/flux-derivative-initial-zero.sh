#!/usr/bin/env bash
# Flux 0.196.1 (the Go module github.com/influxdata/flux), the query engine of InfluxDB 2.7.12 and
# 2.8.0.
#
# Expected: derivative() and difference() describe their parameter initialZero with the same words,
# "Use zero (0) as the initial value in the derivative (difference) calculation when the subsequent
# value is less than the previous value and nonNegative is true". So for a counter 10, 30, 5, 9 (its
# process was started anew before the 5), one row a second, both give 5 for the third row: it grew
# from 0 to 5.
#
# Happens: difference() gives 5. derivative() gives 0: not the previous value but the result is zero.
#
# Seen:
#     difference(nonNegative: true, initialZero: true): 20 5 4
#     derivative(nonNegative: true, initialZero: true): 20 0 4
#
# Why it matters: a rate by derivative() loses all that a counter has counted between its restart and
# the first point after it, where increase() and difference() of the same data do not; the sums of
# two panels differ, and nothing says so.
#
# What to do: difference(nonNegative: true, initialZero: true), divided by the seconds between the
# points; with derivative() leave initialZero out, so that the row is null and a gap is seen.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the module: its parser is a Rust library, which this replacement for pkg-config builds ----------
GOBIN=$work/bin go install github.com/influxdata/pkg-config@v0.2.14
cat > "$work/cargo" <<'END'
#!/bin/sh
# A default feature makes errors of warnings, of which newer compilers have more.
exec cargo "$@" --no-default-features --features flux/cffi
END
chmod +x "$work/cargo"
mkdir "$work/probe"
cd "$work/probe"
cat > probe_test.go <<'GO'
package probe

import (
	"context"
	"fmt"
	"testing"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/execute"
	"github.com/influxdata/flux/execute/executetest"
	"github.com/influxdata/flux/memory"
	"github.com/influxdata/flux/stdlib/universe"
)

const second = execute.Time(1_000_000_000)

func counter() []flux.Table {
	return []flux.Table{&executetest.Table{
		ColMeta: []flux.ColMeta{{Label: "_time", Type: flux.TTime}, {Label: "_value", Type: flux.TInt}},
		Data: [][]interface{}{
			{1 * second, int64(10)}, {2 * second, int64(30)}, {3 * second, int64(5)}, {4 * second, int64(9)},
		},
	}}
}

func rows(typ flux.ColType, values ...interface{}) []*executetest.Table {
	table := &executetest.Table{ColMeta: []flux.ColMeta{{Label: "_time", Type: flux.TTime}, {Label: "_value", Type: typ}}}
	for i, value := range values {
		table.Data = append(table.Data, []interface{}{execute.Time(i+2) * second, value})
	}
	return []*executetest.Table{table}
}

func TestDifference(t *testing.T) {
	spec := &universe.DifferenceProcedureSpec{Columns: []string{"_value"}, NonNegative: true, InitialZero: true}
	executetest.ProcessTestHelper(t, counter(), rows(flux.TInt, int64(20), int64(5), int64(4)), nil,
		func(d execute.Dataset, cache execute.TableBuilderCache) execute.Transformation {
			return universe.NewDifferenceTransformation(d, cache, spec)
		})
	if !t.Failed() {
		fmt.Println("difference(nonNegative: true, initialZero: true): 20 5 4")
	}
}

func TestDerivative(t *testing.T) {
	spec := &universe.DerivativeProcedureSpec{
		Unit: flux.ConvertDuration(1_000_000_000), Columns: []string{"_value"}, TimeColumn: "_time", NonNegative: true, InitialZero: true,
	}
	executetest.ProcessTestHelper2(t, counter(), rows(flux.TFloat, 20.0, 0.0, 4.0), nil,
		func(id execute.DatasetID, mem memory.Allocator) (execute.Transformation, execute.Dataset) {
			tx, d, err := universe.NewDerivativeTransformation(context.Background(), id, spec, mem)
			if err != nil {
				t.Fatal(err)
			}
			return tx, d
		})
	if !t.Failed() {
		fmt.Println("derivative(nonNegative: true, initialZero: true): 20 0 4")
	}
}
GO
go mod init probe 2> /dev/null
go get -t github.com/influxdata/flux@v0.196.1 2> /dev/null
go mod tidy 2> /dev/null

# --- what happens ----------------------------------------------------------
env --unset=CARGO_TARGET_DIR CARGO="$work/cargo" PKG_CONFIG="$work/bin/pkg-config" \
    RUSTUP_TOOLCHAIN="${RUSTUP_TOOLCHAIN:-$(rustup show active-toolchain | cut -d ' ' -f 1)}" \
    go test -v -count=1 . | tee "$work/seen"
grep -qxF 'difference(nonNegative: true, initialZero: true): 20 5 4' "$work/seen"
grep -qxF 'derivative(nonNegative: true, initialZero: true): 20 0 4' "$work/seen"
echo "as stated: the same words, and derivative() gives 0 where difference() gives the new value"
