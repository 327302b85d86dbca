package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
)

const activityURL = "/ui/profile/activity"

var olderLink = regexp.MustCompile(`href="(/ui/profile/activity\?before=\d+)" rel="next"`)

// TestActivityPage shows what concerns the person, newest first.
func TestActivityPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.browser(h.signIn("alice", alicePassword))
	h.do("GET", v1+"/whoami", nil, basic("alice", "wrong wrong wrong"), header("User-Agent", firefox)).is(http.StatusUnauthorized)
	if err := h.auth.Passwords.Expire(t.Context(), h.admin, "alice"); err != nil {
		t.Fatal(err)
	}
	h.identify("eve", evePassword)

	page := h.do("GET", activityURL, nil, navigate, in).is(http.StatusOK)
	page.holds("Let the password expire", "by <code>admin</code>", "A wrong password was tried", "Signed in", "Firefox on Linux", "127.0.0.1").lacks("eve", "rel=\"next\"")
	if strings.Index(page.body, "Let the password expire") > strings.Index(page.body, "A wrong password") || strings.Index(page.body, "A wrong password") > strings.Index(page.body, "Signed in") {
		t.Errorf("the newest is not first: %s", page.body)
	}
	if text := page.body; strings.Contains(text, "wrong wrong wrong") || strings.Contains(text, evePassword) {
		t.Error(text)
	}
}

// TestActivityIsPaged without a gap, and a made-up place is the beginning.
func TestActivityIsPaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.browser(h.signIn("alice", alicePassword))
	alice := h.identify("alice", alicePassword)
	for range 120 {
		if _, err := h.auth.Users.Update(t.Context(), alice, "alice", auth.UserChange{}); err != nil {
			t.Fatal(err)
		}
	}
	at, seen, pages := activityURL, 0, 0
	for at != "" {
		page := h.do("GET", at, nil, navigate, in).is(http.StatusOK)
		seen += strings.Count(page.body, "Changed the account")
		pages++
		next := olderLink.FindStringSubmatch(page.body)
		if (pages > 1) != strings.Contains(page.body, ">Newest<") {
			t.Errorf("page %d: %s", pages, page.body)
		}
		if at = ""; next != nil {
			at = next[1]
		}
	}
	if seen != 120 || pages < 3 {
		t.Errorf("%d of 120 on %d pages", seen, pages)
	}
	for _, before := range []string{"x", "-1", "99999999999999", "1", "9223372036854775808"} {
		h.do("GET", activityURL+"?before="+before, nil, navigate, in).is(http.StatusOK)
	}
}

// TestLinkedAccountsPage says honestly that there are none.
func TestLinkedAccountsPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.browser(h.signIn("alice", alicePassword))
	h.do("GET", "/ui/profile/accounts", nil, navigate, in).is(http.StatusOK).holds("No other sign-in is set up here.").lacks("<form method=\"post\" action=\"/ui/profile/accounts")
}

// TestActivityKeptElsewhere says so.
func TestActivityKeptElsewhere(t *testing.T) {
	pages := web.New(web.Config{PublicURL: &url.URL{Scheme: "https", Host: "door.example"}})
	w := httptest.NewRecorder()
	if err := pages.ShowActivity(w, httptest.NewRequest("GET", activityURL, nil), auth.Identity{User: "alice"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.Body.String(), "not kept on this server") {
		t.Error(w.Body.String())
	}
}
