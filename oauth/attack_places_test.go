package oauth_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
)

// hostilePlaces are addresses that a browser would take for something else than
// a page of the web, or than they look like.
func hostilePlaces() []string {
	var all []string
	for _, scheme := range []string{"javascript:", "JaVaScRiPt:", "data:", "vbscript:", "file:", "blob:", "about:", "ftp:", "ws:", "wss:", "intent:", "view-source:", "http:", "HTTP:", "httpx:", "https", ""} {
		for _, rest := range []string{"alert(1)", "//alert(1)", "//evil.example/%0aalert(1)", "///evil.example/x", "text/html,<script>alert(1)</script>", "//evil.example:80/x"} {
			all = append(all, scheme+rest)
		}
	}
	const good = "https://id.example.com"
	return append(all, "//evil.example/x", "/x", `\\evil.example\x`, "https:evil.example/x", "https:///evil.example/x", `https:/\evil.example/x`, `https:\\evil.example\x`,
		"https://user@evil.example/x", "https://user:secret@evil.example/x", good+"/x#access_token=1", good+"#", `https://id.example.com\@evil.example/x`,
		`https://id.example.com\.evil.example/x`, "https://id.example.com%2eevil.example@/x", "https://", "https://:443/x", "https://[::1/x", "https://id.example.com:x/",
		good+"/\r\nSet-Cookie: latchkey=x", good+"/\nx", "\thttps://id.example.com/x", " https://id.example.com/x", "java\nscript:alert(1)", "\x00https://id.example.com/x",
		good+"/"+strings.Repeat("x", 4<<10), "https://id.example.com /x", "https://id.exam\u00ad ple.com/x")
}

// TestHostilePlaces: no browser is sent, by the word of a provider, anywhere but
// to an address of the web without anything hidden in it; and nothing is asked
// there.
func TestHostilePlaces(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	for _, at := range hostilePlaces() {
		t.Run(fmt.Sprintf("%.60q", at), func(t *testing.T) {
			for _, member := range []string{"authorization_endpoint", "end_session_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"} {
				op.Under(t)
				op.Honest()
				r := rigAt(t, op, nil)
				op.Change(testidp.Discovery, func(doc map[string]any) { doc[member] = at })
				var to string
				var err error
				switch member {
				case "end_session_endpoint":
					to, _ = r.Farewell(t.Context(), "corp", auth.NewSecret("hint"), "https://latchkey.example.com/ui/login")
				default:
					to, _, _, err = r.Begin(t.Context(), "corp", auth.Attempt{Purpose: auth.ToSignIn})
				}
				if err != nil && auth.CodeOf(err) != auth.Unavailable {
					t.Errorf("%s: %v", member, err)
				}
				if to == "" {
					continue
				}
				u, err := url.Parse(to)
				if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" ||
					u.Scheme == "http" && u.Hostname() != "127.0.0.1" || strings.Contains(u.Host, "evil") || strings.ContainsFunc(to, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) {
					t.Errorf("%s leads to %q", member, to)
				}
			}
		})
	}
}
