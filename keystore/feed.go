package keystore

import (
	"context"
	"sync"
	"time"
)

// forever is the AliveUntil of a feed that lives in the process of its
// watchers and so cannot be cut off from them.
var forever = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// A Feed brings changes to the watchers within one process. Backends that
// belong to one process (keystore/bolt) build their Watch on it. The zero Feed
// is ready to use.
type Feed struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	closed   bool
	running  sync.WaitGroup
}

type watcher struct {
	notices chan notice
	quit    chan struct{} // closed by Close
	done    chan struct{} // closed when Watch returns
}

type notice struct {
	key  string
	seen chan struct{}
}

// Watch is Store.Watch. Every Notify that begins after fn got the Reset waits
// for fn; fn must therefore not cause a Notify itself.
func (f *Feed) Watch(ctx context.Context, fn func(Change)) error {
	w := &watcher{
		notices: make(chan notice),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return ErrClosed
	}
	if f.watchers == nil {
		f.watchers = make(map[*watcher]struct{})
	}
	f.watchers[w] = struct{}{}
	f.running.Add(1)
	f.mu.Unlock()

	defer f.running.Done()
	defer func() {
		f.mu.Lock()
		delete(f.watchers, w)
		f.mu.Unlock()
		close(w.done)
	}()
	if ctx.Err() != nil {
		return nil
	}
	fn(Change{Reset: true})
	fn(Change{AliveUntil: forever})
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.quit:
			return nil
		case n := <-w.notices:
			fn(Change{Key: n.key})
			close(n.seen)
		}
	}
}

// Notify gives the changed key to every watcher and returns when each has seen
// it or has ended.
func (f *Feed) Notify(key string) {
	f.mu.Lock()
	watchers := make([]*watcher, 0, len(f.watchers))
	for w := range f.watchers {
		watchers = append(watchers, w)
	}
	f.mu.Unlock()

	for _, w := range watchers {
		n := notice{key: key, seen: make(chan struct{})}
		select {
		case w.notices <- n:
		case <-w.done:
			continue
		}
		select {
		case <-n.seen:
		case <-w.done:
		}
	}
}

// Close ends every Watch and waits until it has returned.
func (f *Feed) Close() {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		for w := range f.watchers {
			close(w.quit)
		}
	}
	f.mu.Unlock()
	f.running.Wait()
}
