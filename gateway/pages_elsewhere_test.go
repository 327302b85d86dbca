package gateway_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// TestSignInThroughAProvider by a link of the sign-in page: the session that
// was there ends, the way's cookie goes, and the page that was asked for comes.
func TestSignInThroughAProvider(t *testing.T) {
	t.Parallel()
	for _, public := range []string{"", "https://door.example"} {
		h, _ := newHouseWithDoors(t, houseConfig{public: public})
		h.linked()
		page := h.do("GET", "/ui/login?next=%2Flfs%2F", nil, navigate).is(http.StatusOK)
		page.holds(`href="/-/oauth/corp/start?next=%2Flfs%2F"`, "Sign in with Example Corp", `name="password"`)

		j := jar{}
		start := j.take(h.do("GET", "/-/oauth/corp/start?next=%2Flfs%2F", nil, navigate, j.send)).is(http.StatusSeeOther)
		start.guarded()
		cookie := (&http.Response{Header: start.header}).Cookies()
		if len(cookie) != 1 {
			t.Fatalf("cookies %v", cookie)
		}
		c, secure := cookie[0], public != ""
		prefix := "latchkey-attempt-"
		if secure {
			prefix = "__Host-" + prefix
		}
		if !strings.HasPrefix(c.Name, prefix) || !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 600 || len(c.Raw) > 4096 {
			t.Errorf("cookie %s", c.Raw)
		}
		// Meanwhile, in another tab, or by somebody who planted it.
		j.take(h.submit("/ui/login", url.Values{"username": {"eve"}, "password": {evePassword}})).is(http.StatusSeeOther)
		planted := j.session()
		a := j.take(h.do("GET", back("corp", stateOf(t, start.header.Get("Location"))), nil, fromElsewhere, j.send)).is(http.StatusSeeOther)
		a.guarded()
		if to := a.header.Get("Location"); to != "/lfs/#" {
			t.Errorf("leads to %q", to)
		}
		if j.attempts() != 0 || h.whoIs(j) != "alice" {
			t.Errorf("%d attempts, %q", j.attempts(), h.whoIs(j))
		}
		session := a.cookie()
		if !session.HttpOnly || session.Secure != secure || session.SameSite != http.SameSiteLaxMode || session.MaxAge != 0 {
			t.Errorf("cookie %s", session.Raw)
		}
		if h.whoIs(jar{session.Name: planted}) != "" {
			t.Error("the session before goes on")
		}
		// The session cookie gone, another way works as well.
		if h.through(jar{}, "corp", "").is(http.StatusSeeOther).header.Get("Location") != "/ui/#" {
			t.Error("without next")
		}
		h.do("GET", "/ui/profile/sessions", nil, navigate, h.fromHere(j)).is(http.StatusOK).holds("through Example Corp")
		h.do("GET", "/ui/profile/account", nil, navigate, h.fromHere(j)).is(http.StatusOK).holds("through Example Corp")
		if all := h.do("GET", gateway.APIRoot+"/me/sessions", nil, h.fromHere(j)).is(http.StatusOK).items(); all[0]["provider"] != "corp" {
			t.Errorf("%v", all)
		}
	}
}

// TestWaysFromSeveralTabs: five work at once, in any order; the sixth takes the
// place of the oldest.
func TestWaysFromSeveralTabs(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	h.linked()
	j := jar{}
	var states []string
	var first string
	for i := range 7 {
		a := h.do("GET", "/-/oauth/corp/start", nil, navigate, func(r *http.Request) {
			// As browsers send them: the oldest first.
			for _, state := range states {
				if value, ok := j["latchkey-attempt-"+state[:10]]; ok {
					r.AddCookie(&http.Cookie{Name: "latchkey-attempt-" + state[:10], Value: value})
				}
			}
		})
		j.take(a)
		states = append(states, stateOf(t, a.is(http.StatusSeeOther).header.Get("Location")))
		if i == 0 {
			first = j["latchkey-attempt-"+states[0][:10]]
		}
		if j.attempts() > 5 {
			t.Fatalf("%d at once", j.attempts())
		}
	}
	for i := len(states) - 1; i >= 0; i-- {
		a := j.take(h.do("GET", back("corp", states[i]), nil, fromElsewhere, j.send))
		want := http.StatusSeeOther
		if i < 2 {
			want = http.StatusBadRequest
		}
		if a.status != want {
			t.Errorf("tab %d: %d", i, a.status)
		}
	}
	if j.attempts() != 0 || first == "" {
		t.Errorf("%v", j)
	}
}

// TestNobodyUnknownComesIn: who is linked to nobody is told what to do, and
// nothing is made.
func TestNobodyUnknownComesIn(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	before := h.kept()
	j := jar{}
	a := h.through(j, "corp", "/lfs/").is(http.StatusForbidden)
	a.guarded()
	a.holds("is not linked", "Example Corp", "Linked accounts", "sign in here with your password", "unlock", `href="/ui/login?next=%2Fui%2Fprofile%2Faccounts"`, "ask an administrator", a.header.Get("X-Request-Id"))
	if j.session() != "" || j.attempts() != 0 {
		t.Errorf("%v", j)
	}
	h.unchanged("a stranger", before)
	if !strings.Contains(string(h.trail.all()), a.header.Get("X-Request-Id")) {
		t.Error("the trail knows nothing of it")
	}
	// Where accounts are made, one is.
	a = h.through(j, "other", "/lfs/").is(http.StatusSeeOther)
	if name := h.whoIs(j); name != "ally" {
		t.Errorf("signed in as %q", name)
	}
	h.do("GET", "/ui/profile/account", nil, navigate, h.fromHere(j)).is(http.StatusOK)
	page := h.do("GET", "/ui/admin/users/ally", nil, navigate, h.fromHere(h.signedIn("admin", h.adminPassword, true))).is(http.StatusOK)
	page.holds("first sign-in through Other", "Linked accounts", "https://other.example subject-1")
}

// TestRefusalsElsewhere: whatever comes back, a page says what to do, the trail
// why, and nobody is signed in.
func TestRefusalsElsewhere(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	h.linked()
	before := h.kept()
	for name, test := range map[string]struct {
		answer func(state string) string
		down   error
		status int
		says   string
	}{
		"no state":           {func(string) string { return "/-/oauth/corp/callback?code=" + code }, nil, 400, "try again"},
		"nothing":            {func(string) string { return "/-/oauth/corp/callback" }, nil, 400, "try again"},
		"another state":      {func(s string) string { return back("corp", strings.Repeat("t", 43)) }, nil, 400, "try again"},
		"the end of another": {func(s string) string { return back("corp", s[:10]+strings.Repeat("t", 33)) }, nil, 400, "try again"},
		"another provider's": {func(s string) string { return back("other", s) }, nil, 400, "try again"},
		"no provider":        {func(s string) string { return back("nobody", s) }, nil, 404, "no such sign-in"},
		"a broken query":     {func(s string) string { return back("corp", s) + "&%zz=;" }, nil, 400, "cannot be read"},
		"too long":           {func(s string) string { return back("corp", s) + "&x=" + strings.Repeat("x", 17<<10) }, nil, 400, "too long"},
		"the provider says no": {func(s string) string {
			return "/-/oauth/corp/callback?error=access_denied&error_description=%3Csvg%20onload%3Dalert(1)%3E&state=" + s
		}, nil, 403, "did not let you through"},
		"the provider is silent": {func(s string) string { return back("corp", s) }, &auth.Error{Code: auth.Unavailable, Reason: "Example Corp does not answer", Err: errors.New("dial: refused")}, 503, "not possible right now"},
		"something breaks":       {func(s string) string { return back("corp", s) }, errors.New("a bug"), 500, "went wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			j := jar{}
			to := j.take(h.do("GET", "/-/oauth/corp/start?next=//evil.example/", nil, navigate, j.send)).is(http.StatusSeeOther).header.Get("Location")
			e.be(func(e *elsewhere) { e.down = test.down })
			defer e.be(func(e *elsewhere) { e.down = nil })
			a := j.take(h.do("GET", test.answer(stateOf(t, to)), nil, fromElsewhere, j.send)).is(test.status)
			a.guarded()
			a.holds(test.says, a.header.Get("X-Request-Id"))
			for _, secret := range []string{code, stateOf(t, to), "onload", "evil.example", "access_denied"} {
				if strings.Contains(a.body, secret) {
					t.Errorf("the page shows %q: %s", secret, a.body)
				}
			}
			if a.header.Get("Location") != "" || j.session() != "" {
				t.Errorf("%v", a.header)
			}
			if !strings.Contains(string(h.trail.all()), a.header.Get("X-Request-Id")) {
				t.Error("the trail knows nothing of it")
			}
		})
	}
	h.unchanged("refusals", before)
}

// TestNoAnswerCountsTwice, in another browser, or after the provider was asked
// for something else.
func TestNoAnswerCountsTwice(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	h.linked()
	j := jar{}
	to := j.take(h.do("GET", "/-/oauth/corp/start", nil, navigate, j.send)).is(http.StatusSeeOther).header.Get("Location")
	copied := jar{}
	for name, value := range j {
		copied[name] = value
	}
	h.do("GET", back("corp", stateOf(t, to)), nil, fromElsewhere).is(http.StatusBadRequest) // another browser
	h.do("GET", back("corp", stateOf(t, to)), nil, fromElsewhere, func(r *http.Request) {
		for name, value := range j { // two of a name: one was planted
			r.Header.Set("Cookie", name+"="+value+"; "+name+"=planted")
		}
	}).is(http.StatusBadRequest)
	j.take(h.do("GET", back("corp", stateOf(t, to)), nil, fromElsewhere, j.send)).is(http.StatusSeeOther)
	h.do("GET", back("corp", stateOf(t, to)), nil, fromElsewhere, copied.send).is(http.StatusBadRequest)
	h.do("GET", back("corp", stateOf(t, to)), nil, fromElsewhere, j.send).is(http.StatusBadRequest)
}

// TestOnlyPeopleSetOut: what is fetched for later, framed, or asked without
// wanting the page begins and finishes nothing.
func TestOnlyPeopleSetOut(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	h.linked()
	j := jar{}
	to := j.take(h.do("GET", "/-/oauth/corp/start", nil, navigate, j.send)).is(http.StatusSeeOther).header.Get("Location")
	began := 0
	e.be(func(e *elsewhere) { began = e.began })
	for _, at := range []string{"/-/oauth/corp/start", back("corp", stateOf(t, to))} {
		for name, shown := range map[string]with{
			"prefetch": header("Sec-Purpose", "prefetch"), "prerender": header("Sec-Purpose", "prefetch;prerender"),
			"old prefetch": header("Purpose", "prefetch"), "Firefox": header("X-Moz", "prefetch"), "preview": header("X-Purpose", "preview"),
			"frame": header("Sec-Fetch-Dest", "iframe"), "image": header("Sec-Fetch-Dest", "image"), "script": header("Sec-Fetch-Dest", "empty"), "object": header("Sec-Fetch-Dest", "object"),
		} {
			a := h.do("GET", at, nil, fromElsewhere, j.send, shown)
			if a.status != http.StatusNoContent && a.status != http.StatusForbidden || a.header.Get("Set-Cookie") != "" || a.header.Get("Location") != "" {
				t.Errorf("%s: %d %v", name, a.status, a.header)
			}
		}
		if a := h.do("HEAD", at, nil, fromElsewhere, j.send); a.status != http.StatusNoContent || a.header.Get("Set-Cookie") != "" {
			t.Errorf("HEAD: %d %v", a.status, a.header)
		}
	}
	e.be(func(e *elsewhere) {
		if e.began != began {
			t.Errorf("%d more began", e.began-began)
		}
	})
	h.do("POST", back("corp", stateOf(t, to)), nil, fromElsewhere, j.send).is(http.StatusMethodNotAllowed)
	j.take(h.do("GET", back("corp", stateOf(t, to)), nil, fromElsewhere, j.send)).is(http.StatusSeeOther)
	if h.whoIs(j) != "alice" {
		t.Error("nobody came in")
	}
}

// TestWaysThatNobodyFinishes leave nothing behind here.
func TestWaysThatNobodyFinishes(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	before := h.kept()
	for range 500 {
		h.do("GET", "/-/oauth/corp/start", nil, navigate).is(http.StatusSeeOther)
	}
	h.unchanged("setting out", before)
}

// TestNextStaysHere: no link of another site makes the way end somewhere else.
func TestNextStaysHere(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	h.linked()
	for next, want := range map[string]string{
		"//evil.example": "/ui/#", `/\evil.example`: "/ui/#", "https://evil.example/": "/ui/#", "/%2fevil.example": "/ui/#", "javascript:alert(1)": "/ui/#",
		"/\t/evil.example": "/ui/#", "/lfs/x?y=z": "/lfs/x?y=z#", "/a#b": "/ui/#", "/..//evil": "/ui/#",
	} {
		j := jar{}
		if got := h.through(j, "corp", next).is(http.StatusSeeOther).header.Get("Location"); got != want {
			t.Errorf("next=%q leads to %q", next, got)
		}
	}
}

// TestNothingOfTheWayIsLogged: neither code nor state, wherever they stand.
func TestNothingOfTheWayIsLogged(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	h.linked()
	h.through(jar{}, "corp", "")
	h.do("GET", "/-/oauth/corp/callback?"+code+"&state="+strings.Repeat("s", 43), nil, fromElsewhere).is(http.StatusBadRequest)
	h.do("GET", "/-/oauth/corp/callback/?code="+code+"&state="+strings.Repeat("s", 43), nil, fromElsewhere).is(http.StatusNotFound)
	h.do("GET", "/-/oauth/corp/callback?code="+code, nil, fromElsewhere, basic("alice", "wrong wrong wrong")).is(http.StatusUnauthorized)
	if log := string(h.log.all()); !strings.Contains(log, "/-/oauth/corp/callback?code=…") {
		t.Error(log)
	}
	// That the rest is not there either, the house looks for when it closes.
}

// TestNoProviders: without any, there is nothing to see.
func TestNoProviders(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	if page := h.do("GET", "/ui/login", nil, navigate).is(http.StatusOK); strings.Contains(page.body, "Sign in with") {
		t.Error(page.body)
	}
	h.do("GET", "/-/oauth/corp/start", nil, navigate).is(http.StatusNotFound).holds("no such sign-in")
	h.do("GET", "/-/oauth/corp/callback?code=x&state=y", nil, fromElsewhere).is(http.StatusNotFound)
	h.do("POST", "/-/oauth/corp/logout", url.Values{"logout_token": {"x"}}.Encode(), header("Content-Type", form)).is(http.StatusNotFound)
	h.do("GET", "/ui/profile/accounts", nil, navigate, h.fromHere(h.signedIn("alice", alicePassword, true))).is(http.StatusOK).holds("No other sign-in is set up")
	if items := h.do("GET", gateway.APIRoot+"/providers", nil).is(http.StatusOK).items(); len(items) != 0 {
		t.Error(items)
	}
}

// TestSignOutElsewhereIsOffered, and not done unasked.
func TestSignOutElsewhereIsOffered(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	h.linked()
	j := jar{}
	h.through(j, "corp", "").is(http.StatusSeeOther)
	if to := j.take(h.submit("/ui/logout", nil, h.fromHere(j))).is(http.StatusSeeOther).header.Get("Location"); to != "/ui/login" {
		t.Errorf("leads to %q", to)
	}
	e.be(func(e *elsewhere) { e.farewell = "https://corp.example/end" })
	h.through(j, "corp", "").is(http.StatusSeeOther)
	was := jar{}
	for name, value := range j {
		was[name] = value
	}
	page := j.take(h.submit("/ui/logout", nil, h.fromHere(j))).is(http.StatusOK)
	page.guarded()
	page.holds("You are signed out here", "Sign out at Example Corp too", `href="https://corp.example/end?post_logout_redirect_uri=`+url.QueryEscape(h.origin+"/ui/login")+`"`, "Sign in again")
	if j.session() != "" || h.whoIs(was) != "" {
		t.Errorf("%v", j)
	}
	// Who signed in with the password sees nothing of it.
	with := h.signedIn("alice", alicePassword, false)
	h.submit("/ui/logout", nil, h.fromHere(with)).is(http.StatusSeeOther)
}

// TestAProviderThatIsDown keeps nobody from signing in another way, and the
// trail says what is wrong with it.
func TestAProviderThatIsDown(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	alice := h.linked()
	e.be(func(e *elsewhere) {
		e.down = &auth.Error{Code: auth.Unavailable, Reason: "Example Corp does not answer", Err: errors.New("dial tcp 192.0.2.1: refused")}
	})
	for _, a := range []answer{
		h.do("GET", "/-/oauth/corp/start?next=%2Flfs%2F", nil, navigate),
		h.submit("/-/oauth/other/start", url.Values{"purpose": {"bind"}}, h.fromHere(alice)),
	} {
		a.is(http.StatusServiceUnavailable).guarded()
		a.holds("does not answer", a.header.Get("X-Request-Id"))
		if a.header.Get("Set-Cookie") != "" || !strings.Contains(string(h.trail.all()), a.header.Get("X-Request-Id")) {
			t.Errorf("%s: %v", a.at, a.header)
		}
	}
	if !strings.Contains(string(h.trail.all()), "dial tcp 192.0.2.1: refused") {
		t.Error("the trail does not say why")
	}
	if h.whoIs(h.signedIn("alice", alicePassword, false)) != "alice" {
		t.Error("the password does not work")
	}
}
