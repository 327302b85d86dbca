package sshd_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
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
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/event"
	"github.com/latchkey-io/latchkey/sshd"
)

// people stands in for auth where a test needs nothing but names behind keys.
// It checks what every caller owes: a proof by key, a deadline, the source.
type people struct {
	t *testing.T

	mu         sync.Mutex
	owners     map[string]string // by fingerprint
	ended      map[string]bool   // users
	down       error             // of the store
	registered int               // questions asked
	tokens     []auth.Token
}

func (p *people) asAuth() sshd.Auth {
	return sshd.Auth{Identities: p, SSHKeys: peopleKeys{p}, Tokens: peopleTokens{p}, Sessions: peopleSessions{p}, Keys: peopleAPIKeys{p}}
}

func (p *people) register(user string, key gossh.PublicKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owners[gossh.FingerprintSHA256(key)] = user
}

func (p *people) end(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended[user] = true
}

func (p *people) break_(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = err
}

var errEnded = &auth.Error{Code: auth.Unauthenticated, Reason: "the credential is not accepted", Err: errors.New("ended")}

func (p *people) Identify(ctx context.Context, peer auth.Peer, proof auth.Proof) (auth.Identity, error) {
	key, ok := proof.(auth.SSHKey)
	if _, timed := ctx.Deadline(); !ok || !timed || peer.Door != "ssh" || !peer.Addr.IsValid() {
		p.t.Errorf("Identify(%+v, %T) without what is owed", peer, proof)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down != nil {
		return auth.Identity{}, p.down
	}
	fingerprint := gossh.FingerprintSHA256(key.Key)
	user, known := p.owners[fingerprint]
	if !known || p.ended[user] {
		return auth.Identity{}, errEnded
	}
	return auth.Identity{User: user, Via: auth.Via{Kind: auth.KindSSHKey, ID: fingerprint}, Scopes: auth.UserScope, Peer: peer}, nil
}

func (p *people) Recheck(_ context.Context, who auth.Identity) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.down != nil:
		return p.down
	case p.ended[who.User]:
		return errEnded
	}
	return nil
}

type peopleKeys struct{ *people }

func (p peopleKeys) Registered(_ context.Context, key gossh.PublicKey) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.registered++
	_, yes := p.owners[gossh.FingerprintSHA256(key)]
	return yes, p.down
}

func (p peopleKeys) List(_ context.Context, who auth.Identity, owner string) ([]auth.SSHKeyInfo, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []auth.SSHKeyInfo
	for fingerprint, user := range p.owners {
		if user == owner && owner == who.User {
			out = append(out, auth.SSHKeyInfo{ID: "id-" + fingerprint, Owner: user, Fingerprint: fingerprint, Title: "evil\x1b[2J\ntitle"})
		}
	}
	return out, nil
}

func (p peopleKeys) Delete(_ context.Context, who auth.Identity, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	fingerprint := strings.TrimPrefix(id, "id-")
	if p.owners[fingerprint] != who.User {
		return &auth.Error{Code: auth.NotFound, Reason: "SSH key not found"}
	}
	delete(p.owners, fingerprint)
	return nil
}

type peopleTokens struct{ *people }

const fakeJWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln"

func (p peopleTokens) ForClient(context.Context, auth.Identity) (auth.Secret, time.Time, error) {
	return auth.NewSecret(fakeJWT), time.Now().Add(time.Hour), nil
}

func (p peopleTokens) Create(_ context.Context, who auth.Identity, n auth.NewToken) (auth.Token, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := auth.Token{ID: fmt.Sprint("t", len(p.tokens)), Owner: who.User, Scope: n.Scope, Description: n.Description, Created: time.Now(), JWT: auth.NewSecret(fakeJWT)}
	if n.Life > 0 {
		t.Expires = t.Created.Add(n.Life)
	}
	if n.Reference {
		t.Reference = auth.NewSecret("cmVmdreference")
	}
	p.tokens = append(p.tokens, t)
	return t, nil
}

func (p peopleTokens) List(context.Context, auth.Identity, string) ([]auth.Token, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokens, nil
}

func (p peopleTokens) Rotate(ctx context.Context, who auth.Identity, id string) (auth.Token, error) {
	if err := p.Revoke(ctx, who, id); err != nil {
		return auth.Token{}, err
	}
	return p.Create(ctx, who, auth.NewToken{})
}

func (p peopleTokens) Revoke(_ context.Context, _ auth.Identity, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, t := range p.tokens {
		if t.ID == id {
			p.tokens = append(p.tokens[:i], p.tokens[i+1:]...)
			return nil
		}
	}
	return &auth.Error{Code: auth.NotFound, Reason: "token not found"}
}

type peopleSessions struct{ *people }

func (p peopleSessions) List(context.Context, auth.Identity, string) ([]auth.SessionInfo, error) {
	return []auth.SessionInfo{{ID: "s1", Owner: "alice", LastUsed: auth.Use{Client: "Firefox\u202e\u009b31m"}}}, nil
}

func (p peopleSessions) Revoke(_ context.Context, _ auth.Identity, id string) error {
	if id != "s1" {
		return &auth.Error{Code: auth.NotFound, Reason: "session not found"}
	}
	return nil
}

type peopleAPIKeys struct{ *people }

func (p peopleAPIKeys) Revoke(context.Context, auth.Identity, string) error {
	return &auth.Error{Code: auth.NotFound, Reason: "API key not found"}
}

// door is a running server.
type door struct {
	*sshd.Server
	addr   string
	people *people
	log    *lines
	host   gossh.PublicKey
}

// lines is a log that a test reads while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newSigner(t testing.TB) gossh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func testLFS(_ context.Context, who auth.Identity, path, op string) (sshd.LFSAnswer, error) {
	switch path {
	case "/panic":
		panic("planted-in-a-panic")
	case "/forbidden":
		return sshd.LFSAnswer{}, &auth.Error{Code: auth.Forbidden, Reason: "you may not write to \x1b[31mforbidden\r\n", Err: errors.New("hidden cause")}
	case "/crlf":
		return sshd.LFSAnswer{Href: "http://127.0.0.1/lfs/x", Token: auth.NewSecret("a\r\nX-Evil: 1"), Expires: time.Now().Add(time.Hour)}, nil
	}
	return sshd.LFSAnswer{
		Href:    "http://127.0.0.1:8080/lfs/" + url.PathEscape(who.User+":"+path+":"+op),
		Token:   auth.NewSecret(fakeJWT),
		Expires: time.Now().Add(15*time.Minute + 500*time.Millisecond),
	}, nil
}

// start runs a server on a free port until the test ends.
func start(t *testing.T, change ...func(*sshd.Config)) *door {
	t.Helper()
	d := &door{
		people: &people{t: t, owners: map[string]string{}, ended: map[string]bool{}},
		log:    &lines{},
	}
	host := newSigner(t)
	d.host = host.PublicKey()
	cfg := sshd.Config{
		Auth:      d.people.asAuth(),
		HostKeys:  []gossh.Signer{host},
		PublicURL: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"},
		LFS:       testLFS,
		Limits:    sshd.Limits{NoPenalty: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Version:   "1.0-test",
		Log:       event.NewLogger(d.log, slog.LevelDebug, true),
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if d.Server, err = sshd.New(cfg); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- d.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		d.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if t.Failed() {
			t.Log(tail(d.log.String(), 4000))
		}
	})
	return d
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func (d *door) clientConfig(user string, keys ...gossh.Signer) *gossh.ClientConfig {
	return &gossh.ClientConfig{
		User:            user,
		Auth:            []gossh.AuthMethod{gossh.PublicKeys(keys...)},
		HostKeyCallback: gossh.FixedHostKey(d.host),
		Timeout:         5 * time.Second,
	}
}

// dial logs in with a fresh key of user.
func (d *door) dial(t *testing.T, user string) *gossh.Client {
	t.Helper()
	key := newSigner(t)
	d.people.register(user, key.PublicKey())
	c, err := gossh.Dial("tcp", d.addr, d.clientConfig("admin", key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// run is what one command answers; code -1 is no status at all.
func run(t *testing.T, c *gossh.Client, line string) (stdout, stderr string, code int) {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatalf("session for %.60q: %v", line, err)
	}
	defer s.Close()
	var out, errOut bytes.Buffer
	s.Stdout, s.Stderr = &out, &errOut
	err = s.Run(line)
	if status, ok := errors.AsType[*gossh.ExitError](err); ok {
		code = status.ExitStatus()
	} else if err != nil {
		code = -1
	}
	return out.String(), errOut.String(), code
}

// keyFile writes a private key, and its public half beside it.
func keyFile(t testing.TB, key ed25519.PrivateKey) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "id")
	block, err := gossh.MarshalPrivateKey(key, "test")
	if err != nil {
		t.Fatal(err)
	}
	public, err := gossh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, pem.EncodeToMemory(block))
	write(t, path+".pub", gossh.MarshalAuthorizedKey(public))
	return path
}

func write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// person is somebody with a key file for the real client.
func (d *door) person(t *testing.T, user string) (path string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := gossh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		d.people.register(user, public)
	}
	return keyFile(t, private)
}

// ssh runs the OpenSSH client; it must be installed.
func (d *door) ssh(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return d.openssh(t, "ssh", nil, args...)
}

func (d *door) openssh(t *testing.T, program string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	_, port, _ := net.SplitHostPort(d.addr)
	portFlag := "-p"
	if program == "sftp" {
		portFlag = "-P"
	}
	base := []string{"-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=10", portFlag, port}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(base, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("%s: %v: install openssh-client", program, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s %q did not end: %s", program, args, errOut.String())
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// eventually waits until ok, polling.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// closedWithin reads from c until the other side has closed it.
func closedWithin(t *testing.T, c net.Conn, within time.Duration) time.Duration {
	t.Helper()
	begun := time.Now()
	c.SetReadDeadline(begun.Add(within))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v is still open after %v", c.LocalAddr(), within)
	}
	return time.Since(begun)
}
