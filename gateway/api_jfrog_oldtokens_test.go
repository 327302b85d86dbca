package gateway_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

const oldTokensURL = "/artifactory/api/security/token"

// oldToken makes one by POST /artifactory/api/security/token.
func (h *house) oldToken(body string, shown ...with) answer {
	h.t.Helper()
	return h.plant(h.do("POST", oldTokensURL, body, append([]with{asForm}, shown...)...).is(http.StatusOK))
}

// service is the id of this installation.
func (h *house) service() string {
	h.t.Helper()
	id, err := h.auth.Tokens.Installation(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// TestJFrogOldTokenCreate is the row "create" of the legacy API.
func TestJFrogOldTokenCreate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.group("readers", "alice")
	alice, admin := basic("alice", alicePassword), basic("admin", h.adminPassword)
	id := h.service()
	plain := []string{"access_token", "expires_in", "scope", "token_type"}
	renewed := append(slices.Clone(plain), "refresh_token")
	for name, row := range map[string]struct {
		body  string
		shown with
		keys  []string
		life  int64
		scope string // of the answer
		opens string // of the token
	}{
		"as a CLI asks with a password": {
			"expires_in=3600&refreshable=true&scope=member-of-groups%3A%2A&username=alice", alice, renewed, 3600,
			"member-of-groups:* api:*", "applied-permissions/user"},
		"no more than a name": {"username=alice", alice, plain, 3600, "member-of-groups:* api:*", "applied-permissions/user"},
		"a name as typed":     {"username=Alice&grant_type=client_credentials", alice, plain, 3600, "member-of-groups:* api:*", "applied-permissions/user"},
		"never":               {"username=alice&expires_in=0", alice, plain, 0, "member-of-groups:* api:*", "applied-permissions/user"},
		"longer than an hour": {"username=alice&expires_in=7200", alice, plain, 7200, "member-of-groups:* api:*", "applied-permissions/user"},
		"a group": {
			fields("username", "alice", "scope", "member-of-groups:readers"), alice, plain, 3600,
			"member-of-groups:readers api:*", "applied-permissions/groups:readers"},
		"groups of somebody else": {
			fields("username", "alice", "scope", `api:* member-of-groups:a,"b c"`), admin, plain, 3600,
			`member-of-groups:a,"b c" api:*`, `applied-permissions/groups:a,"b c"`},
		"administrators' rights": {
			fields("username", "admin", "scope", "jfrt@"+id+":admin"), admin, plain, 3600,
			"jfrt@" + id + ":admin api:*", "applied-permissions/admin"},
		"the same of Access": {
			fields("username", "admin", "scope", "jfac@"+id+":admin"), admin, plain, 3600,
			"jfac@" + id + ":admin api:*", "applied-permissions/admin"},
		"a path": {
			fields("username", "alice", "scope", "path:team/assets:read,write"), alice, plain, 3600,
			"path:team/assets:read,write api:*", "artifact:team/assets:r,w"},
		"a new scope": {
			fields("username", "alice", "scope", "artifact:team:r"), alice, plain, 3600,
			"artifact:team:r api:*", "artifact:team:r"},
		"an audience of ours": {
			fields("username", "alice", "audience", "jfrt@* jfac@"+id), alice, plain, 3600,
			"member-of-groups:* api:*", "applied-permissions/user"},
		"another audience": {
			fields("username", "alice", "audience", "jfxr@other", "refreshable", "true"), alice, renewed, 3600,
			"member-of-groups:* api:*", "applied-permissions/user"},
		"JSON": {`{"username":"alice","expires_in":60}`, alice, plain, 60, "member-of-groups:* api:*", "applied-permissions/user"},
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			shown := []with{row.shown}
			if strings.HasPrefix(row.body, "{") {
				shown = append(shown, header("Content-Type", "application/json"))
			}
			var a answer
			saw(t, h.audited(func() { a = h.oldToken(row.body, shown...) }), "token.create", "ok")
			a.has(row.keys...)
			a.lasts(row.life)
			if a.field("scope") != row.scope || a.field("token_type") != "Bearer" {
				t.Error(a.body)
			}
			c := claims(t, a.field("access_token"))
			if c["scp"] != row.opens {
				t.Errorf("%v", c)
			}
			want := "alice"
			if strings.Contains(row.body, "username=admin") {
				want = "admin"
			}
			if got := h.whois(bearer(a.field("access_token"))); got != want {
				t.Errorf("the token is of %q", got)
			}
		})
	}
}

// TestJFrogOldTokenRefused: each refusal has its status and shape, and leaves
// nothing behind.
func TestJFrogOldTokenRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{policy: auth.Policy{TokenMax: 24 * time.Hour}})
	h.group("readers", "alice")
	alice, eve, admin := basic("alice", alicePassword), basic("eve", evePassword), basic("admin", h.adminPassword)
	narrow := bearer(h.token(`{"scope":"artifact:lfs/team:r","expires_in":7200}`, alice).field("access_token"))
	foreign := foreignToken()
	own := h.oldToken("username=alice&refreshable=true", alice)
	other := h.oldToken("username=alice&refreshable=true", alice)
	const request, audited = "invalid_request", "token.create"
	refresh := func(pairs ...string) string {
		return fields(append([]string{"grant_type", "refresh_token"}, pairs...)...)
	}
	for name, row := range map[string]struct {
		body   string
		shown  with
		status int
		code   string
		act    string
	}{
		"nobody":                      {"username=alice", nil, 401, "invalid_client", ""},
		"wrong password":              {"username=alice", basic("alice", "wrong wrong wrong"), 401, "invalid_client", "identify"},
		"wrong key":                   {"username=alice", apiKey("AKCp8" + strings.Repeat("x", 68)), 403, "access_denied", "identify"},
		"no name":                     {"scope=member-of-groups:*", alice, 400, request, ""},
		"an empty name":               {"username=", alice, 400, request, ""},
		"an over-long name":           {"username=" + strings.Repeat("a", 300), admin, 400, request, ""},
		"no name at all":              {"username=a%2Fb", admin, 400, request, ""},
		"an unknown name":             {"username=nobody", admin, 400, request, audited},
		"somebody else":               {"username=alice", eve, 403, "access_denied", audited},
		"somebody else, unknown":      {"username=nobody", eve, 403, "access_denied", audited},
		"another grant_type":          {"username=alice&grant_type=password", alice, 400, "unsupported_grant_type", ""},
		"unknown field":               {"username=alice&scopes=api:*", alice, 400, request, ""},
		"a field of the new API":      {"username=alice&description=x", alice, 400, request, ""},
		"field twice":                 {"username=alice&scope=path:a:read&scope=member-of-groups:*", alice, 400, request, ""},
		"name twice":                  {"username=alice&username=alice", alice, 400, request, ""},
		"field in other letters":      {"username=alice&Scope=path:a:read", alice, 400, request, ""},
		"not a form":                  {"username=alice;scope=x", alice, 400, request, ""},
		"unknown scope":               {"username=alice&scope=everything", alice, 400, "invalid_scope", ""},
		"api:* alone":                 {"username=alice&scope=api:*", alice, 400, "invalid_scope", ""},
		"over-long scope":             {"username=alice&scope=" + strings.Repeat("x", 501), alice, 400, "invalid_scope", ""},
		"administrators elsewhere":    {"username=admin&scope=jfrt@other:admin", admin, 400, "invalid_scope", ""},
		"a path of no form":           {"username=alice&scope=path:a", alice, 400, "invalid_scope", ""},
		"a path out of its place":     {"username=alice&scope=path:../a:read", alice, 400, "invalid_scope", ""},
		"a group of others":           {"username=alice&scope=member-of-groups:writers", alice, 400, "invalid_scope", ""},
		"administrators' rights":      {fields("username", "alice", "scope", "jfrt@"+h.service()+":admin"), alice, 403, "access_denied", audited},
		"wider than the caller":       {"username=alice&scope=member-of-groups:*", narrow, 403, "access_denied", audited},
		"over the caller's end":       {"username=alice&expires_in=7300&scope=artifact:lfs/team:r", narrow, 403, "access_denied", audited},
		"over the maximum":            {"username=alice&expires_in=86401", alice, 400, request, audited},
		"never, with a maximum":       {"username=alice&expires_in=0", alice, 400, request, audited},
		"expires_in negative":         {"username=alice&expires_in=-1", alice, 400, request, ""},
		"expires_in as a power":       {"username=alice&expires_in=1e3", alice, 400, request, ""},
		"expires_in with a fraction":  {"username=alice&expires_in=1.5", alice, 400, request, ""},
		"expires_in 2^63":             {"username=alice&expires_in=9223372036854775808", alice, 400, request, ""},
		"expires_in 2^63-1":           {"username=alice&expires_in=9223372036854775807", alice, 400, request, ""},
		"another's audience":          {"username=alice&audience=jfrt@other", alice, 400, request, ""},
		"an over-long audience":       {"username=alice&refreshable=true&audience=" + strings.Repeat("x", 256), alice, 400, request, audited},
		"refreshable as a number":     {"username=alice&refreshable=1", alice, 400, request, ""},
		"a refresh token to create":   {"username=alice&refresh_token=x", alice, 400, request, ""},
		"refresh without the token":   {refresh(), nil, 400, request, ""},
		"refresh, unknown":            {refresh("refresh_token", "x"), nil, 401, "invalid_grant", "token.refresh"},
		"refresh, made up":            {refresh("refresh_token", "LKrt1"+strings.Repeat("x", 59)), nil, 401, "invalid_grant", "token.refresh"},
		"refresh with an access one":  {refresh("refresh_token", own.field("access_token")), nil, 401, "invalid_grant", "token.refresh"},
		"refresh, another issuer's":   {refresh("refresh_token", own.field("refresh_token"), "access_token", foreign), nil, 400, request, "token.refresh"},
		"refresh, no JWT at all":      {refresh("refresh_token", own.field("refresh_token"), "access_token", "eyJhbGciOiJub25lIn0.e30."), nil, 400, request, "token.refresh"},
		"refresh, another family":     {refresh("refresh_token", own.field("refresh_token"), "access_token", other.field("access_token")), nil, 401, "invalid_grant", "token.refresh"},
		"refresh and a wider scope":   {refresh("refresh_token", own.field("refresh_token"), "scope", "member-of-groups:*"), nil, 400, "invalid_scope", ""},
		"refresh and another user":    {refresh("refresh_token", own.field("refresh_token"), "username", "admin"), nil, 400, request, ""},
		"refresh and another end":     {refresh("refresh_token", own.field("refresh_token"), "expires_in", "7200"), nil, 400, request, ""},
		"refresh with a wrong Bearer": {refresh("refresh_token", own.field("refresh_token")), bearer("x"), 401, "invalid_client", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			before := h.tokens()
			shown := []with{asForm}
			if row.shown != nil {
				shown = append(shown, row.shown)
			}
			events := h.audited(func() { h.do("POST", oldTokensURL, row.body, shown...).refusedByOAuth(row.status, row.code) })
			if row.act != "" {
				saw(t, events, row.act, "refused")
			}
			if after := h.tokens(); !slices.Equal(before, after) {
				t.Errorf("tokens were %v, are %v", before, after)
			}
		})
	}
	// None of that has used the refresh token up.
	h.oldToken(refresh("refresh_token", own.field("refresh_token"), "access_token", own.field("access_token")))
}

// TestJFrogOldTokenExpiry: an hour, or what there is of it.
func TestJFrogOldTokenExpiry(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{policy: auth.Policy{TokenMax: 20 * time.Minute}})
	alice := basic("alice", alicePassword)
	h.oldToken("username=alice", alice).lasts(1200)
	ending := bearer(h.token(`{"expires_in":600}`, alice).field("access_token"))
	if got := h.oldToken("username=alice", ending).number("expires_in"); got < 500 || got > 600 {
		t.Errorf("through a token of 10 minutes: %d", got)
	}
}

// TestJFrogOldTokenRefresh is the row "refresh" of the legacy API: the CLI shows
// no credential.
func TestJFrogOldTokenRefresh(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.group("readers", "alice")
	alice := basic("alice", alicePassword)
	for scope, want := range map[string]string{
		"member-of-groups:*":           "member-of-groups:* api:*",
		"member-of-groups:readers":     "member-of-groups:readers api:*",
		"path:team/assets:read":        "path:team/assets:read api:*",
		"artifact:team/assets:*":       "path:team/assets:* api:*",
		"system:metrics:r path:a:read": "system:metrics:r path:a:read api:*",
	} {
		first := h.oldToken(fields("username", "alice", "refreshable", "true", "expires_in", "1800", "scope", scope), alice)
		var a answer
		body := fields("grant_type", "refresh_token", "refresh_token", first.field("refresh_token"), "access_token", first.field("access_token"))
		saw(t, h.audited(func() { a = h.oldToken(body) }), "token.refresh", "ok")
		a.has("access_token", "expires_in", "scope", "token_type", "refresh_token")
		a.lasts(1800)
		if a.field("scope") != want {
			t.Error(a.body)
		}
		if a.field("access_token") == first.field("access_token") || a.field("refresh_token") == first.field("refresh_token") {
			t.Error("the same pair")
		}
		if h.whois(bearer(a.field("access_token"))) != "alice" {
			t.Error("the new token does not work")
		}
		if again := h.oldToken(body); again.body != a.body {
			t.Errorf("asked twice: %s and %s", a.body, again.body)
		}
		h.oldToken(fields("grant_type", "refresh_token", "refresh_token", a.field("refresh_token"), "expires_in", "0"))
		// Now the first is two steps back: a copy of it is about.
		events := h.audited(func() {
			h.do("POST", oldTokensURL, body, asForm).refusedByOAuth(http.StatusUnauthorized, "invalid_grant")
		})
		saw(t, events, "token.refresh", "refused")
		if h.whois(bearer(a.field("access_token"))) != "" {
			t.Error("the family lives on")
		}
	}
	if got := h.tokens(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// TestJFrogOldTokenList is the row "list" of the legacy API.
func TestJFrogOldTokenList(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, admin := basic("alice", alicePassword), basic("admin", h.adminPassword)
	if a := h.do("GET", oldTokensURL, nil, admin).is(200); a.body != `{"tokens":[]}` {
		t.Error(a.body)
	}
	a := h.oldToken("username=alice&refreshable=true", alice)
	c := claims(t, a.field("access_token"))
	at := func(name string) string { return strconv.FormatInt(int64(c[name].(float64)), 10) }
	want := `{"tokens":[{"token_id":"` + c["jti"].(string) + `","issuer":"jfac@` + h.service() + `","subject":"jfac@` + h.service() + `/users/alice","issued_at":` + at("iat") + `,"expiry":` + at("exp") + `,"refreshable":true}]}`
	if got := h.do("GET", oldTokensURL, nil, admin).is(200); got.body != want {
		t.Errorf("%s, want %s", got.body, want)
	}
	h.oldToken("username=alice&expires_in=0", alice)
	for _, tok := range h.do("GET", oldTokensURL, nil, admin).listed() {
		if _, ends := tok["expiry"]; ends == (tok["token_id"] != c["jti"]) || len(tok) != 6 && len(tok) != 5 {
			t.Errorf("%v", tok)
		}
	}
	h.do("GET", oldTokensURL, nil, alice).refusedByOAuth(http.StatusForbidden, "access_denied")
	h.do("GET", oldTokensURL, nil).refusedByOAuth(http.StatusUnauthorized, "invalid_client")
}

// TestJFrogOldTokenRevoke is the row "revoke" of the legacy API.
func TestJFrogOldTokenRevoke(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, eve, admin := basic("alice", alicePassword), basic("eve", evePassword), basic("admin", h.adminPassword)
	const at = oldTokensURL + "/revoke"
	told := func(t *testing.T, want, body string, shown ...with) {
		t.Helper()
		a := h.in(t).do("POST", at, body, append([]with{asForm}, shown...)...).is(http.StatusOK)
		if a.body != want || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%q, want %q; %v", a.body, want, a.header)
		}
	}
	lives := func(a answer) bool { return h.whois(bearer(a.field("access_token"))) != "" }
	for _, shown := range []with{alice, admin} {
		for _, by := range []string{"token_id", "access_token", "refresh_token"} {
			t.Run(by, func(t *testing.T) {
				tok := h.in(t).oldToken("username=alice&refreshable=true", alice)
				value := fields("token", tok.field(by), "token_type_hint", by)
				if by == "token_id" {
					value = fields("token_id", claims(t, tok.field("access_token"))["jti"].(string))
				}
				told(t, "Token not found", value, eve)
				if !lives(tok) {
					t.Error("somebody else ended it")
				}
				saw(t, h.in(t).audited(func() { told(t, "Token revoked", value, shown) }), "token.revoke", "ok")
				if lives(tok) {
					t.Error("it still works")
				}
				told(t, "Token not found", value, shown)
			})
		}
	}
	told(t, "Token not found", "token=x", alice)
	told(t, "Token not found", fields("token", alicePassword), alice)
	told(t, "Token not found", "token_id=7b0f4a0e-0000-4000-8000-000000000000", alice)
	tok := h.oldToken("username=alice", alice)
	h.do("POST", at, map[string]string{"token": tok.field("access_token")}, alice).is(200)
	foreign := foreignToken()
	tok = h.oldToken("username=alice", alice)
	for _, body := range []string{
		"", "token=", "token=&token_id=", "token=x&token_id=y", "token=x&token=x", "token_ids=x", fields("token", foreign), "token_type_hint=access_token",
	} {
		h.do("POST", at, body, asForm, alice).refusedByOAuth(http.StatusBadRequest, "invalid_request")
	}
	h.do("POST", at, url.Values{"token": {tok.field("access_token")}}.Encode(), asForm).refusedByOAuth(http.StatusUnauthorized, "invalid_client")
	if !lives(tok) {
		t.Error("it was ended")
	}
}
