package configs

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of named upstreams.
const (
	maxUpstreams     = 50
	maxUpstreamURL   = 1024 // bytes
	maxSignUp        = 2048 // bytes
	maxHeaderSetting = 64   // bytes of a header's name
)

// NamedUpstream is a service at which users have accounts of their own: each
// stores a name and secret for it, and routes that say so show them there.
type NamedUpstream struct {
	Name   string `yaml:"name" doc:"Unique: 1 to 63 of a-z 0-9 and inner . _ -. What routes, people and commands call it."`
	URL    string `yaml:"url" doc:"http:// or https:// address that a test asks, best one that answers nobody without a sign-in. Secrets go to its scheme, host and port and nowhere else."`
	Send   string `yaml:"send" enum:"basic,bearer,header" doc:"How a secret is sent: basic (name and secret), bearer (the secret as a Bearer token) or header (the secret alone in a header)."`
	Header string `yaml:"header" doc:"With send: header, the name of that header, as PRIVATE-TOKEN."`
	SignUp string `yaml:"sign_up" doc:"Where people get an account there; shown to them. Empty: nothing is shown."`
}

// DefaultNamedUpstream is what each entry of upstreams begins with.
func DefaultNamedUpstream() NamedUpstream { return NamedUpstream{Send: "basic"} }

// headerForm is a field name (RFC 9110 §5.1), without the letters that no
// service uses and that gateways read in two ways.
var headerForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$`)

// takenHeaders frame a message, lead it, or are written by Latchkey itself. A
// secret in one would break the request or what is said of its user.
var takenHeaders = []string{
	"accept-encoding", "connection", "content-encoding", "content-length", "content-type", "cookie", "expect", "forwarded", "host", "http2-settings",
	"keep-alive", "origin", "proxy-authenticate", "proxy-authorization", "proxy-connection", "range", "referer", "te", "trailer",
	"transfer-encoding", "upgrade", "user-agent", "via", "x-forwarded", "x-real-ip", "x-request-id",
}

// takenHeaderPrefixes begin the names of headers that Latchkey writes itself,
// or that browsers and handshakes do.
var takenHeaderPrefixes = []string{"x-forwarded-", "x-latchkey-", "sec-", "if-", "access-control-"}

// validateUpstreams judges the named upstreams and gives those without a fault
// in their name, by it.
func (c *Config) validateUpstreams(r *report) map[string]*NamedUpstream {
	names := map[string]*NamedUpstream{}
	if n := len(c.Upstreams); n > maxUpstreams {
		r.at("upstreams", "has %d entries; at most %d are accepted", n, maxUpstreams)
		return names
	}
	for i := range c.Upstreams {
		u, at := &c.Upstreams[i], index("upstreams", i)
		if !jobNameForm.MatchString(u.Name) {
			r.at(at+".name", "takes 1 to 63 of a-z, 0-9 and inner . _ -")
		} else if names[u.Name] != nil {
			r.at(at+".name", "is the name of another upstream too")
		} else {
			names[u.Name] = u
		}
		if text := c.checkUpstreamURL(u.URL); text != "" {
			r.at(at+".url", "%s", text)
		}
		checkWord(r, at+".send", u.Send, "basic", "bearer", "header")
		if text := u.checkHeader(); text != "" {
			r.at(at+".header", "%s", text)
		}
		if text := checkSignUp(u.SignUp); text != "" {
			r.at(at+".sign_up", "%s", text)
		}
	}
	return names
}

// checkUpstreamURL says what is wrong with the address of a named upstream.
func (c *Config) checkUpstreamURL(s string) string {
	const form = "takes http:// or https://, a host and perhaps a port and path, as https://packages.example.com/api/whoami"
	u, err := url.Parse(s)
	switch {
	case s == "":
		return "is missing: it " + form
	case err != nil || len(s) > maxUpstreamURL || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return form
	case u.User != nil:
		return "must not have a user or a password in it; each user enters their own"
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return "must not have a query or a fragment"
	}
	if text := checkURLHost(u); text != "" {
		return text
	}
	return c.ownDoor(Upstream{Kind: UpstreamHTTP, URL: u})
}

func (u *NamedUpstream) checkHeader() string {
	name := strings.ToLower(u.Header)
	switch {
	case u.Send != "header" && u.Header != "":
		return "is only for send: header"
	case u.Send != "header":
		return ""
	case u.Header == "":
		return "is missing: send: header needs the header's name, as PRIVATE-TOKEN"
	case len(u.Header) > maxHeaderSetting || !headerForm.MatchString(u.Header):
		return "takes the name of a header: letters, digits and inner hyphens"
	case slices.Contains(takenHeaders, name) || slices.ContainsFunc(takenHeaderPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }):
		return "is a header that has a meaning of its own; a secret in it would break requests"
	}
	return ""
}

func checkSignUp(s string) string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || len(s) > maxSignUp || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "" || u.User != nil {
		return "takes an http:// or https:// address without a user in it"
	}
	return checkURLHost(u)
}

// validateUpstreamCredential judges that a route shows its users' credentials
// only where they belong.
func (rt *Route) validateUpstreamCredential(r *report, at string, known map[string]*NamedUpstream) {
	at += ".identity.upstream_credential"
	name := rt.Identity.UpstreamCredential
	if name == "" {
		return
	}
	named := known[name]
	if named == nil {
		r.at(at, "names none of upstreams; write it there first")
		return
	}
	up, err := ParseUpstream(rt.Upstream)
	if err != nil {
		return // a fault of its own
	}
	to, err := url.Parse(named.URL)
	switch {
	case err != nil || to.Host == "":
		return
	case up.Kind == UpstreamLFS:
		r.at(at, "cannot be with the built-in LFS store, which knows the users itself")
	case up.Kind != UpstreamHTTP || originOf(up.URL) != originOf(to):
		r.at(at, "would send secrets elsewhere: they go to %s alone, and the route's upstream is not there", originOf(to))
	}
	if rt.Identity.Basic && named.fillsAuthorization() {
		r.at(at, "and identity.basic both fill the header Authorization; choose one")
	}
}

// fillsAuthorization reports a secret that is sent in that header.
func (u *NamedUpstream) fillsAuthorization() bool {
	return u.Send != "header" || strings.EqualFold(u.Header, "Authorization")
}

// originOf is scheme, host and port of a URL in one spelling.
func originOf(u *url.URL) string {
	return strings.ToLower(u.Scheme) + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), strconv.Itoa(urlPort(u)))
}

// warnUpstreams says what travels in the open.
func (c *Config) warnUpstreams(say func(string, ...any)) {
	for _, u := range c.Upstreams {
		if to, err := url.Parse(u.URL); err == nil && to.Scheme == "http" && !loopback(to.Hostname()) {
			say("upstreams %s: %s is not https: the users' names and secrets can be read on the way", u.Name, u.URL)
		}
	}
}
