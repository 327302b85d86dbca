package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// glanceFresh is how long what one look told goes on to be told.
const glanceFresh = 30 * time.Second

// glance remembers how a provider answered that publishes nothing.
type glance struct {
	mu   sync.Mutex
	at   time.Time
	said string
	ok   bool
}

// look asks at an address, showing nothing. Any answer but a fault of the server
// is one; that it is a refusal is as it should be. It takes at most askTimeout.
func (g *glance) look(ctx context.Context, p *client, at string) (said string, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if age := p.now().Sub(g.at); !g.at.IsZero() && age >= 0 && age < glanceFresh {
		return g.said, g.ok
	}
	g.said, g.ok = "it answers", true
	if err := p.glance(ctx, at); err != nil {
		g.said, g.ok = err.Error(), false
	}
	g.at = p.now()
	return g.said, g.ok
}

func (p *client) glance(ctx context.Context, at string) error {
	ctx, cancel := p.bounded(context.WithoutCancel(ctx)) // others are told what it finds
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return errors.New("its address is not one")
	}
	r.Header.Set("User-Agent", "latchkey")
	answer, err := p.http.Do(r)
	switch {
	case errors.Is(err, errUnclear): // it is for the ways of the API to mind what it says
		return nil
	case err != nil:
		return p.failed("a look", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("it answers %d", answer.StatusCode) // Status is the server's own text
	}
	return nil
}
