package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/latchkey-io/latchkey/gateway"
)

// part is a part of the daemon, or a service that it uses, which can be well or
// not. look says how it is in a sentence for administrators, without secrets,
// and ends with its context.
type part struct {
	name string
	look func(context.Context) (said string, err error)
}

// partTimeout bounds a look at all parts, which are looked at at once.
const partTimeout = 5 * time.Second

// examineParts looks at parts and tells of them in their order.
func examineParts(ctx context.Context, parts []part) []gateway.Health {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	found := make([]gateway.Health, len(parts))
	var looking sync.WaitGroup
	for i, p := range parts {
		looking.Go(func() {
			said, err := p.look(ctx)
			if err != nil {
				said = err.Error()
			}
			found[i] = gateway.Health{Name: p.name, OK: err == nil, Said: said}
		})
	}
	looking.Wait()
	return found
}

// storeHealth asks the store as a request would.
func (d *daemon) storeHealth(ctx context.Context) (string, error) {
	if err := d.authority.Ready(ctx); err != nil {
		return "", errors.New("the store does not answer: requests are refused until it does")
	}
	return "The store answers.", nil
}
