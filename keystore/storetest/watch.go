package storetest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

func testWatch(t *testing.T, open Open, same func(got, want []string) bool) {
	t.Run("a reset comes first and a proof of life follows", func(t *testing.T) {
		w := NewWatcher(t, open(t, time.Now))
		w.Wait(t, "a proof of life", func(cs []keystore.Change) bool {
			return slices.ContainsFunc(cs, func(c keystore.Change) bool { return c.AliveUntil.After(time.Now()) })
		})
		for i, c := range w.Changes() {
			if c.Reset != (i == 0) {
				t.Errorf("change %d is %+v", i, c)
			}
		}
	})
	t.Run("every kind of change comes, in order, once", func(t *testing.T) {
		s := open(t, time.Now)
		w := NewWatcher(t, s)
		var want []string
		for i := range 5 {
			key := fmt.Sprintf("w/%d", i)
			create(t, s, text(key, "v"))
			if err := s.Replace(deadline(t), text(key, "v"), text(key, "w")); err != nil {
				t.Fatal(err)
			}
			if err := s.Delete(deadline(t), key); err != nil {
				t.Fatal(err)
			}
			want = append(want, key, key, key)
		}
		w.WaitKeys(t, len(want))
		if got := w.Keys(); !same(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		for _, c := range w.Changes() {
			set := 0
			for _, is := range []bool{c.Key != "", c.Reset, !c.AliveUntil.IsZero()} {
				if is {
					set++
				}
			}
			if set != 1 {
				t.Errorf("%d fields are set in %+v", set, c)
			}
		}
	})
	t.Run("what was refused is no change", func(t *testing.T) {
		s := open(t, time.Now)
		first := NewWatcher(t, s)
		create(t, s, text("w/taken", "v"))
		first.WaitKeys(t, 1)
		w := NewWatcher(t, s)
		w.Settle(t)
		wantErr(t, "create", s.Create(deadline(t), text("w/taken", "v")), keystore.ErrExists)
		wantErr(t, "replace", s.Replace(deadline(t), text("w/taken", "x"), text("w/taken", "y")), keystore.ErrConflict)
		wantErr(t, "delete", s.Delete(deadline(t), "w/none"), keystore.ErrNotFound)
		create(t, s, text("w/end", ""))
		w.WaitKey(t, "w/end")
		if got := w.Keys(); len(got) != 1 {
			t.Errorf("got %q", got)
		}
	})
	t.Run("keys come as they are", func(t *testing.T) {
		s := open(t, time.Now)
		w := NewWatcher(t, s)
		for _, k := range hostileKeys {
			create(t, s, text("h/"+k, ""))
			w.WaitKey(t, "h/"+k)
		}
	})
	t.Run("a notice follows its change", func(t *testing.T) {
		s := open(t, time.Now)
		first := text("w/v", "0")
		create(t, s, first)
		ctx, cancel := context.WithCancel(t.Context())
		ready, read := make(chan struct{}), make(chan string, 1)
		done := make(chan error, 1)
		go func() {
			done <- s.Watch(ctx, func(c keystore.Change) {
				switch {
				case c.Reset:
					close(ready)
				case c.Key == "w/v":
					item, err := s.Get(ctx, c.Key)
					if err != nil {
						t.Errorf("get: %v", err)
					}
					read <- string(item.Value)
				}
			})
		}()
		<-ready
		if err := s.Replace(deadline(t), first, text("w/v", "1")); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-read:
			if got != "1" {
				t.Errorf("read %q after the notice", got)
			}
		case <-time.After(patience):
			t.Error("no notice")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Run("many watchers get everything, and a new one nothing old", func(t *testing.T) {
		s := open(t, time.Now)
		watchers := make([]*Watcher, 8)
		for i := range watchers {
			watchers[i] = NewWatcher(t, s)
		}
		for i := range 10 {
			create(t, s, text(fmt.Sprintf("w/%d", i), ""))
		}
		for _, w := range watchers {
			w.WaitKeys(t, 10)
		}
		late := NewWatcher(t, s)
		late.Settle(t)
		create(t, s, text("w/end", ""))
		for _, w := range watchers {
			w.WaitKey(t, "w/end")
			if n := len(w.Keys()); n != 11 {
				t.Errorf("%d changes, want 11", n)
			}
		}
		late.WaitKey(t, "w/end")
		if got := late.Keys(); len(got) != 1 {
			t.Errorf("the late one got %q", got)
		}
	})
	t.Run("it ends with its context, and leaves nothing behind", func(t *testing.T) {
		s := open(t, time.Now)
		create(t, s, text("w/warm", ""))
		if err := NewWatcher(t, s).Stop(t); err != nil {
			t.Error(err)
		}
		before := runtime.NumGoroutine()
		for range 5 {
			w := NewWatcher(t, s)
			if err := w.Stop(t); err != nil {
				t.Error(err)
			}
		}
		wantGoroutines(t, before)
		create(t, s, text("w/after", ""))
	})
	t.Run("an ended context ends it at once", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := open(t, time.Now).Watch(ctx, func(keystore.Change) {}); err != nil {
			t.Error(err)
		}
	})
}

// testLocal: within one process the notice is seen before the write returns.
func testLocal(t *testing.T, open Open) {
	t.Run("a write returns after every watcher has seen it", func(t *testing.T) {
		s := open(t, time.Now)
		watchers := []*Watcher{NewWatcher(t, s), NewWatcher(t, s)}
		seen := func(n int) {
			t.Helper()
			for _, w := range watchers {
				if got := len(w.Keys()); got != n {
					t.Fatalf("%d changes seen, want %d", got, n)
				}
			}
		}
		create(t, s, text("l/1", "v"))
		seen(1)
		if err := s.Replace(deadline(t), text("l/1", "v"), text("l/1", "w")); err != nil {
			t.Fatal(err)
		}
		seen(2)
		if err := s.Delete(deadline(t), "l/1"); err != nil {
			t.Fatal(err)
		}
		seen(3)
	})
	t.Run("a stuck watcher costs a write its deadline, not the change", func(t *testing.T) {
		s := open(t, time.Now)
		ready, free := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- s.Watch(ctx, func(c keystore.Change) {
				if c.Reset {
					close(ready)
				} else if c.Key != "" {
					<-free
				}
			})
		}()
		<-ready
		short, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer stop()
		wantErr(t, "create", s.Create(short, text("l/stuck", "v")), context.DeadlineExceeded)
		get(t, s, "l/stuck")
		close(free)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Run("the proof of life is far ahead and comes once", func(t *testing.T) {
		s := open(t, time.Now)
		w := NewWatcher(t, s)
		create(t, s, text("l/2", ""))
		n := 0
		for _, c := range w.Changes() {
			if !c.AliveUntil.IsZero() {
				n++
			}
		}
		if n != 1 || w.AliveUntil().Before(time.Now().AddDate(100, 0, 0)) {
			t.Errorf("%d proofs, until %v", n, w.AliveUntil())
		}
	})
}

// wantGoroutines waits until no more than n run.
func wantGoroutines(t *testing.T, n int) {
	t.Helper()
	limit := time.Now().Add(patience)
	for runtime.NumGoroutine() > n {
		if time.Now().After(limit) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, want at most %d:\n%s", runtime.NumGoroutine(), n, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
		<-time.After(5 * time.Millisecond)
	}
}
