package auth

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/internal/seal"
)

// Access tokens are JWTs in JFrog's form (RS256, RFC 7519): clients read sub,
// exp, iat and scp, and decode the payload with the standard base64 alphabet,
// which seal.SignJWT takes care of. What the token may is in its record; the
// claims only repeat it.
const (
	typAccess = "JWT"
	typGrant  = "grant+jwt"
)

// sign waits for its turn; Throttled when that does not come in time.
func (t *Tokens) sign(ctx context.Context, sys systemRecord, id string, rec tokenRecord) (Secret, error) {
	leave, err := t.a.signing.enter(ctx, rec.User)
	if err != nil {
		return Secret{}, err
	}
	defer leave()
	claims := map[string]any{
		"iss": sys.issuer(),
		"sub": sys.subject(rec.User),
		"scp": rec.Scope,
		"aud": rec.Audience,
		"iat": rec.Created.Unix(),
		"jti": id,
		"ext": `{"revocable":"true"}`,
	}
	if !rec.Expires.IsZero() {
		claims["exp"] = rec.Expires.Unix()
	}
	text, err := t.a.ring().SignJWT(seal.Access, typAccess, claims)
	if err != nil {
		return Secret{}, &Error{Code: Internal, Reason: "the token could not be signed", Err: err}
	}
	return NewSecret(text), nil
}

// issuer is the name of this installation in its tokens.
func (s systemRecord) issuer() string { return "jfac@" + s.Service }

func (s systemRecord) subject(user string) string { return s.issuer() + "/users/" + user }

// claims is what we read of our own tokens.
type claims struct {
	Issuer  string   `json:"iss"`
	Subject string   `json:"sub"`
	Scope   string   `json:"scp"`
	ID      string   `json:"jti"`
	Issued  int64    `json:"iat"`
	Expires int64    `json:"exp"`
	UID     string   `json:"uid"` // grants only, as the rest
	Epoch   uint64   `json:"ep"`
	System  uint64   `json:"sep"`
	Parents []string `json:"par"`
	Narrow  bool     `json:"nar"` // only the groups of grp count
	Whole   bool     `json:"all"` // the scope is its maker's (Short), and not one repository
	Groups  []string `json:"grp"`

	use seal.Use // of the key that signed it
	typ string
}

// readClaims verifies who signed a token and which installation it names;
// whether it has expired, was revoked or may be used at all is not judged.
func (a *Authority) readClaims(ctx context.Context, v *view, text string) (c claims, err error) {
	use, typ, payload, err := a.ring().VerifyJWT(text)
	if err != nil {
		return c, unauthenticated("not a token signed by this installation")
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, unauthenticated("the token's claims cannot be read")
	}
	sys, err := v.system(ctx)
	if err != nil {
		return c, err
	}
	if c.Issuer != sys.issuer() {
		return c, unauthenticated("the token's issuer is not this installation")
	}
	c.use, c.typ = use, typ
	return c, nil
}

func (a *Authority) byJWT(ctx context.Context, v *view, p Bearer) (found, error) {
	c, err := a.readClaims(ctx, v, p.Secret.Reveal())
	if err != nil {
		return found{}, err
	}
	if c.Expires != 0 && !a.now().Before(time.Unix(c.Expires, 0)) {
		return found{}, unauthenticated("the token has expired")
	}
	user, ours := strings.CutPrefix(c.Subject, c.Issuer+"/users/")
	switch {
	case !ours:
	case c.use == seal.Access && c.typ == typAccess:
		return a.byTokenRecord(ctx, v, c.ID, p.User, user)
	case c.use == seal.Quick && c.typ == typGrant:
		return a.byGrant(ctx, v, p.User, user, c)
	}
	return found{}, unauthenticated("a token of another kind")
}

// byTokenRecord finds a token by its id. named is the user field that came
// with it, subject the user it says itself; each may be empty.
func (a *Authority) byTokenRecord(ctx context.Context, v *view, id, named, subject string) (found, error) {
	rec, err := look(ctx, v, a.rec.tokens, id)
	if gone(err) {
		return found{}, unauthenticated("the token is revoked or has expired")
	} else if err != nil {
		return found{}, storeFailed(err)
	}
	if subject != "" && subject != rec.User {
		return found{}, unauthenticated("the token's subject is not its owner")
	}
	f, err := a.bonded(ctx, v, KindToken, rec.bond, named)
	if err != nil {
		return found{}, err
	}
	if f.scopes, err = ParseScopes(rec.Scope); err != nil {
		return found{}, unauthenticated("the token's scope cannot be read")
	}
	if !f.acc.Admin && f.scopes.admin() {
		return found{}, unauthenticated("a token for administrators whose owner is none any more")
	}
	f.via = Via{Kind: KindToken, ID: id, Parents: rec.Parents, ref: id}
	return f, nil
}
