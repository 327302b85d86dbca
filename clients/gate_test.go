//go:build clients

package clients_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	binary  = "../bin/latchkey"
	machine = "127.0.0.1"
	person  = "alice"

	// Ports of daemons: below those that systems give to outgoing connections.
	firstPort = 19000
	lastPort  = 28000

	startsWithin = 20 * time.Second
	endsWithin   = 20 * time.Second
	notedWithin  = 5 * time.Second
)

// gate is a daemon in a process of its own, with repositories behind it and one
// person who may use them.
type gate struct {
	url, host, ssh, ops string // base URL; addresses
	dir                 string
	first               string     // folder of programs that come before others
	authority           *authority // of the certificate, where it has HTTPS
	upstream            *upstream
	log                 *lines
	secrets             secrets
	env                 []string
	cmd                 *exec.Cmd
}

// startGate starts a daemon on HTTP, or on HTTPS.
func startGate(t *testing.T, https bool, first string) *gate {
	t.Helper()
	g := &gate{first: first, dir: t.TempDir(), host: freeAddr(t), ssh: freeAddr(t), ops: freeAddr(t), log: &lines{}}
	g.upstream = startUpstream(t)
	config := map[string]any{
		"data_dir": g.data(""),
		"ops":      map[string]any{"listen": g.ops},
		"ssh":      map[string]any{"listen": g.ssh, "public_address": g.ssh},
		"routes":   g.routes(),
	}
	if !https {
		g.url = "http://" + g.host
		config["http"] = map[string]any{"listen": g.host, "public_url": g.url}
	} else {
		g.url = "https://" + g.host
		g.authority = newAuthority(t)
		cert, key := g.authority.issue(t, machine)
		config["http"] = map[string]any{"listen": "", "tls_listen": g.host, "public_url": g.url, "tls": map[string]any{"cert_file": cert, "key_file": key}}
	}
	text, err := json.Marshal(config) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(g.dir, "latchkey.yaml"), string(text))
	g.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "LATCHKEY_SOCKET=" + g.data("latchkey.sock")}
	g.start(t)
	g.secrets.make(t, g)
	return g
}

func (g *gate) data(name string) string { return filepath.Join(g.dir, "data", name) }

// routes leads every place of the document to the repositories.
func (g *gate) routes() []map[string]any {
	routes := []map[string]any{{"name": "lfs", "path": "/lfs/", "upstream": "lfs:" + g.data("lfs")}}
	for name, path := range places {
		routes = append(routes, map[string]any{"name": name, "path": path, "upstream": g.upstream.url})
	}
	return routes
}

func (g *gate) start(t *testing.T) {
	t.Helper()
	self, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	g.cmd = exec.Command(self, "serve", "-c", "latchkey.yaml")
	g.cmd.Dir, g.cmd.Env, g.cmd.Stdout, g.cmd.Stderr = g.dir, g.env, g.log, g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatalf("start the daemon (make build makes it): %v", err)
	}
	over := make(chan struct{})
	go func() {
		g.cmd.Wait()
		close(over)
	}()
	t.Cleanup(func() {
		g.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-over:
		case <-time.After(endsWithin):
			g.cmd.Process.Kill()
			<-over
			t.Error("the daemon does not end")
		}
		if t.Failed() {
			t.Logf("the daemon wrote:\n%s", last(g.log.String(), 4000))
		}
	})
	for end := time.Now().Add(startsWithin); ; {
		if resp, err := http.Get("http://" + g.ops + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-over:
			t.Fatal("the daemon ended instead of starting")
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatal("the daemon is not ready")
		}
	}
}

// do runs a command on the daemon's machine, where it is an administrator, and
// gives what it printed.
func (g *gate) do(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	var out, diagnosis bytes.Buffer
	cmd := exec.Command(g.cmd.Path, args...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = g.dir, g.env, strings.NewReader(stdin), &out, &diagnosis
	if err := cmd.Run(); err != nil {
		t.Fatalf("latchkey %s: %v: %s", strings.Join(args, " "), err, &diagnosis)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// requests counts what clients have sent so far.
func (g *gate) requests() int {
	n := 0
	for line := range strings.Lines(g.log.String()) {
		var event struct{ Msg, Address, Client string }
		if json.Unmarshal([]byte(line), &event) == nil && event.Msg == "http request" && event.Address != "" && event.Client != preparing {
			n++
		}
	}
	return n
}

// await waits until the daemon has noted more requests than so many: it writes
// a line when it has answered, and the client may be gone by then.
func (g *gate) await(t *testing.T, more int) {
	t.Helper()
	for end := time.Now().Add(notedWithin); g.requests() <= more; {
		if time.Now().After(end) {
			t.Error("no request came")
			return
		}
		<-time.After(5 * time.Millisecond)
	}
}

// judge looks at what is never so, whatever the client did.
func (g *gate) judge(t *testing.T, r *run) {
	t.Helper()
	for _, fault := range g.upstream.faults() {
		t.Errorf("the repository was told: %s", fault)
	}
	if r.secret != "" && strings.Contains(g.log.String(), r.secret) {
		t.Error("the secret is in the daemon's log")
	}
}

// lines is what a daemon writes while others read it.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := net.JoinHostPort(machine, strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort)))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port on " + machine)
	return ""
}
