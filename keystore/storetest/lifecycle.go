package storetest

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

func testContext(t *testing.T, open Open) {
	s := open(t, time.Now)
	first := NewWatcher(t, s)
	create(t, s, text("x/there", "v"))
	first.WaitKeys(t, 1)

	for _, ended := range []struct {
		name string
		make func() (context.Context, context.CancelFunc)
		want error
	}{
		{"cancelled", func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, cancel
		}, context.Canceled},
		{"past its deadline", func() (context.Context, context.CancelFunc) {
			return context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		}, context.DeadlineExceeded},
	} {
		t.Run("a context "+ended.name+" touches nothing", func(t *testing.T) {
			ctx, cancel := ended.make()
			defer cancel()
			w := NewWatcher(t, s)
			w.Settle(t)
			_, err := s.Get(ctx, "x/there")
			wantErr(t, "get", err, ended.want)
			wantErr(t, "create", s.Create(ctx, text("x/new", "v")), ended.want)
			wantErr(t, "replace", s.Replace(ctx, text("x/there", "v"), text("x/there", "w")), ended.want)
			wantErr(t, "delete", s.Delete(ctx, "x/there"), ended.want)
			if all := listed(t, s, "x/"); len(all) != 1 || string(all["x/there"].Value) != "v" {
				t.Errorf("the store holds %v", all)
			}
			if keys := w.Keys(); len(keys) != 0 {
				t.Errorf("changed: %q", keys)
			}
		})
	}
	t.Run("a context without deadline is fine", func(t *testing.T) {
		ctx := context.Background()
		if err := s.Create(ctx, text("x/plain", "v")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(ctx, "x/plain"); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(ctx, "x/plain"); err != nil {
			t.Fatal(err)
		}
	})
}

func testClose(t *testing.T, open Open) {
	t.Run("calls on a closed store fail", func(t *testing.T) {
		s := open(t, time.Now)
		create(t, s, text("z/1", "v"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		ctx := deadline(t)
		_, err := s.Get(ctx, "z/1")
		wantErr(t, "get", err, keystore.ErrClosed)
		wantErr(t, "create", s.Create(ctx, text("z/2", "v")), keystore.ErrClosed)
		wantErr(t, "replace", s.Replace(ctx, text("z/1", "v"), text("z/1", "w")), keystore.ErrClosed)
		wantErr(t, "delete", s.Delete(ctx, "z/1"), keystore.ErrClosed)
		wantErr(t, "watch", s.Watch(ctx, func(keystore.Change) {}), keystore.ErrClosed)
		n := 0
		for _, err := range s.List(ctx, "") {
			n++
			wantErr(t, "list", err, keystore.ErrClosed)
		}
		if n != 1 {
			t.Errorf("list gave %d results, want the error alone", n)
		}
		if err := s.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
	})
	t.Run("it ends every watch", func(t *testing.T) {
		s := open(t, time.Now)
		watchers := []*Watcher{NewWatcher(t, s), NewWatcher(t, s)}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, w := range watchers {
			if err := w.Ended(t); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("it may come in the middle of anything", func(t *testing.T) {
		s := open(t, time.Now)
		done := make(chan struct{})
		written := make(chan struct{}, 1)
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				key := "z/" + time.Duration(i).String()
				err := s.Create(deadline(t), text(key, "v"))
				for _, lerr := range s.List(deadline(t), "z/") {
					err = errors.Join(err, lerr)
				}
				if err != nil {
					if !errors.Is(err, keystore.ErrClosed) {
						t.Errorf("%v, want %v", err, keystore.ErrClosed)
					}
					return
				}
				select {
				case written <- struct{}{}:
				default:
				}
			}
		}()
		<-written
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("a call did not return")
		}
	})
	t.Run("no goroutine is left", func(t *testing.T) {
		open(t, time.Now).Close()
		before := runtime.NumGoroutine()
		for range 3 {
			s := open(t, time.Now)
			NewWatcher(t, s)
			create(t, s, text("z/1", "v"))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		// One goroutine may still run for each test server that open started.
		wantGoroutines(t, before)
	})
}
