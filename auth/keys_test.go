package auth_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func TestOneAPIKeyEach(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	w.user("eve")
	alice, eve := w.who(password("alice")), w.who(w.apiKey(w.admin, "eve"))

	for what, err := range map[string]error{
		"show":   errOf(w.Keys.Show(ctx, alice, "alice")),
		"rotate": errOf(w.Keys.Rotate(ctx, alice, "alice")),
		"revoke": w.Keys.Revoke(ctx, alice, "alice"),
	} {
		wantCode(t, what+" none", err, auth.NotFound)
	}
	first := w.apiKey(alice, "alice")
	wantCode(t, "a second", errOf(w.Keys.Create(ctx, alice, "alice")), auth.Exists)
	shown, err := w.Keys.Show(ctx, w.who(first), "alice")
	if err != nil || !shown.Secret.Equal(first.Secret) || shown.Owner != "alice" || shown.Created.IsZero() {
		t.Errorf("shown %+v, %v", shown, err)
	}
	if s := first.Secret.Reveal(); len(s) != 73 || auth.FormOf(s) != auth.FormAPIKey {
		t.Error("it has not the form of an API key")
	}
	for what, err := range map[string]error{
		"show another's":             errOf(w.Keys.Show(ctx, eve, "alice")),
		"show another's as admin":    errOf(w.Keys.Show(ctx, w.admin, "alice")),
		"create another's":           errOf(w.Keys.Create(ctx, eve, "alice")),
		"rotate another's":           errOf(w.Keys.Rotate(ctx, eve, "alice")),
		"revoke another's":           w.Keys.Revoke(ctx, eve, "alice"),
		"rotate itself":              errOf(w.Keys.Rotate(ctx, w.who(first), "alice")),
		"rotate by what it has made": errOf(w.Keys.Rotate(ctx, w.who(bearer(w.token(w.who(first), auth.NewToken{Life: auth.Endless}).JWT)), "alice")),
	} {
		wantCode(t, what, err, auth.Forbidden)
	}
	next, err := w.Keys.Rotate(ctx, alice, "alice")
	must(t, err)
	second := auth.APIKey{Secret: next.Secret}
	if w.holds(first) || !w.holds(second) {
		t.Error("after the rotation the wrong key works")
	}
	wantCode(t, "of nobody", errOf(w.Keys.Create(ctx, w.admin, "nobody")), auth.NotFound)

	w.SetPolicy(auth.Policy{NoNewAPIKeys: true})
	wantCode(t, "rotate under policy", errOf(w.Keys.Rotate(ctx, alice, "alice")), auth.Forbidden)
	if !w.holds(second) {
		t.Error("a refused rotation ended the key")
	}
	must(t, w.Keys.Revoke(ctx, w.who(second), "alice"))
	wantCode(t, "create under policy", errOf(w.Keys.Create(ctx, alice, "alice")), auth.Forbidden)
	w.apiKey(w.admin, "alice")
}

func TestAPIKeysMadeAtOnce(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	var made atomic.Int32
	var all sync.WaitGroup
	proofs := make([]auth.APIKey, 8)
	for i := range proofs {
		all.Go(func() {
			key, err := w.Keys.Create(t.Context(), w.admin, "alice")
			if code := auth.CodeOf(err); code != "" && code != auth.Exists {
				t.Error(err)
			}
			if err == nil {
				made.Add(1)
			}
			proofs[i] = auth.APIKey{Secret: key.Secret}
		})
	}
	all.Wait()
	live := 0
	for _, p := range proofs {
		if !p.Secret.Empty() && w.holds(p) {
			live++
		}
	}
	if live > 1 || int32(live) != made.Load() {
		t.Errorf("%d were handed out, %d work", made.Load(), live)
	}
}

func TestAfterRevokeAllANewKeyIsMade(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	old := w.apiKey(w.admin, "alice")
	must(t, w.Keys.RevokeAll(t.Context(), w.admin))
	wantCode(t, "rotate", errOf(w.Keys.Rotate(t.Context(), w.admin, "alice")), auth.NotFound)
	next := w.apiKey(w.admin, "alice")
	if w.holds(old) || !w.holds(next) {
		t.Error("the wrong key works")
	}
}

func TestSSHKeys(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	w.user("eve")
	alice, eve := w.who(password("alice")), w.who(w.apiKey(w.admin, "eve"))
	key := newSSHKey(t)
	soon := w.clock.Now().Add(time.Hour)
	info, err := w.SSHKeys.Create(ctx, alice, auth.NewSSHKey{Line: "  " + line(key)[:len(line(key))-1] + " laptop\x1b[31m of alice\n", Expires: soon})
	if err != nil || info.Title != "laptop[31m of alice" || info.Owner != "alice" || info.Type != "ssh-ed25519" || !info.Expires.Equal(soon) {
		t.Fatalf("%+v, %v", info, err)
	}
	if ok, err := w.SSHKeys.Registered(ctx, key); !ok || err != nil {
		t.Errorf("registered: %v, %v", ok, err)
	}
	wantCode(t, "again", errOf(w.SSHKeys.Create(ctx, alice, auth.NewSSHKey{Line: line(key)})), auth.Exists, "key")
	wantCode(t, "another's", errOf(w.SSHKeys.Create(ctx, eve, auth.NewSSHKey{Line: line(key)})), auth.Exists, "key")
	wantCode(t, "in the past", errOf(w.SSHKeys.Create(ctx, alice, auth.NewSSHKey{Line: line(newSSHKey(t)), Expires: w.clock.Now()})), auth.Invalid, "expires")
	wantCode(t, "for another", errOf(w.SSHKeys.Create(ctx, eve, auth.NewSSHKey{Owner: "alice", Line: line(newSSHKey(t))})), auth.Forbidden)
	wantCode(t, "by an SSH key", errOf(w.SSHKeys.Create(ctx, w.who(auth.SSHKey{Key: key}), auth.NewSSHKey{Line: line(newSSHKey(t)), Expires: soon})), auth.Forbidden)
	wantCode(t, "for nobody", errOf(w.SSHKeys.Create(ctx, w.admin, auth.NewSSHKey{Owner: "nobody", Line: line(newSSHKey(t))})), auth.NotFound)
	wantCode(t, "delete another's", w.SSHKeys.Delete(ctx, eve, info.ID), auth.NotFound)
	list, err := w.SSHKeys.List(ctx, alice, "alice")
	if err != nil || len(list) != 1 || list[0].ID != info.ID || list[0].LastUsed.Addr != "192.0.2.7" {
		t.Errorf("%+v, %v", list, err)
	}
	wantCode(t, "list another's", errOf(w.SSHKeys.List(ctx, eve, "alice")), auth.Forbidden)

	must(t, w.SSHKeys.Delete(ctx, alice, info.ID))
	wantCode(t, "twice", w.SSHKeys.Delete(ctx, alice, info.ID), auth.NotFound)
	if w.holds(auth.SSHKey{Key: key}) {
		t.Error("a deleted key works")
	}
	must(t, errOf(w.SSHKeys.Create(ctx, eve, auth.NewSSHKey{Line: line(key)}))) // it is free again
	if who := w.who(auth.SSHKey{Key: key}); who.User != "eve" {
		t.Errorf("it is %s's", who.User)
	}
	must(t, w.Users.Delete(ctx, w.admin, "eve"))
	must(t, errOf(w.SSHKeys.Create(ctx, alice, auth.NewSSHKey{Line: line(key)})))

	// A silent key of a disabled user is not free.
	must(t, w.Users.Disable(ctx, w.admin, "alice"))
	w.user("bob")
	wantCode(t, "of a disabled user", errOf(w.SSHKeys.Create(ctx, w.admin, auth.NewSSHKey{Owner: "bob", Line: line(key)})), auth.Exists, "key")
}

func TestSSHKeyLinesThatAreNone(t *testing.T) {
	good := line(newSSHKey(t))
	for _, text := range []string{
		"", " ", "hello", "ssh-ed25519", "ssh-ed25519 AAAA", good + good, `command="sh" ` + good, "no-pty " + good,
		"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
		good[:30], "ssh-rsa " + good[len("ssh-ed25519 "):], good + "\x00",
	} {
		_, _, err := auth.ParseSSHKey(text)
		wantCode(t, text, err, auth.Invalid, "key")
	}
}
