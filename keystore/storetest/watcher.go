package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// A Watcher records what one Watch delivers.
type Watcher struct {
	mu      sync.Mutex
	changes []keystore.Change
	news    chan struct{} // holds one token after every change
	cancel  context.CancelFunc
	done    chan error
}

// NewWatcher starts a Watch, which ends with the test, and waits for its first
// Reset, after which no change is missed.
func NewWatcher(t *testing.T, s keystore.Store) *Watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watcher{news: make(chan struct{}, 1), cancel: cancel, done: make(chan error, 1)}
	go func() {
		w.done <- s.Watch(ctx, func(c keystore.Change) {
			w.mu.Lock()
			w.changes = append(w.changes, c)
			w.mu.Unlock()
			select {
			case w.news <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(cancel)
	w.Wait(t, "a reset", func(cs []keystore.Change) bool {
		return slices.ContainsFunc(cs, func(c keystore.Change) bool { return c.Reset })
	})
	return w
}

// Settle waits for the feed's first proof of life, before which keys changed
// before the Watch may still have come, and forgets these.
func (w *Watcher) Settle(t *testing.T) {
	t.Helper()
	w.Wait(t, "a proof of life", func(cs []keystore.Change) bool {
		return slices.ContainsFunc(cs, func(c keystore.Change) bool { return !c.AliveUntil.IsZero() })
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes = slices.DeleteFunc(w.changes, func(c keystore.Change) bool { return c.Key != "" })
}

// Changes returns all that was delivered so far.
func (w *Watcher) Changes() []keystore.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.changes)
}

// Keys returns the changed keys delivered so far, in order.
func (w *Watcher) Keys() []string {
	var keys []string
	for _, c := range w.Changes() {
		if c.Key != "" {
			keys = append(keys, c.Key)
		}
	}
	return keys
}

// Resets counts the resets delivered so far.
func (w *Watcher) Resets() int {
	n := 0
	for _, c := range w.Changes() {
		if c.Reset {
			n++
		}
	}
	return n
}

// AliveUntil is the latest proof of life.
func (w *Watcher) AliveUntil() time.Time {
	var last time.Time
	for _, c := range w.Changes() {
		if c.AliveUntil.After(last) {
			last = c.AliveUntil
		}
	}
	return last
}

// Wait returns when what was delivered satisfies ok.
func (w *Watcher) Wait(t *testing.T, what string, ok func([]keystore.Change) bool) {
	t.Helper()
	limit := time.After(patience)
	for !ok(w.Changes()) {
		select {
		case <-w.news:
		case <-limit:
			t.Fatalf("the feed did not bring %s, but %d resets and the keys %q", what, w.Resets(), w.Keys())
		}
	}
}

// WaitKey returns when a change of key was delivered.
func (w *Watcher) WaitKey(t *testing.T, key string) {
	t.Helper()
	w.Wait(t, "the change of "+key, func(cs []keystore.Change) bool {
		return slices.ContainsFunc(cs, func(c keystore.Change) bool { return c.Key == key })
	})
}

// WaitKeys returns when n changes of keys were delivered.
func (w *Watcher) WaitKeys(t *testing.T, n int) {
	t.Helper()
	w.Wait(t, fmt.Sprintf("%d changes", n), func([]keystore.Change) bool { return len(w.Keys()) >= n })
}

// Stop ends the Watch and returns what it returned.
func (w *Watcher) Stop(t *testing.T) error {
	t.Helper()
	w.cancel()
	return w.Ended(t)
}

// Ended waits for the Watch to return and returns what it returned.
func (w *Watcher) Ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-w.done:
		return err
	case <-time.After(patience):
		t.Fatal("Watch did not return")
		return nil
	}
}
