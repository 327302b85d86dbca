package oauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/oauth"
)

const audience = "https://latchkey.example.com"

// clock is a clock that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// ci is a CI system: an issuer on a real listener, and what signs for it.
type ci struct {
	*httptest.Server
	clock   *clock
	fetches atomic.Int32 // of discovery

	mu     sync.Mutex
	keys   []jose.JSONWebKey
	answer func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
}

func newCI(t testing.TB, keys ...jose.JSONWebKey) *ci {
	c := &ci{clock: newClock(), keys: keys}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *ci) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/.well-known/openid-configuration" {
		c.fetches.Add(1)
	}
	c.mu.Lock()
	answer, keys := c.answer, c.keys
	c.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(map[string]any{"issuer": c.URL, "jwks_uri": c.URL + "/jwks?v=1"})
	case "/jwks":
		set := jose.JSONWebKeySet{}
		for _, k := range keys {
			set.Keys = append(set.Keys, k.Public())
		}
		json.NewEncoder(w).Encode(set)
	default:
		http.NotFound(w, r)
	}
}

// answers replaces how the issuer answers; nil: as it should.
func (c *ci) answers(f func(w http.ResponseWriter, r *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = f
}

func (c *ci) publish(keys ...jose.JSONWebKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = keys
}

// claims are those of a job that is let in, changed by change; nil removes.
func (c *ci) claims(change map[string]any) map[string]any {
	now := c.clock.Now().Unix()
	out := map[string]any{
		"iss": c.URL, "sub": "repo:acme/app:ref:refs/heads/release/7", "aud": audience,
		"iat": now, "nbf": now, "exp": now + 300, "jti": "1",
		"repository": "acme/app", "ref": "refs/heads/release/7", "run_id": 7, "protected": true,
		"groups": []string{"dev", "ops"},
	}
	maps.Copy(out, change)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

// sign is a token with these claims.
func sign(t testing.TB, k jose.JSONWebKey, claims any, header map[jose.HeaderKey]any) auth.Secret {
	t.Helper()
	payload, ok := claims.([]byte)
	if !ok {
		var err error
		if payload, err = json.Marshal(claims); err != nil {
			t.Fatal(err)
		}
	}
	o := &jose.SignerOptions{ExtraHeaders: header}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: k}, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return auth.NewSecret(text)
}

var rsaKey = sync.OnceValue(func() crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// newKey is a fresh private key; the RSA one is always the same.
func newKey(t testing.TB, kid string, alg jose.SignatureAlgorithm) jose.JSONWebKey {
	t.Helper()
	k := jose.JSONWebKey{KeyID: kid, Algorithm: string(alg), Use: "sig"}
	var err error
	switch alg {
	case jose.RS256, jose.PS256, jose.RS384:
		k.Key = rsaKey()
	case jose.ES256:
		k.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		k.Key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.EdDSA:
		_, k.Key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// jobs lets the release jobs of acme/app in.
func (c *ci) jobs(t testing.TB, change func(*oauth.JobsConfig)) *oauth.Jobs {
	t.Helper()
	config := oauth.JobsConfig{Now: c.clock.Now, Providers: []oauth.JobProvider{{
		Name: "ci", Issuer: c.URL, Audience: audience, Mappings: []oauth.JobMapping{
			{Name: "release", Claims: map[string]string{"repository": "acme/app", "ref": "refs/heads/release/*"}, User: "release-bot", Scope: "artifact:npm/**:w,r", Life: 15 * time.Minute},
			{Name: "build", Claims: map[string]string{"repository": "acme/*"}, Groups: []string{"ci", "build team"}},
		},
	}}}
	if change != nil {
		change(&config)
	}
	j, err := oauth.NewJobs(config)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// cause is what only the audit trail is told.
func cause(err error) string {
	if e, ok := err.(*auth.Error); ok && e.Err != nil {
		return e.Err.Error()
	}
	return ""
}
