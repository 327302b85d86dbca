package auth

import (
	"net/url"
	"slices"
	"strings"
)

// Upstreams keeps the names and secrets that users show to upstreams which
// know them by accounts of their own. Each is sealed to its user, the upstream
// and its origin: nothing here hands one out again but For, to the route of
// that upstream, and Test, to the upstream itself.
type Upstreams struct{ a *Authority }

// UpstreamSend is how a secret is shown to an upstream.
type UpstreamSend string

const (
	UpstreamBasic  UpstreamSend = "basic"  // name and secret, as RFC 7617 has it
	UpstreamBearer UpstreamSend = "bearer" // the secret alone, as RFC 6750 has it
	UpstreamHeader UpstreamSend = "header" // the secret alone, in a header of the upstream's own
)

// Upstream is a service that users have accounts of their own at, named by an
// administrator.
type Upstream struct {
	Name string
	// URL is what Test asks: http or https, better something that wants a
	// sign-in. Its origin is the only place that a secret is sent to.
	URL    *url.URL
	Send   UpstreamSend
	Header string // with UpstreamHeader: its name
	SignUp string // where people get an account; empty: nowhere
}

// Origin is scheme, host and port of the upstream, in one spelling.
func (up Upstream) Origin() string { return OriginOf(up.URL) }

// OriginOf is scheme://host:port of u, lower case, the port always written, so
// that two URLs have one origin when the texts are equal (RFC 6454 §4).
func OriginOf(u *url.URL) string {
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		port = "80"
		if scheme == "https" {
			port = "443"
		}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return scheme + "://" + host + ":" + port
}

// NeedsName reports whether a secret for the upstream is nothing without a name.
func (up Upstream) NeedsName() bool { return up.Send == UpstreamBasic }

// way is how a secret is sent, as sealed secrets are bound to it.
func (up Upstream) way() string {
	if up.Send == UpstreamHeader {
		return string(up.Send) + " " + strings.ToLower(up.Header)
	}
	return string(up.Send)
}

// knownUpstreams is what SetUpstreams was given.
type knownUpstreams struct {
	sorted []Upstream // by name
	probe  UpstreamProbe
}

// SetUpstreams replaces the upstreams that there are, while running; probe
// asks them for Test. A secret that was entered for another address, or for
// another way of sending, is not used until it is entered again.
func (a *Authority) SetUpstreams(ups []Upstream, probe UpstreamProbe) {
	sorted := slices.Clone(ups)
	slices.SortFunc(sorted, func(x, y Upstream) int { return strings.Compare(x.Name, y.Name) })
	a.upstreams.Store(&knownUpstreams{sorted, probe})
}

// Known are the upstreams that there are, by name.
func (u *Upstreams) Known() []Upstream { return slices.Clone(u.known().sorted) }

func (u *Upstreams) known() *knownUpstreams {
	if k := u.a.upstreams.Load(); k != nil {
		return k
	}
	return new(knownUpstreams)
}

func (k *knownUpstreams) find(name string) (Upstream, bool) {
	i, found := slices.BinarySearchFunc(k.sorted, name, func(up Upstream, name string) int { return strings.Compare(up.Name, name) })
	if !found {
		return Upstream{}, false
	}
	return k.sorted[i], true
}

func noUpstream() error {
	return &Error{Code: NotFound, Reason: "there is no upstream of that name"}
}
