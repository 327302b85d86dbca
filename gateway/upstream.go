package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of the way to an upstream.
const (
	dialTimeout      = 5 * time.Second
	tlsTimeout       = 5 * time.Second
	upstreamIdle     = 90 * time.Second
	maxIdle          = 256       // connections kept to one upstream
	maxUnderWay      = 8192      // requests and tunnels to one upstream; more are refused, none waits
	maxAnswerHead    = 256 << 10 // bytes
	continueWait     = time.Second
	unheardUpstream  = 60 * time.Second // bytes sent and not acknowledged
	copyBuffer       = 32 << 10
	keepAliveProbing = 30 * time.Second
)

// upstream is one place that requests go to, with its connections.
type upstream struct {
	target    *url.URL // scheme, host, and a path that goes before that of the request, without final slash
	transport *http.Transport

	room     int64 // maxUnderWay
	underWay atomic.Int64
}

// enter counts one more request, or reports that there is no room for it.
func (u *upstream) enter() bool {
	if u.underWay.Add(1) > u.room {
		u.leave()
		return false
	}
	return true
}

func (u *upstream) leave() { u.underWay.Add(-1) }

// upstreamKey is what two routes must have in common to share connections.
type upstreamKey struct {
	text    string
	timeout time.Duration
}

// newUpstream reads http://…, https://…, h2c://… or unix:PATH[:/prefix]. Its
// errors do not repeat the text.
func newUpstream(k upstreamKey) (*upstream, error) {
	t := &http.Transport{
		// No Proxy: the environment has no say in where requests go.
		DialContext:            dialer().DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    tlsTimeout,
		DisableCompression:     true, // bodies pass as they are
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        upstreamIdle,
		ResponseHeaderTimeout:  k.timeout,
		ExpectContinueTimeout:  continueWait,
		MaxResponseHeaderBytes: maxAnswerHead,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if rest, ok := strings.CutPrefix(k.text, "unix:"); ok {
		path, prefix, _ := strings.Cut(rest, ":")
		if path == "" || prefix != "" && !isPlainPath(prefix) {
			return nil, errors.New("takes unix:PATH or unix:PATH:/prefix")
		}
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer().DialContext(ctx, "unix", path)
		}
		target := &url.URL{Scheme: "http", Host: "unix", Path: strings.TrimSuffix(prefix, "/")}
		return &upstream{target: target, transport: t, room: maxUnderWay}, nil
	}
	u, err := url.Parse(k.text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.RawPath != "" ||
		u.Path != "" && !isPlainPath(u.Path) {
		return nil, errors.New("takes http://HOST:PORT, https://…, h2c://… or unix:PATH")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	switch u.Scheme {
	case "http":
	case "https":
		t.Protocols.SetHTTP2(true)
	case "h2c":
		u.Scheme = "http"
		t.Protocols.SetHTTP1(false)
		t.Protocols.SetUnencryptedHTTP2(true)
	default:
		return nil, errors.New("takes http://HOST:PORT, https://…, h2c://… or unix:PATH")
	}
	return &upstream{target: u, transport: t, room: maxUnderWay}, nil
}

// dialer gives up on a peer that does not take what is sent to it, which no
// deadline of net/http covers: TCP_USER_TIMEOUT (RFC 5482) counts while bytes
// are not acknowledged or the window stays shut.
func dialer() *net.Dialer {
	return &net.Dialer{
		Timeout:   dialTimeout,
		KeepAlive: keepAliveProbing,
		Control: func(network, _ string, c syscall.RawConn) error {
			if !strings.HasPrefix(network, "tcp") {
				return nil
			}
			return c.Control(func(fd uintptr) {
				// A kernel without it keeps its own, longer limit.
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unheardUpstream.Milliseconds()))
			})
		},
	}
}

// buffers are what bodies are copied through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[copyBuffer]byte); ok {
		return p[:]
	}
	return new([copyBuffer]byte)[:]
}

func (b *buffers) Put(p []byte) { b.pool.Put((*[copyBuffer]byte)(p)) }
