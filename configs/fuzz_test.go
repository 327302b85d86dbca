package configs_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/configs"
)

// FuzzLoad: whatever the file and a variable hold, Load answers with a
// configuration that stands its own judgement, or with faults of one line each.
func FuzzLoad(f *testing.F) {
	f.Add(configs.Example(), "LATCHKEY_HTTP_LISTEN=:80")
	f.Add([]byte(contract), "LATCHKEY_STORE=redis://:pw@h/0")
	f.Add([]byte("a: &a [*a]\n"), "LATCHKEY_SSH_HOST_KEY_FILES=a,b,,")
	f.Add([]byte("{http: {<<: {}}, ? [a]: b}"), "LATCHKEY_X=")
	f.Add([]byte("routes: [{name: a, path: /a/, upstream: 'unix:x:/y'}, {}, 1, null]"), "LATCHKEY_ROUTES=")
	f.Add([]byte("!!binary a\n---\n"), "LATCHKEY_\x1b=")
	f.Add([]byte("jobs: [{name: a, issuer: 'https://x', audience: b, mappings: [{name: c, claims: {d: 1, e: '**'}, groups: [f], life: 0}]}]"), "LATCHKEY_JOBS=")
	f.Add([]byte("providers: [{name: a, type: github, client_id: b, allowed_orgs: [c/d, '*'], base_url: 'https://GitHub.com/'}, {name: a, type: google, claims: }]"), "LATCHKEY_PROVIDERS=")
	f.Add([]byte("providers: [{name: a, type: oidc, client_id: b, issuer: 'https://[::1%25e]', groups: [{claim: '**'}], token_audience: [b, ''], refresh: 1s}]\nroutes: [{name: r, path: /, upstream: 'http://x', external_tokens: [a, a, b]}]"), "")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, variable string) {
		name := filepath.Join(dir, "f.yaml")
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := configs.Load(configs.LoadOptions{File: name, Env: []string{variable}})
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Errorf("Load accepts what Validate refuses: %v", err)
			}
			c.Warnings()
			if _, keys, err := configs.Reload(c, c); err != nil || keys != nil {
				t.Errorf("a configuration differs from itself: %v %q", err, keys)
			}
			return
		}
		faults, ok := errors.AsType[configs.Faults](err)
		if !ok || len(faults) == 0 || c != nil {
			t.Fatalf("%T with %v", err, c)
		}
		for _, fault := range faults {
			if strings.ContainsAny(fault.String(), "\n\r\x1b") || fault.Text == "" {
				t.Errorf("a fault is not one clean line: %q", fault)
			}
		}
	})
}

// FuzzParseUpstream: what is accepted has exactly the fields of its kind.
func FuzzParseUpstream(f *testing.F) {
	for _, s := range []string{"lfs:./data/lfs", "http://127.0.0.1:3000", "https://u:p@h/a?b#c", "h2c://[::1]:80/x", "unix:/run/a.sock:/p", "unix:a:b:c", "lfs:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := configs.ParseUpstream(s)
		if err != nil {
			if !reflect.DeepEqual(u, configs.Upstream{}) {
				t.Errorf("%q: %+v with an error", s, u)
			}
			return
		}
		lfs, web, unix := u.Dir != "", u.URL != nil, u.Socket != ""
		if lfs != (u.Kind == configs.UpstreamLFS) || web != (u.Kind == configs.UpstreamHTTP) || unix != (u.Kind == configs.UpstreamUnix) {
			t.Errorf("%q: %+v", s, u)
		}
		if web && (u.URL.User != nil || u.URL.Host == "" || u.URL.RawQuery != "") {
			t.Errorf("%q: %+v", s, u.URL)
		}
		if u.Prefix != "" && (!strings.HasPrefix(u.Prefix, "/") || strings.HasSuffix(u.Prefix, "/")) {
			t.Errorf("%q: prefix %q", s, u.Prefix)
		}
	})
}

// FuzzParsePrefixes: no accepted network covers everybody.
func FuzzParsePrefixes(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8", "::ffff:0:0/96", "0.0.0.0/0", "fe80::1%e", "::/1", "192.0.2.7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := configs.ParsePrefixes([]string{s})
		if err != nil {
			return
		}
		p := list[0]
		if !p.IsValid() || p.Masked() != p || p.Bits() < 7 || p.Addr().Zone() != "" || p.Addr().Is4In6() {
			t.Errorf("%q is %v", s, p)
		}
	})
}
