package sshd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/sshd"
)

// slowLFS answers when it is let go, or told to stop.
func slowLFS(started chan<- struct{}, goOn <-chan struct{}) func(*sshd.Config) {
	return func(c *sshd.Config) {
		c.LFS = func(ctx context.Context, who auth.Identity, path, op string) (sshd.LFSAnswer, error) {
			started <- struct{}{}
			select {
			case <-goOn:
				return testLFS(ctx, who, path, op)
			case <-ctx.Done():
				return sshd.LFSAnswer{}, ctx.Err()
			}
		}
	}
}

type ran struct {
	out, err string
	code     int
}

func TestShutdownLetsCommandsFinish(t *testing.T) {
	started, goOn := make(chan struct{}), make(chan struct{})
	d := start(t, slowLFS(started, goOn))
	busy, idle := d.dial(t, "alice"), d.dial(t, "bob")
	silent, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	result := make(chan ran, 1)
	go func() {
		out, errOut, code := run(t, busy, "git-lfs-authenticate /x download")
		result <- ran{out, errOut, code}
	}()
	<-started
	stopped := make(chan error, 1)
	go func() { stopped <- d.Shutdown(context.Background()) }()
	idle.Wait()
	closedWithin(t, silent, closeWait)
	eventually(t, closeWait, "no more connections", func() bool {
		c, err := net.DialTimeout("tcp", d.addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if _, err := busy.NewSession(); err == nil {
		t.Error("a session while stopping")
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped before the command was over: %v", err)
	default:
	}
	close(goOn)
	if r := <-result; r.code != 0 || !strings.Contains(r.out, "expires_in") {
		t.Errorf("the command: %+v", r)
	}
	select {
	case err := <-stopped:
		if err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	case <-time.After(closeWait):
		t.Error("Shutdown does not end")
	}
}

// A session in which no command came does not hold a stop up.
func TestShutdownDoesNotWaitForIdleSessions(t *testing.T) {
	d := start(t)
	if _, err := d.dial(t, "alice").NewSession(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	if err := d.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestShutdownByForce(t *testing.T) {
	started := make(chan struct{})
	d := start(t, slowLFS(started, nil))
	busy := d.dial(t, "alice")
	result := make(chan ran, 1)
	go func() {
		out, errOut, code := run(t, busy, "git-lfs-authenticate /x download")
		result <- ran{out, errOut, code}
	}()
	<-started
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := d.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if r := <-result; r.code != -1 {
		t.Errorf("the command: %+v", r)
	}
}

func TestCommandHasADeadline(t *testing.T) {
	started := make(chan struct{}, 1)
	d := start(t, slowLFS(started, nil), func(c *sshd.Config) { c.Limits.Command = 50 * time.Millisecond })
	if _, errOut, code := run(t, d.dial(t, "alice"), "git-lfs-authenticate /x download"); code != 1 || !strings.Contains(errOut, "took too long") {
		t.Errorf("exit %d, %q", code, errOut)
	}
}

// A client that leaves takes its command with it.
func TestClosedSessionEndsItsCommand(t *testing.T) {
	started := make(chan struct{}, 1)
	d := start(t, slowLFS(started, nil))
	c := d.dial(t, "alice")
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("git-lfs-authenticate /x download"); err != nil {
		t.Fatal(err)
	}
	<-started
	s.Close()
	eventually(t, closeWait, "its line", func() bool { return strings.Contains(d.log.String(), "git-lfs-authenticate") })
}

// Behind a proxy the source is the one in the header; nobody else is believed.
func TestProxyProtocol(t *testing.T) {
	d := start(t, func(c *sshd.Config) { c.ProxyProtocolFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")} })
	login := func(source, header string) error {
		key := newSigner(t)
		d.people.register("alice", key.PublicKey())
		nc, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}).Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		io.WriteString(nc, header)
		sc, chans, reqs, err := gossh.NewClientConn(nc, d.addr, d.clientConfig("x", key))
		if err != nil {
			return err
		}
		c := gossh.NewClient(sc, chans, reqs)
		defer c.Close()
		if out, _, _ := run(t, c, "whoami"); out != "alice\n" {
			t.Errorf("whoami = %q", out)
		}
		return nil
	}
	const header = "PROXY TCP4 203.0.113.7 192.0.2.1 5555 22\r\n"
	if err := login("127.0.0.2", header); err != nil {
		t.Errorf("through the proxy: %v", err)
	}
	eventually(t, closeWait, "the true source", func() bool { return strings.Contains(d.log.String(), `"address":"203.0.113.7","user":"alice"`) })
	if err := login("127.0.0.3", ""); err != nil {
		t.Errorf("past the proxy: %v", err)
	}
	if err := login("127.0.0.3", strings.Replace(header, "203.0.113.7", "198.51.100.9", 1)); err != nil {
		t.Logf("a header from elsewhere: %v", err)
	}
	if err := login("127.0.0.2", ""); err == nil {
		t.Error("a proxy without a header was let in")
	}
	eventually(t, closeWait, "a line", func() bool { return strings.Contains(d.log.String(), "no PROXY header") })
	if strings.Contains(d.log.String(), "198.51.100.9") {
		t.Error("a header from elsewhere was believed")
	}
}

func TestTwoListeners(t *testing.T) {
	d := start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- d.Serve(l) }()
	d.addr = l.Addr().String()
	d.alive(t)
	d.Shutdown(t.Context())
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := d.Serve(l); err != nil {
		t.Error(fmt.Errorf("after Shutdown: %w", err))
	}
}
