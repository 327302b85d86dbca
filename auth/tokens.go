package auth

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Tokens keeps access tokens: any number, named, scoped, ending.
type Tokens struct {
	a     *Authority
	shelf shelf[tokenRecord]
}

// NewToken is a token to be made.
type NewToken struct {
	Owner       string        // "": the caller
	Scope       string        // "": applied-permissions/user; the grammar is at Scopes
	Description string        // at most 1024 bytes
	Audience    string        // "": *@*; at most 255 bytes
	Life        time.Duration // 0: the default, or as long as the caller's credential; Endless: none
	Reference   bool          // hand out the 64-character form as well
	Refreshable bool          // hand out a refresh token as well

	replaces string // id of the one that it takes over from
}

const (
	maxAudience = 255 // bytes
	anyAudience = "*@*"
	maxTokensOf = 2000 // tokens of one user; those that have ended give way

	// endedFor is how long a token is shown after its end.
	endedFor = 30 * 24 * time.Hour
	// brief is the life of tokens that programs make at every run; of them, and
	// of shorter ones, nothing is shown after their end.
	brief = time.Hour
)

// Token is an access token as its owner and administrators see it. JWT,
// Reference and Refresh are set only where the token is handed out. One that is
// Refreshable stays on its owner's list after it has expired, as long as it can
// be renewed.
type Token struct {
	ID          string    `json:"id"`
	Owner       string    `json:"owner"`
	Description string    `json:"description,omitempty"`
	Scope       string    `json:"scope"`
	Audience    string    `json:"audience,omitempty"`
	Created     time.Time `json:"created"`
	Expires     time.Time `json:"expires,omitzero"`
	LastUsed    Use       `json:"last_used,omitzero"`
	MadeWith    Kind      `json:"made_with,omitempty"` // what it ends with; empty: stands alone
	Refreshable bool      `json:"refreshable,omitempty"`
	Ended       time.Time `json:"ended,omitzero"`        // zero: it works; else never after Expires
	EndedWhy    string    `json:"ended_why,omitempty"`   // revoked, expired, replaced, or "ended with …"
	Replaces    string    `json:"replaces,omitempty"`    // id of the one that it took over from
	ReplacedBy  string    `json:"replaced_by,omitempty"` // id of the one that works beside it until Expires
	RecentUses  []Use     `json:"recent_uses,omitempty"` // by whom: newest first, of 30 days, at most 8, each address and client once
	Issuer      string    `json:"-"`                     // as its claims say
	Subject     string    `json:"-"`
	JWT         Secret    `json:"-"`
	Reference   Secret    `json:"-"`
	Refresh     Secret    `json:"-"`
}

// tokenRecord is live until it is marked as ended: without it the token's
// signature is worth nothing.
type tokenRecord struct {
	bond
	Scope       string `json:"scope"`
	Description string `json:"description,omitempty"`
	Audience    string `json:"audience,omitempty"`
	Reference   string `json:"reference,omitempty"` // keyed hash of the reference form
	Family      string `json:"family,omitempty"`    // that renews it
	Generation  uint64 `json:"generation,omitempty"`

	EndedWhy   string        `json:"ended_why,omitempty"`
	Replaces   string        `json:"replaces,omitempty"`
	ReplacedBy string        `json:"replaced_by,omitempty"`
	Life       time.Duration `json:"life,omitempty"` // it was made for, where Replace has changed its end
}

// life is what the token was made for; Endless where it does not end by itself.
func (r tokenRecord) life() time.Duration {
	switch {
	case r.Life != 0:
		return r.Life
	case r.Expires.IsZero():
		return Endless
	}
	return r.Expires.Sub(r.Created)
}

// kept reports that the record is shown for a time after its end.
func (r tokenRecord) kept() bool { return r.life() == Endless || r.life() > brief }

// over reports that a token has ended by itself or by somebody's act on it, so
// that nothing but Ended shows it. One that a family renews is over when that is.
func (t *Tokens) over(r tokenRecord) bool {
	return !r.Ended.IsZero() || r.Family == "" && !r.Expires.IsZero() && !t.a.now().Before(r.Expires)
}

func (r tokenRecord) token(sys systemRecord, id string) Token {
	t := Token{
		ID: id, Owner: r.User, Description: r.Description, Scope: r.Scope, Audience: r.Audience,
		Created: r.Created, Expires: r.Expires, Refreshable: r.Family != "",
		Replaces: r.Replaces, ReplacedBy: r.ReplacedBy,
		Issuer: sys.issuer(), Subject: sys.subject(r.User),
	}
	for _, p := range slices.Backward(r.Parents) {
		if p.Kind != KindRefresh {
			t.MadeWith = p.Kind
			break
		}
	}
	return t
}

// Create makes a token. A token made with a credential never exceeds it.
func (t *Tokens) Create(ctx context.Context, who Identity, n NewToken) (tok Token, err error) {
	if n.Owner == "" {
		n.Owner = who.User
	}
	defer func() { t.a.Trail.acted(who, actTokenCreate, n.Owner+" "+tok.ID, err) }()
	scopes, err := ParseScopes(cmp.Or(n.Scope, scopeUserText))
	if err != nil {
		return Token{}, err
	}
	if err := t.a.allowToken(ctx, who, actTokenCreate, n.Owner, scopes); err != nil {
		return Token{}, err
	}
	if err := checkDescription(n.Description); err != nil {
		return Token{}, err
	}
	if n.Audience = cmp.Or(n.Audience, anyAudience); len(n.Audience) > maxAudience || !printableASCII(n.Audience) {
		return Token{}, invalid("audience", "an audience has at most %d printable characters", maxAudience)
	}
	now := t.a.now().UTC().Truncate(time.Second)
	expires, err := t.expiry(who, n.Life, now)
	if err != nil {
		return Token{}, err
	}
	if err := t.a.covers(who, n.Owner, scopes, expires); err != nil {
		return Token{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	return t.make(ctx, who, n, scopes, now, expires)
}

// allowToken lets the owner's credentials with a narrower scope than the whole
// user make tokens as well: covers has the last word on how wide.
func (a *Authority) allowToken(ctx context.Context, who Identity, what act, owner string, scopes Scopes) error {
	if who.Via.Kind == KindGrant || who.Via.Kind == KindBinding {
		return forbidden("a short token, or a token of a provider, makes no tokens")
	}
	if who.Known() && who.User == owner && who.uid != "" && !who.Scopes.User() && who.Scopes.Covers(scopes) {
		return a.Recheck(ctx, who)
	}
	return a.may(ctx, who, what, owner)
}

// make makes a token that has been judged.
func (t *Tokens) make(ctx context.Context, who Identity, n NewToken, scopes Scopes, now, expires time.Time) (Token, error) {
	v := &view{a: t.a}
	acc, sys, err := t.a.forBond(ctx, v, who, n.Owner)
	if err != nil {
		return Token{}, err
	}
	if acc.Disabled {
		return Token{}, invalid("owner", "user %s is disabled; enable the account first", n.Owner)
	}
	for _, s := range scopes {
		if s.Kind == ScopeAdmin && !acc.Admin {
			return Token{}, invalid("scope", "%s is not an administrator, so a token cannot have the scope %s", n.Owner, s)
		}
	}
	if len(lineage(who)) > maxLineage {
		return Token{}, forbidden("tokens have made tokens too often here; begin with your password or a key")
	}
	tied := newBond(who, n.Owner, acc, sys, KindToken, now, expires)
	if n.Refreshable {
		return t.beginFamily(ctx, sys, newFamily(who, tied, n, scopes, now))
	}
	rec := tokenRecord{bond: tied, Scope: scopes.String(), Description: n.Description, Audience: n.Audience, Replaces: n.replaces}
	id, reference := randomID(), Secret{}
	if n.Reference {
		reference = NewSecret(newSecretText(referencePrefix, referenceLength))
	}
	d, err := t.draw(ctx, sys, id, rec, reference, expires)
	if err != nil {
		return Token{}, err
	}
	return t.put(ctx, d)
}

// draft is a token that is signed and not kept yet, so it does not work.
type draft struct {
	Token
	rec   tokenRecord
	sweep time.Time // when it works no more, whatever happens; zero: never
}

// until is when the store may forget the record.
func (d draft) until() time.Time {
	if d.sweep.IsZero() || d.rec.Family != "" || !d.rec.kept() {
		return d.sweep
	}
	return d.sweep.Add(endedFor)
}

// draw signs a token, which may have to wait its turn.
func (t *Tokens) draw(ctx context.Context, sys systemRecord, id string, rec tokenRecord, reference Secret, sweep time.Time) (d draft, err error) {
	if !reference.Empty() {
		rec.Reference = t.a.ring().LookupID(lookupReference, reference.Reveal())
	}
	d = draft{rec.token(sys, id), rec, sweep}
	d.Reference = reference
	d.JWT, err = t.sign(ctx, sys, id, rec)
	return d, err
}

// put makes a token work: it is listed first, then comes its record, then its
// reference form. To put the same token twice does nothing.
func (t *Tokens) put(ctx context.Context, d draft) (Token, error) {
	if err := t.list(ctx, d.Owner, d.ID); err != nil {
		return Token{}, err
	}
	if err := t.a.rec.tokens.Create(ctx, d.ID, d.rec, d.until()); err != nil && !errors.Is(err, keystore.ErrExists) {
		return Token{}, storeFailed(err)
	}
	if d.rec.Reference != "" {
		err := t.a.rec.creds.Create(ctx, d.rec.Reference, credRecord{bond: d.rec.bond, Token: d.ID}, d.sweep)
		if err != nil && !errors.Is(err, keystore.ErrExists) {
			return Token{}, storeFailed(err)
		}
	}
	// Who read the list meanwhile found no record and took the id off it.
	if err := t.list(ctx, d.Owner, d.ID); err != nil {
		return Token{}, err
	}
	return d.Token, nil
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
