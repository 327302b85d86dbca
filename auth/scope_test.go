package auth_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

const scopeRounds = 8_000

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// randomTarget draws a name, or with wild a pattern, of few letters, so that
// two of them often have to do with one another.
func randomTarget(r *rand.Rand, wild bool) string {
	parts := []string{"a", "b", "ab", "a.b", "lfs", "x"}
	if wild {
		parts = append(parts, "*", "**", "a*", "*b", "**b", "a**", "*a*")
	}
	out := make([]string, 1+r.IntN(4))
	for i := range out {
		out[i] = pick(r, parts)
	}
	return strings.Join(out, "/")
}

func randomScope(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return "applied-permissions/user"
	case 1:
		return pick(r, []string{
			"applied-permissions/groups:a", "applied-permissions/groups:b,a", `applied-permissions/groups:"a b",c`, `applied-permissions/groups:"a"`,
		})
	case 2:
		return pick(r, []string{"system:metrics:r", "system:info/storage:r"})
	default:
		return "artifact:" + randomTarget(r, r.IntN(2) == 0) + ":" + pick(r, []string{"r", "w", "r,w", "w,r,d", "*", "r,w,d,a,m,x", "a,m"})
	}
}

func TestScopesAreReadBackAsWritten(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	for range scopeRounds {
		parts := make([]string, 1+r.IntN(4))
		for i := range parts {
			parts[i] = randomScope(r)
		}
		text := strings.Join(parts, pick(r, []string{" ", "  "}))
		s, err := auth.ParseScopes(text)
		if err != nil {
			t.Fatalf("seed %d: %q: %v", seed, text, err)
		}
		again, err := auth.ParseScopes(s.String())
		if err != nil || again.String() != s.String() || !s.Covers(again) || !again.Covers(s) {
			t.Fatalf("seed %d: %q was written as %q and read as %q, %v", seed, text, s, again, err)
		}
	}
}

// asRegexp translates a pattern the naive way.
func asRegexp(pattern string) *regexp.Regexp {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(".*")
			i++
		case pattern[i] == '*':
			b.WriteString("[^/]*")
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	return regexp.MustCompile("^(?s:" + b.String() + ")(?:/(?s:.*))?$")
}

var openRoute = func() auth.Route {
	rules, err := auth.ParseRules([]string{"authenticated"})
	if err != nil {
		panic(err)
	}
	return auth.Route{Name: "route", Repositories: true, Read: rules, Write: rules}
}()

func opens(s auth.Scopes, repo string, op auth.Op) bool {
	return auth.Allow(auth.Identity{User: "u", Scopes: s}, openRoute, repo, op) == nil
}

func TestAPatternOpensWhatItsRegexpMatches(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 3))
	hits := 0
	for range scopeRounds {
		pattern, name := randomTarget(r, true), randomTarget(r, false)
		s, err := auth.ParseScopes("artifact:" + pattern + ":r")
		if err != nil {
			t.Fatal(err)
		}
		re := asRegexp(pattern)
		want := re.MatchString(name) || re.MatchString("route/"+name)
		if got := opens(s, name, auth.Read); got != want {
			t.Fatalf("seed %d: %q opens %q: %v, want %v", seed, pattern, name, got, want)
		}
		if want {
			hits++
		}
		if opens(s, name, auth.Write) || opens(s, name, auth.Delete) {
			t.Fatalf("seed %d: a scope to read opens %q to change", seed, name)
		}
	}
	if hits < scopeRounds/20 {
		t.Errorf("only %d of %d matched", hits, scopeRounds)
	}
}

func TestWhatIsCoveredOpensNoMore(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 4))
	covered := 0
	for range scopeRounds {
		p, err := auth.ParseScopes(randomScope(r) + " " + randomScope(r))
		if err != nil {
			t.Fatal(err)
		}
		q, err := auth.ParseScopes(randomScope(r))
		if err != nil {
			t.Fatal(err)
		}
		if !p.Covers(q) {
			continue
		}
		covered++
		for range 20 {
			name := randomTarget(r, false)
			for _, op := range []auth.Op{auth.Read, auth.Write, auth.Delete} {
				if opens(q, name, op) && !opens(p, name, op) {
					t.Fatalf("seed %d: %q covers %q, which alone opens %q for %c", seed, p, q, name, op)
				}
			}
		}
	}
	if covered < scopeRounds/20 {
		t.Errorf("only %d of %d were covered", covered, scopeRounds)
	}
}

func TestScopesThatAreNone(t *testing.T) {
	for _, text := range []string{
		"", " ", "user", "applied-permissions", "applied-permissions/User", "applied-permissions/groups:", "applied-permissions/groups:a,",
		"applied-permissions/groups:a/b", "applied-permissions/roles:p:r", "artifact:", "artifact:a", "artifact::r", "artifact:a:", "artifact:a:q",
		"artifact:a:rw", "artifact:/:r", "artifact:a//b:r", "artifact:a/../b:r", "artifact:./a:r", "artifact:a%2fb:r", `artifact:a\b:r`,
		"artifact:a;b:r", "artifact:a?:r", "artifact:a[b]:r", "system:", "system:a b", "system:*", "artifact:a\x00:r", "artifact:a\u007f:r",
		"artifact:\xff:r", "applied-permissions/user\tapplied-permissions/admin", "api:*", "artifact:" + strings.Repeat("a", auth.MaxScope) + ":r",
		strings.Repeat("system:a ", 51),
	} {
		_, err := auth.ParseScopes(text)
		wantCode(t, text, err, auth.Invalid, "scope")
	}
}
