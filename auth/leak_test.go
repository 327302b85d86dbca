package auth_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// leaks gives every form in which a secret must not be found: itself, each
// half, and both in base64 and hex.
func leaks(secret string) []string {
	var out []string
	for _, s := range []string{secret, secret[:len(secret)/2], secret[len(secret)/2:]} {
		out = append(out, s, hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s))))
		for skip := range 3 { // base64 at each place within a longer text
			if b := []byte(s)[skip:]; len(b) >= 12 {
				b = b[:len(b)/3*3]
				out = append(out, base64.StdEncoding.EncodeToString(b), base64.URLEncoding.EncodeToString(b))
			}
		}
	}
	return out
}

func TestNoSecretIsKeptOrSaid(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	secrets := map[string]string{"password": rightPassword}
	var said strings.Builder
	say := func(values ...any) {
		for _, v := range values {
			fmt.Fprintf(&said, "%v %+v %#v %s %q %d %x\n", v, v, v, v, v, v, v)
			if text, err := json.Marshal(v); err == nil {
				said.Write(text)
			}
		}
	}
	fails := func(err error) {
		t.Helper()
		if err == nil {
			t.Error("this should have failed")
		}
		say(err)
		fmt.Fprintf(&said, "%#v", err)
	}
	keep := func(name string, s auth.Secret) auth.Secret {
		secrets[name] = s.Reveal()
		say(s, &s)
		return s
	}

	fails(errOf(w.Users.Create(ctx, w.admin, auth.NewUser{Name: "x", Password: keep("refused password", auth.NewSecret("a password without an address"))})))
	n := auth.NewUser{Name: "alice", Email: "alice@example.com", Admin: true, Password: auth.NewSecret(rightPassword)}
	u, err := w.Users.Create(ctx, w.admin, n)
	must(t, err)
	alice := w.who(password("alice"))
	say(u, n, alice, password("alice"), w.Policy())

	key, err := w.Keys.Create(ctx, alice, "alice")
	must(t, err)
	keep("API key", key.Secret)
	shown, err := w.Keys.Show(ctx, alice, "alice")
	must(t, err)
	say(key, shown, auth.APIKey{Secret: key.Secret}, w.who(auth.APIKey{Secret: key.Secret}))
	rotated, err := w.Keys.Rotate(ctx, alice, "alice")
	must(t, err)
	keep("rotated API key", rotated.Secret)

	tok, err := w.Tokens.Create(ctx, alice, auth.NewToken{Reference: true, Life: time.Hour})
	must(t, err)
	keep("token", tok.JWT)
	keep("reference", tok.Reference)
	list, err := w.Tokens.List(ctx, alice, "alice")
	must(t, err)
	say(tok, list, bearer(tok.JWT), w.who(bearer(tok.JWT)), w.who(bearer(tok.Reference)))
	secret, _, err := w.Tokens.ForClient(ctx, w.who(auth.APIKey{Secret: rotated.Secret}))
	must(t, err)
	keep("client token", secret)

	grant, _, err := w.Tokens.Grant(ctx, alice, lfs)
	must(t, err)
	keep("grant", grant)
	say(w.who(bearer(grant)))

	encrypted, err := w.Passwords.Encrypted(ctx, alice)
	must(t, err)
	keep("encrypted password", encrypted)
	say(auth.EncryptedPassword{User: "alice", Secret: encrypted}, w.who(auth.EncryptedPassword{User: "alice", Secret: encrypted}))

	session, info := w.session("alice", true)
	keep("session", session.Secret)
	sessions, err := w.Sessions.List(ctx, alice, "alice")
	must(t, err)
	say(session, info, sessions, w.who(session))

	// Every secret also in the wrong place: as a name, a title, a reason.
	for name, s := range secrets {
		wrong := auth.NewSecret(s[:len(s)-1] + "~")
		for _, p := range []auth.Proof{
			auth.ReadSecret(s, wrong), auth.ReadSecret("alice", wrong), auth.ReadSecret(s, auth.NewSecret(s)), auth.ReadSecret("bob", auth.NewSecret(s)),
			auth.Session{Secret: auth.NewSecret(s + "x")}, auth.APIKey{Secret: auth.NewSecret(s + "x")}, auth.Bearer{User: s, Secret: auth.NewSecret(s + "x")},
		} {
			if pw, clear := p.(auth.Password); clear && (pw.User != s || name == "password") {
				continue // a hash each
			}
			_, err := w.Identify(ctx, home, p)
			fails(err)
		}
		_, _, err := w.Sessions.SignIn(ctx, home, "me", auth.NewSecret(s), false)
		fails(err)
		say(auth.ReadSecret("bob", auth.NewSecret(s)))
	}
	fails(errOf(w.Sessions.Unlock(ctx, w.who(session), auth.NewSecret(rotated.Secret.Reveal()))))
	newPassword := keep("new password", auth.NewSecret("one more long and new password"))
	fails(w.Passwords.Change(ctx, alice, "alice", newPassword, auth.NewSecret(rightPassword)))
	must(t, w.Passwords.Change(ctx, alice, "alice", auth.NewSecret(rightPassword), newPassword))
	w.Close()

	haystacks := map[string]string{"said": said.String(), "audit trail": w.trail.String(), "log": w.log.String()}
	records := 0
	for item, err := range w.store.List(ctx, "") {
		must(t, err)
		haystacks["key "+item.Key] = item.Key
		haystacks["value of "+item.Key] = string(item.Value)
		records++
	}
	if records < 10 || len(haystacks["audit trail"]) < 1000 {
		t.Fatalf("only %d records, %d bytes of audit", records, len(haystacks["audit trail"]))
	}
	for name, s := range secrets {
		for _, form := range leaks(s) {
			for where, text := range haystacks {
				if strings.Contains(text, form) {
					t.Errorf("%s: %s holds %q", name, where, form)
				}
			}
		}
	}
}
