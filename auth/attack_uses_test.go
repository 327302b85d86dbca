package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// A credential in steady use must not cost a write every few seconds, and what
// lives for minutes must not leave a record for a year.
func TestUsesAreWrittenSeldomAndEndWithTheirCredential(t *testing.T) {
	c := storetest.NewClock()
	f := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, f, c)
	w.user("alice", withPassword)
	key, _ := w.sshKey(w.admin, "alice", time.Time{})
	grant := w.grant(w.who(key), auth.Grant{Route: "lfs", Repo: "a", Op: auth.Read, Life: time.Hour})
	tok := w.token(w.who(key), auth.NewToken{Life: time.Hour})
	written := func() (n int) {
		for _, call := range f.Calls() {
			if strings.HasPrefix(call.Key, "used/") && call.Op != storetest.OpGet {
				n++
			}
		}
		return n
	}
	w.FlushUses(t.Context())
	before := written()
	const minutes = 20
	for range minutes * 60 / 10 {
		w.who(key)
		w.who(grant)
		w.who(bearer(tok.JWT))
		w.FlushUses(t.Context())
		c.Advance(10 * time.Second)
	}
	if n := written() - before; n > 2*(minutes/5+1) {
		t.Errorf("two credentials that are on lists were written %d times in %d minutes", n, minutes)
	}
	if n := w.RecordsOf(t.Context(), "used/short_token/"); n > 0 {
		t.Errorf("%d records of short tokens", n)
	}
	if n := w.RecordsOf(t.Context(), "used/"); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
	c.Advance(48 * time.Hour)
	if n := w.RecordsOf(t.Context(), "used/token/"); n > 0 {
		t.Error("the use of a token that has ended is still kept")
	}
	if n := w.RecordsOf(t.Context(), "used/ssh_key/"); n != 1 {
		t.Error("the use of the key is forgotten")
	}
}

func TestASessionInUseDoesNotEndForLackOfIt(t *testing.T) {
	for _, idle := range []time.Duration{time.Minute, 10 * time.Minute, 12 * time.Hour} {
		w := newWorld(t, func(c *auth.Config) { c.Policy = auth.Policy{SessionIdle: idle, SessionAbsolute: 24 * time.Hour} })
		w.SetMatches(func(string, string) bool { return true })
		w.user("alice", withPassword)
		p, _ := w.session("alice", false)
		for used := time.Duration(0); used < 3*idle && used < 23*time.Hour; used += idle / 6 {
			if !w.holds(p) {
				t.Errorf("idle %v: ended after %v of use", idle, used)
				break
			}
			w.FlushUses(t.Context())
			w.clock.Advance(idle / 6)
		}
		w.clock.Advance(idle + time.Second)
		if w.holds(p) {
			t.Errorf("idle %v: lives on without use", idle)
		}
	}
}
