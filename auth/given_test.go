package auth_test

import (
	"fmt"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

func TestGroupsThatProvidersGive(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, _, e := replicas(t, b)
			ctx := t.Context()
			for _, g := range []string{"a", "b", "c", "hand"} {
				w.group(g)
			}
			w.user("alice", withPassword, inGroups("hand"))
			atCorpLink := w.link("alice", atCorp("1"))
			w.link("alice", atGHE("1"))
			key := w.apiKey(w.admin, "alice")
			in := func(what, want string) {
				t.Helper()
				u, err := w.Users.Get(ctx, w.admin, "alice")
				if err != nil || fmt.Sprint(u.Groups) != want {
					t.Errorf("%s: %v, want %s, %v", what, u.Groups, want, err)
				}
				if who := w.who(key); fmt.Sprint(who.Groups) != want {
					t.Errorf("%s: identified in %v, want %s", what, who.Groups, want)
				}
			}
			update := func(c auth.UserChange) {
				t.Helper()
				must(t, errOf(w.Users.Update(ctx, w.admin, "alice", c)))
			}
			corpGives := func(groups ...string) { w.through(atCorp("1", given(groups...))) }
			gheGives := func(groups ...string) {
				x := atGHE("1")
				x.Groups = groups
				w.through(x)
			}
			in("before", "[hand]")
			corpGives("a", "b", "hand", "unknown", "a", "bad,name")
			in("corp", "[a b hand]")
			gheGives("b", "c")
			in("both", "[a b c hand]")
			corpGives("a")
			in("one less from corp", "[a b c hand]")
			gheGives()
			in("none from ghe", "[a hand]")
			// What was by hand before it was given stays.
			corpGives()
			in("none", "[hand]")
			// An administrator's word: what is set is so at once, and what is given
			// stays given; what is left comes back when it is given again.
			corpGives("a", "b")
			update(auth.UserChange{Groups: &[]string{"a", "c"}})
			in("set", "[a c]")
			corpGives()
			in("not given any more", "[c]")
			corpGives("a", "b")
			update(auth.UserChange{Join: []string{"a"}, Leave: []string{"b", "c"}})
			in("joined and left", "[a]")
			corpGives("b")
			in("joined by hand", "[a b]")
			corpGives()
			in("stays by hand", "[a]")
			// A group that is deleted is forgotten, also by what gave it.
			corpGives("b", "c")
			must(t, w.Groups.Delete(ctx, w.admin, "b"))
			in("deleted", "[a c]")
			w.group("b")
			in("made again", "[a c]")
			corpGives("b", "c")
			in("given again", "[a b c]")
			gheGives("c")
			// A provider that is gone, and unlinking.
			w.SetProviders([]auth.Provider{ghe()}, e)
			in("corp is gone", "[a c]")
			if list, _, err := w.Users.List(ctx, w.admin, auth.Query{Search: "alice"}); err != nil || fmt.Sprint(list[0].Groups) != "[a c]" {
				t.Errorf("%+v, %v", list, err)
			}
			w.SetProviders([]auth.Provider{corp(), ghe()}, e)
			in("corp is back", "[a b c]")
			must(t, w.Bindings.Delete(ctx, w.admin, atCorpLink.ID))
			in("unlinked", "[a c]")
		})
	}
}

// Rights that a provider takes away are away at once, in what is under way too.
func TestGroupsThatAreTakenBackEndWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.elsewhere()
	w.group("crew")
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	s, _ := w.through(atCorp("1", given("crew")))
	who := w.who(s)
	must(t, w.Recheck(t.Context(), who))
	w.through(atCorp("1", given()))
	wantCode(t, "recheck", w.Recheck(t.Context(), who), auth.Unauthenticated)
	if w.who(s).InGroup("crew") {
		t.Error("the group stays")
	}
}

// No more groups than an account may be in are given.
func TestManyGroupsAreGiven(t *testing.T) {
	w := newWorld(t)
	w.elsewhere()
	var names []string
	for i := range 250 {
		names = append(names, fmt.Sprintf("g%03d", i))
		w.group(names[i])
	}
	w.user("alice", withPassword, inGroups(names[240:]...))
	w.link("alice", atCorp("1"))
	s, _ := w.through(atCorp("1", given(names...)))
	if n := len(w.who(s).Groups); n != 200 || !w.who(s).InGroup("g249") {
		t.Errorf("in %d", n)
	}
}
