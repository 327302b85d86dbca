package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

func basicText(text string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(text))
}

// add gives a request one more copy of a header.
func add(name, value string) with {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = append(r.Header.Values(name), value) }
}

// TestWhichCredentialCounts is the contract's table, on a route for everybody
// known and on one for anybody.
func TestWhichCredentialCounts(t *testing.T) {
	f := openFront(t, nil)
	key := func(v string) with { return add("X-JFrog-Art-Api", v) }
	old := func(v string) with { return add("X-Api-Key", v) }
	authz := func(v string) with { return add("Authorization", v) }
	all := func(w ...with) []with { return w }
	for _, c := range []struct {
		name  string
		shown []with
		want  int    // on the private route; on the open one 401 is 200 when nothing explicit is shown
		user  string // with 200
	}{
		{"nothing", nil, 401, ""},
		{"key header, API key", all(key(f.aliceKey)), 200, "alice"},
		{"key header, reference token", all(key(f.aliceReference)), 200, "alice"},
		{"key header, JWT", all(key(f.aliceToken)), 403, ""},
		{"key header, encrypted password", all(key(f.aliceEncrypted)), 403, ""},
		{"key header, password", all(key(frontAlice)), 403, ""},
		{"key header, empty", all(key("")), 403, ""},
		{"key header, truncated", all(key(f.aliceKey[:72])), 403, ""},
		{"key header, checksum wrong", all(key(f.aliceKey[:72] + "#")), 403, ""},
		{"old key header", all(old(f.aliceKey)), 200, "alice"},
		{"old key header, wrong", all(old("x")), 403, ""},
		{"both key headers, equal", all(key(f.aliceKey), old(f.aliceKey)), 200, "alice"},
		{"both key headers, different", all(key(f.aliceKey), old(f.eveKey)), 400, ""},
		{"equal copies of a key header", all(key(f.aliceKey), key(f.aliceKey)), 200, "alice"},
		{"different copies of a key header", all(key(f.aliceKey), key(f.eveKey)), 400, ""},

		{"bearer, API key", all(authz("Bearer " + f.aliceKey)), 200, "alice"},
		{"bearer, JWT", all(authz("Bearer " + f.aliceToken)), 200, "alice"},
		{"bearer, reference", all(authz("bearer " + f.aliceReference)), 200, "alice"},
		{"bearer, password", all(authz("Bearer " + frontAlice)), 401, ""},
		{"bearer, encrypted password", all(authz("Bearer " + f.aliceEncrypted)), 401, ""},
		{"bearer, session id", all(authz("Bearer " + f.aliceSession)), 401, ""},
		{"bearer, empty", all(authz("Bearer ")), 401, ""},
		{"bearer, alone", all(authz("Bearer")), 401, ""},
		{"bearer, truncated", all(authz("Bearer " + f.aliceToken[:len(f.aliceToken)-1])), 401, ""},
		{"bearer, extended", all(authz("Bearer " + f.aliceToken + "=")), 401, ""},
		{"bearer, two words", all(authz("Bearer " + f.aliceToken + " x")), 401, ""},
		{"bare JWT", all(authz(f.aliceToken)), 200, "alice"},
		{"bare reference", all(authz(f.aliceReference)), 200, "alice"},
		{"bare nonsense", all(authz("hunter2")), 401, ""},
		{"another scheme", all(authz("Negotiate " + f.aliceToken)), 401, ""},
		{"empty Authorization", all(authz("")), 401, ""},

		{"basic, password", all(authz(basicText("alice:" + frontAlice))), 200, "alice"},
		{"basic, scheme in capitals", all(authz("BASIC" + basicText("alice:" + frontAlice)[5:])), 200, "alice"},
		{"basic, name in capitals", all(authz(basicText("Alice:" + frontAlice))), 200, "alice"},
		{"basic, encrypted password", all(authz(basicText("alice:" + f.aliceEncrypted))), 200, "alice"},
		{"basic, API key", all(authz(basicText("alice:" + f.aliceKey))), 200, "alice"},
		{"basic, JWT", all(authz(basicText("alice:" + f.aliceToken))), 200, "alice"},
		{"basic, reference", all(authz(basicText("alice:" + f.aliceReference))), 200, "alice"},
		{"basic, API key, no user", all(authz(basicText(":" + f.aliceKey))), 200, "alice"},
		{"basic, JWT, __token__", all(authz(basicText("__token__:" + f.aliceToken))), 200, "alice"},
		{"basic, API key of another", all(authz(basicText("eve:" + f.aliceKey))), 401, ""},
		{"basic, JWT of another", all(authz(basicText("eve:" + f.aliceToken))), 401, ""},
		{"basic, encrypted password of another", all(authz(basicText("eve:" + f.aliceEncrypted))), 401, ""},
		{"basic, wrong password", all(authz(basicText("alice:wrong"))), 401, ""},
		{"basic, password null", all(authz(basicText("alice:null"))), 401, ""},
		{"basic, no password", all(authz(basicText("alice:"))), 401, ""},
		{"basic, nothing", all(authz(basicText(":"))), 401, ""},
		{"basic, password without user", all(authz(basicText(":" + frontAlice))), 401, ""},
		{"basic, password of __token__", all(authz(basicText("__token__:" + frontAlice))), 401, ""},
		{"basic, key as user", all(authz(basicText(f.aliceKey + ":"))), 401, ""},
		{"basic, key as user and password", all(authz(basicText(f.aliceKey + ":" + f.aliceKey))), 401, ""},
		{"basic, JWT as user", all(authz(basicText(f.aliceToken + ":x"))), 401, ""},
		{"basic, unknown user", all(authz(basicText("nobody:" + frontAlice))), 401, ""},
		{"basic, Kelvin sign", all(authz(basicText("eve\u212a:" + frontEve))), 401, ""},
		{"basic, no base64", all(authz("Basic !!")), 400, ""},
		{"basic, no colon", all(authz(basicText("alice"))), 400, ""},
		{"basic, alone", all(authz("Basic")), 400, ""},
		{"basic, not UTF-8", all(authz(basicText("alice:\xff"))), 400, ""},
		{"basic, NUL", all(authz(basicText("alice:" + frontAlice + "\x00"))), 400, ""},
		{"basic, newline", all(authz(basicText("alice:" + frontAlice + "\n"))), 400, ""},
		{"basic, blank behind", all(authz(basicText("alice:" + frontAlice + " "))), 401, ""},
		{"too long", all(authz("Bearer " + strings.Repeat("a", 20<<10))), 400, ""},
		{"equal copies of Authorization", all(authz("Bearer "+f.aliceToken), authz("Bearer "+f.aliceToken)), 200, "alice"},
		{"different copies of Authorization", all(authz("Bearer "+f.aliceToken), authz("Bearer "+f.aliceReference)), 400, ""},

		{"key and token of one user", all(key(f.aliceKey), authz("Bearer "+f.aliceToken)), 200, "alice"},
		{"key and password of one user", all(key(f.aliceKey), authz(basicText("alice:"+frontAlice))), 200, "alice"},
		{"key and token of two users", all(key(f.eveKey), authz("Bearer "+f.aliceToken)), 400, ""},
		{"key and password of two users", all(key(f.aliceKey), authz(basicText("eve:"+frontEve))), 400, ""},
		{"good key, bad token", all(key(f.aliceKey), authz("Bearer x")), 401, ""},
		{"bad key, good token", all(key("x"), authz("Bearer "+f.aliceToken)), 403, ""},

		{"session", all(f.session()), 200, "alice"},
		{"session twice", all(f.session(), f.session()), 200, "alice"},
		{"session and another", all(f.session(), add("Cookie", "latchkey=x")), 401, ""},
		{"cookie of the other scheme", all(add("Cookie", "__Host-latchkey="+f.aliceSession)), 401, ""},
		{"wrong session", all(add("Cookie", "latchkey=x")), 401, ""},
		{"API key as session", all(add("Cookie", "latchkey="+f.aliceKey)), 401, ""},
		{"good session, bad key", all(f.session(), key("x")), 403, ""},
		{"good session, bad token", all(f.session(), authz("Bearer x")), 401, ""},
		{"good session of alice, key of eve", all(f.session(), key(f.eveKey)), 200, "eve"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := f.send("GET", "/private/x", "", c.shown...).want(t, c.want)
			if c.want == 200 {
				if user := got.echoed(t).Header.Get("X-Forwarded-User"); user != c.user {
					t.Errorf("user %q, want %q", user, c.user)
				}
			}
			explicit := false
			r, _ := http.NewRequest("GET", "http://x", nil)
			for _, w := range c.shown {
				w(r)
			}
			for _, name := range []string{"Authorization", "X-Jfrog-Art-Api", "X-Api-Key"} {
				explicit = explicit || r.Header[name] != nil
			}
			onOpen := c.want
			if !explicit && onOpen == 401 {
				onOpen = 200
			}
			f.send("GET", "/open/x", "", c.shown...).want(t, onOpen)
		})
	}
}

func TestQueryIsNoCredential(t *testing.T) {
	f := openFront(t, nil)
	for _, name := range []string{"apikey", "api_key", "access_token", "token", "X-JFrog-Art-Api", "private_token"} {
		f.send("GET", "/private/x?"+name+"="+f.aliceKey, "").want(t, 401)
		f.send("GET", "/private/x?"+name+"="+f.aliceToken, "").want(t, 401)
	}
	f.send("GET", "/open/-/user/token/"+f.aliceToken, "").want(t, 200)
	f.send("GET", "/none/"+f.aliceKey+"/"+f.aliceReference, "").want(t, 404)
	for _, secret := range []string{f.aliceKey, f.aliceToken, f.aliceReference} {
		if strings.Contains(f.log.String(), secret) {
			t.Error("a secret of a URL is in the log")
		}
	}
}

// TestRefusalsAreAlike compares every byte but the request's id.
func TestRefusalsAreAlike(t *testing.T) {
	f := openFront(t, nil)
	if err := f.auth.Users.Disable(t.Context(), f.admin, "eve"); err != nil {
		t.Fatal(err)
	}
	var first string
	for _, shown := range [][]with{
		nil,
		{basic("nobody", "wrong password")},
		{basic("alice", "wrong password")},
		{basic("eve", frontEve)},
		{basic("eve", "wrong password")},
		{bearer("nonsense")},
		{bearer(f.aliceToken + "x")},
		{basic("eve", f.aliceKey)},
	} {
		got := f.send("GET", "/private/x", "", shown...).want(t, 401)
		got.Header.Del("X-Request-Id")
		got.Header.Del("Date")
		raw, err := json.Marshal(got.Header)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw) + got.body
		if first == "" {
			first = text
		}
		if text != first {
			t.Errorf("%s\ndiffers from\n%s", text, first)
		}
	}
}

func TestTrueSource(t *testing.T) {
	for _, c := range []struct {
		name    string
		trusted []string
		lines   []string
		want    string
	}{
		{"nobody is trusted", nil, []string{"10.0.0.1"}, "127.0.0.1"},
		{"another is trusted", []string{"10.0.0.0/8"}, []string{"10.0.0.1"}, "127.0.0.1"},
		{"one hop", []string{"127.0.0.0/8"}, []string{"203.0.113.9"}, "203.0.113.9"},
		{"right-most untrusted", []string{"127.0.0.0/8", "10.0.0.0/8"}, []string{"1.1.1.1, 203.0.113.9, 10.0.0.7"}, "203.0.113.9"},
		{"in two lines", []string{"127.0.0.0/8"}, []string{"1.1.1.1", "203.0.113.9"}, "203.0.113.9"},
		{"mapped", []string{"::ffff:127.0.0.1/128"}, []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"with port", []string{"127.0.0.0/8"}, []string{"203.0.113.9:1234"}, "203.0.113.9"},
		{"IPv6 with zone", []string{"127.0.0.0/8"}, []string{"fe80::1%eth0"}, "fe80::1"},
		{"nonsense", []string{"127.0.0.0/8"}, []string{"1.1.1.1, unknown"}, "127.0.0.1"},
		{"empty", []string{"127.0.0.0/8"}, []string{""}, "127.0.0.1"},
		{"only trusted ones", []string{"127.0.0.0/8", "10.0.0.0/8"}, []string{"10.0.0.1"}, "10.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := openFront(t, func(f *front, gc *gateway.Config) {
				f.empty = true
				for _, p := range c.trusted {
					gc.TrustedProxies = append(gc.TrustedProxies, prefix(t, p))
				}
			})
			shown := []with{add("X-Real-IP", "8.8.8.8"), add("Forwarded", "for=8.8.8.8")}
			for _, line := range c.lines {
				shown = append(shown, add("X-Forwarded-For", line))
			}
			got := f.send("GET", "/open/x", "", shown...).echoed(t)
			if xff := got.Header["X-Forwarded-For"]; len(xff) != 1 || xff[0] != c.want {
				t.Errorf("source %q, want %s", xff, c.want)
			}
		})
	}
}

func TestEverybodyIsNotTrusted(t *testing.T) {
	f := openFront(t, nobodyLives)
	for _, p := range []string{"0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"} {
		c := f.config
		c.TrustedProxies = append(c.TrustedProxies, prefix(t, p))
		if _, err := gateway.New(c); err == nil {
			t.Errorf("%s is taken", p)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	for _, s := range []string{"Basic YTpi", "Bearer x", "Basic !", "bearer eyJ.a.b", ":", ""} {
		f.Add(s, "AKCp8", "latchkey=x; a=b")
	}
	f.Fuzz(func(t *testing.T, authorization, key, cookie string) {
		h := http.Header{"Cookie": {cookie}}
		if authorization != "" {
			h["Authorization"] = []string{authorization}
		}
		if key != "" {
			h["X-Api-Key"] = []string{key}
		}
		k, a, c, err := gateway.Shown(h)
		if err != nil {
			if auth.CodeOf(err) != auth.Invalid {
				t.Fatalf("error %v", err)
			}
			return
		}
		if (authorization != "") != (a != nil) || (key != "") != (k != nil) {
			t.Fatal("a credential was lost")
		}
		if c != nil && (k != nil || a != nil) {
			t.Fatal("the cookie was read beside an explicit credential")
		}
		if p, ok := a.(auth.Password); ok && (p.User == "" || p.Secret.Empty()) {
			t.Fatal("a password without a user, or empty")
		}
	})
}
