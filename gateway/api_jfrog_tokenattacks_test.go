package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func refreshForm(a answer) string {
	return fields("grant_type", "refresh_token", "refresh_token", a.field("refresh_token"))
}

// TestJFrogTokenRefresh is the row "refresh": as the CLI asks, with the old
// token as Bearer, ended or not, and as a secrets plug-in asks.
func TestJFrogTokenRefresh(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	first := h.token(`{"refreshable":true,"expires_in":2,"include_reference_token":true,"scope":"artifact:lfs/team:r"}`, alice)
	old := bearer(first.field("access_token"))
	h.eventually("the token ends", func() bool { return h.whois(old) == "" })
	h.do("GET", tokensURL+"/me", nil, old).refusedByAccess(http.StatusUnauthorized)
	cli := fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"grant_type":"refresh_token","refreshable":true}`, first.field("access_token"), first.field("refresh_token"))
	second := h.token(cli, old).has("token_id", "access_token", "expires_in", "scope", "token_type", "refresh_token", "reference_token")
	for _, key := range []string{"token_id", "access_token", "refresh_token", "reference_token"} {
		if first.field(key) == second.field(key) {
			t.Errorf("%s is the old one", key)
		}
	}
	second.lasts(first.number("expires_in"))
	if second.field("scope") != "artifact:lfs/team:r" {
		t.Error(second.body)
	}
	// A command beside this one, in the same moment, is given the same pair.
	if again := h.token(cli, old); again.body != second.body {
		t.Errorf("asked twice: %s and %s", second.body, again.body)
	}

	vault := h.token(`{"refreshable":true,"expires_in":3600}`, alice)
	renewed := h.token(fmt.Sprintf(`{"grant_type":"refresh_token","refresh_token":%q,"expires_in":0}`, vault.field("refresh_token")))
	renewed.lasts(3600)
	if h.whois(bearer(renewed.field("access_token"))) != "alice" {
		t.Error(renewed.body)
	}
	// With the newest used, the one before it is nobody's but a copy's.
	h.token(refreshForm(renewed), asForm)
	saw(t, h.audited(func() { h.do("POST", tokensURL, refreshForm(vault), asForm).refusedByAccess(http.StatusNotFound) }), "token.refresh", "refused")
	if h.whois(bearer(renewed.field("access_token"))) != "" {
		t.Error("the family lives on after a replay")
	}

	endless := h.token(`{"refreshable":true,"expires_in":0}`, alice).has("token_id", "access_token", "scope", "token_type", "refresh_token")
	h.token(refreshForm(endless), asForm).has("token_id", "access_token", "scope", "token_type", "refresh_token")
}

// TestJFrogTokenFamilies: an access token of another family, another issuer or
// none does not go with a refresh token, whichever API is asked.
func TestJFrogTokenFamilies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, eve := basic("alice", alicePassword), basic("eve", evePassword)
	own := h.token(`{"refreshable":true}`, alice)
	foreign := newHouse(t, houseConfig{}).token(`{"refreshable":true}`, alice)
	for name, row := range map[string]struct {
		access string
		status int
	}{
		"of alice":            {h.token(`{"refreshable":true}`, alice).field("access_token"), 404},
		"of eve":              {h.token(`{"refreshable":true}`, eve).field("access_token"), 404},
		"without a family":    {h.token(`{}`, alice).field("access_token"), 404},
		"of another":          {foreign.field("access_token"), 400},
		"with another ending": {own.field("access_token") + "x", 400},
		"unsigned":            {own.field("access_token")[:strings.LastIndexByte(own.field("access_token"), '.')+1], 400},
		"in no form":          {"x", 404},
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			before := h.tokens()
			body := fmt.Sprintf(`{"grant_type":"refresh_token","refresh_token":%q,"access_token":%q}`, own.field("refresh_token"), row.access)
			saw(t, h.audited(func() { h.do("POST", tokensURL, body).refusedByAccess(row.status) }), "token.refresh", "refused")
			if after := h.tokens(); fmt.Sprint(before) != fmt.Sprint(after) {
				t.Errorf("tokens were %v, are %v", before, after)
			}
		})
	}
	h.do("POST", tokensURL, refreshForm(foreign), asForm).refusedByAccess(http.StatusNotFound)
	h.do("POST", oldTokensURL, refreshForm(foreign), asForm).refusedByOAuth(http.StatusUnauthorized, "invalid_grant")
	// A token of the one API is refreshed at the other, by the same rules.
	second := h.oldToken(refreshForm(own))
	h.token(refreshForm(second), asForm)
}

// TestJFrogRefreshTokenIsNoCredential: it renews, and opens nothing.
func TestJFrogRefreshTokenIsNoCredential(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	var a answer
	for name, row := range map[string]struct {
		shown  func(secret string) with
		status int
	}{
		"Bearer":        {bearer, 401},
		"Basic":         {func(s string) with { return basic("alice", s) }, 401},
		"Basic, nobody": {func(s string) with { return basic("", s) }, 401},
		"__token__":     {func(s string) with { return basic("__token__", s) }, 401},
		"key header":    {apiKey, 403},
		"old header":    {func(s string) with { return header("X-Api-Key", s) }, 403},
		"no scheme":     {func(s string) with { return header("Authorization", s) }, 401},
	} {
		a = h.token(`{"refreshable":true}`, basic("alice", alicePassword))
		shown := row.shown(a.field("refresh_token"))
		for _, path := range []string{v1 + "/whoami", tokensURL, tokensURL + "/me", oldTokensURL, keyURL} {
			if got := h.do("GET", path, nil, shown); got.status != row.status {
				t.Errorf("%s at %s: %d, want %d", name, path, got.status, row.status)
			}
		}
	}
	// As often as that was wrong, it has cost alice nothing.
	if h.whois(basic("alice", alicePassword)) != "alice" {
		t.Error("alice is shut out")
	}
	// An access token does not renew.
	h.do("POST", tokensURL, fields("grant_type", "refresh_token", "refresh_token", a.field("access_token")), asForm).refusedByAccess(http.StatusNotFound)
}

// TestJFrogTokenNarrows: what is made through a token never exceeds it, nor
// does what renews it.
func TestJFrogTokenNarrows(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.group("readers", "alice")
	alice := basic("alice", alicePassword)
	parent := h.token(`{"scope":"artifact:lfs/team:r,w","expires_in":3600}`, alice)
	through := bearer(parent.field("access_token"))
	for _, scope := range []string{"", "applied-permissions/user", "applied-permissions/admin", "applied-permissions/groups:readers", "artifact:lfs/team:r,w,d", "artifact:lfs:r", "artifact:lfs/**:r", "artifact:lfs/team:r system:metrics:r"} {
		h.do("POST", tokensURL, map[string]any{"scope": scope, "refreshable": true}, through).refusedByAccess(http.StatusForbidden)
	}
	for _, scope := range []string{"member-of-groups:*", "path:lfs/team:delete", "path:lfs:read", "artifact:lfs/team:*"} {
		h.do("POST", oldTokensURL, fields("username", "alice", "scope", scope, "refreshable", "true"), asForm, through).refusedByOAuth(http.StatusForbidden, "access_denied")
	}
	h.do("POST", oldTokensURL, fields("username", "alice", "scope", "member-of-groups:readers"), asForm, through).refusedByOAuth(http.StatusBadRequest, "invalid_scope")
	h.do("POST", tokensURL, `{"scope":"artifact:lfs/team:r","expires_in":3700}`, through).refusedByAccess(http.StatusForbidden)

	child := h.token(`{"scope":"artifact:lfs/team:r","refreshable":true,"expires_in":1800}`, through)
	old := h.oldToken(fields("username", "alice", "scope", "path:lfs/team:read", "refreshable", "true"), through)
	end := claims(t, parent.field("access_token"))["exp"].(float64)
	for range 3 {
		child, old = h.token(refreshForm(child), asForm), h.oldToken(refreshForm(old))
		for _, a := range []answer{child, old} {
			c := claims(t, a.field("access_token"))
			if c["scp"] != "artifact:lfs/team:r" || c["exp"].(float64) > end {
				t.Errorf("renewed beyond what made it: %v, which ends at %v", c, end)
			}
		}
	}
	h.do("DELETE", tokensURL+"/me", nil, through).is(http.StatusOK)
	for _, a := range []answer{child, old} {
		if h.whois(bearer(a.field("access_token"))) != "" {
			t.Error("it outlives what made it")
		}
		h.do("POST", tokensURL, refreshForm(a), asForm).refusedByAccess(http.StatusNotFound)
		h.do("POST", oldTokensURL, refreshForm(a), asForm).refusedByOAuth(http.StatusUnauthorized, "invalid_grant")
	}
}

// TestJFrogTokensOfTheGone: a disabled or deleted user's tokens open nothing,
// are renewed by nobody, and none is made.
func TestJFrogTokensOfTheGone(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		end    string
		status int // of revoking what has ended
	}{
		"disabled": {"POST " + v1 + "/users/alice/disable", 200},
		"deleted":  {"DELETE " + v1 + "/users/alice", 204},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, houseConfig{})
			alice, admin := basic("alice", alicePassword), basic("admin", h.adminPassword)
			a := h.token(`{"refreshable":true,"include_reference_token":true}`, alice)
			mine := bearer(a.field("access_token"))
			method, path, _ := strings.Cut(row.end, " ")
			if got := h.do(method, path, nil, admin); got.status >= 300 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			h.do("GET", tokensURL+"/me", nil, mine).refusedByAccess(http.StatusUnauthorized)
			h.do("POST", tokensURL, `{}`, mine).refusedByAccess(http.StatusUnauthorized)
			h.do("POST", oldTokensURL, "username=alice", asForm, mine).refusedByOAuth(http.StatusUnauthorized, "invalid_client")
			saw(t, h.audited(func() { h.do("POST", tokensURL, refreshForm(a), asForm, mine).refusedByAccess(http.StatusNotFound) }), "token.refresh", "refused")
			saw(t, h.audited(func() {
				h.do("POST", oldTokensURL, refreshForm(a), asForm).refusedByOAuth(http.StatusUnauthorized, "invalid_grant")
			}), "token.refresh", "refused")
			saw(t, h.audited(func() { h.do("POST", tokensURL, `{"username":"alice"}`, admin).refusedByAccess(http.StatusBadRequest) }), "token.create", "refused")
			h.do("POST", oldTokensURL, "username=alice", asForm, admin).refusedByOAuth(http.StatusBadRequest, "invalid_request")
			if got := h.tokens(); len(got) != 0 {
				t.Errorf("listed: %v", got)
			}
			h.do("DELETE", tokensURL+"/"+a.field("token_id"), nil, admin).is(row.status)
		})
	}
}

// TestJFrogShortTokens: a token without a record is no way in here, and is
// ended by its id.
func TestJFrogShortTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, eve := basic("alice", alicePassword), basic("eve", evePassword)
	secret, _, err := h.auth.Tokens.Grant(t.Context(), h.identify("alice", alicePassword), auth.Grant{Route: "lfs", Repo: "team", Op: auth.Read, Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	short := bearer(secret.Reveal())
	h.secret.texts = append(h.secret.texts, secret.Reveal())
	id := claims(t, secret.Reveal())["jti"].(string)
	for _, at := range []string{
		"GET " + tokensURL, "GET " + tokensURL + "/me", "GET " + tokensURL + "/" + id, "DELETE " + tokensURL + "/me", "DELETE " + tokensURL + "/" + id,
		"POST " + tokensURL, "POST " + tokensURL + "/revoke", "DELETE " + tokensURL + "/revoke", "GET /access/api/v1/config/token/default_expiry",
	} {
		method, path, _ := strings.Cut(at, " ")
		h.do(method, path, nil, short).refusedByAccess(http.StatusUnauthorized)
	}
	h.do("GET", oldTokensURL, nil, short).refusedByOAuth(http.StatusUnauthorized, "invalid_client")
	h.do("POST", oldTokensURL, "username=alice", asForm, short).refusedByOAuth(http.StatusUnauthorized, "invalid_client")
	h.do("DELETE", tokensURL+"/"+id, nil, eve).refusedByAccess(http.StatusNotFound)
	h.do("DELETE", tokensURL+"/revoke", map[string]string{"token": secret.Reveal()}, eve).refusedByAccess(http.StatusNotFound)
	if _, err := h.auth.Identify(t.Context(), auth.Peer{}, auth.Bearer{Secret: secret}); err != nil {
		t.Fatal(err)
	}
	h.do("DELETE", tokensURL+"/revoke", map[string]string{"token": secret.Reveal()}, alice).is(http.StatusOK).has("revoked-token-id")
	if _, err := h.auth.Identify(t.Context(), auth.Peer{}, auth.Bearer{Secret: secret}); auth.CodeOf(err) != auth.Unauthenticated {
		t.Errorf("it lives: %v", err)
	}
}
