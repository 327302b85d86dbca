package auth

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/keystore"
)

// Limits of an upstream credential.
const (
	MaxUpstreamName   = 256     // bytes
	MaxUpstreamSecret = 4 << 10 // bytes
	maxUpstreamsOf    = 100     // of one user, those of upstreams that are gone included
)

// upstreamRecord is what one user shows to upstreams, by their names.
type upstreamRecord struct {
	UID   string                    `json:"uid"`
	Epoch uint64                    `json:"epoch"` // of the account's upstream credentials
	Of    map[string]upstreamSecret `json:"of,omitempty"`
}

// upstreamSecret is one name and secret, sealed to the account, the upstream,
// its origin and the way it is sent, so that it never goes anywhere else.
type upstreamSecret struct {
	Origin  string    `json:"origin"` // scheme://host:port that it was entered for
	Way     string    `json:"way"`    // how it was to be sent
	Sealed  []byte    `json:"sealed"` // name, NUL, secret
	Created time.Time `json:"created"`
}

// UpstreamCredential is what is shown of a user's name and secret for an
// upstream; the secret never is.
type UpstreamCredential struct {
	Upstream string    `json:"upstream"`
	Name     string    `json:"name,omitempty"`
	Created  time.Time `json:"created"`
	// Stale: the upstream is gone, or its address or its way of sending has
	// changed since. It is not used until it is entered again.
	Stale bool `json:"stale,omitempty"`
}

// live reports whether the record is of this account, and not ended with
// others.
func (r *upstreamRecord) live(acc *account) bool {
	return acc != nil && r.UID == acc.UID && r.Epoch == acc.Epochs.Upstream
}

// fits reports whether s was entered for up as it is now.
func (s upstreamSecret) fits(up Upstream) bool {
	return s.Origin == up.Origin() && s.Way == up.way()
}

// boundTo is what a secret is sealed to. No part has a NUL.
func (s upstreamSecret) boundTo(uid, upstream string) string {
	return strings.Join([]string{uid, upstream, s.Origin, s.Way}, "\x00")
}

// open unseals s; ok is false for what was not sealed for exactly this.
func (u *Upstreams) open(uid, upstream string, s upstreamSecret) (name string, secret Secret, ok bool) {
	plain, err := u.a.ring().Open(sealUpstream, s.boundTo(uid, upstream), s.Sealed)
	if err != nil {
		return "", Secret{}, false
	}
	n, text, ok := bytes.Cut(plain, []byte{0})
	return string(n), NewSecret(string(text)), ok
}

// List shows what owner has stored, by the upstreams' names.
func (u *Upstreams) List(ctx context.Context, who Identity, owner string) ([]UpstreamCredential, error) {
	if err := u.a.may(ctx, who, actUpstreamShow, owner); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	v := &view{a: u.a}
	acc, err := v.account(ctx, owner)
	if err != nil {
		return nil, err
	}
	rec, err := u.record(ctx, v, owner, acc)
	if err != nil {
		return nil, err
	}
	known := u.known()
	out := make([]UpstreamCredential, 0, len(rec.Of))
	for upstream, s := range rec.Of {
		name, _, opens := u.open(acc.UID, upstream, s)
		up, there := known.find(upstream)
		out = append(out, UpstreamCredential{
			Upstream: upstream, Name: name, Created: s.Created, Stale: !opens || !there || !s.fits(up),
		})
	}
	slices.SortFunc(out, func(x, y UpstreamCredential) int { return strings.Compare(x.Upstream, y.Upstream) })
	return out, nil
}

// record reads what acc, of that name, has in force; without any it is empty.
func (u *Upstreams) record(ctx context.Context, v *view, name string, acc *account) (upstreamRecord, error) {
	rec, err := look(ctx, v, u.a.rec.upstreams, name)
	if err != nil && !gone(err) {
		return upstreamRecord{}, storeFailed(err)
	}
	if err != nil || !rec.live(acc) {
		return upstreamRecord{}, nil
	}
	return rec, nil
}

// count is how many acc, of that name, has in force.
func (u *Upstreams) count(ctx context.Context, name string, acc *account) (int, error) {
	rec, err := u.record(ctx, &view{a: u.a}, name, acc)
	return len(rec.Of), err
}

// Set stores owner's name and secret for an upstream, in place of those that
// were there: both, or the secret alone where no name is sent. Errors: Invalid
// in field "name" or "secret", NotFound, Forbidden.
func (u *Upstreams) Set(ctx context.Context, who Identity, owner, upstream, name string, secret Secret) (out UpstreamCredential, err error) {
	target := owner
	defer func() { u.a.Trail.acted(who, actUpstreamSet, target, err) }()
	if err := u.a.may(ctx, who, actUpstreamSet, owner); err != nil {
		return UpstreamCredential{}, err
	}
	up, there := u.known().find(upstream)
	if !there {
		return UpstreamCredential{}, noUpstream()
	}
	target += " " + upstream
	if err := up.check(name, secret); err != nil {
		return UpstreamCredential{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	if err := u.pay(ctx, owner); err != nil {
		return UpstreamCredential{}, err
	}
	entry := upstreamSecret{Origin: up.Origin(), Way: up.way(), Created: u.a.now().UTC()}
	_, err = u.a.rec.upstreams.Upsert(ctx, owner, func(r *upstreamRecord, expires *time.Time) error {
		// Read for each try: a reset, or a namesake, may have come between.
		acc, err := u.keeper(ctx, who, owner)
		if err != nil {
			return err
		}
		if !r.live(acc) {
			*r = upstreamRecord{UID: acc.UID, Epoch: acc.Epochs.Upstream}
		}
		if r.Of == nil {
			r.Of = make(map[string]upstreamSecret)
		}
		if _, again := r.Of[upstream]; !again && len(r.Of) >= maxUpstreamsOf {
			return invalid("name", "%s has %d upstream credentials, which is the most; delete some", owner, maxUpstreamsOf)
		}
		entry.Sealed = u.a.ring().Seal(sealUpstream, entry.boundTo(acc.UID, upstream), []byte(name+"\x00"+secret.Reveal()))
		r.Of[upstream], *expires = entry, time.Time{}
		return nil
	})
	if err != nil {
		return UpstreamCredential{}, storeFailed(err)
	}
	return UpstreamCredential{Upstream: upstream, Name: name, Created: entry.Created}, nil
}

// keeper is the account of owner, whose profile who may change.
func (u *Upstreams) keeper(ctx context.Context, who Identity, owner string) (*account, error) {
	acc, _, err := u.a.forBond(ctx, &view{a: u.a}, who, owner)
	if err == nil && acc.ProfileFixed && !who.Admin {
		err = profileKept()
	}
	return acc, err
}

// Delete forgets owner's name and secret for an upstream, be it known still or
// not. NotFound where there are none.
func (u *Upstreams) Delete(ctx context.Context, who Identity, owner, upstream string) (err error) {
	target := owner
	defer func() { u.a.Trail.acted(who, actUpstreamDelete, target, err) }()
	if err := u.a.may(ctx, who, actUpstreamDelete, owner); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	acc, err := (&view{a: u.a}).account(ctx, owner)
	if err != nil {
		return err
	}
	if acc == nil || who.User == owner && who.uid != acc.UID {
		return noAccount(owner)
	}
	had := false
	_, err = u.a.rec.upstreams.Update(ctx, owner, func(r *upstreamRecord, expires *time.Time) error {
		if _, had = r.Of[upstream]; !had || !r.live(acc) {
			had = false
			return keystore.ErrSkip
		}
		if delete(r.Of, upstream); len(r.Of) == 0 {
			*r, *expires = upstreamRecord{}, u.a.now()
		}
		return nil
	})
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	if !had {
		return &Error{Code: NotFound, Reason: "no name and secret are stored for that upstream"}
	}
	target += " " + upstream
	return nil
}

// sweep forgets what a deleted account had, but nothing of a namesake's.
func (u *Upstreams) sweep(ctx context.Context, owner string) error {
	_, err := u.a.rec.upstreams.Update(ctx, owner, func(r *upstreamRecord, expires *time.Time) error {
		acc, err := (&view{a: u.a}).account(ctx, owner)
		if err != nil {
			return err
		}
		if acc != nil && r.UID == acc.UID {
			return keystore.ErrSkip
		}
		*r, *expires = upstreamRecord{}, u.a.now()
		return nil
	})
	if gone(err) {
		return nil
	}
	return err
}

// check says what is wrong with a name and secret for up. Neither is repeated.
func (up Upstream) check(name string, secret Secret) error {
	text := secret.Reveal()
	switch {
	case up.NeedsName() && name == "":
		return invalid("name", "the name is missing: this upstream takes a name and a secret")
	case text == "":
		return invalid("secret", "the secret is missing; to remove what is stored, delete it")
	case len(name) > MaxUpstreamName:
		return invalid("name", "the name has %d bytes; at most %d are taken", len(name), MaxUpstreamName)
	case len(text) > MaxUpstreamSecret:
		return invalid("secret", "the secret has %d bytes; at most %d are taken", len(text), MaxUpstreamSecret)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return invalid("name", "the name has a line break or another character that cannot be sent")
	case up.Send == UpstreamBasic && strings.Contains(name, ":"):
		return invalid("name", "the name has a colon, which Basic credentials cannot carry (RFC 7617 §2)")
	case up.Send == UpstreamBasic && (!utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl)):
		return invalid("secret", "the secret has a line break or another character that cannot be sent")
	case up.Send == UpstreamBearer && strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return invalid("secret", "the secret has a space or another character that a Bearer token cannot have")
	case up.Send == UpstreamHeader && (strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Trim(text, " ") != text):
		return invalid("secret", "the secret has a character that a header cannot carry, or a space at an end")
	}
	return nil
}
