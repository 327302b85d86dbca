package oauth

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"sync"
	"time"
)

// How long an issuer's keys count, and how often it is asked.
const (
	keysFresh  = time.Hour        // then they are fetched again before they are used
	keysKept   = 24 * time.Hour   // while the issuer does not answer, they go on working
	fetchEvery = 30 * time.Second // whatever is asked for
	maxWaiting = 100              // requests that wait for one fetch; more are refused at once
)

var (
	errNoKey   = errors.New("the issuer has no such key")
	errWaiting = errors.New("too many wait for the issuer's keys")
)

// unreachable is an issuer whose keys cannot be had.
type unreachable struct{ err error }

func (u unreachable) Error() string { return "the issuer's keys cannot be fetched: " + u.err.Error() }
func (u unreachable) Unwrap() error { return u.err }

// issuer remembers the keys of one issuer. The first request that needs them
// fetches them, in its own time; those that come meanwhile wait for it. There
// is nothing in the background to be stopped.
type issuer struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex
	keys    []key         // nil: never had
	had     time.Time     // when they were asked for
	asked   time.Time     // when the last fetch began; zero: never
	failed  error         // how the last fetch ended
	busy    chan struct{} // closed when the fetch under way ends; nil: none is
	waiting int
}

// key is the public key of this id for alg. Errors: errNoKey when the issuer is
// known to have none, unreachable when that is not known. It takes at most
// fetchTimeout.
func (i *issuer) key(ctx context.Context, id, alg string) (crypto.PublicKey, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	k, found := find(i.keys, id, alg)
	if found && i.age(i.had) < keysFresh {
		return k, nil
	}
	switch {
	case i.busy != nil:
		if err := i.wait(ctx); err != nil {
			return i.old(id, alg, err)
		}
	case i.age(i.asked) >= fetchEvery:
		i.fetch(ctx)
	}
	return i.old(id, alg, i.failed)
}

// old answers from what there is now. failed is why there is nothing newer.
func (i *issuer) old(id, alg string, failed error) (crypto.PublicKey, error) {
	kept := i.keys != nil && i.age(i.had) < keysKept
	if k, found := find(i.keys, id, alg); found && kept {
		return k, nil
	}
	if kept && failed == nil {
		return nil, errNoKey
	}
	if failed == nil {
		failed = errors.New("they were asked for a moment ago")
	}
	return nil, unreachable{failed}
}

// fetch asks the issuer. i.mu is held, but not meanwhile. A client that goes
// away does not end it, for others wait.
func (i *issuer) fetch(ctx context.Context) {
	begun, done := i.now(), make(chan struct{})
	keys, err := []key(nil), errors.New("the fetch broke off")
	i.asked, i.busy = begun, done
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		if i.failed = err; err == nil {
			i.keys, i.had = keys, begun
		}
		i.busy = nil
		close(done)
	}()
	keys, err = fetch(context.WithoutCancel(ctx), i.client, i.url)
}

// wait waits for the fetch under way. i.mu is held, but not meanwhile.
func (i *issuer) wait(ctx context.Context) error {
	if i.waiting >= maxWaiting {
		return errWaiting
	}
	done := i.busy
	i.waiting++
	i.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	i.mu.Lock()
	i.waiting--
	return err
}

// age is how long ago t was. What lies in the future was before the clock was
// set back, and is as good as never.
func (i *issuer) age(t time.Time) time.Duration {
	if age := i.now().Sub(t); age >= 0 && !t.IsZero() {
		return age
	}
	return 1<<63 - 1
}
