package oauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

func plainProvider(u *testidp.UAA) oauth.Provider {
	return oauth.Provider{
		Name: "corp", Title: "Cloud Foundry", Type: oauth.OAuth2, Issuer: "https://uaa.example.com",
		ClientID: u.Client.ID, ClientSecret: auth.NewSecret(u.Client.Secret), Callback: callback,
		AuthorizeURL: u.URL + "/oauth/authorize", TokenURL: u.URL + "/oauth/token", UserinfoURL: u.URL + "/userinfo",
		Claims: oauth.Claims{Subject: "user_id", Login: "user_name", Groups: "roles"},
	}
}

func newPlain(t testing.TB, change func(*oauth.Provider)) (*testidp.UAA, elsewhere) {
	t.Helper()
	u := testidp.NewUAA(t)
	u.Register(callback)
	p := plainProvider(u)
	if change != nil {
		change(&p)
	}
	return u, elsewhere{logins(t, oauth.Config{Providers: []oauth.Provider{p}, Ring: testRing(), Spend: new(spent).spend}), u.Visit}
}

func TestOAuth2SignInAndRefresh(t *testing.T) {
	t.Parallel()
	u, l := newPlain(t, func(p *oauth.Provider) { p.Groups = []oauth.GroupRule{{Claim: "staff", Group: "people"}} })
	ext, err := l.signIn(t)
	want := auth.External{
		Provider: "corp", Issuer: "https://uaa.example.com", Subject: testidp.Alice().Subject, Login: "alice", DisplayName: "Alice Example",
		Email: "alice@example.com", EmailVerified: true, Groups: []string{"people"}, Refresh: auth.NewSecret("there"),
	}
	if err != nil || !reflect.DeepEqual(reveal(ext), want) {
		t.Fatalf("%v\n%+v\n%+v", err, ext, want)
	}
	for range 2 { // its refresh tokens do not rotate
		ext, err = l.Refresh(t.Context(), "corp", ext.Subject, ext.Refresh)
		if err != nil || !reflect.DeepEqual(reveal(ext), want) {
			t.Fatalf("%v\n%+v", err, ext)
		}
	}
	status := func(status int) func() {
		return func() {
			u.Intercept(testidp.Userinfo, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			})
		}
	}
	for _, row := range []struct {
		name string
		then func()
		want auth.Code
	}{
		{"of somebody else", func() {
			u.Change(testidp.Userinfo, func(doc map[string]any) { doc["user_id"] = testidp.Bob().Subject })
		}, auth.Unauthenticated},
		{"of nobody", func() { u.Change(testidp.Userinfo, func(doc map[string]any) { delete(doc, "user_id") }) }, auth.Unauthenticated},
		{"userinfo 401", status(http.StatusUnauthorized), auth.Unauthenticated},
		{"userinfo 500", status(http.StatusInternalServerError), auth.Unavailable},
		{"an error with status 200", func() {
			u.ChangeText(testidp.Token, func([]byte) []byte { return []byte(`{"error":"invalid_grant"}`) })
		}, auth.Unauthenticated},
		{"our own fault", func() {
			u.ChangeText(testidp.Token, func([]byte) []byte { return []byte(`{"error":"invalid_client"}`) })
		}, auth.Unavailable},
		{"revoked", func() { u.Revoke(testidp.Alice().Subject) }, auth.Unauthenticated},
	} {
		u.Honest()
		row.then()
		_, err := l.Refresh(t.Context(), "corp", ext.Subject, ext.Refresh)
		codeIs(t, row.name, err, row.want)
	}
}

func TestOAuth2Subjects(t *testing.T) {
	t.Parallel()
	u, l := newPlain(t, nil)
	for _, row := range []struct {
		claim any
		want  string
	}{
		{"5f1d", "5f1d"}, {7, "7"}, {json.Number("9007199254740993"), "9007199254740993"},
		{"", ""}, {nil, ""}, {0, ""}, {-7, ""}, {7.5, ""}, {json.Number("7e2"), ""}, {json.Number("7.0"), ""}, {true, ""}, {[]int{7}, ""},
		{map[string]any{"id": 7}, ""}, {"a\nb", ""}, {strings.Repeat("x", 5000), ""},
	} {
		u.Honest()
		u.Change(testidp.Userinfo, func(doc map[string]any) { doc["user_id"] = row.claim })
		ext, err := l.signIn(t)
		if ext.Subject != row.want || row.want == "" && auth.CodeOf(err) != auth.Forbidden {
			t.Errorf("%.40v: %q, %v", row.claim, ext.Subject, err)
		}
	}
}

// A name with dots is a name with dots.
func TestOAuth2ClaimsAreNotPaths(t *testing.T) {
	t.Parallel()
	u, l := newPlain(t, func(p *oauth.Provider) { p.Claims.Subject = "user.id" })
	u.Change(testidp.Userinfo, func(doc map[string]any) { doc["user"] = map[string]any{"id": "x"} })
	_, err := l.signIn(t)
	codeIs(t, "nested", err, auth.Forbidden)
	u.Change(testidp.Userinfo, func(doc map[string]any) { doc["user.id"] = "y" })
	if ext, err := l.signIn(t); err != nil || ext.Subject != "y" {
		t.Errorf("%q, %v", ext.Subject, err)
	}
}

func TestOAuth2Answers(t *testing.T) {
	t.Parallel()
	u, l := newPlain(t, nil)
	text := func(where testidp.Where, text string) func() {
		return func() { u.ChangeText(where, func([]byte) []byte { return []byte(text) }) }
	}
	token := func(name string, value any) func() {
		return func() { u.Change(testidp.Token, func(doc map[string]any) { doc[name] = value }) }
	}
	for _, row := range []struct {
		name string
		lie  func()
		want auth.Code
	}{
		{"honest", func() {}, ""},
		{"an error with status 200", text(testidp.Token, `{"error":"invalid_grant"}`), auth.Forbidden},
		{"an error and a token", token("error", "x"), auth.Forbidden},
		{"token of type mac", token("token_type", "mac"), auth.Forbidden},
		{"a token twice", text(testidp.Token, `{"access_token":"a","access_token":"b","token_type":"bearer"}`), auth.Unavailable},
		{"userinfo without a subject", text(testidp.Userinfo, `{}`), auth.Forbidden},
		{"userinfo an error with status 200", text(testidp.Userinfo, `{"ok":false,"error":"invalid_auth"}`), auth.Forbidden},
		{"userinfo with a subject twice", text(testidp.Userinfo, `{"user_id":"a","user_id":"b"}`), auth.Unavailable},
		{"userinfo a list", text(testidp.Userinfo, `[{"user_id":"a"}]`), auth.Unavailable},
		{"userinfo of 2 MiB", text(testidp.Userinfo, `{"user_id":"a","x":"`+strings.Repeat("x", 2<<20)+`"}`), auth.Unavailable},
		{"no refresh token", token("refresh_token", ""), ""},
		{"a refresh token of 64 KiB", token("refresh_token", strings.Repeat("x", 64<<10)), ""},
	} {
		u.Honest()
		row.lie()
		ext, err := l.signIn(t)
		codeIs(t, row.name, err, row.want)
		if strings.Contains(row.name, "refresh") && !ext.Refresh.Empty() {
			t.Errorf("%s: something is kept", row.name)
		}
	}
}

func TestOAuth2EmailVerified(t *testing.T) {
	t.Parallel()
	u, l := newPlain(t, nil)
	for _, v := range []any{true, "true", false, "false", 1, []bool{true}, nil, "TRUE"} {
		alice := testidp.Alice()
		alice.EmailVerified = v
		u.SignIn(alice)
		ext, err := l.signIn(t)
		if err != nil || ext.EmailVerified != (v == true || v == "true") {
			t.Errorf("%v: %v, %v", v, ext.EmailVerified, err)
		}
	}
}

func TestOAuth2Issuer(t *testing.T) {
	t.Parallel()
	u, l := newPlain(t, nil)
	for iss, want := range map[string]auth.Code{"https://uaa.example.com": "", u.URL: auth.Invalid} {
		u.Honest()
		u.ChangeAnswer(func(to *url.URL) { to.RawQuery += "&iss=" + url.QueryEscape(iss) })
		_, err := l.signIn(t)
		codeIs(t, iss, err, want)
	}
}

func TestOAuth2Health(t *testing.T) {
	t.Parallel()
	u, l := newPlain(t, nil)
	for range 3 {
		if said, ok := l.Health(t.Context(), "corp"); !ok || said != "it answers" {
			t.Errorf("%q, %v", said, ok)
		}
	}
	if n := u.Asked(testidp.Userinfo); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestOAuth2Providers(t *testing.T) {
	t.Parallel()
	u := testidp.NewUAA(t)
	for i, row := range []struct {
		change func(*oauth.Provider)
		good   bool
	}{
		{func(*oauth.Provider) {}, true},
		{func(p *oauth.Provider) { p.AuthorizeURL += "?tenant=x" }, true},
		{func(p *oauth.Provider) { p.Issuer = "" }, false},
		{func(p *oauth.Provider) { p.Claims.Subject = "" }, false},
		{func(p *oauth.Provider) { p.UserinfoURL = "" }, false},
		{func(p *oauth.Provider) { p.TokenURL = "http://uaa.example.com/token" }, false},
		{func(p *oauth.Provider) { p.AuthorizeURL = "javascript:alert(1)" }, false},
		{func(p *oauth.Provider) { p.AllowedDomains = []string{"example.com"} }, false},
		{func(p *oauth.Provider) { p.TokenAudience = []string{"x"} }, false},
	} {
		p := plainProvider(u)
		row.change(&p)
		_, err := oauth.NewLogins(oauth.Config{Providers: []oauth.Provider{p}, Ring: testRing(), Spend: new(spent).spend})
		if (err == nil) != row.good {
			t.Errorf("row %d: %v", i, err)
		}
	}
	two := func(change func(*oauth.Provider)) error {
		a, b := plainProvider(u), plainProvider(u)
		b.Name, b.Callback = "other", strings.Replace(callback, "corp", "other", 1)
		change(&b)
		_, err := oauth.NewLogins(oauth.Config{Providers: []oauth.Provider{a, b}, Ring: testRing(), Spend: new(spent).spend})
		return err
	}
	if err := two(func(*oauth.Provider) {}); err != nil {
		t.Errorf("the same server twice: %v", err)
	}
	for _, change := range []func(*oauth.Provider){
		func(p *oauth.Provider) { p.Claims.Subject = "email" },
		func(p *oauth.Provider) { p.UserinfoURL += "/other" },
		func(p *oauth.Provider) {
			p.Type, p.Claims, p.AuthorizeURL, p.TokenURL, p.UserinfoURL = oauth.OIDC, oauth.Claims{}, "", "", ""
		},
	} {
		if err := two(change); err == nil {
			t.Error("one issuer, whose subjects are of two kinds, is accepted")
		}
	}
}

// The fuzzer writes what a server tells of a person.
func FuzzUserinfo(f *testing.F) {
	for _, text := range []string{`{"user_id":"a"}`, `{"user_id":7,"roles":["x"]}`, `[]`, `{"user_id":{}}`} {
		f.Add([]byte(text))
	}
	u, l := newPlain(f, func(p *oauth.Provider) { p.Groups = []oauth.GroupRule{{Claim: "**"}} })
	f.Fuzz(func(t *testing.T, text []byte) {
		u.Under(t)
		u.Honest()
		u.ChangeText(testidp.Userinfo, func([]byte) []byte { return text })
		ext, err := l.signIn(t)
		if err == nil && (ext.Subject == "" || len(fmt.Sprint(ext.Login, ext.DisplayName, ext.Email)) > 4096) {
			t.Errorf("%+v", ext)
		}
	})
}
