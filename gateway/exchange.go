package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/event"
)

// requestIDHeader names the request in the log, to upstreams and to clients.
const requestIDHeader = "X-Request-Id"

// statusGone is logged, never sent: the client went before the answer.
const statusGone = 499

// exchange is one request and its answer. It is the ResponseWriter that
// handlers get, so that it knows what was said.
type exchange struct {
	http.ResponseWriter
	d     *door
	g     *Gateway
	r     *http.Request
	event *event.Event

	site    *site // nil until the host is known
	route   *place
	dialect dialect
	who     auth.Identity
	peer    auth.Peer
	shown   credentials
	lent    *lent // what the route's upstream knows the caller by; nil: nothing
	unlent  error // why nothing, where the request goes on without

	audited   atomic.Bool // the audit trail has a line about this request
	failed    error       // what a row behind the mux returned
	status    int         // 0 until the answer began
	sent      int64
	webSocket bool
	pace      pace
}

// begin opens the exchange and its event.
func (g *Gateway) begin(d *door, w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{ResponseWriter: w, d: d, g: g, r: r, event: event.New("http request")}
	x.pace.begin(x)
	if r.Body != nil && r.Body != http.NoBody {
		// A copy: net/http knows its own kinds of bodies again when it answers,
		// and would ask a client for one that waits for 100 Continue.
		ours := *r
		ours.Body = &pacedBody{ReadCloser: r.Body, x: x}
		x.r = &ours
	}
	return x
}

// end answers what is left to answer and writes the event. It is deferred and
// catches panics of handlers: the client gets 500 or a cut connection, the log
// the stack.
func (x *exchange) end() {
	caught := recover()
	if caught != nil && caught != http.ErrAbortHandler {
		x.g.log.LogAttrs(context.Background(), slog.LevelError, "panic in http handler",
			slog.String("request_id", x.event.ID()), slog.String("panic", event.Clean(fmt.Sprint(caught), event.MaxText)),
			slog.String("stack", string(debug.Stack())))
		x.event.Set(slog.Bool("panic", true))
		if x.status == 0 {
			caught = nil
			x.refuse(&auth.Error{Code: auth.Internal, Reason: internalReason})
		} else {
			caught = http.ErrAbortHandler
		}
	}
	x.pace.end()
	x.g.tunnels.remove(x)
	x.leaveBody()
	x.describe()
	x.event.End(x.g.log)
	if caught != nil {
		panic(caught)
	}
}

// describe puts the facts of the request on its event.
func (x *exchange) describe() {
	r := x.r
	status := x.status
	if status == 0 {
		status = http.StatusOK // an answer without a word
		if r.Context().Err() != nil {
			status = statusGone
		}
	}
	x.event.Set(
		slog.String("method", r.Method),
		slog.String("host", r.Host),
		slog.String("path", maskPath(r.URL)),
		slog.Int("status", status),
		slog.Int64("sent", x.sent))
	if x.peer.Addr.IsValid() { // on the daemon's socket there is none
		x.event.Set(slog.String("address", x.peer.Addr.String()))
	}
	route := ""
	if x.route != nil {
		route = x.route.Name
		x.event.Set(slog.String("route", route))
	}
	if observe := x.d.cfg.Observe; observe != nil {
		observe(route, status)
	}
	if x.who.Known() {
		x.event.Set(slog.String("user", x.who.User), slog.String("credential", string(x.who.Via.Kind)))
		if x.who.Via.ID != "" {
			x.event.Set(slog.String("credential_id", x.who.Via.ID))
		}
	}
	if x.peer.Client != "" {
		x.event.Set(slog.String("client", x.peer.Client))
	}
	x.pace.describe()
}

// WriteHeader begins the answer.
func (x *exchange) WriteHeader(status int) {
	h := x.Header()
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		delete(h, "Set-Cookie") // only a final answer may set one
		x.ResponseWriter.WriteHeader(status)
		return
	}
	if x.status == 0 {
		x.status = status
		h[requestIDHeader] = []string{x.event.ID()}
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	x.pace.enter(&x.pace.out)
	n, err := x.ResponseWriter.Write(p)
	x.pace.leave(&x.pace.out, n)
	x.sent += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find what is below.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// FlushError sends what was written.
func (x *exchange) FlushError() error {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	x.pace.enter(&x.pace.out)
	err := http.NewResponseController(x.ResponseWriter).Flush()
	x.pace.leave(&x.pace.out, 0)
	return err
}

// Hijack hands the connection over, once the upstream has agreed to speak
// WebSocket. From then on nothing is scanned.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !x.webSocket {
		return nil, nil, errors.New("only WebSocket connections may be taken over")
	}
	c, rw, err := http.NewResponseController(x.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	switch c := c.(type) {
	case *scannedConn:
		c.pass()
	case *scannedTLS:
		c.pass()
	}
	x.status = http.StatusSwitchingProtocols
	tunnel := &webSocketConn{Conn: c}
	if !x.pace.hijacked(tunnel) || !x.g.tunnels.add(x) {
		c.Close()
		return nil, nil, errors.New("the gateway ends")
	}
	return tunnel, rw, nil
}

// leaveBody lets net/http read the rest of a small body, but not for ever.
func (x *exchange) leaveBody() {
	b, ok := x.r.Body.(*pacedBody)
	if !ok || b.ended || x.pace.isTunnel() {
		return
	}
	http.NewResponseController(x.ResponseWriter).SetReadDeadline(time.Now().Add(drainTimeout))
}
