package auth_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func TestALinkedAccountSignsIn(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, second, e := replicas(t, b)
			w.user("alice", withPassword)
			_, _, err := w.tryThrough(atCorp("1"))
			wantCode(t, "before it is linked", err, auth.NotFound)
			bound := w.link("alice", atCorp("1", login("ali\u202ece")))
			if bound.Owner != "alice" || bound.Login != "alice" || bound.Dormant {
				t.Errorf("%+v", bound)
			}
			s, info := w.through(e.comes(atCorp("1", login("somebody"))))
			who := second.who(s)
			if who.User != "alice" || info.Owner != "alice" || info.Provider != "corp" || who.Provider != "corp" || who.UnlockBy != auth.UnlockAgain || who.Unlockable {
				t.Errorf("%+v, %+v", info, who)
			}
			list, err := w.Bindings.List(t.Context(), who, "alice")
			if err != nil || len(list) != 1 || list[0].ID != bound.ID || list[0].LastUsed.At.IsZero() {
				t.Errorf("%+v, %v", list, err)
			}
			// The same answer once more, from the cache.
			eventually(t, patience, "kept whole", func() bool {
				again := second.who(s)
				return again.Provider == "corp" && again.UnlockBy == auth.UnlockAgain && len(again.Via.Parents) == 1
			})
			// Unlinked, at once here and within a second there.
			must(t, w.Bindings.Delete(t.Context(), w.admin, bound.ID))
			if w.holds(s) {
				t.Error("the session outlives what it was begun through")
			}
			eventually(t, patience, "it ends elsewhere", func() bool { return !second.holds(s) })
			if err := w.Recheck(t.Context(), who); auth.CodeOf(err) != auth.Unauthenticated {
				t.Errorf("recheck: %v", err)
			}
			_, _, err = w.tryThrough(atCorp("1"))
			wantCode(t, "unlinked", err, auth.NotFound)
			// Linked again, the session does not come back.
			w.link("alice", atCorp("1"))
			if w.holds(s) {
				t.Error("a session came back with a later link")
			}
			w.through(atCorp("1"))
		})
	}
}

func TestWhoMayLink(t *testing.T) {
	w := newWorld(t)
	w.elsewhere()
	ctx := t.Context()
	for _, name := range []string{"alice", "bob"} {
		w.user(name, withPassword)
	}
	locked, lockedInfo := w.session("alice", false)
	open, openInfo := w.session("alice", true)
	bob, bobInfo := w.session("bob", true)
	link := func(p auth.Proof, session string, ext auth.External) error {
		return errOf(w.Bindings.Create(ctx, w.who(p), session, ext))
	}
	wantCode(t, "locked", link(locked, lockedInfo.ID, atCorp("1")), auth.Locked)
	wantCode(t, "begun in another session of the same user", link(open, lockedInfo.ID, atCorp("1")), auth.Forbidden)
	wantCode(t, "begun by an attacker, finished by the victim", link(open, bobInfo.ID, atCorp("1")), auth.Forbidden)
	wantCode(t, "begun nowhere", link(open, "", atCorp("1")), auth.Forbidden)
	wantCode(t, "by password", link(password("alice"), "alice", atCorp("1")), auth.Forbidden)
	key := w.apiKey(w.admin, "alice")
	wantCode(t, "by a key", link(key, w.who(key).Via.ID, atCorp("1")), auth.Forbidden)
	wantCode(t, "nobody", errOf(w.Bindings.Create(ctx, auth.Identity{}, "", atCorp("1"))), auth.Forbidden)
	for what, ext := range map[string]auth.External{
		"no provider":        {Provider: "nobody", Issuer: corpIssuer, Subject: "1"},
		"another's issuer":   {Provider: "corp", Issuer: gheIssuer, Subject: "1"},
		"issuer with slash":  {Provider: "corp", Issuer: corpIssuer + "/", Subject: "1"},
		"no subject":         {Provider: "corp", Issuer: corpIssuer},
		"control characters": {Provider: "corp", Issuer: corpIssuer, Subject: "1\x00"},
		"broken text":        {Provider: "corp", Issuer: corpIssuer, Subject: "1\xff"},
		"long":               {Provider: "corp", Issuer: corpIssuer, Subject: strings.Repeat("1", 2000)},
	} {
		wantCode(t, what, link(open, openInfo.ID, ext), auth.Forbidden)
		_, _, err := w.tryThrough(ext)
		wantCode(t, "sign in: "+what, err, auth.Forbidden)
	}
	must(t, link(open, openInfo.ID, atCorp("1")))
	wantCode(t, "twice", link(open, openInfo.ID, atCorp("1")), auth.Exists)
	wantCode(t, "a second one there", link(open, openInfo.ID, atCorp("2")), auth.Exists)
	err := link(bob, bobInfo.ID, atCorp("1"))
	wantCode(t, "another's", err, auth.Exists)
	if strings.Contains(err.Error(), "alice") {
		t.Errorf("it names the other user: %v", err)
	}
	must(t, link(open, openInfo.ID, atGHE("1")))
	must(t, errOf(w.Users.Update(ctx, w.admin, "bob", auth.UserChange{MayUpdateProfile: pointTo(false)})))
	wantCode(t, "kept profile", link(bob, bobInfo.ID, atCorp("2")), auth.Forbidden)
}

func TestWhoMayUnlink(t *testing.T) {
	w := newWorld(t)
	w.elsewhere()
	ctx := t.Context()
	for _, name := range []string{"alice", "eve"} {
		w.user(name, withPassword)
	}
	bound := w.link("alice", atCorp("1"))
	eve, _ := w.session("eve", true)
	wantCode(t, "another's", w.Bindings.Delete(ctx, w.who(eve), bound.ID), auth.NotFound)
	wantCode(t, "another's list", errOf(w.Bindings.List(ctx, w.who(eve), "alice")), auth.Forbidden)
	wantCode(t, "unknown", w.Bindings.Delete(ctx, w.admin, "nothing"), auth.NotFound)
	locked, _ := w.session("alice", false)
	wantCode(t, "locked", w.Bindings.Delete(ctx, w.who(locked), bound.ID), auth.Locked)
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{Admin: pointTo(true)})))
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{InternalPasswordDisabled: pointTo(true)})))
	s, _ := w.through(atCorp("1"))
	w.SetProviders([]auth.Provider{corp(func(p *auth.Provider) { p.Unlock = auth.UnlockOpen }), ghe()}, newElsewhere(t))
	who := w.who(s)
	wantCode(t, "the last way in, also of an administrator", w.Bindings.Delete(ctx, who, bound.ID), auth.Forbidden)
	second, err := w.Bindings.Create(ctx, who, who.Via.ID, atGHE("7"))
	must(t, err)
	// One whose provider is gone is no way in.
	w.SetProviders([]auth.Provider{corp(func(p *auth.Provider) { p.Unlock = auth.UnlockOpen })}, newElsewhere(t))
	wantCode(t, "the last that works", w.Bindings.Delete(ctx, who, bound.ID), auth.Forbidden)
	list, err := w.Bindings.List(ctx, who, "alice")
	if err != nil || len(list) != 2 || list[0].Dormant || !list[1].Dormant {
		t.Errorf("%+v, %v", list, err)
	}
	must(t, w.Bindings.Delete(ctx, who, second.ID))
	must(t, w.Bindings.Delete(ctx, w.admin, bound.ID))
	if w.holds(s) {
		t.Error("the session goes on")
	}
}

// What ends a linked account, and what it is then: nobody's, and free for
// whoever proves to be that person elsewhere.
func TestWhatEndsALinkedAccount(t *testing.T) {
	for what, end := range map[string]func(w *world){
		"reset": func(w *world) { must(w.t, w.choose("alice", w.made("alice").Key, false)) },
		"deleted, and a namesake made": func(w *world) {
			must(w.t, w.Users.Delete(w.t.Context(), w.admin, "alice"))
			w.user("alice", withPassword)
		},
		"deleted": func(w *world) { must(w.t, w.Users.Delete(w.t.Context(), w.admin, "alice")) },
		"deleted, the sweep cut off": func(w *world) {
			item, err := w.store.Get(w.t.Context(), "user/alice")
			must(w.t, err)
			must(w.t, w.store.Delete(w.t.Context(), item.Key))
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.elsewhere()
			w.user("alice", withPassword)
			w.user("bob", withPassword)
			w.link("alice", atCorp("1"))
			s, _ := w.through(atCorp("1"))
			end(w)
			if w.holds(s) {
				t.Error("the session goes on")
			}
			_, _, err := w.tryThrough(atCorp("1"))
			wantCode(t, "sign in", err, auth.NotFound)
			if list, err := w.Bindings.List(t.Context(), w.admin, "alice"); err == nil && len(list) > 0 {
				t.Errorf("listed: %+v", list)
			}
			if b := w.link("bob", atCorp("1")); b.Owner != "bob" {
				t.Errorf("%+v", b)
			}
			if who := w.who(first(w.through(atCorp("1")))); who.User != "bob" {
				t.Errorf("it signs in %s", who.User)
			}
			if w.holds(s) {
				t.Error("the old session came back")
			}
		})
	}
}

func first[A, B any](a A, _ B) A { return a }

// Whoever had the account and linked their own identity has nothing left after
// its owner chose another password, and is told to before.
func TestPreHijackingByALinkedAccount(t *testing.T) {
	w := newWorld(t)
	w.elsewhere()
	w.group("crew")
	w.user("alice", withPassword)
	w.link("alice", atCorp("attacker", given("crew")))
	s, _ := w.through(atCorp("attacker", given("crew")))
	if who := w.who(s); !who.InGroup("crew") {
		t.Fatalf("%+v", who)
	}
	link := w.made("alice")
	view, err := w.Passwords.ShowReset(t.Context(), home, "alice", link.Key)
	if err != nil || view.Ends.Bindings != 1 {
		t.Errorf("%+v, %v", view, err)
	}
	must(t, w.choose("alice", link.Key, false))
	if _, _, err := w.tryThrough(atCorp("attacker")); auth.CodeOf(err) != auth.NotFound || w.holds(s) {
		t.Errorf("the attacker is in: %v", err)
	}
	if u, err := w.Users.Get(t.Context(), w.admin, "alice"); err != nil || len(u.Groups) > 0 {
		t.Errorf("%+v, %v", u, err)
	}
	// Who only forgot the password keeps it.
	w.user("bob", withPassword)
	w.link("bob", atCorp("bob"))
	must(t, w.choose("bob", w.made("bob").Key, true))
	w.through(atCorp("bob"))
}

func TestDisabledStaysDisabled(t *testing.T) {
	w := newWorld(t)
	w.elsewhere(corp(autoCreate), ghe())
	w.user("alice", withPassword)
	bound := w.link("alice", atCorp("1", login("alice")))
	s, _ := w.through(atCorp("1"))
	must(t, w.Users.Disable(t.Context(), w.admin, "alice"))
	_, _, err := w.tryThrough(atCorp("1", login("alice")))
	wantCode(t, "disabled", err, auth.Unauthenticated)
	if u, err := w.Users.Get(t.Context(), w.admin, "alice"); err != nil || u.Enabled || w.holds(s) {
		t.Errorf("%+v, %v", u, err)
	}
	if list, err := w.Bindings.List(t.Context(), w.admin, "alice"); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	// It is not free for others, and makes nobody new.
	w.user("bob", withPassword)
	b, info := w.session("bob", true)
	wantCode(t, "another's", errOf(w.Bindings.Create(t.Context(), w.who(b), info.ID, atCorp("1"))), auth.Exists)
	must(t, w.Users.Enable(t.Context(), w.admin, "alice"))
	if w.holds(s) {
		t.Error("the session came back")
	}
	w.through(atCorp("1"))
	must(t, errOf(w.Users.Update(t.Context(), w.admin, "alice", auth.UserChange{PagesDisabled: pointTo(true)})))
	_, _, err = w.tryThrough(atCorp("1"))
	wantCode(t, "no pages", err, auth.Unauthenticated)
	must(t, w.Bindings.Delete(t.Context(), w.admin, bound.ID))
}

// A provider that is not configured any more lets nobody in, at once; with it
// what it let in comes back, unless it ended.
func TestAProviderThatIsGone(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere()
	w.group("crew")
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	s, _ := w.through(atCorp("1", given("crew")))
	who := w.who(s)
	key := w.apiKey(w.admin, "alice")
	if !w.who(key).InGroup("crew") {
		t.Error("the group is not the account's")
	}
	w.SetProviders([]auth.Provider{ghe()}, e)
	if w.holds(s) {
		t.Error("the session goes on")
	}
	if err := w.Recheck(t.Context(), who); auth.CodeOf(err) != auth.Unauthenticated {
		t.Errorf("recheck: %v", err)
	}
	if w.who(key).InGroup("crew") {
		t.Error("its groups stay")
	}
	if u, err := w.Users.Get(t.Context(), w.admin, "alice"); err != nil || len(u.Groups) != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	// The same name at another issuer is somebody else.
	w.SetProviders([]auth.Provider{corp(func(p *auth.Provider) { p.Issuer = "https://other.example.com" })}, e)
	if w.holds(s) {
		t.Error("another issuer of that name vouches for the session")
	}
	_, _, err := w.tryThrough(auth.External{Provider: "corp", Issuer: "https://other.example.com", Subject: "1"})
	wantCode(t, "the same subject at another issuer", err, auth.NotFound)
	// Another name of the same issuer is the same.
	w.SetProviders([]auth.Provider{corp(func(p *auth.Provider) { p.Name, p.Unlock = "company", auth.UnlockByPassword })}, e)
	if who := w.who(s); who.Provider != "company" || who.UnlockBy != auth.UnlockByPassword || !who.Unlockable || who.InGroup("crew") {
		t.Errorf("%+v", who)
	}
	// What it gives it says itself.
	again := atCorp("1", given("crew"))
	again.Provider = "company"
	if who := w.who(first(w.through(again))); !who.InGroup("crew") {
		t.Errorf("%+v", who)
	}
}

// One identity bound by many at once is bound to one.
func TestManyLinkOneIdentity(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, second, _ := replicas(t, b)
			names := []string{"ann", "ben", "cat", "dan", "eve", "fay"}
			type opened struct {
				who auth.Identity
				w   *world
			}
			var all []opened
			for i, name := range names {
				w.user(name, withPassword)
				s, _ := w.session(name, true)
				all = append(all, opened{w.who(s), []*world{w, second}[i%2]})
			}
			var racers sync.WaitGroup
			codes := make([]auth.Code, len(all))
			for i, o := range all {
				racers.Go(func() {
					_, err := o.w.Bindings.Create(t.Context(), o.who, o.who.Via.ID, atCorp("1"))
					codes[i] = auth.CodeOf(err)
				})
			}
			racers.Wait()
			winner := ""
			for i, code := range codes {
				switch {
				case code == "" && winner == "":
					winner = names[i]
				case code != auth.Exists:
					t.Errorf("%s: %q", names[i], code)
				}
			}
			if who := w.who(first(w.through(atCorp("1")))); who.User != winner {
				t.Errorf("it signs in %s, and %s was told to have it", who.User, winner)
			}
			for _, name := range names {
				list, err := w.Bindings.List(t.Context(), w.admin, name)
				if err != nil || (len(list) == 1) != (name == winner) {
					t.Errorf("%s has %+v, %v", name, list, err)
				}
			}
		})
	}
}

func TestSpend(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, second, _ := replicas(t, b)
			id, until := strings.Repeat("a", 43), w.clock.Now().Add(10*time.Minute)
			var racers sync.WaitGroup
			var mu sync.Mutex
			codes := map[auth.Code]int{}
			for i := range 20 {
				racers.Go(func() {
					err := []*world{w, second}[i%2].Spend(t.Context(), id, until)
					mu.Lock()
					defer mu.Unlock()
					codes[auth.CodeOf(err)]++
				})
			}
			racers.Wait()
			if codes[""] != 1 || codes[auth.Exists] != 19 {
				t.Errorf("%v", codes)
			}
			for what, id := range map[string]string{"short": "a", "long": strings.Repeat("a", 65), "strange": strings.Repeat("ä", 20)} {
				wantCode(t, what, w.Spend(t.Context(), id, until), auth.Invalid)
			}
			w.clock.Advance(11 * time.Minute)
			wantCode(t, "over", w.Spend(t.Context(), id, until), auth.Invalid)
		})
	}
}

// New keys of ours end sessions, and make nobody somebody else.
func TestLinkedAccountsOutliveTheKeys(t *testing.T) {
	w := newWorld(t)
	w.elsewhere(corp(autoCreate))
	w.user("alice", withPassword)
	w.link("alice", atCorp("1", login("alice")))
	s, _ := w.through(atCorp("1"))
	ring, err := w.ring.Renew()
	must(t, err)
	after := w.again(func(c *auth.Config) { c.Ring = ring })
	after.elsewhere(corp(autoCreate))
	if after.holds(s) {
		t.Error("a session outlives the keys")
	}
	if who := after.who(first(after.through(atCorp("1", login("alice"))))); who.User != "alice" {
		t.Errorf("alice came back as %s", who.User)
	}
}

// Two issuers and subjects that read as one when put together are two.
func TestIdentitiesAreToTheLetter(t *testing.T) {
	w := newWorld(t)
	a := auth.Provider{Name: "a", Issuer: "https://id.example.com"}
	b := auth.Provider{Name: "b", Issuer: "https://id.example.com 1"}
	w.elsewhere(a, b)
	w.user("alice", withPassword)
	w.link("alice", auth.External{Provider: "a", Issuer: a.Issuer, Subject: "1 2"})
	for _, ext := range []auth.External{
		{Provider: "b", Issuer: b.Issuer, Subject: "2"},
		{Provider: "b", Issuer: b.Issuer, Subject: "1 2"},
		{Provider: "a", Issuer: a.Issuer, Subject: "1"},
		{Provider: "a", Issuer: a.Issuer, Subject: "1 2 "},
		{Provider: "a", Issuer: a.Issuer, Subject: " 1 2"},
		{Provider: "a", Issuer: a.Issuer, Subject: "1\u00a02"},
	} {
		_, _, err := w.tryThrough(ext)
		wantCode(t, ext.Issuer+" "+ext.Subject, err, auth.NotFound)
	}
}

// However many are unlinked at once, one way in is left; however many of one
// provider are linked at once, there is one.
func TestLinksOfOneUserAtOnce(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, second, e := replicas(t, b)
			for _, r := range []*world{w, second} {
				r.SetProviders([]auth.Provider{corp(func(p *auth.Provider) { p.AutoCreate, p.Unlock = true, auth.UnlockOpen }), ghe()}, e)
			}
			who := w.who(first(w.through(atCorp("1", login("zoe")))))
			var racers sync.WaitGroup
			for i := range 4 {
				racers.Go(func() {
					_, err := []*world{w, second}[i%2].Bindings.Create(t.Context(), who, who.Via.ID, atGHE(string(rune('a'+i))))
					if code := auth.CodeOf(err); code != "" && code != auth.Exists {
						t.Error(err)
					}
				})
			}
			racers.Wait()
			list, err := w.Bindings.List(t.Context(), w.admin, "zoe")
			if err != nil || len(list) != 2 {
				t.Fatalf("%+v, %v", list, err)
			}
			for i, l := range list {
				racers.Go(func() {
					err := []*world{w, second}[i%2].Bindings.Delete(t.Context(), who, l.ID)
					if code := auth.CodeOf(err); code != "" && code != auth.Forbidden && code != auth.Unauthenticated {
						t.Error(err)
					}
				})
			}
			racers.Wait()
			if list, err = w.Bindings.List(t.Context(), w.admin, "zoe"); err != nil || len(list) != 1 {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}
