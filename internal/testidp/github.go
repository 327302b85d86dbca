package testidp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// GitHub is a GitHub Enterprise Server as an OAuth app meets it, with its API at
// URL/api/v3. Its ways, which are not those of RFC 6749:
//
//   - an error at the token endpoint has status 200, and a body in the form
//     encoding unless JSON is asked for;
//   - scopes are told with commas between them;
//   - a user's number stays; the login may change, and may then be another's;
//   - a token does not end, and is not refreshed; the eleventh of one user and
//     the same scopes ends the first;
//   - what a scope does not cover is 404 in one place and 403 in another;
//   - lists come in pages, linked by a header.
type GitHub struct {
	server
	users    map[int64]*GitHubUser
	signedIn int64
	limited  map[string]bool // organisations that let no OAuth app in
	given    []*grant        // by age
}

// GitHubUser is a user of a GitHub server.
type GitHubUser struct {
	ID          int64
	Login, Name string
	PublicEmail string // of the profile; it proves nothing
	Emails      []GitHubEmail
	Orgs        map[string]string // organisation → active or pending
	Teams       []GitHubTeam
	Suspended   bool
}

// GitHubEmail is an address of a user.
type GitHubEmail struct {
	Email      string `json:"email"`
	Primary    bool   `json:"primary"`
	Verified   bool   `json:"verified"`
	Visibility string `json:"visibility,omitempty"`
}

// GitHubTeam is a team that a user is in.
type GitHubTeam struct{ Org, Slug, Name string }

const (
	tokensOfUser = 10
	perPage      = 30
	maxPerPage   = 100
	apiPath      = "/api/v3"
)

// Octocat is a GitHub user like any other, in the organisation acme.
func Octocat() GitHubUser {
	return GitHubUser{
		ID: 583231, Login: "octocat", Name: "The Octocat", PublicEmail: "public@example.com",
		Emails: []GitHubEmail{
			{Email: "old@example.com", Verified: true},
			{Email: "octocat@example.com", Primary: true, Verified: true, Visibility: "private"},
			{Email: "new@example.com"},
		},
		Orgs:  map[string]string{"acme": "active"},
		Teams: []GitHubTeam{{"acme", "platform", "Platform"}},
	}
}

// NewGitHub starts a server at which Octocat is signed in. It ends with the test.
func NewGitHub(t testing.TB) *GitHub {
	t.Helper()
	g := &GitHub{users: map[int64]*GitHubUser{}, limited: map[string]bool{}}
	mux := http.NewServeMux()
	mux.Handle("/login/oauth/authorize", g.at(Authorize, g.authorize))
	mux.Handle("/login/oauth/access_token", g.at(Token, g.token))
	mux.Handle(apiPath+"/user", g.at(APIUser, g.api("", g.user)))
	mux.Handle(apiPath+"/user/emails", g.at(APIEmails, g.api("user:email", g.emails)))
	mux.Handle(apiPath+"/user/memberships/orgs/{org}", g.at(APIMembership, g.api("read:org", g.membership)))
	mux.Handle(apiPath+"/user/memberships/orgs", g.at(APIMembership, g.api("read:org", g.memberships)))
	mux.Handle(apiPath+"/user/teams", g.at(APITeams, g.api("read:org", g.teams)))
	g.start(t, mux)
	g.Put(Octocat())
	g.SignIn(Octocat().ID)
	return g
}

// Put adds a user, or changes the one of that number. A login that another had
// is theirs no more.
func (g *GitHub) Put(u GitHubUser) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, other := range g.users {
		if id != u.ID && strings.EqualFold(other.Login, u.Login) {
			other.Login = "ghost-" + strconv.FormatInt(id, 10)
		}
	}
	g.users[u.ID] = &u
}

// SignIn makes the user of this number the one who is signed in there.
func (g *GitHub) SignIn(id int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.signedIn = id
}

// Restrict makes an organisation one that lets no OAuth app in.
func (g *GitHub) Restrict(org string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limited[strings.ToLower(org)] = true
}

// LimitRate makes places answer as to somebody who asked too often.
func (g *GitHub) LimitRate(places ...Where) {
	for _, where := range places {
		g.Intercept(where, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-RateLimit-Remaining", "0")
				w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(g.time().Unix()+3600, 10))
				g.message(w, http.StatusForbidden, "API rate limit exceeded for user ID 583231.")
			})
		})
	}
}

// Revoke ends the tokens of a user.
func (g *GitHub) Revoke(id int64) { g.server.Revoke(strconv.FormatInt(id, 10)) }

func (g *GitHub) authorize(w http.ResponseWriter, r *http.Request) {
	a, ok := g.read(w, r, false)
	if !ok {
		return
	}
	a.scopes = strings.FieldsFunc(r.URL.Query().Get("scope"), func(r rune) bool { return r == ' ' || r == ',' })
	g.mu.Lock()
	id := g.signedIn
	g.mu.Unlock()
	code := g.newCode(&grant{attempt: a, user: User{Subject: strconv.FormatInt(id, 10)}})
	g.sendBack(w, a.redirect, url.Values{"code": {code}, "state": {a.state}})
}

// refusals are GitHub's words for those of RFC 6749.
var refusals = map[string]string{
	"invalid_client":  "incorrect_client_credentials",
	"invalid_grant":   "bad_verification_code",
	"invalid_request": "bad_verification_code",
}

func (g *GitHub) token(w http.ResponseWriter, r *http.Request) {
	form, refusal := g.form(r)
	var got *grant
	if refusal == "" {
		got, refusal = g.redeem(form, false)
	}
	if refusal != "" {
		g.answer(w, r, map[string]any{
			"error": refusals[refusal], "error_description": "The code passed is incorrect or expired.",
			"error_uri": "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/",
		})
		return
	}
	access, _ := g.issue(got, "gho_", false)
	g.age(got)
	g.answer(w, r, map[string]any{"access_token": access, "token_type": "bearer", "scope": strings.Join(got.scopes, ",")})
}

// age ends the oldest token of one user and the same scopes where there are
// more than ten.
func (g *GitHub) age(got *grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.given = append(g.given, got)
	alike := 0
	for _, other := range slices.Backward(g.given) {
		if other.user.Subject == got.user.Subject && slices.Equal(other.scopes, got.scopes) && !other.revoked {
			if alike++; alike > tokensOfUser {
				other.revoked = true
			}
		}
	}
}

// answer says it as a form, or as JSON to those who ask.
func (g *GitHub) answer(w http.ResponseWriter, r *http.Request, doc map[string]any) {
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		g.say(w, Token, http.StatusOK, doc)
		return
	}
	form := url.Values{}
	for name, value := range g.changed(Token, doc) {
		form.Set(name, fmt.Sprint(value))
	}
	g.sayText(w, Token, http.StatusOK, "application/x-www-form-urlencoded; charset=utf-8", []byte(form.Encode()))
}

// message is an error of the API.
func (g *GitHub) message(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"message": text, "documentation_url": "https://docs.github.com/rest"})
}
