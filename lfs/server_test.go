package lfs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/lfs"
)

const media = "application/vnd.git-lfs+json"

// issuer makes tokens as auth.Tokens does: of one route, repository and
// operation, ending with who.
type issuer struct {
	mu    sync.Mutex
	made  []auth.Grant
	who   map[string]auth.Identity // by token
	fault error
}

func (i *issuer) Grant(_ context.Context, who auth.Identity, g auth.Grant) (auth.Secret, time.Time, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fault != nil {
		return auth.Secret{}, time.Time{}, i.fault
	}
	i.made = append(i.made, g)
	expires := time.Now().Add(g.Life)
	if !who.Expires.IsZero() && who.Expires.Before(expires) {
		expires = who.Expires
	}
	scope := "artifact:" + g.Route + "/" + g.Repo + ":r"
	if g.Op == auth.Write {
		scope += ",w"
	}
	scopes, err := auth.ParseScopes(scope)
	if err != nil {
		return auth.Secret{}, time.Time{}, err
	}
	token := "grant-" + rand.Text()
	i.who[token] = auth.Identity{User: who.User, Scopes: scopes, Expires: expires, Via: auth.Via{Kind: auth.KindGrant}}
	return auth.NewSecret(token), expires, nil
}

func (i *issuer) grants() []auth.Grant {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]auth.Grant(nil), i.made...)
}

func (i *issuer) identify(r *http.Request) (auth.Identity, bool) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		i.mu.Lock()
		defer i.mu.Unlock()
		who, ok := i.who[token]
		return who, ok && time.Now().Before(who.Expires)
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		return auth.Identity{}, true
	}
	return person(user), password == "secret"
}

// person is somebody who came with a password; "root" is an administrator.
func person(name string) auth.Identity {
	who := auth.Identity{User: name, Scopes: auth.UserScope, Via: auth.Via{Kind: auth.KindPassword}, Peer: auth.Peer{Request: "req-1"}}
	who.Admin = name == "root"
	return who
}

// server is a store behind HTTP as the gateway would put it.
type server struct {
	*httptest.Server
	store  *lfs.Store
	issuer *issuer
	dir    string

	mu       sync.Mutex
	requests []string // METHOD path status
}

// rules are of a route that alice, bob and root may write to, and all who are
// known may read.
func rules(t testing.TB, name string) auth.Route {
	return routeOf(t, name, "authenticated", "user:alice", "user:bob", "user:root")
}

func routeOf(t testing.TB, name, read string, write ...string) auth.Route {
	t.Helper()
	r, err := auth.ParseRules([]string{read})
	if err != nil {
		t.Fatal(err)
	}
	w, err := auth.ParseRules(write)
	if err != nil {
		t.Fatal(err)
	}
	return auth.Route{Name: name, Read: r, Write: w, Repositories: true}
}

// newServer has the routes lfs (at /lfs/) and media (at /m/), or those given.
func newServer(t testing.TB, routes ...lfs.RouteConfig) *server {
	t.Helper()
	s := &server{issuer: &issuer{who: map[string]auth.Identity{}}, dir: t.TempDir()}
	if routes == nil {
		routes = []lfs.RouteConfig{
			{Route: rules(t, "lfs"), Path: "/lfs/", Dir: filepath.Join(s.dir, "lfs")},
			{Route: rules(t, "media"), Path: "/m/", Dir: filepath.Join(s.dir, "media")},
		}
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	public := &url.URL{Scheme: "http", Host: s.Listener.Addr().String()}
	var err error
	s.store, err = lfs.New(lfs.Config{Routes: routes, PublicURL: public, Auth: s.issuer, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Server.Close()
		s.store.Close()
	})
	return s
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) ReadFrom(r io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, r) }

// serve does what the gateway does: who is this, and errors of auth.
func (s *server) serve(rw http.ResponseWriter, r *http.Request) {
	w := &statusWriter{ResponseWriter: rw}
	who, ok := s.issuer.identify(r)
	err := error(&auth.Error{Code: auth.Unauthenticated})
	if ok {
		err = s.store.ServeAs(w, r, who)
	}
	switch auth.CodeOf(err) {
	case "":
	case auth.Unauthenticated:
		w.Header().Set("LFS-Authenticate", `Basic realm="latchkey"`)
		s.refuse(w, http.StatusUnauthorized, err)
	case auth.Forbidden:
		s.refuse(w, http.StatusForbidden, err)
	default:
		w.Header().Set("Retry-After", "1")
		s.refuse(w, http.StatusTooManyRequests, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path+" "+http.StatusText(w.status))
}

func (s *server) refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"message": err.Error()})
}

// seen is the requests that were answered, and forgets them.
func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.requests
	s.requests = nil
	return out
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) message() string {
	var p struct {
		Message string `json:"message"`
	}
	json.Unmarshal(r.body, &p)
	return p.Message
}

func (r reply) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
}

// do sends one request as user ("" anonymous, "Bearer …" with a token). A
// target that begins with / is on the server.
func (s *server) do(t testing.TB, user, method, target string, body io.Reader, change ...func(*http.Request)) reply {
	t.Helper()
	if strings.HasPrefix(target, "/") {
		target = s.URL + target
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case strings.HasPrefix(user, "Bearer "):
		r.Header.Set("Authorization", user)
	case user != "":
		r.SetBasicAuth(user, "secret")
	}
	for _, f := range change {
		f(r)
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, content}
}

func (s *server) post(t testing.TB, user, target string, v any, change ...func(*http.Request)) reply {
	t.Helper()
	body, ok := v.(string)
	if !ok {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		body = string(encoded)
	}
	change = append([]func(*http.Request){func(r *http.Request) {
		r.Header.Set("Content-Type", media)
		r.Header.Set("Accept", media)
	}}, change...)
	return s.do(t, user, "POST", target, strings.NewReader(body), change...)
}

type object struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

type batch struct {
	Operation string   `json:"operation"`
	Objects   []object `json:"objects"`
	HashAlgo  string   `json:"hash_algo,omitempty"`
	Transfers []string `json:"transfers,omitempty"`
}

type action struct {
	Href      string            `json:"href"`
	Header    map[string]string `json:"header"`
	ExpiresIn int64             `json:"expires_in"`
	ExpiresAt string            `json:"expires_at"`
}

type answer struct {
	Transfer string `json:"transfer"`
	HashAlgo string `json:"hash_algo"`
	Objects  []struct {
		object
		Authenticated bool              `json:"authenticated"`
		Actions       map[string]action `json:"actions"`
		Error         *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	} `json:"objects"`
}

func (s *server) batch(t testing.TB, user, base string, b batch) answer {
	t.Helper()
	r := s.post(t, user, base+"/objects/batch", b)
	if r.status != 200 {
		t.Fatalf("batch: %d %s", r.status, r.body)
	}
	if got := r.header.Get("Content-Type"); got != media {
		t.Errorf("batch: content type %q", got)
	}
	var a answer
	r.into(t, &a)
	if len(a.Objects) != len(b.Objects) || a.Transfer != "basic" {
		t.Fatalf("batch of %d: %s", len(b.Objects), r.body)
	}
	return a
}

func describe(content []byte) object {
	sum := sha256.Sum256(content)
	return object{hex.EncodeToString(sum[:]), int64(len(content))}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// put uploads content by the way of the batch, with the token in it.
func (s *server) put(t testing.TB, user, base string, content []byte) object {
	t.Helper()
	o := describe(content)
	a := s.batch(t, user, base, batch{Operation: "upload", Objects: []object{o}}).Objects[0]
	up, ok := a.Actions["upload"]
	if !ok {
		t.Fatalf("no upload action: %+v", a)
	}
	r := s.do(t, up.Header["Authorization"], "PUT", up.Href, bytes.NewReader(content))
	if r.status != 200 {
		t.Fatalf("put: %d %s", r.status, r.body)
	}
	return o
}

// files is all regular files below the server's folders, without the one that
// holds the folder.
func (s *server) files(t testing.TB) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != ".lock" {
			rel, _ := filepath.Rel(s.dir, path)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
