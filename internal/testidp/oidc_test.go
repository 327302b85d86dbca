package testidp_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/internal/testidp"
)

const redirect = "http://127.0.0.1:9/-/oauth/corp/callback"

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	faults []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.faults
	r.faults = nil
	return out
}

func begun(t testing.TB) *testidp.OIDC {
	o := testidp.NewOIDC(t)
	o.Register(redirect)
	return o
}

func client(o *testidp.OIDC, style oauth2.AuthStyle) *oauth2.Config {
	return &oauth2.Config{
		ClientID: o.Client.ID, ClientSecret: o.Client.Secret, RedirectURL: redirect,
		Endpoint: oauth2.Endpoint{AuthURL: o.URL + "/authorize", TokenURL: o.URL + "/token", AuthStyle: style},
		Scopes:   []string{"openid", "profile", "email"},
	}
}

// signIn is an honest sign-in by the client library.
func signIn(t *testing.T, o *testidp.OIDC, style oauth2.AuthStyle) (*oauth2.Token, *oidc.IDToken, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	c := client(o, style)
	provider, err := oidc.NewProvider(ctx, o.URL)
	if err != nil {
		return nil, nil, err
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	back := o.Visit(c.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
	if q := back.Query(); q.Get("state") != state || q.Has("iss") && q.Get("iss") != o.URL {
		return nil, nil, fmt.Errorf("came back to %s", back)
	}
	token, err := c.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: o.Client.ID, Now: late}).Verify(ctx, raw)
	if err != nil {
		return nil, nil, err
	}
	if id.Nonce != nonce {
		return nil, nil, fmt.Errorf("nonce %q", id.Nonce)
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, nil, err
		}
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, nil, err
	}
	if info.Subject != id.Subject {
		return nil, nil, fmt.Errorf("userinfo of %q", info.Subject)
	}
	return token, id, nil
}

// late is a clock that is slow by less than a client's leeway.
func late() time.Time { return time.Now().Add(-40 * time.Second) }

func TestHonestSignIn(t *testing.T) {
	o := begun(t)
	for _, alg := range []string{"RS256", "ES256"} {
		for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
			o.Alg = alg
			_, id, err := signIn(t, o, style)
			if err != nil {
				t.Fatal(err)
			}
			if id.Subject != testidp.Alice().Subject {
				t.Errorf("signed in as %q", id.Subject)
			}
		}
	}
	o.Client.Secret = ""
	if _, _, err := signIn(t, o, oauth2.AuthStyleInParams); err != nil {
		t.Errorf("a public client: %v", err)
	}
}

// A library that is careful sees through the lies it knows of; which ones is
// its own business. Here: each can be told, alone and with every other before
// it, and taken back, and no two have one name.
func TestLiesAreTold(t *testing.T) {
	o := begun(t)
	strict := &recorder{TB: t}
	o.Under(strict)
	names, caught := map[string]bool{}, 0
	for _, lie := range testidp.Lies() {
		if names[lie.Name] || !strings.HasPrefix(lie.Name, string(lie.Where)+": ") {
			t.Errorf("the name %q", lie.Name)
		}
		names[lie.Name] = true
		if lie.Slow || lie.Where == testidp.Logout || lie.Where == testidp.Refresh || strings.HasSuffix(lie.Name, "without end") {
			continue
		}
		lie.Apply(o)
		_, _, err := signIn(t, o, oauth2.AuthStyleInHeader)
		if err != nil {
			caught++
		}
		if lie.Must == testidp.Allowed && err != nil {
			t.Errorf("%s: an honest answer is not accepted: %v", lie.Name, err)
		}
		o.Honest()
		strict.take()
	}
	t.Logf("%d lies; the library alone refuses %d", len(names), caught)
	if _, _, err := signIn(t, o, oauth2.AuthStyleInHeader); err != nil {
		t.Errorf("after the lies: %v", err)
	}
}

func TestLiesCombine(t *testing.T) {
	o := begun(t)
	o.Under(&recorder{TB: t})
	for _, lie := range testidp.Lies() {
		if lie.Where == testidp.IDToken && lie.Must == testidp.Refused {
			lie.Apply(o)
		}
	}
	if _, _, err := signIn(t, o, oauth2.AuthStyleInHeader); err == nil {
		t.Error("signed in")
	}
}

func TestFaultsOfAClient(t *testing.T) {
	strict := &recorder{TB: t}
	o := begun(strict)
	c := client(o, oauth2.AuthStyleInHeader)
	verifier := oauth2.GenerateVerifier()
	ask := func(change func(url.Values)) {
		t.Helper()
		to, err := url.Parse(c.AuthCodeURL(rand.Text(), oidc.Nonce(rand.Text()), oauth2.S256ChallengeOption(oauth2.GenerateVerifier())))
		if err != nil {
			t.Fatal(err)
		}
		q := to.Query()
		change(q)
		to.RawQuery = q.Encode()
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		answer, err := client.Get(to.String())
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	used := url.Values{}
	ask(func(q url.Values) { used = q })
	if got := strict.take(); got != nil {
		t.Fatalf("an honest request: %s", got)
	}
	for name, change := range map[string]func(url.Values){
		"no PKCE":                 func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") },
		"plain PKCE":              func(q url.Values) { q.Set("code_challenge_method", "plain") },
		"verifier used twice":     func(q url.Values) { q.Set("code_challenge", used.Get("code_challenge")) },
		"no state":                func(q url.Values) { q.Del("state") },
		"short state":             func(q url.Values) { q.Set("state", "x") },
		"state used twice":        func(q url.Values) { q.Set("state", used.Get("state")) },
		"no nonce":                func(q url.Values) { q.Del("nonce") },
		"nonce used twice":        func(q url.Values) { q.Set("nonce", used.Get("nonce")) },
		"redirect with a slash":   func(q url.Values) { q.Set("redirect_uri", redirect+"/") },
		"redirect of another":     func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:9/-/oauth/other/callback") },
		"no redirect":             func(q url.Values) { q.Del("redirect_uri") },
		"implicit":                func(q url.Values) { q.Set("response_type", "token") },
		"the client's secret":     func(q url.Values) { q.Set("client_secret", o.Client.Secret) },
		"the secret as something": func(q url.Values) { q.Set("x", "a"+o.Client.Secret) },
		"without openid":          func(q url.Values) { q.Set("scope", "email") },
		"two scopes":              func(q url.Values) { q.Add("scope", "email") },
		"of another client":       func(q url.Values) { q.Set("client_id", "other") },
	} {
		if ask(change); strict.take() == nil {
			t.Errorf("%s: no fault", name)
		}
	}
	back := o.Visit(c.AuthCodeURL(rand.Text(), oidc.Nonce(rand.Text()), oauth2.S256ChallengeOption(verifier)))
	code := back.Query().Get("code")
	for _, step := range []struct {
		name         string
		c            oauth2.Config
		verifier     string
		fails, fault bool
	}{
		{"wrong secret", oauth2.Config{ClientSecret: "x", RedirectURL: redirect}, verifier, true, true},
		{"no verifier", oauth2.Config{ClientSecret: o.Client.Secret, RedirectURL: redirect}, "", true, true},
		{"another redirect", oauth2.Config{ClientSecret: o.Client.Secret, RedirectURL: redirect + "x"}, verifier, true, true},
		{"right", oauth2.Config{ClientSecret: o.Client.Secret, RedirectURL: redirect}, verifier, false, false},
		{"a second time", oauth2.Config{ClientSecret: o.Client.Secret, RedirectURL: redirect}, verifier, true, true},
		{"by somebody else", oauth2.Config{ClientSecret: o.Client.Secret, RedirectURL: redirect}, oauth2.GenerateVerifier(), true, false},
	} {
		step.c.ClientID, step.c.Endpoint = o.Client.ID, c.Endpoint
		var options []oauth2.AuthCodeOption
		if step.verifier != "" {
			options = append(options, oauth2.VerifierOption(step.verifier))
		}
		_, err := step.c.Exchange(t.Context(), code, options...)
		if faults := strict.take(); (err != nil) != step.fails || (faults != nil) != step.fault {
			t.Errorf("%s: error %v, faults %s", step.name, err, faults)
		}
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	o := begun(t)
	strict := &recorder{TB: t}
	o.Under(strict)
	token, _, err := signIn(t, o, oauth2.AuthStyleInHeader)
	if err != nil {
		t.Fatal(err)
	}
	c := client(o, oauth2.AuthStyleInHeader)
	renew := func(refresh string) (*oauth2.Token, error) {
		return c.TokenSource(t.Context(), &oauth2.Token{RefreshToken: refresh}).Token()
	}
	next, err := renew(token.RefreshToken)
	if err != nil || next.RefreshToken == token.RefreshToken || next.Extra("id_token") == nil {
		t.Fatalf("refresh: %v", err)
	}
	if faults := strict.take(); faults != nil {
		t.Fatal(faults)
	}
	if _, err := renew(token.RefreshToken); err == nil || strict.take() == nil {
		t.Error("a refresh token is good twice")
	}
	if _, err := renew(next.RefreshToken); err == nil {
		t.Error("what was granted lives on after a refresh token came twice")
	}
}

func TestABrowserKeepsItsSession(t *testing.T) {
	o := begun(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c := client(o, oauth2.AuthStyleInHeader)
	for range 3 {
		answer, err := browser.Get(c.AuthCodeURL(rand.Text(), oidc.Nonce(rand.Text()), oauth2.S256ChallengeOption(oauth2.GenerateVerifier())))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	if sids := o.SIDs(testidp.Alice().Subject); len(sids) != 1 {
		t.Errorf("%d sessions", len(sids))
	}
}

func TestLogoutTokensAreTold(t *testing.T) {
	o := begun(t)
	var got []string
	on := http.NewServeMux()
	on.HandleFunc("POST /out", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		got = append(got, r.PostFormValue("logout_token"))
	})
	o.Client.BackChannel = serve(t, on) + "/out"
	if status := o.Logout("alice", ""); status != http.StatusOK || len(got) != 1 {
		t.Fatalf("status %d, %d tokens", status, len(got))
	}
	provider, err := oidc.NewProvider(t.Context(), o.URL)
	if err != nil {
		t.Fatal(err)
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: o.Client.ID}).VerifyLogout(t.Context(), got[0])
	if err != nil || token.Subject != "alice" {
		t.Errorf("%v, %v", token, err)
	}
}
