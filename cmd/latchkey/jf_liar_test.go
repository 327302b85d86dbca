package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// liar is a server that answers what a test wants, over SSH and over HTTP.
type liar struct {
	t      *testing.T
	ssh    net.Listener
	http   *httptest.Server
	reply  string // to jfrog-authenticate; HREF stands for its own address
	exit   int    // -1: none
	status func(r *http.Request, n int) int

	mu   sync.Mutex
	seen []string // by the SSH server
	got  []string // by the HTTP server: Authorization, method and path
}

const noExit = -1

func newLiar(t *testing.T) *liar {
	l := &liar{t: t}
	l.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.got = append(l.got, r.Header.Get("Authorization")+" "+r.Method+" "+r.URL.Path)
		n := len(l.got)
		l.mu.Unlock()
		if r.Header.Get("Connection") != "close" && !r.Close {
			t.Error("a request for more than one answer")
		}
		if l.status != nil {
			if status := l.status(r, n); status != http.StatusOK {
				w.Header().Set("Location", "http://elsewhere.invalid/")
				w.WriteHeader(status)
				return
			}
		}
		switch r.URL.Path {
		case "/artifactory/api/system/version":
			io.WriteString(w, `{"version":"7.77.0"}`)
		case "/artifactory/api/system/ping":
			io.WriteString(w, "OK")
		}
	}))
	t.Cleanup(l.http.Close)
	host := newSigner(t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		l.saw("user " + c.User() + " version " + string(c.ClientVersion()))
		return nil, nil
	}}
	config.AddHostKey(host)
	var err error
	if l.ssh, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.ssh.Close() })
	go func() {
		for {
			c, err := l.ssh.Accept()
			if err != nil {
				return
			}
			go l.serve(c, config)
		}
	}()
	return l
}

func (l *liar) saw(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, text)
}

// heard is what both its servers saw so far.
func (l *liar) heard() (seen, got []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.seen), slices.Clone(l.got)
}

func (l *liar) serve(nc net.Conn, config *ssh.ServerConfig) {
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	c, channels, requests, err := ssh.NewServerConn(nc, config)
	if err != nil {
		return
	}
	defer c.Close()
	go func() {
		for r := range requests {
			l.saw("global " + r.Type)
			r.Reply(false, nil)
		}
	}()
	for n := range channels {
		ch, in, err := n.Accept()
		if err != nil {
			return
		}
		for r := range in {
			l.saw(r.Type + " " + strings.TrimLeft(string(r.Payload), "\x00\x12"))
			r.Reply(true, nil)
			if r.Type != "exec" {
				continue
			}
			io.WriteString(ch, strings.ReplaceAll(l.reply, "HREF", l.http.URL+"/artifactory"))
			if l.exit != noExit {
				ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(l.exit)}))
			}
			ch.Close()
		}
	}
}

// client is the CLI, set up for this server over SSH.
func (l *liar) client() *jf {
	return &jf{sshURL: "ssh://" + l.ssh.Addr().String() + "/", sshKeys: []ssh.Signer{newSigner(l.t)}}
}

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// tokenOf is a token with these claims, encoded as JWTs are.
func tokenOf(payload string) string {
	b64 := base64.RawURLEncoding
	return b64.EncodeToString([]byte(`{"alg":"none"}`)) + "." + b64.EncodeToString([]byte(payload)) + "." + b64.EncodeToString([]byte("signature"))
}

// tokenFor is a token that lives so many seconds; none: without an end.
func tokenFor(seconds ...int64) string {
	claims := map[string]any{"sub": "jfac@1/users/al"}
	for _, s := range seconds {
		claims["iat"], claims["exp"] = time.Now().Unix(), time.Now().Unix()+s
	}
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return tokenOf(string(text))
}

func handover(authorization string) string {
	return fmt.Sprintf(`{"href":"HREF","headers":{"Authorization":%q}}`, authorization)
}

// rsaSigner is a key of the other kind that the CLI was seen with.
func rsaSigner(t testing.TB) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}
