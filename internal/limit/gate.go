package limit

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// ErrFull is the answer of a [Gate] that has no room, not even to wait.
var ErrFull = errors.New("too busy, try again later")

// Gate lets a bounded number run and a bounded number wait, first come, first
// served. Make it with [NewGate].
type Gate struct {
	mu      sync.Mutex
	free    int
	waiting int       // places in the queue
	queue   list.List // of chan struct{}, closed when it is their turn
}

// NewGate makes a gate for running (at least 1) inside and waiting (at least 0)
// before it; smaller numbers count as these.
func NewGate(running, waiting int) *Gate {
	return &Gate{free: max(running, 1), waiting: max(waiting, 0)}
}

// Enter returns when the caller may run, who then must call leave; calling it
// more than once does no harm. When all places inside and in the queue are
// taken the error is [ErrFull], at once; when ctx ends first, it is ctx's
// error. With an error, leave is nil.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return g.leaver(), nil
	}
	if g.queue.Len() >= g.waiting {
		g.mu.Unlock()
		return nil, ErrFull
	}
	turn := make(chan struct{})
	place := g.queue.PushBack(turn)
	g.mu.Unlock()

	select {
	case <-turn:
		return g.leaver(), nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-turn: // both at once: the place is ours and goes to the next one
		g.nextLocked()
	default:
		g.queue.Remove(place)
	}
	return nil, ctx.Err()
}

func (g *Gate) leaver() func() {
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.nextLocked()
	})
}

// nextLocked hands a place inside to the first in the queue. free stays 0 as
// long as somebody waits, so nobody overtakes.
func (g *Gate) nextLocked() {
	first := g.queue.Front()
	if first == nil {
		g.free++
		return
	}
	close(g.queue.Remove(first).(chan struct{}))
}
