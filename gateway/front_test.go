package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/internal/event"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// front is a gateway on a real listener with an echo upstream behind it, and
// alice and eve who have credentials of every kind.
type front struct {
	t       testing.TB
	addr    string
	url     string
	gateway *gateway.Gateway
	auth    *auth.Authority
	ring    *seal.Ring
	config  gateway.Config
	echo    *echo
	log     *lockedBuffer
	admin   auth.Identity
	empty   bool         // nobody lives here, which saves hashing passwords
	ahead   atomic.Int64 // of the true time, for auth, in nanoseconds

	aliceKey, eveKey             string
	aliceToken, aliceReference   string
	aliceEncrypted, aliceSession string
}

// The names avoid "house", whose people have other passwords.
const (
	frontAlice = "alice opens the front door"
	frontEve   = "eve opens the front door too"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// echo is an upstream that records what it got and answers it as JSON.
type echo struct {
	*httptest.Server
	mu   sync.Mutex
	seen []echoed
}

type echoed struct {
	Method, URI, Host string
	Header            http.Header
	Body              string
	Trailer           http.Header
}

func newEcho() *echo {
	e := new(echo)
	e.Server = httptest.NewServer(http.HandlerFunc(e.serve))
	return e
}

func (e *echo) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := echoed{Method: r.Method, URI: r.RequestURI, Host: r.Host, Header: r.Header.Clone(), Body: string(body), Trailer: r.Trailer}
	e.mu.Lock()
	e.seen = append(e.seen, got)
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(got)
}

// take gives what was recorded and forgets it.
func (e *echo) take() []echoed {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := e.seen
	e.seen = nil
	return seen
}

func rules(t testing.TB, texts ...string) auth.Rules {
	t.Helper()
	r, err := auth.ParseRules(texts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// openFront starts it. change, unless nil, changes the configuration, which
// has the routes public (anonymous reads), private, and open (anonymous all).
func openFront(t testing.TB, change func(*front, *gateway.Config)) *front {
	t.Helper()
	ctx := context.Background()
	store := storetest.NewMemory(time.Now)
	t.Cleanup(func() { store.Close() })
	ring, _, err := auth.OpenRing(ctx, store, t.TempDir()+"/master.key")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{t: t, addr: l.Addr().String(), url: "http://" + l.Addr().String(), echo: newEcho(), log: new(lockedBuffer), ring: ring}
	t.Cleanup(f.echo.Close)
	public, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	log := event.NewLogger(f.log, slog.LevelDebug, true)
	f.auth, err = auth.New(ctx, auth.Config{Store: store, Ring: ring, Log: log, Now: f.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.auth.Close() })
	known, anyone := rules(t, "authenticated"), rules(t, "anonymous")
	f.config = gateway.Config{
		Auth: f.auth, Ring: ring, Log: log, PublicURL: public,
		Routes: []gateway.Route{
			{Route: auth.Route{Name: "public", Read: anyone, Write: known}, Path: "/public/", Upstream: f.echo.URL, Headers: true},
			{Route: auth.Route{Name: "private", Read: known, Write: known}, Path: "/private/", Upstream: f.echo.URL, Headers: true, Assertion: true},
			{Route: auth.Route{Name: "open", Read: anyone, Write: anyone}, Path: "/open/", Upstream: f.echo.URL, Headers: true},
			{Route: auth.Route{Name: "app", Read: known, Write: known}, Host: "app.example.com", Upstream: f.echo.URL, Headers: true},
		},
	}
	if change != nil {
		change(f, &f.config)
	}
	f.gateway, err = gateway.New(f.config)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, f.gateway, l)
	if !f.empty {
		f.people(ctx)
	}
	return f
}

func (f *front) now() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }

// nobodyLives makes a front without people.
func nobodyLives(f *front, _ *gateway.Config) { f.empty = true }

func serve(t testing.TB, g *gateway.Gateway, l net.Listener) {
	server := g.Server()
	served := make(chan error, 1)
	go func() { served <- server.Serve(g.Listener(l, nil)) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		g.Close()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func (f *front) people(ctx context.Context) {
	f.t.Helper()
	must := func(err error) {
		f.t.Helper()
		if err != nil {
			f.t.Fatal(err)
		}
	}
	peer := auth.Peer{Addr: netip.MustParseAddr("127.0.0.1"), Door: "http"}
	var first auth.Secret
	_, err := f.auth.Bootstrap(ctx, func(s auth.Secret) error { first = s; return nil })
	must(err)
	f.admin, err = f.auth.Identify(ctx, peer, auth.Password{User: "admin", Secret: first})
	must(err)
	_, err = f.auth.Groups.Create(ctx, f.admin, "devs", "")
	must(err)
	for name, password := range map[string]string{"alice": frontAlice, "eve": frontEve} {
		_, err := f.auth.Users.Create(ctx, f.admin, auth.NewUser{
			Name: name, Email: name + "@example.com", DisplayName: strings.ToUpper(name[:1]) + name[1:] + " Ä", Groups: []string{"devs"}, Password: auth.NewSecret(password),
		})
		must(err)
	}
	alice, err := f.auth.Identify(ctx, peer, auth.Password{User: "alice", Secret: auth.NewSecret(frontAlice)})
	must(err)
	eve, err := f.auth.Identify(ctx, peer, auth.Password{User: "eve", Secret: auth.NewSecret(frontEve)})
	must(err)
	key, err := f.auth.Keys.Create(ctx, alice, "alice")
	must(err)
	f.aliceKey = key.Secret.Reveal()
	key, err = f.auth.Keys.Create(ctx, eve, "eve")
	must(err)
	f.eveKey = key.Secret.Reveal()
	token, err := f.auth.Tokens.Create(ctx, alice, auth.NewToken{Reference: true})
	must(err)
	f.aliceToken, f.aliceReference = token.JWT.Reveal(), token.Reference.Reveal()
	encrypted, err := f.auth.Passwords.Encrypted(ctx, alice)
	must(err)
	f.aliceEncrypted = encrypted.Reveal()
	session, _, err := f.auth.Sessions.SignIn(ctx, peer, "alice", auth.NewSecret(frontAlice), false)
	must(err)
	f.aliceSession = session.Reveal()
}

// reply is an answer, read to its end.
type reply struct {
	*http.Response
	body string
}

// send makes a request of the front door.
func (f *front) send(method, path, body string, shown ...with) reply {
	f.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, f.url+path, in)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, w := range shown {
		w(r)
	}
	resp, err := noRedirects.Do(r)
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	return reply{resp, string(raw)}
}

// want fails unless the status is that.
func (r reply) want(t testing.TB, status int) reply {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, status, r.body)
	}
	return r
}

// echoed is what the upstream says it got.
func (r reply) echoed(t testing.TB) echoed {
	t.Helper()
	r.want(t, http.StatusOK)
	var e echoed
	if err := json.Unmarshal([]byte(r.body), &e); err != nil {
		t.Fatalf("not the echo's answer: %v: %s", err, r.body)
	}
	return e
}

func (f *front) session() with {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "latchkey", Value: f.aliceSession}) }
}

// raw writes bytes to the front door and returns what comes back until it
// closes or has answered n times.
func (f *front) raw(text string, n int) []reply {
	f.t.Helper()
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, strings.ReplaceAll(text, "$HOST", f.addr)); err != nil {
		f.t.Fatal(err)
	}
	in := bufio.NewReader(c)
	var out []reply
	for range n {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			break
		}
		raw, _ := io.ReadAll(resp.Body)
		out = append(out, reply{resp, string(raw)})
	}
	return out
}

// closed reports that after the answers the connection is closed.
func (f *front) rawThenClosed(text string) []reply {
	f.t.Helper()
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, strings.ReplaceAll(text, "$HOST", f.addr)); err != nil {
		f.t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	if err != nil {
		f.t.Fatalf("the connection stayed open: %v", err)
	}
	in := bufio.NewReader(bytes.NewReader(all))
	var out []reply
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return out
		}
		raw, _ := io.ReadAll(resp.Body)
		out = append(out, reply{resp, string(raw)})
	}
}

func statuses(replies []reply) string {
	var s []string
	for _, r := range replies {
		s = append(s, fmt.Sprint(r.StatusCode))
	}
	return strings.Join(s, " ")
}

func prefix(t testing.TB, s string) netip.Prefix {
	t.Helper()
	p, err := netip.ParsePrefix(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (f *front) who(name, password string) auth.Identity {
	f.t.Helper()
	who, err := f.auth.Identify(context.Background(), auth.Peer{Addr: netip.MustParseAddr("127.0.0.1"), Door: "http"}, auth.Password{User: name, Secret: auth.NewSecret(password)})
	if err != nil {
		f.t.Fatal(err)
	}
	return who
}
