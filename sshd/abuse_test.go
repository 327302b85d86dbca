package sshd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/sshd"
)

// alive checks that somebody can still log in, soon.
func (d *door) alive(t *testing.T) {
	t.Helper()
	begun := time.Now()
	if out, _, _ := run(t, d.dial(t, "witness"), "whoami"); out != "witness\n" {
		t.Errorf("whoami = %q", out)
	}
	if took := time.Since(begun); took > closeWait {
		t.Errorf("a login took %v", took)
	}
}

// Lengths that lie, payloads cut short and noise, in every request a channel
// knows: the connection may suffer, the process must not.
func TestMalformedRequests(t *testing.T) {
	d := start(t)
	kinds := []string{"pty-req", "exec", "env", "signal", "window-change", "subsystem", "shell", "x11-req",
		"auth-agent-req@openssh.com", "break", "xon-xoff", "exit-status", "eow@openssh.com", ""}
	huge := []byte{0xff, 0xff, 0xff, 0xff}
	payloads := [][]byte{
		nil, {0}, huge, cat(huge, []byte("whoami")), cat(u32(7), []byte("whoami")), cat(str("whoami"), []byte("x")),
		cat(str("xterm"), huge, huge, huge, huge, huge), cat(str("GIT_PROTOCOL"), huge), cat(str("GIT_PROTOCOL"), str("a"), str("b")), {0x7f, 0xff, 0xff, 0xff},
	}
	c := d.dial(t, "alice")
	for _, kind := range kinds {
		for _, payload := range payloads {
			ch, requests, err := c.OpenChannel("session", nil)
			if err != nil {
				t.Fatalf("%s %x: %v", kind, payload, err)
			}
			go gossh.DiscardRequests(requests)
			ok, err := ch.SendRequest(kind, true, payload)
			if ok && kind != "shell" {
				t.Errorf("%s %x: accepted", kind, payload)
			}
			if err != nil && !errors.Is(err, io.EOF) {
				t.Errorf("%s %x: %v", kind, payload, err)
			}
			ch.Close()
		}
	}
	noise := rand.New(rand.NewPCG(1, 2))
	var ch gossh.Channel
	for i := range 10_000 {
		if i%200 == 0 {
			if ch != nil {
				ch.Close()
			}
			var requests <-chan *gossh.Request
			var err error
			if ch, requests, err = c.OpenChannel("session", nil); err != nil {
				t.Fatal(err)
			}
			go gossh.DiscardRequests(requests)
		}
		payload := make([]byte, noise.IntN(40))
		for j := range payload {
			payload[j] = byte(noise.Uint32())
		}
		ch.SendRequest(kinds[noise.IntN(len(kinds))], false, payload)
	}
	d.alive(t)
}

// Packets that no client sends, after a login.
func TestMalformedPackets(t *testing.T) {
	d := start(t)
	noise := rand.New(rand.NewPCG(3, 4))
	key := newSigner(t)
	d.people.register("alice", key.PublicKey())
	for kind := range 100 {
		w := rawLogin(t, d.addr)
		w.prove("x", key)
		payload := make([]byte, noise.IntN(60))
		for j := range payload {
			payload[j] = byte(noise.Uint32())
		}
		w.send(append([]byte{byte(kind + 1)}, payload...))
		w.send([]byte{byte(kind + 1)})
		w.c.Close()
	}
	d.alive(t)
}

// Terminals asked for and resized, signals and breaks leave nothing behind.
func TestNothingLeaks(t *testing.T) {
	d := start(t)
	c := d.dial(t, "alice")
	run(t, c, "whoami")
	before := runtime.NumGoroutine()
	for range 1000 {
		ch, requests, err := c.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go gossh.DiscardRequests(requests)
		ch.SendRequest("pty-req", false, cat(str("xterm"), u32(80), u32(24), u32(0), u32(0), str("")))
		for range 10 {
			ch.SendRequest("window-change", false, cat(u32(80), u32(24), u32(0), u32(0)))
		}
		ch.SendRequest("signal", false, str("INT"))
		if ok, err := ch.SendRequest("break", true, u32(500)); ok || err != nil {
			t.Fatalf("break: %v, %v", ok, err)
		}
		ch.Close()
	}
	eventually(t, closeWait, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= before+5 })
	c.Close()
	d.alive(t)
}

// Connections that never log in are closed when the grace time is over,
// whatever they do meanwhile; others log in beside them.
func TestGraceTimeIsHard(t *testing.T) {
	const grace = time.Second
	d := start(t, func(c *sshd.Config) { c.Limits.LoginGrace = grace })
	var open []net.Conn
	dial := func() net.Conn {
		c, err := net.Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		return c
	}
	begun := time.Now()
	for range 100 {
		dial()
	}
	dribble := dial()
	io.WriteString(dribble, "SSH-2.0-")
	stop := make(chan struct{})
	var dribbler sync.WaitGroup
	dribbler.Go(func() {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-tick.C:
				dribble.Write([]byte("x"))
			case <-stop:
				tick.Stop()
				return
			}
		}
	})
	open = append(open, rawConnect(t, d.addr).c)
	key := newSigner(t)
	d.people.register("alice", key.PublicKey())
	half := rawLogin(t, d.addr)
	half.offer("alice", key.PublicKey())
	open = append(open, half.c)
	d.alive(t)
	for _, c := range open {
		closedWithin(t, c, grace+2*time.Second)
		c.Close()
	}
	if took := time.Since(begun); took < grace/2 {
		t.Errorf("all were closed after %v already", took)
	}
	close(stop)
	dribbler.Wait()
	d.alive(t)
}

// Who logs in may be slow with what comes next, but not for ever.
func TestUnusedConnectionsEnd(t *testing.T) {
	d := start(t, func(c *sshd.Config) { c.Limits.Unused = time.Second })
	key := newSigner(t)
	d.people.register("alice", key.PublicKey())
	nothing := rawLogin(t, d.addr)
	nothing.prove("x", key)
	closedWithin(t, nothing.c, closeWait)

	idle := rawLogin(t, d.addr)
	idle.prove("x", key)
	idle.openSession(0, 1<<20)
	if p := idle.expect(95); !strings.Contains(string(p), "no command came") {
		t.Errorf("stderr %q", p)
	}
	closedWithin(t, idle.c, closeWait) // though it never closes its channel
}

// A peer that has vanished is noticed, one that answers is kept.
func TestKeepalive(t *testing.T) {
	d := start(t, func(c *sshd.Config) {
		c.Limits.Keepalive = 300 * time.Millisecond
		c.LFS = func(ctx context.Context, _ auth.Identity, _, _ string) (sshd.LFSAnswer, error) {
			<-ctx.Done()
			return sshd.LFSAnswer{}, ctx.Err()
		}
	})
	key := newSigner(t)
	d.people.register("alice", key.PublicKey())
	mute := rawLogin(t, d.addr)
	mute.prove("x", key)
	id := mute.openSession(0, 1<<20)
	mute.request(id, "exec", str("git-lfs-authenticate /x upload")) // runs for long
	if p := mute.expect(80); !strings.Contains(string(p), "keepalive@openssh.com") {
		t.Errorf("global request %q", p)
	}
	closedWithin(t, mute.c, closeWait)

	eventually(t, closeWait, "a line of the mute one", func() bool {
		return strings.Contains(d.log.String(), "no sign of life") || strings.Contains(d.log.String(), "the request was given up") || strings.Contains(d.log.String(), "canceled")
	})
	polite := rawLogin(t, d.addr)
	key = newSigner(t)
	d.people.register("bob", key.PublicKey())
	polite.prove("x", key)
	id = polite.openSession(0, 1<<20)
	polite.request(id, "exec", str("git-lfs-authenticate /x upload"))
	for range 6 { // longer than the mute one lived
		polite.expect(80)
		polite.must(polite.send([]byte{82})) // SSH_MSG_REQUEST_FAILURE, as every client answers
	}
}

// A client that opens no window for a long answer loses the connection.
func TestReaderThatTakesNothing(t *testing.T) {
	d := start(t, func(c *sshd.Config) { c.Limits.Stall = 200 * time.Millisecond })
	key := newSigner(t)
	d.people.register("alice", key.PublicKey())
	w := rawLogin(t, d.addr)
	w.prove("x", key)
	id := w.openSession(0, 3)
	w.request(id, "exec", str("help"))
	if got := w.expect(94)[9:]; string(got) != "git" {
		t.Errorf("first bytes %q", got)
	}
	closedWithin(t, w.c, closeWait)
	d.alive(t)
}

// One that takes it slowly gets all of it.
func TestSlowReader(t *testing.T) {
	const token = 6 << 10
	d := start(t, func(c *sshd.Config) {
		c.Limits.Stall = time.Second
		c.LFS = func(context.Context, auth.Identity, string, string) (sshd.LFSAnswer, error) {
			return sshd.LFSAnswer{Href: "http://127.0.0.1/x", Token: auth.NewSecret(strings.Repeat("t", token)), Expires: time.Now().Add(time.Hour)}, nil
		}
	})
	key := newSigner(t)
	d.people.register("alice", key.PublicKey())
	w := rawLogin(t, d.addr)
	w.prove("x", key)
	id := w.openSession(0, 0)
	w.request(id, "exec", str("git-lfs-authenticate /x download"))
	var got []byte
	for !bytes.HasSuffix(got, []byte("\n")) {
		<-time.After(250 * time.Millisecond) // all in all more than Stall
		w.must(w.send(cat([]byte{93}, u32(id), u32(1<<10))))
		for window := 1 << 10; window > 0 && !bytes.HasSuffix(got, []byte("\n")); {
			part := w.expect(94)[9:]
			window -= len(part)
			got = append(got, part...)
		}
	}
	if n := bytes.Count(got, []byte("t")); n < token {
		t.Errorf("got %d bytes", len(got))
	}
	if p := w.expect(98); !strings.Contains(string(p), "exit-status") || binary.BigEndian.Uint32(p[len(p)-4:]) != 0 {
		t.Errorf("status %q", p)
	}
	w.expect(96)
	w.expect(97)
}

// A client that opens channels and never reads the answers is cut off.
func TestFloodOfChannels(t *testing.T) {
	d := start(t, func(c *sshd.Config) { c.Limits.Stall = 5 * time.Second })
	key := newSigner(t)
	d.people.register("alice", key.PublicKey())
	w := rawLogin(t, d.addr)
	w.prove("x", key)
	before := runtime.NumGoroutine()
	open := cat([]byte{90}, str("direct-tcpip"), u32(0), u32(0), u32(1<<15), make([]byte, 8))
	peak := 0
	for i := range 300_000 {
		if w.send(open) != nil {
			break
		}
		if i%1000 == 0 {
			peak = max(peak, runtime.NumGoroutine())
		}
	}
	if peak > before+1000 {
		t.Errorf("%d goroutines", peak)
	}
	w.c.Close()
	d.alive(t)
}

func TestFloodOfData(t *testing.T) {
	d := start(t)
	c := d.dial(t, "alice")
	var m0, m1 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m0)
	for range 20 {
		ch, requests, err := c.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go gossh.DiscardRequests(requests)
		if _, err := ch.Write(make([]byte, 4<<20)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&m1)
	if grown := int64(m1.HeapAlloc) - int64(m0.HeapAlloc); grown > 16<<20 {
		t.Errorf("80 MB sent to commands that read nothing hold %d MB", grown>>20)
	}
	d.alive(t)
}

// More connections before their login than may be: the oldest go first, and a
// newcomer still gets in.
func TestFloodOfSilentConnections(t *testing.T) {
	d := start(t, func(c *sshd.Config) { c.Limits.LoginsPerSource = 20 })
	var open []net.Conn
	for range 200 {
		c, err := net.Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	d.alive(t)
	var closed atomic.Int32
	for _, c := range open {
		go func() {
			io.Copy(io.Discard, c)
			closed.Add(1)
		}()
	}
	eventually(t, closeWait, "most are closed", func() bool { return closed.Load() >= 180 })
	eventually(t, closeWait, "a line in the log", func() bool { return strings.Contains(d.log.String(), "made room for a newer one") })
}

func TestConnectionsOfASourceAreLimited(t *testing.T) {
	d := start(t, func(c *sshd.Config) { c.Limits.PerSource = 3 })
	for range 3 {
		d.dial(t, "alice")
	}
	key := newSigner(t)
	d.people.register("alice", key.PublicKey())
	if c, err := gossh.Dial("tcp", d.addr, d.clientConfig("x", key)); err == nil {
		c.Close()
		t.Error("a fourth connection of one source")
	}
	if out := d.from(t, "127.0.0.9", "bob"); out != "bob\n" {
		t.Errorf("another source: %q", out)
	}
}

// from runs whoami from a source address.
func (d *door) from(t *testing.T, source, user string) string {
	t.Helper()
	key := newSigner(t)
	d.people.register(user, key.PublicKey())
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: closeWait}
	nc, err := dialer.Dial("tcp", d.addr)
	if err != nil {
		return err.Error()
	}
	defer nc.Close()
	sc, chans, reqs, err := gossh.NewClientConn(nc, d.addr, d.clientConfig("x", key))
	if err != nil {
		return err.Error()
	}
	c := gossh.NewClient(sc, chans, reqs)
	defer c.Close()
	out, _, _ := run(t, c, "whoami")
	return out
}

// A dozen refused logins at once are what honest clients make; hundreds make
// their source wait, and nobody else.
func TestPenalty(t *testing.T) {
	d := start(t, func(c *sshd.Config) {
		c.Limits.NoPenalty = []netip.Prefix{netip.MustParsePrefix("127.0.0.4/32")}
	})
	refused := func(source string, n int) {
		for range n {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
			c, err := dialer.Dial("tcp", d.addr)
			if err != nil {
				continue
			}
			c.Close()
		}
	}
	refused("127.0.0.2", 14)
	if out := d.from(t, "127.0.0.2", "alice"); out != "alice\n" {
		t.Errorf("after 14: %q", out)
	}
	refused("127.0.0.2", 300)
	refused("127.0.0.4", 300)
	eventually(t, closeWait, "a penalty", func() bool { return d.from(t, "127.0.0.2", "alice") != "alice\n" })
	for _, source := range []string{"127.0.0.3", "127.0.0.4"} {
		if out := d.from(t, source, "alice"); out != "alice\n" {
			t.Errorf("%s: %q", source, out)
		}
	}
	if n := strings.Count(d.log.String(), `"ssh refused"`); n > 200 {
		t.Errorf("%d lines in the log", n)
	}
}
