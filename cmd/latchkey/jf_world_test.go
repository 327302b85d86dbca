package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/crypto/ssh"
)

// What is around JFrog's client: a repository behind the daemon, a browser, a
// CI system.

// jfRepository is an upstream that keeps files, and finds them by name.
type jfRepository struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string]string // user and text by path
	leaks []string          // credentials that came through
}

var jfQuery = regexp.MustCompile(`^items\.find\(\{"repo":"([a-z-]+)","name":"([a-z0-9.-]+)"\}\)`)

func newJFRepository(t *testing.T) *jfRepository {
	r := &jfRepository{files: map[string]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.answer))
	t.Cleanup(r.Close)
	return r
}

func (r *jfRepository) answer(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range []string{"Authorization", "X-Jfrog-Art-Api", "Cookie"} {
		if v := req.Header.Get(name); v != "" {
			r.leaks = append(r.leaks, name+" "+v)
		}
	}
	path := strings.TrimPrefix(req.URL.Path, "/artifactory/")
	user := req.Header.Get("X-Forwarded-User")
	switch {
	case user == "":
		w.WriteHeader(http.StatusTeapot)
	case req.Method == "POST" && path == "api/search/aql":
		found := []map[string]string{}
		if m := jfQuery.FindStringSubmatch(string(body)); m != nil && r.files[m[1]+"/"+m[2]] != "" {
			found = append(found, map[string]string{"repo": m[1], "path": ".", "name": m[2]})
		}
		text, _ := json.Marshal(found)
		fmt.Fprintf(w, `{"results":%s,"range":{"total":%d}}`, text, len(found))
	case req.Method == "PUT" && req.Header.Get("X-Checksum-Deploy") == "true":
		w.WriteHeader(http.StatusNotFound)
	case req.Method == "PUT":
		r.files[path] = user + " " + string(body)
		w.WriteHeader(http.StatusCreated)
	case req.Method == "GET" && r.files[path] != "":
		_, text, _ := strings.Cut(r.files[path], " ")
		io.WriteString(w, text)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (r *jfRepository) file(path string) (user, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	user, text, _ = strings.Cut(r.files[path], " ")
	return user, text
}

// jfPassword is that of every user of these tests.
const jfPassword = "correct horse Battery"

// jfWorld is a daemon with that repository and alice, who has a password.
type jfWorld struct {
	*daemonProcess
	repository *jfRepository
	keys       int
}

func newJFWorld(t *testing.T, more string, env ...string) *jfWorld {
	t.Helper()
	w := &jfWorld{daemonProcess: newDaemon(t, env...), repository: newJFRepository(t)}
	w.configure(more + "routes:\n  - {name: repositories, path: /artifactory/, upstream: " + w.repository.URL + ", identity: {headers: true}}\n")
	w.start()
	w.newPerson("alice")
	return w
}

func (w *jfWorld) newPerson(name string) {
	w.t.Helper()
	w.feed(jfPassword+"\n", "user", "create", name, "--email", name+"@example.com", "--password-stdin")
}

// client is the CLI before anything is set up.
func (w *jfWorld) client() *jf { return &jf{platform: "http://" + w.http, newThreshold: true} }

// register gives user a new SSH key.
func (w *jfWorld) register(t testing.TB, user string, key ssh.Signer) {
	t.Helper()
	w.keys++
	file := filepath.Join(w.dir, fmt.Sprintf("key%d.pub", w.keys))
	if err := os.WriteFile(file, ssh.MarshalAuthorizedKey(key.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	w.do("sshkey", "create", user, file)
}

func (w *jfWorld) overSSH(keys ...ssh.Signer) *jf {
	return &jf{sshURL: "ssh://" + w.ssh, sshKeys: keys, newThreshold: true}
}

// admin is the CLI set up with a token of the administrator.
func (w *jfWorld) admin(t testing.TB) *jf {
	t.Helper()
	j := w.client()
	if err := j.addToken("", w.do("token", "create", "admin")); err != nil {
		t.Fatal(err)
	}
	return j
}

// jfBrowser is a person at a browser: it keeps cookies, follows redirects and
// fills in forms.
type jfBrowser struct {
	t      testing.TB
	client *http.Client
	page   string
	at     *url.URL
	status int
}

func newJFBrowser(t testing.TB) *jfBrowser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &jfBrowser{t: t, client: &http.Client{Jar: jar, Timeout: patience}}
}

func (b *jfBrowser) visit(method, address, form string) {
	b.t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(form))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	if method == "POST" {
		req.Header.Set("Content-Type", asForm)
		req.Header.Set("Origin", b.at.Scheme+"://"+b.at.Host)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	b.page, b.at, b.status = readAll(b.t, resp), resp.Request.URL, resp.StatusCode
}

var (
	jfForm  = regexp.MustCompile(`(?s)<form method="post" action="([^"]+)">(.*?)</form>`)
	jfInput = regexp.MustCompile(`<(?:input|button)[^>]* name="([^"]+)"[^>]*>`)
	jfValue = regexp.MustCompile(` value="([^"]*)"`)
)

// fill sends the first form that asks for a field, with what the page has
// filled in and what the person types; a box is not ticked.
func (b *jfBrowser) fill(typed map[string]string) {
	b.t.Helper()
	for _, form := range jfForm.FindAllStringSubmatch(b.page, -1) {
		values, asked := url.Values{}, false
		for _, input := range jfInput.FindAllStringSubmatch(form[2], -1) {
			name, value := input[1], ""
			if v := jfValue.FindStringSubmatch(input[0]); v != nil {
				value = strings.ReplaceAll(v[1], "&amp;", "&")
			}
			if text, ok := typed[name]; ok {
				value, asked = text, true
			}
			if !strings.Contains(input[0], `type="checkbox"`) {
				values.Set(name, value)
			}
		}
		if !asked {
			continue
		}
		to, err := b.at.Parse(form[1])
		if err != nil {
			b.t.Fatal(err)
		}
		b.visit("POST", to.String(), values.Encode())
		return
	}
	b.t.Fatalf("no form for %v at %s:\n%s", typed, b.at, b.page)
}

// jfCI is a CI system that signs tokens for its jobs.
type jfCI struct {
	*httptest.Server
	key *rsa.PrivateKey
}

const jfCIKey = "key-1"

func newJFCI(t *testing.T) *jfCI {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ci := &jfCI{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{
			"issuer": ci.URL, "jwks_uri": ci.URL + "/jwks", "id_token_signing_alg_values_supported": []string{"RS256"},
			"subject_types_supported": []string{"public"}, "response_types_supported": []string{"id_token"},
		})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: jfCIKey, Algorithm: "RS256", Use: "sig"}}})
	})
	ci.Server = httptest.NewServer(mux)
	t.Cleanup(ci.Close)
	return ci
}

// jobs is the part of a configuration that lets its jobs in, as user.
func (ci *jfCI) jobs(user string) string {
	return fmt.Sprintf("jobs:\n  - name: ci\n    issuer: %s\n    audience: latchkey\n    mappings:\n"+
		"      - {name: build, claims: {repository: acme/app}, user: %s, life: 20m}\n", ci.URL, user)
}

// token is what a job of repository gets to show.
func (ci *jfCI) token(t testing.TB, repository string) string {
	t.Helper()
	now := time.Now().Unix()
	text, err := json.Marshal(map[string]any{
		"iss": ci.URL, "aud": "latchkey", "sub": "repo:" + repository + ":ref:refs/heads/main", "repository": repository,
		"iat": now, "nbf": now, "exp": now + 300, "jti": fmt.Sprint(time.Now().UnixNano()),
	})
	signer, err2 := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: ci.key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", jfCIKey))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
