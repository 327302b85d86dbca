package limit_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-io/latchkey/internal/limit"
)

func TestGateIsBoundedAndFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limit.NewGate(2, 3)
		ctx := t.Context()
		a, err := g.Enter(ctx)
		if err != nil {
			t.Fatal(err)
		}
		b, err := g.Enter(ctx)
		if err != nil {
			t.Fatal(err)
		}
		in := make(chan int, 3)
		var leaves [3]func()
		for i := range 3 {
			go func() {
				var err error
				if leaves[i], err = g.Enter(ctx); err != nil {
					t.Error(err)
				}
				in <- i
			}()
			synctest.Wait()
		}
		if _, err := g.Enter(ctx); !errors.Is(err, limit.ErrFull) {
			t.Fatalf("beyond the queue: %v", err)
		}
		a()
		a() // more than once does no harm
		synctest.Wait()
		if len(in) != 1 || <-in != 0 {
			t.Fatal("not the first one, or not one")
		}
		b()
		if i := <-in; i != 1 {
			t.Fatalf("%d came second", i)
		}
		leaves[0]()
		if i := <-in; i != 2 {
			t.Fatalf("%d came third", i)
		}
		leaves[1]()
		leaves[2]()
		for range 2 {
			if _, err := g.Enter(ctx); err != nil {
				t.Fatalf("empty again: %v", err)
			}
		}
	})
}

func TestGateRespectsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limit.NewGate(1, 1)
		leave, err := g.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if l, err := g.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) || l != nil {
			t.Fatalf("%v", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("after %v", took)
		}
		if _, err := g.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with an ended context: %v", err)
		}
		// The one who gave up left his place in the queue.
		ok := make(chan error)
		go func() {
			_, err := g.Enter(t.Context())
			ok <- err
		}()
		synctest.Wait()
		leave()
		if err := <-ok; err != nil {
			t.Error(err)
		}
	})
}

func TestGateWithoutSizes(t *testing.T) {
	g := limit.NewGate(0, -1)
	leave, err := g.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Enter(t.Context()); !errors.Is(err, limit.ErrFull) {
		t.Errorf("%v", err)
	}
	leave()
}

func TestGateAtOnce(t *testing.T) {
	const running = 3
	g := limit.NewGate(running, 1000)
	var inside, most atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7+1)*100*time.Microsecond)
			defer cancel()
			if i%2 == 0 {
				ctx = t.Context()
			}
			for range 20 {
				leave, err := g.Enter(ctx)
				if err != nil {
					continue
				}
				n := inside.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				inside.Add(-1)
				leave()
			}
		})
	}
	wg.Wait()
	if m := most.Load(); m > running {
		t.Errorf("%d inside", m)
	}
	// Nothing was lost: all places can be taken again.
	for range running {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := g.Enter(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	}
}
