package auth_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/bolt"
	"github.com/latchkey-io/latchkey/keystore/redis"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// patience bounds every wait of these tests. It is a guard against hanging.
const patience = 10 * time.Second

// rightPassword is the password of every user of the fixture that has one.
const rightPassword = "correct horse battery staple"

// oneRing is made once: an RSA key takes some tenths of a second.
var oneRing = sync.OnceValue(func() *seal.Ring {
	ring, err := seal.NewRing()
	if err != nil {
		panic(err)
	}
	return ring
})

// clock is a time that tests move.
type clock interface {
	Now() time.Time
	Advance(time.Duration)
}

// runningClock goes on by itself, as the feed of a shared store needs.
type runningClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *runningClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *runningClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// tape collects what is written to it.
type tape struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

func (t *tape) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

// world is an Authority with all it stands on, and the administrator at the
// local socket.
type world struct {
	*auth.Authority
	t     testing.TB
	clock clock
	store keystore.Store
	ring  *seal.Ring
	trail *tape
	log   *tape
	admin auth.Identity

	master string // the file of the master key, where there is one
	other  *world // another replica on the same store, where there is one
}

// newWorld opens an Authority over an empty store in memory.
func newWorld(t testing.TB, change ...func(*auth.Config)) *world {
	t.Helper()
	c := storetest.NewClock()
	return worldOver(t, storetest.NewMemory(c.Now), c, change...)
}

// worldOver opens an Authority over store; it is closed with the test.
func worldOver(t testing.TB, store keystore.Store, c clock, change ...func(*auth.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: c, store: store, trail: &tape{}, log: &tape{}}
	config := auth.Config{
		Store: store, Ring: oneRing(), Audit: w.trail, Now: c.Now,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&config)
	}
	w.ring = config.Ring
	var err error
	if w.Authority, err = auth.New(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	w.admin = w.who(auth.Local{UID: 0})
	return w
}

// again is another Authority over the same store, as after a restart.
func (w *world) again(change ...func(*auth.Config)) *world {
	w.t.Helper()
	return worldOver(w.t, w.store, w.clock, append([]func(*auth.Config){func(c *auth.Config) { c.Ring = w.ring }}, change...)...)
}

// opened is how a backend's store is made, empty; more opens it once more,
// as a second replica does, where the backend can be shared.
type backend struct {
	name string
	open func(t testing.TB) (store keystore.Store, c clock, more func() keystore.Store)
}

// backends are those that a daemon can stand on, and memory.
func backends(t *testing.T) []backend {
	server := sync.OnceValue(func() *storetest.RedisServer { return storetest.Redis(t) })
	return []backend{
		{"memory", func(testing.TB) (keystore.Store, clock, func() keystore.Store) {
			c := storetest.NewClock()
			return storetest.NewMemory(c.Now), c, nil
		}},
		{"bolt", func(t testing.TB) (keystore.Store, clock, func() keystore.Store) {
			c := storetest.NewClock()
			s, err := bolt.Open(t.Context(), bolt.Config{Path: filepath.Join(t.TempDir(), "latchkey.db"), Now: c.Now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s, c, nil
		}},
		{"redis", func(t testing.TB) (keystore.Store, clock, func() keystore.Store) {
			c := &runningClock{}
			config, err := redis.ParseURL(server().URL)
			if err != nil {
				t.Fatal(err)
			}
			config.Prefix, config.Now = fmt.Sprintf("t%d:", rand.Uint64()), c.Now
			open := func() keystore.Store {
				s, err := redis.Open(t.Context(), config)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				return s
			}
			return open(), c, open
		}},
	}
}

// copyStore puts every item of from into to, many at once so that a store
// that batches can.
func copyStore(t testing.TB, from, to keystore.Store) {
	t.Helper()
	var writers sync.WaitGroup
	gate := make(chan struct{}, 64)
	for item, err := range from.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		gate <- struct{}{}
		writers.Go(func() {
			defer func() { <-gate }()
			if err := to.Create(t.Context(), item); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
}

var home = auth.Peer{Addr: netip.MustParseAddr("192.0.2.7"), Door: "http", Client: "test/1.0", Request: "r1"}

// who identifies p, which must be good.
func (w *world) who(p auth.Proof) auth.Identity {
	w.t.Helper()
	who, err := w.Identify(w.t.Context(), home, p)
	if err != nil {
		w.t.Fatalf("identify by %T: %v", p, err)
	}
	return who
}

// holds reports whether p is good. An answer that is neither yes nor the one
// refusal of all failed proofs fails the test.
func (w *world) holds(p auth.Proof) bool {
	w.t.Helper()
	who, err := w.Identify(w.t.Context(), home, p)
	switch code := auth.CodeOf(err); code {
	case "":
		return true
	case auth.Unauthenticated, auth.Repeated, auth.Expired:
		if who.Known() {
			w.t.Errorf("a refusal came with the identity of %s", who.User)
		}
		return false
	default:
		w.t.Fatalf("identify by %T: %v", p, err)
		return false
	}
}

// user makes an account without a password.
func (w *world) user(name string, change ...func(*auth.NewUser)) auth.User {
	w.t.Helper()
	n := auth.NewUser{Name: name, Email: name + "@example.com"}
	for _, f := range change {
		f(&n)
	}
	u, err := w.Users.Create(w.t.Context(), w.admin, n)
	if err != nil {
		w.t.Fatalf("create user %s: %v", name, err)
	}
	return u
}

func withPassword(n *auth.NewUser) { n.Password = auth.NewSecret(rightPassword) }
func asAdmin(n *auth.NewUser)      { n.Admin = true }
func asService(n *auth.NewUser)    { n.Kind = auth.ServiceUser }

func inGroups(names ...string) func(*auth.NewUser) {
	return func(n *auth.NewUser) { n.Groups = names }
}

func (w *world) group(name string) {
	w.t.Helper()
	if _, err := w.Groups.Create(w.t.Context(), w.admin, name, ""); err != nil {
		w.t.Fatal(err)
	}
}

// password is the proof of a user of withPassword.
func password(user string) auth.Password {
	return auth.Password{User: user, Secret: auth.NewSecret(rightPassword)}
}

// apiKey makes owner's API key.
func (w *world) apiKey(who auth.Identity, owner string) auth.APIKey {
	w.t.Helper()
	key, err := w.Keys.Create(w.t.Context(), who, owner)
	if err != nil {
		w.t.Fatalf("API key of %s by %s: %v", owner, who.Via.Kind, err)
	}
	return auth.APIKey{Secret: key.Secret}
}

func (w *world) token(who auth.Identity, n auth.NewToken) auth.Token {
	w.t.Helper()
	tok, err := w.Tokens.Create(w.t.Context(), who, n)
	if err != nil {
		w.t.Fatalf("token by %s: %v", who.Via.Kind, err)
	}
	return tok
}

// sshKey registers a new key of owner.
func (w *world) sshKey(who auth.Identity, owner string, expires time.Time) (auth.SSHKey, auth.SSHKeyInfo) {
	w.t.Helper()
	key := newSSHKey(w.t)
	info, err := w.SSHKeys.Create(w.t.Context(), who, auth.NewSSHKey{Owner: owner, Line: line(key), Expires: expires})
	if err != nil {
		w.t.Fatalf("SSH key of %s by %s: %v", owner, who.Via.Kind, err)
	}
	return auth.SSHKey{Key: key}, info
}

func newSSHKey(t testing.TB) ssh.PublicKey {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func line(key ssh.PublicKey) string { return string(ssh.MarshalAuthorizedKey(key)) }

// session signs user in; unlocked opens the profile as well.
func (w *world) session(user string, unlocked bool) (auth.Session, auth.SessionInfo) {
	w.t.Helper()
	secret, info, err := w.Sessions.SignIn(w.t.Context(), home, user, auth.NewSecret(rightPassword), false)
	if err != nil {
		w.t.Fatalf("sign in %s: %v", user, err)
	}
	p := auth.Session{Secret: secret}
	if unlocked {
		if info, err = w.Sessions.Unlock(w.t.Context(), w.who(p), auth.NewSecret(rightPassword)); err != nil {
			w.t.Fatalf("unlock %s: %v", user, err)
		}
	}
	return p, info
}

func (w *world) grant(who auth.Identity, g auth.Grant) auth.Bearer {
	w.t.Helper()
	secret, _, err := w.Tokens.Grant(w.t.Context(), who, g)
	if err != nil {
		w.t.Fatalf("grant by %s: %v", who.Via.Kind, err)
	}
	return auth.Bearer{Secret: secret}
}

func bearer(s auth.Secret) auth.Bearer { return auth.Bearer{Secret: s} }

// wantCode checks an error's code and, with field, which input it names.
func wantCode(t testing.TB, what string, err error, code auth.Code, field ...string) {
	t.Helper()
	if got := auth.CodeOf(err); got != code {
		t.Errorf("%s: %v, want code %q", what, err, code)
		return
	}
	if e, ok := errors.AsType[*auth.Error](err); ok && len(field) > 0 && e.Field != field[0] {
		t.Errorf("%s: field %q, want %q", what, e.Field, field[0])
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until ok, for at most limit.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// keepAt is a keep for Bootstrap that writes to a file.
func keepAt(path string) func(auth.Secret) error {
	return func(s auth.Secret) error { return os.WriteFile(path, []byte(s.Reveal()), 0o600) }
}

// pointTo is for the optional fields of a UserChange.
func pointTo[T any](v T) *T { return &v }
