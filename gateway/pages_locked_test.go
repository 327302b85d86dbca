package gateway_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// privateKey is what people paste by mistake.
const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ AAAAB3NzaC1yc2E\n-----END OPENSSH PRIVATE KEY-----"

// TestPastedPrivateKeyDoesNotComeBack, whatever else is wrong with the form.
func TestPastedPrivateKeyDoesNotComeBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	open, shut := h.unlocked("alice", alicePassword), h.browser(h.signIn("alice", alicePassword))
	h.secret.texts = append(h.secret.texts, "b3BlbnNzaC1rZXktdjE")
	for name, a := range map[string]answer{
		"open":           h.submit("/ui/profile/ssh", url.Values{"key": {privateKey}, "title": {"x"}}, open),
		"a wrong day":    h.submit("/ui/profile/ssh", url.Values{"key": {privateKey}, "title": {"x"}, "expires": {"yesterday"}}, open),
		"locked":         h.submit("/ui/profile/ssh", url.Values{"key": {privateKey}, "title": {"x"}}, shut),
		"wrong password": h.submit("/ui/profile/ssh", url.Values{"key": {privateKey}, "title": {"x"}, "password": {"wrong wrong wrong"}}, shut),
	} {
		if a.status < 400 || strings.Contains(a.body, "b3Blbn") || strings.Contains(a.body, "PRIVATE KEY") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	// A public key does: it is typed once.
	line := newSSHLine(t)
	h.submit("/ui/profile/ssh", url.Values{"key": {line}, "title": {"x"}}, shut).is(http.StatusForbidden).holds(line[:40])
}

// TestStolenCookieGuessesABoundedNumberOfPasswords, by whatever form and with
// however many sessions, and the password's owner is not held up.
func TestStolenCookieGuessesABoundedNumberOfPasswords(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.requestLogin(program)
	browsers := []with{h.browser(h.signIn("eve", evePassword)), h.browser(h.signIn("eve", evePassword))}
	ways := []func(guess string, in with) answer{
		func(g string, in with) answer { return h.submit("/ui/profile/unlock", url.Values{"password": {g}}, in) },
		func(g string, in with) answer {
			return h.submit("/ui/profile/account/name", url.Values{"display_name": {"x"}, "password": {g}}, in)
		},
		func(g string, in with) answer { return h.answerProgram(program, codeOf(program), g, in) },
		func(g string, in with) answer {
			return h.submit("/ui/profile/tokens", url.Values{"form": {rand.Text()}, "description": {"x"}, "password": {g}}, in)
		},
		func(g string, in with) answer {
			return h.submit("/ui/renew", url.Values{"username": {"eve"}, "old": {g}, "new": {"a new password of eve"}, "again": {"a new password of eve"}}, in)
		},
		func(g string, in with) answer {
			return h.submit("/ui/login", url.Values{"username": {"eve"}, "password": {g}})
		},
	}
	guessed := 0
	for i := range 200 {
		a := ways[i%len(ways)]("guess number "+rand.Text(), browsers[i%len(browsers)])
		if a.status == http.StatusTooManyRequests {
			if a.header.Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", a.at)
			}
			break
		}
		if a.status < 400 || a.status >= 500 {
			t.Fatalf("%s: %d %s", a.at, a.status, a.body)
		}
		guessed++
	}
	if guessed > 100 {
		t.Errorf("%d guesses", guessed)
	}
	t.Logf("%d guesses", guessed)
	for i, way := range ways {
		if a := way("one more guess "+rand.Text(), browsers[0]); a.status != http.StatusTooManyRequests {
			t.Errorf("way %d is open still: %d", i, a.status)
		}
	}
	h.do("GET", "/ui/profile", nil, navigate, browsers[0]).is(http.StatusOK) // the session goes on
}

// TestLockedSessionShowsNoSecret: what somebody with a stolen cookie reads.
func TestLockedSessionShowsNoSecret(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	key := e.do("GET", keyURL, nil, basic("alice", alicePassword)).is(http.StatusOK).field("apiKey")
	cookie := e.signIn("alice", alicePassword)
	e.walk(e.browser(cookie), func(a answer) {
		for _, secret := range []string{key, cookie.Value, upstreamSecret, alicePassword} {
			if strings.Contains(a.body, secret) {
				t.Errorf("%s shows %s", a.at, secret)
			}
		}
		if referenced.MatchString(a.body) || asJWT.MatchString(a.body) {
			t.Errorf("%s shows a token", a.at)
		}
	})
}

// TestOpenPagesLoseTheirPower when the unlocking ends, and when who opened them
// is no administrator any more, disabled or signed out.
func TestOpenPagesLoseTheirPower(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	h := newHouse(t, houseConfig{now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	in := h.unlocked("admin", h.adminPassword)
	add := func(name string) answer {
		return h.submit("/ui/admin/groups/new", url.Values{"name": {name}, "description": {""}}, in)
	}
	add("one").is(http.StatusSeeOther)
	ahead.Store(int64(10*time.Minute + time.Second))
	add("two").is(http.StatusForbidden).holds("locked itself meanwhile")

	yes := true
	boss, err := h.auth.Users.Create(t.Context(), h.admin, auth.NewUser{Name: "boss", Email: "boss@example.com", Password: auth.NewSecret(alicePassword), Admin: yes})
	if err != nil {
		t.Fatal(err)
	}
	boss2 := h.unlocked("boss", alicePassword)
	form := h.do("GET", "/ui/admin/users/alice/edit", nil, navigate, boss2).is(http.StatusOK)
	fields := url.Values{"display_name": {"x"}, "was_display_name": {form.hiddenValue("was_display_name")}}
	no := false
	if _, err := h.auth.Users.Update(t.Context(), h.admin, boss.Name, auth.UserChange{Admin: &no}); err != nil {
		t.Fatal(err)
	}
	h.submit("/ui/admin/users/alice/edit", fields, boss2).is(http.StatusForbidden)
	h.do("GET", "/ui/admin/users", nil, navigate, boss2).is(http.StatusForbidden).lacks("alice@example.com")
	if err := h.auth.Users.Disable(t.Context(), h.admin, boss.Name); err != nil {
		t.Fatal(err)
	}
	h.submit("/ui/profile/account/name", url.Values{"display_name": {"x"}}, boss2).is(http.StatusSeeOther)
	if user, err := h.auth.Users.Get(t.Context(), h.admin, "boss"); err != nil || user.DisplayName != "" {
		t.Errorf("%+v, %v", user, err)
	}
	// Signed out: the cookie, played again, is nobody's.
	out := h.browser(h.signIn("alice", alicePassword))
	h.submit("/ui/logout", nil, out).is(http.StatusSeeOther)
	if to := h.do("GET", "/ui/profile", nil, navigate, out).is(http.StatusSeeOther).header.Get("Location"); !strings.Contains(to, "/ui/login") {
		t.Errorf("led to %s", to)
	}
}

// TestComingBackStaysHere: no form or address leads to another site.
func TestComingBackStaysHere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.unlocked("admin", h.adminPassword)
	for _, next := range []string{
		"//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "https://evil.example", "https:evil.example", "http:/evil.example", "/\t/evil.example", "/\n/evil.example",
		"/%09/evil.example", "/%0d%0aLocation:%20//evil.example", "/ui/admin/..//evil.example", "/ui/admin/..%2f/evil.example", "/ui/admin//evil.example/?x", "/ui/admin/\\evil.example",
		"javascript:alert(1)", "data:text/html,x", "/@evil.example", "/ui/profile@evil.example", "/ui/profile?next=//evil.example", "/ui/admin/users?next=https://evil.example#//evil.example",
		"/\u2028/evil.example", "/\u3002evil.example", "/.evil.example", "/..", "/ui/profile\r\nSet-Cookie: latchkey=x", "", "/", "?x", "/;//evil.example", "/ui/admin/;//evil.example",
	} {
		for _, at := range []string{"/ui/profile/unlock", "/ui/profile/lock"} {
			fields := url.Values{"next": {next}}
			if strings.HasSuffix(at, "unlock") {
				fields.Set("password", h.adminPassword)
			}
			a := h.submit(at, fields, in).is(http.StatusSeeOther)
			to := a.header.Get("Location")
			if u, err := url.Parse(to); err != nil || u.Host != "" || u.Scheme != "" || !plainPlace.MatchString(to) || strings.Contains(to, "//") || a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s with %q leads to %q", at, next, to)
			}
		}
		for _, a := range []answer{
			h.submit("/ui/login", url.Values{"username": {"admin"}, "password": {h.adminPassword}, "next": {next}}),
			h.do("GET", "/ui/login?next="+url.QueryEscape(next), nil, navigate, in),
		} {
			to := a.is(http.StatusSeeOther).header.Get("Location")
			u, err := url.Parse(to)
			if err != nil || u.Host != "" || u.Scheme != "" || !plainPlace.MatchString(to) || strings.Contains(u.Path, "//") {
				t.Errorf("%s with %q leads to %q", a.at, next, to)
			}
		}
	}
}

// TestOneOfManyResetsWins in browsers that send the form at once, and the link
// is gone for all then; its key is in no answer but the page of the form.
func TestOneOfManyResetsWins(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	box := h.takeLetters()
	at, key := h.resetLink(box)
	page := h.do("GET", at, nil, navigate).is(http.StatusOK)
	if n := strings.Count(page.body, key); n != 1 || strings.Contains(page.header.Get("Location"), key) {
		t.Errorf("the key is in the page %d times", n)
	}
	var wg sync.WaitGroup
	var won atomic.Int64
	for range 8 {
		wg.Go(func() {
			a := h.submit("/ui/reset", url.Values{"user": {"alice"}, "key": {key}, "new": {"a password that " + rand.Text()}, "again": {""}})
			if a.status != http.StatusBadRequest && a.status != http.StatusNotFound && a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests {
				t.Errorf("%d", a.status)
			}
		})
		wg.Go(func() {
			const next = "a password that alice chose"
			a := h.submit("/ui/reset", url.Values{"user": {"alice"}, "key": {key}, "new": {next}, "again": {next}})
			switch a.status {
			case http.StatusSeeOther:
				won.Add(1)
				if a.header.Get("Set-Cookie") != "" || strings.Contains(a.header.Get("Location"), key) {
					t.Errorf("%v", a.header)
				}
			case http.StatusNotFound, http.StatusServiceUnavailable, http.StatusTooManyRequests:
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	wg.Wait()
	h.secret.texts = append(h.secret.texts, key) // from now on it is nowhere
	if won.Load() != 1 {
		t.Errorf("%d resets by one link", won.Load())
	}
	gone := h.do("GET", at, nil, navigate).is(http.StatusNotFound).lacks(key)
	none := h.do("GET", "/ui/reset?user=nobody&key="+strings.Repeat("A", 43), nil, navigate).is(http.StatusNotFound)
	if gone.body != none.body {
		t.Error("a used link looks different from one of nobody")
	}
}

// TestFormSentManyTimesAtOnce makes one thing.
func TestFormSentManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.unlocked("admin", h.adminPassword)
	for _, c := range []struct {
		path   string
		fields url.Values
	}{
		{"/ui/profile/tokens", url.Values{"description": {"once"}, "expires": {"30"}, "may": {"user"}}},
		{"/ui/admin/users/alice/reset-link", url.Values{}},
	} {
		c.fields.Set("form", rand.Text())
		var wg sync.WaitGroup
		var made, refused atomic.Int64
		for range 8 {
			wg.Go(func() {
				req, err := http.NewRequest("POST", h.url+c.path, strings.NewReader(c.fields.Encode()))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Content-Type", form)
				in(req)
				resp, err := noRedirects.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				switch resp.StatusCode {
				case http.StatusOK:
					made.Add(1)
				case http.StatusConflict:
					refused.Add(1)
				default:
					t.Errorf("%s: %d", c.path, resp.StatusCode)
				}
			})
		}
		wg.Wait()
		if made.Load() != 1 || refused.Load() != 7 {
			t.Errorf("%s: %d made, %d refused", c.path, made.Load(), refused.Load())
		}
	}
	tokens, err := h.auth.Tokens.List(t.Context(), h.admin, "admin")
	if err != nil || len(tokens) != 1 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
}
