package gateway

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
)

// The assertion tells an upstream, signed, who the caller is:
//
//	{"typ":"latchkey-assertion+jwt","alg":"ES256",…}
//	{"iss":public_url,"aud":route,"sub":user,"email":…,"name":…,"groups":[…],"iat":…,"exp":…}
const (
	assertionTyp  = "latchkey-assertion+jwt"
	assertionLife = 5 * time.Minute

	// maxAssertions bounds each of the two generations that are kept.
	maxAssertions = 4096
)

// assertions signs once per credential and route and hands the same assertion
// out until half of its life is spent, or what it says has changed.
type assertions struct {
	ring   *seal.Ring
	issuer string
	now    func() time.Time

	mu         sync.Mutex
	young, old map[assertionKey]assertion
}

type assertionKey struct {
	kind     auth.Kind
	id, user string
	route    string
}

type assertion struct {
	text        string
	fresh       time.Time // hand it out until then
	email, name string
	groups      []string
}

func (a *assertion) says(who auth.Identity, now time.Time) bool {
	return now.Before(a.fresh) && a.email == who.Email && a.name == who.Name && slices.Equal(a.groups, who.Groups)
}

// sign makes or finds the assertion of who, a known user, for a route. It
// never outlives the credential.
func (s *assertions) sign(who auth.Identity, route string) (string, error) {
	now := s.now()
	key := assertionKey{who.Via.Kind, who.Via.ID, who.User, route}
	s.mu.Lock()
	a, ok := s.young[key]
	if !ok {
		a, ok = s.old[key]
	}
	s.mu.Unlock()
	if ok && a.says(who, now) {
		return a.text, nil
	}
	expires := now.Add(assertionLife)
	if !who.Expires.IsZero() && who.Expires.Before(expires) {
		expires = who.Expires
	}
	claims := map[string]any{
		"iss": s.issuer, "aud": route, "sub": who.User,
		"iat": now.Unix(), "exp": expires.Unix(),
	}
	if who.Email != "" {
		claims["email"] = who.Email
	}
	if who.Name != "" {
		claims["name"] = who.Name
	}
	if len(who.Groups) > 0 {
		claims["groups"] = who.Groups
	}
	text, err := s.ring.SignJWT(seal.Assertion, assertionTyp, claims)
	if err != nil {
		return "", err
	}
	a = assertion{text: text, fresh: now.Add(expires.Sub(now) / 2), email: who.Email, name: who.Name, groups: slices.Clone(who.Groups)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= maxAssertions || s.young == nil {
		s.old, s.young = s.young, make(map[assertionKey]assertion)
	}
	s.young[key] = a
	return text, nil
}

// jwksLife is how long readers may keep the key set. A key is in it long
// before it signs anything.
const jwksLife = "public, max-age=300"

// jwks answers the keys that verify assertions, and no others: access tokens
// are not for upstreams, which would not see a revocation.
func (d *door) jwks(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	body := []byte(`{"keys":[]}`)
	if d.cfg.Ring != nil {
		body = d.cfg.Ring.PublicJWKS(seal.Assertion)
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", jwksLife)
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(body)
	return nil
}
