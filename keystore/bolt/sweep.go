package bolt

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/latchkey-io/latchkey/keystore"
)

// sweepKeys bounds one step of a sweep: that many keys are looked at in one
// short read, and those that have ended are removed in one commit.
const sweepKeys = 1000

func (s *Store) sweeper() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			// What fails now (a full disk) is tried again next time; the
			// items are unreadable already.
			_, _ = s.sweep(context.Background())
		}
	}
}

// Sweep removes the items that expired more than keystore.SweepAfter ago and
// returns how many. The store does so by itself every ten minutes.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.calls.Done()
	return s.sweep(ctx)
}

func (s *Store) sweep(ctx context.Context) (removed int, err error) {
	var from []byte
	for {
		select {
		case <-s.stop:
			return removed, keystore.ErrClosed
		case <-ctx.Done():
			return removed, ctx.Err()
		default:
		}
		dead, next, err := s.dead(from)
		if err != nil {
			return removed, fmt.Errorf("sweep store %s: %w", s.path, err)
		}
		n, err := s.remove(dead)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("sweep store %s: %w", s.path, err)
		}
		if next == nil {
			return removed, nil
		}
		from = next
	}
}

// ended reports whether the bytes are an item to be swept.
func (s *Store) ended(raw []byte) bool {
	item, err := keystore.Decode("", raw)
	return err == nil && !item.Live(s.now().Add(-keystore.SweepAfter))
}

func (s *Store) dead(from []byte) (keys [][]byte, next []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		seen := 0
		for k, raw := c.Seek(from); k != nil; k, raw = c.Next() {
			if seen++; seen > sweepKeys {
				next = append([]byte{}, k...)
				return nil
			}
			if s.ended(raw) {
				keys = append(keys, append([]byte{}, k...))
			}
		}
		return nil
	})
	return keys, next, err
}

// remove looks again: somebody may have taken a key meanwhile.
func (s *Store) remove(keys [][]byte) (n int, err error) {
	if len(keys) == 0 {
		return 0, nil
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		n = 0
		for _, k := range keys {
			if raw := b.Get(k); raw != nil && s.ended(raw) {
				if err := b.Delete(k); err != nil {
					return err
				}
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
