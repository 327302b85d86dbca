package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	keyURL       = "/artifactory/api/security/apiKey"
	encryptedURL = "/artifactory/api/security/encryptedPassword"
)

// feedback fails unless the body is {"error":"…"} or {"info":"…"} and no more.
func (a answer) feedback(key string) {
	a.t.Helper()
	var object map[string]string
	if err := json.Unmarshal([]byte(a.body), &object); err != nil || len(object) != 1 || object[key] == "" {
		a.t.Errorf("%s: %d %q, want {%q:…}", a.at, a.status, a.body, key)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		a.t.Errorf("%s: Content-Type %q", a.at, got)
	}
}

// envelope fails unless the body is {"errors":[{"status":…,"message":…}]}.
func (a answer) envelope() {
	a.t.Helper()
	var object struct {
		Errors []struct {
			Status  int
			Message string
		}
	}
	if err := json.Unmarshal([]byte(a.body), &object); err != nil || len(object.Errors) != 1 || object.Errors[0].Status != a.status || object.Errors[0].Message == "" {
		a.t.Errorf("%s: %d %q is not the envelope", a.at, a.status, a.body)
	}
}

// TestJFrogAPIKey is the table of the dialect, a row for each outcome that a
// client can meet.
func TestJFrogAPIKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, eve, admin := basic("alice", alicePassword), basic("eve", evePassword), basic("admin", h.adminPassword)
	key := func(t *testing.T) string {
		t.Helper()
		switch a := h.in(t).do("POST", keyURL, nil, alice); a.status {
		case http.StatusCreated:
			return a.field("apiKey")
		case http.StatusBadRequest:
			return h.in(t).do("GET", keyURL, nil, alice).is(http.StatusOK).field("apiKey")
		default:
			t.Fatalf("%d %s", a.status, a.body)
		}
		return ""
	}
	none := func(t *testing.T) {
		t.Helper()
		h.in(t).do("DELETE", keyURL, nil, alice)
	}
	exact := func(t *testing.T, a answer, body string) {
		t.Helper()
		if a.body != body {
			t.Errorf("%s: %q, want %q", a.at, a.body, body)
		}
	}
	t.Run("create: 201 with the key", func(t *testing.T) {
		none(t)
		a := h.in(t).do("POST", keyURL, nil, alice).is(http.StatusCreated)
		k := a.field("apiKey")
		if len(k) != 73 || !strings.HasPrefix(k, "AKCp8") {
			t.Errorf("key %q", k)
		}
		exact(t, a, `{"apiKey":"`+k+`"}`)
	})
	t.Run("get with a credential that ends: 403", func(t *testing.T) {
		key(t)
		ending := bearer(h.in(t).do("POST", v1+"/me/tokens", map[string]any{"expires_in": 3600}, alice).is(http.StatusCreated).field("access_token"))
		h.in(t).do("GET", keyURL, nil, ending).is(http.StatusForbidden).feedback("error")
	})
	t.Run("create when there is one: 400", func(t *testing.T) {
		key(t)
		h.in(t).do("POST", keyURL, nil, alice).is(http.StatusBadRequest).feedback("error")
	})
	t.Run("create by nobody: 403", func(t *testing.T) {
		h.in(t).do("POST", keyURL, nil).is(http.StatusForbidden).feedback("error")
	})
	t.Run("create with a wrong password: 401", func(t *testing.T) {
		a := h.in(t).do("POST", keyURL, nil, basic("alice", "wrong wrong wrong")).is(http.StatusUnauthorized)
		a.envelope()
		if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%v", a.header)
		}
	})
	t.Run("get: 200 with the key", func(t *testing.T) {
		k := key(t)
		exact(t, h.in(t).do("GET", keyURL, nil, alice).is(http.StatusOK), `{"apiKey":"`+k+`"}`)
		exact(t, h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusOK), `{"apiKey":"`+k+`"}`)
	})
	t.Run("get when there is none: 200 {}", func(t *testing.T) {
		none(t)
		exact(t, h.in(t).do("GET", keyURL, nil, alice).is(http.StatusOK), `{}`)
	})
	t.Run("get by nobody: 401", func(t *testing.T) {
		h.in(t).do("GET", keyURL, nil).is(http.StatusUnauthorized).envelope()
	})
	t.Run("get with a wrong key: 403", func(t *testing.T) {
		h.in(t).do("GET", keyURL, nil, apiKey("AKCp8"+strings.Repeat("x", 68))).is(http.StatusForbidden).envelope()
	})
	t.Run("regenerate: 200 with the new key", func(t *testing.T) {
		old := key(t)
		a := h.in(t).do("PUT", keyURL, nil, alice).is(http.StatusOK)
		if a.field("apiKey") == old {
			t.Error("the same key")
		}
		exact(t, a, `{"apiKey":"`+a.field("apiKey")+`"}`)
		h.in(t).do("GET", keyURL, nil, apiKey(old)).is(http.StatusForbidden)
	})
	t.Run("regenerate when there is none: 400", func(t *testing.T) {
		none(t)
		h.in(t).do("PUT", keyURL, nil, alice).is(http.StatusBadRequest).feedback("error")
	})
	for form, shown := range map[string]func(string) with{
		"key header": apiKey, "Basic": func(k string) with { return basic("alice", k) }, "Bearer": bearer,
	} {
		t.Run("regenerate by API key in "+form+": 403", func(t *testing.T) {
			k := key(t)
			h.in(t).do("PUT", keyURL, nil, shown(k)).is(http.StatusForbidden).feedback("error")
			h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusOK)
		})
		t.Run("revoke own by API key in "+form+": 403", func(t *testing.T) {
			k := key(t)
			h.in(t).do("DELETE", keyURL, nil, shown(k)).is(http.StatusForbidden).feedback("error")
			h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusOK)
		})
	}
	t.Run("revoke own: 200", func(t *testing.T) {
		k := key(t)
		h.in(t).do("DELETE", keyURL, nil, alice).is(http.StatusOK).feedback("info")
		h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusForbidden)
	})
	t.Run("revoke own when there is none: 400", func(t *testing.T) {
		none(t)
		h.in(t).do("DELETE", keyURL, nil, alice).is(http.StatusBadRequest).feedback("error")
	})
	t.Run("revoke a user's by the administrator: 200", func(t *testing.T) {
		k := key(t)
		h.in(t).do("DELETE", keyURL+"/alice", nil, admin).is(http.StatusOK).feedback("info")
		h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusForbidden)
	})
	t.Run("revoke a user's own by name, also by API key: 200", func(t *testing.T) {
		k := key(t)
		h.in(t).do("DELETE", keyURL+"/Alice", nil, apiKey(k)).is(http.StatusOK).feedback("info")
		h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusForbidden)
	})
	t.Run("revoke a user's when there is none: 400", func(t *testing.T) {
		none(t)
		h.in(t).do("DELETE", keyURL+"/alice", nil, alice).is(http.StatusBadRequest).feedback("error")
		h.in(t).do("DELETE", keyURL+"/alice", nil, admin).is(http.StatusBadRequest).feedback("error")
		h.in(t).do("DELETE", keyURL+"/nobody", nil, admin).is(http.StatusBadRequest).feedback("error")
	})
	t.Run("revoke another's by a plain user: 403 empty", func(t *testing.T) {
		k := key(t)
		for _, name := range []string{"alice", "nobody", "no%20name"} {
			if a := h.in(t).do("DELETE", keyURL+"/"+name, nil, eve).is(http.StatusForbidden); a.body != "" {
				t.Errorf("%s: %q", name, a.body)
			}
		}
		h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusOK)
	})
	t.Run("revoke all by a plain user: 403", func(t *testing.T) {
		k := key(t)
		h.in(t).do("DELETE", keyURL+"?deleteAll=1", nil, eve).is(http.StatusForbidden).feedback("error")
		h.in(t).do("DELETE", keyURL+"?deleteAll=1", nil, alice).is(http.StatusForbidden).feedback("error")
		h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusOK)
	})
	for _, query := range []string{"deleteAll=0", "deleteAll=2", "deleteAll=true", "deleteAll=", "deleteAll", "deleteall=1", "DELETEALL=1", "deleteAll=1&deleteAll=1", "deleteAll=0&deleteAll=1", "x;deleteAll=1", "deleteAll=01", "deleteAll=%201", "deleteAll=+1"} {
		t.Run("only deleteAll=1 means all, not "+query, func(t *testing.T) {
			k := key(t)
			h.in(t).do("DELETE", keyURL, nil, admin)
			a := h.in(t).do("DELETE", keyURL+"?"+query, nil, admin).is(http.StatusBadRequest)
			a.feedback("error")
			h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusOK)
		})
	}
	t.Run("deleteAll beside a user is that user", func(t *testing.T) {
		k := key(t)
		eves := h.in(t).do("POST", keyURL, nil, eve).is(http.StatusCreated).field("apiKey")
		h.in(t).do("DELETE", keyURL+"/eve?deleteAll=1", nil, admin).is(http.StatusOK).feedback("info")
		h.in(t).do("GET", keyURL, nil, apiKey(eves)).is(http.StatusForbidden)
		h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusOK)
	})
	t.Run("revoke all by the administrator: 200", func(t *testing.T) {
		k := key(t)
		h.in(t).do("DELETE", keyURL+"?deleteAll=1", nil, admin).is(http.StatusOK).feedback("info")
		h.in(t).do("GET", keyURL, nil, apiKey(k)).is(http.StatusForbidden)
		exact(t, h.in(t).do("GET", keyURL, nil, alice).is(http.StatusOK), `{}`)
	})
	t.Run("keys of all users are not listed", func(t *testing.T) {
		const all = "/artifactory/api/security/users/apiKey"
		h.in(t).do("GET", all, nil, admin).is(http.StatusForbidden).envelope()
		exact(t, h.in(t).do("GET", all, nil, alice).is(http.StatusOK), `[]`)
		h.in(t).do("PUT", all, `[{"userName":"alice","apiKey":"AKCp8x"}]`, admin).is(http.StatusBadRequest).envelope()
		h.in(t).do("PUT", all, `[]`, alice).is(http.StatusForbidden).envelope()
	})
	t.Run("other methods", func(t *testing.T) {
		h.in(t).do("PATCH", keyURL, nil, alice).is(http.StatusNotFound).envelope()
	})
}

func TestJFrogAPIKeyLockedSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	c := h.browser(h.signIn("alice", alicePassword))
	for _, method := range []string{"POST", "GET", "PUT", "DELETE"} {
		h.do(method, keyURL, nil, c).is(http.StatusForbidden).feedback("error")
	}
	h.do("GET", encryptedURL, nil, c).is(http.StatusForbidden).envelope()
	h.do("POST", v1+"/session/unlock", map[string]any{"password": alicePassword}, c).is(http.StatusOK)
	h.do("POST", keyURL, nil, c).is(http.StatusCreated)
	h.do("GET", encryptedURL, nil, c).is(http.StatusOK)
}

func TestJFrogAPIKeysSwitchedOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{policy: auth.Policy{NoNewAPIKeys: true}})
	h.do("POST", keyURL, nil, basic("alice", alicePassword)).is(http.StatusForbidden).feedback("error")
}

func TestJFrogEncryptedPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	a := h.do("GET", encryptedURL, nil, alice).is(http.StatusOK)
	if !strings.HasPrefix(a.body, "AP") || strings.TrimSpace(a.body) != a.body || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%q, %v", a.body, a.header)
	}
	again := h.do("GET", encryptedURL, nil, basic("alice", a.body)).is(http.StatusOK)
	h.do("GET", v1+"/whoami", nil, basic("alice", again.body)).is(http.StatusOK)

	key := h.do("POST", keyURL, nil, alice).is(http.StatusCreated).field("apiKey")
	for _, shown := range []with{apiKey(key), basic("alice", key), bearer(key)} {
		if got := h.do("GET", encryptedURL, nil, shown).is(http.StatusOK); got.body != key {
			t.Errorf("by API key: %q", got.body)
		}
	}
	token := h.do("POST", v1+"/me/tokens", map[string]any{"expires_in": 0}, alice).is(http.StatusCreated).field("access_token")
	h.do("GET", encryptedURL, nil, bearer(token)).is(http.StatusForbidden).envelope()
	h.do("GET", encryptedURL, nil).is(http.StatusUnauthorized).envelope()

	h = newHouse(t, houseConfig{policy: auth.Policy{EncryptedPasswords: auth.EncryptionUnsupported}})
	h.do("GET", encryptedURL, nil, alice).is(http.StatusConflict).envelope()
}

// TestJFrogEncryptedPasswordPolicies: required turns clear passwords away, unsupported the encrypted ones.
func TestJFrogEncryptedPasswordPolicies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	clear := basic("alice", alicePassword)
	encrypted := basic("alice", h.do("GET", encryptedURL, nil, clear).is(http.StatusOK).body)
	key := h.do("POST", keyURL, nil, clear).is(http.StatusCreated).field("apiKey")

	made := h.do("POST", v1+"/me/tokens", map[string]any{"reference": true}, clear).is(http.StatusCreated)
	tokens := func() {
		t.Helper()
		for _, form := range []string{"access_token", "reference_token"} {
			h.do("GET", v1+"/whoami", nil, bearer(made.field(form))).is(http.StatusOK)
			h.do("GET", v1+"/whoami", nil, basic("alice", made.field(form))).is(http.StatusOK)
		}
	}

	h.auth.SetPolicy(auth.Policy{EncryptedPasswords: auth.EncryptionRequired})
	tokens()
	h.do("GET", encryptedURL, nil, clear).is(http.StatusUnauthorized).envelope()
	h.do("GET", encryptedURL, nil, encrypted).is(http.StatusOK)
	if got := h.do("GET", encryptedURL, nil, apiKey(key)).is(http.StatusOK); got.body != key {
		t.Errorf("by API key: %q", got.body)
	}
	page := h.browser(h.signIn("alice", alicePassword)) // the page is exempt
	h.do("GET", encryptedURL, nil, page).is(http.StatusForbidden).envelope()
	h.do("POST", v1+"/session/unlock", map[string]any{"password": alicePassword}, page).is(http.StatusOK)
	if got := h.do("GET", encryptedURL, nil, page).is(http.StatusOK); !strings.HasPrefix(got.body, "AP") {
		t.Errorf("from the unlocked page: %q", got.body)
	}

	h.auth.SetPolicy(auth.Policy{EncryptedPasswords: auth.EncryptionUnsupported})
	tokens()
	h.do("GET", encryptedURL, nil, clear).is(http.StatusConflict).envelope()
	h.do("GET", encryptedURL, nil, page).is(http.StatusConflict).envelope()
	h.do("GET", encryptedURL, nil, encrypted).is(http.StatusUnauthorized).envelope()
	if got := h.do("GET", encryptedURL, nil, apiKey(key)).is(http.StatusOK); got.body != key {
		t.Errorf("by API key: %q", got.body)
	}
}

func TestJFrogSystem(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	ping := h.do("GET", "/artifactory/api/system/ping", nil).is(http.StatusOK)
	if ping.body != "OK" || !strings.HasPrefix(ping.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%q, %v", ping.body, ping.header)
	}
	h.do("GET", "/artifactory/api/system/ping", nil, basic("alice", "wrong wrong wrong")).is(http.StatusOK)
	version := h.do("GET", "/artifactory/api/system/version", nil).is(http.StatusOK)
	var v struct {
		Version, Revision, License string
		Addons                     []string
	}
	if err := json.Unmarshal([]byte(version.body), &v); err != nil || v.Version != "7.77.0" || v.Addons == nil {
		t.Error(version.body)
	}
	const usage, serviceID = "/artifactory/api/system/usage", "/artifactory/api/system/service_id"
	for _, shown := range []with{header("X-Nothing", ""), basic("alice", alicePassword), basic("alice", "wrong wrong wrong")} {
		h.do("POST", usage, `{"productId":"jfrog-cli-go/2.112.0","features":[{"featureId":"rt_ping"}]}`, shown).empty(http.StatusOK)
		h.do("POST", usage, "no JSON", shown).empty(http.StatusOK)
	}
	h.do("POST", usage, strings.Repeat("x", 65<<10)).is(http.StatusRequestEntityTooLarge).envelope()
	id := h.do("GET", serviceID, nil, basic("alice", alicePassword)).text(http.StatusOK)
	if !strings.HasPrefix(id.body, "jfrt@") || strings.TrimSpace(id.body) != id.body || len(id.body) < 15 {
		t.Errorf("service id %q", id.body)
	}
	if again := h.do("GET", serviceID, nil, basic("eve", evePassword)); again.body != id.body {
		t.Errorf("service id %q and then %q", id.body, again.body)
	}
	h.do("GET", serviceID, nil).is(http.StatusUnauthorized).envelope()
	for _, at := range []string{
		"GET /artifactory/api/system/", "GET /artifactory/api/system/info", "GET /artifactory/api/security/", "GET /artifactory/api/security/permissions",
		"GET /artifactory/api/system/usage", "PUT /artifactory/api/security/apiKeyx", "GET /artifactory/api/security/apiKey/alice", "POST /artifactory/api/system/ping",
	} {
		method, path, _ := strings.Cut(at, " ")
		h.do(method, path, nil, basic("admin", h.adminPassword)).is(http.StatusNotFound).envelope()
	}
}

func TestJFrogSwitchedOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{noJFrog: true})
	for _, path := range []string{keyURL, encryptedURL, "/artifactory/api/system/ping", "/artifactory/api/system/version", security + "/users", access + "/users", access + "/groups"} {
		h.do("GET", path, nil, basic("admin", h.adminPassword)).is(http.StatusNotFound)
	}
}
