package gateway_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

// TestForgotPage answers everybody alike.
func TestForgotPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.do("GET", "/ui/login", nil, navigate).is(http.StatusOK).lacks("/ui/forgot")
	h.do("GET", "/ui/forgot", nil, navigate).is(http.StatusOK).holds("Ask an administrator").lacks("<form method=\"post\" action=\"/ui/forgot\"")
	h.submit("/ui/forgot", url.Values{"username": {"alice"}}).is(http.StatusConflict).holds("Ask an administrator")

	box := h.takeLetters()
	h.do("GET", "/ui/login", nil, navigate).is(http.StatusOK).holds(`href="/ui/forgot"`)
	if err := h.auth.Users.Disable(t.Context(), h.admin, "eve"); err != nil {
		t.Fatal(err)
	}
	to := map[string]bool{}
	for _, name := range []string{"alice", "nobody", "eve", "no name at all", strings.Repeat("a", 200)} {
		to[h.submit("/ui/forgot", url.Values{"username": {name}}).is(http.StatusSeeOther).header.Get("Location")] = true
	}
	if len(to) != 1 {
		t.Errorf("answers lead to %v", to)
	}
	for at := range to {
		h.do("GET", at, nil, navigate).is(http.StatusOK).holds("If there is such an account", "30 minutes").lacks(`name="username"`)
	}
	if l := box.letter(t, auth.LetterReset); l.To != "alice@example.com" || l.User != "alice" {
		t.Errorf("the letter goes to %s", l.To)
	}
	h.submit("/ui/forgot", url.Values{"username": {""}}).is(http.StatusBadRequest).holds(`id="username-problem"`)
	h.do("POST", "/ui/forgot?username=alice", "", header("Content-Type", form)).is(http.StatusBadRequest)

	h.auth.SetPolicy(auth.Policy{KeepPasswords: true})
	h.do("GET", "/ui/login", nil, navigate).is(http.StatusOK).lacks("/ui/forgot")
	h.auth.SetPolicy(auth.Policy{})
	for range 20 {
		if a := h.submit("/ui/forgot", url.Values{"username": {"alice"}}); a.status != http.StatusSeeOther {
			a.is(http.StatusTooManyRequests).holds("too many attempts")
			return
		}
	}
	t.Error("20 letters were asked for, and no end")
}

// resetLink is a link that alice was mailed.
func (h *house) resetLink(box *letterBox) (at string, key string) {
	h.t.Helper()
	h.submit("/ui/forgot", url.Values{"username": {"alice"}}).is(http.StatusSeeOther)
	key = box.letter(h.t, auth.LetterReset).Key.Reveal()
	return "/ui/reset?user=alice&key=" + key, key
}

func TestResetPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	box := h.takeLetters()
	in := h.unlocked("alice", alicePassword)
	h.submit("/ui/profile/apikey", nil, in).is(http.StatusSeeOther)
	at, key := h.resetLink(box)
	const next = "alice found a new password"

	for range 2 { // looking uses nothing up
		page := h.do("GET", at, nil, navigate).is(http.StatusOK)
		page.holds("<strong>alice</strong>", "<li>your API key</li>", "I only forgot it: keep these", `data-least="15"`, " alice ")
		if page.header.Get("Referrer-Policy") != "no-referrer" || page.header.Get("Cache-Control") != "no-store" || page.header.Get("Set-Cookie") != "" {
			t.Errorf("%v", page.header)
		}
	}
	set := func(user, key, new, again string, keep ...string) answer {
		return h.submit("/ui/reset", url.Values{"user": {user}, "key": {key}, "new": {new}, "again": {again}, "keep": keep})
	}
	h.do("GET", "/ui/reset?user=eve&key="+key, nil, navigate).is(http.StatusNotFound).holds("This link does not work", `href="/ui/forgot"`)
	set("eve", key, next, next).is(http.StatusNotFound)
	set("alice", strings.Repeat("A", 43), next, next).is(http.StatusNotFound)
	set("alice", key, next, next+"!", "1").is(http.StatusBadRequest).holds(`id="again-problem"`, `checked`).lacks(next)
	set("alice", key, "short", "short").is(http.StatusBadRequest).holds(`id="new-problem"`)
	set("alice", key, "alicealicealice1", "alicealicealice1").is(http.StatusBadRequest).holds("too easy to guess")

	h.identify("alice", alicePassword)
	a := set("alice", key, next, next, "1").is(http.StatusSeeOther)
	if a.header.Get("Set-Cookie") != "" {
		t.Error("a link signs somebody in")
	}
	h.do("GET", a.header.Get("Location"), nil, navigate).is(http.StatusOK).holds("The new password is set.", "Sign in")
	h.identify("alice", next)
	h.do("GET", "/ui/profile", nil, navigate, in).is(http.StatusSeeOther)
	if _, err := h.auth.Keys.Get(t.Context(), h.identify("alice", next), "alice"); err != nil {
		t.Errorf("the API key was to be kept: %v", err)
	}
	h.do("GET", at, nil, navigate).is(http.StatusNotFound)
	set("alice", key, next+"!", next+"!").is(http.StatusNotFound)

	// Unless it is kept, it ends.
	_, key = h.resetLink(box)
	set("alice", key, alicePassword, alicePassword).is(http.StatusSeeOther)
	if _, err := h.auth.Keys.Get(t.Context(), h.identify("alice", alicePassword), "alice"); auth.CodeOf(err) != auth.NotFound {
		t.Errorf("the API key goes on: %v", err)
	}
}

// TestMailedKeysAreNotLogged, neither that of a link that works nor of one that
// leads through the sign-in page.
func TestMailedKeysAreNotLogged(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	box := h.takeLetters()
	at, key := h.resetLink(box)
	h.secret.texts = append(h.secret.texts, key)
	h.do("GET", at, nil, navigate).is(http.StatusOK)
	next := h.do("GET", "/ui/email?key="+key, nil, navigate).is(http.StatusSeeOther).header.Get("Location")
	h.do("GET", strings.TrimPrefix(next, h.origin), nil, navigate).is(http.StatusOK)
}

var mailKey = regexp.MustCompile(`name="key" value="([^"]+)"`)

// TestEmailIsConfirmed by the signed-in owner with a button, and by nobody else.
func TestEmailIsConfirmed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	box := h.takeLetters()
	in := h.unlocked("alice", alicePassword)
	h.submit(accountURL+"/email", url.Values{"email": {"alice@new.example"}}, in).is(http.StatusSeeOther)
	key := box.letter(t, auth.LetterEmailConfirm).Key.Reveal()
	at := "/ui/email?key=" + key

	// Who is not signed in does so first, and comes back.
	login := strings.TrimPrefix(h.do("GET", at, nil, navigate).is(http.StatusSeeOther).header.Get("Location"), h.origin)
	h.do("GET", login, nil, navigate).is(http.StatusOK).holds("Sign in to confirm your new e-mail address.")
	u, err := url.Parse(login)
	if err != nil {
		t.Fatal(err)
	}
	back := h.submit("/ui/login", url.Values{"username": {"alice"}, "password": {alicePassword}, "next": {u.Query().Get("next")}}).is(http.StatusSeeOther)
	if got := back.header.Get("Location"); got != at {
		t.Errorf("signing in leads to %q, want %q", got, at)
	}

	eve := h.browser(h.signIn("eve", evePassword))
	h.do("GET", at, nil, navigate, eve).is(http.StatusNotFound).holds("You are signed in as eve", "another account")
	h.submit("/ui/email", url.Values{"key": {key}}, eve).is(http.StatusNotFound)
	h.submit("/ui/email", url.Values{"key": {key}}).is(http.StatusSeeOther) // nobody: sign in
	h.submit("/ui/email", url.Values{"key": {strings.Repeat("A", 43)}}, in).is(http.StatusNotFound)

	for range 2 { // looking confirms nothing
		page := h.do("GET", at, nil, navigate, in).is(http.StatusOK).holds("<strong>alice@new.example</strong>", "alice@example.com")
		if got := mailKey.FindStringSubmatch(page.body)[1]; got != key {
			t.Errorf("the form holds %q", got)
		}
	}
	h.follows(h.submit("/ui/email", url.Values{"key": {key}}, in), in).holds("address is confirmed", "<dd>alice@new.example</dd>")
	if l := box.letter(t, auth.LetterEmailChanged); l.To != "alice@example.com" {
		t.Errorf("the old address is not told, but %s", l.To)
	}
	h.do("GET", at, nil, navigate, in).is(http.StatusNotFound)
	h.submit("/ui/email", url.Values{"key": {key}}, in).is(http.StatusNotFound)
}

// TestSignInSaysWhatWaits when a program waits to be let in.
func TestSignInSaysWhatWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.do("GET", "/ui/login?jfClientSession=7b0f6c3e-52a1-4d6f-9e1b-0a1b2c3d4ef9", nil, navigate).is(http.StatusOK).holds("A program waits")
	h.do("GET", "/ui/login?next=%2Fui%2Fprofile", nil, navigate).is(http.StatusOK).lacks("A program waits")
}
