package gateway_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/gateway"
)

// TestAttemptsStayHere: what a browser keeps of a way to a provider reaches no
// upstream, in no spelling, and no upstream sets or ends it.
func TestAttemptsStayHere(t *testing.T) {
	t.Parallel()
	f := openFront(t, nil)
	got := f.rawHead("/open/x",
		"Cookie: a=1; latchkey-attempt-A_-0000001=sealed-1; b=2; __Host-latchkey-attempt-A_-0000002=sealed-2; Latchkey-Attempt-x=sealed-3; __host-LATCHKEY-attempt-=sealed-4; LATCHKEY=sealed-5; latchkey-theme=dark",
		"Cookie: __HOST-latchkey-attempt-x=sealed-6").echoed(t)
	if lines := got.Header["Cookie"]; !slices.Equal(lines, []string{"a=1; b=2; latchkey-theme=dark"}) {
		t.Errorf("the upstream sees %q", lines)
	}
	for line, ours := range map[string]bool{
		"latchkey-attempt-A_-0000001=x; Path=/": true, "__Host-latchkey-attempt-A_-0000001=; Max-Age=0": true, "LATCHKEY-ATTEMPT-x=y": true, "=latchkey-attempt-x=y": true,
		" __host-latchkey-attempt-x =y": true, "latchkey-attempt-": true, "latchkey-attempts=x": false, "latchkey-theme=x": false, "x=latchkey-attempt-y": false,
	} {
		if gateway.SetsOurs(line) != ours {
			t.Errorf("%q: %v", line, !ours)
		}
	}
}

// TestCallbackURL is what is registered at providers, to the letter.
func TestCallbackURL(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]string{
		"https://door.example":  "https://door.example/-/oauth/corp/callback",
		"http://127.0.0.1:8080": "http://127.0.0.1:8080/-/oauth/corp/callback",
	} {
		u, err := url.Parse(public)
		if err != nil {
			t.Fatal(err)
		}
		if got := gateway.CallbackURL(u, "corp"); got != want {
			t.Errorf("%s: %s", public, got)
		}
	}
}

// TestPlantedAttempts: names that we never gave are not looked at, and do not
// come back in a header.
func TestPlantedAttempts(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	planted := func(r *http.Request) {
		var all []string
		for _, id := range []string{"", "short", "much-too-long-to-be-one", "A_-000000é", "..........", "A B-000001", "%0d%0aX: y"} {
			all = append(all, "latchkey-attempt-"+id+"=x")
		}
		r.Header.Set("Cookie", strings.Join(all, "; "))
	}
	a := h.do("GET", "/-/oauth/corp/start", nil, navigate, planted).is(http.StatusSeeOther)
	if got := a.header["Set-Cookie"]; len(got) != 1 {
		t.Errorf("%q", got)
	}
	h.do("GET", back("corp", "short"), nil, fromElsewhere, planted).is(http.StatusBadRequest)
}

// TestTheSocketKnowsNoWays: providers and browsers are elsewhere.
func TestTheSocketKnowsNoWays(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"GET /-/oauth/corp/start", "POST /-/oauth/corp/start", "GET /-/oauth/corp/callback", "POST /-/oauth/corp/logout"} {
		if slices.Contains(gateway.SocketPatterns(), strings.Replace(at, "corp", "{provider}", 1)) {
			t.Errorf("%s is on the socket", at)
		}
	}
	if !slices.Contains(gateway.SocketPatterns(), "GET "+gateway.APIRoot+"/users/{user}/bindings") {
		t.Error("linked accounts are not")
	}
}
