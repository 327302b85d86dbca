package gateway

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
	"github.com/latchkey-io/latchkey/internal/limit"
	"github.com/latchkey-io/latchkey/internal/seal"
)

// Config is what a Gateway stands on.
type Config struct {
	Auth *auth.Authority // required
	// Ring signs assertions and publishes their keys. Required where a route
	// has Assertion; nil publishes an empty key set.
	Ring *seal.Ring
	Log  *slog.Logger // nil: slog.Default
	// PublicURL is scheme, host and perhaps a port, without a path, as
	// http://127.0.0.1:8080. Links, redirects and cookies are made from it,
	// never from a request. Required.
	PublicURL *url.URL
	// TrustedProxies are the peers whose X-Forwarded-For is believed. None:
	// the socket's peer is the source.
	TrustedProxies []netip.Prefix
	Routes         []Route
	// LFS answers /artifactory/api/lfs/ on the host of PublicURL; nil: 404.
	LFS   Builtin
	JFrog JFrogConfig
	// Logins takes people to the providers that Auth.SetProviders named; nil:
	// nobody signs in through somebody else.
	Logins web.Logins
	// SSHAddress is host and port that people connect to with SSH, as pages
	// show it; empty: there is no SSH.
	SSHAddress string
	// Machine is what the API shows of the daemon itself; nil: nothing.
	Machine Machine
	// Observe is told of every request when it is over: the route's name, ""
	// for Latchkey's own URLs, and the status. It must not wait. nil: nobody is.
	Observe func(route string, status int)
	Now     func() time.Time // nil: time.Now
}

// JFrogConfig is the JFrog dialect's part of the configuration.
type JFrogConfig struct {
	API             bool   // answer its paths
	ReportedVersion string // what api/system/version says
}

// Route is something the gateway stands in front of.
type Route struct {
	auth.Route // name and who may

	Host string // lower case; empty: the host of PublicURL
	Path string // begins and ends with "/"; with a Host it may be empty

	// Upstream is http://HOST:PORT, https://…, h2c://… (HTTP/2 without TLS),
	// unix:PATH or unix:PATH:/prefix; with a path, that goes before the path
	// of the request. Builtin is a service of the daemon itself. One of the
	// two is set.
	Upstream string
	Builtin  Builtin

	// WebSocket lets verified WebSocket handshakes through. A tunnel carries
	// anything, so it takes the right to read and the right to write.
	WebSocket bool
	// SameOrigin lets the upstream's pages run in the origin of our own pages
	// when the route is on the host of PublicURL.
	SameOrigin bool

	Headers   bool // tell the upstream who it is in X-Forwarded-User and the like
	Assertion bool // and in a signed X-Latchkey-Assertion
	Basic     bool // and as the user of Basic credentials, with an empty password
	// UpstreamCredential is the service that the upstream is: it is shown the
	// name and secret that the caller has stored for it. nil: none.
	UpstreamCredential *auth.Upstream

	// ExternalTokens are the names of providers whose tokens for us are taken
	// as Bearer here, from whoever has linked that account.
	ExternalTokens []string

	// Timeout is how long the upstream may take to begin its answer once it
	// has the request; 0: DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout is a Route's Timeout when it says none.
const DefaultTimeout = 60 * time.Second

// A Builtin is a service inside the daemon behind a route. r.URL is what the
// client sent, after the front filter; who may be anonymous. A Builtin asks
// auth.Allow itself, because only it knows what a request does. It writes
// answers of its own domain and returns an error of type *auth.Error, with
// nothing written, for everything about identity and rights; the gateway
// renders that in the client's dialect.
type Builtin interface {
	ServeAs(w http.ResponseWriter, r *http.Request, who auth.Identity) error
}

// Gateway is the front door. All methods are safe for concurrent use.
type Gateway struct {
	live     atomic.Pointer[door] // what Reload replaces
	log      *slog.Logger
	proxyLog *log.Logger // for httputil
	tunnels  tunnels

	lookEvery time.Duration // see pace.go

	reload sync.Mutex // one at a time
}

// New makes a Gateway. An error names what is wrong in the configuration.
func New(c Config) (*Gateway, error) {
	d, err := newDoor(c, nil)
	if err != nil {
		return nil, err
	}
	return newGateway(d), nil
}

func newGateway(d *door) *Gateway {
	g := &Gateway{
		log:       d.cfg.Log,
		proxyLog:  slog.NewLogLogger(quiet{d.cfg.Log.Handler()}, slog.LevelDebug),
		lookEvery: lookEvery,
	}
	g.live.Store(d)
	return g
}

// Reload replaces the configuration for requests that begin from now on;
// requests under way finish with the old one. A configuration with a fault
// changes nothing.
func (g *Gateway) Reload(c Config) error {
	g.reload.Lock()
	defer g.reload.Unlock()
	old := g.live.Load()
	d, err := newDoor(c, old)
	if err != nil {
		return err
	}
	g.live.Store(d)
	old.retire(d)
	return nil
}

// Close ends WebSockets and the idle connections to upstreams. Requests under
// way are the servers' to end: call it beside their Shutdown, which does not
// know of WebSockets. It does not wait.
func (g *Gateway) Close() {
	g.tunnels.end()
	g.live.Load().retire(nil)
}

// Handler is the public door.
func (g *Gateway) Handler() http.Handler { return http.HandlerFunc(g.servePublic) }

// LocalHandler is the door on the daemon's socket: the JSON API for whoever
// LocalServer found at the other end.
func (g *Gateway) LocalHandler() http.Handler { return http.HandlerFunc(g.serveLocal) }

// newDoor builds a configuration. What old has open to upstreams that are in
// both is kept.
func newDoor(c Config, old *door) (*door, error) {
	d, err := newFrame(c)
	if err != nil {
		return nil, err
	}
	if old != nil {
		d.failedWays = old.failedWays
	}
	return d, d.buildSites(old)
}

// newFrame is a door without anything behind it.
func newFrame(c Config) (*door, error) {
	if c.Auth == nil {
		return nil, errors.New("gateway: Config.Auth is missing")
	}
	if c.PublicURL == nil || c.PublicURL.Host == "" || c.PublicURL.Scheme != "http" && c.PublicURL.Scheme != "https" {
		return nil, errors.New("gateway: Config.PublicURL must be http:// or https:// and a host")
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	d := &door{
		cfg: c, identify: c.Auth, cookie: cookieFor(c.PublicURL),
		origins:   http.NewCrossOriginProtection(),
		upstreams: make(map[upstreamKey]*upstream),
		assert:    &assertions{ring: c.Ring, issuer: originOf(c.PublicURL), now: c.Now},
		buffers:   new(buffers),
		oops:      web.NewErrorPage(originOf(c.PublicURL)),
		trusted:   limit.NewNetworks(c.TrustedProxies),
		loopback:  isLoopback(strings.ToLower(c.PublicURL.Hostname())),

		failedWays: limit.NewRecent(failedTable, failedWindow, c.Now),
		public:     newSite(c.PublicURL, ""),
	}
	if slices.ContainsFunc(d.trusted, func(p netip.Prefix) bool { return p.Bits() <= 0 }) {
		return nil, errors.New("gateway: Config.TrustedProxies has a prefix that is everybody, or none at all")
	}
	if err := d.origins.AddTrustedOrigin(originOf(c.PublicURL)); err != nil {
		return nil, fmt.Errorf("gateway: Config.PublicURL: %w", err)
	}
	return d, nil
}

// retire closes what next does not use any more. Connections that carry a
// request are closed when it ends.
func (d *door) retire(next *door) {
	for k, u := range d.upstreams {
		if next == nil || next.upstreams[k] != u {
			u.transport.CloseIdleConnections()
		}
	}
}
