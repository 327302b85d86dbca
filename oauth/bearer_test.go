package oauth_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/oauth"
)

const api = "https://api.latchkey.example.com"

// accessTokens are those of a ci's issuer, for people.
func accessTokens(t testing.TB, c *ci, change func(*oauth.Provider)) *oauth.Logins {
	t.Helper()
	p := oauth.Provider{
		Name: "corp", Type: oauth.OIDC, Issuer: c.URL, ClientID: "latchkey", Callback: callback, TokenAudience: []string{"other", api},
	}
	if change != nil {
		change(&p)
	}
	deaf := p
	deaf.Name, deaf.Callback, deaf.TokenAudience = "deaf", callback+"2", nil
	return logins(t, oauth.Config{Providers: []oauth.Provider{deaf, p}, Ring: testRing(), Spend: (&spent{}).spend, Now: c.clock.Now})
}

func (c *ci) person(change map[string]any) map[string]any {
	claims := c.claims(map[string]any{
		"sub": "u-1", "aud": api, "repository": nil, "ref": nil, "run_id": nil, "protected": nil, "groups": []string{"staff"},
		"preferred_username": "alice", "name": "Alice", "email": "alice@example.com", "email_verified": true, "azp": "some-client", "sid": "s-1",
	})
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func TestJudgeToken(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	l := accessTokens(t, c, nil)
	now := c.clock.Now()
	want := auth.External{
		Provider: "corp", Issuer: c.URL, Subject: "u-1", Login: "alice", DisplayName: "Alice", Email: "alice@example.com", EmailVerified: true,
		SID: "s-1", Ends: now.Add(5 * time.Minute),
	}
	if got, err := l.JudgeToken(t.Context(), []string{"deaf", "corp"}, sign(t, k, c.person(nil), nil)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	type header = map[jose.HeaderKey]any
	for _, tc := range []struct {
		name      string
		providers []string
		change    map[string]any
		header    header
		want      string // "": accepted
	}{
		{"at+jwt", nil, nil, header{"typ": "at+jwt"}, ""},
		{"application/at+jwt", nil, nil, header{"typ": "application/AT+JWT"}, ""},
		{"JWT", nil, nil, header{"typ": "JWT"}, ""},
		{"no iat", nil, map[string]any{"iat": nil}, nil, ""},
		{"a long life", nil, map[string]any{"iat": now.Add(-72 * time.Hour).Unix()}, nil, ""},
		{"audience in a list", nil, map[string]any{"aud": []string{"x", api}}, nil, ""},
		{"the other audience", nil, map[string]any{"aud": "other"}, nil, ""},
		{"ended 59 s ago", nil, map[string]any{"exp": now.Unix() - 59}, nil, ""},
		{"logout+jwt", nil, nil, header{"typ": "logout+jwt"}, "another kind"},
		{"an assertion of ours", nil, nil, header{"typ": "latchkey-assertion+jwt"}, "another kind"},
		{"events", nil, map[string]any{"events": map[string]any{}}, nil, "the claim events"},
		{"nonce", nil, map[string]any{"nonce": "n"}, nil, "the claim nonce"},
		{"at_hash", nil, map[string]any{"at_hash": "n"}, nil, "the claim at_hash"},
		{"an id_token", nil, map[string]any{"aud": "latchkey"}, nil, "is not one of ours"},
		{"an id_token for more", nil, map[string]any{"aud": []string{api, "latchkey"}}, nil, "the client that signs people in"},
		{"another audience", nil, map[string]any{"aud": "https://api.evil.example"}, nil, "is not one of ours"},
		{"no audience", nil, map[string]any{"aud": nil}, nil, "no aud"},
		{"another issuer", nil, map[string]any{"iss": c.URL + "/"}, nil, "no provider that is accepted here"},
		{"a provider that is not named", []string{"deaf"}, nil, nil, "is not one of ours"},
		{"no provider", []string{}, nil, nil, "no provider that is accepted here"},
		{"an unknown provider", []string{"x"}, nil, nil, "no provider that is accepted here"},
		{"no exp", nil, map[string]any{"exp": nil}, nil, "no exp"},
		{"ended 5 min ago", nil, map[string]any{"exp": now.Unix() - 300}, nil, "ended at"},
		{"issued in 5 min", nil, map[string]any{"iat": now.Unix() + 300}, nil, "in the future"},
		{"not before 5 min", nil, map[string]any{"nbf": now.Unix() + 300}, nil, "does not count before"},
		{"no sub", nil, map[string]any{"sub": nil}, nil, "no sub"},
		{"a sub of two lines", nil, map[string]any{"sub": "a\nb"}, nil, "a sub that is not"},
	} {
		if tc.providers == nil {
			tc.providers = []string{"corp"}
		}
		got, err := l.JudgeToken(t.Context(), tc.providers, sign(t, k, c.person(tc.change), tc.header))
		if tc.want == "" && (err != nil || got.Subject != "u-1") || tc.want != "" && !refusedWith(err, auth.Unauthenticated, tc.want) {
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		}
	}
	evil := newKey(t, "one", jose.ES256)
	if _, err := l.JudgeToken(t.Context(), []string{"corp"}, sign(t, evil, c.person(nil), nil)); !refusedWith(err, auth.Unauthenticated, "the signature is not") {
		t.Error(err)
	}
	if n := c.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
	// Strangers make one fetch in half a minute.
	c.clock.move(30 * time.Second)
	for i := range 100 {
		evil.KeyID = fmt.Sprint("k", i)
		if _, err := l.JudgeToken(t.Context(), []string{"corp"}, sign(t, evil, c.person(nil), nil)); auth.CodeOf(err) != auth.Unauthenticated {
			t.Fatal(err)
		}
	}
	if n := c.fetches.Load(); n != 2 {
		t.Errorf("%d fetches", n)
	}
}

// A rule of domains holds for tokens as well.
func TestJudgeTokenByDomain(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	for _, tc := range []struct {
		kind   oauth.Type
		change map[string]any
		ok     bool
	}{
		{oauth.OIDC, nil, true},
		{oauth.OIDC, map[string]any{"email": nil}, false},
		{oauth.OIDC, map[string]any{"email_verified": false}, false},
		{oauth.OIDC, map[string]any{"email": "a@evil.example"}, false},
		{oauth.Google, nil, false},
		{oauth.Google, map[string]any{"hd": "example.com"}, true},
	} {
		l := accessTokens(t, c, func(p *oauth.Provider) { p.Type, p.AllowedDomains = tc.kind, []string{"example.com"} })
		_, err := l.JudgeToken(t.Context(), []string{"corp"}, sign(t, k, c.person(tc.change), nil))
		if (err == nil) != tc.ok || err != nil && auth.CodeOf(err) != auth.Unauthenticated && auth.CodeOf(err) != auth.Forbidden {
			t.Errorf("%s %v: %v", tc.kind, tc.change, err)
		}
	}
}

func TestJudgeTokenWhenTheIssuerIsDown(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	l := accessTokens(t, c, nil)
	token := sign(t, k, c.person(nil), nil)
	c.Close()
	if _, err := l.JudgeToken(t.Context(), []string{"corp"}, token); auth.CodeOf(err) != auth.Unavailable {
		t.Error(err)
	}
}
