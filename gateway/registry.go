package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Container clients (docker, skopeo, crane, regctl, helm) ask /v2/ first, are
// told there where to fetch a token, and show that to the registry:
//
//	GET /v2/                                        401, Bearer realm=…,service=…
//	GET /v2/token?service=…&scope=repository:a:pull Basic → {"token":…}
//	GET /v2/a/manifests/1                           Bearer → a route
//
// A token has the whole scope of the credential it was fetched with. What is
// asked for in scope is not judged: the route judges each request. There are no
// refresh tokens: a client that gets one keeps it in place of the password.
const (
	registryRoot    = "/v2/"
	registryVersion = "registry/2.0"

	// nobodysToken is what somebody unknown is handed for what everybody may
	// have, because clients ask nothing without a token. It is a word that all
	// may know, and under /v2/ the same as no credential.
	nobodysToken     = "anonymous"
	nobodysTokenLife = auth.MaxShort
)

// registryChallenge sends a client to the token. The service is the host that
// was asked; the realm always is on the host of PublicURL.
func (x *exchange) registryChallenge(h http.Header) {
	service := x.d.public.host
	if x.site != nil {
		service = x.site.host
	}
	h.Set("WWW-Authenticate", `Bearer realm="`+x.d.public.origin+registryRoot+`token",service="`+service+`"`)
	h.Set("Docker-Distribution-Api-Version", registryVersion)
}

// registryHere answers GET /v2/ to somebody known.
func registryHere(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	w.Header().Set("Docker-Distribution-Api-Version", registryVersion)
	return writeJSON(w, http.StatusOK, struct{}{})
}

// asksRegistry reports the request by which a client learns whether and where
// to sign in, on a host of its own. Clients ask it once: one that is let in
// without a credential sends none later, when it wants to push.
func (x *exchange) asksRegistry() bool {
	return x.r.URL.Path == registryRoot && reads(x.r.Method) && x.dialect == inRegistry && !x.route.Open(auth.Write)
}

// registryAnswer is the answer of /v2/token: docker's token specification has
// token, OAuth's has access_token, and clients read either.
type registryAnswer struct {
	Token       string    `json:"token"`
	AccessToken string    `json:"access_token"`
	ExpiresIn   int64     `json:"expires_in"` // seconds
	IssuedAt    time.Time `json:"issued_at"`
}

// registryToken answers GET /v2/token. Of the query, account, client_id and
// offline_token change nothing.
func (d *door) registryToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return malformed("the query cannot be read")
	}
	site, err := d.service(q["service"])
	if err != nil {
		return err
	}
	now := d.cfg.Now().UTC()
	if !who.Known() {
		if !site.opens(q["scope"]) {
			return refusedProof()
		}
		return writeToken(w, nobodysToken, now, now.Add(nobodysTokenLife))
	}
	token, expires, err := d.cfg.Auth.Tokens.Short(r.Context(), who)
	if err != nil {
		return err
	}
	return writeToken(w, token.Reveal(), now, expires)
}

func writeToken(w http.ResponseWriter, token string, now, expires time.Time) error {
	return writeJSON(w, http.StatusOK, registryAnswer{
		Token: token, AccessToken: token, ExpiresIn: max(int64(expires.Sub(now)/time.Second), 1), IssuedAt: now.Truncate(time.Second),
	})
}

// service finds the host that a token is wanted for; without one it is that of
// PublicURL. A token for a stranger's service is what a stranger asked a client
// to fetch.
func (d *door) service(names []string) (*site, error) {
	switch {
	case len(names) == 0:
		return d.public, nil
	case len(names) > 1:
		return nil, malformed("the query names more than one service")
	}
	if host, ok := hostOf(names[0]); ok {
		if s := d.sites[host]; s != nil && strings.EqualFold(names[0], s.host) {
			return s, nil
		}
	}
	return nil, malformed("the service is not a host of this registry")
}

// opens reports whether everybody may do all that scopes ask for, and that they
// ask for something:
//
//	scope  = entry *( " " entry )
//	entry  = "repository:" NAME ":" action *( "," action )
//
// Every action but pull counts as writing.
func (s *site) opens(scopes []string) bool {
	asked := false
	for _, scope := range scopes {
		for entry := range strings.SplitSeq(scope, " ") {
			rest, ok := strings.CutPrefix(entry, "repository:")
			i := strings.LastIndexByte(rest, ':')
			if !ok || i < 0 || !s.opensRepository(rest[:i], rest[i+1:]) {
				return false
			}
			asked = true
		}
	}
	return asked
}

func (s *site) opensRepository(name, actions string) bool {
	path := registryRoot + name + "/"
	if name == "" || !isPlainPath(path) || s.isReserved(path) {
		return false
	}
	route, err := s.routeOf(path)
	if err != nil || route == nil || route.upstream == nil {
		return false
	}
	for action := range strings.SplitSeq(actions, ",") {
		op := auth.Write
		if action == "pull" {
			op = auth.Read
		}
		if !route.Open(op) {
			return false
		}
	}
	return true
}

// speaksForNobody reports a request that shows nobodysToken and nothing else
// on purpose.
func speaksForNobody(h http.Header) bool {
	values := h[authHeader]
	return len(values) == 1 && strings.EqualFold(values[0], "Bearer "+nobodysToken) && len(h[keyHeader]) == 0 && len(h[oldKeyHeader]) == 0
}

// keepRegistry changes what an upstream may lead container clients away with,
// which carry their credential along. A challenge names the place that they
// send their password to: it is ours or none. And an upload goes on at the
// Location of the answer before, with the same token: under /v2/ that is the
// registry's, by whatever name the upstream calls itself, and so ours.
func (x *exchange) keepRegistry(r *http.Response) error {
	h := r.Header
	if h["Www-Authenticate"] != nil {
		h.Del("WWW-Authenticate")
		x.registryChallenge(h)
	}
	text := h.Get("Location")
	if text == "" || r.StatusCode >= 300 || reads(x.r.Method) {
		return nil
	}
	to, err := url.Parse(text)
	if err != nil || len(h["Location"]) > 1 || strings.IndexByte(text, '\\') >= 0 ||
		to.Host == "" && (to.Scheme != "" || strings.HasPrefix(text, "//")) {
		return refusedAnswer("the upstream's upload goes on at an address that cannot be read")
	}
	up := x.route.upstream.target
	path := strings.TrimPrefix(to.EscapedPath(), up.EscapedPath())
	switch {
	case strings.HasPrefix(path, registryRoot):
	case to.Host == "" || strings.EqualFold(to.Host, up.Host) || strings.EqualFold(to.Host, x.site.host):
		return nil // no registry; see relocate
	default:
		return refusedAnswer("the upstream's upload goes on at another host, and this client would take its token there")
	}
	moved := x.site.origin + path
	if to.RawQuery != "" {
		moved += "?" + to.RawQuery
	}
	h.Set("Location", moved)
	return nil
}
