package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	glider "github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/event"
)

const (
	// maxTries is how many keys a client may offer. Agents hold many, and each
	// refused offer counts; the library's 6 locks such people out.
	maxTries = 12

	// identifyWait bounds each question to auth during the login.
	identifyWait = 5 * time.Second

	// notAccepted is said of a key that is known and still of no use: expired,
	// or of a disabled user.
	notAccepted = "latchkey: this key is not accepted any more\n"
	noAnswer    = "latchkey: your key cannot be looked up right now; try again in a moment\n"
)

// connKey is where the library's context keeps our *conn; identityKey where
// the verified login keeps the auth.Identity.
type (
	connKey     struct{}
	identityKey struct{}
)

// bind joins our connection to the library's context.
func bind(ctx glider.Context, nc net.Conn) net.Conn {
	ctx.SetValue(connKey{}, nc)
	return nc
}

func connOf(ctx glider.Context) *conn { return ctx.Value(connKey{}).(*conn) }

// identityOf is who proved a key on this connection. It reads the Permissions
// of the login that succeeded, which only [Server.verified] writes: whatever
// else the library keeps in its context is what a client claimed.
func identityOf(sc *gossh.ServerConn) (auth.Identity, bool) {
	if sc == nil || sc.Permissions == nil {
		return auth.Identity{}, false
	}
	who, ok := sc.Permissions.ExtraData[identityKey{}].(auth.Identity)
	return who, ok && who.Known()
}

// loginConfig is made anew for each connection: the library writes into it.
func (s *Server) loginConfig(ctx glider.Context) *gossh.ServerConfig {
	c := connOf(ctx)
	return &gossh.ServerConfig{
		Config:                  algorithms(),
		PublicKeyAuthAlgorithms: signatures(s.cfg.AllowDSS),
		MaxAuthTries:            maxTries,
		PreAuthConnCallback:     func(p gossh.ServerPreAuthConn) { c.preAuth = p },
		AuthLogCallback:         c.logAttempt,
		VerifiedPublicKeyCallback: func(meta gossh.ConnMetadata, key gossh.PublicKey, _ *gossh.Permissions, _ string) (*gossh.Permissions, error) {
			return s.verified(ctx, meta, key)
		},
	}
}

// offered says whether it is worth the client's while to sign with key: whether
// anybody has registered it. It proves nothing and remembers nobody.
func (s *Server) offered(ctx glider.Context, key glider.PublicKey) (worth bool) {
	defer s.contain("offered key")
	c := connOf(ctx)
	c.attempts.offered++
	c.attempts.key = gossh.FingerprintSHA256(key)
	if fault := keyFault(key, s.cfg.AllowDSS); fault != "" {
		c.attempts.fault = fault
		c.tell("latchkey: " + fault + "\n")
		return false
	}
	ask, cancel := context.WithTimeout(ctx, identifyWait)
	defer cancel()
	yes, err := s.cfg.Auth.SSHKeys.Registered(ask, key)
	switch {
	case err != nil:
		c.attempts.fault, c.attempts.ours = err.Error(), true
		c.tell(noAnswer)
	case !yes:
		c.attempts.fault = "unknown key"
		c.tell(fmt.Sprintf("latchkey: the key %s is not registered here; you can add it at %s/ui/\n", c.attempts.key, s.base))
	}
	return yes && err == nil
}

// tell shows the client a line before it is logged in, once a connection.
func (c *conn) tell(line string) {
	if c.told || c.preAuth == nil {
		return
	}
	c.told = true
	// A client that is gone need not be told.
	_ = c.preAuth.SendAuthBanner(line)
}

// verified runs when the signature over this connection has been found right.
// Only here somebody becomes somebody.
func (s *Server) verified(ctx glider.Context, meta gossh.ConnMetadata, key gossh.PublicKey) (perms *gossh.Permissions, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.logPanic("verified key", p)
			perms, err = nil, errors.New("internal error")
		}
	}()
	c := connOf(ctx)
	if fault := keyFault(key, s.cfg.AllowDSS); fault != "" {
		return nil, errors.New(fault)
	}
	ask, cancel := context.WithTimeout(ctx, identifyWait)
	defer cancel()
	peer := auth.Peer{Addr: c.source, Door: "ssh", Client: event.Clean(string(meta.ClientVersion()), auth.MaxClient)}
	who, err := s.cfg.Auth.Identities.Identify(ask, peer, auth.SSHKey{Key: key})
	if err == nil && !who.Known() {
		err = errors.New("the key belongs to nobody")
	}
	if err != nil {
		c.attempts.fault = err.Error()
		line := notAccepted
		if auth.CodeOf(err) != auth.Unauthenticated {
			line, c.attempts.ours = noAnswer, true
		}
		return nil, &gossh.BannerError{Err: err, Message: line}
	}
	c.attempts.key = gossh.FingerprintSHA256(key)
	s.admit(ctx, who, c)
	return &gossh.Permissions{ExtraData: map[any]any{identityKey{}: who}}, nil
}

// admit turns the deadline of the login into the care for a connection in use.
func (s *Server) admit(ctx glider.Context, who auth.Identity, c *conn) {
	c.grace.Stop()
	c.checked.Store(int64(time.Since(c.begun)))
	c.mu.Lock()
	c.idle = time.Now()
	c.mu.Unlock()
	c.loggedIn.Store(true)
	s.mu.Lock()
	s.doors.loggedIn(c)
	s.mu.Unlock()
	// The connection's own goroutine is still counted, so this is in time.
	s.handlers.Go(func() {
		defer s.contain("watch")
		c.watch(liveness{
			ping:    func() { s.ping(ctx) },
			recheck: func() error { return s.recheck(ctx, who) },
		})
	})
}

// ping sends what OpenSSH sends; whatever the client answers is a sign of life.
func (s *Server) ping(ctx glider.Context) {
	defer s.contain("keepalive")
	if sc, ok := ctx.Value(glider.ContextKeyConn).(*gossh.ServerConn); ok {
		_, _, _ = sc.SendRequest("keepalive@openssh.com", true, nil)
	}
}

func (s *Server) recheck(ctx context.Context, who auth.Identity) error {
	ask, cancel := context.WithTimeout(ctx, identifyWait)
	defer cancel()
	return s.cfg.Auth.Identities.Recheck(ask, who)
}

// attempts is what a client tried before it was logged in, for the log. Only
// the login's goroutine writes it.
type attempts struct {
	offered int
	failed  int
	method  string // last one that failed
	client  string
	name    string // the user name as claimed, which counts for nothing
	key     string // fingerprint of the last key
	fault   string
	ours    bool // the fault is not the client's
}

// logAttempt keeps what a failed attempt was. The library's first "none" asks
// for the list of methods and is no attempt.
func (c *conn) logAttempt(meta gossh.ConnMetadata, method string, err error) {
	defer c.server.contain("log of an attempt")
	c.attempts.client = string(meta.ClientVersion())
	c.attempts.name = meta.User()
	if err == nil || method == "none" {
		return
	}
	c.attempts.failed++
	c.attempts.method = method
	if c.attempts.fault == "" || method != "publickey" {
		c.attempts.fault = err.Error()
	}
}

// loginFailed keeps why the library gave a connection up, unless an attempt
// has said it better: no common algorithm, or no SSH at all.
func loginFailed(nc net.Conn, err error) {
	a, ok := nc.RemoteAddr().(namedAddr)
	if ok && a.conn.attempts.fault == "" && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
		a.conn.attempts.fault = err.Error()
	}
}

const maxClaim = 64 // bytes of what a stranger claims

func (a *attempts) attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("client", event.Clean(a.client, auth.MaxClient)),
		slog.String("claimed_user", event.Clean(withoutSecret(a.name), maxClaim)),
		slog.Int("keys_offered", a.offered),
		slog.Int("failed", a.failed),
		slog.String("method", event.Clean(a.method, maxClaim)),
		slog.String("key", a.key),
		slog.String("fault", event.Clean(a.fault, event.MaxText)),
	}
}

// withoutSecret is a user name as claimed, without a secret that stands in its
// place or behind a colon.
func withoutSecret(name string) string {
	if auth.FormOf(name) != auth.FormPassword {
		return "[secret]"
	}
	if kind, _, coded := strings.Cut(name, ":"); coded {
		return kind + ":[secret]"
	}
	return name
}

// logUnused writes the line of a connection that logged in and opened nothing.
func (s *Server) logUnused(c *conn) {
	s.cfg.ObserveSession(NoExit)
	e := event.New("ssh session")
	e.Set(slog.String("address", c.source.String()),
		slog.String("key", c.attempts.key),
		slog.String("client", event.Clean(c.attempts.client, auth.MaxClient)),
		slog.String("command", ""),
		slog.String("reason", c.reason()))
	e.End(s.cfg.Log)
}
