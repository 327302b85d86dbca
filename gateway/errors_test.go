package gateway_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// refusing is a built-in service that refuses with what it is told.
func refusing(f **auth.Error) builtin {
	return func(http.ResponseWriter, *http.Request, auth.Identity) error { return *f }
}

func TestRefusalsInEachDialect(t *testing.T) {
	var refusal *auth.Error
	f := openFront(t, func(f *front, c *gateway.Config) {
		f.empty = true
		c.LFS = refusing(&refusal)
		c.Routes = append(c.Routes,
			gateway.Route{Route: auth.Route{Name: "lfs"}, Path: "/lfs/", Builtin: refusing(&refusal)})
	})
	secret := "the true cause"
	lfs := header("Accept", "application/vnd.git-lfs+json")
	for _, c := range []struct {
		code  auth.Code
		wait  time.Duration
		want  int
		retry string
	}{
		{auth.Unauthenticated, 0, 401, ""},
		{auth.Repeated, 0, 403, ""},
		{auth.Throttled, 0, 429, "1"},
		{auth.Throttled, 1500 * time.Millisecond, 429, "2"},
		{auth.Throttled, time.Hour, 429, "300"},
		{auth.Forbidden, 0, 403, ""},
		{auth.Locked, 0, 403, ""},
		{auth.Invalid, 0, 400, ""},
		{auth.NotFound, 0, 404, ""},
		{auth.Exists, 0, 409, ""},
		{auth.Unavailable, 0, 503, "5"},
		{auth.Internal, 0, 500, ""},
		{"unheard of", 0, 500, ""},
	} {
		refusal = &auth.Error{Code: c.code, Reason: "the reason", RetryAfter: c.wait, Err: errorText(secret)}
		for _, path := range []string{"/lfs/repo/objects/batch", "/artifactory/api/lfs/repo/objects/abc"} {
			got := f.send("GET", path, "", lfs)
			want := c.want
			if want == 503 && strings.HasSuffix(path, "/batch") {
				want = 429
			}
			got.want(t, want)
			if r := got.Header.Get("Retry-After"); r != c.retry {
				t.Errorf("%s: Retry-After %q, want %q", c.code, r, c.retry)
			}
			var body struct {
				Message   string `json:"message"`
				RequestID string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.Message == "" || body.RequestID == "" {
				t.Errorf("%s: body %s", c.code, got.body)
			}
			if want == 401 != (got.Header.Get("LFS-Authenticate") == `Basic realm="Latchkey"`) || want == 401 != (got.Header.Get("WWW-Authenticate") == `Basic realm="Latchkey"`) {
				t.Errorf("%s: challenge %v", c.code, got.Header)
			}
			if media := got.Header.Get("Content-Type"); media != "application/vnd.git-lfs+json" {
				t.Errorf("%s: type %s", c.code, media)
			}
			if strings.Contains(got.body, secret) {
				t.Errorf("%s tells the cause", c.code)
			}
			if (c.want == 401 || c.want == 500) && strings.Contains(got.body, "the reason") {
				t.Errorf("%s tells the reason: %s", c.code, got.body)
			}
		}
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }

func TestRefusalsOfOwnURLs(t *testing.T) {
	f := openFront(t, nobodyLives)
	problem := f.send("GET", "/-/api/v1/whoami", "").want(t, 401)
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
		RequestID                 string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(problem.body), &p); err != nil || p.Status != 401 || p.Code != "unauthenticated" || p.RequestID == "" || p.RequestID != problem.Header.Get("X-Request-Id") ||
		problem.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s", problem.Header.Get("Content-Type"), problem.body)
	}
	if got := f.send("GET", "/-/api/v1/nothing", "").want(t, 404); !strings.Contains(got.body, `"code":"no_route"`) {
		t.Error(got.body)
	}
	if got := f.send("PUT", "/-/api/v1/whoami", "").want(t, 405); got.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow: %q", got.Header.Get("Allow"))
	}
	general := f.send("GET", "/private/x", "").want(t, 401)
	var g struct {
		Errors []struct {
			Status  int
			Message string
		}
	}
	if err := json.Unmarshal([]byte(general.body), &g); err != nil || len(g.Errors) != 1 || g.Errors[0].Status != 401 || g.Errors[0].Message == "" {
		t.Error(general.body)
	}
	if c := general.Header.Values("WWW-Authenticate"); len(c) != 1 || c[0] != `Basic realm="Latchkey"` {
		t.Errorf("challenge %q", c)
	}
	bad := f.send("GET", "/private/x", "", header("X-JFrog-Art-Api", "x")).want(t, 403)
	if c := bad.Header.Get("WWW-Authenticate"); c != `Basic realm="Latchkey"` {
		t.Errorf("challenge of a bad key %q", c)
	}
	for _, r := range []reply{problem, general, bad} {
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers %v", r.Header)
		}
	}
	if got := f.send("HEAD", "/private/x", "").want(t, 401); got.ContentLength <= 0 {
		t.Error("HEAD has no length")
	}
}

func TestBrowsersAreSentToSignIn(t *testing.T) {
	f := openFront(t, nobodyLives)
	html := header("Accept", "text/html,application/xhtml+xml")
	navigate := header("Sec-Fetch-Mode", "navigate")
	for _, c := range []struct {
		name   string
		method string
		shown  []with
		want   int
	}{
		{"navigation", "GET", []with{html, navigate}, 303},
		{"old browser", "GET", []with{html}, 303},
		{"script", "GET", []with{html, header("Sec-Fetch-Mode", "cors")}, 401},
		{"form", "POST", []with{html, navigate}, 401},
		{"wrong token", "GET", []with{html, navigate, bearer("x")}, 401},
		{"stale cookie", "GET", []with{html, navigate, add("Cookie", "latchkey=x")}, 303},
		{"curl", "GET", nil, 401},
	} {
		got := f.send(c.method, "/private/a%2fb?q=1&r=2", "", c.shown...)
		if got.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", c.name, got.StatusCode, c.want)
			continue
		}
		if c.want == 303 && !strings.HasPrefix(got.Header.Get("Location"), f.url+"/ui/login") {
			t.Errorf("%s: sent to %s", c.name, got.Header.Get("Location"))
		}
	}
	got := f.send("GET", "/private/a?q=1&r=2", "", navigate).want(t, 303)
	if want := f.url + "/ui/login?next=" + url.QueryEscape("/private/a?q=1&r=2"); got.Header.Get("Location") != want {
		t.Errorf("sent to %s, want %s", got.Header.Get("Location"), want)
	}
	got = f.send("GET", "/d/1", "", navigate, func(r *http.Request) { r.Host = "APP.example.com" }).want(t, 303)
	_, port, _ := strings.Cut(f.addr, ":")
	if want := f.url + "/ui/login?next=" + url.QueryEscape("http://app.example.com:"+port+"/d/1"); got.Header.Get("Location") != want {
		t.Errorf("sent to %s, want %s", got.Header.Get("Location"), want)
	}
}

// TestCrossSiteRequests: what another site makes a browser send does nothing.
func TestOtherSitesAtRoutes(t *testing.T) {
	f := openFront(t, nil)
	for _, c := range []struct {
		name  string
		shown []with
		want  int
	}{
		{"same origin", []with{f.session(), header("Sec-Fetch-Site", "same-origin"), header("Origin", f.url)}, 200},
		{"same origin, old browser", []with{f.session(), header("Origin", f.url)}, 200},
		{"cross site", []with{f.session(), header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.example")}, 403},
		{"same site", []with{f.session(), header("Sec-Fetch-Site", "same-site"), header("Origin", "http://other.example")}, 403},
		{"sandboxed", []with{f.session(), header("Sec-Fetch-Site", "cross-site"), header("Origin", "null")}, 403},
		{"other origin, old browser", []with{f.session(), header("Origin", "https://evil.example")}, 403},
		{"no origin", []with{f.session()}, 403},
		{"explicit credential", []with{header("X-JFrog-Art-Api", f.aliceKey), header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.example")}, 200},
		// Browsers remember Basic and send it along with what any page makes.
		{"Basic, a tool", []with{basic("alice", f.aliceKey)}, 200},
		{"Basic, same origin", []with{basic("alice", f.aliceKey), header("Sec-Fetch-Site", "same-origin"), header("Origin", f.url)}, 200},
		{"Basic, cross site", []with{basic("alice", f.aliceKey), header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.example")}, 403},
		{"Basic, other origin, old browser", []with{basic("alice", f.aliceKey), header("Origin", "https://evil.example")}, 403},
		{"Basic, cookie beside, sandboxed", []with{f.session(), basic("alice", f.aliceKey), header("Origin", "null")}, 403},
		{"with cookie beside", []with{f.session(), header("X-JFrog-Art-Api", f.aliceKey), header("Origin", "https://evil.example")}, 200},
	} {
		f.send("POST", "/private/x", "x", c.shown...).want(t, c.want)
		if c.want == 403 {
			f.send("GET", "/private/x", "", c.shown...).want(t, 200)
		}
	}
	if got := f.send("GET", "/private/x", "", f.session(), header("Origin", "https://evil.example")); len(got.Header.Values("Access-Control-Allow-Origin")) > 0 {
		t.Error("another origin may read the answer")
	}
}

func TestScopeOnEveryEntrance(t *testing.T) {
	f := openFront(t, nil)
	alice := f.who("alice", frontAlice)
	token, err := f.auth.Tokens.Create(t.Context(), alice, auth.NewToken{Scope: "artifact:lfs/repo:r", Reference: true})
	if err != nil {
		t.Fatal(err)
	}
	jwt, reference := token.JWT.Reveal(), token.Reference.Reveal()
	for name, shown := range map[string]with{
		"bearer": bearer(jwt), "bearer reference": bearer(reference), "key header": header("X-JFrog-Art-Api", reference),
		"basic": basic("alice", jwt), "basic reference": basic("", reference),
	} {
		for _, method := range []string{"GET", "PUT", "DELETE", "PROPFIND"} {
			if got := f.send(method, "/private/x", "", shown); got.StatusCode != 403 {
				t.Errorf("%s %s: %d, want 403", name, method, got.StatusCode)
			}
		}
	}
	if len(f.echo.take()) > 0 {
		t.Error("the upstream saw a request")
	}
}

// TestNarrowCredentialSpeaksForNobody: a credential for some repositories opens
// no route that cannot judge it; where everybody may come it opens what it opens
// for everybody, and the upstream hears of nobody.
func TestNarrowCredentialSpeaksForNobody(t *testing.T) {
	f := openFront(t, func(_ *front, c *gateway.Config) {
		c.Routes[2].Assertion, c.Routes[2].Basic = true, true
	})
	alice := f.who("alice", frontAlice)
	token := func(scope string) string {
		t.Helper()
		made, err := f.auth.Tokens.Create(t.Context(), alice, auth.NewToken{Scope: scope})
		if err != nil {
			t.Fatal(err)
		}
		return made.JWT.Reveal()
	}
	short, _, err := f.auth.Tokens.Grant(t.Context(), alice, auth.Grant{Route: "lfs", Repo: "team/assets", Op: auth.Read, Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ token, user string }{
		"whole":          {token("applied-permissions/user"), "alice"},
		"one repository": {token("artifact:lfs/repo:r"), ""},
		"everything":     {token("artifact:*:r"), ""},
		"metrics":        {token("system:metrics:r"), ""},
		"short token":    {short.Reveal(), ""},
	} {
		for _, method := range []string{"GET", "POST"} {
			got := f.send(method, "/open/x", "", bearer(c.token)).echoed(t)
			if user := got.Header.Get(userHeaderName); user != c.user {
				t.Errorf("%s, %s: the upstream hears of %q, want %q", name, method, user, c.user)
			}
			for _, h := range []string{"X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Name", "X-Latchkey-Assertion", "Authorization"} {
				if c.user == "" && got.Header.Get(h) != "" {
					t.Errorf("%s, %s: the upstream got %s", name, method, h)
				}
			}
		}
	}
}

// TestRepeatedFailure: the same wrong password again and again is 403 from the
// tenth time on, so that old clients stop asking.
func TestRepeatedFailure(t *testing.T) {
	f := openFront(t, nil)
	last := 0
	for range 12 {
		last = f.send("GET", "/private/x", "", basic("alice", "the same wrong one")).StatusCode
	}
	if last != 403 {
		t.Errorf("the last answer is %d, want 403", last)
	}
	f.send("GET", "/private/x", "", header("X-JFrog-Art-Api", f.aliceKey)).want(t, 200)
}

func TestReadAndWriteRules(t *testing.T) {
	f := openFront(t, nil)
	for _, c := range []struct {
		method, path string
		shown        []with
		want         int
	}{
		{"GET", "/public/x", nil, 200},
		{"HEAD", "/public/x", nil, 200},
		{"OPTIONS", "/public/x", nil, 200},
		{"POST", "/public/x", nil, 401},
		{"PROPFIND", "/public/x", nil, 401},
		{"PUT", "/public/x", []with{bearer(f.aliceToken)}, 200},
		{"GET", "/public/x", []with{bearer("x")}, 401},
		{"GET", "/public/x", []with{header("X-JFrog-Art-Api", "x")}, 403},
		{"GET", "/public/x", []with{add("Cookie", "latchkey=stale")}, 200},
	} {
		f.send(c.method, c.path, "", c.shown...).want(t, c.want)
	}
	for _, agent := range []string{"GoogleHC/1.0", "kube-probe/1.29"} {
		f.send("GET", "/private/x?path=/ping", "", header("User-Agent", agent)).want(t, 401)
	}
}

func TestMaskedPaths(t *testing.T) {
	f := openFront(t, nil)
	key := strings.Repeat("aZ0-_", 8) + "xyz" // of a link that was mailed
	for in, want := range map[string]string{
		"/a/b":                               "/a/b",
		"/a?service=git-upload-pack":         "/a?service=…",
		"/a?" + f.aliceKey:                   "/a?[secret]",
		"/a?x=" + f.aliceKey + "&y":          "/a?x=…&[secret]",
		"/a/" + f.aliceKey + "/b":            "/a/[secret]/b",
		"/npm/-/user/token/hunter2":          "/npm/-/user/token/[secret]",
		"/ui/reset?key=" + key + "&user=a":   "/ui/reset?key=…&user=…",
		"/ui/reset?user=a;key=" + key:        "/ui/reset?user=…",
		"/ui/reset?" + key:                   "/ui/reset?[secret]",
		"/ui/reset%3Fkey=" + key + "&user=a": "/ui/reset?key=[secret]&user=a",
		"/UI/Email/" + key + "x":             "/UI/Email/[secret]",
		"/-/api/v1/users/a/reset-link":       "/-/api/v1/users/a/reset-link",
		"/a%0ab":                             `/a\nb`,
		"/" + strings.Repeat("x", 1000) + "": "/" + strings.Repeat("x", 508) + "…",
	} {
		u, err := url.ParseRequestURI(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := gateway.MaskPath(u); got != want {
			t.Errorf("%s is logged as %s, want %s", in, got, want)
		}
	}
}
