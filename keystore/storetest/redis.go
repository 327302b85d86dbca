package storetest

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Ports of the servers: below those that systems give to outgoing connections,
// so that nobody takes a stopped server's port.
const (
	firstPort = 20000
	lastPort  = 32000
)

// RedisServer is a real redis-server on a free port of 127.0.0.1, with its
// files in the test's folder, which flushes every write to the disk.
type RedisServer struct {
	URL  string // redis://127.0.0.1:port
	Addr string // 127.0.0.1:port

	dir  string
	more []string
	cmd  *exec.Cmd
	out  *bytes.Buffer
}

// Redis starts a server, which is stopped at the end of the test. Further
// arguments are options of redis-server, as "--requirepass", "x". Where
// redis-server is not installed the test fails.
func Redis(t testing.TB, options ...string) *RedisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is missing: install redis-server, as make test does")
	}
	r := &RedisServer{dir: t.TempDir(), more: options}
	t.Cleanup(func() { r.kill() })
	const tries = 5 // of ports that somebody else took first
	for try := 1; ; try++ {
		r.Addr = freeAddr(t)
		r.URL = "redis://" + r.Addr
		err := r.start()
		if err == nil {
			return r
		}
		if try == tries {
			t.Fatal(err)
		}
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort)))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port on 127.0.0.1")
	return ""
}

func (r *RedisServer) start() error {
	_, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		return err
	}
	r.out = &bytes.Buffer{}
	r.cmd = exec.Command("redis-server", append([]string{
		"--bind", "127.0.0.1", "--port", port, "--dir", r.dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no",
	}, r.more...)...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	if err := r.cmd.Start(); err != nil {
		return err
	}
	limit := time.Now().Add(patience)
	for !r.ready() {
		if time.Now().After(limit) {
			r.kill()
			return fmt.Errorf("redis-server on %s is not ready after %v:\n%s", r.Addr, patience, r.out)
		}
		<-time.After(10 * time.Millisecond)
	}
	return nil
}

// ready: it answers and has read its files. It may ask for a password.
func (r *RedisServer) ready() bool {
	conn, err := net.DialTimeout("tcp", r.Addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && (answer == "+PONG\r\n" || strings.HasPrefix(answer, "-NOAUTH"))
}

// Start starts a stopped or killed server again, on its port and files.
func (r *RedisServer) Start(t testing.TB) {
	t.Helper()
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
}

// Stop lets the server end in order.
func (r *RedisServer) Stop(t testing.TB) {
	t.Helper()
	r.signal(t, syscall.SIGTERM)
	_ = r.cmd.Wait()
	r.cmd = nil
}

// Kill ends the server as a crash does, with SIGKILL.
func (r *RedisServer) Kill(t testing.TB) {
	t.Helper()
	if r.cmd == nil {
		t.Fatal("redis-server does not run")
	}
	r.kill()
}

// Pause freezes the server: its connections stay, and nothing answers.
func (r *RedisServer) Pause(t testing.TB) {
	t.Helper()
	r.signal(t, syscall.SIGSTOP)
}

// Resume ends Pause.
func (r *RedisServer) Resume(t testing.TB) {
	t.Helper()
	r.signal(t, syscall.SIGCONT)
}

// Files returns what the server wrote, for a search of secrets.
func (r *RedisServer) Files(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (r *RedisServer) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if r.cmd == nil {
		t.Fatal("redis-server does not run")
	}
	if err := r.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func (r *RedisServer) kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill() // it reaches a frozen one too
	_ = r.cmd.Wait()
	r.cmd = nil
}
