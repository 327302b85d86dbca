package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.yaml.in/yaml/v4"
)

// ciSystem signs tokens for its jobs.
type ciSystem struct {
	*httptest.Server
	key  jose.JSONWebKey
	down atomic.Bool
}

const jobAudience = "https://latchkey.example.com"

func newCISystem(t *testing.T) *ciSystem {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &ciSystem{key: jose.JSONWebKey{Key: private, KeyID: "one", Algorithm: string(jose.ES256), Use: "sig"}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case c.down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/.well-known/openid-configuration":
			json.NewEncoder(w).Encode(map[string]string{"issuer": c.URL, "jwks_uri": c.URL + "/keys"})
		case r.URL.Path == "/keys":
			json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{c.key.Public()}})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// token is a token as GitHub gives it to a job of this repository and ref.
func (c *ciSystem) token(t *testing.T, repository, ref string, more map[string]any) string {
	t.Helper()
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": c.URL, "aud": jobAudience, "iat": now, "nbf": now - 300, "exp": now + 600, "jti": "x",
		"sub": "repo:" + repository + ":ref:" + ref, "repository": repository, "ref": ref, "run_id": "8001",
	}
	maps.Copy(claims, more)
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: c.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// jobs is a configuration that lets jobs of acme in.
func (c *ciSystem) jobs(more string) string {
	return fmt.Sprintf(`jobs:
  - name: github
    issuer: %s
    audience: %s
    mappings:
      - name: release
        claims: {repository: acme/app, ref: "refs/heads/release/*"}
        user: release-bot
        scope: artifact:npm/**:r,w
        life: 15m
      - name: build
        claims: {repository: acme/*}
        groups: [ci]
%s`, c.URL, jobAudience, more)
}

// exchange asks as curl does in a job.
func (d *daemonProcess) exchange(token string) answer {
	d.t.Helper()
	form := url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"},
		"subject_token":      {token},
		"provider_name":      {"github"},
	}
	return d.request("POST", "/access/api/v1/oidc/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// accessToken is the token that a job was given.
func (a answer) accessToken(t *testing.T) string {
	t.Helper()
	var body struct {
		Token string `json:"access_token"`
		Life  int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || a.status != http.StatusOK || body.Token == "" || body.Life < 60 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return body.Token
}

// The whole way of a job: its own token, one of ours, what that opens, and how
// it ends.
func TestJobs(t *testing.T) {
	t.Parallel()
	ci := newCISystem(t)
	d := newDaemon(t)
	d.configure(ci.jobs(""))
	d.start()
	d.do("group", "create", "ci")
	d.do("user", "create", "release-bot", "--service")

	release, build := ci.token(t, "acme/app", "refs/heads/release/7", nil), ci.token(t, "acme/lib", "refs/heads/main", nil)
	ours := d.exchange(release).accessToken(t)
	if a := d.request("GET", "/-/api/v1/whoami", "", "Authorization", "Bearer "+ours); !strings.Contains(a.body, `"user":"release-bot"`) || !strings.Contains(a.body, "artifact:npm/**:r,w") {
		t.Errorf("%d %s", a.status, a.body)
	}
	account := d.exchange(build).accessToken(t)
	if a := d.request("GET", "/-/api/v1/whoami", "", "Authorization", "Bearer "+account); !strings.Contains(a.body, `"user":"job-github-build"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if text := d.do("user", "show", "job-github-build"); !strings.Contains(text, "ci") {
		t.Errorf("%s", text)
	}

	// Refused: another owner, another audience, another signer.
	other := newCISystem(t)
	for name, token := range map[string]string{
		"another owner":    ci.token(t, "acme-evil/app", "refs/heads/main", nil),
		"another audience": ci.token(t, "acme/app", "refs/heads/main", map[string]any{"aud": "https://github.com/acme"}),
		"another signer":   other.token(t, "acme/app", "refs/heads/main", map[string]any{"iss": ci.URL}),
		"another issuer":   other.token(t, "acme/app", "refs/heads/main", nil),
	} {
		if a := d.exchange(token); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	trail := d.do("audit", "search", "--action", "token.exchange", "--json")
	for _, want := range []string{"release-bot", "job-github-build", "audience", "not the issuer's", "no mapping matches"} {
		if !strings.Contains(trail, want) {
			t.Errorf("the trail does not say %q: %s", want, trail)
		}
	}
	if log := d.err.String() + trail; strings.Contains(log, release) || strings.Contains(log, ours) || strings.Contains(log, release[len(release)-40:]) {
		t.Error("a token is in the log or the trail")
	}

	// Whoever may, ends it.
	id := d.do("token", "list", "release-bot")
	id = strings.Fields(strings.Split(id, "\n")[1])[0]
	d.do("token", "revoke", id)
	until(t, "the job's token has ended", func() bool { return d.whoami(ours) == http.StatusUnauthorized })
	d.do("user", "disable", "release-bot")
	if a := d.exchange(release); a.status != http.StatusUnauthorized {
		t.Errorf("for a disabled user: %d %s", a.status, a.body)
	}

	// What is known of the issuer outlives a reload, and the issuer.
	ci.down.Store(true)
	d.configure(ci.jobs("session: {idle: 1h}\n"))
	d.reload("the configuration was reloaded")
	d.exchange(build).accessToken(t)
	d.configure(strings.ReplaceAll(ci.jobs(""), "acme/*", "emca/*"))
	d.reload("the configuration was reloaded")
	if a := d.exchange(build); a.status != http.StatusUnauthorized {
		t.Errorf("after the mapping is gone: %d %s", a.status, a.body)
	}
	d.configure(strings.ReplaceAll(ci.jobs(""), "artifact:npm/**:r,w", "artifact:npm:q"))
	d.reload("the configuration was not reloaded")
	if _, stderr, code := d.try("", "check", "-c", filepath.Join(d.dir, "latchkey.yaml")); code != exitFailed || !strings.Contains(stderr, `mapping release: scope: `) {
		t.Errorf("check exits %d: %s", code, stderr)
	}
	d.configure("")
	d.reload("the configuration was reloaded")
	if a := d.exchange(release); a.status != http.StatusUnauthorized {
		t.Errorf("without jobs: %d %s", a.status, a.body)
	}
}

func TestJobOfAnIssuerThatIsDown(t *testing.T) {
	t.Parallel()
	ci := newCISystem(t)
	ci.down.Store(true)
	d := newDaemon(t)
	d.configure(ci.jobs(""))
	d.start()
	a := d.exchange(ci.token(t, "acme/app", "refs/heads/main", nil))
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestExplainJob(t *testing.T) {
	t.Parallel()
	ci := newCISystem(t)
	d := newDaemon(t)
	d.configure(ci.jobs(""))
	d.start()
	token := ci.token(t, "acme/app", "refs/heads/main", nil)
	stdout, stderr, code := d.try(token+"\n", "explain", "job")
	if code != exitRefused || !strings.Contains(stdout, `there is no group "ci"; create it first`) {
		t.Errorf("without the group: exit %d: %s%s", code, stdout, stderr)
	}
	d.do("group", "create", "ci")
	stdout, stderr, code = d.try(token+"\n", "explain", "job")
	const want = `github/release: no
  claim ref is "refs/heads/main" and not "refs/heads/release/*"
github/build: hit
`
	if code != exitOK || stdout != want {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"explain", "job", file}, {"explain", "job", file, "--json"}} {
		if stdout, stderr, code := d.try("", args...); code != exitOK || !strings.Contains(stdout, "hit") {
			t.Errorf("exit %d: %s%s", code, stdout, stderr)
		}
	}
	evil := ci.token(t, "evil/app", "refs/heads/main", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
	stdout, stderr, code = d.try(evil, "explain", "job", "-")
	for _, want := range []string{"github/build: no\n", "the token ended at", `claim repository is "evil/app" and not "acme/*"`} {
		if code != exitRefused || !strings.Contains(stdout, want) {
			t.Errorf("exit %d, want %q: %s%s", code, want, stdout, stderr)
		}
	}
	for _, tc := range []struct {
		in   string
		args []string
		code int
	}{
		{"", nil, exitUsage},
		{"no token\n", nil, exitUsage},
		{"", []string{token}, exitUsage},
		{"", []string{"none"}, exitFailed},
		{strings.Repeat("a", 1<<20), nil, exitUsage},
	} {
		stdout, stderr, code := d.try(tc.in, append([]string{"explain", "job"}, tc.args...)...)
		if code != tc.code || strings.Contains(stdout+stderr, token) {
			t.Errorf("%.20q %.20q: exit %d: %.200s%.200s", tc.in, tc.args, code, stdout, stderr)
		}
	}
}

// The scripts of docs/jobs.md do what they say, each in the environment that
// its CI system gives to jobs.
func TestJobsPaper(t *testing.T) {
	t.Parallel()
	ci := newCISystem(t)
	d := newDaemon(t)
	config := ""
	for _, name := range []string{"github", "gitlab", "gitea"} {
		config += strings.Replace(strings.TrimPrefix(ci.jobs(""), "jobs:\n"), "name: github", "name: "+name, 1)
	}
	d.configure("jobs:\n" + config)
	d.start()
	d.do("user", "create", "release-bot", "--service")
	token := ci.token(t, "acme/app", "refs/heads/release/7", nil)
	// What hands a job its token, as GitHub's.
	hand := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer runner" || r.URL.Query().Get("audience") == "" || r.URL.Query().Get("api") != "2" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"count": 7, "value": token})
	}))
	t.Cleanup(hand.Close)
	paper, err := os.ReadFile("../../docs/jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	scripts := jobScripts(t, string(paper))
	if len(scripts) != 3 {
		t.Fatalf("%d scripts", len(scripts))
	}
	for _, script := range scripts {
		kept := filepath.Join(t.TempDir(), "env")
		cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script+`
echo "TOKEN=${TOKEN:-}" >> "$GITHUB_ENV"`)
		cmd.Env = append(os.Environ(), "LATCHKEY=http://"+d.http, "ID_TOKEN="+token, "GITHUB_ENV="+kept,
			"ACTIONS_ID_TOKEN_REQUEST_TOKEN=runner", "ACTIONS_ID_TOKEN_REQUEST_URL="+hand.URL+"/?api=2")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s\n%s", err, out, script)
		}
		lines, err := os.ReadFile(kept)
		if err != nil {
			t.Fatal(err)
		}
		ours := ""
		for line := range strings.Lines(string(lines)) {
			if value := strings.TrimSpace(strings.TrimPrefix(line, "TOKEN=")); value != "" {
				ours = value
			}
		}
		if got := d.whoami(ours); got != http.StatusOK {
			t.Errorf("%d with %q from\n%s", got, lines, script)
		}
	}
}

// jobScripts are the scripts in a paper's blocks of YAML.
func jobScripts(t *testing.T, paper string) []string {
	t.Helper()
	var found []string
	for _, block := range strings.Split(paper, "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		var tree any
		if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatal(err)
		}
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case string:
				if strings.Contains(v, "oidc/token") {
					found = append(found, v)
				}
			case []any:
				for _, e := range v {
					walk(e)
				}
			case map[string]any:
				for _, e := range v {
					walk(e)
				}
			}
		}
		walk(tree)
	}
	return found
}
