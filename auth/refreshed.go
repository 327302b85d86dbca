package auth

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

const (
	// lookEvery is how often a session in use is looked at whether its
	// provider is to be asked again: within a minute, with flushEvery.
	lookEvery = 45 * time.Second

	maxAsking    = 8                // questions at once to one provider
	askDeadline  = 20 * time.Second // of one question: its discovery, token and userinfo
	askClaim     = 30 * time.Second // in which nobody else asks
	askPause     = time.Minute      // after one that was not answered
	keepAttempts = 3                // to write an answer, which may be the only one
	keepPause    = time.Second
)

// asking asks providers again about people whose sessions are in use, away
// from the requests that use them. Of several replicas one asks, by a claim in
// the provider session of a session.
type asking struct {
	a   *Authority
	ctx context.Context // ends with the Authority

	mu    sync.Mutex
	under map[string]int // questions under way, by the provider's name
}

// look asks about the session hash where that is due. It does not wait for the
// answer; false: its provider is asked enough already, look again.
func (q *asking) look(ctx context.Context, hash string) bool {
	rec, _, err := q.a.rec.providerSessions.Get(ctx, hash)
	if err != nil || rec.Sealed == nil || q.a.now().Before(rec.Claimed) || !q.old(rec.Asked) {
		return true
	}
	session, _, err := q.a.rec.sessions.Get(ctx, hash)
	if err != nil {
		return true
	}
	of, ok := q.a.Sessions.provider(session)
	if !ok || q.ctx.Err() != nil {
		return true
	}
	if !q.enter(of.Name) {
		return false
	}
	q.a.done.Go(func() {
		defer q.leave(of.Name)
		if err := q.ask(q.ctx, hash); err != nil && q.ctx.Err() == nil {
			q.a.c.Log.Debug("what a provider says of a session was not renewed", "error", err)
		}
	})
	return true
}

// enter takes one of the places of a provider: one that hangs keeps no other
// from being asked.
func (q *asking) enter(provider string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.under[provider] >= maxAsking {
		return false
	}
	if q.under == nil {
		q.under = make(map[string]int)
	}
	q.under[provider]++
	return true
}

func (q *asking) leave(provider string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.under[provider]--; q.under[provider] == 0 {
		delete(q.under, provider)
	}
}

// old reports that some provider wants to be asked again by now.
func (q *asking) old(asked time.Time) bool {
	return slices.ContainsFunc(q.a.trusted().list, func(p Provider) bool { return p.RefreshEvery > 0 && q.due(p, asked) })
}

// due reports that what p said at a time is too old; a time that is to come is
// of another replica's clock, and says nothing.
func (q *asking) due(p Provider, asked time.Time) bool {
	age := q.a.now().Sub(asked)
	return age >= p.RefreshEvery || age < -freshLeeway
}

// question is one about a session that works.
type question struct {
	hash    string
	who     Identity
	uid     string
	rec     sessionRecord
	of      Provider
	id      string // of the linked account
	binding bindingRecord
	claim   time.Time
	refresh Secret
}

func (q *asking) ask(ctx context.Context, hash string) error {
	elsewhere := q.a.trusted().elsewhere
	if elsewhere == nil {
		return nil
	}
	c, due, err := q.claim(ctx, hash)
	if err != nil || !due {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, askDeadline)
	defer cancel()
	ext, err := elsewhere.Refresh(asking, c.of.Name, c.binding.Subject, c.refresh)
	if err == nil && (ext.Issuer != c.binding.Issuer || ext.Subject != c.binding.Subject) {
		err = unauthenticated("the provider answered about somebody else")
	}
	switch CodeOf(err) {
	case "":
		return q.keep(ctx, c, ext)
	case Unauthenticated, Forbidden:
		return q.over(ctx, c, err)
	}
	return errors.Join(err, q.later(ctx, c))
}

// claim takes the right to ask about the session hash, if that is due and
// nobody else has it.
func (q *asking) claim(ctx context.Context, hash string) (c question, due bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	v := &view{a: q.a}
	c.hash = hash
	if c.rec, err = look(ctx, v, q.a.rec.sessions, hash); gone(err) {
		return c, false, nil
	} else if err != nil {
		return c, false, storeFailed(err)
	}
	f, err := q.a.bonded(ctx, v, KindSession, c.rec.bond, "")
	if CodeOf(err) == Unauthenticated {
		return c, false, nil // it works no more
	} else if err != nil {
		return c, false, err
	}
	var ok bool
	if c.of, ok = q.a.Sessions.provider(c.rec); !ok || c.of.RefreshEvery <= 0 {
		return c, false, nil
	}
	i := slices.IndexFunc(c.rec.Parents, func(r Ref) bool { return r.Kind == KindBinding })
	if i < 0 {
		return c, false, nil
	}
	c.id = c.rec.Parents[i].ID
	if c.binding, err = look(ctx, v, q.a.rec.bindings, c.id); gone(err) {
		return c, false, nil
	} else if err != nil {
		return c, false, storeFailed(err)
	}
	f.via = Via{Kind: KindSession, ID: hash, Parents: c.rec.Parents, ref: hash}
	c.who, c.uid = f.identity(), f.acc.UID
	_, err = q.a.rec.providerSessions.Update(ctx, hash, func(r *providerSession, _ *time.Time) error {
		now := q.a.now()
		c.refresh, _ = q.a.Sessions.openProviderSession(hash, c.uid, *r)
		if due = !c.refresh.Empty() && q.due(c.of, r.Asked) && !now.Before(r.Claimed); !due {
			return keystore.ErrSkip
		}
		c.claim = now.Add(askClaim).UTC()
		r.Claimed = c.claim
		return nil
	})
	if gone(err) {
		return c, false, nil
	}
	return c, due && err == nil, storeFailed(err)
}

// errClaimLost says that the session has another secret than the one that was
// asked with, as who unlocked it meanwhile got, or that another replica asks.
var errClaimLost = errors.New("another secret was kept meanwhile")

// held alters the provider session while the claim is ours.
func (q *asking) held(ctx context.Context, c question, change func(*providerSession)) error {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	_, err := q.a.rec.providerSessions.Update(ctx, c.hash, func(r *providerSession, _ *time.Time) error {
		if !r.Claimed.Equal(c.claim) {
			return errClaimLost
		}
		change(r)
		return nil
	})
	if gone(err) || errors.Is(err, errClaimLost) {
		return errClaimLost
	}
	return storeFailed(err)
}

// keep writes what the provider said: its next secret first, which may be the
// only one that works from here on (RFC 9700 §4.14.2), then the groups.
func (q *asking) keep(ctx context.Context, c question, ext External) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askClaim-askDeadline)
	defer cancel()
	var err error
	for n := range keepAttempts {
		if n > 0 && !pause(ctx, keepPause) {
			break
		}
		err = q.held(ctx, c, func(r *providerSession) {
			refresh, idToken := q.a.Sessions.openProviderSession(c.hash, c.uid, *r)
			r.Sealed = q.a.Sessions.sealProviderSession(c.hash, c.uid, newer(refresh, ext.Refresh), newer(idToken, ext.IDToken))
			r.Asked, r.Claimed = q.a.now().UTC(), time.Time{}
		})
		if CodeOf(err) != Unavailable {
			break
		}
	}
	if err != nil && !errors.Is(err, errClaimLost) {
		return err
	}
	giving, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	changed, err := q.a.Bindings.give(giving, c.id, c.binding, q.a.says(c.of, ext.Groups))
	if changed || err != nil {
		q.a.Trail.acted(c.who, actRefreshed, c.of.Name, err)
	}
	return err
}

// over ends a session that its provider does not vouch for any more, and what
// it gave: keys have those groups too, and nobody asks about them. A person
// who is in another session has them again when that is asked about.
func (q *asking) over(ctx context.Context, c question, why error) error {
	err := q.held(ctx, c, func(*providerSession) {})
	if errors.Is(err, errClaimLost) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	if err == nil {
		err = q.a.Bindings.takeBack(ctx, c.id, c.binding)
	}
	if err == nil {
		err = q.a.Sessions.end(ctx, c.rec.User, c.hash)
	}
	if err == nil {
		q.a.Trail.acted(c.who, actRefreshed, c.of.Name, why)
	}
	return err // the claim ends, and the provider is asked once more
}

// later lets the session go on for a while without an answer.
func (q *asking) later(ctx context.Context, c question) error {
	return q.held(ctx, c, func(r *providerSession) { r.Claimed = q.a.now().Add(askPause).UTC() })
}

// pause waits; false: ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
