package auth_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Who is refused by the provider at a refresh, as who left the organisation,
// has nothing of what it gave, by other credentials too.
func TestWhoIsNotVouchedForKeepsNoGroups(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, second, e := replicas(t, b)
			for _, r := range []*world{w, second} {
				r.SetProviders([]auth.Provider{corp(refreshing), ghe()}, e)
			}
			w.group("crew")
			w.group("hand")
			w.user("alice", withPassword, inGroups("hand"))
			w.link("alice", atCorp("1"))
			key := w.apiKey(w.admin, "alice")
			s, _ := w.through(e.comes(atCorp("1", given("crew"))))
			if !second.who(key).InGroup("crew") {
				t.Fatal("nothing was given")
			}
			e.says("1", func(ext *auth.External) { *ext = auth.External{} })
			w.clock.Advance(6 * time.Minute)
			w.used(s)
			w.settled(e, 1)
			if w.holds(s) {
				t.Error("the session goes on")
			}
			if got := fmt.Sprint(w.who(key).Groups); got != "[hand]" {
				t.Errorf("the key is in %s", got)
			}
			eventually(t, patience, "on the other replica too", func() bool { return fmt.Sprint(second.who(key).Groups) == "[hand]" })
		})
	}
}

// A group that was given beyond the most that count is forgotten with the
// group: made again, it is another one.
func TestAGroupGivenBeyondTheMostIsForgottenWithIt(t *testing.T) {
	w := newWorld(t)
	w.elsewhere()
	var names []string
	for i := range 250 {
		names = append(names, fmt.Sprintf("g%03d", i))
		w.group(names[i])
	}
	w.user("alice", withPassword)
	w.link("alice", atGHE("1"))
	bound := w.link("alice", atCorp("1"))
	w.through(atCorp("1", given(names[:150]...)))
	x := atGHE("1")
	x.Groups = names[150:]
	w.through(x)
	for _, g := range names[150:] {
		must(t, w.Groups.Delete(t.Context(), w.admin, g))
		w.group(g)
	}
	must(t, w.Bindings.Delete(t.Context(), w.admin, bound.ID))
	if u, err := w.Users.Get(t.Context(), w.admin, "alice"); err != nil || len(u.Groups) > 0 {
		t.Errorf("in %d groups that were made again, %v", len(u.Groups), err)
	}
}

// Of two providers of one issuer the one that goes takes what its rules gave.
func TestAProviderThatGoesTakesItsGroupsAlone(t *testing.T) {
	w := newWorld(t)
	staff := corp(func(p *auth.Provider) { p.Name = "staff" })
	e := w.elsewhere(corp(), staff)
	w.group("crew")
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	key := w.apiKey(w.admin, "alice")
	ext := atCorp("1", given("crew"))
	ext.Provider = "staff"
	w.through(ext)
	if !w.who(key).InGroup("crew") {
		t.Fatal("nothing was given")
	}
	w.SetProviders([]auth.Provider{corp()}, e)
	if w.who(key).InGroup("crew") {
		t.Error("what the rules of a provider gave outlives it")
	}
}

// What a provider gave is not for ever where nobody asks it again: a key whose
// owner signed out keeps it no longer than a session would have lived.
func TestWhatWasGivenDoesNotOutliveEverySession(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, _, _ := replicas(t, b)
			w.group("crew")
			w.user("alice", withPassword)
			w.link("alice", atCorp("1"))
			key := w.apiKey(w.admin, "alice")
			s, _ := w.through(atCorp("1", given("crew")))
			must(t, w.Sessions.End(t.Context(), w.who(s)))
			for range 6 { // each sign-in counts from its own time
				w.clock.Advance(24 * time.Hour)
				w.through(atCorp("1", given("crew")))
			}
			w.clock.Advance(167 * time.Hour)
			if !w.who(key).InGroup("crew") {
				t.Error("it is gone before the last session would be")
			}
			w.clock.Advance(3 * time.Hour)
			if w.who(key).InGroup("crew") {
				t.Error("the key is in the group after a week in which nobody asked")
			}
			if u, err := w.Users.Get(t.Context(), w.admin, "alice"); err != nil || len(u.Groups) != 0 {
				t.Errorf("in %v, %v", u.Groups, err)
			}
			w.through(atCorp("1", given("crew")))
			if !w.who(key).InGroup("crew") {
				t.Error("it is not given again")
			}
		})
	}
}

// A group that an administrator sets counts, though a provider that is gone
// gave it once.
func TestAGroupThatIsSetCountsWhoeverGaveItBefore(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere()
	w.group("crew")
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	w.through(atCorp("1", given("crew")))
	w.SetProviders([]auth.Provider{ghe()}, e)
	u, err := w.Users.Update(t.Context(), w.admin, "alice", auth.UserChange{Groups: &[]string{"crew"}})
	if err != nil || fmt.Sprint(u.Groups) != "[crew]" {
		t.Errorf("in %v, %v", u.Groups, err)
	}
}
