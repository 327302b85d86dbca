package storetest

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Memory is a Store that forgets everything with the process. It passes the
// suite, and never sweeps.
type Memory struct {
	now  func() time.Time
	feed keystore.Feed

	mu     sync.Mutex
	items  map[string][]byte // encoded
	closed bool
}

var _ keystore.Store = (*Memory)(nil)

// NewMemory returns an empty store with the clock now, or the real one if nil.
func NewMemory(now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	return &Memory{now: now, items: map[string][]byte{}}
}

// read returns the item under key, live or not. The caller holds the mutex.
func (m *Memory) read(key string) (item keystore.Item, live bool) {
	raw, ok := m.items[key]
	if !ok {
		return keystore.Item{}, false
	}
	item, err := keystore.Decode(key, raw)
	return item, err == nil && item.Live(m.now())
}

func (m *Memory) Get(ctx context.Context, key string) (keystore.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return keystore.Item{}, err
	}
	item, live := m.read(key)
	if !live {
		return keystore.Item{}, keystore.ErrNotFound
	}
	return item, nil
}

func (m *Memory) Create(ctx context.Context, item keystore.Item) error {
	if err := item.Check(); err != nil {
		return err
	}
	return m.write(ctx, item.Key, func() error {
		if _, live := m.read(item.Key); live {
			return keystore.ErrExists
		}
		m.items[item.Key] = item.Encode()
		return nil
	})
}

func (m *Memory) Replace(ctx context.Context, old, next keystore.Item) error {
	if err := keystore.CheckReplace(old, next); err != nil {
		return err
	}
	return m.write(ctx, old.Key, func() error {
		_, live := m.read(old.Key)
		if !live || !slices.Equal(m.items[old.Key], old.Encode()) {
			return keystore.ErrConflict
		}
		m.items[next.Key] = next.Encode()
		return nil
	})
}

func (m *Memory) Delete(ctx context.Context, key string) error {
	return m.write(ctx, key, func() error {
		if _, live := m.read(key); !live {
			return keystore.ErrNotFound
		}
		delete(m.items, key)
		return nil
	})
}

func (m *Memory) write(ctx context.Context, key string, change func() error) error {
	m.mu.Lock()
	err := m.usable(ctx)
	if err == nil {
		err = change()
	}
	m.mu.Unlock()
	if err != nil {
		return err
	}
	seen := make(chan struct{})
	go func() {
		m.feed.Notify(key)
		close(seen)
	}()
	select {
	case <-seen:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[keystore.Item, error] {
	return func(yield func(keystore.Item, error) bool) {
		m.mu.Lock()
		var keys []string
		for key := range m.items {
			if strings.HasPrefix(key, prefix) {
				keys = append(keys, key)
			}
		}
		m.mu.Unlock()
		for _, key := range append(keys, "") { // "" is no key: one more look at ctx
			m.mu.Lock()
			err := m.usable(ctx)
			item, live := m.read(key)
			m.mu.Unlock()
			switch {
			case err != nil:
				yield(keystore.Item{}, err)
				return
			case live && !yield(item, nil):
				return
			}
		}
	}
}

func (m *Memory) Watch(ctx context.Context, fn func(keystore.Change)) error {
	return m.feed.Watch(ctx, fn)
}

func (m *Memory) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.feed.Close()
	return nil
}

func (m *Memory) usable(ctx context.Context) error {
	if m.closed {
		return keystore.ErrClosed
	}
	return ctx.Err()
}
