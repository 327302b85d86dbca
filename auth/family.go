package auth

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// familyRecord is live: with it every token of the family ends.
type familyRecord struct {
	bond                      // Expires: when it has lain unused for too long
	Scope       string        `json:"scope"`
	Description string        `json:"description,omitempty"`
	Audience    string        `json:"audience,omitempty"`
	Reference   bool          `json:"reference,omitempty"`
	Life        time.Duration `json:"life,omitempty"` // of each token; 0: endless
	Limit       time.Time     `json:"limit,omitzero"` // of the family, whatever is renewed
	Generation  uint64        `json:"generation"`     // the newest
	Renewed     time.Time     `json:"renewed"`        // when that was made
	Ends        time.Time     `json:"ends,omitzero"`  // its token
}

// newFamily begins a family for a token that has been judged.
func newFamily(who Identity, token bond, n NewToken, scopes Scopes, now time.Time) familyRecord {
	f := familyRecord{
		bond: token, Scope: scopes.String(), Description: n.Description, Audience: n.Audience, Reference: n.Reference,
		Renewed: token.Created, Ends: token.Expires,
	}
	if !token.Expires.IsZero() {
		f.Life = token.Expires.Sub(token.Created)
	}
	if !who.Full(now) {
		f.Limit = who.Expires
	}
	f.Expires = f.unusedEnd()
	return f
}

// unusedEnd is when the family ends if nothing is renewed any more; zero when
// its token does not end.
func (f familyRecord) unusedEnd() time.Time {
	if f.Ends.IsZero() {
		return f.Limit
	}
	return earlier(f.Ends.Add(refreshIdle), f.Limit)
}

// earlier is the earlier of two ends, of which zero means none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// tokenRecord is that of the newest token of family id.
func (f familyRecord) tokenRecord(id string) tokenRecord {
	rec := tokenRecord{
		bond: f.bond, Scope: f.Scope, Description: f.Description, Audience: f.Audience,
		Family: id, Generation: f.Generation,
	}
	rec.Created, rec.Expires = f.Renewed, f.Ends
	rec.Parents = append(append([]Ref(nil), f.Parents...), Ref{Kind: KindRefresh, ID: id})
	return rec
}

// renew moves the family on by one token, from now.
func (f *familyRecord) renew(from uint64, now time.Time, longest time.Duration) {
	life := f.Life
	if longest > 0 && (life == 0 || life > longest) {
		life = longest
	}
	f.Generation, f.Renewed, f.Ends = from+1, now, f.Limit
	if life > 0 {
		f.Ends = earlier(now.Add(life).Truncate(time.Second), f.Limit)
	}
	f.Expires = f.unusedEnd()
}

// beginFamily keeps a family and makes its first token.
func (t *Tokens) beginFamily(ctx context.Context, sys systemRecord, f familyRecord) (Token, error) {
	id := randomAlphanumeric(familyLength)
	first, err := t.newest(ctx, sys, id, f)
	if err != nil {
		return Token{}, err
	}
	if err := t.list(ctx, f.User, first.ID); err != nil {
		return Token{}, err
	}
	if err := t.a.rec.families.Create(ctx, id, f, f.Expires); err != nil {
		return Token{}, storeFailed(err)
	}
	return t.put(ctx, first)
}

// newest makes the newest pair of a family, or the same pair again, for put.
func (t *Tokens) newest(ctx context.Context, sys systemRecord, id string, f familyRecord) (draft, error) {
	reference := Secret{}
	if f.Reference {
		body := referencePrefix + t.a.derive("reference", id, f.Generation, referenceLength-len(referencePrefix)-checksumLength)
		reference = NewSecret(body + checksum(body))
	}
	d, err := t.draw(ctx, sys, t.a.familyToken(id, f.Generation), f.tokenRecord(id), reference, f.Expires)
	d.Refresh = t.a.refreshToken(id, f.Generation)
	return d, err
}

// again hands a token out once more, with its refresh token, as it was made.
func (t *Tokens) again(ctx context.Context, id string) (Token, error) {
	v := &view{a: t.a}
	sys, err := v.system(ctx)
	if err != nil {
		return Token{}, err
	}
	rec, err := look(ctx, v, t.a.rec.tokens, id)
	if gone(err) {
		return Token{}, notFound("token")
	} else if err != nil {
		return Token{}, storeFailed(err)
	} else if t.over(rec) {
		return Token{}, notFound("token")
	}
	tok := rec.token(sys, id)
	if rec.Family != "" {
		tok.Refresh = t.a.refreshToken(rec.Family, rec.Generation)
	}
	tok.JWT, err = t.sign(ctx, sys, id, rec)
	return tok, err
}

var errReused = errors.New("refresh token used again")

// advance moves a family on from one of its numbers, or finds that somebody
// else just did. It ends what is two steps back.
func (t *Tokens) advance(ctx context.Context, id string, from uint64) (familyRecord, error) {
	now, longest := t.a.now().UTC().Truncate(time.Second), t.a.Policy().TokenMax
	f, err := t.a.rec.families.Update(ctx, id, func(f *familyRecord, expires *time.Time) error {
		switch {
		case from >= f.Generation: // greater after the store was set back to a backup
			f.renew(from, now, longest)
			*expires = f.Expires
			return nil
		case from+1 == f.Generation && now.Before(f.Renewed.Add(refreshGrace)):
			return keystore.ErrSkip
		}
		return errReused
	})
	switch {
	case gone(err):
		return f, unauthenticated("the refresh token has ended")
	case errors.Is(err, errReused):
		return f, err
	case err != nil:
		return f, storeFailed(err)
	case from > 0:
		return f, t.removeToken(ctx, f.User, t.a.familyToken(id, from-1))
	}
	return f, nil
}

// sameFamily checks the access token that came with number from of a family.
func (t *Tokens) sameFamily(ctx context.Context, id string, from uint64, access Secret) error {
	if access.Empty() {
		return nil
	}
	got, err := t.Lookup(ctx, access)
	switch CodeOf(err) {
	case "":
	case NotFound:
		return unauthenticated("the access token is unknown")
	default:
		return err
	}
	for _, of := range []uint64{from, from + 1, max(from, 1) - 1} {
		if got == t.a.familyToken(id, of) {
			return nil
		}
	}
	return unauthenticated("the access token is not the refresh token's")
}

// endFamily ends what can renew, then the tokens it made. Of these the newest
// stays to be shown, for all of them.
func (t *Tokens) endFamily(ctx context.Context, owner, id, why string) error {
	f, _, err := t.a.rec.families.Get(ctx, id)
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	if err := t.a.rec.families.Delete(ctx, id); err != nil && !gone(err) {
		return storeFailed(err)
	}
	shown := false
	for _, of := range []uint64{f.Generation + 1, f.Generation, max(f.Generation, 1) - 1} {
		token := t.a.familyToken(id, of)
		if shown {
			err = t.removeToken(ctx, owner, token)
		} else {
			shown, err = t.retireToken(ctx, token, why)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forget removes a token that works no more, and with a family's newest what
// nobody can renew any more.
func (t *Tokens) forget(ctx context.Context, id string, rec tokenRecord) error {
	if rec.Family != "" {
		f, _, err := t.a.rec.families.Get(ctx, rec.Family)
		if err == nil && f.Generation == rec.Generation {
			err = t.a.rec.families.Delete(ctx, rec.Family)
		}
		if err != nil && !gone(err) {
			return storeFailed(err)
		}
	}
	return t.remove(ctx, id, rec)
}

// renewable reports that the family of rec can still renew it.
func (t *Tokens) renewable(ctx context.Context, v *view, rec tokenRecord) (bool, error) {
	if rec.Family == "" {
		return false, nil
	}
	f, err := look(ctx, v, t.a.rec.families, rec.Family)
	if gone(err) {
		return false, nil
	} else if err != nil {
		return false, storeFailed(err)
	}
	if f.Generation != rec.Generation {
		return false, nil
	}
	acc, err := v.account(ctx, f.User)
	if err != nil {
		return false, err
	}
	why, err := v.live(ctx, KindRefresh, f.bond, acc)
	return why == "", err
}

// ofFamily is the id of a family's newest token that there is. While a refresh
// is under way, or was cut off, the family is one ahead of its tokens.
func (t *Tokens) ofFamily(ctx context.Context, id string) (string, error) {
	f, _, err := t.a.rec.families.Get(ctx, id)
	if gone(err) {
		return "", notFound("token")
	} else if err != nil {
		return "", storeFailed(err)
	}
	newest := t.a.familyToken(id, f.Generation)
	if _, _, err = t.a.rec.tokens.Get(ctx, newest); gone(err) {
		return t.a.familyToken(id, max(f.Generation, 1)-1), nil
	}
	return newest, storeFailed(err)
}
