package auth_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/redis"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// counting counts reads.
type counting struct {
	keystore.Store
	gets atomic.Int64
}

func (c *counting) Get(ctx context.Context, key string) (keystore.Item, error) {
	c.gets.Add(1)
	return c.Store.Get(ctx, key)
}

// warm identifies until the answer comes from the cache.
func warm(t *testing.T, w *world, c *counting, p auth.Proof) {
	t.Helper()
	eventually(t, patience, "the cache is warm", func() bool {
		before := c.gets.Load()
		w.who(p)
		return c.gets.Load() == before
	})
}

// Whatever record an answer rests on: when it changes, the answer is no more,
// at once in the process that changed it, within a second in every other.
func TestAChangeEndsEveryAnswerThatRestsOnIt(t *testing.T) {
	type state struct {
		name       string
		key        auth.APIKey
		token      auth.Token
		ssh        auth.SSHKey
		sshInfo    auth.SSHKeyInfo
		grant      auth.Bearer
		session    auth.Session
		sessionID  string
		byPassword auth.Password
	}
	ends := map[string]struct {
		change func(w *world, s state) error
		proof  func(s state) auth.Proof
	}{
		"API key revoked":       {func(w *world, s state) error { return w.Keys.Revoke(t.Context(), w.admin, s.name) }, func(s state) auth.Proof { return s.key }},
		"API key rotated":       {func(w *world, s state) error { return failure(w.Keys.Rotate(t.Context(), w.admin, s.name)) }, func(s state) auth.Proof { return s.key }},
		"all keys revoked":      {func(w *world, s state) error { return w.Keys.RevokeAll(t.Context(), w.admin) }, func(s state) auth.Proof { return s.key }},
		"JWT revoked":           {func(w *world, s state) error { return w.Tokens.Revoke(t.Context(), w.admin, s.token.ID) }, func(s state) auth.Proof { return bearer(s.token.JWT) }},
		"reference revoked":     {func(w *world, s state) error { return w.Tokens.Revoke(t.Context(), w.admin, s.token.ID) }, func(s state) auth.Proof { return bearer(s.token.Reference) }},
		"SSH key deleted":       {func(w *world, s state) error { return w.SSHKeys.Delete(t.Context(), w.admin, s.sshInfo.ID) }, func(s state) auth.Proof { return s.ssh }},
		"a grant's key deleted": {func(w *world, s state) error { return w.SSHKeys.Delete(t.Context(), w.admin, s.sshInfo.ID) }, func(s state) auth.Proof { return s.grant }},
		"session revoked":       {func(w *world, s state) error { return w.Sessions.Revoke(t.Context(), w.admin, s.sessionID) }, func(s state) auth.Proof { return s.session }},
		"all sessions revoked":  {func(w *world, s state) error { return w.Sessions.RevokeAll(t.Context(), w.admin, s.name) }, func(s state) auth.Proof { return s.session }},
		"user disabled":         {func(w *world, s state) error { return w.Users.Disable(t.Context(), w.admin, s.name) }, func(s state) auth.Proof { return s.key }},
		"user deleted":          {func(w *world, s state) error { return w.Users.Delete(t.Context(), w.admin, s.name) }, func(s state) auth.Proof { return s.ssh }},
		"password switched off": {func(w *world, s state) error {
			return failure(w.Users.Update(t.Context(), w.admin, s.name, auth.UserChange{InternalPasswordDisabled: pointTo(true)}))
		}, func(s state) auth.Proof { return s.byPassword }},
	}
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			store, c, more := b.open(t)
			cs := &counting{Store: store}
			w := worldOver(t, cs, c)
			fastHash(w)
			second, sc := w, cs
			if more != nil {
				sc = &counting{Store: more()}
				second = worldOver(t, sc, c, func(conf *auth.Config) { conf.Ring = w.ring })
				fastHash(second)
			}
			i := 0
			for what, e := range ends {
				i++
				name := fmt.Sprintf("user%d", i)
				w.user(name, withPassword)
				s := state{name: name, key: w.apiKey(w.admin, name), token: w.token(w.admin, auth.NewToken{Owner: name, Reference: true}), byPassword: password(name)}
				s.ssh, s.sshInfo = w.sshKey(w.admin, name, time.Time{})
				s.grant = w.grant(w.who(s.ssh), auth.Grant{Route: "lfs", Repo: "a", Op: auth.Read, Life: time.Hour})
				var info auth.SessionInfo
				s.session, info = w.session(name, false)
				s.sessionID = info.ID
				p := e.proof(s)
				warm(t, w, cs, p)
				if second != w {
					warm(t, second, sc, p)
				}
				if err := e.change(w, s); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				done := time.Now()
				if w.holds(p) {
					t.Errorf("%s: it works on in the process that said so", what)
				}
				if second == w {
					continue
				}
				for {
					began := time.Since(done)
					if !second.holds(p) {
						break
					}
					if began > time.Second {
						t.Errorf("%s: it works on in the other process after a second", what)
						break
					}
				}
			}
		})
	}
}

// Rights that are given or taken are seen as soon.
func TestRightsFollowTheirRecords(t *testing.T) {
	w := newWorld(t)
	w.group("dev")
	w.user("alice")
	key := w.apiKey(w.admin, "alice")
	for range 3 {
		for _, groups := range [][]string{{"dev"}, {}} {
			for _, admin := range []bool{true, false} {
				w.who(key)
				must(t, failure(w.Users.Update(t.Context(), w.admin, "alice", auth.UserChange{Groups: &groups, Admin: &admin})))
				if who := w.who(key); who.Admin != admin || who.InGroup("dev") != (len(groups) > 0) {
					t.Fatalf("admin %v groups %v: found %v %v", admin, groups, who.Admin, who.Groups)
				}
			}
		}
	}
}

// A change whose notice comes while a read is under way: what was read may be
// answered, but is not kept.
func TestANoticeDuringAReadSpoilsTheAnswer(t *testing.T) {
	for _, at := range []string{"cred/", "user/alice", "system/epochs"} {
		w, b := betweenWorld(t)
		w.user("alice")
		key := w.apiKey(w.admin, "alice")
		eventually(t, patience, "the feed is proven", func() bool { w.who(key); return true })
		must(t, failure(w.Users.Update(t.Context(), w.admin, "alice", auth.UserChange{DisplayName: pointTo("x")}))) // cold again
		b.set(&b.onGet, at, func() { must(t, w.Keys.Revoke(context.Background(), w.admin, "alice")) })
		w.Identify(t.Context(), home, key) // either answer will do
		if w.holds(key) {
			t.Errorf("a revocation between the reading of %s and its answer is forgotten", at)
		}
	}
}

// switched is a store whose feed is in the test's hands.
type switched struct {
	counting
	fn chan func(keystore.Change)
}

func (s *switched) Watch(ctx context.Context, fn func(keystore.Change)) error {
	s.fn <- fn
	<-ctx.Done()
	return nil
}

func TestNothingKeptCountsUnlessTheFeedProvesIt(t *testing.T) {
	c := storetest.NewClock()
	s := &switched{counting: counting{Store: storetest.NewMemory(c.Now)}, fn: make(chan func(keystore.Change), 1)}
	w := worldOver(t, s, c)
	w.user("alice")
	key := w.apiKey(w.admin, "alice")
	feed := <-s.fn
	reads := func() bool {
		before := s.gets.Load()
		w.who(key)
		return s.gets.Load() > before
	}
	for range 3 {
		if !reads() {
			t.Fatal("kept before the feed was ever alive")
		}
	}
	feed(keystore.Change{Reset: true})
	feed(keystore.Change{AliveUntil: c.Now().Add(time.Second)})
	reads()
	if reads() {
		t.Fatal("not kept though proven")
	}
	c.Advance(999 * time.Millisecond)
	if reads() {
		t.Error("not kept within the second")
	}
	c.Advance(time.Millisecond)
	for range 2 {
		if !reads() {
			t.Error("kept beyond what the feed proved")
		}
	}
	feed(keystore.Change{AliveUntil: c.Now().Add(time.Second)})
	reads()
	feed(keystore.Change{Reset: true}) // a new connection
	feed(keystore.Change{AliveUntil: c.Now().Add(time.Second)})
	if !reads() {
		t.Error("an answer of the connection before counts")
	}
	if reads() {
		t.Error("not kept again")
	}
	for range 6 { // proven all the time, but five seconds is all
		c.Advance(900 * time.Millisecond)
		feed(keystore.Change{AliveUntil: c.Now().Add(time.Second)})
	}
	if !reads() {
		t.Error("an answer is older than five seconds")
	}
	feed(keystore.Change{Key: "user/alice"})
	if !reads() {
		t.Error("a notice of the account is ignored")
	}
	w.SetPolicy(auth.Policy{})
	if !reads() {
		t.Error("an answer survives a change of policy")
	}
}

func redisStore(t testing.TB, server *storetest.RedisServer) (keystore.Store, clock) {
	t.Helper()
	c := &runningClock{}
	config, err := redis.ParseURL(server.URL)
	must(t, err)
	config.Now = c.Now
	s, err := redis.Open(t.Context(), config)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s, c
}

// A silent Redis: no answer is older than a second, none comes late, and none
// is a no.
func TestASilentStoreIsNoAnswer(t *testing.T) {
	t.Parallel() // it mostly waits
	server := storetest.Redis(t)
	store, c := redisStore(t, server)
	w := worldOver(t, store, c)
	w.user("alice")
	key := w.apiKey(w.admin, "alice")
	w.who(key)
	server.Pause(t)
	paused := time.Now()
	var served, refused int
	for time.Since(paused) < 4*time.Second {
		begin := time.Now()
		_, err := w.Identify(t.Context(), home, key)
		took := time.Since(begin)
		switch {
		case err == nil && begin.Sub(paused) > 1100*time.Millisecond:
			t.Fatalf("let in %v after the store fell silent", begin.Sub(paused))
		case err == nil:
			served++
			<-time.After(10 * time.Millisecond)
		case auth.CodeOf(err) != auth.Unavailable:
			t.Fatalf("a silent store is answered %v", err)
		case took > 2500*time.Millisecond:
			t.Fatalf("refused after %v", took)
		default:
			refused++
		}
	}
	if refused == 0 {
		t.Error("never refused")
	}
	server.Resume(t)
	eventually(t, 5*time.Second, "it recovers", func() bool { _, err := w.Identify(t.Context(), home, key); return err == nil })
}

// No success begins after the revocation has returned.
func TestNobodyGetsInAfterARevocation(t *testing.T) {
	for _, b := range backends(t)[:2] {
		t.Run(b.name, func(t *testing.T) {
			store, c, _ := b.open(t)
			w := worldOver(t, store, c)
			w.user("alice")
			for range 5 {
				key := w.apiKey(w.admin, "alice")
				var over atomic.Bool
				var late, early atomic.Int64
				var all sync.WaitGroup
				for range 100 {
					all.Go(func() {
						for {
							after := over.Load()
							_, err := w.Identify(context.Background(), home, key)
							switch {
							case err == nil && after:
								late.Add(1)
								return
							case err == nil:
								early.Add(1)
							case after:
								return
							}
						}
					})
				}
				eventually(t, patience, "they run", func() bool { return early.Load() > 1000 })
				must(t, w.Keys.Revoke(t.Context(), w.admin, "alice"))
				over.Store(true)
				all.Wait()
				if late.Load() > 0 {
					t.Fatalf("%d got in after the revocation", late.Load())
				}
			}
		})
	}
}

func TestACacheThatIsFullStaysRight(t *testing.T) {
	w := newWorld(t)
	for i := range 8 {
		w.group(fmt.Sprintf("%d-%s", i, strings.Repeat("g", 60)))
	}
	const users, each = 4, 50
	long := strings.Repeat("n", auth.MaxDisplayName)
	var groups []string
	all, err := w.Groups.List(t.Context(), w.admin)
	must(t, err)
	for _, g := range all {
		groups = append(groups, g.Name)
	}
	type one struct {
		p    auth.Proof
		name string
	}
	var every []one
	for u := range users {
		name := fmt.Sprintf("user%d", u)
		w.user(name, inGroups(groups...), func(n *auth.NewUser) { n.DisplayName = long })
		for range each {
			every = append(every, one{bearer(w.token(w.admin, auth.NewToken{Owner: name, Reference: true}).Reference), name})
		}
	}
	// The same secret with another user field is another entry: 64 shards of
	// 256 KiB are full of these in no time.
	spell := func(name string, bits int) string {
		b := []byte(name)
		for i := range 4 {
			if bits&(1<<i) != 0 {
				b[i] -= 'a' - 'A'
			}
		}
		return string(b)
	}
	for round := range 2 {
		for i := range 20_000 {
			o := every[rand.IntN(len(every))]
			p := o.p.(auth.Bearer)
			p.User = spell(o.name, i%16)
			if who, err := w.Identify(t.Context(), home, p); err != nil || who.User != o.name || len(who.Groups) != len(groups) || who.Name != long {
				t.Fatalf("round %d: found %q (%v), want %s", round, who.User, err, o.name)
			}
		}
	}
	must(t, w.Users.Disable(t.Context(), w.admin, "user0"))
	for _, o := range every {
		if got := w.holds(o.p); got != (o.name != "user0") {
			t.Fatalf("%s: %v after user0 was disabled", o.name, got)
		}
	}
}

// randomIdentity fills every field.
func randomIdentity(r *rand.Rand) auth.Identity {
	text := func() string {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return string(b)
	}
	texts := func() (out []string) {
		for range r.IntN(4) {
			out = append(out, text())
		}
		return out
	}
	moment := func() time.Time {
		if r.IntN(3) == 0 {
			return time.Time{}
		}
		return time.UnixMilli(r.Int64N(253402300799000) + 1).UTC()
	}
	kinds := []auth.Kind{auth.KindAPIKey, auth.KindToken, auth.KindGrant, auth.KindPassword, auth.KindSSHKey, auth.KindSession, "", auth.KindLocal}
	w := auth.Identity{
		User: text(), Name: text(), Email: text(), Groups: texts(), Admin: r.IntN(2) == 0, Service: r.IntN(2) == 0,
		Expires: moment(), UnlockedUntil: moment(), Unlockable: r.IntN(2) == 0,
		Via: auth.Via{Kind: kinds[r.IntN(len(kinds))], ID: text()},
	}
	for range r.IntN(9) {
		w.Via.Parents = append(w.Via.Parents, auth.Ref{Kind: kinds[r.IntN(len(kinds))], ID: text(), Epoch: r.Uint64()})
	}
	scopes := []string{"applied-permissions/user", "applied-permissions/admin", `applied-permissions/groups:"a b",c`, "artifact:lfs/x*/**:r,w", "system:metrics:r artifact:a:*"}
	w.Scopes, _ = auth.ParseScopes(scopes[r.IntN(len(scopes))])
	w.SetHidden(text(), text(), texts(), r.IntN(2) == 0, r.Uint64())
	return w
}

func TestAnIdentityComesBackAsItWasKept(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 5000 {
		w := randomIdentity(r)
		b := auth.EncodeIdentity(w)
		got, ok := auth.DecodeIdentity(string(b))
		if !ok || !reflect.DeepEqual(got, w) {
			t.Fatalf("seed %d: kept\n%+v, came back (%v)\n%+v", seed, w, ok, got)
		}
		// Nor does a part of one, or more than one, pass for one.
		if _, ok := auth.DecodeIdentity(string(b[:r.IntN(len(b))])); ok {
			t.Fatalf("seed %d: a part of an identity is one", seed)
		}
		if _, ok := auth.DecodeIdentity(string(b) + "\x00"); ok {
			t.Fatalf("seed %d: more than an identity is one", seed)
		}
	}
}
