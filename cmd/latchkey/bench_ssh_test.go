package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/sshd"
)

const (
	loginStretch = 750 * time.Millisecond // of one figure in one round
	loginTimeout = 20 * time.Second
)

// login is one server that git-lfs-authenticate is asked of.
type login struct {
	name, addr, user string
	pid              int

	cpu, rate [2][]float64 // ms a login, logins a second; by loginClients
}

var loginClients = [2]int{1, 16}

// BenchmarkSSH is connect, key exchange, login with an Ed25519 key,
// git-lfs-authenticate, close: the daemon, the least that the SSH library
// does, and OpenSSH with a forced command that prints a file.
//
//	go test -run '^$' -bench '^BenchmarkSSH$' -benchtime 5x ./cmd/latchkey
func BenchmarkSSH(b *testing.B) {
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(secret)
	if err != nil {
		b.Fatal(err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))

	d := newMeasured(b, "")
	d.start()
	d.do("user", "create", "alice", "--email", "alice@example.com")
	d.feed(line+"\n", "sshkey", "create", "alice", "-")
	minimalAddr, minimalPID := startPeer(b, "minimal", line)
	opensshAddr, opensshPID, opensshUser := startOpenSSH(b, line)
	servers := []*login{
		{name: "minimal gliderlabs/ssh", addr: minimalAddr, pid: minimalPID, user: "git"},
		{name: "latchkey", addr: d.ssh, pid: d.pid(), user: "git"},
		{name: "OpenSSH, forced command", addr: opensshAddr, pid: opensshPID, user: opensshUser},
	}
	for _, s := range servers {
		if err := s.once(key); err != nil {
			b.Fatalf("%s: %v", s.name, err)
		}
	}
	for b.Loop() {
		for i, clients := range loginClients {
			for _, s := range servers {
				s.run(b, key, i, clients)
			}
		}
		d.forgetLines()
	}
	minimal := servers[0]
	for i, clients := range loginClients {
		rows := []string{"|server CPU ms/login|× minimal|logins/s"}
		for _, s := range servers {
			rows = append(rows, fmt.Sprintf("%s|%.2f|%.2f|%.0f", s.name, median(s.cpu[i]), ratio(s.cpu[i], minimal.cpu[i]), median(s.rate[i])))
		}
		printTable(fmt.Sprintf("SSH: connect, log in, git-lfs-authenticate, close; %d at once, medians of %d rounds", clients, len(minimal.cpu[i])), rows...)
		b.ReportMetric(ratio(servers[1].cpu[i], minimal.cpu[i]), fmt.Sprintf("×minimal-%d", clients))
		b.ReportMetric(ratio(servers[2].cpu[i], servers[1].cpu[i]), fmt.Sprintf("openssh×latchkey-%d", clients))
	}
}

func (s *login) run(b *testing.B, key ssh.Signer, at, clients int) {
	b.Helper()
	var stop atomic.Bool
	var done atomic.Int64
	var all sync.WaitGroup
	errs := make(chan error, clients)
	timer := time.AfterFunc(loginStretch, func() { stop.Store(true) })
	defer timer.Stop()
	before, begun := cpuOf(b, s.pid), time.Now()
	for range clients {
		all.Go(func() {
			for !stop.Load() {
				if err := s.once(key); err != nil {
					errs <- err
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	took := time.Since(begun)
	awaitChildren(b, s.pid) // whose time counts once they have ended
	used := cpuOf(b, s.pid) - before
	select {
	case err := <-errs:
		b.Fatalf("%s: %v", s.name, err)
	default:
	}
	n := float64(done.Load())
	s.cpu[at] = append(s.cpu[at], float64(used.Nanoseconds())/1e6/n)
	s.rate[at] = append(s.rate[at], n/took.Seconds())
}

// once is one login. The key exchange is the same with every server, whatever
// else they could do.
func (s *login) once(key ssh.Signer) error {
	c, err := ssh.Dial("tcp", s.addr, &ssh.ClientConfig{
		Config:          ssh.Config{KeyExchanges: []string{ssh.KeyExchangeCurve25519}},
		User:            s.user,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		Timeout:         loginTimeout,
	})
	if err != nil {
		return err
	}
	defer c.Close()
	session, err := c.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	out, err := session.Output("git-lfs-authenticate lfs/team/assets upload")
	if err == nil && !strings.Contains(string(out), `"expires_in"`) {
		err = fmt.Errorf("answered %q", out)
	}
	return err
}

// startOpenSSH starts OpenSSH's server, which lets the user of this process in
// with the key of the line.
func startOpenSSH(b *testing.B, line string) (addr string, pid int, name string) {
	b.Helper()
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		b.Fatalf("OpenSSH's server is missing: install openssh-server, as make bench does: %v", err)
	}
	me, err := user.Current()
	if err != nil {
		b.Fatal(err)
	}
	if os.Getuid() == 0 { // where it wants its empty folder
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			b.Fatal(err)
		}
	}
	dir := b.TempDir()
	host := filepath.Join(dir, "host")
	if _, err := sshd.LoadOrCreateHostKey(host); err != nil {
		b.Fatal(err)
	}
	addr = freeAddr(b)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"answer": sshAnswer,
		"keys":   line + "\n",
		"config": strings.Join([]string{
			"ListenAddress 127.0.0.1", "Port " + port, "HostKey " + host, "PidFile none", "UsePAM no", "StrictModes no",
			"PermitRootLogin yes", "MaxStartups 200", "LogLevel QUIET", "PasswordAuthentication no",
			"SetEnv SHLVL=1", // bash reads no .bashrc then
			"AuthorizedKeysFile " + filepath.Join(dir, "keys"), "ForceCommand /bin/cat " + filepath.Join(dir, "answer"), "",
		}, "\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-D", "-f", filepath.Join(dir, "config"))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	until(b, "OpenSSH's server listens", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return addr, cmd.Process.Pid, me.Username
}
