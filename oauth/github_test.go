package oauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

// elsewhere is a provider called corp that is no OpenID provider.
type elsewhere struct {
	*oauth.Logins
	visit func(to string) *url.URL
}

func (e elsewhere) signIn(t testing.TB) (auth.External, error) {
	t.Helper()
	b := browser{}
	to, id, sealed, err := e.Begin(t.Context(), "corp", attemptTo(auth.ToSignIn))
	if err != nil {
		return auth.External{}, err
	}
	b[id] = sealed
	ext, _, err := e.Finish(t.Context(), "corp", e.visit(to).Query(), b.kept)
	return ext, err
}

func hubProvider(g *testidp.GitHub) oauth.Provider {
	return oauth.Provider{
		Name: "corp", Title: "GitHub", Type: oauth.GitHub, BaseURL: g.URL,
		ClientID: g.Client.ID, ClientSecret: auth.NewSecret(g.Client.Secret), Callback: callback,
	}
}

func newHub(t testing.TB, change func(*oauth.Provider)) (*testidp.GitHub, elsewhere) {
	t.Helper()
	g := testidp.NewGitHub(t)
	g.Register(callback)
	return g, atHub(t, g, change)
}

func atHub(t testing.TB, g *testidp.GitHub, change func(*oauth.Provider)) elsewhere {
	t.Helper()
	p := hubProvider(g)
	if change != nil {
		change(&p)
	}
	return elsewhere{logins(t, oauth.Config{Providers: []oauth.Provider{p}, Ring: testRing(), Spend: new(spent).spend}), g.Visit}
}

func orgs(names ...string) func(*oauth.Provider) {
	return func(p *oauth.Provider) { p.AllowedOrgs = names }
}

func codeIs(t *testing.T, name string, err error, want auth.Code) {
	t.Helper()
	if got := auth.CodeOf(err); got != want {
		t.Errorf("%s: %q, not %q: %v", name, got, want, err)
	}
}

func TestGitHubSignIn(t *testing.T) {
	t.Parallel()
	g, l := newHub(t, nil)
	ext, err := l.signIn(t)
	want := auth.External{
		Provider: "corp", Issuer: g.URL, Subject: "583231", Login: "octocat", DisplayName: "The Octocat",
		Email: "octocat@example.com", EmailVerified: true, Refresh: auth.NewSecret("there"),
	}
	if err != nil || !reflect.DeepEqual(reveal(ext), want) {
		t.Errorf("%v\n%+v\n%+v", err, ext, want)
	}
	for _, where := range []testidp.Where{testidp.APIMembership, testidp.APITeams} {
		if g.Asked(where) != 0 {
			t.Errorf("%s was asked without a rule", where)
		}
	}
}

// A name is a name; the account is its number.
func TestGitHubRenamedAndRecycledLogins(t *testing.T) {
	t.Parallel()
	g, l := newHub(t, nil)
	renamed := testidp.Octocat()
	renamed.Login = "octodog"
	g.Put(renamed)
	ext, err := l.signIn(t)
	if err != nil || ext.Subject != "583231" || ext.Login != "octodog" {
		t.Errorf("renamed: %v, %+v", err, ext)
	}
	g.Put(testidp.GitHubUser{ID: 1 << 60, Login: "octocat", Name: "The Octocat", Emails: testidp.Octocat().Emails})
	g.SignIn(1 << 60)
	ext, err = l.signIn(t)
	if err != nil || ext.Subject != "1152921504606846976" || ext.Login != "octocat" {
		t.Errorf("recycled: %v, %+v", err, ext)
	}
}

func TestGitHubNumbers(t *testing.T) {
	t.Parallel()
	g, l := newHub(t, nil)
	for text, want := range map[string]string{
		`9007199254740993`: "9007199254740993", `1`: "1", `9223372036854775807`: "9223372036854775807",
		`0`: "", `-1`: "", `01`: "", `1.0`: "", `1e3`: "", `"583231"`: "", `null`: "", `[1]`: "", `{}`: "", `true`: "",
		`18446744073709551617`: "", `1` + strings.Repeat("0", 5000): "",
	} {
		g.Honest()
		g.ChangeText(testidp.APIUser, func(doc []byte) []byte {
			return []byte(strings.Replace(string(doc), `"id":583231`, `"id":`+text, 1))
		})
		ext, err := l.signIn(t)
		if ext.Subject != want || (err == nil) != (want != "") {
			t.Errorf("%.40s: %q, %v", text, ext.Subject, err)
		}
	}
}

func TestGitHubEmail(t *testing.T) {
	t.Parallel()
	g, l := newHub(t, nil)
	one := func(change func(map[string]any)) func() {
		return func() { g.Change(testidp.APIEmails, change) }
	}
	verified := func(v any) func() {
		return one(func(e map[string]any) { e["verified"] = v })
	}
	answer := func(status int) func() {
		return func() {
			g.Intercept(testidp.APIEmails, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			})
		}
	}
	const address = "octocat@example.com"
	for _, row := range []struct {
		name     string
		lie      func()
		email    string
		verified bool
		code     auth.Code
	}{
		{"honest", func() {}, address, true, ""},
		{"unverified", verified(false), address, false, ""},
		{`verified "true"`, verified("true"), address, false, ""},
		{"verified 1", verified(1), address, false, ""},
		{"verified [true]", verified([]bool{true}), address, false, ""},
		{"verified null", verified(nil), address, false, ""},
		{"verified absent", one(func(e map[string]any) { delete(e, "verified") }), address, false, ""},
		{"none primary", one(func(e map[string]any) { e["primary"] = false }), "", false, ""},
		{`primary "true"`, one(func(e map[string]any) { e["primary"] = "true" }), "", false, ""},
		{"address a list", one(func(e map[string]any) { e["email"] = []string{address} }), "", false, ""},
		{"address of two lines", one(func(e map[string]any) { e["email"] = "a@example.com\nb@example.com" }), "", false, ""},
		{"404", answer(http.StatusNotFound), "", false, ""},
		{"403", answer(http.StatusForbidden), "", false, ""},
		{"500", answer(http.StatusInternalServerError), "", false, auth.Unavailable},
		{"rate limit", func() { g.LimitRate(testidp.APIEmails) }, "", false, auth.Unavailable},
		{"no list", func() { g.ChangeText(testidp.APIEmails, func([]byte) []byte { return []byte(`{}`) }) }, "", false, auth.Unavailable},
		{"a name twice", func() {
			g.ChangeText(testidp.APIEmails, func([]byte) []byte {
				return []byte(`[{"email":"a@example.com","primary":true,"verified":false,"verified":true}]`)
			})
		}, "", false, auth.Unavailable},
	} {
		g.Honest()
		row.lie()
		ext, err := l.signIn(t)
		if auth.CodeOf(err) != row.code || ext.Email != row.email || ext.EmailVerified != row.verified {
			t.Errorf("%s: %q %v, %v", row.name, ext.Email, ext.EmailVerified, err)
		}
	}
}

func TestGitHubOrganisations(t *testing.T) {
	t.Parallel()
	g := testidp.NewGitHub(t)
	g.Register(callback)
	member := testidp.Octocat()
	member.Orgs = map[string]string{"Acme": "active", "waiting": "pending"}
	member.Teams = []testidp.GitHubTeam{{Org: "Acme", Slug: "platform"}, {Org: "other", Slug: "admins"}}
	for i := range 230 {
		member.Teams = append(member.Teams, testidp.GitHubTeam{Org: "Acme", Slug: fmt.Sprintf("t%d", i)})
	}
	g.Put(member)
	status := func(where testidp.Where, status int) func() {
		return func() {
			g.Intercept(where, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			})
		}
	}
	says := func(where testidp.Where, text string) func() {
		return func() { g.ChangeText(where, func([]byte) []byte { return []byte(text) }) }
	}
	honest := func() {}
	for _, row := range []struct {
		name    string
		allowed []string
		lie     func()
		want    auth.Code
	}{
		{"member", []string{"Acme"}, honest, ""},
		{"member, another case", []string{"aCME"}, honest, ""},
		{"member of the second", []string{"nobody", "acme"}, honest, ""},
		{"not a member", []string{"nobody"}, honest, auth.Forbidden},
		{"member of one whose name begins so", []string{"acm"}, honest, auth.Forbidden},
		{"member of the last of many", []string{"a", "b", "c", "d", "ACME"}, honest, ""},
		{"member of none of many", []string{"a", "b", "c", "d", "waiting"}, honest, auth.Forbidden},
		{"many, and 403", []string{"a", "b", "c", "d", "acme"}, status(testidp.APIMembership, http.StatusForbidden), auth.Forbidden},
		{"many, and 500", []string{"a", "b", "c", "d", "acme"}, status(testidp.APIMembership, http.StatusInternalServerError), auth.Unavailable},
		{"many, and not told the state", []string{"a", "b", "c", "d", "acme"}, says(testidp.APIMembership, `[{"organization":{"login":"acme"}}]`), auth.Forbidden},
		{"invited", []string{"waiting"}, honest, auth.Forbidden},
		{"of the team", []string{"acme/platform"}, honest, ""},
		{"of the team, another case", []string{"ACME/Platform"}, honest, ""},
		{"of the team on the third page", []string{"acme/t229"}, honest, ""},
		{"a team of that name elsewhere", []string{"acme/admins"}, honest, auth.Forbidden},
		{"a member, but not of the team", []string{"acme/owners"}, honest, auth.Forbidden},
		{"membership 403", []string{"acme"}, status(testidp.APIMembership, http.StatusForbidden), auth.Forbidden},
		{"membership 404", []string{"acme"}, status(testidp.APIMembership, http.StatusNotFound), auth.Forbidden},
		{"membership 401", []string{"acme"}, status(testidp.APIMembership, http.StatusUnauthorized), auth.Forbidden},
		{"membership 204", []string{"acme"}, status(testidp.APIMembership, http.StatusNoContent), auth.Unavailable},
		{"membership 302", []string{"acme"}, status(testidp.APIMembership, http.StatusFound), auth.Unavailable},
		{"membership 500", []string{"acme"}, status(testidp.APIMembership, http.StatusInternalServerError), auth.Unavailable},
		{"membership empty", []string{"acme"}, says(testidp.APIMembership, `{}`), auth.Forbidden},
		{"membership of another", []string{"acme"}, says(testidp.APIMembership, `{"state":"active","organization":{"login":"other"}}`), auth.Forbidden},
		{"membership a list", []string{"acme"}, says(testidp.APIMembership, `[{"state":"active","organization":{"login":"acme"}}]`), auth.Unavailable},
		{"membership null", []string{"acme"}, says(testidp.APIMembership, `null`), auth.Unavailable},
		{"membership, too many requests", []string{"acme"}, func() { g.LimitRate(testidp.APIMembership) }, auth.Unavailable},
		{"teams 403", []string{"acme/platform"}, status(testidp.APITeams, http.StatusForbidden), auth.Forbidden},
		{"teams 404", []string{"acme/platform"}, status(testidp.APITeams, http.StatusNotFound), auth.Forbidden},
		{"teams 500", []string{"acme/platform"}, status(testidp.APITeams, http.StatusInternalServerError), auth.Unavailable},
		{"teams of texts", []string{"acme/platform"}, says(testidp.APITeams, `["acme/platform"]`), auth.Unavailable},
		{"teams without organisation", []string{"acme/platform"}, says(testidp.APITeams, `[{"slug":"acme/platform"},{"slug":"platform","organization":"acme"}]`), auth.Forbidden},
	} {
		g.Honest()
		row.lie()
		_, err := atHub(t, g, orgs(row.allowed...)).signIn(t)
		codeIs(t, row.name, err, row.want)
	}
	g.Honest()
	g.Restrict("acme")
	_, err := atHub(t, g, orgs("acme")).signIn(t)
	codeIs(t, "an organisation that lets no application look", err, auth.Forbidden)
}

// Pages are asked for one after the other, ten at most, wherever links lead.
func TestGitHubPagesEnd(t *testing.T) {
	t.Parallel()
	g, l := newHub(t, orgs("acme/last"))
	away := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a link was followed to %s", r.URL)
	}))
	t.Cleanup(away.Close)
	g.Intercept(testidp.APITeams, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+away.URL+`/user/teams?page=2>; rel="next"`)
			fmt.Fprint(w, `[{"slug":"x","organization":{"login":"acme"}}]`)
		})
	})
	_, err := l.signIn(t)
	codeIs(t, "endless pages", err, auth.Forbidden)
	if n := g.Asked(testidp.APITeams); n != 10 {
		t.Errorf("%d pages were read", n)
	}
}

func TestGitHubGroups(t *testing.T) {
	t.Parallel()
	g, l := newHub(t, func(p *oauth.Provider) {
		p.Groups = []oauth.GroupRule{
			{Claim: "acme", Group: "staff"}, {Claim: "ACME/platform", Group: "ops"}, {Claim: "waiting", Group: "guests"},
			{Claim: "Big-Org"}, {Claim: "acme/*", Group: "teams"}, {Claim: "nobody/**", Group: "nobody"},
		}
	})
	u := testidp.Octocat()
	u.Orgs = map[string]string{"Acme": "active", "waiting": "pending", "big-org": "active"}
	for i := range 600 { // more than a claim may have
		u.Teams = append(u.Teams, testidp.GitHubTeam{Org: "elsewhere", Slug: fmt.Sprintf("t%d", i)})
	}
	g.Put(u)
	ext, err := l.signIn(t)
	if want := []string{"Big-Org", "ops", "staff", "teams"}; err != nil || !reflect.DeepEqual(ext.Groups, want) {
		t.Errorf("%v, %v", ext.Groups, err)
	}
	u.Orgs, u.Teams = nil, nil
	g.Put(u)
	if ext, err = l.Refresh(t.Context(), "corp", ext.Subject, ext.Refresh); err != nil || len(ext.Groups) != 0 {
		t.Errorf("after leaving all: %v, %v", ext.Groups, err)
	}
}

func TestGitHubTokens(t *testing.T) {
	t.Parallel()
	g, l := newHub(t, nil)
	form := func(text string) func() {
		return func() { g.ChangeText(testidp.Token, func([]byte) []byte { return []byte(text) }) }
	}
	instead := func(f http.HandlerFunc) func() {
		return func() { g.Intercept(testidp.Token, func(http.Handler) http.Handler { return f }) }
	}
	away := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect was followed to %s", r.URL)
	}))
	t.Cleanup(away.Close)
	for _, row := range []struct {
		name string
		lie  func()
		want auth.Code
	}{
		{"honest", func() {}, ""},
		{"an error with status 200", form("error=bad_verification_code&error_description=The+code+passed+is+incorrect+or+expired."), auth.Forbidden},
		{"an error and a token", form("error=access_denied&access_token=gho_x&token_type=bearer"), auth.Forbidden},
		{"our secret is wrong there", form("error=incorrect_client_credentials"), auth.Forbidden},
		{"token of type mac", form("access_token=gho_x&token_type=mac"), auth.Forbidden},
		{"no token", form("token_type=bearer&scope="), auth.Unavailable},
		{"two tokens", form("access_token=gho_x&access_token=gho_y&token_type=bearer"), auth.Unavailable},
		{"a token that is none", form("access_token=gho_made_up&token_type=bearer"), auth.Forbidden},
		{"a token with a line break", form("access_token=gho%0d%0ax&token_type=bearer"), auth.Forbidden},
		{"a page", instead(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html>") }), auth.Unavailable},
		{"404", instead(http.NotFound), auth.Unavailable},
		{"a redirect with the secret", instead(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, away.URL, http.StatusTemporaryRedirect)
		}), auth.Unavailable},
		{"2 MiB", form("access_token=gho_x&token_type=bearer&x=" + strings.Repeat("x", 2<<20)), auth.Unavailable},
	} {
		g.Honest()
		row.lie()
		_, err := l.signIn(t)
		codeIs(t, row.name, err, row.want)
		if err != nil && strings.Contains(err.Error(), "gho_") {
			t.Errorf("%s: the error tells a token: %v", row.name, err)
		}
	}
}

func TestGitHubRefresh(t *testing.T) {
	t.Parallel()
	g, l := newHub(t, orgs("acme"))
	ext, err := l.signIn(t)
	if err != nil {
		t.Fatal(err)
	}
	put := func(change func(*testidp.GitHubUser)) func() {
		return func() {
			u := testidp.Octocat()
			change(&u)
			g.Put(u)
		}
	}
	for _, row := range []struct {
		name string
		then func()
		want auth.Code
	}{
		{"nothing", func() {}, ""},
		{"renamed", put(func(u *testidp.GitHubUser) { u.Login = "octodog" }), ""},
		{"left the organisation", put(func(u *testidp.GitHubUser) { u.Orgs = nil }), auth.Unauthenticated},
		{"suspended", put(func(u *testidp.GitHubUser) { u.Suspended = true }), auth.Unauthenticated},
		{"asked too often", func() { g.LimitRate(testidp.APIUser) }, auth.Unavailable},
		{"organisations asked too often", func() { g.LimitRate(testidp.APIMembership) }, auth.Unavailable},
		{"down", func() {
			g.Intercept(testidp.APIUser, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
			})
		}, auth.Unavailable},
		{"user not found", func() {
			g.Intercept(testidp.APIUser, func(http.Handler) http.Handler { return http.NotFoundHandler() })
		}, auth.Unavailable},
		{"of another account", func() { g.Change(testidp.APIUser, func(doc map[string]any) { doc["id"] = 7 }) }, auth.Unauthenticated},
		{"all well again", func() {}, ""},
		{"revoked", func() { g.Revoke(testidp.Octocat().ID) }, auth.Unauthenticated},
	} {
		g.Honest()
		g.Put(testidp.Octocat())
		row.then()
		next, err := l.Refresh(t.Context(), "corp", ext.Subject, ext.Refresh)
		codeIs(t, row.name, err, row.want)
		if err == nil && (next.Subject != ext.Subject || next.Refresh.Empty()) {
			t.Errorf("%s: %+v", row.name, next)
		}
	}
}

// GitHub has told who it is (RFC 9207), and may again.
func TestGitHubNamesItself(t *testing.T) {
	t.Parallel()
	g, l := newHub(t, nil)
	for iss, want := range map[string]auth.Code{
		g.URL + "/login/oauth": "", g.URL: "", "https://github.com/login/oauth": auth.Invalid, g.URL + "/": auth.Invalid, "": auth.Invalid,
	} {
		g.Honest()
		g.ChangeAnswer(func(u *url.URL) { u.RawQuery += "&iss=" + url.QueryEscape(iss) })
		_, err := l.signIn(t)
		codeIs(t, iss, err, want)
	}
}

func TestGitHubStalls(t *testing.T) {
	t.Parallel()
	g, l := newHub(t, nil)
	_, release := g.Hold(testidp.APIEmails)
	defer release()
	begun := time.Now()
	_, err := l.signIn(t)
	codeIs(t, "stalled", err, auth.Unavailable)
	if d := time.Since(begun); d > 8*time.Second {
		t.Errorf("it took %s", d)
	}
}

func TestGitHubHealth(t *testing.T) {
	t.Parallel()
	g := testidp.NewGitHub(t)
	if said, ok := atHub(t, g, nil).Health(t.Context(), "corp"); !ok || said != "it answers" {
		t.Errorf("%q, %v", said, ok)
	}
	down := atHub(t, g, func(p *oauth.Provider) { p.BaseURL = "http://127.0.0.1:1" })
	if said, ok := down.Health(t.Context(), "corp"); ok || said == "" {
		t.Errorf("%q, %v", said, ok)
	}
}

// transport answers without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWhereGitHubsAPIIs(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://github.com":           "https://api.github.com/meta",
		"https://git.example.com:8443": "https://git.example.com:8443/api/v3/meta",
		"https://acme.ghe.com":         "https://api.acme.ghe.com/meta",
		"https://ghe.com.example.com":  "https://ghe.com.example.com/api/v3/meta",
	} {
		asked := ""
		l := logins(t, oauth.Config{
			Providers: []oauth.Provider{{
				Name: "corp", Type: oauth.GitHub, BaseURL: base, AllowedOrgs: []string{"acme"}, ClientID: "x", Callback: callback,
			}},
			Ring: testRing(), Spend: new(spent).spend,
			Transport: transport(func(r *http.Request) (*http.Response, error) {
				asked = r.URL.String()
				w := httptest.NewRecorder()
				w.WriteHeader(http.StatusUnauthorized)
				return w.Result(), nil
			}),
		})
		if said, ok := l.Health(t.Context(), "corp"); !ok || asked != want {
			t.Errorf("%s: asked %s, %s", base, asked, said)
		}
	}
}

func TestGitHubProviders(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*oauth.Provider)
		good   bool
	}{
		"enterprise, everybody":        {func(*oauth.Provider) {}, true},
		"github.com, everybody":        {func(p *oauth.Provider) { p.BaseURL = "" }, false},
		"github.com by name":           {func(p *oauth.Provider) { p.BaseURL = "https://github.com" }, false},
		"github.com in another case":   {func(p *oauth.Provider) { p.BaseURL = "https://GitHub.com" }, false},
		"github.com with a port":       {func(p *oauth.Provider) { p.BaseURL = "https://github.com:443"; p.AllowAny = true }, false},
		"github.com with a dot":        {func(p *oauth.Provider) { p.BaseURL = "https://github.com."; p.AllowAny = true }, false},
		"www.github.com":               {func(p *oauth.Provider) { p.BaseURL = "https://www.github.com"; p.AllowAny = true }, false},
		"github.com, any":              {func(p *oauth.Provider) { p.BaseURL = "https://github.com"; p.AllowAny = true }, true},
		"github.com, an organisation":  {func(p *oauth.Provider) { p.BaseURL = ""; p.AllowedOrgs = []string{"acme"} }, true},
		"with a path":                  {func(p *oauth.Provider) { p.BaseURL = "https://git.example.com/" }, false},
		"plain http":                   {func(p *oauth.Provider) { p.BaseURL = "http://git.example.com" }, false},
		"an organisation that is none": {orgs("acme/../user"), false},
		"an organisation of dots":      {orgs(".."), false},
		"an organisation with a query": {orgs("acme?x"), false},
		"an empty team":                {orgs("acme/"), false},
		"a pattern":                    {orgs("*"), false},
		"scopes without read:org":      {func(p *oauth.Provider) { p.AllowedOrgs, p.Scopes = []string{"acme"}, []string{"user"} }, false},
		"scopes with more":             {func(p *oauth.Provider) { p.AllowedOrgs, p.Scopes = []string{"acme"}, []string{"admin:org"} }, true},
		"domains":                      {func(p *oauth.Provider) { p.AllowedDomains = []string{"example.com"} }, false},
		"token audience":               {func(p *oauth.Provider) { p.TokenAudience = []string{"x"} }, false},
	} {
		p := oauth.Provider{Name: "corp", Type: oauth.GitHub, BaseURL: "https://git.example.com", ClientID: "x", Callback: callback}
		row.change(&p)
		_, err := oauth.NewLogins(oauth.Config{Providers: []oauth.Provider{p}, Ring: testRing(), Spend: new(spent).spend})
		if (err == nil) != row.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzGitHubLists(f *testing.F) {
	for _, text := range []string{`[]`, `[{"slug":"x","organization":{"login":"acme"}}]`, `null`, `{}`, `[[]]`, `[{"a":1,"a":2}]`, `[{}] x`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := oauth.ReadList(text)
		if (list == nil) != (err != nil) {
			t.Errorf("%v, %v", list, err)
		}
	})
}

// A rule becomes part of a path, and stays one segment of it.
func FuzzGitHubOrgRules(f *testing.F) {
	for _, text := range []string{"acme", "Acme/Platform", "..", "a/../b", "a%2fb", "ſ", "acme/", "a?b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		org, team, ok := oauth.ReadOrgRule(text)
		if !ok {
			return
		}
		for _, part := range []string{org, team} {
			if u, err := url.Parse("/user/" + part); err != nil || u.Path != "/user/"+part || strings.ContainsAny(part, "/?#%") || part == ".." {
				t.Errorf("%q has the part %q", text, part)
			}
		}
	})
}
