package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/latchkey-io/latchkey/internal/event"
)

// Limits of connections.
const (
	// readHeaderTimeout is for the whole head, so that bytes that dribble do
	// not prolong it.
	readHeaderTimeout = 15 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	maxStreams        = 250 // requests at once on one HTTP/2 connection
)

// Server is an http.Server for Handler with every limit set. Serve it on what
// Listener returns: a connection that is not scanned is closed. Bodies have no
// deadline but must keep moving (pace.go).
func (g *Gateway) Server() *http.Server {
	s := g.server(g.Handler())
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if !mayServe(c) {
			g.log.LogAttrs(ctx, slog.LevelError, "http connection closed: it did not come from Gateway.Listener")
			c.Close()
		}
		return ctx
	}
	return s
}

// mayServe reports that the requests on c are scanned, or HTTP/2.
func mayServe(c net.Conn) bool {
	switch c := c.(type) {
	case *scannedConn, *scannedTLS:
		return true
	case *tls.Conn:
		state := c.ConnectionState()
		return state.HandshakeComplete && state.NegotiatedProtocol == "h2"
	}
	return false
}

func (g *Gateway) server(h http.Handler) *http.Server {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         p,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          slog.NewLogLogger(quiet{g.log.Handler()}, slog.LevelWarn),
	}
}

// quiet cleans what net/http logs and keeps panics' stacks out of it: those
// are logged where they are caught.
type quiet struct{ slog.Handler }

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	text, _, _ := strings.Cut(r.Message, "\n")
	clean := slog.NewRecord(r.Time, r.Level, "http server", r.PC)
	clean.AddAttrs(slog.String("cause", event.Clean(text, event.MaxText)))
	return q.Handler.Handle(ctx, clean)
}

// localPeer is what the kernel says about the other end of a Unix socket.
type localPeer struct{}

// LocalServer is an http.Server for LocalHandler. It takes connections of Unix
// sockets only, and only of processes of the daemon's own user or root; the
// kernel says whose they are (SO_PEERCRED).
func (g *Gateway) LocalServer() *http.Server {
	s := g.server(g.LocalHandler())
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		uid, err := peerUID(c)
		if err != nil {
			g.log.LogAttrs(ctx, slog.LevelError, "local connection closed", slog.Any("cause", err))
			c.Close()
			return ctx
		}
		return context.WithValue(ctx, localPeer{}, uid)
	}
	return s
}

// localUID is the uid of the process that speaks on the socket; ok is false
// where it is neither the daemon's nor root.
func localUID(ctx context.Context) (uid int, ok bool) {
	uid, ok = ctx.Value(localPeer{}).(int)
	return uid, ok && (uid == 0 || uid == os.Geteuid())
}

// peerUID asks the kernel (unix(7), SO_PEERCRED).
func peerUID(c net.Conn) (int, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0, errors.New("not a socket of the operating system")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		domain, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil || domain != unix.AF_UNIX {
			failed = errors.New("not a Unix socket")
			return
		}
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil {
		return 0, err
	}
	if failed != nil {
		return 0, failed
	}
	return int(cred.Uid), nil
}
