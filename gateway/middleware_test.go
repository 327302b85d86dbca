package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

func TestMiddleware(t *testing.T) {
	f := openFront(t, nil)
	open := func(route auth.Route) string {
		t.Helper()
		protect, err := gateway.Middleware(gateway.MiddlewareConfig{Auth: f.auth, PublicURL: f.config.PublicURL, Log: f.config.Log, Route: route})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who, ok := gateway.IdentityFrom(r.Context())
			raw, err := json.Marshal(r.Header)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "%v %q %s", ok, who.User, raw)
		})))
		t.Cleanup(s.Close)
		return s.URL
	}
	narrow, err := f.auth.Tokens.Create(t.Context(), f.who("alice", frontAlice), auth.NewToken{Scope: "artifact:mixed:r"})
	if err != nil {
		t.Fatal(err)
	}
	known := open(auth.Route{})
	mixed := open(auth.Route{Name: "mixed", Read: rules(t, "anonymous"), Write: rules(t, "admin")})
	for _, c := range []struct {
		url, method, path string
		shown             []with
		want              int
		begins            string
	}{
		{known, "GET", "/", nil, 401, ""},
		{known, "GET", "/", []with{bearer(f.aliceToken), header("X_Forwarded_User", "admin")}, 200, `true "alice" `},
		{known, "POST", "/", []with{f.session()}, 403, ""},
		{known, "POST", "/", []with{f.session(), header("Sec-Fetch-Site", "same-origin")}, 200, `true "alice" `},
		{known, "GET", "/a/..%2fb", []with{bearer(f.aliceToken)}, 400, ""},
		{known, "TRACE", "/", []with{bearer(f.aliceToken)}, 405, ""},
		{mixed, "GET", "/", nil, 200, `true "" `},
		{mixed, "GET", "/", []with{bearer(f.aliceToken)}, 200, `true "alice" `},
		{mixed, "GET", "/", []with{bearer(narrow.JWT.Reveal())}, 200, `true "" `},
		{mixed, "GET", "/", []with{bearer("x")}, 401, ""},
		{mixed, "DELETE", "/", nil, 401, ""},
		{mixed, "DELETE", "/", []with{header("X-JFrog-Art-Api", f.aliceKey)}, 403, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, c.url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.shown {
			w(r)
		}
		resp, err := noRedirects.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != c.want || !strings.HasPrefix(string(body), c.begins) {
			t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, body)
		}
		for _, s := range []string{f.aliceToken, f.aliceSession, f.aliceKey, "Forwarded"} {
			if strings.Contains(string(body), s) {
				t.Errorf("%s %s: the handler got %s", c.method, c.path, body)
			}
		}
	}
	if _, ok := gateway.IdentityFrom(t.Context()); ok {
		t.Error("a context of nobody has an identity")
	}
}
