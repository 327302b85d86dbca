package sshd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	glider "github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
	"github.com/latchkey-io/latchkey/sshd"
)

// A server to be measured runs in a process of its own, so that its CPU time is
// not the client's: this test program again, told by these variables.
const (
	benchServer = "LATCHKEY_BENCH_SSH_SERVER" // latchkey or minimal
	benchKey    = "LATCHKEY_BENCH_SSH_KEY"    // the line of the key that may enter
	benchAnswer = `{"href":"http://127.0.0.1:8080/lfs/team/assets","header":{"Authorization":"Bearer x"},"expires_in":900}`
)

func TestMain(m *testing.M) {
	if os.Getenv(benchServer) == "" {
		os.Exit(m.Run())
	}
	if err := serveBench(os.Getenv(benchServer), os.Getenv(benchKey)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveBench serves until stdin ends; its first line is the address.
func serveBench(which, keyLine string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	host, err := sshd.LoadOrCreateHostKey(filepath.Join(dir, "key"))
	if err != nil {
		return err
	}
	switch which {
	case "latchkey":
		err = serveLatchkey(l, host, keyLine)
	case "minimal":
		err = serveMinimal(l, host, keyLine)
	}
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// serveMinimal is the least that the library does: one key, one answer.
func serveMinimal(l net.Listener, host gossh.Signer, keyLine string) error {
	known, _, _, _, err := gossh.ParseAuthorizedKey([]byte(keyLine))
	if err != nil {
		return err
	}
	s := &glider.Server{
		Handler:          func(s glider.Session) { io.WriteString(s, benchAnswer) },
		PublicKeyHandler: func(_ glider.Context, key glider.PublicKey) bool { return glider.KeysEqual(key, known) },
	}
	s.AddHostKey(host)
	go s.Serve(l)
	return nil
}

// serveLatchkey is all of it, on a store in memory, with the log thrown away.
func serveLatchkey(l net.Listener, host gossh.Signer, keyLine string) error {
	ctx := context.Background()
	a, err := auth.New(ctx, auth.Config{Store: storetest.NewMemory(nil), Ring: oneRing(), Audit: io.Discard, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	admin, err := a.Identify(ctx, auth.Peer{Door: "socket"}, auth.Local{})
	if err != nil {
		return err
	}
	if _, err := a.Users.Create(ctx, admin, auth.NewUser{Name: "alice", Email: "a@example.com"}); err != nil {
		return err
	}
	if _, err := a.SSHKeys.Create(ctx, admin, auth.NewSSHKey{Owner: "alice", Line: keyLine}); err != nil {
		return err
	}
	s, err := sshd.New(sshd.Config{
		Auth: sshd.From(a), HostKeys: []gossh.Signer{host},
		PublicURL: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"},
		LFS: func(ctx context.Context, who auth.Identity, path, op string) (sshd.LFSAnswer, error) {
			token, expires, err := a.Tokens.Grant(ctx, who, auth.Grant{Route: "lfs", Repo: strings.Trim(path, "/"), Op: auth.Write, Life: 15 * time.Minute})
			return sshd.LFSAnswer{Href: "http://127.0.0.1:8080/lfs/team/assets", Token: token, Expires: expires}, err
		},
		Limits: sshd.Limits{NoPenalty: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Log:    slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
	if err != nil {
		return err
	}
	go s.Serve(l)
	return nil
}

// BenchmarkLogin is connect, key exchange, login with an Ed25519 key,
// git-lfs-authenticate, close. server-µs/op is the CPU time of the server's
// process and its children, to be compared within one run only.
//
//	go test -run xxx -bench Login -benchtime 2000x ./sshd
func BenchmarkLogin(b *testing.B) {
	for _, clients := range []int{1, 16} {
		for _, server := range []string{"latchkey", "minimal", "openssh"} {
			b.Run(fmt.Sprintf("%s/clients=%d", server, clients), func(b *testing.B) {
				key := newSigner(b)
				addr, pid := startBench(b, server, strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key.PublicKey()))))
				cfg := &gossh.ClientConfig{
					User: "root", Auth: []gossh.AuthMethod{gossh.PublicKeys(key)},
					HostKeyCallback: gossh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second,
				}
				if err := loginOnce(addr, cfg); err != nil {
					b.Fatal(err)
				}
				before := cpuTime(b, pid)
				b.ResetTimer()
				runClients(b, clients, func() error { return loginOnce(addr, cfg) })
				b.StopTimer()
				b.ReportMetric(float64((cpuTime(b, pid)-before).Microseconds())/float64(b.N), "server-µs/op")
			})
		}
	}
}

func runClients(b *testing.B, clients int, once func() error) {
	jobs := make(chan struct{})
	failed := make(chan error, clients)
	for range clients {
		go func() {
			var first error
			for range jobs {
				if err := once(); first == nil {
					first = err
				}
			}
			failed <- first
		}()
	}
	for range b.N {
		jobs <- struct{}{}
	}
	close(jobs)
	for range clients {
		if err := <-failed; err != nil {
			b.Error(err)
		}
	}
}

func loginOnce(addr string, cfg *gossh.ClientConfig) error {
	c, err := gossh.Dial("tcp", addr, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	out, err := s.Output("git-lfs-authenticate /team/assets upload")
	if err == nil && !strings.Contains(string(out), `"expires_in"`) {
		err = fmt.Errorf("answer %q", out)
	}
	return err
}

// startBench starts a server and returns its address and process.
func startBench(b *testing.B, server, keyLine string) (addr string, pid int) {
	b.Helper()
	if server == "openssh" {
		return startOpenSSH(b, keyLine)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), benchServer+"="+server, benchKey+"="+keyLine)
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid
}

// startOpenSSH starts OpenSSH's server with a forced command, where it is
// installed and may be started.
func startOpenSSH(b *testing.B, keyLine string) (addr string, pid int) {
	b.Helper()
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil || os.Getuid() != 0 {
		b.Skip("OpenSSH's sshd is not installed, or this is not root")
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where it wants its empty folder
		b.Skip(err)
	}
	dir := b.TempDir()
	host := filepath.Join(dir, "host")
	if _, err := sshd.LoadOrCreateHostKey(host); err != nil {
		b.Fatal(err)
	}
	write(b, filepath.Join(dir, "answer"), []byte(benchAnswer))
	write(b, filepath.Join(dir, "authorized_keys"), []byte(keyLine+"\n"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	write(b, filepath.Join(dir, "config"), []byte(strings.Join([]string{
		"ListenAddress 127.0.0.1", "Port " + port, "HostKey " + host, "PidFile none", "UsePAM no", "StrictModes no", "PermitRootLogin yes",
		"MaxStartups 200", "LogLevel QUIET", "PasswordAuthentication no", "AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"),
		"ForceCommand /bin/cat " + filepath.Join(dir, "answer"), "",
	}, "\n")))
	cmd := exec.Command(program, "-D", "-f", filepath.Join(dir, "config"))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(5 * time.Second); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return addr, cmd.Process.Pid
		}
		if time.Now().After(deadline) {
			b.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// cpuTime is what a process and its children that have ended used, user and
// system, of proc(5): fields 14 to 17 of stat, in hundredths of a second.
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int
	for _, f := range fields[11:15] {
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
