package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/latchkey-io/latchkey/auth"
)

// sandboxPolicy gives what an upstream answers on our own host an origin of
// its own, so that its scripts are nobody there (CSP Level 3, sandbox).
const sandboxPolicy = "sandbox allow-scripts allow-forms allow-popups allow-downloads"

// wholeAnswer is the length of answers, where the upstream says it, that leave
// in one piece. Sending each part as it comes costs a timer, a goroutine and a
// system call more. Answers without a length are always sent as they come.
const wholeAnswer = 4 << 10

// proxy passes the request on to the route's upstream.
func (x *exchange) proxy() error {
	if !x.route.upstream.enter() {
		return &auth.Error{Code: auth.Unavailable, Reason: "the service behind this address has too many requests under way; try again in a moment"}
	}
	defer x.route.upstream.leave()
	if err := x.borrow(); err != nil {
		return err
	}
	told := x.told()
	var assertion string
	if x.route.Assertion && told.Known() {
		var err error
		if assertion, err = x.d.assert.sign(told, x.route.Name); err != nil {
			return &auth.Error{Code: auth.Internal, Reason: internalReason, Err: err}
		}
	}
	var failed error
	p := httputil.ReverseProxy{
		Transport:    x.route.upstream.transport,
		BufferPool:   x.d.buffers,
		ErrorLog:     x.g.proxyLog,
		Rewrite:      func(r *httputil.ProxyRequest) { x.rewrite(r, told, assertion) },
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = x.upstreamFailed(err) },
	}
	p.ModifyResponse = func(r *http.Response) error {
		if r.ContentLength > wholeAnswer {
			p.FlushInterval = -1 // what the upstream sends is not held back
		}
		return x.receive(r)
	}
	p.ServeHTTP(x, x.r)
	return failed
}

// told is who the upstream hears of. A credential for some repositories alone,
// as CI jobs and git-lfs hold, cannot be judged by an upstream: where everybody
// may come it passes like everybody, and speaks for nobody.
func (x *exchange) told() auth.Identity {
	for _, s := range x.who.Scopes {
		switch s.Kind {
		case auth.ScopeUser, auth.ScopeAdmin, auth.ScopeGroups:
			return x.who
		}
	}
	return auth.Identity{Peer: x.who.Peer}
}

// rewrite makes the request that the upstream gets. ReverseProxy has removed
// the hop-by-hop headers before, so none that is set here can be named away.
func (x *exchange) rewrite(pr *httputil.ProxyRequest, told auth.Identity, assertion string) {
	out, to := pr.Out, x.route.upstream.target
	out.URL.Scheme, out.URL.Host = to.Scheme, to.Host
	if to.Path != "" {
		escaped := pr.In.URL.EscapedPath()
		out.URL.Path, out.URL.RawPath = to.Path+pr.In.URL.Path, to.EscapedPath()+escaped
	}
	out.URL.RawQuery = pr.In.URL.RawQuery // as it was sent, whatever it means
	out.Host = x.site.host
	out.Trailer = pr.In.Trailer // filled when the body has been read
	h := out.Header
	if !x.webSocket {
		// cargo asks for h2c with every request; nobody here switches to it.
		delete(h, "Connection")
		delete(h, "Upgrade")
	}
	x.strip(h)
	h["X-Forwarded-For"] = []string{x.peer.Addr.String()}
	h["X-Forwarded-Host"] = []string{x.site.host}
	h["X-Forwarded-Proto"] = []string{x.d.cfg.PublicURL.Scheme}
	h[requestIDHeader] = []string{x.event.ID()}
	if x.route.Headers {
		tell(h, told)
	}
	if assertion != "" {
		h[assertionHeader] = []string{assertion}
	}
	if x.route.Basic && told.Known() {
		out.SetBasicAuth(told.User, "")
	}
	if x.lent != nil {
		showUpstream(h, x.lent.to, x.lent.name, x.lent.secret)
	}
}

// refusedAnswer is an answer that is not passed on. Its text is shown.
type refusedAnswer string

func (e refusedAnswer) Error() string { return string(e) }

// receive judges and changes the head of the upstream's answer.
func (x *exchange) receive(r *http.Response) error {
	if r.StatusCode == http.StatusSwitchingProtocols &&
		(!x.webSocket || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket")) {
		return refusedAnswer("the upstream switched to a protocol that was not asked for")
	}
	if x.route.UpstreamCredential != nil {
		if err := x.keepCredential(r); err != nil {
			return err
		}
	}
	h := r.Header
	if cookies := h["Set-Cookie"]; len(cookies) > 0 {
		if cookies = slices.DeleteFunc(cookies, setsOurs); len(cookies) == 0 {
			delete(h, "Set-Cookie")
		} else {
			h["Set-Cookie"] = cookies
		}
	}
	if x.route.sandbox {
		sandbox(h)
	}
	if x.dialect == inRegistry {
		if err := x.keepRegistry(r); err != nil {
			return err
		}
	}
	if h["Location"] != nil {
		return x.relocate(r)
	}
	return nil
}

// aboutOrigins are headers that browsers take for all of an origin, or all of a
// host, whichever page of it they came with.
var aboutOrigins = [...]string{
	"Service-Worker-Allowed",
	"Clear-Site-Data", // would sign people out of us
	// Network Error Logging and its kin tell a stranger every address that is
	// asked for here, with its query: links that were mailed, codes of sign-ins.
	"Nel", "Report-To", "Reporting-Endpoints",
	"Strict-Transport-Security", "Public-Key-Pins", "Expect-Ct", // max-age=0 takes ours back
	"Alt-Svc", // answers for us from another port
	// Device bound sessions hold requests back until a stranger has answered.
	"Sec-Session-Registration", "Secure-Session-Registration",
	"Set-Login", // what browsers hold of who is signed in
	"Accept-Ch", "Critical-Ch",
	"Use-As-Dictionary",
}

// sandbox keeps a page out of the origin of our own pages. A policy that is
// there stays: browsers enforce all of them.
func sandbox(h http.Header) {
	h.Add("Content-Security-Policy", sandboxPolicy)
	for _, name := range aboutOrigins {
		delete(h, name)
	}
}

// relocate makes redirects to the upstream's own address ones to ours, and
// keeps redirects to strangers from clients that would carry their credential
// there: curl and JFrog's library send a key header along, and the latter
// repeats a POST with everything.
func (x *exchange) relocate(r *http.Response) error {
	text := r.Header.Get("Location")
	to, err := url.Parse(text)
	if err != nil || len(r.Header["Location"]) > 1 {
		return refusedAnswer("the upstream redirects to an address that cannot be read")
	}
	// Browsers read "\\" as "/", so that \\host is another host. They and curl
	// find a host in ///host, http:/host and http:///host, where url.Parse
	// finds none: only what has neither scheme nor two slashes stays here.
	odd := strings.IndexByte(text, '\\') >= 0
	if to.Host == "" && to.Scheme == "" && !odd && !strings.HasPrefix(text, "//") {
		return nil
	}
	up := x.route.upstream.target
	if !odd && to.Host != "" && strings.EqualFold(to.Host, up.Host) && (to.Scheme == "" || to.Scheme == up.Scheme) {
		path := strings.TrimPrefix(to.EscapedPath(), up.EscapedPath())
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		moved := x.site.origin + path
		if to.RawQuery != "" {
			moved += "?" + to.RawQuery
		}
		if to.Fragment != "" {
			moved += "#" + to.EscapedFragment()
		}
		r.Header.Set("Location", moved)
		return nil
	}
	if !odd && strings.EqualFold(to.Host, x.site.host) && (to.Scheme == "" || strings.EqualFold(to.Scheme, x.d.cfg.PublicURL.Scheme)) {
		return nil
	}
	if r.StatusCode >= 300 && r.StatusCode < 400 && (x.shown.key != nil || x.shown.header != nil && !reads(x.r.Method)) {
		return refusedAnswer("the upstream redirects to another host, and this client would take its credential there; ask for the address without a key header")
	}
	return nil
}

// upstreamFailed says what an error of the way to the upstream means.
func (x *exchange) upstreamFailed(err error) error {
	if b, ok := x.r.Body.(*pacedBody); ok && b.err != nil {
		if errors.Is(b.err, errFraming) {
			return &auth.Error{Code: auth.Invalid, Reason: errFraming.Error(), Err: b.err}
		}
		if timeout, ok := errors.AsType[net.Error](b.err); ok && timeout.Timeout() {
			return &auth.Error{Code: codeTooSlow, Reason: "the body came too slowly", Err: b.err}
		}
		if x.r.Context().Err() == nil {
			return &auth.Error{Code: auth.Invalid, Reason: "the body did not come whole", Err: b.err}
		}
	}
	if ours, ok := errors.AsType[*auth.Error](err); ok {
		return ours
	}
	if refused, ok := errors.AsType[refusedAnswer](err); ok {
		return &auth.Error{Code: codeUpstream, Reason: string(refused)}
	}
	if x.r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // nobody is there to read an answer
	}
	timeout, ok := errors.AsType[net.Error](err)
	op, dialed := errors.AsType[*net.OpError](err)
	switch {
	case dialed && op.Op == "dial" && errors.Is(err, unix.ECONNREFUSED):
		return &auth.Error{Code: codeUpstream, Reason: "the service behind this address is not running", Err: err}
	case ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded):
		return &auth.Error{Code: codeUpstreamTimeout, Reason: "the service behind this address did not answer in time", Err: err}
	}
	return &auth.Error{Code: codeUpstream, Reason: "the service behind this address cannot be reached", Err: err}
}

// wantsWebSocket reports a whole WebSocket handshake (RFC 6455 §4.2.1) on a
// route that takes it.
func (x *exchange) wantsWebSocket() bool {
	r := x.r
	h := r.Header
	return x.route.WebSocket && r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor == 1 &&
		len(h["Upgrade"]) == 1 && strings.EqualFold(h["Upgrade"][0], "websocket") &&
		hasToken(h["Connection"], "upgrade") &&
		len(h["Sec-Websocket-Version"]) == 1 && h["Sec-Websocket-Version"][0] == "13" &&
		len(h["Sec-Websocket-Key"]) == 1 &&
		r.ContentLength == 0
}

func hasToken(lines []string, token string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(part, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// checkSocketOrigin keeps other sites' scripts from speaking through a
// person's cookie or remembered Basic credentials: browsers say in Origin whose
// script it is, and no same-origin policy guards WebSockets.
func (x *exchange) checkSocketOrigin() error {
	if !x.shown.fromPage() || !x.who.Known() {
		return nil
	}
	origin := x.r.Header["Origin"]
	if len(origin) == 0 && x.shown.basic {
		return nil // no browser
	}
	if len(origin) != 1 || !strings.EqualFold(origin[0], x.site.origin) {
		return &auth.Error{Code: auth.Forbidden, Reason: "this WebSocket was opened by another site"}
	}
	return nil
}
