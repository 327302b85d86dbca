package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/gateway/web"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/bolt"
)

// house is a gateway on a real listener, with a real store behind it, in which
// the administrator, alice and eve live.
type house struct {
	t      *testing.T
	url    string // where it listens
	origin string // what it is called
	auth   *auth.Authority
	store  keystore.Store
	trail  *written // the audit trail
	log    *written
	secret *planted
	doc    openAPI
	admin  auth.Identity

	adminPassword string
}

const (
	alicePassword = "alice has a long password"
	evePassword   = "eve has another password"
	patience      = 10 * time.Second // with the daemon under test
)

// houseConfig is what tests vary.
type houseConfig struct {
	public  string // "": the listener's own address
	policy  auth.Policy
	noJFrog bool
	noSSH   bool
	routes  []gateway.Route
	logins  web.Logins
	doors   func(h *house, ring *seal.Ring) web.Logins // makes logins for h.origin
	trusted []netip.Prefix
	now     func() time.Time // nil: time.Now
}

func newHouse(t *testing.T, hc houseConfig) *house {
	t.Helper()
	ctx := t.Context()
	store, err := bolt.Open(ctx, bolt.Config{Path: t.TempDir() + "/latchkey.db", Now: hc.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	ring, _, err := auth.OpenRing(ctx, store, t.TempDir()+"/master.key")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, url: "http://" + l.Addr().String(), store: store, trail: new(written), log: new(written), secret: new(planted), doc: readOpenAPI(t)}
	h.origin = h.url
	if hc.public != "" {
		h.origin = hc.public
	}
	public, err := url.Parse(h.origin)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	t.Cleanup(func() {
		h.secret.absent(t, "the log", h.log.all())
		h.secret.absent(t, "the audit trail", h.trail.all())
	})
	h.auth, err = auth.New(ctx, auth.Config{Store: store, Ring: ring, Policy: hc.policy, Audit: h.trail, Log: log, Now: hc.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.auth.Close() })
	if hc.doors != nil {
		hc.logins = hc.doors(h, ring)
	}
	sshAddress := "door.example:2222"
	if hc.noSSH {
		sshAddress = ""
	}
	g, err := gateway.New(gateway.Config{
		Auth: h.auth, Ring: ring, SSHAddress: sshAddress, Log: log, PublicURL: public, Routes: hc.routes, Logins: hc.logins, TrustedProxies: hc.trusted,
		JFrog:   gateway.JFrogConfig{API: !hc.noJFrog, ReportedVersion: "7.77.0"},
		Machine: machine{h}, Now: hc.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := g.Server()
	served := make(chan error, 1)
	go func() { served <- server.Serve(g.Listener(l, nil)) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		server.Shutdown(ctx)
		g.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	h.people()
	return h
}

// people move in.
func (h *house) people() {
	h.t.Helper()
	ctx := h.t.Context()
	if _, err := h.auth.Bootstrap(ctx, func(s auth.Secret) error { h.adminPassword = s.Reveal(); return nil }); err != nil {
		h.t.Fatal(err)
	}
	h.secret.texts = append(h.secret.texts, h.adminPassword, alicePassword, evePassword)
	h.admin = h.identify("admin", h.adminPassword)
	for name, password := range map[string]string{"alice": alicePassword, "eve": evePassword} {
		if _, err := h.auth.Users.Create(ctx, h.admin, auth.NewUser{Name: name, Email: name + "@example.com", Password: auth.NewSecret(password)}); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) identify(name, secret string) auth.Identity {
	h.t.Helper()
	peer := auth.Peer{Addr: netip.MustParseAddr("127.0.0.1"), Door: "http"}
	who, err := h.auth.Identify(h.t.Context(), peer, auth.ReadSecret(name, auth.NewSecret(secret)))
	if err != nil {
		h.t.Fatal(err)
	}
	return who
}

// in is the house as a part of a test sees it.
func (h *house) in(t *testing.T) *house {
	part := *h
	part.t = t
	return &part
}

// written is a file that is written to and read at the same time.
type written struct {
	mu   sync.Mutex
	text []byte
}

func (f *written) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text = append(f.text, p...)
	return len(p), nil
}

func (f *written) all() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Clone(f.text)
}

// planted are the secrets of a test. They may be seen in the answers that hand
// them over and nowhere else: not in a refusal, not in the log, not in the
// trail.
type planted struct{ texts []string }

// handOvers are the keys of answers that hold a secret.
var handOvers = []string{"api_key", "apiKey", "access_token", "reference_token", "encrypted_password", "refresh_token", "token"}

// note plants what an answer handed over, and reports a secret in a refusal.
func (p *planted) note(a answer) {
	a.t.Helper()
	if a.status >= 400 {
		p.absent(a.t, a.at+", refused,", []byte(a.body))
		return
	}
	var object map[string]any
	if json.Unmarshal([]byte(a.body), &object) == nil {
		for _, key := range handOvers {
			if text, ok := object[key].(string); ok && text != "" {
				p.texts = append(p.texts, text)
			}
		}
	}
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Value != "" {
			p.texts = append(p.texts, c.Value)
		}
	}
}

func (p *planted) absent(t *testing.T, where string, text []byte) {
	t.Helper()
	for _, secret := range p.texts {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s shows a secret: %s", where, secret)
		}
	}
}

// machine is the part of the daemon that the API shows.
type machine struct{ h *house }

// trailFile is the audit trail up to now.
type trailFile struct{ *bytes.Reader }

func (trailFile) Close() error { return nil }

func (m machine) OpenAudit(context.Context) (auth.Written, error) {
	return trailFile{bytes.NewReader(m.h.trail.all())}, nil
}
func (machine) Health(context.Context) []gateway.Health {
	return []gateway.Health{{Name: "store", OK: true, Said: "The store answers."}}
}
func (machine) Fsck(context.Context, bool) (any, error)     { return map[string]int{"objects": 0}, nil }
func (machine) KnownHosts() []string                        { return []string{"[127.0.0.1]:2222 ssh-ed25519 AAAA"} }
func (machine) RotateMasterKey(context.Context, bool) error { return nil }

// with is something that a request shows.
type with func(r *http.Request)

func basic(user, secret string) with {
	return func(r *http.Request) { r.SetBasicAuth(user, secret) }
}
func bearer(secret string) with { return header("Authorization", "Bearer "+secret) }
func apiKey(secret string) with { return header("X-JFrog-Art-Api", secret) }
func header(name, value string) with {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// browser is a session as the page of our own origin shows it.
func (h *house) browser(cookie *http.Cookie) with {
	return func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if r.Method != http.MethodGet {
			r.Header.Set("Origin", h.origin)
		}
	}
}

// answer is what came back.
type answer struct {
	t      *testing.T
	at     string
	status int
	header http.Header
	body   string
}

// do sends a request with a JSON body (nil: none, a string: as it is). Answers
// of the JSON API are held against its description.
func (h *house) do(method, path string, body any, shown ...with) answer {
	h.t.Helper()
	var text string
	switch b := body.(type) {
	case nil:
	case string:
		text = b
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			h.t.Fatal(err)
		}
		text = string(raw)
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, h.url+path, strings.NewReader(text))
	if err != nil {
		h.t.Fatal(err)
	}
	if u, err := url.Parse(h.origin); err == nil {
		req.Host = u.Host
	}
	if text == "" {
		req.Body = http.NoBody
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, w := range shown {
		w(req)
	}
	resp, err := noRedirects.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := answer{t: h.t, at: method + " " + path, status: resp.StatusCode, header: resp.Header, body: string(raw)}
	h.describedWell(req, a)
	h.secret.note(a)
	return a
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// describedWell checks status, keys and headers of an answer of the JSON API.
func (h *house) describedWell(req *http.Request, a answer) {
	h.t.Helper()
	path, ours := strings.CutPrefix(req.URL.Path, gateway.APIRoot)
	if !ours {
		return
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		h.t.Errorf("%s: Cache-Control %q", a.at, got)
	}
	at := h.doc.find(h.t, req.Method, path)
	if at == "" {
		return
	}
	keys, required, listed := h.doc.answer(h.t, at, strconv.Itoa(a.status))
	if !listed {
		h.t.Errorf("%s: status %d is not described: %s", a.at, a.status, a.body)
		return
	}
	if len(keys) == 0 {
		return
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(a.body), &object); err != nil {
		h.t.Errorf("%s: %d with a body that is no object: %q", a.at, a.status, a.body)
		return
	}
	for key := range object {
		if !slices.Contains(keys, key) {
			h.t.Errorf("%s: %d with the key %q, which is not described", a.at, a.status, key)
		}
	}
	for _, key := range required {
		if _, ok := object[key]; !ok {
			h.t.Errorf("%s: %d without the key %q: %s", a.at, a.status, key, a.body)
		}
	}
}

// find is the operation that serves a path: "METHOD /path/{of}/document".
func (d openAPI) find(t *testing.T, method, path string) string {
	t.Helper()
	mux := http.NewServeMux()
	for at := range d.operations(t) {
		mux.Handle(at, http.NotFoundHandler())
	}
	req, err := http.NewRequest(method, "http://127.0.0.1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, pattern := mux.Handler(req)
	return pattern
}

// is checks the status.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: %d, want %d; %s", a.at, a.status, status, a.body)
	}
	return a
}

// code checks status and code of a problem.
func (a answer) code(status int, code auth.Code) answer {
	a.t.Helper()
	a.is(status)
	if got := a.field("code"); got != string(code) {
		a.t.Fatalf("%s: code %q, want %q; %s", a.at, got, code, a.body)
	}
	return a
}

// field is one text of a JSON answer.
func (a answer) field(name string) string {
	a.t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(a.body), &object); err != nil {
		a.t.Fatalf("%s: %d %q is no JSON object", a.at, a.status, a.body)
	}
	text, _ := object[name].(string)
	return text
}

// items are the things of a list.
func (a answer) items() []map[string]any {
	a.t.Helper()
	var list struct {
		Items []map[string]any `json:"items"`
	}
	if err := json.Unmarshal([]byte(a.body), &list); err != nil || list.Items == nil {
		a.t.Fatalf("%s: %q is no list", a.at, a.body)
	}
	return list.Items
}

// cookie is the session cookie that an answer sets.
func (a answer) cookie() *http.Cookie {
	a.t.Helper()
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if strings.HasSuffix(c.Name, "latchkey") {
			return c
		}
	}
	a.t.Fatalf("%s: %d sets no cookie; %s", a.at, a.status, a.body)
	return nil
}

// signIn begins a session.
func (h *house) signIn(name, password string) *http.Cookie {
	h.t.Helper()
	return h.do("POST", gateway.APIRoot+"/session", map[string]any{"username": name, "password": password}).is(http.StatusCreated).cookie()
}
