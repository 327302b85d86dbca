package auth_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
)

// What a secret says it is, is one thing, whatever the user field says, and
// no secret that is not ours opens anything.
func FuzzReadSecret(f *testing.F) {
	w := newWorld(f)
	w.SetMatches(func(string, string) bool { return false })
	w.user("alice", withPassword)
	tok := w.token(w.admin, auth.NewToken{Owner: "alice", Reference: true})
	ours := []string{tok.JWT.Reveal(), tok.Reference.Reveal(), w.apiKey(w.admin, "alice").Secret.Reveal()}
	for _, s := range ours {
		f.Add("alice", s)
		f.Add("", s+"=")
		f.Add("__token__", s[:len(s)-1])
	}
	f.Add("alice", auth.WithChecksum("AP"+strings.Repeat("1", 60)))
	f.Add("bob", "eyJ..")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, user, secret string) {
		p := auth.ReadSecret(user, auth.NewSecret(secret))
		form := map[auth.Form]string{
			auth.FormPassword: "auth.Password", auth.FormAPIKey: "auth.APIKey", auth.FormReference: "auth.Bearer",
			auth.FormJWT: "auth.Bearer", auth.FormEncryptedPassword: "auth.EncryptedPassword",
		}[auth.FormOf(secret)]
		if got := reflect.TypeOf(p).String(); got != form {
			t.Fatalf("%q is a %s, want %s", secret, got, form)
		}
		who, err := w.Identify(t.Context(), home, p)
		if err == nil && (!slices.Contains(ours, secret) || who.User != "alice") {
			t.Fatalf("user %q, secret %q is %s", user, secret, who.User)
		}
		switch auth.CodeOf(err) {
		case "", auth.Unauthenticated, auth.Repeated, auth.Throttled:
		default:
			t.Fatalf("user %q, secret %q: %v", user, secret, err)
		}
	})
}

func FuzzParseScopes(f *testing.F) {
	for _, s := range []string{
		"applied-permissions/user", "applied-permissions/admin", `applied-permissions/groups:a,"b c"`, "artifact:a/b*/**:r,w", "system:metrics:r",
		"artifact:a:*  artifact:b:r", `"`, "artifact:a:b:r", "applied-permissions/groups:",
	} {
		f.Add(s, "artifact:a/b:r")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		s, err := auth.ParseScopes(text)
		if err != nil {
			wantCode(t, text, err, auth.Invalid, "scope")
			return
		}
		again, err := auth.ParseScopes(s.String())
		if err != nil || !reflect.DeepEqual(again, s) || again.String() != s.String() {
			t.Fatalf("%q is %+v, written %q, read %+v (%v)", text, s, s, again, err)
		}
		if !s.Covers(s) {
			t.Fatalf("%q does not cover itself", text)
		}
		u, err := auth.ParseScopes(other)
		if err != nil || !s.Covers(u) || len(s) != 1 || len(u) != 1 || s[0].Kind != auth.ScopeArtifact {
			return
		}
		// Covering means: what the other opens, this opens.
		if name := u[0].Target; !strings.Contains(name, "*") && !(auth.Glob(s[0].Target, name) || underGlob(s[0].Target, name)) {
			t.Fatalf("%q covers %q but does not open %q", s, u, name)
		}
		for _, a := range u[0].Actions {
			if !strings.ContainsRune(s[0].Actions, a) {
				t.Fatalf("%q covers %q", s, u)
			}
		}
	})
}

func underGlob(pattern, name string) bool {
	for i := range name {
		if name[i] == '/' && auth.Glob(pattern, name[:i]) {
			return true
		}
	}
	return false
}

// glob agrees with the plain recursive definition.
func FuzzGlob(f *testing.F) {
	f.Add("a*/**b", "ax/y/b")
	f.Add("***", "a/b")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 12 || len(name) > 12 {
			return
		}
		if got, want := auth.Glob(pattern, name), slowGlob(pattern, name); got != want {
			t.Fatalf("glob(%q, %q) = %v", pattern, name, got)
		}
	})
}

func slowGlob(p, s string) bool {
	switch {
	case p == "":
		return s == ""
	case strings.HasPrefix(p, "**"):
		return slowGlob(p[2:], s) || s != "" && slowGlob(p, s[1:])
	case p[0] == '*':
		return slowGlob(p[1:], s) || s != "" && s[0] != '/' && slowGlob(p, s[1:])
	}
	return s != "" && s[0] == p[0] && slowGlob(p[1:], s[1:])
}

func FuzzCanonicalName(f *testing.F) {
	for _, s := range []string{"alice", "ALICE", "a.b_c-d@e+f", "mi\u212ae", "me", "-x", "..", "", strings.Repeat("a", 65), "a/b", "a\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := auth.CanonicalName(s)
		if err != nil {
			wantCode(t, s, err, auth.Invalid, "name")
			return
		}
		if again, err := auth.CanonicalName(name); err != nil || again != name || len(name) == 0 || len(name) > auth.MaxName || len(name) != len(s) {
			t.Fatalf("%q is %q, and that is %q (%v)", s, name, again, err)
		}
		for _, c := range name {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789._-@+", c) {
				t.Fatalf("%q is %q", s, name)
			}
		}
		if name == "me" || name == "." || name == ".." || name[0] == '-' {
			t.Fatalf("%q is a name", name)
		}
	})
}

func FuzzParseSSHKey(f *testing.F) {
	l := line(newSSHKey(f))
	for _, s := range []string{l, "command=\"x\" " + l, l + l, "ssh-rsa AAAA", "ssh-ed25519-cert-v01@openssh.com AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----", "", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, comment, err := auth.ParseSSHKey(s)
		if err != nil {
			wantCode(t, "refused", err, auth.Invalid, "key")
			if len(err.Error()) > 4096 || !utf8.ValidString(err.Error()) && utf8.ValidString(s) {
				t.Fatalf("%d bytes of error", len(err.Error()))
			}
			return
		}
		if _, cert := key.(*ssh.Certificate); cert || strings.ContainsAny(comment, "\n\r\x00") {
			t.Fatalf("%q is a %T with comment %q", s, key, comment)
		}
		again, _, err := auth.ParseSSHKey(line(key))
		if err != nil || string(again.Marshal()) != string(key.Marshal()) {
			t.Fatalf("%q does not come back: %v", s, err)
		}
	})
}

func FuzzEncryptedPassword(f *testing.F) {
	w := newWorld(f)
	w.SetMatches(func(phc, pw string) bool { return phc != auth.NobodysHash && pw == rightPassword })
	w.user("alice", withPassword)
	good, err := w.Passwords.Encrypted(f.Context(), w.who(password("alice")))
	if err != nil {
		f.Fatal(err)
	}
	body := good.Reveal()[2 : len(good.Reveal())-6]
	f.Add(body, "alice")
	f.Add(strings.Repeat("z", 190), "alice")
	f.Add(strings.Repeat("1", 60), "nobody")
	f.Fuzz(func(t *testing.T, text, user string) {
		_, err := w.Identify(t.Context(), home, auth.EncryptedPassword{User: user, Secret: auth.NewSecret(auth.WithChecksum("AP" + text))})
		if err == nil && (text != body || !strings.EqualFold(user, "alice")) {
			t.Fatalf("%q of %q works", text, user)
		}
		if code := auth.CodeOf(err); code != "" && code != auth.Unauthenticated && code != auth.Repeated {
			t.Fatalf("%q of %q: %v", text, user, err)
		}
	})
}

func FuzzParseRules(f *testing.F) {
	for _, s := range []string{"anonymous", "authenticated", "admin", "group:a b", "user:ALICE", "user:", "group:a,b", "Admin", "admin:", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := auth.ParseRules([]string{s})
		if err != nil {
			if code := auth.CodeOf(err); code != auth.Invalid {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		again, err := auth.ParseRules([]string{r[0].String()})
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%q is %v, read again %v (%v)", s, r, again, err)
		}
		// Only one word opens to somebody unknown.
		if open := auth.Allow(auth.Identity{}, auth.Route{Read: r}, "", auth.Read) == nil; open != (s == "anonymous") {
			t.Fatalf("%q opens to anybody: %v", s, open)
		}
	})
}

func FuzzDecodeIdentity(f *testing.F) {
	w := newWorld(f)
	w.user("alice")
	f.Add(string(auth.EncodeIdentity(w.who(w.apiKey(w.admin, "alice")))))
	f.Add(string(auth.EncodeIdentity(w.admin)))
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		who, ok := auth.DecodeIdentity(s)
		if !ok {
			return
		}
		again, ok := auth.DecodeIdentity(string(auth.EncodeIdentity(who)))
		if !ok || !reflect.DeepEqual(again, who) {
			t.Fatalf("%+v comes back as %+v (%v)", who, again, ok)
		}
	})
}

// Claims signed by our own keys, whatever they are, make nobody else and break
// nothing.
func FuzzClaims(f *testing.F) {
	var once sync.Mutex
	w := newWorld(f)
	w.user("alice")
	tok := w.token(w.admin, auth.NewToken{Owner: "alice"})
	var iss string
	if p := strings.Split(tok.JWT.Reveal(), "."); true {
		_, payload, _ := parts(f, strings.Join(p, "."))
		iss = payload[strings.Index(payload, "jfac@"):][:5+36]
	}
	f.Add(iss, "alice", tok.ID, "applied-permissions/user", int64(1<<40), uint64(1), "ssh_key:0:x", true)
	f.Add(iss, "alice", "g-"+tok.ID, "artifact:lfs/a:r", int64(1<<40), uint64(1), "password:1:", false)
	f.Add(iss, "admin", tok.ID, "", int64(0), uint64(0), "", true)
	f.Fuzz(func(t *testing.T, issuer, user, id, scope string, exp int64, epoch uint64, parent string, access bool) {
		use, typ := seal.Quick, "grant+jwt"
		if access {
			use, typ = seal.Access, "JWT"
		}
		text, err := w.ring.SignJWT(use, typ, map[string]any{
			"iss": issuer, "sub": issuer + "/users/" + user, "jti": id, "scp": scope, "exp": exp, "ep": epoch, "sep": epoch, "uid": user, "par": []string{parent},
		})
		if err != nil {
			return
		}
		once.Lock()
		defer once.Unlock()
		who, err := w.Identify(context.Background(), home, bearer(auth.NewSecret(text)))
		if err == nil && (!access || id != tok.ID || user != "alice" || issuer != iss || who.User != "alice" || who.Admin) {
			t.Fatalf("%s of %s by %s is %s", id, user, issuer, who.User)
		}
		if code := auth.CodeOf(err); code != "" && code != auth.Unauthenticated && code != auth.Repeated {
			t.Fatal(err)
		}
	})
}
