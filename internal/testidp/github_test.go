package testidp_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/internal/testidp"
)

func hubSignIn(t *testing.T, g *testidp.GitHub, scopes ...string) (*oauth2.Token, error) {
	t.Helper()
	c := &oauth2.Config{ClientID: g.Client.ID, ClientSecret: g.Client.Secret, RedirectURL: redirect, Scopes: scopes, Endpoint: oauth2.Endpoint{
		AuthURL: g.URL + "/login/oauth/authorize", TokenURL: g.URL + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams,
	}}
	verifier := oauth2.GenerateVerifier()
	back := g.Visit(c.AuthCodeURL(rand.Text(), oauth2.S256ChallengeOption(verifier)))
	return c.Exchange(t.Context(), back.Query().Get("code"), oauth2.VerifierOption(verifier))
}

func ask(t *testing.T, token *oauth2.Token, at string, into any) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	token.SetAuthHeader(r)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if into != nil {
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	return answer
}

func TestGitHub(t *testing.T) {
	g := testidp.NewGitHub(t)
	g.Register(redirect)
	many := testidp.Octocat()
	for i := range 70 {
		many.Teams = append(many.Teams, testidp.GitHubTeam{Org: "acme", Slug: fmt.Sprintf("t%d", i), Name: "T"})
	}
	g.Put(many)
	token, err := hubSignIn(t, g, "read:user", "user:email", "read:org")
	if err != nil {
		t.Fatal(err)
	}
	var user struct {
		ID    int64
		Login string
	}
	answer := ask(t, token, g.URL+"/api/v3/user", &user)
	if user.ID != many.ID || user.Login != "octocat" || answer.Header.Get("X-OAuth-Scopes") != "read:user, user:email, read:org" {
		t.Errorf("%v, %v", user, answer.Header)
	}
	var teams []struct{ Slug string }
	if answer := ask(t, token, g.URL+"/api/v3/user/teams?page=2", &teams); len(teams) != 30 || !strings.Contains(answer.Header.Get("Link"), `page=3>; rel="next"`) {
		t.Errorf("%d teams, %s", len(teams), answer.Header.Get("Link"))
	}
	var member struct{ State string }
	if ask(t, token, g.URL+"/api/v3/user/memberships/orgs/ACME", &member); member.State != "active" {
		t.Errorf("membership %q", member.State)
	}
	if answer := ask(t, token, g.URL+"/api/v3/user/memberships/orgs/other", nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("somebody else's organisation: %s", answer.Status)
	}
	g.Put(testidp.GitHubUser{ID: 7, Login: "Octocat"})
	if ask(t, token, g.URL+"/api/v3/user", &user); user.Login == "octocat" || user.ID != many.ID {
		t.Errorf("after the login went to another: %v", user)
	}
	g.Revoke(many.ID)
	if answer := ask(t, token, g.URL+"/api/v3/user", nil); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("revoked: %s", answer.Status)
	}
}

func TestGitHubEndsTheEleventhToken(t *testing.T) {
	g := testidp.NewGitHub(t)
	g.Register(redirect)
	var tokens []*oauth2.Token
	for range 11 {
		token, err := hubSignIn(t, g, "read:user")
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	for i, token := range tokens[:2] {
		if answer := ask(t, token, g.URL+"/api/v3/user", nil); (answer.StatusCode == http.StatusOK) != (i > 0) {
			t.Errorf("token %d: %s", i, answer.Status)
		}
	}
	if answer := ask(t, tokens[10], g.URL+"/api/v3/user/emails", nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("without the scope: %s", answer.Status)
	}
}

func TestGitHubSaysErrorsWithStatus200(t *testing.T) {
	g := testidp.NewGitHub(t)
	form := url.Values{
		"client_id": {g.Client.ID}, "client_secret": {g.Client.Secret}, "code": {"made-up"},
		"code_verifier": {strings.Repeat("v", 43)},
	}
	answer, err := http.PostForm(g.URL+"/login/oauth/access_token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "application/x-www-form-urlencoded") {
		t.Errorf("%s, %s", answer.Status, kind)
	}
}

func TestUAA(t *testing.T) {
	u := testidp.NewUAA(t)
	u.Register(redirect)
	c := &oauth2.Config{ClientID: u.Client.ID, ClientSecret: u.Client.Secret, RedirectURL: redirect, Endpoint: oauth2.Endpoint{
		AuthURL: u.URL + "/oauth/authorize", TokenURL: u.URL + "/oauth/token", AuthStyle: oauth2.AuthStyleInHeader,
	}}
	verifier := oauth2.GenerateVerifier()
	back := u.Visit(c.AuthCodeURL(rand.Text(), oauth2.S256ChallengeOption(verifier)))
	token, err := c.Exchange(t.Context(), back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if token, err = c.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token(); err != nil {
			t.Fatal(err)
		}
	}
	var user map[string]any
	if ask(t, token, u.URL+"/userinfo", &user); user["user_id"] != testidp.Alice().Subject || user["sub"] != nil {
		t.Errorf("%v", user)
	}
	u.Revoke(testidp.Alice().Subject)
	if answer := ask(t, token, u.URL+"/userinfo", nil); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("revoked: %s", answer.Status)
	}
}
