package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

const (
	upstreamsURL   = "/ui/profile/upstreams"
	upstreamSecret = "the secret of alice at the registry"
)

// registryOf is a service that knows alice by a name and secret of her own.
func registryOf(t *testing.T) *url.URL {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, secret, _ := r.BasicAuth(); name != "alice-there" || secret != upstreamSecret {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(s.Close)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestUpstreamsPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.secret.texts = append(h.secret.texts, upstreamSecret)
	in := h.browser(h.signIn("alice", alicePassword))
	h.do("GET", upstreamsURL, nil, navigate, in).is(http.StatusOK).holds("No service here asks").lacks("Locked")

	at := registryOf(t)
	known := []auth.Upstream{
		{Name: "registry", URL: at, Send: auth.UpstreamBasic, SignUp: "https://registry.example/join?a=1&b"},
		{Name: "tracker", URL: at, Send: auth.UpstreamHeader, Header: "X-Tracker-Token"},
	}
	h.auth.SetUpstreams(known, gateway.Probe{})
	h.do("GET", upstreamsURL, nil, navigate, in).is(http.StatusOK).
		holds("registry", "tracker", "X-Tracker-Token", at.Host, "Locked", `href="https://registry.example/join?a=1&amp;b" rel="noreferrer"`).lacks(`name="secret"`)

	save := func(name, secret string) answer {
		return h.submit(upstreamsURL+"/registry", url.Values{"name": {name}, "secret": {secret}}, in)
	}
	// Locked meanwhile: the form asks for the password, keeps the name and loses the secret.
	save("alice-there", upstreamSecret).is(http.StatusForbidden).holds(`value="alice-there"`, "Your current password").lacks(upstreamSecret)
	h.submit("/ui/profile/unlock", url.Values{"password": {alicePassword}}, in).is(http.StatusSeeOther)

	test := func(path string, fields url.Values) answer {
		return h.submit(upstreamsURL+"/"+path+"/test", fields, in)
	}
	test("registry", url.Values{"name": {"alice-there"}, "secret": {"wrong wrong wrong"}}).is(http.StatusOK).
		holds(`class="problem"`, `value="alice-there"`, "Type the secret again").lacks("wrong wrong wrong")
	test("registry", url.Values{"name": {"alice-there"}, "secret": {upstreamSecret}}).is(http.StatusOK).
		holds(`class="notice"`, `value="alice-there"`, "type the secret again to save it").lacks(upstreamSecret)
	test("registry", url.Values{"name": {"alice-there"}, "secret": {""}}).is(http.StatusBadRequest).holds(`id="secret-registry-problem"`, `value="alice-there"`)
	test("registry", nil).is(http.StatusNotFound) // nothing is stored
	test("nothing", url.Values{"secret": {"x"}}).is(http.StatusNotFound)
	h.do("GET", upstreamsURL, nil, navigate, in).is(http.StatusOK).lacks("Stored")

	save("", upstreamSecret).is(http.StatusBadRequest).holds(`id="name-registry-problem"`)
	save("alice-there", "").is(http.StatusBadRequest).holds(`id="secret-registry-problem"`)
	h.follows(save("alice-there", upstreamSecret), in).holds("use it from now on", "<strong>alice-there</strong>", "Test what is stored", "Enter another").lacks(upstreamSecret)
	test("registry", nil).is(http.StatusOK).holds(`class="notice"`).lacks("type the secret again", upstreamSecret)

	// It moves: what was stored is not sent there.
	known[0].URL = registryOf(t)
	h.auth.SetUpstreams(known, gateway.Probe{})
	h.do("GET", upstreamsURL, nil, navigate, in).is(http.StatusOK).holds("not used", "enter it again").lacks("Test what is stored")
	test("registry", nil).is(http.StatusBadRequest).holds("enter it again")

	// It goes: what was stored can be deleted.
	h.auth.SetUpstreams(known[1:], gateway.Probe{})
	h.do("GET", upstreamsURL, nil, navigate, in).is(http.StatusOK).holds("Not here any more")
	deletion := upstreamsURL + "/registry/delete"
	h.do("GET", deletion, nil, navigate, in).is(http.StatusOK).holds("Delete your credential for registry?", "alice-there", `action="`+deletion+`"`)
	h.follows(h.submit(deletion, nil, in), in).holds("is deleted").lacks("alice-there")
	h.follows(h.submit(deletion, nil, in), in).holds("Nothing was stored")
	h.follows(h.do("GET", deletion, nil, navigate, in), in).holds("Nothing was stored")
}

// TestUpstreamsOfAFixedProfile can be deleted, and nothing else is offered.
func TestUpstreamsOfAFixedProfile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.auth.SetUpstreams([]auth.Upstream{{Name: "registry", URL: registryOf(t), Send: auth.UpstreamBasic}}, gateway.Probe{})
	in := h.unlocked("alice", alicePassword)
	both := url.Values{"name": {"alice-there"}, "secret": {upstreamSecret}}
	h.submit(upstreamsURL+"/registry", both, in).is(http.StatusSeeOther)
	no := false
	if _, err := h.auth.Users.Update(t.Context(), h.admin, "alice", auth.UserChange{MayUpdateProfile: &no}); err != nil {
		t.Fatal(err)
	}
	h.do("GET", upstreamsURL, nil, navigate, in).is(http.StatusOK).holds("kept by the administrators", "alice-there", upstreamsURL+"/registry/delete").lacks(`name="secret"`, "Test what is stored")
	h.submit(upstreamsURL+"/registry", both, in).is(http.StatusForbidden).lacks(upstreamSecret)
	h.submit(upstreamsURL+"/registry/delete", nil, in).is(http.StatusSeeOther)
}

// TestUpstreamTestsAreBounded: a page is no tool to guess with.
func TestUpstreamTestsAreBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.auth.SetUpstreams([]auth.Upstream{{Name: "registry", URL: registryOf(t), Send: auth.UpstreamBasic}}, gateway.Probe{})
	in := h.unlocked("alice", alicePassword)
	for range 25 {
		a := h.submit(upstreamsURL+"/registry/test", url.Values{"name": {"alice-there"}, "secret": {"guess guess"}}, in)
		if a.status == http.StatusOK {
			continue
		}
		a.is(http.StatusTooManyRequests).holds("too many attempts", `value="alice-there"`)
		if strings.Contains(a.body, "guess guess") || a.header.Get("Retry-After") == "" {
			t.Error(a.body)
		}
		return
	}
	t.Error("25 tests and no end")
}
