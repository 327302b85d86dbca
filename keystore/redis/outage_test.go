package redis_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/redis"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// eventually polls until ok is true, or fails after limit.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, limit)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// failsInTime runs every method against a server that does not answer.
func failsInTime(t *testing.T, s keystore.Store) {
	t.Helper()
	var wg sync.WaitGroup
	for name, call := range map[string]func(context.Context) error{
		"get":    func(ctx context.Context) error { _, err := s.Get(ctx, "k"); return err },
		"create": func(ctx context.Context) error { return s.Create(ctx, keystore.Item{Key: "new"}) },
		"replace": func(ctx context.Context) error {
			return s.Replace(ctx, keystore.Item{Key: "k"}, keystore.Item{Key: "k"})
		},
		"delete": func(ctx context.Context) error { return s.Delete(ctx, "none") },
		"list": func(ctx context.Context) error {
			var last error
			for _, last = range s.List(ctx, "") {
			}
			return last
		},
	} {
		for range 20 {
			wg.Go(func() {
				begin := time.Now()
				err := call(context.Background())
				if took := time.Since(begin); err == nil || took > 2*time.Second {
					t.Errorf("%s: %v after %v, want an error within 2 s", name, err, took)
				}
				for _, known := range []error{keystore.ErrNotFound, keystore.ErrExists, keystore.ErrConflict, keystore.ErrClosed} {
					if errors.Is(err, known) {
						t.Errorf("%s: %v from a server that is not there", name, err)
					}
				}
			})
		}
	}
	wg.Wait()
}

func aliveAt(w *storetest.Watcher) func() bool {
	return func() bool { return w.AliveUntil().After(time.Now()) }
}

func TestFrozenServer(t *testing.T) {
	t.Parallel()
	server := storetest.Redis(t)
	s := open(t, config(t, server.URL))
	w := storetest.NewWatcher(t, s)
	eventually(t, 5*time.Second, "alive", aliveAt(w))

	server.Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := s.Get(ctx, "k")
	if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
		t.Errorf("get with a deadline of 100 ms: %v after %v", err, took)
	}
	failsInTime(t, s)
	frozen := w.AliveUntil()
	if frozen.After(time.Now()) {
		t.Errorf("alive until %v, while the server is frozen", frozen)
	}
	failsInTime(t, s)
	if again := w.AliveUntil(); !again.Equal(frozen) {
		t.Errorf("the proof of life went from %v to %v while the server was frozen", frozen, again)
	}
	resets := w.Resets()

	server.Resume(t)
	eventually(t, 5*time.Second, "writes work", func() bool {
		err := s.Create(t.Context(), keystore.Item{Key: fmt.Sprint(rand.Uint64())})
		return err == nil
	})
	eventually(t, 5*time.Second, "alive again", aliveAt(w))
	if w.Resets() == resets {
		t.Error("no reset after four seconds without a feed")
	}
	if err := s.Create(t.Context(), keystore.Item{Key: "after"}); err != nil {
		t.Error(err)
	}
	w.WaitKey(t, "after")
}

func TestKilledServer(t *testing.T) {
	t.Parallel()
	server := storetest.Redis(t)
	s := open(t, config(t, server.URL))
	w := storetest.NewWatcher(t, s)
	eventually(t, 5*time.Second, "alive", aliveAt(w))
	if err := s.Create(t.Context(), keystore.Item{Key: "before"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		resets := w.Resets()
		server.Kill(t)
		failsInTime(t, s)
		server.Start(t)
		eventually(t, 5*time.Second, "reads work", func() bool {
			_, err := s.Get(t.Context(), "before")
			return err == nil
		})
		eventually(t, 5*time.Second, "a reset", func() bool { return w.Resets() > resets })
		eventually(t, 5*time.Second, "alive again", aliveAt(w))
		key := fmt.Sprint(rand.Uint64())
		if err := s.Create(t.Context(), keystore.Item{Key: key}); err != nil {
			t.Error(err)
		}
		w.WaitKey(t, key)
	}
}

func TestCloseWhileFrozen(t *testing.T) {
	t.Parallel()
	server := storetest.Redis(t)
	s, err := redis.Open(t.Context(), config(t, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	w := storetest.NewWatcher(t, s)
	server.Pause(t)
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Ended(t); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestProofOfLifeFollowsTheMonotonicClock(t *testing.T) {
	t.Parallel()
	server := storetest.Redis(t)
	w := storetest.NewWatcher(t, open(t, config(t, server.URL)))
	eventually(t, 5*time.Second, "alive", aliveAt(w))
	begin, first := time.Now(), w.AliveUntil()
	if !strings.Contains(first.String(), "m=") {
		t.Errorf("%v has no monotonic reading", first)
	}
	if first.After(begin.Add(time.Second)) {
		t.Errorf("%v promises more than a second", first)
	}
	eventually(t, 5*time.Second, "later proofs", func() bool { return w.AliveUntil().Sub(first) > time.Second })
	for _, c := range w.Changes() {
		if c.Key != "" {
			t.Errorf("a heartbeat was shown as the change %q", c.Key)
		}
	}
}

func TestHeartbeatsAreNeitherListedNorChanges(t *testing.T) {
	server := storetest.Redis(t)
	a, b := open(t, config(t, server.URL)), open(t, config(t, server.URL))
	wa, wb := storetest.NewWatcher(t, a), storetest.NewWatcher(t, b)
	eventually(t, 5*time.Second, "both alive", func() bool { return aliveAt(wa)() && aliveAt(wb)() })
	for _, s := range []keystore.Store{a, b} {
		for item, err := range s.List(t.Context(), "") {
			t.Errorf("listed %+v, %v", item, err)
		}
	}
	if keys := append(wa.Keys(), wb.Keys()...); len(keys) != 0 {
		t.Errorf("changes: %q", keys)
	}
}
