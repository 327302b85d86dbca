package auth_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func refreshing(p *auth.Provider) { p.RefreshEvery = 5 * time.Minute }

// used uses s and lets what waits be written and looked at.
func (w *world) used(s auth.Session) {
	w.t.Helper()
	w.who(s)
	w.FlushUses(w.t.Context())
}

// soon is a context with a deadline.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// settled waits until e was asked n times, and what it said is kept.
func (w *world) settled(e *elsewhere, n int) {
	w.t.Helper()
	eventually(w.t, patience, fmt.Sprintf("%d answers", n), func() bool { return e.count() >= n && w.Asking() == 0 })
	if got := e.count(); got != n {
		w.t.Errorf("asked %d times, want %d", got, n)
	}
}

func TestProvidersAreAskedAgain(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere(corp(refreshing), ghe())
	for _, g := range []string{"crew", "ops", "hand"} {
		w.group(g)
	}
	w.user("alice", withPassword, inGroups("hand"))
	w.link("alice", atCorp("1"))
	s, _ := w.through(e.comes(atCorp("1", given("crew"))))
	groups := func() string { return fmt.Sprint(w.who(s).Groups) }
	if groups() != "[crew hand]" {
		t.Error(groups())
	}
	e.says("1", given("ops", "nothing"))
	for range 4 { // in use, but not due
		w.clock.Advance(time.Minute)
		w.used(s)
	}
	w.settled(e, 0)
	// Due in a minute: asked within a minute of it, whatever the last note was.
	w.clock.Advance(59 * time.Second)
	w.used(s)
	w.clock.Advance(time.Minute)
	w.used(s)
	w.settled(e, 1)
	if groups() != "[hand ops]" {
		t.Error(groups())
	}
	for n := range 3 { // each secret is used once
		w.clock.Advance(5 * time.Minute)
		w.used(s)
		w.settled(e, 2+n)
	}
	// Nobody uses it: nobody asks.
	w.clock.Advance(time.Hour)
	w.FlushUses(t.Context())
	w.settled(e, 4)
	// The provider does not answer: the session goes on, and it is asked again
	// after a minute.
	e.mu.Lock()
	e.down = true
	e.mu.Unlock()
	w.used(s)
	<-e.begun
	eventually(t, patience, "it is over", func() bool { return w.Asking() == 0 })
	w.used(s)
	if groups() != "[hand ops]" {
		t.Error(groups())
	}
	e.mu.Lock()
	e.down = false
	e.mu.Unlock()
	w.clock.Advance(30 * time.Second)
	w.used(s)
	w.settled(e, 4)
	w.clock.Advance(46 * time.Second)
	w.used(s)
	w.settled(e, 5)
	// The person left: the session ends.
	e.says("1", func(ext *auth.External) { *ext = auth.External{} })
	w.clock.Advance(6 * time.Minute)
	w.used(s)
	w.settled(e, 6)
	if w.holds(s) {
		t.Error("the session goes on")
	}
	if n := w.RecordsOf(t.Context(), "providersession/"); n != 0 {
		t.Errorf("%d records are left", n)
	}
	if !strings.Contains(w.trail.String(), `"action":"provider.refresh","result":"refused","user":"alice"`) {
		t.Error("the end is not in the trail")
	}
}

func TestAskedOnceByAll(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, second, e := replicas(t, b)
			for _, r := range []*world{w, second} {
				r.SetProviders([]auth.Provider{corp(refreshing)}, e)
			}
			w.user("alice", withPassword)
			w.link("alice", atCorp("1"))
			s, _ := w.through(e.comes(atCorp("1")))
			e.mu.Lock()
			e.wait = make(chan struct{})
			e.mu.Unlock()
			w.clock.Advance(6 * time.Minute)
			var users sync.WaitGroup
			for i := range 50 {
				r := []*world{w, second}[i%2]
				users.Go(func() {
					if _, err := r.Identify(t.Context(), home, s); err != nil {
						t.Error(err)
					}
					r.FlushUses(t.Context())
				})
			}
			users.Wait()
			eventually(t, patience, "one asks", func() bool { return len(e.begun) == 1 })
			w.used(s) // while it is asked, the session works
			close(e.wait)
			w.settled(e, 1)
			second.settled(e, 1)
			if !w.holds(s) || !second.holds(s) || len(e.begun) != 1 {
				t.Errorf("somebody was logged out, or %d asked", len(e.begun))
			}
			for n := range 2 {
				w.clock.Advance(6 * time.Minute)
				[]*world{w, second}[n%2].used(s)
				w.settled(e, 2+n)
				second.settled(e, 2+n)
			}
		})
	}
}

// Only some are asked about at once; the others have their turn.
func TestManySessionsAreDueAtOnce(t *testing.T) {
	w := newWorld(t)
	w.SetMatches(func(string, string) bool { return true })
	e := w.elsewhere(corp(refreshing, autoCreate))
	var all []auth.Session
	for i := range 20 {
		name := fmt.Sprint("user", 20+i)
		all = append(all, first(w.through(e.comes(atCorp(name, login(name))))))
	}
	e.mu.Lock()
	e.wait = make(chan struct{})
	e.mu.Unlock()
	w.clock.Advance(6 * time.Minute)
	for _, s := range all {
		w.who(s)
	}
	w.FlushUses(t.Context())
	eventually(t, patience, "eight ask", func() bool { return len(e.begun) == 8 })
	w.FlushUses(t.Context())
	if n := w.Asking(); n != 8 {
		t.Errorf("%d ask at once", n)
	}
	close(e.wait)
	eventually(t, patience, "all were asked about", func() bool {
		w.FlushUses(t.Context())
		return e.count() == len(all)
	})
	w.settled(e, len(all))
	for _, s := range all {
		if !w.holds(s) {
			t.Error("somebody was logged out")
		}
	}
}

// Whichever write fails around a question, and whether or not the store took
// it: the session works or is over, its groups are what the provider said at
// some time, and another question follows.
func TestTheStoreFailsWhileAsked(t *testing.T) {
	for _, fault := range []storetest.Mode{storetest.NotPersisted, storetest.Persisted} {
		for n := 1; n < 5; n++ {
			c := storetest.NewClock()
			store := storetest.NewFaulty(storetest.NewMemory(c.Now))
			w := worldOver(t, store, c)
			w.SetMatches(func(string, string) bool { return true })
			e := w.elsewhere(corp(refreshing))
			for _, g := range []string{"crew", "ops"} {
				w.group(g)
			}
			w.user("alice", withPassword)
			w.link("alice", atCorp("1"))
			s, _ := w.through(e.comes(atCorp("1", given("crew"))))
			w.used(s)
			e.says("1", given("ops"))
			w.clock.Advance(6 * time.Minute)
			w.who(s)
			writes := 0
			store.FailWhere(fault, func(op storetest.Op, key string) bool {
				if op == storetest.OpGet || !strings.HasPrefix(key, "providersession/") && !strings.HasPrefix(key, "user/") {
					return false
				}
				writes++
				return writes == n
			})
			w.FlushUses(t.Context())
			eventually(t, patience, "the question is over", func() bool { return w.Asking() == 0 })
			store.Heal()
			w.clock.Advance(6 * time.Minute)
			w.used(s)
			eventually(t, patience, "the next is over", func() bool { return w.Asking() == 0 })
			if got := w.who(s).Groups; !slices.Equal(got, []string{"ops"}) {
				t.Errorf("write %d, %v: in %v after the next question", n, fault, got)
			}
		}
	}
}

// A process that dies between the provider's answer and the store leaves a
// secret that was used. The provider refuses it, and the person signs in again:
// nothing hangs, and nothing is left open.
func TestTheAnswerIsLost(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere(corp(refreshing))
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	ext := e.comes(atCorp("1"))
	s, _ := w.through(ext)
	if _, err := e.Refresh(soon(t), "corp", "1", ext.Refresh); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(6 * time.Minute)
	w.used(s)
	w.settled(e, 2)
	if w.holds(s) {
		t.Error("the session goes on with a secret that is used up")
	}
	w.through(e.comes(atCorp("1")))
}

// Who unlocks by signing in again has a newer secret than the one that is
// asked with at that moment, whose end is not the session's.
func TestUnlockedWhileAsked(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere(corp(refreshing))
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	s, info := w.through(e.comes(atCorp("1", sid("s1"))))
	e.mu.Lock()
	e.wait = make(chan struct{})
	e.mu.Unlock()
	w.clock.Advance(6 * time.Minute)
	w.used(s)
	<-e.begun
	fresh := e.comes(atCorp("1", sid("s2")))
	fresh.SignedIn = w.clock.Now()
	must(t, errOf(w.Sessions.UnlockThrough(t.Context(), w.who(s), auth.Attempt{Purpose: auth.ToUnlock, Session: info.ID, Begun: w.clock.Now()}, fresh)))
	told := e.now["1"]
	e.says("1", func(ext *auth.External) { *ext = auth.External{} }) // the old one is refused
	close(e.wait)
	w.settled(e, 1)
	e.says("1", func(ext *auth.External) { *ext = told })
	if !w.holds(s) {
		t.Fatal("the session ended with a secret that it has not any more")
	}
	w.clock.Advance(6 * time.Minute)
	w.used(s)
	w.settled(e, 2)
	if !w.holds(s) {
		t.Error("the newer secret was not kept")
	}
	if n, err := w.Sessions.LoggedOut(t.Context(), home, auth.ExternalLogout{Provider: "corp", Issuer: corpIssuer, SID: "s2"}); n != 1 || err != nil {
		t.Errorf("the newer session there ends %d, %v", n, err)
	}
}

// An answer about somebody else ends the session.
func TestAskedAndToldOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere(corp(refreshing))
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	s, _ := w.through(e.comes(atCorp("1")))
	e.says("1", func(ext *auth.External) { ext.Subject = "2" })
	w.clock.Advance(6 * time.Minute)
	w.used(s)
	w.settled(e, 1)
	if w.holds(s) {
		t.Error("the session goes on")
	}
}

// Close ends a question that is not answered.
func TestCloseWaitsForQuestions(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere(corp(refreshing))
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	s, _ := w.through(e.comes(atCorp("1")))
	e.wait = make(chan struct{})
	w.clock.Advance(6 * time.Minute)
	w.used(s)
	<-e.begun
	must(t, w.Close())
	if w.Asking() != 0 {
		t.Error("it is asked still")
	}
}

// A provider that takes questions and does not answer keeps nobody else's from
// being asked in time.
func TestAProviderThatHangsKeepsNobodyElseWaiting(t *testing.T) {
	w := newWorld(t)
	w.SetMatches(func(string, string) bool { return true })
	e := w.elsewhere(corp(refreshing, autoCreate), func() auth.Provider { p := ghe(); p.RefreshEvery = 5 * time.Minute; return p }())
	hang := &hanging{elsewhere: e, of: "corp", begun: make(chan struct{}, 100)}
	w.SetProviders(w.Providers(), hang)
	w.user("bob", withPassword)
	w.link("bob", atGHE("bob"))
	var all []auth.Session
	for i := range 20 {
		name := fmt.Sprint("user", 20+i)
		all = append(all, first(w.through(e.comes(atCorp(name, login(name))))))
	}
	w.clock.Advance(6 * time.Minute)
	for _, s := range all {
		w.who(s)
	}
	w.FlushUses(t.Context())
	eventually(t, patience, "eight hang", func() bool { return len(hang.begun) == 8 })
	s, _ := w.through(e.comes(atGHE("bob")))
	w.clock.Advance(6 * time.Minute)
	w.who(s)
	eventually(t, patience, "the other is asked", func() bool {
		w.FlushUses(t.Context())
		return e.count() == 1
	})
}

// hanging is providers of which one never answers.
type hanging struct {
	*elsewhere
	of    string
	begun chan struct{}
}

func (h *hanging) Refresh(ctx context.Context, provider, subject string, refresh auth.Secret) (auth.External, error) {
	if provider == h.of {
		h.begun <- struct{}{}
		<-ctx.Done()
		return auth.External{}, &auth.Error{Code: auth.Unavailable, Reason: "slow", Err: ctx.Err()}
	}
	return h.elsewhere.Refresh(ctx, provider, subject, refresh)
}

// A replica whose clock is ahead keeps no other, which is right, from asking
// when it is time.
func TestAskedByAClockThatIsAhead(t *testing.T) {
	w := newWorld(t)
	ahead := storetest.NewClock()
	ahead.Advance(w.clock.Now().Sub(ahead.Now()) + 30*time.Minute)
	fast := worldOver(t, w.store, ahead, func(c *auth.Config) { c.Ring = w.ring })
	e := w.elsewhere(corp(refreshing))
	fast.SetProviders(w.Providers(), e)
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	s, _ := w.through(e.comes(atCorp("1")))
	both := func(d time.Duration) { w.clock.Advance(d); ahead.Advance(d) }
	both(6 * time.Minute)
	fast.used(s)
	fast.settled(e, 1)
	both(6 * time.Minute)
	w.used(s)
	w.settled(e, 2)
}
