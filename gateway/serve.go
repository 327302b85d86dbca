package gateway

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// servePublic is the way of every request of the network.
func (g *Gateway) servePublic(w http.ResponseWriter, r *http.Request) {
	d := g.live.Load()
	x := g.begin(d, w, r)
	defer x.end()
	if err := x.serve(); err != nil {
		x.refuse(err)
	}
}

func (x *exchange) serve() error {
	r := x.r
	x.meet("http")
	if err := checkRequest(r); err != nil {
		return err
	}
	x.dialect = dialectOf(r.URL.Path)
	host, ok := hostOf(r.Host)
	s := x.d.sites[host]
	if !ok || s == nil {
		return x.elsewhere(host)
	}
	x.site = s
	if err := s.checkPlace(r); err != nil {
		return err
	}
	if s.mayBeOwn(r.URL.Path) {
		s.mux.ServeHTTP(x, r)
		return x.failed
	}
	return x.serveRoute()
}

// serveLocal is the way of a request on the daemon's socket: the JSON API for
// the administrator whom the kernel vouches for. Credentials in the request
// are not looked at.
func (g *Gateway) serveLocal(w http.ResponseWriter, r *http.Request) {
	d := g.live.Load()
	x := g.begin(d, w, r)
	defer x.end()
	if err := x.serveSocket(); err != nil {
		x.refuse(err)
	}
}

func (x *exchange) serveSocket() error {
	r := x.r
	x.dialect = inProblems
	x.site = x.d.local
	x.meet("socket")
	uid, ok := localUID(r.Context())
	if !ok {
		return &auth.Error{Code: auth.Forbidden, Reason: "the socket is for the daemon's own user and root"}
	}
	if err := checkRequest(r); err != nil {
		return err
	}
	if err := x.site.checkPlace(r); err != nil {
		return err
	}
	who, err := x.d.identify.Identify(r.Context(), x.peer, auth.Local{UID: uid})
	if err != nil {
		return err
	}
	x.who = who
	x.site.mux.ServeHTTP(x, r)
	return x.failed
}

// meet notes where the request comes from.
func (x *exchange) meet(door string) {
	x.peer = auth.Peer{Door: door, Client: clientName(x.r.UserAgent()), Request: x.event.ID(), Told: &x.audited}
	if door != "socket" {
		x.peer.Addr = x.d.source(x.r)
	}
}

// clientName is what a client calls itself, as far as it is kept.
func clientName(s string) string {
	return auth.Mask(s[:min(len(s), auth.MaxClient)])
}

// elsewhere answers a host that is nobody's: 404 before any credential is
// looked at. Other names of this machine lead to PublicURL when that is a name
// of this machine too.
func (x *exchange) elsewhere(host string) error {
	if isLoopback(host) && x.d.loopback {
		if x.r.Method == http.MethodGet || x.r.Method == http.MethodHead {
			to := x.d.public.origin + x.r.URL.EscapedPath()
			if x.r.URL.RawQuery != "" {
				to += "?" + x.r.URL.RawQuery
			}
			h := x.Header()
			h.Set("Location", to)
			h.Set("Cache-Control", "no-store")
			x.WriteHeader(http.StatusTemporaryRedirect)
			return nil
		}
		return &auth.Error{Code: codeNoRoute, Reason: "there is nothing at this host; use " + x.d.public.origin}
	}
	return &auth.Error{Code: codeNoRoute, Reason: "there is nothing at this host"}
}

// isLoopback reports a host, as hostOf gives it, that is this machine.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.Unmap().IsLoopback()
}

// serveRest is what no own URL took. It is registered in the mux at "/".
func serveRest(w http.ResponseWriter, _ *http.Request) {
	x := w.(*exchange)
	x.failed = x.serveRoute()
}

// serveRow answers one of our own URLs.
func (x *exchange) serveRow(row *row) error {
	x.dialect = row.dialect
	if x.site == x.d.local {
		if row.need == nobody {
			return row.handler(x, x.r, auth.Identity{Peer: x.peer})
		}
		err := row.handler(x, x.r, x.who)
		x.tell(err)
		return err
	}
	x.ownHeaders()
	who := auth.Identity{Peer: x.peer}
	var overlooked error
	if row.need != nobody {
		var err error
		who, err = x.identify()
		if code := auth.CodeOf(err); row.need == lenient && (code == auth.Unauthenticated || code == auth.Repeated) {
			who, overlooked, err = auth.Identity{Peer: x.peer}, err, nil
		}
		if err != nil {
			return err
		}
		// A short token is for routes, and no way in here.
		if row.need == user && !who.Known() || who.Via.Kind == auth.KindGrant && !row.short {
			return refusedProof()
		}
	}
	if err := x.checkOrigin(); err != nil {
		return err
	}
	err := row.handler(x, x.r, who)
	if overlooked != nil && auth.CodeOf(err) == auth.Unauthenticated {
		return overlooked // it was asked for after all
	}
	x.tell(err)
	return err
}

// tell puts on the audit trail that somebody known was refused, unless what
// they wanted has told it: everything that would have changed something, and
// every reading that is not theirs.
func (x *exchange) tell(err error) {
	if !x.who.Known() || x.audited.Load() {
		return
	}
	status := x.status
	switch {
	case err != nil:
		status = refusalOf(err, false).status
	case x.dialect == inPages:
		return // a form that is shown again with what to mend: nothing was tried
	case status >= http.StatusBadRequest:
		err = &auth.Error{Code: auth.Invalid, Reason: http.StatusText(status)}
	}
	if status == http.StatusForbidden || status >= http.StatusBadRequest && !reads(x.r.Method) {
		x.d.cfg.Auth.Trail.RequestRefused(x.who, x.r.Method+" "+maskPath(x.r.URL), err)
	}
}

// identify reads the credentials of the request and finds out who it is.
func (x *exchange) identify() (auth.Identity, error) {
	if x.dialect == inRegistry && speaksForNobody(x.r.Header) {
		return auth.Identity{Peer: x.peer}, nil
	}
	var err error
	if x.shown, err = readCredentials(x.r.Header, x.d.cookie.name); err != nil {
		return auth.Identity{}, err
	}
	if b, ok := x.shown.header.(auth.Bearer); ok && !x.shown.basic && x.route != nil && len(x.route.ExternalTokens) > 0 {
		x.shown.header = x.d.cfg.Auth.ReadBearer(b, x.route.ExternalTokens)
	}
	who, err := x.shown.identify(x.r.Context(), x.d.identify, x.peer)
	if err != nil {
		return auth.Identity{}, err
	}
	x.who = who
	x.pace.identified(who)
	return who, nil
}

// checkOrigin refuses what another site made a browser send. Keys and tokens
// are not sent by browsers on their own, so only the rest is asked. Whoever
// changes something with the cookie must say where from; with Basic, tools may
// say nothing.
func (x *exchange) checkOrigin() error {
	if !x.shown.fromPage() {
		return nil
	}
	if err := x.d.origins.Check(x.r); err != nil {
		return &auth.Error{Code: auth.Forbidden, Reason: "this request came from another site", Err: err}
	}
	if x.who.Known() && !x.shown.explicit() && !reads(x.r.Method) && x.r.Header.Get("Sec-Fetch-Site") == "" && x.r.Header.Get("Origin") == "" {
		return &auth.Error{Code: auth.Forbidden, Reason: "a change with the session cookie needs an Origin or Sec-Fetch-Site header"}
	}
	return nil
}

// serveRoute passes the request to its route.
func (x *exchange) serveRoute() error {
	path := x.r.URL.Path
	p, err := x.site.routeOf(path)
	if err != nil {
		return err
	}
	if x.site.isReserved(path) && (p == nil || !x.site.isReserved(p.Path)) {
		if methods := x.site.allowed(x.r); len(methods) > 0 {
			x.Header().Set("Allow", strings.Join(methods, ", "))
			return &auth.Error{Code: codeMethod, Reason: "this method is not served here"}
		}
		p = nil
	}
	if p == nil {
		return &auth.Error{Code: codeNoRoute, Reason: "there is nothing here"}
	}
	x.route = p
	if p.lfs || isLFS(x.r.Header) {
		x.dialect = inLFS
	}
	who, err := x.identify()
	if err != nil {
		return err
	}
	if err := x.checkOrigin(); err != nil {
		return err
	}
	if p.Builtin != nil {
		if p.sandbox {
			sandbox(x.Header())
		}
		return p.Builtin.ServeAs(x, x.r, who)
	}
	if !who.Known() && x.asksRegistry() {
		return refusedProof()
	}
	if err := x.allow(); err != nil {
		return err
	}
	return x.proxy()
}

// allow judges what the method says, and a WebSocket handshake, which begins a
// tunnel that carries anything.
func (x *exchange) allow() error {
	op := auth.Write
	if reads(x.r.Method) {
		op = auth.Read
	}
	if err := auth.Allow(x.who, x.route.Route.Route, "", op); err != nil {
		return err
	}
	if !x.wantsWebSocket() {
		return nil
	}
	if err := auth.Allow(x.who, x.route.Route.Route, "", auth.Write); err != nil {
		return err
	}
	if err := x.checkSocketOrigin(); err != nil {
		return err
	}
	x.webSocket = true
	return nil
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }
