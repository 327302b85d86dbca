// Package keystore remembers. It keeps small values under string keys, for
// one process on a file (keystore/bolt) or for several on Redis
// (keystore/redis), and tells whoever watches which keys changed.
//
// It knows nothing of people, credentials or protocols. There is no
// transaction over several keys and none is needed: every change is one
// compare-and-swap on one key, so a Redis Cluster is no special case, and
// callers order their writes so that a crash between two of them leaves a dead
// listing, never a live credential.
//
// What a backend promises is written at [Store]; keystore/storetest checks it.
package keystore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Limits of every backend. Larger keys and values are refused with an error
// before anything is written.
const (
	MaxKey   = 512     // bytes
	MaxValue = 4 << 20 // bytes
)

// Errors a caller may ask for with errors.Is. Any other error of a write means
// that its outcome is unknown: it may or may not have been stored.
var (
	// ErrNotFound: there is no such key, or it has expired.
	ErrNotFound = errors.New("keystore: not found")
	// ErrExists: Create found a live value under the key.
	ErrExists = errors.New("keystore: exists already")
	// ErrConflict: Replace found something other than the old item.
	ErrConflict = errors.New("keystore: changed meanwhile")
	// ErrClosed: the store has been closed, and nothing was written.
	ErrClosed = errors.New("keystore: closed")
)

// Item is a value under its key.
type Item struct {
	Key   string
	Value []byte
	// Expires ends the item; the zero time never does. It is kept to the
	// millisecond. The reader's clock decides at the read; the backend
	// sweeps ten minutes later (SweepAfter).
	Expires time.Time
}

// SweepAfter is how long an expired item may stay in the backend, so that two
// machines whose clocks differ by less agree about what they can read.
const SweepAfter = 10 * time.Minute

// A Store keeps items. All methods are safe for concurrent use, honour the
// deadline of ctx, and keep no reference to the bytes given or returned.
type Store interface {
	// Get returns the live item under key, or ErrNotFound. Its Expires is in
	// UTC and cut to the millisecond.
	Get(ctx context.Context, key string) (Item, error)

	// Create stores an item whose key is free (or whose item has expired), or
	// returns ErrExists. When it returns nil the item is durable.
	Create(ctx context.Context, item Item) error

	// Replace swaps old, as Get returned it (value and expiry are compared),
	// for new under the same key, or returns ErrConflict, also when the key
	// is gone or old has expired. When it returns nil the change is durable.
	Replace(ctx context.Context, old, new Item) error

	// Delete removes the item, or returns ErrNotFound where there was none.
	// Of several at once exactly one gets nil. When it returns, the removal
	// is durable.
	Delete(ctx context.Context, key string) error

	// List streams every live item whose key begins with prefix, in no
	// promised order. An item that changes meanwhile may be missed or come
	// once in either form. It is for export and sweeping, never for the path
	// of a request. An error ends it.
	List(ctx context.Context, prefix string) iter.Seq2[Item, error]

	// Watch calls fn, from one goroutine and in order (in a cluster: in the
	// order of each server), with every change made to the store by anyone,
	// until ctx ends or the store is closed; it then returns nil. Before the
	// first Change of each connection to the backend fn gets a Reset. Watch
	// reconnects by itself. That an item expires or is swept is no change.
	//
	// fn is quick and neither writes to the store nor closes it: within one
	// process a write waits for fn, so it would wait for itself until its
	// deadline. Reading is fine.
	//
	// A change made through this very Store has been given to fn before the
	// writing call returns on backends with one process; on the others it
	// follows through the feed, and AliveUntil proves how far the feed has come.
	Watch(ctx context.Context, fn func(Change)) error

	// Close ends every Watch, lets writes under way end, and releases what
	// the store holds. Calls after it fail with ErrClosed; a second Close
	// returns nil.
	Close() error
}

// A Change is one message of the feed. Exactly one of its fields is set.
type Change struct {
	// Key changed: created, replaced or deleted.
	Key string
	// Reset: the feed is new, and changes before it may have been missed.
	Reset bool
	// AliveUntil: everything changed up to one second before AliveUntil has
	// been delivered. It is the time at which a heartbeat that has now come
	// back was written (by this process, to the master), plus one second; a
	// backend within one process sends a time far ahead, once.
	AliveUntil time.Time
}

// Check refuses an item over the limits. Backends call it before they write.
func (i Item) Check() error {
	if i.Key == "" || len(i.Key) > MaxKey {
		return fmt.Errorf("keystore: key of %d bytes, want 1 to %d", len(i.Key), MaxKey)
	}
	if len(i.Value) > MaxValue {
		return fmt.Errorf("keystore: value of %d bytes under %q, at most %d", len(i.Value), i.Key, MaxValue)
	}
	return nil
}

// CheckReplace refuses a Replace over the limits or over two keys. Backends
// call it before they write.
func CheckReplace(old, next Item) error {
	if old.Key != next.Key {
		return fmt.Errorf("keystore: replace of %q by %q: a change is of one key", old.Key, next.Key)
	}
	return next.Check()
}

// Live reports whether the item can still be read at now.
func (i Item) Live(now time.Time) bool {
	return i.Expires.IsZero() || now.Before(i.Expires)
}
