package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	glider "github.com/gliderlabs/ssh"
	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/sshd"
)

// What the daemon is compared with runs in processes of its own, so that each
// one's CPU time can be read apart: this program again, told by these
// variables.
const (
	peerName = "LATCHKEY_BENCH_PEER"     // a key of peers
	peerArg  = "LATCHKEY_BENCH_PEER_ARG" // what it needs to know
)

var peers = map[string]func(l net.Listener, arg string) error{
	"upstream": serveUpstream,
	"bare":     serveBare,
	"minimal":  serveMinimalSSH,
}

// TestBenchPeer is not a test: it is those processes. The first line that it
// prints is its address; it serves until its standard input ends.
func TestBenchPeer(t *testing.T) {
	name := os.Getenv(peerName)
	if name == "" {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { failed <- peers[name](l, os.Getenv(peerArg)) }()
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	fmt.Println(l.Addr())
	select {
	case err := <-failed:
		t.Fatal(err)
	case <-ended:
	}
}

// Sizes of what the upstream answers.
const (
	smallAnswer = 1 << 10
	largeBody   = 256 << 20
)

// serveUpstream answers 1 KiB, or as many bytes as ?size= says, and reads what
// it is sent.
func serveUpstream(l net.Listener, _ string) error {
	small := make([]byte, smallAnswer)
	piece := make([]byte, 256<<10)
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, piece)
		}
		size, err := strconv.Atoi(r.URL.Query().Get("size"))
		h := w.Header()
		h["Content-Type"] = []string{"application/octet-stream"}
		if err != nil {
			h["Content-Length"] = []string{strconv.Itoa(smallAnswer)}
			w.Write(small)
			return
		}
		h["Content-Length"] = []string{strconv.Itoa(size)}
		for ; size > 0; size -= len(piece) {
			if _, err := w.Write(piece[:min(size, len(piece))]); err != nil {
				return
			}
		}
	}))
}

// serveBare is the least that a reverse proxy in Go does with care: the
// standard library's, with connections that are kept. arg is its upstream.
func serveBare(l net.Listener, arg string) error {
	to, err := url.Parse(arg)
	if err != nil {
		return err
	}
	return http.Serve(l, &httputil.ReverseProxy{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 256,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.SetXForwarded()
		},
	})
}

// sshAnswer is as long as what git-lfs-authenticate is answered with.
var sshAnswer = `{"href":"http://127.0.0.1:8080/lfs/team/assets","header":{"Authorization":"Bearer ` +
	string(make([]byte, 500)) + `"},"expires_in":900}` + "\n"

// serveMinimalSSH is the least that the SSH library does: one key, one answer.
// arg is the line of the key.
func serveMinimalSSH(l net.Listener, arg string) error {
	known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(arg))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "latchkey-bench-*")
	if err != nil {
		return err
	}
	host, err := sshd.LoadOrCreateHostKey(dir + "/host")
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return err
	}
	s := &glider.Server{
		Handler:          func(s glider.Session) { io.WriteString(s, sshAnswer) },
		PublicKeyHandler: func(_ glider.Context, key glider.PublicKey) bool { return glider.KeysEqual(key, known) },
	}
	s.AddHostKey(host)
	defer s.Shutdown(context.Background())
	return s.Serve(l)
}
