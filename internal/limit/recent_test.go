package limit_test

import (
	"encoding/binary"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-io/latchkey/internal/limit"
)

func key(n int) (k [32]byte) {
	binary.BigEndian.PutUint64(k[:], uint64(n))
	return k
}

func TestRecentCountsWithinItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRecent(10, 10*time.Minute, nil)
		if r.Count(key(1)) != 0 {
			t.Error("counts before it began")
		}
		for want := 1; want <= 5; want++ {
			if got := r.Add(key(1)); got != want {
				t.Errorf("Add = %d, want %d", got, want)
			}
			time.Sleep(time.Minute)
		}
		if r.Count(key(1)) != 5 || r.Count(key(2)) != 0 || r.Add(key(2)) != 1 {
			t.Error("keys are mixed up")
		}
		time.Sleep(5*time.Minute - time.Nanosecond) // fixed: later events did not move its end
		if r.Count(key(1)) != 5 {
			t.Error("forgotten early")
		}
		time.Sleep(time.Nanosecond)
		if r.Count(key(1)) != 0 || r.Add(key(1)) != 1 || r.Count(key(2)) != 1 {
			t.Error("after the window")
		}
		r.Forget(key(1))
		r.Forget(key(3))
		if r.Count(key(1)) != 0 || r.Count(key(2)) != 1 || r.Add(key(1)) != 1 {
			t.Error("after Forget")
		}
	})
}

func TestForgetKeepsTheOthers(t *testing.T) {
	r := limit.NewRecent(100, time.Hour, nil)
	for i := range 100 {
		for range i + 1 {
			r.Add(key(i))
		}
	}
	for i := 0; i < 100; i += 2 {
		r.Forget(key(i))
	}
	for i := range 100 {
		if want := (i + 1) * (i % 2); r.Count(key(i)) != want {
			t.Errorf("key %d: %d, want %d", i, r.Count(key(i)), want)
		}
	}
}

func TestRecentUnderAFloodOfKeys(t *testing.T) {
	r := limit.NewRecent(10_000, time.Hour, nil)
	for range 9 {
		r.Add(key(-1))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 1_000_000 {
		if r.Add(key(i)) != 1 {
			t.Fatal("a new key was counted")
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if r.Add(key(-1)) != 10 {
		t.Error("the flood wiped out a count")
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("the table has %d bytes", grown)
	}
	runtime.KeepAlive(r)
}

func TestFullRecentTakesWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const over, running = 900, 100
		r := limit.NewRecent(over+running, time.Minute, nil)
		for i := range over {
			for range 50 {
				r.Add(key(i))
			}
		}
		time.Sleep(time.Minute)
		for i := range running {
			r.Add(key(over + i))
			r.Add(key(over + i))
		}
		for i := range 100 {
			r.Add(key(over + running + i))
		}
		for i := range running {
			if r.Count(key(over+i)) != 2 {
				t.Fatal("a running count went before one that was over")
			}
		}
	})
}

func TestRecentOfOne(t *testing.T) {
	r := limit.NewRecent(0, time.Hour, nil)
	if r.Add(key(1)) != 1 || r.Add(key(1)) != 2 || r.Add(key(2)) != 1 || r.Count(key(1)) != 0 {
		t.Error("a table of one")
	}
}

func TestRecentAtOnce(t *testing.T) {
	r := limit.NewRecent(100, time.Hour, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 5000 {
				r.Add(key(0))
				r.Add(key(i % 300))
				r.Count(key(i % 300))
				if i%10 == 1 {
					r.Forget(key(i % 300))
				}
			}
		})
	}
	wg.Wait()
	if got := r.Count(key(0)); got < 4*5000 {
		t.Errorf("count %d", got)
	}
}

func BenchmarkRecent(b *testing.B) {
	r := limit.NewRecent(100_000, time.Hour, nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Add(key(i))
	}
}
