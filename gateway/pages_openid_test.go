package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/gateway/web"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

// issuers are OpenID providers, and what the gateway reaches them by.
type issuers struct {
	*house
	ring *seal.Ring
	of   map[string]*testidp.OIDC
	now  atomic.Pointer[oauth.Logins]
}

// The gateway's view of whatever Logins there are at present.
func (i *issuers) Begin(ctx context.Context, provider string, a auth.Attempt) (string, string, string, error) {
	return i.now.Load().Begin(ctx, provider, a)
}

func (i *issuers) Finish(ctx context.Context, provider string, answer url.Values, kept func(string) (string, bool)) (auth.External, auth.Attempt, error) {
	return i.now.Load().Finish(ctx, provider, answer, kept)
}

func (i *issuers) Farewell(ctx context.Context, provider string, idToken auth.Secret, back string) (string, bool) {
	return i.now.Load().Farewell(ctx, provider, idToken, back)
}

func (i *issuers) LoggedOut(ctx context.Context, provider, token string) (auth.ExternalLogout, error) {
	return i.now.Load().LoggedOut(ctx, provider, token)
}

// anew forgets all that was read of the providers, as a daemon that starts.
func (i *issuers) anew(t *testing.T) {
	t.Helper()
	public, err := url.Parse(i.origin)
	if err != nil {
		t.Fatal(err)
	}
	var known []oauth.Provider
	for name, op := range i.of {
		known = append(known, oauth.Provider{
			Name: name, Title: "Corp " + name, Type: oauth.OIDC, Issuer: op.URL, ClientID: op.Client.ID, ClientSecret: auth.NewSecret(op.Client.Secret),
			Callback: gateway.CallbackURL(public, name),
		})
	}
	logins, err := oauth.NewLogins(oauth.Config{Providers: known, Ring: i.ring, Spend: i.auth.Spend})
	if err != nil {
		t.Fatal(err)
	}
	i.now.Store(logins)
}

func newIssuers(t *testing.T) *issuers {
	t.Helper()
	i := &issuers{of: map[string]*testidp.OIDC{"one": testidp.NewOIDC(t), "two": testidp.NewOIDC(t)}}
	h := newHouse(t, houseConfig{trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, doors: func(h *house, ring *seal.Ring) web.Logins {
		i.house, i.ring = h, ring
		for name, op := range i.of {
			op.Register(h.origin + "/-/oauth/" + name + "/callback")
			op.Client.BackChannel = h.origin + "/-/oauth/" + name + "/logout"
			op.Client.Farewells = []string{h.origin + "/ui/login"}
		}
		return i
	}})
	i.anew(t)
	var known []auth.Provider
	for name, op := range i.of {
		known = append(known, auth.Provider{Name: name, Title: "Corp " + name, Type: "oidc", Issuer: op.URL, Unlock: auth.UnlockAgain})
	}
	h.auth.SetProviders(known, i.now.Load())
	return i
}

// comeBack goes to where a provider sends people, and comes back.
func (i *issuers) comeBack(j jar, op *testidp.OIDC, to string, shown ...with) answer {
	i.t.Helper()
	u := op.Visit(to)
	for _, key := range []string{"code", "state"} {
		if text := u.Query().Get(key); len(text) >= 16 {
			i.secret.texts = append(i.secret.texts, text[10:])
		}
	}
	return j.take(i.do("GET", u.RequestURI(), nil, append([]with{fromElsewhere, j.send}, shown...)...))
}

func (i *issuers) come(j jar, name string, shown ...with) answer {
	i.t.Helper()
	a := j.take(i.do("GET", "/-/oauth/"+name+"/start", nil, append([]with{navigate, j.send}, shown...)...))
	if a.status != http.StatusSeeOther {
		return a // it does not get so far
	}
	return i.comeBack(j, i.of[name], a.header.Get("Location"), shown...)
}

func (i *issuers) asks(j jar, name, purpose string, shown ...with) answer {
	i.t.Helper()
	a := j.take(i.submit("/-/oauth/"+name+"/start", url.Values{"purpose": {purpose}}, append([]with{i.fromHere(j)}, shown...)...))
	if a.status != http.StatusOK {
		return a
	}
	return i.comeBack(j, i.of[name], onward(a), shown...)
}

// TestTwoIssuers: an account at each is linked, signs in, unlocks, is signed
// out by its provider and unlinked.
func TestTwoIssuers(t *testing.T) {
	t.Parallel()
	i := newIssuers(t)
	alice := i.signedIn("alice", alicePassword, true)
	for _, name := range []string{"one", "two"} {
		i.asks(alice, name, "bind").is(http.StatusSeeOther)
	}
	if len(i.bindings("alice")) != 2 {
		t.Fatalf("%v", i.bindings("alice"))
	}
	for _, name := range []string{"one", "two"} {
		j := jar{}
		i.come(j, name).is(http.StatusSeeOther)
		if i.whoIs(j) != "alice" {
			t.Fatalf("signed in as %q", i.whoIs(j))
		}
		i.page(j, "/ui/profile").holds("Sign in at Corp " + name + " again to unlock")
		if to := i.asks(j, name, "unlock").is(http.StatusSeeOther).header.Get("Location"); to != "/ui/profile#" {
			t.Errorf("unlocking leads to %q", to)
		}
		i.page(j, "/ui/profile").holds("Unlocked until")
		if status := i.of[name].Logout(testidp.Alice().Subject, ""); status != http.StatusOK {
			t.Errorf("the logout is answered %d", status)
		}
		if i.whoIs(j) != "" {
			t.Error("the session goes on")
		}
		i.come(j, name).is(http.StatusSeeOther)
		bye := j.take(i.submit("/ui/logout", nil, i.fromHere(j))).is(http.StatusOK)
		bye.holds("Sign out at Corp " + name + " too")
	}
	for _, b := range i.bindings("alice") {
		i.submit(accountsURL+"/"+b.ID+"/unlink", nil, i.fromHere(alice)).is(http.StatusSeeOther)
		i.come(jar{}, b.Provider).is(http.StatusForbidden).holds("is not linked")
	}
}

// TestMixedUpIssuers: what one issuer answers is nothing at the other's door.
func TestMixedUpIssuers(t *testing.T) {
	t.Parallel()
	i := newIssuers(t)
	alice := i.signedIn("alice", alicePassword, true)
	i.asks(alice, "one", "bind").is(http.StatusSeeOther)
	i.asks(alice, "two", "bind").is(http.StatusSeeOther)
	j := jar{}
	to := j.take(i.do("GET", "/-/oauth/one/start", nil, navigate, j.send)).is(http.StatusSeeOther).header.Get("Location")
	u := i.of["one"].Visit(to)
	i.secret.texts = append(i.secret.texts, u.Query().Get("code"))
	i.do("GET", strings.Replace(u.RequestURI(), "/one/", "/two/", 1), nil, fromElsewhere, j.send).is(http.StatusBadRequest)
	// And the same code with another way's state.
	j = jar{}
	to = j.take(i.do("GET", "/-/oauth/two/start", nil, navigate, j.send)).is(http.StatusSeeOther).header.Get("Location")
	q := u.Query()
	q.Set("state", stateOf(t, to))
	i.do("GET", "/-/oauth/two/callback?"+q.Encode(), nil, fromElsewhere, j.send).is(http.StatusBadRequest)
	if j.session() != "" {
		t.Error("somebody is signed in")
	}
}

// TestLyingIssuers: each lie ends in a page with a request number, and on the
// trail; nobody is signed in, no account is linked.
func TestLyingIssuers(t *testing.T) {
	t.Parallel()
	i := newIssuers(t)
	alice, eve := i.signedIn("alice", alicePassword, true), i.signedIn("eve", evePassword, true)
	i.asks(alice, "one", "bind").is(http.StatusSeeOther)
	op := i.of["one"]
	n := 0
	for _, lie := range testidp.Lies() {
		if lie.Slow || lie.Must != testidp.Refused || lie.Where == testidp.Refresh || lie.Where == testidp.Logout {
			continue
		}
		n++
		t.Run(lie.Name, func(t *testing.T) {
			op.Under(t)
			house := i.house
			i.house = house.in(t) // what fails now is the lie's
			defer func() { i.house = house }()
			from := header("X-Forwarded-For", fmt.Sprintf("192.0.%d.%d", n/250, n%250))
			for what, try := range map[string]func() answer{
				"sign in": func() answer {
					op.SignIn(testidp.Alice())
					j := jar{}
					a := i.come(j, "one", from)
					if j.session() != "" {
						t.Error("somebody is signed in")
					}
					return a
				},
				"link": func() answer {
					op.SignIn(testidp.User{Subject: "77-carol", Login: "carol", Email: "carol@example.com", EmailVerified: true})
					return i.asks(eve, "one", "bind", from)
				},
			} {
				op.Honest()
				lie.Apply(op)
				i.anew(t)
				a := try()
				if a.status < 400 || a.status == http.StatusUnauthorized || a.status == http.StatusInternalServerError || a.header.Get("Location") != "" {
					t.Fatalf("%s: %d %v", what, a.status, a.header)
				}
				a.guarded()
				a.holds(a.header.Get("X-Request-Id"))
				if a.at != "GET /-/oauth/one/start" && !strings.HasPrefix(a.at, "POST") && !strings.Contains(string(i.trail.all()), a.header.Get("X-Request-Id")) {
					t.Errorf("%s: the trail knows nothing of it", what)
				}
			}
		})
	}
	if n < 50 {
		t.Errorf("only %d lies", n)
	}
	if len(i.bindings("eve")) != 0 || len(i.bindings("alice")) != 1 {
		t.Errorf("%v %v", i.bindings("eve"), i.bindings("alice"))
	}
}

// TestManyAtOnce, each with a browser of their own: each ends in their own
// session, and five tabs of one browser all end well.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	i := newIssuers(t)
	alice := i.signedIn("alice", alicePassword, true)
	i.asks(alice, "one", "bind").is(http.StatusSeeOther)
	const many = 40
	var mu sync.Mutex
	sessions := map[string]bool{}
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			j := jar{}
			to := j.take(i.do("GET", "/-/oauth/one/start", nil, navigate)).header.Get("Location")
			u := i.of["one"].Visit(to)
			j.take(i.do("GET", u.RequestURI(), nil, fromElsewhere, j.send))
			mu.Lock()
			defer mu.Unlock()
			sessions[j.session()] = true
		})
	}
	all.Wait()
	if len(sessions) != many || sessions[""] {
		t.Errorf("%d sessions", len(sessions))
	}
}
