package sshd

import (
	"context"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
)

// Config is what a [Server] stands on.
type Config struct {
	// Auth decides who somebody is and keeps the credentials; [From] makes it
	// of an *auth.Authority. Required.
	Auth Auth

	// HostKeys are offered to clients, at least one; of several of one type the
	// last counts. [LoadOrCreateHostKey] reads or makes them.
	HostKeys []gossh.Signer

	// PublicURL is the root of every address that is given out, such as
	// https://latchkey.example.com. Required.
	PublicURL *url.URL

	// LFS answers git-lfs-authenticate. nil: there is no LFS here.
	LFS LFS

	// ProxyProtocolFrom are the proxies that must begin each connection with a
	// PROXY header (version 1 or 2), whose source is then believed. From all
	// others such a header is ignored.
	ProxyProtocolFrom []netip.Prefix

	// AllowDSS lets ssh-dss keys in, whose 1024 bits and SHA-1 are weak.
	AllowDSS bool

	// ObserveSession is told the exit status of every session when it is over,
	// NoExit where none was sent, and ObserveRefused of every connection that
	// did not log in. They must not wait. nil: nobody is told.
	ObserveSession func(exit int)
	ObserveRefused func()

	Limits  Limits
	Version string           // of the program, told to clients; "": none
	Log     *slog.Logger     // nil: slog.Default
	Now     func() time.Time // nil: time.Now
}

// NoExit is the exit status of a session that ended without one.
const NoExit = -1

// LFS gives a short token for one repository: path as the client wrote it, op
// "download" or "upload". Errors are *auth.Error.
type LFS func(ctx context.Context, who auth.Identity, path, op string) (LFSAnswer, error)

// LFSAnswer tells git-lfs where to go on over HTTP.
type LFSAnswer struct {
	Href    string // absolute, without a slash at the end
	Token   auth.Secret
	Expires time.Time
}

// Limits bounds what clients may take. Zero values mean what is written beside
// them.
type Limits struct {
	Connections     int // open at once; 0: 4096
	PerSource       int // of one IPv4 address or IPv6 /64; 0: 1024
	Logins          int // connections not logged in yet; the oldest makes room; 0: 1024
	LoginsPerSource int // of one source; 0: 256
	Sessions        int // open at once on one connection; 0: 128

	LoginGrace time.Duration // from accept to login, all in all; 0: 30 s
	Unused     time.Duration // a connection without a session, a session without a command; 0: 60 s
	Keepalive  time.Duration // silence before a keepalive is sent; three unanswered end the connection; 0: 30 s
	Recheck    time.Duration // between two looks whether the identity still holds; 0: 20 s
	Command    time.Duration // a command's run; 0: 30 s
	Stall      time.Duration // for each KiB of output that the client takes; 0: 60 s

	// NoPenalty are sources that are never made to wait, whatever they do.
	NoPenalty []netip.Prefix
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Connections, 4096)
	setDefault(&l.PerSource, 1024)
	setDefault(&l.Logins, 1024)
	setDefault(&l.LoginsPerSource, 256)
	setDefault(&l.Sessions, 128)
	setDefault(&l.LoginGrace, 30*time.Second)
	setDefault(&l.Unused, 60*time.Second)
	setDefault(&l.Keepalive, 30*time.Second)
	setDefault(&l.Recheck, 20*time.Second)
	setDefault(&l.Command, 30*time.Second)
	setDefault(&l.Stall, 60*time.Second)
	return l
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Auth is what this package asks of package auth.
type Auth struct {
	Identities Identities
	SSHKeys    SSHKeys
	Tokens     Tokens
	Sessions   Sessions
	Keys       APIKeys
}

// Identities decides who somebody is: *auth.Authority.
type Identities interface {
	Identify(context.Context, auth.Peer, auth.Proof) (auth.Identity, error)
	Recheck(context.Context, auth.Identity) error
}

// SSHKeys is *auth.SSHKeys.
type SSHKeys interface {
	Registered(context.Context, gossh.PublicKey) (bool, error)
	List(ctx context.Context, who auth.Identity, owner string) ([]auth.SSHKeyInfo, error)
	Delete(ctx context.Context, who auth.Identity, id string) error
}

// Tokens is *auth.Tokens.
type Tokens interface {
	ForClient(ctx context.Context, who auth.Identity) (auth.Secret, time.Time, error)
	Create(ctx context.Context, who auth.Identity, n auth.NewToken) (auth.Token, error)
	List(ctx context.Context, who auth.Identity, owner string) ([]auth.Token, error)
	Rotate(ctx context.Context, who auth.Identity, id string) (auth.Token, error)
	Revoke(ctx context.Context, who auth.Identity, id string) error
}

// Sessions is *auth.Sessions.
type Sessions interface {
	List(ctx context.Context, who auth.Identity, owner string) ([]auth.SessionInfo, error)
	Revoke(ctx context.Context, who auth.Identity, id string) error
}

// APIKeys is *auth.Keys.
type APIKeys interface {
	Revoke(ctx context.Context, who auth.Identity, owner string) error
}

// From asks a for everything.
func From(a *auth.Authority) Auth {
	return Auth{Identities: a, SSHKeys: a.SSHKeys, Tokens: a.Tokens, Sessions: a.Sessions, Keys: a.Keys}
}
