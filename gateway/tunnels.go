package gateway

import "sync"

// tunnels are the connections that were taken over.
type tunnels struct {
	mu     sync.Mutex
	open   map[*exchange]struct{}
	closed bool
}

// add reports false when the gateway has ended.
func (t *tunnels) add(x *exchange) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.open == nil {
		t.open = make(map[*exchange]struct{})
	}
	t.open[x] = struct{}{}
	return true
}

func (t *tunnels) remove(x *exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, x)
}

// end closes all of them, and those still to come.
func (t *tunnels) end() {
	t.mu.Lock()
	t.closed = true
	open := make([]*exchange, 0, len(t.open))
	for x := range t.open {
		open = append(open, x)
	}
	t.mu.Unlock()
	for _, x := range open {
		x.pace.cut(reasonStops)
	}
}
