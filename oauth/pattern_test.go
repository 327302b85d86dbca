package oauth_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/oauth"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, value string
		want           bool
	}{
		{"acme/app", "acme/app", true},
		{"acme/app", "acme/app2", false},
		{"acme/app", "acme/ap", false},
		{"acme/*", "acme/app", true},
		{"acme/*", "acme/", true},
		{"acme/*", "acme/app/x", false},
		{"acme/*", "acme-evil/app", false},
		{"acme*", "acme/app", false},
		{"refs/heads/release/*", "refs/heads/release/7", true},
		{"refs/heads/release/*", "refs/heads/release/7/x", false},
		{"refs/heads/release/**", "refs/heads/release/7/x", true},
		{"repo:acme/*:ref:refs/heads/main", "repo:acme/app:ref:refs/heads/main", true},
		{"repo:acme/*:ref:refs/heads/main", "repo:acme/app:x:ref:refs/heads/main", false},
		{"repo:acme/*", "repo:acme/app:environment:prod", false},
		{"repo:acme/**", "repo:acme/app:environment:prod", true},
		{"*", "a", true}, {"*", "", true}, {"*", "a/b", false}, {"*", "a:b", false},
		{"**", "", true}, {"**", "a/b:c", true}, {"***", "a/b:c", true},
		{"a*b*c", "aXbYc", true}, {"a*b*c", "abc", true}, {"a*b*c", "aXbY/c", false},
		{"**/x", "a/b/x", true}, {"**/x", "x", false},
		{"", "", true}, {"", "a", false},
		{"é*", "éa", true}, {"A", "a", false},
		{"a.c", "abc", false}, {"[a]", "a", false}, {"a?", "ab", false}, {`\*`, "*", false}, {`\*`, `\x`, true},
		{strings.Repeat("a", 256), strings.Repeat("a", 256), true},
		{"*" + strings.Repeat("a", 255), strings.Repeat("a", 1000), true},
		{strings.Repeat("a", 255) + "*", strings.Repeat("a", 1000), true},
		{strings.Repeat("a", 255) + "*", strings.Repeat("a", 254), false},
		{strings.Repeat("*a", 128), strings.Repeat("a", 128), true},
		{strings.Repeat("*a", 128), strings.Repeat("a", 127), false},
	} {
		if got := oauth.Matches(tc.pattern, tc.value); got != tc.want {
			t.Errorf("%.40q matches %.40q: %v", tc.pattern, tc.value, got)
		}
	}
}

// No pattern is slow: what takes others exponential or quadratic time.
func TestPatternIsLinear(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("a", 16<<10)
	for _, pattern := range []string{strings.Repeat("*a", 127) + "b", strings.Repeat("**a", 85) + "b", "**" + strings.Repeat("a", 253) + "b"} {
		began := time.Now()
		for range 100 {
			if oauth.Matches(pattern, value) {
				t.Fatal(pattern)
			}
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("100 times %.20q took %s", pattern, took)
		}
	}
}

// meaning is the pattern as a regular expression.
func meaning(pattern string) *regexp.Regexp {
	var b strings.Builder
	for rest := pattern; rest != ""; {
		n := len(rest) - len(strings.TrimLeft(rest, "*"))
		switch {
		case n > 1:
			b.WriteString(".*")
		case n == 1:
			b.WriteString("[^/:]*")
		default:
			n = 1
			b.WriteString(regexp.QuoteMeta(rest[:1]))
		}
		rest = rest[n:]
	}
	return regexp.MustCompile(`\A(?s:` + b.String() + `)\z`)
}

func FuzzPattern(f *testing.F) {
	f.Add("acme/*", "acme/app")
	f.Add("repo:**:*/x", "repo:a/b:c/x")
	f.Add("*a*b**c", "xaybzc")
	f.Add(strings.Repeat("ab*", 60), strings.Repeat("ab", 90))
	f.Fuzz(func(t *testing.T, pattern, value string) {
		ascii := func(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0 }
		if len(pattern) > 256 || !ascii(pattern) || !ascii(value) { // regexp reads runes
			t.Skip()
		}
		if got, want := oauth.Matches(pattern, value), meaning(pattern).MatchString(value); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, value, got, want)
		}
	})
}
