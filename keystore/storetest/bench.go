package storetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-io/latchkey/keystore"
)

// Callers of the parallel benchmarks in all, and keys that are there.
const (
	benchWriters = 64
	benchKeys    = 10_000
)

// Bench measures Get, Create and Replace, each with one caller and with many.
func Bench(b *testing.B, open func(b *testing.B) keystore.Store) {
	ctx := context.Background()
	value := make([]byte, 256)
	s := open(b)
	var wg sync.WaitGroup
	for w := range benchWriters {
		wg.Go(func() {
			for i := w; i < benchKeys; i += benchWriters {
				if err := s.Create(ctx, keystore.Item{Key: fmt.Sprintf("bench/%d", i), Value: value}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var next atomic.Uint64
	ops := []struct {
		name string
		do   func(n uint64) error
	}{
		{"Get", func(n uint64) error {
			_, err := s.Get(ctx, fmt.Sprintf("bench/%d", n%benchKeys))
			return err
		}},
		{"Create", func(n uint64) error {
			return s.Create(ctx, keystore.Item{Key: fmt.Sprintf("new/%d", n), Value: value})
		}},
		{"Replace", func(n uint64) error {
			// The same bytes again, so that no two callers are in conflict.
			item := keystore.Item{Key: fmt.Sprintf("bench/%d", n%benchKeys), Value: value}
			return s.Replace(ctx, item, item)
		}},
	}
	for _, op := range ops {
		b.Run(op.name+"/one", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := op.do(next.Add(1)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(op.name+"/many", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(benchWriters / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := op.do(next.Add(1)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
