package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// What common servers and libraries get wrong out of the box, tried on a whole
// daemon: the packages have each class at length, these see that nothing on
// the way from the listener to the store undoes it.

// recorder is an upstream that tells what it got.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		r.mu.Lock()
		r.seen = append(r.seen, req.Method+" "+req.RequestURI)
		r.mu.Unlock()
		json.NewEncoder(w).Encode(req.Header)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen
}

// besieged is a daemon with a public and a private route, and alice's API key.
func besieged(t *testing.T) (d *daemonProcess, up *recorder, key string) {
	up = newRecorder(t)
	d = newDaemon(t)
	d.configure(`routes:
  - {name: lfs, path: /lfs/, upstream: "lfs:./data/lfs", read: [authenticated], write: [authenticated]}
  - {name: public, path: /public/, upstream: ` + up.URL + `, read: [anonymous], write: [authenticated], identity: {headers: true, assertion: true}}
  - {name: private, path: /private/, upstream: ` + up.URL + `, identity: {headers: true, assertion: true}}
`)
	d.start()
	return d, up, d.newUser("alice")
}

// raw sends bytes to the public door and gives the statuses of the answers.
func (d *daemonProcess) raw(text string) (statuses []string, closed bool) {
	d.t.Helper()
	c, err := net.Dial("tcp", d.http)
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * time.Second))
	io.WriteString(c, text)
	r := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			timeout, ok := errors.AsType[net.Error](err)
			return statuses, !ok || !timeout.Timeout()
		}
		io.Copy(io.Discard, resp.Body)
		statuses = append(statuses, strconv.Itoa(resp.StatusCode))
	}
}

// sshPeer connects as the owner of a new key of user.
func (d *daemonProcess) sshPeer(user string) *ssh.Client {
	d.t.Helper()
	file := filepath.Join(d.t.TempDir(), "id")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file).CombinedOutput(); err != nil {
		d.t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	d.do("sshkey", "create", user, file+".pub")
	text, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := ssh.Dial("tcp", d.ssh, &ssh.ClientConfig{
		User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: patience,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	return c
}

// lives fails the test when the daemon's process has ended.
func (d *daemonProcess) lives(after string) {
	d.t.Helper()
	select {
	case <-d.over:
		d.t.Fatalf("the daemon ended after %s", after)
	default:
	}
	if d.ready() != http.StatusOK {
		d.t.Errorf("the daemon is not ready after %s", after)
	}
}

// CVE-2026-24058, CVE-2024-45337: somebody's public key that is offered first
// says nothing about who signs in with another.
func TestAttackOfferedKeyIsNobody(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	d.newUser("victim")
	d.newUser("eve")
	dir := t.TempDir()
	for _, user := range []string{"victim", "eve"} {
		file := filepath.Join(dir, user)
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
		d.do("sshkey", "create", user, file+".pub")
	}
	// The stock client offers a key of which it has only the public half.
	if err := os.Rename(filepath.Join(dir, "victim.pub"), filepath.Join(dir, "half.pub")); err != nil {
		t.Fatal(err)
	}
	host, port := splitAddress(d.ssh)
	out, err := exec.Command("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"-i", filepath.Join(dir, "half.pub"), "-i", filepath.Join(dir, "eve"), "-p", port, "victim@"+host, "whoami").Output()
	if err != nil {
		t.Fatal(err)
	}
	if who := strings.Fields(string(out)); len(who) == 0 || who[0] != "eve" {
		t.Errorf("whoami says %q, want eve", out)
	}
}

// A request whose length lies (0xFFFFFFFF before a pty's terminal) ends
// processes that are built on a library's session handler.
func TestAttackLengthsThatLie(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	d.newUser("alice")
	c := d.sshPeer("alice")
	huge := []byte{0xff, 0xff, 0xff, 0xff}
	for _, kind := range []string{"pty-req", "exec", "env", "signal", "window-change", "subsystem", "x11-req", "auth-agent-req@openssh.com"} {
		for _, payload := range [][]byte{huge, append(bytes.Clone(huge), "xterm"...), {0, 0, 0, 9, 'x'}, nil} {
			s, requests, err := c.OpenChannel("session", nil)
			if err != nil {
				t.Fatalf("after %s %x: %v", kind, payload, err)
			}
			go ssh.DiscardRequests(requests)
			if ok, _ := s.SendRequest(kind, true, payload); ok {
				t.Errorf("%s %x: accepted", kind, payload)
			}
			s.Close()
		}
		d.lives(kind)
	}
}

// Libraries keep every variable and grant agents and terminals unasked.
func TestAttackEnvironmentWithoutEnd(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	d.newUser("alice")
	c := d.sshPeer("alice")
	before := d.resident()
	s, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	value := strings.Repeat("x", 30_000)
	for i := range 2000 {
		payload := ssh.Marshal(struct{ Name, Value string }{"LC_" + strconv.Itoa(i), value})
		if _, err := s.SendRequest("env", false, payload); err != nil {
			break // cut off: as good
		}
	}
	for _, kind := range []string{"pty-req", "auth-agent-req@openssh.com", "x11-req"} {
		if ok, _ := s.SendRequest(kind, true, ssh.Marshal(struct {
			Term                         string
			Columns, Rows, Width, Height uint32
			Modes                        string
		}{"xterm", 80, 24, 0, 0, ""})); ok {
			t.Errorf("%s was granted", kind)
		}
	}
	const room = 32 << 10 // KiB; all of it kept would be 60 MB
	if grown := d.resident() - before; grown > room {
		t.Errorf("60 MB of environment made the daemon grow by %d KiB", grown)
	}
	d.lives("2000 variables")
}

// resident is the daemon's memory in KiB (proc(5), VmRSS).
func (d *daemonProcess) resident() int {
	d.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

// Clients that connect and say nothing, or a byte at a time, are nobody's
// hindrance: not at SSH, not at HTTP.
func TestAttackSilentClients(t *testing.T) {
	t.Parallel()
	d, _, key := besieged(t)
	run := d.sshClient("alice")
	const silent = 200
	for _, addr := range []string{d.http, d.ssh} {
		for i := range silent {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatalf("%s: connection %d: %v", addr, i, err)
			}
			defer c.Close()
			if i%2 == 0 {
				io.WriteString(c, "S") // of "SSH-2.0-", or of a method
			}
		}
	}
	start := time.Now()
	if d.request("GET", "/private/x", "", "X-JFrog-Art-Api", key).status != http.StatusOK {
		t.Error("HTTP is not served beside silent clients")
	}
	const soon = 2 * time.Second
	if took := time.Since(start); took > soon {
		t.Errorf("HTTP beside silent clients took %v", took)
	}
	start = time.Now()
	// The silent ones share this source's allowance of connections without a
	// login, so others are asked from elsewhere.
	cmd := run("whoami")
	cmd.Args = append([]string{cmd.Args[0], "-b", "127.0.0.3"}, cmd.Args[1:]...)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "alice") {
		t.Errorf("SSH beside silent clients: %v %s", err, out)
	}
	if took := time.Since(start); took > 2*soon { // a process of its own among others
		t.Errorf("SSH beside silent clients took %v", took)
	}
}

// CVE-2024-45410, CVE-2025-64484: neither a Connection header nor another
// spelling nor a trailer takes an identity header away or adds one.
func TestAttackIdentityHeaders(t *testing.T) {
	t.Parallel()
	d, _, key := besieged(t)
	for _, c := range []struct {
		path, user string
		header     []string
	}{
		{"/public/x", "", []string{"X-Forwarded-User", "admin"}},
		{"/public/x", "", []string{"X_Forwarded_User", "admin", "X.Forwarded.User", "admin", "x-forwarded_groups", "admins"}},
		{"/private/x", "alice", []string{"X-JFrog-Art-Api", key, "X_Forwarded_User", "admin"}},
		{"/private/x", "alice", []string{"X-JFrog-Art-Api", key, "Connection", "close, X-Forwarded-User, x-forwarded-user, X-Latchkey-Assertion, X-Request-Id"}},
		{"/private/x", "alice", []string{"X-JFrog-Art-Api", key, "Cookie", "a=b; latchkey=planted", "X-Latchkey-Assertion", "planted"}},
	} {
		a := d.request("GET", c.path, "", c.header...)
		var got http.Header
		if err := json.Unmarshal([]byte(a.body), &got); a.status != http.StatusOK || err != nil {
			t.Fatalf("%v: %d %s", c.header, a.status, a.body)
		}
		if u := got.Get("X-Forwarded-User"); u != c.user {
			t.Errorf("%v: the upstream hears of %q, want %q", c.header[len(c.header)-2:], u, c.user)
		}
		if known := c.user != ""; (got.Get("X-Latchkey-Assertion") != "") != known || got.Get("X-Request-Id") == "" {
			t.Errorf("%v: assertion %q, request id %q", c.header[len(c.header)-2:], got.Get("X-Latchkey-Assertion"), got.Get("X-Request-Id"))
		}
		for _, secret := range []string{key, "planted", "admin"} {
			if strings.Contains(a.body, secret) {
				t.Errorf("the upstream got %s", a.body)
			}
		}
	}
}

// Two readers of HTTP/1.1 must not see two sets of requests, and no method or
// upgrade opens a tunnel that nobody judged.
func TestAttackFraming(t *testing.T) {
	t.Parallel()
	d, up, _ := besieged(t)
	host := "Host: " + d.http + "\r\n"
	second := "GET /public/smuggled HTTP/1.1\r\n" + host + "\r\n"
	for name, c := range map[string]struct{ text, want string }{
		"length and chunks":   {"POST /public/a HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second, "400"},
		"chunked, not last":   {"POST /public/a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + second, "400"},
		"two lengths":         {"POST /public/a HTTP/1.1\r\n" + host + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd" + second, "400"},
		"bare LF":             {"GET /public/a HTTP/1.1\n" + "Host: " + d.http + "\n\n" + second, "400"},
		"folded line":         {"GET /public/a HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n" + second, "400"},
		"two hosts":           {"GET /public/a HTTP/1.1\r\n" + host + "Host: evil.example\r\n\r\n" + second, "400"},
		"another host's path": {"GET http://evil.example/public/a HTTP/1.1\r\n" + host + "\r\n" + second, "400"},
		"CONNECT":             {"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n" + second, "400"},
		"HTTP/2 unasked":      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" + second, "400"},
		"chunk of two sizes":  {"POST /private/a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" + second, "401"},
	} {
		statuses, closed := d.raw(c.text)
		if len(statuses) == 0 || statuses[0] != c.want || !closed {
			t.Errorf("%s: %v, closed %v, want %s and the end", name, statuses, closed, c.want)
		}
		if seen := up.take(); len(seen) > 0 {
			t.Errorf("%s: the upstream saw %v", name, seen)
		}
	}
	for name, text := range map[string]string{
		"TRACE":         "TRACE /public/a HTTP/1.1\r\n" + host + "\r\n",
		"dots":          "GET /public/..%2fprivate/a HTTP/1.1\r\n" + host + "\r\n",
		"dots twice":    "GET /public/%252e%252e/private/a HTTP/1.1\r\n" + host + "\r\n",
		"two slashes":   "GET //evil.example/a HTTP/1.1\r\n" + host + "\r\n",
		"a parameter":   "GET /public/..;/private/a HTTP/1.1\r\n" + host + "\r\n",
		"another case":  "GET /PRIVATE/a HTTP/1.1\r\n" + host + "\r\n",
		"unknown place": "GET /public/a HTTP/1.1\r\nHost: evil.example\r\n\r\n",
	} {
		statuses, _ := d.raw(strings.Replace(text, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
		if len(statuses) != 1 || statuses[0][0] != '4' {
			t.Errorf("%s: %v", name, statuses)
		}
		if seen := up.take(); len(seen) > 0 {
			t.Errorf("%s: the upstream saw %v", name, seen)
		}
	}
	if statuses, _ := d.raw("GET /public/a HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"); len(statuses) != 1 || statuses[0] != "200" {
		t.Errorf("an upgrade to h2c: %v, want an ordinary answer", statuses)
	}
	d.lives("all this")
}

// A token of git-lfs-authenticate is for one repository and one operation,
// whatever door it is tried at.
func TestAttackShortTokenAtOtherDoors(t *testing.T) {
	t.Parallel()
	d, up, _ := besieged(t)
	run := d.sshClient("alice")
	out, err := run("git-lfs-authenticate lfs/team/assets download").Output()
	if err != nil {
		t.Fatal(err)
	}
	var given struct{ Header map[string]string }
	if err := json.Unmarshal(out, &given); err != nil {
		t.Fatal(err)
	}
	token := given.Header["Authorization"]
	const media = "application/vnd.git-lfs+json"
	try := func(method, path, body string) int {
		kind := "application/json"
		if strings.HasPrefix(path, "/lfs/") || strings.HasPrefix(path, "/artifactory/api/lfs/") {
			kind = media
		}
		return d.request(method, path, body, "Authorization", token, "Content-Type", kind, "Accept", media).status
	}
	if got := try("GET", "/lfs/team/assets/locks", ""); got != http.StatusOK {
		t.Fatalf("its own repository: %d", got)
	}
	for _, c := range [][3]string{
		{"POST", "/lfs/team/assets/locks", `{"path":"a"}`},
		{"POST", "/lfs/team/assets/objects/batch", `{"operation":"upload","objects":[]}`},
		{"GET", "/lfs/team/other/locks", ""},
		{"GET", "/lfs/team/assets/deeper/locks", ""},
		{"GET", "/lfs/team/locks", ""},
		{"GET", "/artifactory/api/lfs/team/other/locks", ""},
		{"GET", "/private/x", ""},
		{"POST", "/public/x", "x"},
		{"GET", "/-/api/v1/me/tokens", ""},
		{"POST", "/-/api/v1/me/tokens", "{}"},
		{"GET", "/-/api/v1/me/apikey", ""},
		{"GET", "/artifactory/api/security/apiKey", ""},
		{"POST", "/artifactory/api/security/apiKey", ""},
	} {
		if got := try(c[0], c[1], c[2]); got != http.StatusUnauthorized && got != http.StatusForbidden {
			t.Errorf("%s %s: %d", c[0], c[1], got)
		}
	}
	if seen := up.take(); len(seen) > 0 {
		t.Errorf("an upstream saw %v", seen)
	}
	a := d.request("GET", "/public/x", "", "Authorization", token)
	if a.status != http.StatusOK || strings.Contains(a.body, "alice") || strings.Contains(a.body, "X-Latchkey-Assertion") {
		t.Errorf("where everybody may come: %d %s", a.status, a.body)
	}
	// It ends with the key that made it.
	d.do("sshkey", "delete", "--", sshKeyIDs(t, d)[0])
	if got := try("GET", "/lfs/team/assets/locks", ""); got != http.StatusUnauthorized {
		t.Errorf("after the end of its key: %d", got)
	}
}

func sshKeyIDs(t *testing.T, d *daemonProcess) (ids []string) {
	t.Helper()
	var keys struct{ Items []struct{ ID string } }
	if err := json.Unmarshal([]byte(d.do("sshkey", "list", "alice", "--json")), &keys); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys.Items {
		ids = append(ids, k.ID)
	}
	if len(ids) == 0 {
		t.Fatal("alice has no key")
	}
	return ids
}
