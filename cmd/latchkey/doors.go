package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/internal/limit"
	"github.com/latchkey-io/latchkey/sshd"
)

// Connections that may be open at once. SSH counts its own.
const (
	maxHTTP       = 10_000 // of all sources
	maxHTTPSource = 2_000  // of one; trusted proxies are exempt
	maxOps        = 100
	maxLocal      = 100
)

// doors are the addresses that the daemon answers at. All are opened before
// anything is served, so that a taken one stops the start with nothing done.
type doors struct {
	log       *slog.Logger
	failed    chan error // the first door that ends by itself
	publicSSH string     // what people connect to

	httpListener, tlsListener, opsListener, sshListener, localListener net.Listener

	certificate atomic.Pointer[tls.Certificate]
	servers     []*http.Server // shut down first
	opsServer   *http.Server   // shut down last: it says that the rest is stopping
	sshServer   *sshd.Server
	serving     sync.WaitGroup
}

func openDoors(c *configs.Config, log *slog.Logger) (_ *doors, err error) {
	d := &doors{log: log, failed: make(chan error, 5), publicSSH: c.SSH.PublicAddress}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	proxies, err := configs.ParsePrefixes(c.HTTP.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("http.trusted_proxies: %w", err)
	}
	public := limit.ListenerConfig{Total: maxHTTP, PerSource: maxHTTPSource, Exempt: proxies, Refused: d.refused}
	if err := d.loadCertificate(c); err != nil {
		return nil, err
	}
	for _, door := range []struct {
		key, address string
		at           *net.Listener
		caps         limit.ListenerConfig
	}{
		{"http.listen", c.HTTP.Listen, &d.httpListener, public},
		{"http.tls_listen", c.HTTP.TLSListen, &d.tlsListener, public},
		{"ops.listen", c.Ops.Listen, &d.opsListener, limit.ListenerConfig{Total: maxOps}},
		{"ssh.listen", c.SSH.Listen, &d.sshListener, limit.ListenerConfig{}},
	} {
		if door.address == "" {
			continue
		}
		l, err := net.Listen("tcp", door.address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%s: %s is taken: stop what listens there, or choose another address", door.key, door.address)
		}
		if errors.Is(err, syscall.EACCES) {
			return nil, fmt.Errorf("%s: %s needs rights that this user has not: choose a port from 1024 on", door.key, door.address)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", door.key, err)
		}
		if door.caps.Total > 0 {
			l = limit.Listener(l, door.caps)
		}
		*door.at = l
	}
	local, err := listenLocal(c.Socket())
	if err != nil {
		return nil, err
	}
	d.localListener = limit.Listener(local, limit.ListenerConfig{Total: maxLocal})
	return d, nil
}

// refused tells of connections that no door took.
func (d *doors) refused(source netip.Addr, reason string) {
	d.log.Debug("http connection refused", "address", source, "reason", reason)
}

// loadCertificate takes the certificate of http.tls_listen, now and after a
// reload.
func (d *doors) loadCertificate(c *configs.Config) error {
	if c.HTTP.TLS.CertFile == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.HTTP.TLS.CertFile, c.HTTP.TLS.KeyFile)
	if err != nil {
		return fmt.Errorf("http.tls: %w", err)
	}
	d.certificate.Store(&pair)
	return nil
}

// address is where the door named http, https, ops or ssh is open; "" if it
// is not.
func (d *doors) address(name string) string {
	l := map[string]net.Listener{"http": d.httpListener, "https": d.tlsListener, "ops": d.opsListener, "ssh": d.sshListener}[name]
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// http serves the public door, plain and TLS.
func (d *doors) http(g *gateway.Gateway) {
	if d.httpListener != nil {
		d.serve("http", g.Server(), g.Listener(d.httpListener, nil))
	}
	if d.tlsListener != nil {
		d.serve("https", g.Server(), g.Listener(d.tlsListener, &tls.Config{
			MinVersion: tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				return d.certificate.Load(), nil
			},
		}))
	}
}

// local serves the socket.
func (d *doors) local(g *gateway.Gateway) { d.serve("socket", g.LocalServer(), d.localListener) }

// ops serves operators.
func (d *doors) ops(h http.Handler) {
	if d.opsListener == nil {
		return
	}
	d.opsServer = opsServer(h, d.log)
	d.serving.Go(func() { d.ended("ops", d.opsServer.Serve(d.opsListener)) })
}

// ssh serves SSH.
func (d *doors) ssh(s *sshd.Server) {
	d.sshServer = s
	d.serving.Go(func() { d.ended("ssh", s.Serve(d.sshListener)) })
}

func (d *doors) serve(name string, s *http.Server, l net.Listener) {
	d.servers = append(d.servers, s)
	d.serving.Go(func() { d.ended(name, s.Serve(l)) })
}

// ended reports a door that closed although nobody asked it to.
func (d *doors) ended(name string, err error) {
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		d.failed <- fmt.Errorf("%s: %w", name, err)
	}
}

// shutdown stops accepting, lets requests and SSH commands finish, and ends
// WebSockets. What is not over when ctx ends is cut off, and the error says so.
func (d *doors) shutdown(ctx context.Context, g *gateway.Gateway) error {
	var all sync.WaitGroup
	errs := make(chan error, len(d.servers)+1)
	for _, s := range d.servers {
		all.Go(func() { errs <- shutdownHTTP(ctx, s) })
	}
	if d.sshServer != nil {
		all.Go(func() { errs <- d.sshServer.Shutdown(ctx) })
	}
	all.Go(g.Close)
	all.Wait()
	if d.opsServer != nil {
		d.opsServer.Close()
	}
	d.serving.Wait()
	close(errs)
	var first error
	for err := range errs {
		if first == nil {
			first = err
		}
	}
	return first
}

// shutdownHTTP lets s finish until ctx ends, then cuts its connections off.
func shutdownHTTP(ctx context.Context, s *http.Server) error {
	err := s.Shutdown(ctx)
	if err != nil {
		s.Close()
	}
	return err
}

// close gives the addresses back. After shutdown there is nothing left to do.
func (d *doors) close() {
	for _, l := range []net.Listener{d.httpListener, d.tlsListener, d.opsListener, d.sshListener, d.localListener} {
		if l != nil {
			l.Close()
		}
	}
}
