package auth_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

const waitID = "0c2a4b0e-5a94-4e0c-9d0f-7a4be1f0c0de"

var terminal = auth.Peer{Addr: netip.MustParseAddr("198.51.100.9"), Door: "http", Client: "jfrog-cli-go/2.112.0"}

func (w *world) wait(id string) {
	w.t.Helper()
	must(w.t, w.WebLogins.Begin(w.t.Context(), terminal, auth.NewWebLogin{ID: id, Refreshable: true, Description: "sign-in of a CLI"}))
}

// take is a poll: what it says in a word.
func (w *world) take(id string) (auth.Token, string) {
	w.t.Helper()
	tok, done, err := w.WebLogins.Take(w.t.Context(), terminal, id)
	switch {
	case auth.CodeOf(err) == auth.NotFound:
		return tok, "none"
	case err != nil:
		w.t.Fatal(err)
	case done:
		return tok, "token"
	}
	return tok, "wait"
}

func (w *world) polled(id, want string) auth.Token {
	w.t.Helper()
	tok, got := w.take(id)
	if got != want {
		w.t.Fatalf("poll: %s, want %s", got, want)
	}
	return tok
}

func TestWebLogin(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	w.wait(waitID)
	w.polled(waitID, "wait")
	p, _ := w.session("alice", false)
	info, err := w.WebLogins.Show(ctx, w.who(p), strings.ToUpper(waitID))
	if err != nil || info.Addr != "198.51.100.9" || info.Client != terminal.Client || info.Expires.Sub(info.Created).Round(time.Second) != 5*time.Minute {
		t.Errorf("%+v %v", info, err)
	}
	wantCode(t, "locked", w.WebLogins.Approve(ctx, w.who(p), waitID, "c0de"), auth.Locked)
	wantCode(t, "by password", w.WebLogins.Approve(ctx, w.who(password("alice")), waitID, "c0de"), auth.Forbidden)
	wantCode(t, "by nobody", w.WebLogins.Approve(ctx, auth.Identity{}, waitID, "c0de"), auth.Unauthenticated)
	_, err = w.Sessions.Unlock(ctx, w.who(p), auth.NewSecret(rightPassword))
	must(t, err)
	alice := w.who(p)
	wantCode(t, "wrong code", w.WebLogins.Approve(ctx, alice, waitID, "0c2a"), auth.Invalid, "code")
	wantCode(t, "no code", w.WebLogins.Approve(ctx, alice, waitID, ""), auth.Invalid, "code")
	w.polled(waitID, "wait")
	must(t, w.WebLogins.Approve(ctx, alice, waitID, " C0DE "))
	wantCode(t, "twice", w.WebLogins.Approve(ctx, alice, waitID, "c0de"), auth.NotFound)

	// One of many polls gets it.
	var got atomic.Int32
	var tok auth.Token
	var mu sync.Mutex
	var polls sync.WaitGroup
	for range 50 {
		polls.Go(func() {
			if one, what := w.take(waitID); what == "token" {
				got.Add(1)
				mu.Lock()
				tok = one
				mu.Unlock()
			}
		})
	}
	polls.Wait()
	if got.Load() != 1 {
		t.Fatalf("%d polls got the token", got.Load())
	}
	w.polled(waitID, "none")
	if !w.holds(bearer(tok.JWT)) || tok.Owner != "alice" || tok.MadeWith != "" || tok.Description != "sign-in of a CLI from 198.51.100.9" {
		t.Errorf("%+v", tok)
	}
	w.renewed(tok.Refresh)
	for _, act := range []string{"web_login.approve", "web_login.take"} {
		if !strings.Contains(w.trail.String(), `"action":"`+act+`","result":"ok","user":"alice"`) {
			t.Errorf("the trail has no %s", act)
		}
	}
	if strings.Contains(w.trail.String(), waitID[:13]) {
		t.Error("the trail holds the id")
	}
}

func TestWebLoginEnds(t *testing.T) {
	unlocked := func(w *world) auth.Identity {
		p, _ := w.session("alice", true)
		return w.who(p)
	}
	for name, end := range map[string]func(w *world, alice auth.Identity){
		"expired": func(w *world, _ auth.Identity) { w.clock.Advance(5 * time.Minute) },
		"refused": func(w *world, alice auth.Identity) { must(w.t, w.WebLogins.Refuse(w.t.Context(), alice, waitID)) },
		"guessed": func(w *world, alice auth.Identity) {
			for i := range 5 {
				if err := w.WebLogins.Approve(w.t.Context(), alice, waitID, fmt.Sprintf("%04d", i)); err == nil {
					w.t.Error("a wrong code was taken")
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice", withPassword)
			w.wait(waitID)
			alice := unlocked(w)
			end(w, alice)
			w.polled(waitID, "none")
			wantCode(t, "show", errOf(w.WebLogins.Show(t.Context(), alice, waitID)), auth.NotFound)
			wantCode(t, "approve", w.WebLogins.Approve(t.Context(), alice, waitID, "c0de"), auth.NotFound)
			w.wait(waitID) // the id is free again
		})
	}
	// Between approval and poll the account may go.
	for name, end := range map[string]func(w *world) error{
		"disabled": func(w *world) error { return w.Users.Disable(w.t.Context(), w.admin, "alice") },
		"deleted":  func(w *world) error { return w.Users.Delete(w.t.Context(), w.admin, "alice") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice", withPassword)
			w.wait(waitID)
			must(t, w.WebLogins.Approve(t.Context(), unlocked(w), waitID, "c0de"))
			must(t, end(w))
			if tok, _ := w.take(waitID); !tok.JWT.Empty() && w.holds(bearer(tok.JWT)) {
				t.Error("the token works")
			}
		})
	}
}

func TestWebLoginsAreBounded(t *testing.T) {
	w := newWorld(t)
	begin := func(peer auth.Peer, n int) error {
		return w.WebLogins.Begin(t.Context(), peer, auth.NewWebLogin{ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", n)})
	}
	from := func(n int) auth.Peer {
		return auth.Peer{Addr: netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 1}), Door: "http"}
	}
	for i := range 20 {
		must(t, begin(terminal, i))
	}
	wantCode(t, "the 21st of one source", begin(terminal, 20), auth.Throttled)
	wantCode(t, "an id in use", begin(from(0), 0), auth.Exists)
	n := 100
	for source := range 60 {
		for range 20 {
			if err := begin(from(source+1), n); err != nil {
				wantCode(t, "the 1,001st", err, auth.Throttled)
			}
			n++
		}
	}
	wantCode(t, "somebody new", begin(from(3000), n), auth.Throttled)
	w.clock.Advance(5*time.Minute + time.Second)
	must(t, begin(terminal, n))
	// A place is free again as soon as a wait is over, not before.
	w.user("alice", withPassword)
	p, _ := w.session("alice", true)
	for i := range 19 {
		must(t, begin(terminal, n+1+i))
	}
	wantCode(t, "full", begin(terminal, n+20), auth.Throttled)
	must(t, w.WebLogins.Refuse(t.Context(), w.who(p), fmt.Sprintf("%08d-0000-4000-8000-000000000000", n)))
	must(t, begin(terminal, n+20))
}

// A token that lives too short to be renewed in peace comes without a refresh
// token.
func TestWebLoginOfShortTokens(t *testing.T) {
	w := newWorld(t, func(c *auth.Config) { c.Policy.TokenDefault = 7 * 24 * time.Hour })
	w.user("alice", withPassword)
	w.wait(waitID)
	p, _ := w.session("alice", true)
	must(t, w.WebLogins.Approve(t.Context(), w.who(p), waitID, "c0de"))
	if tok := w.polled(waitID, "token"); !tok.Refresh.Empty() || tok.JWT.Empty() {
		t.Errorf("%+v", tok)
	}
}

// An approval that could not make the token leaves the program waiting.
func TestWebLoginWaitsOnWhenNoTokenWasMade(t *testing.T) {
	c := storetest.NewClock()
	faulty := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, faulty, c)
	w.user("alice", withPassword)
	w.wait(waitID)
	p, _ := w.session("alice", true)
	faulty.FailWhere(storetest.NotPersisted, func(op storetest.Op, key string) bool {
		return op == storetest.OpCreate && strings.HasPrefix(key, "token/")
	})
	wantCode(t, "without a store for tokens", w.WebLogins.Approve(t.Context(), w.who(p), waitID, "c0de"), auth.Unavailable)
	faulty.Heal()
	w.polled(waitID, "wait")
	must(t, w.WebLogins.Approve(t.Context(), w.who(p), waitID, "c0de"))
	w.polled(waitID, "token")
}
