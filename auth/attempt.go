package auth

import (
	"context"
	"sync"
	"time"
)

// attempt is one password tried at one account from one source.
type attempt struct {
	peer     Peer
	name     string
	acc      *account
	password Secret
	phc      string   // to compare with
	usable   bool     // the account can sign in with a password at all
	wrong    cacheKey // names the attempt, whoever makes it
	right    cacheKey // the same from this source
}

func (a *Authority) attempt(peer Peer, name string, acc *account, password Secret) attempt {
	t := attempt{peer: peer, name: name, acc: acc, password: password, phc: nobodysHash, usable: acc.mayUsePassword()}
	if t.usable {
		t.phc = acc.Password
	}
	t.wrong = a.cache.key("wrong", name, t.phc, password.Reveal())
	t.right = a.cache.key("right", name, t.phc, password.Reveal(), sourceOf(peer))
	return t
}

// recall answers an attempt that was made before.
func (a *Authority) recall(ctx context.Context, t attempt) (known bool, err error) {
	if t.usable && a.known.has(t.right) {
		return true, a.unspent(ctx, t.peer, t.name, t.acc)
	}
	if a.wrong.Count(t.wrong) > 0 {
		a.wrong.Add(t.wrong)
		return true, unauthenticated("wrong password, the same as before")
	}
	return false, nil
}

// try pays for the attempt, waits for a core and hashes.
func (a *Authority) try(ctx context.Context, t attempt) error {
	if known, err := a.recall(ctx, t); known { // found while we came here
		return err
	}
	paid, err := a.payGuess(ctx, t.peer, t.name, t.acc)
	if err != nil {
		return err
	}
	gate := a.hashing
	if paid.place {
		gate = a.hashingKnown
	}
	wait, cancel := context.WithTimeout(ctx, maxHashWait)
	defer cancel()
	leave, err := gate.Enter(wait)
	if err != nil {
		paid.refund(ctx)
		return busy(err)
	}
	ok := a.matches(t.phc, t.password.Reveal())
	leave()
	if !ok || !t.usable {
		a.wrong.Add(t.wrong)
		cause := "wrong password"
		if !t.usable {
			cause = "no account that can sign in with a password"
		}
		return unauthenticated(cause)
	}
	a.known.add(t.right)
	paid.refund(ctx)
	if !t.acc.PasswordExpired { // that others may know
		a.remember(ctx, t.name, t.acc, t.peer)
	}
	return nil
}

func busy(cause error) error {
	return &Error{Code: Throttled, Reason: "too many sign-ins at once; try again in a moment", RetryAfter: time.Second, Err: cause}
}

// once lets one of several with the same key go first.
type once struct {
	mu    sync.Mutex
	under map[cacheKey]chan struct{}
}

// join gives leave, to be called in the end, to the first; to the others a
// channel that closes when the first has left.
func (o *once) join(k cacheKey) (done <-chan struct{}, leave func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, taken := o.under[k]; taken {
		return c, nil
	}
	if o.under == nil {
		o.under = make(map[cacheKey]chan struct{})
	}
	c := make(chan struct{})
	o.under[k] = c
	return nil, func() {
		o.mu.Lock()
		delete(o.under, k)
		o.mu.Unlock()
		close(c)
	}
}

const (
	knownGoodFor  = 5 * time.Minute
	knownGoodSize = 1 << 14 // entries
)

// knownGood remembers keyed hashes of passwords that were right a moment ago,
// each bound to the stored hash it was compared with, so a change of password
// ends it by itself. When it is full it begins anew.
type knownGood struct {
	mu   sync.Mutex
	now  func() time.Time
	ends map[cacheKey]int64
}

func newKnownGood(now func() time.Time) *knownGood {
	return &knownGood{now: now, ends: make(map[cacheKey]int64)}
}

func (g *knownGood) has(k cacheKey) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	end, ok := g.ends[k]
	return ok && g.now().UnixNano() < end
}

func (g *knownGood) add(k cacheKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.ends) >= knownGoodSize {
		clear(g.ends)
	}
	g.ends[k] = g.now().Add(knownGoodFor).UnixNano()
}
