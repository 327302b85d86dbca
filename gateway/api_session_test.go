package gateway_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func signInBody(name, password string) map[string]any {
	return map[string]any{"username": name, "password": password}
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ public, name string }{
		{"http://door.example", "latchkey"},
		{"https://door.example", "__Host-latchkey"},
	} {
		t.Run(test.public, func(t *testing.T) {
			h := newHouse(t, houseConfig{public: test.public})
			a := h.do("POST", v1+"/session", signInBody("alice", alicePassword)).is(http.StatusCreated)
			c := a.cookie()
			secure := strings.HasPrefix(test.public, "https:")
			if c.Name != test.name || !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || !c.Expires.IsZero() {
				t.Errorf("cookie %s", c.Raw)
			}
			if len(c.Raw) > 4096 || strings.Contains(a.body, c.Value) {
				t.Errorf("%d bytes of cookie, body %s", len(c.Raw), a.body)
			}
			body := signInBody("alice", alicePassword)
			body["remember"] = true
			c = h.do("POST", v1+"/session", body).is(http.StatusCreated).cookie()
			if lasts := time.Duration(c.MaxAge) * time.Second; lasts < 335*time.Hour || lasts > 336*time.Hour {
				t.Errorf("a remembered session's cookie lasts %s", lasts)
			}
			if hsts := a.header.Get("Strict-Transport-Security"); (hsts != "") != secure {
				t.Errorf("Strict-Transport-Security %q", hsts)
			}
		})
	}
}

func TestSignInRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	key := h.do("POST", v1+"/me/apikey", nil, basic("alice", alicePassword)).is(http.StatusCreated).field("api_key")
	wrong := h.do("POST", v1+"/session", signInBody("alice", "wrong wrong wrong")).code(http.StatusUnauthorized, auth.Unauthenticated)
	for name, body := range map[string]map[string]any{
		"unknown user":         signInBody("nobody", "wrong wrong wrong"),
		"no password":          signInBody("alice", ""),
		"no user":              signInBody("", alicePassword),
		"API key for password": signInBody("alice", key),
	} {
		a := h.do("POST", v1+"/session", body).is(http.StatusUnauthorized)
		if a.field("detail") != wrong.field("detail") || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %s, %v", name, a.body, a.header)
		}
	}
}

// TestFixation: signing in always makes a new id, whatever the browser brings,
// and ends the session that it brings.
func TestFixation(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	planted := &http.Cookie{Name: "latchkey", Value: strings.Repeat("A", 43)}
	got := h.do("POST", v1+"/session", signInBody("alice", alicePassword), h.browser(planted)).is(http.StatusCreated).cookie()
	if got.Value == planted.Value {
		t.Fatal("the planted id was taken over")
	}
	h.do("GET", v1+"/whoami", nil, h.browser(planted)).is(http.StatusUnauthorized)

	eves := h.signIn("eve", evePassword)
	got = h.do("POST", v1+"/session", signInBody("alice", alicePassword), h.browser(eves)).is(http.StatusCreated).cookie()
	if a := h.do("GET", v1+"/whoami", nil, h.browser(got)).is(http.StatusOK); a.field("user") != "alice" || got.Value == eves.Value {
		t.Error(a.body)
	}
	h.do("GET", v1+"/whoami", nil, h.browser(eves)).is(http.StatusUnauthorized)
	both := func(r *http.Request) {
		r.Header.Set("Cookie", "latchkey="+got.Value+"; latchkey="+planted.Value)
	}
	h.do("GET", v1+"/whoami", nil, both).is(http.StatusUnauthorized)
}

func TestSignOutAndReplay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	c := h.signIn("alice", alicePassword)
	h.do("GET", v1+"/whoami", nil, h.browser(c)).is(http.StatusOK)
	gone := h.do("DELETE", v1+"/session", nil, h.browser(c)).is(http.StatusNoContent).cookie()
	if gone.Value != "" || gone.MaxAge >= 0 || gone.Path != "/" {
		t.Errorf("cookie %s", gone.Raw)
	}
	h.do("GET", v1+"/whoami", nil, h.browser(c)).is(http.StatusUnauthorized)
	h.do("DELETE", v1+"/session", nil, h.browser(c)).is(http.StatusNoContent).cookie() // a stale one is cleared

	c = h.signIn("alice", alicePassword)
	h.do("POST", "/ui/logout", nil, h.browser(c)).is(http.StatusSeeOther)
	h.do("GET", v1+"/whoami", nil, h.browser(c)).is(http.StatusUnauthorized)
	a := h.do("GET", "/ui/", nil, h.browser(c), header("Accept", "text/html")).is(http.StatusSeeOther)
	if !strings.HasSuffix(a.header.Get("Location"), "/ui/login") {
		t.Error(a.header.Get("Location"))
	}
}

// TestUnlock: what an unlocked session may, a locked one and another one of
// the same user may not.
func TestUnlock(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	mine, other := h.browser(h.signIn("alice", alicePassword)), h.browser(h.signIn("alice", alicePassword))
	closed := func(shown with) {
		t.Helper()
		h.do("POST", v1+"/me/apikey", nil, shown).code(http.StatusForbidden, auth.Locked)
		h.do("GET", v1+"/me/apikey", nil, shown).code(http.StatusForbidden, auth.Locked)
		h.do("POST", v1+"/me/tokens", map[string]any{}, shown).code(http.StatusForbidden, auth.Locked)
		h.do("POST", v1+"/me/sshkeys", map[string]any{"key": ed25519Line(t)}, shown).code(http.StatusForbidden, auth.Locked)
		h.do("GET", v1+"/me/encrypted-password", nil, shown).code(http.StatusForbidden, auth.Locked)
		h.do("PATCH", v1+"/me", map[string]any{"display_name": "A"}, shown).code(http.StatusForbidden, auth.Locked)
		if a := h.do("GET", v1+"/whoami", nil, shown).is(http.StatusOK); a.field("unlocked_until") != "" {
			t.Error(a.body)
		}
	}
	closed(mine)
	if a := h.do("POST", v1+"/session/unlock", map[string]any{"password": "wrong wrong wrong"}, mine).code(http.StatusBadRequest, auth.Invalid); a.field("field") != "password" {
		t.Error(a.body)
	}
	closed(mine)
	if a := h.do("POST", v1+"/session/unlock", map[string]any{"password": alicePassword}, mine).is(http.StatusOK); a.field("unlocked_until") == "" {
		t.Error(a.body)
	}
	closed(other)
	key := h.do("POST", v1+"/me/apikey", nil, mine).is(http.StatusCreated).field("api_key")
	h.do("GET", v1+"/me/encrypted-password", nil, mine).is(http.StatusOK)
	if a := h.do("GET", v1+"/whoami", nil, mine).is(http.StatusOK); a.field("unlocked_until") == "" {
		t.Error(a.body)
	}
	h.do("POST", v1+"/session/lock", nil, mine).is(http.StatusNoContent)
	closed(mine)
	h.do("POST", v1+"/session/unlock", map[string]any{"password": alicePassword}, apiKey(key)).code(http.StatusForbidden, auth.Forbidden)
	h.do("POST", v1+"/session/unlock", map[string]any{"password": evePassword}, h.browser(h.signIn("eve", evePassword))).is(http.StatusOK)
	closed(mine)
}

func TestSessionsOfAUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	first, second := h.signIn("alice", alicePassword), h.signIn("alice", alicePassword)
	mine := h.browser(first)
	sessions := h.do("GET", v1+"/me/sessions", nil, mine).is(http.StatusOK).items()
	if len(sessions) != 2 {
		t.Fatalf("sessions %v", sessions)
	}
	for _, s := range sessions {
		if s["current"] != true {
			h.do("POST", v1+"/session/unlock", map[string]any{"password": alicePassword}, mine).is(http.StatusOK)
			h.do("DELETE", v1+"/sessions/"+s["id"].(string), nil, mine).is(http.StatusNoContent)
		}
	}
	h.do("GET", v1+"/whoami", nil, h.browser(second)).is(http.StatusUnauthorized)
	third := h.signIn("alice", alicePassword)
	h.do("DELETE", v1+"/me/sessions", nil, mine).is(http.StatusNoContent)
	h.do("GET", v1+"/whoami", nil, h.browser(third)).is(http.StatusUnauthorized)
	h.do("GET", v1+"/whoami", nil, mine).is(http.StatusOK)
}

// TestPasswordChangeEndsWhatHungOnIt: sessions but the changing one, the
// encrypted password, and what was minted with the password.
func TestPasswordChangeEndsWhatHungOnIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	const next = "alice has a newer password"
	alice := basic("alice", alicePassword)
	mine, other := h.browser(h.signIn("alice", alicePassword)), h.browser(h.signIn("alice", alicePassword))
	minted := bearer(h.do("POST", v1+"/me/tokens", map[string]any{}, alice).is(http.StatusCreated).field("access_token"))
	encrypted := basic("alice", h.do("GET", v1+"/me/encrypted-password", nil, alice).is(http.StatusOK).field("encrypted_password"))
	h.do("GET", v1+"/whoami", nil, encrypted).is(http.StatusOK)
	h.do("POST", v1+"/session/unlock", map[string]any{"password": alicePassword}, mine).is(http.StatusOK)
	stands := bearer(h.do("POST", v1+"/me/tokens", map[string]any{}, mine).is(http.StatusCreated).field("access_token"))

	h.do("PUT", v1+"/me/password", map[string]any{"old": "not the old one at all", "new": next}, mine).is(http.StatusBadRequest)
	h.do("PUT", v1+"/me/password", map[string]any{"old": alicePassword, "new": next}, mine).is(http.StatusNoContent)
	for name, shown := range map[string]with{"other session": other, "minted token": minted, "encrypted password": encrypted, "old password": alice} {
		t.Run(name, func(t *testing.T) {
			h.in(t).do("GET", v1+"/whoami", nil, shown).is(http.StatusUnauthorized)
		})
	}
	h.do("GET", v1+"/whoami", nil, mine).is(http.StatusOK)
	h.do("GET", v1+"/whoami", nil, stands).is(http.StatusOK)
	h.do("GET", v1+"/whoami", nil, basic("alice", next)).is(http.StatusOK)
}

// TestCrossSiteRequests: nothing changes that another site made the browser
// send along with its cookie, in whatever shape.
func TestCrossSiteRequests(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	c := h.signIn("alice", alicePassword)
	h.do("POST", v1+"/session/unlock", map[string]any{"password": alicePassword}, h.browser(c)).is(http.StatusOK)
	cookie := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) }
	changes := []struct {
		at   string
		body string
	}{
		{"POST " + v1 + "/me/apikey", ""}, {"PUT " + v1 + "/me/apikey", ""}, {"DELETE " + v1 + "/me/apikey", ""},
		{"POST " + v1 + "/me/tokens", "{}"}, {"POST " + v1 + "/me/sshkeys", `{"key":"x"}`}, {"PATCH " + v1 + "/me", `{"display_name":"x"}`},
		{"PUT " + v1 + "/me/password", `{"old":"x","new":"y"}`}, {"DELETE " + v1 + "/me/sessions", ""}, {"DELETE " + v1 + "/session", ""},
		{"POST " + v1 + "/session/unlock", `{"password":"x"}`}, {"POST " + v1 + "/session/lock", ""}, {"POST " + v1 + "/session", `{"username":"eve","password":"` + evePassword + `"}`},
		{"POST /ui/logout", ""}, {"POST /artifactory/api/security/apiKey", ""}, {"DELETE /artifactory/api/security/apiKey", ""},
	}
	from := map[string][]with{
		"another site":          {header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site")},
		"an older browser":      {header("Origin", "https://evil.example")},
		"a sibling host":        {header("Origin", "http://127.0.0.2:8080"), header("Sec-Fetch-Site", "same-site")},
		"a sandboxed page":      {header("Origin", "null"), header("Sec-Fetch-Site", "cross-site")},
		"a page without origin": {header("Origin", "null")},
		"no word about it":      {},
		"a form":                {header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site"), header("Content-Type", "text/plain")},
	}
	for _, change := range changes {
		method, path, _ := strings.Cut(change.at, " ")
		for name, headers := range from {
			t.Run(change.at+" from "+name, func(t *testing.T) {
				var body any
				if change.body != "" {
					body = change.body
				}
				h.in(t).do(method, path, body, append([]with{cookie}, headers...)...).is(http.StatusForbidden)
			})
		}
		if path == v1+"/session" || path == "/ui/logout" {
			continue
		}
		t.Run("GET "+path, func(t *testing.T) {
			a := h.in(t).do("GET", path+"?x=1&_method=DELETE", nil, cookie, header("X-HTTP-Method-Override", method), header("Sec-Fetch-Site", "cross-site"))
			if a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%v", a.header)
			}
		})
	}
	if a := h.do("GET", v1+"/me/tokens", nil, h.browser(c)).is(http.StatusOK); len(a.items()) != 0 {
		t.Error(a.body)
	}
	if a := h.do("GET", v1+"/whoami", nil, h.browser(c)).is(http.StatusOK); a.field("unlocked_until") == "" || a.field("display_name") != "" {
		t.Error(a.body)
	}
	// A sign-in from elsewhere would put the person into the attacker's account.
	form := url.Values{"username": {"eve"}, "password": {evePassword}}.Encode()
	a := h.do("POST", "/ui/login", form, header("Content-Type", "application/x-www-form-urlencoded"), header("Origin", "https://evil.example")).is(http.StatusForbidden)
	if a.header.Get("Set-Cookie") != "" {
		t.Errorf("%v", a.header)
	}
}
