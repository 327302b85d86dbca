package auth_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

func TestCanonicalNames(t *testing.T) {
	for typed, want := range map[string]string{
		"alice": "alice", "ALICE": "alice", "A.b_c-d@e+1": "a.b_c-d@e+1", "0": "0", "_x": "_x",
		strings.Repeat("A", 64): strings.Repeat("a", 64),
	} {
		if got, err := auth.CanonicalName(typed); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", typed, got, err, want)
		}
	}
	for _, typed := range []string{
		"", strings.Repeat("a", 65), "mi\u212Ae", "ba\u017Fh", "älice", "alice bob", "alice\x00", "alice\n", "a/b", "a:b", "a*b", "a%b", "ａlice",
		"me", "ME", ".", "..", "-x", "__token__", "local:0", "\xff",
	} {
		_, err := auth.CanonicalName(typed)
		wantCode(t, fmt.Sprintf("%q", typed), err, auth.Invalid, "name")
	}
}

func TestUsersAreMadeOnce(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := w.user("Alice", func(n *auth.NewUser) { n.DisplayName = "Alice L." })
	if u.Name != "alice" || !u.Enabled || u.Admin || !u.MayUpdateProfile || u.Realm != "internal" || u.Kind != auth.Person || u.DisplayName != "Alice L." {
		t.Errorf("made %+v", u)
	}
	for _, c := range []struct {
		n     auth.NewUser
		code  auth.Code
		field string
	}{
		{auth.NewUser{Name: "ALICE", Email: "b@example.com"}, auth.Exists, "name"},
		{auth.NewUser{Name: "a b", Email: "b@example.com"}, auth.Invalid, "name"},
		{auth.NewUser{Name: "b"}, auth.Invalid, "email"},
		{auth.NewUser{Name: "b", Email: "nobody"}, auth.Invalid, "email"},
		{auth.NewUser{Name: "b", Email: "B <b@example.com>"}, auth.Invalid, "email"},
		{auth.NewUser{Name: "b", Email: "b@example.com\r\nBcc: x@example.com"}, auth.Invalid, "email"},
		{auth.NewUser{Name: "b", Email: strings.Repeat("b", 250) + "@example.com"}, auth.Invalid, "email"},
		{auth.NewUser{Name: "b", Email: "b@example.com", DisplayName: "a\nb"}, auth.Invalid, "display_name"},
		{auth.NewUser{Name: "b", Email: "b@example.com", DisplayName: "a\u202eb"}, auth.Invalid, "display_name"},
		{auth.NewUser{Name: "b", Email: "b@example.com", DisplayName: strings.Repeat("ä", 129)}, auth.Invalid, "display_name"},
		{auth.NewUser{Name: "b", Email: "b@example.com", Kind: "robot"}, auth.Invalid, "kind"},
		{auth.NewUser{Name: "b", Email: "b@example.com", Groups: []string{"none"}}, auth.Invalid, "groups"},
		{auth.NewUser{Name: "b", Email: "b@example.com", Groups: []string{"a,b"}}, auth.Invalid, "groups"},
		{auth.NewUser{Name: "b", Email: "b@example.com", Password: auth.NewSecret("too short")}, auth.Invalid, "password"},
		{auth.NewUser{Name: "b", Email: "b@example.com", Password: auth.NewSecret(strings.Repeat("x", 20))}, auth.Invalid, "password"},
		{auth.NewUser{Name: "b", Email: "b@example.com", Password: auth.NewSecret(strings.Repeat("xy", 600))}, auth.Invalid, "password"},
		{auth.NewUser{Name: "b", Kind: auth.ServiceUser, Password: auth.NewSecret(rightPassword)}, auth.Invalid, "password"},
	} {
		_, err := w.Users.Create(ctx, w.admin, c.n)
		wantCode(t, fmt.Sprintf("%+v", c.n), err, c.code, c.field)
	}
	_, err := w.Users.Get(ctx, w.admin, "b")
	wantCode(t, "what was refused", err, auth.NotFound)
}

func TestOnlyAdministratorsKeepUsersAndGroups(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice")
	w.user("bob")
	alice := w.who(w.apiKey(w.admin, "alice"))
	no := false
	for what, err := range map[string]error{
		"create":       errOf(w.Users.Create(ctx, alice, auth.NewUser{Name: "x", Email: "x@example.com"})),
		"list":         errOf2(w.Users.List(ctx, alice, auth.Query{})),
		"get another":  errOf(w.Users.Get(ctx, alice, "bob")),
		"get nobody":   errOf(w.Users.Get(ctx, alice, "nobody")),
		"update":       errOf(w.Users.Update(ctx, alice, "bob", auth.UserChange{Admin: &no})),
		"disable":      w.Users.Disable(ctx, alice, "bob"),
		"enable":       w.Users.Enable(ctx, alice, "bob"),
		"delete":       w.Users.Delete(ctx, alice, "bob"),
		"delete self":  w.Users.Delete(ctx, alice, "alice"),
		"clear":        w.Users.ClearGuesses(ctx, alice, "bob"),
		"group":        errOf(w.Groups.Create(ctx, alice, "x", "")),
		"group list":   errOf(w.Groups.List(ctx, alice)),
		"group delete": w.Groups.Delete(ctx, alice, "x"),
		"revoke all":   w.Keys.RevokeAll(ctx, alice),
		"update self":  errOf(w.Users.Update(ctx, alice, "alice", auth.UserChange{Email: pointTo("x@example.com")})), // not in person
	} {
		wantCode(t, what, err, auth.Forbidden)
	}
	for what, err := range map[string]error{
		"get":  errOf(w.Users.Get(ctx, auth.Identity{}, "bob")),
		"list": errOf2(w.Users.List(ctx, auth.Identity{}, auth.Query{})),
	} {
		wantCode(t, what+" by nobody", err, auth.Unauthenticated)
	}
	if u, err := w.Users.Get(ctx, alice, "alice"); err != nil || u.Name != "alice" {
		t.Errorf("own account: %+v, %v", u, err)
	}
}

func TestOwnersAlterTheirProfileUnlessItIsFixed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.group("crew")
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	u, err := w.Users.Update(ctx, alice, "alice", auth.UserChange{Email: pointTo("new@example.com"), DisplayName: pointTo("A")})
	if err != nil || u.Email != "new@example.com" || u.DisplayName != "A" {
		t.Errorf("updated %+v, %v", u, err)
	}
	wantCode(t, "no e-mail", errOf(w.Users.Update(ctx, alice, "alice", auth.UserChange{Email: pointTo("")})), auth.Invalid, "email")
	for _, c := range []auth.UserChange{
		{Groups: &[]string{"crew"}}, {Admin: pointTo(true)}, {MayUpdateProfile: pointTo(true)}, {InternalPasswordDisabled: pointTo(true)},
	} {
		wantCode(t, fmt.Sprintf("%+v", c), errOf(w.Users.Update(ctx, alice, "alice", c)), auth.Forbidden)
	}
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{MayUpdateProfile: pointTo(false), Groups: &[]string{"crew"}})))
	alice = w.who(password("alice"))
	if !slices.Equal(alice.Groups, []string{"crew"}) {
		t.Errorf("groups %v", alice.Groups)
	}
	wantCode(t, "fixed profile", errOf(w.Users.Update(ctx, alice, "alice", auth.UserChange{DisplayName: pointTo("B")})), auth.Forbidden)
	wantCode(t, "fixed password", w.Passwords.Change(ctx, alice, "alice", auth.NewSecret(rightPassword), auth.NewSecret("a wholly different one")), auth.Forbidden)
	wantCode(t, "SSH key of a fixed profile", errOf(w.SSHKeys.Create(ctx, alice, auth.NewSSHKey{Line: line(newSSHKey(t))})), auth.Forbidden)
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{DisplayName: pointTo("B")})))
}

func TestAdministratorsDoNotLockThemselvesOut(t *testing.T) {
	w := newWorld(t)
	w.user("boss", asAdmin, withPassword)
	boss := w.who(password("boss"))
	for what, err := range map[string]error{
		"disable": w.Users.Disable(t.Context(), boss, "boss"),
		"delete":  w.Users.Delete(t.Context(), boss, "boss"),
		"demote":  errOf(w.Users.Update(t.Context(), boss, "boss", auth.UserChange{Admin: pointTo(false)})),
	} {
		wantCode(t, what, err, auth.Forbidden)
	}
}

func TestUsersAreListedByPages(t *testing.T) {
	w := newWorld(t)
	var names []string
	for i := range 25 {
		names = append(names, w.user(fmt.Sprintf("u%02d", i)).Name)
	}
	var got []string
	q := auth.Query{Limit: 10}
	for pages := 1; ; pages++ {
		users, next, err := w.Users.List(t.Context(), w.admin, q)
		must(t, err)
		for _, u := range users {
			got = append(got, u.Name)
		}
		if q.After = next; next == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if !slices.Equal(got, names) {
		t.Errorf("listed %v", got)
	}
	users, next, err := w.Users.List(t.Context(), w.admin, auth.Query{Search: "U1", Limit: 10})
	if err != nil || len(users) != 10 || next != "" {
		t.Errorf("found %d, next %q, %v", len(users), next, err)
	}
}

func TestServiceAccountsHaveNoPasswordAndNoPages(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := w.user("ci", asService, func(n *auth.NewUser) { n.Email = "" })
	if u.Kind != auth.ServiceUser || u.Email != "" {
		t.Errorf("made %+v", u)
	}
	wantCode(t, "password", w.Passwords.Change(ctx, w.admin, "ci", auth.Secret{}, auth.NewSecret(rightPassword)), auth.Invalid, "new")
	who := w.who(w.apiKey(w.admin, "ci"))
	if !who.Service {
		t.Error("the identity does not say so")
	}
	tok := w.token(w.admin, auth.NewToken{Owner: "ci", Life: auth.Endless})
	if !w.holds(bearer(tok.JWT)) {
		t.Error("its token is refused")
	}
	_, _, err := w.Sessions.SignIn(ctx, home, "ci", auth.NewSecret(rightPassword), false)
	wantCode(t, "sign in", err, auth.Unauthenticated)
	wantCode(t, "encrypted password", errOf(w.Passwords.Encrypted(ctx, who)), auth.Forbidden)
}

func TestGroups(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, name := range []string{"b", "a", "Wide Name"} {
		w.group(name)
	}
	wantCode(t, "again", errOf(w.Groups.Create(ctx, w.admin, "a", "")), auth.Exists, "name")
	for _, name := range []string{"", "a,b", `a"b`, "a/b", "a:b", "*", " a", "a ", "..", "a\nb", "a\u200bb", "\xff", strings.Repeat("g", 65)} {
		wantCode(t, fmt.Sprintf("%q", name), errOf(w.Groups.Create(ctx, w.admin, name, "")), auth.Invalid, "name")
	}
	wantCode(t, "description", errOf(w.Groups.Create(ctx, w.admin, "c", strings.Repeat("d", 1025))), auth.Invalid, "description")
	wantCode(t, "description", errOf(w.Groups.Update(ctx, w.admin, "a", "\x1b[2J")), auth.Invalid, "description")
	if g, err := w.Groups.Update(ctx, w.admin, "a", "first"); err != nil || g.Description != "first" {
		t.Errorf("%+v, %v", g, err)
	}
	list, err := w.Groups.List(ctx, w.admin)
	if err != nil || len(list) != 3 || list[0].Name != "Wide Name" || list[1].Description != "first" {
		t.Errorf("%+v, %v", list, err)
	}
	w.user("alice", inGroups("b", "a", "b"))
	key := w.apiKey(w.admin, "alice")
	narrow := bearer(w.token(w.admin, auth.NewToken{Owner: "alice", Scope: `applied-permissions/groups:a,"Wide Name"`}).JWT)
	if who := w.who(key); !slices.Equal(who.Groups, []string{"a", "b"}) {
		t.Errorf("groups %v", who.Groups)
	}
	if who := w.who(narrow); !slices.Equal(who.Groups, []string{"a"}) || !who.InGroup("a") || who.InGroup("b") {
		t.Errorf("groups %v", who.Groups)
	}
	must(t, w.Groups.Delete(ctx, w.admin, "a"))
	wantCode(t, "deleted twice", w.Groups.Delete(ctx, w.admin, "a"), auth.NotFound)
	wantCode(t, "deleted", errOf(w.Groups.Get(ctx, w.admin, "a")), auth.NotFound)
	wantCode(t, "deleted", errOf(w.Groups.Update(ctx, w.admin, "a", "")), auth.NotFound)
	w.group("a") // a namesake has none of its members
	if who := w.who(key); !slices.Equal(who.Groups, []string{"b"}) {
		t.Errorf("groups %v", who.Groups)
	}
	if who := w.who(narrow); len(who.Groups) > 0 {
		t.Errorf("groups %v", who.Groups)
	}
}

// Who is in which group is changed in one step, so that two who change it at
// once both get what they asked for.
func TestGroupsAreJoinedAndLeftAtOnce(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	var want []string
	for i := range 20 {
		name := fmt.Sprintf("g%02d", i)
		w.group(name)
		want = append(want, name)
	}
	w.user("alice", withPassword, inGroups("g00", "g01"))
	var both sync.WaitGroup
	for _, g := range want[2:] {
		both.Go(func() { must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{Join: []string{g}}))) })
	}
	both.Go(func() {
		must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{Leave: []string{"g00", "gone"}})))
	})
	both.Wait()
	u, err := w.Users.Get(ctx, w.admin, "alice")
	if err != nil || !slices.Equal(u.Groups, want[1:]) {
		t.Errorf("%v %v, want %v", u.Groups, err, want[1:])
	}
	wantCode(t, "a group that is not there", errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{Join: []string{"gone"}})), auth.Invalid, "groups")
	alice := w.who(password("alice"))
	wantCode(t, "by herself", errOf(w.Users.Update(ctx, alice, "alice", auth.UserChange{Join: []string{"g00"}})), auth.Forbidden)
}

// A password that comes with other changes is set with them or not at all.
func TestAPasswordIsSetWithTheRest(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	w.user("root", asAdmin, withPassword)
	w.user("robot", asService)
	next := auth.NewSecret("an even longer password")
	session, _ := w.session("alice", false)
	wantCode(t, "a short one", errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{Admin: pointTo(true), Password: auth.NewSecret("short")})), auth.Invalid, "password")
	wantCode(t, "for a machine", errOf(w.Users.Update(ctx, w.admin, "robot", auth.UserChange{Admin: pointTo(true), Password: next})), auth.Invalid, "password")
	wantCode(t, "one's own", errOf(w.Users.Update(ctx, w.who(password("root")), "root", auth.UserChange{Password: next})), auth.Forbidden)
	wantCode(t, "by alice", errOf(w.Users.Update(ctx, w.who(password("alice")), "alice", auth.UserChange{Password: next})), auth.Forbidden)
	for _, name := range []string{"alice", "robot"} {
		if u, err := w.Users.Get(ctx, w.admin, name); err != nil || u.Admin {
			t.Errorf("%s: half of the change was made: %+v %v", name, u, err)
		}
	}
	w.who(session)
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{Email: pointTo("a@example.org"), Password: next})))
	if w.holds(password("alice")) || w.holds(session) {
		t.Error("what hung on the old password goes on")
	}
	w.who(auth.Password{User: "alice", Secret: next})
	if !strings.Contains(w.trail.String(), `"action":"password.change","result":"ok","user":"local:0"`) {
		t.Error("the trail does not tell of the password")
	}
}
