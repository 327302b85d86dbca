package limit_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-io/latchkey/internal/limit"
)

const patience = 10 * time.Second

func listen(t *testing.T, cfg limit.ListenerConfig) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limited := limit.Listener(l, cfg)
	t.Cleanup(func() { limited.Close() })
	return limited
}

// accepting hands over what l accepts.
func accepting(l net.Listener) <-chan net.Conn {
	conns := make(chan net.Conn, 10_000)
	go func() {
		defer close(conns)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	return conns
}

// dial connects from a loopback address.
func dial(t *testing.T, l net.Listener, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := d.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return c
}

func taken(t *testing.T, conns <-chan net.Conn) net.Conn {
	t.Helper()
	select {
	case c := <-conns:
		return c
	case <-time.After(patience):
		t.Fatal("not accepted")
		return nil
	}
}

// dialRefused connects and expects the end at once: as it dials, or after.
func dialRefused(t *testing.T, l net.Listener, from string) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := d.Dial("tcp", l.Addr().String())
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("not closed: %v", err)
	}
}

type refusal struct {
	source netip.Addr
	reason string
}

func TestListenerCaps(t *testing.T) {
	refusals := make(chan refusal, 100)
	p := limit.NewPenalty(limit.PenaltyConfig{})
	p.Add(addr("127.0.0.9"), time.Hour)
	p.Add(addr("127.0.0.3"), time.Hour) // exempt all the same
	l := listen(t, limit.ListenerConfig{
		Total: 6, PerSource: 2, Penalty: p,
		Exempt:  []netip.Prefix{netip.MustParsePrefix("127.0.0.3/32")},
		Refused: func(a netip.Addr, reason string) { refusals <- refusal{a, reason} },
	})
	conns := accepting(l)
	expectRefused := func(from, reason string) {
		t.Helper()
		dialRefused(t, l, from)
		if got := <-refusals; got != (refusal{addr(from), reason}) {
			t.Errorf("refused %v, want %s %s", got, from, reason)
		}
	}

	dial(t, l, "127.0.0.2")
	first := taken(t, conns)
	dial(t, l, "127.0.0.2")
	taken(t, conns)
	expectRefused("127.0.0.2", limit.RefusedSource)
	expectRefused("127.0.0.9", limit.RefusedPenalty)
	for range 4 {
		dial(t, l, "127.0.0.3")
		taken(t, conns)
	}
	expectRefused("127.0.0.3", limit.RefusedTotal)
	expectRefused("127.0.0.4", limit.RefusedTotal)

	// Closing twice gives one place back, not two.
	first.Close()
	if err := first.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	dial(t, l, "127.0.0.2")
	last := taken(t, conns)
	expectRefused("127.0.0.4", limit.RefusedTotal)
	last.Close()
	dial(t, l, "127.0.0.4")
	taken(t, conns)
	expectRefused("127.0.0.2", limit.RefusedTotal)
}

func TestListenerUnderAFlood(t *testing.T) {
	const perSource = 5
	var refused atomic.Int64
	l := listen(t, limit.ListenerConfig{PerSource: perSource, Refused: func(netip.Addr, string) { refused.Add(1) }})
	conns := accepting(l)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: patience}
			for range 250 {
				if c, err := d.Dial("tcp", l.Addr().String()); err == nil {
					defer c.Close()
				}
			}
		})
	}
	dial(t, l, "127.0.0.3") // amid the flood
	wg.Wait()
	dial(t, l, "127.0.0.4") // behind it
	accepted := make(map[string]int)
	for accepted["127.0.0.4"] == 0 {
		accepted[taken(t, conns).RemoteAddr().(*net.TCPAddr).IP.String()]++
	}
	if accepted["127.0.0.2"] != perSource || accepted["127.0.0.3"] != 1 {
		t.Errorf("accepted %v", accepted)
	}
	if refused.Load() == 0 {
		t.Error("nobody was told of refusals")
	}
}

func TestConnKeepsWhatTheSocketCan(t *testing.T) {
	type fullTCP interface {
		net.Conn
		io.ReaderFrom
		io.WriterTo
		syscall.Conn
		CloseWrite() error
		SetLinger(int) error
	}
	l := listen(t, limit.ListenerConfig{})
	client := dial(t, l, "127.0.0.1")
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	tcp, ok := c.(fullTCP)
	if !ok {
		t.Fatalf("%T lost something", c)
	}
	if err := tcp.CloseWrite(); err != nil {
		t.Error(err)
	}
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after CloseWrite the client reads %v", err)
	}
	c.Close()

	ul, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	limited := limit.Listener(ul, limit.ListenerConfig{Total: 1, PerSource: 1})
	defer limited.Close()
	for range 2 { // the second shows that the first one's place came back
		uc, err := net.Dial("unix", ul.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer uc.Close()
		c, err := limited.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.(syscall.Conn); !ok {
			t.Errorf("%T lost SyscallConn", c)
		}
		c.Close()
	}
}

func TestListenerServesHTTP(t *testing.T) {
	l := listen(t, limit.ListenerConfig{Total: 10, PerSource: 10})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	for range 30 { // more than may be open: each gives its place back
		deadline := time.Now().Add(patience)
		for {
			n, err := fetch(client, "http://"+l.Addr().String())
			if err == nil && n == 1<<20 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d bytes, %v", n, err)
			}
		}
	}
	s.Close()
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

func fetch(c *http.Client, url string) (int64, error) {
	resp, err := c.Get(url)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return io.Copy(io.Discard, resp.Body)
}

// failing is a listener whose Accept gives errors, then connections.
type failing struct {
	net.Listener
	errs   []error
	closed chan struct{}
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) == 0 {
		a, _ := net.Pipe()
		return a, nil
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
}

func (f *failing) Close() error {
	close(f.closed)
	return nil
}

func TestListenerOutlivesErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{closed: make(chan struct{})}
		for range 10 {
			f.errs = append(f.errs, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ECONNABORTED, syscall.EPERM)
		}
		retried := 0
		l := limit.Listener(f, limit.ListenerConfig{Refused: func(a netip.Addr, reason string) {
			if a.IsValid() || reason == "" {
				t.Errorf("told %v, %q", a, reason)
			}
			retried++
		}})
		start := time.Now()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if took := time.Since(start); took < 30*time.Second || took > time.Minute || retried != 50 {
			t.Errorf("it took %v and %d retries", took, retried)
		}
	})
}

func TestListenerClosesWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{closed: make(chan struct{})}
		for range 100 {
			f.errs = append(f.errs, syscall.EMFILE)
		}
		l := limit.Listener(f, limit.ListenerConfig{})
		done := make(chan error)
		go func() {
			_, err := l.Accept()
			done <- err
		}()
		synctest.Wait()
		l.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}

func TestListenerEndsWhenItIsOver(t *testing.T) {
	for _, cause := range []error{syscall.EBADF, syscall.EINVAL, net.ErrClosed, io.EOF} {
		l := limit.Listener(&failing{errs: []error{cause}}, limit.ListenerConfig{})
		if _, err := l.Accept(); !errors.Is(err, cause) {
			t.Errorf("%v: %v", cause, err)
		}
	}
	l := listen(t, limit.ListenerConfig{})
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
