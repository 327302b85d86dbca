package main

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// What the CLI and its library ask for beside files, as they ask for it.

func TestJFCommands(t *testing.T) {
	t.Parallel()
	w := newJFWorld(t, "")
	t.Run("API key", w.apiKeyCommands)
	t.Run("tokens of Artifactory", w.oldTokenCommands)
	t.Run("tokens of Access", w.tokenCommands)
	t.Run("users", w.userCommands)
	t.Run("npm", w.npmCommands)
}

// basicClient is the CLI with the encrypted password of a user, as it is.
func (w *jfWorld) basicClient(t *testing.T, user string) *jfManager {
	t.Helper()
	j := w.client()
	j.basicOnly = true
	if err := j.addPassword(user, jfPassword); err != nil {
		t.Fatal(err)
	}
	return &jfManager{j: j, root: j.platform + "/artifactory/"}
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *jfWorld) apiKeyCommands(t *testing.T) {
	w.newPerson("keys")
	m := w.basicClient(t, "keys")
	key := must[string](t)
	if none := key(m.jfKey("GET")); none != "" {
		t.Errorf("before there is one: %q", none)
	}
	first := key(m.jfKey("POST"))
	if !isJFKey(first) || key(m.jfKey("GET")) != first {
		t.Errorf("the CLI takes %q for no key", first)
	}
	if _, err := m.jfKey("POST"); jfStatus(err) != http.StatusBadRequest {
		t.Errorf("a second key: %v", err)
	}
	second := key(m.jfKey("PUT"))
	if second == first || !isJFKey(second) {
		t.Error("the key is not another")
	}
	own := w.client()
	if err := own.addToken("keys", second); err != nil {
		t.Fatal(err)
	}
	byKey := &jfManager{j: own, root: m.root}
	for _, method := range []string{"PUT", "DELETE"} {
		if _, err := byKey.jfKey(method); jfStatus(err) != http.StatusForbidden {
			t.Errorf("%s with the key itself: %v", method, err)
		}
	}
	if got := key(byKey.jfKey("GET")); got != second {
		t.Errorf("the key shows itself as %q", got)
	}
	key(m.jfKey("DELETE"))
	if none := key(m.jfKey("GET")); none != "" {
		t.Error("the key is still there")
	}
	if _, err := byKey.jfKey("GET"); jfStatus(err) != http.StatusUnauthorized {
		t.Errorf("with the revoked key: %v", err)
	}
}

func (w *jfWorld) oldTokenCommands(t *testing.T) {
	w.newPerson("old")
	m := w.basicClient(t, "old")
	admin := &jfManager{j: w.admin(t), root: m.root}
	pair, list := must[jfPair](t), must[[]jfToken](t)

	p := pair(m.createOld(url.Values{"username": {"old"}, "scope": {"member-of-groups:*"}, "expires_in": {"1800"}}))
	c := goodForJF(t, p.Access, "old")
	if p.Expires == nil || *p.Expires != 1800 || c.Expires-c.Issued != 1800 || p.Type != "Bearer" || p.Refresh != "" || p.Scope != "member-of-groups:* api:*" {
		t.Errorf("%+v", p)
	}
	byID := pair(m.createOld(url.Values{"username": {"old"}, "scope": {"member-of-groups:*"}}))
	if *byID.Expires != 3600 {
		t.Errorf("not told, it lives %d s", *byID.Expires)
	}
	if _, err := m.createOld(url.Values{"username": {"alice"}, "scope": {"member-of-groups:*"}}); err == nil {
		t.Error("a token for somebody else")
	}
	mine := list(admin.listOld("old"))
	if len(mine) != 2 {
		t.Fatalf("%d tokens", len(mine))
	}
	for _, one := range mine {
		if one.ID == "" || one.Issued == 0 || one.Expiry <= one.Issued || !strings.HasPrefix(one.Issuer, "jfac@") || jfUserOf(one.Subject) != "old" {
			t.Errorf("listed as %+v", one)
		}
	}
	if _, err := m.listOld(""); jfStatus(err) != http.StatusForbidden {
		t.Errorf("a list for who is no administrator: %v", err)
	}
	text := must[string](t)
	if got := text(admin.revokeOld("token", p.Access)); got != "Token revoked" {
		t.Errorf("revoked by value: %q", got)
	}
	if got := text(admin.revokeOld("token", p.Access)); got != "Token not found" {
		t.Errorf("revoked again: %q", got)
	}
	left := list(admin.listOld("old"))
	if len(left) != 1 {
		t.Fatalf("%d tokens are left", len(left))
	}
	if got := text(admin.revokeOld("token_id", left[0].ID)); got != "Token revoked" {
		t.Errorf("revoked by id: %q", got)
	}
	for _, token := range []string{p.Access, byID.Access} {
		if status := w.whoami(token); status != http.StatusUnauthorized {
			t.Errorf("a revoked token is answered %d", status)
		}
	}
	if id := text(admin.do("GET", "api/system/service_id", "", nil, http.StatusOK)); !strings.HasPrefix(id, "jfrt@") || strings.TrimSpace(id) != id {
		t.Errorf("service id %q", id)
	} else if _, err := admin.createOld(url.Values{"username": {"admin"}, "scope": {id + ":admin"}}); err != nil {
		t.Errorf("a token with the admin scope of %s: %v", id, err)
	}
}

func (w *jfWorld) tokenCommands(t *testing.T) {
	w.newPerson("new")
	j := w.client()
	if err := j.addToken("", w.do("token", "create", "new")); err != nil {
		t.Fatal(err)
	}
	pair, list := must[jfPair](t), must[[]jfToken](t)
	if _, err := w.basicClient(t, "new").j.createToken(nil); err == nil {
		t.Error("the CLI creates a token of Access with a password")
	}
	p := pair(j.createToken(map[string]any{
		"username": "new", "scope": "applied-permissions/user", "expires_in": 1200, "description": "of the CLI",
		"refreshable": true, "include_reference_token": true, "audience": "*@*", "project_key": "", "grant_type": "client_credentials",
	}))
	c := goodForJF(t, p.Access, "new")
	if p.ID == "" || p.Refresh == "" || len(p.Reference) != 64 || p.Expires == nil || *p.Expires != 1200 || c.Expires-c.Issued != 1200 || p.Type != "Bearer" {
		t.Errorf("%+v", p)
	}
	q := pair(j.createToken(map[string]any{"description": "of the CLI too"}))
	goodForJF(t, q.Access, "new")
	if got := list(j.listTokens("?description=of+the+CLI*")); len(got) != 2 {
		t.Errorf("%d tokens by their description", len(got))
	}
	got := list(j.listTokens("?refreshable=true"))
	if len(got) != 1 || got[0].ID != p.ID || got[0].Description != "of the CLI" || got[0].Expiry != c.Expires || got[0].Subject != c.Subject {
		t.Errorf("listed as %+v", got)
	}
	text := must[string](t)
	text(j.platformCall("GET", "v1/tokens/me", nil, http.StatusOK))
	text(j.platformCall("GET", "v1/tokens/"+q.ID, nil, http.StatusOK))
	text(j.platformCall("DELETE", "v1/tokens/"+q.ID, nil, http.StatusOK))
	if status := w.whoami(q.Access); status != http.StatusUnauthorized {
		t.Errorf("a revoked token is answered %d", status)
	}
	byValue := w.client()
	byValue.access = p.Access
	text(byValue.platformCall("DELETE", "v1/tokens/me", nil, http.StatusOK))
	for what, secret := range map[string]string{"JWT": p.Access, "reference": p.Reference} {
		if status := w.whoami(secret); status != http.StatusUnauthorized {
			t.Errorf("after it ended itself its %s is answered %d", what, status)
		}
	}

	admin := w.client()
	if err := admin.addToken("", w.do("token", "create", "admin", "--expires", "never")); err != nil {
		t.Fatal(err)
	}
	endless := pair(admin.createToken(map[string]any{"username": "new", "expires_in": 0}))
	if endless.Expires != nil {
		t.Errorf("expires_in of a token for ever is %d: the CLI wants none", *endless.Expires)
	}
	if capped := pair(w.admin(t).createToken(map[string]any{"expires_in": 0})); capped.Expires == nil || *capped.Expires <= 0 {
		t.Error("a token that ends made one for ever")
	}
	if root := text(j.platformCall("GET", "v1/cert/root", nil, http.StatusOK)); root == "" {
		t.Error("no root certificate")
	} else if _, err := base64.StdEncoding.DecodeString(root); err != nil {
		t.Errorf("the root certificate: %v", err)
	}
}

func (w *jfWorld) userCommands(t *testing.T) {
	m := &jfManager{j: w.admin(t), root: "http://" + w.http + "/artifactory/"}
	ask := must[*jfUser](t)
	if u := ask(m.getUser("bob")); u != nil {
		t.Errorf("bob is there: %+v", u)
	}
	if err := m.createUser(jfUser{Name: "bob", Email: "bob@example.com", Password: jfPassword, Admin: new(bool)}); err != nil {
		t.Fatal(err)
	}
	u := ask(m.getUser("bob"))
	if u == nil || u.Name != "bob" || u.Email != "bob@example.com" || u.Password != "" || u.Realm != "internal" || u.Admin == nil || *u.Admin {
		t.Fatalf("bob is %+v", u)
	}
	if err := m.updateUser(jfUser{Name: "bob", Email: "bob@example.org"}); err != nil {
		t.Error(err)
	}
	if u := ask(m.getUser("bob")); u.Email != "bob@example.org" {
		t.Errorf("bob is %+v", u)
	}
	if err := w.basicClient(t, "bob").j.ping(); err != nil {
		t.Errorf("bob: %v", err)
	}
	if locked, err := m.lockedUsers(); err != nil || slices.Contains(locked, "bob") {
		t.Errorf("locked: %v, %v", locked, err)
	}
	if err := errors.Join(m.unlockUser("bob"), m.deleteUser("bob")); err != nil {
		t.Error(err)
	}
	if u := ask(m.getUser("bob")); u != nil {
		t.Errorf("bob is still there: %+v", u)
	}
	if _, err := w.basicClient(t, "alice").getUser("admin"); jfStatus(err) != http.StatusForbidden {
		t.Errorf("asked by alice: %v", err)
	}
	// A library call that brings headers of its own loses those of the login.
	m.headers = map[string]string{}
	if err := m.createUser(jfUser{Name: "bob"}); err == nil || jfStatus(err) != 0 {
		t.Errorf("without the header of the login: %v", err)
	}
}

func (w *jfWorld) npmCommands(t *testing.T) {
	m := w.basicClient(t, "alice")
	auth, err := m.npmAuth()
	if err != nil {
		t.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(auth)
	user, secret, _ := strings.Cut(string(text), ":")
	if err != nil || user != "alice" {
		t.Fatalf("_auth of %q, %v", user, err)
	}
	a := w.request("GET", "/artifactory/api/npm/npm-local/-/whoami", "", "Authorization", basic(user, secret))
	if a.status != http.StatusOK || !strings.Contains(a.body, `"alice"`) {
		t.Errorf("npm with it: %d %s", a.status, a.body)
	}
	if secret == jfPassword {
		t.Error("it holds the clear password")
	}
}
