package gateway

import (
	"net/http/httptest"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
)

// What the tests of the API and the pages see of the inside.

const APIRoot = apiRoot

// DecodeSample decodes into a struct with a field of every kind that the API
// takes, and gives its name back.
func DecodeSample(body []byte) (string, error) {
	var in struct {
		User      string      `json:"user"`
		Name      string      `json:"name"`
		Email     *string     `json:"email"`
		Groups    []string    `json:"groups"`
		Admin     bool        `json:"admin"`
		ExpiresIn *int64      `json:"expires_in"`
		Password  auth.Secret `json:"password"`
	}
	err := decodeJSON(body, &in)
	return in.Name, err
}

// APIPatterns are the patterns of the rows of the JSON API, those of the
// socket included.
func APIPatterns() []string {
	var out []string
	for _, r := range apiRows(&api{machine: noMachine{}}) {
		out = append(out, r.pattern)
	}
	return out
}

type noMachine struct{ Machine }

// PagePatterns are the patterns of all pages, and whether they ask for
// somebody who is signed in.
func PagePatterns() map[string]bool {
	out := make(map[string]bool)
	for _, r := range pageRows(web.New(web.Config{PublicURL: &url.URL{Scheme: "http", Host: "127.0.0.1"}})) {
		out[r.pattern] = r.need == user
	}
	return out
}

// PagePolicy is the Content-Security-Policy of pages at public.
func PagePolicy(public *url.URL) string {
	w := httptest.NewRecorder()
	web.New(web.Config{PublicURL: public}).Home(w, nil, auth.Identity{})
	return w.Header().Get("Content-Security-Policy")
}

// SocketPatterns are the patterns of what is on the daemon's socket.
func SocketPatterns() []string {
	public := &url.URL{Scheme: "http", Host: "127.0.0.1"}
	var out []string
	for _, r := range onTheSocket(ownRows(&door{cfg: Config{PublicURL: public}})) {
		out = append(out, r.pattern)
	}
	return out
}
