package gateway_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

const npmURL = "/artifactory/api/npm/npm-local"

// npmLogin is what npm login --auth-type=legacy sends.
func (h *house) npmLogin(name, password string, shown ...with) answer {
	h.t.Helper()
	return h.do("PUT", npmURL+"/-/user/org.couchdb.user:"+strings.ReplaceAll(url.QueryEscape(name), "+", "%20"), map[string]any{
		"_id": "org.couchdb.user:" + name, "name": name, "password": password, "type": "user", "roles": []string{}, "date": "2026-08-01T10:00:00.000Z",
	}, shown...)
}

// TestNPMLegacyLogin signs in, is told who that is, and signs out.
func TestNPMLegacyLogin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	a := h.npmLogin("alice", alicePassword).is(http.StatusCreated)
	token := a.field("token")
	if a.body != `{"ok":true,"id":"org.couchdb.user:alice","rev":"1","token":"`+token+`"}` {
		t.Error(a.body)
	}
	if who := h.do("GET", npmURL+"/-/whoami", nil, bearer(token)).is(http.StatusOK); who.body != `{"username":"alice"}` {
		t.Error(who.body)
	}
	list := h.do("GET", v1+"/me/tokens", nil, basic("alice", alicePassword)).is(http.StatusOK).items()
	if len(list) != 1 || list[0]["description"] != "npm login" || list[0]["made_with"] != "password" {
		t.Error(list)
	}
	out := h.do("DELETE", npmURL+"/-/user/token/"+token, nil, bearer(token)).is(http.StatusOK)
	if out.body != `{"ok":true}` {
		t.Error(out.body)
	}
	h.do("GET", npmURL+"/-/whoami", nil, bearer(token)).is(http.StatusUnauthorized)
	h.do("GET", npmURL+"/-/whoami", nil).is(http.StatusUnauthorized).envelope()
	h.do("GET", npmURL+"/-/whoami", nil, basic("alice", alicePassword)).is(http.StatusOK)

	// The token that npm still has, ended, does not stand in the way.
	h.npmLogin("alice", alicePassword, bearer(token)).is(http.StatusCreated)
	if a := h.npmLogin("Alice", alicePassword).is(http.StatusCreated); !strings.Contains(a.body, `"org.couchdb.user:alice"`) {
		t.Error(a.body)
	}
}

func TestNPMLegacyLoginRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	if err := h.auth.Users.Disable(t.Context(), h.admin, "eve"); err != nil {
		t.Fatal(err)
	}
	first := ""
	for _, c := range [][2]string{{"alice", "wrong wrong wrong"}, {"alice", ""}, {"alice", evePassword}, {"nobody", alicePassword}, {"eve", evePassword}, {"a b", alicePassword}} {
		a := h.npmLogin(c[0], c[1]).is(http.StatusUnauthorized)
		a.envelope()
		if first == "" {
			first = a.body
		}
		if a.body != first {
			t.Errorf("%s is told something else: %s", c[0], a.body)
		}
	}
	at := npmURL + "/-/user/org.couchdb.user:"
	good := map[string]any{"name": "alice", "password": alicePassword}
	for name, a := range map[string]answer{
		"another name in the path": h.do("PUT", at+"eve", good),
		"in other letters":         h.do("PUT", at+"Alice", good),
		"another _id":              h.do("PUT", at+"alice", map[string]any{"_id": "org.couchdb.user:eve", "name": "alice", "password": alicePassword}),
		"no name":                  h.do("PUT", at, map[string]any{"name": "", "password": alicePassword}),
		"no name in the body":      h.do("PUT", at+"alice", map[string]any{"password": alicePassword}),
		"a name twice":             h.do("PUT", at+"alice", `{"name":"alice","name":"eve","password":"x"}`),
		"a password twice":         h.do("PUT", at+"alice", `{"name":"alice","password":"x","password":"y"}`),
		"a list":                   h.do("PUT", at+"alice", `[]`),
		"as text":                  h.do("PUT", at+"alice", good, header("Content-Type", "text/plain")),
		"too large":                h.do("PUT", at+"alice", map[string]any{"name": "alice", "password": alicePassword, "x": strings.Repeat("x", 64<<10)}),
		"from another site":        h.do("PUT", at+"alice", good, header("Origin", "https://evil.example")),
		"another kind of user":     h.do("PUT", npmURL+"/-/user/alice", good),
		"a revision":               h.do("PUT", at+"alice/-rev/1", good),
		"GET":                      h.do("GET", at+"alice", nil, basic("alice", alicePassword)),
	} {
		if a.status < 400 || a.status > 499 || a.status == http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if n := len(h.do("GET", v1+"/me/tokens", nil, basic("alice", alicePassword)).items()); n != 0 {
		t.Errorf("%d tokens were made", n)
	}
}

// TestNPMLoginGuesses are paid for like any others.
func TestNPMLoginGuesses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	for i := range 200 {
		a := h.npmLogin("eve", "guess number "+strings.Repeat("x", i))
		if a.status == http.StatusUnauthorized {
			continue
		}
		if a.is(http.StatusTooManyRequests); a.header.Get("Retry-After") == "" {
			t.Error(a.header)
		}
		return
	}
	t.Error("200 guesses and no end")
}

// TestNPMLoginWithAKey, or a token: what comes out covers no more and lives no
// longer than what went in.
func TestNPMLoginWithAKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	key := h.do("POST", keyURL, nil, alice).is(http.StatusCreated).field("apiKey")
	encrypted := h.do("GET", encryptedURL, nil, alice).is(http.StatusOK).body
	issue := func(fields map[string]any) string {
		return h.do("POST", v1+"/me/tokens", fields, alice).is(http.StatusCreated).field("access_token")
	}
	whole := issue(map[string]any{"expires_in": 0})
	narrow := issue(map[string]any{"scope": "artifact:team/*:r", "expires_in": 3600})
	for name, secret := range map[string]string{"key": key, "encrypted password": encrypted, "token": whole} {
		token := h.npmLogin("alice", secret).is(http.StatusCreated).field("token")
		if who := h.do("GET", v1+"/whoami", nil, bearer(token)).is(http.StatusOK); who.field("scope") != "applied-permissions/user" {
			t.Errorf("%s: %s", name, who.body)
		}
	}
	token := h.npmLogin("alice", narrow).is(http.StatusCreated).field("token")
	who := h.do("GET", v1+"/whoami", nil, bearer(token)).is(http.StatusOK)
	ends, err := time.Parse(time.RFC3339, who.field("expires"))
	if who.field("scope") != "artifact:team/*:r" || err != nil || time.Until(ends) > time.Hour {
		t.Error(who.body)
	}
	h.npmLogin("eve", key).is(http.StatusUnauthorized)
	h.npmLogin("eve", narrow).is(http.StatusUnauthorized)

	// It ends with what it was made with.
	made := h.npmLogin("alice", key).is(http.StatusCreated).field("token")
	h.do("DELETE", keyURL, nil, alice).is(http.StatusOK)
	h.do("GET", npmURL+"/-/whoami", nil, bearer(made)).is(http.StatusUnauthorized)
}

// TestNPMSignOut ends the token in the path and no other, whoever sends it.
func TestNPMSignOut(t *testing.T) {
	t.Parallel()
	clock := new(aheadClock)
	h := newHouse(t, houseConfig{now: clock.now})
	alice := basic("alice", alicePassword)
	key := h.do("POST", keyURL, nil, alice).is(http.StatusCreated).field("apiKey")
	issue := func() answer {
		return h.do("POST", v1+"/me/tokens", map[string]any{"reference": true, "expires_in": 3600}, alice).is(http.StatusCreated)
	}
	at := npmURL + "/-/user/token/"
	for name, shown := range map[string][]with{
		"nobody": nil, "another user": {basic("eve", evePassword)}, "a wrong password": {basic("alice", "wrong wrong wrong")}, "the owner": {alice}, "an API key": {apiKey(key)},
	} {
		for _, form := range []string{"access_token", "reference_token"} {
			tok, other := issue(), issue()
			h.do("DELETE", at+tok.field(form), nil, shown...).is(http.StatusOK)
			for _, dead := range []string{"access_token", "reference_token"} {
				if a := h.do("GET", npmURL+"/-/whoami", nil, bearer(tok.field(dead))); a.status != http.StatusUnauthorized {
					t.Errorf("%s with the %s: %d", name, form, a.status)
				}
				h.do("GET", npmURL+"/-/whoami", nil, bearer(other.field(dead))).is(http.StatusOK)
			}
			h.do("DELETE", at+other.field(form), nil).is(http.StatusOK)
		}
	}
	// Ended is ended: a client that signs out late is told that it is done.
	late := issue()
	clock.forward(2 * time.Hour)
	h.do("DELETE", at+late.field("access_token"), nil).is(http.StatusOK)
	for name, what := range map[string]string{
		"an API key": key, "no token": "x", "a reference nobody has": "cmVmd" + strings.Repeat("x", 59), "a JWT of somebody else": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.", "an encrypted password": h.do("GET", encryptedURL, nil, alice).is(http.StatusOK).body,
	} {
		if a := h.do("DELETE", at+what, nil, alice); a.status != http.StatusNotFound || a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for range 12 {
		h.do("DELETE", at+"cmVmd"+strings.Repeat("x", 59), nil).is(http.StatusNotFound)
	}
	h.do("GET", keyURL, nil, apiKey(key)).is(http.StatusOK)
	h.do("DELETE", at+issue().field("access_token"), nil, header("Origin", "https://evil.example")).is(http.StatusForbidden)
	h.do("GET", at+key, nil, alice).is(http.StatusNotFound)
}

// TestNPMWebLogin: npm draws nothing itself; its links are ours.
func TestNPMWebLogin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{public: "https://door.example"})
	for _, repository := range []string{"npm-local", "a%20b"} {
		for _, body := range []string{"{}", `{"create":true}`, `{"hostname":"build-7"}`} {
			at := "/artifactory/api/npm/" + repository
			a := h.do("POST", at+"/-/v1/login", body, header("User-Agent", "npm/11.19.1"), bearer("ended")).is(http.StatusOK)
			page, ok := strings.CutPrefix(a.field("loginUrl"), "https://door.example")
			if !ok {
				t.Fatal(a.body)
			}
			_, id, _ := strings.Cut(page, "=")
			h.hides(id)
			done, ok := strings.CutPrefix(a.field("doneUrl"), "https://door.example")
			if !ok || done != at+"/-/v1/done/"+id || page != "/ui/login?jfClientSession="+id {
				t.Fatal(a.body)
			}
			if wait := h.do("GET", done, nil, bearer("ended")).is(http.StatusAccepted); wait.header.Get("Retry-After") != "3" || wait.body != "{}" {
				t.Errorf("%v %s", wait.header, wait.body)
			}
			session := h.browser(h.signIn("alice", alicePassword))
			if shown := h.do("GET", page, nil, navigate, session).is(http.StatusOK); !strings.Contains(shown.body, "npm/11.19.1") {
				t.Error(shown.body)
			}
			h.answerProgram(id, codeOf(id), alicePassword, session).is(http.StatusOK)
			got := h.do("GET", done, nil, bearer("ended")).is(http.StatusOK)
			token := got.field("token")
			if got.body != `{"token":"`+token+`"}` {
				t.Error(got.body)
			}
			if who := h.do("GET", at+"/-/whoami", nil, bearer(token)).is(http.StatusOK); who.field("username") != "alice" {
				t.Error(who.body)
			}
			h.do("GET", done, nil).is(http.StatusNotFound)
			h.do("DELETE", at+"/-/user/token/"+token, nil, bearer(token)).is(http.StatusOK)
		}
	}
	h.do("GET", npmURL+"/-/v1/done/x", nil).is(http.StatusNotFound)
	h.do("GET", npmURL+"/-/v1/login", nil).is(http.StatusNotFound)
	h.do("POST", npmURL+"/-/v1/login", strings.Repeat(" ", 64<<10+1)).is(http.StatusRequestEntityTooLarge)
}

// TestNPMAuth hands out an encrypted password or what was shown, never more.
func TestNPMAuth(t *testing.T) {
	t.Parallel()
	const at = "/artifactory/api/npm/auth"
	lines := func(t *testing.T, a answer) (user, secret string) {
		t.Helper()
		a.is(http.StatusOK)
		all := strings.Split(a.body, "\n")
		if len(all) != 4 || all[1] != "always-auth = true" || all[2] != "email = alice@example.com" || all[3] != "" ||
			!strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%v %q", a.header, a.body)
		}
		pair, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(all[0], "_auth = "))
		if err != nil {
			t.Fatal(err)
		}
		user, secret, _ = strings.Cut(string(pair), ":")
		return user, secret
	}
	h := newHouse(t, houseConfig{})
	alice := basic("alice", alicePassword)
	user, encrypted := lines(t, h.do("GET", at, nil, alice))
	if user != "alice" || auth.FormOf(encrypted) != auth.FormEncryptedPassword {
		t.Errorf("%s:%s", user, encrypted)
	}
	h.do("GET", npmURL+"/-/whoami", nil, basic("alice", encrypted)).is(http.StatusOK)

	key := h.do("POST", keyURL, nil, alice).is(http.StatusCreated).field("apiKey")
	made := h.do("POST", v1+"/me/tokens", map[string]any{"reference": true}, alice).is(http.StatusCreated)
	unpadded := func(r *http.Request) {
		r.Header.Set("Authorization", "Basic "+base64.RawStdEncoding.EncodeToString([]byte("alice:"+key)))
	}
	for _, secret := range []string{key, made.field("access_token"), made.field("reference_token"), encrypted} {
		ways := map[string]with{"Basic": basic("alice", secret)}
		if secret != encrypted {
			ways["Bearer"], ways["Basic without a name"] = bearer(secret), basic("", secret)
			ways["the secret alone"] = header("Authorization", secret)
		}
		if form := auth.FormOf(secret); form == auth.FormAPIKey || form == auth.FormReference {
			ways["key header"], ways["old key header"] = apiKey(secret), header("X-Api-Key", secret)
			ways["key header and password"] = func(r *http.Request) { apiKey(secret)(r); alice(r) }
		}
		if secret == key {
			ways["Basic without padding"] = unpadded
		}
		for name, shown := range ways {
			if user, got := lines(t, h.do("GET", at, nil, shown)); user != "alice" || got != secret {
				t.Errorf("%s: %s:%s", name, user, got)
			}
		}
	}
	h.do("GET", at, nil).is(http.StatusUnauthorized).envelope()
	h.do("GET", at, nil, basic("alice", "wrong wrong wrong")).is(http.StatusUnauthorized)
	session := h.browser(h.signIn("alice", alicePassword))
	h.do("GET", at, nil, session).is(http.StatusForbidden).envelope()
	h.do("POST", v1+"/session/unlock", map[string]any{"password": alicePassword}, session).is(http.StatusOK)
	if _, got := lines(t, h.do("GET", at, nil, session)); auth.FormOf(got) != auth.FormEncryptedPassword {
		t.Error(got)
	}

	h = newHouse(t, houseConfig{policy: auth.Policy{EncryptedPasswords: auth.EncryptionUnsupported}})
	if _, got := lines(t, h.do("GET", at, nil, alice)); got != alicePassword {
		t.Errorf("where encrypted passwords are switched off: %q", got)
	}
	session = h.browser(h.signIn("alice", alicePassword))
	h.do("POST", v1+"/session/unlock", map[string]any{"password": alicePassword}, session).is(http.StatusOK)
	h.do("GET", at, nil, session).is(http.StatusConflict)
}

// TestNPMSignInNeverReachesAnUpstream, whatever lies below the repository.
func TestNPMSignInNeverReachesAnUpstream(t *testing.T) {
	t.Parallel()
	reached := newEcho()
	t.Cleanup(reached.Close)
	anyone := rules(t, "anonymous")
	h := newHouse(t, houseConfig{routes: []gateway.Route{
		{Route: auth.Route{Name: "npm", Read: anyone, Write: anyone}, Path: npmURL + "/", Upstream: reached.URL},
	}})
	token := h.npmLogin("alice", alicePassword).is(http.StatusCreated).field("token")
	for _, at := range []string{
		"GET " + npmURL + "/-/whoami", "GET /artifactory/api/npm/auth", "POST " + npmURL + "/-/v1/login", "GET " + npmURL + "/-/v1/done/" + program,
		"GET " + npmURL + "/-/v1/x", "POST " + npmURL + "/-/user/x", "DELETE " + npmURL + "/-/user/token/" + token, "DELETE " + npmURL + "/-/user/token/",
		"PUT " + npmURL + "/-/user/org.couchdb.user:alice/-rev/1",
	} {
		method, path, _ := strings.Cut(at, " ")
		h.do(method, path, nil, bearer(token))
	}
	if got := reached.take(); len(got) > 0 {
		t.Errorf("the upstream was asked %d times: %v", len(got), got)
	}
	h.do("GET", npmURL+"/left-pad", nil).is(http.StatusOK)
	if len(reached.take()) != 1 {
		t.Error("packages are not the upstream's")
	}
}
