package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func (w *world) refused(what string, err error) {
	w.t.Helper()
	wantCode(w.t, what, err, auth.Forbidden)
}

// An administrator's credential that ends, or came through SSH, must not live
// on as an endless key in somebody else's name.
func TestAnAdministratorsEndingCredentialMakesNothingEndless(t *testing.T) {
	w := newWorld(t)
	w.user("adm", asAdmin, withPassword)
	w.user("boss", asAdmin)
	adm := w.who(password("adm"))
	ending := w.who(bearer(w.token(adm, auth.NewToken{Life: time.Hour}).JWT))
	sshKey, _ := w.sshKey(adm, "adm", time.Time{})
	throughSSH := w.who(bearer(w.token(w.who(sshKey), auth.NewToken{Life: auth.Endless}).JWT))
	for name, who := range map[string]auth.Identity{"ending token": ending, "SSH key": w.who(sshKey), "token made through SSH": throughSSH} {
		_, err := w.Keys.Create(t.Context(), who, "boss")
		w.refused(name+" makes an API key of another", err)
		_, err = w.SSHKeys.Create(t.Context(), who, auth.NewSSHKey{Owner: "boss", Line: line(newSSHKey(t))})
		w.refused(name+" registers an SSH key of another", err)
		if name == "ending token" {
			_, err = w.Tokens.Create(t.Context(), who, auth.NewToken{Owner: "boss", Life: 2 * time.Hour})
			w.refused(name+" makes a longer token of another", err)
			continue
		}
		_, err = w.Tokens.Create(t.Context(), who, auth.NewToken{Owner: "boss"})
		w.refused(name+" makes a token of another", err)
		_, err = w.Users.Create(t.Context(), who, auth.NewUser{Name: "new", Email: "new@example.com", Admin: true})
		w.refused(name+" makes an administrator", err)
		w.refused(name+" sets another's password", w.Passwords.Change(t.Context(), who, "boss", auth.Secret{}, auth.NewSecret("a password of somebody's choice")))
		yes := true
		_, err = w.Users.Update(t.Context(), who, "boss", auth.UserChange{Admin: &yes})
		w.refused(name+" alters another", err)
	}
	w.apiKey(w.admin, "boss")
	_, err := w.Keys.Rotate(t.Context(), ending, "boss")
	w.refused("an ending token rotates another's API key", err)
	if _, err := w.Keys.Rotate(t.Context(), adm, "boss"); err != nil {
		t.Errorf("in person: %v", err)
	}
}

func TestAGrantOpensItsOneRepository(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	lfs := auth.Route{Name: "lfs", Repositories: true, Read: rules(t, "authenticated"), Write: rules(t, "user:alice")}
	other := auth.Route{Name: "git", Repositories: true, Read: rules(t, "authenticated"), Write: rules(t, "authenticated")}
	web := auth.Route{Name: "web", Read: rules(t, "authenticated"), Write: rules(t, "authenticated")}
	key, info := w.sshKey(w.admin, "alice", time.Time{})
	alice := w.who(key)
	read := w.grant(alice, auth.Grant{Route: "lfs", Repo: "team", Op: auth.Read, Life: 15 * time.Minute})
	write := w.grant(alice, auth.Grant{Route: "lfs", Repo: "team", Op: auth.Write, Life: 15 * time.Minute})
	for _, c := range []struct {
		p     auth.Bearer
		route auth.Route
		repo  string
		op    auth.Op
		ok    bool
	}{
		{read, lfs, "team", auth.Read, true}, {read, lfs, "team", auth.Write, false}, {read, lfs, "team", auth.Delete, false},
		{write, lfs, "team", auth.Read, true}, {write, lfs, "team", auth.Write, true}, {write, lfs, "team", auth.Delete, false},
		{write, lfs, "team/secret", auth.Read, false}, {write, lfs, "team/secret/deep", auth.Read, false},
		{write, lfs, "tea", auth.Read, false}, {write, lfs, "teams", auth.Read, false}, {write, lfs, "", auth.Read, false},
		{write, lfs, "TEAM", auth.Read, false}, {write, lfs, "lfs/team", auth.Read, false}, {write, lfs, "team/", auth.Read, false},
		{write, other, "team", auth.Read, false}, {write, other, "lfs/team", auth.Read, false},
		{write, web, "", auth.Read, false}, {write, web, "team", auth.Read, false},
	} {
		if err := auth.Allow(w.who(c.p), c.route, c.repo, c.op); (err == nil) != c.ok {
			t.Errorf("%c on %s %q: %v", c.op, c.route.Name, c.repo, err)
		}
	}
	// No way out: a child, wider or not, and nothing of the person's.
	who := w.who(write)
	for _, g := range []auth.Grant{
		{Route: "lfs", Repo: "team/secret", Op: auth.Read}, {Route: "git", Repo: "team", Op: auth.Read}, {Route: "lfs", Repo: "*", Op: auth.Read},
	} {
		if _, _, err := w.Tokens.Grant(t.Context(), who, g); err == nil {
			t.Errorf("a grant made the grant %+v", g)
		}
	}
	_, err := w.Tokens.Create(t.Context(), who, auth.NewToken{Scope: "artifact:lfs/team:r", Life: time.Minute})
	w.refused("a grant makes a token", err)
	_, err = w.Keys.Show(t.Context(), who, "alice")
	w.refused("a grant shows the API key", err)
	_, err = w.Keys.Create(t.Context(), who, "alice")
	w.refused("a grant makes an API key", err)
	_, err = w.Users.Get(t.Context(), who, "alice")
	w.refused("a grant reads the account", err)
	_, err = w.SSHKeys.List(t.Context(), who, "alice")
	w.refused("a grant lists keys", err)
	// What a batch hands out hangs on the whole chain.
	child := w.grant(who, auth.Grant{Route: "lfs", Repo: "team", Op: auth.Write, Life: time.Hour})
	if got := w.who(child); got.Expires.After(who.Expires) {
		t.Errorf("the child ends at %v, its parent at %v", got.Expires, who.Expires)
	}
	must(t, w.Tokens.Revoke(t.Context(), w.admin, who.Via.ID))
	if w.holds(write) || w.holds(child) {
		t.Error("a revoked grant, or its child, works")
	}
	if !w.holds(read) {
		t.Error("another grant ended as well")
	}
	must(t, w.SSHKeys.Delete(t.Context(), w.admin, info.ID))
	if w.holds(read) {
		t.Error("a grant works without its key")
	}
}

func TestAGrantEnds(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	key, _ := w.sshKey(w.admin, "alice", time.Time{})
	p := w.grant(w.who(key), auth.Grant{Route: "lfs", Repo: "a", Op: auth.Read, Life: 15 * time.Minute})
	w.clock.Advance(15*time.Minute - 2*time.Second)
	if !w.holds(p) {
		t.Error("ended early")
	}
	w.clock.Advance(2 * time.Second)
	if w.holds(p) {
		t.Error("lives on")
	}
	p = w.grant(w.who(key), auth.Grant{Route: "lfs", Repo: "a", Op: auth.Read, Life: 1000 * time.Hour})
	w.clock.Advance(auth.MaxGrant)
	if w.holds(p) {
		t.Error("a grant outlives MaxGrant")
	}
	p = w.grant(w.who(key), auth.Grant{Route: "lfs", Repo: "a", Op: auth.Read, Life: time.Hour})
	must(t, w.Users.Disable(t.Context(), w.admin, "alice"))
	must(t, w.Users.Enable(t.Context(), w.admin, "alice"))
	if w.holds(p) {
		t.Error("a grant survives that its user was disabled")
	}
	if !w.holds(key) {
		t.Error("the key does not")
	}
}

// Names of repositories come from outside and become part of a scope.
func TestAGrantsRepositoryIsNoScope(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	key, _ := w.sshKey(w.admin, "alice", time.Time{})
	who := w.who(key)
	for _, repo := range []string{
		"", "*", "a*", "**", "a/**", "x:r artifact:secret", "x:r applied-permissions/user", "x:r,w,d", "a b", "a\nb", "a\x00", "..", "a/../b", ".",
		"/a", "a/", "a//b", `a"b`, `a\b`, "a%2fb", "a?b", "a;b", strings.Repeat("a", 600), "\xff",
	} {
		secret, _, err := w.Tokens.Grant(t.Context(), who, auth.Grant{Route: "lfs", Repo: repo, Op: auth.Read, Life: time.Minute})
		if err == nil {
			t.Errorf("a grant for %q: %s", repo, w.who(bearer(secret)).Scopes)
		} else if code := auth.CodeOf(err); code != auth.Invalid {
			t.Errorf("%q: %v", repo, err)
		}
	}
	_, _, err := w.Tokens.Grant(t.Context(), who, auth.Grant{Repo: "a", Op: auth.Read, Life: time.Minute})
	wantCode(t, "no route", err, auth.Invalid)
}

func rules(t testing.TB, texts ...string) auth.Rules {
	t.Helper()
	r, err := auth.ParseRules(texts)
	must(t, err)
	return r
}

// A token for groups opens what these groups open, not what names its user.
func TestAGroupScopeIsNotItsUser(t *testing.T) {
	w := newWorld(t)
	w.group("dev")
	w.group("ops")
	w.user("alice", asAdmin, withPassword, inGroups("dev", "ops"))
	alice := w.who(password("alice"))
	dev := w.who(bearer(w.token(alice, auth.NewToken{Scope: "applied-permissions/groups:dev"}).JWT))
	repo := w.who(bearer(w.token(alice, auth.NewToken{Scope: "artifact:lfs:r"}).JWT))
	for _, c := range []struct {
		rule       string
		dev, whole bool
	}{{"user:alice", false, true}, {"group:dev", true, true}, {"group:ops", false, true}, {"admin", false, true}, {"authenticated", true, true}} {
		route := auth.Route{Name: "lfs", Read: rules(t, c.rule), Repositories: true}
		if err := auth.Allow(dev, route, "x", auth.Read); (err == nil) != c.dev {
			t.Errorf("groups:dev on %s: %v", c.rule, err)
		}
		for name, who := range map[string]auth.Identity{"the user": alice, "an artifact scope": repo} {
			if err := auth.Allow(who, route, "x", auth.Read); (err == nil) != c.whole {
				t.Errorf("%s on %s: %v", name, c.rule, err)
			}
		}
	}
}

// An Identity that is held while rights change has no power from then on, as
// far as Recheck is asked; and none over a namesake in any case.
func TestAHeldIdentity(t *testing.T) {
	w := newWorld(t)
	w.group("dev")
	for what, change := range map[string]func(name string) error{
		"admin taken": func(n string) error {
			_, err := w.Users.Update(t.Context(), w.admin, n, auth.UserChange{Admin: pointTo(false)})
			return err
		},
		"group taken": func(n string) error {
			_, err := w.Users.Update(t.Context(), w.admin, n, auth.UserChange{Groups: &[]string{}})
			return err
		},
		"disabled": func(n string) error { return w.Users.Disable(t.Context(), w.admin, n) },
		"deleted":  func(n string) error { return w.Users.Delete(t.Context(), w.admin, n) },
		"made again": func(n string) error {
			must(t, w.Users.Delete(t.Context(), w.admin, n))
			w.user(n, asAdmin, withPassword, inGroups("dev"))
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			name := strings.ReplaceAll(what, " ", "-")
			w.user(name, asAdmin, withPassword, inGroups("dev"))
			key, _ := w.sshKey(w.admin, name, time.Time{})
			held := []auth.Identity{w.who(password(name)), w.who(key), w.who(w.apiKey(w.admin, name))}
			for _, who := range held {
				must(t, w.Recheck(t.Context(), who))
			}
			must(t, change(name))
			for _, who := range held {
				wantCode(t, string(who.Via.Kind), w.Recheck(t.Context(), who), auth.Unauthenticated)
			}
			if what != "made again" {
				return
			}
			namesake := w.who(password(name))
			held[0].Admin = false // an ordinary user's, that is
			_, err := w.Users.Update(t.Context(), held[0], name, auth.UserChange{Email: pointTo("evil@example.com")})
			if err == nil {
				t.Error("a predecessor altered the namesake's account")
			}
			session, _ := w.session(name, false)
			if err := w.Sessions.RevokeAll(t.Context(), held[0], name); err == nil || !w.holds(session) {
				t.Errorf("a predecessor ended the namesake's sessions: %v", err)
			}
			fresh := w.apiKey(namesake, name)
			if err := w.Keys.Revoke(t.Context(), held[0], name); err == nil || !w.holds(fresh) {
				t.Errorf("a predecessor ended the namesake's API key: %v", err)
			}
			for what, err := range map[string]error{
				"password": w.Passwords.Change(t.Context(), held[0], name, auth.NewSecret(rightPassword), auth.NewSecret("another long password")),
				"key":      failure(w.Keys.Create(t.Context(), held[0], name)),
				"token":    failure(w.Tokens.Create(t.Context(), held[0], auth.NewToken{})),
				"ssh key":  failure(w.SSHKeys.Create(t.Context(), held[0], auth.NewSSHKey{Line: line(newSSHKey(t))})),
				"show":     failure(w.Keys.Show(t.Context(), held[0], name)),
				"encrypt":  failure(w.Passwords.Encrypted(t.Context(), held[0])),
				"account":  failure(w.Users.Get(t.Context(), held[0], name)),
				"tokens":   failure(w.Tokens.List(t.Context(), held[0], name)),
				"sessions": failure(w.Sessions.List(t.Context(), held[0], name)),
				"ssh keys": failure(w.SSHKeys.List(t.Context(), held[0], name)),
			} {
				if err == nil {
					t.Errorf("a predecessor has power over a namesake: %s", what)
				}
			}
		})
	}
}

// Spellings of a name are one name or none: no Unicode folding, and the
// caller's own rules hold however they spell themselves.
func TestSpellingsOfANameOpenNothing(t *testing.T) {
	w := newWorld(t)
	w.user("mike", asAdmin, withPassword)
	mike := w.who(password("mike"))
	key := w.apiKey(mike, "mike")
	for user, ok := range map[string]bool{
		"": true, "mike": true, "MIKE": true, "mi\u212ae": false, "mike ": false, "mike\x00": false, "m\u0131ke": false, "mikes": false, "me": false, "-mike": false,
	} {
		_, err := w.Identify(t.Context(), home, auth.APIKey{User: user, Secret: key.Secret})
		if (err == nil) != ok {
			t.Errorf("the key with user %q: %v", user, err)
		}
	}
	byKey := w.who(key)
	for _, name := range []string{"MIKE", "Mike", "mi\u212ae", "mike/", "mike ", "../user/mike"} {
		if err := w.Passwords.Change(t.Context(), byKey, name, auth.Secret{}, auth.NewSecret("another long password")); err == nil {
			t.Errorf("an administrator's key set the own password as %q", name)
		}
		if err := w.Users.Disable(t.Context(), byKey, name); err == nil {
			t.Errorf("disabled as %q", name)
		}
		_, err := w.Users.Update(t.Context(), byKey, name, auth.UserChange{DisplayName: pointTo("x")})
		if err == nil {
			t.Errorf("updated as %q", name)
		}
		_, err = w.Keys.Create(t.Context(), byKey, name)
		if err == nil {
			t.Errorf("API key of %q", name)
		}
		_, err = w.Tokens.Create(t.Context(), byKey, auth.NewToken{Owner: name})
		if err == nil {
			t.Errorf("token of %q", name)
		}
	}
	if !w.holds(password("mike")) {
		t.Error("the password has changed")
	}
}

// Ids from outside are keys of the store: whatever they hold, they find
// nothing of another kind, and the answer for another's is that of none.
func TestIdsFromOutside(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	session, info := w.session("alice", true)
	alice := w.who(session)
	tok := w.token(alice, auth.NewToken{Reference: true})
	_, ssh := w.sshKey(alice, "alice", time.Time{})
	eve, robot := w.who(password("eve")), w.who(w.apiKey(w.admin, "eve"))
	ids := []string{
		tok.ID, info.ID, ssh.ID, ssh.Fingerprint, "", "/", "..", "alice", "s/alice", "../user/alice", "../system/ring", "x/../" + tok.ID, tok.ID + "/", tok.ID + "\x00",
		strings.ToUpper(tok.ID), "g-" + tok.ID, "g-" + strings.Repeat("/", 36), "g-" + strings.Repeat("\x00", 36), strings.Repeat("x", 4096), "*", "%", "\xff\xfe",
	}
	for _, who := range []auth.Identity{eve, robot} {
		for _, id := range ids {
			for what, err := range map[string]error{
				"token get":      failure(w.Tokens.Get(t.Context(), who, id)),
				"token revoke":   w.Tokens.Revoke(t.Context(), who, id),
				"token rotate":   failure(w.Tokens.Rotate(t.Context(), who, id)),
				"ssh key delete": w.SSHKeys.Delete(t.Context(), who, id),
				"session revoke": w.Sessions.Revoke(t.Context(), who, id),
			} {
				wantCode(t, fmt.Sprintf("%s %.50q", what, id), err, auth.NotFound)
			}
		}
	}
	if !w.holds(session) || !w.holds(bearer(tok.JWT)) || !w.holds(bearer(tok.Reference)) || w.RecordsOf(t.Context(), "revoked/") != 0 {
		t.Error("something ended, or was written")
	}
	// The administrator's finger slips: nothing of another kind ends.
	for _, id := range ids[3:] {
		w.Tokens.Revoke(t.Context(), w.admin, id)
		w.SSHKeys.Delete(t.Context(), w.admin, id)
		w.Sessions.Revoke(t.Context(), w.admin, id)
		w.Groups.Delete(t.Context(), w.admin, id)
		w.Groups.Get(t.Context(), w.admin, id)
	}
	if !w.holds(session) || !w.holds(bearer(tok.JWT)) || !w.holds(bearer(tok.Reference)) {
		t.Error("something ended by an id that is not its own")
	}
}

// failure is the error of a call whose value does not matter.
func failure[T any](_ T, err error) error { return err }

// What came through an administrator's SSH key may shut others out, but lets
// nobody in again: not an account, not its password, not those who guess at it.
func TestAnSSHKeyLetsNobodyInAgain(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("boss", asAdmin, withPassword)
	w.user("alice", withPassword)
	key, _ := w.sshKey(w.admin, "boss", time.Time{})
	secret, _, err := w.Tokens.ForClient(ctx, w.who(key))
	must(t, err)
	for name, who := range map[string]auth.Identity{"key": w.who(key), "token": w.who(bearer(secret))} {
		must(t, w.Passwords.Expire(ctx, who, "alice", "boss"))
		w.refused(name+" makes a password good again", w.Passwords.Unexpire(ctx, who, "alice"))
		w.refused(name+" makes its own password good again", w.Passwords.Unexpire(ctx, who, "boss"))
		w.refused(name+" makes all passwords good again", w.Passwords.Unexpire(ctx, who))
		w.refused(name+" gives guesses back", w.Users.ClearGuesses(ctx, who, "alice"))
		must(t, w.Users.Disable(ctx, who, "alice"))
		w.refused(name+" enables", w.Users.Enable(ctx, who, "alice"))
	}
	if w.holds(password("boss")) {
		t.Error("an expired password works")
	}
	must(t, w.Passwords.Unexpire(ctx, w.admin, "boss"))
	if log := w.trail.String(); strings.Count(log, `"password.expire","result":"ok"`) != 2 || !strings.Contains(log, `"password.unexpire","result":"ok"`) {
		t.Error("the trail does not tell a password that expires from one that is good again")
	}
}
