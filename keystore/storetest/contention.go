package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// winners runs try n times at once and wants one nil and n-1 lost.
func winners(t *testing.T, n int, try func(i int) error, lost error) {
	t.Helper()
	var won atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			switch err := try(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, lost):
				t.Errorf("%v, want %v", err, lost)
			}
		})
	}
	close(start)
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d winners, want 1", won.Load())
	}
}

func testContention(t *testing.T, open Open) {
	s := open(t, time.Now)
	const many = 12

	t.Run("one creator wins", func(t *testing.T) {
		winners(t, many, func(i int) error {
			return s.Create(deadline(t), text("c/create", strconv.Itoa(i)))
		}, keystore.ErrExists)
	})
	t.Run("one creator of the same value wins", func(t *testing.T) {
		winners(t, many, func(int) error { return s.Create(deadline(t), text("c/same", "v")) }, keystore.ErrExists)
	})
	t.Run("one deleter wins", func(t *testing.T) {
		create(t, s, text("c/delete", "v"))
		winners(t, many, func(int) error { return s.Delete(deadline(t), "c/delete") }, keystore.ErrNotFound)
	})
	t.Run("one replacer wins", func(t *testing.T) {
		create(t, s, text("c/replace", "v"))
		old := get(t, s, "c/replace")
		winners(t, many, func(i int) error {
			return s.Replace(deadline(t), old, text("c/replace", strconv.Itoa(i)))
		}, keystore.ErrConflict)
	})
	t.Run("replace or delete wins, not both", func(t *testing.T) {
		for i := range 5 {
			key := fmt.Sprintf("c/either/%d", i)
			create(t, s, text(key, "v"))
			old := get(t, s, key)
			var deleted, replaced error
			var wg sync.WaitGroup
			wg.Go(func() { deleted = s.Delete(deadline(t), key) })
			wg.Go(func() { replaced = s.Replace(deadline(t), old, text(key, "w")) })
			wg.Wait()
			if deleted != nil {
				t.Fatalf("delete: %v", deleted)
			}
			_, err := s.Get(deadline(t), key)
			wantErr(t, "get", err, keystore.ErrNotFound)
			if replaced != nil && !errors.Is(replaced, keystore.ErrConflict) {
				t.Fatalf("replace: %v", replaced)
			}
		}
	})
	t.Run("counters are exact", func(t *testing.T) {
		const workers, rounds = 8, 10
		counters := keystore.NewTable[int](s, "count/")
		ids := []string{"a", "b"}
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range rounds {
					for _, id := range ids {
						_, err := counters.Upsert(deadline(t), id, func(v *int, _ *time.Time) error { *v++; return nil })
						if err != nil {
							t.Errorf("upsert: %v", err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
		for _, id := range ids {
			if got, _, err := counters.Get(deadline(t), id); err != nil || got != workers*rounds {
				t.Errorf("%s is %d (%v), want %d", id, got, err, workers*rounds)
			}
		}
	})
	t.Run("one caller's refusal is not its neighbour's", func(t *testing.T) {
		create(t, s, text("c/n/taken", "v"))
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				if i%4 == 0 {
					if err := s.Delete(deadline(t), fmt.Sprintf("c/n/none%d", i)); !errors.Is(err, keystore.ErrNotFound) {
						t.Errorf("delete: %v", err)
					}
					return
				}
				if err := s.Create(deadline(t), text(fmt.Sprintf("c/n/%d", i), "v")); err != nil {
					t.Errorf("create: %v", err)
				}
			})
		}
		wg.Wait()
		if n := len(listed(t, s, "c/n/")); n != 25 {
			t.Errorf("%d items, want 25", n)
		}
	})
}
