package oauth_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/oauth"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	j := c.jobs(t, func(config *oauth.JobsConfig) {
		config.Providers = append(config.Providers,
			oauth.JobProvider{Name: "elsewhere", Issuer: "https://ci.example.com", Audience: audience, Mappings: []oauth.JobMapping{{Name: "m", User: "u", Claims: map[string]string{"a": "b"}}}},
			oauth.JobProvider{Name: "again", Issuer: c.URL, Audience: "https://second.example", Mappings: []oauth.JobMapping{{Name: "m", User: "u", Claims: map[string]string{"missing": "x", "groups": "admins", "run_id": "8"}}}})
	})
	token := sign(t, k, c.claims(nil), nil)
	elsewhere := auth.JobFinding{Provider: "elsewhere", Why: []string{`the issuer is "` + c.URL + `" and not "https://ci.example.com"`}}
	second := []string{
		`the audience is ["` + audience + `"] and not "https://second.example"`,
		`claim groups is ["dev", "ops"] and not "admins"`,
		`claim missing is absent, not "x"`,
		`claim run_id is "7" and not "8"`,
	}
	explain := func(token auth.Secret, want []auth.JobFinding) {
		t.Helper()
		got, err := j.Explain(t.Context(), token)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\n%+v\n%+v", err, got, want)
		}
		for _, f := range got {
			for _, why := range f.Why {
				if strings.Contains(why, token.Reveal()[:20]) {
					t.Errorf("the token is in %q", why)
				}
			}
		}
	}
	explain(token, []auth.JobFinding{
		{Provider: "ci", Mapping: "release", Hit: true, User: "release-bot"},
		{Provider: "ci", Mapping: "build", Why: []string{"mapping release matches as well and comes first"}},
		elsewhere,
		{Provider: "again", Mapping: "m", Why: second},
	})
	c.clock.move(10 * time.Minute)
	ended := "the token ended at 2026-03-01T12:05:00Z"
	explain(token, []auth.JobFinding{
		{Provider: "ci", Mapping: "release", Why: []string{ended}},
		{Provider: "ci", Mapping: "build", Why: []string{ended}},
		elsewhere,
		{Provider: "again", Mapping: "m", Why: append([]string{second[0], ended}, second[1:]...)},
	})
	forged := sign(t, newKey(t, "one", jose.ES256), c.claims(map[string]any{"ref": "refs/heads/main"}), nil)
	const notTheirs = "the signature is not the issuer's"
	explain(forged, []auth.JobFinding{
		{Provider: "ci", Mapping: "release", Why: []string{notTheirs, `claim ref is "refs/heads/main" and not "refs/heads/release/*"`}},
		{Provider: "ci", Mapping: "build", Why: []string{notTheirs}},
		elsewhere,
		{Provider: "again", Mapping: "m", Why: append([]string{second[0], notTheirs}, second[1:]...)},
	})
	unknown := k
	unknown.KeyID = "two"
	got, err := j.Explain(t.Context(), sign(t, unknown, c.claims(nil), nil))
	if err != nil || !strings.HasPrefix(got[0].Why[0], `the issuer has no key "two" for ES256`) {
		t.Errorf("%v %+v", err, got)
	}
	for _, raw := range []string{"", "x", "a.b.c", strings.Repeat("a", 20000)} {
		if _, err := j.Explain(t.Context(), auth.NewSecret(raw)); auth.CodeOf(err) != auth.Invalid {
			t.Errorf("%.10q: %v", raw, err)
		}
	}
}

// A stranger's claims do not act on the terminal that shows them.
func TestExplainIsPrintable(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	j := c.jobs(t, nil)
	got, err := j.Explain(t.Context(), sign(t, k, c.claims(map[string]any{
		"repository": "\x1b[2Jacme\r\n\u202egpj.exe", "ref": strings.Repeat("r", 9000), "aud": "\x07",
	}), nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got {
		text := strings.Join(f.Why, " ")
		if strings.ContainsAny(text, "\x1b\r\n\x07\u202e") || len(text) > 2000 {
			t.Errorf("%q", text)
		}
	}
}

// The tokens of three systems, as their manuals show them.
func TestKnownSystems(t *testing.T) {
	t.Parallel()
	for name, hits := range map[string][]map[string]string{
		"github": {
			{"repository": "acme/app", "ref": "refs/heads/release/*"},
			{"repository_owner": "acme", "environment": "production"},
			{"sub": "repo:acme/*:environment:production"},
			{"workflow_ref": "acme/app/.github/workflows/release.yml@**"},
		},
		"gitlab": {
			{"project_path": "acme/platform/app", "ref_path": "refs/heads/release/*", "ref_protected": "true"},
			{"namespace_path": "acme/**", "runner_id": "1"},
			{"groups_direct": "acme/all"},
			{"sub": "project_path:acme/platform/*:ref_type:branch:ref:**"},
		},
		"gitea": {
			{"repository": "acme/app", "ref": "refs/tags/v*", "ref_type": "tag"},
			{"sub": "repo:acme/app:ref:refs/tags/**"},
		},
	} {
		text, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := json.Unmarshal(text, &claims); err != nil {
			t.Fatal(err)
		}
		k := newKey(t, "one", jose.RS256)
		c := newCI(t, k)
		token := sign(t, k, c.claims(claims), nil)
		for _, pattern := range hits {
			j := c.jobs(t, func(config *oauth.JobsConfig) {
				config.Providers[0].Mappings = []oauth.JobMapping{{Name: "m", User: "u", Claims: pattern}}
			})
			if _, err := j.Judge(t.Context(), "ci", "", token); err != nil {
				t.Errorf("%s: %v: %v", name, pattern, err)
			}
		}
	}
}

func TestNewJobsFaults(t *testing.T) {
	t.Parallel()
	good := func() oauth.JobsConfig {
		return oauth.JobsConfig{Providers: []oauth.JobProvider{{Name: "ci", Issuer: "https://ci.example.com/x", Audience: "a", Mappings: []oauth.JobMapping{
			{Name: "m", User: "u", Claims: map[string]string{"repository": "a/b"}},
		}}}}
	}
	if _, err := oauth.NewJobs(good()); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(p *oauth.JobProvider, m *oauth.JobMapping){
		"needs a name, an issuer": func(p *oauth.JobProvider, _ *oauth.JobMapping) { p.Audience = "" },
		"a provider needs a name": func(p *oauth.JobProvider, _ *oauth.JobMapping) { p.Name = "" },
		"not a URL":               func(p *oauth.JobProvider, _ *oauth.JobMapping) { p.Issuer = "" },
		"not https":               func(p *oauth.JobProvider, _ *oauth.JobMapping) { p.Issuer = "http://ci.example.com" },
		"is not https":            func(p *oauth.JobProvider, _ *oauth.JobMapping) { p.Issuer = "http://127.0.0.1.example.com" },
		"a user in it":            func(p *oauth.JobProvider, _ *oauth.JobMapping) { p.Issuer = "https://u@ci.example.com" },
		"a query or":              func(p *oauth.JobProvider, _ *oauth.JobMapping) { p.Issuer = "https://ci.example.com/?x" },
		"or a fragment":           func(p *oauth.JobProvider, _ *oauth.JobMapping) { p.Issuer = "https://ci.example.com/#" },
		"0 mappings":              func(p *oauth.JobProvider, _ *oauth.JobMapping) { p.Mappings = nil },
		"101 mappings":            func(p *oauth.JobProvider, _ *oauth.JobMapping) { p.Mappings = make([]oauth.JobMapping, 101) },
		"two mappings are called": func(p *oauth.JobProvider, m *oauth.JobMapping) { p.Mappings = append(p.Mappings, *m) },
		"a mapping needs a name":  func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.Name = "" },
		"a user or groups":        func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.User = "" },
		"not both":                func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.Groups = []string{"g"} },
		"at most 500": func(_ *oauth.JobProvider, m *oauth.JobMapping) {
			m.User = ""
			for i := range 60 {
				m.Groups = append(m.Groups, fmt.Sprintf("a-long-group-%02d", i))
			}
		},
		"0 claims":                     func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.Claims = nil },
		"1 to 256 bytes":               func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.Claims["b"] = strings.Repeat("a", 257) },
		"has 1 to 256":                 func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.Claims["b"] = "" },
		"match everybody":              func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.Claims = map[string]string{"a": "**", "b": "*/*"} },
		"a life of 59s":                func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.Life = 59 * time.Second },
		"a life of 24h0m1s":            func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.Life = 24*time.Hour + time.Second },
		`scope: "root" is not a scope`: func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.Scope = "root" },
		`"q" is not an action`:         func(_ *oauth.JobProvider, m *oauth.JobMapping) { m.Scope = "artifact:a:r,q" },
	} {
		c := good()
		change(&c.Providers[0], &c.Providers[0].Mappings[0])
		if _, err := oauth.NewJobs(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	twice := good()
	twice.Providers = append(twice.Providers, twice.Providers[0])
	if _, err := oauth.NewJobs(twice); err == nil || !strings.Contains(err.Error(), `two providers are called "ci"`) {
		t.Error(err)
	}
	many := oauth.JobsConfig{Providers: make([]oauth.JobProvider, 51)}
	if _, err := oauth.NewJobs(many); err == nil {
		t.Error("51 providers")
	}
}
