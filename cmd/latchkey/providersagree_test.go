package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/internal/seal"
)

// values are what people may write, right and wrong, for the keys of a type.
var values = map[string][][2]string{
	"oidc": {
		{"issuer", "https://id.example.com|https://id.example.com/|https://ID.example.com/realms/a|http://127.0.0.1:9000|http://[::1]:9000/x|http://id.example.com|https://git.example.com"},
		{"client_secret_file", "secret"}, {"scopes", "[openid]|[openid, email]|[email]"},
		{"allowed_domains", "[example.com]|[a.example.com, xn--bcher-kva.example]|['*']"},
		{"claims", "{login: nick}|{groups: 'https://example.com/roles', email_verified: ok}|{subject: id}"},
		{"groups", "[{claim: 'eng-*'}]|[{claim: 'acme/**', group: acme}]|[{claim: 'acme/**'}]|[{claim: '**', group: 'a b'}]|[{claim: a, group: ..}]"},
		{"token_audience", "[https://latchkey.example.com]|[latchkey]"}, {"unlock", "again|open"},
	},
	"google": {
		{"issuer", "https://accounts.google.com|https://id.example.com"}, {"client_secret_file", "secret"}, {"scopes", "[openid]"},
		{"allowed_domains", "[example.com]"}, {"token_audience", "[a, b]"}, {"unlock", "again|open"},
	},
	"github": {
		{"issuer", "https://git.example.com|https://id.example.com"}, {"client_secret_file", "secret"}, {"scopes", "['read:user']|['read:org']"},
		{"base_url", "https://github.com|https://git.example.com/|https://git.example.com:8443|https://acme.ghe.com|http://127.0.0.1:3000|https://gist.github.com|https://git.example.com/x"},
		{"allowed_orgs", "[acme]|[Acme/Platform, acme]|[a/b.c_d, d-e]|[a/..]|[-a]"}, {"allow_any", "true"},
		{"groups", "[{claim: acme}]|[{claim: '*/platform', group: platform}]"},
	},
	"oauth2": {
		{"issuer", "https://id.example.com|https://a.example"}, {"client_secret_file", "secret"}, {"scopes", "[a]"},
		{"authorize_url", "https://a.example/authorize|https://a.example/?x=1|http://a.example/"}, {"token_url", "https://a.example/token|http://localhost:9/"},
		{"userinfo_url", "https://a.example/me|https://a.example/you"}, {"claims", "{subject: id}|{subject: user_id, groups: roles}|{login: a}"},
		{"groups", "[{claim: a}]"}, {"unlock", "open|password"},
	},
}

// What check finds nothing wrong with, the daemon takes: no provider that was
// approved keeps it from starting.
func TestCheckedProvidersAreTaken(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("secret", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewRing()
	if err != nil {
		t.Fatal(err)
	}
	spend := func(context.Context, string, time.Time) error { return nil }
	random := rand.New(rand.NewPCG(1, 2))
	taken := map[string]int{}
	types := slices.Sorted(maps.Keys(values))
	for range 2000 {
		var text strings.Builder
		text.WriteString("providers:\n")
		for i := range 1 + random.IntN(2) {
			kind := types[random.IntN(len(types))]
			fmt.Fprintf(&text, "- name: p%d\n  type: %s\n  client_id: latchkey\n", i, kind)
			for _, key := range values[kind] {
				if random.IntN(3) > 0 {
					all := strings.Split(key[1], "|")
					fmt.Fprintf(&text, "  %s: %s\n", key[0], all[random.IntN(len(all))])
				}
			}
		}
		if err := os.WriteFile("latchkey.yaml", []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := configs.Load(configs.LoadOptions{File: "latchkey.yaml"})
		if err != nil {
			continue
		}
		if _, err := newLogins(c, ring, spend, nil); err != nil {
			t.Errorf("%s%v", text.String(), err)
		}
		for _, p := range c.Providers {
			taken[p.Type]++
		}
	}
	for _, kind := range types {
		if taken[kind] < 5 {
			t.Errorf("hardly anything of type %s was tried: %v", kind, taken)
		}
	}
}
