package oauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/oauth"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA} {
		k := newKey(t, "one", alg)
		c := newCI(t, newKey(t, "other", jose.ES256), k)
		j := c.jobs(t, nil)
		for _, provider := range []string{"ci", ""} {
			job, err := j.Judge(t.Context(), provider, "", sign(t, k, c.claims(nil), nil))
			want := auth.Job{
				Provider: "ci", Mapping: "release", Subject: "repo:acme/app:ref:refs/heads/release/7",
				User: "release-bot", Scope: "artifact:npm/**:r,w", Life: 15 * time.Minute,
			}
			if err != nil || !reflect.DeepEqual(job, want) {
				t.Errorf("%s: %+v, %v", alg, job, err)
			}
		}
		job, err := j.Judge(t.Context(), "ci", "build", sign(t, k, c.claims(nil), nil))
		if err != nil || job.Mapping != "build" || job.User != "" || job.Scope != "" || job.Life != time.Hour || len(job.Groups) != 2 {
			t.Errorf("%s: %+v, %v", alg, job, err)
		}
		if n := c.fetches.Load(); n != 1 {
			t.Errorf("%s: %d fetches", alg, n)
		}
	}
}

// Forms of claims that are as good as the usual ones.
func TestAccepted(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	j := c.jobs(t, nil)
	now := c.clock.Now().Unix()
	for name, change := range map[string]map[string]any{
		"audience in a list":     {"aud": []string{"https://other.example", audience}},
		"no nbf":                 {"nbf": nil},
		"ended 59 s ago":         {"exp": now - 59},
		"issued in 60 s":         {"iat": now + 60, "nbf": now + 60},
		"issued 24 h ago":        {"iat": now - 86400},
		"ends far in the future": {"exp": int64(253402300799)},
		"fraction of a second":   {"exp": float64(now) + 100.5},
		"claims of other kinds":  {"extra": map[string]any{"a": []any{1, nil, "x"}}, "none": false},
	} {
		if _, err := j.Judge(t.Context(), "ci", "", sign(t, k, c.claims(change), nil)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	unnamed := k
	unnamed.KeyID = ""
	if _, err := j.Judge(t.Context(), "ci", "", sign(t, unnamed, c.claims(nil), nil)); err != nil {
		t.Errorf("no kid and one key: %v", err)
	}
	for _, typ := range []string{"JWT", "jwt", "application/jwt"} {
		if _, err := j.Judge(t.Context(), "ci", "", sign(t, k, c.claims(nil), map[jose.HeaderKey]any{"typ": typ})); err != nil {
			t.Errorf("typ %s: %v", typ, err)
		}
	}
}

// Every refusal looks the same outside; the cause says which it was.
func TestRefused(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k, newKey(t, "rsa", jose.RS256))
	j := c.jobs(t, nil)
	now := c.clock.Now().Unix()
	for _, tc := range []struct {
		name   string
		change map[string]any
		want   string
	}{
		{"other issuer", map[string]any{"iss": "https://evil.example"}, "the issuer is"},
		{"issuer with a slash", map[string]any{"iss": c.URL + "/"}, "the issuer is"},
		{"no issuer", map[string]any{"iss": nil}, "no iss"},
		{"issuer in a list", map[string]any{"iss": []string{c.URL}}, "no iss"},
		{"no audience", map[string]any{"aud": nil}, "no aud"},
		{"empty audience", map[string]any{"aud": ""}, "no aud"},
		{"empty list of audiences", map[string]any{"aud": []string{}}, "no aud"},
		{"other audience", map[string]any{"aud": "https://github.com/acme"}, `the audience is ["https://github.com/acme"] and not`},
		{"audience with a slash", map[string]any{"aud": audience + "/"}, "the audience is"},
		{"audience in capitals", map[string]any{"aud": strings.ToUpper(audience)}, "the audience is"},
		{"audience in an object", map[string]any{"aud": map[string]any{audience: true}}, "no aud"},
		{"audience in a list in a list", map[string]any{"aud": [][]string{{audience}}}, "no aud"},
		{"audience beside a number", map[string]any{"aud": []any{audience, 7}}, "no aud"},
		{"audiences in one text", map[string]any{"aud": "https://other.example " + audience}, "the audience is"},
		{"no sub", map[string]any{"sub": nil}, "no sub"},
		{"sub of 1025 bytes", map[string]any{"sub": strings.Repeat("s", 1025)}, "no sub"},
		{"no exp", map[string]any{"exp": nil}, "no exp"},
		{"exp in text", map[string]any{"exp": fmt.Sprint(now + 300)}, "no exp that is a number"},
		{"exp 0", map[string]any{"exp": 0}, "ended at"},
		{"negative exp", map[string]any{"exp": -1}, "exp that is not a number of seconds"},
		{"exp true", map[string]any{"exp": true}, "no exp"},
		{"exp 60 s ago", map[string]any{"exp": now - 60}, "ended at"},
		{"exp 5 min ago", map[string]any{"exp": now - 300}, "ended at"},
		{"no iat", map[string]any{"iat": nil}, "no iat"},
		{"iat in 61 s", map[string]any{"iat": now + 61}, "issued in the future"},
		{"nbf in 61 s", map[string]any{"nbf": now + 61}, "does not count before"},
		{"nbf in text", map[string]any{"nbf": "0"}, "no nbf that is a number"},
		{"older than a day", map[string]any{"iat": now - 86401}, "older than 24 hours"},
		{"other repository", map[string]any{"repository": "acme-evil/app"}, "no mapping matches"},
		{"repository below", map[string]any{"repository": "acme/app/x"}, "no mapping matches"},
		{"repository in capitals", map[string]any{"repository": "Acme/app"}, "no mapping matches"},
		{"repository with a line break", map[string]any{"repository": "acme/app\n"}, ""},
		{"repository in an object", map[string]any{"repository": map[string]any{"acme/app": 1}}, "no mapping matches"},
		{"no repository", map[string]any{"repository": nil}, "no mapping matches"},
	} {
		job, err := j.Judge(t.Context(), "ci", "", sign(t, k, c.claims(tc.change), nil))
		if tc.want == "" { // hits build, by its own pattern
			if err != nil || job.Mapping != "build" {
				t.Errorf("%s: %+v %v", tc.name, job, err)
			}
			continue
		}
		if auth.CodeOf(err) != auth.Unauthenticated || !strings.Contains(cause(err), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	good := sign(t, k, c.claims(nil), nil)
	for _, tc := range []struct{ provider, mapping, want string }{
		{"other", "", "there is no provider"},
		{"CI", "", "there is no provider"},
		{"ci", "other", "there is no mapping"},
		{"ci", "Release", "there is no mapping"},
	} {
		if _, err := j.Judge(t.Context(), tc.provider, tc.mapping, good); auth.CodeOf(err) != auth.Unauthenticated || !strings.Contains(cause(err), tc.want) {
			t.Errorf("%s %s: %v", tc.provider, tc.mapping, err)
		}
	}
	main := sign(t, k, c.claims(map[string]any{"ref": "refs/heads/main"}), nil)
	if _, err := j.Judge(t.Context(), "ci", "release", main); auth.CodeOf(err) != auth.Unauthenticated {
		t.Errorf("a mapping that does not match: %v", err)
	}
	if n := c.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// Names twice, in any depth; text after the end; damaged text.
func TestRefusedPayload(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	j := c.jobs(t, nil)
	now := c.clock.Now().Unix()
	payload := func(more string) []byte {
		return fmt.Appendf(nil, `{"iss":%q,"sub":"s","aud":%q,"iat":%d,"exp":%d,"repository":"acme/app"%s}`, c.URL, audience, now, now+300, more)
	}
	if _, err := j.Judge(t.Context(), "ci", "build", sign(t, k, payload(""), nil)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"a name twice":            payload(`,"repository":"acme/app"`),
		"aud twice":               payload(`,"aud":"x"`),
		"a name twice in escapes": payload(`,"\u0061ud":"x"`),
		"a name twice below":      payload(`,"x":[{"a":1,"a":2}]`),
		"text after it":           append(payload(""), []byte(" {}")...),
		"not UTF-8":               payload(",\"x\":\"\xff\""),
		"exp 1e99":                []byte(strings.Replace(string(payload("")), fmt.Sprint(now+300), "1e99", 1)),
		"exp 1E9":                 []byte(strings.Replace(string(payload("")), fmt.Sprint(now+300), "1E9", 1)),
		"exp of 400 digits":       []byte(strings.Replace(string(payload("")), fmt.Sprint(now+300), strings.Repeat("9", 400), 1)),
		"a list":                  []byte(`[]`),
		"null":                    []byte(`null`),
		"nothing":                 {},
		"deep":                    payload(`,"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)),
		"in another case":         []byte(strings.Replace(string(payload("")), `"repository"`, `"Repository"`, 1)),
		"aud in another case":     []byte(strings.Replace(string(payload("")), `"aud"`, `"Aud"`, 1)),
	} {
		if _, err := j.Judge(t.Context(), "ci", "build", sign(t, k, text, nil)); auth.CodeOf(err) != auth.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without a name the issuer says which provider it is, when it can.
func TestProviderByIssuer(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	j := c.jobs(t, func(config *oauth.JobsConfig) {
		second := config.Providers[0]
		second.Name = "again"
		second.Audience = "https://second.example"
		config.Providers = append(config.Providers, second)
	})
	token := sign(t, k, c.claims(nil), nil)
	if _, err := j.Judge(t.Context(), "", "", token); auth.CodeOf(err) != auth.Unauthenticated || !strings.Contains(cause(err), "several providers") {
		t.Error(err)
	}
	if job, err := j.Judge(t.Context(), "ci", "", token); err != nil || job.Provider != "ci" {
		t.Error(job, err)
	}
	second := sign(t, k, c.claims(map[string]any{"aud": "https://second.example"}), nil)
	if job, err := j.Judge(t.Context(), "again", "", second); err != nil || job.Provider != "again" {
		t.Error(job, err)
	}
	if n := c.fetches.Load(); n != 1 {
		t.Errorf("one issuer was asked %d times", n)
	}
	if _, err := j.Judge(t.Context(), "", "", sign(t, k, c.claims(map[string]any{"iss": "https://x.example"}), nil)); !strings.Contains(cause(err), "no provider has the issuer") {
		t.Error(err)
	}
}

// Numbers, truth values and lists are compared as text.
func TestClaimKinds(t *testing.T) {
	t.Parallel()
	k := newKey(t, "one", jose.ES256)
	c := newCI(t, k)
	for _, tc := range []struct {
		name, want string
		value      any
		hit        bool
	}{
		{"number", "7", 7, true},
		{"number as text", "7", "7", true},
		{"other number", "7", 77, false},
		{"number and pattern", "7*", 77, true},
		{"float", "7", 7.5, false},
		{"bool", "true", true, true},
		{"bool false", "true", false, false},
		{"list", "ops", []string{"dev", "ops"}, true},
		{"list without", "op", []string{"dev", "ops"}, false},
		{"empty list", "x*", []string{}, false},
		{"list of numbers", "8", []int{7, 8}, true},
		{"list of lists", "ops", [][]string{{"ops"}}, false},
		{"object", "x**", map[string]any{"x": "x"}, false},
		{"null", "null", null{}, false},
		{"empty text", "x*", "", false},
	} {
		j := c.jobs(t, func(config *oauth.JobsConfig) {
			config.Providers[0].Mappings = []oauth.JobMapping{{Name: "m", User: "u", Claims: map[string]string{"v": tc.want}}}
		})
		_, err := j.Judge(t.Context(), "ci", "", sign(t, k, c.claims(map[string]any{"v": tc.value}), nil))
		if (err == nil) != tc.hit {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// null is the null of JSON, which claims does not take out.
type null struct{}

func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// Keys and addresses in a token's header lead nowhere.
func TestHeadersAreNotFollowed(t *testing.T) {
	t.Parallel()
	good, evil := newKey(t, "one", jose.ES256), newKey(t, "one", jose.ES256)
	c := newCI(t, good)
	j := c.jobs(t, nil)
	var asked atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(trap.Close)
	public, err := evil.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]map[jose.HeaderKey]any{
		"jku": {"jku": trap.URL + "/jwks"},
		"x5u": {"x5u": trap.URL + "/cert"},
		"jwk": {"jwk": jsonText(public)},
		"iss": {"iss": trap.URL},
	} {
		if _, err := j.Judge(t.Context(), "ci", "", sign(t, evil, c.claims(nil), header)); auth.CodeOf(err) != auth.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked.Load() != 0 {
		t.Error("a header was followed")
	}
}

type jsonText []byte

func (j jsonText) MarshalJSON() ([]byte, error) { return j, nil }
