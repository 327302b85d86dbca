package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/latchkey-io/latchkey/internal/event"
)

// handshakeTimeout is how long a client may take for the TLS handshake.
const handshakeTimeout = 10 * time.Second

// poison follows what was let through of a head at fault. Wherever it lands in
// a line, NUL makes that line malformed, so net/http answers 400, closes the
// connection and calls no handler, after the answers to the requests before.
// Writing the 400 here instead could land within such an answer.
const poison = "\x00\r\n\r\n"

// errFraming is what a body ends with whose framing is at fault.
var errFraming = errors.New("the framing of the request's body is malformed")

// scannedConn is a connection whose requests are scanned before net/http sees
// them. Read is called by one goroutine at a time, as net/http does.
type scannedConn struct {
	net.Conn
	scan   scanner
	broken error  // what the scanner refused; nothing is read any more
	rest   string // poison still to be delivered
	log    *slog.Logger
}

func (c *scannedConn) Read(p []byte) (int, error) {
	if c.broken != nil {
		return c.afterFault(p)
	}
	n, err := c.Conn.Read(p)
	if n == 0 || c.scan.phase == passing {
		return n, err
	}
	good, fault := c.scan.scan(p[:n])
	if fault == nil {
		return n, err
	}
	c.fault(fault)
	if good > 0 {
		return good, nil
	}
	return c.afterFault(p)
}

func (c *scannedConn) fault(err error) {
	c.broken = err
	if c.scan.phase <= inFields {
		c.rest = poison
	}
	c.scan.line = nil
	c.log.LogAttrs(context.Background(), slog.LevelInfo, "http connection refused",
		slog.String("reason", err.Error()),
		slog.String("address", event.Clean(c.RemoteAddr().String(), event.MaxText)))
}

func (c *scannedConn) afterFault(p []byte) (int, error) {
	if c.rest != "" {
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	if c.scan.phase <= inFields {
		return 0, io.EOF
	}
	return 0, errFraming
}

// ReadFrom keeps the kernel's own way of copying where there is one.
func (c *scannedConn) ReadFrom(r io.Reader) (int64, error) {
	if rf, ok := c.Conn.(io.ReaderFrom); ok {
		return rf.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// CloseWrite lets net/http end an answer without a reset.
func (c *scannedConn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return nil
}

// pass ends the scanning: the connection was taken over for another protocol.
// Nothing may be reading.
func (c *scannedConn) pass() { c.scan.phase = passing }

// scannedTLS is a scannedConn above TLS; net/http asks it for Request.TLS.
type scannedTLS struct {
	scannedConn
	state tls.ConnectionState
}

func (c *scannedTLS) ConnectionState() tls.ConnectionState { return c.state }

// Listener is l with every HTTP/1 request scanned, for Server's Serve. With a
// TLS configuration it also speaks TLS: handshakes run beside Accept and have
// ten seconds; what settles on HTTP/2 is not scanned, as net/http itself is
// strict there.
func (g *Gateway) Listener(l net.Listener, c *tls.Config) net.Listener {
	if c == nil {
		return &scanListener{Listener: l, log: g.log}
	}
	c = c.Clone()
	if len(c.NextProtos) == 0 {
		c.NextProtos = []string{"h2", "http/1.1"}
	}
	if c.MinVersion < tls.VersionTLS12 {
		c.MinVersion = tls.VersionTLS12
	}
	t := &tlsListener{Listener: l, config: c, log: g.log, ready: make(chan net.Conn), failed: make(chan struct{})}
	t.ctx, t.stop = context.WithCancel(context.Background())
	go t.accept()
	return t
}

type scanListener struct {
	net.Listener
	log *slog.Logger
}

func (l *scanListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &scannedConn{Conn: c, log: l.log}, nil
}

// tlsListener hands out connections whose handshake is over, so that it is
// known before net/http looks whether they speak HTTP/1 and must be scanned.
type tlsListener struct {
	net.Listener
	config *tls.Config
	log    *slog.Logger
	ctx    context.Context // ends with Close
	stop   context.CancelFunc
	ready  chan net.Conn
	failed chan struct{} // closed when err is set
	err    error
	shakes sync.WaitGroup
}

func (l *tlsListener) accept() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			l.err = err
			close(l.failed)
			return
		}
		l.shakes.Go(func() { l.handshake(c) })
	}
}

// handshake is bounded in number by the connections that the inner listener
// lets be open.
func (l *tlsListener) handshake(c net.Conn) {
	ctx, cancel := context.WithTimeout(l.ctx, handshakeTimeout)
	defer cancel()
	t := tls.Server(c, l.config)
	if err := t.HandshakeContext(ctx); err != nil {
		// A scanner's noise or a client of another protocol: not worth a line
		// at Info.
		l.log.LogAttrs(ctx, slog.LevelDebug, "tls handshake failed",
			slog.String("address", c.RemoteAddr().String()), slog.String("cause", event.Clean(err.Error(), event.MaxText)))
		c.Close()
		return
	}
	var out net.Conn = t
	if state := t.ConnectionState(); state.NegotiatedProtocol != "h2" {
		out = &scannedTLS{scannedConn: scannedConn{Conn: t, log: l.log}, state: state}
	}
	select {
	case l.ready <- out:
	case <-l.ctx.Done():
		c.Close()
	}
}

func (l *tlsListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.failed:
		return nil, l.err
	}
}

func (l *tlsListener) Close() error {
	l.stop()
	err := l.Listener.Close()
	<-l.failed // no handshake begins any more
	l.shakes.Wait()
	return err
}
