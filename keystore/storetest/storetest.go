// Package storetest checks that a backend keeps the promises written at
// keystore.Store, and lends tests the stores they need: one in memory, one that
// fails on demand, and a real Redis server that can be stopped, frozen and
// killed.
//
// It is for tests only. Its server needs Debian's redis-server and fails the
// test, never skips it, where that is missing.
package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Open returns an empty store whose clock is now. It closes the store, and
// what it started for it, in t.Cleanup; the suite may close it earlier.
type Open func(t *testing.T, now func() time.Time) keystore.Store

// Run checks every promise of keystore.Store.
func Run(t *testing.T, open Open) { run(t, open, slices.Equal[[]string]) }

// RunSharded is Run for a backend of several servers, which keep the order of
// changes each for its own keys.
func RunSharded(t *testing.T, open Open) {
	run(t, open, func(a, b []string) bool {
		return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
	})
}

// run wants the keys that a feed brings to be the same as those changed.
func run(t *testing.T, open Open, same func(got, want []string) bool) {
	for _, group := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"Items", testItems},
		{"Expiry", testExpiry},
		{"Contention", testContention},
		{"List", testList},
		{"Watch", func(t *testing.T, open Open) { testWatch(t, open, same) }},
		{"Context", testContext},
		{"Close", testClose},
		{"Table", testTable},
		{"Model", func(t *testing.T, open Open) { testModel(t, open, same) }},
	} {
		t.Run(group.name, func(t *testing.T) { group.run(t, open) })
	}
}

// RunLocal is Run for a backend within one process, where in addition a write
// returns only when every watcher has seen it.
func RunLocal(t *testing.T, open Open) {
	Run(t, open)
	t.Run("Local", func(t *testing.T) { testLocal(t, open) })
}

// patience bounds every wait of the suite. It is a guard against hanging, not
// a measurement.
const patience = 10 * time.Second

// A Clock is a time that moves only when told. It begins at the real time, as
// a Redis server deletes expired items by its own clock.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock returns a clock that shows the current time.
func NewClock() *Clock { return &Clock{t: time.Now()} }

// Now is the time shown. It fits every Config.Now.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// deadline is a context that ends with the suite's patience.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func text(key, value string) keystore.Item {
	return keystore.Item{Key: key, Value: []byte(value)}
}

func create(t *testing.T, s keystore.Store, item keystore.Item) {
	t.Helper()
	if err := s.Create(deadline(t), item); err != nil {
		t.Fatalf("create %q: %v", item.Key, err)
	}
}

func get(t *testing.T, s keystore.Store, key string) keystore.Item {
	t.Helper()
	item, err := s.Get(deadline(t), key)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	return item
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

// listed collects what List gives, and fails on an item that comes twice.
func listed(t *testing.T, s keystore.Store, prefix string) map[string]keystore.Item {
	t.Helper()
	all := map[string]keystore.Item{}
	for item, err := range s.List(deadline(t), prefix) {
		if err != nil {
			t.Fatalf("list %q: %v", prefix, err)
		}
		if _, twice := all[item.Key]; twice {
			t.Fatalf("list %q gave %q twice", prefix, item.Key)
		}
		all[item.Key] = item
	}
	return all
}
