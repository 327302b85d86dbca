package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/gateway"
)

// TestNoUpstreamSpeaksForOurOrigin: what browsers would take for all addresses
// of our host, of a page that is kept out of its origin. With Network Error
// Logging an upstream would be told each of them with its query, as a mailed
// link and the code of a sign-in.
func TestNoUpstreamSpeaksForOurOrigin(t *testing.T) {
	t.Parallel()
	said := map[string]string{
		"NEL": `{"report_to":"x","max_age":31536000,"success_fraction":1.0}`, "Report-To": `{"group":"x","max_age":31536000,"endpoints":[{"url":"https://evil.example/"}]}`,
		"Reporting-Endpoints": `x="https://evil.example/"`, "Strict-Transport-Security": "max-age=0", "Alt-Svc": `h2=":8443"; ma=86400; persist=1`,
		"Clear-Site-Data": `"*"`, "Service-Worker-Allowed": "/", "Public-Key-Pins": "max-age=1", "Expect-CT": "max-age=1",
		"Sec-Session-Registration": `(ES256);path="/x"`, "Secure-Session-Registration": `(ES256);path="/x"`, "Set-Login": "logged-out",
		"Accept-CH": "Sec-CH-UA-Model", "Critical-CH": "Sec-CH-UA-Model", "Use-As-Dictionary": `match="/ui/*"`,
	}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range said {
			w.Header().Set(name, value)
			w.Header()[strings.ToLower(name)] = []string{value}
		}
		w.Header().Set("X-Of-The-Page", "stays")
	}))
	t.Cleanup(up.Close)
	f := openFront(t, func(_ *front, c *gateway.Config) {
		for i := range c.Routes {
			c.Routes[i].Upstream = up.URL
		}
		same := c.Routes[2]
		same.Name, same.Path, same.SameOrigin = "same", "/same/", true
		c.Routes = append(c.Routes, same)
	})
	kept := f.send("GET", "/open/x", "").want(t, 200)
	for name := range said {
		if got := kept.Header.Values(name); len(got) != 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
	if kept.Header.Get("X-Of-The-Page") == "" {
		t.Error("what is of the page alone is gone")
	}
	// Where it has an origin of its own, or shares ours by configuration, it may.
	for _, r := range []reply{
		f.send("GET", "/same/x", ""),
		f.send("GET", "/x", "", header("X-JFrog-Art-Api", f.aliceKey), func(r *http.Request) { r.Host = "app.example.com" }),
	} {
		if r.want(t, 200).Header.Get("NEL") == "" {
			t.Error("gone where it is the upstream's own")
		}
	}
}
