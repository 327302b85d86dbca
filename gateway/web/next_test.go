package web_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/gateway/web"
)

func TestNextIsAPathOfOurOwn(t *testing.T) {
	for _, next := range []string{
		"/", "/ui/", "/ui/profile?tab=keys&x=%2F", "/lfs/team/assets.git", "/grafana/d/abc?from=http://elsewhere/",
		"/a%20b", "/a%C3%A9", "/~alice", "/a:b", "/a@b",
	} {
		if got := web.OwnPath(next); got != next {
			t.Errorf("%q became %q", next, got)
		}
	}
	for _, next := range []string{
		"", "ui/", "//evil.example", "///evil.example", `/\evil.example`, `\/evil.example`, `\\evil.example`,
		"/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie: a=b", "\t//evil.example", " //evil.example", "/ /evil.example",
		"/%2fevil.example", "/%2Fevil.example", "/%5cevil.example", "/%5Cevil.example", "/%09/evil.example", "/%0d%0aX: y", "/%00",
		"/%252fevil.example", "/%2e%2e//evil.example", "/..//evil.example", "/.//evil.example", "/a/../..//evil.example", "/./a", "/a/..",
		"https://evil.example/", "http:evil.example", "javascript:alert(1)", "data:text/html,x", "/a//b", "/a#b", "/\u202eevil", "/\x7f", "/%zz", "/%",
		"/a%7f", "?a", "#a", "/" + strings.Repeat("a", 2048),
	} {
		if got := web.OwnPath(next); got != "/ui/" {
			t.Errorf("%q is let through as %q", next, got)
		}
	}
}

func TestSignInAddress(t *testing.T) {
	for next, want := range map[string]string{
		"/ui/":            "/ui/login",
		"//evil.example":  "/ui/login",
		"/grafana/?a=b&c": "/ui/login?next=%2Fgrafana%2F%3Fa%3Db%26c",
	} {
		if got := web.SignIn(next); got != want {
			t.Errorf("%q: %q, want %q", next, got, want)
		}
	}
}

// FuzzOwnPath: whatever comes in, a browser that resolves what comes out stays
// on the origin it was on, also one that reads backslashes as slashes and drops
// tabs and line ends (WHATWG URL), and a proxy that decodes the path once more.
func FuzzOwnPath(f *testing.F) {
	for _, seed := range []string{
		"/", "/ui/", "//evil", `/\evil`, "/%2fevil", "/%5cevil", "/\t/evil", "/..//evil", "https://evil", "/a?b=//c", "/a%0d%0ab", "/%252f", "/a//b",
	} {
		f.Add(seed)
	}
	base, err := url.Parse("https://door.example/ui/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		out := web.OwnPath(next)
		if out != next && out != "/ui/" {
			t.Fatalf("%q became %q", next, out)
		}
		path, _, _ := strings.Cut(out, "?")
		once, err := url.PathUnescape(path)
		if err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		for _, reading := range []string{out, strings.ReplaceAll(out, `\`, "/"), once, strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(once)} {
			if strings.HasPrefix(reading, "//") || strings.HasPrefix(reading, `/\`) {
				t.Fatalf("%q can be read as %q", next, reading)
			}
		}
		u, err := base.Parse(out)
		if err != nil || u.Scheme != "https" || u.Host != "door.example" {
			t.Fatalf("%q leads to %v (%v)", next, u, err)
		}
		for i := range len(once) {
			if once[i] < ' ' || once[i] == 0x7f || once[i] == '\\' {
				t.Fatalf("%q holds a control character or backslash once decoded", next)
			}
		}
	})
}
