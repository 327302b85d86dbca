package gateway_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// unlocked is a browser in which name has signed in and unlocked the profile.
func (h *house) unlocked(name, password string) with {
	h.t.Helper()
	in := h.browser(h.signIn(name, password))
	h.submit("/ui/profile/unlock", url.Values{"password": {password}}, in).is(http.StatusSeeOther)
	return in
}

// follows reads where a page leads and what is said there.
func (h *house) follows(a answer, in with) answer {
	h.t.Helper()
	return h.do("GET", a.is(http.StatusSeeOther).header.Get("Location"), nil, navigate, in).is(http.StatusOK)
}

// holds reports texts that a page has not, and lacks those that it has.
func (a answer) holds(texts ...string) answer {
	a.t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			a.t.Errorf("%s has no %q: %s", a.at, text, a.body)
		}
	}
	return a
}

func (a answer) lacks(texts ...string) answer {
	a.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			a.t.Errorf("%s has %q: %s", a.at, text, a.body)
		}
	}
	return a
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

var sessionField = regexp.MustCompile(`name="session" value="([^"]+)"`)

// TestSessionsPage tells where somebody is signed in, and ends what is not
// here.
func TestSessionsPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	phone := h.browser(h.signIn("alice", alicePassword))
	h.do("GET", "/ui/profile", nil, navigate, phone, header("User-Agent", firefox)).is(http.StatusOK)
	third := h.browser(h.signIn("alice", alicePassword))
	h.browser(h.signIn("eve", evePassword))
	here := h.browser(h.signIn("alice", alicePassword))

	page := h.do("GET", "/ui/profile/sessions", nil, navigate, here).is(http.StatusOK)
	page.holds("Firefox on Linux", "127.0.0.1", "this browser", "Locked").lacks(`action="/ui/profile/sessions/end"`, "end-others")
	if n := strings.Count(page.body, "Signed in <time"); n != 3 {
		t.Errorf("%d sessions", n)
	}
	if strings.Index(page.body, "this browser") > strings.Index(page.body, "Firefox on Linux") {
		t.Error("this browser does not come first")
	}

	h.submit("/ui/profile/sessions/end", url.Values{"session": {"x"}}, here).is(http.StatusSeeOther)
	h.submit("/ui/profile/sessions/end-others", nil, here).is(http.StatusForbidden).holds("Unlock it and try again")
	h.submit("/ui/profile/unlock", url.Values{"password": {alicePassword}}, here).is(http.StatusSeeOther)
	page = h.do("GET", "/ui/profile/sessions", nil, navigate, here).is(http.StatusOK).holds(`aria-label="End the session of Firefox on Linux from 127.0.0.1"`)
	ids := sessionField.FindAllStringSubmatch(page.body, -1)
	if len(ids) != 2 {
		t.Fatalf("%d sessions can be ended: %s", len(ids), page.body)
	}
	for i, want := range []string{"The session is ended.", "had ended already"} {
		h.follows(h.submit("/ui/profile/sessions/end", url.Values{"session": {ids[1][1]}}, here), here).holds(want)
		if i == 0 {
			h.do("GET", "/ui/profile", nil, navigate, phone).is(http.StatusSeeOther)
		}
	}
	h.do("GET", "/ui/profile", nil, navigate, third).is(http.StatusOK)

	h.do("GET", "/ui/profile/sessions/end-others", nil, navigate, here).is(http.StatusOK).holds("End all other sessions?", "1 session")
	h.do("GET", "/ui/profile", nil, navigate, third).is(http.StatusOK)
	h.follows(h.submit("/ui/profile/sessions/end-others", nil, here), here).holds("All other sessions are ended.", "signed in nowhere else").lacks("end-others")
	h.do("GET", "/ui/profile", nil, navigate, third).is(http.StatusSeeOther)
	h.do("GET", "/ui/profile/sessions/end-others", nil, navigate, here).is(http.StatusSeeOther)
}

// TestSessionsOfOthersAreNotEnded, whatever id the form holds.
func TestSessionsOfOthersAreNotEnded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := h.unlocked("alice", alicePassword)
	h.signIn("alice", alicePassword)
	eve := h.unlocked("eve", evePassword)
	id := sessionField.FindStringSubmatch(h.do("GET", "/ui/profile/sessions", nil, navigate, alice).is(http.StatusOK).body)[1]
	h.follows(h.submit("/ui/profile/sessions/end", url.Values{"session": {id}}, eve), eve).holds("had ended already")
	if page := h.do("GET", "/ui/profile/sessions", nil, navigate, alice).is(http.StatusOK); !strings.Contains(page.body, id) {
		t.Error("eve ended a session of alice's")
	}
	for name, a := range map[string]answer{
		"with GET":          h.do("GET", "/ui/profile/sessions/end?session="+id, nil, navigate, alice),
		"from another site": h.do("POST", "/ui/profile/sessions/end-others", "", alice, header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site")),
	} {
		if a.status < 400 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

// TestClientsAreShownAsText, also those that call themselves something evil.
func TestClientsAreShownAsText(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.browser(h.signIn("alice", alicePassword))
	h.do("GET", "/ui/profile/sessions", nil, navigate, in, header("User-Agent", `"><svg onload=alert(1)>`)).is(http.StatusOK).lacks("<svg onload")
}
