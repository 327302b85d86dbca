package limit

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// After an error of Accept the listener waits, twice as long each time in a
// row.
const (
	acceptWaitFirst = 5 * time.Millisecond
	acceptWaitMost  = time.Second
)

// Reasons given to [ListenerConfig].Refused.
const (
	RefusedTotal   = "too many connections"
	RefusedSource  = "too many connections of this source"
	RefusedPenalty = "source has a penalty"
)

// ListenerConfig says how many connections may be open.
type ListenerConfig struct {
	Total     int            // connections of all; 0: no cap
	PerSource int            // connections of one [Source]; 0: no cap
	Exempt    []netip.Prefix // sources for which only Total counts, such as trusted proxies
	Penalty   *Penalty       // refuses sources with a penalty; nil: none

	// Refused, if not nil, is told each connection that was closed at once and
	// why. After an error of Accept that is retried it is called with the zero
	// Addr and the error's text. It runs between two Accepts: it must not wait.
	Refused func(source netip.Addr, reason string)
}

// Listener accepts from l as long as the caps allow; a connection beyond them
// is reset at once, and the next one is accepted. Its Accept returns an error
// only when l is closed or unusable for good: passing errors, such as running
// out of file descriptors, are retried.
//
// l must be the listener of the operating system, as the source is that of the
// socket: what reads a PROXY header or speaks TLS goes around the result.
// Connections of TCP and Unix sockets keep all methods of *net.TCPConn and
// *net.UnixConn, so that net/http still copies them inside the kernel.
func Listener(l net.Listener, cfg ListenerConfig) net.Listener {
	return &listener{
		Listener: l,
		cfg:      cfg,
		exempt:   NewNetworks(cfg.Exempt),
		closed:   make(chan struct{}),
		open:     make(map[sourceKey]int),
	}
}

type listener struct {
	net.Listener
	cfg    ListenerConfig
	exempt Networks

	closeOnce sync.Once
	closed    chan struct{}

	mu    sync.Mutex
	total int
	open  map[sourceKey]int // only sources that have one open
}

func (l *listener) Accept() (net.Conn, error) {
	wait := acceptWaitFirst
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			if !passes(err) {
				return nil, err
			}
			l.refused(netip.Addr{}, err.Error())
			if !l.pause(wait) {
				return nil, net.ErrClosed
			}
			wait = min(2*wait, acceptWaitMost)
			continue
		}
		wait = acceptWaitFirst
		a := remote(c)
		release, reason := l.enter(a)
		if reason != "" {
			reset(c)
			l.refused(a, reason)
			continue
		}
		return counted(c, release), nil
	}
}

func (l *listener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// pause waits for d and says whether the listener is still open.
func (l *listener) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.closed:
		return false
	}
}

func (l *listener) refused(a netip.Addr, reason string) {
	if l.cfg.Refused != nil {
		l.cfg.Refused(a, reason)
	}
}

// enter counts one connection of a, or says why it may not be.
func (l *listener) enter(a netip.Addr) (release func(), reason string) {
	perSource := a.IsValid() && !l.exempt.Contain(a)
	if perSource && l.cfg.Penalty != nil {
		if _, yes := l.cfg.Penalty.Refused(a); yes {
			return nil, RefusedPenalty
		}
	}
	perSource = perSource && l.cfg.PerSource > 0
	var source sourceKey
	if perSource {
		source = keyOf(a)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cfg.Total > 0 && l.total >= l.cfg.Total {
		return nil, RefusedTotal
	}
	if perSource && l.open[source] >= l.cfg.PerSource {
		return nil, RefusedSource
	}
	l.total++
	if perSource {
		l.open[source]++
	}
	return sync.OnceFunc(func() { l.leave(source, perSource) }), ""
}

func (l *listener) leave(source sourceKey, perSource bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if !perSource {
		return
	}
	if l.open[source]--; l.open[source] == 0 {
		delete(l.open, source)
	}
}

// passes says whether Accept may succeed later. accept(2): any error of the
// new connection or of scarce resources; not one of the listening socket.
func passes(err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		switch errno {
		case syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK, syscall.EFAULT:
			return false
		}
		return true
	}
	temporary, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	return ok && temporary.Temporary()
}

func remote(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}

// reset closes c without waiting for the other side and without leaving a
// socket behind.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}
