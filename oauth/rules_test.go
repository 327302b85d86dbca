package oauth_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

// as signs somebody in who has these claims beside Alice's.
func (r *rig) as(t testing.TB, claims map[string]any) (auth.External, error) {
	t.Helper()
	u := testidp.Alice()
	u.Groups = nil
	u.Extra = claims
	r.op.SignIn(u)
	return r.visit(t, auth.ToSignIn)
}

func TestDomains(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(p *oauth.Provider) { p.AllowedDomains = []string{"example.com", "Kelvin.example"} })
	for _, full := range []bool{false, true} {
		r.op.Full = full
		for email, ok := range map[string]bool{
			"alice@example.com": true, "alice@EXAMPLE.com": true, "a+b@example.com": true, `"a@b"@example.com`: true, "alice@kelvin.example": true,
			"alice@sub.example.com": false, "alice@example.com.evil": false, "alice@evilexample.com": false, "example.com": false,
			"@example.com": false, "alice@": false, "alice@example.com ": false, " alice@example.com": false, "alice@example.com\x00": false,
			"alice@example.com\n": false, "al\u202eice@example.com": false, "alice@\u212aelvin.example": false, "alice@example.com@evil.example": false,
			strings.Repeat("a", 250) + "@example.com": false, "": false,
		} {
			_, err := r.as(t, map[string]any{"email": email})
			if (err == nil) != ok || err != nil && !refusedWith(err, auth.Forbidden, "e-mail") {
				t.Errorf("full %v: %q: %v", full, email, err)
			}
		}
	}
}

func TestGoogle(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(p *oauth.Provider) {
		p.Type, p.AllowedDomains = oauth.Google, []string{"example.com"}
	})
	r.op.Full = true
	for _, tc := range []struct {
		hd any
		ok bool
	}{
		{"example.com", true}, {"Example.com", false}, {"example.com.evil", false}, {"", false}, {nil, false}, {7, false},
		{[]string{"example.com"}, false}, {"sub.example.com", false}, {true, false},
	} {
		_, err := r.as(t, map[string]any{"hd": tc.hd})
		if (err == nil) != tc.ok || err != nil && !refusedWith(err, auth.Forbidden, "hd is") {
			t.Errorf("hd %v: %v", tc.hd, err)
		}
	}
	hint := func(domains ...string) string {
		config := r.config
		p := config.Providers[0]
		p.AllowedDomains = domains
		config.Providers = []oauth.Provider{p}
		to, _, _, err := logins(t, config).Begin(t.Context(), "corp", attemptTo(auth.ToSignIn))
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("hd")
	}
	if hint() != "" || hint("example.com") != "example.com" || hint("a.example", "b.example") != "" {
		t.Error("the hint is not the one domain")
	}
	if _, _, _, err := r.Begin(t.Context(), "corp", attemptTo(auth.ToUnlock)); auth.CodeOf(err) != auth.Forbidden {
		t.Errorf("it unlocks: %v", err)
	}
	// Where everybody may come, hd is nobody's concern.
	config := r.config
	p := config.Providers[0]
	p.AllowedDomains = nil
	config.Providers = []oauth.Provider{p}
	r.Logins = logins(t, config)
	if _, err := r.as(t, nil); err != nil {
		t.Error(err)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(p *oauth.Provider) {
		p.Claims.Groups = "roles"
		p.Groups = []oauth.GroupRule{{Claim: "eng-*"}, {Claim: "eng-*", Group: "engineers"}, {Claim: "/path/**", Group: "deep"}, {Claim: "a,b"}, {Claim: "x*"}}
	})
	many := func(n int, form string) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(form, i))
		}
		return out
	}
	for _, tc := range []struct {
		name  string
		roles any
		want  []string
		fails bool
	}{
		{"none", nil, nil, false},
		{"no list", []string{}, nil, false},
		{"a text", "eng-api", []string{"eng-api", "engineers"}, false},
		{"a list", []string{"eng-web", "eng-api", "eng-api", "other"}, []string{"eng-api", "eng-web", "engineers"}, false},
		{"a path", []string{"/path/to/it"}, []string{"deep"}, false},
		{"what is no name of a group", []string{"a,b", "eng-a\n", "eng-\u202e", "eng-" + strings.Repeat("n", 61)}, []string{"engineers"}, false},
		{"a long one", []string{"eng-" + strings.Repeat("n", 253), "x"}, []string{"x"}, false},
		{"500", many(500, "other%d"), nil, false},
		{"501", many(501, "other%d"), nil, true},
		{"300 that fit", many(300, "x%03d"), many(200, "x%03d"), false},
		{"a number", 7, nil, true},
		{"a list of numbers", []int{7}, nil, true},
		{"true among them", []any{"eng-api", true}, nil, true},
		{"null among them", []any{"eng-api", nil}, nil, true},
		{"an object", map[string]any{"eng-api": true}, nil, true},
		{"a list in a list", [][]string{{"eng-api"}}, nil, true},
	} {
		for _, full := range []bool{false, true} {
			r.op.Full = full
			claims := map[string]any{"roles": tc.roles, "groups": []string{"eng-wrong"}}
			if tc.roles == nil {
				delete(claims, "roles")
			}
			ext, err := r.as(t, claims)
			if tc.fails {
				if !refusedWith(err, auth.Forbidden, "claim of groups") {
					t.Errorf("%s: %v", tc.name, err)
				}
				continue
			}
			if err != nil || !slices.Equal(ext.Groups, tc.want) {
				t.Errorf("%s: %q, %v", tc.name, ext.Groups, err)
			}
		}
	}
}

// An address of one source is not verified by the word of another.
func TestAddressAndItsWordAreOfOneSource(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	for _, tc := range []struct {
		name          string
		id, info      map[string]any
		email         string
		emailVerified bool
	}{
		{"in userinfo", nil, map[string]any{"email": "b@x.example", "email_verified": true}, "b@x.example", true},
		{"in the id_token", map[string]any{"email": "a@x.example", "email_verified": true}, map[string]any{"email": "b@x.example", "email_verified": false}, "a@x.example", true},
		{"the word in userinfo about another", map[string]any{"email": "a@x.example"}, map[string]any{"email": "b@x.example", "email_verified": true}, "b@x.example", true},
		{"the word in userinfo about nothing", map[string]any{"email": "a@x.example"}, map[string]any{"email": nil, "email_verified": true}, "a@x.example", false},
		{"the word in the id_token about nothing", map[string]any{"email_verified": true}, map[string]any{"email": "b@x.example", "email_verified": nil}, "b@x.example", false},
		{"no to yes", map[string]any{"email": "a@x.example", "email_verified": false}, map[string]any{"email": "a@x.example", "email_verified": true}, "a@x.example", false},
	} {
		op.Honest()
		r := rigAt(t, op, func(p *oauth.Provider) { p.Groups = []oauth.GroupRule{{Claim: "x"}} }) // so that userinfo is asked
		r.op.ChangeJWT(testidp.IDToken, func(j *testidp.JWT) {
			for name, value := range tc.id {
				j.Claims[name] = value
			}
		})
		r.op.Change(testidp.Userinfo, func(doc map[string]any) {
			for name, value := range tc.info {
				if doc[name] = value; value == nil {
					delete(doc, name)
				}
			}
		})
		ext, err := r.visit(t, auth.ToSignIn)
		if err != nil || ext.Email != tc.email || ext.EmailVerified != tc.emailVerified {
			t.Errorf("%s: %q %v, %v", tc.name, ext.Email, ext.EmailVerified, err)
		}
	}
}

// Claims have the names that the configuration gives them.
func TestNamesOfClaims(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(p *oauth.Provider) {
		p.Claims = oauth.Claims{Subject: "sub", Login: "upn", Name: "display", Email: "mail", EmailVerified: "mail_ok", Groups: "roles"}
		p.Groups = []oauth.GroupRule{{Claim: "*"}}
	})
	r.op.Full = true
	ext, err := r.as(t, map[string]any{"upn": " al\u202eice\x00 ", "display": strings.Repeat("ä", 200), "mail": "m@x.example", "mail_ok": "true", "roles": "r"})
	if err != nil || ext.Login != "alice" || ext.DisplayName != strings.Repeat("ä", 128) || ext.Email != "m@x.example" || !ext.EmailVerified || !slices.Equal(ext.Groups, []string{"r"}) {
		t.Errorf("%+v, %v", ext, err)
	}
}

// The provider's clock may be half a minute off, not five.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	for _, name := range []string{"iat", "exp", "nbf", "auth_time"} {
		for seconds, ok := range map[int64]bool{-300: false, -30: true, 0: true, 30: true, 300: false} {
			switch {
			case name == "exp" && seconds > 0, name == "nbf" && seconds < 0:
				ok = true
			}
			op.Honest()
			r := rigAt(t, op, nil)
			op.ChangeJWT(testidp.IDToken, func(j *testidp.JWT) { j.Claims[name] = r.clock.Now().Unix() + seconds })
			if _, err := r.visit(t, auth.ToUnlock); (err == nil) != ok {
				t.Errorf("%s %+d s: %v", name, seconds, err)
			}
		}
	}
}
