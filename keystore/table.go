package keystore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"
)

// A Table is the typed view of the items under one prefix: JSON of T under
// prefix + id. It holds no state of its own.
type Table[T any] struct {
	store  Store
	prefix string
}

// NewTable makes the view. The prefix ends with a separator, as "user/".
func NewTable[T any](s Store, prefix string) Table[T] {
	return Table[T]{store: s, prefix: prefix}
}

// Key is the store's key of the record id, as it comes out of Watch.
func (t Table[T]) Key(id string) string { return t.prefix + id }

// Get returns the record and when it expires (zero: never), or ErrNotFound.
func (t Table[T]) Get(ctx context.Context, id string) (T, time.Time, error) {
	item, err := t.store.Get(ctx, t.Key(id))
	if err != nil {
		var zero T
		return zero, time.Time{}, err
	}
	v, err := t.decode(item)
	return v, item.Expires, err
}

// Create stores a new record, or returns ErrExists.
func (t Table[T]) Create(ctx context.Context, id string, v T, expires time.Time) error {
	item, err := t.encode(id, v, expires)
	if err != nil {
		return err
	}
	return t.store.Create(ctx, item)
}

// Delete removes the record, or returns ErrNotFound.
func (t Table[T]) Delete(ctx context.Context, id string) error {
	return t.store.Delete(ctx, t.Key(id))
}

// ErrSkip, returned by the function given to Update or Upsert, ends it
// without a write and without an error.
var ErrSkip = errors.New("keystore: nothing to change")

// Update reads the record, lets change alter it, and swaps it in, trying again
// with the newer record when somebody else was faster. change may run several
// times and alters its record and expiry only. It returns the record as stored.
// Errors: ErrNotFound, what change returned, ctx's, or the store's.
func (t Table[T]) Update(ctx context.Context, id string, change func(v *T, expires *time.Time) error) (T, error) {
	return t.swap(ctx, id, false, change)
}

// Upsert is Update that begins with a zero record where there is none.
func (t Table[T]) Upsert(ctx context.Context, id string, change func(v *T, expires *time.Time) error) (T, error) {
	return t.swap(ctx, id, true, change)
}

func (t Table[T]) swap(ctx context.Context, id string, create bool, change func(*T, *time.Time) error) (T, error) {
	for {
		var v T
		old, err := t.store.Get(ctx, t.Key(id))
		missing := errors.Is(err, ErrNotFound)
		switch {
		case missing && create:
		case err != nil:
			return v, err
		default:
			if v, err = t.decode(old); err != nil {
				return v, err
			}
		}
		expires := old.Expires
		if err := change(&v, &expires); err != nil {
			if errors.Is(err, ErrSkip) {
				err = nil
			}
			return v, err
		}
		item, err := t.encode(id, v, expires)
		if err != nil {
			return v, err
		}
		if missing {
			err = t.store.Create(ctx, item)
		} else {
			err = t.store.Replace(ctx, old, item)
		}
		// Both mean that another writer came between: its record is newer.
		if errors.Is(err, ErrConflict) || errors.Is(err, ErrExists) {
			if ctx.Err() != nil {
				return v, ctx.Err()
			}
			continue
		}
		return v, err
	}
}

// Listed is one record of List, or the error that ended it.
type Listed[T any] struct {
	Value   T
	Expires time.Time
	Err     error
}

// List streams the records with their ids, with the promises of Store.List;
// the last may carry an error.
func (t Table[T]) List(ctx context.Context) iter.Seq2[string, Listed[T]] {
	return func(yield func(string, Listed[T]) bool) {
		for item, err := range t.store.List(ctx, t.prefix) {
			l := Listed[T]{Err: err, Expires: item.Expires}
			id := ""
			if err == nil {
				id = item.Key[len(t.prefix):]
				l.Value, l.Err = t.decode(item)
			}
			if !yield(id, l) || l.Err != nil {
				return
			}
		}
	}
}

func (t Table[T]) encode(id string, v T, expires time.Time) (Item, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return Item{}, fmt.Errorf("keystore: encode %s%s: %w", t.prefix, id, err)
	}
	item := Item{Key: t.Key(id), Value: b, Expires: expires}
	return item, item.Check()
}

func (t Table[T]) decode(item Item) (T, error) {
	var v T
	if err := json.Unmarshal(item.Value, &v); err != nil {
		return v, fmt.Errorf("keystore: decode %s: %w", item.Key, err)
	}
	return v, nil
}
