package auth

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Limits of how long a token and its successor both work.
const (
	MinOverlap = time.Minute
	MaxOverlap = 30 * 24 * time.Hour
)

// successor is a token that is about to take over from another, and judged.
type successor struct {
	NewToken
	old          tokenRecord
	scopes       Scopes
	now, expires time.Time
}

// succeed judges whether who may make a successor of token id.
func (t *Tokens) succeed(ctx context.Context, who Identity, id string) (s successor, err error) {
	if s.old, err = t.find(ctx, who, actTokenRotate, id); err != nil {
		return s, err
	}
	if hangsOn(who, KindToken, id) {
		return s, forbidden("a token does not rotate itself or what it was made with; use your password, a key or another token")
	}
	if len(lineage(who)) > maxLineage {
		return s, forbidden("tokens have made tokens too often here; begin with your password or a key")
	}
	if s.scopes, err = ParseScopes(s.old.Scope); err != nil {
		return s, err
	}
	s.now = t.a.now().UTC().Truncate(time.Second)
	if s.expires, err = t.expiry(who, s.old.life(), s.now); err != nil {
		return s, err
	}
	s.NewToken = NewToken{
		Owner: s.old.User, Description: s.old.Description, Audience: s.old.Audience,
		Reference: s.old.Reference != "", Refreshable: s.old.Family != "", replaces: id,
	}
	return s, t.a.covers(who, s.old.User, s.scopes, s.expires)
}

// rotated records that a token of owner was rotated, or was to be; owner is
// empty where that was refused before it was known.
func (t *Tokens) rotated(who Identity, owner, id, next string, err error) {
	t.a.Trail.acted(who, actTokenRotate, strings.TrimSpace(strings.Join([]string{owner, id, next}, " ")), err)
}

// Rotate ends a token and makes one of the same owner, scope, description and
// kind of life; the old is dead before the new is answered.
func (t *Tokens) Rotate(ctx context.Context, who Identity, id string) (tok Token, err error) {
	var s successor
	defer func() { t.rotated(who, s.Owner, id, tok.ID, err) }()
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	if s, err = t.succeed(ctx, who, id); err != nil {
		return Token{}, err
	}
	if err := t.end(ctx, id, s.old, whyReplaced); err != nil {
		return Token{}, err
	}
	return t.make(ctx, who, s.NewToken, s.scopes, s.now, s.expires)
}

// Replace makes a token as Rotate does, and ends the old one only overlap
// later, but never later than it would have ended anyway, so that what uses it
// can be changed over meanwhile. When Replace fails, no new token works that is
// not on the owner's list; to call it again is safe.
//
// overlap is MinOverlap to MaxOverlap; another is of code Invalid, field
// "overlap", and so is the replacing of a token that refresh tokens renew. A
// token that has a successor already, which works, is of code Exists.
func (t *Tokens) Replace(ctx context.Context, who Identity, id string, overlap time.Duration) (tok Token, err error) {
	var s successor
	defer func() { t.rotated(who, s.Owner, id, tok.ID, err) }()
	if overlap < MinOverlap || overlap > MaxOverlap {
		return Token{}, invalid("overlap", "both tokens work together for a minute at least and 30 days at most")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	if s, err = t.succeed(ctx, who, id); err != nil {
		return Token{}, err
	}
	if s.Refreshable {
		return Token{}, invalid("overlap", "a token that is renewed by a refresh token ends at once when it is rotated")
	}
	v := &view{a: t.a}
	acc, err := v.account(ctx, s.Owner)
	if err != nil {
		return Token{}, err
	}
	if why, err := v.live(ctx, KindToken, s.old.bond, acc); err != nil {
		return Token{}, err
	} else if why != "" { // found, since nobody has marked it yet
		return Token{}, notFound("token")
	}
	if err := t.noSuccessor(ctx, s.old); err != nil {
		return Token{}, err
	}
	tok, err = t.make(ctx, who, s.NewToken, s.scopes, s.now, s.expires)
	if err != nil {
		return Token{}, err
	}
	if err := t.endLater(ctx, id, s, tok.ID, s.now.Add(overlap)); err != nil {
		// Nobody has seen the new one. It is taken back if that can be done,
		// and is on the list if not.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
		defer cancel()
		_ = t.removeToken(undo, s.Owner, tok.ID)
		return Token{}, err
	}
	return tok, nil
}

// noSuccessor refuses a token that has been replaced by one that works. A
// successor that is gone was never handed out, or has been revoked.
func (t *Tokens) noSuccessor(ctx context.Context, old tokenRecord) error {
	if old.ReplacedBy == "" {
		return nil
	}
	next, _, err := t.a.rec.tokens.Get(ctx, old.ReplacedBy)
	switch {
	case gone(err) || err == nil && t.over(next):
		return nil
	case err != nil:
		return storeFailed(err)
	}
	return &Error{Code: Exists, Reason: "the token was replaced by " + old.ReplacedBy + " already, and ends at " +
		old.Expires.Format(time.RFC3339) + "; rotate that one, or revoke it first"}
}

// endLater sets the end of a token that next takes over from.
func (t *Tokens) endLater(ctx context.Context, id string, s successor, next string, end time.Time) error {
	rec, err := t.a.rec.tokens.Update(ctx, id, func(r *tokenRecord, expires *time.Time) error {
		switch {
		case !r.Ended.IsZero():
			return notFound("token")
		case r.ReplacedBy != s.old.ReplacedBy:
			return &Error{Code: Exists, Reason: "the token was replaced by " + r.ReplacedBy + " a moment ago"}
		}
		r.Life, r.Expires, r.ReplacedBy = r.life(), earlier(r.Expires, end), next
		*expires = draft{rec: *r, sweep: r.Expires}.until()
		return nil
	})
	if gone(err) {
		return notFound("token")
	} else if e := (*Error)(nil); errors.As(err, &e) {
		return err
	} else if err != nil {
		return storeFailed(err)
	}
	if rec.Reference == "" {
		return nil
	}
	// The record decides; this only lets the store forget the other form.
	_, err = t.a.rec.creds.Update(ctx, rec.Reference, func(c *credRecord, expires *time.Time) error {
		c.Expires, *expires = rec.Expires, rec.Expires
		return nil
	})
	if gone(err) {
		return nil
	}
	return storeFailed(err)
}
