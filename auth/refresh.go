package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"strconv"
	"time"
)

// A refresh token renews an access token without any other credential. All
// that one sign-in makes in this way is a family, numbered from 0:
//
//	LKrt1 + family (22) + number (5, base 62) + derived (26) + checksum (6)
//
// Nothing of it is stored: the derived part is a keyed hash over family and
// number, and so are the ids of the access tokens, so that a pair can be made
// again from the family's record alone. That is how two programs that use one
// refresh token at the same moment get the same new pair and both go on
// (RFC 9700 §4.14.2 asks for rotation; without a grace window it logs people
// out who run two commands at once).
//
// The record is changed by one swap, which decides races: whoever brings the
// newest number moves the family on; whoever brings the one before gets what
// the swap has made, for refreshGrace and only until the newest is used; all
// others have shown a copy, and the family ends.
const (
	familyLength     = 22
	generationLength = 5
	derivedLength    = refreshLength - len(refreshPrefix) - familyLength - generationLength - checksumLength

	refreshGrace = time.Minute
	// refreshIdle is how long after the end of its access token a refresh
	// token may lie unused.
	refreshIdle = 90 * 24 * time.Hour
)

// Refreshing asks for the next pair of a family.
type Refreshing struct {
	Refresh Secret
	// Access is the access token to be renewed, where the client says it; it
	// may have expired, but must be of the same family.
	Access Secret
}

// Refresh renews an access token by its refresh token, which is the only proof
// that is asked for. Both tokens of the answer are new; what came stays good for
// a minute, for the same answer and nothing else. Errors: Unauthenticated for a
// refresh token that is unknown, has ended, or was used before (which ends all
// that it made); Invalid, field "access_token", for one of another issuer.
func (t *Tokens) Refresh(ctx context.Context, peer Peer, r Refreshing) (tok Token, err error) {
	who, target := Identity{Peer: peer}, ""
	defer func() { t.a.Trail.acted(who, actTokenRefresh, target, err) }()
	id, from, ok := t.a.readRefresh(r.Refresh)
	if !ok {
		return Token{}, unauthenticated("not a refresh token of this installation")
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	v := &view{a: t.a}
	sys, err := v.system(ctx)
	if err != nil {
		return Token{}, err
	}
	f, err := look(ctx, v, t.a.rec.families, id)
	if gone(err) {
		return Token{}, unauthenticated("the refresh token has ended")
	} else if err != nil {
		return Token{}, storeFailed(err)
	}
	who.User, target = f.User, f.User+" "+t.a.familyToken(id, from)
	who.Via = Via{Kind: KindRefresh, ID: t.a.familyToken(id, 0)}
	acc, err := v.account(ctx, f.User)
	if err != nil {
		return Token{}, err
	}
	if why, err := v.live(ctx, KindRefresh, f.bond, acc); err != nil {
		return Token{}, err
	} else if why != "" {
		return Token{}, unauthenticated("the refresh token has ended: " + why)
	}
	if scopes, err := ParseScopes(f.Scope); err != nil || scopes.admin() && !acc.Admin {
		return Token{}, unauthenticated("the refresh token's scope is not its owner's any more")
	}
	if err := t.sameFamily(ctx, id, from, r.Access); err != nil {
		return Token{}, err
	}
	f, err = t.advance(ctx, id, from)
	if errors.Is(err, errReused) {
		err = t.endFamily(ctx, f.User, id, whyRevoked)
		t.a.Trail.acted(who, actTokenReuse, target, err)
		if err != nil { // it may not have ended; whoever asks again ends it
			return Token{}, err
		}
		return Token{}, unauthenticated("the refresh token was used before; all that it made is ended")
	} else if err != nil {
		return Token{}, err
	}
	target = f.User + " " + t.a.familyToken(id, f.Generation)
	renewed, err := t.newest(ctx, sys, id, f)
	if err != nil {
		return Token{}, err
	}
	return t.put(ctx, renewed)
}

// retireToken is retire by the id; it tells whether there was such a token.
func (t *Tokens) retireToken(ctx context.Context, id, why string) (bool, error) {
	rec, _, err := t.a.rec.tokens.Get(ctx, id)
	if gone(err) {
		return false, nil
	} else if err != nil {
		return false, storeFailed(err)
	}
	return true, t.retire(ctx, id, rec, t.a.now(), why)
}

// removeToken removes one token by its id, if it is there.
func (t *Tokens) removeToken(ctx context.Context, owner, id string) error {
	rec, _, err := t.a.rec.tokens.Get(ctx, id)
	if gone(err) {
		return nil
	} else if err != nil {
		return storeFailed(err)
	}
	if err := t.remove(ctx, id, rec); err != nil {
		return err
	}
	return t.shelf.unlist(ctx, owner, id)
}

// Lookup tells the id of the token that a secret is or renews: an access token,
// even one that has expired, its reference form, or a refresh token. The secret
// itself is not judged. Errors: NotFound, or Invalid, field "access_token", for
// a JWT that somebody else issued.
func (t *Tokens) Lookup(ctx context.Context, secret Secret) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	text := secret.Reveal()
	switch FormOf(text) {
	case FormJWT:
		c, err := t.a.readClaims(ctx, &view{a: t.a}, text)
		if CodeOf(err) == Unauthenticated {
			return "", invalid("access_token", "the token was not issued here")
		}
		return c.ID, err
	case FormReference:
		rec, _, err := t.a.rec.creds.Get(ctx, t.a.ring().LookupID(lookupReference, text))
		if gone(err) || err == nil && rec.Token == "" {
			return "", notFound("token")
		}
		return rec.Token, storeFailed(err)
	case FormRefresh:
		id, _, ok := t.a.readRefresh(secret)
		if !ok {
			return "", notFound("token")
		}
		return t.ofFamily(ctx, id)
	}
	return "", notFound("token")
}

// familyToken is the id of the access token with a number in a family.
func (a *Authority) familyToken(id string, generation uint64) string {
	sum := sha256.Sum256([]byte(a.familyHash("id", id, generation)))
	return uuidOf([16]byte(sum[:16]))
}

func (a *Authority) refreshToken(id string, generation uint64) Secret {
	body := refreshPrefix + id + generationText(generation) + a.derive("refresh", id, generation, derivedLength)
	return NewSecret(body + checksum(body))
}

// readRefresh takes a refresh token apart, if it is one that refreshToken made.
func (a *Authority) readRefresh(s Secret) (id string, generation uint64, ok bool) {
	text := s.Reveal()
	if FormOf(text) != FormRefresh || !wellFormed(text) {
		return "", 0, false
	}
	rest := text[len(refreshPrefix):]
	id, rest = rest[:familyLength], rest[familyLength:]
	for i := range generationLength {
		generation = generation*62 + digitOf(rest[i])
	}
	want := a.refreshToken(id, generation).Reveal()
	return id, generation, subtle.ConstantTimeCompare([]byte(text), []byte(want)) == 1
}

func generationText(n uint64) string {
	var out [generationLength]byte
	for i := generationLength - 1; i >= 0; i-- {
		out[i] = alphanumerics[n%62]
		n /= 62
	}
	return string(out[:])
}

// digitOf is the value of an alphanumeric in base 62, as alphanumerics has them.
func digitOf(c byte) uint64 {
	switch {
	case c <= '9':
		return uint64(c - '0')
	case c <= 'Z':
		return uint64(c-'A') + 10
	}
	return uint64(c-'a') + 36
}

func (a *Authority) familyHash(what, id string, n uint64) string {
	return a.ring().LookupID(lookupFamily, what+" "+id+" "+strconv.FormatUint(n, 10))
}

// derive makes n characters that only the key ring can make.
func (a *Authority) derive(what, id string, generation uint64, n int) string {
	return pickAlphanumeric(&hashStream{seed: a.familyHash(what, id, generation)}, n)
}

// hashStream is SHA-256 over a seed and a counter, without end.
type hashStream struct {
	seed string
	n    uint64
}

func (h *hashStream) Read(p []byte) (int, error) {
	for done := 0; done < len(p); h.n++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(h.seed), h.n))
		done += copy(p[done:], sum[:])
	}
	return len(p), nil
}
