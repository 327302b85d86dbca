package gateway_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// TestNoLinkSwapsASession: no link, of another site or an upstream's redirect,
// takes somebody who is signed in to a provider, and back as whomever that
// knows: who they are is theirs to change (RFC 9700 §4.7).
func TestNoLinkSwapsASession(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	h.linked()
	for _, from := range []string{"cross-site", "same-site", "same-origin", "none", ""} {
		eve := h.signedIn("eve", evePassword, false)
		was := eve.session()
		var began int
		e.be(func(e *elsewhere) { began = e.began })
		a := eve.take(h.do("GET", "/-/oauth/corp/start?next=%2Flfs%2F", nil, navigate, eve.send, header("Sec-Fetch-Site", from))).is(http.StatusSeeOther)
		a.guarded()
		if to := a.header.Get("Location"); to != "/lfs/" || eve.attempts() != 0 || eve.session() != was {
			t.Errorf("%s: leads to %q with %d attempts", from, to, eve.attempts())
		}
		e.be(func(e *elsewhere) {
			if e.began != began {
				t.Errorf("%s: a way was begun", from)
			}
		})
		if who := h.whoIs(eve); who != "eve" {
			t.Errorf("%s: now %q", from, who)
		}
		// Nobody is signed in: a portal's link works.
		h.do("GET", "/-/oauth/corp/start", nil, navigate, header("Sec-Fetch-Site", from)).is(http.StatusSeeOther)
		ended := jar{"latchkey": strings.Repeat("x", 43)}
		if to := h.do("GET", "/-/oauth/corp/start", nil, navigate, ended.send, header("Sec-Fetch-Site", from)).is(http.StatusSeeOther).header.Get("Location"); !strings.HasPrefix(to, "https://corp.example/") {
			t.Errorf("%s: with a session that has ended to %q", from, to)
		}
	}
}

// TestAFloodOfAnswers: who comes back again and again with nothing asks no
// provider and keeps nothing after a while, and others sign in meanwhile.
func TestAFloodOfAnswers(t *testing.T) {
	t.Parallel()
	i := newIssuers(t)
	alice := i.signedIn("alice", alicePassword, true)
	i.asks(alice, "one", "bind").is(http.StatusSeeOther)
	i.of["one"].Under(t)
	flood := header("X-Forwarded-For", "198.51.100.7")
	before, refused, said := len(i.kept()), 0, answer{}
	for n := range 100 {
		j := jar{}
		to := j.take(i.do("GET", "/-/oauth/one/start", nil, navigate, flood)).is(http.StatusSeeOther).header.Get("Location")
		a := i.do("GET", "/-/oauth/one/callback?"+url.Values{"code": {fmt.Sprintf("none-%d", n)}, "state": {stateOf(t, to)}, "iss": {i.of["one"].URL}}.Encode(), nil, fromElsewhere, j.send, flood)
		if a.status == http.StatusTooManyRequests {
			refused++
			said = a
		} else {
			a.is(http.StatusForbidden)
		}
	}
	if refused != 100-60 {
		t.Errorf("%d of 100 were refused", refused)
	}
	if more := len(i.kept()) - before; more > 60+5 {
		t.Errorf("%d records more", more)
	}
	if refused > 0 {
		said.guarded()
		said.holds("too many attempts", said.header.Get("X-Request-Id"))
		if said.header.Get("Retry-After") == "" {
			t.Errorf("%v", said.header)
		}
	}
	j := jar{}
	i.come(j, "one", header("X-Forwarded-For", "198.51.100.8")).is(http.StatusSeeOther)
	if i.whoIs(j) != "alice" {
		t.Error("others do not come in")
	}
}

// TestOtherSitesStopNobody: what another site can make a browser send counts
// for nothing, or one page would shut a whole office out.
func TestOtherSitesStopNobody(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	h.linked()
	for range 200 {
		h.do("GET", back("corp", "A_-0000001"+strings.Repeat("s", 33)), nil, fromElsewhere, header("Sec-Fetch-Dest", "image")).is(http.StatusForbidden)
		h.do("GET", back("corp", "A_-0000001"+strings.Repeat("s", 33)), nil, fromElsewhere).is(http.StatusBadRequest)
	}
	j := jar{}
	h.through(j, "corp", "").is(http.StatusSeeOther)
	if h.whoIs(j) != "alice" {
		t.Error("nobody comes in")
	}
}

// TestWhatIsNeverLockedDoesNotSaySo: a session whose profile is open as long as
// it lasts is not told that it was locked.
func TestWhatIsNeverLockedDoesNotSaySo(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	j := jar{}
	h.through(j, "open", "").is(http.StatusSeeOther)
	h.submit("/ui/profile/lock", nil, h.fromHere(j)).is(http.StatusForbidden).holds("never locked")
	h.do("POST", gateway.APIRoot+"/session/lock", nil, h.fromHere(j)).is(http.StatusForbidden)
}

// TestManyStrangersCookies: as many cookies as browsers keep of one domain, set
// by whatever else is on it, hide neither a session nor a way to a provider.
func TestManyStrangersCookies(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	h.linked()
	tossed := func(r *http.Request) {
		own := r.Header.Get("Cookie")
		var all []string
		for n := range 180 {
			all = append(all, fmt.Sprintf("toss-%d=1", n))
		}
		if own != "" {
			all = append(all, own)
		}
		r.Header.Set("Cookie", strings.Join(all, "; "))
	}
	j := jar{}
	var states []string
	for range 7 {
		to := j.take(h.do("GET", "/-/oauth/corp/start", nil, navigate, j.send, tossed)).is(http.StatusSeeOther).header.Get("Location")
		states = append(states, stateOf(t, to))
		if j.attempts() > 5 {
			t.Fatalf("%d at once", j.attempts())
		}
	}
	j.take(h.do("GET", back("corp", states[6]), nil, fromElsewhere, j.send, tossed)).is(http.StatusSeeOther)
	if a := h.do("GET", gateway.APIRoot+"/whoami", nil, h.fromHere(j), tossed); a.status != http.StatusOK {
		t.Errorf("the session is not seen: %d", a.status)
	}
}

// TestTheStoreIsGone at every step of a way: 503, nobody comes in, nothing is
// linked, and no cookie of a session is set.
func TestTheStoreIsGone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(h *house, alice jar) answer{
		"sign in": func(h *house, _ jar) answer {
			j := jar{}
			to := j.take(h.do("GET", "/-/oauth/corp/start", nil, navigate)).is(http.StatusSeeOther).header.Get("Location")
			h.store.Close()
			return j.take(h.do("GET", back("corp", stateOf(h.t, to)), nil, fromElsewhere, j.send))
		},
		"sign in and make a user": func(h *house, _ jar) answer {
			j := jar{}
			to := j.take(h.do("GET", "/-/oauth/open/start", nil, navigate)).is(http.StatusSeeOther).header.Get("Location")
			h.store.Close()
			return j.take(h.do("GET", back("open", stateOf(h.t, to)), nil, fromElsewhere, j.send))
		},
		"link": func(h *house, alice jar) answer {
			page := alice.take(h.submit("/-/oauth/other/start", url.Values{"purpose": {"bind"}}, h.fromHere(alice))).is(http.StatusOK)
			h.store.Close()
			return alice.take(h.do("GET", back("other", stateOf(h.t, onward(page))), nil, fromElsewhere, alice.send))
		},
		"sign out": func(h *house, _ jar) answer {
			j := jar{}
			h.through(j, "corp", "")
			h.store.Close()
			return h.submit("/ui/logout", nil, h.fromHere(j))
		},
		"the provider signs out": func(h *house, _ jar) answer {
			h.store.Close()
			return h.sayLogout("corp", "good.corp")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, e := newHouseWithDoors(t, houseConfig{})
			alice := h.linked()
			e.be(func(e *elsewhere) {
				e.over = auth.ExternalLogout{Provider: "corp", Issuer: "https://corp.example", Subject: "subject-1", ID: "jti"}
			})
			a := test(h.in(t), alice)
			for _, c := range (&http.Response{Header: a.header}).Cookies() {
				if c.MaxAge >= 0 {
					t.Errorf("sets %s", c.Name)
				}
			}
			a.is(http.StatusServiceUnavailable)
			if a.header.Get("Location") != "" {
				t.Errorf("%v", a.header)
			}
		})
	}
}

// TestWaysOfOthersLinkNothing: an attempt that somebody began is nothing in the
// browser of another, in either direction, nor in another session of their own,
// nor once the session is locked or over; whoever planted the cookies.
func TestWaysOfOthersLinkNothing(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	alice := func(unlocked bool) jar { return h.signedIn("alice", alicePassword, unlocked) }
	eve := func(unlocked bool) jar { return h.signedIn("eve", evePassword, unlocked) }
	for name, test := range map[string]struct{ begins, ends jar }{
		"the attacker's in the victim's browser": {eve(true), alice(true)},
		"the victim's in the attacker's browser": {alice(true), eve(true)},
		"another session of the same person":     {alice(true), alice(true)},
		"a locked session":                       {alice(true), alice(false)},
		"nobody":                                 {alice(true), jar{}},
		"a session that is none":                 {alice(true), jar{"latchkey": strings.Repeat("A", 43)}},
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			page := h.submit("/-/oauth/corp/start", url.Values{"purpose": {"bind"}}, h.fromHere(test.begins)).is(http.StatusOK)
			planted := jar{}
			for name, value := range test.ends {
				planted[name] = value
			}
			planted.take(page) // what the sender of the link put there
			a := h.do("GET", back("corp", stateOf(t, onward(page))), nil, fromElsewhere, planted.send).is(http.StatusForbidden)
			a.guarded()
			if a.header.Get("Location") != "" {
				t.Errorf("%v", a.header)
			}
			// Nor with both sessions in one header, in either order, or a password beside it.
			for _, shown := range []with{
				func(r *http.Request) {
					r.Header.Set("Cookie", "latchkey="+test.begins.session()+"; latchkey="+cmp.Or(test.ends.session(), "x")+"; "+r.Header.Get("Cookie"))
				},
				basic("alice", alicePassword), basic("eve", evePassword), bearer(test.begins.session()),
			} {
				page := h.submit("/-/oauth/corp/start", url.Values{"purpose": {"bind"}}, h.fromHere(test.begins)).is(http.StatusOK)
				planted.take(page)
				if a := h.do("GET", back("corp", stateOf(t, onward(page))), nil, fromElsewhere, planted.send, shown); a.status < 400 {
					t.Errorf("%d %v", a.status, a.header)
				}
			}
		})
	}
	for _, who := range []string{"alice", "eve"} {
		if all := h.bindings(who); len(all) != 0 {
			t.Errorf("%s: %v", who, all)
		}
	}
}

// TestTokensOfProvidersEndAtOnce, whatever was kept of them, when the binding,
// the user or the provider goes.
func TestTokensOfProvidersEndAtOnce(t *testing.T) {
	t.Parallel()
	echo := newEcho()
	t.Cleanup(echo.Close)
	known := rules(t, "authenticated")
	for name, end := range map[string]func(h *house, e *elsewhere) error{
		"disabled": func(h *house, _ *elsewhere) error { return h.auth.Users.Disable(t.Context(), h.admin, "alice") },
		"deleted":  func(h *house, _ *elsewhere) error { return h.auth.Users.Delete(t.Context(), h.admin, "alice") },
		"unlinked": func(h *house, _ *elsewhere) error {
			return h.auth.Bindings.Delete(t.Context(), h.admin, h.bindings("alice")[0].ID)
		},
		"provider gone": func(h *house, e *elsewhere) error {
			h.auth.SetProviders(knownElsewhere()[1:], e)
			return nil
		},
		"provider with another issuer": func(h *house, e *elsewhere) error {
			all := knownElsewhere()
			all[0].Issuer = "https://moved.example"
			h.auth.SetProviders(all, e)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, e := newHouseWithDoors(t, houseConfig{routes: []gateway.Route{
				{Route: auth.Route{Name: "takes", Read: known, Write: known}, Path: "/takes/", Upstream: echo.URL, Headers: true, ExternalTokens: []string{"corp"}},
			}})
			h.linked()
			good := providerToken("https://corp.example", "goodgoodgood")
			for range 3 {
				h.do("GET", "/takes/x", nil, bearer(good)).is(http.StatusOK)
			}
			if err := end(h, e); err != nil {
				t.Fatal(err)
			}
			h.do("GET", "/takes/x", nil, bearer(good)).is(http.StatusUnauthorized)
		})
	}
}

// TestOneAnswerManyTimesAtOnce is good once, and shown to the provider once.
func TestOneAnswerManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	i := newIssuers(t)
	alice := i.signedIn("alice", alicePassword, true)
	i.asks(alice, "one", "bind").is(http.StatusSeeOther)
	j := jar{}
	to := j.take(i.do("GET", "/-/oauth/one/start", nil, navigate)).is(http.StatusSeeOther).header.Get("Location")
	u := i.of["one"].Visit(to)
	var good, refused atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			switch a := i.do("GET", u.RequestURI(), nil, fromElsewhere, j.send); a.status {
			case http.StatusSeeOther:
				good.Add(1)
			case http.StatusBadRequest:
				refused.Add(1)
			default:
				t.Errorf("%d", a.status)
			}
		})
	}
	all.Wait()
	if good.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d were good, %d refused", good.Load(), refused.Load())
	}
}
