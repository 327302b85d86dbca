package sshd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	glider "github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/latchkey-io/latchkey/internal/limit"
)

// lastWait is for what was closed by force.
const lastWait = 2 * time.Second

// Server is the SSH door. Make it with [New]. All methods are safe for
// concurrent use.
type Server struct {
	cfg      Config
	limits   Limits
	base     string // PublicURL without a slash at the end
	words    []word
	proxies  limit.Networks // that begin with a PROXY header
	protocol *glider.Server
	penalty  *limit.Penalty
	refusals refusalLog

	mu        sync.Mutex
	draining  bool
	listeners map[net.Listener]struct{}
	doors     doors

	handlers sync.WaitGroup // one for each connection
}

// New checks c and makes a server; [Server.Serve] starts it.
func New(c Config) (*Server, error) {
	if c.Auth.Identities == nil || c.Auth.SSHKeys == nil || c.Auth.Tokens == nil || c.Auth.Sessions == nil || c.Auth.Keys == nil {
		return nil, errors.New("sshd: Auth is not complete")
	}
	if c.PublicURL == nil || c.PublicURL.Host == "" {
		return nil, errors.New("sshd: PublicURL is missing")
	}
	if len(c.HostKeys) == 0 {
		return nil, errors.New("sshd: no host key")
	}
	if c.ObserveSession == nil {
		c.ObserveSession = func(int) {}
	}
	if c.ObserveRefused == nil {
		c.ObserveRefused = func() {}
	}
	c.HostKeys = slices.Clone(c.HostKeys)
	for i, key := range c.HostKeys {
		strong, err := strongHostKey(key)
		if err != nil {
			return nil, fmt.Errorf("sshd: %w", err)
		}
		c.HostKeys[i] = strong
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{
		cfg:       c,
		limits:    c.Limits.withDefaults(),
		proxies:   limit.NewNetworks(c.ProxyProtocolFrom),
		base:      strings.TrimRight(c.PublicURL.String(), "/"),
		listeners: make(map[net.Listener]struct{}),
	}
	s.words = s.vocabulary()
	s.doors = newDoors(s.limits)
	s.penalty = limit.NewPenalty(limit.PenaltyConfig{Min: penaltyMin, Max: penaltyMax, Exempt: c.Limits.NoPenalty})
	s.protocol = s.newProtocol()
	return s, nil
}

// newProtocol sets the library up so that none of its own handlers is used: its
// session handler can be made to panic, its context remembers the first user
// name and not the last, and without a handler for keys it lets everybody in.
func (s *Server) newProtocol() *glider.Server {
	p := &glider.Server{
		Version:                  softwareVersion(s.cfg.Version),
		ConnCallback:             bind,
		PublicKeyHandler:         s.offered,
		ServerConfigCallback:     s.loginConfig,
		ConnectionFailedCallback: loginFailed,
		ChannelHandlers: map[string]glider.ChannelHandler{
			"session": s.serveSession,
			"default": s.refuseChannel,
		},
		// Forwarding is asked for by global requests; none is known here, and
		// unknown ones are answered with a failure (RFC 4254 §4).
		RequestHandlers: map[string]glider.RequestHandler{},
	}
	for _, key := range s.cfg.HostKeys {
		p.AddHostKey(key)
	}
	return p
}

// softwareVersion is what RFC 4253 §4.2 allows: printable US-ASCII without
// blanks and minus signs.
func softwareVersion(version string) string {
	clean := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == '-' {
			return '_'
		}
		return r
	}, version)
	if clean == "" {
		return "Latchkey"
	}
	return "Latchkey_" + clean[:min(len(clean), 40)]
}

// Fingerprint is that of the first host key, as SHA256:….
func (s *Server) Fingerprint() string {
	return gossh.FingerprintSHA256(s.cfg.HostKeys[0].PublicKey())
}

// KnownHosts is the lines for a known_hosts file that name the host keys for
// addr, a host:port as clients write it. Port 22 is not named.
func (s *Server) KnownHosts(addr string) string {
	var lines strings.Builder
	for _, key := range s.cfg.HostKeys {
		lines.WriteString(knownhosts.Line([]string{addr}, key.PublicKey()))
		lines.WriteByte('\n')
	}
	return lines.String()
}

// Serve accepts connections of l, which must be the listener of the operating
// system, until [Server.Shutdown], and then returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error {
	capped := limit.Listener(l, limit.ListenerConfig{
		Total:     s.limits.Connections,
		PerSource: s.limits.PerSource,
		Exempt:    s.proxies, // counted behind their header
		Penalty:   s.penalty,
		Refused:   s.refusedEarly,
	})
	defer capped.Close()
	if !s.track(capped) {
		return nil
	}
	for {
		c, err := capped.Accept()
		if err != nil {
			if s.untrack(capped) {
				return nil
			}
			return fmt.Errorf("accept SSH connections: %w", err)
		}
		s.accepted(c)
	}
}

// track remembers l for Shutdown, unless that was called.
func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.listeners[l] = struct{}{}
	}
	return !s.draining
}

// untrack forgets l and says whether Shutdown was called.
func (s *Server) untrack(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	return s.draining
}

// Shutdown stops accepting, lets commands that run finish, and closes each
// connection when its last one has. When ctx ends first it closes all and
// returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	for l := range s.listeners {
		l.Close()
	}
	open := s.doors.all()
	s.mu.Unlock()

	for _, c := range open {
		c.drain()
	}
	done := make(chan struct{})
	go func() {
		s.handlers.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range open {
		c.end(endStopping)
	}
	select {
	case <-done:
	case <-time.After(lastWait): // a command that does not heed its context
	}
	return ctx.Err()
}
