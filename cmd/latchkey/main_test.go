package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is the daemon too: run under the name latchkey it does what
// main does.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"latchkey": main})
}

// Ports of daemons: below those that systems give to outgoing connections, so
// that nobody takes a stopped daemon's port.
const (
	firstPort = 10000
	lastPort  = 19000
)

// patience is how long tests wait for what should come at once.
const patience = 20 * time.Second

// nextPort begins anywhere, so that two test binaries hardly meet, and goes on
// by one, so that no test gets the port that another was given and has not
// opened yet.
var nextPort = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(rand.Int64N(lastPort - firstPort))
	return &n
}()

func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.FormatInt(firstPort+nextPort.Add(1)%(lastPort-firstPort), 10))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port on 127.0.0.1")
	return ""
}

// until asks ok every few milliseconds until it says yes.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// output is what a daemon writes while others read it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// daemonProcess is a daemon in a process of its own, in a folder of its own.
type daemonProcess struct {
	t    testing.TB
	dir  string   // where it runs; data is below
	env  []string // of the daemon and of commands to it
	args []string

	http, ssh, ops string // addresses
	out, err       *output

	cmd  *exec.Cmd
	over chan struct{} // closed when the process has ended
}

// newDaemon prepares a daemon; env overrides its configuration.
func newDaemon(t testing.TB, env ...string) *daemonProcess {
	d := &daemonProcess{t: t, dir: t.TempDir(), http: freeAddr(t), ssh: freeAddr(t), ops: freeAddr(t), args: []string{"serve", "--log-level", "debug"}}
	d.env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + d.dir,
		"LATCHKEY_HTTP_LISTEN=" + d.http,
		"LATCHKEY_HTTP_PUBLIC_URL=http://" + d.http,
		"LATCHKEY_SSH_LISTEN=" + d.ssh,
		"LATCHKEY_SSH_PUBLIC_ADDRESS=" + d.ssh,
		"LATCHKEY_OPS_LISTEN=" + d.ops,
		"LATCHKEY_DATA_DIR=" + d.data(""),
	}, env...)
	d.out, d.err = &output{}, &output{}
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("the daemon wrote:\n%s%s", d.out, d.err)
		}
	})
	return d
}

// startDaemon starts a daemon and waits until it is ready.
func startDaemon(t testing.TB, env ...string) *daemonProcess {
	t.Helper()
	d := newDaemon(t, env...)
	d.start()
	return d
}

func (d *daemonProcess) data(name string) string { return filepath.Join(d.dir, "data", name) }

// command is latchkey in a process of its own.
func (d *daemonProcess) command(args ...string) *exec.Cmd {
	d.t.Helper()
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"latchkey"}, args...)
	cmd.Dir, cmd.Env = d.dir, d.env
	return cmd
}

// launch starts the process without waiting for anything.
func (d *daemonProcess) launch() {
	d.t.Helper()
	d.cmd = d.command(d.args...)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.err
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	over := make(chan struct{})
	d.over = over
	cmd := d.cmd
	go func() {
		cmd.Wait()
		close(over)
	}()
}

func (d *daemonProcess) start() {
	d.t.Helper()
	d.launch()
	until(d.t, "the daemon is ready", func() bool {
		select {
		case <-d.over:
			d.t.Fatal("the daemon ended instead of starting")
		default:
		}
		return d.ready() == http.StatusOK
	})
}

// ready is what /readyz answers; 0 when nobody does.
func (d *daemonProcess) ready() int {
	resp, err := http.Get("http://" + d.ops + "/readyz")
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (d *daemonProcess) signal(sig syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.t.Fatal(err)
	}
}

// wait gives the exit code once the daemon has ended.
func (d *daemonProcess) wait() int {
	d.t.Helper()
	select {
	case <-d.over:
	case <-time.After(40 * time.Second):
		d.t.Fatal("the daemon does not end")
	}
	return d.cmd.ProcessState.ExitCode()
}

// stop ends the daemon as an operator does.
func (d *daemonProcess) stop() int {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	return d.wait()
}

// kill ends the daemon as a crash does.
func (d *daemonProcess) kill() {
	if d.cmd == nil {
		return
	}
	d.cmd.Process.Kill()
	<-d.over
	d.cmd = nil
}

// try runs a command on the daemon's machine.
func (d *daemonProcess) try(stdin string, args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, d.env, strings.NewReader(stdin), &out, &err)
	return out.String(), err.String(), code
}

// do is try for a command that must succeed; it gives what it printed.
func (d *daemonProcess) do(args ...string) string {
	d.t.Helper()
	return d.feed("", args...)
}

func (d *daemonProcess) feed(stdin string, args ...string) string {
	d.t.Helper()
	out, err, code := d.try(stdin, args...)
	if code != exitOK {
		d.t.Fatalf("latchkey %s: exit %d: %s", strings.Join(args, " "), code, err)
	}
	return strings.TrimSuffix(out, "\n")
}

// killAfterRandom ends a process within the time that a short command takes.
func killAfterRandom(p *os.Process) {
	<-time.After(time.Duration(rand.Int64N(int64(30 * time.Millisecond))))
	p.Kill()
}

// answer is what a request was answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// request sends one request to the public door; header is name, value, ….
func (d *daemonProcess) request(method, path, body string, header ...string) answer {
	d.t.Helper()
	a, err := d.send(method, path, body, header...)
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

func (d *daemonProcess) send(method, path, body string, header ...string) (answer, error) {
	req, err := http.NewRequest(method, "http://"+d.http+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for pair := range slices.Chunk(header, 2) {
		if pair[0] == "Host" {
			req.Host = pair[1]
		}
		req.Header.Set(pair[0], pair[1])
	}
	client := &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

// whoami is the status of a request with the credential as Bearer.
func (d *daemonProcess) whoami(secret string) int {
	d.t.Helper()
	return d.request("GET", "/-/api/v1/whoami", "", "Authorization", "Bearer "+secret).status
}

// Scripts see one daemon's configuration in their environment and run the
// daemon themselves. path goes before PATH; env is set last.
func scripts(dir, path string, more ...string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			t, ok := env.T().(testing.TB)
			if !ok {
				return fmt.Errorf("%T is no testing.TB", env.T())
			}
			public, ssh, ops := freeAddr(t), freeAddr(t), freeAddr(t)
			home := filepath.Join(env.WorkDir, "home")
			if err := os.MkdirAll(filepath.Join(home, ".ssh"), 0o700); err != nil {
				return err
			}
			if path != "" {
				env.Setenv("PATH", path+string(os.PathListSeparator)+env.Getenv("PATH"))
			}
			for _, kv := range [][2]string{
				{"HOME", home},
				{"HTTP", public}, {"SSH", ssh}, {"OPS", ops},
				{"SSH_PORT", ssh[strings.LastIndexByte(ssh, ':')+1:]},
				{"LATCHKEY_HTTP_LISTEN", public},
				{"LATCHKEY_HTTP_PUBLIC_URL", "http://" + public},
				{"LATCHKEY_SSH_LISTEN", ssh},
				{"LATCHKEY_SSH_PUBLIC_ADDRESS", ssh},
				{"LATCHKEY_OPS_LISTEN", ops},
				{"GIT_TERMINAL_PROMPT", "0"},
				{"GIT_CONFIG_NOSYSTEM", "1"},
				{"GIT_SSH_COMMAND", "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none" +
					" -o UserKnownHostsFile=" + home + "/.ssh/known_hosts -i " + home + "/.ssh/id_ed25519"},
			} {
				env.Setenv(kv[0], kv[1])
			}
			for pair := range slices.Chunk(more, 2) {
				env.Setenv(pair[0], pair[1])
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "ready": ready, "mode": mode, "await": await, "freeport": freePort,
		},
	}
}

// exits CODE COMMAND…: the command ends with this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT…]")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if args[0] != strconv.Itoa(code) {
		ts.Fatalf("exit %d, want %s", code, args[0])
	}
}

// ready: the daemon of this script is.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	client := http.Client{Timeout: time.Second}
	for end := time.Now().Add(patience); ; {
		resp, err := client.Get("http://" + ts.Getenv("OPS") + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			ts.Fatalf("the daemon is not ready after %s", patience)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// mode MODE FILE: the file has this mode, as 0600.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode MODE FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// await FILE TEXT: the file comes to hold the text.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	for end := time.Now().Add(patience); ; {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s does not hold %q:\n%s", args[0], args[1], text)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// freeport NAME: sets NAME to a free address of 127.0.0.1.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}

func readAll(t testing.TB, resp *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
