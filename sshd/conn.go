package sshd

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
)

// Why a connection was ended by us, as it stands in the log.
const (
	endGrace     = "not logged in in time"
	endDisplaced = "made room for a newer one"
	endUnused    = "no session for too long"
	endSilent    = "no sign of life"
	endRevoked   = "the credential has ended"
	endStalled   = "the client takes nothing"
	endStopping  = "the server is stopping"
	endChannels  = "too many channels opened at once"
	endRequests  = "too many requests in a session"
)

const (
	// versionRead is how much is read at once while the client says its
	// version, which the library reads in single bytes.
	versionRead = 256

	// extraChannels may be in refusal on one connection beyond its sessions.
	extraChannels = 64

	// drainWait is for the client's last words after its last command, when
	// the server stops.
	drainWait = 2 * time.Second
)

// conn is one connection: what the library reads and writes, and what is known
// of it.
type conn struct {
	net.Conn
	server  *Server
	source  netip.Addr
	begun   time.Time
	grace   *time.Timer   // ends it unless it is logged in
	waiting *list.Element // of doors, under the server's lock

	ahead []byte // read, but not yet asked for; only Read touches it

	read      atomic.Int64 // when something was read last, in nanoseconds since begun
	loggedIn  atomic.Bool  // from now on each Write has a deadline of its own
	channels  atomic.Int32 // handlers that run
	pinging   atomic.Bool  // a keepalive is on its way
	checked   atomic.Int64 // when the identity was looked at last, as read
	closeOnce sync.Once
	closed    chan struct{}

	mu       sync.Mutex
	why      string   // the first reason to end it, "" for the client's own
	attempts attempts // the login's own goroutine writes it, before loggedIn
	ended    bool     // no more sessions
	active   int      // sessions whose command is awaited or runs
	open     int      // sessions the client has not closed
	total    int      // sessions ever opened
	idle     time.Time
	sessions sync.WaitGroup

	// Only the login's own goroutine touches these.
	preAuth gossh.ServerPreAuthConn
	told    bool // where to register a key
}

func (s *Server) newConn(c net.Conn, source netip.Addr, begun time.Time) *conn {
	out := &conn{Conn: c, server: s, source: source, begun: begun, idle: begun, closed: make(chan struct{})}
	out.mu.Lock() // the timer may be faster than its name
	defer out.mu.Unlock()
	out.grace = time.AfterFunc(time.Until(begun.Add(s.limits.LoginGrace)), func() { out.end(endGrace) })
	return out
}

// namedAddr is the address of a connection's other end that knows the
// connection: the library tells of a failed login by an object that has nothing
// else of ours.
type namedAddr struct {
	net.Addr
	conn *conn
}

// RemoteAddr is where the connection comes from.
func (c *conn) RemoteAddr() net.Addr { return namedAddr{c.Conn.RemoteAddr(), c} }

// Read notes the time. Single bytes are read ahead: the library reads the
// version line in them, at one system call each.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
			c.ahead = nil
		}
		return n, nil
	}
	if len(p) == 1 {
		buf := make([]byte, versionRead)
		n, err := c.Conn.Read(buf)
		if n == 0 {
			return 0, err
		}
		c.read.Store(int64(time.Since(c.begun)))
		p[0], c.ahead = buf[0], buf[1:n]
		return 1, nil
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.read.Store(int64(time.Since(c.begun)))
	}
	return n, err
}

// Write gives the client a time to take each packet, anew for each. Before the
// login the grace time bounds all of them together.
func (c *conn) Write(p []byte) (int, error) {
	if c.loggedIn.Load() {
		c.SetWriteDeadline(time.Now().Add(c.server.limits.Stall))
	}
	n, err := c.Conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.end(endStalled)
	}
	return n, err
}

// Close may be called by everybody.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.closeOnce.Do(func() {
		c.mu.Lock()
		c.grace.Stop()
		c.mu.Unlock()
		close(c.closed)
		err = c.Conn.Close()
	})
	return err
}

// end closes the connection; why is kept if it is the first reason and the
// client was not faster.
func (c *conn) end(why string) {
	select {
	case <-c.closed:
		return
	default:
	}
	c.mu.Lock()
	if c.why == "" {
		c.why = why
	}
	c.mu.Unlock()
	c.Close()
}

// reason is why the connection was ended by us.
func (c *conn) reason() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// openSession counts one more session, or says why it may not be.
func (c *conn) openSession() (fault string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return endStopping
	case c.open >= c.server.limits.Sessions:
		return "too many sessions on this connection"
	}
	c.open++
	c.total++
	c.idle = time.Now()
	c.sessions.Add(1)
	return ""
}

// commandBegun and commandDone enclose each command.
func (c *conn) commandBegun() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active++
}

func (c *conn) commandDone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active--; c.active > 0 {
		return
	}
	c.idle = time.Now()
	if c.ended {
		c.endSoon()
	}
}

// sessionClosed tells that the client closed the session too.
func (c *conn) sessionClosed() {
	c.mu.Lock()
	c.open--
	last := c.ended && c.open == 0
	c.mu.Unlock()
	c.sessions.Done()
	if last {
		c.end(endStopping)
	}
}

// drain takes no more sessions, and ends the connection after its last one.
func (c *conn) drain() {
	c.mu.Lock()
	c.ended = true
	open, login := c.open, !c.loggedIn.Load()
	c.mu.Unlock()
	if open == 0 || login {
		c.end(endStopping)
		return
	}
	c.endSoon()
}

// endSoon ends a draining connection on which no command runs when the client
// has had time to close it.
func (c *conn) endSoon() {
	time.AfterFunc(drainWait, func() {
		if why := c.overdue(); why != "" {
			c.end(why)
		}
	})
}

// watch ends a connection that is logged in when it has outlived its use: its
// identity has ended, there is no session, or the client is gone.
func (c *conn) watch(live liveness) {
	l := c.server.limits
	tick := time.NewTicker(max(min(l.Recheck, l.Keepalive, l.Unused)/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-c.closed:
			return
		case <-tick.C:
		}
		now := time.Since(c.begun)
		if why := c.overdue(); why != "" {
			c.end(why)
			return
		}
		silent := now - time.Duration(c.read.Load())
		if silent > 4*l.Keepalive {
			c.end(endSilent)
			return
		}
		if silent >= l.Keepalive {
			c.ping(live)
		}
		if now-time.Duration(c.checked.Load()) >= l.Recheck && !c.recheck(live) {
			c.end(endRevoked)
			return
		}
	}
}

// overdue says why the connection is of no more use.
func (c *conn) overdue() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active > 0 {
		return ""
	}
	unused, limit := time.Since(c.idle), c.server.limits.Unused
	if c.open > 0 {
		limit += drainWait // the session itself ends first
	}
	switch {
	case c.ended && unused >= drainWait:
		return endStopping
	case unused >= limit:
		return endUnused
	}
	return ""
}

// ping asks for a sign of life, one at a time: it waits for the answer, or for
// the connection to end.
func (c *conn) ping(live liveness) {
	if !c.pinging.CompareAndSwap(false, true) {
		return
	}
	c.server.handlers.Go(func() { // watch, which is here, is still counted
		defer c.pinging.Store(false)
		live.ping()
	})
}

// recheck says whether the identity still holds. A store that does not answer
// logs nobody out; commands ask for themselves.
func (c *conn) recheck(live liveness) bool {
	c.checked.Store(int64(time.Since(c.begun)))
	return auth.CodeOf(live.recheck()) != auth.Unauthenticated
}

// liveness asks both ends whether the connection still has a reason.
type liveness struct {
	ping    func()       // returns with the client's answer or the connection's end
	recheck func() error // as auth.Authority.Recheck, with a deadline
}
