package auth

import (
	"net/netip"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// Peer is where a proof came from.
type Peer struct {
	Addr    netip.Addr // the true source, behind trusted proxies; zero on the local socket
	Door    string     // "http", "ssh" or "socket"
	Client  string     // User-Agent or SSH version as claimed, cut to MaxClient
	Request string     // id of the request or session, for the audit trail
	// Told is set when the audit trail gets a line about this request, for a
	// door that records what was refused before anything was tried; nil: it
	// does not ask.
	Told *atomic.Bool
}

// MaxClient is how much of a client's name is kept, in bytes.
const MaxClient = 200

// A Proof is what a client showed to be let in. The set is closed: the type
// switch in Identify answers how one can get in.
type Proof interface{ proof() }

type (
	// APIKey is a key of form FormAPIKey. User is the name that came with it
	// in Basic authentication; empty, "__token__" or the owner.
	APIKey struct {
		User   string
		Secret Secret
	}
	// Bearer is an access token, JWT or reference form. User as in APIKey.
	Bearer struct {
		User   string
		Secret Secret
	}
	// Password is a user's own password.
	Password struct {
		User   string
		Secret Secret
	}
	// EncryptedPassword is what Passwords.Encrypted made.
	EncryptedPassword struct {
		User   string
		Secret Secret
	}
	// SSHKey is a public key whose signature over this very connection has
	// been verified. An offered key is not a proof.
	SSHKey struct{ Key ssh.PublicKey }
	// Session is the id in the session cookie.
	Session struct{ Secret Secret }
	// Local is a process on the daemon's machine, its uid told by the kernel
	// (SO_PEERCRED) and found by the caller to be the daemon's or root.
	Local struct{ UID int }
)

func (APIKey) proof()            {}
func (Bearer) proof()            {}
func (Password) proof()          {}
func (EncryptedPassword) proof() {}
func (SSHKey) proof()            {}
func (Session) proof()           {}
func (Local) proof()             {}

// ReadSecret turns the name and secret of Basic authentication into the proof
// that the secret's form says it is. The name "__token__" (twine) is none.
func ReadSecret(user string, secret Secret) Proof {
	if user == "__token__" {
		user = ""
	}
	switch FormOf(secret.Reveal()) {
	case FormAPIKey:
		return APIKey{User: user, Secret: secret}
	case FormReference, FormJWT, FormRefresh: // of which Identify takes the first two
		return Bearer{User: user, Secret: secret}
	case FormEncryptedPassword:
		return EncryptedPassword{User: user, Secret: secret}
	}
	return Password{User: user, Secret: secret}
}
