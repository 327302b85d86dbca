package gateway_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// TestDoorsAreShutToOtherSites: no other site signs somebody in (as somebody of
// its choice), out, or sends any other of the forms that need no session.
func TestDoorsAreShutToOtherSites(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	box := h.takeLetters()
	at, key := h.resetLink(box)
	in := h.browser(h.signIn("alice", alicePassword))
	open := h.unlocked("alice", alicePassword)
	h.submit("/ui/profile/account/email", url.Values{"email": {"new@example.com"}}, open).is(http.StatusSeeOther)
	confirm := box.letter(t, auth.LetterEmailConfirm).Key.Reveal()
	h.requestLogin(program)
	if err := h.auth.Passwords.Expire(t.Context(), h.admin, "eve"); err != nil {
		t.Fatal(err)
	}
	const next = "a password of another site"
	before := h.kept()
	for path, fields := range map[string]url.Values{
		"/ui/login":            {"username": {"alice"}, "password": {alicePassword}},
		"/ui/logout":           nil,
		"/ui/renew":            {"username": {"eve"}, "old": {evePassword}, "new": {next}, "again": {next}},
		"/ui/forgot":           {"username": {"alice"}},
		"/ui/reset":            {"user": {"alice"}, "key": {key}, "new": {next}, "again": {next}},
		"/ui/email":            {"key": {confirm}},
		"/ui/login/client":     {"program": {program}, "answer": {"yes"}, "code": {codeOf(program)}, "password": {alicePassword}},
		"/ui/profile/lock":     nil,
		"/ui/profile/unlock":   {"password": {alicePassword}},
		v1 + "/session":        nil,
		v1 + "/session/unlock": nil,
	} {
		for what, as := range evil {
			if what == "nowhere" { // no browser
				continue
			}
			for name, shown := range map[string]with{"with the cookie": in, "without the cookie": func(*http.Request) {}} {
				a := h.submit(path, fields, append([]with{shown}, as...)...)
				// Without a cookie, some have nobody to be about.
				nobody := a.status == http.StatusUnauthorized || a.status == http.StatusSeeOther && strings.Contains(a.header.Get("Location"), "/ui/login")
				if a.status != http.StatusForbidden && (name == "with the cookie" || !nobody) || a.header.Get("Set-Cookie") != "" {
					t.Errorf("%s by %s, %s: %d %v", path, what, name, a.status, a.header)
				}
			}
		}
	}
	h.unchanged("another site", before)
	h.do("GET", at, nil, navigate).is(http.StatusOK)
}

// TestRenewingTellsNothing: only whoever has the right password learns that it
// has expired, or who exists.
func TestRenewingTellsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	if err := h.auth.Passwords.Expire(t.Context(), h.admin, "eve"); err != nil {
		t.Fatal(err)
	}
	before := h.kept()
	pages := map[string]string{}
	const next = "another good password"
	for _, name := range []string{"alice", "eve", "nobody", "no name", strings.Repeat("x", 300), "admin"} {
		a := h.submit("/ui/renew", url.Values{"username": {name}, "old": {"wrong wrong wrong"}, "new": {next}, "again": {next}})
		body := strings.ReplaceAll(strings.ReplaceAll(a.body, `value="`+name+`"`, ""), `data-words="`, "")
		pages[name] = http.StatusText(a.status) + body
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", name, a.header)
		}
	}
	for name, page := range pages {
		if page != pages["nobody"] {
			t.Errorf("%s is told %.1500s", name, page)
		}
	}
	h.unchanged("renewing", before)
}

// TestKeysOfLinksAreNowhere in the log or the trail, however a link was broken
// on its way.
func TestKeysOfLinksAreNowhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	box := h.takeLetters()
	_, key := h.resetLink(box)
	in := h.unlocked("alice", alicePassword)
	h.submit("/ui/profile/account/email", url.Values{"email": {"new@example.com"}}, in).is(http.StatusSeeOther)
	confirm := box.letter(t, auth.LetterEmailConfirm).Key.Reveal()
	for _, k := range []string{key, confirm} {
		for _, at := range []string{
			"/ui/reset?user=alice&key=" + k, "/ui/reset?user=alice&amp;key=" + k, "/ui/reset?key=" + k + "&user=nobody", "/ui/reset?" + k, "/ui/reset?user=alice&key=3D" + k, "/ui/reset?user=" + k + "&key=alice",
			"/ui/reset%3Fuser=alice&key=" + k, "/ui/reset/" + k, "/ui/reset//" + k, "/reset?key=" + k, "/ui/reset;key=" + k, "/ui/RESET/" + k,
			"/ui/email?key=" + k, "/ui/email%3Fkey=" + k, "/ui/email/" + k, "/ui/email?" + k, "/ui/login?next=%2Fui%2Femail%3Fkey%3D" + k, "/ui/login%3Fnext=%2Fui%2Femail%3Fkey=" + k,
			"/ui/profile/unlock?next=/ui/email?key=" + k,
		} {
			for _, shown := range [][]with{nil, {in}} {
				a := h.do("GET", at, nil, append(shown, navigate, header("Referer", h.origin+at))...)
				if a.status >= 500 {
					t.Errorf("%s: %d", at, a.status)
				}
			}
		}
		h.submit("/ui/reset?user=alice&key="+k, url.Values{"user": {"alice"}, "key": {k}, "new": {"x"}, "again": {"x"}}).is(http.StatusBadRequest + map[bool]int{true: 0, false: 4}[k == key])
	}
	h.secret.texts = append(h.secret.texts, key, confirm)
}

// TestForgetfulnessTellsNothing: the answer about any name is the same, in
// every byte, header and cookie, and comes as fast.
func TestForgetfulnessTellsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.takeLetters()
	if err := h.auth.Users.Disable(t.Context(), h.admin, "eve"); err != nil {
		t.Fatal(err)
	}
	var first answer
	for i, name := range []string{"alice", "nobody", "eve", "\xff\xfe", "a\x00b", "alice@example.com", strings.Repeat("n", 60000), "admin"} {
		began := time.Now()
		a := h.submit("/ui/forgot", url.Values{"username": {name}}).is(http.StatusSeeOther)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%.20q takes %v", name, took)
		}
		a.header.Del("Date")
		a.header.Del("X-Request-Id")
		if i == 0 {
			first = a
		}
		for header, values := range a.header {
			if strings.Join(values, ",") != strings.Join(first.header[header], ",") {
				t.Errorf("%.20q: %s %q", name, header, values)
			}
		}
		if a.body != first.body || len(a.header) != len(first.header) {
			t.Errorf("%.20q: %v %s", name, a.header, a.body)
		}
	}
}
