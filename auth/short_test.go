package auth_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// short makes the short token of who's credential, as container clients get it.
func (w *world) short(who auth.Identity) auth.Bearer {
	w.t.Helper()
	secret, expires, err := w.Tokens.Short(w.t.Context(), who)
	must(w.t, err)
	if left := expires.Sub(w.clock.Now()); left <= 0 || left > auth.MaxShort {
		w.t.Fatalf("a short token ends in %v", left)
	}
	return bearer(secret)
}

// A short token opens on every route what its maker opens there, no more and
// no less, whatever the scope.
func TestAShortTokenOpensWhatItsMakerOpens(t *testing.T) {
	w := newWorld(t)
	w.group("devs")
	w.group("ops")
	w.user("alice", withPassword, inGroups("devs", "ops"))
	w.user("root", withPassword, asAdmin)
	alice, root := w.who(password("alice")), w.who(password("root"))
	makers := map[string]auth.Identity{
		"password": alice, "API key": w.who(w.apiKey(alice, "alice")),
		"administrator": root, "API key of an administrator": w.who(w.apiKey(root, "root")),
		"administrator's token": w.who(bearer(w.token(root, auth.NewToken{Scope: "applied-permissions/admin"}).JWT)),
	}
	encrypted, err := w.Passwords.Encrypted(t.Context(), alice)
	must(t, err)
	makers["encrypted password"] = w.who(auth.EncryptedPassword{User: "alice", Secret: encrypted})
	for _, scope := range []string{
		"applied-permissions/user", "applied-permissions/groups:devs", "applied-permissions/groups:devs artifact:lfs/team:r,w",
		"artifact:lfs/team:r", "artifact:lfs/team*/**:r,w", "artifact:team:r", "artifact:**:*", "system:metrics:r",
	} {
		makers[scope] = w.who(bearer(w.token(alice, auth.NewToken{Scope: scope}).JWT))
	}
	var routes []auth.Route
	for _, rule := range []string{"anonymous", "authenticated", "admin", "group:devs", "group:ops", "user:alice", "user:eve"} {
		rules, err := auth.ParseRules([]string{rule})
		must(t, err)
		for _, repositories := range []bool{false, true} {
			routes = append(routes, auth.Route{Name: "lfs", Read: rules, Write: rules, Repositories: repositories})
		}
	}
	for name, maker := range makers {
		who := w.who(w.short(maker))
		if fmt.Sprint(who.Groups, who.Admin, who.Scopes) != fmt.Sprint(maker.Groups, maker.Admin, maker.Scopes) {
			t.Errorf("%s: %v %v %v became %v %v %v", name, maker.Groups, maker.Admin, maker.Scopes, who.Groups, who.Admin, who.Scopes)
		}
		for _, route := range routes {
			for _, repo := range []string{"", "team", "team/deep", "teams/a", "other"} {
				for _, op := range []auth.Op{auth.Read, auth.Write, auth.Delete} {
					want, got := auth.Allow(maker, route, repo, op), auth.Allow(who, route, repo, op)
					if (want == nil) != (got == nil) {
						t.Errorf("%s: %c on %q of %v: the maker %v, the short token %v", name, op, repo, route.Read, want, got)
					}
				}
			}
		}
	}
}

// Nowhere but on routes is it anybody, whoever made it.
func TestAShortTokenHasNoPowerElsewhere(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	w.user("root", withPassword, asAdmin)
	ctx := t.Context()
	for _, name := range []string{"alice", "root"} {
		who := w.who(w.short(w.who(password(name))))
		_, _, err := w.Tokens.Short(ctx, who)
		w.refused("a short token makes another", err)
		_, _, err = w.Tokens.ForClient(ctx, who)
		w.refused("a short token makes a client's token", err)
		for _, scope := range []string{"", "artifact:lfs/team:r", "applied-permissions/admin"} {
			_, err = w.Tokens.Create(ctx, who, auth.NewToken{Scope: scope, Life: time.Minute})
			w.refused("a short token makes a token", err)
			_, err = w.Tokens.Create(ctx, who, auth.NewToken{Owner: "alice", Scope: scope, Life: time.Minute})
			w.refused("a short token makes a token of alice", err)
		}
		_, err = w.Tokens.List(ctx, who, name)
		w.refused("a short token lists tokens", err)
		_, err = w.Keys.Show(ctx, who, name)
		w.refused("a short token shows the API key", err)
		_, err = w.Keys.Create(ctx, who, name)
		w.refused("a short token makes an API key", err)
		_, err = w.SSHKeys.Create(ctx, who, auth.NewSSHKey{Owner: name, Line: line(newSSHKey(t))})
		w.refused("a short token adds an SSH key", err)
		_, err = w.Users.Get(ctx, who, name)
		w.refused("a short token reads the account", err)
		_, err = w.Users.Create(ctx, who, auth.NewUser{Name: "mallory"})
		w.refused("a short token makes an account", err)
		w.refused("a short token disables an account", w.Users.Disable(ctx, who, "alice"))
		_, err = w.Passwords.Encrypted(ctx, who)
		w.refused("a short token encrypts a password", err)
	}
	// Nor do these make one.
	session, _ := w.session("alice", true)
	for what, who := range map[string]auth.Identity{"a session": w.who(session), "nobody": {}, "the socket": w.admin} {
		if _, _, err := w.Tokens.Short(ctx, who); err == nil && who.Via.Kind != auth.KindPassword {
			t.Errorf("%s makes a short token", what)
		}
	}
}

func TestAShortTokenEnds(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	ctx := t.Context()
	alice := w.who(password("alice"))
	again := func() auth.Bearer {
		t.Helper()
		p := w.short(alice)
		if !w.holds(p) {
			t.Fatal("dead at once")
		}
		return p
	}
	dead := func(what string, p auth.Proof) {
		t.Helper()
		if w.holds(p) {
			t.Errorf("a short token outlives %s", what)
		}
	}
	p := again()
	w.clock.Advance(auth.MaxShort - time.Second)
	if !w.holds(p) {
		t.Error("ended early")
	}
	w.clock.Advance(time.Second)
	dead("its end", p)

	key := w.apiKey(alice, "alice")
	p = w.short(w.who(key))
	_, err := w.Keys.Rotate(ctx, alice, "alice")
	must(t, err)
	dead("its API key", p)

	token := w.token(alice, auth.NewToken{Life: time.Minute})
	p = w.short(w.who(bearer(token.JWT)))
	if ends := w.who(p).Expires; ends.After(token.Expires) {
		t.Errorf("ends at %v, its maker at %v", ends, token.Expires)
	}
	must(t, w.Tokens.Revoke(ctx, alice, token.ID))
	dead("its token", p)

	// By its own id: its bearer, its owner, an administrator, and nobody else.
	w.user("eve", withPassword)
	for _, who := range []auth.Identity{alice, w.admin} {
		p, other := again(), again()
		id := w.who(p).Via.ID
		wantCode(t, "somebody else revokes it", w.Tokens.Revoke(ctx, w.who(password("eve")), id), auth.NotFound)
		wantCode(t, "another short token revokes it", w.Tokens.Revoke(ctx, w.who(other), id), auth.Forbidden)
		must(t, w.Tokens.Revoke(ctx, who, id))
		dead("its revocation", p)
		if !w.holds(other) {
			t.Error("another ended as well")
		}
		must(t, w.Tokens.Revoke(ctx, w.who(other), w.who(other).Via.ID))
		dead("its own word", other)
	}

	p = again()
	must(t, w.Users.Disable(ctx, w.admin, "alice"))
	dead("its disabled user", p)
	_, _, err = w.Tokens.Short(ctx, alice)
	wantCode(t, "a disabled user's", err, auth.Unauthenticated)
	must(t, w.Users.Enable(ctx, w.admin, "alice"))
	dead("its disabled user, enabled again", p)

	p = again()
	must(t, w.Passwords.Change(ctx, alice, "alice", auth.NewSecret(rightPassword), auth.NewSecret("another long password of alice")))
	dead("its password", p)

	w.user("boss", withPassword, asAdmin)
	p = w.short(w.who(bearer(w.token(w.who(password("boss")), auth.NewToken{Scope: "applied-permissions/admin"}).JWT)))
	_, err = w.Users.Update(ctx, w.admin, "boss", auth.UserChange{Admin: pointTo(false)})
	must(t, err)
	dead("its administrator's rights", p)
}

// What opens one repository does not open more by becoming a short token, and
// a grant made with a short token is for its repository alone.
func TestShortTokensAndGrantsStayApart(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	rules, err := auth.ParseRules([]string{"authenticated"})
	must(t, err)
	lfs := auth.Route{Name: "lfs", Read: rules, Write: rules, Repositories: true}
	grant := w.grant(w.who(w.short(alice)), auth.Grant{Route: "lfs", Repo: "team", Op: auth.Read, Life: time.Hour})
	who := w.who(grant)
	if who.Expires.Sub(w.clock.Now()) > auth.MaxShort {
		t.Error("a grant outlives the short token that made it")
	}
	if auth.Allow(who, lfs, "team", auth.Read) != nil || auth.Allow(who, lfs, "team", auth.Write) == nil ||
		auth.Allow(who, lfs, "team/deep", auth.Read) == nil || auth.Allow(who, auth.Route{Name: "web", Read: rules}, "", auth.Read) == nil {
		t.Error("a grant made with a short token opens something else than its repository")
	}
	_, _, err = w.Tokens.Short(t.Context(), who)
	w.refused("a grant makes a short token", err)
}
