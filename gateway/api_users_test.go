package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

const v1 = gateway.APIRoot

func TestWhoamiTellsWhatTheCredentialCovers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	a := h.do("GET", v1+"/whoami", nil, basic("alice", alicePassword)).is(http.StatusOK)
	if a.field("user") != "alice" || a.field("email") != "alice@example.com" || a.field("scope") != "applied-permissions/user" {
		t.Error(a.body)
	}
	if !strings.Contains(a.body, `"credential":{"kind":"password"`) || !strings.Contains(a.body, `"groups":[]`) {
		t.Error(a.body)
	}
	if b := h.do("GET", v1+"/me", nil, basic("ALICE", alicePassword)).is(http.StatusOK); b.body != a.body {
		t.Errorf("/me says %s, /whoami %s", b.body, a.body)
	}
	narrow := h.do("POST", v1+"/me/tokens", map[string]any{"scope": "artifact:lfs/team/*:r", "expires_in": 600}, basic("admin", h.adminPassword)).is(http.StatusCreated)
	a = h.do("GET", v1+"/whoami", nil, bearer(narrow.field("access_token"))).is(http.StatusOK)
	if !strings.Contains(a.body, `"admin":false`) || a.field("scope") != "artifact:lfs/team/*:r" || a.field("expires") == "" {
		t.Errorf("an administrator's narrow token: %s", a.body)
	}
	h.do("GET", v1+"/whoami?x=1", nil, basic("alice", alicePassword)).code(http.StatusBadRequest, auth.Invalid)
	h.do("GET", v1+"/whoami", nil).code(http.StatusUnauthorized, auth.Unauthenticated)
}

func TestUsers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := basic("admin", h.adminPassword)
	made := h.do("POST", v1+"/users", map[string]any{
		"name": "Bob", "email": "bob@example.com", "display_name": "Bob B.", "password": "bob has one as well, a long one", "may_update_profile": false,
	}, admin).is(http.StatusCreated)
	if made.field("name") != "bob" || made.header.Get("Location") != v1+"/users/bob" || strings.Contains(made.body, "long one") {
		t.Errorf("%s at %s", made.body, made.header.Get("Location"))
	}
	if !strings.Contains(made.body, `"may_update_profile":false`) {
		t.Error(made.body)
	}
	h.do("POST", v1+"/users", map[string]any{"name": "bob", "email": "b@example.com"}, admin).code(http.StatusConflict, auth.Exists)
	h.do("POST", v1+"/users", map[string]any{"name": "me", "email": "b@example.com"}, admin).code(http.StatusBadRequest, auth.Invalid)
	h.do("POST", v1+"/users", map[string]any{"name": "b/c", "email": "b@example.com"}, admin).code(http.StatusBadRequest, auth.Invalid)
	short := h.do("POST", v1+"/users", map[string]any{"name": "carl", "email": "c@example.com", "password": "short"}, admin).code(http.StatusBadRequest, auth.Invalid)
	if short.field("field") != "password" || short.field("request_id") == "" || strings.Contains(short.body, `"short"`) {
		t.Error(short.body)
	}
	if ct := short.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type of a problem: %q", ct)
	}

	changed := h.do("PATCH", v1+"/users/BOB", map[string]any{"display_name": "Robert"}, admin).is(http.StatusOK)
	if changed.field("display_name") != "Robert" || changed.field("email") != "bob@example.com" {
		t.Error(changed.body)
	}
	h.do("POST", v1+"/users/bob/disable", nil, admin).is(http.StatusNoContent)
	h.do("GET", v1+"/whoami", nil, basic("bob", "bob has one as well, a long one")).code(http.StatusUnauthorized, auth.Unauthenticated)
	h.do("POST", v1+"/users/bob/enable", nil, admin).is(http.StatusNoContent)
	h.do("POST", v1+"/users/bob/clear-guesses", nil, admin).is(http.StatusNoContent)
	h.do("GET", v1+"/whoami", nil, basic("bob", "bob has one as well, a long one")).is(http.StatusOK)
	h.do("POST", v1+"/users/bob/disable", map[string]any{"a": 1}, admin).code(http.StatusBadRequest, auth.Invalid)

	h.do("DELETE", v1+"/users/bob", nil, admin).is(http.StatusNoContent)
	h.do("GET", v1+"/users/bob", nil, admin).code(http.StatusNotFound, auth.NotFound)
	h.do("GET", v1+"/users/a%20b", nil, admin).code(http.StatusNotFound, auth.NotFound)
}

func TestUsersAreListedInPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := basic("admin", h.adminPassword)
	var names []string
	after := ""
	for range 4 {
		page := h.do("GET", v1+"/users?limit=1&after="+after, nil, admin).is(http.StatusOK)
		for _, item := range page.items() {
			names = append(names, item["name"].(string))
		}
		if after = page.field("next"); after == "" {
			break
		}
	}
	if strings.Join(names, " ") != "admin alice eve" {
		t.Errorf("users %v", names)
	}
	if got := h.do("GET", v1+"/users?search=li", nil, admin).is(http.StatusOK).items(); len(got) != 1 || got[0]["name"] != "alice" {
		t.Errorf("found %v", got)
	}
	for _, query := range []string{"limit=0", "limit=-1", "limit=1001", "limit=x", "limit=1&limit=2", "offset=1", "a;b"} {
		h.do("GET", v1+"/users?"+query, nil, admin).code(http.StatusBadRequest, auth.Invalid)
	}
	h.do("GET", v1+"/users", nil, basic("eve", evePassword)).code(http.StatusForbidden, auth.Forbidden)
}

func TestGroups(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := basic("admin", h.adminPassword)
	if got := h.do("GET", v1+"/groups", nil, admin).is(http.StatusOK).items(); len(got) != 0 {
		t.Errorf("groups at the start: %v", got)
	}
	made := h.do("POST", v1+"/groups", map[string]any{"name": "builders", "description": "who build"}, admin).is(http.StatusCreated)
	if made.header.Get("Location") != v1+"/groups/builders" {
		t.Error(made.header.Get("Location"))
	}
	h.do("POST", v1+"/groups", map[string]any{"name": "builders"}, admin).code(http.StatusConflict, auth.Exists)
	h.do("PATCH", v1+"/users/alice", map[string]any{"groups": []string{"builders"}}, admin).is(http.StatusOK)
	if a := h.do("GET", v1+"/whoami", nil, basic("alice", alicePassword)).is(http.StatusOK); !strings.Contains(a.body, `"groups":["builders"]`) {
		t.Error(a.body)
	}
	if a := h.do("PATCH", v1+"/groups/builders", map[string]any{"description": "who mend"}, admin).is(http.StatusOK); a.field("description") != "who mend" {
		t.Error(a.body)
	}
	h.do("DELETE", v1+"/groups/builders", nil, admin).is(http.StatusNoContent)
	h.do("GET", v1+"/groups/builders", nil, admin).code(http.StatusNotFound, auth.NotFound)
	if a := h.do("GET", v1+"/me", nil, basic("alice", alicePassword)).is(http.StatusOK); !strings.Contains(a.body, `"groups":[]`) {
		t.Error(a.body)
	}
	h.do("POST", v1+"/groups", map[string]any{"name": "mine"}, basic("eve", evePassword)).code(http.StatusForbidden, auth.Forbidden)
}

// TestOthersThingsAreOutOfReach: what eve may not see does not exist where it
// has a name of its own, and is refused where the owner is in the path; either
// way nothing changes.
func TestOthersThingsAreOutOfReach(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, eve := basic("alice", alicePassword), basic("eve", evePassword)
	key := h.do("POST", v1+"/me/apikey", nil, alice).is(http.StatusCreated).field("api_key")
	token := h.do("POST", v1+"/me/tokens", map[string]any{"reference": true}, alice).is(http.StatusCreated)
	sshKey := h.do("POST", v1+"/me/sshkeys", map[string]any{"key": ed25519Line(t)}, alice).is(http.StatusCreated).field("id")
	session := h.signIn("alice", alicePassword)
	sessionID := h.do("GET", v1+"/me/sessions", nil, alice).items()[0]["id"].(string)

	ids := []string{"GET /tokens/" + token.field("id"), "DELETE /tokens/" + token.field("id"), "POST /tokens/" + token.field("id") + "/rotate",
		"DELETE /sshkeys/" + sshKey, "DELETE /sessions/" + sessionID}
	for _, at := range ids {
		t.Run(at[:strings.IndexByte(at, '/')+8], func(t *testing.T) {
			method, path, _ := strings.Cut(at, " ")
			a := h.in(t).do(method, v1+path, nil, eve).code(http.StatusNotFound, auth.NotFound)
			none := path[:strings.Index(path, "s/")+2] + "nothing-of-this-name"
			if rest, ok := strings.CutSuffix(path, "/rotate"); ok && rest != "" {
				none += "/rotate"
			}
			b := h.in(t).do(method, v1+none, nil, eve).code(http.StatusNotFound, auth.NotFound)
			if a.field("detail") != b.field("detail") {
				t.Errorf("what exists says %q, what does not %q", a.field("detail"), b.field("detail"))
			}
		})
	}
	for _, at := range []string{
		"GET /users/alice", "PATCH /users/alice", "DELETE /users/alice", "POST /users/alice/disable", "PUT /users/alice/password",
		"GET /users/alice/encrypted-password", "GET /users/alice/apikey", "POST /users/alice/apikey", "PUT /users/alice/apikey", "DELETE /users/alice/apikey",
		"GET /users/alice/tokens", "POST /users/alice/tokens", "GET /users/alice/sshkeys", "POST /users/alice/sshkeys",
		"GET /users/alice/sessions", "DELETE /users/alice/sessions", "DELETE /apikeys",
	} {
		t.Run(at, func(t *testing.T) {
			method, path, _ := strings.Cut(at, " ")
			var body any
			switch {
			case method == "PATCH":
				body = map[string]any{"display_name": "Eve"}
			case strings.HasSuffix(path, "/password"):
				body = map[string]any{"old": evePassword, "new": "eve chooses alice's password"}
			case strings.HasSuffix(path, "/tokens") && method == "POST":
				body = map[string]any{}
			case strings.HasSuffix(path, "/sshkeys") && method == "POST":
				body = map[string]any{"key": ed25519Line(t)}
			}
			a := h.in(t).do(method, v1+path, body, eve)
			b := h.in(t).do(method, v1+strings.Replace(path, "alice", "nobody", 1), body, eve)
			if a.status != http.StatusForbidden && a.status != http.StatusNotFound {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a.status != b.status {
				t.Errorf("%d for alice, %d for somebody who does not exist: tells who exists", a.status, b.status)
			}
		})
	}
	h.do("GET", v1+"/whoami", nil, apiKey(key)).is(http.StatusOK)
	h.do("GET", v1+"/whoami", nil, bearer(token.field("access_token"))).is(http.StatusOK)
	h.do("GET", v1+"/whoami", nil, h.browser(session)).is(http.StatusOK)
	if got := h.do("GET", v1+"/me/sshkeys", nil, alice).items(); len(got) != 1 {
		t.Errorf("alice's SSH keys: %v", got)
	}
}

// TestTypeAndOwnerConfusion: a secret is what its form says and its owner's.
func TestTypeAndOwnerConfusion(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	key := h.do("POST", v1+"/me/apikey", nil, alice).is(http.StatusCreated).field("api_key")
	token := h.do("POST", v1+"/me/tokens", map[string]any{"reference": true}, alice).is(http.StatusCreated)
	encrypted := h.do("GET", v1+"/me/encrypted-password", nil, alice).is(http.StatusOK).field("encrypted_password")
	session := h.signIn("alice", alicePassword)
	for name, shown := range map[string]with{
		"alice's key of eve":                basic("eve", key),
		"alice's token of eve":              basic("eve", token.field("access_token")),
		"alice's reference token of eve":    basic("eve", token.field("reference_token")),
		"alice's encrypted password of eve": basic("eve", encrypted),
		"encrypted password as Bearer":      bearer(encrypted),
		"session as Bearer":                 bearer(session.Value),
		"session as password":               basic("alice", session.Value),
		"password as Bearer":                bearer(alicePassword),
		"token's id as Bearer":              bearer(token.field("id")),
		"key without its end":               basic("alice", key[:len(key)-1]),
		"reference token with a tail":       bearer(token.field("reference_token") + "="),
		"key in the name":                   basic(key, "x"),
		"placeholder":                       basic("alice", "[secret]"),
	} {
		t.Run(name, func(t *testing.T) {
			h.in(t).do("GET", v1+"/whoami", nil, shown).code(http.StatusUnauthorized, auth.Unauthenticated)
		})
	}
	for name, shown := range map[string]with{
		"JWT":                apiKey(token.field("access_token")),
		"encrypted password": apiKey(encrypted),
		"password":           apiKey(alicePassword),
	} {
		t.Run("in the key header: "+name, func(t *testing.T) {
			h.in(t).do("GET", v1+"/whoami", nil, shown).is(http.StatusForbidden)
		})
	}
	for name, shown := range map[string]with{
		"key as Bearer": bearer(key), "key of nobody": basic("", key), "reference in the key header": apiKey(token.field("reference_token")),
		"encrypted password": basic("alice", encrypted), "token as password": basic("__token__", token.field("access_token")),
	} {
		t.Run("good: "+name, func(t *testing.T) {
			h.in(t).do("GET", v1+"/whoami", nil, shown).is(http.StatusOK)
		})
	}
}

func TestAuditIsReadByAdministrators(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := basic("admin", h.adminPassword)
	h.do("POST", v1+"/me/apikey", nil, basic("alice", alicePassword)).is(http.StatusCreated)
	got := h.do("GET", v1+"/audit?action=api_key.create&user=alice", nil, admin).is(http.StatusOK).items()
	if len(got) != 1 || got[0]["result"] != "ok" || got[0]["credential"] == "" {
		t.Errorf("found %v", got)
	}
	all := h.do("GET", v1+"/audit", nil, admin).items()
	last := h.do("GET", v1+"/audit?limit=2", nil, admin).items()
	if len(last) != 2 || last[0]["time"].(string) > last[1]["time"].(string) || last[0]["time"].(string) < all[len(all)-2]["time"].(string) {
		t.Errorf("the last two are %v", last)
	}
	h.do("GET", v1+"/audit?since=yesterday", nil, admin).code(http.StatusBadRequest, auth.Invalid)
	h.do("GET", v1+"/audit", nil, basic("eve", evePassword)).code(http.StatusForbidden, auth.Forbidden)
	h.do("GET", v1+"/audit/verify", nil, basic("eve", evePassword)).code(http.StatusForbidden, auth.Forbidden)
	var check struct {
		OK    bool
		Lines int
	}
	a := h.do("GET", v1+"/audit/verify", nil, admin).is(http.StatusOK)
	if err := json.Unmarshal([]byte(a.body), &check); err != nil || !check.OK || check.Lines == 0 {
		t.Error(a.body)
	}
}

func TestSocketsRowsAreNotPublic(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := basic("admin", h.adminPassword)
	for _, at := range []string{"POST /lfs/fsck", "GET /ssh/known-hosts", "POST /master-key/rotate"} {
		method, path, _ := strings.Cut(at, " ")
		h.do(method, v1+path, nil, admin).is(http.StatusNotFound)
	}
}
