package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func parts(t testing.TB, token string) (head, payload, signature string) {
	t.Helper()
	p := strings.Split(token, ".")
	h, err := base64.RawURLEncoding.DecodeString(p[0])
	must(t, err)
	b, err := base64.RawURLEncoding.DecodeString(p[1])
	must(t, err)
	return string(h), string(b), p[2]
}

// notIn checks that a Bearer is refused as any other wrong credential.
func (w *world) notIn(what, token string) {
	w.t.Helper()
	begin := time.Now()
	who, err := w.Identify(w.t.Context(), home, bearer(auth.NewSecret(token)))
	if code := auth.CodeOf(err); code != auth.Unauthenticated && code != auth.Repeated || who.Known() {
		w.t.Errorf("%s: %v, identity %q", what, err, who.User)
	}
	if took := time.Since(begin); took > time.Second {
		w.t.Errorf("%s: refused after %v", what, took)
	}
}

// RFC 8725 §3.1: no algorithm is the sender's choice.
func TestForgedAlgorithms(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	tok := w.token(w.admin, auth.NewToken{Owner: "alice"})
	head, payload, signature := parts(t, tok.JWT.Reveal())
	public := string(w.ring.PublicJWKS())
	mac := func(key, text string) string {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(text))
		return b64(string(h.Sum(nil)))
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "HS256", "HS512", "PS256", "RS384", "RS512", "ES256", "EdDSA", "RS256 ", "rs256"} {
		h := strings.Replace(head, "RS256", alg, 1)
		for what, sig := range map[string]string{"kept": signature, "empty": "", "HMAC with our public keys": mac(public, b64(h)+"."+b64(payload)), "HMAC with nothing": mac("", b64(h)+"."+b64(payload))} {
			w.notIn(alg+", signature "+what, b64(h)+"."+b64(payload)+"."+sig)
		}
		w.notIn(alg+", a header alone", b64(fmt.Sprintf(`{"alg":%q}`, alg))+"."+b64(payload)+"."+signature)
	}
	// Keys of the sender's own, named every way there is.
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	for _, h := range []string{
		`{"alg":"ES256","kid":"x","typ":"JWT","ver":"2"}`, `{"alg":"ES256","jku":"http://127.0.0.1:9/k"}`, `{"alg":"ES256","x5u":"http://127.0.0.1:9/k"}`,
		`{"alg":"ES256","kid":"../../dev/null"}`, `{"alg":"ES256","kid":"*"}`, `{"alg":"ES256","kid":"` + strings.Repeat("k", 6000) + `"}`,
		`{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"` + b64(string(private.X.FillBytes(make([]byte, 32)))) + `","y":"` + b64(string(private.Y.FillBytes(make([]byte, 32)))) + `"}}`,
		`{"alg":"ES256","alg":"none"}`, `{"alg":"ES256","crit":["exp"]}`, `{"alg":"ES256","b64":false,"crit":["b64"]}`,
	} {
		text := b64(h) + "." + b64(payload)
		sum := sha256.Sum256([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
		must(t, err)
		sig := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		w.notIn(h, text+"."+b64(string(sig)))
	}
	// Zero, and the order, as r and s (CVE-2022-21449).
	quick := w.grantOf(t, "alice")
	qh, qp, _ := parts(t, quick)
	for _, n := range []*big.Int{new(big.Int), elliptic.P256().Params().N} {
		w.notIn("r and s "+n.String(), b64(qh)+"."+b64(qp)+"."+b64(string(append(n.FillBytes(make([]byte, 32)), n.FillBytes(make([]byte, 32))...))))
	}
	// The two kinds of ours do not stand in for each other.
	w.notIn("a grant's header over a token", b64(qh)+"."+b64(payload)+"."+signature)
	w.notIn("a token's header over a grant", b64(head)+"."+b64(qp)+"."+signature)
	if !w.holds(bearer(tok.JWT)) || !w.holds(bearer(auth.NewSecret(quick))) {
		t.Error("the true ones do not work")
	}
}

func (w *world) grantOf(t *testing.T, user string) string {
	key, _ := w.sshKey(w.admin, user, time.Time{})
	return w.grant(w.who(key), auth.Grant{Route: "lfs", Repo: "a", Op: auth.Read, Life: auth.MaxGrant}).Secret.Reveal()
}

// Whatever is flipped, cut off or added, in any secret: it is another one.
func TestAlteredSecrets(t *testing.T) {
	w := newWorld(t)
	w.SetMatches(func(phc, pw string) bool { return phc != auth.NobodysHash && pw == rightPassword })
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	key := w.apiKey(alice, "alice")
	tok := w.token(alice, auth.NewToken{Reference: true})
	session, _ := w.session("alice", false)
	encrypted, err := w.Passwords.Encrypted(t.Context(), alice)
	must(t, err)
	for name, c := range map[string]struct {
		text string
		as   func(s auth.Secret) auth.Proof
	}{
		"API key":            {key.Secret.Reveal(), func(s auth.Secret) auth.Proof { return auth.APIKey{Secret: s} }},
		"JWT":                {tok.JWT.Reveal(), func(s auth.Secret) auth.Proof { return bearer(s) }},
		"grant":              {w.grantOf(t, "alice"), func(s auth.Secret) auth.Proof { return bearer(s) }},
		"reference":          {tok.Reference.Reveal(), func(s auth.Secret) auth.Proof { return bearer(s) }},
		"session":            {session.Secret.Reveal(), func(s auth.Secret) auth.Proof { return auth.Session{Secret: s} }},
		"encrypted password": {encrypted.Reveal(), func(s auth.Secret) auth.Proof { return auth.EncryptedPassword{User: "alice", Secret: s} }},
	} {
		if !w.holds(c.as(auth.NewSecret(c.text))) {
			t.Fatalf("%s: the true one does not work", name)
		}
		var tries []string
		for i := range c.text {
			b := []byte(c.text)
			switch {
			case 'a' <= b[i] && b[i] <= 'z', 'A' <= b[i] && b[i] <= 'Z':
				b[i] ^= 0x20
			case b[i] == '.':
				b[i] = '-'
			default:
				b[i] ^= 1
			}
			tries = append(tries, string(b))
		}
		for _, n := range []int{0, 1, 2, 10, len(c.text) / 2, len(c.text) - 6, len(c.text) - 1} {
			tries = append(tries, c.text[:n], c.text[n:n]+c.text[min(n+1, len(c.text)):])
		}
		for _, extra := range []string{" ", "\n", "\r\n", "\t", "\x00", "=", "==", "%", "A", ".", ".A", "/", ",", ";", c.text} {
			tries = append(tries, c.text+extra, extra+c.text)
		}
		tries = append(tries, strings.ToLower(c.text), strings.ToUpper(c.text), strings.ReplaceAll(c.text, ".", "%2e"),
			strings.ReplaceAll(strings.ReplaceAll(c.text, "-", "+"), "_", "/")+"=", "Bearer "+c.text, `"`+c.text+`"`)
		for _, s := range tries {
			if s == c.text {
				continue
			}
			if w.holds(c.as(auth.NewSecret(s))) {
				t.Errorf("%s: altered to %q it works", name, s)
			}
		}
	}
}

// Every kind of secret at every entrance, with every user: it opens its own
// entrance, for its owner or nobody named, and no other.
func TestConfusionOfKindsAndOwners(t *testing.T) {
	w := newWorld(t)
	w.SetMatches(func(phc, pw string) bool { return phc != auth.NobodysHash && pw == rightPassword })
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	alice := w.who(password("alice"))
	tok := w.token(alice, auth.NewToken{Reference: true})
	session, _ := w.session("alice", false)
	encrypted, err := w.Passwords.Encrypted(t.Context(), alice)
	must(t, err)
	apiKey := w.apiKey(alice, "alice")
	const (
		asKey = iota
		asBearer
		asPassword
		asEncrypted
		asSession
	)
	entrances := []func(user string, s auth.Secret) auth.Proof{
		func(u string, s auth.Secret) auth.Proof { return auth.APIKey{User: u, Secret: s} },
		func(u string, s auth.Secret) auth.Proof { return auth.Bearer{User: u, Secret: s} },
		func(u string, s auth.Secret) auth.Proof { return auth.Password{User: u, Secret: s} },
		func(u string, s auth.Secret) auth.Proof { return auth.EncryptedPassword{User: u, Secret: s} },
		func(_ string, s auth.Secret) auth.Proof { return auth.Session{Secret: s} },
	}
	secrets := []struct {
		name     string
		secret   auth.Secret
		entrance int
		nameless bool // good without a user
	}{
		{"grant", auth.NewSecret(w.grantOf(t, "alice")), asBearer, true}, {"API key", apiKey.Secret, asKey, true}, {"JWT", tok.JWT, asBearer, true}, {"reference", tok.Reference, asBearer, true},
		{"password", auth.NewSecret(rightPassword), asPassword, false},
		{"encrypted", encrypted, asEncrypted, false}, {"session", session.Secret, asSession, true},
		{"token id", auth.NewSecret(tok.ID), -1, false}, {"nothing", auth.Secret{}, -1, false}, {"null", auth.NewSecret("null"), -1, false}, {"session id", auth.NewSecret(w.who(session).Via.ID), -1, false},
	}
	for _, s := range secrets {
		for i, enter := range entrances {
			for _, user := range []string{"", "alice", "ALICE", "eve", "nobody", "__token__", "alice\x00", "alic\u0435", tok.JWT.Reveal(), "*", "alice,eve"} {
				owner := user == "alice" || user == "ALICE"
				want := i == s.entrance && (owner || user == "" && s.nameless || i == asSession)
				// A password of eve's is the same text.
				if s.name == "password" && i == asPassword && user == "eve" {
					continue
				}
				w.clock.Advance(time.Minute) // budgets and repetitions are not the matter here
				who, err := w.Identify(t.Context(), from(i), enter(user, s.secret))
				if code := auth.CodeOf(err); (err == nil) != want || err != nil && code != auth.Unauthenticated && code != auth.Repeated && code != auth.Throttled {
					t.Errorf("%s at entrance %d with user %.20q: %v, want %v", s.name, i, user, err, want)
				} else if err == nil && who.User != "alice" {
					t.Errorf("%s is %s", s.name, who.User)
				}
				// ReadSecret finds the right entrance and no other.
				if p := auth.ReadSecret(user, s.secret); s.entrance >= 0 && s.entrance < asSession {
					if want := enter(user, s.secret); i == s.entrance && user != "__token__" && p != want {
						t.Errorf("ReadSecret(%s) is a %T", s.name, p)
					}
				}
			}
		}
		// Nor does a sign-in page take anything but a password.
		_, _, err := w.Sessions.SignIn(t.Context(), home, "alice", s.secret, false)
		if (err == nil) != (s.name == "password") {
			t.Errorf("sign-in with a %s: %v", s.name, err)
		}
	}
}

// RFC 8725 §3.8 to §3.12: issuer, kind and time of what our own keys signed.
func TestClaimsOfOurOwnKeys(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	tok := w.token(w.admin, auth.NewToken{Owner: "alice", Life: time.Hour})
	_, payload, _ := parts(t, tok.JWT.Reveal())
	var good map[string]any
	must(t, json.Unmarshal([]byte(payload), &good))
	sign := func(use seal.Use, typ string, change map[string]any) string {
		claims := map[string]any{}
		for k, v := range good {
			claims[k] = v
		}
		for k, v := range change {
			if v == nil {
				delete(claims, k)
			} else {
				claims[k] = v
			}
		}
		text, err := w.ring.SignJWT(use, typ, claims)
		must(t, err)
		return text
	}
	if !w.holds(bearer(auth.NewSecret(sign(seal.Access, "JWT", nil)))) {
		t.Fatal("the same claims do not work")
	}
	iss := good["iss"].(string)
	for what, change := range map[string]map[string]any{
		"no issuer": {"iss": nil}, "another issuer": {"iss": "jfac@other"}, "issuer of the same beginning": {"iss": iss + "x"},
		"no subject": {"sub": nil}, "another subject": {"sub": iss + "/users/admin"}, "subject elsewhere": {"sub": "jfac@x/users/alice"}, "subject is no user": {"sub": iss},
		"no id": {"jti": nil}, "another id": {"jti": "00000000-0000-4000-8000-000000000000"}, "a path as id": {"jti": "../user/alice"}, "an id of another type": {"jti": 1},
		"expired": {"exp": w.clock.Now().Unix()}, "long expired": {"exp": 1}, "expiry as text": {"exp": "9999999999"}, "expiry beyond numbers": {"exp": 1e99},
		"expiry before all time": {"exp": -1},
	} {
		w.notIn(what, sign(seal.Access, "JWT", change))
	}
	for _, typ := range []string{"jwt", "grant+jwt", "at+jwt", "latchkey-assertion+jwt", "JOSE"} {
		w.notIn("typ "+typ, sign(seal.Access, typ, nil))
	}
	w.notIn("a token's claims as a grant", sign(seal.Quick, "grant+jwt", nil))
	w.notIn("a token's claims, quickly signed", sign(seal.Quick, "JWT", nil))
	w.notIn("an assertion", sign(seal.Assertion, "latchkey-assertion+jwt", nil))
	w.notIn("an assertion as a token", sign(seal.Assertion, "JWT", nil))
	w.notIn("an assertion as a grant", sign(seal.Assertion, "grant+jwt", nil))
	// Grants say all themselves, so each part of theirs is asked.
	_, gp, _ := parts(t, w.grantOf(t, "alice"))
	good = map[string]any{}
	must(t, json.Unmarshal([]byte(gp), &good))
	for _, k := range []string{"uid", "ep", "sep"} { // numbers came back as floats
		if f, ok := good[k].(float64); ok {
			good[k] = uint64(f)
		}
	}
	good["iat"], good["exp"] = int64(good["iat"].(float64)), int64(good["exp"].(float64))
	if !w.holds(bearer(auth.NewSecret(sign(seal.Quick, "grant+jwt", nil)))) {
		t.Fatal("the same grant does not work")
	}
	for what, change := range map[string]map[string]any{
		"no end": {"exp": nil}, "no user id": {"uid": nil}, "another user's id": {"uid": "x"}, "no parents": {"par": nil}, "empty parents": {"par": []string{}},
		"another epoch": {"ep": 1}, "no epoch": {"ep": nil}, "another epoch of the system": {"sep": 99}, "no id": {"jti": nil}, "a token's id": {"jti": tok.ID},
		"no scope": {"scp": nil}, "a broken scope": {"scp": "everything"}, "a parent of no kind": {"par": []string{"local:0:x"}}, "an unknown parent": {"par": []string{"ssh_key:0:x"}},
		"a parent without end": {"par": []string{"password"}}, "too many parents": {"par": strings.Split(strings.Repeat("short_token:0:x ", 20), " ")},
	} {
		w.notIn("grant, "+what, sign(seal.Quick, "grant+jwt", change))
	}
}

// Another installation's tokens are nothing here: not with its keys and our
// id, nor with our keys and its id, nor of a namesake of its store.
func TestTokensOfAnotherInstallation(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	tok := w.token(w.admin, auth.NewToken{Owner: "alice", Reference: true})
	ring, err := seal.NewRing()
	must(t, err)
	withRing := func(c *auth.Config) { c.Ring = ring }

	sameStore := worldOver(t, w.store, w.clock, withRing) // same id, other keys
	c := w.clock.(*storetest.Clock)
	otherStore := worldOver(t, storetest.NewMemory(c.Now), c) // same keys, other id
	otherStore.user("alice")
	for what, other := range map[string]*world{"other keys": sameStore, "other installation": otherStore} {
		if other.holds(bearer(tok.JWT)) || other.holds(bearer(tok.Reference)) || other.holds(bearer(auth.NewSecret(w.grantOf(t, "alice")))) {
			t.Errorf("%s: our token works there", what)
		}
		theirs := other.token(other.admin, auth.NewToken{Owner: "alice", Reference: true})
		if what == "other installation" && (w.holds(bearer(theirs.JWT)) || w.holds(bearer(theirs.Reference)) || w.holds(bearer(auth.NewSecret(other.grantOf(t, "alice"))))) {
			t.Errorf("%s: their token works here", what)
		}
		if what == "other keys" && (w.holds(bearer(theirs.JWT)) || w.holds(bearer(theirs.Reference))) {
			t.Errorf("%s: their token works here", what)
		}
	}
}

// What a parser chokes on costs nothing and is a no.
func TestBombs(t *testing.T) {
	w := newWorld(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	mega := strings.Repeat("A", 1<<20)
	deep := strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)
	for what, s := range map[string]string{
		"a header of a megabyte": "eyJ" + mega + ".e30.AA", "a million dots": "eyJ" + strings.Repeat(".", 1<<20), "two dots": "eyJ..",
		"five parts": "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJwMmMiOjEwMDAwMDAwMDB9.a.b.c.d", "deep": b64(deep) + "." + b64(deep) + ".AA",
		"deep after eyJ": "eyJ" + b64(deep)[3:min(len(b64(deep)), 7000)] + ".e30.AA", "a deflated one": b64(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`) + "..a.b.c",
		"nothing": "", "null": "null", "spaces": "eyJ a.b.c", "lines": "eyJ\n.\n.\n", "just the limit": "eyJ" + strings.Repeat("A", 8000) + ".e30.AA",
	} {
		w.notIn(what, s)
		for _, p := range []auth.Proof{
			auth.APIKey{Secret: auth.NewSecret(s)}, auth.Session{Secret: auth.NewSecret(s)}, auth.EncryptedPassword{User: s, Secret: auth.NewSecret(s)},
			auth.APIKey{User: s, Secret: auth.NewSecret("AKCp8")},
		} {
			if w.holds(p) {
				t.Errorf("%s: a %T works", what, p)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// Ten thousand keys have their form, no two are alike, and their checksum
// tells a typing error.
func TestSecretsHaveTheirForm(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		s := auth.NewAPIKeyText()
		if len(s) != 73 || !strings.HasPrefix(s, "AKCp8") || auth.FormOf(s) != auth.FormAPIKey || seen[s] {
			t.Fatalf("%q", s)
		}
		seen[s] = true
	}
}
