package auth

import (
	"context"
)

// For is the name and secret that who shows to up, for the route of that
// upstream and nobody else; up is as the route knows it, so that a secret
// that was entered for another address, or to be sent in another way, does not
// fit. Errors:
//
//	Forbidden    who's credential does not cover all that the user may, and so
//	             does not act as them elsewhere; or who has no account
//	NotFound     nothing is stored that is in force
//	Unavailable  the store does not answer
//
// Reasons are for the person; where to go is the caller's to add.
func (u *Upstreams) For(ctx context.Context, who Identity, up Upstream) (name string, secret Secret, err error) {
	if !who.lends() {
		return "", Secret{}, forbidden("this credential covers only a part of what its user may, so it is not lent the user's own for the upstream %q; use a password, an API key or a token with the scope %s", up.Name, scopeUserText)
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	s, err := u.inForce(ctx, who, up)
	if err != nil {
		return "", Secret{}, err
	}
	if s.Sealed == nil {
		return "", Secret{}, &Error{Code: NotFound, Reason: "the upstream \"" + up.Name + "\" knows you by a name and secret of your own, and none is stored"}
	}
	stale := &Error{Code: NotFound, Reason: "the upstream \"" + up.Name + "\" has changed since you entered your name and secret for it, so they are not sent until you enter them again"}
	if !s.fits(up) {
		return "", Secret{}, stale
	}
	name, secret, ok := u.open(who.uid, up.Name, s)
	if !ok {
		return "", Secret{}, stale
	}
	return name, secret, nil
}

// lends reports whether the credential stands for all that its user may: what
// a narrower one opens cannot be told to an upstream that sees the user's own
// account. A short token that has the whole scope of its maker, as container
// clients hold, stands for as much as that.
func (w Identity) lends() bool {
	return w.uid != "" && w.Scopes.User() && (w.Via.Kind != KindGrant || w.whole)
}

// inForce finds the sealed secret of who for up; empty where there is none. It
// is kept, sealed, as Identify's answers are.
func (u *Upstreams) inForce(ctx context.Context, who Identity, up Upstream) (upstreamSecret, error) {
	now := u.a.now()
	k := u.a.cache.key("upstream", who.User, who.uid, up.Name)
	if text, ok := u.a.cache.text(k, now); ok {
		d := decoder{rest: text}
		s := upstreamSecret{Origin: d.text(), Way: d.text()}
		if sealed := d.text(); sealed != "" {
			s.Sealed = []byte(sealed)
		}
		if !d.bad {
			return s, nil
		}
	}
	seq := u.a.cache.feed.seq.Load()
	v := &view{a: u.a}
	acc, err := v.account(ctx, who.User)
	if err != nil {
		return upstreamSecret{}, err
	}
	var s upstreamSecret
	if acc != nil && acc.UID == who.uid && !acc.Disabled {
		rec, err := u.record(ctx, v, who.User, acc)
		if err != nil {
			return upstreamSecret{}, err
		}
		s = rec.Of[up.Name]
	}
	body := appendText(nil, s.Origin)
	body = appendText(body, s.Way)
	body = appendText(body, string(s.Sealed))
	u.a.cache.keep(k, body, seq, v.deps, now)
	return s, nil
}
