package oauth_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/oauth"
)

func judge(t testing.TB, j *oauth.Jobs, token auth.Secret) error {
	t.Helper()
	_, err := j.Judge(t.Context(), "ci", "", token)
	return err
}

// A flood of unknown key ids makes one fetch in half a minute, and those with
// a known one never wait for it.
func TestUnknownKeysFetchOnce(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	j := c.jobs(t, nil)
	good := sign(t, k, c.claims(nil), nil)
	if err := judge(t, j, good); err != nil {
		t.Fatal(err)
	}
	flood := func() {
		var all sync.WaitGroup
		for i := range oauth.MaxWaiting {
			other := k
			other.KeyID = fmt.Sprintf("../../dev/null-%d", i)
			token := sign(t, other, c.claims(nil), nil)
			all.Go(func() {
				if err := judge(t, j, token); auth.CodeOf(err) != auth.Unauthenticated {
					t.Errorf("unknown kid: %v", err)
				}
			})
		}
		all.Wait()
	}
	for n := range int32(3) {
		flood()
		if got := c.fetches.Load(); got != n+1 {
			t.Fatalf("%d fetches after %d half minutes", got, n)
		}
		c.clock.move(30 * time.Second)
	}
	// A known key with a bad signature asks nobody.
	evil := newKey(t, "one", jose.ES256)
	for range 50 {
		if err := judge(t, j, sign(t, evil, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unauthenticated {
			t.Fatal(err)
		}
	}
	if got := c.fetches.Load(); got != 3 {
		t.Errorf("%d fetches", got)
	}
}

// A first flood of good tokens waits for one fetch together.
func TestOneFetchForMany(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	j := c.jobs(t, nil)
	token := sign(t, k, c.claims(nil), nil)
	release := make(chan struct{})
	c.answers(func(http.ResponseWriter, *http.Request) bool { <-release; return false })
	var all sync.WaitGroup
	var refused atomic.Int32
	for range oauth.MaxWaiting + 21 { // one fetches
		all.Go(func() {
			if err := judge(t, j, token); err != nil {
				if refused.Add(1) == 20 {
					close(release)
				}
				if auth.CodeOf(err) != auth.Unavailable {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if c.fetches.Load() != 1 || refused.Load() != 20 {
		t.Errorf("%d fetches, %d refused", c.fetches.Load(), refused.Load())
	}
}

func TestRotationOfKeys(t *testing.T) {
	t.Parallel()
	one, two := newKey(t, "one", jose.ES256), newKey(t, "two", jose.EdDSA)
	c := newCI(t, one)
	j := c.jobs(t, nil)
	if err := judge(t, j, sign(t, one, c.claims(nil), nil)); err != nil {
		t.Fatal(err)
	}
	c.publish(two)
	c.clock.move(time.Minute)
	if err := judge(t, j, sign(t, two, c.claims(nil), nil)); err != nil {
		t.Errorf("a new key: %v", err)
	}
	if err := judge(t, j, sign(t, one, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unauthenticated {
		t.Errorf("a key that was withdrawn: %v", err)
	}
	// One that is withdrawn unseen stops within the hour.
	c.publish(one)
	c.clock.move(59 * time.Minute)
	if err := judge(t, j, sign(t, two, c.claims(nil), nil)); err != nil {
		t.Errorf("within the hour: %v", err)
	}
	c.clock.move(time.Minute)
	if err := judge(t, j, sign(t, two, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unauthenticated {
		t.Errorf("after the hour: %v", err)
	}
	// A key that changed under its name stops with it.
	again := newKey(t, "one", jose.ES256)
	c.publish(again)
	c.clock.move(time.Hour)
	if err := judge(t, j, sign(t, one, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unauthenticated {
		t.Errorf("the old one of that name: %v", err)
	}
	if err := judge(t, j, sign(t, again, c.claims(nil), nil)); err != nil {
		t.Errorf("the new one of that name: %v", err)
	}
}

// A key that is known works for a day while its issuer is down; what is not
// known is "try again", not "no".
func TestIssuerDown(t *testing.T) {
	t.Parallel()
	k, other := newKey(t, "one", jose.ES256), newKey(t, "two", jose.ES256)
	c := newCI(t, k)
	j := c.jobs(t, nil)
	c.answers(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true })
	if err := judge(t, j, sign(t, k, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unavailable || !strings.Contains(cause(err), "the answer is 500") {
		t.Errorf("never had: %v", err)
	}
	c.answers(nil)
	if err := judge(t, j, sign(t, k, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unavailable {
		t.Errorf("within half a minute: %v", err)
	}
	c.clock.move(30 * time.Second)
	if err := judge(t, j, sign(t, k, c.claims(nil), nil)); err != nil {
		t.Fatal(err)
	}
	c.answers(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true })
	c.clock.move(24*time.Hour - time.Second)
	if err := judge(t, j, sign(t, k, c.claims(nil), nil)); err != nil {
		t.Errorf("within the day: %v", err)
	}
	if err := judge(t, j, sign(t, other, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unavailable {
		t.Errorf("a key that may be new: %v", err)
	}
	c.clock.move(time.Second)
	if err := judge(t, j, sign(t, k, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unavailable {
		t.Errorf("after the day: %v", err)
	}
	c.clock.move(-48 * time.Hour) // a clock set back vouches for nothing
	if err := judge(t, j, sign(t, k, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unavailable {
		t.Errorf("a clock set back: %v", err)
	}
}

// An issuer that says nothing holds nobody longer than five seconds, and holds
// only those who need it.
func TestIssuerStalls(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	c.answers(func(_ http.ResponseWriter, r *http.Request) bool {
		select { // sixty seconds, in effect
		case <-end:
		case <-r.Context().Done():
		}
		return true
	})
	j := c.jobs(t, nil)
	token := sign(t, k, c.claims(nil), nil)
	began := time.Now()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := judge(t, j, token); auth.CodeOf(err) != auth.Unavailable {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took >= 2*oauth.FetchTimeout {
		t.Errorf("answered after %s", took)
	}
	if c.fetches.Load() != 1 {
		t.Errorf("%d fetches", c.fetches.Load())
	}
	again := time.Now()
	if err := judge(t, j, token); auth.CodeOf(err) != auth.Unavailable || time.Since(again) >= oauth.FetchTimeout {
		t.Errorf("the next one waited %s: %v", time.Since(again), err)
	}
}

// What an issuer may say, and what is not believed.
func TestFetchFaults(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	t.Cleanup(trap.Close)
	endless := func(w http.ResponseWriter) {
		chunk := []byte(`{"keys":[` + strings.Repeat(" ", 1<<16))
		for range 1 << 14 { // 1 GiB, if it were read
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	const discovery, keys = "/.well-known/openid-configuration", "/jwks"
	about := func(w http.ResponseWriter, issuer, jwks string) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "jwks_uri": jwks})
	}
	many := func(n int) []byte {
		set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.Public()}}
		for i := len(set.Keys); i < n; i++ {
			other := newKey(t, fmt.Sprint(i), jose.ES256)
			set.Keys = append(set.Keys, other.Public())
		}
		text, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	hundred, hundredOne := many(100), many(101)
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, path string
		answer     func(c *ci, w http.ResponseWriter, r *http.Request)
		want       string // "": the token is accepted
	}{
		{"100 keys", keys, func(_ *ci, w http.ResponseWriter, _ *http.Request) { w.Write(hundred) }, ""},
		{"101 keys", keys, func(_ *ci, w http.ResponseWriter, _ *http.Request) { w.Write(hundredOne) }, "101 keys"},
		{"no keys", keys, func(_ *ci, w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"keys":[]}`)) }, "no key to verify with"},
		{"a private key", keys, func(_ *ci, w http.ResponseWriter, _ *http.Request) { w.Write(private) }, "no key to verify with"},
		{"a shared key", keys, func(_ *ci, w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"keys":[{"kty":"oct","k":"AAAA","kid":"one","alg":"HS256"}]}`))
		}, "no key to verify with"},
		{"junk among the keys", keys, func(_ *ci, w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(strings.Replace(string(hundred), `[`, `[7,null,{},{"kty":"AKP"},{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC"},`, 1)))
		}, "106 keys"},
		{"junk beside a key", keys, func(_ *ci, w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(strings.Replace(string(many(1)), `[`, `[7,null,{},{"kty":"AKP"},{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC"},`, 1)))
		}, ""},
		{"endless keys", keys, func(_ *ci, w http.ResponseWriter, _ *http.Request) { endless(w) }, "larger than 1 MiB"},
		{"endless discovery", discovery, func(_ *ci, w http.ResponseWriter, _ *http.Request) { endless(w) }, "larger than 1 MiB"},
		{"a bomb of zeros", keys, func(_ *ci, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(make([]byte, 16<<20))
			z.Close()
		}, "not JSON"},
		{"no JSON", discovery, func(_ *ci, w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }, "not JSON"},
		{"503", discovery, func(_ *ci, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "the answer is 503"},
		{"another issuer", discovery, func(c *ci, w http.ResponseWriter, _ *http.Request) {
			about(w, "https://evil.example", c.URL+keys)
		}, "the document is of issuer"},
		{"the issuer with a slash", discovery, func(c *ci, w http.ResponseWriter, _ *http.Request) { about(w, c.URL+"/", c.URL+keys) }, "the document is of issuer"},
		{"keys by http elsewhere", discovery, func(c *ci, w http.ResponseWriter, _ *http.Request) {
			about(w, c.URL, "http://keys.example/jwks")
		}, "is not https"},
		{"keys in a file", discovery, func(c *ci, w http.ResponseWriter, _ *http.Request) { about(w, c.URL, "file:///etc/passwd") }, "is not a URL"},
		{"keys nowhere", discovery, func(c *ci, w http.ResponseWriter, _ *http.Request) { about(w, c.URL, "") }, "is not a URL"},
		{"keys with a password", discovery, func(c *ci, w http.ResponseWriter, _ *http.Request) {
			about(w, c.URL, strings.Replace(c.URL, "//", "//u:p@", 1)+keys)
		}, "has a user in it"},
		{"a redirect away", discovery, func(_ *ci, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, trap.URL+"/", http.StatusFound)
		}, "another host"},
		{"a redirect of the keys away", keys, func(_ *ci, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, trap.URL+"/", http.StatusTemporaryRedirect)
		}, "another host"},
		{"a redirect at home", discovery, func(_ *ci, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/.well-known/../moved", http.StatusFound)
		}, ""},
		{"redirects in a circle", discovery, func(_ *ci, w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, discovery, http.StatusFound) }, "too many redirects"},
	} {
		c := newCI(t, k)
		c.answers(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/moved" {
				about(w, c.URL, c.URL+keys)
				return true
			}
			if r.URL.Path != tc.path {
				return false
			}
			tc.answer(c, w, r)
			return true
		})
		began := time.Now()
		err := judge(t, c.jobs(t, nil), sign(t, k, c.claims(nil), nil))
		if tc.want == "" && err != nil || tc.want != "" && (auth.CodeOf(err) != auth.Unavailable || !strings.Contains(cause(err), tc.want)) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if took := time.Since(began); took >= 2*oauth.FetchTimeout {
			t.Errorf("%s took %s", tc.name, took)
		}
	}
}

// A new configuration knows the keys of issuers that stay, and no others.
func TestBefore(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	first := c.jobs(t, nil)
	if err := judge(t, first, sign(t, k, c.claims(nil), nil)); err != nil {
		t.Fatal(err)
	}
	next := c.jobs(t, func(config *oauth.JobsConfig) {
		config.Before = first
		config.Providers[0].Audience = "https://second.example"
	})
	if err := judge(t, next, sign(t, k, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unauthenticated {
		t.Errorf("the old audience: %v", err)
	}
	if err := judge(t, next, sign(t, k, c.claims(map[string]any{"aud": "https://second.example"}), nil)); err != nil {
		t.Error(err)
	}
	if err := judge(t, first, sign(t, k, c.claims(nil), nil)); err != nil {
		t.Errorf("the old configuration: %v", err)
	}
	if n := c.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
	none, err := oauth.NewJobs(oauth.JobsConfig{Before: next})
	if err != nil {
		t.Fatal(err)
	}
	if err := judge(t, none, sign(t, k, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unauthenticated {
		t.Errorf("no providers: %v", err)
	}
}
