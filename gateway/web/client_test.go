package web_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
)

func TestClientsInWords(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                    "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                          "Firefox on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":                     "Safari on macOS",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0":             "Edge on Windows",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36":                                     "Chrome on Linux",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/138.0.0.0 Safari/537.36":                             "Headless Chrome on Linux",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36":                            "Chrome on ChromeOS",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36":                           "Chrome on Android",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36":       "Samsung Internet on Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1":   "Safari on an iPhone",
		"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/138.0 Mobile/15E148 Safari/604.1":             "Chrome on an iPad",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15": "Firefox on an iPhone",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 OPR/122.0.0.0":             "Opera on Windows",
		"Mozilla/5.0 (Something new) Gecko/20100101 Firefox/140.0":                                                                                  "Firefox",
		"Mozilla/5.0 (compatible; Bot/2.1; +http://bot.example/)":                                                                                   "Mozilla/5.0 (compatible; Bot/2.1; +http://bot.example/)",
		"git-lfs/3.6.1 (GitHub; linux amd64; go 1.23.3)":                                                                                            "git-lfs/3.6.1 (GitHub; linux amd64; go 1.23.3)",
		"curl/8.14.1":         "curl/8.14.1",
		"Firefox on Linux":    "Firefox on Linux",
		"a\x1b[31m\u202eb":    "a?[31m?b",
		"Mozilla/5.0 (Linux;": "Mozilla/5.0 (Linux;",
		"":                    "",
	} {
		if got := web.ClientWords(agent); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}

// FuzzClientWords: whatever a client calls itself fits into a line of a page.
func FuzzClientWords(f *testing.F) {
	for _, seed := range []string{
		"", "curl/8.14.1", "Mozilla/5.0 (", "Mozilla/5.0 ()", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"\u202e\x00\xff", strings.Repeat("é", auth.MaxClient),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		out := web.ClientWords(agent)
		if len(out) > auth.MaxClient || !utf8.ValidString(out) || strings.ContainsFunc(out, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Fatalf("%q became %q", agent, out)
		}
		if again := web.ClientWords(out); again != out {
			t.Fatalf("%q became %q, and that %q", agent, out, again)
		}
	})
}
