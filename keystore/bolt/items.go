package bolt

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"

	"github.com/latchkey-io/latchkey/keystore"
)

// Pages of List: a read transaction is open for one page only, never while the
// caller looks at an item, so a slow caller holds up nobody.
const (
	pageItems = 256
	pageBytes = 1 << 20
)

// Get is keystore.Store's.
func (s *Store) Get(ctx context.Context, key string) (item keystore.Item, err error) {
	if err := s.begin(ctx); err != nil {
		return item, err
	}
	defer s.calls.Done()
	err = s.db.View(func(tx *bbolt.Tx) error {
		_, item, err = s.live(tx, key)
		return err
	})
	return item, err
}

// live returns the raw and the decoded item under key, or ErrNotFound. The raw
// bytes are good only within tx.
func (s *Store) live(tx *bbolt.Tx, key string) ([]byte, keystore.Item, error) {
	raw := tx.Bucket(bucket).Get([]byte(key))
	if raw == nil {
		return nil, keystore.Item{}, keystore.ErrNotFound
	}
	item, err := keystore.Decode(key, raw)
	if err == nil && !item.Live(s.now()) {
		err = keystore.ErrNotFound
	}
	if err != nil {
		return nil, keystore.Item{}, err
	}
	return raw, item, nil
}

// Create is keystore.Store's.
func (s *Store) Create(ctx context.Context, item keystore.Item) error {
	if err := item.Check(); err != nil {
		return err
	}
	free := func(tx *bbolt.Tx) error {
		switch _, _, err := s.live(tx, item.Key); err {
		case nil:
			return keystore.ErrExists
		case keystore.ErrNotFound:
			return nil
		default:
			return err
		}
	}
	raw := item.Encode()
	return s.write(ctx, item.Key, free, func(b *bbolt.Bucket) error {
		return b.Put([]byte(item.Key), raw)
	})
}

// Replace is keystore.Store's.
func (s *Store) Replace(ctx context.Context, old, next keystore.Item) error {
	if err := keystore.CheckReplace(old, next); err != nil {
		return err
	}
	want, raw := old.Encode(), next.Encode()
	same := func(tx *bbolt.Tx) error {
		now, _, err := s.live(tx, old.Key)
		if err == keystore.ErrNotFound || err == nil && !bytes.Equal(now, want) {
			return keystore.ErrConflict
		}
		return err
	}
	return s.write(ctx, next.Key, same, func(b *bbolt.Bucket) error {
		return b.Put([]byte(next.Key), raw)
	})
}

// Delete is keystore.Store's.
func (s *Store) Delete(ctx context.Context, key string) error {
	there := func(tx *bbolt.Tx) error {
		_, _, err := s.live(tx, key)
		return err
	}
	return s.write(ctx, key, there, func(b *bbolt.Bucket) error {
		return b.Delete([]byte(key))
	})
}

// write changes one key in a commit shared with others. When ctx ends first,
// the commit may still come and is then told to the watchers; so check and
// change hold copies, nothing of the caller's.
func (s *Store) write(ctx context.Context, key string, check func(*bbolt.Tx) error, change func(*bbolt.Bucket) error) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := s.begin(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer s.calls.Done()
		done <- s.commit(key, check, change)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("write store %s: %w", s.path, ctx.Err())
	}
}

func (s *Store) commit(key string, check func(*bbolt.Tx) error, change func(*bbolt.Bucket) error) error {
	// A refusal costs no commit, and so no fsync. "Not found" does: what the
	// caller took for a removal by somebody else must be as durable as his own.
	if err := s.db.View(check); err != nil && err != keystore.ErrNotFound {
		return err
	}
	// The refusal is kept beside the transaction: returned from it, it would
	// roll back the whole batch and run every neighbour again.
	var refused error
	err := s.db.Batch(func(tx *bbolt.Tx) error {
		if refused = check(tx); refused != nil {
			return nil
		}
		return change(tx.Bucket(bucket))
	})
	if err != nil {
		return fmt.Errorf("write store %s: %w", s.path, err)
	}
	if refused != nil {
		return refused
	}
	s.feed.Notify(key)
	return nil
}

// List is keystore.Store's, in the order of the keys.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[keystore.Item, error] {
	return func(yield func(keystore.Item, error) bool) {
		for from := []byte(prefix); from != nil; {
			page, next, err := s.page(ctx, []byte(prefix), from)
			for _, item := range page {
				if err := ctx.Err(); err != nil {
					yield(keystore.Item{}, err)
					return
				}
				if !yield(item, nil) {
					return
				}
			}
			if err != nil {
				yield(keystore.Item{}, err)
				return
			}
			from = next
		}
	}
}

// page reads live items at and after from, and the key to go on with, nil at
// the end.
func (s *Store) page(ctx context.Context, prefix, from []byte) (items []keystore.Item, next []byte, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, nil, err
	}
	defer s.calls.Done()
	now, size, seen := s.now(), 0, 0
	err = s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		for k, raw := c.Seek(from); bytes.HasPrefix(k, prefix) && k != nil; k, raw = c.Next() {
			if seen == pageItems || size >= pageBytes {
				next = bytes.Clone(k)
				return nil
			}
			seen++
			item, err := keystore.Decode(string(k), raw)
			if err != nil {
				return err
			}
			if item.Live(now) {
				items = append(items, item)
				size += len(raw)
			}
		}
		return nil
	})
	return items, next, err
}
