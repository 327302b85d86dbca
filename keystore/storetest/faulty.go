package storetest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/latchkey-io/latchkey/keystore"
)

// ErrInjected is what a failed operation returns, wrapped in nothing.
var ErrInjected = errors.New("storetest: injected fault")

// Op names a method of Store.
type Op string

// The operations that can fail. The first three are writes.
const (
	OpCreate  Op = "create"
	OpReplace Op = "replace"
	OpDelete  Op = "delete"
	OpGet     Op = "get"
	OpList    Op = "list"
)

// Mode is how an operation fails.
type Mode int

const (
	// NotPersisted: an error, and the store is as it was.
	NotPersisted Mode = iota
	// Persisted: an error, but the change was made, as when the answer of the
	// server is lost. A read fails as with NotPersisted.
	Persisted
	// Stalled: no answer until ctx ends, then its error; the store is as it
	// was. The ctx needs an end.
	Stalled
)

// Faulty is a Store that fails on demand. It begins without a fault.
type Faulty struct {
	keystore.Store

	mu     sync.Mutex
	rules  []rule
	writes int
	log    []Call
}

// Call is one operation that reached a Faulty.
type Call struct {
	Op  Op
	Key string // prefix, for list
}

type rule struct {
	mode  Mode
	nth   int // counts down to one call; 0 is every one, below 0 is over
	match func(Op, string) bool
}

var _ keystore.Store = (*Faulty)(nil)

// NewFaulty wraps s.
func NewFaulty(s keystore.Store) *Faulty { return &Faulty{Store: s} }

// FailWrite makes the nth write from now fail (1 is the next), once.
func (f *Faulty) FailWrite(n int, mode Mode) {
	if n < 1 {
		panic("storetest: FailWrite counts from 1")
	}
	f.add(rule{mode: mode, nth: n, match: func(op Op, _ string) bool { return op.write() }})
}

// FailWhere makes every operation that match is true for fail, until Heal.
func (f *Faulty) FailWhere(mode Mode, match func(op Op, key string) bool) {
	f.add(rule{mode: mode, match: match})
}

func (f *Faulty) add(r rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, r)
}

// Heal removes every fault. What is stalled stays so until its ctx ends.
func (f *Faulty) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Writes counts the writes tried so far, so that a test can fail each in turn.
func (f *Faulty) Writes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

// Calls returns the operations tried so far, in order.
func (f *Faulty) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.log...)
}

func (op Op) write() bool { return op == OpCreate || op == OpReplace || op == OpDelete }

// fault says how this call fails, if it does.
func (f *Faulty) fault(op Op, key string) (mode Mode, fails bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, Call{op, key})
	if op.write() {
		f.writes++
	}
	hit := -1
	for i := range f.rules {
		r := &f.rules[i]
		if !r.match(op, key) || r.nth > 0 && !r.counted() {
			continue
		}
		if hit < 0 {
			hit = i
		}
	}
	if hit < 0 {
		return 0, false
	}
	mode = f.rules[hit].mode
	// Every rule has counted this call; those whose turn it was are over.
	f.rules = slices.DeleteFunc(f.rules, func(r rule) bool { return r.nth < 0 })
	return mode, true
}

// counted counts one call down, to below zero when it was the one.
func (r *rule) counted() bool {
	if r.nth--; r.nth == 0 {
		r.nth = -1
	}
	return r.nth < 0
}

func (f *Faulty) do(ctx context.Context, op Op, key string, do func() error) error {
	mode, fails := f.fault(op, key)
	switch {
	case !fails:
		return do()
	case mode == Stalled:
		<-ctx.Done()
		return ctx.Err()
	case mode == Persisted && op.write():
		// A refusal of the store is known to the caller: it is no fault.
		if err := do(); err != nil {
			return err
		}
	}
	return ErrInjected
}

func (f *Faulty) Get(ctx context.Context, key string) (item keystore.Item, err error) {
	err = f.do(ctx, OpGet, key, func() error {
		item, err = f.Store.Get(ctx, key)
		return err
	})
	return item, err
}

func (f *Faulty) Create(ctx context.Context, item keystore.Item) error {
	return f.do(ctx, OpCreate, item.Key, func() error { return f.Store.Create(ctx, item) })
}

func (f *Faulty) Replace(ctx context.Context, old, next keystore.Item) error {
	return f.do(ctx, OpReplace, next.Key, func() error { return f.Store.Replace(ctx, old, next) })
}

func (f *Faulty) Delete(ctx context.Context, key string) error {
	return f.do(ctx, OpDelete, key, func() error { return f.Store.Delete(ctx, key) })
}

func (f *Faulty) List(ctx context.Context, prefix string) iter.Seq2[keystore.Item, error] {
	return func(yield func(keystore.Item, error) bool) {
		err := f.do(ctx, OpList, prefix, func() error {
			for item, err := range f.Store.List(ctx, prefix) {
				if !yield(item, err) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(keystore.Item{}, err)
		}
	}
}
