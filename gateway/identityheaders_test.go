package gateway_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-io/latchkey/gateway"
)

// raw headers as no client library would send them.
func (f *front) rawHead(path string, lines ...string) reply {
	f.t.Helper()
	got := f.raw("GET "+path+" HTTP/1.1\r\nHost: $HOST\r\n"+strings.Join(lines, "\r\n")+"\r\nAccept: */*\r\n\r\n", 1)
	if len(got) != 1 {
		f.t.Fatal("no answer")
	}
	return got[0]
}

// said collects the values of every header that a lax upstream takes for name.
func said(h http.Header, name string) []string {
	var out []string
	for k, v := range h {
		if strings.EqualFold(strings.NewReplacer("_", "-", ".", "-").Replace(k), name) {
			out = append(out, v...)
		}
	}
	return out
}

func TestIdentityHeadersAreOurs(t *testing.T) {
	f := openFront(t, nil)
	spellings := []string{
		"X-Forwarded-User: admin", "x-forwarded-user: admin", "X_Forwarded_User: admin", "X.Forwarded.User: admin", "X-Forwarded_User: admin",
		"X-FORWARDED-USER: admin", "X-Forwarded-Groups: admins", "X_FORWARDED_GROUPS: admins", "X-Forwarded-Email: a@b", "X-Forwarded-Name: admin",
		"X-Latchkey-Assertion: x", "x_latchkey_assertion: x", "X-Forwarded-Uri: /public/x", "X-Original-URL: /public/x", "X-Rewrite-Url: /public/x",
		"X-Forwarded-Prefix: /public", "X-Forwarded-Method: OPTIONS", "X-Forwarded-For: 1.2.3.4", "X_Forwarded_For: 1.2.3.4", "Forwarded: for=1.2.3.4",
		"X-Real-IP: 1.2.3.4", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https", "X-Forwarded-Port: 1", "X-Request-Id: mine", "X_Request_Id: mine",
		"X-Auth-Request-User: admin", "X-WEBAUTH-USER: admin", "Remote-User: admin", "X-Remote-User: admin", "REMOTE_USER: admin", "X~Forwarded~User: admin",
		"X!Forwarded!User: admin", "Content_Length: 77", "Transfer_Encoding: chunked", "True-Client-IP: 1.2.3.4", "X-HTTP-Method-Override: DELETE",
	}
	key := "X-JFrog-Art-Api: " + f.aliceKey
	for _, spelling := range spellings {
		for _, lines := range [][]string{{spelling}, {spelling, spelling}, {spelling, key}} {
			path, user := "/open/x", []string(nil)
			if len(lines) == 2 && lines[1] == key {
				path, user = "/private/x", []string{"alice"}
			}
			got := f.rawHead(path, lines...).echoed(t)
			if u := said(got.Header, userHeaderName); !slices.Equal(u, user) {
				t.Errorf("%v: the upstream takes the user for %q, want %q", lines, u, user)
			}
			for name, values := range got.Header {
				for _, v := range values {
					_, value, _ := strings.Cut(spelling, ": ")
					if v == value && name != "Accept" {
						t.Errorf("%v: the upstream got %s: %s", lines, name, v)
					}
				}
			}
		}
	}
}

const userHeaderName = "X-Forwarded-User"

// TestConnectionCannotNameOurHeaders: what a Connection header names is
// removed by proxies, ours must not be.
func TestConnectionCannotNameOurHeaders(t *testing.T) {
	f := openFront(t, nil)
	ours := []string{"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Name", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id", "X-Latchkey-Assertion"}
	for _, connection := range []string{
		"Connection: close, " + strings.Join(ours, ", "),
		"Connection: keep-alive," + strings.ToLower(strings.Join(ours, ",")),
		"connection: " + strings.Join(ours, "\r\nConnection: "),
		"Proxy-Connection: " + strings.Join(ours, ", "),
	} {
		got := f.rawHead("/private/x", connection, "X-JFrog-Art-Api: "+f.aliceKey).echoed(t)
		for _, name := range ours {
			if len(got.Header.Values(name)) != 1 {
				t.Errorf("%q: the upstream got %s: %q", connection, name, got.Header.Values(name))
			}
		}
	}
}

func TestWhatIsTold(t *testing.T) {
	f := openFront(t, func(f *front, c *gateway.Config) {
		silent := c.Routes[1]
		silent.Name, silent.Path, silent.Headers, silent.Assertion = "silent", "/silent/", false, false
		basic := silent
		basic.Name, basic.Path, basic.Basic = "basic", "/basic/", true
		c.Routes = append(c.Routes, silent, basic)
	})
	key := header("X-JFrog-Art-Api", f.aliceKey)
	got := f.send("GET", "/private/x", "", key).echoed(t)
	for name, want := range map[string]string{
		"X-Forwarded-User": "alice", "X-Forwarded-Email": "alice@example.com", "X-Forwarded-Groups": "devs", "X-Forwarded-Name": "Alice Ä",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": f.addr, "X-Forwarded-Proto": "http",
	} {
		if v := got.Header.Values(name); len(v) != 1 || v[0] != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	for _, path := range []string{"/silent/x", "/basic/x"} {
		got := f.send("GET", path, "", key).echoed(t)
		for _, name := range []string{"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Name", "X-Latchkey-Assertion"} {
			if got.Header[name] != nil {
				t.Errorf("%s: got %s", path, name)
			}
		}
		if want := map[string]string{"/silent/x": "", "/basic/x": basicText("alice:")}[path]; got.Header.Get("Authorization") != want {
			t.Errorf("%s: Authorization %q, want %q", path, got.Header.Get("Authorization"), want)
		}
	}
}

// TestOwnCredentialsStopHere: nothing that the client showed travels on, in
// whatever way it was shown.
func TestOwnCredentialsStopHere(t *testing.T) {
	f := openFront(t, nil)
	secrets := []string{f.aliceKey, f.aliceToken, f.aliceReference, f.aliceEncrypted, f.aliceSession, frontAlice}
	for _, shown := range [][]with{
		{header("X-JFrog-Art-Api", f.aliceKey), f.session()},
		{header("X-Api-Key", f.aliceKey), basic("alice", frontAlice)},
		{basic("alice", f.aliceEncrypted)}, {bearer(f.aliceToken)}, {bearer(f.aliceReference)},
		{f.session(), add("Cookie", "theme=dark; latchkey="+f.aliceSession+"; lang=de"), add("Cookie", "__Host-latchkey="+f.aliceSession)},
		{header("X-JFrog-Art-Api", f.aliceKey), add("X_JFrog_Art_Api", f.aliceKey), add("X_Api_Key", f.aliceKey), add("Proxy-Authorization", basicText("alice:"+frontAlice))},
	} {
		got := f.send("GET", "/private/x", "", shown...).echoed(t)
		raw, err := json.Marshal(got.Header)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(secrets, basicText("alice:" + frontAlice)[6:]) {
			if strings.Contains(string(raw), s) {
				t.Errorf("a secret reached the upstream: %s", raw)
			}
		}
	}
	got := f.send("GET", "/private/x", "", add("Cookie", "a=1; latchkey="+f.aliceSession+"; b=\"2\"; c")).echoed(t)
	if c := got.Header.Get("Cookie"); c != "a=1; b=\"2\"; c" {
		t.Errorf("other cookies became %q", c)
	}
	for _, s := range secrets {
		if strings.Contains(f.log.String(), s) {
			t.Error("a secret is in the log")
		}
	}
}

func TestAssertion(t *testing.T) {
	f := openFront(t, nil)
	key := header("X-JFrog-Art-Api", f.aliceKey)
	first := f.send("GET", "/private/x", "", key).echoed(t).Header.Get("X-Latchkey-Assertion")
	if again := f.send("GET", "/private/y", "", key).echoed(t).Header.Get("X-Latchkey-Assertion"); again != first {
		t.Error("it is signed anew with each request")
	}
	if other := f.send("GET", "/private/y", "", basic("eve", frontEve)).echoed(t).Header.Get("X-Latchkey-Assertion"); other == first {
		t.Error("eve got alice's")
	}
	if h := f.send("GET", "/public/y", "", key).echoed(t).Header; h["X-Latchkey-Assertion"] != nil {
		t.Error("a route that does not ask for it gets it")
	}
	var set jose.JSONWebKeySet
	keys := f.send("GET", "/-/jwks.json", "").want(t, 200)
	if err := json.Unmarshal([]byte(keys.body), &set); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(first, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if typ := signed.Signatures[0].Protected.ExtraHeaders["typ"]; typ != "latchkey-assertion+jwt" {
		t.Errorf("typ %v", typ)
	}
	payload, err := signed.Verify(set)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Iss, Aud, Sub, Email, Name string
		Groups                     []string
		Iat, Exp                   int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Iss != f.url || claims.Aud != "private" || claims.Sub != "alice" || claims.Email != "alice@example.com" || claims.Name != "Alice Ä" ||
		!slices.Equal(claims.Groups, []string{"devs"}) || claims.Exp-claims.Iat > 300 || claims.Exp <= claims.Iat {
		t.Errorf("claims %s", payload)
	}
	for _, k := range set.Keys {
		if k.Algorithm != "ES256" || !k.IsPublic() {
			t.Errorf("the key set has a %s key, public: %v", k.Algorithm, k.IsPublic())
		}
	}
	// An upstream must not take an access token for an assertion, nor we one
	// for a credential.
	f.send("GET", "/private/x", "", bearer(first)).want(t, 401)
}

func TestAnswersLoseWhatIsOurs(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, c := range []string{"latchkey=evil; Path=/", "Latchkey=evil", " latchkey = evil", "__Host-latchkey=evil; Secure", "=latchkey=evil", "latchkey", "theme=dark", "xlatchkey=1"} {
			h.Add("Set-Cookie", c)
		}
		h.Set("Service-Worker-Allowed", "/")
		h.Set("Clear-Site-Data", `"*"`)
		h.Set("Content-Security-Policy", "default-src 'self'")
		h.Set("X-Request-Id", "theirs")
	}))
	defer up.Close()
	f := openFront(t, func(_ *front, c *gateway.Config) {
		for i := range c.Routes {
			c.Routes[i].Upstream = up.URL
		}
		same := c.Routes[2]
		same.Name, same.Path, same.SameOrigin = "same", "/same/", true
		c.Routes = append(c.Routes, same)
	})
	got := f.send("GET", "/open/x", "").want(t, 200)
	if c := got.Header.Values("Set-Cookie"); !slices.Equal(c, []string{"theme=dark", "xlatchkey=1"}) {
		t.Errorf("cookies %q", c)
	}
	if csp := got.Header.Values("Content-Security-Policy"); len(csp) != 2 || csp[0] != "default-src 'self'" || csp[1] != "sandbox allow-scripts allow-forms allow-popups allow-downloads" {
		t.Errorf("policies %q", csp)
	}
	if got.Header["Service-Worker-Allowed"] != nil || got.Header["Clear-Site-Data"] != nil {
		t.Error("a worker or a clearing of our origin is allowed")
	}
	if id := got.Header.Values("X-Request-Id"); len(id) != 1 || id[0] == "theirs" {
		t.Errorf("request id %q", id)
	}
	for _, r := range []reply{
		f.send("GET", "/same/x", ""),
		f.send("GET", "/x", "", header("X-JFrog-Art-Api", f.aliceKey), func(r *http.Request) { r.Host = "app.example.com" }),
	} {
		r.want(t, 200)
		if csp := r.Header.Values("Content-Security-Policy"); len(csp) != 1 {
			t.Errorf("policies %q", csp)
		}
	}
}

func TestForgeableNames(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Forwarded-User": true, "x_forwarded_user": true, "X.Forwarded.Anything": true, "Forwarded": true, "X-Request-Id": true,
		"X-Forwarded-" + strings.Repeat("a", 100): true, "Authorization": true, "X-Jfrog-Art-Api": true,
		"Accept": false, "Git-Protocol": false, "X-Checksum-Sha1": false, "X-Requested-With": false, "Range": false, "Content-Type": false, "Expect": false,
		"X-Amz-Date": false, "Te": false, "Cookie": false, "Origin": false, "Uber-Trace-Id": false, "Sec-Websocket-Key": false,
		"X-Forward": false, strings.Repeat("x", 100): false,
	} {
		if got := gateway.Forgeable(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func FuzzForgeable(f *testing.F) {
	f.Add("X_Forwarded.User")
	f.Fuzz(func(t *testing.T, name string) {
		folded := strings.Map(func(c rune) rune {
			switch {
			case 'A' <= c && c <= 'Z':
				return c + 'a' - 'A'
			case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
				return c
			}
			return '-'
		}, name)
		for _, ours := range []string{"x-forwarded-user", "x-forwarded-groups", "x-latchkey-assertion", "x-request-id", "x-jfrog-art-api", "authorization"} {
			if folded == ours && !gateway.Forgeable(name) {
				t.Fatalf("%q passes", name)
			}
		}
	})
}
