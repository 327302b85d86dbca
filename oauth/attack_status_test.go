package oauth_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/latchkey-io/latchkey/oauth"
)

// TestStatusLinesAreNotTold: what a server writes into its status line reaches
// no terminal and no page of those who ask how it is.
func TestStatusLinesAreNotTold(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(c))
			c.Write([]byte("HTTP/1.1 500 \x1b]0;owned\x07\x1b[2J" + strings.Repeat("x", 4<<10) + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
			c.Close()
		}
	}()
	at := "http://" + l.Addr().String()
	for name, p := range map[string]oauth.Provider{
		"oauth2": {Type: oauth.OAuth2, Issuer: at, AuthorizeURL: at + "/a", TokenURL: at + "/t", UserinfoURL: at + "/u", Claims: oauth.Claims{Subject: "id"}},
		"github": {Type: oauth.GitHub, BaseURL: at},
		"oidc":   {Type: oauth.OIDC, Issuer: at},
	} {
		p.Name, p.ClientID, p.Callback = "corp", "client", callback
		said, ok := logins(t, oauth.Config{Providers: []oauth.Provider{p}, Ring: testRing(), Spend: new(spent).spend}).Health(t.Context(), "corp")
		if ok || len(said) > 600 || strings.ContainsFunc(said, unicode.IsControl) || strings.Contains(said, "owned") {
			t.Errorf("%s: %v %.200q", name, ok, said)
		}
	}
}
