package configs_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/configs"
)

const goodUpstreams = `upstreams:
- name: packages
  url: https://Packages.example.com/api/whoami
  sign_up: https://packages.example.com/register?from=here#form
- {name: git, url: "http://127.0.0.1:3000", send: header, header: PRIVATE-TOKEN}
- {name: registry, url: "https://registry.example.com:5000/v2/", send: bearer}
routes:
- {name: packages, path: /packages/, upstream: "https://packages.example.com:443/base", identity: {upstream_credential: packages}}
- {name: git, path: /git/, upstream: "http://127.0.0.1:3000/", identity: {basic: true, upstream_credential: git}}
- {name: registry, host: registry.local, upstream: "https://registry.example.com:5000", identity: {upstream_credential: registry}}
`

func TestUpstreams(t *testing.T) {
	c, faults := load(t, goodUpstreams)
	if faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
	want := []configs.NamedUpstream{
		{Name: "packages", URL: "https://Packages.example.com/api/whoami", Send: "basic", SignUp: "https://packages.example.com/register?from=here#form"},
		{Name: "git", URL: "http://127.0.0.1:3000", Send: "header", Header: "PRIVATE-TOKEN"},
		{Name: "registry", URL: "https://registry.example.com:5000/v2/", Send: "bearer"},
	}
	if !reflect.DeepEqual(c.Upstreams, want) {
		t.Errorf("%+v", c.Upstreams)
	}
	if c.Routes[0].Identity.UpstreamCredential != "packages" {
		t.Errorf("%+v", c.Routes[0])
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("%q", w)
	}
	c.Upstreams[2].URL = "http://registry.example.com:5000/v2/"
	if w := c.Warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "upstreams registry: http://registry.example.com:5000/v2/ is not https") {
		t.Errorf("%q", w)
	}
}

// Upstreams change with a reload, without a restart.
func TestUpstreamsAreReloaded(t *testing.T) {
	fresh, faults := load(t, goodUpstreams)
	if faults != nil {
		t.Fatal(faults)
	}
	merged, keys, err := configs.Reload(configs.Default(), fresh)
	if err != nil || len(keys) > 0 || !reflect.DeepEqual(merged.Upstreams, fresh.Upstreams) {
		t.Errorf("%v %q", err, keys)
	}
}

func TestUpstreamFaults(t *testing.T) {
	named := func(entry string) string { return "upstreams:\n- {" + entry + "}\n" }
	route := func(upstream, identity string) string {
		return named(`name: up, url: "https://up.example.com/x"`) + "routes:\n- {name: a, path: /a/, upstream: '" + upstream + "', identity: {upstream_credential: up, " + identity + "}}\n"
	}
	for text, want := range map[string]string{
		named(`url: "https://a.example"`):                                                        "f:2: upstreams[0].name: takes 1 to 63",
		named(`name: Up, url: "https://a.example"`):                                              "f:2: upstreams[0].name: takes 1 to 63",
		named(`name: up, url: "https://a.example"}` + "\n- {name: up, url: 'https://b.example'"): "f:3: upstreams[1].name: is the name of another",
		named(`name: up`):                                                                                            "f:2: upstreams[0].url: is missing",
		named(`name: up, url: "ftp://a.example"`):                                                                    "f:2: upstreams[0].url: takes http:// or https://",
		named(`name: up, url: "h2c://a.example"`):                                                                    "f:2: upstreams[0].url: takes http:// or https://",
		named(`name: up, url: "unix:/run/x.sock"`):                                                                   "f:2: upstreams[0].url: takes http:// or https://",
		named(`name: up, url: "https://bot:hunter2@a.example"`):                                                      "f:2: upstreams[0].url: must not have a user or a password",
		named(`name: up, url: "https://a.example/?token=hunter2"`):                                                   "f:2: upstreams[0].url: must not have a query",
		named(`name: up, url: "https://a.example/#x"`):                                                               "f:2: upstreams[0].url: must not have a query",
		named(`name: up, url: "https://a_b.example/"`):                                                               "f:2: upstreams[0].url: has a host that is not",
		named(`name: up, url: "https://a.example:0/"`):                                                               "f:2: upstreams[0].url: takes a port",
		named(`name: up, url: "http://127.0.0.1:8080/"`):                                                             "f:2: upstreams[0].url: is the daemon's own address, http.listen",
		named(`name: up, url: "http://localhost:8081/"`):                                                             "f:2: upstreams[0].url: is the daemon's own address, ops.listen",
		named(`name: up, url: "https://a.example", send: digest`):                                                    "f:2: upstreams[0].send: takes one of basic, bearer, header",
		named(`name: up, url: "https://a.example", header: X-Token`):                                                 "f:2: upstreams[0].header: is only for send: header",
		named(`name: up, url: "https://a.example", send: header`):                                                    "f:2: upstreams[0].header: is missing",
		named(`name: up, url: "https://a.example", send: header, header: "X Token"`):                                 "f:2: upstreams[0].header: takes the name of a header",
		named(`name: up, url: "https://a.example", send: header, header: X_Token`):                                   "f:2: upstreams[0].header: takes the name of a header",
		named(`name: up, url: "https://a.example", send: header, header: Content-Length`):                            "f:2: upstreams[0].header: is a header that has a meaning",
		named(`name: up, url: "https://a.example", send: header, header: x-forwarded-user`):                          "f:2: upstreams[0].header: is a header that has a meaning",
		named(`name: up, url: "https://a.example", sign_up: "javascript:alert(1)"`):                                  "f:2: upstreams[0].sign_up: takes an http:// or https://",
		named(`name: up, url: "https://a.example", sign_up: "https://me:x@a.example"`):                               "f:2: upstreams[0].sign_up: takes an http:// or https://",
		named(`name: up, url: "https://a.example", sign_up: "//a.example"`):                                          "f:2: upstreams[0].sign_up: takes an http:// or https://",
		"routes:\n- {name: a, path: /a/, upstream: 'https://up.example.com', identity: {upstream_credential: up}}\n": "f:2: routes[0].identity.upstream_credential: names none of upstreams",
		route("http://up.example.com", ""):                                                                           "f:4: routes[0].identity.upstream_credential: would send secrets elsewhere: they go to https://up.example.com:443 alone",
		route("https://up.example.com:8443", ""):                                                                     "f:4: routes[0].identity.upstream_credential: would send secrets elsewhere",
		route("https://up.example.com.evil.example", ""):                                                             "f:4: routes[0].identity.upstream_credential: would send secrets elsewhere",
		route("h2c://up.example.com:443", ""):                                                                        "f:4: routes[0].identity.upstream_credential: would send secrets elsewhere",
		route("unix:/run/up.sock", ""):                                                                               "f:4: routes[0].identity.upstream_credential: would send secrets elsewhere",
		route("lfs:./objects", ""):                                                                                   "f:4: routes[0].identity.upstream_credential: cannot be with the built-in LFS store",
		route("https://UP.example.com/other/", "basic: true"):                                                        "f:4: routes[0].identity.upstream_credential: and identity.basic both fill",
		named(`name: up, url: "https://up.example.com", send: header, header: authorization`) + "routes:\n- {name: a, path: /a/, upstream: 'https://up.example.com', identity: {basic: true, upstream_credential: up}}\n": "f:4: routes[0].identity.upstream_credential: and identity.basic both fill",
	} {
		_, faults := load(t, text)
		if len(faults) != 1 || !strings.HasPrefix(faults[0], want) || strings.Contains(faults[0], "hunter2") {
			t.Errorf("%s%q, want %q", text, faults, want)
		}
	}
	var many strings.Builder
	for i := range 51 {
		fmt.Fprintf(&many, "- {name: u%d, url: 'https://u%d.example'}\n", i, i)
	}
	if _, faults := load(t, "upstreams:\n"+many.String()); len(faults) != 1 || !strings.HasPrefix(faults[0], "f:1: upstreams: has 51 entries; at most 50") {
		t.Errorf("%q", faults)
	}
	// All faults at once.
	_, faults := load(t, "upstreams:\n- {name: A, url: x, send: y}\n- {name: b}\n")
	if len(faults) != 4 {
		t.Errorf("%d faults, want 4: %q", len(faults), faults)
	}
}
