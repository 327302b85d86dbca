package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lfsAction is where a batch answer sends an upload.
type lfsAction struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header"`
}

// uploadAction asks for one upload with the API key.
func (d *daemonProcess) uploadAction(key, repo string, object []byte) lfsAction {
	d.t.Helper()
	sum := sha256.Sum256(object)
	a := d.request("POST", "/lfs/"+repo+"/objects/batch",
		fmt.Sprintf(`{"operation":"upload","transfers":["basic"],"objects":[{"oid":"%s","size":%d}]}`, hex.EncodeToString(sum[:]), len(object)),
		"X-JFrog-Art-Api", key, "Accept", "application/vnd.git-lfs+json", "Content-Type", "application/vnd.git-lfs+json")
	var batch struct {
		Objects []struct {
			Actions map[string]lfsAction `json:"actions"`
		} `json:"objects"`
	}
	if err := json.Unmarshal([]byte(a.body), &batch); err != nil || len(batch.Objects) != 1 || batch.Objects[0].Actions["upload"].Href == "" {
		d.t.Fatalf("batch: %d %s", a.status, a.body)
	}
	return batch.Objects[0].Actions["upload"]
}

// slowBody gives its first half at once and the rest when told.
type slowBody struct {
	first, second io.Reader
	begun, finish chan struct{}
	told          bool
}

func (b *slowBody) Read(p []byte) (int, error) {
	if n, err := b.first.Read(p); err == nil {
		return n, nil
	}
	if !b.told {
		b.told = true
		close(b.begun)
	}
	<-b.finish
	return b.second.Read(p)
}

// beginUpload sends half of an object and waits; finish lets it go on, and the
// status of its answer comes from result (0: cut off).
func (d *daemonProcess) beginUpload(key string) (finish chan struct{}, result chan int) {
	d.t.Helper()
	object := bytes.Repeat([]byte("latchkey"), 64<<10)
	action := d.uploadAction(key, "team/slow", object)
	body := &slowBody{
		first: bytes.NewReader(object[:len(object)/2]), second: bytes.NewReader(object[len(object)/2:]),
		begun: make(chan struct{}), finish: make(chan struct{}),
	}
	req, err := http.NewRequest("PUT", action.Href, body)
	if err != nil {
		d.t.Fatal(err)
	}
	req.ContentLength = int64(len(object))
	for name, value := range action.Header {
		req.Header.Set(name, value)
	}
	result = make(chan int, 1)
	go func() {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			result <- 0
			return
		}
		resp.Body.Close()
		result <- resp.StatusCode
	}()
	select {
	case <-body.begun:
	case status := <-result:
		d.t.Fatalf("the upload was answered %d before it was sent", status)
	case <-time.After(patience):
		d.t.Fatal("the upload does not begin")
	}
	// The daemon has begun to store it when there is something in .incoming.
	until(d.t, "the upload arrives", func() bool {
		files, _ := filepath.Glob(d.data("lfs/.incoming/*"))
		return len(files) > 0
	})
	return body.finish, result
}

// newUser makes a user with an API key.
func (d *daemonProcess) newUser(name string) (key string) {
	d.t.Helper()
	d.do("user", "create", name, "--email", name+"@example.com")
	return d.do("apikey", "create", name)
}

// accepts reports whether the address takes connections.
func accepts(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func TestStopLetsAnUploadFinishAndTakesNothingNew(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	key := d.newUser("alice")
	finish, result := d.beginUpload(key)

	d.signal(syscall.SIGTERM)
	until(t, "the daemon says it is not ready", func() bool { return d.ready() == http.StatusServiceUnavailable })
	until(t, "it takes no more connections", func() bool { return !accepts(d.http) && !accepts(d.ssh) })
	select {
	case <-d.over:
		t.Fatal("the daemon ended with an upload under way")
	default:
	}

	close(finish)
	if status := <-result; status != http.StatusOK {
		t.Errorf("the upload was answered %d", status)
	}
	if code := d.wait(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if objects, _ := filepath.Glob(d.data("lfs/team/slow/objects/*/*/*")); len(objects) != 1 {
		t.Errorf("objects after the stop: %v", objects)
	}
}

func TestAnnouncedStopStillAnswers(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	d.args = append(d.args, "--announce", "1h")
	d.start()
	key := d.newUser("alice")
	d.signal(syscall.SIGTERM)
	until(t, "the daemon says it is not ready", func() bool { return d.ready() == http.StatusServiceUnavailable })
	if a := d.request("GET", "/-/api/v1/whoami", "", "X-JFrog-Art-Api", key); a.status != http.StatusOK {
		t.Errorf("while it is announced, a request is answered %d", a.status)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != exitFailed {
		t.Errorf("a second signal ends with exit %d", code)
	}
}

func TestSecondSignalForces(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	finish, result := d.beginUpload(d.newUser("alice"))
	d.signal(syscall.SIGTERM)
	until(t, "the daemon says it is not ready", func() bool { return d.ready() == http.StatusServiceUnavailable })
	d.signal(syscall.SIGINT)
	if code := d.wait(); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	close(finish)
	if status := <-result; status == http.StatusOK {
		t.Error("the cut-off upload was answered 200")
	}
	if !strings.Contains(d.err.String(), "second signal") {
		t.Error("nothing says why")
	}

	// Nothing of it is left behind.
	d.start()
	if objects, _ := filepath.Glob(d.data("lfs/team/slow/objects/*/*/*")); len(objects) != 0 {
		t.Errorf("objects: %v", objects)
	}
	if left, _ := filepath.Glob(d.data("lfs/.incoming/*")); len(left) != 0 {
		t.Errorf("incoming: %v", left)
	}
}

func TestStopCutsOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	d.args = append(d.args, "--drain", "300ms")
	d.start()
	finish, result := d.beginUpload(d.newUser("alice"))
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	close(finish)
	if status := <-result; status == http.StatusOK {
		t.Error("the cut-off upload was answered 200")
	}
	if !strings.Contains(d.err.String(), "cut off") {
		t.Error("nothing says so")
	}
}

func TestStopLetsAnSSHCommandFinish(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	d.newUser("alice")
	ssh := d.sshClient("alice")
	// The session is open and its command not yet asked for: stdin of the
	// multiplexing master holds the connection.
	if out, err := ssh("whoami").CombinedOutput(); err != nil || !strings.Contains(string(out), "alice") {
		t.Fatalf("whoami: %v: %s", err, out)
	}
	done := make(chan error, 20)
	for range cap(done) {
		go func() { done <- ssh("git-lfs-authenticate team/assets download").Run() }()
	}
	finished := 0
	for err := range done {
		if err == nil {
			finished++
		}
		if finished == 1 {
			d.signal(syscall.SIGTERM)
		}
		if finished >= 1 && len(done) == 0 {
			break
		}
	}
	if code := d.wait(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// sshClient registers a new key of user and gives the command that runs a word
// with it.
func (d *daemonProcess) sshClient(user string) func(word string) *exec.Cmd {
	d.t.Helper()
	dir := d.t.TempDir()
	key, hosts := filepath.Join(dir, "id"), filepath.Join(dir, "known_hosts")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		d.t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	d.do("sshkey", "create", user, key+".pub")
	if err := os.WriteFile(hosts, []byte(d.do("ssh", "known-hosts")+"\n"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	host, port := splitAddress(d.ssh)
	return func(word string) *exec.Cmd {
		return exec.Command("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
			"-o", "UserKnownHostsFile="+hosts, "-o", "LogLevel=ERROR", "-i", key, "-p", port, host, word)
	}
}

func TestStopClosesWebSockets(t *testing.T) {
	t.Parallel()
	// An upstream that accepts any upgrade and then is silent.
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
		rw.Flush()
		io.Copy(io.Discard, rw)
	}))
	defer upstream.Close()
	d := newDaemon(t)
	d.configure("routes:\n  - {name: app, path: /app/, upstream: " + upstream.URL + ", websocket: true}\n")
	d.start()
	key := d.newUser("alice")

	c, err := net.Dial("tcp", d.http)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "GET /app/ws HTTP/1.1\r\nHost: %s\r\nX-JFrog-Art-Api: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", d.http, key)
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake was answered %s", resp.Status)
	}
	d.signal(syscall.SIGTERM)
	last, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("the socket was not closed but: %v", err)
	}
	if want := "\x88\x02\x03\xe9"; string(last) != want { // a close frame with 1001, going away
		t.Errorf("the last words were %q, not %q", last, want)
	}
	if code := d.wait(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// configure writes the file that the daemon is started with.
func (d *daemonProcess) configure(text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, "latchkey.yaml"), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if !strings.Contains(strings.Join(d.args, " "), " -c ") {
		d.args = append(d.args, "-c", filepath.Join(d.dir, "latchkey.yaml"))
	}
}
