package auth

import (
	"slices"
	"time"
)

// Kind is the kind of a credential.
type Kind string

const (
	KindAPIKey            Kind = "api_key"
	KindToken             Kind = "token"       // with a record of its own
	KindGrant             Kind = "short_token" // without one: lives as long as its parents and exp
	KindPassword          Kind = "password"
	KindEncryptedPassword Kind = "encrypted_password"
	KindSSHKey            Kind = "ssh_key"
	KindSession           Kind = "session"
	KindLocal             Kind = "local"
	KindBinding           Kind = "binding"       // the word of a provider, for a token of its own at a route
	KindRefresh           Kind = "refresh_token" // identifies nobody; tokens hang on it
)

// Ref names a credential that another one hangs on: it ends when this ends.
type Ref struct {
	Kind  Kind   `json:"k"`
	ID    string `json:"i,omitempty"`
	Epoch uint64 `json:"e,omitempty"` // the password's epoch, or the registration of an SSH key or linked account
}

// Via is the credential that identified someone.
type Via struct {
	Kind Kind
	// ID names the credential to its owner and in the audit trail: a token's
	// jti, an SSH key's id (SSHKeyInfo.ID), "local:UID"; never a secret.
	ID string
	// Parents are the credentials it was made with, and theirs.
	Parents []Ref

	ref string // the id under which children hang on it, where it differs from ID
}

// Identity is who someone was found to be, by one credential, in one request
// or connection. The zero value is anonymous. It is a value: pass it on as
// who, do not keep it longer than the request; Authority.Recheck tells whether
// it still holds.
type Identity struct {
	User    string   // canonical name; empty for anonymous
	Name    string   // display name
	Email   string   // empty where none is known
	Groups  []string // those that the credential's scope covers, sorted
	Admin   bool     // the user is an administrator and the scope covers it
	Service bool     // a service account: no password, no pages

	Via     Via
	Scopes  Scopes    // what the credential covers of its user's rights
	Expires time.Time // when the credential ends; zero: not by itself
	// UnlockedUntil is set for sessions: until then the profile is open.
	UnlockedUntil time.Time
	Unlockable    bool // the session can be unlocked with the password
	// Provider is whom a session was begun through; empty: with the password.
	// UnlockBy is then how it is unlocked.
	Provider string
	UnlockBy UnlockBy

	Peer Peer

	uid       string   // the account's own id, so that a namesake is somebody else
	allGroups []string // of the account, whatever the scope
	isAdmin   bool     // the account is an administrator, whatever the scope
	epoch     uint64   // of the account's password, or the registration of the SSH key or linked account
	narrowed  bool     // a short token that opens only what its maker's groups opened
	whole     bool     // a short token with the scope of its maker (Short); without it, one is for one repository
}

// owner is the same person with everything that the account may, for rules
// that an artifact scope has already narrowed to one repository.
func (w Identity) owner() Identity {
	w.Groups, w.Admin = w.allGroups, w.isAdmin
	if !w.narrowed {
		w.Scopes = UserScope
	}
	return w
}

// Known reports whether this is somebody.
func (w Identity) Known() bool { return w.User != "" }

// Full reports whether the person themselves is there: by password, encrypted
// password, an unlocked session, or as the administrator at the socket.
func (w Identity) Full(now time.Time) bool {
	switch w.Via.Kind {
	case KindPassword, KindEncryptedPassword, KindLocal:
		return true
	case KindSession:
		return now.Before(w.UnlockedUntil)
	}
	return false
}

// InGroup reports membership that the credential covers.
func (w Identity) InGroup(name string) bool { return slices.Contains(w.Groups, name) }

// throughSSH reports that the credential is an SSH key or was made with one.
func (w Identity) throughSSH() bool {
	return w.Via.Kind == KindSSHKey || slices.ContainsFunc(w.Via.Parents, func(r Ref) bool { return r.Kind == KindSSHKey })
}
