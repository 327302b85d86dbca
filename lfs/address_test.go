package lfs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/lfs"
)

func TestSSHAddresses(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]string{
		"assets":                                "/lfs/assets",
		"/assets":                               "/lfs/assets",
		"assets.git":                            "/lfs/assets",
		"/assets.git/":                          "/lfs/assets",
		"assets/info/lfs":                       "/lfs/assets",
		"assets.git/info/lfs":                   "/lfs/assets",
		"lfs/assets":                            "/lfs/assets",
		"media/assets":                          "/m/assets",
		"media/team/a/assets":                   "/m/team/a/assets",
		"artifactory/assets":                    "/lfs/assets",
		"/artifactory/my-lfs":                   "/lfs/my-lfs",
		"/artifactory/media/x_1.y.git":          "/m/x_1.y",
		"artifactory/api/lfs/assets":            "/lfs/assets",
		"api/lfs/media/assets":                  "/m/assets",
		"/artifactory/api/lfs/media/assets.git": "/m/assets",
		"api":                                   "/lfs/api",
		"team/info":                             "/lfs/team/info",
		"info":                                  "/lfs/info",
		"A/B/C":                                 "/lfs/A/B/C",
		strings.Repeat("a", 100):                "/lfs/" + strings.Repeat("a", 100),
	} {
		for _, op := range []string{"download", "upload"} {
			a, err := s.store.SSHAuthenticate(t.Context(), person("alice"), path, op)
			if err != nil || a.Href != s.URL+want {
				t.Errorf("%s: %q %v, want %s", path, a.Href, err, want)
			}
			if a.Token.Empty() || strings.Contains(fmt.Sprint(a), a.Token.Reveal()) {
				t.Errorf("%s: token empty or shown", path)
			}
		}
	}
	if g := s.issuer.grants()[0]; g.Life.Minutes() != 15 {
		t.Errorf("life %s", g.Life)
	}
}

// badNames is what no repository can be called.
func badNames() []string {
	names := []string{
		"", "/", ".", "..", "../../etc", "a/../../b", "a/..", "a/./b", "a//b", "a/b/c/d", "//a",
		"-oProxyCommand=x", "--help", ".git", "a/.git", ".hidden", "a/.hidden", "a.git.git", "a.git/b", "a.GIT", "a.lock", "a/b.lock",
		"$(touch /tmp/pwn)", ";id", "|id", "`id`", "a b", "a'b", "a\"b", "a\\b", "a:b", "a?b", "a#b", "a%2e", "%2e%2e", "~bob", "~bob/a", "a*",
		"a\x00b", "a\nb", "a\r\nb", "a\x1b[31m", "a\u202eb", "ａ", "é", "a\xff",
		"objects", "locks", "a/objects", "a/locks/b", "a/objects/aa", "locks/locks.json",
		"lfs", "media", "lfs/lfs", "media/lfs", "lfs/media/x", "artifactory", "artifactory/artifactory/x", "api/lfs", "api/lfs/api/lfs/x", "a/info/lfs/b", "info/lfs", "info/lfs/x",
		strings.Repeat("a", 101), strings.Repeat("a", 256<<10), strings.Repeat("a/", 1000),
	}
	// Every byte that is not allowed, at every place.
	for c := range 256 {
		if strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/", rune(c)) {
			continue
		}
		names = append(names, string([]byte{byte(c)})+"ab", "a"+string([]byte{byte(c)})+"b", "x/ab"+string([]byte{byte(c)}))
	}
	// Steps upward in every mixture.
	for _, up := range []string{"..", ".", "...", ".. ", "..%2f", "..\\", "%2e%2e", "..;"} {
		for _, form := range []string{"%s", "%s/a", "a/%s", "a/%s/b", "a/b/%s", "%s/%[1]s/%[1]s", "a/%s/.git"} {
			names = append(names, fmt.Sprintf(form, up))
		}
	}
	return names
}

func TestBadNamesAreRefused(t *testing.T) {
	s := newServer(t)
	before := s.files(t)
	for _, name := range badNames() {
		short := name[:min(len(name), 40)]
		if a, err := s.store.SSHAuthenticate(t.Context(), person("alice"), name, "upload"); auth.CodeOf(err) != auth.Invalid {
			t.Errorf("ssh %q: %q %v", short, a.Href, err)
		} else if strings.ContainsAny(err.Error(), "\n\r\x1b\x00") {
			t.Errorf("ssh %q: control characters in %q", short, err)
		}
		for _, prefix := range []string{"/lfs/", "/m/", "/artifactory/api/lfs/lfs/"} {
			for _, resource := range []string{"/objects/batch", "/locks", "/objects/" + describe(nil).OID} {
				if status := s.direct("PUT", prefix+name+resource); status != 404 {
					t.Errorf("%s%s%s: %d", prefix, short, resource, status)
				}
			}
		}
	}
	if after := s.files(t); !slices.Equal(before, after) {
		t.Errorf("files appeared: %v", after)
	}
	if n := len(s.issuer.grants()); n != 0 {
		t.Errorf("%d tokens granted", n)
	}
}

// direct asks the store without the line between, so that any path arrives.
func (s *server) direct(method, path string) int {
	u, _ := url.Parse(s.URL)
	r := &http.Request{Method: method, Host: u.Host, URL: &url.URL{Path: path}, Header: http.Header{}, Body: http.NoBody}
	w := httptest.NewRecorder()
	if err := s.store.ServeAs(w, r, person("alice")); err != nil {
		return -1
	}
	return w.Code
}

func TestEscapedAddressesAreRefused(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/lfs/%61ssets%2fb/locks", "/lfs/%2e%2e/locks", "/lfs/a%2flocks", "/lfs/a%00/locks"} {
		if r := s.do(t, "alice", "GET", path, nil); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

func TestHostRoutes(t *testing.T) {
	dir := t.TempDir()
	s := newServer(t,
		lfs.RouteConfig{Route: rules(t, "public"), Path: "lfs", Dir: filepath.Join(dir, "a")},
		lfs.RouteConfig{Route: rules(t, "host"), Host: "LFS.example.com", Dir: filepath.Join(dir, "b")},
		lfs.RouteConfig{Route: rules(t, "deep"), Host: "lfs.example.com", Path: "/deep/", Dir: filepath.Join(dir, "c")},
	)
	u, _ := url.Parse(s.URL)
	for _, row := range []struct{ host, path, want string }{
		{u.Host, "/lfs/x", "http://" + u.Host + "/lfs/x"},
		{u.Host, "/x", ""},
		{"lfs.example.com:1", "/x", "http://lfs.example.com:" + u.Port() + "/x"},
		{"lfs.example.com", "/lfs/x", "http://lfs.example.com:" + u.Port() + "/lfs/x"},
		{"lfs.EXAMPLE.com", "/deep/x", "http://lfs.example.com:" + u.Port() + "/deep/x"},
		{"lfs.example.com", "/artifactory/api/lfs/x", ""},
		// A final dot is the same host, not one that the public routes answer.
		{"lfs.example.com.", "/x", "http://lfs.example.com:" + u.Port() + "/x"},
		{"LFS.example.com.:1", "/lfs/x", "http://lfs.example.com:" + u.Port() + "/lfs/x"},
		{"lfs.example.com.", "/artifactory/api/lfs/x", ""},
		{u.Host, "/artifactory/api/lfs/x", "http://" + u.Host + "/artifactory/api/lfs/x"},
		{u.Host, "/artifactory/api/lfs/deep/x", "http://" + u.Host + "/artifactory/api/lfs/deep/x"},
	} {
		o := describe(random(3))
		r := s.post(t, "alice", row.path+"/objects/batch", batch{Operation: "upload", Objects: []object{o}}, func(r *http.Request) { r.Host = row.host })
		var a answer
		if r.status == 200 {
			r.into(t, &a)
		}
		switch {
		case row.want == "" && r.status == 404:
		case row.want == "" || r.status != 200:
			t.Errorf("%s%s: %d", row.host, row.path, r.status)
		case !strings.HasPrefix(a.Objects[0].Actions["upload"].Href, row.want+"/objects/"):
			t.Errorf("%s%s: %s, want %s", row.host, row.path, a.Objects[0].Actions["upload"].Href, row.want)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	dir := t.TempDir()
	public := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	a := lfs.RouteConfig{Route: rules(t, "a"), Path: "/a/", Dir: dir + "/a"}
	for name, routes := range map[string][]lfs.RouteConfig{
		"same name":       {a, {Route: rules(t, "a"), Path: "/b/", Dir: dir + "/b"}},
		"same folder":     {a, {Route: rules(t, "b"), Path: "/b/", Dir: dir + "/x/../a"}},
		"folder inside":   {a, {Route: rules(t, "b"), Path: "/b/", Dir: dir + "/a/b"}},
		"same address":    {a, {Route: rules(t, "b"), Path: "a", Dir: dir + "/b"}},
		"no folder":       {{Route: rules(t, "b"), Path: "/b/"}},
		"no repositories": {{Route: auth.Route{Name: "b"}, Path: "/b/", Dir: dir + "/b"}},
	} {
		if s, err := lfs.New(lfs.Config{Routes: routes, PublicURL: public, Auth: &issuer{}}); err == nil {
			s.Close()
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := lfs.New(lfs.Config{Auth: &issuer{}}); err == nil {
		t.Error("no public URL: accepted")
	}
	if _, err := lfs.New(lfs.Config{PublicURL: public}); err == nil {
		t.Error("no granter: accepted")
	}
}

func TestRoutesCanBeReplaced(t *testing.T) {
	s := newServer(t)
	o := s.put(t, "alice", "/lfs/a", random(10))
	closed := routeOf(t, "lfs", "user:bob", "user:bob")
	if err := s.store.SetRoutes([]lfs.RouteConfig{{Route: closed, Path: "/other/", Dir: filepath.Join(s.dir, "lfs")}}); err != nil {
		t.Fatal(err)
	}
	if r := s.do(t, "alice", "GET", "/lfs/a/objects/"+o.OID, nil); r.status != 404 {
		t.Errorf("old address: %d", r.status)
	}
	if r := s.do(t, "alice", "GET", "/other/a/objects/"+o.OID, nil); r.status != 403 {
		t.Errorf("new rules: %d", r.status)
	}
	if r := s.do(t, "bob", "GET", "/other/a/objects/"+o.OID, nil); r.status != 200 {
		t.Errorf("new address: %d", r.status)
	}
	if err := s.store.SetRoutes([]lfs.RouteConfig{{}}); err == nil {
		t.Error("bad routes accepted")
	}
	if r := s.do(t, "bob", "GET", "/other/a/objects/"+o.OID, nil); r.status != 200 {
		t.Errorf("after refused routes: %d", r.status)
	}
}

func FuzzSSHAddress(f *testing.F) {
	for _, name := range []string{"a", "/artifactory/api/lfs/media/a.git/info/lfs", "../x", "lfs/lfs/a", "a/info/lfs/info/lfs", "a.git/.git"} {
		f.Add(name)
	}
	s := newServer(f)
	f.Fuzz(func(t *testing.T, path string) {
		a, err := s.store.SSHAuthenticate(t.Context(), person("alice"), path, "download")
		if err != nil {
			if auth.CodeOf(err) != auth.Invalid {
				t.Fatalf("%q: %v", path, err)
			}
			return
		}
		rest, ok := strings.CutPrefix(a.Href, s.URL+"/")
		route, name, _ := strings.Cut(rest, "/")
		if !ok || route != "lfs" && route != "m" {
			t.Fatalf("%q: %s", path, a.Href)
		}
		// The address is one of HTTP too, and names the same repository.
		if filepath.Clean(name) != name || strings.HasPrefix(name, ".") || strings.Count(name, "/") > 2 {
			t.Fatalf("%q: name %q", path, name)
		}
		g := s.issuer.grants()
		if last := g[len(g)-1]; last.Repo != name {
			t.Fatalf("%q: token for %q, address of %q", path, last.Repo, name)
		}
		if status := s.direct("GET", "/"+rest+"/locks"); status != 200 {
			t.Fatalf("%q: %s is no HTTP address: %d", path, a.Href, status)
		}
	})
}

func FuzzURL(f *testing.F) {
	for _, path := range []string{"/lfs/a/locks", "/m/a.git/info/lfs/locks", "/artifactory/api/lfs/media/a/locks", "/lfs/../m/a/locks", "/lfs/a/objects/" + strings.Repeat("a", 64)} {
		f.Add(path)
	}
	s := newServer(f)
	want := s.files(f)
	f.Fuzz(func(t *testing.T, path string) {
		if status := s.direct("GET", path); status != 200 && status != 404 && status != 405 {
			t.Fatalf("%q: %d", path, status)
		}
		if got := s.files(t); !slices.Equal(got, want) {
			t.Fatalf("%q: files %v", path, got)
		}
	})
}
