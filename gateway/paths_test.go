package gateway_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// readings is what servers make of a path: they decode it, some again and
// again, drop ;parameters, take "\" for "/", fold slashes, resolve dots and
// mind no case, in any order.
func readings(uri string) map[string]bool {
	uri, _, _ = strings.Cut(uri, "?")
	all := map[string]bool{uri: true}
	steps := []func(string) string{
		func(p string) string {
			if d, err := url.PathUnescape(p); err == nil {
				return d
			}
			return p
		},
		func(p string) string {
			var out []string
			for s := range strings.SplitSeq(p, "/") {
				s, _, _ = strings.Cut(s, ";")
				out = append(out, s)
			}
			return strings.Join(out, "/")
		},
		func(p string) string { return strings.ReplaceAll(p, `\`, "/") },
		func(p string) string { return path.Clean("/" + p) },
		strings.ToLower,
		func(p string) string { p, _, _ = strings.Cut(p, "\x00"); return p },
	}
	for todo := []string{uri}; len(todo) > 0; todo = todo[1:] {
		for _, step := range steps {
			if p := step(todo[0]); !all[p] {
				all[p] = true
				todo = append(todo, p)
			}
		}
	}
	return all
}

// TestPathsMeanTheSameToEverybody throws spellings of paths at a door whose
// root is open and two of whose folders are not. Whatever reaches the
// upstream without a credential must not lie in such a folder, however the
// upstream reads it.
func TestPathsMeanTheSameToEverybody(t *testing.T) {
	f := openFront(t, func(f *front, c *gateway.Config) {
		f.empty = true
		c.Routes = []gateway.Route{
			{Route: auth.Route{Name: "root", Read: rules(t, "anonymous")}, Path: "/", Upstream: f.echo.URL},
			{Route: auth.Route{Name: "private", Read: rules(t, "authenticated")}, Path: "/private/", Upstream: f.echo.URL},
			{Route: auth.Route{Name: "deep", Read: rules(t, "authenticated")}, Path: "/a/Deep/", Upstream: f.echo.URL},
			{Route: auth.Route{Name: "public", Read: rules(t, "anonymous")}, Path: "/private/public/", Upstream: f.echo.URL},
		}
	})
	closed := func(p string) bool {
		p = strings.ToLower(p)
		in := func(folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }
		return in("/private") && !in("/private/public") || in("/a/deep")
	}
	pieces := []string{
		"/", "/", "//", "/./", "/../", "/.", "/..", "/%2e/", "/%2e%2e/", "/.%2E/", "..%2f", "%2f", "%2F", "%252f", "%25252F", "%5c", `\`, "%255c",
		"%252e%252e/", "/%252e%252e%252f", ";", ";x", ";x=y", "/;", "/;x/", "/..;/", "/..;x=y/", "/.;/", "%3b", "%3B/", "/%3bx/", "%253b",
		"private", "Private", "PRIVATE", "priv%61te", "%70rivate", "%2570rivate", "%50rivate", "priv%2561te", "public", "a", "Deep", "deep", "D%65ep", "De%2565p",
		"%00", "%0a", "%0d", "%09", "%7f", "%20", "%25", "%2525", "%", "ä", "%c3%a4", "%ef%bc%8f", "%e2%84%aa", "%c0%ae", "%c0%af", "@scope%2fpkg", ":", "x", "...", ".x", "x.", "*", "%23", "?", "?/../private",
	}
	random := rand.New(rand.NewPCG(1, 2))
	handler := f.gateway.Handler()
	passed, tried := 0, 0
	try := func(target string) {
		tried++
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // net/http answers 400
		}
		f.echo.take()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL, r.RequestURI, r.Host = u, target, strings.TrimPrefix(f.url, "http://")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		for _, e := range f.echo.take() {
			passed++
			for reading := range readings(e.URI) {
				if closed(reading) {
					t.Fatalf("%q went as %q to the upstream, which may read it as %q", target, e.URI, reading)
				}
			}
		}
		if w.Code == http.StatusOK && strings.HasPrefix(u.Path, "/-") {
			t.Fatalf("%q: %d", target, w.Code)
		}
	}
	for range 20000 {
		var b strings.Builder
		b.WriteByte('/')
		for range 1 + random.IntN(7) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		try(b.String())
	}
	for _, target := range []string{
		"/public/../private", "/public/%2e%2e/private", "/public/..%2fprivate", "/public/%252e%252e/private", `/public\..\private`, "/public;/../private",
		"//private", "/./private", "/%70rivate", "/private%00", "/private/.", "/PRIVATE", "/private", "/private;x", "/;/private", "/private%2fx", "/private%252fx", "/%2fprivate", "/a%2fDeep", "/private/public%2f..", "/private%2fpublic/x",
	} {
		try(target)
	}
	if passed < tried/50 {
		t.Errorf("only %d of %d paths passed: the test says little", passed, tried)
	}
}

func TestPathMatrix(t *testing.T) {
	f := openFront(t, nobodyLives)
	for _, c := range []struct {
		path string
		want int
		uri  string // what the upstream gets, where it is not the path
	}{
		{"/public/a", 200, ""},
		{"/public", 200, ""},
		{"/public/", 200, ""},
		{"/public/libs/x.jar;build.name=a;build.number=1", 200, ""},
		{"/public/libs;a=b/x.jar", 200, ""},
		{"/public/dir/;a=b", 200, ""},
		{"/public/npm/@scope%2fpkg", 200, ""},
		{"/public/npm/@scope%2Fpkg", 200, ""},
		{"/public/v1:2/x", 200, ""},
		{"/public/a%20b", 200, ""},
		{"/public/100%25", 200, ""},
		{"/public/%C3%A4", 200, ""},
		{"/public/.well-known/x", 200, ""},
		{"/public/...", 200, ""},
		{"/public/a?x=1;y=%zz&q=../..", 200, ""},
		{"/public/a?", 200, ""},
		{"/public/~user/a+b,c!d$e'(f)*", 200, ""},
		{"/public/../private", 400, ""},
		{"/public/%2e%2e/private", 400, ""},
		{"/public/..%2fprivate", 400, ""},
		{"/public/%252e%252e/private", 400, ""},
		{"/public/%25252e%25252e/private", 400, ""},
		{"/public/..;/private", 400, ""},
		{"/public/..;x=y/private", 400, ""},
		{"/public;/../private", 400, ""},
		{`/public\..\private`, 400, ""},
		{"/public/%5c../private", 400, ""},
		{"//private", 400, ""},
		{"//evil.com/x", 400, ""},
		{"/public//x", 400, ""},
		{"/public/%00", 400, ""},
		{"/public/a%0d%0ab", 400, ""},
		{"/./private", 400, ""},
		{"/private/.", 400, ""},
		{"/%70rivate/x", 401, ""},
		{"/private", 401, ""},
		{"/private/x", 401, ""},
		{"/PRIVATE/x", 404, ""},
		{"/Public/x", 404, ""},
		{"/publicx", 404, ""},
		{"/public%2fx", 400, ""},
		{"/none", 404, ""},
		{"/-/api//v1/users", 400, ""},
		{"/-/api/v1/x/../users", 400, ""},
		{"/-/api/v1/users;.js", 400, ""},
		{"/-/api/v1/usersx", 404, ""},
		{"/-/api/v1/users/", 404, ""},
		{"/-/api/v1%2fusers", 400, ""},
		{"/-%2fapi/v1/users", 400, ""},
		{"/%2d/api/v1/users", 401, ""},
	} {
		f.echo.take()
		got := f.raw("GET "+c.path+" HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n", 1)
		if len(got) != 1 || got[0].StatusCode != c.want {
			t.Errorf("%s: %s, want %d", c.path, statuses(got), c.want)
			continue
		}
		seen := f.echo.take()
		if c.want != 200 {
			if len(seen) > 0 {
				t.Errorf("%s: %d, and yet the upstream saw %v", c.path, c.want, seen)
			}
			continue
		}
		if want := c.path; len(seen) != 1 || seen[0].URI != want {
			t.Errorf("%s: the upstream saw %v", c.path, seen)
		}
	}
}

func TestHosts(t *testing.T) {
	f := openFront(t, nil)
	for _, c := range []struct {
		host, path string
		want       int
	}{
		{"app.example.com", "/x", 401},
		{"APP.Example.COM", "/x", 401},
		{"app.example.com.", "/x", 401},
		{"app.example.com:8080", "/x", 401},
		{"app.example.com", "/ui/login", 401}, // its own paths, not ours
		{"app.example.com", "/-/jwks.json", 200},
		{"app.example.com", "/-/api/v1/whoami", 404},
		{"app.example.com:x", "/x", 404},
		{"app.example.com@127.0.0.1", "/x", 400},
		{"other.example.com", "/private/x", 404},
		{"other.example.com", "/public/x", 404},
		{"localhost", "/public/x?y=1", 307},
		{"[::1]:8080", "/public/x", 307},
		{"x.localhost", "/public/x", 307},
		{"127.0.0.1:1", "/public/x", 200},
		{"127.0.0.1.evil.com", "/public/x", 404},
		{"127.0.0.2", "/public/x", 307},
	} {
		got := f.raw("GET "+c.path+" HTTP/1.1\r\nHost: "+c.host+"\r\nConnection: close\r\nAuthorization: Basic !!\r\nAuthorization: Basic ??\r\n\r\n", 1)
		want := c.want
		if want == 401 || want == 200 && !strings.Contains(c.path, "jwks") {
			want = 400 // only here is the credential looked at
		}
		if len(got) != 1 || got[0].StatusCode != want {
			t.Errorf("%s%s: %s, want %d", c.host, c.path, statuses(got), want)
			continue
		}
		if c.want == 307 && got[0].Header.Get("Location") != f.url+c.path {
			t.Errorf("%s%s: leads to %s", c.host, c.path, got[0].Header.Get("Location"))
		}
	}
	if got := f.raw("POST /public/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 1); statuses(got) != "404" {
		t.Errorf("POST to another name: %s, want 404", statuses(got))
	}
	// The upstream is told the host's one name, however it was spelled.
	key := header("X-JFrog-Art-Api", f.aliceKey)
	got := f.send("GET", "/x", "", key, func(r *http.Request) { r.Host = "APP.example.com.:1234" }).echoed(t)
	_, port, _ := strings.Cut(f.addr, ":")
	if want := fmt.Sprintf("app.example.com:%s", port); got.Host != want || got.Header.Get("X-Forwarded-Host") != want {
		t.Errorf("host %q, forwarded %q, want %q", got.Host, got.Header.Get("X-Forwarded-Host"), want)
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/a/b", "/a/../b", "/%2e%2e%2f", "/a;b/c", "/%", "/a%2fb", `/\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := url.ParseRequestURI(s)
		if err != nil || u.Scheme != "" || u.Host != "" || gateway.CheckPath(u) != nil {
			return
		}
		// What passes has one meaning up to its own escapes: no reading of it
		// leaves the folder that it is in.
		for reading := range readings("/safe" + u.EscapedPath()) {
			if p := path.Clean(reading); p != "/safe" && !strings.HasPrefix(p, "/safe/") && !strings.HasPrefix(p, "/safe;") {
				t.Fatalf("%q may be read as %q", s, reading)
			}
		}
	})
}
