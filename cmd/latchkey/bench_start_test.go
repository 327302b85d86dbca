package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// BenchmarkStart is the time from the start of the process until /readyz says
// yes, and the memory that it holds then: for the first start, which makes the
// keys and hashes the first password, and for the second.
//
//	go test -run '^$' -bench '^BenchmarkStart$' -benchtime 5x ./cmd/latchkey
func BenchmarkStart(b *testing.B) {
	stores := []struct {
		name string
		env  func() []string
	}{
		{"bolt", func() []string { return nil }},
		{"redis", func() []string { return []string{"LATCHKEY_STORE=" + storetest.Redis(b).URL} }},
	}
	type figures struct{ took, memory []float64 }
	all := make([][2]figures, len(stores)) // by store, then first and second
	for b.Loop() {
		for i, store := range stores {
			d := newMeasured(b, "", store.env()...)
			for n := range 2 {
				took := d.start()
				f := &all[i][n]
				f.took = append(f.took, float64(took)/float64(time.Millisecond))
				f.memory = append(f.memory, rssOf(b, d.pid()))
				if code := d.stop(); code != exitOK {
					b.Fatalf("the daemon ended with %d", code)
				}
			}
		}
	}
	rows := []string{"|ready after, ms|resident, MB"}
	for i, store := range stores {
		for n, which := range []string{"first start", "second start"} {
			f := all[i][n]
			rows = append(rows, fmt.Sprintf("%s: %s|%.0f|%.1f", store.name, which, median(f.took), median(f.memory)))
		}
	}
	printTable(fmt.Sprintf("From the start of the process to ready, medians of %d rounds", len(all[0][0].took)), rows...)
	b.ReportMetric(median(all[0][1].took), "ready-ms")
	b.ReportMetric(median(all[0][1].memory), "resident-MB")
}
