package gateway_test

import (
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// A route above our own paths gets everything but these: of npm's paths where
// somebody signs in, not the packages beside them.
func TestRoutesDoNotGetOurPaths(t *testing.T) {
	f := openFront(t, func(f *front, c *gateway.Config) {
		f.empty = true
		anyone := rules(t, "anonymous")
		c.Routes = []gateway.Route{
			{Route: auth.Route{Name: "artifactory", Read: anyone, Write: anyone}, Path: "/artifactory/", Upstream: f.echo.URL},
			{Route: auth.Route{Name: "npm", Read: anyone, Write: anyone}, Path: "/artifactory/api/npm/npm/", Upstream: f.echo.URL},
		}
	})
	for path, ours := range map[string]bool{
		"/artifactory/api/security/apiKeys":                  true,
		"/artifactory/api/system/info":                       true,
		"/artifactory/api/lfs/repo/objects/batch":            true,
		"/artifactory/api/npm/auth":                          true,
		"/artifactory/api/npm/npm/-/whoami":                  true,
		"/artifactory/api/npm/npm/-/v1/login":                true,
		"/artifactory/api/npm/npm/-/user/org.couchdb.user:a": true,
		"/artifactory/api/npm/other/-/user/token/x":          true,
		"/artifactory/api/npm/other/-/v1/":                   true,

		"/artifactory/api/repositories":                          false,
		"/artifactory/api/npm/npm/left-pad":                      false,
		"/artifactory/api/npm/npm/@scope%2fname":                 false,
		"/artifactory/api/npm/npm/left-pad/-/left-pad-1.0.0.tgz": false,
		"/artifactory/api/npm/npm/-/npm/v1/security/audits":      false,
		"/artifactory/api/npm/npm/-/package/left-pad/dist-tags":  false,
		"/artifactory/api/npm/other/left-pad":                    false,
		"/artifactory/api/npm/auth/left-pad":                     false,
	} {
		for _, method := range []string{"GET", "PUT"} {
			status := 200
			if ours {
				status = 404
			}
			got := f.send(method, path, "").want(t, status)
			if reached := len(f.echo.take()) > 0; reached == ours {
				t.Errorf("%s %s: the upstream was reached: %v", method, path, reached)
			}
			if ours && strings.Contains(path, "/npm/") && !strings.HasPrefix(got.body, `{"errors":[{"message":"`) {
				t.Errorf("%s %s: %s", method, path, got.body)
			}
		}
	}
	// What is ours after one more decoding is not passed on either.
	f.send("PUT", "/artifactory/api/npm/npm/-%2fuser%2fx", "").want(t, 400)
	if len(f.echo.take()) > 0 {
		t.Error("the upstream got an encoded path of ours")
	}
}

func TestRoutesCannotLieInOurPaths(t *testing.T) {
	f := openFront(t, nobodyLives)
	for path, host := range map[string]string{
		"/-/": "", "/-/x/": "app.example.com", "/ui/": "", "/v2/token/": "", "/v2/token/x/": "", "/artifactory/api/security/": "", "/artifactory/api/lfs/a/": "",
	} {
		c := f.config
		c.Routes = []gateway.Route{{Route: auth.Route{Name: "x", Read: rules(t, "anonymous")}, Host: host, Path: path, Upstream: f.echo.URL}}
		if err := f.gateway.Reload(c); err == nil || !strings.Contains(err.Error(), "our own") {
			t.Errorf("%s%s: %v", host, path, err)
		}
	}
}
