package sshd_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/sshd"
)

// What OpenSSH can ask for beyond a command is refused, with a text and a
// status, and nothing is opened.
func TestRefusedServices(t *testing.T) {
	d := start(t, func(c *sshd.Config) { c.Limits.Unused = time.Second })
	key := d.person(t, "alice")
	agent := startAgent(t)
	display := []string{"DISPLAY=:9", "XAUTHORITY=/dev/null"}
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	go func() {
		if c, err := target.Accept(); err == nil {
			t.Error("a connection was opened to the target of forwarding")
			c.Close()
		}
	}()
	to := target.Addr().String()
	at := []string{"-i", key, "alice@127.0.0.1"}
	for _, row := range []struct {
		name string
		env  []string
		args []string
		text string
	}{
		{"agent", agent, append([]string{"-A"}, append(at, "env")...), "there is no command"},
		{"pty", nil, append([]string{"-tt"}, at...), "PTY allocation request failed"},
		{"pty and nothing else", nil, append([]string{"-T"}, at...), "hello alice, your key works"},
		{"X11", display, append([]string{"-X"}, at...), "hello alice"},
		{"remote forwarding", nil, append([]string{"-o", "ExitOnForwardFailure=yes", "-R", "0:" + to, "-N"}, at...), "forwarding failed"},
		{"remote socket", nil, append([]string{"-o", "ExitOnForwardFailure=yes", "-R", "/tmp/s:" + to, "-N"}, at...), "forwarding failed"},
		{"stdio forwarding", nil, append([]string{"-W", to}, at...), "latchkey forwards nothing"},
		{"local forwarding of nothing", nil, append([]string{"-L", "127.0.0.1:0:" + to, "-N"}, at...), ""},
		{"socks", nil, append([]string{"-D", "127.0.0.1:0", "-N"}, at...), ""},
		{"tunnel", nil, append([]string{"-o", "ExitOnForwardFailure=yes", "-w", "any", "-N"}, at...), ""},
		{"subsystem", nil, append([]string{"-s"}, append(at, "foo")...), "subsystem request failed"},
		{"environment", nil, append([]string{"-o", "SetEnv=LD_PRELOAD=x"}, append(at, "env")...), "there is no command"},
		{"shell", nil, at, "hello alice"},
		{"shell command", nil, append(at, "sh", "-c", "id"), "there is no command \"sh\""},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, errOut, code := d.openssh(t, "ssh", row.env, row.args...)
			if code == 0 || out != "" || !strings.Contains(errOut, row.text) {
				t.Errorf("exit %d, stdout %q, stderr %s", code, out, errOut)
			}
		})
	}
	t.Run("sftp", func(t *testing.T) {
		if _, errOut, code := d.openssh(t, "sftp", nil, "-i", key, "alice@127.0.0.1"); code == 0 {
			t.Errorf("exit %d, stderr %s", code, errOut)
		}
	})
	t.Run("local forwarding used", func(t *testing.T) {
		c := d.dial(t, "alice")
		for _, kind := range []string{"direct-tcpip", "direct-streamlocal@openssh.com", "x11", "auth-agent@openssh.com", "tun@openssh.com", "forwarded-tcpip", ""} {
			_, _, err := c.OpenChannel(kind, []byte{0xff, 0xff, 0xff, 0xff})
			if err == nil || !strings.Contains(err.Error(), "forwards nothing") {
				t.Errorf("%s: %v", kind, err)
			}
		}
		for _, kind := range []string{"tcpip-forward", "cancel-tcpip-forward", "streamlocal-forward@openssh.com", "hostkeys-prove-00@openssh.com", "keepalive@openssh.com", "x"} {
			if ok, _, err := c.SendRequest(kind, true, []byte{0xff, 0xff, 0xff, 0xff}); ok || err != nil {
				t.Errorf("%s: %v, %v", kind, ok, err)
			}
		}
	})
}

// startAgent runs an ssh-agent and returns the environment that names it.
func startAgent(t *testing.T) []string {
	t.Helper()
	sock := filepath.Join(t.TempDir(), "agent")
	cmd := exec.Command("ssh-agent", "-D", "-a", sock)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: install openssh-client", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	eventually(t, closeWait, "the agent's socket", func() bool { _, err := os.Stat(sock); return err == nil })
	return []string{"SSH_AUTH_SOCK=" + sock}
}

func TestOnlyGitProtocolIsTakenFromTheEnvironment(t *testing.T) {
	d := start(t)
	s, err := d.dial(t, "alice").NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Setenv("GIT_PROTOCOL", "version=2"); err != nil {
		t.Errorf("GIT_PROTOCOL: %v", err)
	}
	for name, value := range map[string]string{
		"LD_PRELOAD": "x", "GIT_PROTOCOL ": "x", "git_protocol": "x", "": "", "GIT_PROTOCOL\x00": "version=2",
		"GIT_PROTOCOL": strings.Repeat("x", 30_000),
	} {
		if err := s.Setenv(name, value); err == nil {
			t.Errorf("%.20q was taken", name)
		}
	}
	if out, err := s.Output("whoami"); err != nil || string(out) != "alice\n" {
		t.Errorf("whoami = %q, %v", out, err)
	}
}

// Several sessions share one connection, as with ControlMaster.
func TestControlMaster(t *testing.T) {
	d := start(t)
	key := d.person(t, "alice")
	path := filepath.Join("/tmp", fmt.Sprintf("lk%d", time.Now().UnixNano()))
	master := []string{"-o", "ControlMaster=auto", "-o", "ControlPath=" + path, "-o", "ControlPersist=10", "-i", key, "git@127.0.0.1"}
	defer d.ssh(t, append([]string{"-O", "exit"}, master...)...)
	for range 3 {
		if out, errOut, code := d.ssh(t, append(master, "whoami")...); code != 0 || out != "alice\n" {
			t.Fatalf("exit %d, %q, %s", code, out, errOut)
		}
	}
	eventually(t, closeWait, "three lines", func() bool { return strings.Count(d.log.String(), `"command":"whoami"`) == 3 })
	if n := d.people.registered; n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

func TestSessionsOfAConnectionAreLimited(t *testing.T) {
	d := start(t)
	c := d.dial(t, "alice")
	var open []*gossh.Session
	for i := range 128 {
		s, err := c.NewSession()
		if err != nil {
			t.Fatalf("session %d: %v", i+1, err)
		}
		open = append(open, s)
	}
	if _, err := c.NewSession(); err == nil || !strings.Contains(err.Error(), "too many sessions") {
		t.Errorf("session 129: %v", err)
	}
	open[0].Close()
	eventually(t, closeWait, "room for another", func() bool {
		s, err := c.NewSession()
		if err == nil {
			s.Close()
		}
		return err == nil
	})
	if out, _, _ := run(t, d.dial(t, "bob"), "whoami"); out != "bob\n" {
		t.Errorf("another connection: %q", out)
	}
}

func TestWords(t *testing.T) {
	d := start(t)
	c := d.dial(t, "alice")
	for _, row := range []struct {
		line     string
		code     int
		out, err string // contained; "" is nothing at all
	}{
		{"whoami", 0, "alice\n", ""},
		{"  whoami  ", 0, "alice\n", ""},
		{"whoami --json", 0, `{"user":"alice","groups":[],"admin":false,"credential":{"kind":"ssh_key","id":"SHA256:`, ""},
		{"whoami x", 1, "", `latchkey: "x" is too much`},
		{"help", 0, "git-lfs-authenticate PATH download|upload", ""},
		{"", 127, "", `there is no command ""`},
		{"WHOAMI", 127, "", `there is no command "WHOAMI"`},
		{"whoami;id", 127, "", `there is no command "whoami;id"`},
		{"whoami\nid", 127, "", "there is no command"},
		{"evil\x1b[2J\x00x y", 127, "", `there is no command "evil\\x1b[2J\\x00x"`},
		{"git-upload-pack '/x.git'", 127, "", "there is no command"},
		{"git-lfs-transfer /x download", 127, "", "latchkey: git-lfs-transfer is not offered, use git-lfs-authenticate\n"},
		{"token", 1, "", "token needs one of: create, list, rotate, revoke"},
		{"token show", 1, "", "token needs one of"},
		{"token create --scope applied-permissions/user --expires 30d --description 'my laptop'", 0, fakeJWT + "\n", "token t0 ends 2"},
		{"token create --reference --json --expires=never", 0, `"access_token":"` + fakeJWT + `","reference_token":"cmVmdreference"`, ""},
		{"token create --reference", 0, "cmVmdreference\n", "ends never"},
		{"token create --expires 0d", 1, "", "is no life"},
		{"token create --expires 99999999999999d", 1, "", "is no life"},
		{"token create --description my laptop", 1, "", `"laptop" is too much`},
		{"token create --admin", 1, "", "there is no --admin here"},
		{"token create --description a --description b", 1, "", "stands twice"},
		{"token create --description", 1, "", "needs a value"},
		{"token create --description 'x", 1, "", "a quote is not closed"},
		{"token list", 0, "my laptop", ""},
		{"token list --json", 0, `{"items":[{"id":"t0",`, ""},
		{"token rotate t0", 0, fakeJWT, "it is not shown again"},
		{"token revoke t0", 1, "", "latchkey: token not found\n"},
		{"token revoke", 1, "", "say which token"},
		{"session list", 0, `Firefox\u202e\u009b31m`, ""},
		{"session list --json", 0, `"client":"Firefox\u202e\u009b31m"`, ""},
		{"session revoke s1 --json", 0, `{"id":"s1","result":"revoked"}`, ""},
		{"sshkey list", 0, `evil\x1b[2J\ntitle`, ""},
		{"sshkey create x", 1, "", "sshkey needs one of: list, delete"},
		{"sshkey delete SHA256:x", 1, "", "you have no key SHA256:x"},
		{"apikey revoke", 1, "", "API key not found"},
		{"apikey show", 1, "", "apikey needs one of: revoke"},
		{"jfrog-authenticate x", 1, "", "stands alone"},
		{"jfrog-authenticate", 0, `{"href":"http://127.0.0.1:8080/artifactory/","headers":{"Authorization":"Bearer ` + fakeJWT + `"}}` + "\n", ""},
		{"git-lfs-authenticate '/p' upload", 0, `"href":"http://127.0.0.1:8080/lfs/alice:%2Fp:upload"`, ""},
		{"git-lfs-authenticate /p", 1, "", "needs a path and download or upload"},
		{"git-lfs-authenticate /forbidden upload", 1, "", `latchkey: you may not write to \x1b[31mforbidden\r\n` + "\n"},
		{"git-lfs-authenticate /crlf upload", 1, "", "something went wrong here"},
		{"git-lfs-authenticate " + strings.Repeat("x", 200_000) + " upload", 1, "", "the command has 200028 bytes, at most 8192"},
		{strings.Repeat("x", 200_000), 127, "", "there is no command"},
	} {
		out, errOut, code := run(t, c, row.line)
		if code != row.code || !strings.Contains(out, row.out) || (row.out == "") != (out == "") ||
			!strings.Contains(errOut, row.err) || (row.err == "") != (errOut == "") {
			t.Errorf("%.80q: exit %d, stdout %q, stderr %q", row.line, code, out, errOut)
		}
		if i := strings.IndexFunc(out+errOut, func(r rune) bool { return r < ' ' && r != '\n' || r > '~' && r != '…' }); i >= 0 {
			t.Errorf("%.80q: the answer is not plain: %q", row.line, (out + errOut)[i:])
		}
	}
	if log := d.log.String(); strings.Contains(log, fakeJWT) || strings.Contains(log, "cmVmdreference") || strings.Contains(log, "X-Evil") {
		t.Error("a secret is in the log")
	}
}

func TestLFSHandover(t *testing.T) {
	d := start(t)
	out, _, code := run(t, d.dial(t, "alice"), "git-lfs-authenticate artifactory/my-lfs download")
	var got struct {
		Href      string            `json:"href"`
		Header    map[string]string `json:"header"`
		ExpiresIn json.Number       `json:"expires_in"`
		ExpiresAt time.Time         `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit %d, %q: %v", code, out, err)
	}
	if got.Header["Authorization"] != "Bearer "+fakeJWT || len(got.Header) != 1 || got.ExpiresIn.String() != "900" {
		t.Errorf("answer %+v", got)
	}
	if left := time.Until(got.ExpiresAt); left < 14*time.Minute || left > 15*time.Minute+time.Second {
		t.Errorf("expires_at is %v ahead", left)
	}
}

// A command that panics ends its session alone, and tells nothing.
func TestPanicIsContained(t *testing.T) {
	d := start(t)
	c := d.dial(t, "alice")
	out, errOut, code := run(t, c, "git-lfs-authenticate /panic download")
	if code != 255 || out != "" || strings.Contains(errOut, "planted") || strings.Contains(errOut, "goroutine") || !strings.Contains(errOut, "something broke here") {
		t.Errorf("exit %d, %q, %q", code, out, errOut)
	}
	if out, _, _ := run(t, c, "whoami"); out != "alice\n" {
		t.Errorf("after it: %q", out)
	}
	if !strings.Contains(d.log.String(), "planted-in-a-panic") {
		t.Error("the log does not know")
	}
}

func TestEndedIdentityEndsTheConnection(t *testing.T) {
	d := start(t, func(c *sshd.Config) { c.Limits.Recheck = 100 * time.Millisecond })
	c := d.dial(t, "alice")
	other := d.dial(t, "bob")
	held, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	d.people.end("alice")
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	select {
	case <-done:
	case <-time.After(closeWait):
		t.Error("the connection lives on")
	}
	held.Close()
	if out, _, _ := run(t, other, "whoami"); out != "bob\n" {
		t.Errorf("bob: %q", out)
	}
}

// Between two looks a new command asks for itself.
func TestEndedIdentityRunsNothing(t *testing.T) {
	d := start(t)
	c := d.dial(t, "alice")
	d.people.end("alice")
	eventually(t, closeWait, "a refusal", func() bool {
		_, errOut, code := run(t, c, "whoami")
		return code == 1 && strings.Contains(errOut, "not accepted any more")
	})
}
