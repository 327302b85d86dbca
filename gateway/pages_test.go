package gateway_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

const form = "application/x-www-form-urlencoded"

// submit sends a page's form as a browser does.
func (h *house) submit(path string, fields url.Values, shown ...with) answer {
	h.t.Helper()
	fromHere := []with{header("Content-Type", form), header("Origin", h.origin), header("Sec-Fetch-Site", "same-origin"), header("Sec-Fetch-Mode", "navigate")}
	return h.do("POST", path, fields.Encode(), append(fromHere, shown...)...)
}

func navigate(r *http.Request) {
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "none")
	r.Header.Set("Accept", "text/html,*/*")
}

// TestAPersonSignsIn, sees the first page and signs out again, without a
// script.
func TestAPersonSignsIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	to := h.do("GET", "/", nil, navigate).is(http.StatusSeeOther).header.Get("Location")
	if to != "/ui/" {
		t.Fatalf("/ leads to %q", to)
	}
	if also := h.do("GET", "/ui", nil, navigate).is(http.StatusSeeOther).header.Get("Location"); also != to {
		t.Errorf("/ui leads to %q", also)
	}
	to = h.do("GET", to, nil, navigate).is(http.StatusSeeOther).header.Get("Location")
	if to != h.origin+"/ui/login" {
		t.Fatalf("/ui/ leads to %q", to)
	}
	page := h.do("GET", "/ui/login", nil, navigate).is(http.StatusOK)
	if strings.Contains(page.body, "<script>") || !strings.Contains(page.body, `name="password"`) {
		t.Error(page.body)
	}
	a := h.submit("/ui/login", url.Values{"username": {" alice"}, "password": {alicePassword}})
	if a.status == http.StatusSeeOther {
		t.Error("a name with a blank is somebody")
	}
	a = h.submit("/ui/login", url.Values{"username": {"alice"}, "password": {alicePassword}, "remember": {"1"}}).is(http.StatusSeeOther)
	session := a.cookie()
	if a.header.Get("Location") != "/ui/" || session.MaxAge == 0 {
		t.Errorf("%v", a.header)
	}
	if to := h.do("GET", "/ui/", nil, navigate, h.browser(session)).is(http.StatusSeeOther).header.Get("Location"); to != "/ui/profile" {
		t.Errorf("/ui/ leads to %q", to)
	}
	home := h.do("GET", "/ui/profile", nil, navigate, h.browser(session)).is(http.StatusOK)
	for _, want := range []string{"alice", "API key", "Locked", `action="/ui/profile/unlock"`, `action="/ui/logout"`} {
		if !strings.Contains(home.body, want) {
			t.Errorf("the first page has no %q", want)
		}
	}
	if strings.Contains(home.body, "initial-admin-password") || strings.Contains(home.body, session.Value) {
		t.Error(home.body)
	}
	if to := h.do("GET", "/ui/login?next=%2Flfs%2F", nil, navigate, h.browser(session)).is(http.StatusSeeOther).header.Get("Location"); to != "/lfs/" {
		t.Errorf("somebody signed in is led to %q", to)
	}
	out := h.submit("/ui/logout", nil, h.browser(session)).is(http.StatusSeeOther)
	if out.cookie().MaxAge >= 0 || out.header.Get("Location") != "/ui/login" {
		t.Errorf("%v", out.header)
	}
	h.do("GET", "/ui/", nil, navigate, h.browser(session)).is(http.StatusSeeOther)

	a = h.submit("/ui/login", url.Values{"username": {"admin"}, "password": {h.adminPassword}}).is(http.StatusSeeOther)
	if home := h.do("GET", "/ui/profile", nil, navigate, h.browser(a.cookie())).is(http.StatusOK); !strings.Contains(home.body, "initial-admin-password") {
		t.Error("the administrator is not told of the first password")
	}
}

// TestRefusedSignInTellsNothing: one page for every reason, which keeps the
// name that was typed and never the password.
func TestRefusedSignInTellsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	if err := h.auth.Users.Disable(t.Context(), h.admin, "eve"); err != nil {
		t.Fatal(err)
	}
	const wrong = "wrong wrong wrong"
	pages := map[string]answer{}
	for name, fields := range map[string][2]string{
		"wrong password": {"alice", wrong}, "unknown": {"nobody", wrong}, "disabled": {"eve", evePassword},
		"no password": {"alice", ""}, "no name": {"", wrong}, "no such name": {"a b", wrong},
	} {
		a := h.submit("/ui/login", url.Values{"username": {fields[0]}, "password": {fields[1]}}).is(http.StatusForbidden)
		if strings.Contains(a.body, wrong) || strings.Contains(a.body, evePassword) || a.header.Get("Set-Cookie") != "" || a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %v %s", name, a.header, a.body)
		}
		if !strings.Contains(a.body, `value="`+fields[0]+`"`) {
			t.Errorf("%s: the name is lost: %s", name, a.body)
		}
		a.body = strings.Replace(a.body, `value="`+fields[0]+`"`, `value=""`, 1)
		pages[name] = a
	}
	for name, a := range pages {
		if a.body != pages["wrong password"].body {
			t.Errorf("%s looks different: %s", name, a.body)
		}
	}
}

func TestSignInFormIsRead(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	good := url.Values{"username": {"alice"}, "password": {alicePassword}}
	for name, a := range map[string]answer{
		"in the address":  h.do("POST", "/ui/login?"+good.Encode(), "username=alice", header("Content-Type", form)),
		"as JSON":         h.do("POST", "/ui/login", `{"username":"alice"}`),
		"as text":         h.do("POST", "/ui/login", good.Encode(), header("Content-Type", "text/plain")),
		"a field twice":   h.do("POST", "/ui/login", good.Encode()+"&username=eve", header("Content-Type", form)),
		"a field more":    h.do("POST", "/ui/login", good.Encode()+"&admin=1", header("Content-Type", form)),
		"a broken escape": h.do("POST", "/ui/login", good.Encode()+"&next=%zz", header("Content-Type", form)),
		"too large":       h.do("POST", "/ui/login", good.Encode()+"&next="+strings.Repeat("a", 64<<10), header("Content-Type", form)),
	} {
		if a.status < 400 || a.status >= 500 || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
	}
	for next, want := range map[string]string{
		"/lfs/team/": "/lfs/team/", "//evil.example": "/ui/", `/\evil.example`: "/ui/", "/%2fevil.example": "/ui/", "https://evil.example": "/ui/",
		"/\t/evil.example": "/ui/", "javascript:alert(1)": "/ui/",
	} {
		fields := url.Values{"username": {"alice"}, "password": {alicePassword}, "next": {next}}
		if got := h.submit("/ui/login", fields).is(http.StatusSeeOther).header.Get("Location"); got != want {
			t.Errorf("next=%q leads to %q", next, got)
		}
	}
}

// TestSignInThrottled: guessing ends in a page that says when to try again.
func TestSignInThrottled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	for i := range 200 {
		a := h.submit("/ui/login", url.Values{"username": {"eve"}, "password": {"guess number " + strings.Repeat("x", i)}})
		if a.status == http.StatusForbidden {
			continue
		}
		a.is(http.StatusTooManyRequests)
		if a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "too many attempts") {
			t.Errorf("%v %s", a.header, a.body)
		}
		return
	}
	t.Error("200 guesses and no end")
}

// TestStaleCookieIsCleared on the sign-in page.
func TestStaleCookieIsCleared(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	stale := &http.Cookie{Name: "latchkey", Value: strings.Repeat("A", 43)}
	if c := h.do("GET", "/ui/login", nil, navigate, h.browser(stale)).is(http.StatusOK).cookie(); c.MaxAge >= 0 {
		t.Errorf("cookie %s", c.Raw)
	}
	if a := h.do("GET", "/ui/login", nil, navigate).is(http.StatusOK); a.header.Get("Set-Cookie") != "" {
		t.Errorf("%v", a.header)
	}
}

// TestHeadersOfPages, of redirects and of refusals alike.
func TestHeadersOfPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{public: "https://door.example"})
	session := h.browser(h.submit("/ui/login", url.Values{"username": {"alice"}, "password": {alicePassword}}).is(http.StatusSeeOther).cookie())
	evil := header("Origin", "https://evil.example")
	for name, a := range map[string]answer{
		"sign-in page":    h.do("GET", "/ui/login", nil, navigate, evil),
		"first page":      h.do("GET", "/ui/profile", nil, navigate, session),
		"refused sign-in": h.submit("/ui/login", url.Values{"username": {"alice"}, "password": {"wrong wrong wrong"}}),
		"signed in":       h.submit("/ui/login", url.Values{"username": {"alice"}, "password": {alicePassword}}),
		"redirect":        h.do("GET", "/", nil, navigate),
	} {
		policy := a.header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: Content-Security-Policy %q without %s", name, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "script-src https://door.example/ui/app.js;") || !strings.Contains(policy, "style-src https://door.example/ui/style.css;") {
			t.Errorf("%s: Content-Security-Policy %q", name, policy)
		}
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
			"X-Frame-Options": "DENY", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "",
		} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s: %s %q, want %q", name, header, got, want)
			}
		}
		if !strings.HasPrefix(a.header.Get("Strict-Transport-Security"), "max-age=") {
			t.Errorf("%s: Strict-Transport-Security %q", name, a.header.Get("Strict-Transport-Security"))
		}
	}
	for _, path := range []string{"/ui/nothing", v1 + "/whoami", keyURL} {
		a := h.do("GET", path, nil, evil)
		if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %v", path, a.header)
		}
	}
}

// TestPagesShowTextAsText: names that look like markup do nothing.
func TestPagesShowTextAsText(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	const evil = `"><svg onload=alert(1)>`
	name := evil
	if _, err := h.auth.Users.Update(t.Context(), h.admin, "alice", auth.UserChange{DisplayName: &name}); err != nil {
		t.Fatal(err)
	}
	session := h.browser(h.signIn("alice", alicePassword))
	for what, a := range map[string]answer{
		"display name": h.do("GET", "/ui/profile/account", nil, navigate, session),
		"typed name":   h.submit("/ui/login", url.Values{"username": {evil}, "password": {"wrong wrong wrong"}}),
		"next":         h.do("GET", "/ui/login?next="+url.QueryEscape("/"+evil), nil, navigate),
		"problem":      h.do("GET", "/ui/login?error_description="+url.QueryEscape(evil), nil, navigate),
	} {
		if strings.Contains(a.body, "<svg onload") {
			t.Errorf("%s: %s", what, a.body)
		}
	}
}

func TestStyleIsKeptByBrowsers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	page := h.do("GET", "/ui/login", nil, navigate).is(http.StatusOK)
	_, rest, _ := strings.Cut(page.body, `rel="stylesheet" href="`)
	at, _, _ := strings.Cut(rest, `"`)
	style := h.do("GET", at, nil).is(http.StatusOK)
	if !strings.HasPrefix(style.header.Get("Content-Type"), "text/css") || len(style.body) > 12<<10 {
		t.Errorf("%d bytes of %s", len(style.body), style.header.Get("Content-Type"))
	}
	h.do("GET", at, nil, header("If-None-Match", style.header.Get("ETag"))).is(http.StatusNotModified)
}

// Who has the right password is told that it has expired, and nobody else is.
func TestExpiredPasswordAtTheSignInPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	if err := h.auth.Passwords.Expire(t.Context(), h.admin, "alice"); err != nil {
		t.Fatal(err)
	}
	right := h.submit("/ui/login", url.Values{"username": {"alice"}, "password": {alicePassword}}).is(http.StatusForbidden)
	wrong := h.submit("/ui/login", url.Values{"username": {"alice"}, "password": {"not the password"}}).is(http.StatusForbidden)
	if !strings.Contains(right.body, "expired") || strings.Contains(wrong.body, "expired") {
		t.Error(right.body, wrong.body)
	}
	h.do("GET", "/-/api/v1/whoami", nil, basic("alice", alicePassword)).is(http.StatusForbidden)
	h.do("GET", "/-/api/v1/whoami", nil, basic("alice", "not the password")).is(http.StatusUnauthorized)

	const fresh = "another password of alice"
	renew := func(old, new, again string) answer {
		return h.submit("/ui/renew", url.Values{"username": {"alice"}, "old": {old}, "new": {new}, "again": {again}})
	}
	renew(alicePassword, fresh, "something else altogether").is(http.StatusBadRequest)
	renew(alicePassword, "short", "short").is(http.StatusBadRequest)
	renew("not the password", fresh, fresh).is(http.StatusBadRequest)
	if a := renew(alicePassword, fresh, fresh).is(http.StatusSeeOther); a.header.Get("Set-Cookie") != "" {
		t.Error("choosing a password begins a session")
	}
	h.submit("/ui/login", url.Values{"username": {"alice"}, "password": {fresh}}).is(http.StatusSeeOther)
}

// What has just been done is said after a form of our own, and not because a
// link of another site says so.
func TestNoticesAreNotMadeByLinks(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	session := h.browser(h.signIn("alice", alicePassword))
	for from, told := range map[string]bool{"same-origin": true, "cross-site": false, "same-site": false, "none": true} {
		page := h.do("GET", "/ui/profile?done=key-revoked", nil, navigate, session, header("Sec-Fetch-Site", from)).is(http.StatusOK)
		if strings.Contains(page.body, "The API key is revoked") != told {
			t.Errorf("from %s: told %v", from, !told)
		}
	}
}
