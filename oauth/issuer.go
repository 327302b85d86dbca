package oauth

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// How long an issuer's keys count, and how often it is asked.
const (
	keysFresh  = time.Hour        // then they are fetched again before they are used
	keysKept   = 24 * time.Hour   // while the issuer does not answer, they go on working
	fetchEvery = 30 * time.Second // whatever is asked for
	maxWaiting = 500              // requests that wait for one fetch; more are refused at once

	maxToldFetch = 500 // bytes that are told of why one failed
)

var (
	errNoKey   = errors.New("the issuer has no such key")
	errWaiting = errors.New("too many wait for the issuer's keys")
)

// unreachable is an issuer that does not tell what it publishes.
type unreachable struct{ err error }

func (u unreachable) Error() string {
	return "the issuer's keys cannot be fetched: " + clean(u.err.Error(), maxToldFetch)
}
func (u unreachable) Unwrap() error { return u.err }

// issuer remembers what one issuer publishes, its keys above all. The first
// request that needs them fetches them, in its own time; those that come
// meanwhile wait for it. There is nothing in the background to be stopped.
type issuer struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex
	last    published     // what it said last
	had     time.Time     // when it was asked for that
	asked   time.Time     // when the last fetch began; zero: never
	failed  error         // how the last fetch ended
	busy    chan struct{} // closed when the fetch under way ends; nil: none is
	waiting int
}

// issuers are those of a configuration, by URL: providers may share one, with
// its keys and its limits.
type issuers map[string]*issuer

// at is the issuer of a URL: the one that there is, or was before, or another.
func (all issuers) at(url string, before issuers, transport http.RoundTripper, now func() time.Time) *issuer {
	i := cmp.Or(all[url], before[url])
	if i == nil {
		i = &issuer{url: url, client: newClient(transport), now: now}
	}
	all[url] = i
	return i
}

// key is the public key of this id for alg. Errors: errNoKey when the issuer is
// known to have none, unreachable when that is not known. It takes at most
// fetchTimeout.
func (i *issuer) key(ctx context.Context, id, alg string) (crypto.PublicKey, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	k, found := find(i.last.keys, id, alg)
	if found && i.age(i.had) < keysFresh {
		return k, nil
	}
	failed := i.renew(ctx, fetchTimeout)
	if k, found := find(i.last.keys, id, alg); found && i.kept() {
		return k, nil
	}
	if i.kept() && failed == nil {
		return nil, errNoKey
	}
	return nil, i.unknown(failed)
}

// about is what the issuer says of itself, at most as old as its keys may be.
// The error is unreachable. It takes at most limit.
func (i *issuer) about(ctx context.Context, limit time.Duration) (metadata, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.last.keys != nil && i.age(i.had) < keysFresh {
		return i.last.about, nil
	}
	if failed := i.renew(ctx, limit); !i.kept() {
		return metadata{}, i.unknown(failed)
	}
	return i.last.about, nil
}

// look asks the issuer now, unless that was done a moment ago, and tells how
// many keys it has.
func (i *issuer) look(ctx context.Context) (metadata, int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.renew(ctx, fetchTimeout); err != nil || i.last.keys == nil {
		return metadata{}, 0, i.unknown(err)
	}
	return i.last.about, len(i.last.keys), nil
}

// kept reports that what the issuer said last still counts. i.mu is held.
func (i *issuer) kept() bool { return i.last.keys != nil && i.age(i.had) < keysKept }

// unknown says why there is nothing to go by.
func (i *issuer) unknown(failed error) error {
	if failed == nil {
		failed = errors.New("they were asked for a moment ago")
	}
	return unreachable{failed}
}

// renew sees to it that what is known is as new as may be, and tells how the
// last fetch ended. i.mu is held, but not meanwhile.
func (i *issuer) renew(ctx context.Context, limit time.Duration) error {
	ends := time.Now().Add(limit)
	for i.busy != nil {
		if err := i.wait(ctx, time.Until(ends)); err != nil {
			return err
		}
	}
	if i.age(i.asked) < fetchEvery {
		return i.failed
	}
	i.fetch(ctx, time.Until(ends))
	if limit < fetchTimeout && errors.Is(i.failed, context.DeadlineExceeded) {
		i.asked = time.Time{} // others have more time
	}
	return i.failed
}

// fetch asks the issuer. i.mu is held, but not meanwhile. A client that goes
// away does not end it, for others wait.
func (i *issuer) fetch(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	begun, done := i.now(), make(chan struct{})
	said, err := published{}, errors.New("the fetch broke off")
	i.asked, i.busy = begun, done
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		if i.failed = err; err == nil {
			i.last, i.had = said, begun
		}
		i.busy = nil
		close(done)
	}()
	said, err = fetch(ctx, i.client, i.url)
}

// wait waits for the fetch under way. i.mu is held, but not meanwhile.
func (i *issuer) wait(ctx context.Context, limit time.Duration) error {
	if i.waiting >= maxWaiting {
		return errWaiting
	}
	done := i.busy
	i.waiting++
	i.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
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

// verifier verifies what the issuer signed with the key that t names. The key
// is chosen before, so that verifying never fetches; audience and time are
// judged apart (token.untimely), so that each can be told.
func (i *issuer) verifier(ctx context.Context, t *token) (*oidc.IDTokenVerifier, error) {
	public, err := i.key(ctx, t.kid, t.alg)
	if errors.Is(err, errNoKey) {
		return nil, fmt.Errorf("the issuer has no key %s for %s", quote(t.kid), t.alg)
	} else if err != nil {
		return nil, err
	}
	return oidc.NewVerifier(i.url, &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{public}}, &oidc.Config{
		SupportedSigningAlgs: []string{t.alg},
		SkipClientIDCheck:    true,
		SkipExpiryCheck:      true,
	}), nil
}

// verify proves that the issuer signed the token.
func (i *issuer) verify(ctx context.Context, t *token) (*oidc.IDToken, error) {
	verifier, err := i.verifier(ctx, t)
	if err != nil {
		return nil, err
	}
	proven, err := verifier.Verify(ctx, t.raw)
	if err != nil {
		return nil, errors.New("the signature is not the issuer's")
	}
	return proven, nil
}
