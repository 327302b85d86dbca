package gateway_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// container is a front with a registry behind it: team for everybody known,
// hub that everybody may pull from, ops for a group alice is not in, and the
// whole of it at a host of its own.
func container(t testing.TB, change ...func(*front, *gateway.Config)) (*front, *registry) {
	g := newRegistry(t)
	f := openFront(t, func(f *front, c *gateway.Config) {
		for _, also := range change {
			also(f, c)
		}
		known, anyone, ops := rules(t, "authenticated"), rules(t, "anonymous"), rules(t, "group:ops")
		c.Routes = append(c.Routes,
			gateway.Route{Route: auth.Route{Name: "team", Read: known, Write: known}, Path: "/v2/team/", Upstream: g.URL, Headers: true},
			gateway.Route{Route: auth.Route{Name: "hub", Read: anyone, Write: known}, Path: "/v2/hub/", Upstream: g.URL, Headers: true},
			gateway.Route{Route: auth.Route{Name: "ops", Read: ops, Write: ops}, Path: "/v2/ops/", Upstream: g.URL, Headers: true},
			gateway.Route{Route: auth.Route{Name: "reg", Read: anyone, Write: known}, Host: "reg.example.com", Upstream: g.URL, Headers: true})
	})
	return f, g
}

func at(host string) with { return func(r *http.Request) { r.Host = host } }

// tokens is the answer of /v2/token.
type tokens struct {
	Token       string    `json:"token"`
	AccessToken string    `json:"access_token"`
	ExpiresIn   int       `json:"expires_in"`
	IssuedAt    time.Time `json:"issued_at"`
}

// fetch asks for a token as clients do.
func (f *front) fetch(query string, shown ...with) tokens {
	f.t.Helper()
	got := f.send("GET", "/v2/token?"+query, "", shown...).want(f.t, 200)
	var a tokens
	if err := json.Unmarshal([]byte(got.body), &a); err != nil {
		f.t.Fatal(err)
	}
	if a.Token == "" || a.Token != a.AccessToken || a.ExpiresIn < 1 || a.ExpiresIn > 300 || time.Since(a.IssuedAt).Abs() > time.Minute {
		f.t.Errorf("the token's answer: %s", got.body)
	}
	if strings.Contains(got.body, "refresh_token") || got.Header.Get("Cache-Control") != "no-store" {
		f.t.Errorf("the token's answer: %v %s", got.Header, got.body)
	}
	return a
}

var bearerChallenge = regexp.MustCompile(`^Bearer realm="([^"]*)",service="([^"]*)"$`)

// challenged fails unless r is a 401 that leads to a token, and nowhere else.
func (r reply) challenged(t *testing.T) (realm, service string) {
	t.Helper()
	r.want(t, 401)
	lines := r.Header["Www-Authenticate"]
	if len(lines) != 1 || !strings.Contains(r.body, `"code":"UNAUTHORIZED"`) || r.Header.Get("Docker-Distribution-Api-Version") != "registry/2.0" {
		t.Fatalf("the refusal: %v %s", r.Header, r.body)
	}
	m := bearerChallenge.FindStringSubmatch(lines[0])
	if m == nil {
		t.Fatalf("the challenge is %q", lines[0])
	}
	return m[1], m[2]
}

func TestRegistryChallenge(t *testing.T) {
	f, _ := container(t)
	for _, host := range []string{f.addr, "reg.example.com", "REG.example.com."} {
		for _, method := range []string{"GET", "HEAD"} {
			got := f.send(method, "/v2/", "", at(host))
			if method == "HEAD" {
				got.body = `"code":"UNAUTHORIZED"`
			}
			realm, service := got.challenged(t)
			want := f.addr
			if host != f.addr {
				want = "reg.example.com:" + strings.Split(f.addr, ":")[1]
			}
			if realm != f.url+"/v2/token" || service != want {
				t.Errorf("%s: realm %q, service %q", host, realm, service)
			}
			f.fetch(url.Values{"service": {service}, "scope": {"repository:team/a:pull"}}.Encode(), basic("alice", frontAlice))
		}
	}
	for _, shown := range []with{bearer("wrong"), bearer("anonymous"), basic("alice", "wrong password"), basic("eve", f.aliceKey), bearer(f.aliceToken + "x"), basic("", "anonymous")} {
		f.send("GET", "/v2/", "", shown).challenged(t)
		f.send("GET", "/v2/team/a/manifests/1", "", shown).challenged(t)
		f.send("PUT", "/v2/hub/a/manifests/1", "{}", shown).challenged(t)
	}
	for _, shown := range []with{bearer(f.aliceToken), bearer(f.aliceKey), basic("alice", frontAlice), apiKey(f.aliceKey), bearer(f.fetch("", apiKey(f.aliceKey)).Token)} {
		got := f.send("GET", "/v2/", "", shown).want(t, 200)
		if strings.TrimSpace(got.body) != "{}" || got.Header.Get("Docker-Distribution-Api-Version") != "registry/2.0" {
			t.Errorf("/v2/: %v %s", got.Header, got.body)
		}
		// The registry itself answers on a host of its own.
		if got := f.send("GET", "/v2/", "", shown, at("reg.example.com")).want(t, 200); got.body != `{"of":"the upstream"}` {
			t.Errorf("/v2/ elsewhere: %s", got.body)
		}
	}
	// A wrong key in a key header is 403, so that clients stop asking.
	if got := f.send("GET", "/v2/", "", apiKey("wrong")).want(t, 403); !strings.Contains(got.body, `"code":"DENIED"`) {
		t.Errorf("a wrong key: %s", got.body)
	}
}

func TestRegistryTokenIsForEveryCredential(t *testing.T) {
	f, g := container(t)
	for name, shown := range map[string]with{
		"password": basic("alice", frontAlice), "encrypted password": basic("alice", f.aliceEncrypted), "API key": basic("alice", f.aliceKey),
		"JWT": basic("alice", f.aliceToken), "reference": basic("alice", f.aliceReference), "nameless": basic("", f.aliceKey),
		"Bearer": bearer(f.aliceToken), "key header": apiKey(f.aliceKey),
	} {
		token := f.fetch("account=alice&client_id=docker&offline_token=true&service="+f.addr, shown).Token
		if strings.Count(token, ".") != 2 {
			t.Errorf("%s: the token is %q", name, token)
		}
		for _, as := range []with{bearer(token), basic("alice", token)} {
			f.send("GET", "/v2/team/a/manifests/1", "", as).want(t, 404)
		}
	}
	if !g.users["alice"] || len(g.leaked) > 0 {
		t.Errorf("the registry heard of %v, and got %d credentials", g.users, len(g.leaked))
	}
}

func TestRegistryTokenRefusals(t *testing.T) {
	f, _ := container(t)
	alice := basic("alice", frontAlice)
	denied := func(what string, got reply) {
		t.Helper()
		got.want(t, 401)
		if lines := got.Header["Www-Authenticate"]; len(lines) != 1 || !strings.HasPrefix(lines[0], "Basic ") || !strings.Contains(got.body, `"code":"UNAUTHORIZED"`) {
			t.Errorf("%s: %v %s", what, lines, got.body)
		}
	}
	short := f.fetch("", alice).Token
	for what, shown := range map[string]with{
		"nobody": func(*http.Request) {}, "wrong password": basic("alice", "not it"), "key of another": basic("eve", f.aliceKey),
		"short token": bearer(short), "short token as password": basic("alice", short), "nobody's token": bearer("anonymous"),
	} {
		denied(what, f.send("GET", "/v2/token?service="+f.addr, "", shown))
		denied(what, f.send("GET", "/v2/token?scope=repository:team/a:pull", "", shown))
	}
	for _, name := range []string{"token", "access_token", "apikey", "refresh_token", "password"} {
		denied("a secret in the query", f.send("GET", "/v2/token?account=alice&"+name+"="+url.QueryEscape(f.aliceToken), ""))
	}
	if strings.Contains(f.log.String(), f.aliceToken) {
		t.Error("a secret of a query is in the log")
	}
	for _, service := range []string{"evil.example.com", "", f.addr + ".evil.example.com", f.addr + "/", "app.example.com", "https://" + f.addr, "127.0.0.1", "*"} {
		got := f.send("GET", "/v2/token?service="+url.QueryEscape(service), "", alice).want(t, 400)
		if !strings.Contains(got.body, `"errors"`) {
			t.Errorf("service %q: %s", service, got.body)
		}
	}
	f.send("GET", "/v2/token?service="+f.addr+"&service="+f.addr, "", alice).want(t, 400)
	f.send("GET", "/v2/token?scope=%zz", "", alice).want(t, 400)
	// helm posts the password, docker a refresh token; both ask again with GET.
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		got := f.send(method, "/v2/token", "grant_type=password&username=alice&password=x", alice).want(t, 405)
		if got.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: Allow %q", method, got.Header.Get("Allow"))
		}
	}
	// A browser's session opens /v2/, and takes no token out of the browser.
	f.send("GET", "/v2/", "", f.session()).want(t, 200)
	if got := f.send("GET", "/v2/token", "", f.session()).want(t, 403); !strings.Contains(got.body, `"code":"DENIED"`) {
		t.Errorf("a session: %s", got.body)
	}
	// Nowhere else is it ours.
	f.send("GET", "/v2/token", "", alice, at("reg.example.com")).want(t, 404)
	// A disabled user.
	if err := f.auth.Users.Disable(t.Context(), f.admin, "alice"); err != nil {
		t.Fatal(err)
	}
	denied("a disabled user", f.send("GET", "/v2/token", "", alice))
	f.send("GET", "/v2/", "", bearer(short)).challenged(t)
	f.send("GET", "/v2/team/a/manifests/1", "", bearer(short)).challenged(t)
}

// A short token is somebody on routes and at /v2/, and nowhere else.
func TestRegistryTokenElsewhere(t *testing.T) {
	f, _ := container(t)
	token := f.fetch("", basic("alice", frontAlice)).Token
	for _, as := range []with{bearer(token), basic("alice", token), basic("", token)} {
		f.send("GET", "/v2/", "", as).want(t, 200)
		if got := f.send("GET", "/private/x", "", as).echoed(t); got.Header.Get("X-Forwarded-User") != "alice" || got.Header.Get("X-Forwarded-Groups") != "devs" {
			t.Errorf("the upstream heard of %v", got.Header)
		}
		for _, own := range []string{
			"GET /-/api/v1/whoami", "GET /-/api/v1/me", "GET /-/api/v1/me/apikey", "POST /-/api/v1/me/tokens", "GET /-/api/v1/users", "GET /v2/token",
		} {
			method, path, _ := strings.Cut(own, " ")
			f.send(method, path, "", as).want(t, 401)
		}
	}
	f.send("GET", "/private/x", "", apiKey(token)).want(t, 403) // a key header takes keys

	h := newHouse(t, houseConfig{})
	var a tokens
	got := h.do("GET", "/v2/token", nil, basic("admin", h.adminPassword)) // which plants access_token
	if err := json.Unmarshal([]byte(got.body), &a); err != nil || a.Token == "" || a.Token != a.AccessToken {
		t.Fatalf("%v: %s", err, got.body)
	}
	for _, own := range []string{
		"GET /artifactory/api/security/apiKey", "POST /artifactory/api/security/apiKey", "GET /artifactory/api/security/encryptedPassword",
		"GET /-/api/v1/users", "GET /-/api/v1/audit", "DELETE /-/api/v1/apikeys", "POST /-/api/v1/me/tokens",
	} {
		method, path, _ := strings.Cut(own, " ")
		if got := h.do(method, path, nil, bearer(a.Token)); got.status != 401 {
			t.Errorf("an administrator's short token: %s: %d", own, got.status)
		}
	}
}

func TestRegistryTokenEndsWithItsMaker(t *testing.T) {
	f, _ := container(t)
	alice := f.who("alice", frontAlice)
	made, err := f.auth.Tokens.Create(t.Context(), alice, auth.NewToken{Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	token := bearer(f.fetch("", bearer(made.JWT.Reveal())).Token)
	other := bearer(f.fetch("", basic("alice", f.aliceKey)).Token)
	f.send("GET", "/v2/team/a/manifests/1", "", token).want(t, 404)
	if err := f.auth.Tokens.Revoke(t.Context(), alice, made.ID); err != nil {
		t.Fatal(err)
	}
	f.send("GET", "/v2/team/a/manifests/1", "", token).challenged(t)
	f.send("GET", "/v2/team/a/manifests/1", "", other).want(t, 404)
	if _, err := f.auth.Keys.Rotate(t.Context(), alice, "alice"); err != nil {
		t.Fatal(err)
	}
	f.send("GET", "/v2/team/a/manifests/1", "", other).challenged(t)

	last := bearer(f.fetch("", basic("alice", frontAlice)).Token)
	f.send("GET", "/v2/team/a/manifests/1", "", last).want(t, 404)
	f.ahead.Store(int64(auth.MaxShort + time.Second))
	f.send("GET", "/v2/team/a/manifests/1", "", last).challenged(t)
}

// The rights of a token are those of its maker on each route, whatever scope a
// client has asked for.
func TestRegistryRights(t *testing.T) {
	f, _ := container(t)
	alice := f.who("alice", frontAlice)
	narrow := func(scope string) string {
		made, err := f.auth.Tokens.Create(t.Context(), alice, auth.NewToken{Scope: scope})
		if err != nil {
			t.Fatal(err)
		}
		return f.fetch("scope=repository:ops/a:pull,push", bearer(made.JWT.Reveal())).Token
	}
	for scope, want := range map[string]int{
		"applied-permissions/user": 404, "applied-permissions/groups:devs": 404, "artifact:team/a:r,w": 403, "artifact:**:*": 403, "system:metrics:r": 403,
	} {
		token := narrow(scope)
		f.send("GET", "/v2/", "", bearer(token)).want(t, 200)
		got := f.send("GET", "/v2/team/a/manifests/1", "", bearer(token)).want(t, want)
		if want == 403 && !strings.Contains(got.body, `"code":"DENIED"`) {
			t.Errorf("%s: %s", scope, got.body)
		}
		if got := f.send("GET", "/v2/ops/a/manifests/1", "", bearer(token)).want(t, 403); !strings.Contains(got.body, `"code":"DENIED"`) {
			t.Errorf("%s: %s", scope, got.body)
		}
		f.send("GET", "/v2/hub/a/manifests/1", "", bearer(token)).want(t, 404)
	}
}

// What everybody may pull, clients pull without a login, although they ask
// nothing without a token.
func TestRegistryForNobody(t *testing.T) {
	f, g := container(t)
	f.send("GET", "/v2/hub/a/manifests/1", "").want(t, 404)
	f.send("GET", "/v2/hub/a/manifests/1", "", at("reg.example.com")).want(t, 404)
	f.send("PUT", "/v2/hub/a/manifests/1", "{}").challenged(t)
	elsewhere := url.QueryEscape("reg.example.com:" + strings.Split(f.addr, ":")[1])
	for query, ok := range map[string]bool{
		"scope=repository:hub/a:pull":                             true,
		"service=" + f.addr + "&scope=repository:hub/a/b:pull":    true,
		"scope=repository:hub/a:pull+repository:hub/b:pull":       true,
		"scope=repository:hub/a:pull&scope=repository:hub/b:pull": true,
		"service=" + elsewhere + "&scope=repository:any:pull":     true,
		"":                                               false,
		"scope=":                                         false,
		"scope=repository:hub/a:pull,push":               false,
		"scope=repository:hub/a:":                        false,
		"scope=repository:hub/a":                         false,
		"scope=repository:team/a:pull":                   false,
		"scope=repository:other/a:pull":                  false,
		"scope=repository:hub/../team/a:pull":            false,
		"scope=repository:hub/%252e%252e/team:pull":      false,
		"scope=repository:HUB/a:pull":                    false,
		"scope=repository::pull":                         false,
		"scope=repository:token:pull":                    false,
		"scope=registry:catalog:*":                       false,
		"scope=repository:hub/a:pull+registry:catalog:*": false,
		"scope=repository:hub/a:pull&scope=repository:team/a:pull":                    false,
		"service=" + elsewhere + "&scope=repository:any:push":                         false,
		"scope=repository:hub/a:pull&access_token=" + url.QueryEscape(f.aliceToken):   true, // still nobody
		"scope=repository:hub/a:pull&offline_token=true&client_id=docker&account=eve": true,
	} {
		if !ok {
			f.send("GET", "/v2/token?"+query, "").want(t, 401)
		} else if got := f.fetch(query); got.Token != "anonymous" {
			t.Errorf("%s: the token is %q", query, got.Token)
		}
	}
	nobody := bearer("anonymous")
	f.send("GET", "/v2/hub/a/manifests/1", "", nobody).want(t, 404)
	f.send("GET", "/v2/hub/a/manifests/1", "", nobody, at("reg.example.com")).want(t, 404)
	f.send("PUT", "/v2/hub/a/manifests/1", "{}", nobody).challenged(t)
	f.send("GET", "/v2/team/a/manifests/1", "", nobody).challenged(t)
	f.send("GET", "/v2/team/a/manifests/1", "", nobody, f.session()).challenged(t) // explicit, so no cookie helps
	f.send("GET", "/v2/hub/a/manifests/1", "", nobody, apiKey("wrong")).want(t, 403)
	// Only there is the word one.
	for _, path := range []string{"/public/x", "/open/x", "/-/api/v1/session", "/v2/token?scope=repository:hub/a:pull"} {
		f.send("GET", path, "", nobody)
	}
	f.send("GET", "/public/x", "", nobody).want(t, 401)
	f.send("GET", "/v2/token?scope=repository:hub/a:pull", "", nobody).want(t, 401)
	f.send("GET", "/v2/token?scope=repository:hub/a:pull", "", basic("alice", "wrong")).want(t, 401)
	if len(g.users) != 1 || !g.users[""] || len(g.leaked) > 0 {
		t.Errorf("the registry heard of %v, and got %v", g.users, g.leaked)
	}
}

// push uploads blob in pieces and says where it went on.
func (f *front) push(repo string, blob []byte, shown ...with) (locations []string) {
	f.t.Helper()
	next := func(got reply) string {
		f.t.Helper()
		to := got.want(f.t, 202).Header.Get("Location")
		locations = append(locations, to)
		return strings.TrimPrefix(to, f.url)
	}
	half := len(blob) / 2
	to := next(f.send("POST", "/v2/"+repo+"/blobs/uploads/", "", shown...))
	to = next(f.send("PATCH", to, string(blob[:half]), shown...))
	to = next(f.send("PATCH", to, string(blob[half:]), shown...))
	f.send("PUT", to+"&digest="+digestOf(blob), "", shown...).want(f.t, 201)
	return locations
}

func TestRegistryPushAndPull(t *testing.T) {
	f, g := container(t)
	as := bearer(f.fetch("scope=repository:team/app:pull,push", basic("alice", frontAlice)).Token)
	blob := bytes.Repeat([]byte("a layer of some length; "), 200_000) // 4.8 MB
	for name, place := range map[string]func(*http.Request, string) string{
		"path":        nil,
		"own address": func(_ *http.Request, path string) string { return g.URL + path },
		"forwarded host": func(r *http.Request, path string) string {
			return r.Header.Get("X-Forwarded-Proto") + "://" + r.Host + path
		},
		"other scheme":      func(r *http.Request, path string) string { return "https://" + r.Host + path },
		"configured name":   func(_ *http.Request, path string) string { return "https://registry.internal:5000" + path },
		"without a scheme":  func(r *http.Request, path string) string { return "//" + r.Host + path },
		"name of a phisher": func(_ *http.Request, path string) string { return "https://evil.example.com" + path },
	} {
		g.place = place
		for _, to := range f.push("team/app", blob, as) {
			if !strings.HasPrefix(to, f.url+"/v2/team/app/blobs/uploads/") {
				t.Errorf("%s: the upload goes on at %s", name, to)
			}
		}
	}
	if got := f.send("GET", "/v2/team/app/blobs/"+digestOf(blob), "", as).want(t, 200); got.body != string(blob) {
		t.Error("the blob came back as another")
	}
	f.send("PUT", "/v2/team/app/manifests/1", `{"schemaVersion":2}`, as, header("Content-Type", "application/vnd.oci.image.manifest.v1+json")).want(t, 201)
	if got := f.send("GET", "/v2/team/app/manifests/1", "", as).want(t, 200); got.body != `{"schemaVersion":2}` || got.Header.Get("Content-Type") != "application/vnd.oci.image.manifest.v1+json" {
		t.Errorf("the manifest: %v %s", got.Header, got.body)
	}
	if len(g.leaked) > 0 {
		t.Errorf("the registry got credentials: %d", len(g.leaked))
	}
	// An upload that leaves the registry is refused.
	for _, to := range []string{"https://evil.example.com/upload", "///evil.example.com/v2/x", `\\evil.example.com\v2\x`, "https:/evil.example.com/v2/x", "ftp:x", "https://%zz/v2/"} {
		g.place = func(*http.Request, string) string { return to }
		got := f.send("POST", "/v2/team/app/blobs/uploads/", "", as).want(t, 502)
		if got.Header.Get("Location") != "" {
			t.Errorf("%s: led to %s", to, got.Header.Get("Location"))
		}
	}
}

// An upstream's own challenge would have clients send their password to the
// place that it names.
func TestRegistryUpstreamsChallengeIsOurs(t *testing.T) {
	f := openFront(t, func(_ *front, c *gateway.Config) {
		evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("WWW-Authenticate", `Bearer realm="https://evil.example.com/token",service="x"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="x"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
		}))
		t.Cleanup(evil.Close)
		known := rules(t, "authenticated")
		c.Routes = []gateway.Route{{Route: auth.Route{Name: "evil", Read: known, Write: known}, Path: "/v2/", Upstream: evil.URL}}
	})
	for _, method := range []string{"GET", "PUT"} {
		got := f.send(method, "/v2/a/manifests/1", "", bearer(f.aliceToken)).want(t, 401)
		lines := got.Header["Www-Authenticate"]
		if len(lines) != 1 || !strings.HasPrefix(lines[0], `Bearer realm="`+f.url+`/v2/token"`) {
			t.Errorf("%s: %q", method, lines)
		}
	}
	// Our own two win over a route at /v2/.
	f.send("GET", "/v2/", "", bearer(f.aliceToken)).want(t, 200)
	f.fetch("", bearer(f.aliceToken))
}

func TestRegistryPaths(t *testing.T) {
	f, g := container(t)
	as := bearer(f.fetch("", basic("alice", frontAlice)).Token)
	for _, path := range []string{
		"/v2/../-/api/v1/whoami", "/v2/%2e%2e/-/api/v1/whoami", "/v2/..%2f-/api/v1/whoami", "/v2/%252e%252e/-/api/v1/whoami", "/v2//team/a/tags/list",
		"/v2/hub/../team/a/tags/list", "/v2/hub/%2e%2e/team/a/tags/list", "/v2/hub/..;/team/a", `/v2/hub\..\team/a`, "/v2/./token", "/v2/team/%00",
		"/v2/;x/token", "/v2/%74oken%2f", "/v2%2ftoken", "/v2/team%2fa/tags/list",
	} {
		got := f.raw("GET "+path+" HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n", 1)
		if len(got) != 1 || got[0].StatusCode == 200 || got[0].StatusCode >= 500 {
			t.Errorf("%s: %s", path, statuses(got))
		}
		if got := f.send("GET", path, "", as); got.StatusCode == 200 || got.StatusCode >= 500 {
			t.Errorf("%s with a token: %d", path, got.StatusCode)
		}
	}
	for _, path := range []string{"/v2/token/", "/v2/token/x", "/v2/nothing/here"} {
		f.send("GET", path, "", as).want(t, 404)
	}
	if len(f.echo.take()) > 0 || len(g.leaked) > 0 {
		t.Error("an upstream was reached")
	}
}

// Whatever somebody unknown asks for, the word is handed out for nothing but
// what everybody may pull.
func FuzzRegistryScope(f *testing.F) {
	for _, seed := range []string{
		"repository:hub/a:pull", "repository:hub/a:pull,push", "repository:team/a:pull repository:hub/a:pull", "repository:hub/../team/a:pull",
		"repository:hub:pull", "registry:catalog:*", "repository:hub/a:5000:pull", " ", "repository:hub/%2e%2e/team:pull", "repository:HUB/a:pull",
	} {
		f.Add(seed)
	}
	door, _ := container(f, nobodyLives)
	f.Fuzz(func(t *testing.T, scope string) {
		got := (&front{t: t, url: door.url}).send("GET", "/v2/token?scope="+url.QueryEscape(scope), "")
		switch got.StatusCode {
		case 200:
			for entry := range strings.SplitSeq(scope, " ") {
				name, ok := strings.CutSuffix(entry, ":pull")
				if !ok && !strings.HasSuffix(entry, ",pull") || !strings.HasPrefix(name, "repository:hub") || strings.Contains(name, "..") || strings.Contains(name, "push") {
					t.Fatalf("%q was handed a token", scope)
				}
			}
		case 400, 401:
		default:
			t.Fatalf("%q: %d", scope, got.StatusCode)
		}
	})
}
