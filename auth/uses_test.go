package auth_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func caller(addr, client string) auth.Peer {
	return auth.Peer{Addr: netip.MustParseAddr(addr), Door: "http", Client: client}
}

// use identifies p from peer, which must be good.
func (w *world) use(peer auth.Peer, p auth.Proof) {
	w.t.Helper()
	if _, err := w.Identify(w.t.Context(), peer, p); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) usesOf(id string) []auth.Use {
	w.t.Helper()
	tok, err := w.Tokens.Get(w.t.Context(), w.admin, id)
	must(w.t, err)
	if len(tok.RecentUses) > 0 && tok.LastUsed != tok.RecentUses[0] {
		w.t.Errorf("last used %+v, first of %+v", tok.LastUsed, tok.RecentUses)
	}
	return tok.RecentUses
}

// A client that comes once is seen beside one that comes all the time, whose
// answers the cache gives.
func TestEachClientOfATokenIsSeen(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			store, c, _ := b.open(t)
			w := worldOver(t, store, c)
			w.user("alice")
			tok := w.token(w.admin, auth.NewToken{Owner: "alice", Life: auth.Endless})
			p := bearer(tok.JWT)
			if uses := w.usesOf(tok.ID); len(uses) > 0 {
				t.Errorf("before its first use: %+v", uses)
			}
			busy := caller("192.0.2.1", "git-lfs/3.7.0")
			for range 20 {
				w.use(busy, p)
			}
			c.Advance(time.Second)
			w.use(caller("192.0.2.2", "curl/8.14.1"), p)
			c.Advance(time.Second)
			w.use(caller("192.0.2.1", "pip/25.2"), p)
			want := func(when string, clients ...string) {
				t.Helper()
				var got []string
				for _, u := range w.usesOf(tok.ID) {
					got = append(got, u.Addr+" "+u.Client)
				}
				if strings.Join(got, ", ") != strings.Join(clients, ", ") {
					t.Errorf("%s: %q, want %q", when, got, clients)
				}
			}
			want("waiting", "192.0.2.1 pip/25.2", "192.0.2.2 curl/8.14.1", "192.0.2.1 git-lfs/3.7.0")
			w.FlushUses(t.Context())
			want("written", "192.0.2.1 pip/25.2", "192.0.2.2 curl/8.14.1", "192.0.2.1 git-lfs/3.7.0")
			c.Advance(6 * time.Minute)
			w.use(busy, p)
			want("one waiting", "192.0.2.1 git-lfs/3.7.0", "192.0.2.1 pip/25.2", "192.0.2.2 curl/8.14.1")
			w.FlushUses(t.Context())
			c.Advance(29 * 24 * time.Hour)
			w.use(busy, p)
			w.FlushUses(t.Context())
			c.Advance(25 * time.Hour)
			want("who has not come for thirty days", "192.0.2.1 git-lfs/3.7.0")
			c.Advance(40 * 24 * time.Hour)
			want("nobody has for thirty days")
			if got, err := w.Tokens.Get(t.Context(), w.admin, tok.ID); err != nil || got.LastUsed.Client != "git-lfs/3.7.0" {
				t.Errorf("last used %+v, %v", got.LastUsed, err)
			}
		})
	}
}

// Whoever holds a credential and gives its client a new name at each request
// costs neither memory nor writes without bound, nor hides who else uses it.
func TestInventedClientsCostNothing(t *testing.T) {
	c := storetest.NewClock()
	f := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, f, c)
	w.user("alice")
	tok := w.token(w.admin, auth.NewToken{Owner: "alice", Life: auth.Endless})
	p := bearer(tok.JWT)
	written := func() (n int) {
		for _, call := range f.Calls() {
			if strings.HasPrefix(call.Key, "used/") && call.Op != storetest.OpGet {
				n++
			}
		}
		return n
	}
	w.use(caller("192.0.2.1", "honest/1.0"), p)
	w.use(caller("192.0.2.2", "honest/1.0"), p)
	w.FlushUses(t.Context())
	before, flushes := written(), 0
	const windows = 4
	for i := range 10_000 {
		w.use(caller("198.51.100.9", fmt.Sprintf("invented/%d", i)), p)
		if i%25 == 24 { // every three seconds, as the daemon does
			if n := w.WaitingUses(); n > 8 {
				t.Fatalf("%d uses wait to be written", n)
			}
			w.FlushUses(t.Context())
			flushes++
			c.Advance(windows * 5 * time.Minute / 400)
		}
	}
	if n := written() - before; n == 0 || n > 8*(windows+1) {
		t.Errorf("%d writes in %d windows of five minutes and %d flushes", n, windows, flushes)
	}
	uses := w.usesOf(tok.ID)
	addrs := map[string]bool{}
	for _, u := range uses {
		addrs[u.Addr] = true
	}
	if len(uses) != 8 || len(addrs) != 3 {
		t.Errorf("shown: %+v", uses)
	}

	// All of one flush is one write.
	c.Advance(6 * time.Minute)
	before = written()
	for i := range 100 {
		w.use(caller(fmt.Sprintf("203.0.113.%d", i), "many/1.0"), p)
	}
	w.FlushUses(t.Context())
	if n := written() - before; n != 1 {
		t.Errorf("%d writes in one flush", n)
	}
	if n := len(w.usesOf(tok.ID)); n != 8 {
		t.Errorf("%d uses are shown", n)
	}
}

// What waits to be written is bounded over all credentials as well.
func TestUsesThatWaitAreBounded(t *testing.T) {
	c := storetest.NewClock()
	f := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, f, c)
	var keys []auth.Proof
	for range auth.MaxNotes/8 + 10 {
		key, _ := w.sshKey(w.admin, w.user(fmt.Sprintf("u%d", len(keys))).Name, time.Time{})
		keys = append(keys, key)
	}
	f.FailWhere(storetest.NotPersisted, func(op storetest.Op, key string) bool {
		return op != storetest.OpGet && strings.HasPrefix(key, "used/")
	})
	for _, key := range keys {
		for i := range 8 {
			w.use(caller("192.0.2.1", fmt.Sprintf("c/%d", i)), key)
		}
	}
	if n := w.WaitingUses(); n > auth.MaxNotes {
		t.Errorf("%d uses wait", n)
	}
}
