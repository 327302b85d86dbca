package sshd

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/latchkey-io/latchkey/internal/event"
	"github.com/latchkey-io/latchkey/internal/limit"
)

// What a source earns that does not log in. It is little: a key cannot be
// guessed, and honest clients retry a refused login a dozen times within a
// second. Only who keeps on for long, many times a second, must wait.
const (
	penaltyRefused = 250 * time.Millisecond
	penaltySilent  = 5 * time.Second // held a place for the whole grace time
	penaltyMin     = 30 * time.Second
	penaltyMax     = 2 * time.Minute

	proxyHeaderWait = 5 * time.Second

	// refusalLines may be logged each second; more are counted.
	refusalLines = 20
)

// accepted takes a connection in, in the order they come; one behind a proxy
// when its header has come.
func (s *Server) accepted(raw net.Conn) {
	begun := time.Now()
	socket := remoteAddr(raw)
	if s.proxies.Contain(socket) {
		if !s.begin(func() { s.proxied(raw, socket, begun) }) {
			raw.Close()
		}
		return
	}
	c := s.newConn(raw, socket, begun)
	if !s.enter(c) || !s.begin(func() { s.handle(c) }) {
		s.leave(c)
		c.Close()
	}
}

// begin runs f beside, unless Shutdown was called.
func (s *Server) begin(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.handlers.Go(f)
	}
	return !s.draining
}

// proxied reads whom a connection is from, and serves it.
func (s *Server) proxied(raw net.Conn, proxy netip.Addr, begun time.Time) {
	defer raw.Close()
	defer s.contain("PROXY header")
	behind, err := readProxyHeader(raw)
	if err != nil {
		s.refusedEarly(proxy, "no PROXY header from a proxy that must send one: "+err.Error())
		return
	}
	c := s.newConn(behind, remoteAddr(behind), begun)
	defer c.Close()
	if _, yes := s.penalty.Refused(c.source); yes {
		s.refusedEarly(c.source, limit.RefusedPenalty)
		return
	}
	if s.enter(c) {
		s.handle(c)
	}
}

// handle serves one connection from its first byte to its end.
func (s *Server) handle(c *conn) {
	defer s.logEnd(c)
	defer s.leave(c)
	defer c.Close()
	defer s.contain("connection")
	s.protocol.HandleConn(c) // returns when the connection is over

	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.sessions.Wait()
}

// readProxyHeader reads the header that says whom raw is from.
func readProxyHeader(raw net.Conn) (net.Conn, error) {
	c := proxyproto.NewConn(raw, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(proxyHeaderWait))
	if c.ProxyHeader() != nil { // waits for it
		return c, nil
	}
	if _, err := c.Read(nil); err != nil { // says what was wrong
		return nil, err
	}
	return nil, proxyproto.ErrNoProxyProtocol
}

func remoteAddr(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// enter counts c, and closes another one where it takes its place.
func (s *Server) enter(c *conn) bool {
	s.mu.Lock()
	stopping := s.draining
	var displaced *conn
	ok := false
	if !stopping {
		displaced, ok = s.doors.enter(c)
	}
	s.mu.Unlock()
	if displaced != nil {
		displaced.end(endDisplaced)
	}
	if !ok && !stopping {
		s.refusedEarly(c.source, limit.RefusedSource)
	}
	return ok
}

// leave forgets c.
func (s *Server) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doors.leave(c)
}

// logEnd writes the line of a connection that was never logged in, or logged in
// for nothing; sessions write their own. The former earns its source a wait.
func (s *Server) logEnd(c *conn) {
	if c.loggedIn.Load() {
		if c.total == 0 {
			s.logUnused(c)
		}
		return
	}
	why := c.reason()
	switch {
	case c.attempts.ours || why == endStopping:
	case why == endGrace:
		s.penalty.Add(c.source, penaltySilent)
	default:
		s.penalty.Add(c.source, penaltyRefused)
	}
	s.logRefused(c.source, c.begun, append(c.attempts.attrs(), slog.String("reason", why)))
}

// refusedEarly logs a connection that was closed before it could say anything.
func (s *Server) refusedEarly(source netip.Addr, reason string) {
	s.logRefused(source, time.Now(), []slog.Attr{slog.String("reason", reason)})
}

// logRefused writes the line of a refused connection, unless a flood has
// written too many: those are counted on the next line.
func (s *Server) logRefused(source netip.Addr, begun time.Time, facts []slog.Attr) {
	s.cfg.ObserveRefused()
	skipped, write := s.refusals.next(time.Now())
	if !write {
		return
	}
	e := event.New("ssh refused")
	if source.IsValid() { // not after an error of the listener
		e.Set(slog.String("address", source.String()))
	}
	e.Set(slog.Int64("open_ms", time.Since(begun).Milliseconds()))
	e.Set(facts...)
	if skipped > 0 {
		e.Set(slog.Int("not_logged", skipped))
	}
	e.End(s.cfg.Log)
}

// refusalLog decides which refusals get a line.
type refusalLog struct {
	mu      sync.Mutex
	second  int64
	lines   int
	skipped int
}

func (r *refusalLog) next(now time.Time) (skipped int, write bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sec := now.Unix(); sec != r.second {
		r.second, r.lines = sec, 0
	}
	if r.lines++; r.lines > refusalLines {
		r.skipped++
		return 0, false
	}
	skipped, r.skipped = r.skipped, 0
	return skipped, true
}

// contain keeps a panic from ending the process. It must be deferred itself.
func (s *Server) contain(where string) {
	if p := recover(); p != nil {
		s.logPanic(where, p)
	}
}

// logPanic writes what a panic said and where; the client sees none of it.
func (s *Server) logPanic(where string, p any) {
	s.cfg.Log.Error("ssh panic", "where", where,
		"panic", event.Clean(fmt.Sprint(p), event.MaxText), "stack", string(debug.Stack()))
}
